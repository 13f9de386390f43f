//! The gradient p - q of a row, times its factor: dense, or as the entries of support and target.

use super::value::{Solution, Target};
use crate::gradients::cells::Cells;

/// Where one row's gradient goes, and what it is made with.
pub struct Gradient {
    /// Null, or n entries, the row's probabilities themselves or disjoint from them.
    pub dense: Cells,
    /// Null, or n entries, the row's probabilities themselves; with as many indices.
    pub sparse: Cells,
    pub indices: *mut i32,
    pub n: usize,
    pub target: Target,
    /// Scale over temperature.
    pub factor: f64,
}

impl Gradient {
    /// Zeros, or NaN, everywhere; a sparse gradient of zeros has no entries. Returns how many there are.
    ///
    /// # Safety
    /// The places are writable.
    #[inline(never)]
    pub unsafe fn fill(&self, nan: bool) -> usize {
        // SAFETY: n entries, by the caller.
        unsafe {
            self.dense.fill(self.n, nan);
            if self.sparse.is_null() || !nan {
                return 0;
            }
            self.sparse.fill(self.n, true);
            for j in 0..self.n {
                *self.indices.add(j) = j as i32;
            }
        }
        self.n
    }

    /// Entry j of the gradient, the same in every form: where q = 0 a product of numbers of the row's type.
    #[inline(always)]
    fn entry(&self, p: f64, q: f64) -> f64 {
        if q != 0.0 {
            (p - q) * self.factor
        } else if self.dense.wide {
            p * self.factor
        } else {
            p * f64::from(self.factor as f32)
        }
    }

    /// From the row's probabilities. Returns the number of sparse entries.
    ///
    /// # Safety
    /// The places are writable; the solution is the row's.
    #[inline(never)]
    pub unsafe fn write(&self, solution: &Solution) -> usize {
        let is_list = !solution.list.indices.is_null();
        // SAFETY: indices below n.
        unsafe {
            let class = match self.target {
                Target::Class(class) if is_list || self.sparse.is_null() => class,
                _ => return self.write_each(solution),
            };
            if !self.sparse.is_null() {
                return self.merge(class as usize, solution);
            }
            if !self.dense.is_null() {
                let at_class = solution.probability(class as usize);
                match &solution.kernels.lists {
                    Some(lists) if is_list => {
                        (lists.scale)(&solution.list, self.entry(1.0, 0.0));
                        (lists.spread)(&solution.list, self.dense, self.n);
                    }
                    _ => solution.p.scale(self.dense, self.n, self.factor),
                }
                self.dense.set(class as usize, self.entry(at_class, 1.0));
            }
        }
        0
    }

    /// [`Gradient::write`], entry by entry. In place: entry j is read before anything behind it is written.
    ///
    /// # Safety
    /// As there.
    #[inline(never)]
    unsafe fn write_each(&self, solution: &Solution) -> usize {
        let p = solution.p;
        let mut size = 0;
        // SAFETY: indices below n.
        unsafe {
            match &solution.kernels.lists {
                Some(lists) if !solution.list.indices.is_null() => {
                    (lists.spread)(&solution.list, p, self.n);
                }
                _ => {}
            }
            let is_sparse = !self.sparse.is_null();
            if !is_sparse && self.dense.is_null() {
                return 0;
            }
            let out = if is_sparse { self.sparse } else { self.dense };
            for j in 0..self.n {
                let (p, q) = (p.get(j), self.target.at(j));
                if is_sparse {
                    if p == 0.0 && q == 0.0 {
                        continue;
                    }
                    *self.indices.add(size) = j as i32;
                }
                out.set(size, self.entry(p, q));
                size += 1;
            }
        }
        size
    }

    /// # Safety
    /// There is room for one more.
    #[inline(never)]
    unsafe fn push(&self, size: &mut usize, j: usize, p: f64, q: f64) {
        // SAFETY: by the caller.
        unsafe {
            self.sparse.set(*size, self.entry(p, q));
            *self.indices.add(*size) = j as i32;
        }
        *size += 1;
    }

    /// The entries of the support and the class, ascending. Where the probabilities lie in `sparse`, entry j has been
    /// read before the at most j + 1 entries up to it are written.
    ///
    /// # Safety
    /// As [`Gradient::write`].
    #[inline(always)]
    unsafe fn merge(&self, class: usize, solution: &Solution) -> usize {
        let (mut size, mut cursor) = (0, 0);
        let mut waiting = true;
        // SAFETY: support and class are at most n entries.
        unsafe {
            while let Some((j, p)) = solution.next(&mut cursor) {
                if waiting && j > class {
                    self.push(&mut size, class, 0.0, 1.0);
                }
                waiting &= j < class;
                self.push(&mut size, j, p, f64::from(u8::from(j == class)));
            }
            if waiting {
                self.push(&mut size, class, 0.0, 1.0);
            }
        }
        size
    }
}
