//! Fenchel-Young losses of the maps (MATH.md section 5): value and gradient in one pass, since the gradient is p - q.
//!
//! `rows` walks over the layout, solves each row with the maps' own kernels and settles the edges; `value` forms the
//! loss and its derivative by alpha or the budget from the support; `gradient` writes p - q, dense or sparse; `kernels`
//! hides the type of the scores from all of them.

mod entropy;
mod gradient;
mod kernels;
mod rows;
mod value;

pub use rows::{LossBatch, LossResults};

use crate::maps::kernels::{EntmaxF32, EntmaxF64};
use crate::simd::{F32Block, Native};
use crate::status::Status;
use core::ops::Range;

/// Bytes of one caller's workspace for rows of `n` f32, in any form.
pub fn row_loss_workspace_f32(n: usize, inner: usize) -> usize {
    rows::workspace::<f32, EntmaxF32<Native>>(n, inner)
}

/// Bytes of one caller's workspace for rows of `n` f64, in any form.
pub fn row_loss_workspace_f64(n: usize, inner: usize) -> usize {
    rows::workspace::<f64, EntmaxF64>(n, inner)
}

/// The losses of `rows` of f32, and their gradients in the form that `results` asks for.
///
/// # Safety
/// `batch` describes readable memory; `results` is writable at the indices of `rows` and disjoint from it;
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
        let sums = kernels::Sums {
            dot: kernels::dot_f32::<V>,
            entropy: entropy::entropy_f32::<V>,
        };
        rows::row_loss::<f32, EntmaxF32<V>>(batch, rows, results, workspace, sums)
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
        let sums = kernels::Sums {
            dot: kernels::dot_f64,
            entropy: entropy::entropy,
        };
        rows::row_loss::<f64, EntmaxF64>(batch, rows, results, workspace, sums)
    }
}
