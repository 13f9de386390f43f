//! Two f64 side by side, and the reductions that dynamic programs spend their time in.
//!
//! A maximum over sums, `max_k a[k] + b[k]`, is the inner loop of Viterbi and of Eisner alike. The compiler does not
//! vectorise it: reordering a maximum may change the sign of a zero, and a comparison with a selection is no
//! maximum to it. Written in instructions it is two loads, an addition and a maximum for two elements, in SSE2
//! and in simd128 alike (Viterbi of 100 x 50 in simd128: 894 us when left to the compiler, 45 so).

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use core::arch::wasm32 as arch;
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64 as arch;

/// No structure at all: the neutral element of a maximum.
pub(super) const NONE: f64 = f64::NEG_INFINITY;

/// `a > b ? a : b`, and `b` where they are equal. A pair of one: wasm has no such instruction for single numbers.
#[inline(always)]
pub(super) fn larger(a: f64, b: f64) -> f64 {
    Pair::splat(a).larger(Pair::splat(b)).first()
}

/// `a < b ? a : b`.
#[inline(always)]
pub(super) fn smaller(a: f64, b: f64) -> f64 {
    Pair::splat(a).smaller(Pair::splat(b)).first()
}

/// Two numbers, in one register where the machine has such; every implementation gives the same bits.
#[derive(Clone, Copy)]
pub(super) struct Pair(Lanes);

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
type Lanes = arch::v128;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
impl Pair {
    #[inline(always)]
    pub(super) fn larger(self, other: Self) -> Self {
        Pair(arch::f64x2_pmax(other.0, self.0))
    }

    #[inline(always)]
    pub(super) fn smaller(self, other: Self) -> Self {
        Pair(arch::f64x2_pmin(other.0, self.0))
    }

    #[inline(always)]
    pub(super) fn add(self, other: Self) -> Self {
        Pair(arch::f64x2_add(self.0, other.0))
    }

    #[inline(always)]
    pub(super) fn sub(self, other: Self) -> Self {
        Pair(arch::f64x2_sub(self.0, other.0))
    }

    /// `self > other ? yes : no`.
    #[inline(always)]
    pub(super) fn if_above(self, other: Self, yes: Self, no: Self) -> Self {
        let above = arch::f64x2_gt(self.0, other.0);
        Pair(arch::v128_bitselect(yes.0, no.0, above))
    }

    /// The first numbers of both, and the second ones.
    #[inline(always)]
    fn transpose(self, other: Self) -> (Self, Self) {
        let first = arch::i64x2_shuffle::<0, 2>(self.0, other.0);
        (
            Pair(first),
            Pair(arch::i64x2_shuffle::<1, 3>(self.0, other.0)),
        )
    }
}

#[cfg(target_arch = "x86_64")]
type Lanes = arch::__m128d;
#[cfg(target_arch = "x86_64")]
impl Pair {
    #[inline(always)]
    pub(super) fn larger(self, other: Self) -> Self {
        // SAFETY: every x86-64 has SSE2.
        Pair(unsafe { arch::_mm_max_pd(self.0, other.0) })
    }

    #[inline(always)]
    pub(super) fn smaller(self, other: Self) -> Self {
        // SAFETY: every x86-64 has SSE2.
        Pair(unsafe { arch::_mm_min_pd(self.0, other.0) })
    }

    #[inline(always)]
    pub(super) fn add(self, other: Self) -> Self {
        // SAFETY: every x86-64 has SSE2.
        Pair(unsafe { arch::_mm_add_pd(self.0, other.0) })
    }

    #[inline(always)]
    pub(super) fn sub(self, other: Self) -> Self {
        // SAFETY: every x86-64 has SSE2.
        Pair(unsafe { arch::_mm_sub_pd(self.0, other.0) })
    }

    /// `self > other ? yes : no`.
    #[inline(always)]
    pub(super) fn if_above(self, other: Self, yes: Self, no: Self) -> Self {
        // SAFETY: every x86-64 has SSE2.
        Pair(unsafe {
            let above = arch::_mm_cmpgt_pd(self.0, other.0);
            arch::_mm_or_pd(
                arch::_mm_and_pd(above, yes.0),
                arch::_mm_andnot_pd(above, no.0),
            )
        })
    }

    /// The first numbers of both, and the second ones.
    #[inline(always)]
    fn transpose(self, other: Self) -> (Self, Self) {
        // SAFETY: every x86-64 has SSE2.
        unsafe {
            let first = arch::_mm_unpacklo_pd(self.0, other.0);
            (Pair(first), Pair(arch::_mm_unpackhi_pd(self.0, other.0)))
        }
    }
}

#[cfg(not(any(
    target_arch = "x86_64",
    all(target_arch = "wasm32", target_feature = "simd128")
)))]
type Lanes = [f64; 2];
#[cfg(not(any(
    target_arch = "x86_64",
    all(target_arch = "wasm32", target_feature = "simd128")
)))]
impl Pair {
    #[inline(always)]
    pub(super) fn larger(self, other: Self) -> Self {
        let larger = |a: f64, b: f64| if a > b { a } else { b };
        Pair([larger(self.0[0], other.0[0]), larger(self.0[1], other.0[1])])
    }

    #[inline(always)]
    pub(super) fn smaller(self, other: Self) -> Self {
        let smaller = |a: f64, b: f64| if a < b { a } else { b };
        Pair([
            smaller(self.0[0], other.0[0]),
            smaller(self.0[1], other.0[1]),
        ])
    }

    #[inline(always)]
    pub(super) fn add(self, other: Self) -> Self {
        Pair([self.0[0] + other.0[0], self.0[1] + other.0[1]])
    }

    #[inline(always)]
    pub(super) fn sub(self, other: Self) -> Self {
        Pair([self.0[0] - other.0[0], self.0[1] - other.0[1]])
    }

    /// `self > other ? yes : no`.
    #[inline(always)]
    pub(super) fn if_above(self, other: Self, yes: Self, no: Self) -> Self {
        let lane = |j: usize| {
            if self.0[j] > other.0[j] {
                yes.0[j]
            } else {
                no.0[j]
            }
        };
        Pair([lane(0), lane(1)])
    }

    /// The first numbers of both, and the second ones.
    #[inline(always)]
    fn transpose(self, other: Self) -> (Self, Self) {
        let (a, b) = (self.0, other.0);
        (Pair([a[0], b[0]]), Pair([a[1], b[1]]))
    }
}

impl Pair {
    /// One load: an array passed by value would be loaded by halves.
    #[inline(always)]
    pub(super) fn load(pair: &[f64; 2]) -> Self {
        // SAFETY: two f64 are sixteen readable bytes, and every pattern of bits is a pair.
        Pair(unsafe { core::ptr::read_unaligned(pair.as_ptr().cast()) })
    }

    #[inline(always)]
    pub(super) fn load_two(four: &[f64; 4]) -> (Self, Self) {
        let (pairs, _) = four.as_chunks::<2>();
        (Self::load(&pairs[0]), Self::load(&pairs[1]))
    }

    #[inline(always)]
    pub(super) fn splat(number: f64) -> Self {
        Self::load(&[number; 2])
    }

    #[inline(always)]
    pub(super) fn to_array(self) -> [f64; 2] {
        // SAFETY: both are sixteen bytes, and every pattern of bits is two f64.
        unsafe { core::mem::transmute::<Lanes, [f64; 2]>(self.0) }
    }

    #[inline(always)]
    pub(super) fn first(self) -> f64 {
        self.to_array()[0]
    }

    /// The largest number of one pair, and that of another.
    #[inline(always)]
    pub(super) fn largest_of_each(self, other: Self) -> Self {
        let (first, second) = self.transpose(other);
        first.larger(second)
    }
}

/// A running maximum of sums: two pairs, so that one waits for nothing while the other is added to.
#[derive(Clone, Copy)]
pub(super) struct BestSum(Pair, Pair);

impl BestSum {
    #[inline(always)]
    pub(super) fn new() -> Self {
        BestSum(Pair::splat(NONE), Pair::splat(NONE))
    }

    /// Takes in the sums of four numbers with four others.
    #[inline(always)]
    pub(super) fn take(&mut self, a: &[f64; 4], b: &[f64; 4]) {
        let (a, b) = (Pair::load_two(a), Pair::load_two(b));
        self.0 = a.0.add(b.0).larger(self.0);
        self.1 = a.1.add(b.1).larger(self.1);
    }

    /// Its maximum, and that of another.
    #[inline(always)]
    pub(super) fn largest_of_each(self, other: Self) -> Pair {
        let (a, b) = (self.0.larger(self.1), other.0.larger(other.1));
        a.largest_of_each(b)
    }

    #[inline(always)]
    pub(super) fn largest(self) -> f64 {
        self.largest_of_each(self).first()
    }
}

/// `max_k a[k] + b[k]` over the shorter length; -inf over none.
#[inline(always)]
pub(super) fn best_sum(a: &[f64], b: &[f64]) -> f64 {
    let (a4, a_rest) = a.as_chunks::<4>();
    let (b4, b_rest) = b.as_chunks::<4>();
    let mut best = BestSum::new();
    for (a, b) in a4.iter().zip(b4) {
        best.take(a, b);
    }
    let mut best = best.largest();
    for (&a, &b) in a_rest.iter().zip(b_rest) {
        best = larger(a + b, best);
    }
    best
}

/// The lowest k of the largest `a[k] + b[k]`, and that sum: 0 and -inf where all are -inf.
#[inline(always)]
pub(super) fn first_best_sum(a: &[f64], b: &[f64]) -> (usize, f64) {
    let best = best_sum(a, b);
    let first = a.iter().zip(b).position(|(&a, &b)| a + b == best);
    (first.unwrap_or(0), best)
}

/// The lowest index of the largest of a row, and that number: 0 and -inf where all are -inf.
#[inline(always)]
pub(super) fn first_largest(row: &[f64]) -> (usize, f64) {
    let (row4, rest) = row.as_chunks::<4>();
    let mut best = [Pair::splat(NONE); 2];
    for four in row4 {
        let (low, high) = Pair::load_two(four);
        best = [low.larger(best[0]), high.larger(best[1])];
    }
    let best = best[0].larger(best[1]);
    let mut best = best.largest_of_each(best).first();
    for &number in rest {
        best = larger(number, best);
    }
    (
        row.iter().position(|&number| number == best).unwrap_or(0),
        best,
    )
}

/// The lowest index of the largest number, and that number: 0 and -inf where all are -inf.
#[inline(always)]
pub(super) fn first_best(numbers: impl Iterator<Item = f64>) -> (usize, f64) {
    let mut best = (0, NONE);
    for (index, number) in numbers.enumerate() {
        if number > best.1 {
            best = (index, number);
        }
    }
    best
}

/// Row `index` of a table; a row that does not exist is empty.
#[inline(always)]
pub(super) fn row<T>(table: &[T], width: usize, index: usize) -> &[T] {
    let start = index.wrapping_mul(width);
    table.get(start..start.wrapping_add(width)).unwrap_or(&[])
}

/// Row `index` of a table, to be written.
#[inline(always)]
pub(super) fn row_mut<T>(table: &mut [T], width: usize, index: usize) -> &mut [T] {
    let start = index.wrapping_mul(width);
    table
        .get_mut(start..start.wrapping_add(width))
        .unwrap_or(&mut [])
}

/// Row `index` of a table, to be written, and what lies behind it.
#[inline(always)]
pub(super) fn row_and_behind<T>(table: &mut [T], width: usize, index: usize) -> (&mut [T], &[T]) {
    let start = index.wrapping_mul(width);
    let from = table.get_mut(start..).unwrap_or(&mut []);
    match from.split_at_mut_checked(width) {
        Some((row, behind)) => (row, behind),
        None => (&mut [], &[]),
    }
}

/// A number of a table; -inf outside of it.
#[inline(always)]
pub(super) fn at(table: &[f64], index: usize) -> f64 {
    table.get(index).copied().unwrap_or(NONE)
}
