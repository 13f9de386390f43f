//! The best structure of each problem of a batch, or the k best where a factor finds these.

use super::call::{with_factor, Form, Number, Staged, Tables, Visitor};
use super::factor::{Factor, Room, RoomSize};
use super::solve::{length_of, slice, INVALID};
use core::ops::Range;

/// A call; TypeScript writes the fields in this order (ts/src/structured/description.ts).
#[repr(C)]
pub struct Best<T> {
    pub form: Form,
    pub scores: Tables<T>,
    pub lengths: *const i32,
    /// How many structures of each problem.
    pub k: usize,
    /// k keys of each problem, their scores, and how many there are, or minus [`INVALID`].
    pub keys: *mut i32,
    pub totals: *mut f64,
    pub counts: *mut i32,
}

struct RoomFor(usize);

impl Visitor for RoomFor {
    type Output = RoomSize;
    fn visit<F: Factor>(self, factor: &F) -> RoomSize {
        factor.kbest_room(self.0)
    }
}

fn room_for(form: &Form, k: usize) -> RoomSize {
    with_factor(form, form.length(), &Staged::coupled(), RoomFor(k))
}

/// Bytes of workspace that one thread needs.
pub fn workspace(form: &Form, k: usize) -> usize {
    let room = room_for(form, k);
    8 * (form.numbers() + room.numbers) + 4 * room.indices
}

/// One problem.
struct Problem<'a, T> {
    call: &'a Best<T>,
    unary: &'a [f64],
    b: usize,
    numbers: *mut f64,
}

impl<T: Number> Visitor for Problem<'_, T> {
    type Output = ();

    fn visit<F: Factor>(self, factor: &F) {
        let Problem { call, b, .. } = self;
        let size = factor.kbest_room(call.k);
        // SAFETY: by the caller of `best`; a shorter problem needs no more than one that fills its tables.
        unsafe {
            let numbers = room_for(&call.form, call.k).numbers;
            let mut room = Room {
                numbers: slice(self.numbers, size.numbers),
                indices: slice(self.numbers.add(numbers).cast(), size.indices),
            };
            let place = b * call.k;
            let keys = slice(
                call.keys.add(place * call.form.key_len()),
                call.k * factor.key_len(),
            );
            let totals = slice(call.totals.add(place), call.k);
            let count = factor.kbest(call.k, self.unary, &mut room, keys, totals);
            *call.counts.add(b) = count as i32;
        }
    }
}

/// Finds the best structures of the problems `problems`.
///
/// # Safety
/// The places of the call are live, and the workspace is as large as [`workspace`] says.
pub unsafe fn best<T: Number>(call: &Best<T>, problems: Range<usize>, workspace: *mut u8) {
    for b in problems {
        // SAFETY: by the caller.
        unsafe {
            let length = length_of(&call.form, call.lengths, b);
            let staged = call.scores.stage(&call.form, b, length, workspace.cast());
            if !staged.is_valid() {
                *call.counts.add(b) = -INVALID;
                continue;
            }
            if length == 0 {
                // The one structure of nothing.
                *call.totals.add(b * call.k) = 0.0;
                *call.counts.add(b) = 1;
                continue;
            }
            let numbers = workspace.cast::<f64>().add(call.form.numbers());
            let problem = Problem {
                call,
                unary: staged.unary,
                b,
                numbers,
            };
            with_factor(&call.form, length, &staged, problem);
        }
    }
}
