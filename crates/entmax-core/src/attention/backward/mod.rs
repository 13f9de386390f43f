//! The exact pullback of attention, from the support alone (MATH.md sections 4 and 13).
//!
//! | step | rows | file |
//! |---|---|---|
//! | gradient of the scores in the support, dq, d/dalpha | queries | `rows` |
//! | the same entries sorted by key | heads | `columns` |
//! | dk, dv | panels of sixteen keys | `columns` |
//! | of softmax heads, some queries at a time: weights again, gradient of the scores, dq, d/dalpha | blocks of queries | `blocks` |
//! | what these add to dk, dv | panels of keys | `blocks` |
//! | gradient of a bias, of kept weights and of each block | rows of the bias | `bias` |
//!
//! Every number is written by the one thread that owns it and is a sum in a fixed order, so bits do not depend on threads.
//! Memory is O(N (D + support)), and for softmax two rows of M numbers for each query of a block.

mod bias;
mod blocks;
mod call;
mod columns;
mod rows;

pub use blocks::QUERIES;
pub use call::{Backward, Block, Columns, Saved};

use super::forward::AttentionKernel;
use crate::maps::staging::ALIGNMENT;
use crate::maps::Score;
use crate::status::Status;
use core::ops::Range;

/// The steps of a pullback, in their order.
pub mod step {
    pub const ROWS: u32 = 0;
    pub const SORT: u32 = 1;
    pub const KEYS: u32 = 2;
    pub const BIAS: u32 = 3;
    pub const BLOCKS: u32 = 4;
    pub const BLOCK_KEYS: u32 = 5;
    pub const BLOCK_BIAS: u32 = 6;
}

/// Bytes of one caller's workspace for a step; `block` is the number of queries of a block.
pub fn workspace<T: Score, K: AttentionKernel<T>>(
    step: u32,
    keys: usize,
    width: usize,
    value_width: usize,
    block: usize,
) -> usize {
    let bytes = match step {
        step::ROWS => rows::workspace::<T>(keys, width),
        step::KEYS => columns::workspace::<T>(width, value_width),
        step::BIAS | step::BLOCK_BIAS => bias::workspace(keys),
        step::BLOCKS => blocks::workspace::<T, K>(keys, width),
        step::BLOCK_KEYS => blocks::keys_workspace::<T>(block, width, value_width),
        _ => 0,
    };
    bytes.next_multiple_of(ALIGNMENT)
}

/// A range of one step's rows.
///
/// # Safety
/// As [`Backward`] says; `workspace` is 64-aligned, disjoint from everything and as long as [`workspace`] says.
pub unsafe fn run<T: Score, K: AttentionKernel<T>>(
    step: u32,
    backward: &Backward<T>,
    range: Range<usize>,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe {
        match step {
            step::ROWS => rows::pull_back_rows::<T, K>(backward, range, workspace),
            step::SORT => columns::sort_columns(backward, range),
            step::KEYS => columns::pull_back_keys::<T, K>(backward, range, workspace),
            step::BIAS => bias::add_bias(backward, range, false, workspace),
            step::BLOCKS => {
                if !blocks::pull_back_blocks::<T, K>(backward, range, workspace) {
                    return Status::NotConverged;
                }
            }
            step::BLOCK_KEYS => blocks::add_block_keys::<T, K>(backward, range, workspace),
            _ => bias::add_bias(backward, range, true, workspace),
        }
    }
    Status::Ok
}
