//! The maps of the entmax family, softmax (alpha = 1) to the uniform distribution over the maxima
//! (alpha = inf), as one kernel per algorithm behind one interface.
//!
//! With `e = alpha - 1` a row goes to
//!
//! | e | kernel | file |
//! |---|---|---|
//! | 0 | softmax | `softmax_f32`, `entmax_f64` |
//! | (0, 1], sparsemax and 1.5-entmax included | Newton's method on the norm | `threshold_f32`, `entmax_f64`, `sparsemax_f64` |
//! | the same, long rows of f32 | its candidates in one pass with a rising bound | `rising_f32` |
//! | [0, 1], rows of f32 up to 512 | four rows at once, one a lane | `short_f32`, `short_results_f32`, `blocks_f32` |
//! | (0, inf), near-uniform rows of f32 | moments of the scores, a polynomial | `narrow_f32` |
//! | (0, inf), rows of f32 with few levels | a count for each level, an equation of as many terms | `tied_f32` |
//! | (1, inf) | support by selection, Newton in the smallest probability; for many candidates in blocks of f32 | `above_two`, `above_two_f32` |
//! | inf | uniform over the maxima | `rows` |
//!
//! A budget, the capped simplex, is `budget`, which bounds may leave without a result (`feasible`); the k largest scores are `topk`.
//!
//! `rows` walks over the layout, `solve` picks a row's kernel and settles the edges, `staging` copies what is not contiguous, masked or
//! divided by a temperature, `kernel` says what they ask of a type's kernels; `support` and `csr` read the other forms off the
//! stored result, so that all agree bit for bit.

mod above_two;
mod above_two_f32;
mod blocks_f32;
mod budget;
mod candidates_f32;
mod compensated;
mod csr;
mod entmax_f32;
mod entmax_f64;
mod exact;
mod exact_f32;
mod exact_sum;
mod feasible;
mod kernel;
mod narrow_f32;
mod powers_f32;
mod powers_f64;
mod rising_f32;
pub(crate) mod rows;
mod scan_f32;
mod score;
mod short_f32;
mod short_results_f32;
mod softmax_f32;
mod solve;
pub(crate) mod sparsemax_f64;
pub(crate) mod staging;
mod support;
mod threshold_f32;
mod tied_f32;
mod topk;

pub use csr::compact as csr_compact;
pub use feasible::are_feasible;
pub use rows::{Results, RowBatch};
pub use score::Score;

/// What gradients, losses and attention take from the maps.
pub(crate) mod kernels {
    #[cfg(feature = "regularised")]
    pub(crate) use super::budget::rows_f64::KEEP;
    pub(crate) use super::candidates_f32::Candidates;
    #[cfg(feature = "regularised")]
    pub(crate) use super::compensated::{Pair, Sum};
    pub(crate) use super::csr::finish_support;
    #[cfg(feature = "regularised")]
    pub(crate) use super::csr::write_entries;
    pub(crate) use super::entmax_f32::EntmaxF32;
    pub(crate) use super::entmax_f64::EntmaxF64;
    #[cfg(any(feature = "attention", feature = "regularised"))]
    pub(crate) use super::kernel::Solved;
    pub(crate) use super::kernel::{Group, List, Outcome, RowKernel, Settings};
    #[cfg(feature = "regularised")]
    pub(crate) use super::powers_f64::exp2;
    #[cfg(any(feature = "attention", feature = "regularised"))]
    pub(crate) use super::powers_f64::pow;
    #[cfg(any(feature = "attention", feature = "regularised"))]
    pub(crate) use super::scan_f32::BLOCK;
    pub(crate) use super::scan_f32::{Scores, Tail, WORD};
    pub(crate) use super::softmax_f32::multiply;
    pub(crate) use super::solve::{scratch, solve_rows, together};
    #[cfg(feature = "regularised")]
    pub(crate) use super::sparsemax_f64::{self, Survey};
    pub(crate) use super::threshold_f32::{clear, spread};
    #[cfg(feature = "attention")]
    pub(crate) use super::{
        csr::{compress, compress_row},
        powers_f32::{IntegerPower, RealPower},
        scan_f32::{find_above, maxima_len},
        solve::solve_on_simplex,
        support::Seen,
        threshold_f32::{behind_lists, bound_of_maxima, certified, lists, Problem},
    };
}

use crate::simd::{F32Block, Native};
use crate::status::Status;
use core::ops::Range;
use entmax_f32::EntmaxF32;
use entmax_f64::EntmaxF64;

/// The maps, and what their parameter is.
pub mod map {
    /// entmax; the parameter is alpha - 1, from 0 (softmax) to inf (uniform over the maxima).
    pub const ENTMAX: u32 = 0;
    /// Entries in [0, upper] that sum to the budget.
    pub const BUDGET: u32 = 1;
    /// Entries in [0, upper] that sum to at most the budget.
    pub const BUDGET_AT_MOST: u32 = 2;
}

/// Bytes of one caller's workspace for rows of `n` f32, in any form.
pub fn row_map_workspace_f32(n: usize, inner: usize) -> usize {
    rows::workspace::<f32, EntmaxF32<Native>>(n, inner)
}

/// Bytes of one caller's workspace for rows of `n` f64, in any form.
pub fn row_map_workspace_f64(n: usize, inner: usize) -> usize {
    rows::workspace::<f64, EntmaxF64>(n, inner)
}

/// The map of each row of `rows`, in the form that `results` asks for.
///
/// # Safety
/// `batch` describes readable memory; `results` is writable at the indices of `rows`, `out` is x itself or disjoint from
/// it, everything else disjoint; `workspace` is 64-aligned, disjoint from all and as long as
/// [`row_map_workspace_f32`] says.
pub unsafe fn row_map_f32(
    batch: &RowBatch<f32>,
    rows: Range<usize>,
    results: &Results<f32>,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe { row_map_f32_with::<Native>(batch, rows, results, workspace) }
}

/// [`row_map_f32`] on a chosen block implementation.
///
/// # Safety
/// As [`row_map_f32`]; the machine has the instructions of `V`.
#[inline(always)]
pub unsafe fn row_map_f32_with<V: F32Block>(
    batch: &RowBatch<f32>,
    rows: Range<usize>,
    results: &Results<f32>,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe { rows::row_map::<f32, EntmaxF32<V>>(batch, rows, results, workspace) }
}

/// The map of each row of `rows` in f64.
///
/// # Safety
/// As [`row_map_f32`], with [`row_map_workspace_f64`].
pub unsafe fn row_map_f64(
    batch: &RowBatch<f64>,
    rows: Range<usize>,
    results: &Results<f64>,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe { rows::row_map::<f64, EntmaxF64>(batch, rows, results, workspace) }
}
