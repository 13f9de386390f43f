//! The kept weights by key: dk_j = scale sum_i dS_ij q_i and dv_j = sum_i P_ij dO_i, summed by the owner of the key.
//!
//! Whoever adds to a key's gradient in the order in which threads come makes bits depend on it. So a counting sort turns
//! each head's sparse rows into sparse columns first; a column's entries are in the order of the queries, and one thread
//! forms all of a key's sum: heads of the group in their order, each from zero.

use super::call::{write_row, Backward};
use super::rows::{entries, padded};
use crate::attention::call::Heads;
use crate::attention::forward::AttentionKernel;
use crate::attention::panels::panels_of;
use crate::attention::values::sum_of_entries;
use crate::maps::Score;
use crate::simd::LANES;
use core::ops::Range;

/// Bytes of workspace: a row of channels, and a sum of such rows.
pub fn workspace<T: Score>(width: usize, value_width: usize) -> usize {
    2 * width.max(value_width).next_multiple_of(LANES) * size_of::<T>()
}

/// Sorts the entries of the heads `heads` of all B H by key.
///
/// # Safety
/// As [`Backward`] says.
pub unsafe fn sort_columns<T: Score>(backward: &Backward<T>, heads: Range<usize>) {
    let (saved, columns) = (&backward.saved, &backward.columns);
    // SAFETY: by the caller: entries of these heads' rows, and keys below M.
    unsafe {
        let call = backward.call();
        for head in heads {
            let (first, last) = (head * call.queries, (head + 1) * call.queries);
            let ends = columns.ends.add(head * call.keys);
            let start = *saved.starts.add(first) as usize;
            let end = *saved.starts.add(last) as usize;
            for j in 0..call.keys {
                *ends.add(j) = 0;
            }
            for at in start..end {
                *ends.add(*saved.indices.add(at) as usize) += 1;
            }
            // First where each column begins; every entry moves that on, so that it is the end afterwards.
            let mut next = start as u32;
            for j in 0..call.keys {
                next += core::mem::replace(&mut *ends.add(j), next);
            }
            for r in first..last {
                let (from, len) = entries(backward, r);
                for at in from..from + len {
                    let end = ends.add(*saved.indices.add(at) as usize);
                    let place = *end as usize;
                    *end += 1;
                    *columns.queries.add(place) = (r - first) as u32;
                    *columns.weights.add(place) = *saved.weights.add(at);
                    *columns.scores.add(place) = *saved.scores.add(at);
                }
            }
        }
    }
}

/// Writes dk and dv of the panels of keys `panels` of all B G heads, as far as kept weights go.
///
/// # Safety
/// As [`Backward`] says, with sorted columns; `workspace` is as long as [`workspace`] says.
pub unsafe fn pull_back_keys<T: Score, K: AttentionKernel<T>>(
    backward: &Backward<T>,
    panels: Range<usize>,
    workspace: *mut u8,
) {
    let columns = &backward.columns;
    // SAFETY: by the caller.
    unsafe {
        let call = backward.call();
        let per_head = panels_of(call.keys).max(1);
        for panel in panels {
            let (head, place) = (panel / per_head, panel % per_head);
            let key_heads = call.key_heads.max(1);
            let (b, g) = (head / key_heads, head % key_heads);
            let end = call.keys.min((place + 1) * LANES);
            for j in place * LANES..end {
                let to = (b, g, j);
                if !backward.dk.data.is_null() {
                    let sum = (columns.scores.cast_const(), &call.q, call.width);
                    sum_of_group::<T, K>(backward, to, sum, workspace);
                    let out = backward.dk.row(b, g, j);
                    write_row(out, workspace.cast(), call.width, call.scale, false);
                }
                if !backward.dv.data.is_null() {
                    let sum = (
                        columns.weights.cast_const(),
                        &backward.dout,
                        call.value_width,
                    );
                    sum_of_group::<T, K>(backward, to, sum, workspace);
                    let out = backward.dv.row(b, g, j);
                    write_row(out, workspace.cast(), call.value_width, 1.0, false);
                }
            }
        }
    }
}

/// The sum over the heads of a group of `weights` times rows of `heads`, to the workspace.
///
/// # Safety
/// As [`pull_back_keys`].
#[inline(never)]
unsafe fn sum_of_group<T: Score, K: AttentionKernel<T>>(
    backward: &Backward<T>,
    (b, g, j): (usize, usize, usize),
    (weights, heads, width): (*const T, &Heads<T>, usize),
    workspace: *mut u8,
) {
    let columns = &backward.columns;
    // SAFETY: by the caller.
    unsafe {
        let call = backward.call();
        let group = call.heads / call.key_heads.max(1);
        let padded_width = width.next_multiple_of(LANES);
        let total: *mut T = workspace.cast();
        let one = total.add(padded_width);
        for c in 0..width {
            *total.add(c) = T::ZERO;
        }
        for h in g * group..(g + 1) * group {
            let head = b * call.heads + h;
            let ends = columns.ends.add(head * call.keys);
            let start = if j > 0 {
                *ends.add(j - 1)
            } else {
                *backward.saved.starts.add(head * call.queries)
            } as usize;
            let len = *ends.add(j) as usize - start;
            if len == 0 {
                continue;
            }
            let queries = columns.queries.add(start);
            let rows = padded(heads, (b, h), width);
            sum_of_entries::<T, K::Lanes>((weights.add(start), len), queries, &rows, one);
            write_row(total, one, width, 1.0, true);
        }
    }
}
