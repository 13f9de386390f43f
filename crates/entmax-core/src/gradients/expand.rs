//! A sparse result as a dense one: what a pullback that keeps only the support needs first.

use super::cells::Cells;
use crate::maps::Score;
use crate::status::Status;
use core::ops::Range;

/// Zeros, then the entries of each row of `rows`, in the layout [outer, n, inner] of `out`.
///
/// # Safety
/// `indptr` holds one more entry than there are rows and ascends; `indices` and `values` are readable up to its last,
/// the indices are below n; `out` is writable.
#[inline(always)]
pub unsafe fn csr_expand<T: Score>(
    rows: Range<usize>,
    (indptr, indices, values): (*const i32, *const i32, *const T),
    out: *mut T,
    shape: (usize, usize),
) -> Status {
    // SAFETY: passed on.
    unsafe {
        expand(
            rows,
            (indptr, indices),
            Cells::new(values),
            Cells::new(out),
            shape,
        )
    };
    Status::Ok
}

/// # Safety
/// As [`csr_expand`].
#[inline(never)]
unsafe fn expand(
    rows: Range<usize>,
    (indptr, indices): (*const i32, *const i32),
    values: Cells,
    out: Cells,
    (n, inner): (usize, usize),
) {
    let inner = inner.max(1);
    let mut first = rows.start;
    while first < rows.end {
        let column = first % inner;
        let width = (inner - column).min(rows.end - first);
        let base = out.from(first / inner * n * inner + column);
        // SAFETY: by the caller.
        unsafe {
            if inner == 1 {
                base.fill(n, false);
            } else {
                for j in 0..n {
                    base.from(j * inner).fill(width, false);
                }
            }
            for k in 0..width {
                let (start, end) = (*indptr.add(first + k), *indptr.add(first + k + 1));
                for at in start as usize..end as usize {
                    base.set(*indices.add(at) as usize * inner + k, values.get(at));
                }
            }
        }
        first += width;
    }
}
