//! Softmax of a row of f32: maximum, exponentials with their sum, division.
//!
//! Three passes, the second writing exp(x - max) and the third multiplying it by 1 / sum; keeping the
//! exponentials is cheaper than computing them twice. Probabilities below 2^-126 times the sum are zero.

use super::scan_f32::{Scores, Tail};
use crate::simd::{exp_log::exp2_nonpositive, F32Block};

/// # Safety
/// `out` is writable for the row, which it equals or is disjoint from; `max` is the row's, finite.
#[inline(always)]
pub unsafe fn softmax<V: F32Block>(row: &Scores, out: *mut f32, max: f32) {
    let shift = V::splat(max);
    let log2_e = V::splat(core::f32::consts::LOG2_E);
    let mut sums = V::no_sums();
    // SAFETY: by the caller.
    unsafe {
        row.map_into::<V>(out, |scores| {
            let powers = exp2_nonpositive(scores.sub(shift).mul(log2_e));
            powers.sum_into(&mut sums);
            powers
        });
        scale::<V>(out, out, row.len, V::total(sums));
    }
}

/// Writes `n` values divided by their sum.
///
/// # Safety
/// `values` is readable and `out` writable for `n` floats, equal or disjoint.
#[inline(always)]
pub unsafe fn scale<V: F32Block>(values: *const f32, out: *mut f32, n: usize, sum: f64) {
    let factor = V::splat((1.0 / sum) as f32);
    // SAFETY: by the caller.
    unsafe {
        Scores::new(values, n, &mut Tail::uninit()).map_into::<V>(out, |values| values.mul(factor));
    }
}
