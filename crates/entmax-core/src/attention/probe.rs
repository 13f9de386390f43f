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

/// What a screened row costs, in keys whose product in f32 it saves: of 64 channels 1.8 ns a key are saved, and a microsecond
/// a row and 50 ns a candidate are paid (bench/README.md, "What was tried on screening").
const KEYS_PER_ROW: usize = 550;
const KEYS_PER_CANDIDATE: usize = 28;

/// The one place where a path is chosen: by the candidates of the probed rows, and by the keys that a row of this head sees on
/// average, which under a causal mask is half of what they see.
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
    let (mut rows_seen, mut candidates) = (0, 0);
    // SAFETY: by the caller.
    let lengths = unsafe { call.lengths(b) };
    // SAFETY: by the caller.
    unsafe {
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
            rows_seen += 1;
            candidates += looked_at;
        }
        if K::skips_pay(&screen) {
            return path::BLOCKS;
        }
    }
    let average =
        (call.visible(0, lengths) + call.visible(lengths.0.saturating_sub(1), lengths)) / 2;
    if KEYS_PER_CANDIDATE * candidates + KEYS_PER_ROW * rows_seen <= average * rows_seen {
        path::INTEGERS
    } else {
        path::PLAIN
    }
}
