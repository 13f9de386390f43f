//! A batch of problems of one factor as it lies in memory, and one problem of it as a factor.
//!
//! A problem's scores are tables of the batch; of a shorter problem (a sequence of fewer positions, a sentence of fewer words)
//! the leading rows and columns count. Solvers want f64 without gaps, so tables are copied to the workspace and results back:
//! the copy is nothing beside the oracle.

use super::any::Any;
use super::arborescence::Arborescence;
use super::assignment::Assignment;
use super::custom::{Custom, WAITING};
use super::factor::Factor;
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
        let single = form.single != 0;
        let mut free = room;
        let [unary, transitions, start, end] = self.parts(form, length).map(|part| {
            if part.table.is_null() {
                return None;
            }
            let (numbers, first) = (part.rows * part.columns, b * part.size);
            // SAFETY: by the caller.
            unsafe {
                if !single && part.stride == part.columns {
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

    /// Where sums over the parts of problem `b` go, all 0: the tables themselves where they are of f64 without gaps, and else `room`,
    /// until [`Sums::finish`].
    ///
    /// # Safety
    /// The tables are writable for problem `b`, and `room` for [`Form::numbers`].
    pub unsafe fn sums(&self, form: &Form, b: usize, length: usize, room: *mut f64) -> Sums {
        let single = form.single != 0;
        let bytes = if single { 4 } else { 8 };
        let mut free = room;
        let tables = self.parts(form, length).map(|part| {
            let count = part.rows * part.columns;
            if part.table.is_null() {
                return Sum {
                    part,
                    at: core::ptr::null_mut(),
                    count: 0,
                };
            }
            // SAFETY: by the caller.
            unsafe {
                let first = part.table.add(bytes * b * part.size);
                core::ptr::write_bytes(first, 0, bytes * part.size);
                let mut at = first.cast::<f64>();
                if single || part.stride != part.columns {
                    at = free;
                    core::ptr::write_bytes(at, 0, count);
                    free = at.add(count);
                }
                let part = Part {
                    table: first,
                    ..part
                };
                Sum { part, at, count }
            }
        });
        Sums { tables, single }
    }
}

/// Sums over the parts of one table of a problem, from `at` on.
struct Sum {
    part: Part,
    at: *mut f64,
    count: usize,
}

/// Sums over the parts of a problem.
pub struct Sums {
    tables: [Sum; 4],
    single: bool,
}

impl Sums {
    /// Adds a structure's parts, times `weight`.
    ///
    /// # Safety
    /// The structure is one of the problem's.
    #[inline(never)]
    pub unsafe fn add(&mut self, factor: &impl Factor, key: &[i32], weight: f64) {
        let [unary, additional @ ..] = &self.tables;
        // SAFETY: parts are below their numbers.
        unsafe {
            factor.each_entry(key, |part, entry| *unary.at.add(part) += weight * entry);
            factor.each_additional(key, |part| {
                let mut at = part;
                for table in additional {
                    if at < table.count {
                        *table.at.add(at) += weight;
                        break;
                    }
                    at -= table.count;
                }
            });
        }
    }

    /// Writes what was summed elsewhere to the tables.
    ///
    /// # Safety
    /// As [`Tables::sums`].
    pub unsafe fn finish(self) {
        for Sum { part, at, .. } in self.tables {
            if part.table.is_null() || part.table.cast() == at {
                continue;
            }
            for r in 0..part.rows {
                for c in 0..part.columns {
                    // SAFETY: by the caller.
                    unsafe {
                        let sum = *at.add(r * part.columns + c);
                        write(part.table, self.single, r * part.stride + c, sum);
                    }
                }
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
