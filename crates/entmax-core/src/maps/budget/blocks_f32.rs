//! A row of the capped simplex in blocks of sixteen f32: which entries one threshold, or a bracket, decides, and how they are
//! written.

use super::super::compensated::Pair;
use super::super::scan_f32::Scores;
use super::sums_f32::Exact;
use crate::simd::{copy_short, F32Block, LANES};

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

    /// For a tau between `low` and `high`, in bits: which entries of the block from index `from` on are at their bound, and which may
    /// be 0, at their bound or between.
    ///
    /// # Safety
    /// As [`Row::bound`].
    #[inline(always)]
    pub unsafe fn decide<V: F32Block>(&self, from: usize, (low, high): (f32, f32)) -> (u32, u32) {
        // SAFETY: by the caller.
        let (scores, bound): (V, V) = unsafe { (self.scores.block(from), self.bound(from)) };
        let above = scores.above(V::splat(low));
        if !V::any(above) {
            return (0, 0);
        }
        let value = scores.sub(V::splat(high)).mul(V::splat(self.inverse));
        let open = V::both(above, bound.at_least(value));
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

    /// Packs the scores above `cut`, padded with -inf to a whole block, and their bounds; returns their number.
    ///
    /// # Safety
    /// The bounds are readable; `packed` and `packed_bounds` are writable for the row and 32 more.
    #[inline(never)]
    pub unsafe fn pack_above<V: F32Block>(
        &self,
        cut: f32,
        (packed, packed_bounds): (*mut f32, *mut f32),
    ) -> usize {
        let (cut, mut len) = (V::splat(cut), 0);
        // SAFETY: by the caller.
        unsafe {
            self.each(|_, scores: V, bound| {
                let above = scores.above(cut);
                if V::any(above) {
                    let bits = V::bits(above);
                    bound.pack(bits, packed_bounds.add(len));
                    len += scores.pack(bits, packed.add(len));
                }
            });
            V::splat(f32::NEG_INFINITY).store(packed.add(len));
        }
        len
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
