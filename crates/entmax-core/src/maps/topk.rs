//! entmax of the k largest scores (MATH.md section 7.3): the largest probability-weighted score plus entropy among the
//! distributions with at most k entries.
//!
//! For softmax, and for 1.5-entmax of scores close together, supports are large, and the k + 1 largest scores come first:
//! where these alone show that the last of them is in the unrestricted support, the others need no look.
//!
//! Else the row is solved without the restriction. If its support has at most k entries that is the answer, and the
//! certificate `exact` says so. Else the k largest scores of the support, ties to the lowest index, are solved again as
//! a row of their own: scores outside the support are smaller than those in it, so no others are needed.

use super::budget::Numbers;
use super::kernel::{List, Outcome, RowKernel, Settings};
use super::score::Score;
use super::solve::solve_entmax;
use super::staging::ALIGNMENT;

/// Room behind the scores of a list for whole blocks, and in work for the lane maxima of a short row.
const PADDING: usize = 64;
/// Scores that are looked at first.
const SAMPLE: usize = 64;

/// Bytes behind the kernel's scratch: the support's indices, its scores, and a copy of the row or of scores.
pub fn scratch<T>(n: usize) -> usize {
    (n + PADDING) * (4 + 2 * size_of::<T>()) + ALIGNMENT
}

/// The k-th largest of `len >= k >= 1` values, which are reordered: Hoare's selection with a fixed pseudo-random sequence
/// of probes, so that no order is bad on purpose.
///
/// # Safety
/// `values` is writable for `len` values, none NaN.
#[inline(never)]
pub unsafe fn select<T: Score>(values: *mut T, len: usize, k: usize) -> T {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let (mut start, mut end) = (0, len);
    // SAFETY: all positions lie between start and end, at most len.
    unsafe {
        loop {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let probe = *values.add(start + ((random >> 33) as usize) % (end - start).max(1));
            // Three parts: above, equal to, below the probe.
            let (mut above, mut next, mut below) = (start, start, end);
            while next < below {
                let value = *values.add(next);
                if value > probe {
                    core::ptr::swap(values.add(above), values.add(next));
                    above += 1;
                    next += 1;
                } else if value == probe {
                    next += 1;
                } else {
                    below -= 1;
                    core::ptr::swap(values.add(next), values.add(below));
                }
            }
            if k <= above {
                end = above;
            } else if k > below {
                start = below;
            } else {
                return probe;
            }
        }
    }
}

/// Whether most of a few scores lie within the reach of their maximum, where 1.5-entmax may have many in its support.
/// N(0,1) does not look so, and 0.5 N(0,1) does.
///
/// # Safety
/// `scores` is readable for `n`.
#[inline(never)]
unsafe fn looks_close(scores: Numbers, n: usize, temperature: f64) -> bool {
    let stride = (n / SAMPLE).max(1);
    let (mut max, mut close) = (f64::NEG_INFINITY, 0);
    for pass in 0..2 {
        for j in (0..n).step_by(stride) {
            // SAFETY: j < n.
            let score = unsafe { scores.get(j) };
            if pass == 0 && score > max {
                max = score;
            }
            close += usize::from(pass == 1 && max - score < 2.0 * temperature);
        }
    }
    4 * stride * close >= 3 * n
}

/// Whether a score with probability above 0 is sure to be stored as such: `next`, the k + 1-st largest, given the list
/// that holds those above it. With a threshold at it, their probabilities leave a tenth of the sum; or for softmax,
/// no exponential underflows.
///
/// # Safety
/// `scores` is readable for `len`.
#[inline(never)]
unsafe fn reaches(
    scores: Numbers,
    len: usize,
    (max, next): (f64, f64),
    (exponent, temperature): (f64, f64),
) -> bool {
    if exponent == 0.0 {
        return (max - next) / temperature < 64.0;
    }
    let mut sum = 0.0;
    for j in 0..len {
        // SAFETY: j < len.
        let gap = unsafe { scores.get(j) } - next;
        if gap > 0.0 {
            let root = 0.5 * gap / temperature;
            sum += root * root;
        }
    }
    sum < 0.9
}

/// The row with `settings.k < n`.
///
/// # Safety
/// As [`RowKernel::solve`]; `scratch` as long as [`super::solve::scratch`] says.
#[inline(never)]
pub unsafe fn solve<T: Score, K: RowKernel<T>>(
    x: *const T,
    out: *mut T,
    n: usize,
    settings: &Settings<T>,
    scratch: *mut u8,
    list: &mut List<T>,
) -> Outcome {
    let k = settings.k;
    let copy: *mut T = scratch
        .wrapping_add(K::scratch(n).next_multiple_of(ALIGNMENT))
        .cast();
    let scores = copy.wrapping_add(n + PADDING);
    let indices: *mut u32 = scores.wrapping_add(n + PADDING).cast();
    // SAFETY: by the caller; the three regions hold n entries each, and more.
    unsafe {
        let mut len = 0;
        let mut least = T::NEG_INFINITY;
        let many = settings.parameter == 0.0
            || settings.parameter == 0.5 && looks_close(Numbers::new(x), n, settings.temperature);
        if many {
            if let Some(max) = K::largest(x, n, k + 1, copy, (scores, indices), &mut len) {
                if len > k {
                    core::ptr::copy_nonoverlapping(scores, copy, len);
                    least = select(copy, len, k);
                    // The selection has left no larger score behind the k-th place.
                    let next = (k + 1..len).fold(*copy.add(k), |most, j| {
                        let score = *copy.add(j);
                        if most < score {
                            score
                        } else {
                            most
                        }
                    });
                    let ends = (max.to_f64(), next.to_f64());
                    let map = (settings.parameter, settings.temperature);
                    if !reaches(Numbers::new(scores.cast_const()), len, ends, map) {
                        len = 0;
                    }
                }
            }
        }
        if len <= k {
            let mut source = x;
            if core::ptr::eq(x, out) {
                core::ptr::copy_nonoverlapping(x, copy, n);
                source = copy;
            }
            let outcome = solve_entmax::<T, K>(x, out, n, settings, scratch, list);
            if !matches!(outcome, Outcome::Solved(_)) {
                return outcome;
            }
            len = 0;
            let listed = !list.indices.is_null();
            for j in 0..if listed { list.len } else { n } {
                let (index, p) = if listed {
                    (*list.indices.add(j), *list.values.add(j))
                } else {
                    (j as u32, *out.add(j))
                };
                // Written to the next free place whether or not it stays.
                *scores.add(len) = *source.add(index as usize);
                *indices.add(len) = index;
                len += usize::from(p > T::ZERO);
            }
            if len <= k {
                return outcome;
            }
            core::ptr::copy_nonoverlapping(scores, copy, len);
            least = select(copy, len, k);
        }
        // Those above the k-th largest, and as many equal to it, in order, as are left.
        let above = (0..len).filter(|&j| *scores.add(j) > least).count();
        let (mut kept, mut ties) = (0, k - above);
        for j in 0..len {
            let score = *scores.add(j);
            let tied = score == least && ties > 0;
            ties -= usize::from(tied);
            let keep = score > least || tied;
            *copy.add(kept) = score;
            kept += usize::from(keep);
            *scores.add(j) = if keep { T::ONE } else { T::ZERO };
        }
        let mut result = List::NONE;
        let mut outcome = solve_entmax::<T, K>(copy, copy, k, settings, scratch, &mut result);
        if !result.indices.is_null() {
            K::spread(&result, copy, k);
        }
        if let Outcome::Solved(solved) = &mut outcome {
            solved.exact = false;
        }
        let mut next = 0;
        for j in 0..len {
            if *scores.add(j) > T::ZERO {
                *scores.add(j) = *copy.add(next);
                next += 1;
            }
        }
        *list = List {
            values: scores,
            indices,
            len,
        };
        outcome
    }
}
