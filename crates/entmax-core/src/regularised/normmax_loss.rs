//! The Fenchel-Young loss of normmax (MATH.md sections 5 and 6), whose Omega is |p|_alpha:
//!
//! ```text
//! L(z; q) = tau + |q|_alpha - <q, u>,     u = (z - max z) / T,     dL/dalpha = d|q|/dalpha - d|p|/dalpha
//! ```
//!
//! because tau is the maximum of <p, u> - |p|_alpha itself. For a class it is 1 + tau - u_k, without a sum. tau is that of the
//! solve, in f64, so that the loss knows nothing of how p is rounded; p is held fixed in the derivative. The way to a row, the
//! gradient p - q and the edges are those of all losses (`crate::losses`).

use super::frame::{Entry, Outcome};
use super::normmax::{normmax, normmax_workspace};
use super::{map, rows};
use crate::losses::kernels::{typed, AnyGroup, AnyList, AnySettings, Kernels};
use crate::losses::rows as walk;
use crate::losses::value::{Solution, Target, Value};
use crate::losses::{LossBatch, LossResults};
use crate::maps::kernels::{Group, Outcome as Mapped, Solved};
use crate::maps::Score;
use crate::simd::ROWS;
use crate::status::Status;
use core::ops::Range;

/// Bytes of one caller's workspace, in any form.
pub fn workspace<T: Score>(n: usize, inner: usize) -> usize {
    walk::workspace::<T>(n, inner, 1) + normmax_workspace(n)
}

/// The losses of `rows` and their gradients in the form that `results` asks for.
///
/// # Safety
/// As [`crate::losses::row_loss_f32`], with a workspace of [`workspace`].
#[inline(always)]
pub unsafe fn row_loss<T: Entry>(
    batch: &LossBatch<T>,
    rows: Range<usize>,
    results: &LossResults<T>,
    workspace: *mut u8,
) -> Status {
    let scores = &batch.scores;
    let parameters = (scores.parameter, scores.parameter_stride);
    // SAFETY: passed on.
    unsafe {
        if scores.map != map::NORMMAX || !rows::are_valid(scores.map, rows.clone(), parameters) {
            return Status::InvalidParameter;
        }
        let kernels = Kernels::dense::<T>(solve::<T>, value);
        walk::row_loss(batch, rows, results, workspace, kernels)
    }
}

/// The row of a group of one.
///
/// # Safety
/// The group is of type `T`; otherwise as [`normmax`].
unsafe fn solve<T: Entry>(
    group: &AnyGroup,
    n: usize,
    settings: &AnySettings,
    scratch: *mut u8,
    _list: &mut AnyList,
    outcomes: &mut [Mapped; ROWS],
) {
    // SAFETY: by the caller.
    unsafe {
        let group: &Group<T> = typed(group);
        let (x, p, e) = (group.x[0], group.out[0], settings.parameter);
        outcomes[0] = match normmax(x, n, e, settings.temperature, p, scratch) {
            Outcome::Solved(solved) => Solved::unrestricted(solved.threshold, solved.converged),
            Outcome::NotANumber => Mapped::NotANumber,
            Outcome::Infinite => {
                let count = (0..n).filter(|&j| *p.add(j) > T::ZERO).count();
                Solved::unrestricted(threshold_of_equal(count, e), true)
            }
            Outcome::Empty | Outcome::Infeasible => Mapped::Empty,
        };
    }
}

/// tau less the maximum where `count` scores are equal and all others far below.
fn threshold_of_equal(count: usize, e: f64) -> f64 {
    let count = count as f64;
    if e == f64::INFINITY {
        -1.0 / count
    } else {
        -libm::exp(-e / (1.0 + e) * libm::log(count))
    }
}

/// |p|_alpha, from entries relative to the largest.
struct Norm {
    alpha: f64,
    largest: f64,
    /// Sums of r^alpha and of r^alpha ln r.
    powers: f64,
    logs: f64,
    /// The last entry and its terms: smoothed labels repeat one value.
    last: f64,
    terms: (f64, f64),
}

impl Norm {
    fn new(alpha: f64, largest: f64) -> Norm {
        Norm {
            alpha,
            largest,
            powers: 0.0,
            logs: 0.0,
            last: largest,
            terms: (1.0, 0.0),
        }
    }

    fn add(&mut self, p: f64) {
        if self.alpha == f64::INFINITY {
            return;
        }
        if p != self.last {
            let log = libm::log(p / self.largest);
            let power = libm::exp(self.alpha * log);
            self.terms = (power, power * log);
            self.last = p;
        }
        self.powers += self.terms.0;
        self.logs += self.terms.1;
    }

    /// The norm and its derivative by alpha.
    fn total(&self) -> (f64, f64) {
        if self.alpha == f64::INFINITY || self.largest == 0.0 {
            return (self.largest, 0.0);
        }
        let log = libm::log(self.powers) / self.alpha;
        let norm = self.largest * libm::exp(log);
        (norm, norm / self.alpha * (self.logs / self.powers - log))
    }
}

/// The loss of a row, and its derivative by alpha.
///
/// # Safety
/// The pointers are a row's and its target's.
#[inline(never)]
unsafe fn value(solution: &Solution, target: &Target, derivative: bool) -> Value {
    let (n, alpha) = (solution.n, 1.0 + solution.settings.parameter);
    // SAFETY: indices below n.
    unsafe {
        // The largest score is in the support.
        let (mut origin, mut top, mut cursor) = (f64::NEG_INFINITY, 0.0, 0);
        while let Some((j, p)) = solution.next(&mut cursor) {
            let score = solution.x.get(j);
            origin = if score > origin { score } else { origin };
            top = if p > top { p } else { top };
        }
        let mut largest = 0.0;
        let mut cursor = 0;
        while let Some((_, q)) = target.next(&mut cursor, n) {
            largest = if q > largest { q } else { largest };
        }
        let mut of_q = Norm::new(alpha, largest);
        let (mut dot, mut cursor) = (0.0, 0);
        while let Some((j, q)) = target.next(&mut cursor, n) {
            let score = solution.x.get(j);
            // Where +inf scores share the mass, their distance is 0, too.
            let below = if score == origin {
                0.0
            } else {
                (score - origin) / solution.settings.temperature
            };
            dot += q * below;
            of_q.add(q);
        }
        let (norm, mut by_parameter) = of_q.total();
        let loss = (norm + solution.cutoff) - dot;
        if derivative && loss < f64::INFINITY {
            let mut of_p = Norm::new(alpha, top);
            let mut cursor = 0;
            while let Some((_, p)) = solution.next(&mut cursor) {
                of_p.add(p);
            }
            by_parameter -= of_p.total().1;
        }
        Value { loss, by_parameter }
    }
}
