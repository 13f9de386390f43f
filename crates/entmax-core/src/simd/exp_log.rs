//! exp and the logarithm of a ratio in (0, 1], sixteen at a time, to 2e-7 relative.
//!
//! Polynomials: Remez fits over the reduced range, relative errors 1.0e-7 for exp and 6e-9 for log before the rounding of
//! f32. One more term of exp would gain half an ulp and cost 4 % of softmax. No tables, no branches, and nothing that an
//! engine computes in its own way.

use super::F32Block;

/// At -126.5 ln 2 and below, exp is flushed to +0: a little under 2^-126. Here it is still above.
pub const EXP_CUTOFF: f32 = -87.5;

const LOG2_E: f32 = core::f32::consts::LOG2_E;
/// 1.5 * 2^23 + 127: adding it rounds to an integer n and leaves n + 127, the exponent field of 2^n, in the low bits.
const ROUNDER: f32 = 12_583_039.0;
/// ln 2 in two parts; the first has so few bits that n times it is exact (Cody and Waite).
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -0.000_212_194_44;

/// (e^r - 1 - r) / r^2 on |r| <= ln(2) / 2.
const EXP_TAIL: [f32; 4] = [0.499_992_3, 0.166_671_16, 0.041_890_33, 0.008_312_503];
/// (log(1 + f) - f + f^2 / 2) / f^3 on [sqrt(1/2) - 1, sqrt(2) - 1].
const LOG_TAIL: [f32; 8] = [
    0.333_333_16,
    -0.250_008_1,
    0.200_022_95,
    -0.166_245_03,
    0.141_809_45,
    -0.131_290_53,
    0.128_835_71,
    -0.078_611_754,
];

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

/// exp(x) for x <= 0, -inf included; +0 somewhat below [`EXP_CUTOFF`]. exp(0) is exactly 1.
///
/// n is clamped to -127, whose exponent field is 0: the factor 2^n is then +0 and flushes without a mask.
#[inline(always)]
pub fn exp_nonpositive<V: F32Block>(x: V) -> V {
    let x = x.pmax(V::splat(-88.0));
    let shifted = x.mul_add(V::splat(LOG2_E), V::splat(ROUNDER));
    let n = shifted.sub(V::splat(ROUNDER));
    let r = n.mul_add(V::splat(-LN_2_HIGH), x);
    let r = n.mul_add(V::splat(-LN_2_LOW), r);
    let tail = polynomial(&EXP_TAIL, r);
    let one_plus = tail.mul_add(r, V::splat(1.0)).mul_add(r, V::splat(1.0));
    one_plus.mul(shifted.low_bits_as_exponent())
}

/// ln(ratio) for a normal ratio in (0, 1], given `ratio - 1` too: near 1 only the difference is accurate.
/// Lanes outside give anything.
#[inline(always)]
pub fn log_of_ratio<V: F32Block>(ratio: V, ratio_minus_one: V) -> V {
    let (mantissa, exponent) = ratio.split_exponent();
    let near_one = ratio.at_least(V::splat(f32::from_bits(super::scalar::SQRT_HALF_BITS)));
    let f = ratio_minus_one.or_else(near_one, mantissa.sub(V::splat(1.0)));
    let square = f.mul(f);
    let tail = polynomial(&LOG_TAIL, f).mul(f).mul(square);
    let tail = square.mul_add(V::splat(-0.5), tail);
    let tail = exponent.mul_add(V::splat(LN_2_LOW), tail);
    exponent.mul_add(V::splat(LN_2_HIGH), f.add(tail))
}
