//! Support size and score cutoff of each row, read off the dense result, so that both agree bit for bit.
//!
//! The cutoff is the analytic threshold, max + T (c - 1/e), moved where rounding or underflow demands into
//! [largest excluded score, next below the smallest included one], so that in the support <=> unmasked and
//! score > cutoff.

use super::kernel::{Outcome, RowKernel};
use super::rows::{solve_row, RowBatch};
use super::score::Score;
use super::staging::{pitch, tile_bytes, tile_rows, TILE_ROWS};
use crate::status::Status;
use core::ops::Range;

/// What a pass over a row has seen.
#[derive(Clone, Copy)]
struct Seen<T> {
    size: i32,
    largest_excluded: T,
    smallest_included: T,
    largest_included: T,
}

impl<T: Score> Seen<T> {
    const NOTHING: Seen<T> = Seen {
        size: 0,
        largest_excluded: T::NEG_INFINITY,
        smallest_included: T::INFINITY,
        largest_included: T::NEG_INFINITY,
    };

    #[inline(always)]
    fn look(&mut self, score: T, included: bool) {
        if included {
            self.size += 1;
            if score < self.smallest_included {
                self.smallest_included = score;
            }
            if score > self.largest_included {
                self.largest_included = score;
            }
        } else if score > self.largest_excluded {
            self.largest_excluded = score;
        }
    }

    fn threshold(&self, temperature: f64, cutoff: f64) -> T {
        let analytic = T::from_f64(self.largest_included.to_f64() + temperature * cutoff);
        let highest = self.smallest_included.next_below();
        // Written so that a NaN (inf - inf) gives way.
        let threshold = if analytic < highest {
            analytic
        } else {
            highest
        };
        if threshold > self.largest_excluded {
            threshold
        } else {
            self.largest_excluded
        }
    }
}

/// # Safety
/// As [`super::entmax_support_f32`].
#[inline(always)]
pub unsafe fn entmax_support<T: Score, K: RowKernel<T>>(
    batch: &RowBatch<T>,
    rows: Range<usize>,
    sizes: *mut i32,
    thresholds: *mut T,
    workspace: *mut u8,
) -> Status {
    let (n, inner) = (batch.n, batch.inner);
    // SAFETY: by the caller; tile and scratch are disjoint parts of the workspace.
    unsafe {
        if !batch.has_valid_alpha(&rows) {
            return Status::InvalidAlpha;
        }
        let tile = workspace.cast::<T>();
        let scratch = workspace.add(tile_bytes::<T>(n, inner));
        let most = tile_rows::<T>(n, inner);
        let mut outcomes = [Outcome::Empty; TILE_ROWS];
        let mut seen = [Seen::<T>::NOTHING; TILE_ROWS];
        let mut status = Status::Ok;
        let mut first = rows.start;
        while first < rows.end {
            let (base, column) = batch.place(first);
            let width = most.min(inner - column).min(rows.end - first);
            if n > 0 {
                batch.gather(first, width, tile);
            }
            for k in 0..width {
                let row = tile.add(k * pitch(n));
                let settings = (batch.exponent(first + k), batch.temperature);
                *seen.as_mut_ptr().add(k) = Seen::NOTHING;
                *outcomes.as_mut_ptr().add(k) = if n == 0 {
                    Outcome::Empty
                } else {
                    solve_row::<T, K>(row, true, row, n, settings, row, scratch)
                };
            }
            // Element by element over all rows of the tile: x is read along its cache lines.
            for j in 0..n {
                for k in 0..width {
                    let at = base + j * inner + k;
                    if batch.mask.is_null() || *batch.mask.add(at) != 0 {
                        let included = *tile.add(k * pitch(n) + j) > T::ZERO;
                        (*seen.as_mut_ptr().add(k)).look(*batch.x.add(at), included);
                    }
                }
            }
            for k in 0..width {
                let seen = &*seen.as_ptr().add(k);
                let (size, threshold) = match *outcomes.as_ptr().add(k) {
                    Outcome::Solved { cutoff, converged } => {
                        if !converged {
                            status = Status::NotConverged;
                        }
                        (seen.size, seen.threshold(batch.temperature, cutoff))
                    }
                    Outcome::Infinite => (seen.size, seen.threshold(batch.temperature, 0.0)),
                    Outcome::NotANumber => (n as i32, T::NAN),
                    Outcome::Empty if batch.empty_row_is_nan => (n as i32, T::INFINITY),
                    Outcome::Empty => (0, T::INFINITY),
                };
                *sizes.add(first + k) = size;
                *thresholds.add(first + k) = threshold;
            }
            first += width;
        }
        status
    }
}
