//! The derivative of SparseMAP on the support that was returned (MATH.md section 9).
//!
//! ```text
//! a = M^T v + N^T v_additional + dL/dweights,   d eta = M Q a,   d eta_additional = N Q a
//! ```
//!
//! Q = G'^-1 less its mean takes two substitutions. The factor of G' is made once for a pullback, from the structures.

use super::call::{with_factor, Form, Number, Staged, Tables, Visitor};
use super::cholesky::{self, Cholesky};
use super::factor::Factor;
use super::solve::{add_structure, length_of, slice};
use core::ops::Range;

/// A pullback; TypeScript writes the fields in this order (ts/src/structured/description.ts).
#[repr(C)]
pub struct Backward<T> {
    pub form: Form,
    /// Cotangents of the marginals; their additional tables are null where the scores had none.
    pub cotangents: Tables<T>,
    pub gradients: Tables<T>,
    pub lengths: *const i32,
    /// Where each problem's structures begin, and where the last one's end.
    pub indptr: *const i32,
    pub keys: *const i32,
    /// Cotangents of the weights, or null.
    pub weights: *const f64,
    /// Where each problem's factor begins, in f64 from `factors` on.
    pub places: *const u32,
    pub factors: *mut f64,
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
struct Problem<'a, T> {
    call: &'a Backward<T>,
    b: usize,
    length: usize,
    workspace: *mut u8,
}

impl<T: Number> Problem<'_, T> {
    /// How many structures the problem has, and where the first of them lies.
    ///
    /// # Safety
    /// As [`factorise`].
    unsafe fn structures(&self) -> (usize, usize) {
        // SAFETY: by the caller.
        unsafe {
            let first = *self.call.indptr.add(self.b) as usize;
            (*self.call.indptr.add(self.b + 1) as usize - first, first)
        }
    }

    /// # Safety
    /// As [`factorise`].
    unsafe fn key<'k>(&self, j: usize, len: usize) -> &'k [i32] {
        let stride = self.call.form.key_len();
        // SAFETY: by the caller.
        unsafe { core::slice::from_raw_parts(self.call.keys.add(j * stride), len) }
    }

    /// # Safety
    /// As [`factorise`].
    unsafe fn cholesky(&self, count: usize) -> Cholesky {
        // SAFETY: by the caller.
        unsafe {
            let place = *self.call.places.add(self.b) as usize;
            Cholesky::new(self.call.factors.add(place), count)
        }
    }
}

/// Factors the Gram matrix of a problem's structures.
struct Factorise<'a, T>(Problem<'a, T>);

impl<T: Number> Visitor for Factorise<'_, T> {
    type Output = ();

    fn visit<F: Factor>(self, factor: &F) {
        let problem = self.0;
        // SAFETY: by the caller of `factorise`.
        unsafe {
            let (count, first) = problem.structures();
            let mut cholesky = problem.cholesky(count);
            let column = problem.workspace.cast::<f64>();
            for i in 0..count {
                let key = problem.key(first + i, factor.key_len());
                for j in 0..i {
                    let other = problem.key(first + j, factor.key_len());
                    *column.add(j) = factor.overlap(other, key) + 1.0;
                }
                cholesky.push_independent(column, factor.overlap(key, key));
            }
        }
    }
}

/// Pulls a problem's cotangents back.
struct PullBack<'a, T>(Problem<'a, T>);

impl<T: Number> Visitor for PullBack<'_, T> {
    type Output = ();

    fn visit<F: Factor>(self, factor: &F) {
        let problem = self.0;
        let call = problem.call;
        let numbers = call.form.numbers();
        // SAFETY: by the caller of `pull_back`; sums and products lie behind the staged cotangents.
        unsafe {
            let (count, first) = problem.structures();
            let staged = problem.workspace.cast::<f64>();
            let (sums, products) = (staged.add(numbers), staged.add(2 * numbers));
            let additional = staged.wrapping_add(factor.parts());
            for j in 0..count {
                let key = problem.key(first + j, factor.key_len());
                let mut product = 0.0;
                factor.each_part(key, |part| product += *staged.add(part));
                factor.each_additional(key, |part| product += *additional.add(part));
                if !call.weights.is_null() {
                    product += *call.weights.add(first + j);
                }
                *products.add(j) = product;
            }
            let mut cholesky = problem.cholesky(count);
            cholesky.order = count;
            cholesky.differentiate(products);
            slice(sums, numbers).fill(0.0);
            for j in 0..count {
                let key = problem.key(first + j, factor.key_len());
                add_structure(factor, key, *products.add(j), sums);
            }
            call.gradients
                .unstage(&call.form, problem.b, problem.length, sums);
        }
    }
}

/// Factors the Gram matrices of the problems `problems`.
///
/// # Safety
/// The places of the call are live, and the workspace is as large as [`workspace`] says for the largest of the problems.
pub unsafe fn factorise<T: Number>(call: &Backward<T>, problems: Range<usize>, workspace: *mut u8) {
    for b in problems {
        // SAFETY: by the caller.
        let length = unsafe { length_of(&call.form, call.lengths, b) };
        let problem = Problem {
            call,
            b,
            length,
            workspace,
        };
        if length > 0 {
            with_factor(
                &call.form,
                length,
                &Staged::like(&call.cotangents),
                Factorise(problem),
            );
        }
    }
}

/// The gradients of the problems `problems`.
///
/// # Safety
/// As [`factorise`], which has been called.
pub unsafe fn pull_back<T: Number>(call: &Backward<T>, problems: Range<usize>, workspace: *mut u8) {
    for b in problems {
        // SAFETY: by the caller.
        unsafe {
            let length = length_of(&call.form, call.lengths, b);
            call.cotangents
                .copy(&call.form, b, length, workspace.cast());
            let problem = Problem {
                call,
                b,
                length,
                workspace,
            };
            if length > 0 {
                with_factor(
                    &call.form,
                    length,
                    &Staged::like(&call.cotangents),
                    PullBack(problem),
                );
            } else {
                call.gradients.unstage(&call.form, b, 0, workspace.cast());
            }
        }
    }
}
