//! Two ends between which tau lies, and what moves them together: Newton's method, or sums alone. `rows_f32` and `rows_f64` say
//! when.
//!
//! The clipped sum is piecewise linear and neither convex nor concave. Where many entries lie between 0 and their bounds
//! Newton's method converges in a few steps; where hardly any do, the sum is a staircase of whole bounds, whose slope at one
//! place says nothing about the next step. Then the steps are those of false position, and they end as soon as few entries
//! are left undecided.

use super::blocks_f32::Row;
use crate::simd::F32Block;

/// Newton's steps and those between before the exact method takes over.
const STEPS: usize = 16;
/// The largest part of the active entries that their sum may be off by: its own rounding.
const TOLERANCE: f64 = 2e-7;
/// What a solved tau is off by at most, relative to the mean active entry: the rounding of the sum, with as much again.
const WINDOW: f64 = 1e-6;
/// How much farther than the slope says a step goes that looks for the other end.
const STRIDE: f64 = 1.5;

/// tau lies between `low`, where the sum exceeds the budget by `at_low`, and `high`, where it does by `at_high`, which is not
/// above 0.
#[derive(Clone, Copy)]
pub struct Ends {
    pub low: f64,
    pub high: f64,
    pub at_low: f64,
    pub at_high: f64,
}

impl Ends {
    /// Below the largest score, where all entries are 0.
    pub fn below(highest: f64, budget: f64) -> Ends {
        Ends {
            low: f64::NEG_INFINITY,
            high: highest,
            at_low: 0.0,
            at_high: -budget,
        }
    }

    /// Written so that a NaN is not, too.
    #[inline(always)]
    fn hold(&self, tau: f64) -> bool {
        tau > self.low && tau < self.high
    }

    /// Where the line through both ends meets the budget.
    #[inline(always)]
    pub fn between(&self) -> f64 {
        let part = (self.at_low / (self.at_low - self.at_high)).clamp(0.01, 0.99);
        self.low + (self.high - self.low) * part
    }
}

impl Bracket {
    /// The ends, and no tau.
    pub fn between(ends: &Ends) -> Bracket {
        Bracket {
            low: ends.low,
            high: ends.high,
            tau: f64::NAN,
            window: 0.0,
            solved: false,
        }
    }
}

/// tau lies between the ends; if `solved`, within `window` of `tau`, unless no entry is strictly inside, which a `window` of 0 says.
pub struct Bracket {
    pub low: f64,
    pub high: f64,
    pub tau: f64,
    pub window: f64,
    pub solved: bool,
}

impl Row {
    /// Newton's method from `start` between the ends; `loose` ends at a lower bound with this much more than the budget, as a part
    /// of it.
    ///
    /// # Safety
    /// The bounds are readable.
    #[inline(never)]
    pub unsafe fn newton<V: F32Block>(
        &self,
        budget: f64,
        start: f64,
        mut ends: Ends,
        loose: f64,
    ) -> Bracket {
        let (mut tau, mut window, mut solved) = (start, 0.0, false);
        // The excess at both ends is taken for less where the other end has moved twice.
        let mut was_above = false;
        for _ in 0..STEPS {
            // SAFETY: passed on.
            let sums = unsafe { self.sums::<V>(tau) };
            let excess = sums.active + (sums.capped - budget);
            let next = tau + excess / sums.count * self.temperature;
            if excess.abs() <= TOLERANCE * sums.active {
                solved = true;
                if sums.count > 0.0 {
                    tau = next;
                    window = WINDOW * sums.active / sums.count * self.temperature;
                }
                break;
            }
            if excess > 0.0 {
                ends.at_high *= if was_above { 0.5 } else { 1.0 };
                (ends.low, ends.at_low, was_above) = (tau, excess, true);
                if excess <= loose * budget {
                    break;
                }
            } else {
                ends.at_low *= if was_above { 1.0 } else { 0.5 };
                (ends.high, ends.at_high, was_above) = (tau, excess, false);
            }
            tau = if ends.hold(next) {
                next
            } else {
                ends.between()
            };
            if !ends.hold(tau) {
                break;
            }
        }
        Bracket {
            low: ends.low,
            high: ends.high,
            tau,
            window,
            solved,
        }
    }

    /// Moves the ends together until the sums at them differ by `aim`: by false position, which needs no more than the sum,
    /// and from a start on which nothing is known by strides as long as `slope`, what the sum falls by with tau, says (0: as
    /// the line to the upper end). Returns where tau seems to lie then, and whether so near that rounding decides on which side.
    ///
    /// # Safety
    /// There are bounds.
    #[inline(never)]
    pub unsafe fn close_in<V: F32Block>(
        &self,
        budget: f64,
        (start, slope): (f64, f64),
        ends: &mut Ends,
        aim: f64,
    ) -> (f64, bool) {
        let highest = ends.high;
        let (mut tau, mut stride) = (f64::from(start as f32), STRIDE);
        // As in Newton's method.
        let (mut at_low, mut at_high, mut was_above) = (ends.at_low, ends.at_high, false);
        for step in 0..STEPS {
            // SAFETY: by the caller.
            let sum = unsafe { self.quick_sum::<V>(tau) };
            let excess = sum - budget;
            if excess.abs() <= 1e-6 * budget {
                return (tau, true);
            }
            let is_above = excess > 0.0;
            if is_above {
                at_high *= if step > 0 && was_above { 0.5 } else { 1.0 };
                (ends.low, ends.at_low, at_low) = (tau, excess, excess);
            } else {
                at_low *= if step == 0 || was_above { 1.0 } else { 0.5 };
                (ends.high, ends.at_high, at_high) = (tau, excess, excess);
            }
            was_above = is_above;
            let open = ends.low == f64::NEG_INFINITY || (ends.high == highest && slope > 0.0);
            let mut next = f64::NAN;
            if open {
                let steep = if slope > 0.0 {
                    slope
                } else {
                    sum / (highest - tau)
                };
                next = tau + stride * excess / steep;
                stride *= 2.0;
            }
            if !ends.hold(next) {
                let ends = Ends {
                    at_low,
                    at_high,
                    ..*ends
                };
                next = ends.between();
            }
            tau = f64::from(next as f32);
            if !ends.hold(tau) || (!open && ends.at_low - ends.at_high <= aim) {
                break;
            }
        }
        (tau, false)
    }
}
