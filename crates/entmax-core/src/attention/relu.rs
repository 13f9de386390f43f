//! Weights that are the positive scores themselves (ReLA: Zhang et al. 2021; MATH.md section 14).
//!
//! No threshold is solved and nothing is normalised. A row is the list of its positive scores, however many they are: half
//! of them at N(0, 1), where a list has as much less to sum as it is slower. What a query gets then depends on these scores
//! and their values alone, bit for bit: not on other keys, nor on what hides them.
//!
//! | row | weights |
//! |---|---|
//! | sees no key | none: empty |
//! | has a NaN | NaN for every key that it sees |
//! | has no score above 0 | none, and its sum is 0 |
//! | has scores of +inf | +inf for these; no small change moves them, so their gradient is 0 |

use crate::maps::kernels::{compress_row, List, Outcome, RowKernel, Solved};
use crate::maps::staging::ALIGNMENT;
use crate::maps::Score;

/// The positive ones of `n` scores as a list in the scratch; their cutoff is 0.
///
/// # Safety
/// `row` is readable for `n >= 1` scores; `scratch` is as long as [`crate::maps::kernels::scratch`] says, which has room for
/// n scores and indices.
#[inline(never)]
pub unsafe fn weigh<T: Score, K: RowKernel<T>>(
    row: *const T,
    n: usize,
    scratch: *mut u8,
    list: &mut List<T>,
) -> Outcome {
    let values: *mut T = scratch.cast();
    let behind = (n * size_of::<T>()).next_multiple_of(ALIGNMENT);
    let indices: *mut i32 = scratch.wrapping_add(behind).cast();
    // SAFETY: by the caller.
    unsafe {
        match K::maximum(row, n) {
            None => return Outcome::NotANumber,
            Some(max) if max == T::NEG_INFINITY => return Outcome::Empty,
            Some(_) => {}
        }
        let len = compress_row(row, n, indices, values);
        *list = List {
            values,
            indices: indices.cast(),
            len,
        };
    }
    Solved::at(0.0)
}

/// Makes of the products dP of `n` kept weights the gradients of their scores: the same, where a weight is finite.
///
/// # Safety
/// `weights` is readable and `products` writable for `n` numbers.
#[inline(never)]
pub unsafe fn pull_back<T: Score>(weights: *const T, products: *mut T, n: usize) {
    for j in 0..n {
        // SAFETY: j < n.
        unsafe {
            let weight = *weights.add(j);
            if weight.is_nan() {
                *products.add(j) = T::NAN;
            } else if weight == T::INFINITY {
                *products.add(j) = T::ZERO;
            }
        }
    }
}
