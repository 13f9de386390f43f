//! Powers of a list's distances from a threshold, two at a time, and their sums.
//!
//! A power is 2^(y log2 x) as in `maps::powers_f64`, with shorter polynomials, which suffice as well.

use crate::maps::kernels::{Pair, Sum};
use crate::simd::twos::Twos;

/// Numbers of a step, and of a run, whose sums are plain: rounding of so few is that of a power.
const WIDTH: usize = 2;
const RUN: usize = 16 * WIDTH;

/// log2(m) / z in z^2 for z = (m - 1) / (m + 1) and m from sqrt(1/2) to sqrt(2), to 4e-18 (Chebyshev).
const LOG2: [f64; 8] = [
    2.8853900817779268,
    0.9617966939259898,
    0.577078016345514,
    0.4121985858422942,
    0.3205985347650481,
    0.26233436060329546,
    0.22091286734180157,
    0.21366122502798326,
];
/// 2^f for |f| <= 1/2, to 4e-18.
const EXP2: [f64; 12] = [
    1.0,
    core::f64::consts::LN_2,
    0.24022650695910158,
    0.055504108664821625,
    0.009618129107587256,
    0.001333355814640647,
    0.00015403530463724353,
    1.5252733841556773e-05,
    1.3215432535912375e-06,
    1.0178057087733941e-07,
    7.074194297288521e-09,
    4.4558179083360645e-10,
];
/// 2^52: the lowest bits of a number from it on are an integer.
const INTEGERS: f64 = 4_503_599_627_370_496.0;
const BIAS: u64 = 1023;
const SQRT_HALF_BITS: u64 = 0x3fe6_a09e_667f_3bcd;
/// Above it a number is normal, and so is 2^t.
const LEAST: f64 = 1e-300;
const LOWEST: f64 = -1000.0;

/// By even and odd powers: half of Horner's latency. There are as many of both.
#[inline(always)]
fn polynomial<const N: usize>(c: &[f64; N], x: Twos) -> Twos {
    let square = x * x;
    let zero = Twos::splat(0.0);
    let (mut even, mut odd) = (zero, zero);
    for (k, pair) in c.chunks_exact(2).rev().enumerate() {
        if let &[a, b] = pair {
            let (a, b) = (Twos::splat(a), Twos::splat(b));
            (even, odd) = if k == 0 {
                (a, b)
            } else {
                (even * square + a, odd * square + b)
            };
        }
    }
    even + odd * x
}

/// x^y for x in [0, 1] and y <= 8, no less than 2^-1000.
#[inline(always)]
fn power(x: Twos, y: f64) -> Twos {
    let one = Twos::splat(1.0);
    let x = x.pmax(Twos::splat(LEAST));
    let biased = x
        .add_bits(Twos::of_bits((BIAS << 52) - SQRT_HALF_BITS))
        .high_bits();
    let mantissa = x
        .sub_bits(biased.to_high_bits())
        .add_bits(Twos::of_bits(BIAS << 52));
    let exponent = biased.add_bits(Twos::splat(INTEGERS)) - Twos::splat(INTEGERS + BIAS as f64);
    let z = (mantissa - one) / (mantissa + one);
    let log = exponent + z * polynomial(&LOG2, z * z);
    let t = (log * Twos::splat(y)).pmax(Twos::splat(LOWEST));
    // Half an integer more than it takes, so that negative ones have these bits, too.
    let rounder = Twos::splat(1.5 * INTEGERS);
    let shifted = t + rounder;
    let fraction = t - (shifted - rounder);
    let scale = shifted.add_bits(Twos::of_bits(BIAS)).to_high_bits();
    polynomial(&EXP2, fraction) * scale
}

/// What q = d^(1 / e) is.
#[derive(Clone, Copy)]
pub enum Power {
    Itself,
    Square,
    /// For 1 / e up to 8; 1 at alpha = inf, where that is 0.
    Real(f64),
}

impl Power {
    pub fn of(e: f64) -> Power {
        if e == 1.0 {
            Power::Itself
        } else if e == 0.5 {
            Power::Square
        } else {
            Power::Real(1.0 / e)
        }
    }
}

/// q of each distance d of a list from a threshold, 0 of what is not above it; the sum of q, and that of q^alpha less 1. Both lists are
/// even.
#[inline(never)]
pub fn powers(list: &[f64], q: &mut [f64], tau: Pair, of: Power) -> (f64, f64) {
    let zero = Twos::splat(0.0);
    let (high, low) = (Twos::splat(tau.high), Twos::splat(tau.low));
    let (mut sum_q, mut sum_power) = (Sum::new(), Sum::new());
    for (list, q) in list.chunks(RUN).zip(q.chunks_mut(RUN)) {
        let (mut run_q, mut run_power) = (zero, zero);
        for (two, q) in list.chunks_exact(WIDTH).zip(q.chunks_exact_mut(WIDTH)) {
            // SAFETY: chunks are of two.
            unsafe {
                let d = Twos::load(two.as_ptr()) - high - low;
                let d = d.keep_above(d, zero);
                let term = match of {
                    Power::Itself => d,
                    Power::Square => d * d,
                    Power::Real(y) => power(d, y).keep_above(d, zero),
                };
                term.store(q.as_mut_ptr());
                run_q = run_q + term;
                run_power = run_power + term * d;
            }
        }
        sum_q.add(run_q.total());
        sum_power.add(run_power.total());
    }
    (sum_q.total(), sum_power.minus(1.0))
}

#[cfg(test)]
mod tests {
    use super::{power, Twos};

    #[test]
    fn a_power_is_accurate_to_a_few_ulp() {
        let mut worst = 0.0f64;
        for step in 0..400_000 {
            let x = libm::exp(f64::from(-step) * 2e-4);
            for y in [8.0, 2.5, 1.0, 1.0 / 3.0, 0.1, 1e-5] {
                let mut both = [0.0; 2];
                // SAFETY: there is room for two.
                unsafe { power(Twos::splat(x), y).store(both.as_mut_ptr()) };
                assert_eq!(both[0], both[1]);
                let error = (both[0] / libm::pow(x, y) - 1.0).abs();
                worst = worst.max(error / (1.0 + y * libm::fabs(libm::log2(x)) / 8.0));
            }
        }
        assert!(worst < 2e-15, "{worst:e}");
    }

    #[test]
    fn powers_of_next_to_nothing_are_positive() {
        for (x, y) in [(0.0, 8.0), (1e-320, 8.0), (1e-200, 3.0), (0.0, 1.0)] {
            let mut both = [0.0; 2];
            // SAFETY: there is room for two.
            unsafe { power(Twos::splat(x), y).store(both.as_mut_ptr()) };
            assert!(both[0] > 0.0 && both[0] < 1e-250, "{x} {y}");
        }
    }
}
