//! Rows whose largest scores are few numbers that many entries share: whole numbers, quantised or clipped scores.
//!
//! The support is then a few _levels_ with a count each, and one pass over the row finds the next level and counts the
//! last one. A level z is in the support iff those above it leave it something (MATH.md section 1),
//!
//! ```text
//! g(z) = sum over higher levels of count (e (z_level - z) / T)^(1/e) < 1,
//! ```
//!
//! so the passes end at the first that is not. What is left is an equation with as many terms as levels, and a pass that
//! writes one of as many numbers. A row of softmax costs more than three levels.

use super::kernel::{Outcome, Solved};
use super::powers_f64::lone_pow;
use super::scan_f32::Scores;
use crate::simd::F32Block;

/// More levels than this are not worth a pass each.
const LEVELS: usize = 8;
/// A level that fewer than one in this many scores share neither.
const RAREST: usize = 64;
/// From this exponent on the powers of what [`Levels::claim`] meets stay within f64.
const LEAST_EXPONENT: f64 = 0.05;
/// Up to this exponent the powers of a probability from [`UNDECIDED`] up are numbers of f64.
const LARGEST_EXPONENT: f64 = 27.0;
/// A claim this close to 1 decides nothing: who decides exactly is to.
const UNDECIDED: f64 = 1e-9;

/// The levels found so far, from the highest down.
struct Levels {
    exponent: f64,
    temperature: f64,
    scores: [f64; LEVELS],
    counts: [f64; LEVELS],
    len: usize,
}

/// The equation's solution: x = (p / p_1)^e of the lowest level with p_1 = 1, and the sum of the x^(1/e).
struct Root {
    lowest: f64,
    sum: f64,
    converged: bool,
}

impl Levels {
    /// The level's score and count.
    #[inline(always)]
    fn each(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.scores
            .iter()
            .zip(&self.counts)
            .take(self.len)
            .map(|(&score, &count)| (score, count))
    }

    #[inline(always)]
    fn gap(&self, above: f64, below: f64) -> f64 {
        (above - below) / self.temperature * self.exponent
    }

    /// g at a score below all levels; at least 1 where it is. None where a level lies too close.
    #[inline(never)]
    fn claim(&self, score: f64) -> Option<f64> {
        let mut claim = 0.0;
        for (level, count) in self.each() {
            let gap = self.gap(level, score);
            if gap >= 1.0 {
                return Some(1.0 + gap);
            }
            if gap <= 1e-12 {
                return None;
            }
            claim += count * lone_pow(gap, 1.0 / self.exponent);
        }
        Some(claim)
    }

    /// Newton's method on the norm (MATH.md section 2.4), above alpha = 2 in the smallest probability (section 2.5).
    /// Both start with everybody at the lowest level, and decrease to the root; `left` is what the others leave to it.
    #[inline(never)]
    fn solve(&self, left: f64) -> Option<Root> {
        let e = self.exponent;
        let total: f64 = self.each().map(|(_, count)| count).sum();
        let (lowest, _) = self.each().last()?;
        let mut smallest = 1.0 / total;
        if e > 1.0 && left < smallest {
            smallest = left;
        }
        if e > LARGEST_EXPONENT {
            // One level needs no equation, and x is nothing beside a gap.
            let alone = Root {
                lowest: 0.0,
                sum: 1.0,
                converged: true,
            };
            return (self.len == 1).then_some(alone);
        }
        let mut x = lone_pow(smallest, e);
        if self.len == 1 {
            return Some(Root {
                lowest: x,
                sum: 1.0,
                converged: true,
            });
        }
        if e <= 1.0 {
            // The highest level alone is a subset, with a lower threshold.
            let (highest, count) = self.each().next()?;
            let beside = lone_pow(count, -e) - self.gap(highest, lowest);
            if beside > 0.0 && beside < x {
                x = beside;
            }
        }
        let mut taken = 0;
        loop {
            let (mut sum, mut slope) = (0.0, 0.0);
            for (level, count) in self.each() {
                let at = self.gap(level, lowest) + x;
                let p = count * lone_pow(at, 1.0 / e);
                sum += p;
                slope += p / at;
            }
            let next = if e > 1.0 {
                // The derivative of the sum by t = x^(1/e) is x / t times that slope.
                smallest -= (sum - 1.0) * smallest / (x * slope);
                lone_pow(smallest.max(0.0), e)
            } else {
                x - sum * (1.0 - lone_pow(sum, -e)) / slope
            };
            // What is left is divided out.
            let converged = (sum - 1.0).abs() < 1e-8;
            let moves = next < x && next > 0.0;
            if converged || taken == 100 || !moves {
                return Some(Root {
                    lowest: x,
                    sum,
                    converged,
                });
            }
            x = next;
            taken += 1;
        }
    }
}

/// How many scores equal `level`, and the largest below it.
#[inline(never)]
fn descend<V: F32Block>(row: &Scores, level: f32) -> (usize, f32) {
    let (zero, one) = (V::splat(0.0), V::splat(1.0));
    let (least, level) = (V::splat(f32::NEG_INFINITY), V::splat(level));
    let (mut next, mut counts) = (least, zero);
    row.each_costly(|_, scores: V| {
        next = next.pmax(least.or_else(scores.at_least(level), scores));
        // Lane by lane: whole numbers.
        counts = counts.add(zero.or_else(scores.differs(level), one));
    });
    let mut count = V::no_sums();
    counts.sum_into(&mut count);
    (V::total(count) as usize, next.largest())
}

/// The map of such a row for any finite e > 0, or None, and then nothing was written. `best` are the largest scores of the
/// sixteen lanes: only where all are the maximum is the row looked at.
///
/// # Safety
/// `out` is writable for the row, which it equals or is disjoint from; `max` is the row's, finite; `best` is readable for
/// 16 floats.
#[inline(never)]
pub unsafe fn entmax<V: F32Block>(
    row: &Scores,
    out: *mut f32,
    max: f32,
    best: *const f32,
    (exponent, temperature): (f64, f64),
) -> Option<Outcome> {
    // SAFETY: by the caller.
    let varied = unsafe { V::load(best) }.differs(V::splat(max));
    if V::any(varied) || exponent < LEAST_EXPONENT {
        return None;
    }
    let mut levels = Levels {
        exponent,
        temperature,
        scores: [0.0; LEVELS],
        counts: [0.0; LEVELS],
        len: 0,
    };
    let mut values = [0.0f32; LEVELS];
    let (mut level, mut left) = (max, 1.0);
    loop {
        let (count, next) = descend::<V>(row, level);
        if levels.len == LEVELS || count * RAREST < row.len {
            return None;
        }
        // SAFETY: len < LEVELS, here and below.
        unsafe {
            *values.as_mut_ptr().add(levels.len) = level;
            *levels.scores.as_mut_ptr().add(levels.len) = f64::from(level);
            *levels.counts.as_mut_ptr().add(levels.len) = count as f64;
        }
        levels.len += 1;
        let claim = if next == f32::NEG_INFINITY {
            1.0 + 2.0 * UNDECIDED
        } else {
            levels.claim(f64::from(next))?
        };
        if (claim - 1.0).abs() <= UNDECIDED {
            return None;
        }
        if claim > 1.0 {
            break;
        }
        (level, left) = (next, 1.0 - claim);
    }
    let root = levels.solve(left)?;
    let lowest = f64::from(level);
    let mut p = [0.0f32; LEVELS];
    for (p, (score, count)) in p.iter_mut().zip(levels.each()) {
        let at = levels.gap(score, lowest) + root.lowest;
        *p = if levels.len == 1 {
            1.0 / count
        } else {
            lone_pow(at, 1.0 / exponent) / root.sum
        } as f32;
    }
    // SAFETY: by the caller.
    unsafe {
        row.map_into::<V>(out, |scores| {
            let mut value = V::splat(0.0);
            for (&level, &p) in values.iter().zip(&p).take(levels.len) {
                value = value.or_else(scores.differs(V::splat(level)), V::splat(p));
            }
            value
        });
    }
    let cutoff = (lowest - f64::from(max)) / temperature - root.lowest / exponent;
    Some(Solved::unrestricted(cutoff, root.converged))
}
