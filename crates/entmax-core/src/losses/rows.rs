//! Losses of a range of rows: the way from the layout to one contiguous row, and the rows that have no finite loss.

use super::gradient::Gradient;
use super::value::{Solution, Target, Value};
use crate::maps::kernels::{finish_support, solve_row, List, Outcome, RowKernel, Settings};
use crate::maps::staging::{pitch, tile_bytes, tile_rows, transpose, ALIGNMENT};
use crate::maps::{RowBatch, Score};
use crate::status::Status;
use core::ops::Range;

/// The scores, the map, and what they are compared with: `targets` or `soft`.
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
    scratch_at::<T>(n, inner.max(1)) + K::scratch(n).next_multiple_of(ALIGNMENT)
}

#[inline(always)]
fn row_bytes<T>(n: usize) -> usize {
    (pitch(n) * size_of::<T>()).next_multiple_of(ALIGNMENT)
}

#[inline(always)]
fn scratch_at<T>(n: usize, inner: usize) -> usize {
    tile_bytes::<T>(n, inner) + 2 * row_bytes::<T>(n)
}

/// # Safety
/// As [`super::row_loss_f32`].
#[inline(always)]
pub unsafe fn row_loss<T: Score, K: RowKernel<T>>(
    batch: &LossBatch<T>,
    rows: Range<usize>,
    results: &LossResults<T>,
    workspace: *mut u8,
) -> Status {
    let scores = &batch.scores;
    let (n, inner) = (scores.n, scores.inner);
    let (dense, sparse) = (!results.dz.is_null(), !results.values.is_null());
    // SAFETY: by the caller; tile, rows and scratch are disjoint parts of the workspace.
    unsafe {
        if !scores.has_valid_parameters(&rows) {
            return Status::InvalidParameter;
        }
        let tile = workspace.cast::<T>();
        let probabilities = workspace.add(tile_bytes::<T>(n, inner)).cast::<T>();
        let soft_row = probabilities.add(row_bytes::<T>(n) / size_of::<T>());
        let scratch = workspace.add(scratch_at::<T>(n, inner));
        let staged = inner > 1 || !scores.mask.is_null();
        let most = tile_rows::<T>(n, inner);
        let mut status = Status::Ok;
        let mut first = rows.start;
        while first < rows.end {
            let (base, column) = scores.place(first);
            let width = most.min(inner - column).min(rows.end - first);
            if staged && n > 0 {
                scores.gather(first, width, tile);
            }
            for k in 0..width {
                let r = first + k;
                let row = tile.add(k * pitch(n));
                let x = if staged {
                    row.cast_const()
                } else {
                    scores.x.add(base)
                };
                // Where the dense gradient goes: once the loss is known, a strided row's scores are needed no more.
                let dz = match (dense, inner) {
                    (false, _) => core::ptr::null_mut(),
                    (true, 1) => results.dz.add(base),
                    (true, _) => row,
                };
                let p = if sparse {
                    results.values.add(r * n)
                } else if dense && inner == 1 {
                    dz
                } else {
                    probabilities
                };
                let target = if batch.soft.is_null() {
                    Target::Class(*batch.targets.add(r))
                } else if inner == 1 {
                    Target::Soft(batch.soft.add(base))
                } else {
                    transpose(batch.soft.add(base + k), inner, soft_row, pitch(n), n, 1);
                    Target::Soft(soft_row)
                };
                let gradient = Gradient {
                    dense: dz,
                    indices: results.indices.wrapping_add(r * n),
                    sparse: if sparse { p } else { core::ptr::null_mut() },
                    n,
                    target,
                    factor: *batch.scale.add(r) / scores.temperature,
                };
                let settings = Settings {
                    map: scores.map,
                    parameter: scores.parameter(r),
                    upper: core::ptr::null(),
                    k: 0,
                    temperature: scores.temperature,
                };
                let mut list = List::NONE;
                let ignored = matches!(target, Target::Class(class) if class < 0);
                let mut outcome = Outcome::Empty;
                if n > 0 && !ignored {
                    outcome = solve_row::<T, K>(x, p, n, &settings, scratch, &mut list);
                }
                if sparse {
                    let threshold = results.thresholds.add(r);
                    finish_support(scores, outcome, x, p, &list, settings.upper, threshold);
                }
                let (value, size) = match outcome {
                    Outcome::Solved(solved) => {
                        if !solved.converged {
                            status = Status::NotConverged;
                        }
                        let solution = Solution {
                            x,
                            p,
                            list,
                            n,
                            settings: &settings,
                            solved,
                        };
                        let value = solution.value::<K>(&target, !results.dparameter.is_null());
                        // An infinite loss has no gradient.
                        if value.loss == f64::INFINITY {
                            (Value::nothing(f64::INFINITY), gradient.fill(T::ZERO))
                        } else {
                            (value, gradient.write::<K>(p, &list))
                        }
                    }
                    Outcome::NotANumber => {
                        let value = Value {
                            loss: f64::NAN,
                            by_parameter: f64::NAN,
                        };
                        (value, gradient.fill(T::NAN))
                    }
                    _ => {
                        let loss = if ignored { 0.0 } else { f64::INFINITY };
                        (Value::nothing(loss), gradient.fill(T::ZERO))
                    }
                };
                *results.loss.add(r) = value.loss;
                if !results.dparameter.is_null() {
                    *results.dparameter.add(r) = value.by_parameter * *batch.scale.add(r);
                }
                if sparse {
                    *results.sizes.add(r) = size as i32;
                }
            }
            if dense && inner > 1 {
                transpose(tile, pitch(n), results.dz.add(base), inner, width, n);
            }
            first += width;
        }
        status
    }
}
