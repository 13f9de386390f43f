//! The gradient of an additive bias: the gradients of the scores, summed over the axes along which the bias repeats. A row
//! of the bias is formed by one thread from the rows of scores that it was added to, in their order, in f64.

use super::call::{Backward, Block};
use super::rows::entries;
use crate::maps::Score;
use core::ops::Range;

/// Bytes of workspace.
pub fn workspace(keys: usize) -> usize {
    keys * size_of::<f64>()
}

/// Lengths of the axes of a bias: 1 where its distance is 0.
fn axes<T: Score>(backward: &Backward<T>) -> [usize; 3] {
    // SAFETY: the call is readable.
    let call = unsafe { backward.call() };
    let bias = &backward.dbias;
    let length = |distance: usize, length: usize| if distance == 0 { 1 } else { length };
    [
        length(bias.batch, call.batches),
        length(bias.head, call.heads),
        length(bias.query, call.queries),
    ]
}

/// Adds the gradients of kept scores, or those of the block, to the rows `rows` of the bias: (b, h, i) with each letter 0
/// alone where it repeats.
///
/// # Safety
/// As [`Backward`] says, with the gradients of scores formed; `workspace` is as long as [`workspace`] says.
pub unsafe fn add_bias<T: Score>(
    backward: &Backward<T>,
    rows: Range<usize>,
    is_block: bool,
    workspace: *mut u8,
) {
    let [_, heads, queries] = axes(backward);
    let bias = &backward.dbias;
    let sums: *mut f64 = workspace.cast();
    // SAFETY: by the caller.
    unsafe {
        let call = backward.call();
        let keys = if bias.key == 0 { 1 } else { call.keys };
        for row in rows {
            let (head, i) = (row / queries.max(1), row % queries.max(1));
            let (b, h) = (head / heads.max(1), head % heads.max(1));
            for j in 0..keys {
                *sums.add(j) = 0.0;
            }
            let all = |distance: usize, own: usize, length: usize| {
                if distance == 0 {
                    0..length
                } else {
                    own..own + 1
                }
            };
            for b in all(bias.batch, b, call.batches) {
                for h in all(bias.head, h, call.heads) {
                    for i in all(bias.query, i, call.queries) {
                        if is_block {
                            add_block_row(backward, (b, h, i), sums);
                        } else {
                            add_kept_row(backward, (b, h, i), sums);
                        }
                    }
                }
            }
            let target = bias.row(b, h, i).cast_mut();
            for j in 0..keys {
                let at = target.add(j * bias.key);
                let sum = T::from_f64((*at).to_f64() + *sums.add(j));
                *at = if sum.is_nan() { T::NAN } else { sum };
            }
        }
    }
}

/// # Safety
/// As [`add_bias`].
#[inline(always)]
unsafe fn add_kept_row<T: Score>(
    backward: &Backward<T>,
    (b, h, i): (usize, usize, usize),
    sums: *mut f64,
) {
    let (saved, bias) = (&backward.saved, &backward.dbias);
    // SAFETY: by the caller.
    unsafe {
        let call = backward.call();
        let (start, len) = entries(backward, (b * call.heads + h) * call.queries + i);
        for at in start..start + len {
            let j = *saved.indices.add(at) as usize;
            let j = if bias.key == 0 { 0 } else { j };
            *sums.add(j) += (*saved.scores.add(at)).to_f64();
        }
    }
}

/// # Safety
/// As [`add_bias`].
#[inline(always)]
unsafe fn add_block_row<T: Score>(
    backward: &Backward<T>,
    (b, h, i): (usize, usize, usize),
    sums: *mut f64,
) {
    let (dense, bias) = (&backward.block, &backward.dbias);
    // SAFETY: by the caller.
    unsafe {
        let call = backward.call();
        let inside = i >= dense.first && i < dense.first + dense.count;
        if b * call.heads + h != dense.head || !inside {
            return;
        }
        let row = dense
            .scores
            .add((i - dense.first) * Block::<T>::pitch(call.keys));
        for j in 0..call.visible(i, call.lengths(b)) {
            let to = if bias.key == 0 { 0 } else { j };
            *sums.add(to) += (*row.add(j)).to_f64();
        }
    }
}
