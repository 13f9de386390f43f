//! One contiguous row, whatever the map: which kernel, and the edges that are alike for all.

use super::kernel::{Group, List, Outcome, RowKernel, Settings, Solved};
use super::map;
use super::score::Score;
use super::staging::{cool, ALIGNMENT};
use super::{budget, topk};
use crate::simd::ROWS;

/// One contiguous row from `x` to `out`, or to a list in the scratch (see [`RowKernel::solve`]).
///
/// # Safety
/// As [`RowKernel::solve`], with a `scratch` as long as [`scratch`] says.
#[inline(always)]
pub unsafe fn solve_row<T: Score, K: RowKernel<T>>(
    x: *const T,
    out: *mut T,
    n: usize,
    settings: &Settings<T>,
    scratch: *mut u8,
    list: &mut List<T>,
) -> Outcome {
    // SAFETY: passed on.
    unsafe {
        if settings.map != map::ENTMAX {
            budget::solve::<T, K>(x, out, n, settings, scratch, list)
        } else {
            solve_on_simplex::<T, K>(x, out, n, settings, scratch, list)
        }
    }
}

/// [`solve_row`] of the maps onto the simplex: a module that calls no other carries no budgets.
///
/// # Safety
/// As [`solve_row`].
#[inline(always)]
pub unsafe fn solve_on_simplex<T: Score, K: RowKernel<T>>(
    x: *const T,
    out: *mut T,
    n: usize,
    settings: &Settings<T>,
    scratch: *mut u8,
    list: &mut List<T>,
) -> Outcome {
    // SAFETY: passed on.
    unsafe {
        if settings.k != 0 {
            topk::solve::<T, K>(x, out, n, settings, scratch, list)
        } else {
            solve_entmax::<T, K>(x, out, n, settings, scratch, list)
        }
    }
}

/// How many rows of `n` are solved together at most.
#[inline(always)]
pub fn together<T: Score, K: RowKernel<T>>(n: usize) -> usize {
    if n <= K::LONGEST_IN_GROUP {
        ROWS
    } else {
        1
    }
}

/// The rows of a group, which have their settings in common; a list only where the group is one row.
///
/// # Safety
/// As [`solve_row`] for each of them, no output a row of another. More than one row only as [`RowBatch::alike`] says.
#[inline(always)]
pub unsafe fn solve_rows<T: Score, K: RowKernel<T>>(
    group: &Group<T>,
    n: usize,
    settings: &Settings<T>,
    scratch: *mut u8,
    list: &mut List<T>,
    outcomes: &mut [Outcome; ROWS],
) {
    // SAFETY: by the caller.
    unsafe {
        if group.count == 1 {
            let (x, out) = (group.x[0], group.out[0]);
            outcomes[0] = solve_row::<T, K>(x, out, n, settings, scratch, list);
        } else if settings.temperature == 1.0 {
            K::solve_group(group, n, settings.parameter, scratch, outcomes);
            for (k, outcome) in outcomes.iter_mut().enumerate().take(group.count) {
                if *outcome == Outcome::Infinite {
                    *outcome = uniform_over(group.x[k], group.out[k], n, T::INFINITY);
                }
            }
        } else {
            solve_cooled::<T, K>(group, n, settings, scratch, outcomes);
        }
    }
}

/// A group at another temperature: what is divided by it is solved in place.
///
/// # Safety
/// As [`solve_rows`].
#[inline(never)]
unsafe fn solve_cooled<T: Score, K: RowKernel<T>>(
    group: &Group<T>,
    n: usize,
    settings: &Settings<T>,
    scratch: *mut u8,
    outcomes: &mut [Outcome; ROWS],
) {
    let mut cooled = Group {
        x: group.x,
        out: group.out,
        count: 0,
    };
    let mut places = [0; ROWS];
    // SAFETY: by the caller.
    unsafe {
        for (k, outcome) in outcomes.iter_mut().enumerate().take(group.count) {
            let (x, out) = (group.x[k], group.out[k]);
            *outcome = match K::maximum(x, n) {
                None => Outcome::NotANumber,
                Some(max) if max == T::NEG_INFINITY => Outcome::Empty,
                Some(max) if max == T::INFINITY => uniform_over(x, out, n, max),
                Some(max) => {
                    cool(x, out, n, max, settings.temperature);
                    let place = cooled.count;
                    (cooled.x[place], cooled.out[place]) = (out, out);
                    places[place] = k;
                    cooled.count += 1;
                    continue;
                }
            };
        }
        if cooled.count > 0 {
            let mut solved = [Outcome::Empty; ROWS];
            K::solve_group(&cooled, n, settings.parameter, scratch, &mut solved);
            for place in 0..cooled.count {
                outcomes[places[place]] = solved[place];
            }
        }
    }
}

/// Bytes of scratch for a row of `n`, whatever the map: the kernel's, behind it top-k's. Together they have room for the
/// 2 n f64 of a budget.
pub fn scratch<T: Score, K: RowKernel<T>>(n: usize) -> usize {
    K::scratch(n).next_multiple_of(ALIGNMENT) + topk::scratch::<T>(n).next_multiple_of(ALIGNMENT)
}

/// entmax for any alpha and temperature.
///
/// # Safety
/// As [`RowKernel::solve`].
#[inline(never)]
pub unsafe fn solve_entmax<T: Score, K: RowKernel<T>>(
    mut x: *const T,
    out: *mut T,
    n: usize,
    settings: &Settings<T>,
    scratch: *mut u8,
    list: &mut List<T>,
) -> Outcome {
    let (exponent, mut temperature) = (settings.parameter, settings.temperature);
    let uniform = exponent == f64::INFINITY;
    // SAFETY: rows and scratch by the caller.
    unsafe {
        if uniform || (temperature != 1.0 && exponent <= 1.0) {
            let max = match K::maximum(x, n) {
                None => return Outcome::NotANumber,
                Some(max) if max == T::NEG_INFINITY => return Outcome::Empty,
                Some(max) => max,
            };
            if uniform || max == T::INFINITY {
                return uniform_over(x, out, n, max);
            }
            cool(x, out, n, max, temperature);
            x = out;
            temperature = 1.0;
        }
        match K::solve(x, out, n, exponent, temperature, scratch, list) {
            Outcome::Infinite => uniform_over(x, out, n, T::INFINITY),
            outcome => outcome,
        }
    }
}

/// Equal probabilities for the scores equal to `max`, zero for the others.
///
/// # Safety
/// `x` is readable and `out` writable for `n` scores, equal or disjoint.
#[inline(never)]
unsafe fn uniform_over<T: Score>(x: *const T, out: *mut T, n: usize, max: T) -> Outcome {
    // SAFETY: indices below n.
    unsafe {
        let count = (0..n).filter(|&j| *x.add(j) == max).count();
        let share = T::from_f64(1.0 / count as f64);
        for j in 0..n {
            *out.add(j) = if *x.add(j) == max { share } else { T::ZERO };
        }
    }
    Solved::unrestricted(0.0, true)
}
