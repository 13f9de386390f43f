//! The capped simplex on a row of f32: a few passes in blocks of sixteen settle almost every row; the entries that they leave
//! undecided go to the exact method of `budget`.
//!
//! 1. A budget far below n, and bounds that it does not take up: the lane maxima, with the least bounds behind each, are scores
//!    of a row below this one, so their tau is a lower bound of the row's (`lanes_f32`). Newton's method on them, then only
//!    what lies above is read again and packed, as in `threshold_f32`.
//! 2. Bounds of which many are reached: the ends of a bracket, from a sample of the row, are moved together with nothing but the
//!    clipped sum, and what lies between them is packed, again and again (`undecided_f32`). A dozen that are left undecided go to
//!    the exact method, which takes longer for each than a pass for a block. That tau came to lie inside is checked.
//! 3. Newton's method on the list, on the row, or on what packing made no shorter. Each step narrows a bracket, and one that
//!    would leave it is replaced by one between its ends.
//! 4. The exact method settles it where a score, or one less its bound, is so near to tau that rounding would decide on which
//!    side it lies: an entry on a breakpoint is 0, or its bound, and not 1e-9 more or less.

use super::super::compensated::Pair;
use super::super::entmax_f32::EntmaxF32;
use super::super::kernel::{List, RowKernel};
use super::super::scan_f32::{cut, find_above, maxima_len, Scores, Tail};
use super::super::threshold_f32::{behind_lists, list_capacity, lists, SHORT_ROW};
use super::blocks_f32::{Level, Row};
use super::bracket_f32::{Bracket, Ends};
use super::lanes_f32::lanes;
use super::undecided_f32::AIM;
use super::{Numbers, Problem};
use crate::simd::{F32Block, LANES};

/// In shorter rows the lane maxima are most of the row.
const SHORTEST: usize = 32;

/// [`Scores::new`], once.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe fn blocks(values: *const f32, len: usize, tail: &mut Tail) -> Scores {
    // SAFETY: passed on.
    unsafe { Scores::new(values, len, tail) }
}

/// Writes to `out` or `list` and returns the threshold; or None for a row that is empty, holds a NaN or +inf, or a temperature
/// that f32 cannot divide by.
///
/// # Safety
/// As [`super::solve`].
#[inline(never)]
pub unsafe fn solve<V: F32Block>(
    problem: &Problem,
    (x, upper): (*const f32, *const f32),
    at_most: bool,
    out: *mut f32,
    scratch: *mut u8,
    list: &mut List<f32>,
) -> Option<f64> {
    let (n, budget) = (problem.n, problem.budget);
    let inverse = (1.0 / problem.temperature) as f32;
    if !inverse.is_normal() {
        return None;
    }
    // SAFETY: by the caller.
    unsafe {
        let (mut tail, mut bounds_tail) = (Tail::uninit(), Tail::uninit());
        let bounds_len = if upper.is_null() { 0 } else { n };
        let scores = blocks(x, n, &mut tail);
        let bounds = blocks(upper, bounds_len, &mut bounds_tail);
        let row = Row {
            scores,
            bounds: (!upper.is_null()).then_some(bounds),
            inverse,
            temperature: 1.0 / f64::from(inverse),
        };
        // A budget far below n: the lane maxima tell where to look.
        let maxima: *mut f32 = behind_lists(n, scratch).cast();
        let is_short = n < SHORT_ROW;
        let len = if n >= SHORTEST {
            lanes::<V>(&row, budget, maxima.add(2 * maxima_len(n)))
        } else {
            None
        };
        let max = if len.is_some() {
            scores.lane_maxima::<V>(maxima)
        } else {
            EntmaxF32::<V>::maximum(x, n)
        };
        let max = max.filter(|max| max.is_finite())?;
        let highest = f64::from(max);
        let mut low = None;
        if let Some(len) = len {
            low = row.lower_bound::<V>(budget, max, (maxima, len));
        }
        // A threshold that is not below 0 says that the budget binds.
        if at_most && low.is_none_or(|low| highest + f64::from(low) < 0.0) {
            let sums = row.sums::<V>(0.0);
            if sums.active + sums.capped <= budget {
                row.write::<V>(Pair::ZERO, out);
                return Some(0.0);
            }
        }
        let mut blocks: (*const u32, usize) = (core::ptr::null(), 0);
        if let (Some(bound), false) = (low, is_short) {
            // Behind the maxima there is as much room.
            let numbers = maxima.add(maxima_len(n)).cast();
            let above = find_above::<V>(maxima, maxima_len(n), max, bound, numbers);
            blocks = (numbers, above.blocks);
            low = low.filter(|_| 2 * above.maxima <= maxima_len(n));
        }
        if let Some(low) = low {
            let mut candidates = lists(n, scratch);
            // Their bounds, behind all that the exact method may need, or behind the scores of a short row.
            let mut kept: *mut f32 = candidates.scores.add(n + 2 * LANES);
            if is_short {
                candidates.len = row.pack_above::<V>(cut(max, low), (candidates.scores, kept));
            } else {
                candidates.collect::<V>(&scores, blocks, max, low, n);
                kept = behind_lists(n, scratch).add(16 * list_capacity(n)).cast();
                if row.bounds.is_some() {
                    for j in 0..candidates.len {
                        *kept.add(j) = *upper.add(*candidates.indices.add(j) as usize);
                    }
                }
            }
            let len = candidates.len;
            let packed = Scores::whole(candidates.scores, len.next_multiple_of(LANES));
            let kept_bounds = Scores::whole(kept, packed.len);
            let packed = Row {
                scores: packed,
                bounds: row.bounds.map(|_| kept_bounds),
                ..row
            };
            let mut problem = Problem {
                scores: Numbers::new(candidates.scores.cast_const()),
                n: len,
                ..*problem
            };
            if row.bounds.is_some() {
                problem.upper = Numbers::new(kept.cast_const());
            }
            let start = highest + f64::from(low);
            let ends = Ends::below(highest, budget);
            let bracket = packed.newton::<V>(budget, start, ends, 0.0);
            let tau = packed.settle::<V>(&problem, &bracket, maxima.cast());
            if is_short {
                row.write::<V>(tau, out);
            } else {
                // In place: the entries take the scores' room.
                packed.write::<V>(tau, candidates.scores);
                *list = candidates.result();
            }
            return Some(tau.rounded());
        }
        if n >= SHORT_ROW && row.bounds.is_none() {
            if let Some(tau) = row.by_sample::<V>(budget, (max, highest), scratch.cast()) {
                let tau = Pair {
                    high: tau,
                    low: 0.0,
                };
                row.write::<V>(tau, out);
                return Some(tau.high);
            }
        }
        let tau = row.solve::<V>(problem, highest, scratch);
        let threshold = if tau.high == f64::NEG_INFINITY {
            problem.lowest_threshold()
        } else {
            tau.rounded()
        };
        row.write::<V>(tau, out);
        Some(threshold)
    }
}

impl Row {
    /// tau of a row with the finite maximum `highest`, -inf where the budget takes all the bounds.
    ///
    /// # Safety
    /// `scratch` has room for 2 n f64 and 256 bytes more.
    #[inline(never)]
    unsafe fn solve<V: F32Block>(&self, problem: &Problem, highest: f64, scratch: *mut u8) -> Pair {
        let budget = problem.budget;
        // SAFETY: by the caller.
        unsafe {
            let mut ends = Ends::below(highest, budget);
            let Some(start) = self.start::<V>(budget, AIM, &mut ends, scratch.cast()) else {
                if problem.is_full(self.sums::<V>(f64::NEG_INFINITY).capped) {
                    return Pair {
                        high: f64::NEG_INFINITY,
                        low: 0.0,
                    };
                }
                return problem.threshold(f64::NEG_INFINITY, highest, scratch.cast());
            };
            if self.bounds.is_none() {
                let bracket = self.newton::<V>(budget, start.tau, ends, 0.0);
                return self.settle::<V>(problem, &bracket, scratch);
            }
            let undecided = self.undecided::<V>(problem, (start, ends), highest, scratch);
            // Rounding may have moved the ends.
            undecided.unwrap_or_else(|| {
                problem.threshold(f64::NEG_INFINITY, f64::INFINITY, scratch.cast())
            })
        }
    }

    /// tau of scores with bounds that exceed the budget, after Newton's method.
    ///
    /// # Safety
    /// `scratch` has room for 2 n f64.
    #[inline(never)]
    pub unsafe fn settle<V: F32Block>(
        &self,
        problem: &Problem,
        bracket: &Bracket,
        scratch: *mut u8,
    ) -> Pair {
        let &Bracket {
            low,
            high,
            tau,
            window,
            ..
        } = bracket;
        // SAFETY: by the caller.
        unsafe {
            if !bracket.solved {
                return problem.threshold(low, high, scratch.cast());
            }
            if window == 0.0 || !self.is_near::<V>(tau, window) {
                return Pair {
                    high: tau,
                    low: 0.0,
                };
            }
            // Divided by the temperature by which the entries will be.
            let problem = Problem {
                temperature: self.temperature,
                ..*problem
            };
            problem.threshold(tau - window, tau + window, scratch.cast())
        }
    }

    /// Whether a score, or one less its bound, lies within `window` of tau.
    ///
    /// # Safety
    /// The bounds are readable.
    #[inline(never)]
    pub unsafe fn is_near<V: F32Block>(&self, tau: f64, window: f64) -> bool {
        let level: Level<V> = self.level(Pair {
            high: tau,
            low: 0.0,
        });
        let limit = window * f64::from(self.inverse);
        let limit = V::splat((limit * limit) as f32);
        let mut best = V::splat(f32::NEG_INFINITY);
        // SAFETY: by the caller.
        unsafe {
            self.each(|_, scores: V, bound| {
                let value = level.value(scores);
                let over = value.sub(bound);
                // Behind the row value is -inf: whatever the bound there is, neither is found.
                best = best.pmax(limit.sub(value.mul(value)));
                best = best.pmax(limit.sub(over.mul(over)));
            });
        }
        V::any(best.at_least(V::splat(0.0)))
    }
}
