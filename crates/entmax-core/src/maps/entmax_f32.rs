//! One row of f32: which kernel, for which alpha. The only place where that is decided.

use super::above_two::AboveTwo;
use super::powers_f32::{IntegerPower, Power, RealPower};
use super::rows::{Outcome, RowKernel};
use super::scan_f32::{lane_maxima, maxima_len, maximum};
use super::threshold_f32::{self, behind_lists, lists, SHORT_ROW};
use super::{above_two, softmax_f32};
use crate::simd::F32Block;
use core::marker::PhantomData;

/// The kernels of f32 rows on the block implementation `V`.
pub struct EntmaxF32<V>(PhantomData<V>);

/// The row after the first look.
struct Seen {
    x: *const f32,
    out: *mut f32,
    n: usize,
    max: f32,
    maxima: *const f32,
    maxima_len: usize,
    scratch: *mut u8,
}

impl<V: F32Block> RowKernel<f32> for EntmaxF32<V> {
    fn scratch(n: usize) -> usize {
        threshold_f32::scratch(n)
    }

    #[inline(always)]
    unsafe fn maximum(x: *const f32, n: usize) -> Option<f32> {
        // SAFETY: passed on.
        unsafe { maximum::<V>(x, n) }
    }

    #[inline(always)]
    unsafe fn solve(
        x: *const f32,
        out: *mut f32,
        n: usize,
        exponent: f64,
        temperature: f64,
        scratch: *mut u8,
    ) -> Outcome {
        // SAFETY: passed on.
        unsafe {
            let sparse_and_long = exponent != 0.0 && n >= SHORT_ROW;
            let (max, maxima, maxima_len) = if sparse_and_long {
                let maxima: *mut f32 = behind_lists(n, scratch).cast();
                (lane_maxima::<V>(x, n, maxima), maxima.cast_const(), maxima_len(n))
            } else {
                (maximum::<V>(x, n), core::ptr::null(), 0)
            };
            let max = match max {
                None => return Outcome::NotANumber,
                Some(f32::NEG_INFINITY) => return Outcome::Empty,
                Some(f32::INFINITY) => return Outcome::Infinite,
                Some(max) => max,
            };
            if exponent == 0.0 {
                softmax_f32::softmax::<V>(x, out, n, max);
                return Outcome::Solved { cutoff: f64::NEG_INFINITY, converged: true };
            }
            let row = Seen { x, out, n, max, maxima, maxima_len, scratch };
            if exponent == 1.0 {
                row.solve::<V, _>(IntegerPower::<1>)
            } else if exponent == 0.5 {
                row.solve::<V, _>(IntegerPower::<2>)
            } else if (exponent - 1.0 / 3.0).abs() < 1e-15 {
                // 4/3 - 1 is not 1/3 in f64; the difference is far below f32.
                row.solve::<V, _>(IntegerPower::<3>)
            } else if exponent == 0.25 {
                row.solve::<V, _>(IntegerPower::<4>)
            } else if exponent < 1.0 {
                row.solve::<V, _>(RealPower { exponent })
            } else {
                row.solve_above_two::<V>(exponent, temperature)
            }
        }
    }
}

impl Seen {
    /// A function of its own per power, so that the row's dispatch stays small.
    #[inline(always)]
    unsafe fn solve<V: F32Block, P: Power>(self, power: P) -> Outcome {
        let row = (self.x, self.out, self.n);
        // SAFETY: the fields are `RowKernel::solve`'s arguments.
        unsafe { threshold_f32::entmax::<V, P>(power, row, self.max, (self.maxima, self.maxima_len), self.scratch) }
    }

    /// Collects the candidates, hands them to the f64 kernel and spreads its answer.
    #[inline(always)]
    unsafe fn solve_above_two<V: F32Block>(self, exponent: f64, temperature: f64) -> Outcome {
        let (n, max) = (self.n, self.max);
        let map = AboveTwo::new(exponent, temperature);
        // In units of x; lowered for the rounding of score - max.
        let bound = (-map.reach() * (1.0 + 1e-6)) as f32;
        // SAFETY: the fields are `RowKernel::solve`'s arguments; the list holds n / 2 and more.
        unsafe {
            let listed = self.maxima.is_null()
                || 3 * super::scan_f32::count_above::<V>(self.maxima, self.maxima_len, max, bound) <= self.maxima_len;
            if !listed {
                let candidates: *mut f64 = self.scratch.cast();
                let len = above_two::copy_candidates(self.x, n, f64::from(max) - map.reach(), candidates);
                let threshold = map.solve(candidates, len);
                for j in 0..n {
                    *self.out.add(j) = threshold.probability(f64::from(*self.x.add(j))) as f32;
                }
                return threshold.outcome(f64::from(max));
            }
            let mut list = lists(n, self.scratch);
            list.collect::<V>(self.x, n, self.maxima, max, bound);
            let candidates: *mut f64 = behind_lists(n, self.scratch).cast();
            let len = above_two::copy_candidates(list.scores, list.len, f64::from(max) - map.reach(), candidates);
            let threshold = map.solve(candidates, len);
            core::ptr::write_bytes(self.out, 0, n);
            for j in 0..list.len {
                let score = f64::from(*list.scores.add(j));
                *self.out.add(*list.indices.add(j) as usize) = threshold.probability(score) as f32;
            }
            threshold.outcome(f64::from(max))
        }
    }
}
