//! The vector that the f32 kernels are written against: a block of sixteen lanes.
//!
//! Why sixteen and not the width of the register: the order in which a sum is formed is then part of the
//! type's contract and not of the machine's, so every implementation gives the same bits. An
//! implementation is free to hold the block in four registers (SSE, wasm), two (AVX2) or an array.
//! A second gain: four independent chains hide the latency of the polynomials, and a constant is
//! materialised once per sixteen elements.
//!
//! Sums: lane j (of four) of a block is `(e[j] + e[j+8]) + (e[j+4] + e[j+12])` in f32, then added to the
//! j-th of four f64 accumulators; the end is `(s0 + s1) + (s2 + s3)`.

#[cfg(target_arch = "x86_64")]
pub mod avx2;
pub mod doubles;
pub mod exp_log;
pub mod integers;
pub mod quad;
pub mod scalar;
#[cfg(feature = "regularised")]
pub mod twos;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub mod wasm128;

use integers::Integers;
use quad::Quad;

/// The implementation that the exported kernels of this build use.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub type Native = wasm128::Wasm128;
/// The implementation that the exported kernels of this build use.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub type Native = scalar::Scalar;

/// Lanes of a block.
pub const LANES: usize = 16;

/// Rows that a block holds together: four neighbouring scores of each, lane `4 j + k` being score j of row k.
pub const ROWS: usize = 4;

/// Sixteen floats and exactly the operations that the kernels need.
///
/// # Safety
/// An implementation may rely on instructions that its module names: whoever picks it as a type argument
/// vouches that the machine has them.
pub unsafe trait F32Block: Copy {
    /// One truth value per lane.
    type Mask: Copy;
    /// Four f64 accumulators.
    type Sums: Copy;
    /// Sixteen integers.
    type Integers: Integers;

    /// # Safety
    /// `source` is readable for 16 floats; any alignment.
    unsafe fn load(source: *const f32) -> Self;
    /// # Safety
    /// `target` is writable for 16 floats; any alignment.
    unsafe fn store(self, target: *mut f32);
    fn splat(value: f32) -> Self;

    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn sqrt(self) -> Self;
    /// `self * factor + term`: two roundings, except in the fused implementation.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// `self < other ? other : self`: a NaN in `other` is dropped, one in `self` stays.
    fn pmax(self, other: Self) -> Self;

    /// `self > other`.
    fn above(self, other: Self) -> Self::Mask;
    /// `self >= other`.
    fn at_least(self, other: Self) -> Self::Mask;
    /// `self != other`: true where one is NaN.
    fn differs(self, other: Self) -> Self::Mask;
    /// The lanes that are NaN.
    #[inline(always)]
    fn is_nan(self) -> Self::Mask {
        self.differs(self)
    }
    fn any(mask: Self::Mask) -> bool;
    fn all(mask: Self::Mask) -> bool;
    /// True where both are.
    fn both(left: Self::Mask, right: Self::Mask) -> Self::Mask;
    /// Bit j is lane j.
    fn bits(mask: Self::Mask) -> u32;
    /// `self` where the mask is set, +0 elsewhere.
    fn keep(self, mask: Self::Mask) -> Self;
    /// `self` where the mask is set, `other` elsewhere.
    fn or_else(self, mask: Self::Mask, other: Self) -> Self;
    /// The largest lane. No lane is NaN.
    fn largest(self) -> f32;

    /// Each lane's bits, shifted to the left by 23: 2^n for a lane that holds n + 127 in its lowest eight bits.
    fn low_bits_as_exponent(self) -> Self;
    /// `(2^-k, k)` with `self * 2^-k` in [sqrt(1/2), sqrt(2)), for normal positive lanes up to 1; other lanes give
    /// something finite or not, but never a trap.
    fn scale_and_exponent(self) -> (Self, Self);

    fn no_sums() -> Self::Sums;
    /// Adds the lanes in the order that the module fixes.
    fn sum_into(self, sums: &mut Self::Sums);
    fn total(sums: Self::Sums) -> f64;

    /// The integers, rounded to the nearest float.
    fn of_integers(integers: Self::Integers) -> Self;

    /// The floats at sixteen places.
    ///
    /// # Safety
    /// All are readable.
    #[inline(always)]
    unsafe fn gather(place: impl Fn(usize) -> *const f32) -> Self {
        // SAFETY: by the caller.
        let floats: [f32; LANES] = core::array::from_fn(|lane| unsafe { *place(lane) });
        // SAFETY: the array holds sixteen floats.
        unsafe { Self::load(floats.as_ptr()) }
    }

    /// Four floats of each of sixteen rows, column by column: row i is lane i.
    ///
    /// # Safety
    /// Each row is readable for 4 floats.
    #[inline(always)]
    unsafe fn columns(rows: [*const f32; LANES]) -> [Self; 4] {
        // SAFETY: by the caller.
        core::array::from_fn(|column| unsafe { Self::gather(|lane| rows[lane].add(column)) })
    }

    /// The lane-wise maxima of each of `count` runs of eight blocks, one behind the other: to `target` and folded into
    /// `best`. All lanes are added to `witness`, so that a NaN leaves one there; other lanes may become NaN too.
    ///
    /// # Safety
    /// `source` is readable for `count` times 128 floats, `target` writable for `count` times 16, disjoint.
    #[inline(always)]
    unsafe fn maxima_of_eights(
        source: *const f32,
        count: usize,
        target: *mut f32,
        best: &mut Self,
        witness: &mut Self,
    ) {
        for run in 0..count {
            // SAFETY: by the caller.
            unsafe {
                let block = |at: usize| Self::load(source.add((8 * run + at) * LANES));
                let pair = |at: usize| {
                    let (a, b) = (block(at), block(at + 1));
                    (a.pmax(b), a.add(b))
                };
                let four = |at: usize| {
                    let (a, b) = (pair(at), pair(at + 2));
                    (a.0.pmax(b.0), a.1.add(b.1))
                };
                let (left, right) = (four(0), four(4));
                let most = left.0.pmax(right.0);
                most.store(target.add(run * LANES));
                *best = best.pmax(most);
                *witness = witness.add(left.1.add(right.1));
            }
        }
    }

    /// The four accumulators: where a block holds four rows, a sum for each.
    fn row_sums(sums: Self::Sums) -> [f64; ROWS];

    /// Each row's number in all the lanes of its row.
    #[inline(always)]
    fn by_row(quad: Quad) -> Self {
        let values = quad.values();
        from_lanes(|lane| values[lane % ROWS])
    }
    /// Each row's sum, formed as in [`F32Block::sum_into`].
    #[inline(always)]
    fn sum_of_rows(self) -> Quad {
        let e = lanes_of(self);
        Quad::new(core::array::from_fn(|k| {
            (e[k] + e[k + 8]) + (e[k + 4] + e[k + 12])
        }))
    }
    /// Each row's largest lane. No lane is NaN.
    #[inline(always)]
    fn largest_of_rows(self) -> Quad {
        let e = lanes_of(self);
        let larger = |a: f32, b: f32| if a < b { b } else { a };
        Quad::new(core::array::from_fn(|k| {
            larger(larger(e[k], e[k + 4]), larger(e[k + 8], e[k + 12]))
        }))
    }
    /// Each row's first lane.
    #[inline(always)]
    fn first_of_rows(self) -> Quad {
        let e = lanes_of(self);
        Quad::new([e[0], e[1], e[2], e[3]])
    }
    /// Lane `4 j + k` to lane `4 k + j`: from four scores of each row, row by row, to a block of four rows, and back.
    #[inline(always)]
    fn transpose(self) -> Self {
        let lanes = lanes_of(self);
        from_lanes(|lane| lanes[lane % 4 * 4 + lane / 4])
    }
    /// Four lanes from each address.
    ///
    /// # Safety
    /// Each is readable for 4 floats.
    #[inline(always)]
    unsafe fn load_fours(sources: [*const f32; 4]) -> Self {
        // SAFETY: by the caller.
        from_lanes(|lane| unsafe { *sources[lane / 4].add(lane % 4) })
    }
    /// Four lanes to each address.
    ///
    /// # Safety
    /// Each is writable for 4 floats.
    #[inline(always)]
    unsafe fn store_fours(self, targets: [*mut f32; 4]) {
        let lanes = lanes_of(self);
        for (lane, &value) in lanes.iter().enumerate() {
            // SAFETY: by the caller.
            unsafe { *targets[lane / 4].add(lane % 4) = value };
        }
    }

    /// The reverse of [`F32Block::pack`]: the values at `source` in the lanes whose bit is set, in order, +0 in the others.
    ///
    /// # Safety
    /// `source` is readable for 16 floats.
    #[inline(always)]
    unsafe fn unpack(bits: u32, source: *const f32) -> Self {
        from_lanes(|lane| {
            let before = (bits & ((1 << lane) - 1)).count_ones() as usize;
            if bits >> lane & 1 == 1 {
                // SAFETY: at most fifteen lanes lie before.
                unsafe { *source.add(before) }
            } else {
                0.0
            }
        })
    }

    /// Writes the lanes whose bit is set, in order and without gaps, and returns how many there are.
    ///
    /// # Safety
    /// `target` is writable for 16 floats.
    #[inline(always)]
    unsafe fn pack(self, bits: u32, target: *mut f32) -> usize {
        let mut lanes = [0.0f32; LANES];
        // SAFETY: the array holds sixteen floats.
        unsafe { self.store(lanes.as_mut_ptr()) };
        let mut rest = bits & 0xffff;
        let mut count = 0;
        while rest != 0 {
            let lane = rest.trailing_zeros() as usize;
            // SAFETY: lane < 16 since only sixteen bits are set, and count <= 15 before each write.
            unsafe { *target.add(count) = *lanes.as_ptr().add(lane) };
            count += 1;
            rest &= rest - 1;
        }
        count
    }

    /// Writes `from + lane` for the lanes whose bit is set, as [`F32Block::pack`] does with the values.
    ///
    /// # Safety
    /// `target` is writable for 16 indices.
    #[inline(always)]
    unsafe fn pack_indices(from: u32, bits: u32, target: *mut u32) {
        let mut rest = bits & 0xffff;
        let mut target = target;
        while rest != 0 {
            // SAFETY: at most sixteen bits are set.
            unsafe {
                *target = from + rest.trailing_zeros();
                target = target.add(1);
            }
            rest &= rest - 1;
        }
    }
}

#[inline(always)]
fn from_lanes<V: F32Block>(lane: impl FnMut(usize) -> f32) -> V {
    let lanes: [f32; LANES] = core::array::from_fn(lane);
    // SAFETY: the array holds sixteen floats.
    unsafe { V::load(lanes.as_ptr()) }
}

#[inline(always)]
fn lanes_of<V: F32Block>(block: V) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    // SAFETY: the array holds sixteen floats.
    unsafe { block.store(lanes.as_mut_ptr()) };
    lanes
}

/// The square root, correctly rounded: `libm` without intrinsics computes it digit by digit.
#[inline(always)]
pub fn sqrt(value: f64) -> f64 {
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    {
        use core::arch::wasm32::{f64x2_extract_lane, f64x2_splat, f64x2_sqrt};
        f64x2_extract_lane::<0>(f64x2_sqrt(f64x2_splat(value)))
    }
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    {
        libm::sqrt(value)
    }
}

/// Copies `len < 16` floats in pieces of constant size: a call of memory.copy costs as much as a short row.
///
/// # Safety
/// `source` is readable and `target` writable for `len` floats, disjoint.
#[inline(always)]
pub unsafe fn copy_short(source: *const f32, target: *mut f32, len: usize) {
    let mut at = 0;
    // SAFETY: the bits of len add up to it.
    unsafe {
        if len & 8 != 0 {
            core::ptr::copy_nonoverlapping(source, target, 8);
            at = 8;
        }
        if len & 4 != 0 {
            core::ptr::copy_nonoverlapping(source.add(at), target.add(at), 4);
            at += 4;
        }
        if len & 2 != 0 {
            core::ptr::copy_nonoverlapping(source.add(at), target.add(at), 2);
            at += 2;
        }
        if len & 1 != 0 {
            *target.add(at) = *source.add(at);
        }
    }
}
