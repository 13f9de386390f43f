//! The capped simplex on a row of f64: a copy of it in f32 says between which two thresholds tau lies, Newton's method on
//! blocks costing little, and the exact method of `budget` decides the entries that are left. Whether tau came to lie
//! between the two is checked, so that what f32 has rounded costs time at worst.

use super::budget::Problem;
use super::budget_blocks::{Ends, Row};
use super::entmax_f64::EntmaxF64;
use super::kernel::RowKernel;
use super::scan_f32::Scores;
use crate::simd::{Native, LANES};

/// A shorter row goes to the exact method at once.
const SHORTEST: usize = 16;
/// What two numbers and their difference lose in f32, with as much again.
const ROUNDING: f64 = 5e-7;

/// Bytes behind the exact method's: two rows of f32, padded.
const fn copies(n: usize) -> usize {
    2 * (n + LANES) * size_of::<f32>()
}

/// Bytes of scratch.
pub const fn scratch(n: usize) -> usize {
    2 * n * size_of::<f64>() + copies(n)
}

/// As [`RowKernel::budget`]. None too where the budget takes all the bounds or f32 has no digits for the row.
///
/// # Safety
/// As there, with a scratch as long as [`scratch`] says.
pub unsafe fn solve(
    problem: &Problem,
    (x, upper): (*const f64, *const f64),
    at_most: bool,
    out: *mut f64,
    scratch: *mut u8,
) -> Option<f64> {
    let (n, temperature) = (problem.n, problem.temperature);
    if n < SHORTEST {
        return None;
    }
    // SAFETY: by the caller; the copies lie behind what the exact method needs.
    unsafe {
        let max = EntmaxF64::maximum(x, n).filter(|max| max.is_finite())?;
        if at_most && problem.totals().0 <= problem.budget {
            return None;
        }
        let copies: *mut f32 = scratch.add(2 * n * size_of::<f64>()).cast();
        let len = n.next_multiple_of(LANES);
        let scores = copy(x, n, f64::NEG_INFINITY, copies, |score| {
            (score - max) / temperature
        });
        let bounds = if upper.is_null() {
            None
        } else {
            Some(copy(upper, n, 0.0, copies.add(len), |bound| bound))
        };
        let row = Row {
            scores,
            bounds,
            inverse: 1.0,
            temperature: 1.0,
        };
        let mut ends = Ends::below(0.0, problem.budget);
        let start = row.start::<Native>(problem.budget, &mut ends, scratch.cast())?;
        let (mut low, mut high) = (ends.low, ends.high);
        if bounds.is_none() || start.near {
            let bracket = row.newton::<Native>(problem.budget, start.tau, ends, 0.0);
            (low, high) = (bracket.low, bracket.high);
            if bracket.solved && bracket.window > 0.0 {
                low = bracket.tau - bracket.window;
                high = bracket.tau + bracket.window;
            }
        }
        low = max + (low - ROUNDING * (1.0 + low.abs())) * temperature;
        high = max + (high + ROUNDING * (1.0 + high.abs())) * temperature;
        let tau = problem.threshold(low, high, scratch.cast());
        let threshold = tau.rounded();
        if !(low < threshold && threshold < high) {
            return None;
        }
        for j in 0..n {
            *out.add(j) = problem.entry(j, tau);
        }
        Some(threshold)
    }
}

/// A row as f32, padded to whole blocks.
///
/// # Safety
/// `from` is readable for `n` numbers, `to` is writable for as many and a block.
unsafe fn copy(
    from: *const f64,
    n: usize,
    padding: f64,
    to: *mut f32,
    f: impl Fn(f64) -> f64,
) -> Scores {
    let len = n.next_multiple_of(LANES);
    // SAFETY: by the caller.
    unsafe {
        for j in 0..n {
            *to.add(j) = f(*from.add(j)) as f32;
        }
        for j in n..len {
            *to.add(j) = padding as f32;
        }
    }
    Scores::whole(to, len)
}
