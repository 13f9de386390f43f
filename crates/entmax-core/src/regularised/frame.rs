//! One row of either type as f64, relative to its maximum, and back; and the edges that are alike for all maps.

use crate::maps::kernels::{Candidates, EntmaxF32, EntmaxF64, RowKernel, Scores, Tail, BLOCK};
use crate::maps::Score;
use crate::simd::doubles::{Doubles, WIDTH};
use crate::simd::Native;

/// Scores whose rows the kernels of the maps read.
pub trait Entry: Score {
    /// The largest score, -inf of none; None of a row with a NaN.
    ///
    /// # Safety
    /// `x` is readable for `n >= 1` scores.
    unsafe fn maximum(x: *const Self, n: usize) -> Option<Self>;

    /// Packs the scores that exceed the maximum plus `bound`, and perhaps some a rounding below, with their indices; how many.
    ///
    /// # Safety
    /// As there; the lists are writable for as many numbers and 160 more.
    unsafe fn above(
        x: *const Self,
        n: usize,
        max: Self,
        bound: f64,
        lists: (*mut Self, *mut u32),
    ) -> usize;
}

impl Entry for f32 {
    #[inline(always)]
    unsafe fn maximum(x: *const f32, n: usize) -> Option<f32> {
        // SAFETY: passed on.
        unsafe { EntmaxF32::<Native>::maximum(x, n) }
    }

    unsafe fn above(
        x: *const f32,
        n: usize,
        max: f32,
        bound: f64,
        (scores, indices): (*mut f32, *mut u32),
    ) -> usize {
        let mut list = Candidates {
            scores,
            indices,
            len: 0,
        };
        // SAFETY: by the caller.
        unsafe {
            let mut tail = Tail::uninit();
            let row = Scores::new(x, n, &mut tail);
            let blocks = (core::ptr::null(), n.div_ceil(BLOCK));
            list.collect::<Native>(&row, blocks, max, bound as f32, n);
        }
        list.len
    }
}

impl Entry for f64 {
    #[inline(always)]
    unsafe fn maximum(x: *const f64, n: usize) -> Option<f64> {
        // SAFETY: passed on.
        unsafe { EntmaxF64::maximum(x, n) }
    }

    unsafe fn above(
        x: *const f64,
        n: usize,
        max: f64,
        bound: f64,
        (scores, indices): (*mut f64, *mut u32),
    ) -> usize {
        // A gap may overflow.
        let (max, mut len) = if bound == f64::NEG_INFINITY {
            (0.0, 0)
        } else {
            (max, 0)
        };
        let (top, cut) = (Doubles::splat(max), Doubles::splat(bound));
        let mut from = 0;
        // SAFETY: by the caller; len <= j.
        unsafe {
            while from < n {
                let end = n.min(from + WIDTH);
                if end < from + WIDTH || (Doubles::load(x.add(from)) - top).above(cut).any() {
                    for j in from..end {
                        let score = *x.add(j);
                        *scores.add(len) = score;
                        *indices.add(len) = j as u32;
                        len += usize::from(score - max > bound);
                    }
                }
                from = end;
            }
        }
        len
    }
}

/// What has become of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    Solved(Solved),
    /// Nothing is left in the row: zeros.
    Empty,
    /// Some score is NaN, and so are all probabilities.
    NotANumber,
    /// Some score is +inf: these have equal probabilities.
    Infinite,
    /// The bounds of what is left sum to less than 1: zeros.
    Infeasible,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Solved {
    /// tau of the last step: of what it is applied to, over the temperature and relative to the largest score, unless the map says
    /// something else.
    pub threshold: f64,
    pub converged: bool,
}

/// The group of an entry that is in none: an excluded score.
pub const EXCLUDED: u32 = u32::MAX;

/// A gap between scores is never larger: sums and products of what is built from it stay finite.
pub const WIDEST: f64 = 1e280;

/// Beside the probabilities, what the pullback needs. Null where it is not wanted.
#[derive(Clone, Copy)]
pub struct Labels<T> {
    /// For each entry the group that it belongs to, as [`super::groups`] says.
    pub groups: *mut u32,
    /// For each entry the derivative by lambda of what sparsemax is applied to.
    pub rates: *mut T,
}

impl<T> Labels<T> {
    pub const NONE: Labels<T> = Labels {
        groups: core::ptr::null_mut(),
        rates: core::ptr::null_mut(),
    };

    /// No entry is in a group.
    ///
    /// # Safety
    /// What is not null is writable for `n` numbers.
    pub unsafe fn clear(&self, n: usize) {
        // SAFETY: by the caller; EXCLUDED is all ones.
        unsafe {
            if !self.groups.is_null() {
                core::ptr::write_bytes(self.groups, 0xff, n);
            }
            if !self.rates.is_null() {
                core::ptr::write_bytes(self.rates, 0, n);
            }
        }
    }
}

/// The row as the maps with groups see it.
pub struct Frame<'a> {
    /// (score - max) / temperature, -inf where excluded; then the probabilities.
    pub row: &'a mut [f64],
    /// [`EXCLUDED`], or each entry by itself.
    pub groups: &'a mut [u32],
    pub rates: &'a mut [f64],
    /// The largest score over the temperature.
    pub largest: f64,
    /// Scratch of as many numbers as the map asks for.
    pub work: &'a mut [f64],
}

/// Bytes of workspace for a row of `n` with `numbers` of scratch.
pub const fn workspace(n: usize, numbers: usize) -> usize {
    ((2 * n + numbers) * size_of::<f64>() + n * size_of::<u32>()).next_multiple_of(64)
}

/// Reads a row; the outcome where it has no finite maximum. Scores of +inf are then 0, all others -inf.
///
/// # Safety
/// `x` is readable for as many scores as the row has.
#[inline(never)]
pub unsafe fn read<T: Score>(
    x: *const T,
    temperature: f64,
    row: &mut [f64],
) -> Result<f64, Outcome> {
    for (j, place) in row.iter_mut().enumerate() {
        // SAFETY: by the caller.
        *place = unsafe { *x.add(j) }.to_f64();
    }
    relate(row, temperature)
}

#[inline(never)]
fn relate(row: &mut [f64], temperature: f64) -> Result<f64, Outcome> {
    let (mut largest, mut has_nan) = (f64::NEG_INFINITY, false);
    for &score in row.iter() {
        has_nan |= score.is_nan();
        if score > largest {
            largest = score;
        }
    }
    if has_nan {
        return Err(Outcome::NotANumber);
    }
    if largest == f64::NEG_INFINITY {
        return Err(Outcome::Empty);
    }
    if largest == f64::INFINITY {
        for place in row {
            *place = if *place == largest {
                0.0
            } else {
                f64::NEG_INFINITY
            };
        }
        return Err(Outcome::Infinite);
    }
    let is_divided = temperature != 1.0;
    for place in row {
        let gap = *place - largest;
        if *place > f64::NEG_INFINITY {
            *place = if is_divided { gap / temperature } else { gap }.max(-WIDEST);
        }
    }
    Ok((largest / temperature).clamp(-WIDEST, WIDEST))
}

/// The row of scores of +inf that [`read`] leaves, as probabilities.
#[inline(never)]
pub fn share(row: &mut [f64]) {
    let count = row.iter().filter(|&&score| score == 0.0).count();
    for place in row {
        *place = if *place == 0.0 {
            1.0 / count as f64
        } else {
            0.0
        };
    }
}

/// The probabilities of a row without a finite maximum.
///
/// # Safety
/// `x` is readable and `out` is writable for `n` scores, equal or disjoint.
#[inline(never)]
pub unsafe fn settle_edge<T: Score>(x: *const T, n: usize, outcome: Outcome, out: *mut T) {
    let is_infinite = outcome == Outcome::Infinite;
    // SAFETY: by the caller.
    unsafe {
        let count = (0..n).filter(|&j| *x.add(j) == T::INFINITY).count();
        let share = T::from_f64(1.0 / count as f64);
        for j in 0..n {
            *out.add(j) = if outcome == Outcome::NotANumber {
                T::NAN
            } else if is_infinite && *x.add(j) == T::INFINITY {
                share
            } else {
                T::ZERO
            };
        }
    }
}

/// # Safety
/// `out` is writable for as many scores as the row has.
#[inline(never)]
pub unsafe fn write<T: Score>(row: &[f64], out: *mut T) {
    for (j, &value) in row.iter().enumerate() {
        // SAFETY: by the caller.
        unsafe { *out.add(j) = T::from_f64(value) };
    }
}

/// A row of a map with groups: `solve` turns a frame's scores into probabilities.
///
/// # Safety
/// `x` is readable and `out` writable for `n` scores, equal or disjoint; so are `labels` unless null; `memory` is 64-aligned and as
/// long as [`workspace`] says for the `numbers` of scratch that `solve` needs.
#[inline(never)]
pub unsafe fn solve_grouped<T: Score>(
    x: *const T,
    n: usize,
    temperature: f64,
    out: *mut T,
    labels: Labels<T>,
    (memory, numbers): (*mut u8, usize),
    solve: &dyn Fn(Frame) -> Solved,
) -> Outcome {
    let row: *mut f64 = memory.cast();
    let (rates, work) = (row.wrapping_add(n), row.wrapping_add(2 * n));
    let mut groups = labels.groups;
    if groups.is_null() {
        groups = work.wrapping_add(numbers).cast();
    }
    // SAFETY: by the caller; these are disjoint parts of the workspace, of plain numbers.
    let (row, rates, work, groups) = unsafe {
        (
            core::slice::from_raw_parts_mut(row, n),
            core::slice::from_raw_parts_mut(rates, if labels.rates.is_null() { 0 } else { n }),
            core::slice::from_raw_parts_mut(work, numbers),
            core::slice::from_raw_parts_mut(groups, n),
        )
    };
    // SAFETY: by the caller.
    let largest = unsafe { read(x, temperature, row) };
    rates.fill(0.0);
    let outcome = match largest {
        Ok(largest) => {
            for ((j, group), score) in groups.iter_mut().enumerate().zip(row.iter()) {
                *group = if *score == f64::NEG_INFINITY {
                    EXCLUDED
                } else {
                    j as u32
                };
            }
            Outcome::Solved(solve(Frame {
                row,
                groups,
                rates,
                largest,
                work,
            }))
        }
        Err(outcome) => {
            groups.fill(EXCLUDED);
            match outcome {
                Outcome::Infinite => share(row),
                Outcome::NotANumber => row.fill(f64::NAN),
                _ => row.fill(0.0),
            }
            outcome
        }
    };
    // SAFETY: by the caller.
    unsafe {
        if outcome == Outcome::NotANumber {
            // The canonical one.
            (0..n).for_each(|j| *out.add(j) = T::NAN);
        } else {
            write(row, out);
        }
        write(rates, labels.rates);
    }
    outcome
}
