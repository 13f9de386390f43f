//! What a sample of a row tells: sixteen blocks at most, equally far apart.

use super::super::scan_f32::{pack_above, Scores};
use super::blocks_f32::Row;
use super::bracket_f32::{Bracket, Ends};
use super::lanes_f32::LOOSE;
use crate::simd::{copy_short, F32Block, LANES};

/// What a sample may be wrong by, as a part of the distance from the maximum.
const MARGIN: f64 = 0.1;
/// The part of the distance to the maximum over which a sample tells how fast the sum falls.
const REACH: f64 = 0.15;

impl Row {
    /// About where tau lies, and how fast the sum falls there, by a sample; None where it does not tell.
    ///
    /// # Safety
    /// There are bounds; `work` is writable for two samples.
    #[inline(never)]
    pub unsafe fn guess<V: F32Block>(
        &self,
        budget: f64,
        highest: f64,
        work: *mut f32,
    ) -> Option<(f64, f64)> {
        let n = self.scores.len;
        let blocks = (n / (16 * LANES)).clamp(4, 16);
        let (len, stride) = (blocks * LANES, n / LANES / blocks * LANES);
        // SAFETY: by the caller; the blocks are inside the row.
        unsafe {
            for block in 0..blocks {
                let scores: V = V::load(self.scores.values.add(block * stride));
                scores.store(work.add(block * LANES));
                let bounds: V = self.bound(block * stride);
                bounds.store(work.add(len + block * LANES));
            }
            let scores = Scores::whole(work, len);
            let bounds = Some(Scores::whole(work.add(len), len));
            let sample = Row {
                scores,
                bounds,
                ..*self
            };
            let part = len as f64 / n as f64;
            let share = budget * part;
            let (sum, count, _) = sample.totals::<V>();
            let start = (sum - share * self.temperature) / count;
            if !start.is_finite() {
                return None;
            }
            let mut ends = Ends::below(highest, share);
            let (found, _) = sample.close_in::<V>(share, (start, 0.0), &mut ends, 0.1 * share);
            let reach = REACH * (highest - found);
            let (there, farther) = (
                sample.quick_sum::<V>(found),
                sample.quick_sum::<V>(found + reach),
            );
            let slope = (there - farther) / (part * reach);
            (found.is_finite() && slope.is_finite()).then_some((found, slope))
        }
    }

    /// tau by Newton's method on what lies above that of a sample, from there; None where it does not come out, or is not above.
    ///
    /// # Safety
    /// `work` is writable for the row, a block and twice the sample.
    #[inline(never)]
    pub unsafe fn by_sample<V: F32Block>(
        &self,
        budget: f64,
        (max, highest): (f32, f64),
        work: *mut f32,
    ) -> Option<f64> {
        let n = self.scores.len;
        let blocks = (n / (16 * LANES)).clamp(4, 16);
        let (len, stride) = (blocks * LANES, n / LANES / blocks * LANES);
        let packed = work.wrapping_add(len);
        // SAFETY: by the caller; a tail is padded with -inf.
        unsafe {
            for block in 0..blocks {
                let scores: V = V::load(self.scores.values.add(block * stride));
                scores.store(work.add(block * LANES));
            }
            let scores = Scores::whole(work, len);
            let sample = Row { scores, ..*self };
            let (sum, count, _) = sample.totals::<V>();
            let share = budget * len as f64 / n as f64;
            let start = (sum - share * self.temperature) / count;
            let bracket = sample.newton::<V>(share, start, Ends::below(highest, share), LOOSE);
            let found = if bracket.solved {
                bracket.tau
            } else {
                bracket.low
            };
            // Farther out by what a sample may be wrong; Newton's method begins where it says.
            let low = found - MARGIN * (highest - found);
            let below = (low - highest) as f32;
            if !(below < 0.0 && below > f32::NEG_INFINITY) {
                return None;
            }
            // The tail, padded, and the whole blocks.
            let whole = n / LANES * LANES;
            let mut tail = [f32::NEG_INFINITY; LANES];
            copy_short(self.scores.values.add(whole), tail.as_mut_ptr(), n - whole);
            V::load(tail.as_ptr()).store(packed);
            let rest = pack_above::<V>(self.scores.values, whole, max, below, packed.add(LANES));
            let scores = Scores::whole(packed, rest + LANES);
            let above = Row { scores, ..*self };
            let bracket = above.newton::<V>(budget, found, Ends::below(highest, budget), 0.0);
            let Bracket { tau, window, .. } = bracket;
            // Not within the rounding of `below`; entries on a breakpoint are for the exact method.
            let inside = bracket.solved && tau > low + 1e-6 * (highest - low);
            (inside && !(window > 0.0 && above.is_near::<V>(tau, window))).then_some(tau)
        }
    }
}
