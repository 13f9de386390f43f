//! Weighted sums of values: over the entries of a list, or over a dense row of weights, two rows at a time.
//!
//! A sum is formed in pieces of 128 keys or entries, each from zero, added up in their order: an error grows with the
//! number of pieces and not of keys, and is the same whether a row is summed alone or beside another.
//!
//! A weight of zero must not meet a value that is not finite. Lists skip it; dense rows multiply by it, which is faster, and a
//! row whose sum is not finite is formed again with care.

use super::lanes::Lanes;
use crate::maps::Score;
use crate::simd::LANES;

/// Keys or entries of a piece.
pub const PIECE: usize = 128;

/// Values of one head.
#[derive(Clone, Copy)]
pub struct Values<T> {
    /// Row 0, or where the rows of a page begin within it.
    pub data: *const T,
    /// The distance of rows.
    pub row: usize,
    /// E, rounded up to 16.
    pub width: usize,
    /// Addresses of the pages of `page_rows` rows; null where all rows lie in one piece.
    pub pages: *const *mut u8,
    pub page_rows: usize,
}

impl<T> Values<T> {
    /// The row of key `j`.
    ///
    /// # Safety
    /// There is one.
    #[inline(always)]
    unsafe fn of(&self, j: usize) -> *const T {
        if self.pages.is_null() {
            return self.data.wrapping_add(j * self.row);
        }
        // SAFETY: by the caller.
        let page = unsafe { *self.pages.add(j / self.page_rows) } as usize;
        let row = self.data.wrapping_add(j % self.page_rows * self.row);
        row.cast::<u8>().wrapping_add(page).cast()
    }
}

/// The sum of `values[j] * value(indices[j])` over the entries that are not 0, to `out`.
///
/// # Safety
/// `out` is writable for `width` numbers; the list is readable, its indices are rows.
#[inline(always)]
unsafe fn sum_of_list<T: Score, L: Lanes<T>>(
    (weights, len): (*const T, usize),
    index: impl Fn(usize) -> usize + Copy,
    values: &Values<T>,
    out: *mut T,
) {
    // SAFETY: by the caller; strips of 32 and 16 channels.
    unsafe {
        let mut strip = 0;
        while strip + 2 * LANES <= values.width {
            strip_of_list::<T, L, 2>((weights, len), index, values, strip, out.add(strip));
            strip += 2 * LANES;
        }
        if strip < values.width {
            strip_of_list::<T, L, 1>((weights, len), index, values, strip, out.add(strip));
        }
    }
}

/// [`sum_of_list`] of entries at `indices`.
///
/// # Safety
/// As [`sum_of_list`], with as many indices.
#[inline(never)]
pub unsafe fn sum_of_entries<T: Score, L: Lanes<T>>(
    weights: (*const T, usize),
    indices: *const u32,
    values: &Values<T>,
    out: *mut T,
) {
    // SAFETY: passed on.
    unsafe { sum_of_list::<T, L>(weights, |j| *indices.add(j) as usize, values, out) }
}

/// # Safety
/// As [`sum_of_list`], for `16 S` channels from `strip` on.
#[inline(always)]
unsafe fn strip_of_list<T: Score, L: Lanes<T>, const S: usize>(
    (weights, len): (*const T, usize),
    index: impl Fn(usize) -> usize,
    values: &Values<T>,
    strip: usize,
    out: *mut T,
) {
    let mut total = [L::splat(T::ZERO); S];
    let mut j = 0;
    while j < len {
        let mut sums = [L::splat(T::ZERO); S];
        let mut taken = 0;
        while j < len && taken < PIECE {
            // SAFETY: j < len.
            unsafe {
                let weight = *weights.add(j);
                if weight != T::ZERO {
                    let value = values.of(index(j)).add(strip);
                    let weight = L::splat(weight);
                    for (s, sum) in sums.iter_mut().enumerate() {
                        *sum = L::load(value.add(s * LANES)).mul_add(weight, *sum);
                    }
                    taken += 1;
                }
                j += 1;
            }
        }
        for (total, sum) in total.iter_mut().zip(sums) {
            *total = total.add(sum);
        }
    }
    for (s, total) in total.into_iter().enumerate() {
        // SAFETY: by the caller.
        unsafe { total.store(out.add(s * LANES)) };
    }
}

/// The sums of dense rows of weights, `lens[r]` of them in row r, each to its own `out`.
///
/// # Safety
/// The weights are readable, the outs writable for `width` numbers each.
pub unsafe fn sum_of_rows<T: Score, L: Lanes<T>>(
    weights: &[(*const T, usize)],
    values: &Values<T>,
    outs: &[*mut T],
) {
    let longest = weights.iter().fold(0, |most, row| most.max(row.1));
    // SAFETY: by the caller; a piece ends at the row's end.
    unsafe {
        for out in outs {
            for c in 0..values.width {
                *out.add(c) = T::ZERO;
            }
        }
        // Pieces outside: their values stay in the cache for all rows.
        for from in (0..longest).step_by(PIECE) {
            let mut r = 0;
            while r < weights.len() {
                let (row, len) = weights[r];
                let end = len.min(from + PIECE);
                if r + 1 < weights.len() && end == weights[r + 1].1.min(from + PIECE) {
                    let rows = [row, weights[r + 1].0];
                    piece::<T, L, 2>(rows, values, (from, end), [outs[r], outs[r + 1]]);
                    r += 2;
                } else {
                    piece::<T, L, 1>([row], values, (from, end), [outs[r]]);
                    r += 1;
                }
            }
        }
        for (&(row, len), &out) in weights.iter().zip(outs) {
            if (0..values.width).any(|c| !(*out.add(c)).to_f64().is_finite()) {
                carefully::<T, L>((row, len), values, out);
            }
        }
    }
}

/// Adds the sums over the keys `from .. end`.
///
/// # Safety
/// As [`sum_of_rows`].
#[inline(never)]
unsafe fn piece<T: Score, L: Lanes<T>, const R: usize>(
    weights: [*const T; R],
    values: &Values<T>,
    (from, end): (usize, usize),
    outs: [*mut T; R],
) {
    for strip in (0..values.width).step_by(LANES) {
        let mut sums = [L::splat(T::ZERO); R];
        // SAFETY: by the caller.
        unsafe {
            let mut value = values.of(from).add(strip);
            for j in from..end {
                let channels = L::load(value);
                for (sum, weights) in sums.iter_mut().zip(weights) {
                    *sum = channels.mul_add(L::splat(*weights.add(j)), *sum);
                }
                value = value.wrapping_add(values.row);
            }
            for (sum, out) in sums.into_iter().zip(outs) {
                let at = out.add(strip);
                L::load(at).add(sum).store(at);
            }
        }
    }
}

/// One row again, without the products with zero.
///
/// # Safety
/// As [`sum_of_rows`].
#[inline(never)]
unsafe fn carefully<T: Score, L: Lanes<T>>(
    weights: (*const T, usize),
    values: &Values<T>,
    out: *mut T,
) {
    // SAFETY: by the caller.
    unsafe { sum_of_list::<T, L>(weights, |j| j, values, out) }
}
