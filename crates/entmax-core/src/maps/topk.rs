//! entmax of the k largest scores (MATH.md section 7.3): the largest probability-weighted score plus entropy among the
//! distributions with at most k entries.
//!
//! For softmax and 1.5-entmax, whose supports are large, the k + 1 largest scores come first: where these alone show that
//! the last of them is in the unrestricted support, the others need no look.
//!
//! Else the row is solved without the restriction. If its support has at most k entries that is the answer, and the
//! certificate `exact` says so. Else the k largest scores of the support, ties to the lowest index, are solved again as
//! a row of their own: scores outside the support are smaller than those in it, so no others are needed.

use super::budget::Numbers;
use super::kernel::{List, Outcome, RowKernel, Settings};
use super::score::Score;
use super::solve::solve_entmax;
use super::staging::ALIGNMENT;

/// Scores of which the largest is looked at first.
const BLOCK: usize = 16;

/// Room behind the scores of a list for whole blocks, and in work for the lane maxima of a short row.
const PADDING: usize = 64;

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

/// Packs, with their indices, the scores that are no smaller than a lower bound of the `count`-th largest: the `count`-th
/// largest of the maxima of 16 scores each. Returns how many they are.
///
/// # Safety
/// `x` is readable and `work`, `scores` and `indices` are writable for `n` scores; none is NaN.
#[inline(never)]
pub unsafe fn collect_largest<T: Score>(
    x: *const T,
    n: usize,
    count: usize,
    work: *mut T,
    (scores, indices): (*mut T, *mut u32),
) -> usize {
    let mut bound = T::NEG_INFINITY;
    let blocks = n / BLOCK;
    let mut len = 0;
    // SAFETY: block < blocks, and len <= j < n.
    unsafe {
        if blocks >= 2 * count {
            for block in 0..blocks {
                let first = x.add(block * BLOCK);
                *work.add(block) = (1..BLOCK).fold(*first, |most, j| {
                    let score = *first.add(j);
                    if most < score {
                        score
                    } else {
                        most
                    }
                });
            }
            bound = select(work, blocks, count);
        }
        for j in 0..n {
            let score = *x.add(j);
            *scores.add(len) = score;
            *indices.add(len) = j as u32;
            len += usize::from(score >= bound);
        }
    }
    len
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

/// Calls `f` with the position of each of the first `k` largest: those above `least`, and as many equal to it, in order,
/// as are left.
///
/// # Safety
/// `scores` is readable for `len` scores.
#[inline(always)]
unsafe fn each_largest<T: Score>(
    scores: *const T,
    len: usize,
    (k, least): (usize, T),
    mut f: impl FnMut(usize, bool),
) {
    // SAFETY: j < len.
    unsafe {
        let mut ties = k - (0..len).filter(|&j| *scores.add(j) > least).count();
        for j in 0..len {
            let score = *scores.add(j);
            let tied = score == least && ties > 0;
            ties -= usize::from(tied);
            f(j, score > least || tied);
        }
    }
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
        if settings.parameter == 0.0 || settings.parameter == 0.5 {
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
            let mut look = |index: usize, p: T| {
                // Written to the next free place whether or not it stays.
                *scores.add(len) = *source.add(index);
                *indices.add(len) = index as u32;
                len += usize::from(p > T::ZERO);
            };
            if list.indices.is_null() {
                (0..n).for_each(|j| look(j, *out.add(j)));
            } else {
                (0..list.len)
                    .for_each(|j| look(*list.indices.add(j) as usize, *list.values.add(j)));
            }
            if len <= k {
                return outcome;
            }
            core::ptr::copy_nonoverlapping(scores, copy, len);
            least = select(copy, len, k);
        }
        let mut kept = 0;
        each_largest(scores, len, (k, least), |j, keep| {
            *copy.add(kept) = *scores.add(j);
            kept += usize::from(keep);
        });
        let mut result = List::NONE;
        let mut outcome = solve_entmax::<T, K>(copy, copy, k, settings, scratch, &mut result);
        if !result.indices.is_null() {
            K::spread(&result, copy, k);
        }
        if let Outcome::Solved(solved) = &mut outcome {
            solved.exact = false;
        }
        let mut next = 0;
        // In place: each score is read before its probability takes its room.
        each_largest(scores, len, (k, least), |j, keep| {
            *scores.add(j) = if keep { *copy.add(next) } else { T::ZERO };
            next += usize::from(keep);
        });
        *list = List {
            values: scores,
            indices,
            len,
        };
        outcome
    }
}
