//! What a row leaves behind: its output, its weights as sparse entries, and what was counted, where somebody asks.

use super::call::Attention;
use crate::maps::kernels::{compress, compress_row, List, Outcome, Seen};
use crate::maps::Score;

/// Copies an output, any NaN as the canonical one: machines differ in which NaN a sum hands on.
///
/// # Safety
/// `out` is readable and `target` writable for `n` numbers.
#[inline(never)]
pub unsafe fn hand_out<T: Score>(out: *const T, target: *mut T, n: usize) {
    for e in 0..n {
        // SAFETY: e < n.
        unsafe {
            let value = *out.add(e);
            *target.add(e) = if value.to_f64().is_nan() {
                T::NAN
            } else {
                value
            };
        }
    }
}

/// The weights of one row as sparse entries: those above 0; of a row that is NaN, the keys that it sees; of an empty row that
/// is to be NaN, all.
///
/// # Safety
/// `x` holds the row's scores, `p` its weights unless these are in the list; the slot is the row's alone.
#[inline(never)]
pub unsafe fn keep_weights<T: Score>(
    call: &Attention<T>,
    r: usize,
    n: usize,
    (outcome, nan_if_empty): (Outcome, bool),
    (x, p, list): (*const T, *const T, &List<T>),
) {
    let weights = &call.weights;
    let slot = (r - weights.first_row) * call.keys;
    // SAFETY: by the caller.
    unsafe {
        let (indices, values) = (weights.indices.add(slot), weights.values.add(slot));
        let slot = (indices, values);
        let (size, threshold) = match outcome {
            Outcome::Solved(solved) => {
                let seen = Seen::row(x, p, n, list, core::ptr::null());
                if list.indices.is_null() {
                    compress_row(p, n, indices, values);
                } else {
                    let entry = |j| (*list.values.add(j), *list.indices.add(j) as i32);
                    compress(list.len, entry, indices, values);
                }
                (seen.size, seen.threshold(1.0, &solved))
            }
            Outcome::NotANumber => {
                let is_seen = |j: usize| *x.add(j) != T::NEG_INFINITY;
                (not_a_number(n, is_seen, slot), T::NAN)
            }
            _ if nan_if_empty => (not_a_number(call.keys, |_| true, slot), T::INFINITY),
            _ => (0, T::INFINITY),
        };
        *weights.sizes.add(r) = size as i32;
        *weights.thresholds.add(r) = threshold;
    }
}

/// Writes NaN for the keys below `n` that are seen, and returns how many there are.
///
/// # Safety
/// `indices` and `values` are writable for `n` entries.
#[inline(always)]
unsafe fn not_a_number<T: Score>(
    n: usize,
    is_seen: impl Fn(usize) -> bool,
    (indices, values): (*mut i32, *mut T),
) -> usize {
    let mut size = 0;
    for j in (0..n).filter(|&j| is_seen(j)) {
        // SAFETY: size <= j < n.
        unsafe {
            *indices.add(size) = j as i32;
            *values.add(size) = T::NAN;
        }
        size += 1;
    }
    size
}

/// What was done for row `r`, and whether nothing was left of it, where somebody asks.
///
/// # Safety
/// As [`super::forward::attend`]; the list is readable.
#[inline(never)]
pub unsafe fn report<T: Score>(
    call: &Attention<T>,
    r: usize,
    (n, formed): (usize, usize),
    (outcome, counts): (Outcome, bool),
    list: &List<T>,
) {
    // SAFETY: row r of all rows.
    unsafe {
        if !call.work.is_null() {
            let summed = match outcome {
                Outcome::Solved(_) if list.indices.is_null() => n,
                Outcome::Solved(_) => {
                    let is_summed = |&j: &usize| *list.values.add(j) > T::ZERO;
                    (0..list.len).filter(is_summed).count()
                }
                _ => 0,
            };
            *call.work.add(r) =
                formed as f64 * call.width as f64 + summed as f64 * call.value_width as f64;
        }
        if !call.empty.is_null() && counts && outcome == Outcome::Empty {
            *call.empty.add(r) = 1;
        }
    }
}

/// # Safety
/// `out` is writable for `n` numbers.
#[inline(always)]
pub unsafe fn fill<T: Score>(out: *mut T, n: usize, value: T) {
    for j in 0..n {
        // SAFETY: j < n.
        unsafe { *out.add(j) = value };
    }
}
