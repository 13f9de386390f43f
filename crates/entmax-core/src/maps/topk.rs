//! entmax of the k largest scores (MATH.md section 7.3): the largest probability-weighted score plus entropy among the
//! distributions with at most k entries.
//!
//! The row is solved without the restriction first. If its support has at most k entries that is the answer, and the
//! certificate `exact` says so. Else the k largest scores of the support, ties to the lowest index, are solved again as
//! a row of their own: scores outside the support are smaller than those in it, so no others are needed.

use super::kernel::{List, Outcome, RowKernel, Settings};
use super::score::Score;
use super::solve::solve_entmax;
use super::staging::ALIGNMENT;

/// Scores of which the largest is looked at first.
const BLOCK: usize = 16;

/// Bytes behind the kernel's scratch: the support's indices, its scores, and a copy of the row or of scores.
pub fn scratch<T>(n: usize) -> usize {
    n * (4 + 2 * size_of::<T>()) + ALIGNMENT
}

/// The k-th largest of `len >= k >= 1` values, which are reordered: Hoare's selection with a fixed pseudo-random sequence
/// of probes, so that no order is bad on purpose.
///
/// # Safety
/// `values` is writable for `len` values, none NaN.
#[inline(never)]
unsafe fn select<T: Score>(values: *mut T, len: usize, k: usize) -> T {
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

/// The k-th largest of `len > k` scores. The k-th largest of the maxima of 16 scores each is a lower bound of it, so that
/// of a long row only a few take part in the selection: four times as fast for softmax, whose support is the row.
///
/// # Safety
/// `scores` is readable and `work` writable for `len` scores.
unsafe fn kth_largest<T: Score>(scores: *const T, len: usize, k: usize, work: *mut T) -> T {
    let mut bound = T::NEG_INFINITY;
    let blocks = len / BLOCK;
    // SAFETY: block < blocks and j < len.
    unsafe {
        if blocks >= 2 * k {
            for block in 0..blocks {
                let first = scores.add(block * BLOCK);
                *work.add(block) = (1..BLOCK).fold(*first, |most, j| {
                    let score = *first.add(j);
                    if most < score {
                        score
                    } else {
                        most
                    }
                });
            }
            bound = select(work, blocks, k);
        }
        let mut count = 0;
        for j in 0..len {
            let score = *scores.add(j);
            *work.add(count) = score;
            count += usize::from(score >= bound);
        }
        select(work, count, k)
    }
}

/// [`solve_entmax`] once in the module.
#[inline(never)]
unsafe fn unrestricted<T: Score, K: RowKernel<T>>(
    x: *const T,
    out: *mut T,
    n: usize,
    settings: &Settings<T>,
    scratch: *mut u8,
    list: &mut List<T>,
) -> Outcome {
    // SAFETY: passed on.
    unsafe { solve_entmax::<T, K>(x, out, n, settings, scratch, list) }
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
    let scores = copy.wrapping_add(n);
    let indices: *mut u32 = scores.wrapping_add(n).cast();
    // SAFETY: by the caller; the three regions hold n entries each.
    unsafe {
        let mut source = x;
        if core::ptr::eq(x, out) {
            core::ptr::copy_nonoverlapping(x, copy, n);
            source = copy;
        }
        let outcome = unrestricted::<T, K>(x, out, n, settings, scratch, list);
        if !matches!(outcome, Outcome::Solved(_)) {
            return outcome;
        }
        let mut len = 0;
        let mut look = |index: usize, p: T| {
            // Written to the next free place whether or not it stays.
            *scores.add(len) = *source.add(index);
            *indices.add(len) = index as u32;
            len += usize::from(p > T::ZERO);
        };
        if list.indices.is_null() {
            (0..n).for_each(|j| look(j, *out.add(j)));
        } else {
            (0..list.len).for_each(|j| look(*list.indices.add(j) as usize, *list.values.add(j)));
        }
        if len <= k {
            return outcome;
        }
        let largest = (k, kth_largest(scores, len, k, copy));
        let mut kept = 0;
        each_largest(scores, len, largest, |j, keep| {
            *copy.add(kept) = *scores.add(j);
            kept += usize::from(keep);
        });
        let mut result = List::NONE;
        let mut outcome = unrestricted::<T, K>(copy, copy, k, settings, scratch, &mut result);
        if !result.indices.is_null() {
            K::spread(&result, copy, k);
        }
        if let Outcome::Solved(solved) = &mut outcome {
            solved.exact = false;
        }
        let mut next = 0;
        // In place: each score is read before its probability takes its room.
        each_largest(scores, len, largest, |j, keep| {
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
