//! The capped simplex (MATH.md section 7.1): entries between 0 and their bounds u that sum to a budget B,
//!
//! ```text
//! p_i = clip(z_i / T - tau, 0, u_i),   the sum of p = B,
//! ```
//!
//! or at most B: then tau = 0 where that sum does not exceed B. This file settles the edges, and finds tau for any row
//! by variable fixing (Bitran and Hax 1981; Kiwiel 2008), in f64 for rows of either type:
//!
//! 1. tau as if no undecided entry were clipped: their mean less their share of the budget;
//! 2. the clipped sum at that tau says on which side the root lies, and thereby which entries are 0, or at their bound,
//!    for good; they leave. When none leaves, tau is the root.
//!
//! A step that decides nothing ends it, so it is finite; entries at most a few binades apart halve with each step. tau
//! is a pair (see `compensated`) and lies beside one of the scores, so that a budget of 1e-30 among scores around 1
//! keeps its digits. `rows_f32` and `rows_f64` narrow rows down before they come here.

mod blocks_f32;
mod bracket_f32;
mod lanes_f32;
pub mod rows_f32;
pub mod rows_f64;
mod sample_f32;
mod sums_f32;
mod undecided_f32;

use super::compensated::{Pair, Sum};
use super::kernel::{List, Outcome, RowKernel, Settings, Solved};
use super::map;
use super::score::Score;

/// A budget this close to the sum of the bounds is that sum.
const FULL: f64 = 1.0 - 4.0 * f64::EPSILON;

/// Numbers of either type, read as f64: the code below serves both.
#[derive(Clone, Copy)]
pub struct Numbers {
    at: *const u8,
    wide: bool,
}

impl Numbers {
    #[inline(always)]
    pub fn new<T: Score>(at: *const T) -> Numbers {
        Numbers {
            at: at.cast(),
            wide: size_of::<T>() == 8,
        }
    }

    /// # Safety
    /// There is a number with index j.
    #[inline(always)]
    pub unsafe fn get(self, j: usize) -> f64 {
        // SAFETY: by the caller.
        unsafe {
            if self.wide {
                *self.at.cast::<f64>().add(j)
            } else {
                f64::from(*self.at.cast::<f32>().add(j))
            }
        }
    }
}

/// One row: scores without a NaN, bounds (null: all ones), the budget and the temperature.
#[derive(Clone, Copy)]
pub struct Problem {
    pub scores: Numbers,
    pub upper: Numbers,
    pub n: usize,
    pub budget: f64,
    pub temperature: f64,
    /// Scores of +inf stand for equal ones, all others for -inf.
    pub only_infinite: bool,
}

#[inline(always)]
fn clip(value: f64, bound: f64) -> f64 {
    if value > bound {
        bound
    } else if value > 0.0 {
        value
    } else {
        0.0
    }
}

/// z - tau.
#[inline(always)]
fn above(score: f64, tau: Pair) -> f64 {
    (score - tau.high) - tau.low
}

impl Problem {
    /// # Safety
    /// j < n, here and below.
    #[inline(always)]
    unsafe fn bound(&self, j: usize) -> f64 {
        if self.upper.at.is_null() {
            1.0
        } else {
            // SAFETY: by the caller.
            unsafe { self.upper.get(j) }
        }
    }

    /// # Safety
    /// j < n.
    #[inline(always)]
    unsafe fn score(&self, j: usize) -> f64 {
        // SAFETY: by the caller.
        let score = unsafe { self.scores.get(j) };
        if !self.only_infinite {
            score
        } else if score == f64::INFINITY {
            0.0
        } else {
            f64::NEG_INFINITY
        }
    }

    /// The entry for one tau.
    #[inline(always)]
    pub unsafe fn entry(&self, j: usize, tau: Pair) -> f64 {
        // SAFETY: by the caller.
        unsafe {
            let distance = above(self.score(j), tau);
            clip(distance / self.temperature, self.bound(j))
        }
    }

    /// The sum of the entries at tau = 0, and that of the bounds of all scores but -inf.
    #[inline(never)]
    pub unsafe fn totals(&self) -> (f64, f64) {
        let (mut sum, mut room) = (Sum::new(), Sum::new());
        for j in 0..self.n {
            // SAFETY: j < n.
            unsafe {
                sum.add(self.entry(j, Pair::ZERO));
                if self.score(j) > f64::NEG_INFINITY {
                    room.add(self.bound(j));
                }
            }
        }
        (sum.total(), room.total())
    }

    /// Whether a budget takes all the bounds.
    #[inline(always)]
    pub fn is_full(&self, room: f64) -> bool {
        self.budget >= room * FULL
    }

    /// The largest threshold that gives all entries their bounds.
    #[inline(never)]
    pub unsafe fn lowest_threshold(&self) -> f64 {
        let mut lowest = f64::INFINITY;
        for j in 0..self.n {
            // SAFETY: j < n.
            unsafe {
                let score = self.score(j);
                let end = score - self.bound(j) * self.temperature;
                if score > f64::NEG_INFINITY && end < lowest {
                    lowest = end;
                }
            }
        }
        lowest
    }

    /// tau in units of z, known to lie between `low` and `high`, where the sum exceeds the budget, or does not.
    /// Scores of +inf take their bounds first.
    ///
    /// # Safety
    /// `free` is writable for 2 n numbers.
    #[inline(never)]
    pub unsafe fn threshold(&self, low: f64, high: f64, free: *mut f64) -> Pair {
        let mut undecided = Undecided::new(self, free);
        for j in 0..self.n {
            // SAFETY: len <= j < n.
            unsafe {
                let (score, bound) = (self.score(j), self.bound(j));
                // Not score - bound >= high, which loses a small bound.
                if score == f64::INFINITY || (score - high) / self.temperature >= bound {
                    undecided.rest.add(-bound);
                } else if score > low {
                    undecided.push(score, bound);
                }
            }
        }
        // SAFETY: as above.
        unsafe { undecided.solve(high) }
    }
}

/// The entries that may still be 0, at their bound or between, and what is left of the budget for them.
pub struct Undecided {
    scores: *mut f64,
    bounds: *mut f64,
    len: usize,
    pub rest: Sum,
    temperature: f64,
}

impl Undecided {
    /// None, and all of the budget. `free` has room for 2 n numbers.
    pub fn new(problem: &Problem, free: *mut f64) -> Undecided {
        let mut rest = Sum::new();
        rest.add(problem.budget);
        Undecided {
            scores: free,
            bounds: free.wrapping_add(problem.n),
            len: 0,
            rest,
            temperature: problem.temperature,
        }
    }

    /// # Safety
    /// There is room for one more.
    #[inline(always)]
    pub unsafe fn push(&mut self, score: f64, bound: f64) {
        // SAFETY: by the caller.
        unsafe {
            *self.scores.add(self.len) = score;
            *self.bounds.add(self.len) = bound;
        }
        self.len += 1;
    }

    /// tau as if none were clipped, beside the first score, so that a small rest keeps its digits. One division, of a sum
    /// in twice the precision: a score that lies on the threshold of scores with few digits gets exactly 0.
    unsafe fn unclipped(&self) -> Pair {
        let count = self.len as f64;
        // SAFETY: there is a first score, and j < len.
        unsafe {
            let first = *self.scores;
            let mut sum = Sum::new();
            sum.add(-self.rest.total() * self.temperature);
            for j in 0..self.len {
                sum.add(*self.scores.add(j));
                sum.add(-first);
            }
            let mean = sum.total() / count;
            if mean.is_finite() {
                return Pair::ZERO.plus(first).plus(mean);
            }
            // Sums or differences overflow.
            let share = 1.0 / count;
            let mean: f64 = (0..self.len).map(|j| *self.scores.add(j) * share).sum();
            Pair::ZERO
                .plus(mean)
                .plus(-self.rest.total() * share * self.temperature)
        }
    }

    /// The sum of the clipped entries, less the rest.
    unsafe fn excess(&self, tau: Pair) -> f64 {
        let mut sum = Sum::new();
        for j in 0..self.len {
            // SAFETY: j < len.
            unsafe {
                let distance = above(*self.scores.add(j), tau);
                sum.add(clip(distance / self.temperature, *self.bounds.add(j)));
            }
        }
        sum.less(&self.rest)
    }

    /// Drops what is decided by the sign of the excess at tau.
    unsafe fn decide(&mut self, tau: Pair, excess: f64) {
        let len = self.len;
        self.len = 0;
        for j in 0..len {
            // SAFETY: self.len <= j < len.
            unsafe {
                let (score, bound) = (*self.scores.add(j), *self.bounds.add(j));
                let distance = above(score, tau) / self.temperature;
                if excess < 0.0 && distance >= bound {
                    self.rest.add(-bound);
                } else if excess < 0.0 || distance > 0.0 {
                    self.push(score, bound);
                }
            }
        }
    }

    /// tau; `fallback` where nothing is undecided.
    ///
    /// # Safety
    /// The room is still there.
    pub unsafe fn solve(&mut self, fallback: f64) -> Pair {
        if self.len == 0 {
            return Pair::ZERO.plus(fallback);
        }
        // SAFETY: len > 0 wherever tau is formed.
        unsafe {
            let mut tau = self.unclipped();
            loop {
                let len = self.len;
                let excess = self.excess(tau);
                self.decide(tau, excess);
                if excess == 0.0 || self.len == 0 {
                    return tau;
                }
                if self.len == len {
                    // Newton's step takes out what rounding has left.
                    return tau.plus(excess / len as f64 * self.temperature);
                }
                tau = self.unclipped();
            }
        }
    }
}

/// A row of the capped simplex: `settings.parameter` is the budget.
///
/// # Safety
/// As [`RowKernel::solve`]; `scratch` has room for 2 n f64.
#[inline(never)]
pub unsafe fn solve<T: Score, K: RowKernel<T>>(
    x: *const T,
    out: *mut T,
    n: usize,
    settings: &Settings<T>,
    scratch: *mut u8,
    list: &mut List<T>,
) -> Outcome {
    let mut problem = Problem {
        only_infinite: false,
        scores: Numbers::new(x),
        upper: Numbers::new(settings.upper),
        n,
        budget: settings.parameter,
        temperature: settings.temperature,
    };
    let at_most = settings.map == map::BUDGET_AT_MOST;
    // SAFETY: by the caller.
    unsafe {
        if problem.budget > 0.0 {
            let rows = (x, settings.upper);
            if let Some(tau) = K::budget(&problem, rows, at_most, out, scratch, list) {
                return Solved::at(tau);
            }
        }
        let max = match K::maximum(x, n) {
            None => return Outcome::NotANumber,
            Some(max) if max == T::NEG_INFINITY => return Outcome::Empty,
            Some(max) => max.to_f64(),
        };
        if problem.budget == 0.0 {
            core::ptr::write_bytes(out, 0, n);
            return Solved::at(max);
        }
        let (at_zero, room) = problem.totals();
        let mut tau = Pair::ZERO;
        let mut threshold = 0.0;
        if !at_most || at_zero > problem.budget {
            if problem.is_full(room) {
                threshold = problem.lowest_threshold();
                tau.high = f64::NEG_INFINITY;
            } else {
                if max == f64::INFINITY {
                    let infinite = Problem {
                        only_infinite: true,
                        temperature: 1.0,
                        ..problem
                    };
                    if infinite.totals().1 > problem.budget {
                        problem = infinite;
                    }
                }
                tau = problem.threshold(f64::NEG_INFINITY, f64::INFINITY, scratch.cast());
                threshold = tau.rounded();
            }
        }
        for j in 0..n {
            *out.add(j) = T::from_f64(problem.entry(j, tau));
        }
        Solved::at(if problem.only_infinite {
            f64::INFINITY
        } else {
            threshold
        })
    }
}
