//! One prepared computation: its data, its output, and how often it was timed.

use entmax_core::maps::{map, row_map_f32_with, row_map_workspace_f32, Results, RowBatch};
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
    Map {
        map: u32,
        parameter: Vec<f64>,
        k: usize,
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
        name: &str,
        settings: &[&str],
        x: Vec<f32>,
        (rows, n): (usize, usize),
    ) -> Option<Task> {
        let work = match (operation, name) {
            ("copy", _) => Work::Copy,
            ("forward", name) => {
                let (map, parameter, k) = find(name, settings, rows)?;
                let workspace = vec![Line([0; 64]); row_map_workspace_f32(n, 1) / 64];
                Work::Map {
                    map,
                    parameter,
                    k,
                    workspace,
                }
            }
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
                map,
                parameter,
                k,
                workspace,
            } => {
                let batch = RowBatch {
                    x: self.x.as_ptr(),
                    mask: std::ptr::null(),
                    n: self.n,
                    inner: 1,
                    map: *map,
                    parameter: parameter.as_ptr(),
                    parameter_stride: usize::from(parameter.len() > 1),
                    upper: std::ptr::null(),
                    upper_is_shared: false,
                    k: *k,
                    temperature: 1.0,
                    empty_row_is_nan: false,
                };
                let results = Results {
                    out: self.out.as_mut_ptr(),
                    ..Results::NOTHING
                };
                let workspace = workspace.as_mut_ptr().cast();
                // SAFETY: x and out hold rows x n floats, the workspace is as large and as aligned as the kernel asks;
                // the caller has looked for avx2.
                unsafe { row_map_f32_with::<Avx2>(&batch, 0..self.rows, &results, workspace) };
            }
        }
        black_box(&self.out);
    }
}

/// The kernel's map, its parameter (alpha - 1 or the budget: of each row, or one for all) and k of a top-k map.
fn find(name: &str, settings: &[&str], rows: usize) -> Option<(u32, Vec<f64>, usize)> {
    let setting = |key: &str| settings.iter().find_map(|word| word.strip_prefix(key));
    let number = |word: &str| word.parse::<f64>().expect("a number");
    let alpha = || setting("alpha=").map_or(1.5, number) - 1.0;
    let k = || setting("k=").map_or(0, |word| word.parse().expect("a whole number"));
    Some(match name {
        "softmax" => (map::ENTMAX, vec![0.0], 0),
        "sparsemax" => (map::ENTMAX, vec![1.0], 0),
        "entmax15" => (map::ENTMAX, vec![0.5], 0),
        "entmax" => {
            let one = || vec![alpha()];
            let heads =
                setting("alphas=").map(|list| list.split(',').map(number).collect::<Vec<_>>());
            let each = |heads: Vec<f64>| {
                (0..rows)
                    .map(|row| heads[row * heads.len() / rows] - 1.0)
                    .collect()
            };
            (map::ENTMAX, heads.map_or_else(one, each), 0)
        }
        "budget" => (map::BUDGET, vec![number(setting("budget=")?)], 0),
        "topkSparsemax" => (map::ENTMAX, vec![1.0], k()),
        "topkEntmax" => (map::ENTMAX, vec![alpha()], k()),
        _ => return None,
    })
}
