//! The power in p = (e (u - tau))^beta, beta = 1 / e, with u = score - max: once for small integer beta, where
//! it is a few multiplications, and once for any beta >= 1 through log and exp.
//!
//! tau = c - beta is kept in f64 and subtracted in two f32 parts, `(u - high) - low`: the first difference is
//! exact near the threshold (Sterbenz), so an entry just above it keeps its relative accuracy and a spike with a
//! million small entries still sums to 1.
//!
//! A kernel works with terms up to a common factor: `(q, s)` with q proportional to p and s to p^(2 - alpha).

use crate::simd::{
    exp_log::{exp2_nonpositive, log2_of_ratio, EXP2_CUTOFF},
    quad::Quad,
    sqrt, F32Block, ROWS,
};

/// One threshold, ready for sixteen scores at a time.
#[derive(Clone, Copy)]
pub struct Level<V> {
    high: V,
    low: V,
    /// 1 / (distance of the maximum from the threshold).
    inverse: V,
    beta_minus_one: V,
    /// What is not flushed: ratios from `least` up, or, if `least` is negative, ratios less one.
    least: V,
}

/// What the sums of one pass say about the threshold.
pub struct Step {
    /// The sum of the probabilities at this threshold less 1, or its logarithm: the same near 1.
    pub excess: f64,
    /// Newton's step of c on the norm of p (MATH.md section 2.4): from the left, never beyond the root.
    pub delta: f64,
}

/// A power and its norm.
pub trait Power: Copy {
    /// e = alpha - 1.
    fn exponent(self) -> f64;
    /// Whether a pass is expensive enough to keep its terms.
    const COSTLY: bool;
    /// Accept |sum - 1| up to this.
    const TOLERANCE: f64;
    /// For blocks of four rows, each with a threshold of its own.
    fn levels<V: F32Block>(self, c: [f64; ROWS]) -> Level<V>;
    #[inline(always)]
    fn level<V: F32Block>(self, c: f64) -> Level<V> {
        self.levels([c; ROWS])
    }
    fn terms<V: F32Block>(self, level: &Level<V>, u: V) -> (V, V);
    /// From the sums of q and s at c.
    fn step(self, c: f64, q: f64, s: f64) -> Step;
    /// The same for four rows, where f32 is enough for what is added to c.
    #[inline(always)]
    fn steps<V: F32Block>(self, c: [f64; ROWS], q: [f64; ROWS], s: [f64; ROWS]) -> [Step; ROWS] {
        core::array::from_fn(|k| self.step(c[k], q[k], s[k]))
    }
    /// The factor from q to p, given the sum of q.
    fn factor(self, q: f64) -> f64;
    /// An integer beta of 1, 2 or 4 whose c is a lower bound of this power's: (1 + e y)^(1/e) falls as e grows, so c
    /// does too.
    fn bound(self) -> u32;
    /// n^-e: 1 + e (u - c) in a row of n equal scores.
    fn even(self, n: f64) -> f64;
}

/// Two blocks that add up to the values.
#[inline(always)]
fn split<V: F32Block>(values: [f64; ROWS]) -> (V, V) {
    let high = values.map(|value| value as f32);
    let low = core::array::from_fn(|k| (values[k] - f64::from(high[k])) as f32);
    (V::by_row(Quad::new(high)), V::by_row(Quad::new(low)))
}

/// beta in {1, 2, 3, 4}: sparsemax, 1.5-entmax, alpha = 4/3 and 1.25. q = d^beta, d = u - tau.
#[derive(Clone, Copy)]
pub struct IntegerPower<const BETA: u32>;

impl<const BETA: u32> Power for IntegerPower<BETA> {
    const COSTLY: bool = false;
    const TOLERANCE: f64 = 1e-7;

    #[inline(always)]
    fn exponent(self) -> f64 {
        1.0 / f64::from(BETA)
    }

    #[inline(always)]
    fn levels<V: F32Block>(self, c: [f64; ROWS]) -> Level<V> {
        let (high, low) = split(c.map(|c| c - f64::from(BETA)));
        let zero = V::splat(0.0);
        Level {
            high,
            low,
            inverse: zero,
            beta_minus_one: zero,
            least: zero,
        }
    }

    #[inline(always)]
    fn terms<V: F32Block>(self, level: &Level<V>, u: V) -> (V, V) {
        let zero = V::splat(0.0);
        let gap = u.sub(level.high).sub(level.low);
        let inside = gap.above(zero);
        let d = gap.keep(inside);
        match BETA {
            1 => (d, V::splat(1.0).keep(inside)),
            2 => (d.mul(d), d),
            3 => {
                let square = d.mul(d);
                (square.mul(d), square)
            }
            _ => {
                let square = d.mul(d);
                (square.mul(square), square.mul(d))
            }
        }
    }

    #[inline(always)]
    fn step(self, _c: f64, q: f64, s: f64) -> Step {
        let beta = f64::from(BETA);
        let norm = Self::root(q);
        Step {
            excess: q * Self::UNIT - 1.0,
            // One division: its latency is a tenth of a step on a short row.
            delta: (norm - beta) * q / (norm * s),
        }
    }

    #[inline(always)]
    fn factor(self, q: f64) -> f64 {
        // For sparsemax d is p, and a factor would only round it once more.
        if BETA == 1 {
            1.0
        } else {
            1.0 / q
        }
    }

    #[inline(always)]
    fn bound(self) -> u32 {
        match BETA {
            1 => 1,
            2 | 3 => 2,
            _ => 4,
        }
    }

    #[inline(always)]
    fn even(self, n: f64) -> f64 {
        1.0 / Self::root(n)
    }
}

/// The cube root of a normal positive value to 1e-13: Newton's method from the exponent divided by three. `libm::cbrt`
/// rounds correctly and takes as long as a short row.
#[inline(always)]
fn cube_root(value: f64) -> f64 {
    let mut root = f64::from_bits(value.to_bits() / 3 + 0x2a9f_7893_0000_0000);
    for _ in 0..4 {
        root -= (root - value / (root * root)) / 3.0;
    }
    root
}

impl<const BETA: u32> IntegerPower<BETA> {
    /// e^beta: from d^beta to p.
    const UNIT: f64 = match BETA {
        1 => 1.0,
        2 => 1.0 / 4.0,
        3 => 1.0 / 27.0,
        _ => 1.0 / 256.0,
    };

    #[inline(always)]
    fn root(value: f64) -> f64 {
        match BETA {
            1 => value,
            2 => sqrt(value),
            3 => cube_root(value),
            _ => sqrt(sqrt(value)),
        }
    }
}

/// Below this exponent no ratio under 0.9 can count.
const NEAR_SOFTMAX: f64 = 1e-3;

/// Any beta >= 1: q = (d / d_max)^beta by log and exp, where near the maximum the logarithm is taken from
/// d / d_max - 1 = u / d_max, which is exact to the last bit even for alpha = 1 + 1e-12.
#[derive(Clone, Copy)]
pub struct RealPower {
    exponent: f64,
    beta: f64,
    /// As in [`Level`].
    least: f32,
}

impl RealPower {
    /// 1e-12 <= exponent < 1, or about.
    #[inline(always)]
    pub fn new(exponent: f64) -> RealPower {
        // The cut is made on what is monotone in the score and resolves it: near 1 that is ratio - 1.
        let log_least = f64::from(EXP2_CUTOFF) * core::f64::consts::LN_2 * exponent;
        let least = if exponent < NEAR_SOFTMAX {
            libm::expm1(log_least) as f32
        } else {
            (libm::exp(log_least) as f32).max(f32::MIN_POSITIVE)
        };
        RealPower {
            exponent,
            beta: 1.0 / exponent,
            least,
        }
    }
}

impl Power for RealPower {
    const COSTLY: bool = true;
    const TOLERANCE: f64 = 5e-7;

    #[inline(always)]
    fn exponent(self) -> f64 {
        self.exponent
    }

    #[inline(always)]
    fn levels<V: F32Block>(self, c: [f64; ROWS]) -> Level<V> {
        let tau = c.map(|c| c - self.beta);
        let (high, low) = split(tau);
        Level {
            high,
            low,
            inverse: V::by_row(Quad::new(tau.map(|tau| (-1.0 / tau) as f32))),
            beta_minus_one: V::splat((self.beta - 1.0) as f32),
            least: V::splat(self.least),
        }
    }

    #[inline(always)]
    fn terms<V: F32Block>(self, level: &Level<V>, u: V) -> (V, V) {
        let ratio = u.sub(level.high).sub(level.low).mul(level.inverse);
        let ratio_minus_one = u.mul(level.inverse);
        let cut_on = if self.exponent < NEAR_SOFTMAX {
            ratio_minus_one
        } else {
            ratio
        };
        let inside = cut_on.at_least(level.least);
        let log = log2_of_ratio(ratio, ratio_minus_one);
        // s before q: a product instead of a quotient.
        let s = exp2_nonpositive(log.mul(level.beta_minus_one));
        (s.mul(ratio).keep(inside), s.keep(inside))
    }

    #[inline(always)]
    fn step(self, c: f64, q: f64, s: f64) -> Step {
        let e = self.exponent;
        // x = 1 + e (u - c) at the maximum; the sum of p is q x^beta.
        let excess = libm::log(q) + libm::log1p(-e * c) * self.beta;
        let x = (self.beta - c) * e;
        let y = -e * excess;
        // expm1 by two terms where that is enough for a step.
        let power = if y.abs() < 1e-4 {
            y + 0.5 * y * y
        } else {
            libm::expm1(y)
        };
        Step {
            excess,
            delta: -power * self.beta * (q / s) * x,
        }
    }

    /// Three logarithms and exponentials of libm would take longer than the terms of a short row.
    #[inline(always)]
    fn steps<V: F32Block>(self, c: [f64; ROWS], q: [f64; ROWS], s: [f64; ROWS]) -> [Step; ROWS] {
        let e = self.exponent;
        // Of 1 + difference.
        let log2 = |difference: [f64; ROWS]| {
            let ratio = difference.map(|difference| (1.0 + difference) as f32);
            let difference = difference.map(|difference| difference as f32);
            log2_of_ratio(
                V::by_row(Quad::new(ratio)),
                V::by_row(Quad::new(difference)),
            )
        };
        let log_x: V = log2(c.map(|c| -e * c));
        // q counts the maximum as 1, so it is at least that.
        let log_q: V = log2(q.map(|q| 1.0 / q - 1.0));
        let excess = log_x.mul(V::splat(self.beta as f32)).sub(log_q);
        // Of the sum's e-th root; only from the right, which is rare, is it above 1.
        let root: V = exp2_nonpositive(excess.mul(V::splat(-e as f32)));
        let (excess, root) = (
            excess.first_of_rows().values(),
            root.first_of_rows().values(),
        );
        core::array::from_fn(|k| {
            let excess = f64::from(excess[k]) * core::f64::consts::LN_2;
            let y = -e * excess;
            let power = if y < -0.05 {
                f64::from(root[k]) - 1.0
            } else {
                y * (1.0 + y * (0.5 + y * (1.0 / 6.0)))
            };
            Step {
                excess,
                delta: -power * self.beta * (q[k] / s[k]) * (1.0 - e * c[k]),
            }
        })
    }

    #[inline(always)]
    fn factor(self, q: f64) -> f64 {
        1.0 / q
    }

    #[inline(always)]
    fn bound(self) -> u32 {
        if self.beta <= 2.0 {
            1
        } else if self.beta <= 4.0 {
            2
        } else {
            4
        }
    }

    #[inline(always)]
    fn even(self, n: f64) -> f64 {
        libm::exp(-self.exponent * libm::log(n))
    }
}

/// Whole numbers up to this are powers by products; the rounding of the ratio grows with them.
const LARGEST_WHOLE: f64 = 16.0;

/// A whole beta, as that of alpha = 1.1 and 1.2: what [`RealPower`] does with the power by products, in a third of the time.
/// A type of its own: the choice made in each block took half as long again at all other alphas.
#[derive(Clone, Copy)]
pub struct WholePower {
    real: RealPower,
    /// The bits of beta - 1 below its highest, from the highest place on, and a 1 behind them.
    bits: u32,
}

impl WholePower {
    /// None where beta is not whole. alpha - 1 is rounded as alpha is: 10 is missed by 1e-14, and so is its power.
    #[inline(always)]
    pub fn new(exponent: f64) -> Option<WholePower> {
        let beta = 1.0 / exponent;
        let whole = libm::rint(beta);
        if !(3.0..=LARGEST_WHOLE).contains(&whole) || (beta - whole).abs() > 1e-12 * beta {
            return None;
        }
        let less_one = whole as u32 - 1;
        let dropped = less_one.leading_zeros() + 1;
        Some(WholePower {
            real: RealPower::new(exponent),
            bits: (less_one << dropped) | 1 << (dropped - 1),
        })
    }
}

impl Power for WholePower {
    const COSTLY: bool = true;
    const TOLERANCE: f64 = RealPower::TOLERANCE;

    #[inline(always)]
    fn exponent(self) -> f64 {
        self.real.exponent
    }

    #[inline(always)]
    fn levels<V: F32Block>(self, c: [f64; ROWS]) -> Level<V> {
        self.real.levels(c)
    }

    #[inline(always)]
    fn terms<V: F32Block>(self, level: &Level<V>, u: V) -> (V, V) {
        // Near the maximum 1 + u / d_max is rounded once; far from it the difference is exact (as for [`RealPower`]).
        let less_one = u.mul(level.inverse);
        let near = V::splat(1.0).add(less_one);
        let far = u.sub(level.high).sub(level.low).mul(level.inverse);
        let ratio = near.or_else(less_one.at_least(V::splat(-0.5)), far);
        let inside = ratio.at_least(level.least);
        let (mut s, mut bits) = (ratio, self.bits);
        while bits != 1 << 31 {
            s = s.mul(s);
            if bits >> 31 != 0 {
                s = s.mul(ratio);
            }
            bits <<= 1;
        }
        (s.mul(ratio).keep(inside), s.keep(inside))
    }

    #[inline(always)]
    fn step(self, c: f64, q: f64, s: f64) -> Step {
        self.real.step(c, q, s)
    }

    #[inline(always)]
    fn steps<V: F32Block>(self, c: [f64; ROWS], q: [f64; ROWS], s: [f64; ROWS]) -> [Step; ROWS] {
        self.real.steps::<V>(c, q, s)
    }

    #[inline(always)]
    fn factor(self, q: f64) -> f64 {
        self.real.factor(q)
    }

    #[inline(always)]
    fn bound(self) -> u32 {
        self.real.bound()
    }

    #[inline(always)]
    fn even(self, n: f64) -> f64 {
        self.real.even(n)
    }
}
