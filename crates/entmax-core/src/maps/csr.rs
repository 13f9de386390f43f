//! Sparse forms of a row's result: its support size and threshold, and its entries with p > 0.
//!
//! Every row writes to a slot of its own, n entries from r * n on, so that threads need no agreement; when all rows
//! are done, `compact` moves the slots together. A NaN row lists all its entries, as does an empty one that is NaN.

use super::kernel::{List, Outcome};
use super::rows::{fill, Results, RowBatch};
use super::score::Score;
use super::support::Seen;

/// Writes the threshold of a row whose result is `p` or the list, and returns its support size.
///
/// # Safety
/// `x` are the row's scores, -inf where masked; `p` is its result unless it is in the list; `upper` is null or its bounds.
#[inline(always)]
pub unsafe fn finish_support<T: Score>(
    batch: &RowBatch<T>,
    outcome: Outcome,
    x: *const T,
    p: *const T,
    list: &List<T>,
    upper: *const T,
    threshold: *mut T,
) -> usize {
    let (size, value) = match outcome {
        Outcome::Solved(solved) => {
            // SAFETY: by the caller.
            let seen = unsafe { Seen::row(x, p, batch.n, list, upper) };
            (seen.size, seen.threshold(batch.temperature, &solved))
        }
        Outcome::NotANumber => (batch.n, T::NAN),
        _ if batch.empty_row_is_nan => (batch.n, T::INFINITY),
        _ => (0, T::INFINITY),
    };
    // SAFETY: by the caller.
    unsafe { *threshold = value };
    size
}

/// Writes row r's entries and threshold, and returns how many entries there are.
///
/// # Safety
/// As [`finish_support`], with the dense result in the row's slot of `values`.
#[inline(always)]
pub unsafe fn finish_csr<T: Score>(
    batch: &RowBatch<T>,
    outcome: Outcome,
    x: *const T,
    list: &List<T>,
    upper: *const T,
    (results, r): (&Results<T>, usize),
) -> usize {
    let n = batch.n;
    // SAFETY: the slots belong to row r alone.
    unsafe {
        let (values, threshold) = (results.values.add(r * n), results.thresholds.add(r));
        let size = finish_support(batch, outcome, x, values, list, upper, threshold);
        write_entries(outcome, list, (n, size), (results, r));
        size
    }
}

/// Writes row r's entries, `size` of n, of the dense result in the row's slot of `values` or of the list.
///
/// # Safety
/// As [`finish_csr`].
#[inline(always)]
pub unsafe fn write_entries<T: Score>(
    outcome: Outcome,
    list: &List<T>,
    (n, size): (usize, usize),
    (results, r): (&Results<T>, usize),
) {
    // SAFETY: the slots belong to row r alone.
    unsafe {
        let (indices, values) = (results.indices.add(r * n), results.values.add(r * n));
        match outcome {
            Outcome::Solved(_) => {
                if list.indices.is_null() {
                    compress_row(values, n, indices, values);
                } else {
                    let entry = |j| (*list.values.add(j), *list.indices.add(j) as i32);
                    compress(list.len, entry, indices, values);
                }
                if results.by_value {
                    sort_by_value(indices, values, size);
                }
            }
            _ if size > 0 => {
                fill(values, n, T::NAN);
                for j in 0..n {
                    *indices.add(j) = j as i32;
                }
            }
            _ => {}
        }
    }
}

/// Writes the entries of a dense row with p > 0, and returns how many there are; `values` may be the row.
///
/// # Safety
/// `p` is readable, `indices` and `values` are writable for `n` entries.
#[inline(always)]
pub unsafe fn compress_row<T: Score>(
    p: *const T,
    n: usize,
    indices: *mut i32,
    values: *mut T,
) -> usize {
    // SAFETY: by the caller; no more was written than was looked at.
    unsafe {
        let (from, count) = T::compress_blocks(p, n, indices, values);
        let entry = |j| (*p.add(from + j), (from + j) as i32);
        count + compress(n - from, entry, indices.add(count), values.add(count))
    }
}

/// Writes the entries with p > 0, and returns how many there are. Entry j is read before anything at or behind it is written.
///
/// # Safety
/// `indices` and `values` are writable for `len` entries.
#[inline(always)]
pub unsafe fn compress<T: Score>(
    len: usize,
    entry: impl Fn(usize) -> (T, i32),
    indices: *mut i32,
    values: *mut T,
) -> usize {
    let mut count = 0;
    for j in 0..len {
        let (value, index) = entry(j);
        // SAFETY: count <= j < len.
        unsafe {
            *values.add(count) = value;
            *indices.add(count) = index;
        }
        count += usize::from(value > T::ZERO);
    }
    count
}

/// Descending by value, ties ascending by index: heapsort, which is in place and small.
///
/// # Safety
/// Both are writable for `len` entries.
#[inline(never)]
unsafe fn sort_by_value<T: Score>(indices: *mut i32, values: *mut T, len: usize) {
    // SAFETY: positions below len.
    unsafe {
        // Whether entry a comes before entry b.
        let precedes = |a: usize, b: usize| {
            let (p, q) = (*values.add(a), *values.add(b));
            p > q || (p == q && *indices.add(a) < *indices.add(b))
        };
        let swap = |a: usize, b: usize| {
            core::ptr::swap(values.add(a), values.add(b));
            core::ptr::swap(indices.add(a), indices.add(b));
        };
        // The heap's root is its last entry; first the heap is built, then its root is moved behind it.
        let (mut start, mut end) = (len / 2, len);
        while end > 1 {
            if start > 0 {
                start -= 1;
            } else {
                end -= 1;
                swap(0, end);
            }
            let mut parent = start;
            loop {
                let mut child = 2 * parent + 1;
                if child >= end {
                    break;
                }
                if child + 1 < end && precedes(child, child + 1) {
                    child += 1;
                }
                if !precedes(parent, child) {
                    break;
                }
                swap(parent, child);
                parent = child;
            }
        }
    }
}

/// Moves the slots of `rows` rows to the front, one behind the other, and returns the number of entries.
///
/// # Safety
/// `sizes` is readable for `rows`, each at most `n`; `indices` and `values` (of `bytes` each) hold as many slots.
pub unsafe fn compact(
    rows: usize,
    n: usize,
    sizes: *const i32,
    indices: *mut i32,
    values: *mut u8,
    bytes: usize,
) -> usize {
    let mut total = 0;
    for r in 0..rows {
        // SAFETY: total <= r * n: what is overwritten has been moved.
        unsafe {
            let size = *sizes.add(r) as usize;
            core::ptr::copy(indices.add(r * n), indices.add(total), size);
            let slot = values.add(r * n * bytes);
            core::ptr::copy(slot, values.add(total * bytes), size * bytes);
            total += size;
        }
    }
    total
}
