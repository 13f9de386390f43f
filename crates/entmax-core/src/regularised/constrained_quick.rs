//! The constrained entmax of almost every row for alpha <= 2: blocks of f32 say where c lies (`constrained_blocks`). A row of f32 then
//! is solved, unless an entry is so near to its bound or to 0 that rounding would decide; what remains undecided there, and in
//! rows of f64, is settled by a few steps of Newton's method in f64. Rows on which either gets nowhere, or that have ties,
//! are left to the caller.

use super::constrained_blocks::{Bracket, Row, SAMPLE, TOLERANCE};
use super::constrained_powers::Power;
use super::constrained_settle::Settle;
use super::frame::{Entry, Solved};
use crate::maps::kernels::{Scores, Sum, Tail};
use crate::maps::Score;
use crate::simd::{Native, LANES};
use core::ptr::null_mut;

/// What remains of the sum that the free entries make of a row: below it their rounding shows.
const ENOUGH: f64 = 0.05;
/// What two numbers and their difference lose in f32, with as much again.
const ROUNDING: f64 = 5e-7;
/// From this length on entries that are still open are looked at by themselves, once the sums at both ends of their bracket differ by
/// so much, and if they are so small a part of the row.
const LONG: usize = 2048;
const LOOSE: f64 = 0.125;
const FEW: usize = 4;

/// f32 of scratch, beside five rows of f64 and one of u32.
pub const fn blocks(n: usize) -> usize {
    // A row in blocks with its bounds, entries, what is formed of those that are open, and three samples.
    4 * (n + LANES) + 3 * SAMPLE
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
                narrowed(self.x, self.n, at, |score| score - max);
                // None is lost.
                let least = f64::from(f32::MIN_POSITIVE);
                let bound = |u: f64| if u > 0.0 { u.max(least) } else { u };
                narrowed(self.upper, self.n, at.add(step), bound);
                (
                    Scores::new(at, self.n, &mut tail),
                    padded(at.add(step), self.n, &mut bounds_tail),
                    max,
                )
            };
            let row = Row {
                scores: &scores,
                bounds: &bounds,
                power,
                scale,
                max: max.to_f64() - origin,
            };
            let is_apart = !core::ptr::eq(self.x, self.out) && !core::ptr::eq(self.upper, self.out);
            let parts = Parts {
                // In f32 nothing was copied.
                kept: at.add(if size_of::<T>() == 4 { 0 } else { 2 * step }),
                // In f64 these take the place of what is kept.
                decided: at.add(2 * step),
                narrowed: (at, at.add(step), at.add(3 * step)),
                samples: at.add(4 * step),
                out: if size_of::<T>() == 4 {
                    self.out.cast()
                } else {
                    null_mut()
                },
                is_apart,
            };
            let mut rest = Settle {
                e: self.e,
                temperature: self.temperature,
                u: self.u,
                bounds: self.bounds,
                p: self.p,
                s: self.s,
                indices: self.indices,
                len: 0,
                left: Sum::new(),
            };
            let (x, upper, decided) = (self.x, self.upper, parts.decided);
            let collect = |rest: &mut Settle, c: f64| rest.collect((x, upper), origin, c, decided);
            let (c, is_written) = parts.solve(&row, &mut rest, &collect)?;
            if !is_written {
                rest.write(upper, decided, self.out);
            }
            Some(solved(self.e, origin + c))
        }
    }
}

/// Scratch in blocks, and where a solved row of f32 goes.
struct Parts {
    kept: *mut f32,
    decided: *mut f32,
    narrowed: (*mut f32, *mut f32, *mut f32),
    samples: *mut f32,
    /// Null for rows of f64.
    out: *mut f32,
    /// Whether that is disjoint from scores and bounds.
    is_apart: bool,
}

impl Parts {
    /// c, and whether the row has been written; if not, what is still to write is decided and in `rest`, which `collect` fills.
    ///
    /// # Safety
    /// All are as [`Problem::solve`] makes them.
    #[inline(never)]
    unsafe fn solve(
        &self,
        row: &Row,
        rest: &mut Settle,
        collect: &dyn Fn(&mut Settle, f64),
    ) -> Option<(f64, bool)> {
        let (kept, n) = (self.kept, row.scores.len);
        // All exponentials are formed at once; of powers only those that are still open when the bracket is narrow.
        let is_narrow = n >= LONG && row.power != Power::Exponential;
        let mut loose = if is_narrow { LOOSE } else { 0.0 };
        // SAFETY: by the caller.
        unsafe {
            let mut bracket = row.solve::<Native>(loose, kept, self.samples);
            let ends = loop {
                if !self.out.is_null() && bracket.solved && bracket.free >= ENOUGH {
                    let target = if self.is_apart {
                        self.out
                    } else {
                        self.decided
                    };
                    if row.write::<Native>(&bracket, kept, target) {
                        if !self.is_apart {
                            core::ptr::copy_nonoverlapping(target, self.out, n);
                        }
                        return Some((bracket.c, true));
                    }
                }
                let ends = ends(&bracket, rest.temperature)?;
                row.decide::<Native>(ends, &bracket, kept, self.decided);
                collect(rest, bracket.c);
                if bracket.solved || loose == 0.0 || rest.len <= n / FEW {
                    break ends;
                }
                loose = 0.0;
                bracket = row.newton::<Native>((1.0, bracket.c), (TOLERANCE, 0.0), kept);
            };
            let start = if bracket.solved || row.power == Power::Exponential {
                0.0
            } else {
                rest.narrow(row.power, self.narrowed)?
            };
            Some((rest.settle((bracket.c, start), ends)?, false))
        }
    }
}

/// Between which two c surely lies.
fn ends(bracket: &Bracket, temperature: f64) -> Option<(f64, f64)> {
    let (low, high) = if bracket.solved {
        let window = bracket.uncertain;
        (bracket.c - window, bracket.c + window)
    } else {
        (bracket.low, bracket.high)
    };
    let widened = |c: f64, side: f64| c + side * ROUNDING * (temperature + c.abs());
    let (low, high) = (widened(low, -1.0), widened(high, 1.0));
    (high - low).is_finite().then_some((low, high))
}

fn solved(e: f64, c: f64) -> Solved {
    Solved {
        threshold: if e == 0.0 { f64::NEG_INFINITY } else { c },
        converged: true,
    }
}

/// Bounds, with 0 behind them.
///
/// # Safety
/// As [`Scores::new`].
#[inline(never)]
pub unsafe fn padded(bounds: *const f32, n: usize, tail: &mut Tail) -> Scores {
    // SAFETY: passed on; what is behind the last bound is in the tail, which has been written if there is any.
    unsafe {
        let row = Scores::new(bounds, n, tail);
        if !n.is_multiple_of(LANES) {
            tail.assume_init_mut()[n % LANES..].fill(0.0);
        }
        row
    }
}

/// A row as f32, after `f`.
///
/// # Safety
/// `from` is readable and `to` is writable for `n` numbers.
unsafe fn narrowed<T: Score>(from: *const T, n: usize, to: *mut f32, f: impl Fn(f64) -> f64) {
    for j in 0..n {
        // SAFETY: by the caller.
        unsafe { *to.add(j) = f((*from.add(j)).to_f64()) as f32 };
    }
}
