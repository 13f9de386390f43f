//! Where Newton's method begins for normmax: at tau itself for alpha = 2 and 1.5, below it elsewhere.
//!
//! For these two (b = 2 and 3) sums of powers of d at one tau are a polynomial whose root is the next one, exactly while the support
//! stays (b = 2) or to third order (b = 3, Halley). So a few passes over blocks, without a power, do what Newton's method takes
//! five for. For other alphas the tau of b = 2, though a bound for alpha >= 2, saves no step.

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

/// |d|_b is at least n^(1/b) times the mean of d, which is at least that of all z - tau.
fn of_mean(scores: &[f64], e: f64) -> f64 {
    let (sum, count) = (scores.iter().sum::<f64>(), scores.len() as f64);
    let part = if e == f64::INFINITY {
        1.0
    } else {
        e / (1.0 + e)
    };
    (sum / count - pow(count, -part) - ROUNDING).max(-1.0)
}

/// No larger than tau, but for rounding at alpha = 2 and 1.5. The list has the first `len` scores less their maximum, and behind them
/// -inf up to a block at least.
#[inline(never)]
pub fn start(list: &[f64], len: usize, e: f64) -> f64 {
    let is_polynomial = e == 1.0 || e == 0.5;
    if !is_polynomial {
        return of_mean(list.get(..len).unwrap_or_default(), e);
    }
    let blocks = list.get(..len.next_multiple_of(WIDTH)).unwrap_or_default();
    settle(blocks, e == 0.5).unwrap_or(-1.0)
}
