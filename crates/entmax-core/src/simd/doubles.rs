//! Eight doubles with the operations that the kernels of f64 rows need, alike on every machine: a sum is formed lane by lane, and its
//! lanes in one order.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod native {
    use core::arch::wasm32::*;
    use core::array::from_fn;

    pub type Block = [v128; 4];
    pub type Mask = [v128; 4];

    #[inline(always)]
    pub unsafe fn load(source: *const f64) -> Block {
        // SAFETY: by the caller; vectors of wasm need no alignment.
        from_fn(|i| unsafe { v128_load(source.add(2 * i).cast()) })
    }
    #[inline(always)]
    pub unsafe fn store(block: Block, target: *mut f64) {
        for (i, vector) in block.into_iter().enumerate() {
            // SAFETY: by the caller.
            unsafe { v128_store(target.add(2 * i).cast(), vector) };
        }
    }
    #[inline(always)]
    pub unsafe fn store_rounded(block: Block, target: *mut f32) {
        for (i, vector) in block.into_iter().enumerate() {
            let pair = f32x4_demote_f64x2_zero(vector);
            // SAFETY: by the caller.
            unsafe { v128_store(target.add(2 * i).cast(), pair) };
        }
    }
    #[inline(always)]
    pub fn splat(value: f64) -> Block {
        [f64x2_splat(value); 4]
    }
    #[inline(always)]
    pub fn add(a: Block, b: Block) -> Block {
        from_fn(|i| f64x2_add(a[i], b[i]))
    }
    #[inline(always)]
    pub fn sub(a: Block, b: Block) -> Block {
        from_fn(|i| f64x2_sub(a[i], b[i]))
    }
    #[inline(always)]
    pub fn mul(a: Block, b: Block) -> Block {
        from_fn(|i| f64x2_mul(a[i], b[i]))
    }
    #[inline(always)]
    pub fn div(a: Block, b: Block) -> Block {
        from_fn(|i| f64x2_div(a[i], b[i]))
    }
    #[inline(always)]
    pub fn pmax(a: Block, b: Block) -> Block {
        from_fn(|i| f64x2_pmax(a[i], b[i]))
    }
    #[inline(always)]
    pub fn above(a: Block, b: Block) -> Mask {
        from_fn(|i| f64x2_gt(a[i], b[i]))
    }
    #[inline(always)]
    pub fn keep(a: Block, mask: Mask) -> Block {
        from_fn(|i| v128_and(a[i], mask[i]))
    }
    #[inline(always)]
    pub fn any(mask: Mask) -> bool {
        v128_any_true(v128_or(
            v128_or(mask[0], mask[1]),
            v128_or(mask[2], mask[3]),
        ))
    }
    #[inline(always)]
    pub fn all(mask: Mask) -> bool {
        i64x2_all_true(v128_and(
            v128_and(mask[0], mask[1]),
            v128_and(mask[2], mask[3]),
        ))
    }
    #[inline(always)]
    pub fn lanes(block: Block) -> [f64; 8] {
        from_fn(|lane| {
            let vector = block[lane / 2];
            if lane % 2 == 0 {
                f64x2_extract_lane::<0>(vector)
            } else {
                f64x2_extract_lane::<1>(vector)
            }
        })
    }
    #[inline(always)]
    pub fn total(block: Block) -> f64 {
        let pair = f64x2_add(f64x2_add(block[0], block[1]), f64x2_add(block[2], block[3]));
        f64x2_extract_lane::<0>(pair) + f64x2_extract_lane::<1>(pair)
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod native {
    use core::array::from_fn;

    pub type Block = [f64; 8];
    pub type Mask = [bool; 8];

    #[inline(always)]
    pub unsafe fn load(source: *const f64) -> Block {
        // SAFETY: by the caller.
        from_fn(|lane| unsafe { *source.add(lane) })
    }
    #[inline(always)]
    pub unsafe fn store(block: Block, target: *mut f64) {
        for (lane, value) in block.into_iter().enumerate() {
            // SAFETY: by the caller.
            unsafe { *target.add(lane) = value };
        }
    }
    #[inline(always)]
    pub unsafe fn store_rounded(block: Block, target: *mut f32) {
        for (lane, value) in block.into_iter().enumerate() {
            // SAFETY: by the caller.
            unsafe { *target.add(lane) = value as f32 };
        }
    }
    #[inline(always)]
    pub fn splat(value: f64) -> Block {
        [value; 8]
    }
    #[inline(always)]
    pub fn add(a: Block, b: Block) -> Block {
        from_fn(|lane| a[lane] + b[lane])
    }
    #[inline(always)]
    pub fn sub(a: Block, b: Block) -> Block {
        from_fn(|lane| a[lane] - b[lane])
    }
    #[inline(always)]
    pub fn mul(a: Block, b: Block) -> Block {
        from_fn(|lane| a[lane] * b[lane])
    }
    #[inline(always)]
    pub fn div(a: Block, b: Block) -> Block {
        from_fn(|lane| a[lane] / b[lane])
    }
    #[inline(always)]
    pub fn pmax(a: Block, b: Block) -> Block {
        from_fn(|lane| if a[lane] < b[lane] { b[lane] } else { a[lane] })
    }
    #[inline(always)]
    pub fn above(a: Block, b: Block) -> Mask {
        from_fn(|lane| a[lane] > b[lane])
    }
    #[inline(always)]
    pub fn keep(a: Block, mask: Mask) -> Block {
        from_fn(|lane| if mask[lane] { a[lane] } else { 0.0 })
    }
    #[inline(always)]
    pub fn any(mask: Mask) -> bool {
        mask.contains(&true)
    }
    #[inline(always)]
    pub fn all(mask: Mask) -> bool {
        !mask.contains(&false)
    }
    #[inline(always)]
    pub fn lanes(block: Block) -> [f64; 8] {
        block
    }
    #[inline(always)]
    pub fn total(e: Block) -> f64 {
        let pair = |lane: usize| (e[lane] + e[lane + 2]) + (e[lane + 4] + e[lane + 6]);
        pair(0) + pair(1)
    }
}

/// Lanes of a block.
pub const WIDTH: usize = 8;

/// Eight doubles.
#[derive(Clone, Copy)]
pub struct Doubles(native::Block);

/// One truth value for each.
#[derive(Clone, Copy)]
pub struct Mask(native::Mask);

impl Mask {
    #[inline(always)]
    pub fn any(self) -> bool {
        native::any(self.0)
    }
    #[inline(always)]
    pub fn all(self) -> bool {
        native::all(self.0)
    }
}

impl Doubles {
    /// # Safety
    /// `source` is readable for 8 numbers.
    #[inline(always)]
    pub unsafe fn load(source: *const f64) -> Doubles {
        // SAFETY: by the caller.
        Doubles(unsafe { native::load(source) })
    }
    /// # Safety
    /// `target` is writable for 8 numbers.
    #[inline(always)]
    pub unsafe fn store(self, target: *mut f64) {
        // SAFETY: by the caller.
        unsafe { native::store(self.0, target) };
    }
    /// As f32. Whole vectors are stored, since engines are handed scalar conversions for half ones.
    ///
    /// # Safety
    /// `target` is writable for 10 numbers, of which the last two may be written over.
    #[inline(always)]
    pub unsafe fn store_rounded(self, target: *mut f32) {
        // SAFETY: by the caller.
        unsafe { native::store_rounded(self.0, target) };
    }
    #[inline(always)]
    pub fn splat(value: f64) -> Doubles {
        Doubles(native::splat(value))
    }
    /// `self < other ? other : self`: a NaN in `other` is dropped, one in `self` stays.
    #[inline(always)]
    pub fn pmax(self, other: Doubles) -> Doubles {
        Doubles(native::pmax(self.0, other.0))
    }
    /// `self > other`.
    #[inline(always)]
    pub fn above(self, other: Doubles) -> Mask {
        Mask(native::above(self.0, other.0))
    }
    /// `self` where the mask is set, +0 elsewhere.
    #[inline(always)]
    pub fn keep(self, mask: Mask) -> Doubles {
        Doubles(native::keep(self.0, mask.0))
    }
    #[inline(always)]
    pub fn lanes(self) -> [f64; WIDTH] {
        native::lanes(self.0)
    }
    #[inline(always)]
    pub fn total(self) -> f64 {
        native::total(self.0)
    }
    /// The largest lane. No lane is NaN.
    #[inline(always)]
    pub fn largest(self) -> f64 {
        let larger = |a: f64, b: f64| if a < b { b } else { a };
        self.lanes().into_iter().fold(f64::NEG_INFINITY, larger)
    }
}

macro_rules! lanewise {
    ($($trait:ident $method:ident),*) => {
        $(impl core::ops::$trait for Doubles {
            type Output = Doubles;
            #[inline(always)]
            fn $method(self, other: Doubles) -> Doubles {
                Doubles(native::$method(self.0, other.0))
            }
        })*
    };
}

lanewise!(Add add, Sub sub, Mul mul, Div div);
