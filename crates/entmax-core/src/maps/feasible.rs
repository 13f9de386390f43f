//! Whether rows with bounds of their own have a result at all, before any is written: a pass that reads each bound, and scores only
//! until there is enough.

use super::rows::RowBatch;
use super::score::Score;

/// Whether all bounds of the first `rows` rows are at least 0 and, row by row, those of the scores that count surely sum to the
/// parameter. False says only that somebody should look: a row may be empty, or short by rounding.
///
/// # Safety
/// `batch` describes readable memory, with bounds that are not shared and no rows but these.
#[inline(never)]
pub unsafe fn are_feasible<T: Score>(batch: &RowBatch<T>, rows: usize) -> bool {
    // SAFETY: by the caller.
    let is_valid = |at: usize| unsafe { *batch.upper.add(at) } >= T::ZERO;
    let valid = (0..rows * batch.n).fold(true, |valid, at| valid & is_valid(at));
    // SAFETY: as above.
    valid && (0..rows).all(|r| unsafe { has_enough(batch, r) })
}

/// # Safety
/// As above; r is one of the rows.
#[inline(always)]
unsafe fn has_enough<T: Score>(batch: &RowBatch<T>, r: usize) -> bool {
    let inner = batch.inner.max(1);
    let mut at = batch.place(r).0;
    // SAFETY: by the caller, here and below; indices of the row.
    let budget = unsafe { batch.parameter(r) };
    // Two at a time: a sum waits for the one before.
    let (mut even, mut odd, mut j) = (0.0, 0.0, 0);
    while even + odd < budget && j < batch.n {
        // SAFETY: as above.
        let bound = unsafe {
            let counts = *batch.x.add(at) > T::NEG_INFINITY
                && (batch.mask.is_null() || *batch.mask.add(at) != 0);
            if counts {
                (*batch.upper.add(at)).to_f64()
            } else {
                0.0
            }
        };
        (even, odd) = (odd, even + bound);
        (at, j) = (at + inner, j + 1);
    }
    even + odd >= budget
}
