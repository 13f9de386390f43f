//! entmax for alpha > 2 on rows of f32 with many candidates, in blocks of sixteen (see `above_two` for the method, which
//! does the same in f64 for few).
//!
//! 1. **The support.** What the scores above tau claim, g(tau) = sum of (e (z - tau) / T)^(1/e), falls from above 1 to 0 as
//!    tau rises. tau is an f32 itself, so every difference has one rounding, and g a relative error of 1e-6 whatever
//!    alpha is. Newton's method on its logarithm, by that of the distance from the maximum, finds two neighbouring scores
//!    between which g passes 1. Where g is within [`MARGIN`] of 1 it is summed again in f64.
//! 2. **The smallest probability** t of the support, with x = t^e: the sum of (gap + x)^(1/e) is convex in t, its power e is
//!    concave in x (a norm with an exponent below 1). So Newton's step on the one ends above the root, on the other
//!    below, from wherever: every pass gives a bracket, whose width is squared by the next.
//! 3. Where t is far below what an f32 sum can tell, one pass in f64 corrects it.
//!
//! A subset's g is never above the row's: searched roughly, lane maxima give a bound below which no score counts.

use super::kernel::{Outcome, Solved};
use super::powers_f64::{lone_pow, pow};
use super::scan_f32::{pack_above, Scores};
use super::softmax_f32::scale;
use super::threshold_f32::{take_sample, SAMPLE};
use crate::simd::{
    exp_log::{exp2_nonpositive, log2_of_ratio},
    sqrt, F32Block, LANES,
};

/// What g may be wrong by, ten times over.
const MARGIN: f64 = 1e-5;
/// The same of its sum in f64.
const EXACT_MARGIN: f64 = 1e-11;
/// A claim of so much is near enough to 1 for a bound.
const LOOSE: f64 = 1.2;
/// What a sample's claim should be beside the row's: it is off by a tenth.
const SPARE: f64 = 1.25;
/// Passes before the search gives up: it takes 4 to 10.
const STEPS: usize = 40;
/// Up to here the powers of a probability above [`SMALLEST`] are numbers of f64.
const LARGEST_EXPONENT: f64 = 27.0;
const SMALLEST: f64 = 1e-9;

const NOWHERE: (*mut f32, f32) = (core::ptr::null_mut(), 0.0);

/// Scores that stand for the row.
#[derive(Clone, Copy)]
pub struct Many<'a> {
    pub scores: &'a Scores,
    pub max: f32,
    pub exponent: f64,
    /// e / T: from a difference of scores to a gap.
    pub unit: f64,
    /// What a score counts for: 1, or more where a sample stands for the row.
    pub weight: f64,
}

/// The scores above one tau.
struct Above {
    /// Sums of ratio^(1/e) and ratio^(1/e - 1), with the ratio of the maximum 1.
    sum: f64,
    slope: f64,
    /// How many there are, and the smallest of them.
    count: f64,
    next: f32,
}

/// Where g passes 1: what is at or below `low` is not in the support, what is at or above `high` is.
struct Bracket {
    low: f32,
    claim: f64,
    high: f32,
    /// Above `low`, and above `high` with the claim there.
    above_low: Above,
    above_high: Option<(f64, Above)>,
}

/// The support's smallest score, and its share.
struct Smallest {
    score: f32,
    /// How many are equal to it.
    equal: f64,
    /// Its probability.
    t: f64,
    /// t^e.
    lift: f64,
}

impl Smallest {
    const NOTHING: Smallest = Smallest {
        score: 0.0,
        equal: 0.0,
        t: 1.0,
        lift: 0.0,
    };
}

impl Many<'_> {
    /// Whether f32 can hold what is needed.
    pub fn serves(&self) -> bool {
        let reach = 1.0 / self.unit;
        self.exponent <= LARGEST_EXPONENT && reach > 1e-30 && reach < 1e30
    }

    /// The gap of the maximum above `tau`.
    #[inline(always)]
    fn gap(&self, tau: f32) -> f64 {
        (f64::from(self.max) - f64::from(tau)) * self.unit
    }

    /// All sums over the scores above `tau`, with the ratio (gap + lift) / (gap + lift of the maximum). Their ratio^(1/e)
    /// go to `kept` unless that is null, with `lowest` for scores equal to tau and zeros for the others.
    ///
    /// # Safety
    /// `kept` is writable for the scores in whole blocks, and may be the scores themselves.
    #[inline(never)]
    unsafe fn above_with<V: F32Block, const SQUARE: bool>(
        &self,
        tau: f32,
        lift: f64,
        (kept, lowest): (*mut f32, f32),
    ) -> Above {
        let largest = self.gap(tau) + lift;
        let (scale, shift) = (
            V::splat((self.unit / largest) as f32),
            V::splat((lift / largest) as f32),
        );
        let inverse = V::splat((1.0 / self.exponent) as f32);
        let (max, tau) = (V::splat(self.max), V::splat(tau));
        let (one, least) = (V::splat(1.0), V::splat(f32::NEG_INFINITY));
        let zero = V::splat(0.0);
        let (mut sum, mut slope) = (V::no_sums(), V::no_sums());
        let (mut counts, mut next) = (zero, least);
        self.scores.each_costly(|from, scores: V| {
            let inside = scores.above(tau);
            let ratio = scores.sub(tau).mul_add(scale, shift);
            let q = if SQUARE {
                ratio.sqrt()
            } else {
                let log = log2_of_ratio(ratio, scores.sub(max).mul(scale));
                exp2_nonpositive(log.mul(inverse))
            };
            q.keep(inside).sum_into(&mut sum);
            if !kept.is_null() {
                let q = q.or_else(inside, V::splat(lowest));
                // SAFETY: by the caller; what is written has been read.
                unsafe { q.keep(scores.at_least(tau)).store(kept.add(from)) };
            }
            q.div(ratio).keep(inside).sum_into(&mut slope);
            counts = counts.add(one.keep(inside));
            next = next.pmax(zero.sub(scores).or_else(inside, least));
        });
        let mut count = V::no_sums();
        counts.sum_into(&mut count);
        Above {
            sum: V::total(sum),
            slope: V::total(slope),
            count: V::total(count),
            next: -next.largest(),
        }
    }

    /// [`Many::above_with`] the root for this alpha: to choose in every block costs a fifth, and no choice makes alpha = 3
    /// twice as slow.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn above<V: F32Block>(&self, tau: f32, lift: f64, kept: (*mut f32, f32)) -> Above {
        // SAFETY: passed on.
        unsafe {
            if self.exponent == 2.0 {
                self.above_with::<V, true>(tau, lift, kept)
            } else {
                self.above_with::<V, false>(tau, lift, kept)
            }
        }
    }

    /// The smallest score above `tau`, and how many are above.
    #[inline(never)]
    fn count_above<V: F32Block>(&self, tau: f32) -> Above {
        let (zero, one) = (V::splat(0.0), V::splat(1.0));
        let (least, tau) = (V::splat(f32::NEG_INFINITY), V::splat(tau));
        let (mut counts, mut next) = (zero, least);
        self.scores.each_costly(|_, scores: V| {
            let inside = scores.above(tau);
            counts = counts.add(one.keep(inside));
            next = next.pmax(zero.sub(scores).or_else(inside, least));
        });
        let mut count = V::no_sums();
        counts.sum_into(&mut count);
        Above {
            sum: 0.0,
            slope: 0.0,
            count: V::total(count),
            next: -next.largest(),
        }
    }

    /// g(tau) and what is above; None where a ratio is no normal number.
    #[inline(never)]
    fn claim<V: F32Block>(&self, tau: f32) -> Option<(f64, Above)> {
        // SAFETY: nothing is kept.
        let above = unsafe { self.above::<V>(tau, 0.0, NOWHERE) };
        let least = f64::from(above.next) - f64::from(tau);
        let largest = f64::from(self.max) - f64::from(tau);
        let is_normal = least > 1e-37 * largest;
        if !is_normal {
            return None;
        }
        let mut claim = self.weight * lone_pow(self.gap(tau), 1.0 / self.exponent) * above.sum;
        if (claim - 1.0).abs() < MARGIN && self.weight == 1.0 {
            let nothing = Smallest {
                score: tau,
                ..Smallest::NOTHING
            };
            (claim, _) = self.exact_sums(&nothing);
            if (claim - 1.0).abs() < EXACT_MARGIN {
                return None;
            }
        }
        Some((claim, above))
    }

    /// A bracket without a score inside, or, where `loose`, with a good lower end; g(from) >= 1.
    #[inline(never)]
    fn search<V: F32Block>(&self, from: f32, loose: bool) -> Option<Bracket> {
        let log_distance = |tau: f32| libm::log(f64::from(self.max) - f64::from(tau));
        if from >= self.max {
            return None;
        }
        let mut bracket = Bracket {
            low: from,
            claim: f64::INFINITY,
            high: self.max,
            above_low: self.count_above::<V>(from),
            above_high: None,
        };
        // The logarithms of the last distance from the maximum and of the claim there, and how the one grows with the other.
        let mut last = None::<(f64, f64, f64)>;
        for _ in 0..STEPS {
            let (low, high, next) = (bracket.low, bracket.high, bracket.above_low.next);
            if next >= high || (loose && bracket.claim < LOOSE) {
                return Some(bracket);
            }
            let between = match &bracket.above_high {
                Some((_, above)) => bracket.above_low.count - above.count,
                None => bracket.above_low.count,
            };
            // The first look is at the lowest score, and so is the last.
            let mut tau = next;
            if let (Some((distance, claim, slope)), true) = (last, between > 2.5) {
                // A little too far is what a bound needs; else half a score to the other side, or one end would stay.
                let aim = if loose {
                    0.05
                } else {
                    -0.5 / bracket.above_low.count * claim.signum()
                };
                tau = (f64::from(self.max) - libm::exp(distance + (aim - claim) / slope)) as f32;
                // Also where it is no number.
                let within = tau < high && tau > low;
                if !within {
                    tau = (0.5 * f64::from(high) + 0.5 * f64::from(low)) as f32;
                }
                if tau < next {
                    tau = next;
                }
            }
            if tau >= high {
                return None;
            }
            let (claim, above) = self.claim::<V>(tau)?;
            let slope = above.slope / (self.exponent * above.sum);
            last = Some((log_distance(tau), libm::log(claim), slope));
            if claim >= 1.0 {
                (bracket.low, bracket.claim, bracket.above_low) = (tau, claim, above);
            } else {
                (bracket.high, bracket.above_high) = (tau, Some((claim, above)));
            }
        }
        None
    }

    /// The sums at t, over the scores above the smallest: p of the maximum, the sum of p, its derivative by t.
    #[inline(never)]
    fn sums<V: F32Block>(&self, smallest: &Smallest) -> (f64, f64, f64) {
        let Smallest {
            score,
            equal,
            t,
            lift,
            ..
        } = *smallest;
        // SAFETY: nothing is kept.
        let above = unsafe { self.above::<V>(score, lift, NOWHERE) };
        let largest = self.gap(score) + lift;
        let top = lone_pow(largest, 1.0 / self.exponent);
        (
            top,
            top * above.sum + equal * t,
            (lift / t) * (top / largest) * above.slope + equal,
        )
    }

    /// The same in f64.
    #[inline(never)]
    fn exact_sums(&self, smallest: &Smallest) -> (f64, f64) {
        let (mut sum, mut slope) = (0.0, 0.0);
        for j in 0..self.scores.len {
            // SAFETY: j < len.
            let score = unsafe { *self.scores.values.add(j) };
            if score > smallest.score {
                let gap = (f64::from(score) - f64::from(smallest.score)) * self.unit;
                let p = if self.exponent == 2.0 {
                    sqrt(gap + smallest.lift)
                } else {
                    pow(gap + smallest.lift, 1.0 / self.exponent)
                };
                sum += p;
                slope += p / (gap + smallest.lift);
            }
        }
        (
            sum + smallest.equal * smallest.t,
            slope * (smallest.lift / smallest.t) + smallest.equal,
        )
    }

    /// The smallest of the support and its probability. None where f32 does not tell.
    ///
    /// `from` is a tau with g(tau) >= 1.
    #[inline(never)]
    fn solve<V: F32Block>(&self, from: f32) -> Option<Smallest> {
        let bracket = self.search::<V>(from, false)?;
        let e = self.exponent;
        let (score, count) = (bracket.above_low.next, bracket.above_low.count);
        let (claim, above) = match bracket.above_high {
            Some((claim, above)) if bracket.high == score => (claim, above.count),
            _ if score == self.max => (0.0, 0.0),
            _ => {
                let (claim, above) = self.claim::<V>(score)?;
                (claim, above.count)
            }
        };
        let mut smallest = Smallest {
            score,
            equal: count - above,
            ..Smallest::NOTHING
        };
        let set = |smallest: &mut Smallest, t: f64| {
            smallest.t = t;
            smallest.lift = lone_pow(t, e);
        };
        // Newton's step from 0 and everybody at the smallest score: both above the root.
        let (mut least, mut most) = (0.0f64, ((1.0 - claim) / smallest.equal).min(1.0 / count));
        // About where g is 1, between the neighbours.
        let inside = (1.0 - claim) / (bracket.claim - claim);
        let between = (f64::from(score) - f64::from(bracket.low)) * inside * self.unit;
        let mut t = most;
        if between > 0.0 {
            t = t.min(lone_pow(between, 1.0 / e));
        }
        for _ in 0..STEPS {
            let serves = t > SMALLEST;
            if !serves {
                return None;
            }
            set(&mut smallest, t);
            let (top, sum, slope) = self.sums::<V>(&smallest);
            let above = t - (sum - 1.0) / slope;
            // The derivative of the sum by x is that by t times t / (e x).
            let x = smallest.lift;
            let by_x = slope * t / (e * x);
            let below = x - sum * (1.0 - lone_pow(sum, -e)) / (e * by_x);
            most = most.min(above);
            if below > 0.0 {
                least = least.max(lone_pow(below, 1.0 / e));
            }
            if (sum - 1.0).abs() < 1e-7 || most - least <= 1e-8 * most {
                // An error of the sum is one of t by the slope's part.
                let (sum, slope) = if slope * top < 0.25 {
                    self.exact_sums(&smallest)
                } else {
                    (sum, slope)
                };
                set(&mut smallest, t - (sum - 1.0) / slope);
                return (smallest.t > SMALLEST).then_some(smallest);
            }
            t = if least > 0.0 {
                0.5 * (least + most)
            } else {
                most
            };
        }
        None
    }

    /// Writes the map's probabilities of the scores, zeros included; None, and nothing is written, where f32 does not tell.
    /// g(from) >= 1.
    ///
    /// # Safety
    /// `kept` is writable for the scores in whole blocks, `out` for the scores; each equals them or is disjoint.
    #[inline(never)]
    pub unsafe fn entmax<V: F32Block>(
        &self,
        from: f32,
        kept: *mut f32,
        out: *mut f32,
    ) -> Option<Outcome> {
        let Smallest {
            score,
            equal,
            t,
            lift,
        } = self.solve::<V>(from)?;
        let largest = self.gap(score) + lift;
        let top = lone_pow(largest, 1.0 / self.exponent);
        // t itself: x may be no number of f32.
        let least = (t / top) as f32;
        // SAFETY: by the caller.
        let total = unsafe {
            let above = self.above::<V>(score, lift, (kept, least));
            let total = above.sum + equal * f64::from(least);
            scale::<V>(kept, out, self.scores.len, total);
            total
        };
        let converged = (total * top - 1.0).abs() < 1e-5;
        let cutoff = -largest / self.exponent;
        Some(Solved::unrestricted(cutoff, converged))
    }

    /// A bound below which no score counts, from lane maxima and the 16 largest of them behind; `from` is one.
    ///
    /// # Safety
    /// `maxima` is readable for `total` and 16 more, behind which there is as much room.
    #[inline(never)]
    pub unsafe fn bound<V: F32Block>(&self, maxima: *mut f32, total: usize, from: f32) -> f32 {
        let search = |values: *const f32, len: usize, from: f32| {
            let scores = &Scores::whole(values, len);
            let few = Many { scores, ..*self };
            few.search::<V>(from, true).map_or(from, |found| found.low)
        };
        // SAFETY: by the caller.
        unsafe {
            let behind = maxima.add(total);
            let first = search(behind, LANES, from);
            let len = pack_above::<V>(maxima, total, self.max, below(first, self.max), behind);
            if len <= LANES {
                return first;
            }
            search(behind, len, first)
        }
    }

    /// The same for a row of which most lies above such a bound, from some of its blocks: where these say that about
    /// [`SPARE`] of 1 is claimed, the row's claim is 1 at least, or they say nothing.
    ///
    /// # Safety
    /// `sample` is writable for [`SAMPLE`] floats; the row is not shorter.
    #[inline(never)]
    pub unsafe fn sampled_bound<V: F32Block>(&self, sample: *mut f32, from: f32) -> f32 {
        // SAFETY: by the caller.
        unsafe { take_sample::<V>(self.scores, sample) };
        let scores = &Scores::whole(sample, SAMPLE);
        let weight = self.scores.len as f64 / (SAMPLE as f64 * SPARE);
        let few = Many {
            scores,
            weight,
            ..*self
        };
        match few.search::<V>(from, true) {
            Some(Bracket { low, .. }) if low > from => match self.claim::<V>(low) {
                Some((claim, _)) if claim >= 1.0 => low,
                _ => from,
            },
            _ => from,
        }
    }
}

/// `tau` as a distance from the maximum, rounded down.
#[inline(always)]
pub fn below(tau: f32, max: f32) -> f32 {
    ((f64::from(tau) - f64::from(max)) as f32).next_down()
}
