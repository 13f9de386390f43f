//! The block as four `v128`. With the crate's feature `fused`, `mul_add` is fused where the host fuses: the one
//! implementation whose bits may differ.

use super::{
    integers::Integers,
    quad::Quad,
    scalar::{ONE_BITS, SQRT_HALF_BITS},
    F32Block, LANES, ROWS,
};
use core::arch::wasm32::*;

#[derive(Clone, Copy)]
pub struct Wasm128([v128; 4]);

impl Wasm128 {
    #[inline(always)]
    fn map(self, f: impl Fn(v128) -> v128) -> Self {
        let [a, b, c, d] = self.0;
        Wasm128([f(a), f(b), f(c), f(d)])
    }

    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(v128, v128) -> v128) -> Self {
        let [a, b, c, d] = self.0;
        let [p, q, r, s] = other.0;
        Wasm128([f(a, p), f(b, q), f(c, r), f(d, s)])
    }
}

#[cfg(feature = "fused")]
#[inline(always)]
fn multiply_add(a: v128, b: v128, c: v128) -> v128 {
    f32x4_relaxed_madd(a, b, c)
}

#[cfg(not(feature = "fused"))]
#[inline(always)]
fn multiply_add(a: v128, b: v128, c: v128) -> v128 {
    f32x4_add(f32x4_mul(a, b), c)
}

// SAFETY: the module exists only where simd128 is enabled for the whole build.
unsafe impl F32Block for Wasm128 {
    type Mask = Wasm128;
    type Sums = [v128; 2];
    type Integers = WasmIntegers;

    #[inline(always)]
    fn of_integers(integers: WasmIntegers) -> Self {
        Wasm128(integers.0.map(|four| f32x4_convert_i32x4(four)))
    }
    #[inline(always)]
    unsafe fn gather(place: impl Fn(usize) -> *const f32) -> Self {
        // SAFETY: by the caller.
        let four = |first: usize| unsafe {
            f32x4(
                *place(first),
                *place(first + 1),
                *place(first + 2),
                *place(first + 3),
            )
        };
        Wasm128([four(0), four(4), four(8), four(12)])
    }

    #[inline(always)]
    unsafe fn columns(rows: [*const f32; LANES]) -> [Self; 4] {
        let fours: [[v128; 4]; 4] = core::array::from_fn(|quad| {
            // SAFETY: by the caller.
            let [a, b, c, d]: [v128; 4] =
                core::array::from_fn(|i| unsafe { v128_load(rows[4 * quad + i].cast()) });
            let (ab, cd) = (
                i32x4_shuffle::<0, 4, 1, 5>(a, b),
                i32x4_shuffle::<0, 4, 1, 5>(c, d),
            );
            let (ef, gh) = (
                i32x4_shuffle::<2, 6, 3, 7>(a, b),
                i32x4_shuffle::<2, 6, 3, 7>(c, d),
            );
            [
                i64x2_shuffle::<0, 2>(ab, cd),
                i64x2_shuffle::<1, 3>(ab, cd),
                i64x2_shuffle::<0, 2>(ef, gh),
                i64x2_shuffle::<1, 3>(ef, gh),
            ]
        });
        core::array::from_fn(|column| Wasm128(core::array::from_fn(|quad| fours[quad][column])))
    }

    #[inline(always)]
    unsafe fn load(source: *const f32) -> Self {
        let at = source.cast::<v128>();
        // SAFETY: sixteen floats are four vectors; `v128_load` takes any alignment.
        unsafe {
            Wasm128([
                v128_load(at),
                v128_load(at.add(1)),
                v128_load(at.add(2)),
                v128_load(at.add(3)),
            ])
        }
    }
    #[inline(always)]
    unsafe fn store(self, target: *mut f32) {
        let at = target.cast::<v128>();
        // SAFETY: sixteen floats are four vectors; `v128_store` takes any alignment.
        unsafe {
            v128_store(at, self.0[0]);
            v128_store(at.add(1), self.0[1]);
            v128_store(at.add(2), self.0[2]);
            v128_store(at.add(3), self.0[3]);
        }
    }
    #[inline(always)]
    fn splat(value: f32) -> Self {
        Wasm128([f32x4_splat(value); 4])
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| f32x4_add(a, b))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| f32x4_sub(a, b))
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| f32x4_mul(a, b))
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| f32x4_div(a, b))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.map(|a| f32x4_sqrt(a))
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        let [a, b, c, d] = self.0;
        let [p, q, r, s] = factor.0;
        let [w, x, y, z] = term.0;
        Wasm128([
            multiply_add(a, p, w),
            multiply_add(b, q, x),
            multiply_add(c, r, y),
            multiply_add(d, s, z),
        ])
    }
    #[inline(always)]
    fn pmax(self, other: Self) -> Self {
        self.zip(other, |a, b| f32x4_pmax(a, b))
    }
    #[inline(always)]
    fn above(self, other: Self) -> Self::Mask {
        self.zip(other, |a, b| f32x4_gt(a, b))
    }
    #[inline(always)]
    fn at_least(self, other: Self) -> Self::Mask {
        self.zip(other, |a, b| f32x4_ge(a, b))
    }
    #[inline(always)]
    fn differs(self, other: Self) -> Self::Mask {
        self.zip(other, |a, b| f32x4_ne(a, b))
    }
    #[inline(always)]
    fn any(mask: Self::Mask) -> bool {
        let [a, b, c, d] = mask.0;
        v128_any_true(v128_or(v128_or(a, b), v128_or(c, d)))
    }
    #[inline(always)]
    fn all(mask: Self::Mask) -> bool {
        let [a, b, c, d] = mask.0;
        i32x4_bitmask(v128_and(v128_and(a, b), v128_and(c, d))) == 15
    }
    #[inline(always)]
    fn both(left: Self::Mask, right: Self::Mask) -> Self::Mask {
        left.zip(right, |a, b| v128_and(a, b))
    }
    #[inline(always)]
    fn bits(mask: Self::Mask) -> u32 {
        // Four instructions and a few of integers; narrowing to bytes first takes twenty (LLVM 21 clamps before it narrows).
        let [a, b, c, d] = mask.0.map(|four| u32::from(i32x4_bitmask(four)));
        (a | b << 4) | (c | d << 4) << 8
    }
    #[inline(always)]
    fn keep(self, mask: Self::Mask) -> Self {
        self.zip(mask, |a, b| v128_and(a, b))
    }
    #[inline(always)]
    fn or_else(self, mask: Self::Mask, other: Self) -> Self {
        let [a, b, c, d] = self.0;
        let [p, q, r, s] = other.0;
        let [w, x, y, z] = mask.0;
        Wasm128([
            v128_bitselect(a, p, w),
            v128_bitselect(b, q, x),
            v128_bitselect(c, r, y),
            v128_bitselect(d, s, z),
        ])
    }
    #[inline(always)]
    fn largest(self) -> f32 {
        let [a, b, c, d] = self.0;
        let four = f32x4_pmax(f32x4_pmax(a, b), f32x4_pmax(c, d));
        let two = f32x4_pmax(four, i32x4_shuffle::<2, 3, 0, 1>(four, four));
        let one = f32x4_pmax(two, i32x4_shuffle::<1, 0, 3, 2>(two, two));
        f32x4_extract_lane::<0>(one)
    }
    #[inline(always)]
    fn low_bits_as_exponent(self) -> Self {
        self.map(|value| i32x4_shl(value, 23))
    }
    #[inline(always)]
    fn scale_and_exponent(self) -> (Self, Self) {
        let exponent =
            self.map(|value| i32x4_shr(i32x4_sub(value, i32x4_splat(SQRT_HALF_BITS as i32)), 23));
        let scale = exponent.map(|k| i32x4_sub(i32x4_splat(ONE_BITS as i32), i32x4_shl(k, 23)));
        (scale, exponent.map(|k| f32x4_convert_i32x4(k)))
    }
    #[inline(always)]
    fn no_sums() -> Self::Sums {
        [f64x2_splat(0.0); 2]
    }
    #[inline(always)]
    fn sum_into(self, sums: &mut Self::Sums) {
        let [a, b, c, d] = self.0;
        let four = f32x4_add(f32x4_add(a, c), f32x4_add(b, d));
        sums[0] = f64x2_add(sums[0], f64x2_promote_low_f32x4(four));
        let high = i32x4_shuffle::<2, 3, 2, 3>(four, four);
        sums[1] = f64x2_add(sums[1], f64x2_promote_low_f32x4(high));
    }
    #[inline(always)]
    fn total(sums: Self::Sums) -> f64 {
        let [low, high] = sums;
        (f64x2_extract_lane::<0>(low) + f64x2_extract_lane::<1>(low))
            + (f64x2_extract_lane::<0>(high) + f64x2_extract_lane::<1>(high))
    }
    /// Column by column: a loop over all four has more values alive than there are registers, because engines put off
    /// the additions, whose sum only the next round needs, behind everything else. 0.6 of the time on V8.
    #[inline(always)]
    unsafe fn maxima_of_eights(
        source: *const f32,
        count: usize,
        target: *mut f32,
        best: &mut Self,
        witness: &mut Self,
    ) {
        for run in 0..count {
            for column in 0..4 {
                // SAFETY: by the caller; a block is four vectors.
                unsafe {
                    let from = source.cast::<v128>().add(32 * run + column);
                    let pair = |at: usize| {
                        let (a, b) = (v128_load(from.add(4 * at)), v128_load(from.add(4 * at + 4)));
                        (f32x4_pmax(a, b), f32x4_add(a, b))
                    };
                    let four = |at: usize| {
                        let (a, b) = (pair(at), pair(at + 2));
                        (f32x4_pmax(a.0, b.0), f32x4_add(a.1, b.1))
                    };
                    let (left, right) = (four(0), four(4));
                    let most = f32x4_pmax(left.0, right.0);
                    v128_store(target.cast::<v128>().add(4 * run + column), most);
                    best.0[column] = f32x4_pmax(best.0[column], most);
                    witness.0[column] = f32x4_add(witness.0[column], f32x4_add(left.1, right.1));
                }
            }
        }
    }
    #[inline(always)]
    fn row_sums(sums: Self::Sums) -> [f64; ROWS] {
        let [low, high] = sums;
        [
            f64x2_extract_lane::<0>(low),
            f64x2_extract_lane::<1>(low),
            f64x2_extract_lane::<0>(high),
            f64x2_extract_lane::<1>(high),
        ]
    }
    #[inline(always)]
    fn by_row(quad: Quad) -> Self {
        Wasm128([quad.0; 4])
    }
    #[inline(always)]
    fn sum_of_rows(self) -> Quad {
        let [a, b, c, d] = self.0;
        Quad(f32x4_add(f32x4_add(a, c), f32x4_add(b, d)))
    }
    #[inline(always)]
    fn largest_of_rows(self) -> Quad {
        let [a, b, c, d] = self.0;
        Quad(f32x4_pmax(f32x4_pmax(a, b), f32x4_pmax(c, d)))
    }
    #[inline(always)]
    fn first_of_rows(self) -> Quad {
        Quad(self.0[0])
    }
    #[inline(always)]
    fn transpose(self) -> Self {
        let [a, b, c, d] = self.0;
        let (p, q) = (
            i32x4_shuffle::<0, 4, 1, 5>(a, b),
            i32x4_shuffle::<2, 6, 3, 7>(a, b),
        );
        let (r, s) = (
            i32x4_shuffle::<0, 4, 1, 5>(c, d),
            i32x4_shuffle::<2, 6, 3, 7>(c, d),
        );
        Wasm128([
            i32x4_shuffle::<0, 1, 4, 5>(p, r),
            i32x4_shuffle::<2, 3, 6, 7>(p, r),
            i32x4_shuffle::<0, 1, 4, 5>(q, s),
            i32x4_shuffle::<2, 3, 6, 7>(q, s),
        ])
    }
    #[inline(always)]
    unsafe fn load_fours(sources: [*const f32; 4]) -> Self {
        // SAFETY: by the caller, here and below.
        Wasm128(sources.map(|source| unsafe { v128_load(source.cast()) }))
    }
    #[inline(always)]
    unsafe fn store_fours(self, [a, b, c, d]: [*mut f32; 4]) {
        // SAFETY: as above.
        unsafe {
            v128_store(a.cast(), self.0[0]);
            v128_store(b.cast(), self.0[1]);
            v128_store(c.cast(), self.0[2]);
            v128_store(d.cast(), self.0[3]);
        }
    }
    #[inline(always)]
    unsafe fn unpack(bits: u32, source: *const f32) -> Self {
        let mut at = source;
        // SAFETY: each pattern has an entry; what lies before a quad is at most four times its number.
        let mut quad = |shift: u32| unsafe {
            let pattern = bits >> shift & 15;
            let order = v128_load(UNPACK.as_ptr().add(pattern as usize).cast());
            let four = i8x16_swizzle(v128_load(at.cast()), order);
            at = at.add(pattern.count_ones() as usize);
            four
        };
        Wasm128([quad(0), quad(4), quad(8), quad(12)])
    }
    #[inline(always)]
    unsafe fn pack(self, bits: u32, target: *mut f32) -> usize {
        // SAFETY: passed on; a store of four never passes 16 before the end.
        unsafe { pack_lanes(self.0, bits, target.cast()) }
    }
    #[inline(always)]
    unsafe fn pack_indices(from: u32, bits: u32, target: *mut u32) {
        let first = u32x4_splat(from);
        let quad = |offset: v128| u32x4_add(first, offset);
        let indices = [
            quad(u32x4(0, 1, 2, 3)),
            quad(u32x4(4, 5, 6, 7)),
            quad(u32x4(8, 9, 10, 11)),
            quad(u32x4(12, 13, 14, 15)),
        ];
        // SAFETY: as in `pack`.
        unsafe { pack_lanes(indices, bits, target.cast()) };
    }
}

/// Sixteen integers in four `v128`.
#[derive(Clone, Copy)]
pub struct WasmIntegers([v128; 4]);

impl Integers for WasmIntegers {
    #[inline(always)]
    fn splat(value: i32) -> Self {
        WasmIntegers([i32x4_splat(value); 4])
    }
    #[inline(always)]
    unsafe fn add_pairs(self, keys: *const i16, query: i32) -> Self {
        let query = i32x4_splat(query);
        let keys = keys.cast::<v128>();
        WasmIntegers(core::array::from_fn(|k| {
            // SAFETY: sixteen pairs are four vectors.
            let pairs = unsafe { v128_load(keys.add(k)) };
            i32x4_add(self.0[k], i32x4_dot_i16x8(pairs, query))
        }))
    }
    #[inline(always)]
    unsafe fn add_quads(self, keys: *const u8, query: i32) -> Self {
        let query = QuadOfQuery::new(query);
        let keys = keys.cast::<v128>();
        WasmIntegers(core::array::from_fn(|k| {
            // SAFETY: sixteen quadruples are four vectors.
            let quads = unsafe { v128_load(keys.add(k)) };
            query.dot(quads, self.0[k])
        }))
    }
}

/// Four signed bytes, in every lane.
#[cfg(target_feature = "relaxed-simd")]
struct QuadOfQuery(v128);

#[cfg(target_feature = "relaxed-simd")]
impl QuadOfQuery {
    #[inline(always)]
    fn new(bytes: i32) -> QuadOfQuery {
        QuadOfQuery(i32x4_splat(bytes))
    }
    #[inline(always)]
    fn dot(&self, keys: v128, sum: v128) -> v128 {
        i32x4_relaxed_dot_i8x16_i7x16_add(self.0, keys, sum)
    }
}

/// Four signed bytes as 16-bit integers in every lane: the first and the third, the second and the fourth.
#[cfg(not(target_feature = "relaxed-simd"))]
struct QuadOfQuery {
    even: v128,
    odd: v128,
}

#[cfg(not(target_feature = "relaxed-simd"))]
impl QuadOfQuery {
    #[inline(always)]
    fn new(bytes: i32) -> QuadOfQuery {
        let bytes = i32x4_splat(bytes);
        QuadOfQuery {
            even: i16x8_shr(i16x8_shl(bytes, 8), 8),
            odd: i16x8_shr(bytes, 8),
        }
    }
    /// Keys are from 0 to 127: taken apart the same way, they need no sign.
    #[inline(always)]
    fn dot(&self, keys: v128, sum: v128) -> v128 {
        let even = i32x4_dot_i16x8(v128_and(keys, u16x8_splat(0xff)), self.even);
        let odd = i32x4_dot_i16x8(u16x8_shr(keys, 8), self.odd);
        i32x4_add(sum, i32x4_add(even, odd))
    }
}

/// For each pattern of four lanes, the bytes that move the set ones to the front.
static LEFT_PACK: [[u8; 16]; 16] = left_pack_table();

const fn left_pack_table() -> [[u8; 16]; 16] {
    let mut table = [[0u8; 16]; 16];
    let mut pattern = 0;
    while pattern < 16 {
        let mut lane = 0;
        let mut place = 0;
        while lane < 4 {
            if pattern >> lane & 1 == 1 {
                let mut byte = 0;
                while byte < 4 {
                    table[pattern][4 * place + byte] = (4 * lane + byte) as u8;
                    byte += 1;
                }
                place += 1;
            }
            lane += 1;
        }
        pattern += 1;
    }
    table
}

/// For each pattern of four lanes, the bytes that move the first values to the set ones; 16 and above give 0.
static UNPACK: [[u8; 16]; 16] = unpack_table();

const fn unpack_table() -> [[u8; 16]; 16] {
    let mut table = [[255u8; 16]; 16];
    let mut pattern = 0;
    while pattern < 16 {
        let mut lane = 0;
        let mut place = 0;
        while lane < 4 {
            if pattern >> lane & 1 == 1 {
                let mut byte = 0;
                while byte < 4 {
                    table[pattern][4 * lane + byte] = (4 * place + byte) as u8;
                    byte += 1;
                }
                place += 1;
            }
            lane += 1;
        }
        pattern += 1;
    }
    table
}

/// # Safety
/// `target` is writable for sixteen lanes.
#[inline(always)]
unsafe fn pack_lanes(lanes: [v128; 4], bits: u32, target: *mut u32) -> usize {
    let mut count = 0;
    for (quad, &four) in lanes.iter().enumerate() {
        let pattern = bits >> (4 * quad) & 15;
        // SAFETY: pattern < 16, and count <= 4 * quad leaves room for four more.
        unsafe {
            let order = v128_load(LEFT_PACK.as_ptr().add(pattern as usize).cast());
            v128_store(target.add(count).cast(), i8x16_swizzle(four, order));
        }
        count += pattern.count_ones() as usize;
    }
    count
}
