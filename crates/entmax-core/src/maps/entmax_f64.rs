//! Rows of f64: softmax, and entmax for 1 < alpha < 2 by Newton's method on the norm of p (MATH.md section 2.4),
//! one score at a time; sparsemax is in `sparsemax_f64`.
//!
//! Plain scalar code with `libm`'s functions, for accuracy: sums are compensated, c is kept in two f64 (see
//! `compensated`), and near the maximum the power is formed from u / d_max through log1p. What is in the support
//! after a step stays a candidate, the rest never returns.

use super::above_two::{copy_candidates, AboveTwo};
use super::budget::{rows_f64, Problem};
use super::compensated::{Pair, Sum};
use super::exact::settle;
use super::kernel::{List, Outcome, RowKernel, Solved};
use super::sparsemax_f64::{self, Survey};
use crate::simd::sqrt;

/// The kernels of f64 rows.
pub struct EntmaxF64;

/// As in entmax_f32, for u > -746.
const SOFTMAX_BELOW: f64 = 1e-22;
/// As in threshold_f32.
const STEPS: usize = 60;

/// How near to the threshold a score is undecided, for alpha = 1.5 (see `exact_f32`, with f64's rounding and
/// compensated sums: 2^-51 would do), in units of |tau| + 1 and with what Newton's method leaves of the sum.
const UNDECIDED: f64 = 1.0 / (1u64 << 48) as f64;

/// A threshold tau = c - beta in units of u = score - max.
struct Level {
    exponent: f64,
    beta: f64,
    high: f64,
    low: f64,
    /// The distance of the maximum.
    reach: f64,
}

impl Level {
    fn new(exponent: f64, c: Pair) -> Level {
        let beta = 1.0 / exponent;
        let tau = Pair {
            high: -beta,
            low: 0.0,
        }
        .plus(c.high)
        .plus(c.low);
        Level {
            exponent,
            beta,
            high: tau.high,
            low: tau.low,
            reach: -tau.rounded(),
        }
    }

    /// (q, s, d): q proportional to p, s to p^(2 - alpha), d the distance from the threshold.
    #[inline(always)]
    fn terms(&self, u: f64) -> (f64, f64) {
        let d = (u - self.high) - self.low;
        if d <= 0.0 {
            return (0.0, 0.0);
        }
        if self.exponent == 0.5 {
            return (d * d, d);
        }
        if self.exponent == 0.25 {
            let square = d * d;
            return (square * square, square * d);
        }
        let ratio = d / self.reach;
        let below = u / self.reach;
        let log = if below > -0.5 {
            libm::log1p(below)
        } else {
            libm::log(ratio)
        };
        let q = libm::exp(self.beta * log);
        (q, q / ratio)
    }

    /// (sum of p - 1, Newton's step of c).
    fn step(&self, c: f64, q: &Sum, s: f64) -> (f64, f64) {
        let total = q.total();
        if self.exponent == 0.5 {
            // norm - 2 = (total - 4) / (norm + 2).
            let norm = sqrt(total);
            let excess = q.minus(4.0);
            return (excess * 0.25, excess / (norm + 2.0) * norm / s);
        }
        if self.exponent == 0.25 {
            // norm - 4 = (total - 256) / ((norm + 4) (norm^2 + 16)).
            let square = sqrt(total);
            let norm = sqrt(square);
            let excess = q.minus(256.0);
            return (
                excess / 256.0,
                excess / ((norm + 4.0) * (square + 16.0)) * (total / norm) / s,
            );
        }
        let e = self.exponent;
        let log_x = if e * c < 0.5 {
            libm::log1p(-e * c)
        } else {
            libm::log(e * self.reach)
        };
        let log_sum = libm::log(total) + log_x * self.beta;
        let delta = -libm::expm1(-e * log_sum) * (total / s) * self.reach;
        (libm::expm1(log_sum), delta)
    }
}

/// Softmax of a row with the finite maximum `max`.
///
/// # Safety
/// `x` is readable and `out` writable for `n` scores, equal or disjoint.
unsafe fn softmax(x: *const f64, out: *mut f64, n: usize, max: f64) {
    let mut sum = Sum::new();
    // SAFETY: j < n.
    unsafe {
        for j in 0..n {
            let q = libm::exp(*x.add(j) - max);
            sum.add(q);
            *out.add(j) = q;
        }
        let total = sum.total();
        for j in 0..n {
            *out.add(j) /= total;
        }
    }
}

/// entmax for 0 < exponent < 1 of a row with the finite maximum `max`.
///
/// # Safety
/// As [`softmax`]; `active` is writable for `n` scores and disjoint from both.
unsafe fn entmax(
    x: *const f64,
    out: *mut f64,
    n: usize,
    max: f64,
    exponent: f64,
    active: *mut f64,
) -> Outcome {
    let mut len = 0;
    // SAFETY: len <= j < n, here and below.
    unsafe {
        for j in 0..n {
            let u = *x.add(j) - max;
            if u > -1.0 / exponent {
                *active.add(len) = u;
                len += 1;
            }
        }
        let mut c = Pair::ZERO;
        let mut previous = f64::INFINITY;
        let mut taken = 0;
        loop {
            let level = Level::new(exponent, c);
            let (mut sum_q, mut sum_s) = (Sum::new(), 0.0);
            let mut left = 0;
            for j in 0..len {
                let u = *active.add(j);
                let (q, s) = level.terms(u);
                if s > 0.0 {
                    *active.add(left) = u;
                    left += 1;
                    sum_q.add(q);
                    sum_s += s;
                }
            }
            len = left;
            let (excess, delta) = level.step(c.rounded(), &sum_q, sum_s);
            let residual = excess.abs();
            let converged = residual <= 1e-15 || (residual < 1e-12 && residual > 0.5 * previous);
            let next = c.plus(delta);
            if converged || taken == STEPS || !(next.high >= 0.0 && next.rounded() < level.beta) {
                if exponent == 0.5 {
                    let tau = -level.reach;
                    let window = UNDECIDED * (1.0 + level.reach) + 2.0 * residual;
                    // `active` has served.
                    let (mut len, mut near) = (0, false);
                    for j in 0..n {
                        let distance = (*x.add(j) - max) - tau;
                        if distance >= -window {
                            *active.add(len) = *x.add(j);
                            len += 1;
                            near |= distance <= window;
                        }
                    }
                    if near {
                        let exact = settle(active, len, max, (tau, window), true);
                        for j in 0..n {
                            *out.add(j) = exact.probability(*x.add(j));
                        }
                        return Solved::unrestricted(exact.cutoff(max), true);
                    }
                }
                // The sum takes out the common factor.
                let total = sum_q.total();
                for j in 0..n {
                    *out.add(j) = level.terms(*x.add(j) - max).0 / total;
                }
                return Solved::unrestricted(-level.reach, converged);
            }
            previous = residual;
            c = next;
            taken += 1;
        }
    }
}

impl RowKernel<f64> for EntmaxF64 {
    fn scratch(n: usize) -> usize {
        rows_f64::scratch(n)
    }

    unsafe fn maximum(x: *const f64, n: usize) -> Option<f64> {
        // SAFETY: by the caller.
        let max = unsafe { Survey::of(x, n) }.max;
        (!max.is_nan()).then_some(max)
    }

    unsafe fn solve(
        x: *const f64,
        out: *mut f64,
        n: usize,
        exponent: f64,
        temperature: f64,
        scratch: *mut u8,
        _list: &mut List<f64>,
    ) -> Outcome {
        let active: *mut f64 = scratch.cast();
        // SAFETY: by the caller.
        unsafe {
            let survey = Survey::of(x, n);
            let max = match survey.max {
                f64::NEG_INFINITY => return Outcome::Empty,
                f64::INFINITY => return Outcome::Infinite,
                max if max.is_nan() => return Outcome::NotANumber,
                max => max,
            };
            if exponent < SOFTMAX_BELOW {
                softmax(x, out, n, max);
                return Solved::unrestricted(f64::NEG_INFINITY, true);
            }
            if exponent == 1.0 {
                return sparsemax_f64::solve(x, out, n, &survey, active);
            }
            if exponent < 1.0 {
                return entmax(x, out, n, max, exponent, active);
            }
            let map = AboveTwo::new(exponent, temperature);
            let len = copy_candidates(x, n, max, map.reach(), active);
            let threshold = map.solve(active, len);
            for j in 0..n {
                *out.add(j) = threshold.probability(*x.add(j));
            }
            threshold.outcome(max)
        }
    }

    unsafe fn budget(
        problem: &Problem,
        rows: (*const f64, *const f64),
        at_most: bool,
        out: *mut f64,
        scratch: *mut u8,
        _list: &mut List<f64>,
    ) -> Option<f64> {
        // SAFETY: passed on.
        unsafe { rows_f64::solve(problem, rows, at_most, out, scratch) }
    }

    #[inline(always)]
    unsafe fn largest(
        x: *const f64,
        n: usize,
        _count: usize,
        _work: *mut f64,
        (scores, indices): (*mut f64, *mut u32),
        len: &mut usize,
    ) -> Option<f64> {
        // All of them. SAFETY: j < n.
        unsafe {
            let max = Self::maximum(x, n).filter(|max| max.is_finite())?;
            for j in 0..n {
                *scores.add(j) = *x.add(j);
                *indices.add(j) = j as u32;
            }
            *len = n;
            Some(max)
        }
    }

    unsafe fn spread(list: &List<f64>, out: *mut f64, n: usize) {
        // SAFETY: by the caller.
        unsafe {
            core::ptr::write_bytes(out, 0, n);
            for j in 0..list.len {
                *out.add(*list.indices.add(j) as usize) = *list.values.add(j);
            }
        }
    }
}
