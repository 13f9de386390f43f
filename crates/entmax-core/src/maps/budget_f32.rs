//! The capped simplex on a row of f32: a few steps of Newton's method in blocks of sixteen, which settle almost every
//! row; the entries that they leave undecided go to the exact method of `budget`.
//!
//! 1. All bounds 1 and a budget far below n: the lane maxima are scores of the row, so a tau at which their clipped
//!    sum reaches the budget is a lower bound of the row's. Newton's method on them, then only what lies above is
//!    read again and packed, as in `threshold_f32`.
//! 2. Newton's method on the list, or on the row. The clipped sum is piecewise linear and neither convex nor concave,
//!    so each step narrows a bracket, and one that would leave it is replaced by one between its ends.
//! 3. Scores far apart make the sum a staircase, on which Newton's method gets nowhere. Then the bracket has decided
//!    most entries, and variable fixing does the rest.
//! 4. So it does where a score, or one less its bound, is so near to tau that rounding would decide on which side it
//!    lies: an entry on a breakpoint is 0, or its bound, and not 1e-9 more or less.

use super::budget::{Numbers, Problem};
use super::compensated::Pair;
use super::entmax_f32::EntmaxF32;
use super::kernel::{List, RowKernel};
use super::scan_f32::{find_above, fold_maxima, maxima_len, pack_above, Scores, Tail, BLOCK};
use super::threshold_f32::{behind_lists, list_capacity, lists, SHORT_ROW};
use crate::simd::{copy_short, F32Block, LANES};

/// Newton's steps and bisections before the exact method takes over.
const STEPS: usize = 16;
/// The largest part of the active entries that their sum may be off by: its own rounding.
const TOLERANCE: f64 = 2e-7;
/// What a solved tau is off by at most, relative to the mean active entry: the rounding of the sum, with as much again.
const WINDOW: f64 = 1e-6;
/// The lane maxima need no more than a lower bound; one with this much more than the budget is good enough.
const LOOSE: f64 = 0.1;
/// What a sample may be wrong by, as a part of the distance from the maximum.
const MARGIN: f64 = 0.1;

/// Scores with their bounds.
struct Row<'a> {
    scores: &'a Scores,
    /// None: all ones.
    bounds: Option<&'a Scores>,
    /// 1 / temperature as the blocks have it, and its inverse.
    inverse: f32,
    temperature: f64,
}

/// One threshold, in two parts: the first difference is exact near it.
#[derive(Clone, Copy)]
struct Level<V> {
    high: V,
    low: V,
    inverse: V,
}

/// What one pass tells.
struct Sums {
    /// Of the entries strictly inside, and how many these are.
    active: f64,
    count: f64,
    /// Of the bounds of the others that are not 0.
    capped: f64,
}

/// tau lies between `low`, where the sum exceeds the budget, and `high`, where it does not; if `solved`, within `window`,
/// unless no entry is strictly inside, which a `window` of 0 says.
pub struct Bracket {
    pub low: f64,
    pub high: f64,
    pub tau: f64,
    pub window: f64,
    pub solved: bool,
}

/// What Newton's method makes of scores up to 0, at temperature 1: where tau is. None where the budget takes about all the bounds.
///
/// # Safety
/// Scores and bounds are readable, equally long.
pub unsafe fn narrow<V: F32Block>(
    scores: &Scores,
    bounds: Option<&Scores>,
    budget: f64,
) -> Option<Bracket> {
    let row = Row {
        scores,
        bounds,
        inverse: 1.0,
        temperature: 1.0,
    };
    // SAFETY: passed on.
    unsafe {
        let (sum, count, room) = row.totals::<V>();
        let start = (sum - budget) / count;
        (room > budget * 1.0001).then(|| row.newton::<V>(budget, start, 0.0, 0.0))
    }
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

/// Which quarter of a block a lane belongs to.
static QUARTERS: [f32; LANES] = [
    0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 3.0,
];

/// Adds the lanes without rounding to f32 in between: four at a time.
#[inline(always)]
fn sum_exactly<V: F32Block>(block: V, sums: &mut V::Sums) {
    // SAFETY: the array holds sixteen floats.
    let quarters: V = unsafe { V::load(QUARTERS.as_ptr()) };
    let mut rest = block;
    for quarter in [2.5, 1.5, 0.5] {
        let behind = quarters.above(V::splat(quarter));
        rest.keep(behind).sum_into(sums);
        rest = V::splat(0.0).or_else(behind, rest);
    }
    rest.sum_into(sums);
}

impl Row<'_> {
    #[inline(always)]
    fn level<V: F32Block>(&self, tau: Pair) -> Level<V> {
        let high = tau.high as f32;
        // tau = -inf: every score is far above.
        let low = if high.is_finite() {
            ((tau.high - f64::from(high)) + tau.low) as f32
        } else {
            0.0
        };
        Level {
            high: V::splat(high),
            low: V::splat(low),
            inverse: V::splat(self.inverse),
        }
    }

    /// The bounds of the block from index `from` on; behind the row anything.
    ///
    /// # Safety
    /// `from` is a multiple of 16 below the row's length.
    #[inline(always)]
    unsafe fn bound<V: F32Block>(&self, from: usize) -> V {
        match self.bounds {
            None => V::splat(1.0),
            // SAFETY: by the caller.
            Some(bounds) => unsafe { bounds.block(from) },
        }
    }

    /// Calls `f(index, scores, bounds)` for every block; -inf behind the row.
    ///
    /// # Safety
    /// The bounds are readable.
    #[inline(always)]
    unsafe fn each<V: F32Block>(&self, mut f: impl FnMut(usize, V, V)) {
        for from in (0..self.scores.len).step_by(LANES) {
            // SAFETY: `from` is a multiple of 16 below the length.
            unsafe { f(from, self.scores.block(from), self.bound(from)) };
        }
    }

    /// What the entries are at tau; `exactly`: with the bounds' sum not rounded to f32 in between.
    ///
    /// # Safety
    /// The bounds are readable.
    #[inline(never)]
    unsafe fn sums<V: F32Block>(&self, tau: f64, exactly: bool) -> Sums {
        if self.bounds.is_none() {
            return self.sums_to_one::<V>(tau);
        }
        let level: Level<V> = self.level(Pair {
            high: tau,
            low: 0.0,
        });
        let (zero, one) = (V::splat(0.0), V::splat(1.0));
        let (mut active, mut capped) = (V::no_sums(), V::no_sums());
        // Lane by lane: these are whole numbers.
        let (mut inner, mut outer) = (zero, zero);
        // SAFETY: by the caller.
        unsafe {
            self.each(|_, scores: V, bound| {
                let value = level.value(scores);
                let (over, inside) = (value.above(bound), value.above(zero));
                zero.or_else(over, value.keep(inside)).sum_into(&mut active);
                inner = inner.add(zero.or_else(over, one.keep(inside)));
                let at_bound = bound.keep(over);
                if self.bounds.is_none() {
                    outer = outer.add(at_bound);
                } else if !exactly {
                    at_bound.sum_into(&mut capped);
                } else if V::any(over) {
                    sum_exactly(at_bound, &mut capped);
                }
            });
        }
        let mut count = V::no_sums();
        inner.sum_into(&mut count);
        outer.sum_into(&mut capped);
        Sums {
            active: V::total(active),
            count: V::total(count),
            capped: V::total(capped),
        }
    }

    /// [`Row::sums`] where all bounds are 1.
    #[inline(never)]
    fn sums_to_one<V: F32Block>(&self, tau: f64) -> Sums {
        let level: Level<V> = self.level(Pair {
            high: tau,
            low: 0.0,
        });
        let (zero, one) = (V::splat(0.0), V::splat(1.0));
        let mut active = V::no_sums();
        // Lane by lane: these are whole numbers.
        let (mut positive, mut outer) = (zero, zero);
        self.scores.each(|_, scores: V| {
            let value = level.value(scores);
            let over = value.above(one);
            let inside = value.above(zero);
            zero.or_else(over, value.keep(inside)).sum_into(&mut active);
            positive = positive.add(one.keep(inside));
            outer = outer.add(one.keep(over));
        });
        let (mut count, mut capped) = (V::no_sums(), V::no_sums());
        positive.sub(outer).sum_into(&mut count);
        outer.sum_into(&mut capped);
        Sums {
            active: V::total(active),
            count: V::total(count),
            capped: V::total(capped),
        }
    }

    /// The sum and the number of the scores but -inf, and about the sum of their bounds.
    ///
    /// # Safety
    /// The bounds are readable.
    #[inline(never)]
    unsafe fn totals<V: F32Block>(&self) -> (f64, f64, f64) {
        let (least, one) = (V::splat(f32::NEG_INFINITY), V::splat(1.0));
        let (mut sum, mut count, mut room) = (V::no_sums(), V::no_sums(), V::no_sums());
        // SAFETY: by the caller.
        unsafe {
            self.each(|_, scores: V, bound| {
                let left = scores.above(least);
                scores.keep(left).sum_into(&mut sum);
                one.keep(left).sum_into(&mut count);
                bound.keep(left).sum_into(&mut room);
            });
        }
        (V::total(sum), V::total(count), V::total(room))
    }

    /// Newton's method from `tau` within a bracket; `loose` ends at a good lower bound.
    ///
    /// # Safety
    /// The bounds are readable.
    #[inline(never)]
    unsafe fn newton<V: F32Block>(&self, budget: f64, tau: f64, high: f64, loose: f64) -> Bracket {
        let mut bracket = Bracket {
            low: f64::NEG_INFINITY,
            high,
            tau,
            window: 0.0,
            solved: false,
        };
        let mut exactly = self.bounds.is_none();
        // The excess at both ends, less of it where the other end has moved twice.
        let (mut at_low, mut at_high, mut was_above) = (0.0, -budget, false);
        for _ in 0..STEPS {
            let tau = bracket.tau;
            // SAFETY: passed on.
            let mut sums = unsafe { self.sums::<V>(tau, exactly) };
            let mut excess = sums.active + (sums.capped - budget);
            if !exactly && excess.abs() <= 1e-3 * budget {
                exactly = true;
                // SAFETY: passed on.
                sums = unsafe { self.sums::<V>(tau, true) };
                excess = sums.active + (sums.capped - budget);
            }
            let next = tau + excess / sums.count * self.temperature;
            if excess.abs() <= TOLERANCE * sums.active {
                bracket.solved = true;
                if sums.count > 0.0 {
                    bracket.tau = next;
                    bracket.window = WINDOW * sums.active / sums.count * self.temperature;
                }
                break;
            }
            if excess > 0.0 {
                at_high *= if was_above { 0.5 } else { 1.0 };
                (bracket.low, at_low, was_above) = (tau, excess, true);
                if excess <= loose * budget {
                    break;
                }
            } else {
                at_low *= if was_above { 1.0 } else { 0.5 };
                (bracket.high, at_high, was_above) = (tau, excess, false);
            }
            // Written so that a NaN gives way, too.
            let within = |tau: f64| tau > bracket.low && tau < bracket.high;
            bracket.tau = if within(next) {
                next
            } else {
                // Between what is known of both ends.
                let part = (at_low / (at_low - at_high)).clamp(0.01, 0.99);
                bracket.low + (bracket.high - bracket.low) * part
            };
            if !within(bracket.tau) {
                break;
            }
        }
        bracket
    }

    /// # Safety
    /// `out` is writable for the row, equal to its scores or disjoint.
    #[inline(never)]
    unsafe fn write<V: F32Block>(&self, tau: Pair, out: *mut f32) {
        let level: Level<V> = self.level(tau);
        let zero = V::splat(0.0);
        let n = self.scores.len;
        // SAFETY: by the caller; what a block writes it has read before.
        unsafe {
            self.each(|from, scores: V, bound| {
                let value = level.value(scores);
                let entries = bound.or_else(value.above(bound), value.keep(value.above(zero)));
                if from + LANES <= n {
                    entries.store(out.add(from));
                } else {
                    let mut tail = [0.0; LANES];
                    entries.store(tail.as_mut_ptr());
                    copy_short(tail.as_ptr(), out.add(from), n - from);
                }
            });
        }
    }
}

impl<V: F32Block> Level<V> {
    #[inline(always)]
    fn value(&self, scores: V) -> V {
        scores.sub(self.high).sub(self.low).mul(self.inverse)
    }
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
            scores: &scores,
            bounds: (!upper.is_null()).then_some(&bounds),
            inverse,
            temperature: 1.0 / f64::from(inverse),
        };
        // A budget far below n: the lane maxima tell where to look.
        let few = n >= SHORT_ROW && 4.0 * budget <= maxima_len(n) as f64;
        let maxima: *mut f32 = behind_lists(n, scratch).cast();
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
                scores: &packed,
                bounds: row.bounds.map(|_| &kept_bounds),
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
            let tau = packed.threshold::<V>(&problem, start, highest, maxima.cast());
            // In place: the entries take the scores' room.
            packed.write::<V>(tau, candidates.scores);
            *list = candidates.result();
            return Some(tau.rounded());
        }
        let sampled = n >= SHORT_ROW && row.bounds.is_none() && low.is_none();
        if sampled {
            if let Some(tau) = row.by_sample::<V>(budget, (max, highest), scratch.cast()) {
                let tau = Pair {
                    high: tau,
                    low: 0.0,
                };
                row.write::<V>(tau, out);
                return Some(tau.high);
            }
        }
        let (sum, count, room) = row.totals::<V>();
        let (tau, threshold);
        if room <= budget * 1.0001 && problem.is_full(row.sums::<V>(f64::NEG_INFINITY, true).capped)
        {
            tau = Pair {
                high: f64::NEG_INFINITY,
                low: 0.0,
            };
            threshold = problem.lowest_threshold();
        } else {
            let start = (sum - budget * row.temperature) / count;
            tau = row.threshold::<V>(problem, start, highest, scratch);
            threshold = tau.rounded();
        }
        row.write::<V>(tau, out);
        Some(threshold)
    }
}

/// The least bounds of the scores behind each lane maximum.
///
/// # Safety
/// The bounds are readable, `minima` is writable for [`maxima_len`].
#[inline(never)]
unsafe fn lane_minima<V: F32Block>(bounds: &Scores, minima: *mut f32) {
    let zero = V::splat(0.0);
    for from in (0..bounds.len).step_by(BLOCK) {
        let mut most = V::splat(f32::NEG_INFINITY);
        // SAFETY: by the caller.
        unsafe {
            for at in (from..bounds.len.min(from + BLOCK)).step_by(LANES) {
                most = most.pmax(zero.sub(bounds.block(at)));
            }
            // What is behind the row has none: 0.
            zero.pmax(zero.sub(most)).store(minima.add(from / 8));
        }
    }
}

impl Row<'_> {
    /// tau of scores with a finite maximum `highest` and bounds that exceed the budget.
    ///
    /// # Safety
    /// `scratch` has room for 2 n f64.
    #[inline(never)]
    unsafe fn threshold<V: F32Block>(
        &self,
        problem: &Problem,
        start: f64,
        highest: f64,
        scratch: *mut u8,
    ) -> Pair {
        // SAFETY: by the caller.
        unsafe {
            let bracket = self.newton::<V>(problem.budget, start, highest, 0.0);
            if !bracket.solved {
                return problem.threshold(bracket.low, bracket.high, scratch.cast());
            }
            let Bracket { tau, window, .. } = bracket;
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
            let scores = &Scores::whole(work, len);
            let sample = Row { scores, ..*self };
            let (sum, count, _) = sample.totals::<V>();
            let share = budget * len as f64 / n as f64;
            let start = (sum - share * self.temperature) / count;
            let bracket = sample.newton::<V>(share, start, highest, LOOSE);
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
            let scores = &Scores::whole(packed, rest + LANES);
            let above = Row { scores, ..*self };
            let bracket = above.newton::<V>(budget, found, highest, 0.0);
            let Bracket { tau, window, .. } = bracket;
            // Not within the rounding of `below`; entries on a breakpoint are for the exact method.
            let inside = bracket.solved && tau > low + 1e-6 * (highest - low);
            (inside && !(window > 0.0 && above.is_near::<V>(tau, window))).then_some(tau)
        }
    }

    /// What no entry above 0 lies below, relative to the maximum. None where most lane maxima lie above it.
    ///
    /// # Safety
    /// `maxima` are the row's lane maxima and behind them the 16 largest by lane, with twice as much room behind.
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
            if let Some(bounds) = self.bounds {
                lane_minima::<V>(bounds, minima);
            } else if 16.0 * budget <= total as f64 {
                // Sharp enough, at a quarter of the cost: the maxima of four times as many scores.
                subset = best;
                len = (total / 4).next_multiple_of(LANES);
                fold_maxima::<V>(maxima, total, subset, len);
            }
            let scores = &Scores::whole(subset, len);
            let bounds = &Scores::whole(minima, len);
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
            let bracket = subset.newton::<V>(budget, f64::from(start), f64::from(max), LOOSE);
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
