//! Fenchel-Young losses of the maps (MATH.md section 5): value and gradient in one pass, since the gradient is p - q.
//!
//! `rows` walks over the layout, solves each row with the maps' own kernels and settles the edges; `value` forms the
//! loss and its derivative by alpha or the budget from the support; `gradient` writes p - q, dense or sparse; `kernels`
//! hides the type of the scores from all of them, and which family the map is of: normmax is `regularised::normmax_loss`.

mod entropy;
mod gradient;
pub(crate) mod kernels;
pub(crate) mod rows;
pub(crate) mod value;

pub use rows::{LossBatch, LossResults};

use crate::maps::kernels::{scratch, together, EntmaxF32, EntmaxF64};
use crate::simd::{F32Block, Native};
use crate::status::Status;
use core::ops::Range;
use kernels::{Kernels, Sums};

/// Bytes of one caller's workspace for rows of `n` f32, in any form.
pub fn row_loss_workspace_f32(n: usize, inner: usize) -> usize {
    type Kernel = EntmaxF32<Native>;
    rows::workspace::<f32>(n, inner, together::<f32, Kernel>(n)) + scratch::<f32, Kernel>(n)
}

/// Bytes of one caller's workspace for rows of `n` f64, in any form.
pub fn row_loss_workspace_f64(n: usize, inner: usize) -> usize {
    rows::workspace::<f64>(n, inner, together::<f64, EntmaxF64>(n)) + scratch::<f64, EntmaxF64>(n)
}

/// The losses of `rows` of f32, and their gradients in the form that `results` asks for.
///
/// # Safety
/// `batch` describes readable memory; `results` is writable at the indices of `rows` and disjoint from it but for `dz`;
/// `workspace` is 64-aligned, disjoint from both and as long as [`row_loss_workspace_f32`] says.
pub unsafe fn row_loss_f32(
    batch: &LossBatch<f32>,
    rows: Range<usize>,
    results: &LossResults<f32>,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe { row_loss_f32_with::<Native>(batch, rows, results, workspace) }
}

/// [`row_loss_f32`] on a chosen block implementation.
///
/// # Safety
/// As [`row_loss_f32`]; the machine has the instructions of `V`.
#[inline(always)]
pub unsafe fn row_loss_f32_with<V: F32Block>(
    batch: &LossBatch<f32>,
    rows: Range<usize>,
    results: &LossResults<f32>,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe {
        let sums = Sums {
            dot: kernels::dot_f32::<V>,
            entropy: entropy::entropy_f32::<V>,
        };
        if !batch.scores.has_valid_parameters(&rows) {
            return Status::InvalidParameter;
        }
        let kernels = Kernels::of::<f32, EntmaxF32<V>>(sums);
        rows::row_loss(batch, rows, results, workspace, kernels)
    }
}

/// The losses of `rows` of f64.
///
/// # Safety
/// As [`row_loss_f32`], with [`row_loss_workspace_f64`].
pub unsafe fn row_loss_f64(
    batch: &LossBatch<f64>,
    rows: Range<usize>,
    results: &LossResults<f64>,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe {
        let sums = Sums {
            dot: kernels::dot_f64,
            entropy: entropy::entropy,
        };
        if !batch.scores.has_valid_parameters(&rows) {
            return Status::InvalidParameter;
        }
        let kernels = Kernels::of::<f64, EntmaxF64>(sums);
        rows::row_loss(batch, rows, results, workspace, kernels)
    }
}
