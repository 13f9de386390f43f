//! Sparsemax of entries that come in groups of equal ones, and the pullback through both (MATH.md section 8).
//!
//! With S the support, a_i = v_i - mean of v over S on it and 0 elsewhere is the pullback of sparsemax. That of the
//! step before it gives each entry the mean of a over its group G, and lambda what a and the *rates* dy/dlambda make:
//!
//! ```text
//! dx_i = mean over G of a / T,    dlambda = sum a_i rate_i
//! ```
//!
//! A group is named by one of its entries. In the published oscarmax magnitudes are equal, not entries: marks say that the
//! sign is turned, that a group has both signs, so that it may have members outside of S, or that the entry was cut off at 0
//! and does not move.

use super::frame::Solved;
use crate::gradients::cells::Cells;
use crate::gradients::rows::Row;
use crate::gradients::support::{list_bytes, Support};
use crate::maps::kernels::{sparsemax_f64, Outcome, Survey};

pub use super::frame::EXCLUDED;
/// Added to the group of an entry that is the group's value with its sign turned.
pub const TURNED: u32 = 1 << 31;
/// Added to the groups that have entries of both signs.
pub const MIXED: u32 = 1 << 30;
/// The group of entries that do not move with their scores, though they are there.
pub const FIXED: u32 = u32::MAX - 1;

/// Numbers of scratch for [`sparsemax`] of `n`.
pub const fn room(n: usize) -> usize {
    n + sparsemax_f64::SPARE
}

/// Sparsemax of scores, in place; -inf is excluded, and something is left. `scratch` is at least as long as [`room`] says.
pub fn sparsemax(row: &mut [f64], scratch: &mut [f64]) -> Solved {
    let n = if scratch.len() < room(row.len()) {
        0
    } else {
        row.len()
    };
    let (at, list) = (row.as_mut_ptr(), scratch.as_mut_ptr());
    // SAFETY: both are as long as that.
    let (survey, outcome) = unsafe {
        let survey = Survey::of(at, n);
        if !survey.max.is_finite() {
            return Solved {
                threshold: f64::INFINITY,
                converged: true,
            };
        }
        let outcome = sparsemax_f64::solve(at, at, n, &survey, list);
        (survey, outcome)
    };
    match outcome {
        Outcome::Solved(solved) => Solved {
            threshold: survey.max + solved.cutoff,
            converged: solved.converged,
        },
        _ => Solved {
            threshold: survey.max,
            converged: false,
        },
    }
}

/// What the group of an entry says; None where it does not move.
struct Member {
    group: usize,
    sign: f64,
    is_mixed: bool,
}

impl Member {
    #[inline(always)]
    fn of(group: u32) -> Option<Member> {
        (group < FIXED).then_some(Member {
            group: (group & !(TURNED | MIXED)) as usize,
            sign: if group & TURNED == 0 { 1.0 } else { -1.0 },
            is_mixed: group & MIXED != 0,
        })
    }
}

/// Bytes of scratch of a [`Row`] for [`pull_back`].
pub const fn backward_scratch(n: usize) -> usize {
    // A list of the support, and two numbers for each group.
    (list_bytes(n).next_multiple_of(size_of::<f64>()) + 2 * n * size_of::<f64>())
        .next_multiple_of(64)
}

/// dx of a row; returns dlambda. `rates` may be null: then that is 0.
///
/// # Safety
/// As [`Row`] says, with a scratch of [`backward_scratch`]; `groups` and `rates` are what the forward kernel wrote.
#[inline(never)]
pub unsafe fn pull_back(row: &Row, groups: *const u32, rates: Cells, temperature: f64) -> f64 {
    let sums = row
        .scratch
        .wrapping_add(list_bytes(row.n).next_multiple_of(size_of::<f64>()))
        .cast::<f64>();
    let counts = sums.wrapping_add(row.n);
    let (mut total, mut dlambda) = (0.0, 0.0);
    // SAFETY: by the caller; what is read of p and v is in the list before anything is written.
    unsafe {
        let list = Support::gather(row);
        let mut mass = 0.0;
        for k in 0..list.len {
            total += *list.v.add(k);
            mass += *list.p.add(k);
        }
        let is_nan = !(total + mass).is_finite();
        row.dx.fill(row.n, is_nan);
        if is_nan {
            return f64::NAN;
        }
        let mean = total / list.len as f64;
        let mut is_mixed = false;
        for k in 0..list.len {
            if let Some(member) = Member::of(*groups.add(*list.indices.add(k) as usize)) {
                is_mixed |= member.is_mixed;
                *sums.add(member.group) = 0.0;
                *counts.add(member.group) = 0.0;
            }
        }
        for index in 0..if is_mixed { row.n } else { 0 } {
            if let Some(member) = Member::of(*groups.add(index)).filter(|member| member.is_mixed) {
                *sums.add(member.group) = 0.0;
                *counts.add(member.group) = 0.0;
            }
        }
        for k in 0..list.len {
            let (index, a) = (*list.indices.add(k) as usize, *list.v.add(k) - mean);
            if let Some(member) = Member::of(*groups.add(index)) {
                *sums.add(member.group) += member.sign * a;
                *counts.add(member.group) += 1.0;
            }
            if !rates.is_null() {
                dlambda += a * rates.get(index);
            }
        }
        if row.dx.is_null() {
            return dlambda;
        }
        // The members of mixed groups outside of S: those of groups without a member in S get the mean of nothing, 0.
        let outside = |index: usize| {
            Member::of(*groups.add(index))
                .filter(|member| member.is_mixed && row.p.get(index) == 0.0)
        };
        if is_mixed {
            let others = || (0..row.n).filter_map(outside);
            for member in others() {
                *counts.add(member.group) += 1.0;
            }
        }
        let share = |member: Member| {
            let mean = *sums.add(member.group) / *counts.add(member.group);
            member.sign * mean / temperature
        };
        for k in 0..list.len {
            let index = *list.indices.add(k) as usize;
            if let Some(member) = Member::of(*groups.add(index)) {
                row.dx.set(index, share(member));
            }
        }
        for index in 0..if is_mixed { row.n } else { 0 } {
            if let Some(member) = outside(index) {
                row.dx.set(index, share(member));
            }
        }
    }
    dlambda
}
