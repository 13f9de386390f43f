//! A graph in memory, and where a problem of it keeps what it needs from one call to the next.
//!
//! ```text
//! f64   state of the method | coupling scores | scratch of logic | per structured factor: Kept, numbers
//! i32   faces of the places | per structured factor: indices
//! ```
//!
//! Nothing there is an address, so a problem may be moved, kept by TypeScript, and put back.

use super::any::Any;
use super::call::{factor, Form, Staged};
use super::graph::{self, Graph};
use super::graph_structured::{self, Kept};
use super::logic::{self, Kind};

/// Added to a [`Kind`] where a form is that of a factor of logic.
pub const LOGIC: u32 = 100;

/// f64 of a [`Kept`].
const KEPT: usize = size_of::<Kept>().div_ceil(8);

/// What all problems of a graph have in common; TypeScript writes the fields in this order (ts/src/structured/graph-call.ts).
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Layout {
    /// Scores of a problem: those of variables, and those that couplings name.
    pub variables: usize,
    pub factors: usize,
    /// Where each factor's places begin, and where the last one's end.
    pub starts: *const u32,
    /// Of each place: its variable, whether it is negated, and what it costs a knapsack.
    pub places: *const u32,
    pub negated: *const u8,
    pub costs: *const f64,
    /// Of each factor; the kind is above [`LOGIC`] where it is of logic.
    pub forms: *const Form,
    /// Of each factor: a budget.
    pub numbers: *const f64,
    /// Where the additional scores of each factor begin in `couplings`, which holds their variables.
    pub coupling_starts: *const u32,
    pub couplings: *const u32,
    /// Of each structured factor: room for how many atoms.
    pub capacities: *const u32,
    /// Written by [`Layout::measure`]: where each structured factor has its numbers and its indices.
    pub numbers_at: *mut u32,
    pub indices_at: *mut u32,
}

/// The parts of a problem's memory.
pub struct Parts<'a> {
    pub state: &'a mut [f64],
    pub couplings: &'a mut [f64],
    pub room: &'a mut [f64],
    pub faces: &'a mut [i32],
}

impl Layout {
    pub fn places_in_all(&self) -> usize {
        // SAFETY: as many starts as factors, and one.
        unsafe { *self.starts.add(self.factors) as usize }
    }

    pub fn couplings_in_all(&self) -> usize {
        // SAFETY: as above.
        unsafe { *self.coupling_starts.add(self.factors) as usize }
    }

    /// The places of a factor.
    pub fn range(&self, f: usize) -> core::ops::Range<usize> {
        // SAFETY: as above.
        unsafe { *self.starts.add(f) as usize..*self.starts.add(f + 1) as usize }
    }

    /// The couplings of a factor.
    pub fn coupling_range(&self, f: usize) -> core::ops::Range<usize> {
        // SAFETY: as above.
        unsafe { *self.coupling_starts.add(f) as usize..*self.coupling_starts.add(f + 1) as usize }
    }

    /// The variable of a coupling.
    pub fn coupling(&self, at: usize) -> usize {
        // SAFETY: below their number.
        unsafe { *self.couplings.add(at) as usize }
    }

    pub fn form(&self, f: usize) -> &Form {
        // SAFETY: f is a factor.
        unsafe { &*self.forms.add(f) }
    }

    pub fn logic(&self, f: usize) -> Option<Kind> {
        Some(match self.form(f).kind.checked_sub(LOGIC)? {
            0 => Kind::Xor,
            1 => Kind::AtMostOne,
            2 => Kind::Or,
            3 => Kind::OrOut,
            4 => Kind::Budget,
            5 => Kind::BudgetAtMost,
            6 => Kind::Knapsack,
            _ => Kind::Pair,
        })
    }

    pub fn number(&self, f: usize) -> f64 {
        // SAFETY: f is a factor.
        unsafe { *self.numbers.add(f) }
    }

    /// Which places of a range are negated, and their costs.
    pub fn literals(&self, range: core::ops::Range<usize>) -> (&[u8], &[f64]) {
        // SAFETY: the range is one of a factor.
        unsafe {
            (
                core::slice::from_raw_parts(self.negated.add(range.start), range.len()),
                core::slice::from_raw_parts(self.costs.add(range.start), range.len()),
            )
        }
    }

    /// A structured factor with what it has besides its form.
    pub fn structured<'a>(
        &self,
        f: usize,
        couplings: &'a [f64],
        (vertices, answer): (&'a [f64], i32),
    ) -> Any<'a> {
        let form = self.form(f);
        let own = couplings.get(self.coupling_range(f)).unwrap_or(&[]);
        let staged = Staged {
            unary: &[],
            transitions: (!own.is_empty()).then_some(own),
            start: None,
            end: None,
            vertices,
            answer,
        };
        factor(form, form.length(), &staged)
    }

    fn capacity(&self, f: usize) -> usize {
        // SAFETY: f is a factor.
        unsafe { *self.capacities.add(f) as usize }
    }

    fn room_of_logic(&self) -> usize {
        let largest = (0..self.factors).map(|f| self.range(f).len()).max();
        let largest = largest.unwrap_or(0);
        largest + logic::room(largest)
    }

    fn shared_numbers(&self) -> usize {
        graph::numbers(self.variables, self.places_in_all())
            + self.couplings_in_all()
            + self.room_of_logic()
    }

    /// The sizes of a structured factor.
    fn sizes(&self, f: usize) -> (usize, usize) {
        // Its scores do not matter, but whether it has any.
        let own = [0.0; 1];
        let coupled = if self.coupling_range(f).is_empty() {
            &own[..0]
        } else {
            &own
        };
        let form = self.form(f);
        let staged = Staged {
            transitions: (!coupled.is_empty()).then_some(coupled),
            ..Staged::coupled()
        };
        let any = factor(form, form.length(), &staged);
        let capacity = self.capacity(f);
        (
            KEPT + graph_structured::numbers(&any, capacity),
            graph_structured::indices(&any, capacity),
        )
    }

    /// Bytes that a problem needs; notes where its factors lie.
    pub fn measure(&self) -> usize {
        let (mut numbers, mut indices) = (self.shared_numbers(), self.places_in_all());
        for f in 0..self.factors {
            if self.logic(f).is_some() {
                continue;
            }
            // SAFETY: f is a factor.
            unsafe {
                *self.numbers_at.add(f) = numbers as u32;
                *self.indices_at.add(f) = indices as u32;
            }
            let sizes = self.sizes(f);
            numbers += sizes.0;
            indices += sizes.1;
        }
        8 * numbers + 4 * indices
    }

    /// f64 of a problem, behind which its i32 lie.
    fn numbers_in_all(&self) -> usize {
        let structured = (0..self.factors).rev().find(|&f| self.logic(f).is_none());
        structured.map_or_else(
            || self.shared_numbers(),
            // SAFETY: `measure` has written it.
            |f| unsafe { *self.numbers_at.add(f) as usize } + self.sizes(f).0,
        )
    }

    /// # Safety
    /// `memory` is that of a problem, writable for what [`Layout::measure`] says, and nobody else's.
    pub unsafe fn parts<'a>(&self, memory: *mut u8) -> Parts<'a> {
        let numbers = memory.cast::<f64>();
        let state = graph::numbers(self.variables, self.places_in_all());
        let couplings = self.couplings_in_all();
        let indices = numbers.wrapping_add(self.numbers_in_all()).cast::<i32>();
        // SAFETY: by the caller; the parts are disjoint.
        unsafe {
            Parts {
                state: core::slice::from_raw_parts_mut(numbers, state),
                couplings: core::slice::from_raw_parts_mut(numbers.add(state), couplings),
                room: core::slice::from_raw_parts_mut(
                    numbers.add(state + couplings),
                    self.room_of_logic(),
                ),
                faces: core::slice::from_raw_parts_mut(indices, self.places_in_all()),
            }
        }
    }

    /// What a structured factor keeps, its memory, and its capacity.
    ///
    /// # Safety
    /// As [`Layout::parts`].
    pub unsafe fn kept<'a>(
        &self,
        f: usize,
        memory: *mut u8,
    ) -> (&'a mut Kept, (&'a mut [f64], &'a mut [i32]), usize) {
        let (numbers, indices) = self.sizes(f);
        // SAFETY: by the caller.
        unsafe {
            let at = memory.cast::<f64>().add(*self.numbers_at.add(f) as usize);
            let all = memory
                .cast::<f64>()
                .add(self.numbers_in_all())
                .cast::<i32>();
            let indices_at = all.add(*self.indices_at.add(f) as usize);
            (
                &mut *at.cast::<Kept>(),
                (
                    core::slice::from_raw_parts_mut(at.add(KEPT), numbers - KEPT),
                    core::slice::from_raw_parts_mut(indices_at, indices),
                ),
                self.capacity(f),
            )
        }
    }

    /// The variables and places of a problem with these scores.
    ///
    /// # Safety
    /// The scores are readable for the variables.
    pub unsafe fn graph<'a>(&self, scores: *const f64) -> Graph<'a> {
        // SAFETY: by the caller.
        unsafe {
            Graph {
                scores: core::slice::from_raw_parts(scores, self.variables),
                factors: core::slice::from_raw_parts(self.starts, self.factors + 1),
                variables: core::slice::from_raw_parts(self.places, self.places_in_all()),
            }
        }
    }

    /// Moves a problem to memory of a layout that differs in its capacities, which are larger.
    ///
    /// # Safety
    /// As [`Layout::parts`], for both.
    pub unsafe fn move_to(&self, memory: *mut u8, larger: &Layout, target: *mut u8) {
        // SAFETY: by the caller.
        unsafe {
            let shared = self.shared_numbers();
            core::ptr::copy_nonoverlapping(memory.cast::<f64>(), target.cast(), shared);
            let (faces, places) = (self.parts(memory).faces, self.places_in_all());
            let target_faces = larger.parts(target).faces;
            core::ptr::copy_nonoverlapping(faces.as_ptr(), target_faces.as_mut_ptr(), places);
            for f in (0..self.factors).filter(|&f| self.logic(f).is_none()) {
                let (kept, (numbers, indices), _) = self.kept(f, memory);
                let (new, (new_numbers, new_indices), _) = larger.kept(f, target);
                let keys = kept.count * self.form(f).key_len();
                for (new, &number) in new_numbers.iter_mut().zip(&*numbers).take(kept.count) {
                    *new = number;
                }
                for (new, &index) in new_indices.iter_mut().zip(&*indices).take(keys) {
                    *new = index;
                }
                *new = Kept {
                    damping: 0.0,
                    ..*kept
                };
            }
        }
    }
}
