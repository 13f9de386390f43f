//! What a bracket of the threshold says of a row with bounds, in blocks of f32: its entries, or which of them are decided.

use super::constrained_blocks::{Bracket, Level, Row};
use super::constrained_powers::{by_power, Power, Real, Square, Terms};
use crate::simd::{F32Block, LANES};

/// An entry is surely at its bound where f exceeds that by more than rounding in f32 makes of it.
const SURELY: f32 = 1.0001;
/// What stands for an entry that may be anything.
pub const OPEN: f32 = -1.0;

impl Row<'_> {
    /// The entries of a solved row; false, and `out` is in no order, where one lies so near to 0 or to its bound that c does not
    /// tell on which side.
    ///
    /// # Safety
    /// `out` is writable for the row, and disjoint from it; `kept` is as [`Row::solve`] has left it.
    #[inline(never)]
    pub unsafe fn write<V: F32Block>(
        &self,
        bracket: &Bracket,
        kept: *const f32,
        out: *mut f32,
    ) -> bool {
        // SAFETY: passed on.
        unsafe {
            if self.power.is_its_slope() {
                let factor = V::splat(self.factor(bracket.kept, bracket.c));
                self.write_by::<V>(bracket, out, |from| {
                    let p = V::load(kept.add(from)).mul(factor);
                    (p, p, V::splat(1.0))
                })
            } else {
                by_power!(self.write_of::<V>(bracket, out))
            }
        }
    }

    #[inline(always)]
    unsafe fn write_of<V: F32Block, P: Terms>(
        &self,
        power: P,
        bracket: &Bracket,
        out: *mut f32,
    ) -> bool {
        let level: Level<V> = self.level(bracket.c);
        // SAFETY: passed on.
        unsafe {
            self.write_by(bracket, out, |from| {
                let d = level.below(self.scores.block(from));
                let (p, s) = power.of(d);
                (p, s, d)
            })
        }
    }

    /// `terms` are f, f' and a distance from 0.
    #[inline(always)]
    unsafe fn write_by<V: F32Block>(
        &self,
        bracket: &Bracket,
        out: *mut f32,
        terms: impl Fn(usize) -> (V, V, V),
    ) -> bool {
        let window = V::splat((bracket.uncertain * f64::from(self.scale)) as f32);
        let (zero, n) = (V::splat(0.0), self.scores.len);
        let mut nearest = V::splat(1.0);
        for from in (0..n).step_by(LANES) {
            // SAFETY: by the caller.
            let bound: V = unsafe { self.bound(from) };
            let (p, s, d) = terms(from);
            let inside = bound.above(p);
            let (over, change) = (p.sub(bound), s.mul(window));
            // Negative where the distance from the bound is less than what may be wrong.
            let far = over.mul(over).sub(change.mul(change));
            // Where p = 0 so is the change; a bound of 0 is never near.
            let far = V::splat(1.0).or_else(zero.at_least(bound), far);
            let square = d.mul(d).sub(window.mul(window));
            let far = square.or_else(far.above(square), far);
            nearest = far.or_else(nearest.above(far), nearest);
            let entries = p.or_else(inside, bound);
            // SAFETY: by the caller.
            unsafe {
                if from + LANES <= n {
                    entries.store(out.add(from));
                } else {
                    let mut tail = [0.0; LANES];
                    entries.store(tail.as_mut_ptr());
                    crate::simd::copy_short(tail.as_ptr(), out.add(from), n - from);
                }
            }
        }
        !V::any(zero.above(nearest))
    }

    /// Into `decided`: the bounds of the entries that are surely at them wherever c is between two ends, 0 for those that surely are
    /// 0, and [`OPEN`] for the others.
    ///
    /// # Safety
    /// `decided` is writable for the row in whole blocks, and may be `kept`, which is as [`Row::solve`] has left it.
    #[inline(never)]
    pub unsafe fn decide<V: F32Block>(
        &self,
        ends: (f64, f64),
        bracket: &Bracket,
        kept: *const f32,
        decided: *mut f32,
    ) {
        // SAFETY: passed on.
        unsafe {
            if self.power.is_its_slope() {
                let factor = V::splat(self.factor(bracket.kept, ends.1));
                self.decide_by::<V>(f32::NEG_INFINITY, decided, |from| {
                    V::load(kept.add(from)).mul(factor)
                });
            } else {
                by_power!(self.decide_of::<V>(ends, decided));
            }
        }
    }

    #[inline(always)]
    unsafe fn decide_of<V: F32Block, P: Terms>(
        &self,
        power: P,
        (low, high): (f64, f64),
        decided: *mut f32,
    ) {
        let level: Level<V> = self.level(high);
        // SAFETY: passed on.
        unsafe {
            self.decide_by::<V>((low as f32).next_down(), decided, |from| {
                power.of(level.below(self.scores.block(from))).0
            });
        }
    }

    /// f falls with c: `least` says what it is at the upper end.
    #[inline(always)]
    unsafe fn decide_by<V: F32Block>(
        &self,
        zero_up_to: f32,
        decided: *mut f32,
        least: impl Fn(usize) -> V,
    ) {
        let (low, surely, open) = (V::splat(zero_up_to), V::splat(SURELY), V::splat(OPEN));
        for from in (0..self.scores.len).step_by(LANES) {
            // SAFETY: by the caller.
            unsafe {
                let (scores, bound): (V, V) = (self.scores.block(from), self.bound(from));
                let is_met = least(from).at_least(bound.mul(surely));
                let entries = bound.or_else(is_met, open.keep(scores.above(low)));
                entries.store(decided.add(from));
            }
        }
    }
}
