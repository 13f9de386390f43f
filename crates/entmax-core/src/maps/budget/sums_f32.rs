//! Sums over a row of the capped simplex in blocks of sixteen f32, as exact as each is asked for.

use super::super::compensated::Pair;
use super::blocks_f32::{Level, Row};
use crate::simd::{F32Block, LANES};

/// Blocks whose lanes are added in f32.
const RUN: usize = 8;

/// What one pass tells.
pub struct Sums {
    /// Of the entries strictly inside, and how many these are.
    pub active: f64,
    pub count: f64,
    /// Of the bounds of the others that are not 0.
    pub capped: f64,
}

/// The lanes' sum, of few digits.
#[inline(always)]
fn sum_of<V: F32Block>(block: V) -> f64 {
    let mut sums = V::no_sums();
    block.sum_into(&mut sums);
    V::total(sums)
}

/// A sum lane by lane that keeps what each addition rounds away (`compensated::two_sum`).
pub struct Exact<V> {
    sum: V,
    error: V,
}

impl<V: F32Block> Exact<V> {
    #[inline(always)]
    pub fn new() -> Exact<V> {
        let zero = V::splat(0.0);
        Exact {
            sum: zero,
            error: zero,
        }
    }

    #[inline(always)]
    pub fn add(&mut self, block: V) {
        let sum = self.sum.add(block);
        let part = sum.sub(self.sum);
        let lost = self.sum.sub(sum.sub(part)).add(block.sub(part));
        self.sum = sum;
        self.error = self.error.add(lost);
    }

    /// Without rounding the lanes' sum to f32.
    #[inline(always)]
    pub fn total(&self) -> f64 {
        let mut errors = V::no_sums();
        self.error.sum_into(&mut errors);
        let mut lanes = [0.0; LANES];
        // SAFETY: the array holds sixteen floats.
        unsafe { self.sum.store(lanes.as_mut_ptr()) };
        let mut sums = [0.0; 4];
        for (lane, &value) in lanes.iter().enumerate() {
            sums[lane % 4] += f64::from(value);
        }
        V::total(errors) + ((sums[0] + sums[1]) + (sums[2] + sums[3]))
    }
}

impl Row {
    /// What the entries are at tau.
    ///
    /// # Safety
    /// The bounds are readable.
    #[inline(always)]
    pub unsafe fn sums<V: F32Block>(&self, tau: f64) -> Sums {
        if self.bounds.is_none() {
            self.sums_to_one::<V>(tau)
        } else {
            // SAFETY: passed on.
            unsafe { self.sums_to_bounds::<V>(tau) }
        }
    }

    #[inline(never)]
    unsafe fn sums_to_bounds<V: F32Block>(&self, tau: f64) -> Sums {
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
                capped.add(bound.keep(over));
            });
        }
        Sums {
            active: V::total(active),
            count: sum_of(inner),
            capped: capped.total(),
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
}
