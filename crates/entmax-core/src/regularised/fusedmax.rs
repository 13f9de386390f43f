//! fusedmax (Niculae and Blondel 2017; MATH.md section 8.1): sparsemax that draws neighbours together,
//!
//! ```text
//! argmin over the simplex of 1/2 |p - z / T|^2 + lambda sum |p_(i+1) - p_i|
//! ```
//!
//! which is sparsemax of the proximal operator of total variation. Before that, what cannot be in the support leaves. On it
//! p_i = z_i - tau - lambda g with |g| <= 2, and the largest score says tau >= max - 2 lambda - 1: so a score that is 1 +
//! 4 lambda below the maximum has p = 0. Its neighbours are then drawn to 0 for certain, which takes lambda from the score of
//! each; the row falls into pieces. At n = 4096, scores N(0, 1) and lambda = 0.1 that leaves few scores; at lambda = 1
//! all stay, and a row takes ten times as long.

use super::frame::{Entry, Labels, Outcome, Solved};
use super::groups::{self, sparsemax};
use super::near::{self, NearFrame};
use super::taut_string::{self, prox_tv, Segments};

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
    near::solve_workspace(n, numbers(n))
}

/// fusedmax of x / temperature for lambda >= 0. Groups are the segments; neither bits nor groups depend on what is asked for.
///
/// # Safety
/// As [`super::frame::solve_grouped`], with a workspace of [`fusedmax_workspace`].
pub unsafe fn fusedmax<T: Entry>(
    x: *const T,
    n: usize,
    lambda: f64,
    temperature: f64,
    out: *mut T,
    labels: Labels<T>,
    workspace: *mut u8,
) -> Outcome {
    let reach = 1.0 + 4.0 * lambda;
    let memory = (workspace, numbers(n));
    // SAFETY: passed on.
    unsafe {
        near::solve(
            (x, n),
            (temperature, reach),
            out,
            labels,
            memory,
            &|near, counts| solve(near, lambda, n, counts),
        )
    }
}

/// Scores to probabilities.
#[inline(never)]
fn solve(near: NearFrame, lambda: f64, n: usize, counts: &dyn Fn(usize) -> bool) -> Solved {
    let NearFrame {
        row,
        places,
        groups,
        rates,
        work,
    } = near;
    let lambda = if lambda > 1.0 {
        let lowest = row
            .iter()
            .fold(0.0, |least, &u| if u < least { u } else { least });
        // Above n / 4 times the range every row is constant. Where anything has left, lambda is below that already.
        lambda.min(1.0 - lowest * n as f64)
    } else {
        lambda
    };
    // Whether a neighbour is there, and drawn to 0.
    let beyond = |place: usize| if counts(place) { -1.0 } else { 0.0 };
    let mut start = 0;
    while let Some(&first) = places.get(start) {
        let mut end = start + 1;
        // Where nothing has left in between, there is nothing to look for.
        if places
            .last()
            .is_some_and(|&last| (last - first) as usize + 1 == places.len() - start)
        {
            end = places.len();
        }
        while places
            .get(end)
            .is_some_and(|&place| place as usize == first as usize + end - start)
        {
            end += 1;
        }
        // Before the first place comes a number that is none.
        let ends = (
            beyond((first as usize).wrapping_sub(1)),
            beyond(first as usize + end - start),
        );
        let (Some(row), Some(groups)) = (row.get_mut(start..end), groups.get_mut(start..end))
        else {
            break;
        };
        let segments = Segments {
            row,
            groups,
            rates: rates.get_mut(start..end).unwrap_or_default(),
            first,
            lambda,
            ends,
        };
        // SAFETY: the scratch has room for the edges of a whole row, and f64 is as aligned as an edge.
        unsafe { prox_tv(segments, work.as_mut_ptr().cast()) };
        start = end;
    }
    sparsemax(row, work)
}
