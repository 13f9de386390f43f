//! What the driver asks of the kernels of one type.

use super::score::Score;

/// What a kernel has done with a row, beyond the probabilities.
#[derive(Clone, Copy, PartialEq)]
pub enum Outcome {
    /// The cutoff c - 1/e below the maximum, in units of x / temperature; -inf for softmax. The flag says
    /// whether the threshold converged.
    Solved { cutoff: f64, converged: bool },
    /// Nothing is left in the row; nothing was written.
    Empty,
    /// Some score is NaN; nothing was written.
    NotANumber,
    /// No score is NaN, some is +inf; nothing was written.
    Infinite,
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
    /// only with an exponent above 1.
    ///
    /// # Safety
    /// `x` is readable and `out` writable for `n >= 1` scores, equal or disjoint; `scratch` is 64-aligned and
    /// as long as [`RowKernel::scratch`] says.
    unsafe fn solve(
        x: *const T,
        out: *mut T,
        n: usize,
        exponent: f64,
        temperature: f64,
        scratch: *mut u8,
    ) -> Outcome;
}
