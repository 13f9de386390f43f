//! What the driver asks of the kernels of one type.

use super::budget::Problem;
use super::score::Score;
use crate::simd::ROWS;

/// What a kernel has done with a row, beyond the probabilities.
#[derive(Clone, Copy, PartialEq)]
pub enum Outcome {
    Solved(Solved),
    /// Nothing is left in the row; nothing was written.
    Empty,
    /// Some score is NaN; nothing was written.
    NotANumber,
    /// No score is NaN, some is +inf; nothing was written.
    Infinite,
}

#[derive(Clone, Copy, PartialEq)]
pub struct Solved {
    /// c - 1/e: the cutoff below the largest score of the support, in units of x / temperature; -inf for softmax.
    pub cutoff: f64,
    /// Whether the threshold converged.
    pub converged: bool,
    /// Whether the result equals the unrestricted one (top-k may differ from it).
    pub exact: bool,
    /// Whether the cutoff is a score, not a distance from one (budget).
    pub absolute: bool,
}

impl Solved {
    pub fn unrestricted(cutoff: f64, converged: bool) -> Outcome {
        Outcome::Solved(Solved {
            cutoff,
            converged,
            exact: true,
            absolute: false,
        })
    }

    /// With the cutoff `threshold`, in units of x.
    pub fn at(threshold: f64) -> Outcome {
        Outcome::Solved(Solved {
            cutoff: threshold,
            converged: true,
            exact: true,
            absolute: true,
        })
    }
}

/// A sparse result: probabilities, some of which may be 0, at ascending indices. Scores that are not in the list have
/// p = 0 and lie at or below the cutoff.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct List<T> {
    pub values: *const T,
    /// Null: the result is no list but the dense row.
    pub indices: *const u32,
    pub len: usize,
}

impl<T> List<T> {
    pub const NONE: List<T> = List {
        values: core::ptr::null(),
        indices: core::ptr::null(),
        len: 0,
    };
}

/// What one row is solved with.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Settings<T> {
    /// [`super::map`].
    pub map: u32,
    /// alpha - 1, or the budget.
    pub parameter: f64,
    /// Upper bounds of this row, contiguous; null: all ones.
    #[allow(dead_code)]
    pub upper: *const T,
    /// Keep the k largest scores, ties to the lowest index; 0: all.
    pub k: usize,
    pub temperature: f64,
}

/// Rows of one length that are solved together: the first `count`, at most four.
#[repr(C)]
pub struct Group<T> {
    pub x: [*const T; ROWS],
    pub out: [*mut T; ROWS],
    pub count: usize,
}

/// The kernels of one type, row by row.
pub trait RowKernel<T: Score> {
    /// Bytes of scratch for a row of `n`.
    fn scratch(n: usize) -> usize;

    /// The largest score (-inf if nothing is left), or None for a row with a NaN.
    ///
    /// # Safety
    /// `x` is readable for `n >= 1` scores.
    unsafe fn maximum(x: *const T, n: usize) -> Option<T>;

    /// The map of x / temperature for finite `exponent = alpha - 1 >= 0`. A temperature other than 1 comes
    /// only with an exponent above 1. The result is in `out`, or in `list` (which comes empty), then `out` is untouched.
    ///
    /// # Safety
    /// `x` is readable and `out` writable for `n >= 1` scores, equal or disjoint; `scratch` is 64-aligned and
    /// as long as [`RowKernel::scratch`] says. A list lies in the scratch.
    unsafe fn solve(
        x: *const T,
        out: *mut T,
        n: usize,
        exponent: f64,
        temperature: f64,
        scratch: *mut u8,
        list: &mut List<T>,
    ) -> Outcome;

    /// Longest row that is solved in groups for `exponent <= 1`; its result is never a list.
    const LONGEST_IN_GROUP: usize = 0;

    /// [`RowKernel::solve`] for each row of a group, at temperature 1.
    ///
    /// # Safety
    /// As [`RowKernel::solve`] for each of them, no output a row of another; `n` is at most [`RowKernel::LONGEST_IN_GROUP`].
    #[inline(always)]
    unsafe fn solve_group(
        _group: &Group<T>,
        _n: usize,
        _exponent: f64,
        _scratch: *mut u8,
        _outcomes: &mut [Outcome; ROWS],
    ) {
    }

    /// A row of the capped simplex with a budget above 0, and its threshold; None where the type has no kernel of its own for
    /// it, and nothing was written.
    ///
    /// # Safety
    /// As [`super::budget::solve`].
    #[inline(always)]
    unsafe fn budget(
        _problem: &Problem,
        _x_and_upper: (*const T, *const T),
        _at_most: bool,
        _out: *mut T,
        _scratch: *mut u8,
        _list: &mut List<T>,
    ) -> Option<f64> {
        None
    }

    /// Packs scores, with their indices, among which are the `count` largest and all that are equal to one of these: `len`
    /// of them, or fewer than `count` where no more are above -inf. Returns the maximum; None where it is not finite.
    ///
    /// # Safety
    /// `x` is readable for `n` scores; the rest is writable for 64 more each.
    unsafe fn largest(
        x: *const T,
        n: usize,
        count: usize,
        work: *mut T,
        list: (*mut T, *mut u32),
        len: &mut usize,
    ) -> Option<T>;

    /// The list as a dense row.
    ///
    /// # Safety
    /// `out` is writable for `n` scores; the indices are below n.
    unsafe fn spread(list: &List<T>, out: *mut T, n: usize);
}
