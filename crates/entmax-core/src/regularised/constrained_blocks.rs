//! Where the threshold of a row with bounds lies, by Newton's method in blocks of f32: what [`super::constrained`] asks first, for
//! rows of either type.
//!
//! ```text
//! sum of min(u_i, f(x_i - c)) = 1,   f(d) = exp(d / T)   or   [e d / T]+^(1/e), of which no more than 1 is seen
//! ```
//!
//! The sum falls with c and is neither convex nor concave, so each step narrows a bracket. It begins where the same method comes
//! to on a sample of the row, whose blocks cost nearly nothing, so that three to six passes over the row are enough.

use crate::maps::kernels::Scores;
use crate::simd::exp_log::{exp2_nonpositive, log2_of_ratio};
use crate::simd::{F32Block, LANES};

/// Newton's steps and bisections.
const STEPS: usize = 24;
/// What the sum may be off by: its own rounding.
const TOLERANCE: f64 = 2e-7;
/// What the sum of a solved row may then be off by, with as much again.
const UNCERTAIN: f64 = 1e-6;
/// Blocks whose lanes are added in f32.
const RUN: usize = 8;
/// Scores of a sample.
pub const SAMPLE: usize = 8 * LANES;
/// The least number that f32 holds with all its digits.
const LEAST: f32 = f32::MIN_POSITIVE;

/// f, without its scale.
#[derive(Clone, Copy, PartialEq)]
pub enum Power {
    Exponential,
    /// That of alpha = 1.5.
    Square,
    /// Any other power from 1 on.
    Real(f32),
}

impl Power {
    /// For e = alpha - 1 in [0, 1]; None above.
    pub fn of(e: f64) -> Option<Power> {
        let beta = 1.0 / e;
        if e == 0.0 {
            Some(Power::Exponential)
        } else if e > 1.0 || beta > 1e4 {
            None
        } else if e == 0.5 {
            Some(Power::Square)
        } else {
            Some(Power::Real(beta as f32))
        }
    }

    /// Whether f' is f.
    const fn is_its_slope(self) -> bool {
        matches!(self, Power::Exponential)
    }

    /// (f, f') of -`below`, both 0 where f is. A pass names its power, so that nothing is left to decide block by block.
    #[inline(always)]
    fn terms<V: F32Block>(self, below: V) -> (V, V) {
        let zero = V::splat(0.0);
        if self == Power::Exponential {
            let t = below.pmax(zero).mul(V::splat(-core::f32::consts::LOG2_E));
            let p = exp2_nonpositive(t);
            return (p, p);
        }
        let d = zero.sub(below).pmax(zero);
        let Power::Real(beta) = self else {
            return (d.mul(d), d.add(d));
        };
        let one = V::splat(1.0);
        // No ratio is above 1.
        let over = below.add(one).pmax(zero);
        let ratio = one.sub(over).pmax(V::splat(LEAST));
        let log = log2_of_ratio(ratio, zero.sub(over));
        let p = exp2_nonpositive(log.mul(V::splat(beta))).keep(d.above(zero));
        (p, p.div(ratio).mul(V::splat(beta)))
    }
}

/// Calls `$self.$pass` with the power as a constant.
macro_rules! by_power {
    ($row:ident.$pass:ident::<$block:ident>($($argument:expr),*)) => {
        match $row.power {
            Power::Exponential => $row.$pass::<$block>(Power::Exponential, $($argument),*),
            Power::Square => $row.$pass::<$block>(Power::Square, $($argument),*),
            Power::Real(beta) => $row.$pass::<$block>(Power::Real(beta), $($argument),*),
        }
    };
}

/// Scores with their bounds.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    pub scores: &'a Scores,
    /// None: all ones. Behind the row 0.
    pub bounds: Option<&'a Scores>,
    pub power: Power,
    /// From a distance of scores to d: 1 / T, or e / T.
    pub scale: f32,
    /// The largest score, finite.
    pub max: f64,
}

/// Where c lies, in units of the scores.
#[derive(Clone, Copy)]
pub struct Bracket {
    pub low: f64,
    pub high: f64,
    /// A c between these; within `uncertain` of the true one if the row is solved.
    pub c: f64,
    pub uncertain: f64,
    pub solved: bool,
    /// What the entries below their bounds sum to at about c.
    pub free: f64,
}

/// One threshold, in two parts: the first difference is exact near it.
#[derive(Clone, Copy)]
struct Level<V> {
    high: V,
    low: V,
    scale: V,
}

impl<V: F32Block> Level<V> {
    /// -d.
    #[inline(always)]
    fn below(&self, scores: V) -> V {
        self.high.sub(scores).add(self.low).mul(self.scale)
    }
}

struct Sums {
    total: f64,
    free: f64,
    slope: f64,
}

impl Row<'_> {
    #[inline(always)]
    fn level<V: F32Block>(&self, c: f64) -> Level<V> {
        let high = c as f32;
        Level {
            high: V::splat(high),
            low: V::splat((c - f64::from(high)) as f32),
            scale: V::splat(self.scale),
        }
    }

    /// # Safety
    /// `from` is a multiple of 16 below the row's length.
    #[inline(always)]
    unsafe fn bound<V: F32Block>(&self, from: usize) -> V {
        match self.bounds {
            None => V::splat(1.0),
            // SAFETY: by the caller.
            Some(bounds) => unsafe { bounds.block(from) },
        }
    }

    /// # Safety
    /// Scores and bounds are readable, here and below.
    #[inline(never)]
    unsafe fn sums<V: F32Block>(&self, c: f64) -> Sums {
        // SAFETY: passed on.
        unsafe { by_power!(self.sums_of::<V>(c)) }
    }

    #[inline(always)]
    unsafe fn sums_of<V: F32Block>(&self, power: Power, c: f64) -> Sums {
        let level: Level<V> = self.level(c);
        let (mut met, mut free, mut slope) = (V::no_sums(), V::no_sums(), V::no_sums());
        let (zero, n) = (V::splat(0.0), self.scores.len);
        for start in (0..n).step_by(RUN * LANES) {
            // Lane by lane, as long as little is lost.
            let (mut some_free, mut some_slope) = (zero, zero);
            for from in (start..n.min(start + RUN * LANES)).step_by(LANES) {
                // SAFETY: by the caller.
                let (scores, bound): (V, V) =
                    unsafe { (self.scores.block(from), self.bound(from)) };
                let (p, s) = power.terms(level.below(scores));
                let inside = bound.above(p);
                // These leave a rest that may be small.
                zero.or_else(inside, bound).sum_into(&mut met);
                some_free = some_free.add(p.keep(inside));
                if !power.is_its_slope() {
                    some_slope = some_slope.add(s.keep(inside));
                }
            }
            some_free.sum_into(&mut free);
            some_slope.sum_into(&mut slope);
        }
        let (free, slope) = (V::total(free), V::total(slope));
        let slope = if power.is_its_slope() { free } else { slope };
        Sums {
            total: V::total(met) + free,
            free,
            slope: slope * f64::from(self.scale),
        }
    }

    /// Newton's method for a sum of `mass`, from `start`.
    #[inline(never)]
    unsafe fn newton<V: F32Block>(&self, mass: f64, start: f64, tolerance: f64) -> Bracket {
        let unit = 1.0 / f64::from(self.scale);
        let (mut low, mut high, mut c) = (f64::NEG_INFINITY, f64::INFINITY, start);
        // The excess at both, less of it where the other end has moved twice.
        let (mut at_low, mut at_high, mut was_above) = (0.0, 0.0, false);
        let (mut free, mut stride) = (0.0, unit);
        for _ in 0..STEPS {
            // SAFETY: by the caller.
            let sums = unsafe { self.sums::<V>(c) };
            let excess = sums.total - mass;
            free = sums.free;
            // Where p is an exponential all free ones move by one factor.
            let rest = mass - (sums.total - sums.free);
            let step = if self.power == Power::Exponential && rest > 0.0 {
                libm::log(sums.free / rest) * unit
            } else {
                excess / sums.slope
            };
            if excess.abs() <= tolerance * mass && sums.slope > 0.0 {
                return Bracket {
                    low,
                    high,
                    c: c + step,
                    uncertain: UNCERTAIN * mass / sums.slope,
                    solved: true,
                    free,
                };
            }
            if excess > 0.0 {
                at_high *= if was_above { 0.5 } else { 1.0 };
                (low, at_low, was_above) = (c, excess, true);
            } else {
                at_low *= if was_above { 1.0 } else { 0.5 };
                (high, at_high, was_above) = (c, excess, false);
            }
            let mut next = c + step;
            // From one side only, by strides that double.
            if low == f64::NEG_INFINITY && (next.is_nan() || next < c - stride) {
                next = c - stride;
                stride *= 2.0;
            } else if high == f64::INFINITY && (next.is_nan() || next > c + stride) {
                next = c + stride;
                stride *= 2.0;
            }
            if !(low < next && next < high) {
                // Between what is known of both ends.
                next = low + (high - low) * (at_low / (at_low - at_high)).clamp(0.01, 0.99);
            }
            if !(low < next && next < high) {
                break;
            }
            c = next;
        }
        Bracket {
            low,
            high,
            c,
            uncertain: 0.0,
            solved: false,
            free,
        }
    }

    /// c of a row whose bounds sum to more than 1. `work` is writable for two samples.
    ///
    /// # Safety
    /// As said.
    pub unsafe fn solve<V: F32Block>(&self, work: *mut f32) -> Bracket {
        let n = self.scores.len;
        // SAFETY: by the caller; the blocks are inside the row.
        unsafe {
            let mut start = self.max - 1.0 / f64::from(self.scale);
            if n >= 4 * SAMPLE {
                let (blocks, stride) = (SAMPLE / LANES, n / SAMPLE * LANES);
                for block in 0..blocks {
                    let scores: V = V::load(self.scores.values.add(block * stride));
                    scores.store(work.add(block * LANES));
                    if let Some(bounds) = self.bounds {
                        let bounds: V = V::load(bounds.values.add(block * stride));
                        bounds.store(work.add(SAMPLE + block * LANES));
                    }
                }
                let scores = &Scores::whole(work, SAMPLE);
                let bounds = &Scores::whole(work.add(SAMPLE), SAMPLE);
                let sample = Row {
                    scores,
                    bounds: self.bounds.map(|_| bounds),
                    ..*self
                };
                start = sample.newton::<V>(SAMPLE as f64 / n as f64, start, 1e-2).c;
            }
            self.newton::<V>(1.0, start, TOLERANCE)
        }
    }

    /// The entries of a solved row; false, and `out` is in no order, where one lies so near to 0 or to its bound that c does not
    /// tell on which side.
    ///
    /// # Safety
    /// `out` is writable for the row, and disjoint from it.
    #[inline(never)]
    pub unsafe fn write<V: F32Block>(&self, bracket: &Bracket, out: *mut f32) -> bool {
        // SAFETY: passed on.
        unsafe { by_power!(self.write_of::<V>(bracket, out)) }
    }

    #[inline(always)]
    unsafe fn write_of<V: F32Block>(&self, power: Power, bracket: &Bracket, out: *mut f32) -> bool {
        let level: Level<V> = self.level(bracket.c);
        let window = V::splat((bracket.uncertain * f64::from(self.scale)) as f32);
        let (zero, n) = (V::splat(0.0), self.scores.len);
        let mut nearest = V::splat(1.0);
        for from in (0..n).step_by(LANES) {
            // SAFETY: by the caller.
            let (scores, bound): (V, V) = unsafe { (self.scores.block(from), self.bound(from)) };
            let d = level.below(scores);
            let (p, s) = power.terms(d);
            let inside = bound.above(p);
            let (over, change) = (p.sub(bound), s.mul(window));
            // Negative where the distance from the bound is less than what may be wrong.
            let far = over.mul(over).sub(change.mul(change));
            // Where p = 0 so is the change; a bound of 0 is never near.
            let far = V::splat(1.0).or_else(zero.at_least(bound), far);
            let far = if power == Power::Exponential {
                far
            } else {
                let square = d.mul(d).sub(window.mul(window));
                square.or_else(far.above(square), far)
            };
            nearest = far.or_else(nearest.above(far), nearest);
            let entries = p.or_else(inside, bound);
            // SAFETY: by the caller.
            unsafe {
                if from + LANES <= n {
                    entries.store(out.add(from));
                } else {
                    let mut tail = [0.0; LANES];
                    entries.store(tail.as_mut_ptr());
                    crate::simd::copy_short(tail.as_ptr(), out.add(from), n - from);
                }
            }
        }
        !V::any(zero.above(nearest))
    }
}
