//! The Cholesky factor of a Gram matrix that grows and shrinks by one atom at a time.
//!
//! What is factored is G' = G + 1 1^T, with G the atoms' inner products: positive definite exactly where the atoms are affinely
//! independent, and since weights sum to 1 it only shifts the multiplier of that sum by 1 (MATH.md section 9). An explicit
//! inverse, which the published code keeps, drifts apart on long chains; a factor that is updated by rotations does not.
//!
//! Rows of the lower triangle lie behind each other. A row is read from its beginning, so all loops are contiguous; the
//! solution of L y = f is kept for f = 1 and f = b and follows every change, so that a solve is one substitution.

/// A new atom this close to the affine hull of the others, in units of its own square, counts as dependent.
const DEPENDENT: f64 = 1e-11;

/// Number of places of a lower triangle.
pub const fn triangle(order: usize) -> usize {
    order * (order + 1) / 2
}

/// The factor L of G', with room for `capacity` atoms.
pub struct Cholesky {
    rows: *mut f64,
    /// L^-1 1.
    pub ones: *mut f64,
    /// L^-1 b.
    pub scores: *mut f64,
    pub order: usize,
}

/// How many f64 a factor of that capacity takes.
pub const fn numbers(capacity: usize) -> usize {
    triangle(capacity) + 2 * capacity
}

/// The sum of products, in four accumulators.
///
/// # Safety
/// Both are readable for `len` numbers.
#[inline(always)]
pub unsafe fn dot(a: *const f64, b: *const f64, len: usize) -> f64 {
    let mut sums = [0.0; 4];
    let whole = len / 4 * 4;
    // SAFETY: whole fours, then what is left.
    unsafe {
        for from in (0..whole).step_by(4) {
            for (lane, sum) in sums.iter_mut().enumerate() {
                *sum += *a.add(from + lane) * *b.add(from + lane);
            }
        }
        let mut sum = (sums[0] + sums[2]) + (sums[1] + sums[3]);
        for j in whole..len {
            sum += *a.add(j) * *b.add(j);
        }
        sum
    }
}

/// target -= factor * row.
///
/// # Safety
/// Both hold `len` numbers and are disjoint.
#[inline(always)]
unsafe fn subtract(target: *mut f64, factor: f64, row: *const f64, len: usize) {
    for j in 0..len {
        // SAFETY: by the caller.
        unsafe { *target.add(j) -= factor * *row.add(j) };
    }
}

impl Cholesky {
    /// An empty factor.
    ///
    /// # Safety
    /// `room` is writable for [`numbers`] of the capacity as long as the factor is used.
    pub unsafe fn new(room: *mut f64, capacity: usize) -> Cholesky {
        Cholesky {
            rows: room,
            ones: room.wrapping_add(triangle(capacity)),
            scores: room.wrapping_add(triangle(capacity) + capacity),
            order: 0,
        }
    }

    #[inline(always)]
    fn row(&self, i: usize) -> *mut f64 {
        self.rows.wrapping_add(triangle(i))
    }

    /// L^-1 of `column`, in place.
    ///
    /// # Safety
    /// `column` holds as many numbers as there are atoms.
    pub unsafe fn forward(&self, column: *mut f64) {
        // SAFETY: by the caller.
        unsafe {
            for i in 0..self.order {
                let row = self.row(i);
                *column.add(i) = (*column.add(i) - dot(row, column, i)) / *row.add(i);
            }
        }
    }

    /// L^-T of `column`, in place.
    ///
    /// # Safety
    /// As [`Cholesky::forward`].
    pub unsafe fn backward(&self, column: *mut f64) {
        // SAFETY: by the caller.
        unsafe {
            for i in (0..self.order).rev() {
                let row = self.row(i);
                let value = *column.add(i) / *row.add(i);
                *column.add(i) = value;
                subtract(column, value, row, i);
            }
        }
    }

    /// Adds an atom: `column` holds its products with the others plus 1, `square` its own, `score` is its b. False, and nothing is
    /// added, if it lies in the others' affine hull; `column` then is L^-1 of what it was.
    ///
    /// # Safety
    /// As [`Cholesky::forward`]; there is room for one more.
    pub unsafe fn push(&mut self, column: *mut f64, square: f64, score: f64) -> bool {
        // SAFETY: by the caller.
        unsafe {
            self.forward(column);
            let left = square + 1.0 - dot(column, column, self.order);
            if left <= DEPENDENT * (square + 1.0) {
                return false;
            }
            self.append(column, left, score);
        }
        true
    }

    /// The same for an atom that is known to be independent, whatever rounding says, and without a score.
    ///
    /// # Safety
    /// As [`Cholesky::push`].
    pub unsafe fn push_independent(&mut self, column: *mut f64, square: f64) {
        // SAFETY: by the caller.
        unsafe {
            self.forward(column);
            let left = square + 1.0 - dot(column, column, self.order);
            self.append(column, left.max(DEPENDENT * (square + 1.0)), 0.0);
        }
    }

    /// The last row: `column` is L^-1 of the products, `left` what the square has besides.
    ///
    /// # Safety
    /// As [`Cholesky::push`].
    unsafe fn append(&mut self, column: *const f64, left: f64, score: f64) {
        let order = self.order;
        // SAFETY: by the caller.
        unsafe {
            let (row, last) = (self.row(order), libm::sqrt(left));
            core::ptr::copy_nonoverlapping(column, row, order);
            *row.add(order) = last;
            *self.ones.add(order) = (1.0 - dot(row, self.ones, order)) / last;
            *self.scores.add(order) = (score - dot(row, self.scores, order)) / last;
        }
        self.order += 1;
    }

    /// Takes atom `gone` out. `b` are the scores of the atoms that stay, `work` has room for two numbers an atom.
    ///
    /// # Safety
    /// `gone` is one of the atoms.
    pub unsafe fn remove(&mut self, gone: usize, b: *const f64, work: *mut f64) {
        let (cosines, sines) = (work, work.wrapping_add(self.order));
        self.order -= 1;
        // SAFETY: by the caller. A row moves to a place before its own.
        unsafe {
            for i in gone..self.order {
                let (source, row) = (self.row(i + 1), self.row(i));
                let mut left = *source.add(gone);
                core::ptr::copy(source, row, gone);
                core::ptr::copy(source.add(gone + 1), row.add(gone), i + 1 - gone);
                // What the column took part in comes back by rotations with it.
                for k in gone..i {
                    let (c, s) = (*cosines.add(k), *sines.add(k));
                    let value = *row.add(k);
                    *row.add(k) = c * value + s * left;
                    left = c * left - s * value;
                }
                let diagonal = *row.add(i);
                let length = libm::sqrt(diagonal * diagonal + left * left);
                *cosines.add(i) = diagonal / length;
                *sines.add(i) = left / length;
                *row.add(i) = length;
                *self.ones.add(i) = (1.0 - dot(row, self.ones, i)) / length;
                *self.scores.add(i) = (*b.add(i) - dot(row, self.scores, i)) / length;
            }
        }
    }

    /// The best weights on these atoms, negative ones included, to `weights`; returns the multiplier tau of their sum.
    ///
    /// # Safety
    /// `weights` is writable for a number an atom; there is an atom.
    pub unsafe fn solve(&self, weights: *mut f64) -> f64 {
        let order = self.order;
        // SAFETY: by the caller.
        unsafe {
            let tau = (dot(self.ones, self.scores, order) - 1.0) / dot(self.ones, self.ones, order);
            for i in 0..order {
                *weights.add(i) = *self.scores.add(i) - tau * *self.ones.add(i);
            }
            self.backward(weights);
            tau + 1.0
        }
    }

    /// Q a, in place: the derivative of the weights by the atoms' scores.
    ///
    /// # Safety
    /// As [`Cholesky::forward`].
    pub unsafe fn differentiate(&self, a: *mut f64) {
        let order = self.order;
        // SAFETY: by the caller.
        unsafe {
            self.forward(a);
            let mean = dot(self.ones, a, order) / dot(self.ones, self.ones, order);
            subtract(a, mean, self.ones, order);
            self.backward(a);
        }
    }
}
