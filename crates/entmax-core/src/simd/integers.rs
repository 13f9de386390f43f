//! Sixteen 32-bit sums of products of small integers: what screening forms instead of products of floats.
//!
//! Exact as long as the sums fit, so every implementation gives the same; `add_quads` is an instruction of relaxed SIMD,
//! whose result is fixed because the second operand's bytes are 0 to 127 (PERFORMANCE.md section 5.7).

use super::LANES;

pub trait Integers: Copy {
    fn splat(value: i32) -> Self;
    /// Adds to each lane the product of its pair of `keys` with a pair of 16-bit integers: the low half of `query` belongs
    /// to the first.
    ///
    /// # Safety
    /// `keys` is readable for 16 pairs.
    unsafe fn add_pairs(self, keys: *const i16, query: i32) -> Self;
    /// Adds to each lane the product of its four `keys`, from 0 to 127, with four signed bytes, the lowest first.
    ///
    /// # Safety
    /// `keys` is readable for 16 quadruples.
    unsafe fn add_quads(self, keys: *const u8, query: i32) -> Self;
}

/// An array, for hosts without instructions for it.
#[derive(Clone, Copy)]
pub struct Portable(pub [i32; LANES]);

impl Integers for Portable {
    #[inline(always)]
    fn splat(value: i32) -> Portable {
        Portable([value; LANES])
    }
    #[inline(always)]
    unsafe fn add_pairs(self, keys: *const i16, query: i32) -> Portable {
        let (first, second) = (i32::from(query as i16), query >> 16);
        Portable(core::array::from_fn(|lane| {
            // SAFETY: by the caller.
            let key = |k: usize| i32::from(unsafe { *keys.add(2 * lane + k) });
            self.0[lane] + first * key(0) + second * key(1)
        }))
    }
    #[inline(always)]
    unsafe fn add_quads(self, keys: *const u8, query: i32) -> Portable {
        let query = query.to_le_bytes().map(|byte| i32::from(byte as i8));
        Portable(core::array::from_fn(|lane| {
            (0..4).fold(self.0[lane], |sum, k| {
                // SAFETY: by the caller.
                sum + query[k] * i32::from(unsafe { *keys.add(4 * lane + k) })
            })
        }))
    }
}
