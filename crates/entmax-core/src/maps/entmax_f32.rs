//! One row of f32: which kernel, for which alpha. The only place where that is decided.

use super::above_two::AboveTwo;
use super::above_two_f32::{below, Many};
use super::budget::{rows_f32, Problem};
use super::candidates_f32::Candidates;
use super::kernel::{Group, List, Outcome, RowKernel, Solved};
use super::powers_f32::{IntegerPower, Power, RealPower, WholePower};

use super::rising_f32::{self, Found, LONG_ROW};
use super::scan_f32::{count_above, find_above, maxima_len, Scores, Tail, BLOCK};
use super::short_f32::{self, Four};
use super::threshold_f32::{
    self, behind_lists, certified, lists, raise, solve_list, sparsemax_bound, spread, SAMPLED_ROW,
    SHORT_ROW,
};
use super::{above_two, narrow_f32, softmax_f32, tied_f32};
use crate::simd::{F32Block, LANES, ROWS};
use core::marker::PhantomData;

/// The kernels of f32 rows on the block implementation `V`.
pub struct EntmaxF32<V>(PhantomData<V>);

/// ln p differs from softmax's by e u^2 / 2: below this for no u > -88 by as much as a tenth of an ulp.
const SOFTMAX_BELOW: f64 = 1e-12;

/// A row, and where its result goes.
struct Place<'a> {
    row: &'a Scores,
    out: *mut f32,
    scratch: *mut u8,
    list: &'a mut List<f32>,
}

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

/// A row's maximum where it has a solution by the kernels.
#[inline(always)]
fn finite(max: Option<f32>) -> Result<f32, Outcome> {
    match max {
        None => Err(Outcome::NotANumber),
        Some(f32::NEG_INFINITY) => Err(Outcome::Empty),
        Some(f32::INFINITY) => Err(Outcome::Infinite),
        Some(max) => Ok(max),
    }
}

impl<V: F32Block> RowKernel<f32> for EntmaxF32<V> {
    fn scratch(n: usize) -> usize {
        threshold_f32::scratch(n)
    }

    #[inline(never)]
    unsafe fn maximum(x: *const f32, n: usize) -> Option<f32> {
        // SAFETY: passed on.
        unsafe { Scores::new(x, n, &mut Tail::uninit()) }.maximum::<V>()
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
        if n <= short_f32::LONGEST && exponent <= 1.0 {
            let group = Group {
                x: [x; ROWS],
                out: [out; ROWS],
                count: 1,
            };
            let mut outcomes = [Outcome::Empty; ROWS];
            // SAFETY: passed on.
            unsafe { Self::solve_group(&group, n, exponent, scratch, &mut outcomes) };
            return outcomes[0];
        }
        // SAFETY: passed on.
        unsafe {
            let mut tail = Tail::uninit();
            let row = &Scores::new(x, n, &mut tail);
            let place = Place {
                row,
                out,
                scratch,
                list,
            };
            if exponent < SOFTMAX_BELOW {
                return match finite(row.maximum::<V>()) {
                    Err(outcome) => outcome,
                    Ok(max) => {
                        softmax_f32::softmax::<V>(row, out, max);
                        Solved::unrestricted(f64::NEG_INFINITY, true)
                    }
                };
            }
            if exponent == 1.0 {
                place.solve::<V, _>(IntegerPower::<1>)
            } else if exponent == 0.5 {
                place.solve::<V, _>(IntegerPower::<2>)
            } else if (exponent - 1.0 / 3.0).abs() < 1e-15 {
                // 4/3 - 1 is not 1/3 in f64; the difference is far below f32.
                place.solve::<V, _>(IntegerPower::<3>)
            } else if exponent == 0.25 {
                place.solve::<V, _>(IntegerPower::<4>)
            } else if let Some(power) = WholePower::new(exponent) {
                place.solve::<V, _>(power)
            } else if exponent < 1.0 {
                place.solve::<V, _>(RealPower::new(exponent))
            } else {
                match place.look::<V>() {
                    Err(outcome) => outcome,
                    Ok(seen) => match seen.tied::<V>((exponent, temperature)) {
                        Some(outcome) => outcome,
                        None => seen.solve_above_two::<V>(exponent, temperature),
                    },
                }
            }
        }
    }

    const LONGEST_IN_GROUP: usize = short_f32::LONGEST;

    #[inline(never)]
    unsafe fn solve_group(
        group: &Group<f32>,
        n: usize,
        exponent: f64,
        scratch: *mut u8,
        outcomes: &mut [Outcome; ROWS],
    ) {
        // SAFETY: passed on.
        unsafe {
            let mut four = Four::<V>::new(group, n, scratch);
            if !four.look(outcomes) {
                return;
            }
            if exponent < SOFTMAX_BELOW {
                four.softmax(outcomes);
            } else if !four.solve_tied(exponent, outcomes) {
                // Nothing is left.
            } else if exponent == 1.0 {
                four.entmax(IntegerPower::<1>, outcomes);
            } else if exponent == 0.5 {
                four.entmax(IntegerPower::<2>, outcomes);
            } else if exponent == 0.25 {
                four.entmax(IntegerPower::<4>, outcomes);
            } else {
                let power = RealPower::new(exponent);
                if four.solve_narrow(power, outcomes) {
                    match WholePower::new(exponent) {
                        Some(power) => four.entmax(power, outcomes),
                        None => four.entmax(power, outcomes),
                    }
                }
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
        unsafe { rows_f32::solve::<V>(problem, rows, at_most, out, scratch, list) }
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
        let mut tail = Tail::uninit();
        // SAFETY: by the caller; the lane maxima and those they are folded to take n / 4 + 48 at most.
        let max = unsafe { found.collect_largest::<V>(&Scores::new(x, n, &mut tail), count, work) };
        *len = found.len;
        max
    }

    #[inline(never)]
    unsafe fn spread(list: &List<f32>, out: *mut f32, n: usize) {
        // SAFETY: passed on.
        unsafe { spread::<V>(list, out, n) }
    }
}

impl<'a> Place<'a> {
    /// The maximum, and the lane maxima of a row that is not short.
    #[inline(never)]
    unsafe fn look<V: F32Block>(self) -> Result<Seen<'a>, Outcome> {
        let Place {
            row,
            out,
            scratch,
            list,
        } = self;
        let mut maxima: *mut f32 = core::ptr::null_mut();
        let max = if row.len >= SHORT_ROW {
            maxima = behind_lists(row.len, scratch).cast();
            // SAFETY: the scratch has room for the maxima twice.
            unsafe { row.lane_maxima::<V>(maxima) }
        } else {
            row.maximum::<V>()
        };
        Ok(Seen {
            row,
            out,
            max: finite(max)?,
            maxima,
            scratch,
            list,
        })
    }

    /// alpha <= 2: one pass with a rising bound where the row is long and that suits it, else lane maxima.
    #[inline(always)]
    unsafe fn solve<V: F32Block, P: Power>(self, power: P) -> Outcome {
        let (row, scratch) = (self.row, self.scratch);
        // SAFETY: the fields are `RowKernel::solve`'s arguments.
        unsafe {
            if row.len >= LONG_ROW {
                let mut list = lists(row.len, scratch);
                let work = behind_lists(row.len, scratch).cast();
                let (beta, raise) = (1.0 / power.exponent(), raise::<V, P>(power));
                match rising_f32::collect::<V>(row, beta, &raise, &mut list, work) {
                    Found::NotANumber => return Outcome::NotANumber,
                    Found::Candidates(max, start) => {
                        let from = (row, &list);
                        return solve_list::<V, P>(power, from, max, start, scratch, self.list);
                    }
                    Found::Nothing => {}
                }
            }
            let seen = match self.look::<V>() {
                Err(outcome) => return outcome,
                Ok(seen) => seen,
            };
            if let Some(outcome) = seen.tied::<V>((power.exponent(), 1.0)) {
                return outcome;
            }
            threshold_f32::entmax::<V, P>(
                power,
                (row, seen.out),
                seen.max,
                seen.maxima,
                scratch,
                seen.list,
            )
        }
    }
}

impl Seen<'_> {
    /// The solution of a row of few levels, for alpha - 1 and a temperature.
    #[inline(always)]
    unsafe fn tied<V: F32Block>(&self, map: (f64, f64)) -> Option<Outcome> {
        if self.maxima.is_null() {
            return None;
        }
        // SAFETY: the fields are `RowKernel::solve`'s arguments; behind the lane maxima lie the largest by lane.
        unsafe {
            let best = self.maxima.add(maxima_len(self.row.len));
            tied_f32::entmax::<V>(self.row, self.out, self.max, best.cast_mut(), map)
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
        // The blocks with candidates, all as long as nothing is known.
        let mut blocks = (core::ptr::null(), n.div_ceil(BLOCK));
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
                    if let Some(outcome) = many.entmax::<V>(from, self.scratch.cast(), out) {
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
            if !self.maxima.is_null() {
                let total = maxima_len(n);
                let listed: *mut u32 = self.maxima.cast_mut().add(total).cast();
                let above = find_above::<V>(self.maxima, total, max, bound, listed);
                blocks = (listed.cast_const(), above.blocks);
            }
            list.collect::<V>(row, blocks, max, bound, n);
            let len = list.len.next_multiple_of(LANES);
            if serves && len > LANES {
                let scores = &Scores::whole(list.scores, len);
                let many = Many { scores, ..many };
                if let Some(outcome) = many.entmax::<V>(from, list.scores, list.scores) {
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
