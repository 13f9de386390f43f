//! normmax (MATH.md section 6): the maximum of <p, z / T> - |p|_alpha over the simplex, for alpha > 1.
//!
//! ```text
//! q_i = [z_i - tau]+^(1/e),   sum q^alpha = 1,   p = q / sum q,   e = alpha - 1
//! ```
//!
//! With d = [z - tau]+ and b = alpha / e, tau is where the norm |d|_b is 1. A norm of convex functions that fall is convex and
//! falls, so Newton's method comes from below after its first step. `normmax_start` says where it begins, and bounds what can be in
//! the support; `normmax_powers` forms the powers and their sums. tau is also the maximum itself, which is all that the loss needs.
//!
//! At alpha near 1, where b is large, powers are formed of d / d_max: the factor d_max^b is then one logarithm, and d near d_max
//! keeps its digits by log1p. There Newton's method begins below tau and never passes it. At alpha = inf q is 1 wherever d > 0:
//! uniform over the support of sparsemax.

use super::frame::{self, Entry, Outcome, Solved};
use super::near;
use super::normmax_powers::{powers, Power};
use super::normmax_start::start;
use crate::gradients::rows::Row;
use crate::gradients::support::Support;
use crate::gradients::tsallis::skewed;
use crate::maps::kernels::sparsemax_f64::SPARE;
use crate::maps::kernels::{Pair, Sum};

/// Newton's steps take 1 to 8.
const STEPS: usize = 100;

/// From this e on a power of a rounded ratio, or of the norm, has all the digits that count.
const TAME: f64 = 0.125;

/// Bytes of workspace for a row of `n`.
pub const fn normmax_workspace(n: usize) -> usize {
    // The scores that may be in the support: of the row's type with their indices, and as f64.
    near::workspace(n) + (2 * (n + SPARE) * size_of::<f64>()).next_multiple_of(64)
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
    // SAFETY: by the caller; disjoint parts of the workspace, of plain numbers.
    unsafe {
        let near = match near::collect(x, n, temperature, 1.0, workspace) {
            Ok(near) => near,
            Err(outcome) => {
                frame::settle_edge(x, n, outcome, out);
                return outcome;
            }
        };
        let room = n + SPARE;
        let active: *mut f64 = workspace.wrapping_add(near::workspace(n)).cast();
        let q = core::slice::from_raw_parts_mut(active.wrapping_add(room), room);
        let active = core::slice::from_raw_parts_mut(active, near.len + SPARE);
        near.distances(active);
        for spare in active.iter_mut().skip(near.len) {
            *spare = f64::NEG_INFINITY;
        }
        let places = core::slice::from_raw_parts_mut(near.indices, near.len);
        let (len, total, solved) = solve((active, places), e, q);
        // What is near may be the row itself, and then all of it is.
        if len < n {
            core::ptr::write_bytes(out, 0, n);
        }
        for (&place, &q) in places.iter().zip(q.iter()).take(len) {
            *out.add(place as usize) = T::from_f64(q / total);
        }
        Outcome::Solved(solved)
    }
}

/// A threshold for e below [`TAME`]; `high` + `low` is tau less the maximum, in [-1, 0).
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
        let below = u * self.inverse;
        let log = if below > -0.5 {
            libm::log1p(below)
        } else {
            libm::log(ratio)
        };
        let q = libm::exp(log / self.e);
        (q, q * ratio)
    }

    /// q of each score of the list, and the sums of q and q^alpha.
    fn sums(&self, list: &[f64], q: &mut [f64]) -> (f64, f64) {
        let (mut sum_q, mut sum_power) = (Sum::new(), Sum::new());
        for (&u, place) in list.iter().zip(q) {
            let (q, power) = self.terms(u);
            *place = q;
            sum_q.add(q);
            sum_power.add(power);
        }
        (sum_q.total(), sum_power.total())
    }

    /// The logarithm of |d|_b, and Newton's step of tau, for the sums of both terms.
    fn step(&self, q: f64, power: f64) -> (f64, f64) {
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

/// Keeps the scores that exceed `tau`, with their places, and puts -inf behind them; how many.
fn pack((active, places): (&mut [f64], &mut [u32]), tau: f64) -> usize {
    let mut left = 0;
    for k in 0..places.len() {
        let (Some(&u), Some(&place)) = (active.get(k), places.get(k)) else {
            break;
        };
        if let (Some(to), Some(at)) = (active.get_mut(left), places.get_mut(left)) {
            (*to, *at) = (u, place);
        }
        left += usize::from(u > tau);
    }
    for spare in active.iter_mut().skip(left).take(SPARE) {
        *spare = f64::NEG_INFINITY;
    }
    left
}

/// Newton's step of tau for the sums of q and of q^alpha = d^b, this less 1. With s = |d|_b^b it is (s - s^(1 - 1/b)) / sum q, where
/// the power is taken to be a fraction: it differs by (s - 1)^3, and is not so large that tau passes all scores.
fn step(e: f64, q: f64, excess: f64) -> (f64, f64) {
    // 1 - 1/b, and 1/b.
    let rest = 1.0 / (1.0 + e);
    let part = 1.0 - rest;
    let residual = part * excess;
    let fraction = (excess + 2.0) / ((part * excess + 2.0) * q);
    (residual, residual * fraction)
}

/// The threshold of scores relative to their maximum, of which those that may be in the support are left: how many, and the sum of their
/// q, which are in `terms`. Behind the list is -inf, as [`start`] says.
#[inline(never)]
fn solve(
    (active, places): (&mut [f64], &mut [u32]),
    e: f64,
    terms: &mut [f64],
) -> (usize, f64, Solved) {
    let whole = places.len().next_multiple_of(SPARE);
    let (bound, guess) = start(active.get(..whole).unwrap_or_default(), e);
    let is_tame = e >= TAME;
    let mut tau = Pair::ZERO.plus(if is_tame { guess } else { bound });
    let len = pack((active, places), bound);
    let list = active.get(..len.next_multiple_of(2)).unwrap_or_default();
    let power = Power::of(e);
    let (mut below, mut above) = (bound, 0.0);
    let (mut previous, mut steps) = (f64::INFINITY, 0);
    loop {
        let (q, (excess, delta)) = if is_tame {
            let (q, excess) = powers(list, terms, tau, power);
            (q, step(e, q, excess))
        } else {
            let level = Level::new(e, tau);
            let (q, power) = level.sums(list, terms);
            (q, level.step(q, power))
        };
        let residual = excess.abs();
        let converged = residual <= 1e-15 || (residual < 1e-12 && residual > 0.5 * previous);
        if converged || steps == STEPS || delta.is_nan() {
            let threshold = tau.rounded();
            let solved = Solved {
                threshold,
                converged,
            };
            return (len, q, solved);
        }
        // A step may lead out of what is known where it starts far from tau.
        if excess > 0.0 {
            below = tau.rounded();
        } else {
            above = tau.rounded();
        }
        let next = tau.plus(delta);
        tau = if (below..=above).contains(&next.rounded()) {
            next
        } else {
            Pair::ZERO.plus(0.5 * (below + above))
        };
        (previous, steps) = (residual, steps + 1);
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
