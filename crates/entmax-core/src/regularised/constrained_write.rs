//! What a bracket of the threshold says of a row with bounds, in blocks of f32: its entries, or which of them are decided.

use super::constrained_blocks::{Bracket, Level, Row};
use super::constrained_powers::{slope, square, Power};
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
    /// `out` is writable for the row, and disjoint from it; `kept` is as [`Row::solve`] has left it, and writable as there.
    #[inline(never)]
    pub unsafe fn write<V: F32Block>(
        &self,
        bracket: &Bracket,
        kept: *mut f32,
        out: *mut f32,
    ) -> bool {
        // SAFETY: by the caller.
        let factor = V::splat(unsafe { self.ready::<V>(bracket, bracket.c, kept) });
        let level: Level<V> = self.level(bracket.c);
        let window = V::splat((bracket.uncertain * f64::from(self.scale)) as f32);
        let (zero, n) = (V::splat(0.0), self.scores.len);
        let mut nearest = V::splat(1.0);
        for from in (0..n).step_by(LANES) {
            // SAFETY: by the caller, here and below.
            let bound: V = unsafe { self.bounds.block(from) };
            let d = level.below(unsafe { self.scores.block(from) });
            // f, f' and a distance from 0.
            let (p, s, d) = match self.power {
                Power::Exponential => {
                    let p = unsafe { V::load(kept.add(from)) }.mul(factor);
                    (p, p, V::splat(1.0))
                }
                Power::Square => {
                    let (p, s) = square(d);
                    (p, s, d)
                }
                Power::Real(beta) => {
                    let p = unsafe { V::load(kept.add(from)) };
                    (p, slope(p, d, beta), d)
                }
            };
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
        (low, high): (f64, f64),
        bracket: &Bracket,
        kept: *mut f32,
        decided: *mut f32,
    ) {
        // f falls with c: it is no less than at the upper end.
        // SAFETY: by the caller.
        let factor = V::splat(unsafe { self.ready::<V>(bracket, high, kept) });
        let level: Level<V> = self.level(high);
        let zero_up_to = if self.power.is_its_slope() {
            f32::NEG_INFINITY
        } else {
            (low as f32).next_down()
        };
        let (low, surely, open) = (V::splat(zero_up_to), V::splat(SURELY), V::splat(OPEN));
        for from in (0..self.scores.len).step_by(LANES) {
            // SAFETY: by the caller.
            unsafe {
                let (scores, bound): (V, V) = (self.scores.block(from), self.bounds.block(from));
                let least = if self.power.is_formed() {
                    V::load(kept.add(from)).mul(factor)
                } else {
                    square(level.below(scores)).0
                };
                let is_met = least.at_least(bound.mul(surely));
                let entries = bound.or_else(is_met, open.keep(scores.above(low)));
                entries.store(decided.add(from));
            }
        }
    }

    /// What to multiply `kept` by for c; powers are formed anew.
    #[inline(always)]
    unsafe fn ready<V: F32Block>(&self, bracket: &Bracket, c: f64, kept: *mut f32) -> f32 {
        if let Power::Real(_) = self.power {
            // SAFETY: by the caller.
            unsafe { self.form::<V>(c, kept) };
        }
        self.factor(bracket.kept, c)
    }
}
