//! normmax (MATH.md section 6): the maximum of <p, z / T> - |p|_alpha over the simplex, for alpha > 1.
//!
//! ```text
//! q_i = [z_i - tau]+^(1/e),   sum q^alpha = 1,   p = q / sum q,   e = alpha - 1
//! ```
//!
//! With d = [z - tau]+ and b = alpha / e, tau is where the norm |d|_b is 1. A norm of convex functions that fall is convex and
//! falls, so Newton's method from below rises to tau and never passes it; scores that leave the support do not return. `normmax_start`
//! says where it begins. tau is
//! also the maximum itself, which is all that the loss needs.
//!
//! Powers are formed of d / d_max: at alpha near 1, where b is large, the factor d_max^b is then one logarithm, and d near d_max
//! keeps its digits by log1p. At alpha = inf q is 1 wherever d > 0: uniform over the support of sparsemax.

use super::frame::{self, Entry, Outcome, Solved};
use super::near;
use super::normmax_start::start;
use crate::gradients::rows::Row;
use crate::gradients::support::Support;
use crate::gradients::tsallis::skewed;
use crate::maps::kernels::sparsemax_f64::SPARE;
use crate::maps::kernels::{pow, Pair, Sum};
use crate::simd::sqrt;

/// Newton's steps take 1 to 8.
const STEPS: usize = 100;

/// From this e on a power of a rounded ratio, or of the norm, has all the digits that count.
const TAME: f64 = 0.125;

/// Its powers of up to 1 / TAME are above 2^-1000.
const SMALL: f64 = 1e-30;

/// Bytes of workspace for a row of `n`.
pub const fn normmax_workspace(n: usize) -> usize {
    // The scores that may be in the support: of the row's type with their indices, and as f64.
    near::workspace(n) + ((n + SPARE) * size_of::<f64>()).next_multiple_of(64)
}

/// normmax of x / temperature; `e` is alpha - 1, above 0 and perhaps inf. The outcome's threshold is tau less the maximum.
///
/// # Safety
/// `x` is readable and `out` writable for `n` scores, equal or disjoint; `workspace` is 64-aligned and as long as
/// [`normmax_workspace`] says.
pub unsafe fn normmax<T: Entry>(
    x: *const T,
    n: usize,
    e: f64,
    temperature: f64,
    out: *mut T,
    workspace: *mut u8,
) -> Outcome {
    // SAFETY: by the caller; two disjoint parts of the workspace, of plain numbers.
    unsafe {
        let near = match near::collect(x, n, temperature, 1.0, workspace) {
            Ok(near) => near,
            Err(outcome) => {
                frame::settle_edge(x, n, outcome, out);
                return outcome;
            }
        };
        let active: *mut f64 = workspace.wrapping_add(near::workspace(n)).cast();
        let active = core::slice::from_raw_parts_mut(active, near.len + SPARE);
        near.distances(active);
        for spare in active.iter_mut().skip(near.len) {
            *spare = f64::NEG_INFINITY;
        }
        let (level, total, solved) = solve(active, near.len, e);
        // What is near may be the row itself, and then all of it is.
        if near.len < n {
            core::ptr::write_bytes(out, 0, n);
        }
        for k in 0..near.len {
            let p = level.terms(near.distance(k)).0 / total;
            *out.add(*near.indices.add(k) as usize) = T::from_f64(p);
        }
        Outcome::Solved(solved)
    }
}

/// A threshold; `high` + `low` is tau less the maximum, in [-1, 0).
struct Level {
    e: f64,
    tau: Pair,
    /// d of the largest score, and its inverse.
    largest: f64,
    inverse: f64,
}

impl Level {
    fn new(e: f64, tau: Pair) -> Level {
        let largest = -tau.rounded();
        Level {
            e,
            tau,
            largest,
            inverse: 1.0 / largest,
        }
    }

    /// (q, q^alpha), as if d_max were 1.
    #[inline(always)]
    fn terms(&self, u: f64) -> (f64, f64) {
        let d = (u - self.tau.high) - self.tau.low;
        if d <= 0.0 {
            return (0.0, 0.0);
        }
        let ratio = d * self.inverse;
        let q = if self.e == 1.0 {
            ratio
        } else if self.e == 0.5 {
            ratio * ratio
        } else if self.e == f64::INFINITY {
            1.0
        } else if self.e >= TAME && ratio > SMALL {
            pow(ratio, 1.0 / self.e)
        } else {
            let below = u * self.inverse;
            let log = if below > -0.5 {
                libm::log1p(below)
            } else {
                libm::log(ratio)
            };
            libm::exp(log / self.e)
        };
        (q, q * ratio)
    }

    /// |d|_b - 1 or its logarithm, and Newton's step of tau, for the sums of both terms.
    fn step(&self, q: f64, power: f64) -> (f64, f64) {
        if self.e == 1.0 {
            let root = sqrt(power);
            let excess = self.largest * root - 1.0;
            return (excess, excess * root / q);
        }
        if self.e == f64::INFINITY {
            let excess = self.largest * power - 1.0;
            return (excess, excess / q);
        }
        if self.e >= TAME {
            let rest = pow(power, 1.0 / (1.0 + self.e));
            let excess = self.largest * (power / rest) - 1.0;
            return (excess, excess * rest / q);
        }
        // 1 + tau, without what rounds it away.
        let above = (self.tau.high + 1.0) + self.tau.low;
        let log_largest = if above < 0.5 {
            libm::log1p(-above)
        } else {
            libm::log(self.largest)
        };
        // 1 / b, and 1 - 1 / b.
        let (part, rest) = (self.e / (1.0 + self.e), 1.0 / (1.0 + self.e));
        let log_power = libm::log(power);
        let log_norm = log_largest + log_power * part;
        (
            log_norm,
            libm::expm1(log_norm) * libm::exp(log_power * rest) / q,
        )
    }
}

/// The threshold of the first `len` scores relative to their maximum, with the sum of its terms; scores that leave the support are lost.
/// Behind them the list is as [`start`] says.
#[inline(never)]
fn solve(active: &mut [f64], mut len: usize, e: f64) -> (Level, f64, Solved) {
    let mut tau = Pair::ZERO.plus(start(active, len, e));
    let (mut previous, mut step) = (f64::INFINITY, 0);
    loop {
        let level = Level::new(e, tau);
        let (mut sum_q, mut sum_power, mut left) = (Sum::new(), Sum::new(), 0);
        for k in 0..len {
            let Some(&u) = active.get(k) else { break };
            let (q, power) = level.terms(u);
            if let Some(place) = active.get_mut(left) {
                *place = u;
            }
            // The start may be past tau by what rounding has left.
            left += usize::from(step == 0 || u > tau.high || q > 0.0);
            sum_q.add(q);
            sum_power.add(power);
        }
        len = left;
        let (excess, delta) = level.step(sum_q.total(), sum_power.total());
        let residual = excess.abs();
        let converged = residual <= 1e-15 || (residual < 1e-12 && residual > 0.5 * previous);
        let next = tau.plus(delta);
        if converged || step == STEPS || !(next.rounded() >= -1.0 && next.rounded() < 0.0) {
            let threshold = -level.largest;
            let solved = Solved {
                threshold,
                converged,
            };
            return (level, sum_q.total(), solved);
        }
        (previous, tau, step) = (residual, next, step + 1);
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
