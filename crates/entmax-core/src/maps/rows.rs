//! Rows in memory: from the layout [outer, n, inner] to one contiguous row and back, in any form of result.
//!
//! A kernel sees one contiguous row and nothing else, which is what makes a result independent of layout,
//! neighbours, chunking and alignment. What is not contiguous, masked or divided by a temperature goes through
//! `staging`. A row's result comes as a list or as a dense row: the dense form spreads a list, CSR copies it
//! without zeros, the support form counts it, so all three agree bit for bit.

use super::csr::{finish_csr, finish_support};
use super::kernel::{List, Outcome, RowKernel, Settings};
use super::map;
use super::score::Score;
use super::solve::{scratch, solve_row};
use super::staging::{pitch, tile_bytes, tile_rows, transpose, ALIGNMENT};
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
    /// Which map: [`super::map`].
    pub map: u32,
    /// `alpha - 1` or the budget, indexed by `r * parameter_stride`.
    pub parameter: *const f64,
    /// 0: one parameter for all rows; 1: one per row.
    pub parameter_stride: usize,
    /// Upper bounds in the layout of x (budget only); null: all ones.
    pub upper: *const T,
    /// Top-k: the k largest scores, ties to the lowest index; 0 or at least n: no restriction.
    pub k: usize,
    /// Finite and > 0: the map of `x / temperature`.
    pub temperature: f64,
    pub empty_row_is_nan: bool,
}

/// Where results go. Exactly one form is asked for: `out` (dense), `sizes` and `thresholds` (support), or these with
/// `indices` and `values` (CSR); what is not asked for is null.
pub struct Results<T> {
    /// In the layout of x, which it equals or is disjoint from.
    pub out: *mut T,
    /// For each row, the number of entries with p > 0.
    pub sizes: *mut i32,
    /// For each row: in the support <=> unmasked and score > threshold.
    pub thresholds: *mut T,
    /// For each row, 1 where the result equals the one without top-k. May be null in any form.
    pub exact: *mut u8,
    /// Row r's entries from r * n on, ascending by index.
    pub indices: *mut i32,
    pub values: *mut T,
    /// Descending by value instead, ties by index.
    pub by_value: bool,
}

impl<T> Results<T> {
    pub const NOTHING: Results<T> = Results {
        out: core::ptr::null_mut(),
        sizes: core::ptr::null_mut(),
        thresholds: core::ptr::null_mut(),
        exact: core::ptr::null_mut(),
        indices: core::ptr::null_mut(),
        values: core::ptr::null_mut(),
        by_value: false,
    };
}

/// The workspace: tile (or staged row), a row of probabilities for the support form, a row of upper bounds where
/// these are strided, the kernel's scratch.
pub fn workspace<T: Score, K: RowKernel<T>>(n: usize, inner: usize) -> usize {
    let inner = inner.max(1);
    scratch_at::<T>(n, inner) + scratch::<T, K>(n)
}

#[inline(always)]
fn row_bytes<T>(n: usize) -> usize {
    (pitch(n) * size_of::<T>()).next_multiple_of(ALIGNMENT)
}

#[inline(always)]
fn scratch_at<T>(n: usize, inner: usize) -> usize {
    tile_bytes::<T>(n, inner) + row_bytes::<T>(n) * if inner > 1 { 2 } else { 1 }
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
    /// `parameter` is readable at r's index.
    #[inline(always)]
    pub unsafe fn parameter(&self, r: usize) -> f64 {
        // SAFETY: by the caller.
        unsafe { *self.parameter.add(r * self.parameter_stride) }
    }

    /// Whether every alpha of `rows` is at least 1, or every budget at least 0 (+inf included).
    ///
    /// # Safety
    /// `parameter` is readable at the indices of `rows`.
    pub unsafe fn has_valid_parameters(&self, rows: &Range<usize>) -> bool {
        let distinct = if self.parameter_stride == 0 {
            rows.start..rows.end.min(rows.start + 1)
        } else {
            rows.clone()
        };
        // SAFETY: by the caller.
        self.map <= map::BUDGET_AT_MOST
            && distinct
                .into_iter()
                .all(|r| unsafe { self.parameter(r) } >= 0.0)
    }

    /// What row r is solved with; strided upper bounds are copied to `bounds`.
    ///
    /// # Safety
    /// r is a row of the batch; `bounds` is writable for a row where `inner > 1`.
    #[inline(always)]
    unsafe fn settings(&self, r: usize, bounds: *mut T) -> Settings<T> {
        let mut upper = self.upper;
        // SAFETY: by the caller.
        unsafe {
            if !upper.is_null() {
                upper = upper.add(self.place(r).0);
                if self.inner > 1 {
                    transpose(upper, self.inner, bounds, pitch(self.n), self.n, 1);
                    upper = bounds;
                }
            }
            Settings {
                map: self.map,
                parameter: self.parameter(r),
                upper,
                k: if self.k < self.n { self.k } else { 0 },
                temperature: self.temperature,
            }
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

/// # Safety
/// As [`super::row_map_f32`].
#[inline(always)]
pub unsafe fn row_map<T: Score, K: RowKernel<T>>(
    batch: &RowBatch<T>,
    rows: Range<usize>,
    results: &Results<T>,
    workspace: *mut u8,
) -> Status {
    let (n, inner) = (batch.n, batch.inner);
    let dense = !results.out.is_null();
    // SAFETY: by the caller; tile, rows and scratch are disjoint parts of the workspace.
    unsafe {
        if !batch.has_valid_parameters(&rows) {
            return Status::InvalidParameter;
        }
        let tile = workspace.cast::<T>();
        let probabilities = workspace.add(tile_bytes::<T>(n, inner)).cast::<T>();
        let bounds = probabilities.cast::<u8>().add(row_bytes::<T>(n)).cast();
        let scratch = workspace.add(scratch_at::<T>(n, inner));
        let staged = inner > 1 || !batch.mask.is_null();
        let most = tile_rows::<T>(n, inner);
        let mut status = Status::Ok;
        let mut first = rows.start;
        while first < rows.end {
            let (base, column) = batch.place(first);
            let width = most.min(inner - column).min(rows.end - first);
            if staged && n > 0 {
                batch.gather(first, width, tile);
            }
            for k in 0..width {
                let r = first + k;
                let row = tile.add(k * pitch(n));
                let x = if staged {
                    row.cast_const()
                } else {
                    batch.x.add(base)
                };
                let target = if !dense {
                    if results.values.is_null() {
                        probabilities
                    } else {
                        results.values.add(r * n)
                    }
                } else if inner == 1 {
                    results.out.add(base)
                } else {
                    row
                };
                let mut list = List::NONE;
                let mut outcome = Outcome::Empty;
                let mut upper = core::ptr::null();
                if n > 0 {
                    let settings = batch.settings(r, bounds);
                    upper = settings.upper;
                    outcome = solve_row::<T, K>(x, target, n, &settings, scratch, &mut list);
                }
                match outcome {
                    Outcome::Solved(solved) if !solved.converged => status = Status::NotConverged,
                    _ => {}
                }
                if !results.exact.is_null() {
                    let restricted = matches!(outcome, Outcome::Solved(solved) if !solved.exact);
                    *results.exact.add(r) = u8::from(!restricted);
                }
                if !dense {
                    let size = if results.values.is_null() {
                        let threshold = results.thresholds.add(r);
                        finish_support(batch, outcome, x, target, &list, upper, threshold)
                    } else {
                        finish_csr(batch, outcome, x, &list, upper, (results, r))
                    };
                    *results.sizes.add(r) = size as i32;
                    continue;
                }
                match outcome {
                    Outcome::NotANumber => fill(target, n, T::NAN),
                    Outcome::Empty if batch.empty_row_is_nan => fill(target, n, T::NAN),
                    Outcome::Empty => fill(target, n, T::ZERO),
                    _ if !list.indices.is_null() => K::spread(&list, target, n),
                    _ => {}
                }
            }
            if dense && inner > 1 {
                transpose(tile, pitch(n), results.out.add(base), inner, width, n);
            }
            first += width;
        }
        status
    }
}
