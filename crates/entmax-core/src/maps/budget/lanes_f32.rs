//! A budget far below n: the lane maxima, with the least bounds of the scores behind each, are scores of a row whose clipped sum is
//! nowhere above the row's. So their tau, to a tenth of the budget, is a lower bound of the row's.

use super::super::scan_f32::{fold_maxima, maxima_len, Scores, BLOCK};
use super::blocks_f32::Row;
use super::bracket_f32::Ends;
use crate::simd::{F32Block, LANES};

/// The lane maxima need no more than a lower bound; one with this much more than the budget is good enough.
pub const LOOSE: f64 = 0.1;

/// How many maxima of lanes tell about a budget, [`maxima_len`] or, where these are sharp enough at a quarter of the cost, the
/// maxima of four times as many scores; None where none do. Writes the least bounds behind each where there are bounds.
///
/// # Safety
/// The bounds are readable, `minima` is writable for [`maxima_len`].
#[inline(never)]
pub unsafe fn lanes<V: F32Block>(row: &Row, budget: f64, minima: *mut f32) -> Option<usize> {
    let total = maxima_len(row.scores.len);
    if 4.0 * budget > total as f64 {
        return None;
    }
    let mut len = total;
    if 16.0 * budget <= total as f64 {
        len = (total / 4).next_multiple_of(LANES);
    }
    if let Some(bounds) = &row.bounds {
        loop {
            // SAFETY: by the caller.
            let sum = unsafe { lane_minima::<V>(bounds, minima, len) };
            // Bounds that the budget may take up are another matter; behind four times as many scores there are lower ones.
            let enough = if len < total { 4.0 } else { 2.0 };
            if sum > enough * budget {
                break;
            }
            if len == total {
                return None;
            }
            len = total;
        }
    }
    Some(len)
}

/// The least bounds of the scores behind each of `len` maxima, and about their sum.
///
/// # Safety
/// The bounds are readable, `minima` is writable for `len`.
#[inline(never)]
unsafe fn lane_minima<V: F32Block>(bounds: &Scores, minima: *mut f32, len: usize) -> f64 {
    let zero = V::splat(0.0);
    let mut sums = V::no_sums();
    // SAFETY: by the caller.
    unsafe {
        for at in (0..len).step_by(LANES) {
            let mut most = V::splat(f32::NEG_INFINITY);
            for run in (8 * at..bounds.len).step_by(8 * len) {
                for from in (run..bounds.len.min(run + BLOCK)).step_by(LANES) {
                    most = most.pmax(zero.sub(bounds.block(from)));
                }
            }
            // What is behind the row has none: 0.
            let least = zero.pmax(zero.sub(most));
            least.sum_into(&mut sums);
            least.store(minima.add(at));
        }
    }
    V::total(sums)
}

impl Row {
    /// What no entry above 0 lies below, relative to the maximum, by `len` maxima.
    ///
    /// # Safety
    /// `maxima` are the row's lane maxima and behind them the 16 largest by lane, then at twice their length the least bounds, as
    /// [`lanes`] has left them.
    #[inline(never)]
    pub unsafe fn lower_bound<V: F32Block>(
        &self,
        budget: f64,
        max: f32,
        (maxima, len): (*mut f32, usize),
    ) -> Option<f32> {
        let total = maxima_len(self.scores.len);
        // SAFETY: by the caller.
        unsafe {
            let best = maxima.add(total);
            let minima = best.add(total);
            let start = -V::splat(0.0).sub(V::load(best)).largest();
            let mut subset = maxima;
            if len < total {
                subset = best;
                fold_maxima::<V>(maxima, total, subset, len);
            }
            let scores = Scores::whole(subset, len);
            let bounds = Scores::whole(minima, len);
            let subset = Row {
                scores,
                bounds: self.bounds.map(|_| bounds),
                ..*self
            };
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
            low.is_finite().then_some(low)
        }
    }
}
