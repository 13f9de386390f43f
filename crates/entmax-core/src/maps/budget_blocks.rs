//! Passes over a row of the capped simplex in blocks of sixteen f32, and Newton's method on what they tell; `budget_f32` and
//! `budget_f64` say when.
//!
//! The clipped sum is piecewise linear and neither convex nor concave. Where many entries lie between 0 and their bounds
//! Newton's method converges in a few steps; where hardly any do, the sum is a staircase of whole bounds, whose slope at one
//! place says nothing about the next step. Then the steps are those of false position, and they end as soon as few entries
//! are left undecided.

use super::compensated::Pair;
use super::scan_f32::Scores;
use crate::simd::{copy_short, F32Block, LANES};

/// Newton's steps and those between before the exact method takes over.
const STEPS: usize = 16;
/// The largest part of the active entries that their sum may be off by: its own rounding.
const TOLERANCE: f64 = 2e-7;
/// What a solved tau is off by at most, relative to the mean active entry: the rounding of the sum, with as much again.
const WINDOW: f64 = 1e-6;
/// How much farther than the slope says a step goes that looks for the other end.
const STRIDE: f64 = 1.5;
/// Blocks whose lanes are added in f32.
const RUN: usize = 8;

/// Scores with their bounds.
#[derive(Clone, Copy)]
pub struct Row {
    pub scores: Scores,
    /// None: all ones.
    pub bounds: Option<Scores>,
    /// 1 / temperature as the blocks have it, and its inverse.
    pub inverse: f32,
    pub temperature: f64,
}

/// One threshold, in two parts: the first difference is exact near it.
#[derive(Clone, Copy)]
pub struct Level<V> {
    high: V,
    low: V,
    inverse: V,
}

/// What one pass tells.
pub struct Sums {
    /// Of the entries strictly inside, and how many these are.
    pub active: f64,
    pub count: f64,
    /// Of the bounds of the others that are not 0.
    pub capped: f64,
}

/// tau lies between `low`, where the sum exceeds the budget by `at_low`, and `high`, where it does by `at_high`, which is not
/// above 0.
#[derive(Clone, Copy)]
pub struct Ends {
    pub low: f64,
    pub high: f64,
    pub at_low: f64,
    pub at_high: f64,
}

impl Ends {
    /// Below the largest score, where all entries are 0.
    pub fn below(highest: f64, budget: f64) -> Ends {
        Ends {
            low: f64::NEG_INFINITY,
            high: highest,
            at_low: 0.0,
            at_high: -budget,
        }
    }

    /// Written so that a NaN is not, too.
    #[inline(always)]
    fn hold(&self, tau: f64) -> bool {
        tau > self.low && tau < self.high
    }

    /// Where the line through both ends meets the budget.
    #[inline(always)]
    pub fn between(&self) -> f64 {
        let part = (self.at_low / (self.at_low - self.at_high)).clamp(0.01, 0.99);
        self.low + (self.high - self.low) * part
    }
}

/// tau lies between the ends; if `solved`, within `window` of `tau`, unless no entry is strictly inside, which a `window` of 0 says.
pub struct Bracket {
    pub low: f64,
    pub high: f64,
    pub tau: f64,
    pub window: f64,
    pub solved: bool,
}

/// Which quarter of a block a lane belongs to.
static QUARTERS: [f32; LANES] = [
    0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 3.0,
];

/// The lanes' sum, of few digits.
#[inline(always)]
fn sum_of<V: F32Block>(block: V) -> f64 {
    let mut sums = V::no_sums();
    block.sum_into(&mut sums);
    V::total(sums)
}

/// A sum lane by lane that keeps what each addition rounds away (`compensated::two_sum`).
struct Exact<V> {
    sum: V,
    error: V,
}

impl<V: F32Block> Exact<V> {
    #[inline(always)]
    fn new() -> Exact<V> {
        let zero = V::splat(0.0);
        Exact {
            sum: zero,
            error: zero,
        }
    }

    #[inline(always)]
    fn add(&mut self, block: V) {
        let sum = self.sum.add(block);
        let part = sum.sub(self.sum);
        let lost = self.sum.sub(sum.sub(part)).add(block.sub(part));
        self.sum = sum;
        self.error = self.error.add(lost);
    }

    /// Without rounding the lanes' sum to f32: four at a time.
    #[inline(never)]
    fn total(&self) -> f64 {
        // SAFETY: the array holds sixteen floats.
        let quarters: V = unsafe { V::load(QUARTERS.as_ptr()) };
        let mut sums = V::no_sums();
        self.error.sum_into(&mut sums);
        let mut rest = self.sum;
        for quarter in [2.5, 1.5, 0.5] {
            let behind = quarters.above(V::splat(quarter));
            rest.keep(behind).sum_into(&mut sums);
            rest = V::splat(0.0).or_else(behind, rest);
        }
        rest.sum_into(&mut sums);
        V::total(sums)
    }
}

impl Row {
    #[inline(always)]
    pub fn level<V: F32Block>(&self, tau: Pair) -> Level<V> {
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
    pub unsafe fn bound<V: F32Block>(&self, from: usize) -> V {
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
    pub unsafe fn each<V: F32Block>(&self, mut f: impl FnMut(usize, V, V)) {
        for from in (0..self.scores.len).step_by(LANES) {
            // SAFETY: `from` is a multiple of 16 below the length.
            unsafe { f(from, self.scores.block(from), self.bound(from)) };
        }
    }

    /// What the entries are at tau; `exactly`: with a sum of bounds that keeps what f32 rounds away.
    ///
    /// # Safety
    /// The bounds are readable.
    #[inline(always)]
    pub unsafe fn sums<V: F32Block>(&self, tau: f64, exactly: bool) -> Sums {
        // SAFETY: passed on.
        unsafe {
            if self.bounds.is_none() {
                self.sums_to_one::<V>(tau)
            } else if exactly {
                self.sums_to_bounds::<V, true>(tau)
            } else {
                self.sums_to_bounds::<V, false>(tau)
            }
        }
    }

    #[inline(never)]
    unsafe fn sums_to_bounds<V: F32Block, const EXACTLY: bool>(&self, tau: f64) -> Sums {
        let level: Level<V> = self.level(Pair {
            high: tau,
            low: 0.0,
        });
        let (zero, one) = (V::splat(0.0), V::splat(1.0));
        let (mut active, mut capped) = (V::no_sums(), Exact::<V>::new());
        // Lane by lane: these are whole numbers.
        let mut inner = zero;
        // SAFETY: by the caller.
        unsafe {
            self.each(|_, scores: V, bound| {
                let value = level.value(scores);
                let (over, inside) = (value.above(bound), value.above(zero));
                zero.or_else(over, value.keep(inside)).sum_into(&mut active);
                inner = inner.add(zero.or_else(over, one.keep(inside)));
                let at_bound = bound.keep(over);
                if EXACTLY {
                    capped.add(at_bound);
                } else {
                    capped.sum = capped.sum.add(at_bound);
                }
            });
        }
        Sums {
            active: V::total(active),
            count: sum_of(inner),
            capped: if EXACTLY {
                capped.total()
            } else {
                sum_of(capped.sum)
            },
        }
    }

    /// The sum of the entries at tau rounded to f32, added lane by lane as long as little is lost.
    ///
    /// # Safety
    /// There are bounds.
    #[inline(never)]
    pub unsafe fn quick_sum<V: F32Block>(&self, tau: f64) -> f64 {
        let (high, inverse, zero) = (V::splat(tau as f32), V::splat(self.inverse), V::splat(0.0));
        let mut all = V::no_sums();
        let n = self.scores.len;
        for start in (0..n).step_by(RUN * LANES) {
            let mut some = zero;
            for from in (start..n.min(start + RUN * LANES)).step_by(LANES) {
                // SAFETY: by the caller.
                let (scores, bound): (V, V) =
                    unsafe { (self.scores.block(from), self.bound(from)) };
                let value = scores.sub(high).mul(inverse);
                // In this order: behind the row a score is -inf and a bound is anything.
                let entries = zero.pmax(bound.or_else(value.above(bound), value));
                some = some.add(entries);
            }
            some.sum_into(&mut all);
        }
        V::total(all)
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
        let outer = sum_of(outer);
        Sums {
            active: V::total(active),
            count: sum_of(positive) - outer,
            capped: outer,
        }
    }

    /// The sum and the number of the scores but -inf, and the sum of their bounds, all of them roughly.
    ///
    /// # Safety
    /// The bounds are readable.
    #[inline(never)]
    pub unsafe fn totals<V: F32Block>(&self) -> (f64, f64, f64) {
        let (least, one, zero) = (V::splat(f32::NEG_INFINITY), V::splat(1.0), V::splat(0.0));
        let (mut sum, mut room, mut count) = (V::no_sums(), V::no_sums(), zero);
        let n = self.scores.len;
        for start in (0..n).step_by(RUN * LANES) {
            let (mut some, mut some_room) = (zero, zero);
            for from in (start..n.min(start + RUN * LANES)).step_by(LANES) {
                // SAFETY: by the caller.
                let (scores, bound): (V, V) =
                    unsafe { (self.scores.block(from), self.bound(from)) };
                let left = scores.above(least);
                some = some.add(scores.keep(left));
                count = count.add(one.keep(left));
                some_room = some_room.add(bound.keep(left));
            }
            some.sum_into(&mut sum);
            some_room.sum_into(&mut room);
        }
        (V::total(sum), sum_of(count), V::total(room))
    }

    /// Newton's method from `start` between the ends; `loose` ends at a lower bound with this much more than the budget, as a part
    /// of it.
    ///
    /// # Safety
    /// The bounds are readable.
    #[inline(never)]
    pub unsafe fn newton<V: F32Block>(
        &self,
        budget: f64,
        start: f64,
        mut ends: Ends,
        loose: f64,
    ) -> Bracket {
        let (mut tau, mut window, mut solved) = (start, 0.0, false);
        // The excess at both ends is taken for less where the other end has moved twice.
        let mut was_above = false;
        let mut exactly = self.bounds.is_none();
        for _ in 0..STEPS {
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
                solved = true;
                if sums.count > 0.0 {
                    tau = next;
                    window = WINDOW * sums.active / sums.count * self.temperature;
                }
                break;
            }
            if excess > 0.0 {
                ends.at_high *= if was_above { 0.5 } else { 1.0 };
                (ends.low, ends.at_low, was_above) = (tau, excess, true);
                if excess <= loose * budget {
                    break;
                }
            } else {
                ends.at_low *= if was_above { 1.0 } else { 0.5 };
                (ends.high, ends.at_high, was_above) = (tau, excess, false);
            }
            tau = if ends.hold(next) {
                next
            } else {
                ends.between()
            };
            if !ends.hold(tau) {
                break;
            }
        }
        Bracket {
            low: ends.low,
            high: ends.high,
            tau,
            window,
            solved,
        }
    }

    /// Moves the ends together until the sums at them differ by `aim`: by false position, which needs no more than the sum,
    /// and from a start on which nothing is known by strides as long as `slope`, what the sum falls by with tau, says (0: as
    /// the line to the upper end). Returns where tau seems to lie then, and whether so near that rounding decides on which side.
    ///
    /// # Safety
    /// There are bounds.
    #[inline(never)]
    pub unsafe fn close_in<V: F32Block>(
        &self,
        budget: f64,
        (start, slope): (f64, f64),
        ends: &mut Ends,
        aim: f64,
    ) -> (f64, bool) {
        let highest = ends.high;
        let (mut tau, mut stride) = (f64::from(start as f32), STRIDE);
        // As in Newton's method.
        let (mut at_low, mut at_high, mut was_above) = (ends.at_low, ends.at_high, false);
        for step in 0..STEPS {
            // SAFETY: by the caller.
            let sum = unsafe { self.quick_sum::<V>(tau) };
            let excess = sum - budget;
            if excess.abs() <= 1e-6 * budget {
                return (tau, true);
            }
            let is_above = excess > 0.0;
            if is_above {
                at_high *= if step > 0 && was_above { 0.5 } else { 1.0 };
                (ends.low, ends.at_low, at_low) = (tau, excess, excess);
            } else {
                at_low *= if step == 0 || was_above { 1.0 } else { 0.5 };
                (ends.high, ends.at_high, at_high) = (tau, excess, excess);
            }
            was_above = is_above;
            let open = ends.low == f64::NEG_INFINITY || (ends.high == highest && slope > 0.0);
            let mut next = f64::NAN;
            if open {
                let steep = if slope > 0.0 {
                    slope
                } else {
                    sum / (highest - tau)
                };
                next = tau + stride * excess / steep;
                stride *= 2.0;
            }
            if !ends.hold(next) {
                let ends = Ends {
                    at_low,
                    at_high,
                    ..*ends
                };
                next = ends.between();
            }
            tau = f64::from(next as f32);
            if !ends.hold(tau) || (!open && ends.at_low - ends.at_high <= aim) {
                break;
            }
        }
        (tau, false)
    }

    /// For a tau between `low` and `high`, in bits: which entries of the block from index `from` on are at their bound, and which may
    /// be 0, at their bound or between.
    ///
    /// # Safety
    /// As [`Row::bound`].
    #[inline(always)]
    pub unsafe fn decide<V: F32Block>(&self, from: usize, (low, high): (f32, f32)) -> (u32, u32) {
        // SAFETY: by the caller.
        let (scores, bound): (V, V) = unsafe { (self.scores.block(from), self.bound(from)) };
        let value = scores.sub(V::splat(high)).mul(V::splat(self.inverse));
        let open = V::both(scores.above(V::splat(low)), bound.at_least(value));
        (V::bits(value.above(bound)), V::bits(open))
    }

    /// Packs the entries that may still be 0, at their bound or between, for a tau between `low` and `high`, and returns
    /// their number, at most `most`, and what the bounds of those at them sum to, exactly; None for more.
    ///
    /// Which those are is right for any tau up to `high` less 4e-7 of the distance from there to the largest score: what
    /// rounding may do to a comparison.
    ///
    /// # Safety
    /// There are bounds; `packed` and `packed_bounds` are writable for `most` and 32 more, and may be the row's own.
    #[inline(never)]
    pub unsafe fn pack_undecided<V: F32Block>(
        &self,
        (low, high): (f32, f32),
        (packed, packed_bounds): (*mut f32, *mut f32),
        most: usize,
    ) -> Option<(usize, f64)> {
        let (high, inverse) = (V::splat(high), V::splat(self.inverse));
        let (mut capped, mut len) = (Exact::<V>::new(), 0);
        let low = V::splat(low);
        // SAFETY: by the caller.
        unsafe {
            for from in (0..self.scores.len).step_by(LANES) {
                let (scores, bound): (V, V) = (self.scores.block(from), self.bound(from));
                let value = scores.sub(high).mul(inverse);
                capped.add(bound.keep(value.above(bound)));
                let undecided = V::both(scores.above(low), bound.at_least(value));
                if V::any(undecided) {
                    if len > most {
                        return None;
                    }
                    let bits = V::bits(undecided);
                    bound.pack(bits, packed_bounds.add(len));
                    len += scores.pack(bits, packed.add(len));
                }
            }
        }
        if len > most {
            return None;
        }
        // SAFETY: there is room for a block more.
        unsafe { V::splat(f32::NEG_INFINITY).store(packed.add(len)) };
        Some((len, capped.total()))
    }

    /// # Safety
    /// `out` is writable for the row, equal to its scores or disjoint.
    #[inline(never)]
    pub unsafe fn write<V: F32Block>(&self, tau: Pair, out: *mut f32) {
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
    pub fn value(&self, scores: V) -> V {
        scores.sub(self.high).sub(self.low).mul(self.inverse)
    }
}
