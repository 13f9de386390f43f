//! The pullback of the constrained entmax (MATH.md section 7.2): free entries, 0 < p < u, share what the mass gives and takes like
//! those of entmax; entries at their bounds move with these, and the free ones make room.

use crate::gradients::rows::Row;
use crate::gradients::support::Support;
use crate::gradients::tsallis::Terms;

/// dx and dupper (either may be null) of a row; returns <v, dp/dalpha>.
///
/// # Safety
/// As [`Row`] says, with the bounds in `upper`; null for ones.
#[inline(never)]
pub unsafe fn pull_back(row: &Row, e: f64, temperature: f64) -> f64 {
    // SAFETY: by the caller; what is read of p and v is in the list before anything is written.
    unsafe {
        let list = Support::gather(row);
        // Free entries to the front.
        let (mut free, mut total) = (0, 0.0);
        for k in 0..list.len {
            let p = *list.p.add(k);
            total += p + *list.v.add(k);
            let bound = if row.upper.is_null() {
                1.0
            } else {
                row.upper.get(*list.indices.add(k) as usize)
            };
            if p < bound {
                core::ptr::swap(list.p.add(k), list.p.add(free));
                core::ptr::swap(list.v.add(k), list.v.add(free));
                core::ptr::swap(list.indices.add(k), list.indices.add(free));
                free += 1;
            }
        }
        let (mut w_sum, mut g_sum, mut s_sum, mut g_v, mut w_v) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for k in 0..free {
            let (p, v) = (*list.p.add(k), *list.v.add(k) - *list.v);
            let terms = Terms::new(p, e);
            let g = p + e * terms.h;
            (g_sum, w_sum, s_sum) = (g_sum + g, w_sum + terms.w, s_sum + terms.s);
            (g_v, w_v) = (g_v + g * v, w_v + terms.w * v);
        }
        let moving = Support { len: free, ..list };
        let mean = if total.is_finite() {
            moving.pull_back(e, temperature)
        } else {
            None
        };
        row.dx.fill(row.n, mean.is_none());
        row.dupper.fill(row.n, mean.is_none());
        let Some(mean) = mean else { return f64::NAN };
        moving.scatter(list.v, row.dx);
        for k in free..if row.dupper.is_null() { 0 } else { list.len } {
            row.dupper
                .set(*list.indices.add(k) as usize, *list.v.add(k) - mean);
        }
        // As `gradients::support::by_alpha`: what the mass gives and takes stays among the free.
        if w_sum == 0.0 {
            0.0
        } else {
            (w_sum / s_sum) * (g_v - g_sum * (w_v / w_sum))
        }
    }
}
