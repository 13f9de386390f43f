//! SparseMAP of a batch: every problem by its active set, in turns.
//!
//! A kernel may neither ask for memory nor look at a clock. So a problem that needs more atoms than it has room for, or more calls
//! of its oracle than a turn has, is left with its atoms in their slot, and TypeScript calls again for those that are not at
//! their end: with larger slots, after a look at its signal.

use super::active_set::{self, Atoms, Ending, Limits, Solver, Turn};
use super::any::Any;
use super::call::{factor, Form, Staged, Tables};
use super::closed;
use super::factor::{Factor, Room, RoomSize};
use super::weighted::Weighted;
use core::ops::Range;

/// A call; TypeScript writes the fields in this order (ts/src/structured/description.ts).
#[repr(C)]
pub struct Solve {
    pub tolerance: f64,
    pub form: Form,
    pub scores: Tables,
    pub marginals: Tables,
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
    /// Where the oracle is the caller's, and then the call is about one problem; else null.
    pub dialogue: *mut Dialogue,
}

/// Questions and answers about the one problem of a call; TypeScript writes the fields in this order.
#[repr(C)]
pub struct Dialogue {
    /// The vertices that the caller has named so far, and how many they are.
    pub vertices: *const f64,
    pub count: usize,
    /// Written on an ending of [`Ending::Asks`]: the scores asked about.
    pub question: *mut f64,
    /// The solver's numbers, of [`kept_numbers`], which stay from one turn to the next.
    pub kept: *mut f64,
    /// To the question before: a vertex, or what `custom` knows.
    pub answer: i32,
    /// What the last turn has left: whether the solver's numbers are of these atoms, and whether it has taken them up anew.
    pub is_kept: bool,
    pub rebuilt: bool,
}

/// f64 that a solver needs from one turn to the next.
pub fn kept_numbers(form: &Form, capacity: usize) -> usize {
    let [unary, ..] = form.sizes();
    active_set::numbers(unary, capacity)
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
    fn of(form: &Form, capacity: usize, room: RoomSize) -> Parts {
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

/// The room that the oracle needs.
fn room_of(form: &Form) -> RoomSize {
    factor(form, form.length(), &Staged::coupled()).room()
}

/// Bytes of workspace that one thread needs.
pub fn workspace(form: &Form, capacity: usize) -> usize {
    Parts::of(form, capacity, room_of(form)).bytes
}

/// One problem, with what the workspace has for it.
struct Problem<'a> {
    call: &'a Solve,
    factor: Any<'a>,
    unary: &'a [f64],
    b: usize,
    slot: usize,
    length: usize,
    workspace: *mut u8,
}

impl Problem<'_> {
    /// # Safety
    /// As [`solve`].
    unsafe fn solve(&self) {
        let Problem { call, b, slot, .. } = *self;
        // SAFETY: by the caller; the slots are disjoint.
        unsafe {
            let mut atoms = Atoms {
                keys: call.keys.add(slot * call.capacity * call.form.key_len()),
                weights: call.weights.add(slot * call.capacity),
                capacity: call.capacity,
                count: *call.counts.add(b) as usize,
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
                self.turn(&mut atoms)
            };
            *call.counts.add(b) = atoms.count as i32;
            *call.gaps.add(b) = turn.gap;
            *call.objectives.add(b) = turn.objective;
            *call.calls.add(b) += turn.calls as i32;
            *call.endings.add(b) = turn.ending as i32;
            let goes_on = matches!(
                turn.ending,
                Ending::NeedRoom | Ending::Paused | Ending::Asks
            );
            if !goes_on {
                self.write_marginals(&atoms);
            }
        }
    }

    /// # Safety
    /// As [`solve`].
    unsafe fn turn(&self, atoms: &mut Atoms) -> Turn {
        let Problem { call, b, .. } = *self;
        let size = self.factor.room();
        let parts = Parts::of(&call.form, call.capacity, room_of(&call.form));
        // SAFETY: the parts of the workspace are disjoint; a shorter problem needs no more than one that fills its tables.
        unsafe {
            let mut room = Room {
                numbers: slice(self.workspace.add(parts.room).cast(), size.numbers),
                indices: slice(self.workspace.add(parts.indices).cast(), size.indices),
            };
            let key = slice(self.workspace.add(parts.key).cast(), self.factor.key_len());
            let made = *call.calls.add(b) as usize;
            let left = call.most.saturating_sub(made).max(1);
            let limits = Limits {
                tolerance: call.tolerance,
                calls: left.min(call.turn),
                last: left <= call.turn,
            };
            let Some(dialogue) = call.dialogue.as_mut() else {
                let numbers: *mut f64 = self.workspace.add(parts.solver).cast();
                // What a solver needs for more atoms than parts is more than this.
                let scratch = slice(numbers, closed::numbers(self.factor.parts()));
                let closed = if call.capacity > self.factor.parts() {
                    let oracle = (&mut room, &mut *key);
                    closed::solve(
                        &self.factor,
                        self.unary,
                        call.tolerance,
                        atoms,
                        scratch,
                        oracle,
                    )
                } else {
                    None
                };
                if let Some(turn) = closed {
                    return turn;
                }
                let factor = Weighted::plain(&self.factor);
                let mut solver = Solver::new(&factor, self.unary, atoms, numbers);
                return solver.solve(limits, &mut room, key);
            };
            let count = atoms.count;
            let factor = Weighted::plain(&self.factor);
            let mut solver = Solver::new(&factor, self.unary, atoms, dialogue.kept);
            solver.rebuilt = dialogue.rebuilt;
            if dialogue.is_kept && count > 0 {
                solver.keep();
            }
            let turn = solver.solve(limits, &mut room, key);
            dialogue.rebuilt = solver.rebuilt;
            dialogue.is_kept = turn.ending == Ending::Asks;
            for (part, &score) in solver.question().iter().enumerate() {
                *dialogue.question.add(part) = score;
            }
            turn
        }
    }

    /// # Safety
    /// As [`solve`].
    unsafe fn write_marginals(&self, atoms: &Atoms) {
        let form = &self.call.form;
        // SAFETY: by the caller; scores are not needed any more.
        unsafe {
            let parts = Parts::of(form, self.call.capacity, room_of(form));
            let room = self.workspace.add(parts.sums).cast();
            let mut sums = self.call.marginals.sums(form, self.b, self.length, room);
            let len = self.factor.key_len();
            for j in 0..atoms.count {
                let key = core::slice::from_raw_parts(atoms.keys.add(j * len), len);
                if self.length > 0 {
                    sums.add(&self.factor, key, *atoms.weights.add(j));
                }
            }
            sums.finish();
        }
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
pub unsafe fn solve(call: &Solve, slots: Range<usize>, workspace: *mut u8) {
    for slot in slots {
        // SAFETY: by the caller.
        unsafe {
            let b = *call.problems.add(slot) as usize;
            let length = length_of(&call.form, call.lengths, b);
            let mut staged = call.scores.stage(&call.form, b, length, workspace.cast());
            if !staged.is_valid() {
                *call.endings.add(b) = INVALID;
                continue;
            }
            if let Some(dialogue) = call.dialogue.as_ref() {
                let numbers = dialogue.count * length;
                staged.vertices = core::slice::from_raw_parts(dialogue.vertices, numbers);
                staged.answer = dialogue.answer;
            }
            let problem = Problem {
                call,
                factor: factor(&call.form, length, &staged),
                unary: staged.unary,
                b,
                slot,
                length,
                workspace,
            };
            problem.solve();
        }
    }
}
