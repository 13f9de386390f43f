//! Gradients of the budget maps (MATH.md section 7.1): p = clip(x / T - tau, 0, u) with sum p = B.
//!
//! A = {0 < p < u} moves with the scores, U = {p = u > 0} with the bounds; tau takes the mean of the cotangent over A
//! from both, and hands it to B. Where "at most B" leaves room there is no tau, and the mean is 0.

use super::rows::Row;
use super::support::Support;
use crate::maps::map;

/// Less than this part of B means that "at most B" does not bind.
const SLACK: f64 = 1e-6;

/// dx and dupper (either may be null) of a row; returns dB.
///
/// # Safety
/// As [`Row`] says.
#[inline(never)]
pub unsafe fn pull_back(row: &Row, which: u32, budget: f64, temperature: f64) -> f64 {
    let (mut sum, mut free, mut free_v) = (0.0, 0usize, 0.0);
    // SAFETY: by the caller; what is read of p and v is in the list before anything is written.
    unsafe {
        let list = Support::gather(row);
        let is_free = |k: usize| {
            let upper = if row.upper.is_null() {
                1.0
            } else {
                row.upper.get(*list.indices.add(k) as usize)
            };
            *list.p.add(k) < upper
        };
        for k in 0..list.len {
            sum += *list.p.add(k);
            if is_free(k) {
                free += 1;
                free_v += *list.v.add(k);
            }
        }
        let is_nan = !(sum + free_v).is_finite();
        row.dx.fill(row.n, is_nan);
        row.dupper.fill(row.n, is_nan);
        if is_nan {
            return f64::NAN;
        }
        let loose = which == map::BUDGET_AT_MOST && sum < budget * (1.0 - SLACK);
        let mean = if free == 0 || loose {
            0.0
        } else {
            free_v / free as f64
        };
        // p gives its place to the bounds' gradient, v to that of the scores.
        for k in 0..list.len {
            let gradient = *list.v.add(k) - mean;
            let (to_x, to_upper) = if is_free(k) {
                (gradient / temperature, 0.0)
            } else {
                (0.0, gradient)
            };
            *list.p.add(k) = to_upper;
            *list.v.add(k) = to_x;
        }
        list.scatter(list.v, row.dx);
        list.scatter(list.p, row.dupper);
        mean
    }
}
