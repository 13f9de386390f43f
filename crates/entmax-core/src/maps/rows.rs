//! Rows in memory: from the layout [outer, n, inner] to one contiguous row and back.
//!
//! A kernel sees one contiguous row and nothing else, which is what makes a result independent of layout,
//! neighbours, chunking and alignment. Rows with `inner > 1` are gathered in tiles of neighbours, so that each
//! cache line of x is read once per tile, computed in place and scattered back. A masked score becomes -inf
//! on the way, so a mask and -inf give the same bits; a temperature is applied in f64 to a staged copy.

use crate::status::Status;
use core::ops::Range;

/// A batch of rows in the layout [outer, n, inner]: row r = (o, i) = (r / inner, r % inner), and its element j
/// lies at `(o * n + j) * inner + i`.
#[repr(C)]
pub struct RowBatch<T> {
    pub x: *const T,
    /// Null for none; 1 = keep. In the layout of x.
    pub mask: *const u8,
    pub n: usize,
    pub inner: usize,
    /// `alpha - 1`, indexed by `r * alpha_stride`.
    pub alpha_minus_one: *const f64,
    /// 0: one alpha for all rows; 1: one per row.
    pub alpha_stride: usize,
    /// Finite and > 0: the map of `x / temperature`.
    pub temperature: f64,
    pub empty_row_is_nan: bool,
}

/// The two types of scores.
pub trait Score: Copy + PartialOrd {
    const ZERO: Self;
    const ONE: Self;
    /// The canonical quiet NaN: the only one that leaves a kernel.
    const NAN: Self;
    const INFINITY: Self;
    const NEG_INFINITY: Self;
    fn from_f64(value: f64) -> Self;
    fn to_f64(self) -> f64;
    /// The largest value below; of +inf the largest finite one.
    fn next_below(self) -> Self;
    #[inline(always)]
    fn is_nan(self) -> bool {
        self.partial_cmp(&self).is_none()
    }
}

impl Score for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const NAN: f32 = f32::from_bits(0x7fc0_0000);
    const INFINITY: f32 = f32::INFINITY;
    const NEG_INFINITY: f32 = f32::NEG_INFINITY;
    #[inline(always)]
    fn from_f64(value: f64) -> f32 {
        value as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn next_below(self) -> f32 {
        self.next_down()
    }
}

impl Score for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0000);
    const INFINITY: f64 = f64::INFINITY;
    const NEG_INFINITY: f64 = f64::NEG_INFINITY;
    #[inline(always)]
    fn from_f64(value: f64) -> f64 {
        value
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn next_below(self) -> f64 {
        self.next_down()
    }
}

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

const ALIGNMENT: usize = 64;
/// A tile of rows takes at most this much unless one row needs more: it should stay in the second-level cache.
const TILE_BYTES: usize = 512 * 1024;
pub const TILE_ROWS: usize = 64;

/// Scores from one staged row to the next: a multiple of 16, and never of 2048 bytes, which would put a
/// column of the tile into few cache sets.
#[inline(always)]
pub fn pitch(n: usize) -> usize {
    let padded = n.next_multiple_of(16);
    if padded.is_multiple_of(256) {
        padded + 16
    } else {
        padded
    }
}

#[inline(always)]
pub fn tile_rows<T>(n: usize, inner: usize) -> usize {
    (TILE_BYTES / (pitch(n) * size_of::<T>())).clamp(1, TILE_ROWS).min(inner)
}

#[inline(always)]
pub fn tile_bytes<T>(n: usize, inner: usize) -> usize {
    (tile_rows::<T>(n, inner) * pitch(n) * size_of::<T>()).next_multiple_of(ALIGNMENT)
}

/// Tile (or staged row) first, the kernel's scratch behind it.
pub fn workspace<T: Score, K: RowKernel<T>>(n: usize, inner: usize) -> usize {
    (tile_bytes::<T>(n, inner.max(1)) + K::scratch(n)).next_multiple_of(ALIGNMENT)
}

impl<T: Score> RowBatch<T> {
    /// # Safety
    /// `alpha_minus_one` is readable at r's index.
    #[inline(always)]
    pub unsafe fn exponent(&self, r: usize) -> f64 {
        // SAFETY: by the caller.
        unsafe { *self.alpha_minus_one.add(r * self.alpha_stride) }
    }

    /// Whether every alpha of `rows` is at least 1 (+inf included).
    ///
    /// # Safety
    /// `alpha_minus_one` is readable at the indices of `rows`.
    pub unsafe fn has_valid_alpha(&self, rows: &Range<usize>) -> bool {
        let distinct = if self.alpha_stride == 0 { rows.start..rows.end.min(rows.start + 1) } else { rows.clone() };
        // SAFETY: by the caller.
        distinct.into_iter().all(|r| unsafe { self.exponent(r) } >= 0.0)
    }

    /// Copies `width` neighbouring rows from `first` on into `tile`, masked scores as -inf.
    ///
    /// # Safety
    /// The rows share one outer index; `tile` is writable for `width` rows of [`pitch`].
    pub unsafe fn gather(&self, first: usize, width: usize, tile: *mut T) {
        let base = first / self.inner * self.n * self.inner + first % self.inner;
        let pitch = pitch(self.n);
        // SAFETY: element (j, k) of the tile is element j of row first + k, which the batch holds.
        unsafe {
            if self.inner == 1 {
                core::ptr::copy_nonoverlapping(self.x.add(base), tile, self.n);
                if !self.mask.is_null() {
                    for j in 0..self.n {
                        let score = *tile.add(j);
                        *tile.add(j) = if *self.mask.add(base + j) != 0 { score } else { T::NEG_INFINITY };
                    }
                }
                return;
            }
            for j in 0..self.n {
                let at = base + j * self.inner;
                for k in 0..width {
                    let kept = self.mask.is_null() || *self.mask.add(at + k) != 0;
                    *tile.add(k * pitch + j) = if kept { *self.x.add(at + k) } else { T::NEG_INFINITY };
                }
            }
        }
    }
}

/// Divides a staged row by the temperature, as (x - max) / T in f64.
///
/// # Safety
/// `row` is writable for `n` scores, none NaN, the largest `max` finite.
unsafe fn cool<T: Score>(row: *mut T, n: usize, max: T, temperature: f64) {
    let max = max.to_f64();
    // f32 needs no exact division; 1 / T is finite and normal for all but absurd temperatures.
    let inverse = 1.0 / temperature;
    let by_inverse = size_of::<T>() == 4 && inverse.is_normal();
    for j in 0..n {
        // SAFETY: j < n.
        unsafe {
            let score = (*row.add(j)).to_f64();
            let gap = score - max;
            let u = if by_inverse {
                gap * inverse
            } else if gap == f64::NEG_INFINITY && score != f64::NEG_INFINITY {
                // Two huge f64 of opposite sign: the gap overflows, its quotient need not.
                (score * 0.5 - max * 0.5) / temperature * 2.0
            } else {
                gap / temperature
            };
            *row.add(j) = T::from_f64(u);
        }
    }
}

/// Equal probabilities for the scores equal to `max`, zero for the others.
///
/// # Safety
/// `x` is readable and `out` writable for `n` scores, equal or disjoint.
unsafe fn uniform_over<T: Score>(x: *const T, out: *mut T, n: usize, max: T) -> Outcome {
    // SAFETY: indices below n.
    unsafe {
        let count = (0..n).filter(|&j| *x.add(j) == max).count();
        let share = T::from_f64(1.0 / count as f64);
        for j in 0..n {
            *out.add(j) = if *x.add(j) == max { share } else { T::ZERO };
        }
    }
    Outcome::Solved { cutoff: 0.0, converged: true }
}

/// One contiguous row from `x` to `out`; `stage` is null, or a copy of the row that may be changed, which then
/// is `x`.
///
/// # Safety
/// As [`RowKernel::solve`]; `spare` is writable for a row.
#[inline(always)]
pub unsafe fn solve_row<T: Score, K: RowKernel<T>>(
    mut x: *const T,
    staged: bool,
    out: *mut T,
    n: usize,
    (exponent, temperature): (f64, f64),
    spare: *mut T,
    scratch: *mut u8,
) -> Outcome {
    // SAFETY: rows and scratch by the caller.
    unsafe {
        if exponent == f64::INFINITY {
            return match K::maximum(x, n) {
                None => Outcome::NotANumber,
                Some(max) if max == T::NEG_INFINITY => Outcome::Empty,
                Some(max) => uniform_over(x, out, n, max),
            };
        }
        if temperature != 1.0 && exponent <= 1.0 {
            let max = match K::maximum(x, n) {
                None => return Outcome::NotANumber,
                Some(max) if max == T::NEG_INFINITY => return Outcome::Empty,
                Some(max) if max == T::INFINITY => return uniform_over(x, out, n, max),
                Some(max) => max,
            };
            let row = if staged {
                x.cast_mut()
            } else {
                core::ptr::copy_nonoverlapping(x, spare, n);
                spare
            };
            cool(row, n, max, temperature);
            x = row;
        }
        let temperature = if exponent <= 1.0 { 1.0 } else { temperature };
        match K::solve(x, out, n, exponent, temperature, scratch) {
            Outcome::Infinite => uniform_over(x, out, n, T::INFINITY),
            outcome => outcome,
        }
    }
}

/// Writes a row that has no distribution.
///
/// # Safety
/// `out` is writable for `n` scores.
#[inline(always)]
pub unsafe fn fill<T: Score>(out: *mut T, n: usize, value: T) {
    for j in 0..n {
        // SAFETY: j < n.
        unsafe { *out.add(j) = value };
    }
}

/// The dense map of a range of rows.
///
/// # Safety
/// As [`super::entmax_f32`].
#[inline(always)]
pub unsafe fn entmax<T: Score, K: RowKernel<T>>(
    batch: &RowBatch<T>,
    rows: Range<usize>,
    out: *mut T,
    workspace: *mut u8,
) -> Status {
    let (n, inner) = (batch.n, batch.inner);
    // SAFETY: by the caller; tile and scratch are disjoint parts of the workspace.
    unsafe {
        if !batch.has_valid_alpha(&rows) {
            return Status::InvalidAlpha;
        }
        if n == 0 {
            return Status::Ok;
        }
        let tile = workspace.cast::<T>();
        let scratch = workspace.add(tile_bytes::<T>(n, inner));
        let staged = inner > 1 || !batch.mask.is_null();
        let most = tile_rows::<T>(n, inner);
        let mut status = Status::Ok;
        let mut first = rows.start;
        while first < rows.end {
            let column = first % inner;
            let width = most.min(inner - column).min(rows.end - first);
            let base = first / inner * n * inner + column;
            if staged {
                batch.gather(first, width, tile);
            }
            for k in 0..width {
                let row = tile.add(k * pitch(n));
                let x = if staged { row.cast_const() } else { batch.x.add(base) };
                let target = if inner == 1 { out.add(base) } else { row };
                let settings = (batch.exponent(first + k), batch.temperature);
                match solve_row::<T, K>(x, staged, target, n, settings, row, scratch) {
                    Outcome::Solved { converged: false, .. } => status = Status::NotConverged,
                    Outcome::Solved { .. } | Outcome::Infinite => {}
                    Outcome::NotANumber => fill(target, n, T::NAN),
                    Outcome::Empty if batch.empty_row_is_nan => fill(target, n, T::NAN),
                    Outcome::Empty => fill(target, n, T::ZERO),
                }
            }
            if inner > 1 {
                for j in 0..n {
                    for k in 0..width {
                        *out.add(base + j * inner + k) = *tile.add(k * pitch(n) + j);
                    }
                }
            }
            first += width;
        }
        status
    }
}

/// The first row with nothing left.
///
/// # Safety
/// `batch` describes readable memory.
pub unsafe fn first_empty_row<T: Score>(batch: &RowBatch<T>, rows: Range<usize>) -> usize {
    let (n, inner) = (batch.n, batch.inner);
    let holds_something = |r: usize| {
        let base = r / inner * n * inner + r % inner;
        (0..n).any(|j| {
            let at = base + j * inner;
            // SAFETY: element j of row r, which the batch holds.
            unsafe {
                let kept = batch.mask.is_null() || *batch.mask.add(at) != 0;
                // Also true for NaN.
                kept && *batch.x.add(at) != T::NEG_INFINITY
            }
        })
    };
    let end = rows.end;
    if n == 0 {
        return end;
    }
    rows.into_iter().find(|&r| !holds_something(r)).unwrap_or(end)
}
