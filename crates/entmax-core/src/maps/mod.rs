//! The maps of the entmax family, softmax (alpha = 1) to the uniform distribution over the maxima
//! (alpha = inf), as one kernel per algorithm behind one interface.
//!
//! With `e = alpha - 1` a row goes to
//!
//! | e | kernel | file |
//! |---|---|---|
//! | 0 | softmax | `softmax_f32`, `entmax_f64` |
//! | (0, 1], sparsemax and 1.5-entmax included | Newton's method on the norm | `threshold_f32`, `entmax_f64` |
//! | (1, inf) | support by selection, Newton in the smallest probability | `above_two` |
//! | inf | uniform over the maxima | `rows` |
//!
//! `rows` walks over the layout and settles the edges, `staging` copies what is not contiguous, masked or divided by a
//! temperature, `kernel` says what they ask of a type's kernels; `support` reads sizes and thresholds off the dense
//! result, so that both agree bit for bit.

mod above_two;
mod compensated;
mod entmax_f32;
mod entmax_f64;
mod kernel;
mod powers_f32;
mod rows;
mod scan_f32;
mod score;
mod softmax_f32;
mod staging;
mod support;
mod threshold_f32;

pub use rows::RowBatch;

use crate::simd::{F32Block, Native};
use crate::status::Status;
use core::ops::Range;
use entmax_f32::EntmaxF32;
use entmax_f64::EntmaxF64;

/// Bytes of one caller's workspace for rows of `n` f32, dense or support.
pub fn entmax_workspace_f32(n: usize, inner: usize) -> usize {
    rows::workspace::<f32, EntmaxF32<Native>>(n, inner)
}

/// Bytes of one caller's workspace for rows of `n` f64, dense or support.
pub fn entmax_workspace_f64(n: usize, inner: usize) -> usize {
    rows::workspace::<f64, EntmaxF64>(n, inner)
}

/// The map of each row of `rows`, written to `out` in the layout of x.
///
/// # Safety
/// `batch` describes readable memory, `out` is writable in the same layout and is x itself or disjoint from
/// it, `workspace` is 64-aligned, disjoint from both and as long as [`entmax_workspace_f32`] says.
pub unsafe fn entmax_f32(
    batch: &RowBatch<f32>,
    rows: Range<usize>,
    out: *mut f32,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe { entmax_f32_with::<Native>(batch, rows, out, workspace) }
}

/// [`entmax_f32`] on a chosen block implementation.
///
/// # Safety
/// As [`entmax_f32`]; the machine has the instructions of `V`.
#[inline(always)]
pub unsafe fn entmax_f32_with<V: F32Block>(
    batch: &RowBatch<f32>,
    rows: Range<usize>,
    out: *mut f32,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe { rows::entmax::<f32, EntmaxF32<V>>(batch, rows, out, workspace) }
}

/// The map of each row of `rows` in f64.
///
/// # Safety
/// As [`entmax_f32`], with [`entmax_workspace_f64`].
pub unsafe fn entmax_f64(
    batch: &RowBatch<f64>,
    rows: Range<usize>,
    out: *mut f64,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe { rows::entmax::<f64, EntmaxF64>(batch, rows, out, workspace) }
}

/// Support size and score cutoff of each row of `rows`, at index r of `sizes` and `thresholds`:
/// in the support <=> unmasked and score > threshold.
///
/// # Safety
/// As [`entmax_f32`], with `sizes` and `thresholds` writable at every index of `rows`.
pub unsafe fn entmax_support_f32(
    batch: &RowBatch<f32>,
    rows: Range<usize>,
    sizes: *mut i32,
    thresholds: *mut f32,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe {
        support::entmax_support::<f32, EntmaxF32<Native>>(batch, rows, sizes, thresholds, workspace)
    }
}

/// [`entmax_support_f32`] in f64.
///
/// # Safety
/// As [`entmax_support_f32`], with [`entmax_workspace_f64`].
pub unsafe fn entmax_support_f64(
    batch: &RowBatch<f64>,
    rows: Range<usize>,
    sizes: *mut i32,
    thresholds: *mut f64,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe { support::entmax_support::<f64, EntmaxF64>(batch, rows, sizes, thresholds, workspace) }
}
