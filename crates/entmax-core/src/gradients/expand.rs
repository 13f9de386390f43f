//! A sparse result as a dense one: what a pullback that keeps only the support needs first.

use crate::maps::Score;
use crate::status::Status;
use core::ops::Range;

/// Zeros, then the entries of each row of `rows`, in the layout [outer, n, inner] of `out`.
///
/// # Safety
/// `indptr` holds one more entry than there are rows and ascends; `indices` and `values` are readable up to its last,
/// the indices are below n; `out` is writable.
#[inline(never)]
pub unsafe fn csr_expand<T: Score>(
    rows: Range<usize>,
    (indptr, indices, values): (*const i32, *const i32, *const T),
    out: *mut T,
    (n, inner): (usize, usize),
) -> Status {
    let inner = inner.max(1);
    // SAFETY: by the caller.
    unsafe {
        let mut first = rows.start;
        while first < rows.end {
            let column = first % inner;
            let width = (inner - column).min(rows.end - first);
            let base = out.add(first / inner * n * inner + column);
            if inner == 1 {
                core::ptr::write_bytes(base, 0, n);
            } else {
                for j in 0..n {
                    core::ptr::write_bytes(base.add(j * inner), 0, width);
                }
            }
            for k in 0..width {
                let (start, end) = (*indptr.add(first + k), *indptr.add(first + k + 1));
                for at in start as usize..end as usize {
                    *base.add(*indices.add(at) as usize * inner + k) = *values.add(at);
                }
            }
            first += width;
        }
    }
    Status::Ok
}
