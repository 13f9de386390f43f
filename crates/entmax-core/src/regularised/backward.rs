//! Batches of pullbacks: the walk over the layout is that of `gradients::rows`, the rows are these maps'.

use super::{constrained_backward, groups, map, normmax, rows};
use crate::gradients::rows::{tiles, Batch};
use crate::gradients::support::list_bytes;
use crate::gradients::{Cells, GradientBatch, Row};
use crate::maps::staging::ALIGNMENT;
use crate::maps::Score;
use crate::status::Status;
use core::ops::Range;

/// What the forward kernel wrote beside p, in its layout; null for the maps without groups.
pub struct Saved<T> {
    pub groups: *const u32,
    pub rates: *const T,
}

/// Bytes of scratch of a row: what a pullback needs, and a row of rates and one of groups.
fn scratch(n: usize) -> (usize, usize) {
    let own = groups::backward_scratch(n).max(list_bytes(n).next_multiple_of(ALIGNMENT));
    let labels = n * (size_of::<f64>() + size_of::<u32>());
    (own, own + labels.next_multiple_of(ALIGNMENT))
}

/// Bytes of one caller's workspace.
pub fn workspace<T: Score>(n: usize, inner: usize) -> usize {
    tiles(size_of::<T>() == 8, n, inner) + scratch(n).1
}

/// The gradients of `range`.
///
/// # Safety
/// `batch` describes readable and writable memory, no two of them overlapping except that `dx` may be `dp`; a map with groups has
/// them, and rates unless no gradient by lambda is asked for; `workspace` is 64-aligned, disjoint from all and as long as
/// [`workspace`] says.
#[inline(always)]
pub unsafe fn row_map_backward<T: Score>(
    batch: &GradientBatch<T>,
    saved: &Saved<T>,
    range: Range<usize>,
    workspace: *mut u8,
) -> Status {
    let labels = (saved.groups, Cells::new(saved.rates));
    let shape = (batch.map, batch.n, batch.inner.max(1));
    let parameters = (batch.parameter, batch.parameter_stride);
    // SAFETY: by the caller.
    unsafe {
        if !rows::are_valid(batch.map, range.clone(), parameters) {
            return Status::InvalidParameter;
        }
        all(
            &Batch::new(batch),
            labels,
            shape,
            batch.temperature,
            (range, workspace),
        );
    }
    Status::Ok
}

/// # Safety
/// As [`row_map_backward`].
#[inline(never)]
unsafe fn all(
    batch: &Batch,
    (groups, rates): (*const u32, Cells),
    (which, n, inner): (u32, usize, usize),
    temperature: f64,
    (range, workspace): (Range<usize>, *mut u8),
) {
    let pull_back = |row: &Row, r: usize, parameter: f64| {
        // SAFETY: by the caller; labels of a strided row are gathered behind the scratch of its pullback.
        unsafe {
            match which {
                map::NORMMAX => normmax::pull_back(row, parameter, temperature),
                map::CONSTRAINED => constrained_backward::pull_back(row, parameter, temperature),
                _ => {
                    let base = r / inner * n * inner + r % inner;
                    let labels = if inner == 1 {
                        (groups.add(base), rates.from(base))
                    } else {
                        let place = row.scratch.add(scratch(n).0);
                        gather((groups.add(base), rates.from(base)), inner, n, place)
                    };
                    groups::pull_back(row, labels.0, labels.1, temperature)
                }
            }
        }
    };
    // SAFETY: by the caller.
    unsafe { batch.each(range, workspace, pull_back) };
}

/// Strided labels as contiguous ones, at `place`.
///
/// # Safety
/// Both are readable for a row of `n` with that stride, rates unless null; `place` is writable for a row of each.
unsafe fn gather(
    (groups, rates): (*const u32, Cells),
    stride: usize,
    n: usize,
    place: *mut u8,
) -> (*const u32, Cells) {
    let row_of_rates = if rates.is_null() {
        rates
    } else {
        Cells::tile(place, rates.wide)
    };
    let row_of_groups: *mut u32 = place.wrapping_add(n * size_of::<f64>()).cast();
    for j in 0..n {
        // SAFETY: by the caller.
        unsafe {
            *row_of_groups.add(j) = *groups.add(j * stride);
            if !rates.is_null() {
                row_of_rates.set(j, rates.get(j * stride));
            }
        }
    }
    (row_of_groups, row_of_rates)
}
