//! The exact support for alpha = 2 and 1.5, where f64 alone could be wrong.
//!
//! Scores are as they are stored, so whether one is in the support is a question with an exact answer (MATH.md
//! section 1): z is in the support iff
//!
//! ```text
//! g(z) = sum over larger scores of (z_j - z)^beta  <  beta^beta,      beta = 1 (sparsemax) or 2 (1.5-entmax)
//! ```
//!
//! A score exactly at the threshold, where both sides are equal, is out. With a temperature other than 1 all this holds
//! for the scores as divided, rounded to their type. The answer comes in three stages, each for
//! what the one before could not decide (adaptive predicates, Shewchuk 1997): by its distance from the computed
//! threshold, with a bound of that threshold's error (`exact_f32`, `entmax_f64`); by g in f64 with compensated sums
//! (`Settling::admits`); by g without any rounding (`exact_sum`).
//!
//! What follows from the support is then computed without cancellation: with y its smallest score, d_j = z_j - y
//! and t = the distance of y from the threshold, sum (d_j + t)^beta = beta^beta gives
//!
//! ```text
//! t = (1 - g(y)) / |S|     or     t = (4 - g(y)) / (B + sqrt(B^2 + |S| (4 - g(y)))),   B = sum d_j
//! ```
//!
//! where g's distance from its bound comes from the exact sum when it is small: the smallest member has p > 0
//! however near it is.

use super::compensated::{two_sum, Sum};
use super::exact_sum::ExactSum;
use crate::simd::sqrt;

/// Twice what rounding can do to g / beta^beta in f64, for fewer than 2^28 scores.
const ROUNDING: f64 = 1.0 / (1u64 << 48) as f64;
/// Where less than this is left of beta^beta, the rest is taken from the exact sum.
const CANCELLED: f64 = 1.0 / (1u64 << 20) as f64;

/// The solution of a row.
pub struct Exact {
    /// Whether beta is 2.
    square: bool,
    /// The smallest score of the support.
    smallest: f64,
    /// Its distance from the threshold.
    distance: f64,
}

impl Exact {
    #[inline(always)]
    pub fn probability(&self, score: f64) -> f64 {
        // Also for -inf, which lies below.
        if score < self.smallest {
            return 0.0;
        }
        let distance = (score - self.smallest) + self.distance;
        if self.square {
            distance * distance * 0.25
        } else {
            distance
        }
    }

    /// The threshold less the maximum.
    pub fn cutoff(&self, max: f64) -> f64 {
        (self.smallest - max) - self.distance
    }
}

/// The undecided scores of a row, and sums over those that are certainly in the support.
struct Settling {
    square: bool,
    /// beta^beta.
    bound: f64,
    /// The smallest of the certain scores, their number, and the sums of their distances from it and of the squares.
    reference: f64,
    certain: usize,
    sum: f64,
    squares: f64,
}

impl Settling {
    /// (sum of d_j, what g leaves of beta^beta), over the scores from the front up to `end`, all at least `score`.
    ///
    /// # Safety
    /// `scores` is readable up to `end`; those from `certain` on are the undecided ones.
    #[inline(never)]
    unsafe fn measure(&self, scores: *const f64, end: usize, score: f64) -> (f64, f64) {
        let delta = self.reference - score;
        let certain = self.certain as f64;
        let (mut sum, mut squares) = (Sum::new(), Sum::new());
        sum.add(self.sum);
        sum.add(certain * delta);
        squares.add(self.squares);
        squares.add(delta * (2.0 * self.sum + certain * delta));
        for j in self.certain..end {
            // SAFETY: by the caller.
            let d = unsafe { *scores.add(j) } - score;
            sum.add(d);
            squares.add(d * d);
        }
        let g = if self.square { &squares } else { &sum };
        (sum.total(), -g.minus(self.bound))
    }

    /// What g leaves of beta^beta, its sign exactly.
    ///
    /// # Safety
    /// As [`Settling::measure`].
    #[inline(never)]
    unsafe fn exact_rest(&self, scores: *const f64, end: usize, score: f64) -> f64 {
        let mut rest = ExactSum::ZERO;
        rest.add_product(self.bound, 1.0);
        for j in 0..end {
            // SAFETY: by the caller.
            let (d, error) = two_sum(unsafe { *scores.add(j) }, -score);
            if self.square {
                rest.add_product(d, -d);
                rest.add_product(d, -2.0 * error);
                rest.add_product(error, -error);
            } else {
                rest.add_product(d, -1.0);
                rest.add_product(error, -1.0);
            }
        }
        rest.rounded()
    }

    /// Whether `score` is in the support: the scores above it are those from the front up to `end`.
    ///
    /// # Safety
    /// As [`Settling::measure`].
    unsafe fn admits(&self, scores: *const f64, end: usize, score: f64) -> bool {
        // SAFETY: by the caller.
        unsafe {
            let rest = self.measure(scores, end, score).1;
            if rest.abs() > self.bound * ROUNDING {
                return rest > 0.0;
            }
            self.exact_rest(scores, end, score) > 0.0
        }
    }
}

/// The exact solution. The true threshold less the row's maximum lies within `window` of `tau`.
///
/// # Safety
/// `scores` is writable for `len` finite scores: all those of the row that lie above max + tau - window, in any
/// order, and perhaps some below, the maximum among them. They are reordered.
#[inline(never)]
pub unsafe fn settle(
    scores: *mut f64,
    len: usize,
    max: f64,
    (tau, window): (f64, f64),
    square: bool,
) -> Exact {
    let mut settling = Settling {
        square,
        bound: if square { 4.0 } else { 1.0 },
        reference: max,
        certain: 0,
        sum: 0.0,
        squares: 0.0,
    };
    // SAFETY: all indices stay below len.
    unsafe {
        // Certain scores to the front, behind them the undecided ones.
        let mut outside = 0;
        for j in 0..len {
            let score = *scores.add(j);
            let distance = (score - max) - tau;
            if distance > window || score == max {
                *scores.add(j) = *scores.add(outside);
                *scores.add(outside) = *scores.add(settling.certain);
                *scores.add(settling.certain) = score;
                settling.certain += 1;
                outside += 1;
                if score < settling.reference {
                    settling.reference = score;
                }
            } else if distance >= -window {
                *scores.add(j) = *scores.add(outside);
                *scores.add(outside) = score;
                outside += 1;
            }
        }
        let (mut sum, mut squares) = (Sum::new(), Sum::new());
        for j in 0..settling.certain {
            let d = *scores.add(j) - settling.reference;
            sum.add(d);
            squares.add(d * d);
        }
        settling.sum = sum.total();
        settling.squares = squares.total();
        // g falls as the score rises: each probe settles those above it or those below it.
        let mut inside = settling.certain;
        let mut smallest = settling.reference;
        while inside < outside {
            let probe = *scores.add(inside + (outside - inside) / 2);
            let (above, below) = split(scores, inside, outside, probe);
            if settling.admits(scores, above, probe) {
                inside = below;
                smallest = probe;
            } else {
                outside = above;
            }
        }
        let (sum, mut rest) = settling.measure(scores, inside, smallest);
        if rest < CANCELLED {
            rest = settling.exact_rest(scores, inside, smallest);
        }
        let size = inside as f64;
        let distance = if square {
            rest / (sum + sqrt(sum * sum + size * rest))
        } else {
            rest / size
        };
        Exact {
            square,
            smallest,
            distance,
        }
    }
}

/// Reorders the scores from `from` to `to` into those above, equal to and below the probe, and returns where the equal
/// ones begin and end.
///
/// # Safety
/// `scores` is writable there.
unsafe fn split(scores: *mut f64, from: usize, to: usize, probe: f64) -> (usize, usize) {
    let (mut above, mut next, mut below) = (from, from, to);
    while next < below {
        // SAFETY: above <= next < below <= to.
        unsafe {
            let score = *scores.add(next);
            if score > probe {
                core::ptr::swap(scores.add(above), scores.add(next));
                above += 1;
                next += 1;
            } else if score == probe {
                next += 1;
            } else {
                below -= 1;
                core::ptr::swap(scores.add(next), scores.add(below));
            }
        }
    }
    (above, below)
}
