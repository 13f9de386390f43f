//! Rows in memory: from the layout [outer, n, inner] to one contiguous row and back, in any form of result.
//!
//! A kernel sees one contiguous row and nothing else, which is what makes a result independent of layout,
//! neighbours, chunking and alignment. What is not contiguous, masked or divided by a temperature goes through
//! `staging`. A row's result comes as a list or as a dense row: the dense form spreads a list, CSR copies it
//! without zeros, the support form counts it, so all three agree bit for bit.

use super::csr::{finish_csr, finish_support};
use super::kernel::{Group, List, Outcome, RowKernel, Settings};
use super::map;
use super::score::Score;
use super::solve::{scratch, solve_rows, together};
use super::staging::{pitch, tile_rows, transpose, ALIGNMENT};
use crate::simd::ROWS;
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
    /// Whether `upper` is one contiguous row, for all rows.
    pub upper_is_shared: bool,
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

/// The workspace: tile (or staged rows), probabilities of rows solved together for the support form, a row of upper
/// bounds where these are strided, the kernel's scratch.
pub fn workspace<T: Score, K: RowKernel<T>>(n: usize, inner: usize) -> usize {
    Parts::of::<T, K>(n, inner.max(1)).scratch + scratch::<T, K>(n)
}

/// Where the parts of the workspace begin, the first one at 0.
struct Parts {
    probabilities: usize,
    bounds: usize,
    scratch: usize,
    /// Rows of the tile.
    rows: usize,
}

impl Parts {
    #[inline(always)]
    fn of<T: Score, K: RowKernel<T>>(n: usize, inner: usize) -> Parts {
        let together = together::<T, K>(n);
        let rows = tile_rows::<T>(n, inner).max(if inner == 1 { together } else { 1 });
        let row_bytes =
            |rows: usize| (rows * pitch(n) * size_of::<T>()).next_multiple_of(ALIGNMENT);
        let probabilities = row_bytes(rows);
        let bounds = probabilities + row_bytes(together);
        let scratch = bounds + if inner > 1 { row_bytes(1) } else { 0 };
        Parts {
            probabilities,
            bounds,
            scratch,
            rows,
        }
    }
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

    /// How many of `rows`, at most `together`, can be solved as one group from the first one on: at least one.
    ///
    /// # Safety
    /// `parameter` is readable at their indices.
    #[inline(always)]
    pub unsafe fn alike(&self, together: usize, rows: Range<usize>) -> usize {
        let together = together.min(rows.end - rows.start);
        // SAFETY: by the caller.
        unsafe {
            let parameter = self.parameter(rows.start);
            if self.map != map::ENTMAX || (self.k > 0 && self.k < self.n) || parameter > 1.0 {
                return 1;
            }
            let mut count = 1;
            while count < together && self.parameter(rows.start + count) == parameter {
                count += 1;
            }
            count
        }
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
            if !upper.is_null() && !self.upper_is_shared {
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
    let parts = Parts::of::<T, K>(n, inner);
    // SAFETY: by the caller; tile, rows and scratch are disjoint parts of the workspace.
    unsafe {
        if !batch.has_valid_parameters(&rows) {
            return Status::InvalidParameter;
        }
        let tile = workspace.cast::<T>();
        let probabilities = workspace.add(parts.probabilities).cast::<T>();
        let bounds = workspace.add(parts.bounds).cast();
        let scratch = workspace.add(parts.scratch);
        let staged = inner > 1 || !batch.mask.is_null();
        let mut status = Status::Ok;
        let mut first = rows.start;
        while first < rows.end {
            let (base, column) = batch.place(first);
            let beside = if inner == 1 {
                parts.rows
            } else {
                inner - column
            };
            let width = parts.rows.min(beside).min(rows.end - first);
            if staged && n > 0 {
                if inner == 1 {
                    for k in 0..width {
                        batch.gather(first + k, 1, tile.add(k * pitch(n)));
                    }
                } else {
                    batch.gather(first, width, tile);
                }
            }
            let mut solved = 0;
            while solved < width {
                let start = first + solved;
                let mut group = Group {
                    x: [batch.x; ROWS],
                    out: [results.out; ROWS],
                    count: batch.alike(together::<T, K>(n), start..first + width),
                };
                for k in 0..group.count {
                    let row = tile.add((solved + k) * pitch(n));
                    let at = base + (solved + k) * n;
                    group.x[k] = if staged {
                        row.cast_const()
                    } else {
                        batch.x.add(at)
                    };
                    group.out[k] = if !dense {
                        if results.values.is_null() {
                            probabilities.add(k * pitch(n))
                        } else {
                            results.values.add((start + k) * n)
                        }
                    } else if inner == 1 {
                        results.out.add(at)
                    } else {
                        row
                    };
                }
                let mut list = List::NONE;
                let mut outcomes = [Outcome::Empty; ROWS];
                let mut upper = core::ptr::null();
                if n > 0 {
                    let settings = batch.settings(start, bounds);
                    upper = settings.upper;
                    solve_rows::<T, K>(&group, n, &settings, scratch, &mut list, &mut outcomes);
                }
                for (k, &outcome) in outcomes.iter().enumerate().take(group.count) {
                    let (r, x, target) = (start + k, group.x[k], group.out[k]);
                    match outcome {
                        Outcome::Solved(solved) if !solved.converged => {
                            status = Status::NotConverged
                        }
                        _ => {}
                    }
                    if !results.exact.is_null() {
                        let restricted =
                            matches!(outcome, Outcome::Solved(solved) if !solved.exact);
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
                solved += group.count;
            }
            if dense && inner > 1 {
                transpose(tile, pitch(n), results.out.add(base), inner, width, n);
            }
            first += width;
        }
        status
    }
}
