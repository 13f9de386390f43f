//! Rows of several arrays at once: p, its cotangent and the bounds from the layout [outer, n, inner] to contiguous
//! rows, and the gradients back.

use super::budget;
use super::cells::Cells;
use super::support::{self, list_bytes};
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

/// The same for either type.
pub struct Batch {
    p: Cells,
    dp: Cells,
    dx: Cells,
    dparameter: *mut f64,
    dupper: Cells,
    n: usize,
    inner: usize,
    map: u32,
    parameter: *const f64,
    parameter_stride: usize,
    upper: Cells,
    temperature: f64,
}

/// One contiguous row: `p`, `v` and (unless null) `upper` are readable, `dx` and `dupper` (unless null) writable for
/// `n` entries; `dx` may be `v` and `dupper` may be `p`; `scratch` is 64-aligned and holds a list of n.
pub struct Row {
    pub p: Cells,
    pub v: Cells,
    pub upper: Cells,
    pub dx: Cells,
    pub dupper: Cells,
    pub n: usize,
    pub scratch: *mut u8,
}

/// Writes dx of entmax for a finite alpha - 1 and a temperature.
pub type PullBack = unsafe fn(&Row, f64, f64);

/// Three tiles, and behind them a list of the support; its room also takes whole blocks of s.
pub fn workspace<T: Score>(n: usize, inner: usize) -> usize {
    tiles(size_of::<T>() == 8, n, inner) + (list_bytes(n) + ALIGNMENT).next_multiple_of(ALIGNMENT)
}

/// Bytes of the tiles: behind them lies the scratch of a row.
#[inline(always)]
pub fn tiles(wide: bool, n: usize, inner: usize) -> usize {
    if inner <= 1 {
        0
    } else {
        3 * tile(wide, n, inner).1
    }
}

/// Rows and bytes of a tile.
#[inline(always)]
pub fn tile(wide: bool, n: usize, inner: usize) -> (usize, usize) {
    if wide {
        (tile_rows::<f64>(n, inner), tile_bytes::<f64>(n, inner))
    } else {
        (tile_rows::<f32>(n, inner), tile_bytes::<f32>(n, inner))
    }
}

/// [`transpose`] of either type.
///
/// # Safety
/// As there.
#[inline(never)]
pub unsafe fn transpose_cells(
    (source, source_pitch): (Cells, usize),
    (target, target_pitch): (Cells, usize),
    (height, width): (usize, usize),
) {
    // SAFETY: by the caller.
    unsafe {
        if source.wide {
            let (source, target): (*mut f64, *mut f64) = (source.pointer(), target.pointer());
            transpose(
                source.cast_const(),
                source_pitch,
                target,
                target_pitch,
                height,
                width,
            );
        } else {
            let (source, target): (*mut f32, *mut f32) = (source.pointer(), target.pointer());
            transpose(
                source.cast_const(),
                source_pitch,
                target,
                target_pitch,
                height,
                width,
            );
        }
    }
}

/// The gradients of a range of rows.
///
/// # Safety
/// As [`super::row_map_backward_f32`].
#[inline(always)]
pub unsafe fn backward<T: Score>(
    batch: &GradientBatch<T>,
    rows: Range<usize>,
    workspace: *mut u8,
    pull_back: PullBack,
) -> Status {
    // SAFETY: by the caller.
    unsafe { Batch::new(batch).all(rows, workspace, pull_back) }
}

impl Batch {
    #[inline(always)]
    pub fn new<T: Score>(batch: &GradientBatch<T>) -> Batch {
        Batch {
            p: Cells::new(batch.p),
            dp: Cells::new(batch.dp),
            dx: Cells::new(batch.dx),
            dparameter: batch.dparameter,
            dupper: Cells::new(batch.dupper),
            n: batch.n,
            inner: batch.inner.max(1),
            map: batch.map,
            parameter: batch.parameter,
            parameter_stride: batch.parameter_stride,
            upper: Cells::new(batch.upper),
            temperature: batch.temperature,
        }
    }

    /// # Safety
    /// As [`super::row_map_backward_f32`].
    #[inline(never)]
    unsafe fn all(&self, rows: Range<usize>, workspace: *mut u8, pull_back: PullBack) -> Status {
        // SAFETY: by the caller.
        unsafe {
            let parameters = |r: usize| *self.parameter.add(r * self.parameter_stride);
            if self.map == map::ENTMAX && !rows.clone().all(|r| parameters(r) >= 0.0) {
                return Status::InvalidParameter;
            }
            self.each(rows, workspace, |row, _, parameter| {
                if self.map == map::ENTMAX {
                    self.entmax_row(row, parameter, pull_back)
                } else {
                    budget::pull_back(row, self.map, parameter, self.temperature)
                }
            });
        }
        Status::Ok
    }

    /// Calls `pull_back` with each row, its number and its parameter; that returns the gradient of the parameter.
    ///
    /// # Safety
    /// As [`super::row_map_backward_f32`].
    #[inline(always)]
    pub unsafe fn each(
        &self,
        rows: Range<usize>,
        workspace: *mut u8,
        pull_back: impl Fn(&Row, usize, f64) -> f64,
    ) {
        // inner is never 0; saying so keeps the division's panic out of the module.
        let (n, inner, wide) = (self.n, self.inner.max(1), self.p.wide);
        let ((most, size), pitch) = (tile(wide, n, inner), pitch(n));
        let scratch = workspace.wrapping_add(tiles(wide, n, inner));
        let mut first = rows.start;
        while first < rows.end {
            let column = first % inner;
            let base = first / inner * n * inner + column;
            let width = most.min(inner - column).min(rows.end - first);
            // SAFETY: by the caller; tiles and scratch are disjoint parts of the workspace.
            unsafe {
                let gather = |from: Cells, which: usize| {
                    let from = from.from(base);
                    if inner == 1 || from.is_null() {
                        return from;
                    }
                    let tile = Cells::tile(workspace.wrapping_add(which * size), wide);
                    transpose_cells((from, inner), (tile, pitch), (n, width));
                    tile
                };
                let (p, v, upper) = (gather(self.p, 0), gather(self.dp, 1), gather(self.upper, 2));
                // Gradients of staged rows take the place of what they are made from.
                let staged = |out: Cells, source: Cells| {
                    if inner == 1 || out.is_null() {
                        out.from(base)
                    } else {
                        source
                    }
                };
                let (dx, dupper) = (staged(self.dx, v), staged(self.dupper, p));
                for k in 0..width {
                    let skip = k * pitch;
                    let row = Row {
                        p: p.from(skip),
                        v: v.from(skip),
                        upper: upper.from(skip),
                        dx: dx.from(skip),
                        dupper: dupper.from(skip),
                        n,
                        scratch,
                    };
                    let parameter = *self.parameter.add((first + k) * self.parameter_stride);
                    let dparameter = pull_back(&row, first + k, parameter);
                    if !self.dparameter.is_null() {
                        *self.dparameter.add(first + k) = dparameter;
                    }
                }
                if inner > 1 {
                    for (out, source) in [(self.dx, dx), (self.dupper, dupper)] {
                        if !out.is_null() {
                            transpose_cells((source, pitch), (out.from(base), inner), (width, n));
                        }
                    }
                }
            }
            first += width;
        }
    }

    /// Writes dx and returns d/dalpha, if they are asked for.
    ///
    /// # Safety
    /// As [`Row`] says.
    #[inline(always)]
    unsafe fn entmax_row(&self, row: &Row, e: f64, pull_back: PullBack) -> f64 {
        let mut by_alpha = 0.0;
        // SAFETY: passed on; d/dalpha comes first, since dx may be v.
        unsafe {
            if e == f64::INFINITY {
                // The map moves by jumps.
                let is_nan = (0..row.n).any(|j| row.p.get(j).is_nan());
                row.dx.fill(row.n, is_nan);
                return if is_nan { f64::NAN } else { 0.0 };
            }
            if !self.dparameter.is_null() {
                by_alpha = support::by_alpha(row, e);
            }
            if !row.dx.is_null() {
                pull_back(row, e, self.temperature);
            }
        }
        by_alpha
    }
}
