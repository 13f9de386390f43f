//! The constrained entmax of almost every row for alpha <= 2: blocks of f32 say where c lies (`constrained_blocks`). A row of f32 then
//! is solved, unless an entry is so near to its bound or to 0 that rounding would decide; what remains undecided there, and in
//! rows of f64, is settled by a few steps of Newton's method in f64. Rows on which either gets nowhere, or that have ties,
//! are left to the caller.

use super::constrained_blocks::{Bracket, Power, Row};
use super::frame::{Entry, Solved};
use crate::maps::kernels::{pow, Scores, Sum, Tail};
use crate::maps::Score;
use crate::simd::{Native, LANES};

/// What remains of the sum that the free entries make of a row: below it their rounding shows.
const ENOUGH: f64 = 0.25;
/// What two numbers and their difference lose in f32, with as much again.
const ROUNDING: f64 = 5e-7;
/// Steps in f64, from six digits.
const STEPS: usize = 8;
/// An entry so near to its bound, or to 0, is a tie.
const TIE: f64 = 1e-13;

/// f32 of scratch, beside three rows of f64 and one of u32.
pub const fn blocks(n: usize) -> usize {
    // A row in blocks with its bounds, entries, and two samples.
    3 * (n + LANES) + 2 * SAMPLE
}

pub use super::constrained_blocks::SAMPLE;

/// A row, and room for it.
pub struct Problem<'a, T> {
    pub x: *const T,
    pub upper: *const T,
    pub n: usize,
    pub e: f64,
    pub temperature: f64,
    pub out: *mut T,
    /// As many numbers as the row has scores.
    pub row: &'a mut [f64],
    pub free: &'a mut [f64],
    pub bounds: &'a mut [f64],
    pub indices: &'a mut [u32],
    /// As [`blocks`] says.
    pub blocks: *mut f32,
}

impl<T: Entry> Problem<'_, T> {
    /// The threshold, with the entries in `out`; or None, and nothing is written.
    ///
    /// # Safety
    /// `x` and `upper` are readable and `out` is writable for `n` numbers, each equal to `out` or disjoint from it.
    #[inline(never)]
    pub unsafe fn solve(mut self) -> Option<Solved> {
        let power = Power::of(self.e)?;
        let factor = if self.e == 0.0 { 1.0 } else { self.e };
        let scale = (factor / self.temperature) as f32;
        // SAFETY: by the caller; parts of the scratch.
        unsafe {
            let max = T::maximum(self.x, self.n)
                .filter(|&max| max > T::NEG_INFINITY && max < T::INFINITY)?;
            if !scale.is_normal() {
                return None;
            }
            let (mut tail, mut bounds_tail) = (Tail::uninit(), Tail::uninit());
            let (at, step) = (self.blocks, self.n + LANES);
            // Of f64 the copies, relative to the maximum.
            let (scores, bounds, origin) = if size_of::<T>() == 4 {
                (
                    Scores::new(self.x.cast(), self.n, &mut tail),
                    Scores::new(self.upper.cast(), self.n, &mut bounds_tail),
                    0.0,
                )
            } else {
                let max = max.to_f64();
                narrowed(self.x, self.n, max, at);
                narrowed(self.upper, self.n, 0.0, at.add(step));
                (
                    Scores::new(at, self.n, &mut tail),
                    Scores::new(at.add(step), self.n, &mut bounds_tail),
                    max,
                )
            };
            let row = Row {
                scores: &scores,
                bounds: Some(&bounds),
                power,
                scale,
                max: max.to_f64() - origin,
            };
            let bracket = row.solve::<Native>(at.add(3 * step));
            if size_of::<T>() == 4 && bracket.solved && bracket.free >= ENOUGH {
                let (out, spare): (*mut f32, *mut f32) = (self.out.cast(), at.add(2 * step));
                let target =
                    if core::ptr::eq(self.x, self.out) || core::ptr::eq(self.upper, self.out) {
                        spare
                    } else {
                        out
                    };
                if row.write::<Native>(&bracket, target) {
                    if target == spare {
                        core::ptr::copy_nonoverlapping(spare, out, self.n);
                    }
                    return Some(self.solved(bracket.c));
                }
            }
            self.settle(&bracket, origin)
        }
    }

    fn solved(&self, c: f64) -> Solved {
        Solved {
            threshold: if self.e == 0.0 { f64::NEG_INFINITY } else { c },
            converged: true,
        }
    }

    /// The same in f64 from a bracket of c - `base`.
    #[inline(never)]
    unsafe fn settle(&mut self, bracket: &Bracket, base: f64) -> Option<Solved> {
        let widened =
            |c: f64, side: f64| base + (c + side * ROUNDING * (self.temperature + c.abs()));
        let (low, high) = if bracket.solved {
            let window = bracket.uncertain;
            (bracket.c - window, bracket.c + window)
        } else {
            (bracket.low, bracket.high)
        };
        let (low, high, origin) = (widened(low, -1.0), widened(high, 1.0), base + bracket.c);
        if !(high - low).is_finite() {
            return None;
        }
        let (e, temperature) = (self.e, self.temperature);
        let to_high = (origin - high) / temperature;
        let (mut len, mut rest) = (0, Sum::new());
        rest.add(1.0);
        // SAFETY: by the caller; len <= j < n.
        for j in 0..self.n {
            let (score, bound) = unsafe {
                (
                    (*self.x.add(j)).to_f64(),
                    (*self.upper.add(j)).to_f64().min(1.0),
                )
            };
            let place = self.row.get_mut(j)?;
            *place = 0.0;
            if score == f64::NEG_INFINITY || bound == 0.0 || (e > 0.0 && score <= low) {
                continue;
            }
            let u = (score - origin) / temperature;
            if power(u + to_high, e).0 >= bound {
                *place = bound;
                rest.add(-bound);
            } else {
                *self.free.get_mut(len)? = u;
                *self.bounds.get_mut(len)? = bound;
                *self.indices.get_mut(len)? = j as u32;
                len += 1;
            }
        }
        let (free, bounds) = (self.free.get(..len)?, self.bounds.get(..len)?);
        // c - origin, over the temperature.
        let (mut c, mut previous) = (0.0, f64::INFINITY);
        let mut slope = 0.0;
        let mut is_done = false;
        for _ in 0..STEPS {
            let (mut met, mut moving) = (Sum::new(), Sum::new());
            slope = 0.0;
            for (u, &bound) in free.iter().zip(bounds) {
                let (p, s) = power(u - c, e);
                if p >= bound {
                    met.add(bound);
                } else {
                    moving.add(p);
                    slope += s;
                }
            }
            let left = rest.less(&met);
            let over = moving.minus(left);
            let step = if e == 0.0 {
                libm::log1p(over / left)
            } else {
                over / slope
            };
            if step.is_nan() {
                return None;
            }
            is_done = step.abs() <= 1e-15 || (step.abs() < 1e-12 && step.abs() > 0.25 * previous);
            if is_done {
                break;
            }
            previous = step.abs();
            c += step;
        }
        let threshold = origin + c * temperature;
        if !(is_done && slope > 0.0 && low < threshold && threshold < high) {
            return None;
        }
        let is_tie = |u: f64, bound: f64| {
            let d = u - c;
            let p = power(d, e).0;
            (p - bound).abs() <= TIE * bound || (e > 0.0 && d.abs() <= TIE)
        };
        if free.iter().zip(bounds).any(|(&u, &bound)| is_tie(u, bound)) {
            return None;
        }
        for ((u, &bound), &index) in free.iter().zip(bounds).zip(self.indices.iter()) {
            let p = power(u - c, e).0;
            *self.row.get_mut(index as usize)? = if p < bound { p } else { bound };
        }
        // SAFETY: by the caller.
        unsafe { super::frame::write(self.row, self.out) };
        Some(self.solved(threshold))
    }
}

/// (f, f') of a distance over the temperature.
#[inline(always)]
fn power(d: f64, e: f64) -> (f64, f64) {
    let base = e * d;
    if e == 0.0 {
        let p = libm::exp(d.min(1.0));
        (p, p)
    } else if base <= 0.0 {
        (0.0, 0.0)
    } else if e == 1.0 {
        (base, 1.0)
    } else if e == 0.5 {
        (base * base, base)
    } else {
        // No more than 1 is seen.
        let p = if base < f64::MIN_POSITIVE {
            0.0
        } else {
            pow(base.min(2.0), 1.0 / e)
        };
        (p, p / base)
    }
}

/// A row less `origin` as f32.
///
/// # Safety
/// `from` is readable and `to` is writable for `n` numbers.
unsafe fn narrowed<T: Score>(from: *const T, n: usize, origin: f64, to: *mut f32) {
    for j in 0..n {
        // SAFETY: by the caller.
        unsafe { *to.add(j) = ((*from.add(j)).to_f64() - origin) as f32 };
    }
}
