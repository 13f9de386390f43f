//! Batches of rows of these maps: from the layout [outer, n, inner] to one contiguous row and back, as in `maps::rows`.
//!
//! Rows that are strided or masked are solved where they are staged; groups and rates have stages beside them.

use super::constrained::{constrained, constrained_workspace};
use super::frame::{Entry, Labels, Outcome};
use super::fusedmax::{fusedmax, fusedmax_workspace};
use super::map;
use super::normmax::{normmax, normmax_workspace};
use super::oscarmax::{oscarmax, oscarmax_workspace};
use super::tvmax::{tvmax, tvmax_workspace};
use crate::maps::rows::fill;
use crate::maps::staging::{pitch, tile_bytes, tile_rows, transpose};
use crate::maps::{RowBatch, Score};
use crate::status::Status;
use core::ops::Range;

/// Where results go, in the layout of x.
pub struct Results<T> {
    /// Equals x or is disjoint from it.
    pub out: *mut T,
    /// Of the maps with groups only; null where they are not wanted.
    pub groups: *mut u32,
    pub rates: *mut T,
}

/// What is staged: x, bounds and rates are of the scores' type, groups never longer.
const TILES: usize = 4;

/// Bytes of one caller's workspace for rows of `n`, for any map but TVmax.
pub fn workspace<T: Score>(n: usize, inner: usize) -> usize {
    let rows = fusedmax_workspace(n).max(oscarmax_workspace(n));
    let rows = rows.max(normmax_workspace(n)).max(constrained_workspace(n));
    TILES * tile_bytes::<T>(n, inner.max(1)) + rows
}

/// The same for grids of `n` pixels.
pub fn grid_workspace<T: Score>(n: usize, inner: usize) -> usize {
    TILES * tile_bytes::<T>(n, inner.max(1)) + tvmax_workspace(n)
}

/// Whether a row may be solved with it.
fn is_valid(which: u32, parameter: f64) -> bool {
    match which {
        map::NORMMAX => parameter > 0.0,
        map::FUSEDMAX..=map::TVMAX => (0.0..f64::INFINITY).contains(&parameter),
        _ => false,
    }
}

/// Whether all of `rows` may be solved with their parameters.
///
/// # Safety
/// `parameters` is readable at the indices of `rows` times the stride.
pub unsafe fn are_valid(
    which: u32,
    rows: Range<usize>,
    (parameters, stride): (*const f64, usize),
) -> bool {
    // SAFETY: by the caller.
    rows.into_iter()
        .all(|r| is_valid(which, unsafe { *parameters.add(r * stride) }))
}

/// Where a row lies, or is staged; null of null.
fn place<T>(array: *mut T, base: usize, (tile, staged): (*mut T, Option<usize>)) -> *mut T {
    match staged {
        _ if array.is_null() => array,
        Some(skip) => tile.wrapping_add(skip),
        None => array.wrapping_add(base),
    }
}

/// The map of each row of `rows`; of TVmax each is a grid of that width.
///
/// # Safety
/// `batch` describes readable memory, with a map of [`map`]; `results` is writable at the indices of `rows`, `out` is x itself or
/// disjoint from it, everything else disjoint; `workspace` is 64-aligned, disjoint from all and as long as [`workspace`] or [`grid_workspace`]
/// says.
pub unsafe fn row_map<T: Entry>(
    batch: &RowBatch<T>,
    rows: Range<usize>,
    width_of_grid: usize,
    results: &Results<T>,
    workspace: *mut u8,
) -> Status {
    // inner is never 0; saying so keeps the division's panic out of the module.
    let (n, inner) = (batch.n, batch.inner.max(1));
    let (pitch, size) = (pitch(n), tile_bytes::<T>(n, inner));
    let tile = |which: usize| workspace.wrapping_add(which * size);
    let (scores, bounds, rates): (*mut T, *mut T, *mut T) =
        (tile(0).cast(), tile(1).cast(), tile(2).cast());
    let (groups, memory): (*mut u32, *mut u8) = (tile(3).cast(), tile(TILES));
    let mut status = Status::Ok;
    // SAFETY: by the caller; tiles and memory are disjoint parts of the workspace.
    unsafe {
        if !are_valid(
            batch.map,
            rows.clone(),
            (batch.parameter, batch.parameter_stride),
        ) {
            return Status::InvalidParameter;
        }
        if batch.upper.is_null() {
            fill(bounds, n, T::from_f64(1.0));
        }
        let mut first = rows.start;
        while first < rows.end {
            let (base, column) = batch.place(first);
            let width = tile_rows::<T>(n, inner)
                .min(inner - column)
                .min(rows.end - first);
            let is_staged = inner > 1 || !batch.mask.is_null();
            if is_staged {
                batch.gather(first, width, scores);
            }
            if inner > 1 && !batch.upper.is_null() {
                transpose(batch.upper.add(base), inner, bounds, pitch, n, width);
            }
            for k in 0..width {
                let skip = k * pitch;
                let x = if is_staged {
                    scores.add(skip).cast_const()
                } else {
                    batch.x.add(base)
                };
                let staged = if inner > 1 { Some(skip) } else { None };
                let out = place(results.out, base, (scores, staged));
                let labels = Labels {
                    groups: place(results.groups, base, (groups, staged)),
                    rates: place(results.rates, base, (rates, staged)),
                };
                let upper = if batch.upper.is_null() {
                    bounds
                } else {
                    place(batch.upper.cast_mut(), base, (bounds, staged))
                };
                let (parameter, temperature) = (batch.parameter(first + k), batch.temperature);
                let outcome = match batch.map {
                    map::FUSEDMAX => fusedmax(x, n, parameter, temperature, out, labels, memory),
                    map::OSCARMAX | map::OSCARMAX_PUBLISHED => {
                        let is_published = batch.map == map::OSCARMAX_PUBLISHED;
                        oscarmax(
                            x,
                            n,
                            parameter,
                            is_published,
                            temperature,
                            out,
                            labels,
                            memory,
                        )
                    }
                    map::TVMAX => {
                        let shape = (n / width_of_grid.max(1), width_of_grid);
                        tvmax(x, shape, parameter, temperature, out, labels, memory)
                    }
                    map::NORMMAX => normmax(x, n, parameter, temperature, out, memory),
                    _ => constrained(x, upper, n, parameter, temperature, out, memory),
                };
                match outcome {
                    Outcome::Solved(solved) if !solved.converged => status = Status::NotConverged,
                    Outcome::Empty if batch.empty_row_is_nan => fill(out, n, T::NAN),
                    Outcome::Infeasible => return Status::InvalidParameter,
                    _ => {}
                }
            }
            if inner > 1 {
                transpose(scores, pitch, results.out.add(base), inner, width, n);
                if !results.groups.is_null() {
                    transpose(groups, pitch, results.groups.add(base), inner, width, n);
                }
                if !results.rates.is_null() {
                    transpose(rates, pitch, results.rates.add(base), inner, width, n);
                }
            }
            first += width;
        }
    }
    status
}
