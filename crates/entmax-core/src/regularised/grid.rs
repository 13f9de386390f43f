//! The proximal operator of total variation on a grid (MATH.md section 8.2), all or some of whose pixels are there:
//!
//! ```text
//! y = argmin 1/2 |y - z|^2 + lambda sum over neighbours |y_i - y_j|
//! ```
//!
//! Rows alone, or columns alone, are lines (`taut_string`). With a and b the dual variables of both, y = z - a - b; each is found
//! exactly from the other, and the steps of b are accelerated (Chambolle and Pock 2015), from anew where the momentum
//! points uphill. That alone converges slowly in its last digits. But its segments tell the *regions* of equal y long before:
//! what rows or columns join. The values that these regions then have are known exactly, and the duality gap of those values
//! bounds their error, |y - y*|^2 <= 2 gap. So iterations end with the exact y, mostly after 5 to 20 of them.
//!
//! The gap is a sum of terms that are never negative, one for each pixel and edge, so it is small where it is.
//! Tried: Dykstra's alternation (plain steps of b) and Douglas-Rachford splitting, which take 2 to 10 times as many iterations
//! until the regions are right, and hundreds to prove it.

use super::taut_string::{self, prox_tv, Edge, Segments};

/// The gap that is small enough, in units of the square of the range of z, or of 1, which is what probabilities sum to: an error of
/// at most 1e-8 of that, and where the regions are right, of rounding.
const SMALL: f64 = 5e-17;
/// The gap, in the same units, that is small enough at the end.
const ACCEPTABLE: f64 = 5e-13;
/// Added to that unit: scores this much larger than their range leave no more of it.
const ROUNDED: f64 = 1e-5;
const STEPS: usize = 2000;
/// What rounding does to the sums of a dual variable along a line, in units of lambda and the range.
pub(super) const fn rounding(len: usize) -> f64 {
    1e-13 + 4e-15 * len as f64
}

/// Pixels row by row, those of -inf not there.
pub struct Grid<'a> {
    pub height: usize,
    pub width: usize,
    pub lambda: f64,
    /// z; then y.
    pub row: &'a mut [f64],
    /// The first pixel of the region of each that is there.
    pub groups: &'a mut [u32],
    /// dy/dlambda as far as it comes from neighbours that are there: added to what stands here already; or empty.
    pub rates: &'a mut [f64],
}

/// A row of pixels, or a column, that are all there and at least two.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Run {
    pub(super) start: u32,
    pub(super) len: u32,
}

/// Numbers of scratch for a grid of `n` pixels.
pub const fn room(n: usize) -> usize {
    ARRAYS * n
}

/// Fourteen of numbers and labels, and for lines their edges, values and labels.
const ARRAYS: usize = 14 + 2 * taut_string::room(1) + 2;

/// The scratch: a number for each pixel, unless something else is said.
pub(super) struct Scratch<'a> {
    pub(super) z: &'a mut [f64],
    /// b as it is extrapolated, as it is, and as it was.
    pub(super) ahead: &'a mut [f64],
    pub(super) b: &'a mut [f64],
    pub(super) last: &'a mut [f64],
    pub(super) a: &'a mut [f64],
    /// What rows, and then columns, make of z - b.
    pub(super) by_rows: &'a mut [f64],
    pub(super) by_columns: &'a mut [f64],
    /// The dual variable of each edge to the right, and down.
    pub(super) right: &'a mut [f64],
    pub(super) down: &'a mut [f64],
    /// Of regions: sums and counts, at their first pixel.
    pub(super) sums: &'a mut [f64],
    pub(super) counts: &'a mut [f64],
    pub(super) row_groups: &'a mut [u32],
    pub(super) column_groups: &'a mut [u32],
    pub(super) runs: &'a mut [Run],
    pub(super) line: &'a mut [f64],
    pub(super) line_groups: &'a mut [u32],
    pub(super) edges: *mut Edge,
}

impl<'a> Scratch<'a> {
    /// # Safety
    /// `work` is writable for [`room`] numbers, for as long as the scratch is used.
    unsafe fn new(work: *mut f64, n: usize) -> Scratch<'a> {
        // SAFETY: disjoint parts; any bits are numbers.
        unsafe {
            // Where pixels are not there, or have no neighbour, these stay 0; the others are written before they are read.
            core::ptr::write_bytes(work, 0, 9 * n);
            let numbers = |part: usize| core::slice::from_raw_parts_mut(work.add(part * n), n);
            let labels = |part: usize, half: usize| {
                let at: *mut u32 = work.add(part * n).cast();
                core::slice::from_raw_parts_mut(at.add(half * n), n)
            };
            Scratch {
                z: numbers(0),
                ahead: numbers(1),
                b: numbers(2),
                last: numbers(3),
                a: numbers(4),
                by_rows: numbers(5),
                by_columns: numbers(6),
                right: numbers(7),
                down: numbers(8),
                sums: numbers(9),
                counts: numbers(10),
                row_groups: labels(11, 0),
                column_groups: labels(11, 1),
                runs: core::slice::from_raw_parts_mut(work.add(12 * n).cast(), n),
                line: numbers(13),
                line_groups: labels(14, 0),
                edges: work.add(15 * n).cast(),
            }
        }
    }
}

#[inline(always)]
pub(super) fn at<T: Copy + Default>(values: &[T], index: usize) -> T {
    values.get(index).copied().unwrap_or_default()
}

#[inline(always)]
pub(super) fn add(values: &mut [f64], index: usize, value: f64) {
    if let Some(place) = values.get_mut(index) {
        *place += value;
    }
}

pub(super) fn is_there(score: f64) -> bool {
    score > f64::NEG_INFINITY
}

impl Grid<'_> {
    /// Lists the runs of rows from the front of the room, those of columns behind them; returns how many there are of both.
    fn list_runs(&self, runs: &mut [Run]) -> (usize, usize) {
        let mut len = 0;
        let mut scan = |lines: usize, places: usize, step: (usize, usize)| {
            let before = len;
            for line in 0..lines {
                let mut place = 0;
                while place < places {
                    let pixel = |place: usize| line * step.0 + place * step.1;
                    let start = place;
                    while place < places && is_there(at(self.row, pixel(place))) {
                        place += 1;
                    }
                    if place - start > 1 {
                        if let Some(run) = runs.get_mut(len) {
                            *run = Run {
                                start: pixel(start) as u32,
                                len: (place - start) as u32,
                            };
                        }
                        len += 1;
                    }
                    place += 1;
                }
            }
            len - before
        };
        let rows = scan(self.height, self.width, (self.width, 1));
        (rows, scan(self.width, self.height, (1, self.width)))
    }

    /// Replaces z by y; returns whether the gap says that it is exact enough. At lambda 0 every pixel is a region.
    ///
    /// # Safety
    /// `work` is writable for [`room`] numbers; slices have a place for each pixel.
    pub unsafe fn prox(&mut self, work: *mut f64) -> bool {
        let n = self.height * self.width;
        // SAFETY: by the caller.
        let mut scratch = unsafe { Scratch::new(work, n) };
        if self.lambda == 0.0 {
            scratch.counts.fill(1.0);
            self.rate(&mut scratch);
            return true;
        }
        let (rows, columns) = self.list_runs(scratch.runs);
        let (mut lowest, mut highest) = (f64::INFINITY, f64::NEG_INFINITY);
        for (pixel, &score) in self.row.iter().enumerate() {
            if is_there(score) {
                (lowest, highest) = (lowest.min(score), highest.max(score));
                if let Some(place) = scratch.z.get_mut(pixel) {
                    *place = score;
                }
            }
        }
        let range = highest - lowest;
        let unit = range.min(1.0) + ROUNDED * highest.abs().max(lowest.abs());
        let unit = unit * unit;
        // More than enough for every region to be flat.
        self.lambda = self.lambda.min(1.0 + range * n as f64);
        let (mut momentum, mut check) = (1.0, 1);
        for step in 1.. {
            self.step_rows(&mut scratch, rows);
            self.step_columns(&mut scratch, rows, columns);
            if step == check {
                check += 1 + step / 3;
                let gap = self.regions(&mut scratch, range, (rows, columns));
                if gap <= SMALL * unit || step >= STEPS {
                    self.rate(&mut scratch);
                    return gap <= ACCEPTABLE * unit;
                }
            }
            momentum = extrapolate(&mut scratch, momentum);
        }
        false
    }

    /// a, for b as it is extrapolated.
    fn step_rows(&self, scratch: &mut Scratch, rows: usize) {
        let values = scratch.by_rows.iter_mut();
        for (y, (z, b)) in values.zip(scratch.z.iter().zip(scratch.ahead.iter())) {
            *y = z - b;
        }
        for run in scratch.runs.iter().take(rows) {
            let (start, len) = (run.start as usize, run.len as usize);
            let (Some(row), Some(groups)) = (
                scratch.by_rows.get_mut(start..start + len),
                scratch.row_groups.get_mut(start..start + len),
            ) else {
                continue;
            };
            let segments = Segments {
                row,
                groups,
                rates: &mut [],
                first: run.start,
                lambda: self.lambda,
                ends: (0.0, 0.0),
            };
            // SAFETY: a run has at most n pixels.
            unsafe { prox_tv(segments, scratch.edges) };
        }
        let values = scratch.a.iter_mut().zip(scratch.by_rows.iter());
        for ((a, y), (z, b)) in values.zip(scratch.z.iter().zip(scratch.ahead.iter())) {
            *a = z - b - y;
        }
    }

    /// b, for that a.
    fn step_columns(&self, scratch: &mut Scratch, rows: usize, columns: usize) {
        let values = scratch.by_columns.iter_mut();
        for (y, (z, a)) in values.zip(scratch.z.iter().zip(scratch.a.iter())) {
            *y = z - a;
        }
        for run in scratch.runs.iter().skip(rows).take(columns) {
            let (start, len) = (run.start as usize, run.len as usize);
            let pixels = (0..len).map(|k| start + k * self.width);
            let (Some(line), Some(groups)) = (
                scratch.line.get_mut(..len),
                scratch.line_groups.get_mut(..len),
            ) else {
                continue;
            };
            for (value, pixel) in line.iter_mut().zip(pixels.clone()) {
                *value = at(scratch.by_columns, pixel);
            }
            let segments = Segments {
                row: line,
                groups,
                rates: &mut [],
                first: 0,
                lambda: self.lambda,
                ends: (0.0, 0.0),
            };
            // SAFETY: as above.
            unsafe { prox_tv(segments, scratch.edges) };
            let results = scratch.line.iter().zip(scratch.line_groups.iter());
            for ((&value, &group), pixel) in results.zip(pixels) {
                if let Some(place) = scratch.by_columns.get_mut(pixel) {
                    *place = value;
                }
                if let Some(place) = scratch.column_groups.get_mut(pixel) {
                    *place = run.start + group * self.width as u32;
                }
            }
        }
        let values = scratch.b.iter_mut().zip(scratch.by_columns.iter());
        for ((b, y), (z, a)) in values.zip(scratch.z.iter().zip(scratch.a.iter())) {
            *b = z - a - y;
        }
    }
}

/// The next b that rows are given; returns the next momentum.
fn extrapolate(scratch: &mut Scratch, momentum: f64) -> f64 {
    let mut uphill = 0.0;
    let states = scratch.ahead.iter().zip(scratch.b.iter());
    for ((ahead, b), last) in states.zip(scratch.last.iter()) {
        uphill += (ahead - b) * (b - last);
    }
    let momentum = if uphill > 0.0 { 1.0 } else { momentum };
    let next = 0.5 * (1.0 + crate::simd::sqrt(1.0 + 4.0 * momentum * momentum));
    let part = (momentum - 1.0) / next;
    let states = scratch.ahead.iter_mut().zip(scratch.b.iter());
    for ((ahead, b), last) in states.zip(scratch.last.iter_mut()) {
        *ahead = b + part * (b - *last);
        *last = *b;
    }
    next
}
