//! Rows in memory: from the layout [outer, n, inner] to one contiguous row and back.
//!
//! A kernel sees one contiguous row and nothing else, which is what makes a result independent of layout,
//! neighbours, chunking and alignment. What is not contiguous, masked or divided by a temperature goes through
//! `staging`; the edges that are alike for all maps are settled here.

use super::kernel::{Outcome, RowKernel};
use super::score::Score;
use super::staging::{cool, pitch, tile_bytes, tile_rows, transpose, ALIGNMENT};
use crate::status::Status;
use core::ops::Range;

/// A batch of rows in the layout [outer, n, inner]: row r = (o, i) = (r / inner, r % inner), and its element j
/// lies at `(o * n + j) * inner + i`.
#[repr(C)]
pub struct RowBatch<T> {
    pub x: *const T,
    /// Null for none; 1 = keep. In the layout of x.
    pub mask: *const u8,
    pub n: usize,
    pub inner: usize,
    /// `alpha - 1`, indexed by `r * alpha_stride`.
    pub alpha_minus_one: *const f64,
    /// 0: one alpha for all rows; 1: one per row.
    pub alpha_stride: usize,
    /// Finite and > 0: the map of `x / temperature`.
    pub temperature: f64,
    pub empty_row_is_nan: bool,
}

/// Tile (or staged row) first, the kernel's scratch behind it.
pub fn workspace<T: Score, K: RowKernel<T>>(n: usize, inner: usize) -> usize {
    (tile_bytes::<T>(n, inner.max(1)) + K::scratch(n)).next_multiple_of(ALIGNMENT)
}

impl<T: Score> RowBatch<T> {
    /// Where row r begins, and its index among the rows that lie side by side.
    #[inline(always)]
    pub fn place(&self, r: usize) -> (usize, usize) {
        // inner is never 0; saying so keeps the division's panic, and its message, out of the module.
        let inner = self.inner.max(1);
        let (outer, column) = (r / inner, r % inner);
        (outer * self.n * inner + column, column)
    }

    /// # Safety
    /// `alpha_minus_one` is readable at r's index.
    #[inline(always)]
    pub unsafe fn exponent(&self, r: usize) -> f64 {
        // SAFETY: by the caller.
        unsafe { *self.alpha_minus_one.add(r * self.alpha_stride) }
    }

    /// Whether every alpha of `rows` is at least 1 (+inf included).
    ///
    /// # Safety
    /// `alpha_minus_one` is readable at the indices of `rows`.
    pub unsafe fn has_valid_alpha(&self, rows: &Range<usize>) -> bool {
        let distinct = if self.alpha_stride == 0 {
            rows.start..rows.end.min(rows.start + 1)
        } else {
            rows.clone()
        };
        // SAFETY: by the caller.
        distinct
            .into_iter()
            .all(|r| unsafe { self.exponent(r) } >= 0.0)
    }
}

/// Equal probabilities for the scores equal to `max`, zero for the others.
///
/// # Safety
/// `x` is readable and `out` writable for `n` scores, equal or disjoint.
unsafe fn uniform_over<T: Score>(x: *const T, out: *mut T, n: usize, max: T) -> Outcome {
    // SAFETY: indices below n.
    unsafe {
        let count = (0..n).filter(|&j| *x.add(j) == max).count();
        let share = T::from_f64(1.0 / count as f64);
        for j in 0..n {
            *out.add(j) = if *x.add(j) == max { share } else { T::ZERO };
        }
    }
    Outcome::Solved {
        cutoff: 0.0,
        converged: true,
    }
}

/// One contiguous row from `x` to `out`; `stage` is null, or a copy of the row that may be changed, which then
/// is `x`.
///
/// # Safety
/// As [`RowKernel::solve`]; `spare` is writable for a row.
#[inline(always)]
pub unsafe fn solve_row<T: Score, K: RowKernel<T>>(
    mut x: *const T,
    staged: bool,
    out: *mut T,
    n: usize,
    (exponent, temperature): (f64, f64),
    spare: *mut T,
    scratch: *mut u8,
) -> Outcome {
    // SAFETY: rows and scratch by the caller.
    unsafe {
        if exponent == f64::INFINITY {
            return match K::maximum(x, n) {
                None => Outcome::NotANumber,
                Some(max) if max == T::NEG_INFINITY => Outcome::Empty,
                Some(max) => uniform_over(x, out, n, max),
            };
        }
        if temperature != 1.0 && exponent <= 1.0 {
            let max = match K::maximum(x, n) {
                None => return Outcome::NotANumber,
                Some(max) if max == T::NEG_INFINITY => return Outcome::Empty,
                Some(max) if max == T::INFINITY => return uniform_over(x, out, n, max),
                Some(max) => max,
            };
            let row = if staged {
                x.cast_mut()
            } else {
                core::ptr::copy_nonoverlapping(x, spare, n);
                spare
            };
            cool(row, n, max, temperature);
            x = row;
        }
        let temperature = if exponent <= 1.0 { 1.0 } else { temperature };
        match K::solve(x, out, n, exponent, temperature, scratch) {
            Outcome::Infinite => uniform_over(x, out, n, T::INFINITY),
            outcome => outcome,
        }
    }
}

/// Writes a row that has no distribution.
///
/// # Safety
/// `out` is writable for `n` scores.
#[inline(always)]
pub unsafe fn fill<T: Score>(out: *mut T, n: usize, value: T) {
    for j in 0..n {
        // SAFETY: j < n.
        unsafe { *out.add(j) = value };
    }
}

/// The dense map of a range of rows.
///
/// # Safety
/// As [`super::entmax_f32`].
#[inline(always)]
pub unsafe fn entmax<T: Score, K: RowKernel<T>>(
    batch: &RowBatch<T>,
    rows: Range<usize>,
    out: *mut T,
    workspace: *mut u8,
) -> Status {
    let (n, inner) = (batch.n, batch.inner);
    // SAFETY: by the caller; tile and scratch are disjoint parts of the workspace.
    unsafe {
        if !batch.has_valid_alpha(&rows) {
            return Status::InvalidAlpha;
        }
        if n == 0 {
            return Status::Ok;
        }
        let tile = workspace.cast::<T>();
        let scratch = workspace.add(tile_bytes::<T>(n, inner));
        let staged = inner > 1 || !batch.mask.is_null();
        let most = tile_rows::<T>(n, inner);
        let mut status = Status::Ok;
        let mut first = rows.start;
        while first < rows.end {
            let (base, column) = batch.place(first);
            let width = most.min(inner - column).min(rows.end - first);
            if staged {
                batch.gather(first, width, tile);
            }
            for k in 0..width {
                let row = tile.add(k * pitch(n));
                let x = if staged {
                    row.cast_const()
                } else {
                    batch.x.add(base)
                };
                let target = if inner == 1 { out.add(base) } else { row };
                let settings = (batch.exponent(first + k), batch.temperature);
                match solve_row::<T, K>(x, staged, target, n, settings, row, scratch) {
                    Outcome::Solved {
                        converged: false, ..
                    } => status = Status::NotConverged,
                    Outcome::Solved { .. } | Outcome::Infinite => {}
                    Outcome::NotANumber => fill(target, n, T::NAN),
                    Outcome::Empty if batch.empty_row_is_nan => fill(target, n, T::NAN),
                    Outcome::Empty => fill(target, n, T::ZERO),
                }
            }
            if inner > 1 {
                transpose(tile, pitch(n), out.add(base), inner, width, n);
            }
            first += width;
        }
        status
    }
}
