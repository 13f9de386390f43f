//! What an entry that has not met its bound is, in blocks of f32: an exponential, or a power, of its distance from the threshold.

use crate::simd::exp_log::{exp2_nonpositive, log2_of_ratio};
use crate::simd::F32Block;

/// The least number that f32 holds with all its digits.
const LEAST: f32 = f32::MIN_POSITIVE;

/// f, without its scale.
#[derive(Clone, Copy, PartialEq)]
pub enum Power {
    Exponential,
    /// That of alpha = 1.5.
    Square,
    /// Any other power from 1 on.
    Real(f32),
}

impl Power {
    /// For e = alpha - 1 in [0, 1]; None above.
    pub fn of(e: f64) -> Option<Power> {
        let beta = 1.0 / e;
        if e == 0.0 {
            Some(Power::Exponential)
        } else if e > 1.0 || beta > 1e4 {
            None
        } else if e == 0.5 {
            Some(Power::Square)
        } else {
            Some(Power::Real(beta as f32))
        }
    }

    /// Whether f' is f.
    pub const fn is_its_slope(self) -> bool {
        matches!(self, Power::Exponential)
    }

    /// Whether f is formed in a pass of its own, so that there is one copy of it.
    pub fn is_formed(self) -> bool {
        self != Power::Square
    }
}

/// (f, f') of -`below` where f is a square, both 0 where f is.
#[inline(always)]
pub fn square<V: F32Block>(below: V) -> (V, V) {
    let d = V::splat(0.0).sub(below).pmax(V::splat(0.0));
    (d.mul(d), d.add(d))
}

/// No ratio is above 1.
#[inline(always)]
fn ratio<V: F32Block>(d: V) -> V {
    let one = V::splat(1.0);
    one.or_else(d.above(one), d.pmax(V::splat(LEAST)))
}

/// f, a power of -`below`.
#[inline(always)]
pub fn power<V: F32Block>(below: V, beta: f32) -> V {
    let (zero, one, beta) = (V::splat(0.0), V::splat(1.0), V::splat(beta));
    let d = zero.sub(below).pmax(zero);
    let over = below.add(one).pmax(zero);
    // Not 1 - over, which loses a small one.
    let log = log2_of_ratio(ratio(d), zero.sub(over));
    exp2_nonpositive(log.mul(beta)).keep(d.above(zero))
}

/// f' where f is `p`.
#[inline(always)]
pub fn slope<V: F32Block>(p: V, below: V, beta: f32) -> V {
    let d = V::splat(0.0).sub(below).pmax(V::splat(0.0));
    p.div(ratio(d)).mul(V::splat(beta))
}
