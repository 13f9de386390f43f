//! normmax (MATH.md section 6): the maximum of <p, z / T> - |p|_alpha over the simplex, for alpha > 1.
//!
//! ```text
//! q_i = [z_i - tau]+^(1/e),   sum q^alpha = 1,   p = q / sum q,   e = alpha - 1
//! ```
//!
//! With d = [z - tau]+ and b = alpha / e, tau is where the norm |d|_b is 1. A norm of convex functions that fall is convex and
//! falls, so Newton's method from max - 1 rises to tau and never passes it; scores that leave the support do not return. tau is
//! also the maximum itself, which is all that the loss needs.
//!
//! Powers are formed of d / d_max: at alpha near 1, where b is large, the factor d_max^b is then one logarithm, and d near d_max
//! keeps its digits by log1p. At alpha = inf q is 1 wherever d > 0: uniform over the support of sparsemax.

use super::frame::{self, Outcome, Solved};
use crate::gradients::rows::Row;
use crate::gradients::support::Support;
use crate::gradients::tsallis::skewed;
use crate::maps::kernels::{Pair, Sum};
use crate::maps::Score;

/// Newton's steps take 3 to 9.
const STEPS: usize = 100;

/// Bytes of workspace for a row of `n`.
pub const fn normmax_workspace(n: usize) -> usize {
    // The scores, and those that may be in the support.
    frame::workspace(n, 0)
}

/// normmax of x / temperature; `e` is alpha - 1, above 0 and perhaps inf. The outcome's threshold is tau less the maximum.
///
/// # Safety
/// `x` is readable and `out` writable for `n` scores, equal or disjoint; `workspace` is 64-aligned and as long as
/// [`normmax_workspace`] says.
pub unsafe fn normmax<T: Score>(
    x: *const T,
    n: usize,
    e: f64,
    temperature: f64,
    out: *mut T,
    workspace: *mut u8,
) -> Outcome {
    // SAFETY: by the caller; two disjoint parts of the workspace, of plain numbers.
    unsafe {
        let row: *mut f64 = workspace.cast();
        let (row, active) = (
            core::slice::from_raw_parts_mut(row, n),
            core::slice::from_raw_parts_mut(row.add(n), n),
        );
        let outcome = match frame::read(x, temperature, row) {
            Ok(_) => Outcome::Solved(solve(row, active, e)),
            Err(outcome) => {
                match outcome {
                    Outcome::Infinite => frame::share(row),
                    Outcome::NotANumber => (0..n).for_each(|j| *out.add(j) = T::NAN),
                    _ => row.fill(0.0),
                }
                outcome
            }
        };
        if outcome != Outcome::NotANumber {
            frame::write(row, out);
        }
        outcome
    }
}

/// A threshold; `high` + `low` is tau less the maximum, in [-1, 0).
struct Level {
    e: f64,
    tau: Pair,
    /// d of the largest score.
    largest: f64,
}

impl Level {
    fn new(e: f64, tau: Pair) -> Level {
        Level {
            e,
            tau,
            largest: -tau.rounded(),
        }
    }

    /// (q, q^alpha), as if d_max were 1.
    #[inline(always)]
    fn terms(&self, u: f64) -> (f64, f64) {
        let d = (u - self.tau.high) - self.tau.low;
        if d <= 0.0 {
            return (0.0, 0.0);
        }
        let ratio = d / self.largest;
        let q = if self.e == 1.0 {
            ratio
        } else if self.e == 0.5 {
            ratio * ratio
        } else if self.e == f64::INFINITY {
            1.0
        } else {
            let below = u / self.largest;
            let log = if below > -0.5 {
                libm::log1p(below)
            } else {
                libm::log(ratio)
            };
            libm::exp(log / self.e)
        };
        (q, q * ratio)
    }

    /// ln |d|_b, and Newton's step of tau, for the sums of both terms.
    fn step(&self, q: f64, power: f64) -> (f64, f64) {
        // 1 + tau, without what rounds it away.
        let above = (self.tau.high + 1.0) + self.tau.low;
        let log_largest = if above < 0.5 {
            libm::log1p(-above)
        } else {
            libm::log(self.largest)
        };
        // 1 / b, and 1 - 1 / b.
        let (part, rest) = if self.e == f64::INFINITY {
            (1.0, 0.0)
        } else {
            (self.e / (1.0 + self.e), 1.0 / (1.0 + self.e))
        };
        let log_power = libm::log(power);
        let log_norm = log_largest + log_power * part;
        (
            log_norm,
            libm::expm1(log_norm) * libm::exp(log_power * rest) / q,
        )
    }
}

/// Scores relative to their maximum to probabilities.
#[inline(never)]
fn solve(row: &mut [f64], active: &mut [f64], e: f64) -> Solved {
    let mut len = 0;
    for &u in row.iter() {
        if let Some(place) = active.get_mut(len) {
            *place = u;
        }
        len += usize::from(u > -1.0);
    }
    let mut tau = Pair::ZERO.plus(-1.0);
    let mut previous = f64::INFINITY;
    for step in 0.. {
        let level = Level::new(e, tau);
        let (mut sum_q, mut sum_power, mut left) = (Sum::new(), Sum::new(), 0);
        for k in 0..len {
            let Some(&u) = active.get(k) else { break };
            let (q, power) = level.terms(u);
            if let Some(place) = active.get_mut(left) {
                *place = u;
            }
            left += usize::from(u > tau.high || q > 0.0);
            sum_q.add(q);
            sum_power.add(power);
        }
        len = left;
        let (excess, delta) = level.step(sum_q.total(), sum_power.total());
        let residual = excess.abs();
        let converged = residual <= 1e-15 || (residual < 1e-12 && residual > 0.5 * previous);
        let next = tau.plus(delta);
        if converged || step == STEPS || !(next.rounded() >= -1.0 && next.rounded() < 0.0) {
            let total = sum_q.total();
            for u in row.iter_mut() {
                *u = level.terms(*u).0 / total;
            }
            return Solved {
                threshold: -level.largest,
                converged,
            };
        }
        previous = residual;
        tau = next;
    }
    Solved {
        threshold: tau.rounded(),
        converged: false,
    }
}

/// The Fenchel-Young loss for a class: 1 + tau - z_k, from the outcome's threshold and the class's score less the maximum, over the
/// temperature. It is 0 where that score exceeds all others by 1.
pub fn normmax_loss(threshold: f64, score: f64) -> f64 {
    let loss = (1.0 + threshold) - score;
    if loss < 0.0 {
        0.0
    } else {
        loss
    }
}

/// dx of a row; returns <v, dp/dalpha>.
///
/// # Safety
/// As [`Row`] says.
#[inline(never)]
pub unsafe fn pull_back(row: &Row, e: f64, temperature: f64) -> f64 {
    // SAFETY: by the caller; what is read of p and v is in the list before dx is written.
    unsafe {
        let list = Support::gather(row);
        let (mut mass, mut mean, mut largest) = (0.0, 0.0, 0.0);
        for k in 0..list.len {
            let p = *list.p.add(k);
            mass += p;
            mean += p * *list.v.add(k);
            largest = if p > largest { p } else { largest };
        }
        let is_nan = !(mass + mean).is_finite();
        row.dx.fill(row.n, is_nan);
        if is_nan {
            return f64::NAN;
        }
        if e == f64::INFINITY || list.len < 2 {
            // The map moves by jumps, or not at all.
            return 0.0;
        }
        mean /= mass;
        // |p|_alpha of p that sums to 1; q = p / |p|_alpha.
        let mut powers = 0.0;
        for k in 0..list.len {
            powers += libm::exp((1.0 + e) * libm::log(*list.p.add(k) / largest));
        }
        let norm = largest / mass * libm::exp(libm::log(powers) / (1.0 + e));
        // tau falls with alpha by the entropy of q^alpha.
        let (mut entropy, mut by_q, mut by_s, mut b_sum) = (0.0, 0.0, 0.0, 0.0);
        for k in 0..list.len {
            let (p, v) = (*list.p.add(k) / mass, *list.v.add(k) - mean);
            let q = p / norm;
            let (log, s) = (libm::log(q), skewed(q, e));
            entropy -= libm::exp((1.0 + e) * log) * log;
            by_q += v * q * log;
            by_s += v * s;
            let b = v * norm * s / e;
            b_sum += b;
            *list.p.add(k) = p;
            *list.v.add(k) = b;
        }
        for k in 0..list.len {
            *list.v.add(k) = (*list.v.add(k) - *list.p.add(k) * b_sum) / temperature;
        }
        list.scatter(list.v, row.dx);
        let dtau = entropy * norm / (1.0 + e);
        -(by_q + by_s * dtau) * norm / e
    }
}
