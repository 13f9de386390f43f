//! The constrained entmax of any row, by variable fixing.
//!
//! Bounds are met one after the other: without them, the c for what is left of the mass is too large, so whatever exceeds its bound
//! there does so at the true c. It gets its bound, and the rest, with what then is left, goes again (variable fixing). A mass r is
//! no other problem than 1: p = r entmax(z / r^e).
//!
//! One round does where the bounds are wide. Where they are not, Newton's method in a bracket narrows c down from above,
//! and what exceeds its bound there leaves at once; 1 or 2 rounds then remain for the last digits. Bounds can be chosen such
//! that both get nowhere: from the fourth round on each round also asks on which side of c the median of the undecided *keys*
//! lies, the c at which a score meets its bound, so there are O(log n) rounds. Not for alpha > 2, where keys keep no digits of
//! small bounds.
//!
//! Scores stay as they are and are only taken relative to the largest free one: what lies 1e30 below scores that their bounds
//! hold down still has its digits.

use super::frame::{self, Solved};
use crate::maps::kernels::{EntmaxF64, List, Outcome as Mapped, RowKernel, Sum};
use crate::simd::sqrt;

/// Rounds before medians are asked.
const ROUNDS: usize = 3;
/// Newton's steps and bisections take 5 to 15.
const NARROWING: usize = 30;
/// Keys farther below the largest score have no digits left of their bounds.
const FAR: f64 = 1e6;

/// So few keys are few.
const FEW: usize = 8;
/// What the digits that these lack could make of a sum, with much to spare.
const CLEAR: f64 = 1e-6;

/// Scores that have not met their bounds.
pub struct Free<'a> {
    pub scores: &'a mut [f64],
    pub bounds: &'a mut [f64],
    pub indices: &'a mut [u32],
    pub p: &'a mut [f64],
    pub scratch: &'a mut [f64],
    pub len: usize,
    /// What is left of the mass.
    pub rest: Sum,
}

impl Free<'_> {
    pub fn push(&mut self, score: f64, bound: f64, index: usize) {
        self.put(self.len, (score, bound, index as u32));
        self.len += 1;
    }

    #[inline(always)]
    fn put(&mut self, at: usize, (score, bound, index): (f64, f64, u32)) {
        if let (Some(s), Some(b), Some(i)) = (
            self.scores.get_mut(at),
            self.bounds.get_mut(at),
            self.indices.get_mut(at),
        ) {
            (*s, *b, *i) = (score, bound, index);
        }
    }

    #[inline(always)]
    fn get(&self, at: usize) -> (f64, f64, u32) {
        let number = |values: &[f64]| values.get(at).copied().unwrap_or(0.0);
        (
            number(self.scores),
            number(self.bounds),
            self.indices.get(at).copied().unwrap_or(0),
        )
    }

    /// Gives those their bounds whose p is no less; returns whether there was one.
    #[inline(never)]
    fn fix(&mut self, row: &mut [f64]) -> bool {
        let len = self.len;
        self.len = 0;
        for k in 0..len {
            let (score, bound, index) = self.get(k);
            let p = self.p.get(k).copied().unwrap_or(0.0);
            if p >= bound {
                self.rest.add(-bound);
                if let Some(place) = row.get_mut(index as usize) {
                    *place = bound;
                }
            } else {
                self.put(self.len, (score, bound, index));
                if let Some(place) = self.p.get_mut(self.len) {
                    *place = p;
                }
                self.len += 1;
            }
        }
        self.len < len
    }

    fn largest(&self) -> f64 {
        let scores = self.scores.iter().take(self.len);
        scores.fold(f64::NEG_INFINITY, |max, &z| if z > max { z } else { max })
    }

    /// p for what is left of the mass, without bounds; returns the cutoff.
    fn relax(&mut self, rest: f64, e: f64, temperature: f64) -> Solved {
        let (len, largest) = (self.len, self.largest());
        let scale = if e == 0.0 {
            1.0
        } else if e == 1.0 {
            rest
        } else if e == 0.5 {
            sqrt(rest)
        } else {
            libm::exp(e * libm::log(rest)).max(f64::MIN_POSITIVE)
        };
        for (p, z) in self.p.iter_mut().zip(self.scores.iter().take(len)) {
            *p = ((z - largest) / temperature / scale).max(-frame::WIDEST);
        }
        let (p, scratch) = (self.p.as_mut_ptr(), self.scratch.as_mut_ptr().cast());
        let mut list = List::NONE;
        // SAFETY: both have room for len numbers; a kernel of f64 may work in place and gives no list.
        let solved = unsafe { EntmaxF64::solve(p, p, len, e, 1.0, scratch, &mut list) };
        for p in self.p.iter_mut().take(len) {
            *p *= rest;
        }
        match solved {
            Mapped::Solved(solved) => Solved {
                threshold: largest + solved.cutoff * scale * temperature,
                converged: solved.converged,
            },
            _ => Solved {
                threshold: largest,
                converged: false,
            },
        }
    }

    /// p at the c that Newton's method comes to from `start`, which is too large: what exceeds its bound there does so at the true c.
    /// `origin` is what scores and c are relative to; p comes as it is at the start.
    fn narrow(&mut self, start: f64, origin: f64, e: f64, temperature: f64) {
        let rest = self.rest.total();
        let (mut low, mut high, mut c) = (f64::NEG_INFINITY, start, start);
        for step in 0..NARROWING {
            // Where p is an exponential, all of them move by one factor.
            let factor = grown(start - c);
            let (mut met, mut free, mut slope) = (0.0, 0.0, 0.0);
            let entries = self.scores.iter().zip(self.bounds.iter());
            for ((z, &bound), p) in entries.zip(self.p.iter()).take(self.len) {
                let (p, s) = if e == 0.0 {
                    (p * factor, p * factor)
                } else {
                    with_slope((z - origin) / temperature - c, e)
                };
                if p >= bound {
                    met += bound;
                } else {
                    free += p;
                    slope += s;
                }
            }
            let excess = (met - rest) + free;
            if excess >= 0.0 {
                low = c;
            } else if excess < 0.0 {
                high = c;
            }
            let is_near = excess.abs() <= 1e-13 * rest || high - low <= 1e-14 * (1.0 + c.abs());
            if is_near || excess.is_nan() {
                break;
            }
            // Of the sum, which falls; of its logarithm where it is one of exponentials.
            c += if e == 0.0 {
                libm::log(free / (rest - met))
            } else {
                excess / slope
            };
            if !(low < c && c < high) {
                c = if low.is_finite() {
                    0.5 * (low + high)
                } else {
                    high - f64::from(1u32 << step.min(20))
                };
            }
        }
        // What rounding could decide is left to the rounds.
        let high = high + 1e-13 * (1.0 + high.abs());
        let factor = grown(start - high);
        for (p, z) in self.p.iter_mut().zip(self.scores.iter()).take(self.len) {
            *p = if e == 0.0 {
                *p * factor
            } else {
                deformed_exp((z - origin) / temperature - high, e)
            };
        }
    }

    /// The median of the keys above `low`, if there are more than `few`.
    fn median(&mut self, low: f64, few: usize, key: impl Fn(f64, f64) -> f64) -> Option<f64> {
        let mut count = 0;
        for k in 0..self.len {
            let (score, bound, _) = self.get(k);
            let key = key(score, bound);
            if key > low {
                if let Some(place) = self.scratch.get_mut(count) {
                    *place = key;
                }
                count += 1;
            }
        }
        let keys = self.scratch.get_mut(..count).filter(|_| count > few)?;
        Some(select(keys, count / 2))
    }

    /// Writes p to the row.
    #[inline(never)]
    pub fn solve(&mut self, row: &mut [f64], e: f64, temperature: f64) -> Solved {
        // Keys up to `low`, relative to `origin`, are out of question.
        let (mut low, mut origin) = (f64::NEG_INFINITY, 0.0);
        for round in 0.. {
            let rest = self.rest.total();
            if self.len == 0 || rest <= 0.0 {
                break;
            }
            let before = self.largest();
            let solved = self.relax(rest, e, temperature);
            // The c of that, from its largest entry.
            let top = self.p.iter().take(self.len);
            let top = top.fold(0.0, |max, &p| if p > max { p } else { max });
            let largest_c = key(0.0, top, e);
            if !self.fix(row) {
                for k in 0..self.len {
                    let (index, p) = (self.get(k).2, self.p.get(k).copied().unwrap_or(0.0));
                    if let Some(place) = row.get_mut(index as usize) {
                        *place = p;
                    }
                }
                return solved;
            }
            let largest = self.largest();
            if round == 0 {
                let start = largest_c + (before - largest) / temperature;
                if start.abs() < if e == 0.0 { 500.0 } else { FAR } {
                    self.narrow(start, largest, e, temperature);
                    self.fix(row);
                }
            }
            if round < ROUNDS || e > 1.0 {
                continue;
            }
            low += (origin - largest) / temperature;
            origin = largest;
            let relative = move |score: f64| (score - largest) / temperature;
            let key = move |score, bound| key(relative(score), bound, e);
            let near = self.median(low.max(-FAR), FEW, key);
            // Where almost all lie far below the first, their keys only decide what is clear.
            let margin = if near.is_some() { 0.0 } else { CLEAR };
            if let Some(median) = near.or_else(|| self.median(low, 0, key)) {
                let mut sum = Sum::new();
                for k in 0..self.len {
                    let (score, bound, _) = self.get(k);
                    sum.add(deformed_exp(relative(score) - median, e).min(bound));
                }
                let (rest, excess) = (self.rest.total(), sum.minus(self.rest.total()));
                if excess >= margin * rest {
                    // c is no smaller.
                    low = median;
                } else if excess < -margin * rest {
                    for k in 0..self.len {
                        let (score, bound, _) = self.get(k);
                        if let Some(p) = self.p.get_mut(k).filter(|_| key(score, bound) >= median) {
                            *p = bound;
                        }
                    }
                    self.fix(row);
                }
            }
        }
        Solved {
            threshold: f64::NEG_INFINITY,
            converged: true,
        }
    }
}

/// exp, without what overflows.
fn grown(x: f64) -> f64 {
    libm::exp(x.min(700.0))
}

/// exp_e(x) = [1 + e x]+^(1/e).
#[inline(never)]
fn deformed_exp(x: f64, e: f64) -> f64 {
    with_slope(x, e).0
}

/// The same, and its derivative.
#[inline(always)]
fn with_slope(x: f64, e: f64) -> (f64, f64) {
    let base = 1.0 + e * x;
    if e == 0.0 {
        let p = libm::exp(x);
        (p, p)
    } else if base <= 0.0 {
        (0.0, 0.0)
    } else if e == 1.0 {
        (base, 1.0)
    } else if e == 0.5 {
        (base * base, base)
    } else {
        let p = libm::exp(libm::log1p(e * x) / e);
        (p, p / base)
    }
}

/// The number that is at `place` when they are in order. Pivots are drawn, so that no order makes it slow.
#[inline(never)]
fn select(mut keys: &mut [f64], mut place: usize) -> f64 {
    let mut seed = 1u64;
    loop {
        seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let drawn = ((seed >> 32) * keys.len() as u64) >> 32;
        let Some(&pivot) = keys.get(drawn as usize) else {
            return f64::NAN;
        };
        let (mut below, mut next, mut above) = (0, 0, keys.len());
        while next < above {
            // SAFETY: below <= next < above <= the length.
            unsafe {
                let first = keys.as_mut_ptr();
                let key = *first.add(next);
                if key < pivot {
                    core::ptr::swap(first.add(next), first.add(below));
                    (below, next) = (below + 1, next + 1);
                } else if key > pivot {
                    above -= 1;
                    core::ptr::swap(first.add(next), first.add(above));
                } else {
                    next += 1;
                }
            }
        }
        if place < below {
            keys = keys.get_mut(..below).unwrap_or_default();
        } else if place < above {
            return pivot;
        } else {
            keys = keys.get_mut(above..).unwrap_or_default();
            place -= above;
        }
    }
}

/// The c at which exp_e(score - c) is the bound, above 0.
#[inline(never)]
fn key(score: f64, bound: f64, e: f64) -> f64 {
    let log = libm::log(bound);
    score
        - if e == 0.0 {
            log
        } else {
            libm::expm1(e * log) / e
        }
}
