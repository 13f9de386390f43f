//! The derivative of SparseMAP on the support that was returned (MATH.md section 9).
//!
//! ```text
//! a = M^T v + N^T v_additional + dL/dweights,   d eta = M Q a,   d eta_additional = N Q a
//! ```
//!
//! Q = G'^-1 less its mean takes two substitutions. The factor of G' is made once for a pullback, from the structures.

use super::any::Any;
use super::call::{factor, Form, Staged, Tables};
use super::cholesky::{self, Cholesky};
use super::factor::Factor;
use super::solve::length_of;
use core::ops::Range;

/// A pullback; TypeScript writes the fields in this order (ts/src/structured/description.ts).
#[repr(C)]
pub struct Backward {
    pub form: Form,
    /// Cotangents of the marginals; null where they are 0.
    pub cotangents: Tables,
    /// Null where the scores had none.
    pub gradients: Tables,
    pub lengths: *const i32,
    /// Where each problem's structures begin, and where the last one's end.
    pub indptr: *const i32,
    pub keys: *const i32,
    /// Cotangents of the weights, or null.
    pub weights: *const f64,
    /// Where each problem's factor begins, in f64 from `factors` on.
    pub places: *const u32,
    pub factors: *mut f64,
    /// Of a set whose oracle is the caller's: the vertex of each structure, behind each other, which a key is the number of.
    pub vertices: *const f64,
}

/// Bytes of workspace that one thread needs for problems of at most `count` structures.
pub fn workspace(form: &Form, count: usize) -> usize {
    8 * (2 * form.numbers() + count)
}

/// f64 that the factor of `count` structures takes.
pub fn factor_numbers(count: usize) -> usize {
    cholesky::numbers(count)
}

/// One problem.
struct Problem<'a> {
    call: &'a Backward,
    factor: Any<'a>,
    b: usize,
    length: usize,
    /// Its structures, and the number of the first of them.
    count: usize,
    first: usize,
}

impl<'a> Problem<'a> {
    /// # Safety
    /// As [`factorise`].
    unsafe fn new(call: &'a Backward, b: usize) -> Problem<'a> {
        // SAFETY: by the caller.
        unsafe {
            let length = length_of(&call.form, call.lengths, b);
            let first = *call.indptr.add(b) as usize;
            let count = *call.indptr.add(b + 1) as usize - first;
            let mut staged = Staged::like(&call.gradients);
            if !call.vertices.is_null() {
                let numbers = (first + count) * length;
                staged.vertices = core::slice::from_raw_parts(call.vertices, numbers);
            }
            Problem {
                call,
                factor: factor(&call.form, length, &staged),
                b,
                length,
                count,
                first,
            }
        }
    }

    /// # Safety
    /// As [`factorise`].
    unsafe fn key<'k>(&self, j: usize) -> &'k [i32] {
        let stride = self.call.form.key_len();
        // SAFETY: by the caller.
        unsafe {
            let key = self.call.keys.add((self.first + j) * stride);
            core::slice::from_raw_parts(key, self.factor.key_len())
        }
    }

    /// # Safety
    /// As [`factorise`].
    unsafe fn cholesky(&self) -> Cholesky {
        // SAFETY: by the caller.
        unsafe {
            let place = *self.call.places.add(self.b) as usize;
            Cholesky::new(self.call.factors.add(place), self.count)
        }
    }

    /// Factors the Gram matrix of the structures.
    ///
    /// # Safety
    /// As [`factorise`].
    unsafe fn factorise(&self, column: *mut f64) {
        // SAFETY: by the caller.
        unsafe {
            let mut cholesky = self.cholesky();
            for i in 0..self.count {
                let key = self.key(i);
                for j in 0..i {
                    *column.add(j) = self.factor.overlap(self.key(j), key) + 1.0;
                }
                cholesky.push_independent(column, self.factor.overlap(key, key));
            }
        }
    }

    /// Pulls the cotangents back.
    ///
    /// # Safety
    /// As [`factorise`].
    unsafe fn pull_back(&self, workspace: *mut f64) {
        let (call, factor) = (self.call, &self.factor);
        let form = &call.form;
        let numbers = form.numbers();
        // SAFETY: by the caller; sums and products lie behind the staged cotangents.
        unsafe {
            let cotangents = call.cotangents.stage(form, self.b, self.length, workspace);
            let products = workspace.add(2 * numbers);
            let tables = self.additional(&cotangents);
            for j in 0..self.count {
                let key = self.key(j);
                let mut product = 0.0;
                factor.each_entry(key, |part, entry| {
                    product += entry * cotangents.unary.get(part).copied().unwrap_or(0.0);
                });
                factor.each_additional(key, |part| {
                    let mut at = part;
                    for (table, count) in tables {
                        if at < count {
                            product += table.and_then(|table| table.get(at)).unwrap_or(&0.0);
                            break;
                        }
                        at -= count;
                    }
                });
                if !call.weights.is_null() {
                    product += *call.weights.add(self.first + j);
                }
                *products.add(j) = product;
            }
            let mut cholesky = self.cholesky();
            cholesky.order = self.count;
            cholesky.differentiate(products);
            let mut sums = call
                .gradients
                .sums(form, self.b, self.length, workspace.add(numbers));
            for j in 0..self.count {
                sums.add(factor, self.key(j), *products.add(j));
            }
            sums.finish();
        }
    }

    /// The cotangents of the additional tables, where given, and how many parts each of those has that the scores had.
    fn additional<'s>(&self, cotangents: &Staged<'s>) -> [(Option<&'s [f64]>, usize); 3] {
        let (gradients, (rows, s)) = (&self.call.gradients, self.call.form.table(self.length));
        let count = |table: *mut u8, count: usize| if table.is_null() { 0 } else { count };
        [
            (
                cotangents.transitions,
                count(gradients.transitions, rows.saturating_sub(1) * s * s),
            ),
            (cotangents.start, count(gradients.start, s)),
            (cotangents.end, count(gradients.end, s)),
        ]
    }
}

/// Factors the Gram matrices of the problems `problems`.
///
/// # Safety
/// The places of the call are live, and the workspace is as large as [`workspace`] says for the largest of the problems.
pub unsafe fn factorise(call: &Backward, problems: Range<usize>, workspace: *mut u8) {
    for b in problems {
        // SAFETY: by the caller.
        unsafe {
            let problem = Problem::new(call, b);
            if problem.length > 0 {
                problem.factorise(workspace.cast());
            }
        }
    }
}

/// The gradients of the problems `problems`.
///
/// # Safety
/// As [`factorise`], which has been called.
pub unsafe fn pull_back(call: &Backward, problems: Range<usize>, workspace: *mut u8) {
    for b in problems {
        // SAFETY: by the caller.
        unsafe {
            let problem = Problem::new(call, b);
            if problem.length > 0 {
                problem.pull_back(workspace.cast());
            } else {
                let room = workspace.cast();
                call.gradients.sums(&call.form, b, 0, room).finish();
            }
        }
    }
}
