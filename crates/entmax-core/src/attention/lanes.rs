//! Sixteen numbers of either type side by side: all that products of queries, keys and values need.
//!
//! f32 has its block of vector registers, f64 an array that the compiler lays over such registers. Every lane is a sum of
//! its own, formed in the order of the loop around it, so no result depends on the width of a register.

use crate::simd::{F32Block, LANES};

pub trait Lanes<T>: Copy {
    /// # Safety
    /// `source` is readable for 16 numbers; any alignment.
    unsafe fn load(source: *const T) -> Self;
    /// # Safety
    /// `target` is writable for 16 numbers; any alignment.
    unsafe fn store(self, target: *mut T);
    fn splat(value: T) -> Self;
    fn add(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// `self * factor + term`: two roundings, except in the fused implementation.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// The sum of the lanes, in the order that [`crate::simd`] fixes for blocks.
    fn sum(self) -> f64;
}

impl<V: F32Block> Lanes<f32> for V {
    #[inline(always)]
    unsafe fn load(source: *const f32) -> V {
        // SAFETY: by the caller.
        unsafe { V::load(source) }
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f32) {
        // SAFETY: by the caller.
        unsafe { F32Block::store(self, target) }
    }
    #[inline(always)]
    fn splat(value: f32) -> V {
        V::splat(value)
    }
    #[inline(always)]
    fn add(self, other: V) -> V {
        F32Block::add(self, other)
    }
    #[inline(always)]
    fn mul(self, other: V) -> V {
        F32Block::mul(self, other)
    }
    #[inline(always)]
    fn mul_add(self, factor: V, term: V) -> V {
        F32Block::mul_add(self, factor, term)
    }
    #[inline(always)]
    fn sum(self) -> f64 {
        let mut sums = V::no_sums();
        self.sum_into(&mut sums);
        V::total(sums)
    }
}

/// Sixteen f64.
#[derive(Clone, Copy)]
pub struct Sixteen([f64; LANES]);

impl Lanes<f64> for Sixteen {
    #[inline(always)]
    unsafe fn load(source: *const f64) -> Sixteen {
        // SAFETY: by the caller.
        Sixteen(unsafe { source.cast::<[f64; LANES]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f64) {
        // SAFETY: by the caller.
        unsafe { target.cast::<[f64; LANES]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    fn splat(value: f64) -> Sixteen {
        Sixteen([value; LANES])
    }
    #[inline(always)]
    fn add(self, other: Sixteen) -> Sixteen {
        Sixteen(core::array::from_fn(|j| self.0[j] + other.0[j]))
    }
    #[inline(always)]
    fn mul(self, other: Sixteen) -> Sixteen {
        Sixteen(core::array::from_fn(|j| self.0[j] * other.0[j]))
    }
    #[inline(always)]
    fn mul_add(self, factor: Sixteen, term: Sixteen) -> Sixteen {
        self.mul(factor).add(term)
    }
    #[inline(always)]
    fn sum(self) -> f64 {
        let e = self.0;
        let quarter = |j: usize| (e[j] + e[j + 8]) + (e[j + 4] + e[j + 12]);
        (quarter(0) + quarter(1)) + (quarter(2) + quarter(3))
    }
}
