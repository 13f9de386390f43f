//! Rows with bounds of which many are reached: the ends of a bracket are moved together by clipped sums alone, what lies between
//! them is packed, again and again, and a dozen that are left go to the exact method.

use super::super::compensated::Pair;
use super::super::scan_f32::Scores;
use super::blocks_f32::Row;
use super::bracket_f32::Ends;
use super::{Numbers, Problem};
use crate::simd::{F32Block, LANES};

/// Rows with bounds from this length on begin with a sample.
const SAMPLED_ROW: usize = 512;
/// What rounding may add to a comparison of a score less tau with a bound, as a part of the largest such difference.
const ROUNDING: f64 = 4e-7;
/// What the sums at both ends may differ by, as a part of the budget, before what lies between is packed.
pub const AIM: f64 = 1.0 / 8.0;
/// The same in a short row.
const SHORT_AIM: f64 = 1.0 / 4.0;
/// So many undecided entries go to the exact method.
pub const FEW: usize = 12;

/// Where tau seems to lie, and whether so near that only the exact sum tells on which side.
#[derive(Clone, Copy)]
pub struct Start {
    pub tau: f64,
    pub near: bool,
}

impl Row {
    /// Where to begin: with bounds between ends that were moved together. None where the budget takes about all the bounds.
    ///
    /// # Safety
    /// The bounds are readable; `work` is writable for two samples.
    #[inline(never)]
    pub unsafe fn start<V: F32Block>(
        &self,
        budget: f64,
        aim: f64,
        ends: &mut Ends,
        work: *mut f32,
    ) -> Option<Start> {
        let n = self.scores.len;
        let enough = 1e-4 * budget;
        // SAFETY: passed on.
        unsafe {
            let mut guess = None;
            if self.bounds.is_some() && n >= SAMPLED_ROW {
                guess = self.guess::<V>(budget, ends.high, work);
            }
            let sampled = guess.is_some();
            if !sampled {
                let (sum, count, room) = self.totals::<V>();
                let unclipped = (sum - budget * self.temperature) / count;
                guess = (room - budget > enough).then_some((unclipped, 0.0));
            }
            let (tau, slope) = guess?;
            let mut start = Start { tau, near: false };
            if self.bounds.is_some() {
                let aim = budget * if sampled { aim } else { SHORT_AIM };
                (start.tau, start.near) = self.close_in::<V>(budget, (tau, slope), ends, aim);
            }
            let is_open =
                !sampled || ends.at_low > enough || self.totals::<V>().2 - budget > enough;
            is_open.then_some(start)
        }
    }

    /// tau from what is undecided between two ends, packed again and again; None where it does not come to lie inside.
    ///
    /// # Safety
    /// There are bounds; `scratch` as for `solve`.
    #[inline(never)]
    pub unsafe fn undecided<V: F32Block>(
        &self,
        problem: &Problem,
        (mut start, mut ends): (Start, Ends),
        highest: f64,
        scratch: *mut u8,
    ) -> Option<Pair> {
        let (mut most, mut stuck) = (self.scores.len / 2, false);
        let room = most.next_multiple_of(LANES) + 2 * LANES;
        let packed: *mut f32 = scratch.cast();
        let packed_bounds = packed.wrapping_add(room);
        let mut free = scratch;
        // Divided by the temperature by which the entries will be.
        let mut problem = Problem {
            temperature: self.temperature,
            ..*problem
        };
        let mut row = *self;
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        // SAFETY: by the caller; what is packed is at most half the row.
        unsafe {
            let tau = loop {
                let is_wide = ends.low == f64::NEG_INFINITY || ends.high == highest;
                let margin = 2.0 * ROUNDING * (highest - ends.low);
                let from = ((ends.low - margin) as f32).next_down();
                let to = ((ends.high + margin) as f32).next_up();
                let found = if start.near || is_wide || stuck {
                    None
                } else {
                    row.pack_undecided::<V>((from, to), (packed, packed_bounds), most)
                };
                let Some((len, capped)) = found else {
                    let bracket = row.newton::<V>(problem.budget, start.tau, ends, 0.0);
                    if bracket.solved {
                        break row.settle::<V>(&problem, &bracket, free);
                    }
                    break problem.threshold(f64::NEG_INFINITY, f64::INFINITY, free.cast());
                };
                (low, high) = (f64::from(from).max(low), f64::from(to).min(high));
                free = packed_bounds.wrapping_add(room).cast();
                stuck = 2 * len > problem.n;
                most = len;
                problem = Problem {
                    scores: Numbers::new(packed.cast_const()),
                    upper: Numbers::new(packed_bounds.cast_const()),
                    n: len,
                    budget: problem.budget - capped,
                    ..problem
                };
                if len <= FEW {
                    break problem.threshold(low, high, free.cast());
                }
                let scores = Scores::whole(packed, len.next_multiple_of(LANES));
                let bounds = Scores::whole(packed_bounds, scores.len);
                row = Row {
                    scores,
                    bounds: Some(bounds),
                    ..row
                };
                start.tau = ends.between();
                if !stuck {
                    let aim = (ends.at_low - ends.at_high) / 8.0;
                    let from = (start.tau, 0.0);
                    (start.tau, start.near) =
                        row.close_in::<V>(problem.budget, from, &mut ends, aim);
                }
            };
            let threshold = tau.rounded();
            let inside = low < threshold && threshold + ROUNDING * (highest - threshold) < high;
            inside.then_some(tau)
        }
    }
}
