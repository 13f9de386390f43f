//! Softmax of a row of f32: maximum, exponentials with their sum, division.
//!
//! Three passes, the second writing exp(x - max) and the third multiplying it by 1 / sum; keeping the
//! exponentials is cheaper than computing them twice. Probabilities below 2^-126 times the sum are zero.

use super::scan_f32::load_scores;
use crate::simd::{exp_log::exp_nonpositive, store_partial, F32Block, LANES};

/// # Safety
/// `x` is readable and `out` writable for `n` floats, equal or disjoint; `max` is the row's, finite.
#[inline(always)]
pub unsafe fn softmax<V: F32Block>(x: *const f32, out: *mut f32, n: usize, max: f32) {
    let shift = V::splat(max);
    let mut sums = V::no_sums();
    let whole = n / LANES * LANES;
    // SAFETY: by the caller; what a block writes it has read before.
    unsafe {
        for from in (0..whole).step_by(LANES) {
            let powers = exp_nonpositive(V::load(x.add(from)).sub(shift));
            powers.sum_into(&mut sums);
            powers.store(out.add(from));
        }
        if whole < n {
            let powers = exp_nonpositive(load_scores::<V>(x, n, whole).sub(shift));
            powers.sum_into(&mut sums);
            store_partial(powers, out.add(whole), n - whole);
        }
        scale::<V>(out, n, V::total(sums));
    }
}

/// Divides `n` values by their sum.
///
/// # Safety
/// `values` is writable for `n` floats.
#[inline(always)]
pub unsafe fn scale<V: F32Block>(values: *mut f32, n: usize, sum: f64) {
    let factor = (1.0 / sum) as f32;
    let whole = n / LANES * LANES;
    // SAFETY: by the caller.
    unsafe {
        for from in (0..whole).step_by(LANES) {
            V::load(values.add(from)).mul(V::splat(factor)).store(values.add(from));
        }
        for j in whole..n {
            *values.add(j) *= factor;
        }
    }
}
