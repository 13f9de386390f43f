//! Keys in panels of sixteen, channel by channel: sixteen scores are then sixteen lanes, and no product is ever summed
//! across lanes. Values that end within a block of sixteen get rows of their own that do not.

use super::blocks::{blocks_of, BLOCK_PANELS};
use super::call::Attention;
use crate::maps::Score;
use crate::simd::LANES;
use core::ops::Range;

/// Panels of M keys.
#[inline(always)]
pub fn panels_of(keys: usize) -> usize {
    keys.div_ceil(LANES)
}

/// Packs the blocks of keys `blocks` of all B G heads, and the values of their keys where these are copied, then calls
/// `then(b, g, block)`.
///
/// # Safety
/// As [`Attention`] says; `panels` and a copied `values` are writable.
pub unsafe fn pack<T: Score>(
    call: &Attention<T>,
    blocks: Range<usize>,
    then: impl Fn(usize, usize, usize),
) {
    let per_head = blocks_of(call.keys).max(1);
    let key_heads = call.key_heads.max(1);
    for index in blocks {
        let (head, block) = (index / per_head, index % per_head);
        let (b, g) = (head / key_heads, head % key_heads);
        let first = block * BLOCK_PANELS;
        for panel in first..panels_of(call.keys).min(first + BLOCK_PANELS) {
            // SAFETY: passed on.
            unsafe { pack_panel(call, (b, g), panel) };
        }
        then(b, g, block);
    }
}

/// # Safety
/// As [`pack`].
unsafe fn pack_panel<T: Score>(call: &Attention<T>, (b, g): (usize, usize), panel: usize) {
    let first = panel * LANES;
    let count = LANES.min(call.keys - first);
    // SAFETY: keys below M, lanes below 16; channels below D and E.
    unsafe {
        let target = call.panel(b, g, panel);
        for lane in 0..LANES {
            if lane >= count {
                for c in 0..call.width {
                    *target.add(c * LANES + lane) = T::ZERO;
                }
                continue;
            }
            let key = call.k.row(b, g, first + lane);
            for c in 0..call.width {
                *target.add(c * LANES + lane) = *key.add(c);
            }
        }
        if call.values.data == call.v.data {
            return;
        }
        for j in first..first + count {
            let (from, to) = (call.v.row(b, g, j), call.values.row(b, g, j));
            core::ptr::copy_nonoverlapping(from, to, call.value_width);
            for e in call.value_width..call.value_width.next_multiple_of(LANES) {
                *to.add(e) = T::ZERO;
            }
        }
    }
}
