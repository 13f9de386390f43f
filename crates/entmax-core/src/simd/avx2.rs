//! The block as two `__m256`: for native tests and benchmarks.
//!
//! The kernels are generic and carry no target feature, so this is fast only in a build that enables avx2 as a whole
//! (`-C target-feature=+avx2`); elsewhere each operation is a call, right but slow.

use super::{
    integers::Portable,
    scalar::{ONE_BITS, SQRT_HALF_BITS},
    F32Block, ROWS,
};
use core::arch::x86_64::*;

#[derive(Clone, Copy)]
pub struct Avx2([__m256; 2]);

#[derive(Clone, Copy)]
pub struct Sums(__m256d);

macro_rules! lanewise {
    ($self:ident, $other:ident, $operation:expr) => {
        // SAFETY: whoever picks `Avx2` vouches for the instructions (see `F32Block`).
        unsafe {
            Avx2([
                $operation($self.0[0], $other.0[0]),
                $operation($self.0[1], $other.0[1]),
            ])
        }
    };
}

// SAFETY: the instructions are avx2's.
unsafe impl F32Block for Avx2 {
    type Mask = Avx2;
    type Sums = Sums;
    type Integers = Portable;

    #[inline(always)]
    fn of_integers(integers: Portable) -> Self {
        let floats = integers.0.map(|integer| integer as f32);
        // SAFETY: the array holds sixteen floats.
        unsafe { Self::load(floats.as_ptr()) }
    }

    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        // SAFETY: sixteen floats, by the caller.
        unsafe { Avx2([_mm256_loadu_ps(source), _mm256_loadu_ps(source.add(8))]) }
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f32) {
        // SAFETY: sixteen floats, by the caller.
        unsafe {
            _mm256_storeu_ps(target, self.0[0]);
            _mm256_storeu_ps(target.add(8), self.0[1]);
        }
    }
    #[inline(always)]
    fn splat(value: f32) -> Self {
        // SAFETY: as in `lanewise`, here and below.
        Avx2([unsafe { _mm256_set1_ps(value) }; 2])
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        lanewise!(self, other, _mm256_add_ps)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        lanewise!(self, other, _mm256_sub_ps)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        lanewise!(self, other, _mm256_mul_ps)
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        lanewise!(self, other, _mm256_div_ps)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: as above.
        Avx2(self.0.map(|v| unsafe { _mm256_sqrt_ps(v) }))
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        self.mul(factor).add(term)
    }
    #[inline(always)]
    fn pmax(self, other: Self) -> Self {
        // The instruction returns its second operand unless the first is larger.
        lanewise!(other, self, _mm256_max_ps)
    }
    #[inline(always)]
    fn above(self, other: Self) -> Self::Mask {
        lanewise!(self, other, _mm256_cmp_ps::<_CMP_GT_OQ>)
    }
    #[inline(always)]
    fn at_least(self, other: Self) -> Self::Mask {
        lanewise!(self, other, _mm256_cmp_ps::<_CMP_GE_OQ>)
    }
    #[inline(always)]
    fn differs(self, other: Self) -> Self::Mask {
        lanewise!(self, other, _mm256_cmp_ps::<_CMP_NEQ_UQ>)
    }
    #[inline(always)]
    fn any(mask: Self::Mask) -> bool {
        // SAFETY: as above.
        unsafe { _mm256_movemask_ps(_mm256_or_ps(mask.0[0], mask.0[1])) != 0 }
    }
    #[inline(always)]
    fn all(mask: Self::Mask) -> bool {
        // SAFETY: as above.
        unsafe { _mm256_movemask_ps(_mm256_and_ps(mask.0[0], mask.0[1])) == 0xff }
    }
    #[inline(always)]
    fn both(left: Self::Mask, right: Self::Mask) -> Self::Mask {
        lanewise!(left, right, _mm256_and_ps)
    }
    #[inline(always)]
    fn bits(mask: Self::Mask) -> u32 {
        // SAFETY: as above.
        unsafe { (_mm256_movemask_ps(mask.0[0]) | _mm256_movemask_ps(mask.0[1]) << 8) as u32 }
    }
    #[inline(always)]
    fn keep(self, mask: Self::Mask) -> Self {
        lanewise!(self, mask, _mm256_and_ps)
    }
    #[inline(always)]
    fn or_else(self, mask: Self::Mask, other: Self) -> Self {
        // SAFETY: as above.
        unsafe {
            Avx2([
                _mm256_blendv_ps(other.0[0], self.0[0], mask.0[0]),
                _mm256_blendv_ps(other.0[1], self.0[1], mask.0[1]),
            ])
        }
    }
    #[inline(always)]
    fn largest(self) -> f32 {
        let mut lanes = [0.0f32; 16];
        // SAFETY: the array holds sixteen floats.
        unsafe { self.store(lanes.as_mut_ptr()) };
        lanes.iter().fold(
            f32::NEG_INFINITY,
            |best, &lane| if best < lane { lane } else { best },
        )
    }
    #[inline(always)]
    fn low_bits_as_exponent(self) -> Self {
        // SAFETY: as above.
        let shift =
            |v| unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(v))) };
        Avx2([shift(self.0[0]), shift(self.0[1])])
    }
    #[inline(always)]
    fn scale_and_exponent(self) -> (Self, Self) {
        // SAFETY: as above.
        let split = |v| unsafe {
            let shifted = _mm256_sub_epi32(
                _mm256_castps_si256(v),
                _mm256_set1_epi32(SQRT_HALF_BITS as i32),
            );
            let k = _mm256_srai_epi32::<23>(shifted);
            let scale = _mm256_sub_epi32(
                _mm256_set1_epi32(ONE_BITS as i32),
                _mm256_slli_epi32::<23>(k),
            );
            (_mm256_castsi256_ps(scale), _mm256_cvtepi32_ps(k))
        };
        let (low, high) = (split(self.0[0]), split(self.0[1]));
        (Avx2([low.0, high.0]), Avx2([low.1, high.1]))
    }
    #[inline(always)]
    fn no_sums() -> Self::Sums {
        // SAFETY: as above.
        Sums(unsafe { _mm256_setzero_pd() })
    }
    #[inline(always)]
    fn sum_into(self, sums: &mut Self::Sums) {
        // SAFETY: as above.
        unsafe {
            let eight = _mm256_add_ps(self.0[0], self.0[1]);
            let four = _mm_add_ps(
                _mm256_castps256_ps128(eight),
                _mm256_extractf128_ps::<1>(eight),
            );
            sums.0 = _mm256_add_pd(sums.0, _mm256_cvtps_pd(four));
        }
    }
    #[inline(always)]
    fn total(sums: Self::Sums) -> f64 {
        let lanes = Self::row_sums(sums);
        (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
    }
    #[inline(always)]
    fn row_sums(sums: Self::Sums) -> [f64; ROWS] {
        let mut lanes = [0.0f64; ROWS];
        // SAFETY: the array holds four.
        unsafe { _mm256_storeu_pd(lanes.as_mut_ptr(), sums.0) };
        lanes
    }
}
