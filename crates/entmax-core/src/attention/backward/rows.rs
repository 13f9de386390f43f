//! Rows of kept weights: the gradient of the scores in the support, and what each query gets from it (MATH.md section 13).
//!
//! With dP_j = dO . v_j over the support, dS = s (dP - mean of dP by s), s = p^(2 - alpha), as for a row map
//! (`gradients`); dq = scale sum_j dS_j k_j.

use super::call::{write_row, Backward};
use crate::attention::call::Heads;
use crate::attention::forward::AttentionKernel;
use crate::attention::lanes::Lanes;
use crate::attention::relu;
use crate::attention::values::{sum_of_entries, Values};
use crate::gradients::cells::Cells;
use crate::gradients::rows::Row;
use crate::gradients::support::list_bytes;
use crate::maps::staging::ALIGNMENT;
use crate::maps::Score;
use crate::simd::LANES;
use core::ops::Range;

/// Bytes of workspace: a row of channels, and what the gradient of a row needs.
pub fn workspace<T: Score>(keys: usize, width: usize) -> usize {
    channel_bytes::<T>(width) + row_scratch(keys)
}

/// Bytes of a row of channels in whole strips.
#[inline(always)]
fn channel_bytes<T>(width: usize) -> usize {
    (width.next_multiple_of(LANES) * size_of::<T>()).next_multiple_of(ALIGNMENT)
}

/// Bytes of scratch for the gradient of a row of weights.
#[inline(always)]
pub fn row_scratch(keys: usize) -> usize {
    (list_bytes(keys) + ALIGNMENT).next_multiple_of(ALIGNMENT)
}

/// The rows `rows` of all B H N, in so far as their heads keep weights.
///
/// # Safety
/// As [`Backward`] says; `workspace` is as long as [`workspace`] says.
pub unsafe fn pull_back_rows<T: Score, K: AttentionKernel<T>>(
    backward: &Backward<T>,
    rows: Range<usize>,
    workspace: *mut u8,
) {
    // SAFETY: by the caller.
    let call = unsafe { backward.call() };
    let (queries, heads) = (call.queries.max(1), call.heads.max(1));
    let out: *mut T = workspace.cast();
    let scratch = workspace.wrapping_add(channel_bytes::<T>(call.width));
    for r in rows {
        let (head, i) = (r / queries, r % queries);
        let (b, h) = (head / heads, head % heads);
        // SAFETY: by the caller; the gradients of the row are this thread's alone.
        unsafe {
            if !call.keeps_weights(h) {
                continue;
            }
            let by_alpha = pull_back_scores::<T, K>(backward, r, (b, h, i), scratch);
            if !backward.dalpha.is_null() {
                *backward.dalpha.add(r) = by_alpha;
            }
            if !backward.dq.data.is_null() {
                let (start, len) = entries(backward, r);
                let indices = backward.saved.indices.add(start);
                let keys = padded(&call.k, (b, call.key_head(h)), call.width);
                let scores = backward.saved.scores.add(start).cast_const();
                sum_of_entries::<T, K::Lanes>((scores, len), indices, &keys, out);
                let row = backward.dq.row(b, h, i);
                write_row(row, out, call.width, call.scale, false);
            }
        }
    }
}

/// Where the entries of row `r` begin, and how many there are.
///
/// # Safety
/// As [`Backward`] says.
#[inline(always)]
pub unsafe fn entries<T: Score>(backward: &Backward<T>, r: usize) -> (usize, usize) {
    let starts = backward.saved.starts;
    // SAFETY: one start for each row, and an end.
    let (start, end) = unsafe { (*starts.add(r) as usize, *starts.add(r + 1) as usize) };
    (start, end - start)
}

/// The rows of one head, `width` channels of them as whole strips.
#[inline(always)]
pub fn padded<T>(heads: &Heads<T>, (b, h): (usize, usize), width: usize) -> Values<T> {
    Values {
        data: heads.row(b, h, 0).cast_const(),
        row: heads.row,
        width: width.next_multiple_of(LANES),
        pages: core::ptr::null(),
        page_rows: 1,
    }
}

/// Writes the gradient of a row's scores and returns the row's part of d/dalpha, if that is asked for. No small change of
/// the scores changes a row that is uniform over scores of +inf, or over its maxima: its gradients are 0.
///
/// # Safety
/// As [`Backward`] says; `scratch` is as long as [`row_scratch`] says.
#[inline(always)]
unsafe fn pull_back_scores<T: Score, K: AttentionKernel<T>>(
    backward: &Backward<T>,
    r: usize,
    (b, h, i): (usize, usize, usize),
    scratch: *mut u8,
) -> f64 {
    // SAFETY: by the caller; entries of the row.
    unsafe {
        let (call, saved) = (backward.call(), &backward.saved);
        let (start, len) = entries(backward, r);
        let (weights, scores) = (saved.weights.add(start), saved.scores.add(start));
        let is_relu = call.is_relu();
        let e = if is_relu { 1.0 } else { *call.alpha.add(h) };
        let constant = e == f64::INFINITY || *saved.thresholds.add(r) >= T::INFINITY.next_below();
        if constant && !(len > 0 && (*weights).is_nan()) {
            for j in 0..len {
                *scores.add(j) = T::ZERO;
            }
            return 0.0;
        }
        let values = padded(&call.values, (b, call.key_head(h)), call.value_width);
        let dout = backward.dout.row(b, h, i).cast_const();
        let index = |j: usize| *saved.indices.add(start + j) as usize;
        dots::<T, K::Lanes>(dout, len, index, &values, scores);
        if is_relu {
            relu::pull_back(weights, scores, len);
            return 0.0;
        }
        pull_back_row::<T, K>(
            (weights, scores, len),
            e,
            !backward.dalpha.is_null(),
            scratch,
        )
    }
}

/// Replaces the products dP of a row of weights p by the gradient of its scores; returns <dP, dp/dalpha>, or 0 if that is
/// not asked for.
///
/// # Safety
/// `p` is readable and `products` writable for `n` numbers; `scratch` is as long as [`row_scratch`] says.
#[inline(never)]
pub unsafe fn pull_back_row<T: Score, K: AttentionKernel<T>>(
    (p, products, n): (*const T, *mut T, usize),
    e: f64,
    wants_alpha: bool,
    scratch: *mut u8,
) -> f64 {
    let (v, none) = (
        Cells::new(products.cast_const()),
        Cells::new(core::ptr::null::<T>()),
    );
    let row = Row {
        p: Cells::new(p),
        v,
        upper: none,
        dx: v,
        dupper: none,
        n,
        scratch,
    };
    // SAFETY: by the caller.
    unsafe {
        let by_alpha = if wants_alpha {
            K::by_alpha(&row, e)
        } else {
            0.0
        };
        K::pull_back(&row, e);
        if by_alpha.is_nan() {
            <f64 as Score>::NAN
        } else {
            by_alpha
        }
    }
}

/// The products of a row of channels with some rows of values. A product is a sum over strips of sixteen channels, then
/// over the lanes.
///
/// # Safety
/// `row` is readable and its values are for whole strips; `out` is writable for `len` numbers.
#[inline(always)]
unsafe fn dots<T: Score, L: Lanes<T>>(
    row: *const T,
    len: usize,
    index: impl Fn(usize) -> usize,
    values: &Values<T>,
    out: *mut T,
) {
    for j in 0..len {
        // SAFETY: by the caller.
        unsafe {
            let value = values.data.add(index(j) * values.row);
            let mut sum = L::splat(T::ZERO);
            for strip in (0..values.width).step_by(LANES) {
                sum = L::load(value.add(strip)).mul_add(L::load(row.add(strip)), sum);
            }
            *out.add(j) = T::from_f64(sum.sum());
        }
    }
}
