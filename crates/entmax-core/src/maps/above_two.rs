//! entmax for alpha > 2 (MATH.md section 2.5), in f64 for rows of either type.
//!
//! Above 2 the probability near the edge of the support reacts violently to the threshold, so the unknown is not
//! the threshold but t, the smallest probability of the support: with gaps d_i = e (z_i - z_min) >= 0,
//!
//! ```text
//! G(t) = sum over the support of (d_i + t^e)^(1/e) - 1 = 0
//! ```
//!
//! is convex and increasing, and Newton's method from t = 1 / |S| decreases monotonically to its root. The gaps are
//! exact differences of the scores themselves: (1e-16)^(1/63) is 0.56, so not even the row's maximum may be
//! subtracted first.
//!
//! The support is found first, by selection instead of sorting: a score z is in it iff
//! g(z) = sum over larger scores of (e (z_j - z))^(1/e) < 1, and g decreases in z. One probe at the smallest score
//! settles rows that are all support; otherwise each probe discards a part of the undecided scores.

use super::compensated::Sum;
use super::kernel::{Outcome, Solved};
use super::powers_f64::{lone_pow, pow};
use super::score::Score;

/// Newton's steps take 4 to 9; see STEPS in threshold_f32.
const STEPS: usize = 100;
/// What rounding may leave of G(t) at the root.
const ROUNDING: f64 = 2e-16;
/// Below exp(this), powers are formed through logarithms.
const LOG_UNDERFLOW: f64 = -650.0;

/// alpha and temperature of a row.
#[derive(Clone, Copy)]
pub struct AboveTwo {
    exponent: f64,
    inverse: f64,
    /// ln(e / temperature): from a difference of scores to a gap.
    log_unit: f64,
    unit: f64,
    temperature: f64,
}

/// What one t gives.
#[derive(Clone, Copy)]
struct State {
    t: f64,
    /// t^e, or 0 where that underflows, and its logarithm.
    t_power: f64,
    log_t_power: f64,
    sum: f64,
    /// sum - 1 = G(t), its derivative, and the sum of the gaps.
    excess: f64,
    slope: f64,
    gaps: f64,
}

/// The solution: enough to give any score its probability.
pub struct Threshold {
    map: AboveTwo,
    /// The smallest score of the support.
    smallest: f64,
    state: State,
    converged: bool,
}

/// Copies the scores closer than `reach` to `max` and returns how many there are.
///
/// # Safety
/// `x` is readable for `n` scores, `candidates` writable for those above.
#[inline(always)]
pub unsafe fn copy_candidates<T: Score>(
    x: *const T,
    n: usize,
    max: f64,
    reach: f64,
    candidates: *mut f64,
) -> usize {
    let mut len = 0;
    for j in 0..n {
        // SAFETY: by the caller; len <= j.
        unsafe {
            let score = (*x.add(j)).to_f64();
            // Not score > max - reach, which is max itself where the scores are huge.
            if max - score < reach {
                *candidates.add(len) = score;
                len += 1;
            }
        }
    }
    len
}

impl AboveTwo {
    /// `exponent = alpha - 1` is finite and above 1.
    #[inline(always)]
    pub fn new(exponent: f64, temperature: f64) -> AboveTwo {
        AboveTwo {
            exponent,
            inverse: 1.0 / exponent,
            log_unit: libm::log(exponent) - libm::log(temperature),
            unit: exponent / temperature,
            temperature,
        }
    }

    /// Only scores closer than this to the maximum can be in the support. Never 0: the maximum itself is one.
    #[inline(always)]
    pub fn reach(&self) -> f64 {
        (self.temperature * self.inverse).max(f64::MIN_POSITIVE)
    }

    /// p = (gap + t^e)^(1/e) for gap = e * difference / temperature > 0, and t^e / p^e.
    #[inline(always)]
    fn power(&self, difference: f64, t_power: f64, log_t_power: f64) -> (f64, f64) {
        let sum = difference * self.unit + t_power;
        if sum > 1e-280 && sum < 1e280 {
            return (pow(sum, self.inverse), t_power / sum);
        }
        // ln(a + b) from ln a and ln b.
        let log_gap = libm::log(difference) + self.log_unit;
        let (larger, smaller) = if log_gap > log_t_power {
            (log_gap, log_t_power)
        } else {
            (log_t_power, log_gap)
        };
        let log_sum = larger + libm::log1p(libm::exp(smaller - larger));
        (
            libm::exp(log_sum * self.inverse),
            libm::exp(log_t_power - log_sum),
        )
    }

    /// (e difference / temperature)^(1/e) for a difference > 0.
    #[inline(always)]
    fn root(&self, difference: f64) -> f64 {
        let gap = difference * self.unit;
        if gap > 1e-280 && gap < 1e280 {
            return pow(gap, self.inverse);
        }
        self.power(difference, 0.0, f64::NEG_INFINITY).0
    }

    /// g(score) over candidates that include all larger ones; at least 1 where it is.
    ///
    /// # Safety
    /// `larger` is readable for `len`; scores not above `score` do not count.
    unsafe fn claim(&self, score: f64, larger: *const f64, len: usize) -> f64 {
        let mut sum = 0.0;
        for j in 0..len {
            // SAFETY: by the caller.
            let difference = unsafe { *larger.add(j) } - score;
            if difference > 0.0 {
                sum += self.root(difference);
                if sum >= 1.0 {
                    break;
                }
            }
        }
        sum
    }

    /// Moves the support to the front, and returns its size, its smallest score, and what the larger ones leave to that:
    /// 1 - g.
    ///
    /// # Safety
    /// `candidates` is writable for `len >= 1` scores.
    unsafe fn select_support(&self, candidates: *mut f64, len: usize) -> (usize, f64, f64) {
        // [0, inside) is in the support, [outside, len) is not, between them it is open.
        let (mut inside, mut outside) = (0, len);
        let (mut smallest, mut left) = (f64::INFINITY, 1.0);
        // SAFETY: all indices stay below len.
        unsafe {
            let mut probe = *candidates;
            for j in 1..len {
                let score = *candidates.add(j);
                if score < probe {
                    probe = score;
                }
            }
            let mut random = 0x9e37_79b9_7f4a_7c15_u64;
            while inside < outside {
                // Three parts: above, equal to, below the probe.
                let (mut above, mut next, mut below) = (inside, inside, outside);
                while next < below {
                    let score = *candidates.add(next);
                    if score > probe {
                        core::ptr::swap(candidates.add(above), candidates.add(next));
                        above += 1;
                        next += 1;
                    } else if score == probe {
                        next += 1;
                    } else {
                        below -= 1;
                        core::ptr::swap(candidates.add(next), candidates.add(below));
                    }
                }
                let claim = self.claim(probe, candidates, above);
                if claim < 1.0 {
                    inside = below;
                    (smallest, left) = (probe, 1.0 - claim);
                } else {
                    outside = above;
                }
                if inside < outside {
                    // A fixed pseudo-random sequence: no order of the scores is bad on purpose, and results
                    // do not depend on it.
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    probe =
                        *candidates.add(inside + ((random >> 33) as usize) % (outside - inside));
                }
            }
        }
        (inside, smallest, left)
    }

    /// The threshold of the candidates, which are reordered.
    ///
    /// # Safety
    /// `candidates` is writable for `len >= 1` scores, all finite, the row's maximum among them.
    pub unsafe fn solve(&self, candidates: *mut f64, len: usize) -> Threshold {
        // SAFETY: by the caller.
        let (size, smallest, left) = unsafe { self.select_support(candidates, len) };
        let even = 1.0 / size as f64;
        // G is convex with a slope of at least 1: Newton's step from 0 is above the root too, and close where t is small.
        let most = even.min(left + 1e-13);
        // SAFETY: by the caller.
        let mut state = unsafe { self.try_smallest(candidates, size, smallest, most) };
        let mut taken = 0;
        if state.excess > 0.0 {
            // p is concave in the gap: with all gaps at their mean, t comes out below the root, and very near to it in
            // near-uniform rows. A step from there lands above again.
            let mean_gap = state.gaps / size as f64;
            let below = libm::exp(self.exponent * libm::log(even)) - mean_gap;
            if below > 1e-280 {
                // SAFETY: by the caller.
                let guess = unsafe {
                    self.try_smallest(candidates, size, smallest, lone_pow(below, self.inverse))
                };
                let next = guess.next();
                if guess.excess > -ROUNDING {
                    state = guess;
                } else if next > guess.t && next < most {
                    // SAFETY: by the caller.
                    state = unsafe { self.try_smallest(candidates, size, smallest, next) };
                }
                // Else the step leads beyond 1 / |S|, from where Newton's method has to begin.
            }
        }
        loop {
            let next = state.next();
            let converged = !(state.excess > ROUNDING && next < state.t);
            if converged || taken == STEPS {
                let converged = converged && state.excess.abs() < 1e-12;
                return Threshold {
                    map: *self,
                    smallest,
                    state,
                    converged,
                };
            }
            let t = if next > 0.0 { next } else { state.t * 1e-3 };
            // SAFETY: by the caller.
            state = unsafe { self.try_smallest(candidates, size, smallest, t) };
            taken += 1;
        }
    }

    /// The sums over the support for one t.
    ///
    /// # Safety
    /// `support` is readable for `size` scores.
    unsafe fn try_smallest(
        &self,
        support: *const f64,
        size: usize,
        smallest: f64,
        t: f64,
    ) -> State {
        let log_t_power = self.exponent * libm::log(t);
        let t_power = if log_t_power > LOG_UNDERFLOW {
            lone_pow(t, self.exponent)
        } else {
            0.0
        };
        let (mut sum, mut slope, mut gaps) = (Sum::new(), 0.0, 0.0);
        let mut equal = 0usize;
        for j in 0..size {
            // SAFETY: by the caller.
            let difference = unsafe { *support.add(j) } - smallest;
            if difference == 0.0 {
                equal += 1;
                continue;
            }
            let (p, ratio) = self.power(difference, t_power, log_t_power);
            sum.add(p);
            // (t / p)^(e - 1) = (t^e / p^e) (p / t).
            slope += ratio * (p / t);
            gaps += difference * self.unit;
        }
        sum.add(equal as f64 * t);
        State {
            t,
            t_power,
            log_t_power,
            sum: sum.total(),
            excess: sum.minus(1.0),
            slope: slope + equal as f64,
            gaps,
        }
    }
}

impl State {
    /// Newton's step.
    fn next(&self) -> f64 {
        self.t - self.excess / self.slope
    }
}

impl Threshold {
    /// The probability of a score.
    #[inline(always)]
    pub fn probability(&self, score: f64) -> f64 {
        // Also for -inf, which lies below.
        if score < self.smallest {
            return 0.0;
        }
        let difference = score - self.smallest;
        let State {
            t,
            t_power,
            log_t_power,
            sum,
            ..
        } = self.state;
        let p = if difference == 0.0 {
            t
        } else {
            self.map.power(difference, t_power, log_t_power).0
        };
        p / sum
    }

    #[inline(always)]
    pub fn outcome(&self, max: f64) -> Outcome {
        let t_power = libm::exp(self.state.log_t_power);
        let cutoff = (self.smallest - max) / self.map.temperature - t_power * self.map.inverse;
        Solved::unrestricted(cutoff, self.converged)
    }
}
