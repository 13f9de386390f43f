//! The forward pass over blocks of queries: scores of the block's rows whole, the map of each row, and the sum of the
//! values that are in its support.
//!
//! Half of the dense work, the weighted sum, disappears where rows are sparse. The rows of scores of a block lie in the
//! second-level cache, and each panel of keys and each piece of values is read once for all of the block's queries.

use super::call::{path, Attention};
use super::lanes::Lanes;
use super::relu;
use super::results::{fill, hand_out, keep_weights, report};
use super::scores::score;
use super::screen::room_bytes;
use super::values::{sum_of_entries, sum_of_rows, Values};
use crate::gradients::rows::Row;
use crate::maps::kernels::{scratch, solve_on_simplex, List, Outcome, RowKernel, Settings};
use crate::maps::staging::{pitch, ALIGNMENT};
use crate::maps::{map, Score};
use crate::simd::LANES;
use crate::status::Status;
use core::ops::Range;

/// Most queries of a block.
pub const BLOCK: usize = 16;
/// Calls of a cache that a head is attended without screening, after it has not helped.
const WAIT: u8 = 30;
/// Scores of a block that stay in the second-level cache.
const BLOCK_SCORES: usize = 1 << 17;

/// A type's kernels: of its rows, and its lanes.
pub trait AttentionKernel<T: Score>: RowKernel<T> {
    type Lanes: Lanes<T>;
    /// A block of queries that are screened.
    type Screen;

    /// Writes the gradient of a row's scores from its weights p and the products v, at alpha - 1.
    ///
    /// # Safety
    /// As [`Row`] says.
    unsafe fn pull_back(row: &Row, e: f64);

    /// <v, dp/dalpha> of the row.
    ///
    /// # Safety
    /// As [`Row`] says.
    unsafe fn by_alpha(row: &Row, e: f64) -> f64;

    /// Writes approximate scores, where the type has some; with the last argument, it skips blocks of keys.
    ///
    /// # Safety
    /// As [`score`]; the room is writable for [`room_bytes`].
    #[inline(always)]
    unsafe fn screen(
        _call: &Attention<T>,
        _head: (usize, usize),
        _queries: (usize, usize),
        _rows: (*mut T, usize),
        _room: *mut u8,
        _skips: bool,
    ) -> Option<Self::Screen> {
        None
    }

    /// Whether so many blocks of keys were skipped that it pays to look for them.
    #[inline(always)]
    fn skips_pay(_screen: &Self::Screen) -> bool {
        false
    }

    /// The weights of row `r` of a screened block, that of query `place.2`, and how many keys were candidates; no weights
    /// where the exact scores are needed.
    ///
    /// # Safety
    /// As [`AttentionKernel::weigh`].
    #[inline(always)]
    unsafe fn weigh_screened(
        _call: &Attention<T>,
        _place: (usize, usize, usize),
        _screen: (&Self::Screen, usize),
        _row: (*const T, usize),
        _settings: &Settings<T>,
        _scratch: *mut u8,
        _list: &mut List<T>,
    ) -> (Option<Outcome>, usize) {
        (None, 0)
    }

    /// The weights of a row whose scores are in `row`: a list in the scratch, or the dense row in `target`, which may be
    /// `row`. `rescore` writes the scores again.
    ///
    /// # Safety
    /// As [`RowKernel::solve`].
    #[inline(always)]
    unsafe fn weigh(
        row: *mut T,
        target: *mut T,
        n: usize,
        settings: &Settings<T>,
        scratch: *mut u8,
        list: &mut List<T>,
        _rescore: impl Fn(*mut T),
    ) -> Outcome
    where
        Self: Sized,
    {
        // SAFETY: passed on.
        unsafe { solve_on_simplex::<T, Self>(row, target, n, settings, scratch, list) }
    }
}

/// Queries of a block, given M.
pub fn block_queries(keys: usize) -> usize {
    (BLOCK_SCORES / keys.max(1)).clamp(2, BLOCK)
}

/// The regions of a workspace, as distances.
pub struct Regions {
    pub room: usize,
    /// A row of weights for the sparse form, which needs the scores afterwards.
    row: usize,
    outs: usize,
    pub scratch: usize,
    bytes: usize,
}

pub fn regions<T: Score, K: AttentionKernel<T>>(
    keys: usize,
    width: usize,
    value_width: usize,
) -> Regions {
    let bytes = |numbers: usize| (numbers * size_of::<T>()).next_multiple_of(ALIGNMENT);
    let room = bytes(block_queries(keys) * pitch(keys));
    let row = room + room_bytes(keys, width).next_multiple_of(ALIGNMENT);
    let outs = row + bytes(pitch(keys));
    let scratch_at = outs + bytes(block_queries(keys) * value_width.next_multiple_of(LANES));
    Regions {
        room,
        row,
        outs,
        scratch: scratch_at,
        bytes: scratch_at + scratch::<T, K>(keys),
    }
}

/// Bytes of one caller's workspace.
pub fn workspace<T: Score, K: AttentionKernel<T>>(
    keys: usize,
    width: usize,
    value_width: usize,
) -> usize {
    regions::<T, K>(keys, width, value_width).bytes
}

/// The blocks of queries `blocks` of all B H heads; of a head the last queries come first, because under a causal mask
/// they take longest.
///
/// # Safety
/// As [`Attention`] says; `workspace` is 64-aligned, disjoint from everything and as long as [`workspace`] says.
#[inline(always)]
pub unsafe fn attend<T: Score, K: AttentionKernel<T>>(
    call: &Attention<T>,
    blocks: Range<usize>,
    workspace: *mut u8,
) -> Status {
    let size = block_queries(call.keys);
    let per_head = call.queries.div_ceil(size).max(1);
    let left = (per_head - call.blocks_done).max(1);
    let mut status = Status::Ok;
    for block in blocks {
        let (b, h) = call.head(block / left);
        let first = (left - 1 - block % left) * size;
        let count = size.min(call.queries - first);
        let mut way = path::PLAIN;
        let mut decided = call.screened;
        if !decided.is_null() && call.weights.sizes.is_null() {
            decided = decided.wrapping_add(block / left);
            // SAFETY: one for each head.
            way = unsafe { *decided };
        }
        if way >= path::WAITING {
            // SAFETY: as above; with pages a head is attended by one thread.
            unsafe {
                *decided = if way == path::WAITING {
                    path::INTEGERS
                } else {
                    way - 1
                }
            };
            way = path::PLAIN;
        }
        // SAFETY: by the caller.
        let done = unsafe { attend_block::<T, K>(call, (b, h), (first, count), way, workspace) };
        if !done {
            status = Status::NotConverged;
        }
    }
    status
}

/// Returns whether all thresholds converged.
///
/// # Safety
/// As [`attend`].
#[inline(never)]
pub unsafe fn attend_block<T: Score, K: AttentionKernel<T>>(
    call: &Attention<T>,
    (b, h): (usize, usize),
    (first, count): (usize, usize),
    way: u8,
    workspace: *mut u8,
) -> bool {
    let at = regions::<T, K>(call.keys, call.width, call.value_width);
    let (rows, pitch) = (workspace.cast::<T>(), pitch(call.keys));
    let width = call.value_width.next_multiple_of(LANES);
    // SAFETY: by the caller.
    let lengths = unsafe { call.lengths(b) };
    let most = call.most_visible(first, count, lengths);
    let values = Values {
        data: call.values_of(b, call.key_head(h)),
        row: call.value_row(),
        width,
        pages: call.pages_of(b),
        page_rows: call.page_keys,
    };
    let mut dense: [(*const T, usize); BLOCK] = [(core::ptr::null(), 0); BLOCK];
    let mut dense_outs = [core::ptr::null_mut(); BLOCK];
    let mut dense_count = 0;
    let mut converged = true;
    // SAFETY: the regions are disjoint and hold `count` rows.
    unsafe {
        let screen = if way != path::PLAIN {
            let room = workspace.add(at.room);
            let skips = way == path::BLOCKS;
            K::screen(call, (b, h), (first, count), (rows, pitch), room, skips)
        } else {
            None
        };
        if screen.is_none() {
            score::<T, K::Lanes>(call, (b, h), (first, count), most, (rows, pitch));
        }
        let scratch = workspace.add(at.scratch);
        let sparse = !call.weights.sizes.is_null();
        for r in 0..count {
            let i = first + r;
            let n = call.visible(i, lengths);
            let row = rows.add(r * pitch);
            let out = workspace.add(at.outs).cast::<T>().add(r * width);
            let target = if sparse {
                workspace.add(at.row).cast()
            } else {
                row
            };
            let mut list = List::NONE;
            let mut outcome = Outcome::Empty;
            let mut formed = n;
            if n > 0 && call.is_relu() {
                outcome = relu::weigh::<T, K>(row, n, scratch, &mut list);
            } else if n > 0 {
                let settings = Settings::of(call, h, n);
                let again = |row| score::<T, K::Lanes>(call, (b, h), (i, 1), n, (row, pitch));
                let mut known = None;
                if let Some(screen) = &screen {
                    let (place, screen) = ((b, h, i), (screen, r));
                    let scores = (row.cast_const(), n);
                    let candidates;
                    (known, candidates) = K::weigh_screened(
                        call, place, screen, scores, &settings, scratch, &mut list,
                    );
                    formed = candidates;
                    if known.is_none() {
                        formed = n;
                        again(row);
                        if !call.pages.is_null() {
                            *call.screened.add(b * call.heads + h) = path::WAITING + WAIT;
                        }
                    }
                }
                outcome = match known {
                    Some(outcome) => outcome,
                    None => K::weigh(row, target, n, &settings, scratch, &mut list, again),
                };
            }
            if let Outcome::Solved(solved) = outcome {
                converged &= solved.converged;
            }
            let place = (b * call.heads + h) * call.queries + i;
            let counts = i < lengths.0;
            let nan_if_empty = call.empty_row_is_nan != 0 && counts;
            if sparse {
                let row = (row.cast_const(), target.cast_const(), &list);
                keep_weights(call, place, n, (outcome, nan_if_empty), row);
            }
            report(call, place, (n, formed), (outcome, counts), &list);
            match outcome {
                Outcome::Solved(_) if !list.indices.is_null() => {
                    let weights = (list.values, list.len);
                    sum_of_entries::<T, K::Lanes>(weights, list.indices, &values, out);
                }
                Outcome::Solved(_) if sparse => {
                    sum_of_rows::<T, K::Lanes>(&[(target.cast_const(), n)], &values, &[out]);
                }
                Outcome::Solved(_) => {
                    dense[dense_count] = (row.cast_const(), n);
                    dense_outs[dense_count] = out;
                    dense_count += 1;
                }
                Outcome::Empty if !nan_if_empty => fill(out, width, T::ZERO),
                _ => fill(out, width, T::NAN),
            }
        }
        sum_of_rows::<T, K::Lanes>(&dense[..dense_count], &values, &dense_outs[..dense_count]);
        for r in 0..count {
            let out = workspace.add(at.outs).cast::<T>().add(r * width);
            hand_out(out, call.out.row(b, h, first + r), call.value_width);
        }
    }
    converged
}

impl<T: Score> Settings<T> {
    /// What a row of `n` keys of head `h` is solved with.
    ///
    /// # Safety
    /// As [`Attention`] says.
    pub(in crate::attention) unsafe fn of(call: &Attention<T>, h: usize, n: usize) -> Settings<T> {
        Settings {
            map: map::ENTMAX,
            // SAFETY: one for each head.
            parameter: unsafe { *call.alpha.add(h) },
            upper: core::ptr::null(),
            k: if call.topk < n { call.topk } else { 0 },
            temperature: 1.0,
        }
    }
}
