//! Attention with a sparse map: out = entmax(scale q k^T + bias) v, an alpha for each head (MATH.md section 13).
//!
//! `call` describes a call, `panels` lays out keys, `scores` forms products, `weights_f32` makes weights of them, with the row
//! maps of [`crate::maps`] or, for sparse rows, with a threshold of their own (`canonical`), `screen` finds by integers which
//! keys can matter, `values` sums values over what is in the support; `forward` goes through the blocks of queries. The pullback
//! is in `backward`.

mod backward;
mod blocks;
mod call;
mod canonical;
mod forward;
mod lanes;
mod norm;
mod pages;
mod panels;
mod probe;
mod relu;
mod rescore;
mod results;
mod rounding;
mod scores;
mod screen;
mod values;
mod weights_f32;

pub use backward::{step, Backward, Block, Columns, Saved, QUERIES as BLOCK_QUERIES};
pub use blocks::{floats_of as block_floats, BLOCK_KEYS};
pub use call::{causal, path, rule, Attention, Heads, Table, Weights};
pub use forward::block_queries;
pub use norm::{normalise, pull_back_norm, workspace as norm_workspace, Norm, NORM_QUERIES};
pub use pages::PAGE_MULTIPLE;
pub use panels::panels_of;

use crate::gradients::rows::Row;
use crate::gradients::{alpha_f32, skewed_f32, support};
use crate::maps::csr_compact;
use crate::maps::kernels::{EntmaxF32, EntmaxF64, List, Outcome, Settings};
use crate::simd::{F32Block, Native, LANES};
use crate::status::Status;
use blocks::BLOCK_PANELS;
use core::ops::Range;
use forward::AttentionKernel;
use lanes::Sixteen;
use screen::Queries;

impl<V: F32Block> AttentionKernel<f32> for EntmaxF32<V> {
    type Lanes = V;
    type Screen = Queries;

    #[inline(always)]
    unsafe fn pull_back(row: &Row, e: f64) {
        // SAFETY: passed on.
        unsafe { skewed_f32::pull_back::<V>(row, e, 1.0) }
    }

    #[inline(always)]
    unsafe fn by_alpha(row: &Row, e: f64) -> f64 {
        // SAFETY: passed on.
        unsafe { alpha_f32::by_alpha::<V>(row, e) }
    }

    #[inline(always)]
    unsafe fn screen(
        call: &Attention<f32>,
        head: (usize, usize),
        queries: (usize, usize),
        rows: (*mut f32, usize),
        room: *mut u8,
        skips: bool,
    ) -> Option<Queries> {
        // SAFETY: passed on.
        unsafe { screen::screen::<V>(call, head, queries, rows, room, skips) }
    }

    #[inline(always)]
    fn skips_pay(queries: &Queries) -> bool {
        // A look at the blocks costs a thirtieth of a row's products.
        4 * queries.skipped > queries.blocks
    }

    #[inline(always)]
    unsafe fn weigh_screened(
        call: &Attention<f32>,
        place: (usize, usize, usize),
        (queries, r): (&Queries, usize),
        (row, n): (*const f32, usize),
        settings: &Settings<f32>,
        scratch: *mut u8,
        list: &mut List<f32>,
    ) -> (Option<Outcome>, usize) {
        let row = (row, n, queries.errors[r]);
        // SAFETY: passed on.
        unsafe { rescore::weigh_screened::<V>(call, place, row, settings, scratch, list) }
    }

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
    type Screen = ();

    #[inline(always)]
    unsafe fn pull_back(row: &Row, e: f64) {
        // SAFETY: passed on.
        unsafe { support::pull_back(row, e, 1.0) }
    }

    #[inline(always)]
    unsafe fn by_alpha(row: &Row, e: f64) -> f64 {
        // SAFETY: passed on.
        unsafe { support::by_alpha(row, e) }
    }
}

/// Bytes of one caller's workspace for `keys` keys of `width` channels and values of `value_width`.
pub fn attention_workspace_f32(keys: usize, width: usize, value_width: usize) -> usize {
    forward::workspace::<f32, EntmaxF32<Native>>(keys, width, value_width)
}

/// Bytes of one caller's workspace for `keys` keys of `width` channels and values of `value_width`.
pub fn attention_workspace_f64(keys: usize, width: usize, value_width: usize) -> usize {
    forward::workspace::<f64, EntmaxF64>(keys, width, value_width)
}

/// Bytes of the record of one panel.
pub fn record_bytes(width: usize) -> usize {
    rounding::record_bytes(width, false)
}

/// The first block of queries of each of the heads `heads`; decides for each whether its other blocks are screened.
///
/// # Safety
/// As [`attention_f32`]; `screened` is writable, the records are packed.
pub unsafe fn attention_probe_f32(
    call: &Attention<f32>,
    heads: Range<usize>,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe { probe::probe::<f32, EntmaxF32<Native>>(call, heads, workspace) }
}

/// Packs blocks of [`BLOCK_KEYS`] keys, ceil(M / 64) of them for each key head, and describes them for screening where that
/// is wanted: the first step of a call.
///
/// # Safety
/// The call describes memory as its fields say; `panels`, `records` and `blocks` are writable.
pub unsafe fn attention_pack_f32(call: &Attention<f32>, blocks: Range<usize>) -> Status {
    let (keys, width) = (call.keys, call.width);
    let describe = |b, g, block| {
        if call.records.is_null() {
            return;
        }
        let first = block * BLOCK_PANELS;
        // SAFETY: the block's panels are packed.
        unsafe {
            for p in first..panels_of(keys).min(first + BLOCK_PANELS) {
                let (panel, record) = (call.panel(b, g, p), call.record(b, g, p));
                rounding::round_keys(panel, 0..LANES, width, record, call.quads());
            }
            let panels = call.panel(b, g, 0).cast_const();
            blocks::describe(panels, (keys, width), block, call.blocks(b, g));
        }
    };
    // SAFETY: passed on.
    unsafe { panels::pack(call, blocks, describe) };
    Status::Ok
}

/// Packs blocks of keys: the first step of a call.
///
/// # Safety
/// As [`attention_pack_f32`].
pub unsafe fn attention_pack_f64(call: &Attention<f64>, blocks: Range<usize>) -> Status {
    // SAFETY: passed on.
    unsafe { panels::pack(call, blocks, |_, _, _| ()) };
    Status::Ok
}

/// Appends the call's M keys and values of each batch to its pages, for the heads `heads` of all B G.
///
/// # Safety
/// The call describes memory as its fields say, its pages are writable.
pub unsafe fn attention_append_f32(call: &Attention<f32>, heads: Range<usize>) -> Status {
    let round = |panel, keys, record| {
        // SAFETY: a panel and its record.
        unsafe { rounding::round_keys(panel, keys, call.width, record, true) }
    };
    // SAFETY: passed on.
    unsafe { pages::append(call, heads, round) };
    Status::Ok
}

/// [`attention_append_f32`] in f64, where nothing is screened.
///
/// # Safety
/// As [`attention_append_f32`].
pub unsafe fn attention_append_f64(call: &Attention<f64>, heads: Range<usize>) -> Status {
    // SAFETY: passed on.
    unsafe { pages::append(call, heads, |_, _, _| ()) };
    Status::Ok
}

/// Bytes of a page of `keys` keys of a cache for `heads` key heads.
pub fn attention_page_bytes_f32(
    keys: usize,
    heads: usize,
    width: usize,
    value_width: usize,
) -> usize {
    pages::page_bytes::<f32>(keys, heads, width, value_width)
}

/// Bytes of a page of `keys` keys of a cache for `heads` key heads.
pub fn attention_page_bytes_f64(
    keys: usize,
    heads: usize,
    width: usize,
    value_width: usize,
) -> usize {
    pages::page_bytes::<f64>(keys, heads, width, value_width)
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

/// Moves sparse rows of f32 together that were written to slots of `keys` entries; returns how many entries there are.
///
/// # Safety
/// `sizes` is readable for `rows` rows, each at most `keys`; `indices` and `values` hold as many slots.
pub unsafe fn attention_compact_f32(
    rows: usize,
    keys: usize,
    sizes: *const i32,
    indices: *mut i32,
    values: *mut u8,
) -> usize {
    // SAFETY: passed on.
    unsafe { csr_compact(rows, keys, sizes, indices, values, size_of::<f32>()) }
}

/// [`attention_compact_f32`] of f64.
///
/// # Safety
/// As there.
pub unsafe fn attention_compact_f64(
    rows: usize,
    keys: usize,
    sizes: *const i32,
    indices: *mut i32,
    values: *mut u8,
) -> usize {
    // SAFETY: passed on.
    unsafe { csr_compact(rows, keys, sizes, indices, values, size_of::<f64>()) }
}

/// Bytes of one caller's workspace for a step of a pullback; `block` is the number of queries of a dense block.
pub fn attention_backward_workspace_f32(
    step: u32,
    keys: usize,
    width: usize,
    value_width: usize,
    block: usize,
) -> usize {
    backward::workspace::<f32, EntmaxF32<Native>>(step, keys, width, value_width, block)
}

/// [`attention_backward_workspace_f32`] in f64.
pub fn attention_backward_workspace_f64(
    step: u32,
    keys: usize,
    width: usize,
    value_width: usize,
    block: usize,
) -> usize {
    backward::workspace::<f64, EntmaxF64>(step, keys, width, value_width, block)
}

/// A range of the rows of a [`step`] of a pullback.
///
/// # Safety
/// The pullback and its call describe memory as their fields say; the steps before are done; `workspace` is 64-aligned,
/// disjoint from all and as long as [`attention_backward_workspace_f32`] says.
pub unsafe fn attention_backward_f32(
    step: u32,
    backward: &Backward<f32>,
    range: Range<usize>,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe { attention_backward_f32_with::<Native>(step, backward, range, workspace) }
}

/// [`attention_backward_f32`] on a chosen block implementation.
///
/// # Safety
/// As [`attention_backward_f32`]; the machine has the instructions of `V`.
#[inline(always)]
pub unsafe fn attention_backward_f32_with<V: F32Block>(
    step: u32,
    backward: &Backward<f32>,
    range: Range<usize>,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe { backward::run::<f32, EntmaxF32<V>>(step, backward, range, workspace) }
}

/// [`attention_backward_f32`] in f64.
///
/// # Safety
/// As [`attention_backward_f32`].
pub unsafe fn attention_backward_f64(
    step: u32,
    backward: &Backward<f64>,
    range: Range<usize>,
    workspace: *mut u8,
) -> Status {
    // SAFETY: passed on.
    unsafe { backward::run::<f64, EntmaxF64>(step, backward, range, workspace) }
}
