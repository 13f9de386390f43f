//! Where Newton's method begins for normmax: at tau itself for alpha = 2 and 1.5, near it elsewhere.
//!
//! For these two (b = 2 and 3) sums of powers of d at one tau are a polynomial whose root is the next one, exactly while the support
//! stays (b = 2) or to third order (b = 3, Halley). So a few passes over blocks, without a power, do what Newton's method takes
//! five for. For other alphas the tau of b = 2, though a bound for alpha >= 2, saves no step; two moments of the scores do.

use crate::maps::kernels::pow;
use crate::simd::doubles::{Doubles, WIDTH};
use crate::simd::sqrt;

/// Passes take 2 to 5.
const PASSES: usize = 16;

/// A step after which the next one would be lost in rounding.
const SMALL: f64 = 1e-8;

/// What rounding may add to a bound, with much to spare.
const ROUNDING: f64 = 1e-13;

/// The number of d = u - tau above 0, and the sums of d, d^2 and d^3, over a list of whole blocks.
#[inline(never)]
fn moments(list: &[f64], tau: f64) -> [f64; 4] {
    let (at, zero, one) = (
        Doubles::splat(tau),
        Doubles::splat(0.0),
        Doubles::splat(1.0),
    );
    let mut sums = [zero; 4];
    for block in list.chunks_exact(WIDTH) {
        // SAFETY: a chunk is a block.
        let d = unsafe { Doubles::load(block.as_ptr()) } - at;
        let mask = d.above(zero);
        let d = d.keep(mask);
        let square = d * d;
        sums[0] = sums[0] + one.keep(mask);
        sums[1] = sums[1] + d;
        sums[2] = sums[2] + square;
        sums[3] = sums[3] + square * d;
    }
    sums.map(Doubles::total)
}

/// tau for b = 2, or 3; None where that does not settle.
fn settle(list: &[f64], is_cube: bool) -> Option<f64> {
    let mut tau = -1.0;
    for _ in 0..PASSES {
        let [count, sum, squares, cubes] = moments(list, tau);
        let step = if is_cube {
            let excess = cubes - 1.0;
            let bend = 3.0 * squares * squares - sum * excess;
            if bend > squares * squares {
                excess * squares / bend
            } else {
                excess / (3.0 * squares)
            }
        } else {
            let excess = squares - 1.0;
            let square = sum * sum - count * excess;
            if square > 0.0 {
                excess / (sum + sqrt(square))
            } else {
                let root = sqrt(squares);
                (root - 1.0) * root / sum
            }
        };
        tau += step;
        if !(-1.0..0.0).contains(&tau) {
            return None;
        }
        if step.abs() < SMALL {
            return Some(tau);
        }
    }
    None
}

/// A bound and a guess, from the mean and the variance v of d over a part of the scores. |d|_b is at least that of as many means, and
/// is about that of the mean times 1 + b (b - 1) / 2 v / mean^2, to the power of 1/b. The part is what is left of the scores after
/// two of Newton's steps to the threshold of sparsemax, which is above tau.
fn of_mean(list: &[f64], e: f64) -> (f64, f64) {
    let mut tau = -1.0;
    for _ in 0..2 {
        let [count, sum, _, _] = moments(list, tau);
        tau += (sum - 1.0) / count;
    }
    let [count, sum, squares, _] = moments(list, tau);
    let part = if e == f64::INFINITY {
        1.0
    } else {
        e / (1.0 + e)
    };
    let (mean, equal) = (sum / count, pow(count, -part));
    let variance = (squares / count - mean * mean).max(0.0);
    let spread = sqrt(1.0 + variance / (e * equal * equal));
    let of = |mass: f64| (tau + (mean - mass) - ROUNDING).max(-1.0);
    (of(equal), of(equal / spread))
}

/// A number that is no larger than tau, and one near it that may be. The list has scores less their maximum, and behind them -inf
/// up to whole blocks.
#[inline(never)]
pub fn start(list: &[f64], e: f64) -> (f64, f64) {
    if e == 1.0 || e == 0.5 {
        let tau = settle(list, e == 0.5).unwrap_or(-1.0);
        // Rounding.
        return (tau - SMALL, tau);
    }
    of_mean(list, e)
}
