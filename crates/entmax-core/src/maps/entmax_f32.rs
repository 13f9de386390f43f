//! One row of f32: which kernel, for which alpha. The only place where that is decided.

use super::above_two::AboveTwo;
use super::above_two_f32::{below, Many};
use super::budget::Problem;
use super::kernel::{List, Outcome, RowKernel, Solved};
use super::powers_f32::{IntegerPower, Power, RealPower};

use super::scan_f32::{count_above, maxima_len, Candidates, Scores};
use super::threshold_f32::{
    self, behind_lists, certified, lists, sparsemax_bound, spread, SAMPLED_ROW, SHORT_ROW,
};
use super::{above_two, budget_f32, narrow_f32, softmax_f32, tied_f32};
use crate::simd::{F32Block, LANES};
use core::marker::PhantomData;

/// The kernels of f32 rows on the block implementation `V`.
pub struct EntmaxF32<V>(PhantomData<V>);

/// ln p differs from softmax's by e u^2 / 2: below this for no u > -88 by as much as a tenth of an ulp.
const SOFTMAX_BELOW: f64 = 1e-12;

/// The row after the first look.
struct Seen<'a> {
    row: &'a Scores,
    out: *mut f32,
    max: f32,
    /// Null for a short row.
    maxima: *const f32,
    scratch: *mut u8,
    list: &'a mut List<f32>,
}

impl<V: F32Block> RowKernel<f32> for EntmaxF32<V> {
    fn scratch(n: usize) -> usize {
        threshold_f32::scratch(n)
    }

    #[inline(never)]
    unsafe fn maximum(x: *const f32, n: usize) -> Option<f32> {
        // SAFETY: passed on.
        unsafe { Scores::new(x, n) }.maximum::<V>()
    }

    #[inline(never)]
    unsafe fn solve(
        x: *const f32,
        out: *mut f32,
        n: usize,
        exponent: f64,
        temperature: f64,
        scratch: *mut u8,
        list: &mut List<f32>,
    ) -> Outcome {
        // SAFETY: passed on.
        unsafe {
            let row = &Scores::new(x, n);
            let mut maxima: *mut f32 = core::ptr::null_mut();
            let max = if exponent >= SOFTMAX_BELOW && n >= SHORT_ROW {
                maxima = behind_lists(n, scratch).cast();
                row.lane_maxima::<V>(maxima)
            } else {
                row.maximum::<V>()
            };
            let max = match max {
                None => return Outcome::NotANumber,
                Some(f32::NEG_INFINITY) => return Outcome::Empty,
                Some(f32::INFINITY) => return Outcome::Infinite,
                Some(max) => max,
            };
            if exponent < SOFTMAX_BELOW {
                softmax_f32::softmax::<V>(row, out, max);
                return Solved::unrestricted(f64::NEG_INFINITY, true);
            }
            if !maxima.is_null() {
                let best = maxima.add(maxima_len(n));
                let map = (exponent, temperature);
                if let Some(outcome) = tied_f32::entmax::<V>(row, out, max, best, map) {
                    return outcome;
                }
            }
            let seen = Seen {
                row,
                out,
                max,
                maxima,
                scratch,
                list,
            };
            if exponent == 1.0 {
                seen.solve::<V, _>(IntegerPower::<1>)
            } else if exponent == 0.5 {
                seen.solve::<V, _>(IntegerPower::<2>)
            } else if (exponent - 1.0 / 3.0).abs() < 1e-15 {
                // 4/3 - 1 is not 1/3 in f64; the difference is far below f32.
                seen.solve::<V, _>(IntegerPower::<3>)
            } else if exponent == 0.25 {
                seen.solve::<V, _>(IntegerPower::<4>)
            } else if exponent < 1.0 {
                seen.solve::<V, _>(RealPower::new(exponent))
            } else {
                seen.solve_above_two::<V>(exponent, temperature)
            }
        }
    }

    #[inline(always)]
    unsafe fn budget(
        problem: &Problem,
        rows: (*const f32, *const f32),
        at_most: bool,
        out: *mut f32,
        scratch: *mut u8,
        list: &mut List<f32>,
    ) -> Option<f64> {
        // SAFETY: passed on.
        unsafe { budget_f32::solve::<V>(problem, rows, at_most, out, scratch, list) }
    }

    #[inline(always)]
    unsafe fn largest(
        x: *const f32,
        n: usize,
        count: usize,
        work: *mut f32,
        (scores, indices): (*mut f32, *mut u32),
        len: &mut usize,
    ) -> Option<f32> {
        let mut found = Candidates {
            scores,
            indices,
            len: 0,
        };
        // SAFETY: by the caller; the lane maxima and those they are folded to take n / 4 + 48 at most.
        let max = unsafe { found.collect_largest::<V>(&Scores::new(x, n), count, work) };
        *len = found.len;
        max
    }

    #[inline(never)]
    unsafe fn spread(list: &List<f32>, out: *mut f32, n: usize) {
        // SAFETY: passed on.
        unsafe { spread::<V>(list, out, n) }
    }
}

impl Seen<'_> {
    #[inline(always)]
    unsafe fn solve<V: F32Block, P: Power>(self, power: P) -> Outcome {
        // SAFETY: the fields are `RowKernel::solve`'s arguments.
        unsafe {
            threshold_f32::entmax::<V, P>(
                power,
                (self.row, self.out),
                self.max,
                self.maxima,
                self.scratch,
                self.list,
            )
        }
    }

    /// Collects the candidates and hands them to the kernel for many (as a list, or the row itself where most are candidates),
    /// or to that in f64.
    ///
    /// The support shrinks as alpha grows: (e d)^(1/e) grows with e wherever e d < 1, so what the larger scores claim
    /// grows too. Whatever sparsemax leaves out is therefore no candidate in f64 either.
    #[inline(never)]
    unsafe fn solve_above_two<V: F32Block>(self, exponent: f64, temperature: f64) -> Outcome {
        let (row, out, max, n) = (self.row, self.out, self.max, self.row.len);
        let map = AboveTwo::new(exponent, temperature);
        let exact_max = f64::from(max);
        let mut reach = map.reach();
        // In units of x; lowered for the rounding of score - max, and below 0 for any temperature.
        let mut bound = -((reach * (1.0 + 1e-6)) as f32).max(f32::MIN_POSITIVE);
        // Where a difference of two scores may overflow f32 no screening in f32 is possible.
        let mut dense = reach > 1e38;
        let warm = temperature == 1.0;
        let many = Many {
            scores: row,
            max,
            exponent,
            unit: exponent / temperature,
            weight: 1.0,
        };
        let serves = many.serves();
        let mut from = (max + bound).next_down();
        // Too many for a list. Not by the maxima alone: most may be the only ones of their block.
        let are_most = |bound: f32| {
            let above = |values: *const f32, len: usize| {
                // SAFETY: the row's, or its lane maxima.
                unsafe { 2 * count_above::<V>(values, len, max, bound) > len }
            };
            (self.maxima.is_null() || above(self.maxima, maxima_len(n)))
                && above(row.values, n / LANES * LANES)
        };
        // SAFETY: the fields are `RowKernel::solve`'s arguments; the list holds n / 2 and more.
        unsafe {
            if !dense {
                if serves && !self.maxima.is_null() {
                    from = many.bound::<V>(self.maxima.cast_mut(), maxima_len(n), from);
                    bound = bound.max(below(from, max));
                }
                dense = are_most(bound);
            }
            if warm && dense {
                let even = libm::exp(-exponent * libm::log(n as f64));
                if let Some(outcome) = narrow_f32::entmax::<V>(row, out, max, exponent, even) {
                    return outcome;
                }
            }
            if dense && serves && n >= SAMPLED_ROW {
                from = many.sampled_bound::<V>(self.scratch.cast(), from);
                bound = bound.max(below(from, max));
                dense = are_most(bound);
            }
            if dense {
                if serves && n > LANES {
                    if let Some(outcome) = many.entmax::<V>(from, out) {
                        return outcome;
                    }
                }
                if warm {
                    let start = sparsemax_bound::<V>(row.values, n, max, 0.0);
                    reach = reach.min(-f64::from(certified(start - 1.0)));
                }
                let candidates: *mut f64 = self.scratch.cast();
                let len = above_two::copy_candidates(row.values, n, exact_max, reach, candidates);
                let threshold = map.solve(candidates, len);
                for j in 0..n {
                    *out.add(j) = threshold.probability(f64::from(*row.values.add(j))) as f32;
                }
                return threshold.outcome(exact_max);
            }
            let mut list = lists(n, self.scratch);
            list.collect::<V>(row, self.maxima, max, bound);
            let len = list.len.next_multiple_of(LANES);
            if serves && len > LANES {
                let scores = &Scores::whole(list.scores, len);
                if let Some(outcome) = (Many { scores, ..many }).entmax::<V>(from, list.scores) {
                    *self.list = list.result();
                    return outcome;
                }
            }
            let candidates: *mut f64 = behind_lists(n, self.scratch).cast();
            let len =
                above_two::copy_candidates(list.scores, list.len, exact_max, reach, candidates);
            let threshold = map.solve(candidates, len);
            for j in 0..list.len {
                let score = list.scores.add(j);
                *score = threshold.probability(f64::from(*score)) as f32;
            }
            *self.list = list.result();
            threshold.outcome(exact_max)
        }
    }
}
