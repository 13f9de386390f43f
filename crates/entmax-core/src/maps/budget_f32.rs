//! The capped simplex on a row of f32: a few passes in blocks of sixteen settle almost every row; the entries that they leave
//! undecided go to the exact method of `budget`.
//!
//! 1. All bounds 1 and a budget far below n: the lane maxima are scores of the row, so a tau at which their clipped
//!    sum reaches the budget is a lower bound of the row's. Newton's method on them, then only what lies above is
//!    read again and packed, as in `threshold_f32`.
//! 2. Bounds of which many are reached: the ends of a bracket, from a sample of the row, are moved together with nothing but the
//!    clipped sum, and what lies between them is packed, again and again (`budget_blocks`). A dozen that are left undecided go to
//!    the exact method, which takes longer for each than a pass for a block. That tau came to lie inside is checked.
//! 3. Newton's method on the list, on the row, or on what packing made no shorter. Each step narrows a bracket, and one that
//!    would leave it is replaced by one between its ends.
//! 4. The exact method settles it where a score, or one less its bound, is so near to tau that rounding would decide on which
//!    side it lies: an entry on a breakpoint is 0, or its bound, and not 1e-9 more or less.

use super::budget::{Numbers, Problem};
use super::budget_blocks::{Bracket, Ends, Level, Row};
use super::compensated::Pair;
use super::entmax_f32::EntmaxF32;
use super::kernel::{List, RowKernel};
use super::scan_f32::{find_above, fold_maxima, maxima_len, pack_above, Scores, Tail, BLOCK};
use super::threshold_f32::{behind_lists, list_capacity, lists, SHORT_ROW};
use crate::simd::{copy_short, F32Block, LANES};

/// The lane maxima need no more than a lower bound; one with this much more than the budget is good enough.
const LOOSE: f64 = 0.1;
/// What a sample may be wrong by, as a part of the distance from the maximum.
const MARGIN: f64 = 0.1;
/// Rows with bounds from this length on begin with a sample.
const SAMPLED_ROW: usize = 512;
/// The part of the distance to the maximum over which a sample tells how fast the sum falls.
const REACH: f64 = 0.15;
/// What rounding may add to a comparison of a score less tau with a bound, as a part of the largest such difference.
const ROUNDING: f64 = 4e-7;
/// What the sums at both ends may differ by, as a part of the budget, before what lies between is packed.
const AIM: f64 = 1.0 / 8.0;
/// The same in a short row.
const SHORT_AIM: f64 = 1.0 / 4.0;
/// So many undecided entries go to the exact method.
const FEW: usize = 12;

/// Where tau seems to lie, and whether so near that only the exact sum tells on which side.
#[derive(Clone, Copy)]
pub struct Start {
    pub tau: f64,
    pub near: bool,
}

/// [`Scores::new`], once.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe fn blocks(values: *const f32, len: usize, tail: &mut Tail) -> Scores {
    // SAFETY: passed on.
    unsafe { Scores::new(values, len, tail) }
}

/// Writes to `out` or `list` and returns the threshold; or None for a row that is empty, holds a NaN or +inf, or a temperature
/// that f32 cannot divide by.
///
/// # Safety
/// As [`super::budget::solve`].
#[inline(never)]
pub unsafe fn solve<V: F32Block>(
    problem: &Problem,
    (x, upper): (*const f32, *const f32),
    at_most: bool,
    out: *mut f32,
    scratch: *mut u8,
    list: &mut List<f32>,
) -> Option<f64> {
    let (n, budget) = (problem.n, problem.budget);
    let inverse = (1.0 / problem.temperature) as f32;
    if !inverse.is_normal() {
        return None;
    }
    // SAFETY: by the caller.
    unsafe {
        let (mut tail, mut bounds_tail) = (Tail::uninit(), Tail::uninit());
        let bounds_len = if upper.is_null() { 0 } else { n };
        let scores = blocks(x, n, &mut tail);
        let bounds = blocks(upper, bounds_len, &mut bounds_tail);
        let row = Row {
            scores,
            bounds: (!upper.is_null()).then_some(bounds),
            inverse,
            temperature: 1.0 / f64::from(inverse),
        };
        // A budget far below n: the lane maxima tell where to look.
        let maxima: *mut f32 = behind_lists(n, scratch).cast();
        let few = n >= SHORT_ROW
            && 4.0 * budget <= maxima_len(n) as f64
            && row.bounds.is_none_or(|bounds| {
                let minima = maxima.add(2 * maxima_len(n));
                lane_minima::<V>(&bounds, minima) > budget
            });
        let max = if few {
            scores.lane_maxima::<V>(maxima)
        } else {
            EntmaxF32::<V>::maximum(x, n)
        };
        let max = max.filter(|max| max.is_finite())?;
        let highest = f64::from(max);
        let low = if few {
            row.lower_bound::<V>(budget, max, maxima)
        } else {
            None
        };
        // A threshold that is not below 0 says that the budget binds.
        if at_most && low.is_none_or(|low| highest + f64::from(low) < 0.0) {
            let sums = row.sums::<V>(0.0, true);
            if sums.active + sums.capped <= budget {
                row.write::<V>(Pair::ZERO, out);
                return Some(0.0);
            }
        }
        if let Some(low) = low {
            let mut candidates = lists(n, scratch);
            // Behind the maxima there is as much room.
            let blocks = maxima.add(maxima_len(n)).cast();
            let above = find_above::<V>(maxima, maxima_len(n), max, low, blocks);
            candidates.collect::<V>(&scores, (blocks, above.blocks), max, low, n);
            let len = candidates.len;
            let packed = Scores::whole(candidates.scores, len.next_multiple_of(LANES));
            // Their bounds, behind all that the exact method may need.
            let kept: *mut f32 = behind_lists(n, scratch)
                .wrapping_add(16 * list_capacity(n))
                .cast();
            if row.bounds.is_some() {
                for j in 0..len {
                    *kept.add(j) = *upper.add(*candidates.indices.add(j) as usize);
                }
            }
            let kept_bounds = Scores::whole(kept, packed.len);
            let packed = Row {
                scores: packed,
                bounds: row.bounds.map(|_| kept_bounds),
                ..row
            };
            let mut problem = Problem {
                scores: Numbers::new(candidates.scores.cast_const()),
                n: len,
                ..*problem
            };
            if row.bounds.is_some() {
                problem.upper = Numbers::new(kept.cast_const());
            }
            let start = highest + f64::from(low);
            let ends = Ends::below(highest, budget);
            let bracket = packed.newton::<V>(budget, start, ends, 0.0);
            let tau = packed.settle::<V>(&problem, &bracket, maxima.cast());
            // In place: the entries take the scores' room.
            packed.write::<V>(tau, candidates.scores);
            *list = candidates.result();
            return Some(tau.rounded());
        }
        if n >= SHORT_ROW && row.bounds.is_none() {
            if let Some(tau) = row.by_sample::<V>(budget, (max, highest), scratch.cast()) {
                let tau = Pair {
                    high: tau,
                    low: 0.0,
                };
                row.write::<V>(tau, out);
                return Some(tau.high);
            }
        }
        let tau = row.solve::<V>(problem, highest, scratch);
        let threshold = if tau.high == f64::NEG_INFINITY {
            problem.lowest_threshold()
        } else {
            tau.rounded()
        };
        row.write::<V>(tau, out);
        Some(threshold)
    }
}

/// The least bounds of the scores behind each lane maximum, and about their sum.
///
/// # Safety
/// The bounds are readable, `minima` is writable for [`maxima_len`].
#[inline(never)]
unsafe fn lane_minima<V: F32Block>(bounds: &Scores, minima: *mut f32) -> f64 {
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
    /// tau of a row with the finite maximum `highest`, -inf where the budget takes all the bounds.
    ///
    /// # Safety
    /// `scratch` has room for 2 n f64 and 256 bytes more.
    #[inline(never)]
    unsafe fn solve<V: F32Block>(&self, problem: &Problem, highest: f64, scratch: *mut u8) -> Pair {
        let budget = problem.budget;
        // SAFETY: by the caller.
        unsafe {
            let mut ends = Ends::below(highest, budget);
            let Some(start) = self.start::<V>(budget, AIM, &mut ends, scratch.cast()) else {
                if problem.is_full(self.sums::<V>(f64::NEG_INFINITY, true).capped) {
                    return Pair {
                        high: f64::NEG_INFINITY,
                        low: 0.0,
                    };
                }
                return problem.threshold(f64::NEG_INFINITY, highest, scratch.cast());
            };
            if self.bounds.is_none() {
                let bracket = self.newton::<V>(budget, start.tau, ends, 0.0);
                return self.settle::<V>(problem, &bracket, scratch);
            }
            let undecided = self.undecided::<V>(problem, (start, ends), highest, scratch);
            // Rounding may have moved the ends.
            undecided.unwrap_or_else(|| {
                problem.threshold(f64::NEG_INFINITY, f64::INFINITY, scratch.cast())
            })
        }
    }

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

    /// tau of scores with bounds that exceed the budget, after Newton's method.
    ///
    /// # Safety
    /// `scratch` has room for 2 n f64.
    #[inline(never)]
    unsafe fn settle<V: F32Block>(
        &self,
        problem: &Problem,
        bracket: &Bracket,
        scratch: *mut u8,
    ) -> Pair {
        let &Bracket {
            low,
            high,
            tau,
            window,
            ..
        } = bracket;
        // SAFETY: by the caller.
        unsafe {
            if !bracket.solved {
                return problem.threshold(low, high, scratch.cast());
            }
            if window == 0.0 || !self.is_near::<V>(tau, window) {
                return Pair {
                    high: tau,
                    low: 0.0,
                };
            }
            // Divided by the temperature by which the entries will be.
            let problem = Problem {
                temperature: self.temperature,
                ..*problem
            };
            problem.threshold(tau - window, tau + window, scratch.cast())
        }
    }

    /// tau from what is undecided between two ends, packed again and again; None where it does not come to lie inside.
    ///
    /// # Safety
    /// There are bounds; `scratch` as for `solve`.
    #[inline(never)]
    unsafe fn undecided<V: F32Block>(
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

    /// About where tau lies, and how fast the sum falls there, by a sample; None where it does not tell.
    ///
    /// # Safety
    /// There are bounds; `work` is writable for two samples.
    #[inline(never)]
    unsafe fn guess<V: F32Block>(
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

    /// Whether a score, or one less its bound, lies within `window` of tau.
    ///
    /// # Safety
    /// The bounds are readable.
    #[inline(never)]
    unsafe fn is_near<V: F32Block>(&self, tau: f64, window: f64) -> bool {
        let level: Level<V> = self.level(Pair {
            high: tau,
            low: 0.0,
        });
        let limit = window * f64::from(self.inverse);
        let limit = V::splat((limit * limit) as f32);
        let mut best = V::splat(f32::NEG_INFINITY);
        // SAFETY: by the caller.
        unsafe {
            self.each(|_, scores: V, bound| {
                let value = level.value(scores);
                let over = value.sub(bound);
                // Behind the row value is -inf: whatever the bound there is, neither is found.
                best = best.pmax(limit.sub(value.mul(value)));
                best = best.pmax(limit.sub(over.mul(over)));
            });
        }
        V::any(best.at_least(V::splat(0.0)))
    }

    /// tau by Newton's method on what lies above that of a sample, from there; None where it does not come out, or is not above.
    ///
    /// # Safety
    /// `work` is writable for the row, a block and twice the sample.
    #[inline(never)]
    unsafe fn by_sample<V: F32Block>(
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

    /// What no entry above 0 lies below, relative to the maximum. None where most lane maxima lie above it.
    ///
    /// # Safety
    /// `maxima` are the row's lane maxima and behind them the 16 largest by lane, then at twice their length the least bounds
    /// behind each where there are bounds.
    #[inline(always)]
    unsafe fn lower_bound<V: F32Block>(
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
