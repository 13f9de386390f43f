//! The best structure of each problem of a batch, or the k best where a factor finds these.

use super::call::{factor, Form, Staged, Tables};
use super::factor::{Factor, Room, RoomSize};
use super::solve::{length_of, slice, INVALID};
use core::ops::Range;

/// A call; TypeScript writes the fields in this order (ts/src/structured/description.ts).
#[repr(C)]
pub struct Best {
    pub form: Form,
    pub scores: Tables,
    pub lengths: *const i32,
    /// How many structures of each problem.
    pub k: usize,
    /// k keys of each problem, their scores, and how many there are, or minus [`INVALID`].
    pub keys: *mut i32,
    pub totals: *mut f64,
    pub counts: *mut i32,
}

fn room_for(form: &Form, k: usize) -> RoomSize {
    factor(form, form.length(), &Staged::coupled()).kbest_room(k)
}

/// Bytes of workspace that one thread needs.
pub fn workspace(form: &Form, k: usize) -> usize {
    let room = room_for(form, k);
    8 * (form.numbers() + room.numbers) + 4 * room.indices
}

/// Finds the best structures of the problems `problems`.
///
/// # Safety
/// The places of the call are live, and the workspace is as large as [`workspace`] says.
pub unsafe fn best(call: &Best, problems: Range<usize>, workspace: *mut u8) {
    let full = room_for(&call.form, call.k).numbers;
    for b in problems {
        // SAFETY: by the caller; a shorter problem needs no more than one that fills its tables.
        unsafe {
            let length = length_of(&call.form, call.lengths, b);
            let staged = call.scores.stage(&call.form, b, length, workspace.cast());
            let place = b * call.k;
            if !staged.is_valid() {
                *call.counts.add(b) = -INVALID;
                continue;
            }
            if length == 0 {
                // The one structure of nothing.
                *call.totals.add(place) = 0.0;
                *call.counts.add(b) = 1;
                continue;
            }
            let factor = factor(&call.form, length, &staged);
            let size = factor.kbest_room(call.k);
            let numbers = workspace.cast::<f64>().add(call.form.numbers());
            let mut room = Room {
                numbers: slice(numbers, size.numbers),
                indices: slice(numbers.add(full).cast(), size.indices),
            };
            let first = call.keys.add(place * call.form.key_len());
            let keys = slice(first, call.k * factor.key_len());
            let totals = slice(call.totals.add(place), call.k);
            let count = factor.kbest(call.k, staged.unary, &mut room, keys, totals);
            *call.counts.add(b) = count as i32;
        }
    }
}
