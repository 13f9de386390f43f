//! The supports of a batch of rows: sizes and thresholds, or these with the entries, as `maps::csr` writes them. A row is solved
//! as for the dense result, so both agree bit for bit.
//!
//! Of normmax and the constrained maps a threshold is the score up to which p = 0, moved to where p as stored says so. No score
//! tells the support of the maps with groups: there it is that of the sparsemax which they end in, y_i - threshold / T being p_i where
//! y are the scores that the step before it has joined.

use super::frame::{Entry, Labels, Outcome, WIDEST};
use super::map;
use super::rows::{each, solve_row, Parts, Row};
use crate::maps::kernels::{finish_support, write_entries, List, Outcome as Mapped, Solved};
use crate::maps::{Results, RowBatch, Score};
use crate::status::Status;
use core::ops::Range;

/// The supports of `rows`; of TVmax each is a grid of that width.
///
/// # Safety
/// As [`super::rows::row_map`], with results of one of the sparse forms of [`Results`].
pub unsafe fn row_map_sparse<T: Entry>(
    batch: &RowBatch<T>,
    rows: Range<usize>,
    width_of_grid: usize,
    results: &Results<T>,
    workspace: *mut u8,
) -> Status {
    let n = batch.n;
    let parts = Parts::of(workspace, n, batch.inner.max(1));
    // SAFETY: by the caller; the tile of rates has room for a row.
    unsafe {
        let solve = |row: &Row<T>| {
            let p = if results.values.is_null() {
                parts.rates
            } else {
                results.values.add(row.r * n)
            };
            let places = (p, Labels::NONE);
            let outcome = solve_row(batch, row, width_of_grid, places, parts.memory);
            let upper = if batch.upper.is_null() {
                batch.upper
            } else {
                row.upper
            };
            let (mapped, list) = (as_mapped(outcome, batch.map), List::NONE);
            let threshold = results.thresholds.add(row.r);
            let size = finish_support(batch, mapped, row.x, p, &list, upper, threshold);
            if !results.values.is_null() {
                write_entries(mapped, &list, (n, size), (results, row.r));
            }
            *results.sizes.add(row.r) = size as i32;
            match outcome {
                Outcome::Solved(solved) if has_groups(batch.map) => {
                    let mut cutoff = solved.threshold;
                    if batch.map == map::OSCARMAX {
                        // What all scores lose alike.
                        let others =
                            (0..n).filter(|&j| *row.x.add(j) > T::NEG_INFINITY).count() - 1;
                        cutoff -= batch.parameter(row.r).min(WIDEST) * others as f64;
                    }
                    *threshold = T::from_f64(largest(row.x, n) + cutoff * batch.temperature);
                }
                _ => {}
            }
            outcome
        };
        each(batch, rows, &parts, &solve, &|_, _| {})
    }
}

fn has_groups(which: u32) -> bool {
    which != map::NORMMAX && which != map::CONSTRAINED
}

/// What the row functions of `maps` call it.
fn as_mapped(outcome: Outcome, which: u32) -> Mapped {
    match outcome {
        Outcome::Solved(solved) if which == map::CONSTRAINED => Solved::at(solved.threshold),
        Outcome::Solved(solved) => Solved::unrestricted(solved.threshold, solved.converged),
        // Scores of +inf, and no others.
        Outcome::Infinite => Solved::unrestricted(0.0, true),
        Outcome::NotANumber => Mapped::NotANumber,
        Outcome::Empty | Outcome::Infeasible => Mapped::Empty,
    }
}

/// # Safety
/// `x` is readable for `n` scores, of which none is NaN.
unsafe fn largest<T: Score>(x: *const T, n: usize) -> f64 {
    let mut largest = T::NEG_INFINITY;
    for j in 0..n {
        // SAFETY: j < n.
        let score = unsafe { *x.add(j) };
        largest = if score > largest { score } else { largest };
    }
    largest.to_f64()
}
