//! fusedmax (Niculae and Blondel 2017; MATH.md section 8.1): sparsemax that draws neighbours together,
//!
//! ```text
//! argmin over the simplex of 1/2 |p - z / T|^2 + lambda sum |p_(i+1) - p_i|
//! ```
//!
//! which is sparsemax of the proximal operator of total variation. Before that, what cannot be in the support leaves. On it
//! p_i = z_i - tau - lambda g with |g| <= 2, and the largest score says tau >= max - 2 lambda - 1: so a score that is 1 +
//! 4 lambda below the maximum has p = 0. Its neighbours are then drawn to 0 for certain, which takes lambda from the score of
//! each; the row falls into pieces. At n = 4096, scores N(0, 1) and lambda = 0.1 that leaves few scores, and a row takes 4 ns an
//! element instead of 24; at lambda = 1 all stay, and it takes 26 (natively; set the floor to -inf to see it).

use super::frame::{self, Frame, Labels, Outcome, Solved, EXCLUDED};
use super::groups::{self, sparsemax};
use super::taut_string::{self, prox_tv, Segments};
use crate::maps::Score;

/// Numbers of scratch: an edge has two.
const fn numbers(n: usize) -> usize {
    let (edges, sparsemax) = (2 * taut_string::room(n), groups::room(n));
    if edges > sparsemax {
        edges
    } else {
        sparsemax
    }
}

/// Bytes of workspace for a row of `n`.
pub const fn fusedmax_workspace(n: usize) -> usize {
    frame::workspace(n, numbers(n))
}

/// fusedmax of x / temperature for lambda >= 0. Groups are the segments; neither bits nor groups depend on what is asked for.
///
/// # Safety
/// As [`frame::solve_grouped`], with a workspace of [`fusedmax_workspace`].
pub unsafe fn fusedmax<T: Score>(
    x: *const T,
    n: usize,
    lambda: f64,
    temperature: f64,
    out: *mut T,
    labels: Labels<T>,
    workspace: *mut u8,
) -> Outcome {
    let memory = (workspace, numbers(n));
    // SAFETY: passed on.
    unsafe {
        frame::solve_grouped(x, n, temperature, out, labels, memory, |frame| {
            solve(frame, lambda)
        })
    }
}

/// Scores to probabilities.
#[inline(never)]
fn solve(frame: Frame, lambda: f64) -> Solved {
    let Frame {
        row,
        groups,
        rates,
        work,
        ..
    } = frame;
    let n = row.len();
    let floor = -1.0 - 4.0 * lambda;
    let mut lowest = 0.0;
    for score in row.iter_mut() {
        if *score <= floor {
            *score = f64::NEG_INFINITY;
        } else if *score < lowest {
            lowest = *score;
        }
    }
    // Above n / 4 times the range every row is constant. Where anything has left, lambda is below that already.
    let lambda = lambda.min(1.0 - lowest * n as f64);
    let is_out = |row: &[f64], j: usize| row.get(j).is_none_or(|&score| score == f64::NEG_INFINITY);
    let mut start = 0;
    while start < n {
        if is_out(row, start) {
            start += 1;
            continue;
        }
        let mut end = start + 1;
        while !is_out(row, end) {
            end += 1;
        }
        // Whether a neighbour is there, and 0.
        let beyond = |j: Option<usize>| match j.and_then(|j| groups.get(j)) {
            Some(&group) if group != EXCLUDED => -1.0,
            _ => 0.0,
        };
        let ends = (beyond(start.checked_sub(1)), beyond(Some(end)));
        let (Some(row), Some(groups)) = (row.get_mut(start..end), groups.get_mut(start..end))
        else {
            break;
        };
        let segments = Segments {
            row,
            groups,
            rates: rates.get_mut(start..end).unwrap_or_default(),
            first: start as u32,
            lambda,
            ends,
        };
        // SAFETY: the scratch has room for the edges of a whole row, and f64 is as aligned as an edge.
        unsafe { prox_tv(segments, work.as_mut_ptr().cast()) };
        start = end;
    }
    sparsemax(row, work)
}
