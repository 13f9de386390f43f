//! The gradient p - q of a row, times its factor: dense, or as the entries of support and target.

use super::value::Target;
use crate::maps::kernels::{List, RowKernel};
use crate::maps::Score;

/// Where one row's gradient goes, and what it is made with.
pub struct Gradient<T> {
    /// Null, or n entries, the row's probabilities themselves or disjoint from them.
    pub dense: *mut T,
    /// With `sparse`, n entries each; null if not asked for.
    pub indices: *mut i32,
    pub sparse: *mut T,
    pub n: usize,
    pub target: Target<T>,
    /// Scale over temperature.
    pub factor: f64,
}

impl<T: Score> Gradient<T> {
    /// The same value everywhere; a sparse gradient of zeros has no entries. Returns how many there are.
    ///
    /// # Safety
    /// The places are writable.
    #[inline(never)]
    pub unsafe fn fill(&self, value: T) -> usize {
        // SAFETY: n entries, by the caller.
        unsafe {
            if !self.dense.is_null() {
                for j in 0..self.n {
                    *self.dense.add(j) = value;
                }
            }
            if self.sparse.is_null() || value == T::ZERO {
                return 0;
            }
            for j in 0..self.n {
                *self.sparse.add(j) = value;
                *self.indices.add(j) = j as i32;
            }
        }
        self.n
    }

    /// Entry j of the gradient, the same in every form.
    ///
    /// # Safety
    /// j < n.
    #[inline(always)]
    unsafe fn entry(&self, j: usize, p: T) -> T {
        // SAFETY: by the caller.
        let q = unsafe { self.target.at(j) };
        if q == 0.0 {
            p.times(T::from_f64(self.factor))
        } else {
            T::from_f64((p.to_f64() - q) * self.factor)
        }
    }

    /// From the row's probabilities, in `p` or the list. Returns the number of sparse entries.
    ///
    /// # Safety
    /// The places are writable; `p` is `sparse`, if that is given.
    #[inline(always)]
    pub unsafe fn write<K: RowKernel<T>>(&self, p: *mut T, list: &List<T>) -> usize {
        // SAFETY: indices below n.
        unsafe {
            if self.sparse.is_null() {
                if !self.dense.is_null() {
                    self.write_dense::<K>(p, list);
                }
                return 0;
            }
            let mut size = 0;
            if let (Target::Class(class), false) = (self.target, list.indices.is_null()) {
                return self.merge(class as usize, list);
            }
            if !list.indices.is_null() {
                K::spread(list, p, self.n);
            }
            // In place: entry j is read before anything behind it is written.
            for j in 0..self.n {
                let value = *p.add(j);
                if value > T::ZERO || self.target.at(j) != 0.0 {
                    self.push(&mut size, j, value);
                }
            }
            size
        }
    }

    /// # Safety
    /// There is room for one more.
    #[inline(always)]
    unsafe fn push(&self, size: &mut usize, j: usize, p: T) {
        // SAFETY: by the caller.
        unsafe {
            *self.sparse.add(*size) = self.entry(j, p);
            *self.indices.add(*size) = j as i32;
        }
        *size += 1;
    }

    /// The entries of a list and the class, ascending.
    ///
    /// # Safety
    /// As [`Gradient::write`].
    #[inline(never)]
    unsafe fn merge(&self, class: usize, list: &List<T>) -> usize {
        let mut size = 0;
        let mut waiting = true;
        // SAFETY: the list and the class are at most n entries, and the list does not lie where they are written.
        unsafe {
            for at in 0..list.len {
                let j = *list.indices.add(at) as usize;
                if waiting && j >= class {
                    waiting = false;
                    if j > class {
                        self.push(&mut size, class, T::ZERO);
                    }
                }
                let p = *list.values.add(at);
                if p > T::ZERO || j == class {
                    self.push(&mut size, j, p);
                }
            }
            if waiting {
                self.push(&mut size, class, T::ZERO);
            }
        }
        size
    }

    /// # Safety
    /// As [`Gradient::write`].
    #[inline(always)]
    unsafe fn write_dense<K: RowKernel<T>>(&self, p: *mut T, list: &List<T>) {
        let out = self.dense;
        // SAFETY: indices below n.
        unsafe {
            let mut from = p;
            if !list.indices.is_null() {
                K::spread(list, out, self.n);
                from = out;
            }
            let Target::Class(class) = self.target else {
                for j in 0..self.n {
                    *out.add(j) = self.entry(j, *from.add(j));
                }
                return;
            };
            let at_class = *from.add(class as usize);
            let factor = T::from_f64(self.factor);
            if !list.indices.is_null() {
                for at in 0..list.len {
                    *out.add(*list.indices.add(at) as usize) = (*list.values.add(at)).times(factor);
                }
            } else if factor != T::ONE || from != out {
                for j in 0..self.n {
                    *out.add(j) = (*from.add(j)).times(factor);
                }
            }
            *out.add(class as usize) = self.entry(class as usize, at_class);
        }
    }
}
