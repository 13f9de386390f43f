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
/// What rounding does to the sums of a dual variable, in units of lambda and the range.
const ROUNDING: f64 = 1e-13;

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
struct Run {
    start: u32,
    len: u32,
}

/// Numbers of scratch for a grid of `n` pixels.
pub const fn room(n: usize) -> usize {
    ARRAYS * n
}

/// Fourteen of numbers and labels, and for lines their edges, values and labels.
const ARRAYS: usize = 14 + 2 * taut_string::room(1) + 2;

/// The scratch: a number for each pixel, unless something else is said.
struct Scratch<'a> {
    z: &'a mut [f64],
    /// b as it is extrapolated, as it is, and as it was.
    ahead: &'a mut [f64],
    b: &'a mut [f64],
    last: &'a mut [f64],
    a: &'a mut [f64],
    /// What rows, and then columns, make of z - b.
    by_rows: &'a mut [f64],
    by_columns: &'a mut [f64],
    /// The dual variable of each edge to the right, and down.
    right: &'a mut [f64],
    down: &'a mut [f64],
    /// Of regions: sums and counts, at their first pixel.
    sums: &'a mut [f64],
    counts: &'a mut [f64],
    row_groups: &'a mut [u32],
    column_groups: &'a mut [u32],
    runs: &'a mut [Run],
    line: &'a mut [f64],
    line_groups: &'a mut [u32],
    edges: *mut Edge,
}

impl<'a> Scratch<'a> {
    /// # Safety
    /// `work` is writable for [`room`] numbers, for as long as the scratch is used.
    unsafe fn new(work: *mut f64, n: usize) -> Scratch<'a> {
        // SAFETY: disjoint parts; any bits are numbers.
        unsafe {
            core::ptr::write_bytes(work, 0, room(n));
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
fn at<T: Copy + Default>(values: &[T], index: usize) -> T {
    values.get(index).copied().unwrap_or_default()
}

#[inline(always)]
fn add(values: &mut [f64], index: usize, value: f64) {
    if let Some(place) = values.get_mut(index) {
        *place += value;
    }
}

fn is_there(score: f64) -> bool {
    score > f64::NEG_INFINITY
}

/// The pixel that names a region so far; the way to it is halved.
fn root(groups: &mut [u32], mut pixel: usize) -> usize {
    loop {
        let parent = at(groups, pixel);
        let above = at(groups, parent as usize);
        if above == parent {
            return parent as usize;
        }
        if let Some(place) = groups.get_mut(pixel) {
            *place = above;
        }
        pixel = above as usize;
    }
}

fn join(groups: &mut [u32], i: usize, j: usize) {
    let (i, j) = (root(groups, i), root(groups, j));
    if let Some(place) = groups.get_mut(i.max(j)) {
        *place = i.min(j) as u32;
    }
}

impl Grid<'_> {
    /// Whether both pixels of an edge are there.
    fn is_edge(&self, pixel: usize, is_inside: bool, next: usize) -> bool {
        is_inside && is_there(at(self.row, pixel)) && is_there(at(self.row, next))
    }

    /// For each edge: its pixels, and whether it goes down.
    #[inline(always)]
    fn each_edge(&self, mut visit: impl FnMut(usize, usize, bool)) {
        for i in 0..self.height {
            for j in 0..self.width {
                let pixel = i * self.width + j;
                if self.is_edge(pixel, j + 1 < self.width, pixel + 1) {
                    visit(pixel, pixel + 1, false);
                }
                if self.is_edge(pixel, i + 1 < self.height, pixel + self.width) {
                    visit(pixel, pixel + self.width, true);
                }
            }
        }
    }

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

    /// The regions of the last step and their values, which become y; returns the duality gap.
    fn regions(
        &mut self,
        scratch: &mut Scratch,
        range: f64,
        (rows, columns): (usize, usize),
    ) -> f64 {
        let lambda = self.lambda;
        for (pixel, group) in self.groups.iter_mut().enumerate() {
            if is_there(at(self.row, pixel)) {
                *group = pixel as u32;
            }
        }
        for (which, run) in scratch.runs.iter().take(rows + columns).enumerate() {
            let down = which >= rows;
            let step = if down { self.width } else { 1 };
            let (segments, dual, flow) = if down {
                (&scratch.column_groups, &scratch.b, &mut scratch.down)
            } else {
                (&scratch.row_groups, &scratch.a, &mut scratch.right)
            };
            let mut sum = 0.0;
            for k in 0..run.len as usize - 1 {
                let pixel = run.start as usize + k * step;
                sum += at(dual, pixel);
                if let Some(place) = flow.get_mut(pixel) {
                    let is_tight = lambda - sum.abs() <= ROUNDING * (lambda + range);
                    *place = if is_tight { lambda.copysign(sum) } else { sum };
                }
                if at(segments, pixel) == at(segments, pixel + step) {
                    join(self.groups, pixel, pixel + step);
                }
            }
        }
        scratch.sums.fill(0.0);
        scratch.counts.fill(0.0);
        for pixel in 0..self.groups.len() {
            if is_there(at(self.row, pixel)) {
                // Regions are named by their first pixel: all before this one are settled.
                let first = root(self.groups, pixel);
                if let Some(place) = self.groups.get_mut(pixel) {
                    *place = first as u32;
                }
                add(scratch.sums, first, at(scratch.by_columns, pixel));
                add(scratch.counts, first, 1.0);
            }
        }
        // Means of what is known of y decide on which side of each edge the higher region lies.
        let mean =
            |scratch: &Scratch, first: usize| at(scratch.sums, first) / at(scratch.counts, first);
        for first in 0..scratch.last.len() {
            let value = mean(scratch, first);
            if let Some(place) = scratch.by_rows.get_mut(first) {
                *place = value;
            }
        }
        scratch.sums.fill(0.0);
        for (pixel, &z) in scratch.z.iter().enumerate() {
            if is_there(at(self.row, pixel)) {
                add(scratch.sums, at(self.groups, pixel) as usize, z);
            }
        }
        self.each_edge(|i, j, is_down| {
            let (first, second) = (at(self.groups, i) as usize, at(self.groups, j) as usize);
            if first == second {
                return;
            }
            let jump = at(scratch.by_rows, first) - at(scratch.by_rows, second);
            let flow = if jump.abs() > 1e-9 * range {
                lambda.copysign(jump)
            } else {
                at(if is_down { scratch.down } else { scratch.right }, i)
            };
            add(scratch.sums, first, -flow);
            add(scratch.sums, second, flow);
        });
        let mut gap = 0.0;
        for pixel in 0..self.row.len() {
            if is_there(at(self.row, pixel)) {
                let y = mean(scratch, at(self.groups, pixel) as usize);
                let dual = at(scratch.z, pixel) - at(scratch.a, pixel) - at(scratch.b, pixel);
                gap += 0.5 * (y - dual) * (y - dual);
                if let Some(place) = self.row.get_mut(pixel) {
                    *place = y;
                }
            }
        }
        self.each_edge(|i, j, is_down| {
            let jump = at(self.row, i) - at(self.row, j);
            let flow = at(if is_down { scratch.down } else { scratch.right }, i);
            gap += lambda * jump.abs() - flow * jump;
        });
        gap
    }

    /// dy/dlambda: minus the signs of the jumps around a region, over its size.
    fn rate(&mut self, scratch: &mut Scratch) {
        if self.rates.is_empty() {
            return;
        }
        scratch.sums.fill(0.0);
        for (pixel, &rate) in self.rates.iter().enumerate() {
            add(scratch.sums, at(self.groups, pixel) as usize, rate);
        }
        self.each_edge(|i, j, is_down| {
            let (first, second) = (at(self.groups, i) as usize, at(self.groups, j) as usize);
            if first != second {
                let jump = at(self.row, i) - at(self.row, j);
                let flow = at(if is_down { scratch.down } else { scratch.right }, i);
                let sign = if jump != 0.0 {
                    1f64.copysign(jump)
                } else if self.lambda > 0.0 {
                    flow / self.lambda
                } else {
                    0.0
                };
                add(scratch.sums, first, -sign);
                add(scratch.sums, second, sign);
            }
        });
        for (pixel, rate) in self.rates.iter_mut().enumerate() {
            let group = at(self.groups, pixel) as usize;
            if is_there(at(self.row, pixel)) {
                *rate = at(scratch.sums, group) / at(scratch.counts, group);
            }
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
