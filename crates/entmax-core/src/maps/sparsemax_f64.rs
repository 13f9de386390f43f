//! sparsemax of a row of f64, in passes over blocks.
//!
//! The maxima of sixteen lanes are scores of the row, so their threshold is none above the row's: few scores lie above it, and
//! these are packed. Newton's method on their plain sums rises to the threshold. One pass with compensated sums then says what
//! is left of the sum, and whether a score lies so near that only `exact` can tell whether it counts; a last step from there has
//! all digits, for the support does not change (MATH.md section 2.4).

use super::compensated::Pair;
use super::exact::settle;
use super::kernel::{Outcome, Solved};
use crate::simd::doubles::{Doubles, WIDTH};

/// Numbers that the list may be longer than the row.
pub const SPARE: usize = WIDTH;
/// What plain sums of up to 2^28 numbers, divided by how many they are, are certainly off by at most.
const ROUGH: f64 = 1e-8;
/// How near to the threshold a score is undecided: 2^-48 (1 + |tau|), see `entmax_f64`, and the last step.
const WINDOW: f64 = 1.0 / (1u64 << 44) as f64;
const LARGEST_STEP: f64 = WINDOW / 2.0;
const UNDECIDED: f64 = 1.0 / (1u64 << 48) as f64;
/// Steps with compensated sums: the first one is small nearly always.
const STEPS: usize = 20;

/// The first look at a row: its maximum, NaN if some score is, and the maxima of sixteen lanes.
pub struct Survey {
    lanes: [Doubles; 2],
    pub max: f64,
}

impl Survey {
    /// # Safety
    /// `x` is readable for `n` scores.
    #[inline(never)]
    pub unsafe fn of(x: *const f64, n: usize) -> Survey {
        let mut lanes = [Doubles::splat(f64::NEG_INFINITY); 2];
        // A NaN stays in a sum; where one comes from infinities, the row is looked at again.
        let mut witness = Doubles::splat(0.0);
        let whole = n / (2 * WIDTH) * (2 * WIDTH);
        // SAFETY: by the caller.
        unsafe {
            for from in (0..whole).step_by(2 * WIDTH) {
                let (a, b) = (
                    Doubles::load(x.add(from)),
                    Doubles::load(x.add(from + WIDTH)),
                );
                lanes = [lanes[0].pmax(a), lanes[1].pmax(b)];
                witness = witness + (a + b);
            }
            let (mut max, mut sum) = (lanes[0].pmax(lanes[1]).largest(), witness.total());
            for j in whole..n {
                let score = *x.add(j);
                sum += score;
                max = if max < score { score } else { max };
            }
            if sum.is_nan() && (0..n).any(|j| (*x.add(j)).is_nan()) {
                max = f64::NAN;
            }
            Survey { lanes, max }
        }
    }

    /// No more than the threshold, less the maximum, of the lanes' maxima.
    #[inline(always)]
    fn bound(&self) -> f64 {
        let max = Doubles::splat(self.max);
        let [a, b] = self.lanes.map(|lanes| lanes - max);
        let mut tau = -1.0;
        loop {
            let (at, one) = (Doubles::splat(tau), Doubles::splat(1.0));
            let (of_a, of_b) = (a.above(at), b.above(at));
            let sum = (a.keep(of_a) + b.keep(of_b)).total();
            let count = (one.keep(of_a) + one.keep(of_b)).total();
            let next = (sum - 1.0) / count;
            // -inf where no lane is near the maximum.
            if next <= tau {
                return tau - ROUGH;
            }
            tau = next;
        }
    }
}

/// Scores less the maximum, those that matter, up to a whole block with -inf.
struct Near {
    list: *mut f64,
    len: usize,
}

impl Near {
    /// Those above `bound`, less the maximum.
    ///
    /// # Safety
    /// `x` is readable for `n` scores, `list` writable for as many and [`SPARE`].
    #[inline(always)]
    unsafe fn collect(x: *const f64, n: usize, max: f64, bound: f64, list: *mut f64) -> Near {
        let (top, cut) = (Doubles::splat(max), Doubles::splat(bound));
        let mut near = Near { list, len: 0 };
        let whole = n / WIDTH * WIDTH;
        // SAFETY: by the caller; no more is written than was read, and one.
        unsafe {
            for from in (0..whole).step_by(WIDTH) {
                let gaps = Doubles::load(x.add(from)) - top;
                let mask = gaps.above(cut);
                if !mask.any() {
                    continue;
                }
                if mask.all() {
                    gaps.store(list.add(near.len));
                    near.len += WIDTH;
                } else {
                    near.pack(x.add(from), WIDTH, max, bound);
                }
            }
            near.pack(x.add(whole), n - whole, max, bound);
            near.pad();
        }
        near
    }

    /// # Safety
    /// `x` is readable for `n` numbers, of the list itself perhaps; the list is writable for as many more.
    #[inline(never)]
    unsafe fn pack(&mut self, x: *const f64, n: usize, max: f64, bound: f64) {
        for j in 0..n {
            // SAFETY: by the caller.
            unsafe {
                let gap = *x.add(j) - max;
                *self.list.add(self.len) = gap;
                self.len += usize::from(gap > bound);
            }
        }
    }

    /// # Safety
    /// The list is writable for a block more.
    #[inline(always)]
    unsafe fn pad(&mut self) {
        // SAFETY: by the caller.
        unsafe { Doubles::splat(f64::NEG_INFINITY).store(self.list.add(self.len)) };
    }

    /// The number and the sum of those above `tau`.
    ///
    /// # Safety
    /// The list is as long as it says, and a block.
    #[inline(never)]
    unsafe fn above(&self, tau: f64) -> (f64, f64) {
        let (at, one) = (Doubles::splat(tau), Doubles::splat(1.0));
        let (mut sum, mut count) = (Doubles::splat(0.0), Doubles::splat(0.0));
        for from in (0..self.len).step_by(WIDTH) {
            // SAFETY: by the caller.
            let gaps = unsafe { Doubles::load(self.list.add(from)) };
            let mask = gaps.above(at);
            sum = sum + gaps.keep(mask);
            count = count + one.keep(mask);
        }
        (count.total(), sum.total())
    }

    /// Newton's method on plain sums, until the support stays. It is then packed and summed once more, so that nothing else decides
    /// how the sum is rounded: a row with padding has the bits of the row without.
    ///
    /// # Safety
    /// As [`Near::above`].
    #[inline(never)]
    unsafe fn rise(&mut self, mut tau: f64) -> f64 {
        let mut previous = f64::INFINITY;
        // SAFETY: by the caller.
        unsafe {
            loop {
                let (count, sum) = self.above(tau);
                let stays = count >= previous;
                if !stays {
                    previous = count;
                    tau = (sum - 1.0) / count;
                }
                let others = self.len as f64 - count;
                if others > count || (stays && others > 0.0) {
                    let len = core::mem::take(&mut self.len);
                    self.pack(self.list, len, 0.0, tau - ROUGH);
                    self.pad();
                }
                if stays {
                    let (count, sum) = self.above(tau);
                    return (sum - 1.0) / count;
                }
            }
        }
    }

    /// (what the sum of p exceeds 1 by, its size, whether a score is undecided) at a threshold.
    ///
    /// # Safety
    /// As [`Near::above`].
    #[inline(never)]
    unsafe fn measure(&self, tau: f64) -> (f64, f64, bool) {
        let zero = Doubles::splat(0.0);
        let (at, one) = (Doubles::splat(tau), Doubles::splat(1.0));
        let (inner, outer) = (Doubles::splat(WINDOW), Doubles::splat(-WINDOW));
        let (mut high, mut error, mut inside, mut outside) = (zero, zero, zero, zero);
        for from in (0..self.len).step_by(WIDTH) {
            // SAFETY: by the caller.
            let d = unsafe { Doubles::load(self.list.add(from)) } - at;
            let value = d.keep(d.above(zero));
            // As `two_sum`.
            let sum = high + value;
            let part = sum - high;
            error = error + ((high - (sum - part)) + (value - part));
            high = sum;
            inside = inside + one.keep(d.above(inner));
            outside = outside + one.keep(d.above(outer));
        }
        let count = inside.total();
        let excess = (high.total() - 1.0) + error.total();
        (excess, count, count != outside.total())
    }
}

/// sparsemax of a row with a finite maximum.
///
/// # Safety
/// `x` is readable and `out` writable for `n` scores, equal or disjoint; `list` is writable for as many and [`SPARE`], disjoint from
/// both. The survey is that of the row.
#[inline(never)]
pub unsafe fn solve(
    x: *const f64,
    out: *mut f64,
    n: usize,
    survey: &Survey,
    list: *mut f64,
) -> Outcome {
    let max = survey.max;
    // SAFETY: by the caller.
    unsafe {
        // A short row has nothing in its lanes.
        let bound = if n < 2 * WIDTH {
            -1.0 - ROUGH
        } else {
            survey.bound()
        };
        let mut near = Near::collect(x, n, max, bound, list);
        let mut tau = near.rise(bound);
        let mut step = 0;
        let (excess, delta, undecided) = loop {
            let (excess, count, undecided) = near.measure(tau);
            // At least the maximum counts.
            let delta = excess / count.max(1.0);
            if delta.abs() <= LARGEST_STEP || step == STEPS {
                break (excess, delta, undecided);
            }
            tau += delta;
            step += 1;
        };
        let last = Pair::ZERO.plus(tau).plus(delta);
        if undecided {
            let tau = last.rounded();
            let window = UNDECIDED * (1.0 - tau) + 2.0 * excess.abs();
            let mut len = 0;
            for j in 0..n {
                let score = *x.add(j);
                *list.add(len) = score;
                len += usize::from((score - max) - tau >= -window);
            }
            let exact = settle(list, len, max, (tau, window), false);
            for j in 0..n {
                *out.add(j) = exact.probability(*x.add(j));
            }
            return Solved::unrestricted(exact.cutoff(max), true);
        }
        write(x, out, n, max, last);
        Solved::unrestricted(last.rounded(), step < STEPS)
    }
}

/// # Safety
/// As [`solve`].
#[inline(always)]
unsafe fn write(x: *const f64, out: *mut f64, n: usize, max: f64, tau: Pair) {
    let (top, zero) = (Doubles::splat(max), Doubles::splat(0.0));
    let (high, low) = (Doubles::splat(tau.high), Doubles::splat(tau.low));
    let whole = n / WIDTH * WIDTH;
    // SAFETY: by the caller.
    unsafe {
        for from in (0..whole).step_by(WIDTH) {
            let d = ((Doubles::load(x.add(from)) - top) - high) - low;
            zero.pmax(d).store(out.add(from));
        }
        for j in whole..n {
            let d = ((*x.add(j) - max) - tau.high) - tau.low;
            *out.add(j) = if d > 0.0 { d } else { 0.0 };
        }
    }
}
