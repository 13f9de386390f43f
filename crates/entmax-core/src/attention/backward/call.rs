//! What one pullback is made from, described as a call is: TypeScript writes it field by field
//! (ts/src/attention/backward-description.ts). Letters as in [`Attention`].

use crate::attention::call::{Attention, Heads, Table};
use crate::maps::staging::pitch;
use crate::maps::Score;

/// A pullback. The rows of `call.q`, `call.k`, `call.values` and `dout` are readable to a multiple of 16.
#[repr(C)]
pub struct Backward<T> {
    pub call: *const Attention<T>,
    /// The cotangent of the output, [B, H, N, E].
    pub dout: Heads<T>,
    /// Gradients in the shapes of q, k and v; null where not asked for.
    pub dq: Heads<T>,
    pub dk: Heads<T>,
    pub dv: Heads<T>,
    /// <dP, dP/dalpha> of each row, [B, H, N]; null where not asked for.
    pub dalpha: *mut f64,
    /// In the shape of the bias, which has `call.bias`' distances 0 where this repeats; null where not asked for.
    pub dbias: Table<T>,
    pub saved: Saved<T>,
    pub columns: Columns<T>,
    pub block: Block<T>,
}

/// Sparse rows of weights, those of heads that keep none empty.
#[repr(C)]
pub struct Saved<T> {
    /// Row (b, h, i) has the entries from `starts[r]` to `starts[r + 1]`.
    pub starts: *const u32,
    pub indices: *const u32,
    pub weights: *const T,
    /// Gradients of the scores of these entries.
    pub scores: *mut T,
    /// A cutoff for each row, as the forward pass gives it.
    pub thresholds: *const T,
}

/// The same entries column by column: the queries of a head that have a key in their support, ascending.
#[repr(C)]
pub struct Columns<T> {
    /// Column (b, h, j) ends before `ends[(b H + h) M + j]`, and begins where the one before ends.
    pub ends: *mut u32,
    pub queries: *mut u32,
    pub weights: *mut T,
    pub scores: *mut T,
}

/// Some queries of one head that keeps no weights: their weights and the gradients of their scores as dense rows.
#[repr(C)]
pub struct Block<T> {
    /// The values in panels, as keys are: [B, G, M / 16, E, 16].
    pub panels: *mut T,
    pub weights: *mut T,
    pub scores: *mut T,
    /// b H + h.
    pub head: usize,
    pub first: usize,
    pub count: usize,
}

impl<T: Score> Backward<T> {
    /// The call.
    ///
    /// # Safety
    /// As the field says.
    #[inline(always)]
    pub unsafe fn call(&self) -> &Attention<T> {
        // SAFETY: by the caller.
        unsafe { &*self.call }
    }

    /// Whether anything is asked for that needs the gradient of the scores.
    #[inline(always)]
    pub fn wants_scores(&self) -> bool {
        !(self.dq.data.is_null()
            && self.dk.data.is_null()
            && self.dalpha.is_null()
            && self.dbias.data.is_null())
    }
}

impl<T: Score> Block<T> {
    /// From one row to the next.
    #[inline(always)]
    pub fn pitch(keys: usize) -> usize {
        pitch(keys)
    }
}

/// Writes `factor x` to a row of a gradient, or adds it to what is there. A NaN that leaves a kernel is the canonical one.
///
/// # Safety
/// `x` is readable and `row` writable for `width` numbers.
#[inline(never)]
pub unsafe fn write_row<T: Score>(
    row: *mut T,
    x: *const T,
    width: usize,
    factor: f64,
    is_added: bool,
) {
    for c in 0..width {
        // SAFETY: by the caller.
        unsafe {
            let before = if is_added {
                (*row.add(c)).to_f64()
            } else {
                0.0
            };
            let value = T::from_f64(before + factor * (*x.add(c)).to_f64());
            *row.add(c) = if value.is_nan() { T::NAN } else { value };
        }
    }
}
