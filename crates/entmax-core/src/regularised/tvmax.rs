//! TVmax (Martins et al. 2021; MATH.md section 8.2): fusedmax on a grid, whose neighbours are those beside and below,
//!
//! ```text
//! argmin over the simplex of 1/2 |p - z / T|^2 + lambda sum over neighbours |p_i - p_j|
//! ```
//!
//! which is sparsemax of the proximal operator of `grid`. As in `fusedmax`, first leaves what cannot be in the support: with four
//! neighbours, scores that are 1 + 8 lambda below the maximum, each of which takes lambda from its neighbours.

use super::frame::{self, Frame, Labels, Outcome, Solved, EXCLUDED};
use super::grid::{self, Grid};
use super::groups::{self, sparsemax};
use crate::maps::Score;

/// Numbers of scratch.
const fn numbers(n: usize) -> usize {
    let (grid, sparsemax) = (grid::room(n), groups::room(n));
    if grid > sparsemax {
        grid
    } else {
        sparsemax
    }
}

/// Bytes of workspace for a grid of `n` pixels.
pub const fn tvmax_workspace(n: usize) -> usize {
    frame::workspace(n, numbers(n))
}

/// TVmax of x / temperature for lambda >= 0, on a grid of height and width, row by row. Groups are the regions.
///
/// # Safety
/// As [`frame::solve_grouped`] for n = height width, with a workspace of [`tvmax_workspace`].
pub unsafe fn tvmax<T: Score>(
    x: *const T,
    shape: (usize, usize),
    lambda: f64,
    temperature: f64,
    out: *mut T,
    labels: Labels<T>,
    workspace: *mut u8,
) -> Outcome {
    let n = shape.0 * shape.1;
    let memory = (workspace, numbers(n));
    // SAFETY: passed on.
    unsafe {
        frame::solve_grouped(x, n, temperature, out, labels, memory, &|frame| {
            solve(frame, shape, lambda)
        })
    }
}

/// Scores to probabilities.
#[inline(never)]
fn solve(frame: Frame, (height, width): (usize, usize), lambda: f64) -> Solved {
    let Frame {
        row,
        groups,
        rates,
        work,
        ..
    } = frame;
    let floor = -1.0 - 8.0 * lambda;
    // What is there, and 0 for certain.
    let is_zero = |row: &[f64], pixel: usize| {
        let is_gone = row.get(pixel).is_some_and(|&score| score <= floor);
        is_gone && groups.get(pixel).is_some_and(|&group| group != EXCLUDED)
    };
    let zeros = work.as_mut_ptr();
    for i in 0..height {
        for j in 0..width {
            let pixel = i * width + j;
            let count = [
                j > 0 && is_zero(row, pixel - 1),
                j + 1 < width && is_zero(row, pixel + 1),
                i > 0 && is_zero(row, pixel - width),
                i + 1 < height && is_zero(row, pixel + width),
            ];
            let count = count.into_iter().filter(|&zero| zero).count();
            // SAFETY: the scratch has more than a number for each pixel.
            unsafe { *zeros.add(pixel) = count as f64 };
        }
    }
    for (pixel, score) in row.iter_mut().enumerate() {
        if *score <= floor {
            *score = f64::NEG_INFINITY;
        } else {
            // SAFETY: as above.
            let count = unsafe { *zeros.add(pixel) };
            *score -= lambda * count;
            if let Some(rate) = rates.get_mut(pixel) {
                *rate = -count;
            }
        }
    }
    let mut grid = Grid {
        height,
        width,
        lambda,
        row,
        groups,
        rates,
    };
    // SAFETY: the scratch is as long as the grid asks for.
    let converged = unsafe { grid.prox(work.as_mut_ptr()) };
    let solved = sparsemax(row, work);
    Solved {
        converged: converged && solved.converged,
        ..solved
    }
}
