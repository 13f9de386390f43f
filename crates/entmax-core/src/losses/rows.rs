//! Losses of a range of rows: the way from the layout to one contiguous row, and the rows that have no finite loss.

use super::gradient::Gradient;
use super::kernels::{AnySettings, Kernels};
use super::value::{Solution, Target, Value};
use crate::gradients::cells::Cells;
use crate::gradients::rows::{tile, transpose_cells};
use crate::maps::kernels::{scratch, List, Outcome, RowKernel};
use crate::maps::staging::{pitch, ALIGNMENT};
use crate::maps::{RowBatch, Score};
use crate::status::Status;
use core::ops::Range;

/// The scores, the map, and what they are compared with: `targets` or `soft`.
#[repr(C)]
pub struct LossBatch<T> {
    /// `upper` is null, `k` is 0, empty rows are zeros.
    pub scores: RowBatch<T>,
    /// The class of each row, negative for a row that is left out; null for soft targets.
    pub targets: *const i32,
    /// A distribution for each row, in the layout of the scores.
    pub soft: *const T,
    /// What each row's gradients are multiplied by.
    pub scale: *const f64,
}

/// Where results go: `loss`, and the gradient as `dz`, or as `sizes`, `thresholds`, `indices` and `values`, or not at
/// all. What is not asked for is null.
#[repr(C)]
pub struct LossResults<T> {
    /// The loss of each row, not scaled.
    pub loss: *mut f64,
    /// The scaled gradient of the scores, in their layout.
    pub dz: *mut T,
    /// The scaled derivative of each row's loss by alpha, or by the budget.
    pub dparameter: *mut f64,
    /// As in [`crate::maps::Results`], with the entries of support and target.
    pub sizes: *mut i32,
    pub thresholds: *mut T,
    pub indices: *mut i32,
    pub values: *mut T,
}

impl<T> LossResults<T> {
    pub const NOTHING: LossResults<T> = LossResults {
        loss: core::ptr::null_mut(),
        dz: core::ptr::null_mut(),
        dparameter: core::ptr::null_mut(),
        sizes: core::ptr::null_mut(),
        thresholds: core::ptr::null_mut(),
        indices: core::ptr::null_mut(),
        values: core::ptr::null_mut(),
    };
}

/// The workspace: tile (or staged row), a row of probabilities, one of soft targets, the kernel's scratch.
pub fn workspace<T: Score, K: RowKernel<T>>(n: usize, inner: usize) -> usize {
    scratch_at(size_of::<T>() == 8, n, inner.max(1)) + scratch::<T, K>(n)
}

#[inline(always)]
fn row_bytes(n: usize) -> usize {
    (pitch(n) * size_of::<f64>()).next_multiple_of(ALIGNMENT)
}

#[inline(always)]
fn scratch_at(wide: bool, n: usize, inner: usize) -> usize {
    tile(wide, n, inner).1 + 2 * row_bytes(n)
}

/// # Safety
/// As [`super::row_loss_f32`].
#[inline(always)]
pub unsafe fn row_loss<T: Score, K: RowKernel<T>>(
    batch: &LossBatch<T>,
    rows: Range<usize>,
    results: &LossResults<T>,
    workspace: *mut u8,
    dot: unsafe fn(Cells, Cells, usize, f64) -> f64,
) -> Status {
    // SAFETY: by the caller; batch and results are `repr(C)` and differ in the type behind pointers only.
    unsafe {
        let call = Call {
            batch: &*core::ptr::from_ref(batch).cast(),
            results: &*core::ptr::from_ref(results).cast(),
            soft: Cells::new(batch.soft),
            dz: Cells::new(results.dz),
            values: Cells::new(results.values),
            kernels: Kernels::of::<T, K>(dot),
        };
        if !batch.scores.has_valid_parameters(&rows) {
            return Status::InvalidParameter;
        }
        call.all(rows, workspace)
    }
}

/// A batch of either type.
struct Call<'a> {
    batch: &'a LossBatch<f32>,
    results: &'a LossResults<f32>,
    soft: Cells,
    dz: Cells,
    values: Cells,
    kernels: Kernels,
}

impl Call<'_> {
    /// # Safety
    /// As [`super::row_loss_f32`].
    #[inline(never)]
    unsafe fn all(&self, rows: Range<usize>, workspace: *mut u8) -> Status {
        let scores = &self.batch.scores;
        let (n, inner, wide) = (scores.n, scores.inner, self.dz.wide);
        let ((most, size), pitch) = (tile(wide, n, inner), pitch(n));
        let cells = |at: usize| Cells::tile(workspace.wrapping_add(at), wide);
        let (tile, probabilities, soft_row) = (cells(0), cells(size), cells(size + row_bytes(n)));
        let scratch = workspace.wrapping_add(scratch_at(wide, n, inner));
        let staged = inner > 1 || !scores.mask.is_null();
        let mut status = Status::Ok;
        let mut first = rows.start;
        while first < rows.end {
            let (base, column) = scores.place(first);
            let width = most.min(inner - column).min(rows.end - first);
            // SAFETY: by the caller; tile, rows and scratch are disjoint parts of the workspace.
            unsafe {
                if staged && n > 0 {
                    (self.kernels.gather)(scores, first, width, tile);
                }
                for k in 0..width {
                    let r = first + k;
                    let row = tile.from(k * pitch);
                    let x = if staged {
                        row
                    } else {
                        Cells::tile(scores.x.cast_mut().cast(), wide).from(base)
                    };
                    // A strided row's scores are needed no more once the loss is known.
                    let dz = if inner == 1 || self.dz.is_null() {
                        self.dz.from(base)
                    } else {
                        row
                    };
                    let sparse = self.values.from(r * n);
                    let p = if !sparse.is_null() {
                        sparse
                    } else if inner == 1 && !dz.is_null() {
                        dz
                    } else {
                        probabilities
                    };
                    let target = if self.soft.is_null() {
                        Target::Class(*self.batch.targets.add(r))
                    } else if inner == 1 {
                        Target::Soft(self.soft.from(base))
                    } else {
                        let column = self.soft.from(base + k);
                        transpose_cells((column, inner), (soft_row, pitch), (n, 1));
                        Target::Soft(soft_row)
                    };
                    let scale = *self.batch.scale.add(r);
                    let gradient = Gradient {
                        dense: dz,
                        sparse,
                        indices: self.results.indices.wrapping_add(r * n),
                        n,
                        target,
                        factor: scale / scores.temperature,
                    };
                    let (value, entries, converged) = self.row(r, (x, p), &gradient, scratch);
                    if !converged {
                        status = Status::NotConverged;
                    }
                    *self.results.loss.add(r) = value.loss;
                    if !self.results.dparameter.is_null() {
                        *self.results.dparameter.add(r) = value.by_parameter * scale;
                    }
                    if !sparse.is_null() {
                        *self.results.sizes.add(r) = entries as i32;
                    }
                }
                if inner > 1 && !self.dz.is_null() {
                    transpose_cells((tile, pitch), (self.dz.from(base), inner), (width, n));
                }
            }
            first += width;
        }
        status
    }

    /// Row r from the scores `x`, whose probabilities may go to `p`: its loss, the number of entries of a sparse
    /// gradient, and whether the map converged.
    ///
    /// # Safety
    /// As [`super::row_loss_f32`].
    #[inline(always)]
    unsafe fn row(
        &self,
        r: usize,
        (x, p): (Cells, Cells),
        gradient: &Gradient,
        scratch: *mut u8,
    ) -> (Value, usize, bool) {
        let scores = &self.batch.scores;
        let n = scores.n;
        // SAFETY: by the caller.
        unsafe {
            let settings = AnySettings {
                map: scores.map,
                parameter: scores.parameter(r),
                upper: core::ptr::null(),
                k: 0,
                temperature: scores.temperature,
            };
            let mut list = List::NONE;
            let ignored = matches!(gradient.target, Target::Class(class) if class < 0);
            let mut outcome = Outcome::Empty;
            if n > 0 && !ignored {
                outcome = (self.kernels.solve)(x, p, n, &settings, scratch, &mut list);
            }
            if !gradient.sparse.is_null() {
                let bytes = size_of::<f32>() << u32::from(p.wide);
                let thresholds = self.results.thresholds.cast::<u8>();
                let threshold = Cells::tile(thresholds.wrapping_add(r * bytes), p.wide);
                (self.kernels.finish)(scores, outcome, x, p, &list, threshold);
            }
            let loss = match outcome {
                Outcome::Solved(solved) => {
                    let solution = Solution {
                        x,
                        p,
                        list,
                        n,
                        settings: &settings,
                        cutoff: solved.cutoff,
                        kernels: &self.kernels,
                    };
                    let derivative = !self.results.dparameter.is_null();
                    let value = solution.value(&gradient.target, derivative);
                    if value.loss < f64::INFINITY {
                        return (value, gradient.write(&solution), solved.converged);
                    }
                    // An infinite loss has no gradient.
                    value.loss
                }
                Outcome::NotANumber => f64::NAN,
                _ if ignored => 0.0,
                _ => f64::INFINITY,
            };
            let by_parameter = if loss.is_nan() { loss } else { 0.0 };
            let value = Value { loss, by_parameter };
            (value, gradient.fill(loss.is_nan()), true)
        }
    }
}
