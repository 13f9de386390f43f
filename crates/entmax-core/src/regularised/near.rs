//! The scores of a row that lie less than 1 below its maximum, over the temperature, with their indices: what a map whose threshold
//! is no lower needs of the row.

use super::frame::{Entry, Outcome};

/// Numbers that a list may be longer than the row.
const SPARE: usize = 160;

/// Bytes of workspace, for either type.
pub const fn workspace(n: usize) -> usize {
    ((n + SPARE) * (size_of::<f64>() + size_of::<u32>())).next_multiple_of(64)
}

/// The list, and what distances are from.
pub struct Near<T> {
    scores: *const T,
    pub indices: *const u32,
    pub len: usize,
    max: f64,
    temperature: f64,
}

impl<T: Entry> Near<T> {
    /// How far the k-th score lies below the maximum: negative, or 0.
    ///
    /// # Safety
    /// k < len, and the workspace is as it was left.
    #[inline(always)]
    pub unsafe fn distance(&self, k: usize) -> f64 {
        // SAFETY: by the caller.
        let gap = unsafe { (*self.scores.add(k)).to_f64() } - self.max;
        if self.temperature == 1.0 {
            gap
        } else {
            gap / self.temperature
        }
    }
}

/// The list, in order, and perhaps some scores a rounding farther below; or what becomes of a row without a finite maximum.
///
/// # Safety
/// `x` is readable for `n` scores; `memory` is 64-aligned and as long as [`workspace`] says.
pub unsafe fn collect<T: Entry>(
    x: *const T,
    n: usize,
    temperature: f64,
    memory: *mut u8,
) -> Result<Near<T>, Outcome> {
    if n == 0 {
        return Err(Outcome::Empty);
    }
    // SAFETY: by the caller.
    unsafe {
        let max = T::maximum(x, n).ok_or(Outcome::NotANumber)?;
        if max == T::NEG_INFINITY {
            return Err(Outcome::Empty);
        }
        if max == T::INFINITY {
            return Err(Outcome::Infinite);
        }
        let scores: *mut T = memory.cast();
        let indices: *mut u32 = memory.wrapping_add((n + SPARE) * size_of::<f64>()).cast();
        Ok(Near {
            scores,
            indices,
            len: T::above(x, n, max, -temperature, (scores, indices)),
            max: max.to_f64(),
            temperature,
        })
    }
}
