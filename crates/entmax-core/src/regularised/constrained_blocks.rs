//! Where the threshold of a row with bounds lies, by Newton's method in blocks of f32: what [`super::constrained`] asks first, for
//! rows of either type.
//!
//! ```text
//! sum of min(u_i, f(x_i - c)) = 1,   f(d) = exp(d / T)   or   [e d / T]+^(1/e), of which no more than 1 is seen
//! ```
//!
//! The sum falls with c and is neither convex nor concave, so each step narrows a bracket. It begins where the same method comes
//! to on a sample of the row, whose blocks cost nearly nothing, so that three to six passes over the row are enough. Exponentials
//! are formed in the first of them only: at another c all are as many times larger or smaller.

use super::constrained_powers::{power, slope, square, Power};
use crate::maps::kernels::Scores;
use crate::simd::exp_log::exp2_nonpositive;
use crate::simd::{F32Block, LANES};

/// Newton's steps and bisections.
const STEPS: usize = 24;
/// What the sum may be off by: its own rounding.
pub const TOLERANCE: f64 = 2e-7;
/// What the sum of a solved row may then be off by, with as much again.
const UNCERTAIN: f64 = 1e-6;
/// Blocks whose lanes are added in f32.
const RUN: usize = 8;
/// Scores of a sample.
pub const SAMPLE: usize = 8 * LANES;
/// A power of two: so much more than 1 is told apart where exponentials are kept.
const ROOM: f32 = 2.0;
const LOG2_ROOM: f32 = 1.0;
const LOG_ROOM: f64 = core::f64::consts::LN_2;
/// So much lower, times 1 / scale, may c be than where exponentials were kept: what is then lost are those below 2^-120.
const REACH: f64 = 2.0;

/// Scores with their bounds.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    pub scores: &'a Scores,
    /// Behind the row 0.
    pub bounds: &'a Scores,
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
    /// The c for which exponentials are kept.
    pub kept: f64,
}

/// One threshold, in two parts: the first difference is exact near it.
#[derive(Clone, Copy)]
pub struct Level<V> {
    high: V,
    low: V,
    scale: V,
}

impl<V: F32Block> Level<V> {
    /// -d.
    #[inline(always)]
    pub fn below(&self, scores: V) -> V {
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
    pub fn level<V: F32Block>(&self, c: f64) -> Level<V> {
        let high = c as f32;
        Level {
            high: V::splat(high),
            low: V::splat((c - f64::from(high)) as f32),
            scale: V::splat(self.scale),
        }
    }

    /// Into `kept` what all are at c without their bounds; exponentials over [`ROOM`].
    ///
    /// # Safety
    /// Scores and bounds are readable, here and below; `kept` is writable for the row in whole blocks.
    #[inline(never)]
    pub unsafe fn form<V: F32Block>(&self, c: f64, kept: *mut f32) {
        // SAFETY: passed on.
        unsafe {
            if let Power::Real(beta) = self.power {
                self.form_by::<V>(c, kept, |below| power(below, beta));
            } else {
                let (log, room) = (V::splat(core::f32::consts::LOG2_E), V::splat(LOG2_ROOM));
                let zero = V::splat(0.0);
                self.form_by::<V>(c, kept, |below| {
                    exp2_nonpositive(zero.sub(below.mul(log).add(room).pmax(zero)))
                });
            }
        }
    }

    #[inline(always)]
    unsafe fn form_by<V: F32Block>(&self, c: f64, kept: *mut f32, f: impl Fn(V) -> V) {
        let level: Level<V> = self.level(c);
        for at in (0..self.scores.len).step_by(LANES) {
            // SAFETY: by the caller.
            unsafe { f(level.below(self.scores.block(at))).store(kept.add(at)) };
        }
    }

    /// The sums at c; `kept` holds what is formed there, or exponentials for `from`.
    #[inline(never)]
    unsafe fn sums<V: F32Block>(&self, kept: *const f32, from: f64, c: f64) -> Sums {
        let level: Level<V> = self.level(c);
        let factor = V::splat(self.factor(from, c));
        // SAFETY: by the caller; whole blocks are kept.
        let mut sums = unsafe {
            match self.power {
                Power::Exponential => self.sums_by::<V, false>(|at| {
                    let p = V::load(kept.add(at)).mul(factor);
                    (p, p)
                }),
                Power::Square => {
                    self.sums_by::<V, true>(|at| square(level.below(self.scores.block(at))))
                }
                Power::Real(beta) => self.sums_by::<V, true>(|at| {
                    let p = V::load(kept.add(at));
                    (p, slope(p, level.below(self.scores.block(at)), beta))
                }),
            }
        };
        if self.power.is_its_slope() {
            sums.slope = sums.free;
        }
        sums.slope *= f64::from(self.scale);
        sums
    }

    /// What exponentials kept for `from` are multiplied by at c.
    pub fn factor(&self, from: f64, c: f64) -> f32 {
        if self.power.is_its_slope() {
            ROOM * libm::exp((from - c) * f64::from(self.scale)) as f32
        } else {
            1.0
        }
    }

    /// Whether exponentials kept for `from` tell those at c.
    fn tells(&self, from: f64, c: f64) -> bool {
        if !self.power.is_its_slope() {
            return false;
        }
        let (over, scale) = (c - from, f64::from(self.scale));
        let is_whole = (self.max - from) * scale <= LOG_ROOM;
        over * scale >= -REACH && (is_whole || over * scale <= LOG_ROOM)
    }

    /// Sums of what `terms` says of the block from an index on; the slope without the scale, 0 unless it is wanted.
    #[inline(always)]
    unsafe fn sums_by<V: F32Block, const SLOPE: bool>(
        &self,
        terms: impl Fn(usize) -> (V, V),
    ) -> Sums {
        let (mut met, mut free, mut slope) = (V::no_sums(), V::no_sums(), V::no_sums());
        let (zero, n) = (V::splat(0.0), self.scores.len);
        for start in (0..n).step_by(RUN * LANES) {
            // Lane by lane, as long as little is lost.
            let (mut some_free, mut some_slope) = (zero, zero);
            for from in (start..n.min(start + RUN * LANES)).step_by(LANES) {
                // SAFETY: by the caller.
                let bound: V = unsafe { self.bounds.block(from) };
                let (p, s) = terms(from);
                let inside = bound.above(p);
                // These leave a rest that may be small.
                zero.or_else(inside, bound).sum_into(&mut met);
                some_free = some_free.add(p.keep(inside));
                if SLOPE {
                    some_slope = some_slope.add(s.keep(inside));
                }
            }
            some_free.sum_into(&mut free);
            if SLOPE {
                some_slope.sum_into(&mut slope);
            }
        }
        let free = V::total(free);
        Sums {
            total: V::total(met) + free,
            free,
            slope: V::total(slope),
        }
    }

    /// Newton's method for a sum of `mass`, from `start`; it also ends at a bracket whose sums differ by `loose` times the mass.
    ///
    /// # Safety
    /// `work` is writable for the row in whole blocks where exponentials are kept.
    #[inline(never)]
    pub unsafe fn newton<V: F32Block>(
        &self,
        (mass, start): (f64, f64),
        (tolerance, loose): (f64, f64),
        work: *mut f32,
    ) -> Bracket {
        let unit = 1.0 / f64::from(self.scale);
        let (mut low, mut high, mut c) = (f64::NEG_INFINITY, f64::INFINITY, start);
        // The excess at both, less of it where the other end has moved twice.
        let (mut at_low, mut at_high, mut was_above) = (0.0, 0.0, false);
        let (mut free, mut stride, mut kept) = (0.0, unit, f64::NAN);
        for _ in 0..STEPS {
            // SAFETY: by the caller.
            let sums = unsafe {
                if self.power.is_formed() && !self.tells(kept, c) {
                    kept = c;
                    self.form::<V>(c, work);
                }
                self.sums::<V>(work, kept, c)
            };
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
                    kept,
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
            let is_closed = (high - low).is_finite();
            if is_closed && at_low - at_high <= loose * mass {
                break;
            }
        }
        Bracket {
            low,
            high,
            c,
            uncertain: 0.0,
            solved: false,
            free,
            kept,
        }
    }

    /// c of a row whose bounds sum to more than 1; `loose` as there. `kept` is writable for the row in whole blocks, `work` for three samples.
    ///
    /// # Safety
    /// As said.
    pub unsafe fn solve<V: F32Block>(&self, loose: f64, kept: *mut f32, work: *mut f32) -> Bracket {
        let n = self.scores.len;
        // SAFETY: by the caller; the blocks are inside the row.
        unsafe {
            let mut start = self.max;
            if !self.power.is_its_slope() {
                start -= 1.0 / f64::from(self.scale);
            }
            if n >= 4 * SAMPLE {
                let (blocks, stride) = (SAMPLE / LANES, n / SAMPLE * LANES);
                for block in 0..blocks {
                    let scores: V = V::load(self.scores.values.add(block * stride));
                    scores.store(work.add(block * LANES));
                    let bounds: V = V::load(self.bounds.values.add(block * stride));
                    bounds.store(work.add(SAMPLE + block * LANES));
                }
                let scores = &Scores::whole(work, SAMPLE);
                let sample = Row {
                    scores,
                    bounds: &Scores::whole(work.add(SAMPLE), SAMPLE),
                    ..*self
                };
                let mass = SAMPLE as f64 / n as f64;
                let place = work.add(2 * SAMPLE);
                start = sample.newton::<V>((mass, start), (1e-2, 0.0), place).c;
            }
            self.newton::<V>((1.0, start), (TOLERANCE, loose), kept)
        }
    }
}
