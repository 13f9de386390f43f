//! entmax for 1 < alpha <= 2 on a row of f32: Newton's method on the norm of p, over the few scores that can be
//! in the support (MATH.md section 2.4, 2.7; PERFORMANCE.md section 3).
//!
//! 1. One pass for the maximum and the lane maxima.
//! 2. Newton's method on the lane maxima: a subset, so its threshold is a lower bound of the row's.
//! 3. Only blocks that reach above the bound are read again; what passes is packed with its index.
//! 4. Newton's method on that list, zeros by memory.fill, scatter.
//!
//! When much of the row passes (near-uniform rows, alpha near 1), packing would cost more than it saves: the steps
//! then stream over the row itself and the result is written in one dense pass. Which way is taken depends on the
//! row's content alone.
//!
//! Newton's method on the norm starts left of the root, increases monotonically and is exact in one step for equal
//! scores and whenever the support stops changing at alpha = 2 (where it is Michelot's algorithm).

use super::powers_f32::{Level, Power};
use super::rows::Outcome;
use super::scan_f32::{count_above, load_scores, pack_above, Candidates};
use super::softmax_f32::scale;
use crate::simd::{store_partial, F32Block, LANES};

/// Rows up to this length skip the lane maxima.
pub const SHORT_ROW: usize = 256;
/// Newton's method needs 3 to 10 steps; bits that need more are bits nobody has seen.
const STEPS: usize = 40;
/// Steps on the lane maxima: the bound is sharp enough after a few.
const BOUND_STEPS: usize = 4;

/// A contiguous row, or the packed list that stands for it.
#[derive(Clone, Copy)]
struct Scores {
    values: *const f32,
    len: usize,
    max: f32,
}

struct Solution {
    c: f64,
    /// Sum of q at c.
    q: f64,
    converged: bool,
}

impl Scores {
    /// The sums of q and s at one threshold; q goes to `kept` unless that is null.
    ///
    /// # Safety
    /// `values` is readable and `kept` writable for `len` floats rounded up to 16.
    #[inline(always)]
    unsafe fn sums<V: F32Block, P: Power>(self, power: P, level: &Level<V>, kept: *mut f32) -> (f64, f64) {
        let max = V::splat(self.max);
        let (mut all_q, mut all_s) = (V::no_sums(), V::no_sums());
        let mut add = |scores: V, from: usize| {
            let (q, s) = power.terms(level, scores.sub(max));
            q.sum_into(&mut all_q);
            s.sum_into(&mut all_s);
            if !kept.is_null() {
                // SAFETY: `kept` has room for whole blocks.
                unsafe { q.store(kept.add(from)) };
            }
        };
        let whole = self.len / LANES * LANES;
        // SAFETY: by the caller.
        unsafe {
            for from in (0..whole).step_by(LANES) {
                add(V::load(self.values.add(from)), from);
            }
            if whole < self.len {
                add(load_scores::<V>(self.values, self.len, whole), whole);
            }
        }
        (V::total(all_q), V::total(all_s))
    }

    /// Newton's method from `c`, left of the root.
    ///
    /// # Safety
    /// As [`Scores::sums`].
    #[inline(always)]
    unsafe fn newton<V: F32Block, P: Power>(self, power: P, mut c: f64, steps: usize, kept: *mut f32) -> Solution {
        let beta = 1.0 / power.exponent();
        let mut previous = f64::INFINITY;
        let mut taken = 0;
        loop {
            // SAFETY: by the caller.
            let (q, s) = unsafe { self.sums::<V, P>(power, &power.level(c), kept) };
            let step = power.step(c, q, s);
            let residual = (step.sum - 1.0).abs();
            // The sum itself is only so accurate: below 1e-5 stop once it no longer gets better.
            let stalled = residual < 1e-5 && residual > 0.5 * previous;
            let converged = residual <= P::TOLERANCE || stalled;
            let next = c + step.delta;
            // The maximum stays above the threshold whatever the sums were.
            if converged || taken == steps || !(next >= 0.0 && next < beta) {
                return Solution { c, q, converged };
            }
            previous = residual;
            c = next;
            taken += 1;
        }
    }
}

/// Scratch of one row of `n`, in bytes: lists of n / 2 scores and indices, or n kept terms; behind them the lane
/// maxima twice, or n / 2 f64 for alpha above 2; without a list n f64.
pub fn scratch(n: usize) -> usize {
    8 * list_capacity(n) + 8 * list_capacity(n)
}

/// Scores that a list can hold.
#[inline(always)]
pub fn list_capacity(n: usize) -> usize {
    (n / 2 + SHORT_ROW).next_multiple_of(16)
}

/// The candidates' lists in the scratch.
#[inline(always)]
pub fn lists(n: usize, scratch: *mut u8) -> Candidates {
    let capacity = list_capacity(n);
    Candidates {
        scores: scratch.cast(),
        indices: scratch.wrapping_add(4 * capacity).cast(),
        len: 0,
    }
}

/// What lies behind the lists.
#[inline(always)]
pub fn behind_lists(n: usize, scratch: *mut u8) -> *mut u8 {
    scratch.wrapping_add(8 * list_capacity(n))
}

/// A bound in f32, lowered by what rounding may have added to it.
#[inline(always)]
fn certified(bound: f64) -> f32 {
    (bound - 1e-5 - 5e-7 * bound.abs()) as f32
}

/// # Safety
/// `x` is readable and `out` writable for `n` floats, equal or disjoint; `max` is the row's, finite; `maxima` is null
/// for a short row, else its lane maxima, which lie in `scratch` behind the lists, with as much room behind them.
#[inline(always)]
pub unsafe fn entmax<V: F32Block, P: Power>(
    power: P,
    (x, out, n): (*const f32, *mut f32, usize),
    max: f32,
    (maxima, maxima_len): (*const f32, usize),
    scratch: *mut u8,
) -> Outcome {
    let beta = 1.0 / power.exponent();
    let mut start = 0.0;
    let mut dense = false;
    // SAFETY: by the caller; the regions of the scratch are disjoint.
    unsafe {
        if !maxima.is_null() {
            let packed = maxima.cast_mut().add(maxima_len);
            let len = pack_above::<V>(maxima, maxima_len, max, certified(-beta), packed);
            let subset = Scores { values: packed, len, max };
            let bound = subset.newton::<V, P>(power, 0.0, BOUND_STEPS, core::ptr::null_mut()).c;
            start = (bound - 1e-5).max(0.0);
            dense = 3 * len > maxima_len
                && 3 * count_above::<V>(maxima, maxima_len, max, certified(start - beta)) > maxima_len;
        }
        let row = Scores { values: x, len: n, max };
        if dense {
            let kept = if P::COSTLY { scratch.cast() } else { core::ptr::null_mut() };
            let solution = row.newton::<V, P>(power, start, STEPS, kept);
            if P::COSTLY {
                core::ptr::copy_nonoverlapping(kept, out, n);
                scale::<V>(out, n, solution.q);
            } else {
                write_dense::<V, P>(power, row, &solution, out);
            }
            return Outcome::Solved { cutoff: solution.c - beta, converged: solution.converged };
        }
        let mut list = lists(n, scratch);
        list.collect::<V>(x, n, maxima, max, certified(start - beta));
        let candidates = Scores { values: list.scores, len: list.len, max };
        let solution = candidates.newton::<V, P>(power, start, STEPS, core::ptr::null_mut());
        // In place: q takes the scores' room.
        write_dense::<V, P>(power, candidates, &solution, list.scores);
        core::ptr::write_bytes(out, 0, n);
        for j in 0..list.len {
            *out.add(*list.indices.add(j) as usize) = *list.scores.add(j);
        }
        Outcome::Solved { cutoff: solution.c - beta, converged: solution.converged }
    }
}

/// The probabilities of all the scores, zeros included.
///
/// # Safety
/// As [`Scores::sums`]; `out` is writable for `len` floats, equal to the scores or disjoint.
#[inline(always)]
unsafe fn write_dense<V: F32Block, P: Power>(power: P, row: Scores, solution: &Solution, out: *mut f32) {
    let level: Level<V> = power.level(solution.c);
    let factor = V::splat(power.factor(solution.q) as f32);
    let max = V::splat(row.max);
    let whole = row.len / LANES * LANES;
    let probabilities = |scores: V| power.terms(&level, scores.sub(max)).0.mul(factor);
    // SAFETY: by the caller; what a block writes it has read before.
    unsafe {
        for from in (0..whole).step_by(LANES) {
            probabilities(V::load(row.values.add(from))).store(out.add(from));
        }
        if whole < row.len {
            let last = probabilities(load_scores::<V>(row.values, row.len, whole));
            store_partial(last, out.add(whole), row.len - whole);
        }
    }
}
