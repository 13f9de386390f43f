//! Gradients of the maps from their output alone (MATH.md sections 4 and 7.1), and sparse gradients made dense.
//!
//! With s_i = p_i^(2 - alpha) on the support, the Jacobian of entmax is diag(s) - s s^T / sum(s): symmetric, so that
//! the pullback is also the push-forward, and zero outside the support, so that a sparse row costs little more than
//! the look at p that finds it sparse.
//!
//! | rows | kernel | file |
//! |---|---|---|
//! | f32, alpha <= 2 | sixteen at a time, of the row or of a list of its support | `skewed_f32` |
//! | f64, and alpha > 2, and d/dalpha | the support as a list in f64 | `support` |
//! | budget | entry by entry | `budget` |
//! | d/dalpha of f32 in attention, alpha <= 2 | sixteen entries at a time | `alpha_f32` |
//!
//! `rows` walks over the layout, `cells` reads and writes either type, `tsallis` holds the terms that every derivative by alpha is made of.

#[cfg(feature = "attention")]
pub(crate) mod alpha_f32;
mod budget;
pub(crate) mod cells;
mod expand;
pub(crate) mod rows;
pub(crate) mod skewed_f32;
pub(crate) mod support;
pub(crate) mod tsallis;
pub(crate) mod tsallis_f32;

pub use cells::Cells;
pub use expand::csr_expand;
pub use rows::{GradientBatch, Row};

use crate::simd::{F32Block, Native};
use crate::status::Status;
use core::ops::Range;

/// Bytes of one caller's workspace for rows of `n` f32.
pub fn row_map_backward_workspace_f32(n: usize, inner: usize) -> usize {
    rows::workspace::<f32>(n, inner)
}

/// Bytes of one caller's workspace for rows of `n` f64.
pub fn row_map_backward_workspace_f64(n: usize, inner: usize) -> usize {
    rows::workspace::<f64>(n, inner)
}

/// The gradients of `rows` of f32.
///
/// # Safety
/// `batch` describes readable and writable memory, no two of them overlapping except that `dx` may be `dp`;
/// `workspace` is 64-aligned, disjoint from them and as long as [`row_map_backward_workspace_f32`] says.
pub unsafe fn row_map_backward_f32(
    batch: &GradientBatch<f32>,
    rows: Range<usize>,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe { row_map_backward_f32_with::<Native>(batch, rows, workspace) }
}

/// [`row_map_backward_f32`] on a chosen block implementation.
///
/// # Safety
/// As [`row_map_backward_f32`]; the machine has the instructions of `V`.
#[inline(always)]
pub unsafe fn row_map_backward_f32_with<V: F32Block>(
    batch: &GradientBatch<f32>,
    rows: Range<usize>,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe { rows::backward(batch, rows, workspace, skewed_f32::pull_back::<V>) }
}

/// The gradients of `rows` of f64.
///
/// # Safety
/// As [`row_map_backward_f32`], with [`row_map_backward_workspace_f64`].
pub unsafe fn row_map_backward_f64(
    batch: &GradientBatch<f64>,
    rows: Range<usize>,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe { rows::backward(batch, rows, workspace, support::pull_back) }
}
