//! A batch of problems of one factor as it lies in memory, and one problem of it as a factor.
//!
//! A problem's scores are tables of the batch; of a shorter problem (a sequence of fewer positions, a sentence of fewer words)
//! the leading rows and columns count. Solvers want f64 without gaps, so tables are copied to the workspace and results back:
//! the copy is nothing beside the oracle.

use super::arborescence::Arborescence;
use super::assignment::Assignment;
use super::projective::ProjectiveTree;
use super::sequence::Sequence;
use super::subsets::{Bits, Budget, OneHot};

/// f32 or f64.
pub trait Number: Copy {
    fn to_f64(self) -> f64;
    fn from_f64(value: f64) -> Self;
    /// The numbers as f64 where they lie, if that is what they are; null otherwise.
    fn in_place(table: *const Self) -> *const f64;
}

impl Number for f32 {
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn from_f64(value: f64) -> f32 {
        value as f32
    }
    #[inline(always)]
    fn in_place(_: *const f32) -> *const f64 {
        core::ptr::null()
    }
}

impl Number for f64 {
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn from_f64(value: f64) -> f64 {
        value
    }
    #[inline(always)]
    fn in_place(table: *const f64) -> *const f64 {
        table
    }
}

/// Which factor; the numbers are known to TypeScript (ts/src/structured/factors.ts).
pub mod kind {
    pub const SEQUENCE: u32 = 0;
    pub const ARBORESCENCE: u32 = 1;
    pub const PROJECTIVE_TREE: u32 = 2;
    pub const ASSIGNMENT: u32 = 3;
    pub const BUDGET: u32 = 4;
    pub const BITS: u32 = 5;
    pub const ONE_HOT: u32 = 6;
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
}

/// The additional tables of a sequence: transitions, start, end. Null where not given.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Tables<T> {
    pub unary: *mut T,
    pub transitions: *mut T,
    pub start: *mut T,
    pub end: *mut T,
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
            kind::ONE_HOT => 1,
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
    transitions: Option<&'a [f64]>,
    start: Option<&'a [f64]>,
    end: Option<&'a [f64]>,
}

impl Staged<'_> {
    /// Of a factor with all that it may have, where only the room that it needs is asked for.
    pub fn coupled() -> Staged<'static> {
        Staged {
            unary: &[],
            transitions: Some(&[]),
            start: None,
            end: None,
        }
    }

    /// Of a factor whose scores do not matter, with the tables that there are.
    pub fn like<T>(tables: &Tables<T>) -> Staged<'static> {
        let given = |table: *mut T| (!table.is_null()).then_some(&[][..]);
        Staged {
            unary: &[],
            transitions: given(tables.transitions),
            start: given(tables.start),
            end: given(tables.end),
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

impl<T: Number> Tables<T> {
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
        unsafe { self.place(form, b, length, room, T::in_place) }
    }

    /// Copies problem `b` to `room`, table behind table.
    ///
    /// # Safety
    /// As [`Tables::stage`].
    pub unsafe fn copy(&self, form: &Form, b: usize, length: usize, room: *mut f64) {
        // SAFETY: by the caller.
        unsafe { self.place(form, b, length, room, |_| core::ptr::null()) };
    }

    /// # Safety
    /// As [`Tables::stage`].
    unsafe fn place<'a>(
        &self,
        form: &Form,
        b: usize,
        length: usize,
        room: *mut f64,
        in_place: impl Fn(*const T) -> *const f64,
    ) -> Staged<'a> {
        let (rows, columns) = form.table(length);
        let [size, transitions, start, end] = form.sizes();
        let mut free = room;
        let mut copy = |table: *mut T, size: usize, rows: usize, columns: usize, stride: usize| {
            if table.is_null() {
                return None;
            }
            let target = free;
            // SAFETY: by the caller.
            unsafe {
                let source = table.add(b * size);
                let given = in_place(source);
                if stride == columns && !given.is_null() {
                    return Some(core::slice::from_raw_parts(given, rows * columns));
                }
                for r in 0..rows {
                    for c in 0..columns {
                        *target.add(r * columns + c) = (*source.add(r * stride + c)).to_f64();
                    }
                }
                free = target.add(rows * columns);
                Some(core::slice::from_raw_parts(
                    target.cast_const(),
                    rows * columns,
                ))
            }
        };
        let s = columns;
        Staged {
            unary: copy(self.unary, size, rows, columns, form.columns).unwrap_or(&[]),
            transitions: copy(
                self.transitions,
                transitions,
                rows.saturating_sub(1),
                s * s,
                s * s,
            ),
            start: copy(self.start, start, 1, s, s),
            end: copy(self.end, end, 1, s, s),
        }
    }

    /// Copies sums over parts, in the order of [`Tables::stage`], to where the tables are, with zeros around a shorter problem.
    ///
    /// # Safety
    /// The tables are writable for problem `b`, and `sums` is readable for its parts.
    pub unsafe fn unstage(&self, form: &Form, b: usize, length: usize, sums: *const f64) {
        let (rows, columns) = form.table(length);
        let [size, transitions, start, end] = form.sizes();
        let mut next = sums;
        let s = columns;
        let copies = [
            (self.unary, size, rows, columns, form.columns),
            (
                self.transitions,
                transitions,
                rows.saturating_sub(1),
                s * s,
                s * s,
            ),
            (self.start, start, 1, s, s),
            (self.end, end, 1, s, s),
        ];
        for (table, size, rows, columns, stride) in copies {
            if table.is_null() {
                continue;
            }
            // SAFETY: by the caller.
            unsafe {
                let target = table.add(b * size);
                core::ptr::write_bytes(target, 0, size);
                for r in 0..rows {
                    for c in 0..columns {
                        *target.add(r * stride + c) = T::from_f64(*next.add(r * columns + c));
                    }
                }
                next = next.add(rows * columns);
            }
        }
    }
}

/// What is done with a factor, whichever it is.
pub trait Visitor {
    type Output;
    fn visit<F: super::factor::Factor>(self, factor: &F) -> Self::Output;
}

/// The problem as a factor.
pub fn with_factor<V: Visitor>(
    form: &Form,
    length: usize,
    staged: &Staged,
    visitor: V,
) -> V::Output {
    let flag = form.flag != 0;
    match form.kind {
        kind::SEQUENCE => visitor.visit(&Sequence {
            length,
            states: form.columns,
            transitions: staged.transitions,
            start: staged.start,
            end: staged.end,
            budget: (form.budget != UNLIMITED).then_some(form.budget),
        }),
        kind::ARBORESCENCE => visitor.visit(&Arborescence {
            words: length,
            single_root: flag,
        }),
        kind::PROJECTIVE_TREE => visitor.visit(&ProjectiveTree {
            words: length,
            single_root: flag,
        }),
        kind::ASSIGNMENT => visitor.visit(&Assignment {
            rows: form.rows,
            columns: form.columns,
            unmatched: flag,
        }),
        kind::BUDGET => visitor.visit(&Budget {
            size: length,
            k: form.budget,
            at_most: flag,
        }),
        kind::BITS => visitor.visit(&Bits { size: length }),
        _ => visitor.visit(&OneHot { size: length }),
    }
}
