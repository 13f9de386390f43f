//! Batches of rows of these maps: from the layout [outer, n, inner] to one contiguous row and back, as in `maps::rows`.
//!
//! Rows that are strided or masked are solved where they are staged; groups and rates have stages beside them. Sparse results are
//! in `sparse`.

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

/// The parts of a workspace: a tile for each array that is staged, and behind them the map's own.
pub(super) struct Parts<T> {
    pub scores: *mut T,
    pub bounds: *mut T,
    pub rates: *mut T,
    pub groups: *mut u32,
    pub memory: *mut u8,
}

impl<T> Parts<T> {
    #[inline(always)]
    pub fn of(workspace: *mut u8, n: usize, inner: usize) -> Parts<T> {
        let size = tile_bytes::<T>(n, inner);
        let tile = |which: usize| workspace.wrapping_add(which * size);
        Parts {
            scores: tile(0).cast(),
            bounds: tile(1).cast(),
            rates: tile(2).cast(),
            groups: tile(3).cast(),
            memory: tile(TILES),
        }
    }
}

/// Row r of a batch, contiguous: where it lies, or in its tile.
pub(super) struct Row<T> {
    pub r: usize,
    pub x: *const T,
    pub upper: *const T,
    /// Where it begins in the layout, and how far into its tile; None where results need no tile.
    base: usize,
    staged: Option<usize>,
}

impl<T> Row<T> {
    /// Where the row of a result lies, or is staged; null of null.
    #[inline(always)]
    fn place<U>(&self, array: *mut U, tile: *mut U) -> *mut U {
        match self.staged {
            _ if array.is_null() => array,
            Some(skip) => tile.wrapping_add(skip),
            None => array.wrapping_add(self.base),
        }
    }
}

/// Hands each row to `solve`, and whole tiles of strided rows to `finish`, with where they begin and how many rows they have.
///
/// # Safety
/// `batch` describes readable memory; `parts` are as long as [`workspace`] says.
#[inline(never)]
pub(super) unsafe fn each<T: Score>(
    batch: &RowBatch<T>,
    rows: Range<usize>,
    parts: &Parts<T>,
    solve: &dyn Fn(&Row<T>) -> Outcome,
    finish: &dyn Fn(usize, usize),
) -> Status {
    // inner is never 0; saying so keeps the division's panic out of the module.
    let (n, inner) = (batch.n, batch.inner.max(1));
    let pitch = pitch(n);
    let mut status = Status::Ok;
    // SAFETY: by the caller.
    unsafe {
        if !are_valid(
            batch.map,
            rows.clone(),
            (batch.parameter, batch.parameter_stride),
        ) {
            return Status::InvalidParameter;
        }
        let upper_is_own = !batch.upper.is_null() && !batch.upper_is_shared;
        let mut shared = batch.upper;
        if batch.upper.is_null() {
            fill(parts.bounds, n, T::from_f64(1.0));
            shared = parts.bounds;
        }
        let mut first = rows.start;
        while first < rows.end {
            let (base, column) = batch.place(first);
            let width = tile_rows::<T>(n, inner)
                .min(inner - column)
                .min(rows.end - first);
            let is_staged = inner > 1 || !batch.mask.is_null();
            if is_staged {
                batch.gather(first, width, parts.scores);
            }
            if inner > 1 && upper_is_own {
                transpose(batch.upper.add(base), inner, parts.bounds, pitch, n, width);
            }
            for k in 0..width {
                let skip = k * pitch;
                let x = if is_staged {
                    parts.scores.add(skip).cast_const()
                } else {
                    batch.x.add(base)
                };
                let mut row = Row {
                    r: first + k,
                    x,
                    upper: shared,
                    base,
                    staged: if inner > 1 { Some(skip) } else { None },
                };
                if upper_is_own {
                    row.upper = row.place(batch.upper.cast_mut(), parts.bounds);
                }
                match solve(&row) {
                    Outcome::Solved(solved) if !solved.converged => status = Status::NotConverged,
                    Outcome::Infeasible => return Status::InvalidParameter,
                    _ => {}
                }
            }
            if inner > 1 {
                finish(base, width);
            }
            first += width;
        }
    }
    status
}

/// The map of one row into `out`; of TVmax it is a grid of that width.
///
/// # Safety
/// The row is one of the batch; `out` is its x or disjoint from it, with room for n, and so are `labels`; `memory` is as long as the
/// map asks for.
#[inline(never)]
pub(super) unsafe fn solve_row<T: Entry>(
    batch: &RowBatch<T>,
    row: &Row<T>,
    width_of_grid: usize,
    (out, labels): (*mut T, Labels<T>),
    memory: *mut u8,
) -> Outcome {
    let (n, x, temperature) = (batch.n, row.x, batch.temperature);
    // SAFETY: by the caller.
    unsafe {
        let parameter = batch.parameter(row.r);
        match batch.map {
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
            _ => constrained(x, row.upper, n, parameter, temperature, out, memory),
        }
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
    let (n, inner) = (batch.n, batch.inner.max(1));
    let parts = Parts::of(workspace, n, inner);
    // SAFETY: by the caller; tiles and memory are disjoint parts of the workspace.
    unsafe {
        let solve = |row: &Row<T>| {
            let out = row.place(results.out, parts.scores);
            let labels = Labels {
                groups: row.place(results.groups, parts.groups),
                rates: row.place(results.rates, parts.rates),
            };
            let outcome = solve_row(batch, row, width_of_grid, (out, labels), parts.memory);
            if outcome == Outcome::Empty && batch.empty_row_is_nan {
                fill(out, n, T::NAN);
            }
            outcome
        };
        let finish = |base: usize, width: usize| {
            let pitch = pitch(n);
            transpose(parts.scores, pitch, results.out.add(base), inner, width, n);
            if !results.groups.is_null() {
                transpose(
                    parts.groups,
                    pitch,
                    results.groups.add(base),
                    inner,
                    width,
                    n,
                );
            }
            if !results.rates.is_null() {
                transpose(parts.rates, pitch, results.rates.add(base), inner, width, n);
            }
        };
        each(batch, rows, &parts, &solve, &finish)
    }
}
