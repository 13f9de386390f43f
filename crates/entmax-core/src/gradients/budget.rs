//! Gradients of the budget maps (MATH.md section 7.1): p = clip(x / T - tau, 0, u) with sum p = B.
//!
//! A = {0 < p < u} moves with the scores, U = {p = u > 0} with the bounds; tau takes the mean of the cotangent over A
//! from both, and hands it to B. Where "at most B" leaves room there is no tau, and the mean is 0.

use super::rows::Row;
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
    // SAFETY: indices below n; each entry is read before it is written.
    unsafe {
        let entry = |j: usize| {
            let p = row.p.get(j);
            let upper = if row.upper.is_null() {
                1.0
            } else {
                row.upper.get(j)
            };
            (p, p > 0.0 && p < upper, row.v.get(j))
        };
        for j in 0..row.n {
            let (p, inside, v) = entry(j);
            sum += p;
            if inside {
                free += 1;
                free_v += v;
            }
        }
        if !(sum + free_v).is_finite() {
            row.dx.fill(row.n, true);
            row.dupper.fill(row.n, true);
            return f64::NAN;
        }
        let loose = which == map::BUDGET_AT_MOST && sum < budget * (1.0 - SLACK);
        let mean = if free == 0 || loose {
            0.0
        } else {
            free_v / free as f64
        };
        for j in 0..row.n {
            let (p, inside, v) = entry(j);
            let gradient = v - mean;
            if !row.dx.is_null() {
                row.dx
                    .set(j, if inside { gradient / temperature } else { 0.0 });
            }
            if !row.dupper.is_null() {
                let capped = p > 0.0 && !inside;
                row.dupper.set(j, if capped { gradient } else { 0.0 });
            }
        }
        mean
    }
}
