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
        // Not by a call, which is a tenth of a short row.
        let factor = V::splat((1.0 / V::total(sums)) as f32);
        Scores::new(out, row.len, &mut Tail::uninit())
            .map_into::<V>(out, |values| values.mul(factor));
    }
}

/// Writes `n` values divided by their sum.
///
/// # Safety
/// As [`multiply`].
#[inline(always)]
pub unsafe fn scale<V: F32Block>(values: *const f32, out: *mut f32, n: usize, sum: f64) {
    // SAFETY: passed on.
    unsafe { multiply::<V>(values, out, n, (1.0 / sum) as f32) };
}

/// Writes `n` values times a factor.
///
/// # Safety
/// `values` is readable and `out` writable for `n` floats, equal or disjoint.
#[inline(never)]
pub unsafe fn multiply<V: F32Block>(values: *const f32, out: *mut f32, n: usize, factor: f32) {
    let factor = V::splat(factor);
    // SAFETY: by the caller.
    unsafe {
        Scores::new(values, n, &mut Tail::uninit()).map_into::<V>(out, |values| values.mul(factor));
    }
}
