//! The block as a plain array: the meaning that every other implementation must reproduce bit for bit.

use super::{integers::Portable, F32Block, LANES, ROWS};

#[derive(Clone, Copy, Debug)]
pub struct Scalar([f32; LANES]);

impl Scalar {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Scalar(core::array::from_fn(|lane| f(self.0[lane], other.0[lane])))
    }

    #[inline(always)]
    fn compare(self, other: Self, f: impl Fn(f32, f32) -> bool) -> [bool; LANES] {
        core::array::from_fn(|lane| f(self.0[lane], other.0[lane]))
    }
}

// SAFETY: needs no instruction beyond the baseline.
unsafe impl F32Block for Scalar {
    type Mask = [bool; LANES];
    type Sums = [f64; 4];
    type Integers = Portable;

    #[inline(always)]
    fn of_integers(integers: Portable) -> Self {
        Scalar(integers.0.map(|integer| integer as f32))
    }

    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        // SAFETY: the caller vouches for sixteen floats.
        Scalar(unsafe { source.cast::<[f32; LANES]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f32) {
        // SAFETY: the caller vouches for sixteen floats.
        unsafe { target.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Scalar([value; LANES])
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        // In f64 and back is correctly rounded.
        Scalar(self.0.map(|value| super::sqrt(f64::from(value)) as f32))
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        self.mul(factor).add(term)
    }
    #[inline(always)]
    fn pmax(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { b } else { a })
    }
    #[inline(always)]
    fn above(self, other: Self) -> Self::Mask {
        self.compare(other, |a, b| a > b)
    }
    #[inline(always)]
    fn at_least(self, other: Self) -> Self::Mask {
        self.compare(other, |a, b| a >= b)
    }
    #[inline(always)]
    fn differs(self, other: Self) -> Self::Mask {
        self.compare(other, |a, b| a != b)
    }
    #[inline(always)]
    fn any(mask: Self::Mask) -> bool {
        mask.iter().fold(false, |some, &lane| some | lane)
    }
    #[inline(always)]
    fn all(mask: Self::Mask) -> bool {
        mask.iter().fold(true, |every, &lane| every & lane)
    }
    #[inline(always)]
    fn both(left: Self::Mask, right: Self::Mask) -> Self::Mask {
        core::array::from_fn(|lane| left[lane] & right[lane])
    }
    #[inline(always)]
    fn bits(mask: Self::Mask) -> u32 {
        mask.iter()
            .rev()
            .fold(0, |bits, &lane| bits << 1 | lane as u32)
    }
    #[inline(always)]
    fn keep(self, mask: Self::Mask) -> Self {
        self.or_else(mask, Self::splat(0.0))
    }
    #[inline(always)]
    fn or_else(self, mask: Self::Mask, other: Self) -> Self {
        Scalar(core::array::from_fn(|lane| {
            if mask[lane] {
                self.0[lane]
            } else {
                other.0[lane]
            }
        }))
    }
    #[inline(always)]
    fn largest(self) -> f32 {
        self.0.iter().fold(
            f32::NEG_INFINITY,
            |best, &lane| if best < lane { lane } else { best },
        )
    }
    #[inline(always)]
    fn low_bits_as_exponent(self) -> Self {
        Scalar(
            self.0
                .map(|value| f32::from_bits(value.to_bits().wrapping_shl(23))),
        )
    }
    #[inline(always)]
    fn scale_and_exponent(self) -> (Self, Self) {
        let exponent = |value: f32| (value.to_bits().wrapping_sub(SQRT_HALF_BITS) as i32) >> 23;
        let scale = |value: f32| {
            f32::from_bits(ONE_BITS.wrapping_sub((exponent(value) as u32).wrapping_shl(23)))
        };
        (
            Scalar(self.0.map(scale)),
            Scalar(self.0.map(|value| exponent(value) as f32)),
        )
    }
    #[inline(always)]
    fn no_sums() -> Self::Sums {
        [0.0; 4]
    }
    #[inline(always)]
    fn sum_into(self, sums: &mut Self::Sums) {
        let e = &self.0;
        for (j, sum) in sums.iter_mut().enumerate() {
            *sum += ((e[j] + e[j + 8]) + (e[j + 4] + e[j + 12])) as f64;
        }
    }
    #[inline(always)]
    fn total(sums: Self::Sums) -> f64 {
        (sums[0] + sums[1]) + (sums[2] + sums[3])
    }
    #[inline(always)]
    fn row_sums(sums: Self::Sums) -> [f64; ROWS] {
        sums
    }
}

/// The bits of the largest float below or at sqrt(1/2): where a mantissa moves to the next exponent.
pub(super) const SQRT_HALF_BITS: u32 = 0x3f35_04f3;

/// The bits of 1.
pub(super) const ONE_BITS: u32 = 0x3f80_0000;
