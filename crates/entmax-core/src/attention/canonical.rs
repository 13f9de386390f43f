//! The weights of a sparse row, from any list of candidates that holds its support: always the same bits.
//!
//! Whoever screens keys ends with a list of exact scores, a superset of the support, and another path ends with another
//! superset. For the result not to tell them apart it must be a function of the support alone. Newton's method is not: its
//! last digits depend on where it began. So the threshold is *defined* as a point of a grid: the largest c = k G with
//!
//! ```text
//! F(c) = sum over the candidates of (1 + e (u - c))_+ ^ (1 / e)  >=  1,      u = score - max,
//! ```
//!
//! where each weight is rounded to a multiple of 2^-51 and the sum is one of integers: exact, in any order, and blind to
//! candidates outside the support. The slope of F is at least 1 (s >= p for every alpha), so from one grid point to the next
//! F falls by G or more, hundreds of times what the rounding of a list's weights amounts to: on the grid the computed F is
//! strictly monotone, and every search finds the same k.

use crate::maps::kernels::pow;

/// Spacing of the grid: an error of a threshold, and of a sum of weights for each entry.
const GRID: f64 = 1.0 / (1u64 << 32) as f64;
/// Below this, 1 / e multiplies the rounding of 1 + e (u - c) by more than the grid allows.
pub const LEAST_EXPONENT: f64 = 1.0 / 4096.0;
/// Added to a weight it leaves a multiple of 2^-51 in the low bits.
const FIXED_POINT: f64 = 3.0;
/// Above this x, (1 + e (u - c))^(1 / e) is formed; its powers below are no f32.
const LEAST: f64 = 1e-45;

/// One row's candidates: u = score - max in f64.
pub struct Candidates {
    pub u: *const f64,
    pub len: usize,
    /// e = alpha - 1, from [`LEAST_EXPONENT`] to 1.
    pub exponent: f64,
}

/// Calls a function with x -> (p, s): the weight x^(1 / e), and p^(2 - alpha) = p / x.
macro_rules! with_terms {
    ($exponent:expr, $terms:ident => $body:expr) => {{
        let exponent: f64 = $exponent;
        if exponent == 1.0 {
            let $terms = |x: f64| (x, if x > 0.0 { 1.0 } else { 0.0 });
            $body
        } else if exponent == 0.5 {
            let $terms = |x: f64| (x * x, x);
            $body
        } else if exponent == 0.25 {
            let $terms = |x: f64| (x * x * (x * x), x * x * x);
            $body
        } else {
            let $terms = |x: f64| {
                if x < LEAST {
                    return (0.0, 0.0);
                }
                let p = pow(x, 1.0 / exponent);
                (p, p / x)
            };
            $body
        }
    }};
}

impl Candidates {
    /// F - 1 at the grid point k, and its slope in c.
    #[inline(never)]
    fn excess(&self, k: f64) -> (f64, f64) {
        with_terms!(self.exponent, terms => self.sums(k * GRID, terms))
    }

    /// [`Candidates::excess`] for one power.
    #[inline(always)]
    fn sums(&self, c: f64, terms: impl Fn(f64) -> (f64, f64)) -> (f64, f64) {
        let fixed = |value: f64| {
            (value + FIXED_POINT)
                .to_bits()
                .wrapping_sub(FIXED_POINT.to_bits())
        };
        let (mut weights, mut slope) = (0u64, 0u64);
        for j in 0..self.len {
            // SAFETY: j < len.
            let x = 1.0 + self.exponent * (unsafe { *self.u.add(j) } - c);
            let (p, s) = terms(if x > 0.0 { x } else { 0.0 });
            weights = weights.wrapping_add(fixed(p));
            slope = slope.wrapping_add(fixed(s));
        }
        let unit = 1.0 / (1u64 << 51) as f64;
        let excess = weights as i64 - (1i64 << 51);
        (excess as f64 * unit, slope as f64 * unit)
    }

    /// The threshold c, found from an estimate.
    pub fn threshold(&self, estimate: f64) -> f64 {
        // F(0) >= 1, because the maximum alone adds 1.
        let (mut inside, mut outside) = (0.0, f64::INFINITY);
        let mut k = libm::floor(estimate.max(0.0) / GRID);
        while inside + 1.0 < outside {
            let (excess, slope) = self.excess(k);
            // Newton's step in grid points: from the left never beyond the root, since F is convex.
            let step = excess / (slope * GRID);
            let next = if excess >= 0.0 {
                inside = k;
                k + libm::floor(step).max(1.0)
            } else {
                outside = k;
                k + libm::ceil(step).min(-1.0)
            };
            k = next.max(inside + 1.0).min(outside - 1.0);
        }
        inside * GRID
    }

    /// Writes the weights at the threshold, and returns how many are above 0.
    ///
    /// # Safety
    /// `weights` is writable for `len` floats.
    #[inline(never)]
    pub unsafe fn weights(&self, c: f64, weights: *mut f32) -> usize {
        let mut size = 0;
        with_terms!(self.exponent, terms => {
            for j in 0..self.len {
                // SAFETY: j < len.
                unsafe {
                    let x = 1.0 + self.exponent * (*self.u.add(j) - c);
                    let weight = terms(if x > 0.0 { x } else { 0.0 }).0 as f32;
                    *weights.add(j) = weight;
                    size += usize::from(weight > 0.0);
                }
            }
        });
        size
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    /// Scores of N(0, 1) less their maximum.
    fn row(n: usize, seed: u64) -> Vec<f64> {
        let mut state = seed;
        let mut uniform = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            ((state >> 33) as f64 + 0.5) / (1u64 << 31) as f64
        };
        let scores: Vec<f64> = (0..n)
            .map(|_| {
                let radius = libm::sqrt(-2.0 * libm::log(uniform()));
                f64::from((radius * libm::cos(core::f64::consts::TAU * uniform())) as f32)
            })
            .collect();
        let max = scores.iter().cloned().fold(f64::NEG_INFINITY, f64::max);
        scores.iter().map(|score| score - max).collect()
    }

    fn threshold(u: &[f64], exponent: f64, estimate: f64) -> f64 {
        let (u, len) = (u.as_ptr(), u.len());
        Candidates { u, len, exponent }.threshold(estimate)
    }

    const EXPONENTS: [f64; 8] = [LEAST_EXPONENT, 0.01, 0.1, 0.25, 0.5, 0.7, 0.999, 1.0];

    #[test]
    fn the_threshold_does_not_depend_on_the_estimate_nor_on_further_candidates() {
        for seed in 0..300 {
            for exponent in EXPONENTS {
                let all = row(1 + seed as usize % 200, seed);
                let c = threshold(&all, exponent, 0.0);
                let few: Vec<f64> = all
                    .iter()
                    .cloned()
                    .filter(|u| 1.0 + exponent * (u - c) > 0.0)
                    .collect();
                for estimate in [c - 1e-3, c - 1e-7, c, c + 1e-9, c + 1e-6, c + 0.1, 3.0 * c] {
                    assert_eq!(threshold(&all, exponent, estimate), c, "{seed} {exponent}");
                    assert_eq!(threshold(&few, exponent, estimate), c, "{seed} {exponent}");
                }
            }
        }
    }

    #[test]
    fn the_weights_sum_to_one_within_the_grid() {
        for seed in 0..300 {
            for exponent in EXPONENTS {
                let u = row(1 + seed as usize, seed);
                let c = threshold(&u, exponent, 0.5);
                let (u, len) = (u.as_ptr(), u.len());
                let row = Candidates { u, len, exponent };
                let (excess, slope) = row.excess(c / GRID);
                assert!(excess >= 0.0 && excess <= 1.1 * slope * GRID, "{excess:e}");
                assert!(row.excess(c / GRID + 1.0).0 < 0.0);
            }
        }
    }
}
