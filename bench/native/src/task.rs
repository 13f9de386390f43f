//! One prepared computation: its data, its output, and how often it was timed.

use entmax_core::maps::{entmax_f32_with, entmax_workspace_f32, RowBatch};
use entmax_core::simd::avx2::Avx2;
use std::hint::black_box;
use std::time::Instant;

/// Calls before the measured ones: the caches hold this task's data again. As in bench/samplers.js.
const UNTIMED_CALLS: usize = 2;

pub struct Task {
    x: Vec<f32>,
    pub out: Vec<f32>,
    rows: usize,
    n: usize,
    work: Work,
}

enum Work {
    Copy,
    /// alpha - 1 of each row, or one for all.
    Map {
        alpha_minus_one: Vec<f64>,
        workspace: Vec<Line>,
    },
}

/// A workspace begins at a multiple of 64.
#[repr(align(64))]
#[derive(Clone)]
struct Line(#[allow(dead_code)] [u8; 64]);

impl Task {
    /// None where this program does not have the operation.
    pub fn new(
        operation: &str,
        map: &str,
        settings: &[&str],
        x: Vec<f32>,
        (rows, n): (usize, usize),
    ) -> Option<Task> {
        let work = match (operation, map) {
            ("copy", _) => Work::Copy,
            ("forward", map) => Work::Map {
                alpha_minus_one: exponents(map, settings, rows)?,
                workspace: vec![Line([0; 64]); entmax_workspace_f32(n, 1) / 64],
            },
            _ => return None,
        };
        let out = vec![f32::NAN; x.len()];
        Some(Task {
            x,
            out,
            rows,
            n,
            work,
        })
    }

    /// Nanoseconds of each call, until the time is over and the calls are made.
    pub fn time(&mut self, milliseconds: usize, calls: usize) -> Vec<u128> {
        if calls > 1 {
            (0..UNTIMED_CALLS).for_each(|_| self.call());
        }
        let mut samples = Vec::new();
        let mut total = 0;
        while samples.len() < calls || total < milliseconds as u128 * 1_000_000 {
            let start = Instant::now();
            self.call();
            let nanoseconds = start.elapsed().as_nanos();
            total += nanoseconds;
            samples.push(nanoseconds);
        }
        samples
    }

    fn call(&mut self) {
        match &mut self.work {
            Work::Copy => self.out.copy_from_slice(black_box(&self.x)),
            Work::Map {
                alpha_minus_one,
                workspace,
            } => {
                let batch = RowBatch {
                    x: self.x.as_ptr(),
                    mask: std::ptr::null(),
                    n: self.n,
                    inner: 1,
                    alpha_minus_one: alpha_minus_one.as_ptr(),
                    alpha_stride: usize::from(alpha_minus_one.len() > 1),
                    temperature: 1.0,
                    empty_row_is_nan: false,
                };
                let workspace = workspace.as_mut_ptr().cast();
                // SAFETY: x and out hold rows x n floats, the workspace is as large and as aligned as the kernel asks;
                // the caller has looked for avx2.
                unsafe {
                    entmax_f32_with::<Avx2>(&batch, 0..self.rows, self.out.as_mut_ptr(), workspace);
                }
            }
        }
        black_box(&self.out);
    }
}

/// alpha - 1, from the map's name or from `alpha=` or `alphas=`.
fn exponents(map: &str, settings: &[&str], rows: usize) -> Option<Vec<f64>> {
    let setting = |key: &str| settings.iter().find_map(|word| word.strip_prefix(key));
    let alpha = |word: &str| word.parse::<f64>().expect("an alpha") - 1.0;
    match map {
        "softmax" => Some(vec![0.0]),
        "sparsemax" => Some(vec![1.0]),
        "entmax15" => Some(vec![0.5]),
        "entmax" => Some(match setting("alphas=") {
            Some(list) => {
                let heads: Vec<f64> = list.split(',').map(alpha).collect();
                (0..rows)
                    .map(|row| heads[row * heads.len() / rows])
                    .collect()
            }
            None => vec![setting("alpha=").map_or(0.5, alpha)],
        }),
        _ => None,
    }
}
