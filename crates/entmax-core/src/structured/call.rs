//! A batch of problems of one factor as it lies in memory, and one problem of it as a factor.
//!
//! A problem's scores are tables of the batch; of a shorter problem (a sequence of fewer positions, a sentence of fewer words)
//! the leading rows and columns count. Solvers want f64 without gaps, so tables are copied to the workspace and results back:
//! the copy is nothing beside the oracle.

use super::any::Any;
use super::arborescence::Arborescence;
use super::assignment::Assignment;
use super::custom::{Custom, WAITING};
use super::projective::ProjectiveTree;
use super::sequence::Sequence;
use super::subsets::{Bits, Budget, OneHot};
use core::cell::Cell;

/// Which factor; the numbers are known to TypeScript (ts/src/structured/factors.ts).
pub mod kind {
    pub const SEQUENCE: u32 = 0;
    pub const ARBORESCENCE: u32 = 1;
    pub const PROJECTIVE_TREE: u32 = 2;
    pub const ASSIGNMENT: u32 = 3;
    pub const BUDGET: u32 = 4;
    pub const BITS: u32 = 5;
    pub const ONE_HOT: u32 = 6;
    pub const CUSTOM: u32 = 7;
}

/// No budget.
const UNLIMITED: usize = u32::MAX as usize;

/// What is alike for all problems.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Form {
    /// Of [`kind`].
    pub kind: u32,
    /// Whether trees have one root, assignments leave items unmatched, budgets are upper limits.
    pub flag: u32,
    /// The budget of a set or of a sequence.
    pub budget: usize,
    /// The table of unary scores: [T, S], [n + 1, n + 1], [n, m], or [1, n].
    pub rows: usize,
    pub columns: usize,
    /// Whether tables are of f32; else of f64.
    pub single: u32,
}

/// Unary scores, and the additional ones of a sequence, null where not given; f32 or f64 as the form says.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Tables {
    pub unary: *mut u8,
    pub transitions: *mut u8,
    pub start: *mut u8,
    pub end: *mut u8,
}

impl Form {
    /// Rows and columns of a problem of the given length.
    pub fn table(&self, length: usize) -> (usize, usize) {
        match self.kind {
            kind::SEQUENCE => (length, self.columns),
            kind::ARBORESCENCE | kind::PROJECTIVE_TREE => (length + 1, length + 1),
            kind::ASSIGNMENT => (self.rows, self.columns),
            _ => (1, length),
        }
    }

    /// The length of a problem that fills its tables.
    pub fn length(&self) -> usize {
        match self.kind {
            kind::SEQUENCE => self.rows,
            kind::ARBORESCENCE | kind::PROJECTIVE_TREE => self.rows - 1,
            kind::ASSIGNMENT => self.rows,
            _ => self.columns,
        }
    }

    /// i32 numbers of the key of a problem that fills its tables.
    pub fn key_len(&self) -> usize {
        match self.kind {
            kind::BUDGET | kind::BITS => self.columns.div_ceil(32),
            kind::ONE_HOT | kind::CUSTOM => 1,
            _ => self.length(),
        }
    }

    /// Entries of each of [`Tables`] for one problem that fills them.
    pub fn sizes(&self) -> [usize; 4] {
        let (t, s) = (self.rows, self.columns);
        [t * s, t.saturating_sub(1) * s * s, s, s]
    }

    /// f64 that the tables of one problem take.
    pub fn numbers(&self) -> usize {
        let [unary, transitions, start, end] = self.sizes();
        if self.kind == kind::SEQUENCE {
            unary + transitions + start + end
        } else {
            unary
        }
    }
}

/// A problem's tables in the workspace, behind each other where they are given.
pub struct Staged<'a> {
    pub unary: &'a [f64],
    pub transitions: Option<&'a [f64]>,
    pub start: Option<&'a [f64]>,
    pub end: Option<&'a [f64]>,
    /// Of a set whose oracle is the caller's: vertices, and the answer to the last question.
    pub vertices: &'a [f64],
    pub answer: i32,
}

impl Staged<'_> {
    /// Of a factor with all that it may have, where only the room that it needs is asked for.
    pub fn coupled() -> Staged<'static> {
        Staged {
            unary: &[],
            transitions: Some(&[]),
            start: None,
            end: None,
            vertices: &[],
            answer: WAITING,
        }
    }

    /// Of a factor whose scores do not matter, with the tables that there are.
    pub fn like(tables: &Tables) -> Staged<'static> {
        let given = |table: *mut u8| (!table.is_null()).then_some(&[][..]);
        Staged {
            unary: &[],
            transitions: given(tables.transitions),
            start: given(tables.start),
            end: given(tables.end),
            ..Staged::coupled()
        }
    }

    /// Whether no score is NaN or +inf. The diagonal and column 0 of trees count too: what is ignored need not be nonsense.
    pub fn is_valid(&self) -> bool {
        [Some(self.unary), self.transitions, self.start, self.end]
            .into_iter()
            .flatten()
            // Without a way out of the loop, which then takes two at a time.
            .all(|scores| {
                scores
                    .iter()
                    .fold(true, |valid, &score| valid & (score < f64::INFINITY))
            })
    }
}

/// Number `i` of a table.
///
/// # Safety
/// The table has it.
#[inline(always)]
unsafe fn read(table: *const u8, single: bool, i: usize) -> f64 {
    // SAFETY: by the caller.
    unsafe {
        if single {
            f64::from(*table.cast::<f32>().add(i))
        } else {
            *table.cast::<f64>().add(i)
        }
    }
}

/// # Safety
/// As [`read`].
#[inline(always)]
unsafe fn write(table: *mut u8, single: bool, i: usize, value: f64) {
    // SAFETY: by the caller.
    unsafe {
        if single {
            *table.cast::<f32>().add(i) = value as f32;
        } else {
            *table.cast::<f64>().add(i) = value;
        }
    }
}

/// One of the tables of a batch: what a problem has there, and how it lies.
struct Part {
    table: *mut u8,
    /// Numbers that a problem which fills its tables has.
    size: usize,
    rows: usize,
    columns: usize,
    /// From one row to the next.
    stride: usize,
}

impl Tables {
    fn parts(&self, form: &Form, length: usize) -> [Part; 4] {
        let (rows, columns) = form.table(length);
        let sizes = form.sizes();
        let part = |table, size, rows, columns, stride| Part {
            table,
            size,
            rows,
            columns,
            stride,
        };
        let s = columns;
        [
            part(self.unary, sizes[0], rows, columns, form.columns),
            part(
                self.transitions,
                sizes[1],
                rows.saturating_sub(1),
                s * s,
                s * s,
            ),
            part(self.start, sizes[2], 1, s, s),
            part(self.end, sizes[3], 1, s, s),
        ]
    }

    /// Problem `b`, copied to `room` where it does not lie as f64 without gaps.
    ///
    /// # Safety
    /// The tables hold problem `b`, and `room` is writable for [`Form::numbers`].
    pub unsafe fn stage<'a>(
        &self,
        form: &Form,
        b: usize,
        length: usize,
        room: *mut f64,
    ) -> Staged<'a> {
        // SAFETY: by the caller.
        unsafe { self.place(form, b, length, room, true) }
    }

    /// Copies problem `b` to `room`, table behind table.
    ///
    /// # Safety
    /// As [`Tables::stage`].
    pub unsafe fn copy(&self, form: &Form, b: usize, length: usize, room: *mut f64) {
        // SAFETY: by the caller.
        unsafe { self.place(form, b, length, room, false) };
    }

    /// # Safety
    /// As [`Tables::stage`].
    unsafe fn place<'a>(
        &self,
        form: &Form,
        b: usize,
        length: usize,
        room: *mut f64,
        in_place: bool,
    ) -> Staged<'a> {
        let single = form.single != 0;
        let mut free = room;
        let [unary, transitions, start, end] = self.parts(form, length).map(|part| {
            if part.table.is_null() {
                return None;
            }
            let (numbers, first) = (part.rows * part.columns, b * part.size);
            // SAFETY: by the caller.
            unsafe {
                if in_place && !single && part.stride == part.columns {
                    let source = part.table.cast::<f64>().add(first);
                    return Some(core::slice::from_raw_parts(source, numbers));
                }
                let target = free;
                for r in 0..part.rows {
                    for c in 0..part.columns {
                        *target.add(r * part.columns + c) =
                            read(part.table, single, first + r * part.stride + c);
                    }
                }
                free = target.add(numbers);
                Some(core::slice::from_raw_parts(target, numbers))
            }
        });
        Staged {
            unary: unary.unwrap_or(&[]),
            transitions,
            start,
            end,
            vertices: &[],
            answer: WAITING,
        }
    }

    /// Copies sums over parts, in the order of [`Tables::stage`], to where the tables are, with zeros around a shorter problem.
    ///
    /// # Safety
    /// The tables are writable for problem `b`, and `sums` is readable for its parts.
    pub unsafe fn unstage(&self, form: &Form, b: usize, length: usize, sums: *const f64) {
        let single = form.single != 0;
        let bytes = if single { 4 } else { 8 };
        let mut next = sums;
        for part in self.parts(form, length) {
            if part.table.is_null() {
                continue;
            }
            let first = b * part.size;
            // SAFETY: by the caller.
            unsafe {
                core::ptr::write_bytes(part.table.add(bytes * first), 0, bytes * part.size);
                for r in 0..part.rows {
                    for c in 0..part.columns {
                        let sum = *next.add(r * part.columns + c);
                        write(part.table, single, first + r * part.stride + c, sum);
                    }
                }
                next = next.add(part.rows * part.columns);
            }
        }
    }
}

/// The problem as a factor.
pub fn factor<'a>(form: &Form, length: usize, staged: &Staged<'a>) -> Any<'a> {
    let flag = form.flag != 0;
    match form.kind {
        kind::SEQUENCE => Any::Sequence(Sequence {
            length,
            states: form.columns,
            transitions: staged.transitions,
            start: staged.start,
            end: staged.end,
            budget: (form.budget != UNLIMITED).then_some(form.budget),
        }),
        kind::ARBORESCENCE => Any::Arborescence(Arborescence {
            words: length,
            single_root: flag,
        }),
        kind::PROJECTIVE_TREE => Any::ProjectiveTree(ProjectiveTree {
            words: length,
            single_root: flag,
        }),
        kind::ASSIGNMENT => Any::Assignment(Assignment {
            rows: form.rows,
            columns: form.columns,
            unmatched: flag,
        }),
        kind::BUDGET => Any::Budget(Budget {
            size: length,
            k: form.budget,
            at_most: flag,
        }),
        kind::BITS => Any::Bits(Bits { size: length }),
        kind::CUSTOM => Any::Custom(Custom {
            size: length,
            vertices: staged.vertices,
            answer: Cell::new(staged.answer),
        }),
        _ => Any::OneHot(OneHot { size: length }),
    }
}
