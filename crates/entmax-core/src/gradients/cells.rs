//! Numbers of either type behind one pointer, read and written as f64.
//!
//! Whatever is not hot is compiled once for both types, at the price of a branch for each number: the losses take
//! 4.3 KB instead of 7.4, the gradients 4.0 instead of 5.3 (gzip -9 of the module with and without them).

use crate::maps::kernels::multiply;
use crate::maps::Score;
use crate::simd::Native;

/// Bytes that are looked at at once.
const SPAN: usize = 64;

/// f32, or f64 where `wide`; null where something is not given.
#[derive(Clone, Copy)]
pub struct Cells {
    at: *mut u8,
    pub wide: bool,
}

impl Cells {
    #[inline(always)]
    pub fn new<T: Score>(at: *const T) -> Cells {
        Cells {
            at: at.cast_mut().cast(),
            wide: size_of::<T>() == 8,
        }
    }

    /// In a workspace.
    #[inline(always)]
    pub fn tile(at: *mut u8, wide: bool) -> Cells {
        Cells { at, wide }
    }

    #[inline(always)]
    pub fn is_null(self) -> bool {
        self.at.is_null()
    }

    #[inline(always)]
    pub fn pointer<T>(self) -> *mut T {
        self.at.cast()
    }

    /// Whether both begin at the same number.
    #[inline(always)]
    pub fn is(self, other: Cells) -> bool {
        self.at == other.at
    }

    /// From number `j` on; null of null.
    #[inline(always)]
    pub fn from(self, j: usize) -> Cells {
        let bytes = j << if self.wide { 3 } else { 2 };
        let skip = if self.is_null() { 0 } else { bytes };
        Cells {
            at: self.at.wrapping_add(skip),
            wide: self.wide,
        }
    }

    /// # Safety
    /// There is a number with index j, as below.
    #[inline(always)]
    pub unsafe fn get(self, j: usize) -> f64 {
        // SAFETY: by the caller.
        unsafe {
            if self.wide {
                *self.pointer::<f64>().add(j)
            } else {
                f64::from(*self.pointer::<f32>().add(j))
            }
        }
    }

    /// Rounds to the type.
    ///
    /// # Safety
    /// As said.
    #[inline(always)]
    pub unsafe fn set(self, j: usize, value: f64) {
        // SAFETY: by the caller.
        unsafe {
            if self.wide {
                *self.pointer::<f64>().add(j) = value;
            } else {
                *self.pointer::<f32>().add(j) = value as f32;
            }
        }
    }

    /// Zeros, or the canonical NaN.
    ///
    /// # Safety
    /// There are `n` numbers, or it is null.
    #[inline(never)]
    pub unsafe fn fill(self, n: usize, nan: bool) {
        if self.is_null() {
            return;
        }
        // SAFETY: by the caller.
        unsafe {
            if !nan {
                core::ptr::write_bytes(self.at, 0, n << if self.wide { 3 } else { 2 });
                return;
            }
            for j in 0..n {
                if self.wide {
                    *self.pointer::<f64>().add(j) = <f64 as Score>::NAN;
                } else {
                    *self.pointer::<f32>().add(j) = <f32 as Score>::NAN;
                }
            }
        }
    }

    /// `out[j]` = this times a factor, in the type's own arithmetic.
    ///
    /// # Safety
    /// There are `n` numbers in both, which are the same or disjoint.
    #[inline(never)]
    pub unsafe fn scale(self, out: Cells, n: usize, factor: f64) {
        if factor == 1.0 && self.at == out.at {
            return;
        }
        // SAFETY: by the caller.
        unsafe {
            if self.wide {
                let (from, to): (*mut f64, *mut f64) = (self.pointer(), out.pointer());
                for j in 0..n {
                    *to.add(j) = *from.add(j) * factor;
                }
            } else {
                multiply::<Native>(self.pointer(), out.pointer(), n, factor as f32);
            }
        }
    }

    /// The first index from `j` on whose number is not 0 (NaN included), or `n`; spans of zeros cost one comparison.
    ///
    /// # Safety
    /// There are `n` numbers.
    #[inline(never)]
    pub unsafe fn next(self, mut j: usize, n: usize) -> usize {
        let span = if self.wide { SPAN / 8 } else { SPAN / 4 };
        // SAFETY: j + span <= n where a span is read.
        unsafe {
            while j < n {
                if j + span <= n && self.get(j) == 0.0 {
                    let words = self.from(j).pointer::<[u64; SPAN / 8]>().read_unaligned();
                    if words.iter().fold(0, |all, word| all | word) == 0 {
                        j += span;
                        continue;
                    }
                }
                if self.get(j) != 0.0 {
                    return j;
                }
                j += 1;
            }
        }
        n
    }
}
