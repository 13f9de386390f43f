//! Attention with a sparse map: out = entmax(scale q k^T + bias) v, an alpha for each head (MATH.md section 13).
//!
//! `call` describes a call, `panels` lays out keys, `scores` forms products, `weights_f32` makes weights of them, with the row
//! maps of [`crate::maps`] or, for sparse rows, with a threshold of their own (`canonical`), `values` sums values over what is in the support; `forward` goes through the blocks of queries.

mod call;
mod canonical;
mod forward;
mod lanes;
mod panels;
mod scores;
mod values;
mod weights_f32;

pub use call::{causal, Attention, Heads, Table, Weights};
pub use forward::block_queries;
pub use panels::panels_of;

use crate::maps::kernels::{EntmaxF32, EntmaxF64, List, Outcome, Settings};
use crate::simd::{F32Block, Native};
use crate::status::Status;
use core::ops::Range;
use forward::AttentionKernel;
use lanes::Sixteen;

impl<V: F32Block> AttentionKernel<f32> for EntmaxF32<V> {
    type Lanes = V;

    #[inline(always)]
    unsafe fn weigh(
        row: *mut f32,
        target: *mut f32,
        n: usize,
        settings: &Settings<f32>,
        scratch: *mut u8,
        list: &mut List<f32>,
        rescore: impl Fn(*mut f32),
    ) -> Outcome {
        // SAFETY: passed on.
        unsafe { weights_f32::weigh::<V>(row, target, n, settings, scratch, list, rescore) }
    }
}

impl AttentionKernel<f64> for EntmaxF64 {
    type Lanes = Sixteen;
}

/// Bytes of one caller's workspace for `keys` keys and values of `value_width` channels.
pub fn attention_workspace_f32(keys: usize, value_width: usize) -> usize {
    forward::workspace::<f32, EntmaxF32<Native>>(keys, value_width)
}

/// Bytes of one caller's workspace for `keys` keys and values of `value_width` channels.
pub fn attention_workspace_f64(keys: usize, value_width: usize) -> usize {
    forward::workspace::<f64, EntmaxF64>(keys, value_width)
}

/// Packs panels of keys: the first step of a call.
///
/// # Safety
/// The call describes memory as its fields say; `panels` is writable.
pub unsafe fn attention_pack_f32(call: &Attention<f32>, panels: Range<usize>) -> Status {
    // SAFETY: passed on.
    unsafe { panels::pack(call, panels) };
    Status::Ok
}

/// Packs panels of keys: the first step of a call.
///
/// # Safety
/// As [`attention_pack_f32`].
pub unsafe fn attention_pack_f64(call: &Attention<f64>, panels: Range<usize>) -> Status {
    // SAFETY: passed on.
    unsafe { panels::pack(call, panels) };
    Status::Ok
}

/// The outputs of the blocks of queries `blocks`, [`block_queries`] queries of one head each.
///
/// # Safety
/// The call describes memory as its fields say, `out` disjoint from the rest; the panels are packed; `workspace` is
/// 64-aligned, disjoint from all and as long as [`attention_workspace_f32`] says.
pub unsafe fn attention_f32(
    call: &Attention<f32>,
    blocks: Range<usize>,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe { attention_f32_with::<Native>(call, blocks, workspace) }
}

/// [`attention_f32`] on a chosen block implementation.
///
/// # Safety
/// As [`attention_f32`]; the machine has the instructions of `V`.
#[inline(always)]
pub unsafe fn attention_f32_with<V: F32Block>(
    call: &Attention<f32>,
    blocks: Range<usize>,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe { forward::attend::<f32, EntmaxF32<V>>(call, blocks, workspace) }
}

/// [`attention_f32`] in f64.
///
/// # Safety
/// As [`attention_f32`].
pub unsafe fn attention_f64(
    call: &Attention<f64>,
    blocks: Range<usize>,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe { forward::attend::<f64, EntmaxF64>(call, blocks, workspace) }
}
