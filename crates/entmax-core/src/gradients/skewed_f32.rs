//! dx = s (v - mean) / T for a row of f32 and alpha <= 2, in two passes over p that skip whatever is all zero.
//!
//! The sums are formed in f32 products and f64 accumulators in the block's order. Blocks without support read nothing
//! of v: a sparse row is a read of p and a write of zeros.

use super::rows::{fill, Row};
use super::support;
use crate::simd::{
    copy_short,
    exp_log::{exp2_nonpositive, log2_of_ratio},
    F32Block, LANES,
};

/// s = p^(2 - alpha), sixteen at a time; p = 0 gives anything.
trait Skew: Copy {
    fn of<V: F32Block>(self, p: V) -> V;
    /// Whether s is worth keeping from one pass to the next.
    const COSTLY: bool = false;
}

/// alpha = 1.
#[derive(Clone, Copy)]
struct Same;
/// alpha = 1.5.
#[derive(Clone, Copy)]
struct Root;
/// alpha = 2.
#[derive(Clone, Copy)]
struct One;
/// Any alpha in (1, 2): 2 - alpha.
#[derive(Clone, Copy)]
struct Power(f32);

impl Skew for Same {
    #[inline(always)]
    fn of<V: F32Block>(self, p: V) -> V {
        p
    }
}

impl Skew for Root {
    #[inline(always)]
    fn of<V: F32Block>(self, p: V) -> V {
        p.sqrt()
    }
}

impl Skew for One {
    #[inline(always)]
    fn of<V: F32Block>(self, p: V) -> V {
        // 1, but NaN of NaN.
        p.sub(p).add(V::splat(1.0))
    }
}

impl Skew for Power {
    const COSTLY: bool = true;

    #[inline(always)]
    fn of<V: F32Block>(self, p: V) -> V {
        // The logarithm wants normal numbers; s of smaller ones is off by what they differ, and they are not made by the map.
        let p = p.pmax(V::splat(f32::MIN_POSITIVE));
        let log = log2_of_ratio(p, p.sub(V::splat(1.0)));
        exp2_nonpositive(log.mul(V::splat(self.0)))
    }
}

/// dx of a row of entmax.
///
/// # Safety
/// As [`Row`] says.
#[inline(always)]
pub unsafe fn pull_back<V: F32Block>(row: &Row<f32>, e: f64, temperature: f64) {
    // SAFETY: passed on.
    unsafe {
        if e == 0.0 {
            in_two_passes::<V, _>(Same, row, temperature);
        } else if e == 0.5 {
            in_two_passes::<V, _>(Root, row, temperature);
        } else if e == 1.0 {
            in_two_passes::<V, _>(One, row, temperature);
        } else if e < 1.0 {
            in_two_passes::<V, _>(Power((1.0 - e) as f32), row, temperature);
        } else {
            support::pull_back(row, e, temperature);
        }
    }
}

/// # Safety
/// As [`pull_back`].
#[inline(never)]
unsafe fn in_two_passes<V: F32Block, S: Skew>(skew: S, row: &Row<f32>, temperature: f64) {
    let &Row { p, v, dx, n, .. } = row;
    let kept: *mut f32 = row.scratch.cast();
    let (whole, left) = (n / LANES * LANES, n % LANES);
    let (mut tail_p, mut tail_v) = ([0.0; LANES], [0.0; LANES]);
    let zero = V::splat(0.0);
    // SAFETY: blocks of the row, or the copies of its tail; what is written to dx has been read before. The scratch
    // holds n entries and more than a block behind them.
    unsafe {
        copy_short(p.add(whole), tail_p.as_mut_ptr(), left);
        copy_short(v.add(whole), tail_v.as_mut_ptr(), left);
        let block = |from: usize| {
            if from < whole {
                (p.add(from), v.add(from))
            } else {
                (tail_p.as_ptr(), tail_v.as_ptr())
            }
        };
        let (mut all_s, mut all_sv) = (V::no_sums(), V::no_sums());
        for from in (0..n).step_by(LANES) {
            let (p, v) = block(from);
            let p = V::load(p);
            let inside = p.differs(zero);
            if V::any(inside) {
                let s = skew.of(p).keep(inside);
                if S::COSTLY {
                    s.store(kept.add(from));
                }
                s.sum_into(&mut all_s);
                s.mul(V::load(v)).keep(inside).sum_into(&mut all_sv);
            }
        }
        let sum = V::total(all_s);
        let mean = if sum == 0.0 {
            0.0
        } else {
            V::total(all_sv) / sum
        };
        if !mean.is_finite() {
            return fill(dx, n, f32::NAN);
        }
        let mean = V::splat(mean as f32);
        let inverse = V::splat((1.0 / temperature) as f32);
        let mut tail_dx = [0.0; LANES];
        for from in (0..n).step_by(LANES) {
            let (p, v) = block(from);
            let p = V::load(p);
            let inside = p.differs(zero);
            let mut result = zero;
            if V::any(inside) {
                let s = if S::COSTLY {
                    V::load(kept.add(from))
                } else {
                    skew.of(p)
                };
                result = s.mul(V::load(v).sub(mean)).mul(inverse).keep(inside);
            }
            result.store(if from < whole {
                dx.add(from)
            } else {
                tail_dx.as_mut_ptr()
            });
        }
        copy_short(tail_dx.as_ptr(), dx.add(whole), left);
    }
}
