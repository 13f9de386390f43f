//! Losses of a range of rows: the way from the layout to one contiguous row, and the rows that have no finite loss.

use super::gradient::Gradient;
use super::kernels::{AnyGroup, AnyList, AnySettings, Kernels};
use super::value::{Solution, Target, Value};
use crate::gradients::cells::Cells;
use crate::gradients::rows::{tile, transpose_cells};
use crate::maps::kernels::{List, Outcome};
use crate::maps::staging::{pitch, ALIGNMENT};
use crate::maps::{RowBatch, Score};
use crate::simd::ROWS;
use crate::status::Status;
use core::ops::Range;

/// The scores, the map, and what they are compared with: `targets` or `soft`.
#[repr(C)]
pub struct LossBatch<T> {
    /// `upper` is null, `k` is 0, empty rows are zeros.
    pub scores: RowBatch<T>,
    /// The class of each row, negative for a row that is left out; null for soft targets.
    pub targets: *const i32,
    /// A distribution for each row, in the layout of the scores.
    pub soft: *const T,
    /// What each row's gradients are multiplied by.
    pub scale: *const f64,
}

/// Where results go: `loss`, and the gradient as `dz`, or as `sizes`, `thresholds`, `indices` and `values`, or not at
/// all. What is not asked for is null. `dz` may be the scores or the soft targets themselves; all else is disjoint.
#[repr(C)]
pub struct LossResults<T> {
    /// The loss of each row, not scaled.
    pub loss: *mut f64,
    /// The scaled gradient of the scores, in their layout.
    pub dz: *mut T,
    /// The scaled derivative of each row's loss by alpha, or by the budget.
    pub dparameter: *mut f64,
    /// As in [`crate::maps::Results`], with the entries of support and target.
    pub sizes: *mut i32,
    pub thresholds: *mut T,
    pub indices: *mut i32,
    pub values: *mut T,
}

impl<T> LossResults<T> {
    pub const NOTHING: LossResults<T> = LossResults {
        loss: core::ptr::null_mut(),
        dz: core::ptr::null_mut(),
        dparameter: core::ptr::null_mut(),
        sizes: core::ptr::null_mut(),
        thresholds: core::ptr::null_mut(),
        indices: core::ptr::null_mut(),
        values: core::ptr::null_mut(),
    };
}

/// The workspace: tile (or staged rows), probabilities of rows solved together, a row of soft targets. Behind it lies the scratch of
/// the map's kernel.
pub fn workspace<T: Score>(n: usize, inner: usize, together: usize) -> usize {
    Parts::new(size_of::<T>() == 8, n, inner.max(1), together).scratch
}

#[inline(always)]
fn row_bytes(n: usize) -> usize {
    (pitch(n) * size_of::<f64>()).next_multiple_of(ALIGNMENT)
}

/// Where the parts of the workspace begin, the first one at 0.
struct Parts {
    probabilities: usize,
    soft: usize,
    scratch: usize,
    /// Rows of the tile.
    rows: usize,
}

impl Parts {
    #[inline(always)]
    fn new(wide: bool, n: usize, inner: usize, together: usize) -> Parts {
        let (mut rows, mut size) = tile(wide, n, inner);
        if inner == 1 && together > 1 {
            (rows, size) = (together, together * row_bytes(n));
        }
        let soft = size + together * row_bytes(n);
        Parts {
            probabilities: size,
            soft,
            scratch: soft + row_bytes(n),
            rows,
        }
    }
}

/// # Safety
/// As [`super::row_loss_f32`], with parameters that the map takes.
#[inline(always)]
pub unsafe fn row_loss<T: Score>(
    batch: &LossBatch<T>,
    rows: Range<usize>,
    results: &LossResults<T>,
    workspace: *mut u8,
    kernels: Kernels,
) -> Status {
    // SAFETY: by the caller; batch and results are `repr(C)` and differ in the type behind pointers only.
    unsafe {
        let call = Call {
            batch: &*core::ptr::from_ref(batch).cast(),
            results: &*core::ptr::from_ref(results).cast(),
            soft: Cells::new(batch.soft),
            dz: Cells::new(results.dz),
            values: Cells::new(results.values),
            kernels,
        };
        call.all(rows, workspace)
    }
}

/// Where one row lies: scores, probabilities, its gradient (null, or in the tile for a strided row) and its entries.
struct Place {
    x: Cells,
    p: Cells,
    dz: Cells,
    sparse: Cells,
}

/// A batch of either type.
struct Call<'a> {
    batch: &'a LossBatch<f32>,
    results: &'a LossResults<f32>,
    soft: Cells,
    dz: Cells,
    values: Cells,
    kernels: Kernels,
}

impl Call<'_> {
    /// # Safety
    /// As [`super::row_loss_f32`].
    #[inline(never)]
    unsafe fn all(&self, rows: Range<usize>, workspace: *mut u8) -> Status {
        let scores = &self.batch.scores;
        let (n, inner, wide) = (scores.n, scores.inner, self.dz.wide);
        let together = (self.kernels.together)(n);
        let parts = Parts::new(wide, n, inner, together);
        let pitch = pitch(n);
        let tile = Cells::tile(workspace, wide);
        let scratch = workspace.wrapping_add(parts.scratch);
        let staged = inner > 1 || !scores.mask.is_null();
        let mut status = Status::Ok;
        let mut first = rows.start;
        while first < rows.end {
            let (base, column) = scores.place(first);
            let beside = if inner == 1 {
                parts.rows
            } else {
                inner - column
            };
            let width = parts.rows.min(beside).min(rows.end - first);
            // SAFETY: by the caller; tile, rows and scratch are disjoint parts of the workspace.
            unsafe {
                if staged && n > 0 {
                    if inner == 1 {
                        for k in 0..width {
                            (self.kernels.gather)(scores, first + k, 1, tile.from(k * pitch));
                        }
                    } else {
                        (self.kernels.gather)(scores, first, width, tile);
                    }
                }
                let mut done = 0;
                while done < width {
                    let start = first + done;
                    let count = self.alike(together, start..first + width);
                    let place = |k: usize| {
                        let spare = parts.probabilities + k * row_bytes(n);
                        let rows = (
                            tile.from((done + k) * pitch),
                            Cells::tile(workspace.wrapping_add(spare), wide),
                        );
                        self.place(
                            start + k,
                            base + (done + k) * if inner == 1 { n } else { 0 },
                            rows,
                        )
                    };
                    let mut group = AnyGroup {
                        x: [core::ptr::null(); ROWS],
                        out: [core::ptr::null_mut(); ROWS],
                        count,
                    };
                    for k in 0..count {
                        let place = place(k);
                        (group.x[k], group.out[k]) = (place.x.pointer(), place.p.pointer());
                    }
                    let settings = AnySettings {
                        map: scores.map,
                        parameter: scores.parameter(start),
                        upper: core::ptr::null(),
                        k: 0,
                        temperature: scores.temperature,
                    };
                    let mut list = List::NONE;
                    let mut outcomes = [Outcome::Empty; ROWS];
                    if n > 0 && !self.is_ignored(start) {
                        let solve = self.kernels.solve;
                        solve(&group, n, &settings, scratch, &mut list, &mut outcomes);
                    }
                    for (k, &outcome) in outcomes.iter().enumerate().take(count) {
                        let column = base + (done + k) * if inner == 1 { n } else { 1 };
                        let soft = Cells::tile(workspace.wrapping_add(parts.soft), wide);
                        let target = self.target(start + k, column, soft);
                        let solved = (outcome, &settings, list);
                        if !self.finish(start + k, &place(k), target, solved) {
                            status = Status::NotConverged;
                        }
                    }
                    done += count;
                }
                if inner > 1 && !self.dz.is_null() {
                    transpose_cells((tile, pitch), (self.dz.from(base), inner), (width, n));
                }
            }
            first += width;
        }
        status
    }

    /// Whether row r is left out.
    ///
    /// # Safety
    /// r is a row of the batch.
    #[inline(always)]
    unsafe fn is_ignored(&self, r: usize) -> bool {
        // SAFETY: by the caller.
        self.soft.is_null() && unsafe { *self.batch.targets.add(r) } < 0
    }

    /// How many of `rows` are solved together from the first one on; a row that is left out is a group of its own.
    ///
    /// # Safety
    /// `rows` are rows of the batch.
    #[inline(always)]
    unsafe fn alike(&self, together: usize, rows: Range<usize>) -> usize {
        let start = rows.start;
        // SAFETY: by the caller.
        unsafe {
            let most = self.batch.scores.alike(together, rows);
            if self.is_ignored(start) {
                return 1;
            }
            (1..most)
                .find(|&k| self.is_ignored(start + k))
                .unwrap_or(most)
        }
    }

    /// Where row r lies, which begins at `base` where rows are contiguous, given its place in the tile and room for
    /// probabilities.
    #[inline(always)]
    fn place(&self, r: usize, base: usize, (row, probabilities): (Cells, Cells)) -> Place {
        let scores = &self.batch.scores;
        let contiguous = scores.inner == 1;
        let x = if contiguous && scores.mask.is_null() {
            Cells::tile(scores.x.cast_mut().cast(), row.wide).from(base)
        } else {
            row
        };
        // A strided row's scores are needed no more once the loss is known.
        let dz = if contiguous || self.dz.is_null() {
            self.dz.from(base)
        } else {
            row
        };
        let sparse = self.values.from(r * scores.n);
        // The gradient may lie where the scores or the distribution do, which the loss is made of.
        let is_apart = !dz.is(x) && !dz.is(self.soft.from(base));
        let p = if !sparse.is_null() {
            sparse
        } else if contiguous && !dz.is_null() && is_apart {
            dz
        } else {
            probabilities
        };
        Place { x, p, dz, sparse }
    }

    /// What row r is compared with; a strided distribution, which begins at `base`, is copied to `room`.
    ///
    /// # Safety
    /// r is a row of the batch; `room` is writable for a row.
    #[inline(always)]
    unsafe fn target(&self, r: usize, base: usize, room: Cells) -> Target {
        let scores = &self.batch.scores;
        // SAFETY: by the caller.
        unsafe {
            if self.soft.is_null() {
                return Target::Class(*self.batch.targets.add(r));
            }
            let soft = self.soft.from(base);
            if scores.inner == 1 {
                return Target::Soft(soft);
            }
            transpose_cells((soft, scores.inner), (room, pitch(scores.n)), (scores.n, 1));
            Target::Soft(room)
        }
    }

    /// Writes the results of row r; whether its map converged.
    ///
    /// # Safety
    /// As [`super::row_loss_f32`].
    #[inline(always)]
    unsafe fn finish(
        &self,
        r: usize,
        place: &Place,
        target: Target,
        solved: (Outcome, &AnySettings, AnyList),
    ) -> bool {
        let scores = &self.batch.scores;
        let n = scores.n;
        // SAFETY: by the caller.
        unsafe {
            let scale = *self.batch.scale.add(r);
            let gradient = Gradient {
                dense: place.dz,
                sparse: place.sparse,
                indices: self.results.indices.wrapping_add(r * n),
                n,
                target,
                factor: scale / scores.temperature,
            };
            let (value, entries, converged) = self.row(r, (place.x, place.p), &gradient, solved);
            *self.results.loss.add(r) = value.loss;
            if !self.results.dparameter.is_null() {
                *self.results.dparameter.add(r) = value.by_parameter * scale;
            }
            if !place.sparse.is_null() {
                *self.results.sizes.add(r) = entries as i32;
            }
            converged
        }
    }

    /// Row r of the scores `x`, whose probabilities are in `p` or the list: its loss, the number of entries of a sparse
    /// gradient, and whether the map converged.
    ///
    /// # Safety
    /// As [`super::row_loss_f32`].
    #[inline(always)]
    unsafe fn row(
        &self,
        r: usize,
        (x, p): (Cells, Cells),
        gradient: &Gradient,
        (outcome, settings, list): (Outcome, &AnySettings, AnyList),
    ) -> (Value, usize, bool) {
        let scores = &self.batch.scores;
        let n = scores.n;
        // SAFETY: by the caller.
        unsafe {
            let ignored = matches!(gradient.target, Target::Class(class) if class < 0);
            if !gradient.sparse.is_null() {
                let bytes = size_of::<f32>() << u32::from(p.wide);
                let thresholds = self.results.thresholds.cast::<u8>();
                let threshold = Cells::tile(thresholds.wrapping_add(r * bytes), p.wide);
                (self.kernels.finish)(scores, outcome, x, p, &list, threshold);
            }
            let loss = match outcome {
                Outcome::Solved(solved) => {
                    let solution = Solution {
                        x,
                        p,
                        list,
                        n,
                        settings,
                        cutoff: solved.cutoff,
                        kernels: &self.kernels,
                    };
                    let derivative = !self.results.dparameter.is_null();
                    let value = solution.value(&gradient.target, derivative);
                    if value.loss < f64::INFINITY {
                        return (value, gradient.write(&solution), solved.converged);
                    }
                    // An infinite loss has no gradient.
                    value.loss
                }
                Outcome::NotANumber => f64::NAN,
                _ if ignored => 0.0,
                _ => f64::INFINITY,
            };
            let by_parameter = if loss.is_nan() { loss } else { 0.0 };
            let value = Value { loss, by_parameter };
            (value, gradient.fill(loss.is_nan()), true)
        }
    }
}
