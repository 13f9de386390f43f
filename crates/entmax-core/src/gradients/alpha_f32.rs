//! <v, dp/dalpha> of a row of f32 for alpha <= 2, sixteen entries at a time: the sums of `support::by_alpha`, with the
//! logarithm of f32. A logarithm of f64 for each entry would take longer than all else that attention does with it (half
//! of a pullback at alpha = 1.5, n = 2048).

use super::rows::Row;
use super::skewed_f32::Skew;
use super::support;
use super::tsallis_f32::terms;
use crate::simd::{copy_short, F32Block, LANES};

/// # Safety
/// As [`Row`] says, of f32.
#[inline(never)]
pub unsafe fn by_alpha<V: F32Block>(row: &Row, e: f64) -> f64 {
    if e > 1.0 {
        // SAFETY: passed on.
        return unsafe { support::by_alpha(row, e) };
    }
    let n = row.n;
    let (p, v): (*const f32, *const f32) = (row.p.pointer(), row.v.pointer());
    let (skew, zero) = (Skew::new(e), V::splat(0.0));
    let (mut g_sum, mut w_sum, mut s_sum) = (V::no_sums(), V::no_sums(), V::no_sums());
    let (mut g_v, mut w_v) = (V::no_sums(), V::no_sums());
    // SAFETY: blocks of the row, or copies of its tail.
    unsafe {
        let first = row.p.next(0, n);
        if first == n {
            return 0.0;
        }
        let origin = V::splat(*v.add(first));
        for from in (first / LANES * LANES..n).step_by(LANES) {
            let (mut p_tail, mut v_tail) = ([0.0; LANES], [0.0; LANES]);
            let (mut p, mut v) = (p.add(from), v.add(from));
            if from + LANES > n {
                copy_short(p, p_tail.as_mut_ptr(), n - from);
                copy_short(v, v_tail.as_mut_ptr(), n - from);
                (p, v) = (p_tail.as_ptr(), v_tail.as_ptr());
            }
            let p = V::load(p);
            let inside = p.differs(zero);
            if !V::any(inside) {
                continue;
            }
            let v = V::load(v).sub(origin).keep(inside);
            let s = skew.of(p, [0.0; LANES].as_mut_ptr(), false).keep(inside);
            let (h, w) = terms(p, s, e as f32);
            let (g, w) = (h.mul_add(V::splat(e as f32), p), w.keep(inside));
            g.sum_into(&mut g_sum);
            w.sum_into(&mut w_sum);
            s.sum_into(&mut s_sum);
            g.mul(v).sum_into(&mut g_v);
            w.mul(v).sum_into(&mut w_v);
        }
    }
    let w_sum = V::total(w_sum);
    // A NaN passes.
    if w_sum == 0.0 {
        return 0.0;
    }
    let difference = V::total(g_v) - V::total(g_sum) * (V::total(w_v) / w_sum);
    (w_sum / V::total(s_sum)) * difference
}
