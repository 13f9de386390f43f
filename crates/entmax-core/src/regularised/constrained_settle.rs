//! The entries of a row with bounds that a bracket of the threshold leaves open, in f64: a few steps of Newton's method on them alone.

use super::constrained::binding;
use super::constrained_blocks::{Row, TOLERANCE};
use super::constrained_powers::Power;
use super::constrained_quick::padded;
use crate::maps::kernels::{exp2, pow, Scores, Sum, Tail, KEEP};
use crate::maps::Score;
use crate::simd::{F32Block, Native, LANES};

/// Steps in f64, from six digits.
const STEPS: usize = 8;
/// What a step of Newton's method on a power may be for the next to show nothing.
const LINEAR: f64 = 1e-11;
/// An entry so near to its bound, or to 0, is a tie.
const TIE: f64 = 1e-13;

/// What remains undecided, whatever the row's type.
pub struct Settle<'a> {
    pub e: f64,
    pub temperature: f64,
    /// Of the first `len`, which are undecided: the distance from the bracket's c over the temperature, the bound, (f, f'), and
    /// where they belong.
    pub u: &'a mut [f64],
    pub bounds: &'a mut [f64],
    pub p: &'a mut [f64],
    pub s: &'a mut [f64],
    pub indices: &'a mut [u32],
    pub len: usize,
    /// What the others leave of the mass.
    pub left: Sum,
}

impl Settle<'_> {
    /// Finds these; scores are taken less `origin`, and c is the bracket's.
    ///
    /// # Safety
    /// `x` and `upper` are readable for the row, `decided` in whole blocks; the parts of this are as long as the row.
    #[inline(never)]
    pub unsafe fn collect<T: Score>(
        &mut self,
        (x, upper): (*const T, *const T),
        origin: f64,
        c: f64,
        decided: *const f32,
    ) {
        let n = self.u.len();
        let (mut taken, mut plain) = (Sums::new(), [0.0; 4]);
        let (mut len, zero, mut tail) = (0, Native::splat(0.0), [T::ZERO; LANES]);
        // SAFETY: by the caller; len <= j, and no bit is set behind the row.
        unsafe {
            for from in (0..n).step_by(LANES) {
                let entries: Native = Native::load(decided.add(from));
                let met = Native::bits(entries.above(zero));
                let mut open = Native::bits(zero.above(entries));
                if size_of::<T>() == 4 {
                    // Sums of f32 lose next to nothing in f64.
                    for lane in 0..LANES {
                        *plain.get_unchecked_mut(lane % 4) +=
                            f64::from((*decided.add(from + lane)).max(0.0));
                    }
                } else {
                    let mut bounds = upper.add(from);
                    if from + LANES > n {
                        core::ptr::copy_nonoverlapping(bounds, tail.as_mut_ptr(), n - from);
                        bounds = tail.as_ptr();
                    }
                    taken.add(LANES, |lane| {
                        kept_bits(met, lane, (*bounds.add(lane)).to_f64())
                    });
                }
                while open != 0 {
                    let j = from + open.trailing_zeros() as usize;
                    let score = (*x.add(j)).to_f64() - origin;
                    *self.u.get_unchecked_mut(len) = (score - c) / self.temperature;
                    *self.bounds.get_unchecked_mut(len) = binding((*upper.add(j)).to_f64());
                    *self.indices.get_unchecked_mut(len) = j as u32;
                    len += 1;
                    open &= open - 1;
                }
            }
        }
        self.len = len;
        self.left = Sum::new();
        self.left.add(1.0);
        self.left.subtract(&taken.total());
        for sum in plain {
            self.left.add(-sum);
        }
    }

    /// About where c lies, as the distances do, by Newton's method on these in f32.
    ///
    /// # Safety
    /// All are writable for as many numbers, the last in whole blocks.
    #[inline(never)]
    pub unsafe fn narrow(
        &self,
        power: Power,
        (scores, bounds, formed): (*mut f32, *mut f32, *mut f32),
    ) -> Option<f64> {
        let (len, mass) = (self.len, self.left.total());
        if len == 0 || mass <= 0.0 {
            return None;
        }
        let mut max = f64::NEG_INFINITY;
        let (mut tail, mut bounds_tail) = (Tail::uninit(), Tail::uninit());
        // SAFETY: by the caller.
        unsafe {
            for k in 0..len {
                let (u, bound) = (*self.u.get_unchecked(k), *self.bounds.get_unchecked(k));
                (*scores.add(k), *bounds.add(k)) = (u as f32, bound as f32);
                max = if u > max { u } else { max };
            }
            let row = Row {
                scores: &Scores::new(scores, len, &mut tail),
                bounds: &padded(bounds, len, &mut bounds_tail),
                power,
                scale: self.e as f32,
                max,
            };
            let bracket = row.newton::<Native>((mass, 0.0), (TOLERANCE, 0.0), formed);
            Some(bracket.c)
        }
    }

    /// c between the ends, from `origin` on; `start` is a distance from there, over the temperature.
    #[inline(never)]
    pub fn settle(&mut self, (origin, start): (f64, f64), (low, high): (f64, f64)) -> Option<f64> {
        let (e, temperature, power) = (self.e, self.temperature, Power64::of(self.e));
        let (len, rest) = (self.len, &self.left);
        let (u, bounds) = (self.u.get(..len)?, self.bounds.get(..len)?);
        let (p, s) = (self.p.get_mut(..len)?, self.s.get_mut(..len)?);
        power.fill(u, start, (&mut *p, &mut *s));
        // c - origin, over the temperature.
        let mut c = start;
        for _ in 0..STEPS {
            let (met, moving) = (sum_of(p, bounds, true), sum_of(p, bounds, false));
            let left = rest.less(&met);
            let over = moving.minus(left);
            let step = if e == 0.0 {
                libm::log1p(over / left)
            } else {
                let free = p.iter().zip(bounds).zip(s.iter());
                over / free
                    .map(|((p, bound), &s)| or_zero(p < bound, s))
                    .sum::<f64>()
            };
            let threshold = origin + (c + step) * temperature;
            if !(low < threshold && threshold < high) {
                return None;
            }
            c += step;
            // An exponential moves by a factor; a power by its slope, if that is all that shows.
            let (factor, change, near, mut has_crossed) = if e == 0.0 {
                (left / moving.total(), 0.0, f64::NEG_INFINITY, false)
            } else if step.abs() <= LINEAR {
                (1.0, step, TIE, false)
            } else {
                power.fill(u, c, (&mut *p, &mut *s));
                (1.0, 0.0, TIE, true)
            };
            let mut is_tie = false;
            // Without a branch where there is something to do for most entries.
            for (((&u, &bound), p), s) in u.iter().zip(bounds).zip(p.iter_mut()).zip(s.iter()) {
                let was_below = *p < bound;
                *p = *p * factor - *s * change;
                has_crossed |= was_below != (*p < bound);
                is_tie |= ((*p - bound).abs() <= TIE * bound) | ((u - c).abs() <= near);
            }
            if is_tie {
                return None;
            }
            if !has_crossed {
                return Some(threshold);
            }
        }
        None
    }

    /// The entries: those that were decided, and these.
    ///
    /// # Safety
    /// As [`Settle::collect`]; `out` is writable for the row, and may be `upper`.
    #[inline(never)]
    pub unsafe fn write<T: Score>(&self, upper: *const T, decided: *const f32, out: *mut T) {
        let (n, zero) = (self.u.len(), Native::splat(0.0));
        // SAFETY: by the caller.
        unsafe {
            for from in (0..n).step_by(LANES) {
                let entries: Native = Native::load(decided.add(from));
                if from + LANES > n {
                    for j in from..n {
                        let is_met = *decided.add(j) > 0.0;
                        *out.add(j) = if is_met { *upper.add(j) } else { T::ZERO };
                    }
                } else if size_of::<T>() == 4 {
                    entries.pmax(zero).store(out.add(from).cast());
                } else {
                    let met = Native::bits(entries.above(zero));
                    let bounds = upper.add(from).cast::<[f64; LANES]>().read();
                    let entries = core::array::from_fn(|lane| kept_bits(met, lane, bounds[lane]));
                    out.add(from).cast::<[f64; LANES]>().write(entries);
                }
            }
            for k in 0..self.len {
                let (p, bound) = (*self.p.get_unchecked(k), *self.bounds.get_unchecked(k));
                let place = *self.indices.get_unchecked(k) as usize;
                *out.add(place) = T::from_f64(p.min(bound).max(0.0));
            }
        }
    }
}

/// The sum of what is at its bound, or of what is not.
#[inline(never)]
fn sum_of(p: &[f64], bounds: &[f64], is_met: bool) -> Sum {
    let (mut sums, terms) = (Sums::new(), if is_met { bounds } else { p });
    // SAFETY: all are as long.
    sums.add(p.len(), |k| unsafe {
        let is_below = p.get_unchecked(k) < bounds.get_unchecked(k);
        or_zero(is_below != is_met, *terms.get_unchecked(k))
    });
    sums.total()
}

/// Four sums, since each addition waits for the one before.
struct Sums([Sum; 4]);

impl Sums {
    const fn new() -> Sums {
        Sums([const { Sum::new() }; 4])
    }

    /// Adds `value` of 0 to `count`.
    #[inline(always)]
    fn add(&mut self, count: usize, value: impl Fn(usize) -> f64) {
        let Sums(lanes) = self;
        let whole = count / 4 * 4;
        for at in (0..whole).step_by(4) {
            for (lane, sum) in lanes.iter_mut().enumerate() {
                sum.add(value(at + lane));
            }
        }
        for at in whole..count {
            lanes[0].add(value(at));
        }
    }

    fn total(&self) -> Sum {
        let (mut negative, mut total) = (Sum::new(), Sum::new());
        for sum in &self.0 {
            negative.subtract(sum);
        }
        total.subtract(&negative);
        total
    }
}

/// The value where the lane's bit is set, else 0; by a mask, which lanes have in common four by four.
#[inline(always)]
fn kept_bits(bits: u32, lane: usize, value: f64) -> f64 {
    let keep = &KEEP[(bits >> (lane & !3) & 15) as usize];
    f64::from_bits(value.to_bits() & keep[lane & 3])
}

#[inline(always)]
fn or_zero(condition: bool, value: f64) -> f64 {
    if condition {
        value
    } else {
        0.0
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

    /// (f, f') of the distances from c.
    #[inline(never)]
    fn fill(&self, u: &[f64], c: f64, (p, s): (&mut [f64], &mut [f64])) {
        if self.e == 0.0 {
            for ((&u, p), s) in u.iter().zip(p).zip(s) {
                *p = self.exponential(u - c);
                *s = *p;
            }
        } else {
            for ((&u, p), s) in u.iter().zip(p).zip(s) {
                (*p, *s) = self.terms(u - c);
            }
        }
    }

    /// f where that is an exponential, of no more than e.
    #[inline(always)]
    fn exponential(&self, d: f64) -> f64 {
        let p = exp2(d.clamp(-690.0, 1.0) * core::f64::consts::LOG2_E);
        or_zero(d >= -690.0, p)
    }

    /// (f, f') of a power; of a larger one than any entry has, 1.
    #[inline(always)]
    fn terms(&self, d: f64) -> (f64, f64) {
        let base = self.e * d;
        if base < self.least {
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
