//! entmax for 1 < alpha <= 2 on a row of f32: Newton's method on the norm of p, over the few scores that can be
//! in the support (MATH.md section 2.4, 2.7; PERFORMANCE.md section 3).
//!
//! 1. One pass for the maximum and the lane maxima.
//! 2. Newton's method on the largest score of each lane: a subset of 16, so its threshold is a lower bound of the row's.
//!    Where many lane maxima lie above it, once more on those.
//! 3. Only blocks that reach above the bound are read again; what passes is packed with its index. (Long rows come here
//!    with such a list already, by `rising_f32`.)
//! 4. Newton's method on that list, zeros by memory.fill, scatter.
//!
//! When much of the row passes (near-uniform rows, alpha near 1), packing would cost more than it saves: the steps
//! then stream over the row itself and the result is written in one dense pass. Which way is taken depends on the
//! row's content alone.
//!
//! Newton's method on the norm starts left of the root, increases monotonically and is exact in one step for equal
//! scores and whenever the support stops changing at alpha = 2 (where it is Michelot's algorithm).

use super::candidates_f32::Candidates;
use super::exact_f32::{is_near, settle_f32, write, Computed, Watch};
use super::kernel::{List, Outcome, Solved};
use super::powers_f32::{IntegerPower, Level, Power};
use super::{narrow_f32, short_f32};

use super::scan_f32::{cut, find_above, maxima_len, pack_above, Above, Scores, Tail};
use super::softmax_f32::scale;
use crate::simd::{copy_short, F32Block, LANES};

/// Rows up to this length skip the lane maxima.
pub const SHORT_ROW: usize = 256;
/// Newton's method needs 3 to 10 steps; bits that need more are bits nobody has seen.
pub const STEPS: usize = 40;
/// Rows from this length on begin with a sample of that many scores where a step is costly.
pub const SAMPLED_ROW: usize = 1024;
pub const SAMPLE: usize = 256;
/// From so many lane maxima above the first bound on, a sharper one saves more than it costs.
const MANY_MAXIMA: usize = 3 * LANES;

/// A row, or the packed list that stands for it, with the row's maximum.
pub struct Problem<'a, P> {
    pub power: P,
    pub scores: &'a Scores,
    pub max: f32,
    /// What a score counts for: 1, or more where a sample stands for the row.
    pub weight: f64,
}

pub struct Solution {
    pub c: f64,
    /// Sums of q and s at c, or one step before where the steps were used up.
    pub q: f64,
    pub s: f64,
    pub converged: bool,
}

impl<P: Power> Problem<'_, P> {
    /// The sums of q and s at one threshold; q goes to `kept` unless that is null.
    ///
    /// # Safety
    /// `kept` is writable for `len` floats rounded up to 16.
    #[inline(always)]
    unsafe fn sums<V: F32Block>(&self, level: &Level<V>, kept: *mut f32) -> (f64, f64) {
        let max = V::splat(self.max);
        let (mut all_q, mut all_s) = (V::no_sums(), V::no_sums());
        let add = |from, scores: V| {
            let (q, s) = self.power.terms(level, scores.sub(max));
            q.sum_into(&mut all_q);
            s.sum_into(&mut all_s);
            if P::COSTLY && !kept.is_null() {
                // SAFETY: `kept` has room for whole blocks.
                unsafe { q.store(kept.add(from)) };
            }
        };
        if P::COSTLY {
            self.scores.each_costly(add);
        } else {
            self.scores.each(add);
        }
        (V::total(all_q), V::total(all_s))
    }

    /// Newton's method from `c`: left of the root, or anywhere, since one step from the right ends on the left.
    ///
    /// # Safety
    /// As [`Problem::sums`].
    #[inline(never)]
    pub unsafe fn newton<V: F32Block>(&self, mut c: f64, steps: usize, kept: *mut f32) -> Solution {
        let beta = 1.0 / self.power.exponent();
        let mut previous = f64::INFINITY;
        let mut taken = 0;
        loop {
            // SAFETY: by the caller.
            let (q, s) = unsafe { self.sums::<V>(&self.power.level(c), kept) };
            let step = self.power.step(c, q * self.weight, s * self.weight);
            let residual = step.excess.abs();
            // The sum itself is only so accurate: below 1e-5 stop once it no longer gets better.
            let stalled = residual < 1e-5 && residual > 0.5 * previous;
            let converged = residual <= P::TOLERANCE || stalled;
            // From the right, where a sample may have led, a step may pass 0, which is left of the root.
            let next = (c + step.delta).max(0.0);
            // The maximum stays above the threshold whatever the sums were.
            if converged || taken == steps || !(next >= 0.0 && next < beta) {
                return Solution { c, q, s, converged };
            }
            previous = residual;
            c = next;
            taken += 1;
            // A bound wants no sums.
            if taken == steps {
                return Solution { c, q, s, converged };
            }
        }
    }

    /// Where support is decided exactly: the computed threshold.
    #[inline(always)]
    fn computed(&self, solution: &Solution) -> Option<Computed> {
        let beta = 1.0 / self.power.exponent();
        (beta == 1.0 || beta == 2.0).then_some(Computed {
            tau: solution.c - beta,
            q: solution.q,
            square: beta == 2.0,
        })
    }

    /// The probabilities of all the scores, zeros included; whether some score is undecided.
    ///
    /// # Safety
    /// `out` is writable for `len` floats, equal to the scores or disjoint.
    #[inline(never)]
    unsafe fn write<V: F32Block>(&self, solution: &Solution, out: *mut f32) -> bool {
        let level: Level<V> = self.power.level(solution.c);
        let factor = V::splat(self.power.factor(solution.q) as f32);
        let max = V::splat(self.max);
        let computed = self.computed(solution);
        let mut watch = computed.map(|computed| Watch::new(computed.tau, computed.window()));
        // SAFETY: by the caller.
        unsafe {
            self.scores.map_into::<V>(out, |scores| {
                let u = scores.sub(max);
                if let Some(watch) = &mut watch {
                    watch.look(u);
                }
                self.power.terms(&level, u).0.mul(factor)
            });
        }
        watch.is_some_and(|watch| watch.has_seen())
    }

    /// Replaces the probabilities in `out` by those of the exact support where they differ.
    ///
    /// # Safety
    /// `out` is writable for `len` floats, equal to the scores (which then are still there) or disjoint; `wide` for `len` f64,
    /// disjoint from both.
    #[inline(never)]
    unsafe fn settle<V: F32Block>(
        &self,
        solution: &Solution,
        out: *mut f32,
        wide: *mut f64,
    ) -> Outcome {
        // SAFETY: by the caller.
        unsafe {
            if let Some(computed) = self.computed(solution) {
                if let Some(exact) = settle_f32::<V>(self.scores, self.max, computed, wide) {
                    write(&exact, self.scores.values, out, self.scores.len);
                    return Solved::unrestricted(exact.cutoff(f64::from(self.max)), true);
                }
            }
            self.write::<V>(solution, out);
        }
        self.outcome(solution)
    }

    #[inline(always)]
    fn outcome(&self, solution: &Solution) -> Outcome {
        let cutoff = solution.c - 1.0 / self.power.exponent();
        Solved::unrestricted(cutoff, solution.converged)
    }
}

/// Scratch of one row of `n`, in bytes: lists of n / 2 scores and indices, or n kept terms; behind them the lane
/// maxima twice, or n / 2 f64 for alpha above 2; without a list n f64.
pub fn scratch(n: usize) -> usize {
    // Top-k solves shorter rows in the scratch of a longer one.
    (8 * list_capacity(n) + 8 * list_capacity(n)).max(short_f32::SCRATCH)
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
pub fn certified(bound: f64) -> f32 {
    (bound - 1e-5 - 5e-7 * bound.abs()) as f32
}

/// A lower bound of a row's c from its lane maxima, and which of these lie above it: their blocks are listed behind them.
///
/// # Safety
/// `maxima` is readable for the lane maxima of a row of `n` and 16 more, behind which there is as much room.
#[inline(never)]
pub unsafe fn bound_of_maxima<V: F32Block, P: Power>(
    power: P,
    n: usize,
    max: f32,
    maxima: *mut f32,
) -> (f64, Above) {
    let beta = 1.0 / power.exponent();
    let total = maxima_len(n);
    // SAFETY: by the caller.
    unsafe {
        let behind = maxima.add(total);
        let newton_on = |subset: *const f32, len: usize, from: f64, steps: usize| {
            let scores = &Scores::whole(subset, len);
            let problem = Problem {
                power,
                scores,
                max,
                weight: 1.0,
            };
            problem.newton::<V>(from, steps, core::ptr::null_mut()).c
        };
        let find = |c: f64| find_above::<V>(maxima, total, max, certified(c - beta), behind.cast());
        let mut start = newton_on(behind, LANES, 0.0, 4);
        let mut above = find(start);
        // Near softmax all of the row counts, and no subset tells more.
        let hopeless = beta > 10.0 && 8 * above.maxima > 7 * total;
        if above.maxima > MANY_MAXIMA && !hopeless {
            let len = pack_above::<V>(maxima, total, max, certified(start - beta), behind);
            let steps = if 2 * above.maxima > total { 2 } else { 4 };
            start = newton_on(behind, len, start, steps);
            above = find(start);
        }
        (start, above)
    }
}

/// Two steps on a part of a row, as [`super::rising_f32`] wants them.
pub fn raise<V: F32Block, P: Power>(power: P) -> impl Fn(*const f32, usize, f32, f64) -> f64 {
    move |part, len, max, c| {
        let scores = &Scores::whole(part, len);
        let problem = Problem {
            power,
            scores,
            max,
            weight: 1.0,
        };
        // SAFETY: the part is readable; nothing is kept.
        unsafe { problem.newton::<V>(c, 2, core::ptr::null_mut()).c }
    }
}

/// Copies blocks from all over the row.
///
/// # Safety
/// `sample` is writable for [`SAMPLE`] floats; the row is not shorter.
#[inline(always)]
pub unsafe fn take_sample<V: F32Block>(row: &Scores, sample: *mut f32) {
    let stride = row.len / SAMPLE * LANES;
    // SAFETY: by the caller; the last block ends within the row.
    unsafe {
        for block in 0..SAMPLE / LANES {
            let from = row.values.add(block * stride);
            V::load(from).store(sample.add(block * LANES));
        }
    }
}

/// An estimate of a row's c from some blocks of it: within a few percent of the sum, where a lower bound from the lane
/// maxima would cost three more passes over the row.
///
/// # Safety
/// `sample` is writable for [`SAMPLE`] floats; the row is not shorter.
#[inline(never)]
unsafe fn sampled<V: F32Block, P: Power>(
    power: P,
    row: &Scores,
    max: f32,
    start: f64,
    sample: *mut f32,
) -> f64 {
    // SAFETY: by the caller.
    unsafe {
        take_sample::<V>(row, sample);
        let scores = &Scores::whole(sample, SAMPLE);
        let weight = row.len as f64 / SAMPLE as f64;
        let problem = Problem {
            power,
            scores,
            max,
            weight,
        };
        problem.newton::<V>(start, 5, core::ptr::null_mut()).c
    }
}

/// A lower bound of the c of sparsemax by a few steps on a list that stands for the row.
///
/// # Safety
/// `values` is readable for `len` floats.
#[inline(never)]
pub unsafe fn sparsemax_bound<V: F32Block>(
    values: *const f32,
    len: usize,
    max: f32,
    start: f64,
) -> f64 {
    let power = IntegerPower::<1>;
    let mut tail = Tail::uninit();
    // SAFETY: by the caller.
    unsafe {
        let scores = &Scores::new(values, len, &mut tail);
        let problem = Problem {
            power,
            scores,
            max,
            weight: 1.0,
        };
        problem.newton::<V>(start, STEPS, core::ptr::null_mut()).c
    }
}

/// # Safety
/// `out` is writable for the row, which it equals or is disjoint from; `max` is the row's, finite; `maxima` are its
/// lane maxima, which lie in `scratch` behind the lists, with as much room behind them.
#[inline(never)]
pub unsafe fn entmax<V: F32Block, P: Power>(
    power: P,
    (row, out): (&Scores, *mut f32),
    max: f32,
    maxima: *const f32,
    scratch: *mut u8,
    result: &mut List<f32>,
) -> Outcome {
    let n = row.len;
    let beta = 1.0 / power.exponent();
    // SAFETY: by the caller; the regions of the scratch are disjoint.
    unsafe {
        // A few scores tell whether the row may be narrow.
        let (e, even) = (power.exponent(), power.even(n as f64));
        if let Some(outcome) = narrow_f32::entmax::<V>(row, out, max, e, even) {
            return outcome;
        }
        let (mut start, above) = bound_of_maxima::<V, P>(power, n, max, maxima.cast_mut());
        let blocks = (maxima.add(maxima_len(n)).cast(), above.blocks);
        // Three of four lane maxima: a sixth of the row, or so. A list is still half of the time then (1.25-entmax, N(0,1)).
        let dense = 4 * above.maxima > 3 * maxima_len(n);
        if !dense {
            let mut list = lists(n, scratch);
            let bound = certified(start - beta);
            // No longer than the room for it.
            if list.collect::<V>(row, blocks, max, bound, n / 2) {
                return solve_list::<V, P>(power, (row, &list), max, start, scratch, result);
            }
        }
        let problem = Problem {
            power,
            scores: row,
            max,
            weight: 1.0,
        };
        let kept = scratch.cast();
        if P::COSTLY {
            if n >= SAMPLED_ROW {
                start = start.max(sampled::<V, P>(power, row, max, start, kept));
            }
            let solution = problem.newton::<V>(start, STEPS, kept);
            scale::<V>(kept, out, n, solution.q);
            return problem.outcome(&solution);
        }
        let cut = V::splat(cut(max, certified(start - beta)));
        let solution = if V::all(row.block::<V>(0).above(cut)) {
            problem.newton::<V>(start, STEPS, kept)
        } else {
            // What passes, without its places: 1.25-entmax of 1024 scores N(0,1) in 0.75 of the time.
            let scores = &row.pack_above::<V>(cut, kept);
            Problem { scores, ..problem }.newton::<V>(start, STEPS, kept)
        };
        // In place, scores are looked at before they are gone.
        let in_place = out.cast_const() == row.values;
        let mut undecided = problem.computed(&solution).is_some_and(|computed| {
            in_place && is_near::<V>(row, max, computed.tau, computed.window())
        });
        if !undecided {
            undecided = problem.write::<V>(&solution, out);
        }
        if undecided {
            return problem.settle::<V>(&solution, out, scratch.cast());
        }
        problem.outcome(&solution)
    }
}

/// The row's solution from a list that stands for it and a lower bound of its c.
///
/// # Safety
/// As [`entmax`]; the list lies in the scratch, padded with -inf.
#[inline(never)]
pub unsafe fn solve_list<V: F32Block, P: Power>(
    power: P,
    (row, list): (&Scores, &Candidates),
    max: f32,
    start: f64,
    scratch: *mut u8,
    result: &mut List<f32>,
) -> Outcome {
    // SAFETY: by the caller.
    unsafe {
        let padded = Scores::whole(list.scores, list.len.next_multiple_of(LANES));
        let candidates = Problem {
            power,
            scores: &padded,
            max,
            weight: 1.0,
        };
        let solution = candidates.newton::<V>(start, STEPS, core::ptr::null_mut());
        // In place: the probabilities take the scores' room.
        let undecided = candidates.write::<V>(&solution, list.scores);
        *result = list.result();
        if undecided {
            list.restore::<V>(row);
            let wide = behind_lists(row.len, scratch).cast();
            return candidates.settle::<V>(&solution, list.scores, wide);
        }
        candidates.outcome(&solution)
    }
}

/// Zeros everywhere, and the list's values at its indices.
///
/// # Safety
/// `out` is writable for `n` floats; the indices are below n.
#[inline(always)]
pub unsafe fn spread<V: F32Block>(list: &List<f32>, out: *mut f32, n: usize) {
    // SAFETY: by the caller.
    unsafe {
        clear::<V>(out, n);
        for j in 0..list.len {
            *out.add(*list.indices.add(j) as usize) = *list.values.add(j);
        }
    }
}

/// Zeros: memory.fill is the fastest way for long rows, but its call costs as much as a short row.
///
/// # Safety
/// `out` is writable for `n` floats.
#[inline(always)]
pub unsafe fn clear<V: F32Block>(out: *mut f32, n: usize) {
    // SAFETY: by the caller.
    unsafe {
        if n >= 4 * SHORT_ROW {
            core::ptr::write_bytes(out, 0, n);
            return;
        }
        let zero = V::splat(0.0);
        let whole = n / LANES * LANES;
        for from in (0..whole).step_by(LANES) {
            zero.store(out.add(from));
        }
        copy_short([0.0; LANES].as_ptr(), out.add(whole), n - whole);
    }
}
