//! Heads of softmax, whose support is everything: no weights are kept; the forward pass forms them again, some queries at a
//! time, as dense rows beside the gradients of their scores. First each query's part, block by block of sixteen, then
//! each key's, which its owner adds to what the queries before have left.

use super::call::{write_row, Backward, Block};
use super::rows::{padded, pull_back_row, row_scratch};
use crate::attention::call::{Attention, Heads};
use crate::attention::forward::AttentionKernel;
use crate::attention::panels::panels_of;
use crate::attention::scores::{multiply, score};
use crate::attention::values::{sum_of_rows, Values};
use crate::maps::kernels::{scratch, List, Outcome, Settings};
use crate::maps::staging::ALIGNMENT;
use crate::maps::Score;
use crate::simd::LANES;
use core::ops::Range;

/// Queries of a block.
pub const QUERIES: usize = 16;

/// Bytes of workspace for the blocks of queries.
pub fn workspace<T: Score, K: AttentionKernel<T>>(keys: usize, width: usize) -> usize {
    let outs = QUERIES * width.next_multiple_of(LANES) * size_of::<T>();
    outs.next_multiple_of(ALIGNMENT) + scratch::<T, K>(keys).max(row_scratch(keys))
}

/// Bytes of workspace for the keys: sixteen columns, and as many rows of channels.
pub fn keys_workspace<T: Score>(queries: usize, width: usize, value_width: usize) -> usize {
    let channels = width.max(value_width).next_multiple_of(LANES);
    LANES * (queries + channels) * size_of::<T>()
}

/// Weights, gradients of scores, dq and d/dalpha of the blocks `blocks` of `backward.block`. Returns whether all rows
/// converged.
///
/// # Safety
/// As [`Backward`] says, with keys and values in panels; `workspace` is as long as [`workspace`] says.
pub unsafe fn pull_back_blocks<T: Score, K: AttentionKernel<T>>(
    backward: &Backward<T>,
    blocks: Range<usize>,
    workspace: *mut u8,
) -> bool {
    let mut converged = true;
    for block in blocks {
        // SAFETY: by the caller.
        converged &= unsafe { pull_back_block::<T, K>(backward, block, workspace) };
    }
    converged
}

/// # Safety
/// As [`pull_back_blocks`].
#[inline(never)]
unsafe fn pull_back_block<T: Score, K: AttentionKernel<T>>(
    backward: &Backward<T>,
    block: usize,
    workspace: *mut u8,
) -> bool {
    let dense = &backward.block;
    // SAFETY: by the caller; the rows of the block are this thread's alone.
    unsafe {
        let call = backward.call();
        let (b, h) = call.head(dense.head);
        let first = dense.first + block * QUERIES;
        let count = QUERIES.min(dense.first + dense.count - first);
        let lengths = call.lengths(b);
        let visible = |r: usize| call.visible(first + r, lengths);
        let most = call.most_visible(first, count, lengths);
        let pitch = Block::<T>::pitch(call.keys);
        let skip = block * QUERIES * pitch;
        let (weights, scores) = (dense.weights.add(skip), dense.scores.add(skip));
        let scratch = workspace.add(
            (QUERIES * call.width.next_multiple_of(LANES) * size_of::<T>())
                .next_multiple_of(ALIGNMENT),
        );
        score::<T, K::Lanes>(call, (b, h), (first, count), most, (weights, pitch));
        if backward.wants_scores() {
            let panel = panels_of(call.keys) * call.value_width * LANES;
            let panels = dense
                .panels
                .add((b * call.key_heads + call.key_head(h)) * panel);
            let rows = (
                backward.dout.row(b, h, first).cast_const(),
                backward.dout.row,
            );
            let panels = (panels.cast_const(), panels_of(most));
            let width = (call.value_width, T::ONE);
            multiply::<T, K::Lanes>(rows, count, panels, width, (scores, pitch));
        }
        let mut converged = true;
        let mut rows = [(core::ptr::null(), 0); QUERIES];
        let mut outs = [core::ptr::null_mut(); QUERIES];
        let width = call.width.next_multiple_of(LANES);
        for r in 0..count {
            let (n, p, ds) = (visible(r), weights.add(r * pitch), scores.add(r * pitch));
            let again = |row| score::<T, K::Lanes>(call, (b, h), (first + r, 1), n, (row, pitch));
            let kind = solve::<T, K>((p, n), &Settings::of(call, h, n), scratch, again);
            converged &= kind != Kind::Unsolved;
            let wants_alpha = !backward.dalpha.is_null();
            let alpha = match kind {
                Kind::Constant => {
                    for j in 0..n {
                        *ds.add(j) = T::ZERO;
                    }
                    0.0
                }
                _ if backward.wants_scores() => {
                    let alpha = pull_back_row::<T, K>((p, ds, n), 0.0, wants_alpha, scratch);
                    if (*ds).is_nan() {
                        spare_excluded(p, ds, n);
                    }
                    alpha
                }
                _ => 0.0,
            };
            if wants_alpha {
                *backward.dalpha.add(dense.head * call.queries + first + r) = alpha;
            }
            rows[r] = (ds.cast_const(), n);
            outs[r] = workspace.cast::<T>().add(r * width);
        }
        if !backward.dq.data.is_null() {
            let keys = padded(&call.k, (b, call.key_head(h)), call.width);
            sum_of_rows::<T, K::Lanes>(&rows[..count], &keys, &outs[..count]);
            for (r, out) in outs[..count].iter().enumerate() {
                let row = backward.dq.row(b, h, first + r);
                write_row(row, *out, call.width, call.scale, false);
            }
        }
        converged
    }
}

/// A row that is NaN is so where it has weight: a key that is masked, or far below the others, is not touched.
///
/// # Safety
/// `p` is readable and `ds` writable for `n` numbers.
#[inline(never)]
unsafe fn spare_excluded<T: Score>(p: *const T, ds: *mut T, n: usize) {
    for j in 0..n {
        // SAFETY: j < n.
        unsafe {
            if *p.add(j) == T::ZERO {
                *ds.add(j) = T::ZERO;
            }
        }
    }
}

/// What a row of softmax is.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Ordinary,
    Unsolved,
    /// Nothing in it, or uniform over scores of +inf: no small change changes it.
    Constant,
}

/// Softmax of `n` scores in place, 0 where nothing is left.
///
/// # Safety
/// As [`AttentionKernel::weigh`].
#[inline(always)]
unsafe fn solve<T: Score, K: AttentionKernel<T>>(
    (p, n): (*mut T, usize),
    settings: &Settings<T>,
    scratch: *mut u8,
    again: impl Fn(*mut T),
) -> Kind {
    let mut list = List::NONE;
    let mut outcome = Outcome::Empty;
    // SAFETY: by the caller.
    unsafe {
        if n > 0 {
            outcome = K::weigh(p, p, n, settings, scratch, &mut list, again);
        }
        let (is_nan, kind) = match outcome {
            Outcome::Solved(solved) => {
                if !list.indices.is_null() {
                    K::spread(&list, p, n);
                }
                // Softmax has no cutoff; what has one is uniform.
                let constant = solved.cutoff > f64::NEG_INFINITY;
                return match (constant, solved.converged) {
                    (true, _) => Kind::Constant,
                    (_, true) => Kind::Ordinary,
                    _ => Kind::Unsolved,
                };
            }
            Outcome::NotANumber => (true, Kind::Ordinary),
            _ => (false, Kind::Constant),
        };
        for j in 0..n {
            let is_seen = *p.add(j) != T::NEG_INFINITY;
            *p.add(j) = if is_nan && is_seen { T::NAN } else { T::ZERO };
        }
        kind
    }
}

/// Adds the block's part to dk and dv of the panels of keys `panels` of its key head.
///
/// # Safety
/// As [`Backward`] says, with the rows of the block formed; `workspace` is as long as [`keys_workspace`] says.
pub unsafe fn add_block_keys<T: Score, K: AttentionKernel<T>>(
    backward: &Backward<T>,
    panels: Range<usize>,
    workspace: *mut u8,
) {
    let dense = &backward.block;
    // SAFETY: by the caller; the keys of a panel are this thread's alone.
    unsafe {
        let call = backward.call();
        for panel in panels {
            let rows = rows_that_see(call, dense, panel * LANES);
            if rows.is_empty() {
                continue;
            }
            if !backward.dk.data.is_null() {
                let sum = (dense.scores.cast_const(), &call.q, &backward.dk);
                let width = (call.width, call.scale);
                add_panel::<T, K>(backward, (panel, rows.clone()), sum, width, workspace);
            }
            if !backward.dv.data.is_null() {
                let sum = (dense.weights.cast_const(), &backward.dout, &backward.dv);
                let width = (call.value_width, 1.0);
                add_panel::<T, K>(backward, (panel, rows), sum, width, workspace);
            }
        }
    }
}

/// The rows of the block from the first to the last whose query sees key `j`.
///
/// # Safety
/// As [`Backward`] says.
unsafe fn rows_that_see<T: Score>(call: &Attention<T>, dense: &Block<T>, j: usize) -> Range<usize> {
    // SAFETY: by the caller.
    let lengths = unsafe { call.lengths(call.head(dense.head).0) };
    let sees = |r: &usize| call.visible(dense.first + r, lengths) > j;
    let first = (0..dense.count).find(sees).unwrap_or(dense.count);
    let last = (first..dense.count).rfind(sees).map_or(first, |r| r + 1);
    first..last
}

/// Adds the sums over some rows of the block, weighted by a panel's sixteen columns of `weights`, to rows of a gradient.
///
/// # Safety
/// As [`add_block_keys`].
#[inline(never)]
unsafe fn add_panel<T: Score, K: AttentionKernel<T>>(
    backward: &Backward<T>,
    (panel, rows): (usize, Range<usize>),
    (weights, summed, gradient): (*const T, &Heads<T>, &Heads<T>),
    (width, factor): (usize, f64),
    workspace: *mut u8,
) {
    let dense = &backward.block;
    let (count, padded_width) = (rows.len(), width.next_multiple_of(LANES));
    let columns: *mut T = workspace.cast();
    let outs = columns.wrapping_add(LANES * dense.count);
    // SAFETY: by the caller.
    unsafe {
        let call = backward.call();
        let (b, h) = call.head(dense.head);
        let pitch = Block::<T>::pitch(call.keys);
        let lengths = call.lengths(b);
        for (at, r) in rows.clone().enumerate() {
            let n = call.visible(dense.first + r, lengths);
            let row = weights.add(r * pitch + panel * LANES);
            for k in 0..LANES {
                let seen = panel * LANES + k < n;
                *columns.add(k * count + at) = if seen { *row.add(k) } else { T::ZERO };
            }
        }
        let values = Values {
            data: summed.row(b, h, dense.first + rows.start).cast_const(),
            row: summed.row,
            width: padded_width,
            pages: core::ptr::null(),
            page_rows: 1,
        };
        let keys = LANES.min(call.keys - panel * LANES);
        let column = |k: usize| (columns.add(k * count).cast_const(), count);
        let out = |k: usize| outs.add(k * padded_width);
        let (weights, sums): ([_; LANES], [_; LANES]) =
            (core::array::from_fn(column), core::array::from_fn(out));
        sum_of_rows::<T, K::Lanes>(&weights[..keys], &values, &sums[..keys]);
        for (k, sum) in sums[..keys].iter().enumerate() {
            let row = gradient.row(b, call.key_head(h), panel * LANES + k);
            write_row(row, *sum, width, factor, true);
        }
    }
}
