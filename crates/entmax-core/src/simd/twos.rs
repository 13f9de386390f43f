//! Two doubles with the operations that powers of f64 need, their bits as integers among them: for lists so short that a block of
//! eight is mostly padding.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod native {
    use core::arch::wasm32::*;

    pub type Vector = v128;

    pub use core::arch::wasm32::{
        f64x2_add as add, f64x2_div as div, f64x2_mul as mul, f64x2_pmax as pmax, f64x2_sub as sub,
        i64x2_add as add_bits, i64x2_sub as sub_bits,
    };

    #[inline(always)]
    pub unsafe fn load(source: *const f64) -> Vector {
        // SAFETY: by the caller; vectors of wasm need no alignment.
        unsafe { v128_load(source.cast()) }
    }
    #[inline(always)]
    pub unsafe fn store(vector: Vector, target: *mut f64) {
        // SAFETY: by the caller.
        unsafe { v128_store(target.cast(), vector) };
    }
    #[inline(always)]
    pub fn splat(value: f64) -> Vector {
        f64x2_splat(value)
    }
    #[inline(always)]
    pub fn high_bits(a: Vector) -> Vector {
        u64x2_shr(a, 52)
    }
    #[inline(always)]
    pub fn to_high_bits(a: Vector) -> Vector {
        i64x2_shl(a, 52)
    }
    #[inline(always)]
    pub fn keep_above(a: Vector, b: Vector, bound: Vector) -> Vector {
        v128_and(a, f64x2_gt(b, bound))
    }
    #[inline(always)]
    pub fn total(a: Vector) -> f64 {
        f64x2_extract_lane::<0>(a) + f64x2_extract_lane::<1>(a)
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod native {
    pub type Vector = [f64; 2];

    #[inline(always)]
    fn each(a: Vector, b: Vector, of: impl Fn(f64, f64) -> f64) -> Vector {
        [of(a[0], b[0]), of(a[1], b[1])]
    }
    fn of_bits(a: f64, b: f64, of: impl Fn(u64, u64) -> u64) -> f64 {
        f64::from_bits(of(a.to_bits(), b.to_bits()))
    }
    #[inline(always)]
    pub unsafe fn load(source: *const f64) -> Vector {
        // SAFETY: by the caller.
        unsafe { [*source, *source.add(1)] }
    }
    #[inline(always)]
    pub unsafe fn store(vector: Vector, target: *mut f64) {
        // SAFETY: by the caller.
        unsafe { (*target, *target.add(1)) = (vector[0], vector[1]) };
    }
    #[inline(always)]
    pub fn splat(value: f64) -> Vector {
        [value; 2]
    }
    #[inline(always)]
    pub fn add(a: Vector, b: Vector) -> Vector {
        each(a, b, |a, b| a + b)
    }
    #[inline(always)]
    pub fn sub(a: Vector, b: Vector) -> Vector {
        each(a, b, |a, b| a - b)
    }
    #[inline(always)]
    pub fn mul(a: Vector, b: Vector) -> Vector {
        each(a, b, |a, b| a * b)
    }
    #[inline(always)]
    pub fn div(a: Vector, b: Vector) -> Vector {
        each(a, b, |a, b| a / b)
    }
    #[inline(always)]
    pub fn pmax(a: Vector, b: Vector) -> Vector {
        each(a, b, |a, b| if a < b { b } else { a })
    }
    #[inline(always)]
    pub fn add_bits(a: Vector, b: Vector) -> Vector {
        each(a, b, |a, b| of_bits(a, b, u64::wrapping_add))
    }
    #[inline(always)]
    pub fn sub_bits(a: Vector, b: Vector) -> Vector {
        each(a, b, |a, b| of_bits(a, b, u64::wrapping_sub))
    }
    #[inline(always)]
    pub fn high_bits(a: Vector) -> Vector {
        a.map(|a| f64::from_bits(a.to_bits() >> 52))
    }
    #[inline(always)]
    pub fn to_high_bits(a: Vector) -> Vector {
        a.map(|a| f64::from_bits(a.to_bits() << 52))
    }
    #[inline(always)]
    pub fn keep_above(a: Vector, b: Vector, bound: Vector) -> Vector {
        [0, 1].map(|lane| if b[lane] > bound[lane] { a[lane] } else { 0.0 })
    }
    #[inline(always)]
    pub fn total(a: Vector) -> f64 {
        a[0] + a[1]
    }
}

#[derive(Clone, Copy)]
pub struct Twos(native::Vector);

impl Twos {
    /// # Safety
    /// `source` is readable for 2 numbers.
    #[inline(always)]
    pub unsafe fn load(source: *const f64) -> Twos {
        // SAFETY: by the caller.
        Twos(unsafe { native::load(source) })
    }
    /// # Safety
    /// `target` is writable for 2 numbers.
    #[inline(always)]
    pub unsafe fn store(self, target: *mut f64) {
        // SAFETY: by the caller.
        unsafe { native::store(self.0, target) };
    }
    #[inline(always)]
    pub fn splat(value: f64) -> Twos {
        Twos(native::splat(value))
    }
    #[inline(always)]
    pub fn of_bits(bits: u64) -> Twos {
        Twos::splat(f64::from_bits(bits))
    }
    /// `self < other ? other : self`.
    #[inline(always)]
    pub fn pmax(self, other: Twos) -> Twos {
        Twos(native::pmax(self.0, other.0))
    }
    /// Sums and differences of the bits, as integers.
    #[inline(always)]
    pub fn add_bits(self, other: Twos) -> Twos {
        Twos(native::add_bits(self.0, other.0))
    }
    #[inline(always)]
    pub fn sub_bits(self, other: Twos) -> Twos {
        Twos(native::sub_bits(self.0, other.0))
    }
    /// Sign and exponent, as the lowest bits.
    #[inline(always)]
    pub fn high_bits(self) -> Twos {
        Twos(native::high_bits(self.0))
    }
    /// The lowest bits as sign and exponent.
    #[inline(always)]
    pub fn to_high_bits(self) -> Twos {
        Twos(native::to_high_bits(self.0))
    }
    /// `self` where `other` > `bound`, +0 elsewhere.
    #[inline(always)]
    pub fn keep_above(self, other: Twos, bound: Twos) -> Twos {
        Twos(native::keep_above(self.0, other.0, bound.0))
    }
    #[inline(always)]
    pub fn total(self) -> f64 {
        native::total(self.0)
    }
}

macro_rules! lanewise {
    ($($trait:ident $method:ident),*) => {
        $(impl core::ops::$trait for Twos {
            type Output = Twos;
            #[inline(always)]
            fn $method(self, other: Twos) -> Twos {
                Twos(native::$method(self.0, other.0))
            }
        })*
    };
}

lanewise!(Add add, Sub sub, Mul mul, Div div);
