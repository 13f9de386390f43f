//! A budget far below n: the lane maxima, with the least bounds of the scores behind each, are scores of a row whose clipped sum is
//! nowhere above the row's. So their tau, to a tenth of the budget, is a lower bound of the row's.

use super::super::scan_f32::{find_above, fold_maxima, maxima_len, Scores, BLOCK};
use super::blocks_f32::Row;
use super::bracket_f32::Ends;
use crate::simd::{F32Block, LANES};

/// The lane maxima need no more than a lower bound; one with this much more than the budget is good enough.
pub const LOOSE: f64 = 0.1;

/// The least bounds of the scores behind each lane maximum, and about their sum.
///
/// # Safety
/// The bounds are readable, `minima` is writable for [`maxima_len`].
#[inline(never)]
pub unsafe fn lane_minima<V: F32Block>(bounds: &Scores, minima: *mut f32) -> f64 {
    let zero = V::splat(0.0);
    let mut sums = V::no_sums();
    for from in (0..bounds.len).step_by(BLOCK) {
        let mut most = V::splat(f32::NEG_INFINITY);
        // SAFETY: by the caller.
        unsafe {
            for at in (from..bounds.len.min(from + BLOCK)).step_by(LANES) {
                most = most.pmax(zero.sub(bounds.block(at)));
            }
            // What is behind the row has none: 0.
            let least = zero.pmax(zero.sub(most));
            least.sum_into(&mut sums);
            least.store(minima.add(from / 8));
        }
    }
    V::total(sums)
}

impl Row {
    /// What no entry above 0 lies below, relative to the maximum. None where most lane maxima lie above it.
    ///
    /// # Safety
    /// `maxima` are the row's lane maxima and behind them the 16 largest by lane, then at twice their length the least bounds
    /// behind each where there are bounds.
    #[inline(always)]
    pub unsafe fn lower_bound<V: F32Block>(
        &self,
        budget: f64,
        max: f32,
        maxima: *mut f32,
    ) -> Option<f32> {
        let total = maxima_len(self.scores.len);
        // SAFETY: by the caller.
        unsafe {
            let best = maxima.add(total);
            let start = (0..LANES).fold(max, |least, lane| least.min(*best.add(lane)));
            let (mut subset, mut len) = (maxima, total);
            let minima = best.add(total);
            if self.bounds.is_none() && 16.0 * budget <= total as f64 {
                // Sharp enough, at a quarter of the cost: the maxima of four times as many scores.
                subset = best;
                len = (total / 4).next_multiple_of(LANES);
                fold_maxima::<V>(maxima, total, subset, len);
            }
            let scores = Scores::whole(subset, len);
            let bounds = Scores::whole(minima, len);
            let subset = Row {
                scores,
                bounds: self.bounds.map(|_| bounds),
                ..*self
            };
            // Bounds that the budget may take up are another matter.
            if self.bounds.is_some()
                && subset.sums::<V>(f64::NEG_INFINITY, false).capped < 1.01 * budget
            {
                return None;
            }
            let ends = Ends::below(f64::from(max), budget);
            let bracket = subset.newton::<V>(budget, f64::from(start), ends, LOOSE);
            let tau = if bracket.solved {
                bracket.tau
            } else {
                bracket.low
            };
            // Lowered by what rounding may have added to it. -inf fails the comparison.
            let low = tau - f64::from(max);
            let low = (low - 1e-5 * self.temperature - 5e-7 * low.abs()) as f32;
            let blocks = maxima.add(total).cast();
            let few = low.is_finite()
                && 2 * find_above::<V>(maxima, total, max, low, blocks).maxima <= total;
            few.then_some(low)
        }
    }
}
