//! Keys in panels of sixteen, channel by channel: sixteen scores are then sixteen lanes, and no product is ever summed
//! across lanes. Values that end within a block of sixteen get rows of their own that do not.

use super::call::Attention;
use super::screen::QUADS;
use crate::maps::Score;
use crate::simd::LANES;
use core::ops::Range;

/// Panels of M keys.
#[inline(always)]
pub fn panels_of(keys: usize) -> usize {
    keys.div_ceil(LANES)
}

/// Packs the panels `rows` of all B G heads, the values of their keys where these are copied, and with `record` their records
/// where these are wanted.
///
/// # Safety
/// As [`Attention`] says; `panels`, a copied `values` and `records` are writable.
pub unsafe fn pack<T: Score>(
    call: &Attention<T>,
    rows: Range<usize>,
    record: impl Fn(*const T, *mut u8),
) {
    let per_head = panels_of(call.keys).max(1);
    for r in rows {
        let (head, panel) = (r / per_head, r % per_head);
        let key_heads = call.key_heads.max(1);
        let (b, g) = (head / key_heads, head % key_heads);
        let first = panel * LANES;
        let count = LANES.min(call.keys - first);
        // SAFETY: keys below M, lanes below 16; channels below D and E.
        unsafe {
            let target = call.panel(b, g).add(panel * LANES * call.width);
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
            if !call.records.is_null() {
                record(target, call.record(b, g, panel, QUADS));
            }
            if call.values.data == call.v.data {
                continue;
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
}
