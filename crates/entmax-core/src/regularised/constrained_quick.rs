//! The constrained entmax of almost every row for alpha <= 2: blocks of f32 say where c lies (`constrained_blocks`). A row of f32 then
//! is solved, unless an entry is so near to its bound or to 0 that rounding would decide; what remains undecided there, and in
//! rows of f64, is settled by a few steps of Newton's method in f64. Rows on which either gets nowhere, or that have ties,
//! are left to the caller.

use super::constrained::binding;
use super::constrained_blocks::{Bracket, Power, Row, SAMPLE};
use super::frame::{Entry, Solved};
use crate::maps::kernels::{exp2, pow, Scores, Sum, Tail};
use crate::maps::Score;
use crate::simd::{Native, LANES};

/// What remains of the sum that the free entries make of a row: below it their rounding shows.
const ENOUGH: f64 = 0.05;
/// What two numbers and their difference lose in f32, with as much again.
const ROUNDING: f64 = 5e-7;
/// Steps in f64, from six digits.
const STEPS: usize = 8;
/// What a step of Newton's method on a power may be for the next to show nothing.
const LINEAR: f64 = 1e-11;
/// An entry so near to its bound, or to 0, is a tie.
const TIE: f64 = 1e-13;

/// f32 of scratch, beside five rows of f64 and one of u32.
pub const fn blocks(n: usize) -> usize {
    // A row in blocks with its bounds, entries, and two samples.
    3 * (n + LANES) + 2 * SAMPLE
}

/// A row, and room for what is made of it.
pub struct Problem<'a, T> {
    pub x: *const T,
    pub upper: *const T,
    pub n: usize,
    pub e: f64,
    pub temperature: f64,
    pub out: *mut T,
    /// As many numbers as the row has scores, as the rest.
    pub row: &'a mut [f64],
    pub u: &'a mut [f64],
    pub bounds: &'a mut [f64],
    pub p: &'a mut [f64],
    pub s: &'a mut [f64],
    pub indices: &'a mut [u32],
    /// As [`blocks`] says.
    pub blocks: *mut f32,
}

impl<T: Entry> Problem<'_, T> {
    /// The threshold, with the entries in `out`; or None, and `out` is in no order unless it is x or the bounds.
    ///
    /// # Safety
    /// `x` and `upper` are readable and `out` is writable for `n` numbers, each equal to `out` or disjoint from it.
    #[inline(never)]
    pub unsafe fn solve(self) -> Option<Solved> {
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
                    padded(self.upper.cast(), self.n, &mut bounds_tail),
                    0.0,
                )
            } else {
                let max = max.to_f64();
                narrowed(self.x, self.n, max, at);
                narrowed(self.upper, self.n, 0.0, at.add(step));
                (
                    Scores::new(at, self.n, &mut tail),
                    padded(at.add(step), self.n, &mut bounds_tail),
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
            for j in 0..self.n {
                *self.u.get_unchecked_mut(j) = (*self.x.add(j)).to_f64() - origin;
                *self.bounds.get_unchecked_mut(j) = binding((*self.upper.add(j)).to_f64());
            }
            let mut rest = Settle {
                e: self.e,
                temperature: self.temperature,
                row: self.row,
                u: self.u,
                bounds: self.bounds,
                p: self.p,
                s: self.s,
                indices: self.indices,
            };
            let c = rest.settle(&bracket)?;
            super::frame::write(rest.row, self.out);
            Some(self.solved(origin + c))
        }
    }

    fn solved(&self, c: f64) -> Solved {
        Solved {
            threshold: if self.e == 0.0 { f64::NEG_INFINITY } else { c },
            converged: true,
        }
    }
}

/// What remains undecided, whatever the row's type.
struct Settle<'a> {
    e: f64,
    temperature: f64,
    /// Results.
    row: &'a mut [f64],
    /// Scores, as c is, and their bounds; then of the free entries their distance from the bracket's c, over the temperature.
    u: &'a mut [f64],
    bounds: &'a mut [f64],
    /// (f, f') of the free entries.
    p: &'a mut [f64],
    s: &'a mut [f64],
    indices: &'a mut [u32],
}

impl Settle<'_> {
    /// c, from a bracket of it.
    #[inline(never)]
    fn settle(&mut self, bracket: &Bracket) -> Option<f64> {
        let (e, temperature, power) = (self.e, self.temperature, Power64::of(self.e));
        let (low, high) = if bracket.solved {
            let window = bracket.uncertain;
            (bracket.c - window, bracket.c + window)
        } else {
            (bracket.low, bracket.high)
        };
        let widened = |c: f64, side: f64| c + side * ROUNDING * (temperature + c.abs());
        let (low, high, origin) = (widened(low, -1.0), widened(high, 1.0), bracket.c);
        if !(high - low).is_finite() {
            return None;
        }
        let window = (high - origin) / temperature;
        let zero_up_to = if e == 0.0 { f64::NEG_INFINITY } else { low };
        let (mut len, mut rest) = (0, Sum::new());
        rest.add(1.0);
        // Without branches: which entries are free nobody can predict.
        for j in 0..self.row.len() {
            // SAFETY: len <= j, and all parts are as long as the row.
            unsafe {
                let (score, bound) = (*self.u.get_unchecked(j), *self.bounds.get_unchecked(j));
                let u = (score - origin) / temperature;
                let (p, s) = power.terms(u);
                let counts = bound > 0.0 && score > zero_up_to;
                // f is convex: it is no less than that at any c in the bracket.
                let is_met = counts && p - s * window >= bound;
                let met = if is_met { bound } else { 0.0 };
                rest.add(-met);
                *self.row.get_unchecked_mut(j) = met;
                *self.u.get_unchecked_mut(len) = u;
                *self.bounds.get_unchecked_mut(len) = bound;
                *self.p.get_unchecked_mut(len) = p;
                *self.s.get_unchecked_mut(len) = s;
                *self.indices.get_unchecked_mut(len) = j as u32;
                len += usize::from(counts && !is_met);
            }
        }
        let (u, bounds) = (self.u.get(..len)?, self.bounds.get(..len)?);
        let (p, s) = (self.p.get_mut(..len)?, self.s.get_mut(..len)?);
        // c - origin, over the temperature.
        let mut c = 0.0;
        for _ in 0..STEPS {
            let (mut met, mut moving, mut slope) = (Sum::new(), Sum::new(), 0.0);
            for ((&p, &s), &bound) in p.iter().zip(s.iter()).zip(bounds) {
                let is_met = p >= bound;
                let or_zero = |condition: bool, value: f64| if condition { value } else { 0.0 };
                met.add(or_zero(is_met, bound));
                moving.add(or_zero(!is_met, p));
                slope += or_zero(!is_met, s);
            }
            let left = rest.less(&met);
            let over = moving.minus(left);
            let step = if e == 0.0 {
                libm::log1p(over / left)
            } else {
                over / slope
            };
            let threshold = origin + (c + step) * temperature;
            if !(low < threshold && threshold < high) {
                return None;
            }
            c += step;
            // An exponential moves by a factor; a power by its slope, if that is all that shows.
            let (is_exponential, factor) = (e == 0.0, left / moving.total());
            let is_linear = is_exponential || step.abs() <= LINEAR;
            let (mut is_tie, mut has_crossed) = (false, !is_linear);
            for (((&u, &bound), p), s) in u.iter().zip(bounds).zip(p.iter_mut()).zip(s.iter_mut()) {
                let was_below = *p < bound;
                if is_exponential {
                    *p *= factor;
                } else if is_linear {
                    *p -= *s * step;
                } else {
                    (*p, *s) = power.terms(u - c);
                }
                has_crossed |= was_below != (*p < bound);
                is_tie |= (*p - bound).abs() <= TIE * bound;
                is_tie |= !is_exponential && (u - c).abs() <= TIE;
            }
            if is_tie {
                return None;
            }
            if !has_crossed {
                for ((&p, &bound), &index) in p.iter().zip(bounds).zip(self.indices.iter()) {
                    *self.row.get_mut(index as usize)? = p.min(bound).max(0.0);
                }
                return Some(threshold);
            }
        }
        None
    }
}

/// f, of a distance over the temperature.
struct Power64 {
    e: f64,
    beta: f64,
    /// From here on (e d)^beta is above 2^-900.
    least: f64,
}

impl Power64 {
    fn of(e: f64) -> Power64 {
        Power64 {
            e,
            beta: 1.0 / e,
            least: libm::exp2(-900.0 * e),
        }
    }

    /// (f, f'); of a larger one than any entry has, 1.
    #[inline(always)]
    fn terms(&self, d: f64) -> (f64, f64) {
        let base = self.e * d;
        if self.e == 0.0 {
            let p = if d < -690.0 {
                0.0
            } else {
                exp2(d.min(1.0) * core::f64::consts::LOG2_E)
            };
            (p, p)
        } else if base < self.least {
            (0.0, 0.0)
        } else if self.e == 1.0 {
            (base, 1.0)
        } else if self.e == 0.5 {
            (base * base, base)
        } else {
            let base = base.min(1.0);
            let p = pow(base, self.beta);
            (p, p / base)
        }
    }
}

/// Bounds, with 0 behind them.
///
/// # Safety
/// As [`Scores::new`].
unsafe fn padded(bounds: *const f32, n: usize, tail: &mut Tail) -> Scores {
    // SAFETY: passed on; what is behind the last bound is in the tail, which has been written if there is any.
    unsafe {
        let row = Scores::new(bounds, n, tail);
        if !n.is_multiple_of(LANES) {
            tail.assume_init_mut()[n % LANES..].fill(0.0);
        }
        row
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
