//! SparseMAP of a batch: every problem by its active set, in turns.
//!
//! A kernel may neither ask for memory nor look at a clock. So a problem that needs more atoms than it has room for, or more calls
//! of its oracle than a turn has, is left with its atoms in their slot, and TypeScript calls again for those that are not at
//! their end: with larger slots, after a look at its signal.

use super::active_set::{self, Atoms, Ending, Limits, Solver, Turn};
use super::call::{with_factor, Form, Number, Staged, Tables, Visitor};
use super::factor::{Factor, Room};
use core::ops::Range;

/// A call; TypeScript writes the fields in this order (ts/src/structured/description.ts).
#[repr(C)]
pub struct Solve<T> {
    pub tolerance: f64,
    pub form: Form,
    pub scores: Tables<T>,
    pub marginals: Tables<T>,
    /// A length for each problem; null: all fill their tables.
    pub lengths: *const i32,
    /// The problems of this turn, one for each slot.
    pub problems: *const u32,
    /// Atoms that a slot has room for, their keys, and their weights.
    pub capacity: usize,
    pub keys: *mut i32,
    pub weights: *mut f64,
    /// Of each problem: atoms in its slot, duality gap, objective, calls of the oracle so far, and how its last turn ended.
    pub counts: *mut i32,
    pub gaps: *mut f64,
    pub objectives: *mut f64,
    pub calls: *mut i32,
    pub endings: *mut i32,
    /// Calls of the oracle in this turn, and in all.
    pub turn: usize,
    pub most: usize,
}

/// Beside [`Ending`]: a score is NaN or +inf.
pub const INVALID: i32 = 5;

/// The parts of a workspace, in bytes; i32 behind f64.
struct Parts {
    sums: usize,
    solver: usize,
    room: usize,
    key: usize,
    indices: usize,
    bytes: usize,
}

impl Parts {
    fn of(form: &Form, capacity: usize, room: super::factor::RoomSize) -> Parts {
        let numbers = form.numbers();
        let [unary, ..] = form.sizes();
        let solver = 2 * numbers;
        let first = solver + active_set::numbers(unary, capacity);
        let key = 8 * (first + room.numbers);
        let indices = key + 4 * form.key_len();
        Parts {
            sums: 8 * numbers,
            solver: 8 * solver,
            room: 8 * first,
            key,
            indices,
            bytes: indices + 4 * room.indices,
        }
    }
}

/// The room that the oracle of a factor needs.
struct RoomOf;

impl Visitor for RoomOf {
    type Output = super::factor::RoomSize;
    fn visit<F: Factor>(self, factor: &F) -> Self::Output {
        factor.room()
    }
}

/// A factor without scores: sequences have transitions where `with_transitions` says so.
fn room_of(form: &Form) -> super::factor::RoomSize {
    with_factor(form, form.length(), &Staged::coupled(), RoomOf)
}

/// Bytes of workspace that one thread needs.
pub fn workspace(form: &Form, capacity: usize) -> usize {
    Parts::of(form, capacity, room_of(form)).bytes
}

/// One problem, with what the workspace has for it.
struct Problem<'a, T> {
    call: &'a Solve<T>,
    unary: &'a [f64],
    b: usize,
    slot: usize,
    length: usize,
    workspace: *mut u8,
}

impl<T: Number> Visitor for Problem<'_, T> {
    type Output = ();

    fn visit<F: Factor>(self, factor: &F) {
        let Problem { call, b, slot, .. } = self;
        let size = factor.room();
        let parts = Parts::of(&call.form, call.capacity, room_of(&call.form));
        let stride = call.form.key_len();
        // SAFETY: the parts of the workspace are disjoint, and so are the slots; a shorter problem needs no more than one that
        // fills its tables.
        unsafe {
            let mut room = Room {
                numbers: slice(self.workspace.add(parts.room).cast(), size.numbers),
                indices: slice(self.workspace.add(parts.indices).cast(), size.indices),
            };
            let key = slice(self.workspace.add(parts.key).cast(), factor.key_len());
            let made = *call.calls.add(b) as usize;
            let left = call.most.saturating_sub(made).max(1);
            let mut atoms = Atoms {
                keys: call.keys.add(slot * call.capacity * stride),
                weights: call.weights.add(slot * call.capacity),
                capacity: call.capacity,
                count: *call.counts.add(b) as usize,
            };
            let limits = Limits {
                tolerance: call.tolerance,
                calls: left.min(call.turn),
                last: left <= call.turn,
            };
            let turn = if self.length == 0 {
                // The one structure of nothing.
                *atoms.weights = 1.0;
                atoms.count = 1;
                Turn {
                    ending: Ending::Converged,
                    gap: 0.0,
                    objective: 0.0,
                    calls: 0,
                }
            } else {
                let numbers = self.workspace.add(parts.solver).cast();
                Solver::new(factor, self.unary, &mut atoms, numbers).solve(limits, &mut room, key)
            };
            *call.counts.add(b) = atoms.count as i32;
            *call.gaps.add(b) = turn.gap;
            *call.objectives.add(b) = turn.objective;
            *call.calls.add(b) += turn.calls as i32;
            *call.endings.add(b) = turn.ending as i32;
            if matches!(turn.ending, Ending::NeedRoom | Ending::Paused) {
                return;
            }
            let sums = self.workspace.add(parts.sums).cast::<f64>();
            core::ptr::write_bytes(sums, 0, call.form.numbers());
            for j in 0..atoms.count {
                let key = core::slice::from_raw_parts(
                    atoms.keys.add(j * factor.key_len()),
                    factor.key_len(),
                );
                if self.length > 0 {
                    add_structure(factor, key, *atoms.weights.add(j), sums);
                }
            }
            call.marginals.unstage(&call.form, b, self.length, sums);
        }
    }
}

/// Adds a structure's parts times `weight` to sums over all parts, the additional ones behind the unary ones.
///
/// # Safety
/// `sums` is writable for the factor's parts.
#[inline(always)]
pub unsafe fn add_structure<F: Factor>(factor: &F, key: &[i32], weight: f64, sums: *mut f64) {
    let additional = sums.wrapping_add(factor.parts());
    // SAFETY: parts are below their numbers.
    unsafe {
        factor.each_part(key, |part| *sums.add(part) += weight);
        factor.each_additional(key, |part| *additional.add(part) += weight);
    }
}

/// # Safety
/// The place is writable for `len` numbers, and nobody else's.
pub unsafe fn slice<'a, T>(place: *mut T, len: usize) -> &'a mut [T] {
    // SAFETY: by the caller.
    unsafe { core::slice::from_raw_parts_mut(place, len) }
}

/// The length of problem `b`.
///
/// # Safety
/// `lengths` is null or has one for each problem.
pub unsafe fn length_of(form: &Form, lengths: *const i32, b: usize) -> usize {
    if lengths.is_null() {
        return form.length();
    }
    // SAFETY: by the caller.
    unsafe { *lengths.add(b) as usize }
}

/// Solves the problems of the slots `slots`.
///
/// # Safety
/// The places of the call are live, its slots are nobody else's, and the workspace is as large as [`workspace`] says.
pub unsafe fn solve<T: Number>(call: &Solve<T>, slots: Range<usize>, workspace: *mut u8) {
    for slot in slots {
        // SAFETY: by the caller.
        unsafe {
            let b = *call.problems.add(slot) as usize;
            let length = length_of(&call.form, call.lengths, b);
            let staged = call.scores.stage(&call.form, b, length, workspace.cast());
            if !staged.is_valid() {
                *call.endings.add(b) = INVALID;
                continue;
            }
            let problem = Problem {
                call,
                unary: staged.unary,
                b,
                slot,
                length,
                workspace,
            };
            with_factor(&call.form, length, &staged, problem);
        }
    }
}
