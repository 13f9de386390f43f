//! The look at the first block of a head that decides how its other blocks are screened.

use super::call::{path, Attention};
use super::forward::{attend_block, block_queries, regions, AttentionKernel};
use crate::maps::kernels::{List, Settings};
use crate::maps::staging::pitch;
use crate::maps::Score;
use crate::status::Status;
use core::ops::Range;

/// The first block of each of the heads `heads`, that of the last queries, and how the keys of the others are screened: this
/// one, screened, tells what that saves.
///
/// # Safety
/// As [`super::forward::attend`]; `screened` is writable, the records are there.
pub unsafe fn probe<T: Score, K: AttentionKernel<T>>(
    call: &Attention<T>,
    heads: Range<usize>,
    workspace: *mut u8,
) -> Status {
    let size = block_queries(call.keys);
    let first = (call.queries.div_ceil(size).max(1) - 1) * size;
    let queries = (first, call.queries - first);
    let mut status = Status::Ok;
    for head in heads {
        let place = call.head(head);
        // SAFETY: by the caller.
        unsafe {
            // In this order, because the output may lie on the queries.
            *call.screened.add(head) = choose_path::<T, K>(call, place, queries, workspace);
            if !attend_block::<T, K>(call, place, queries, path::PLAIN, workspace) {
                status = Status::NotConverged;
            }
        }
    }
    status
}

/// The one place where a path is chosen. Against the f32 products of a row of n keys, integers save half or more, and each
/// candidate costs as much as eight products. That was measured when candidates were read lane by lane (60 cycles for 64
/// channels); rows cost less, and the bound was not chosen again (bench/README.md, "What was tried on screening").
///
/// # Safety
/// As [`super::forward::attend`].
unsafe fn choose_path<T: Score, K: AttentionKernel<T>>(
    call: &Attention<T>,
    (b, h): (usize, usize),
    (first, count): (usize, usize),
    workspace: *mut u8,
) -> u8 {
    let at = regions::<T, K>(call.keys, call.width, call.value_width);
    let (rows, pitch) = (workspace.cast::<T>(), pitch(call.keys));
    let (mut keys, mut candidates) = (0, 0);
    // SAFETY: by the caller.
    unsafe {
        let lengths = call.lengths(b);
        let room = workspace.add(at.room);
        let queries = (first, count);
        let Some(screen) = K::screen(call, (b, h), queries, (rows, pitch), room, true) else {
            return path::PLAIN;
        };
        for r in 0..count {
            let n = call.visible(first + r, lengths);
            if n == 0 {
                continue;
            }
            let settings = Settings::of(call, h, n);
            let row = (rows.add(r * pitch).cast_const(), n);
            let scratch = workspace.add(at.scratch);
            let place = (b, h, first + r);
            let mut list = List::NONE;
            let (_, looked_at) = K::weigh_screened(
                call,
                place,
                (&screen, r),
                row,
                &settings,
                scratch,
                &mut list,
            );
            keys += n;
            candidates += looked_at;
        }
        if K::skips_pay(&screen) {
            return path::BLOCKS;
        }
    }
    if 24 * candidates <= keys {
        path::INTEGERS
    } else {
        path::PLAIN
    }
}
