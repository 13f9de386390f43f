//! 2^t for t <= 0 and the base-2 logarithm of a ratio in (0, 1], sixteen at a time.
//!
//! Both are for powers relative to a row's largest entry, so what counts is the error of `2^t` beside 1: the product t
//! carries half an ulp of itself, which is at most 2^-24 / e there. That is why no constant is split in two parts, as
//! exp with a relative error at any argument would need (three operations of twenty-one).
//!
//! Polynomials: Remez fits of (2^f - 1) / f and log2(1 + f) / f over the reduced range, relative errors 1.1e-7 and 4e-8
//! after rounding their coefficients. No tables, no branches, and nothing that an engine computes in its own way.

use super::F32Block;

/// 2^t is flushed to +0 below -126.5; here it is still above.
pub const EXP2_CUTOFF: f32 = -126.25;

/// 1.5 * 2^23 + 127: adding it rounds to an integer n and leaves n + 127, the exponent field of 2^n, in the low bits.
const ROUNDER: f32 = 12_583_039.0;

/// (2^f - 1) / f on |f| <= 1/2.
// The first coefficient is not ln 2: rounded to it, the error would double.
#[allow(clippy::approx_constant)]
const EXP2_TAIL: [f32; 5] = [
    0.693_147,
    0.240_222_45,
    0.055_507_31,
    0.009_671_369,
    0.001_326_498_8,
];
/// log2(1 + f) / f on [sqrt(1/2) - 1, sqrt(2) - 1], the even powers and the odd ones.
const LOG2_EVEN: [f32; 5] = [
    core::f32::consts::LOG2_E,
    0.480_910_63,
    0.287_916_24,
    0.215_715_6,
    0.125_837,
];
const LOG2_ODD: [f32; 4] = [-0.721_347_33, -0.360_703_68, -0.238_944_83, -0.207_269_73];

#[inline(always)]
fn polynomial<V: F32Block, const N: usize>(coefficients: &[f32; N], x: V) -> V {
    let (last, lower) = match coefficients.split_last() {
        Some(parts) => parts,
        None => return V::splat(0.0),
    };
    let mut value = V::splat(*last);
    for &coefficient in lower.iter().rev() {
        value = value.mul_add(x, V::splat(coefficient));
    }
    value
}

/// 2^t for t <= 0, -inf included; +0 somewhat below [`EXP2_CUTOFF`]. 2^0 is exactly 1; a NaN stays one.
///
/// n is clamped to -127, whose exponent field is 0: the factor 2^n is then +0 and flushes without a mask.
#[inline(always)]
pub fn exp2_nonpositive<V: F32Block>(t: V) -> V {
    let t = t.pmax(V::splat(-127.0));
    let shifted = t.add(V::splat(ROUNDER));
    let f = t.sub(shifted.sub(V::splat(ROUNDER)));
    let power = polynomial(&EXP2_TAIL, f).mul_add(f, V::splat(1.0));
    power.mul(shifted.low_bits_as_exponent())
}

/// log2(ratio) for a normal ratio in (0, 1], given `ratio - 1` too: near 1 only the difference is accurate, near 0 only
/// the ratio. Lanes outside give anything.
#[inline(always)]
pub fn log2_of_ratio<V: F32Block>(ratio: V, ratio_minus_one: V) -> V {
    let (scale, k) = ratio.scale_and_exponent();
    let near_one = ratio.at_least(V::splat(f32::from_bits(super::scalar::SQRT_HALF_BITS)));
    let f = ratio_minus_one.or_else(near_one, ratio.mul(scale).sub(V::splat(1.0)));
    // In two halves: the latency of one long chain is what a power waits for.
    let square = f.mul(f);
    let even = polynomial(&LOG2_EVEN, square);
    let tail = polynomial(&LOG2_ODD, square).mul_add(f, even);
    tail.mul_add(f, k)
}
