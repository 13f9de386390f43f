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
}

/// What passes over a row ask of a power. A type for each, so that nothing is left to decide block by block.
pub trait Terms: Copy {
    /// (f, f') of -`below`, both 0 where f is.
    fn of<V: F32Block>(self, below: V) -> (V, V);
}

#[derive(Clone, Copy)]
pub struct Square;

impl Terms for Square {
    #[inline(always)]
    fn of<V: F32Block>(self, below: V) -> (V, V) {
        let d = V::splat(0.0).sub(below).pmax(V::splat(0.0));
        (d.mul(d), d.add(d))
    }
}

#[derive(Clone, Copy)]
pub struct Real(pub f32);

impl Terms for Real {
    #[inline(always)]
    fn of<V: F32Block>(self, below: V) -> (V, V) {
        let (zero, one, beta) = (V::splat(0.0), V::splat(1.0), V::splat(self.0));
        let d = zero.sub(below).pmax(zero);
        // No ratio is above 1.
        let over = below.add(one).pmax(zero);
        // Not 1 - over, which loses a small one.
        let ratio = one.or_else(d.above(one), d.pmax(V::splat(LEAST)));
        let log = log2_of_ratio(ratio, zero.sub(over));
        let p = exp2_nonpositive(log.mul(beta)).keep(d.above(zero));
        (p, p.div(ratio).mul(beta))
    }
}

/// Calls `$self.$pass` with the power's type. Exponentials have passes of their own.
macro_rules! by_power {
    ($row:ident.$pass:ident::<$block:ident>($($argument:expr),*)) => {
        match $row.power {
            Power::Real(beta) => $row.$pass::<$block, Real>(Real(beta), $($argument),*),
            _ => $row.$pass::<$block, Square>(Square, $($argument),*),
        }
    };
}

pub(super) use by_power;
