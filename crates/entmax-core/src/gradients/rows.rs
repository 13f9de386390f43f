//! Rows of several arrays at once: p, its cotangent and the bounds from the layout [outer, n, inner] to contiguous
//! rows, and the gradients back.

use super::budget;
use super::support::{list_bytes, Support};
use crate::maps::staging::{pitch, tile_bytes, tile_rows, transpose, ALIGNMENT};
use crate::maps::{map, Score};
use crate::status::Status;
use core::ops::Range;

/// What a batch of gradients is made from, and where they go. Row r = (o, i) = (r / inner, r % inner), and its
/// element j lies at `(o * n + j) * inner + i`.
pub struct GradientBatch<T> {
    /// The map's output.
    pub p: *const T,
    /// The cotangent.
    pub dp: *const T,
    /// Null, or where the gradient of the scores goes; may be `dp`.
    pub dx: *mut T,
    /// Null, or where the gradient of each row's parameter goes: <dp, dp/dalpha>, or that of the budget.
    pub dparameter: *mut f64,
    /// Null, or where the gradient of the upper bounds goes.
    pub dupper: *mut T,
    pub n: usize,
    pub inner: usize,
    /// [`map`].
    pub map: u32,
    /// `alpha - 1` or the budget, indexed by `r * parameter_stride`.
    pub parameter: *const f64,
    pub parameter_stride: usize,
    /// Upper bounds of the budget maps, null for ones.
    pub upper: *const T,
    pub temperature: f64,
}

impl<T> GradientBatch<T> {
    /// # Safety
    /// `parameter` is readable at the row's index.
    #[inline(always)]
    unsafe fn parameter(&self, r: usize) -> f64 {
        // SAFETY: by the caller.
        unsafe { *self.parameter.add(r * self.parameter_stride) }
    }

    /// Whether every alpha of `rows` is at least 1 (+inf included).
    ///
    /// # Safety
    /// `parameter` is readable at the indices of `rows`.
    unsafe fn has_valid_alpha(&self, rows: &Range<usize>) -> bool {
        // SAFETY: by the caller.
        rows.clone().all(|r| unsafe { self.parameter(r) } >= 0.0)
    }
}

/// One contiguous row: `p`, `v` and (unless null) `upper` are readable, `dx` and `dupper` (unless null) writable for
/// `n` entries; `dx` may be `v` and `dupper` may be `p`; `scratch` is 64-aligned and holds a list of n.
pub struct Row<T> {
    pub p: *const T,
    pub v: *const T,
    pub upper: *const T,
    pub dx: *mut T,
    pub dupper: *mut T,
    pub n: usize,
    pub scratch: *mut u8,
}

/// Three tiles, and behind them a list of the support; its room also takes whole blocks of s.
pub fn workspace<T: Score>(n: usize, inner: usize) -> usize {
    let tiles = if inner > 1 {
        3 * tile_bytes::<T>(n, inner)
    } else {
        0
    };
    tiles + (list_bytes(n) + ALIGNMENT).next_multiple_of(ALIGNMENT)
}

/// `value` everywhere, if there is a place.
///
/// # Safety
/// `out` is null or writable for `n` entries.
#[inline(never)]
pub unsafe fn fill<T: Score>(out: *mut T, n: usize, value: T) {
    if !out.is_null() {
        for j in 0..n {
            // SAFETY: j < n.
            unsafe { *out.add(j) = value };
        }
    }
}

/// The gradients of a range of rows; `pull_back(row, alpha - 1, temperature)` writes dx of entmax for finite alpha.
///
/// # Safety
/// As [`super::row_map_backward_f32`].
#[inline(always)]
pub unsafe fn backward<T: Score>(
    batch: &GradientBatch<T>,
    rows: Range<usize>,
    workspace: *mut u8,
    pull_back: unsafe fn(&Row<T>, f64, f64),
) -> Status {
    let (n, inner) = (batch.n, batch.inner.max(1));
    let (size, pitch) = (tile_bytes::<T>(n, inner), pitch(n));
    let most = tile_rows::<T>(n, inner);
    let tile = |which: usize| workspace.wrapping_add(which * size).cast::<T>();
    let scratch = if inner > 1 {
        workspace.wrapping_add(3 * size)
    } else {
        workspace
    };
    // SAFETY: by the caller; tiles and scratch are disjoint parts of the workspace.
    unsafe {
        if batch.map == map::ENTMAX && !batch.has_valid_alpha(&rows) {
            return Status::InvalidParameter;
        }
        let mut first = rows.start;
        while first < rows.end {
            let column = first % inner;
            let base = first / inner * n * inner + column;
            let width = most.min(inner - column).min(rows.end - first);
            let gather = |from: *const T, which: usize| {
                if inner == 1 || from.is_null() {
                    return at(from.cast_mut(), base);
                }
                transpose(from.add(base), inner, tile(which), pitch, n, width);
                tile(which)
            };
            let p = gather(batch.p, 0);
            let v = gather(batch.dp, 1);
            let upper = gather(batch.upper, 2);
            // Gradients of staged rows take the place of what they are made from.
            let staged = |out: *mut T, source: *mut T| {
                if inner == 1 || out.is_null() {
                    at(out, base)
                } else {
                    source
                }
            };
            let (dx, dupper) = (staged(batch.dx, v), staged(batch.dupper, p));
            for k in 0..width {
                let skip = k * pitch;
                let row = Row {
                    p: p.add(skip),
                    v: v.add(skip),
                    upper: at(upper, skip),
                    dx: at(dx, skip),
                    dupper: at(dupper, skip),
                    n,
                    scratch,
                };
                let parameter = batch.parameter(first + k);
                let dparameter = if batch.map == map::ENTMAX {
                    entmax_row(batch, &row, parameter, pull_back)
                } else {
                    budget::pull_back(&row, batch.map, parameter, batch.temperature)
                };
                if !batch.dparameter.is_null() {
                    *batch.dparameter.add(first + k) = dparameter;
                }
            }
            if inner > 1 {
                for (out, source) in [(batch.dx, dx), (batch.dupper, dupper)] {
                    if !out.is_null() {
                        transpose(source.cast_const(), pitch, out.add(base), inner, width, n);
                    }
                }
            }
            first += width;
        }
    }
    Status::Ok
}

/// `pointer + offset`, and null of null.
#[inline(always)]
fn at<T>(pointer: *mut T, offset: usize) -> *mut T {
    if pointer.is_null() {
        pointer
    } else {
        pointer.wrapping_add(offset)
    }
}

/// Writes dx and returns d/dalpha, if they are asked for.
///
/// # Safety
/// As [`Row`] says.
#[inline(always)]
unsafe fn entmax_row<T: Score>(
    batch: &GradientBatch<T>,
    row: &Row<T>,
    e: f64,
    pull_back: unsafe fn(&Row<T>, f64, f64),
) -> f64 {
    let mut by_alpha = 0.0;
    // SAFETY: passed on; d/dalpha comes first, since dx may be v.
    unsafe {
        if e == f64::INFINITY {
            // The map moves by jumps.
            let is_nan = (0..row.n).any(|j| (*row.p.add(j)).is_nan());
            let zero = if is_nan { T::NAN } else { T::ZERO };
            fill(row.dx, row.n, zero);
            return zero.to_f64();
        }
        if !batch.dparameter.is_null() {
            by_alpha = Support::gather(row.p, row.v, row.n, row.scratch).by_alpha(e);
        }
        if !row.dx.is_null() {
            pull_back(row, e, batch.temperature);
        }
    }
    by_alpha
}
