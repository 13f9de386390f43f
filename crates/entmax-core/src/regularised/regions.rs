//! The regions of a grid: which pixels rows and columns have joined, the exact values of these, and how far they are from
//! optimal. See `grid`.
//!
//! A region R that ends at edges with known signs has y = (sum of z - lambda sum of signs) / |R|, and moves by lambda as the second
//! term does. Signs are those of the jumps; where there is none, the dual variable takes their place.

use super::grid::{add, at, is_there, rounding, Grid, Scratch};

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

    /// The regions of the last step and their values, which become y; returns the duality gap.
    pub(super) fn regions(
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
            let almost = lambda - rounding(run.len as usize) * (lambda + range);
            let mut sum = 0.0;
            for k in 0..run.len as usize - 1 {
                let pixel = run.start as usize + k * step;
                sum += at(dual, pixel);
                if let Some(place) = flow.get_mut(pixel) {
                    let is_tight = sum.abs() >= almost;
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
    pub(super) fn rate(&mut self, scratch: &mut Scratch) {
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
