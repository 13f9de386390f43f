//! The constrained entmax for alpha >= 1 (MATH.md section 7.2; at alpha = 1 that of Martins and Kreutzer 2017): p is at most u,
//!
//! ```text
//! p_i = min(u_i, exp_e(z_i / T - c)),   sum p = 1,   e = alpha - 1
//! ```
//!
//! `constrained_quick` solves almost all rows. This file settles the edges of those that it leaves, and hands the others to variable
//! fixing (`constrained_fixing`).
//!
//! At alpha = 2 this is a budget of 1 with bounds (`maps::budget`), which finds the same by other means.

use super::constrained_fixing::Free;
use super::constrained_quick::{blocks, Problem};
use super::frame::{self, Entry, Outcome};
use crate::maps::kernels::{sparsemax_f64, Sum};
use crate::maps::Score;

/// By so much more than their sum may the bounds have to hold: they are rounded to their type.
const fn slack<T: Score>() -> f64 {
    if size_of::<T>() == 4 {
        1e-6
    } else {
        1e-12
    }
}

/// Bytes of the row, four arrays as long and sparsemax's spare numbers, and indices.
const fn arrays(n: usize) -> usize {
    frame::workspace(n, 3 * n + sparsemax_f64::SPARE)
}

/// Bytes of workspace for a row of `n`.
pub const fn constrained_workspace(n: usize) -> usize {
    arrays(n) + (blocks(n) * size_of::<f32>()).next_multiple_of(64)
}

/// The constrained entmax of x / temperature; `e` is alpha - 1, finite. The outcome's threshold is the score (in units of x) up to
/// which p = 0: -inf for alpha = 1 and where all have met their bounds.
///
/// # Safety
/// `x` and `upper` are readable and `out` is writable for `n` scores, each equal to `out` or disjoint from it; bounds are at least 0;
/// `workspace` is 64-aligned and as long as [`constrained_workspace`] says.
#[allow(clippy::too_many_arguments)]
pub unsafe fn constrained<T: Entry>(
    x: *const T,
    upper: *const T,
    n: usize,
    e: f64,
    temperature: f64,
    out: *mut T,
    workspace: *mut u8,
) -> Outcome {
    // SAFETY: by the caller; disjoint parts of the workspace, of plain numbers.
    unsafe {
        let numbers = |part: usize| {
            let at: *mut f64 = workspace.cast();
            core::slice::from_raw_parts_mut(at.add(part * n), n)
        };
        let spare = sparsemax_f64::SPARE;
        let indices = workspace.cast::<f64>().add(5 * n + spare).cast();
        let quick = Problem {
            x,
            upper,
            n,
            e,
            temperature,
            out,
            u: numbers(1),
            bounds: numbers(2),
            p: numbers(3),
            s: numbers(4),
            indices: core::slice::from_raw_parts_mut(indices, n),
            blocks: workspace.add(arrays(n)).cast(),
        };
        if n > 0 {
            if let Some(solved) = quick.solve() {
                return Outcome::Solved(solved);
            }
        }
        let row = numbers(0);
        let mut free = Free {
            scores: numbers(1),
            bounds: numbers(2),
            p: numbers(3),
            scratch: core::slice::from_raw_parts_mut(workspace.cast::<f64>().add(4 * n), n + spare),
            indices: core::slice::from_raw_parts_mut(indices, n),
            len: 0,
            rest: Sum::new(),
        };
        free.rest.add(1.0);
        let (mut max, mut has_nan) = (T::NEG_INFINITY, false);
        let (mut room, mut infinite) = (Sum::new(), Sum::new());
        for j in 0..n {
            let (score, bound) = (*x.add(j), (*upper.add(j)).to_f64().min(2.0));
            has_nan |= score.is_nan();
            max = if score > max { score } else { max };
            if score > T::NEG_INFINITY {
                room.add(bound);
            }
            if score == T::INFINITY {
                infinite.add(bound);
            }
        }
        if has_nan {
            (0..n).for_each(|j| *out.add(j) = T::NAN);
            return Outcome::NotANumber;
        }
        row.fill(0.0);
        let outcome = if max == T::NEG_INFINITY {
            Outcome::Empty
        } else if room.total() * (1.0 + slack::<T>()) < 1.0 {
            Outcome::Infeasible
        } else {
            // Scores of +inf come first: they share the mass if their bounds leave them less than these, else they get these.
            let only_infinite = max == T::INFINITY && infinite.total() >= 1.0;
            for (j, place) in row.iter_mut().enumerate() {
                let (score, bound) = (*x.add(j), (*upper.add(j)).to_f64());
                if score == T::INFINITY && !only_infinite {
                    *place = bound;
                    free.rest.add(-bound);
                } else if score > T::NEG_INFINITY && bound > 0.0 {
                    if !only_infinite {
                        free.push(score.to_f64(), binding(bound), j);
                    } else if score == max {
                        free.push(0.0, binding(bound), j);
                    }
                }
            }
            Outcome::Solved(free.solve(row, e, temperature))
        };
        frame::write(row, out);
        outcome
    }
}

/// A bound of 1 does not hold an entry, though its p may round to that.
#[inline(always)]
pub(super) fn binding(bound: f64) -> f64 {
    if bound < 1.0 {
        bound
    } else {
        2.0
    }
}
