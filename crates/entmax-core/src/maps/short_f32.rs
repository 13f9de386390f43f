//! Short rows of f32 for 0 <= e <= 1: four at a time, so that they share the latency of a step.
//!
//! A step of Newton's method on a short row is a chain of reductions, a root and a division that takes longer than its
//! additions. So a block holds four scores of each of four rows (`F32Block::transpose`), and everything that is one number
//! a row is one lane: the order of a sum is the block's, now row by row, and the accumulators are the rows' sums.
//!
//! 1. One pass a row for its 16 lane maxima: a subset, whose threshold is a lower bound of the row's. A few steps in f32 on
//!    those, in blocks.
//! 2. What lies above the bound is packed, row by row, and the packed lists are put side by side into blocks.
//! 3. Newton's method on these with f64 sums. A row that has converged keeps its threshold while others go on.
//! 4. One pass a row writes all probabilities (`short_results_f32`).
//!
//! **A row's bits are its own.** Lanes never mix, a block behind the end of a list adds +0, and where rows are missing, or
//! have no finite maximum, another one is solved in their place too. A single row is laid out otherwise, with the same
//! sums (`blocks_f32`). What it gained: bench/README.md, "What was tried on short rows".

use super::blocks_f32::{newton, refined, rough, Blocks};
use super::kernel::{Group, Outcome, Solved};
use super::narrow_f32;
use super::powers_f32::Power;
use super::scan_f32::{cut, Scores, Tail};
use super::softmax_f32::softmax;
use super::tied_f32;
use crate::simd::{quad::Quad, F32Block, LANES, ROWS};
use core::marker::PhantomData;

/// Longest row that is solved here.
pub const LONGEST: usize = 512;
/// Longest row that is not asked for levels: equations of few levels cost more than its blocks.
const LONGEST_UNTIED: usize = 256;

/// Floats of a list, with room for a block behind its end.
pub const LIST: usize = LONGEST + LANES;
/// Where the lists, and the blocks made of them, lie in the scratch behind the lane maxima in both orders.
pub const LISTS: usize = 2 * ROWS * LANES;
pub const BLOCKS: usize = LISTS + ROWS * LIST;

const TAILS: usize = BLOCKS + ROWS * LIST;

/// Bytes of scratch.
pub const SCRATCH: usize = 4 * (TAILS + ROWS * LANES);

/// Steps in f32 on the lane maxima.
const MAXIMA_STEPS: usize = 2;

/// Up to four rows.
pub struct Four<V> {
    pub(super) rows: [Scores; ROWS],
    pub(super) out: [*mut f32; ROWS],
    /// Which of them are asked for; the others are copies of the row `stand_in`.
    pub(super) wanted: [bool; ROWS],
    pub(super) stand_in: usize,
    /// Whether that is the only one: its blocks are laid out as `blocks_f32` says.
    pub(super) lone: bool,
    pub(super) max: Quad,
    pub(super) scratch: *mut f32,
    blocks: PhantomData<V>,
}

#[inline(always)]
pub fn array<T>(of: impl FnMut(usize) -> T) -> [T; ROWS] {
    core::array::from_fn(of)
}

/// What was packed of each row: scores above these. None for a row that was taken as it is.
pub type Cuts = [Option<f32>; ROWS];

/// Where row k's last block lies.
///
/// # Safety
/// As [`Four::new`]; once for each k.
#[inline(always)]
unsafe fn tail<'a>(scratch: *mut u8, k: usize) -> &'a mut Tail {
    // SAFETY: by the caller.
    unsafe { &mut *scratch.cast::<f32>().add(TAILS + k * LANES).cast() }
}

impl<V: F32Block> Four<V> {
    /// # Safety
    /// The rows are readable for `1 <= n <= LONGEST` floats, `scratch` is as long as [`SCRATCH`] says.
    #[inline(always)]
    pub unsafe fn new(group: &Group<f32>, n: usize, scratch: *mut u8) -> Four<V> {
        let wanted = array(|k| k < group.count);
        let row = |k: usize| {
            let x = group.x[if wanted[k] { k } else { 0 }];
            // SAFETY: by the caller.
            unsafe { Scores::new(x, n, tail(scratch, k)) }
        };
        Four {
            rows: [row(0), row(1), row(2), row(3)],
            out: group.out,
            wanted,
            stand_in: 0,
            lone: group.count == 1,
            max: Quad::splat(0.0),
            scratch: scratch.cast(),
            blocks: PhantomData,
        }
    }

    /// The first look at the rows: whether one of them has a finite maximum; outcomes of rows that have none.
    ///
    /// # Safety
    /// As [`Four::new`].
    #[inline(always)]
    pub unsafe fn look(&mut self, outcomes: &mut [Outcome; ROWS]) -> bool {
        // SAFETY: by the caller.
        unsafe {
            if self.find_maxima() {
                return true;
            }
            self.sort_out(outcomes)
        }
    }

    /// The rows that are asked for.
    #[inline(always)]
    pub(super) fn own(&self) -> impl Iterator<Item = usize> + '_ {
        (0..ROWS).filter(|&k| self.wanted[k])
    }

    /// The row that row k is a copy of, or itself.
    #[inline(always)]
    fn source(&self, k: usize) -> usize {
        if self.wanted[k] {
            k
        } else {
            self.stand_in
        }
    }

    /// The lane maxima in blocks of four rows to the scratch. Whether all is usual: no NaN, no infinite maximum.
    ///
    /// # Safety
    /// As [`Four::new`].
    #[inline(always)]
    unsafe fn find_maxima(&mut self) -> bool {
        let mut witness = V::splat(0.0);
        let by_row = self.scratch.wrapping_add(ROWS * LANES);
        // SAFETY: the maxima's room in the scratch.
        unsafe {
            for k in self.own() {
                let mut best = V::splat(f32::NEG_INFINITY);
                self.rows[k].each(|_, scores: V| {
                    best = best.pmax(scores);
                    witness = witness.add(scores);
                });
                best.store(by_row.add(k * LANES));
            }
            self.max = if self.lone {
                let best: V = V::load(by_row.add(self.stand_in * LANES));
                best.transpose().store(self.scratch);
                Quad::splat(best.largest())
            } else {
                let mut max = V::splat(f32::NEG_INFINITY);
                for quad in 0..LANES / 4 {
                    let at = |k| by_row.add(self.source(k) * LANES + 4 * quad).cast_const();
                    let block = V::load_fours(array(at)).transpose();
                    block.store(self.scratch.add(quad * LANES));
                    max = max.pmax(block);
                }
                max.largest_of_rows()
            };
            // 0 inf is NaN.
            let zero = V::by_row(self.max).mul(V::splat(0.0));
            !V::any(witness.is_nan()) && !V::any(zero.is_nan())
        }
    }

    /// Replaces rows without a finite maximum by one that has one; whether there is one.
    ///
    /// # Safety
    /// As [`Four::new`].
    #[inline(never)]
    unsafe fn sort_out(&mut self, outcomes: &mut [Outcome; ROWS]) -> bool {
        for (k, outcome) in outcomes.iter_mut().enumerate() {
            if self.wanted[k] {
                *outcome = match self.rows[k].maximum::<V>() {
                    None => Outcome::NotANumber,
                    Some(f32::NEG_INFINITY) => Outcome::Empty,
                    Some(f32::INFINITY) => Outcome::Infinite,
                    Some(_) => continue,
                };
                self.wanted[k] = false;
            }
        }
        // SAFETY: by the caller.
        unsafe { self.replace_others() }
    }

    /// Replaces rows that are not wanted by one that is, and looks again; whether there is one.
    ///
    /// # Safety
    /// As [`Four::new`].
    #[inline(never)]
    unsafe fn replace_others(&mut self) -> bool {
        let Some(some) = (0..ROWS).find(|&k| self.wanted[k]) else {
            return false;
        };
        for k in 0..ROWS {
            if !self.wanted[k] {
                self.rows[k] = self.rows[some];
            }
        }
        self.stand_in = some;
        self.lone = self.own().count() == 1;
        // SAFETY: by the caller.
        unsafe { self.find_maxima() };
        true
    }

    /// Solves near-uniform rows by themselves; whether others are left.
    ///
    /// # Safety
    /// As [`Four::softmax`].
    #[inline(always)]
    pub unsafe fn solve_narrow<P: Power>(
        &mut self,
        power: P,
        outcomes: &mut [Outcome; ROWS],
    ) -> bool {
        let max = self.max.values();
        let (e, even) = (power.exponent(), power.even(self.rows[0].len as f64));
        // SAFETY: by the caller.
        unsafe {
            self.solve_apart(outcomes, |row, out, k| {
                narrow_f32::entmax::<V>(row, out, max[k], e, even)
            })
        }
    }

    /// Solves rows of few levels by themselves; whether others are left.
    ///
    /// # Safety
    /// As [`Four::softmax`].
    #[inline(always)]
    pub unsafe fn solve_tied(&mut self, exponent: f64, outcomes: &mut [Outcome; ROWS]) -> bool {
        if self.rows[0].len <= LONGEST_UNTIED {
            return true;
        }
        let (max, map) = (self.max.values(), (exponent, 1.0));
        let by_row = self.scratch.wrapping_add(ROWS * LANES);
        // SAFETY: by the caller; the row's lane maxima lie in the scratch.
        unsafe {
            self.solve_apart(outcomes, |row, out, k| {
                tied_f32::entmax::<V>(row, out, max[k], by_row.add(k * LANES), map)
            })
        }
    }

    /// Takes the rows out of the group that `solve(row, out, k)` has an outcome for; whether others are left.
    ///
    /// # Safety
    /// As [`Four::softmax`].
    #[inline(always)]
    unsafe fn solve_apart(
        &mut self,
        outcomes: &mut [Outcome; ROWS],
        solve: impl Fn(&Scores, *mut f32, usize) -> Option<Outcome>,
    ) -> bool {
        let mut some = false;
        for (k, place) in outcomes.iter_mut().enumerate() {
            if self.wanted[k] {
                if let Some(outcome) = solve(&self.rows[k], self.out[k], k) {
                    *place = outcome;
                    self.wanted[k] = false;
                    some = true;
                }
            }
        }
        // SAFETY: by the caller.
        !some || unsafe { self.replace_others() }
    }

    /// # Safety
    /// The outputs are writable for their rows, which they equal or are disjoint from.
    #[inline(always)]
    pub unsafe fn softmax(&self, outcomes: &mut [Outcome; ROWS]) {
        let max = self.max.values();
        for k in self.own() {
            // SAFETY: by the caller.
            unsafe { softmax_row::<V>(&self.rows[k], self.out[k], max[k]) };
            outcomes[k] = Solved::unrestricted(f64::NEG_INFINITY, true);
        }
    }

    /// # Safety
    /// As [`Four::softmax`].
    #[inline(always)]
    pub unsafe fn entmax<P: Power>(&self, power: P, outcomes: &mut [Outcome; ROWS]) {
        // SAFETY: by the caller.
        unsafe {
            let (blocks, packed, bounds) = self.collect(1.0 / power.exponent(), power.bound());
            let found = newton::<V, P>(power, &blocks, bounds);
            if P::COSTLY {
                self.spread(&blocks, &packed, &found);
            } else {
                self.write(power, &blocks, &found);
            }
            for k in self.own() {
                let cutoff = found.c[k] - 1.0 / power.exponent();
                outcomes[k] = Solved::unrestricted(cutoff, found.converged[k]);
            }
        }
    }

    /// The scores above a lower bound of their row's threshold, and the bounds of c.
    ///
    /// # Safety
    /// The rows are readable.
    #[inline(never)]
    unsafe fn collect(&self, beta: f64, bound: u32) -> (Blocks, Cuts, [f64; ROWS]) {
        let n = self.rows[0].len;
        let maxima = self.scratch;
        let lists = self.scratch.wrapping_add(LISTS);
        let room = self.scratch.wrapping_add(BLOCKS);
        let mut blocks = Blocks {
            u: maxima,
            len: n.next_multiple_of(4).min(LANES) * ROWS,
            kept: lists,
            lone: self.lone,
        };
        let mut packed = [None; ROWS];
        if self.lone {
            blocks.len = LANES;
        }
        let max = V::by_row(self.max);
        // SAFETY: the parts of the scratch hold what is written to them.
        unsafe {
            for from in (0..blocks.len).step_by(LANES) {
                let at = maxima.add(from);
                V::load(at).sub(max).store(at);
            }
            let tau = match bound {
                1 => rough::<V, 1>(&blocks, MAXIMA_STEPS, Quad::splat(-1.0)),
                2 => rough::<V, 2>(&blocks, MAXIMA_STEPS, Quad::splat(-2.0)),
                _ => rough::<V, 4>(&blocks, MAXIMA_STEPS, Quad::splat(-4.0)),
            };
            let bounds = tau.values().map(|tau| f64::from(tau) + f64::from(bound));
            if n <= LANES {
                return (blocks, packed, bounds);
            }
            let by_row = max;
            let max = self.max.values();
            let cuts = array(|k| {
                let tau = bounds[k] - beta;
                cut(max[k], (tau - 1e-4 - 1e-4 * tau.abs()) as f32)
            });
            let mut longest = 0;
            let mut from = [core::ptr::null(); ROWS];
            let mut lens = [n; ROWS];
            for k in self.own() {
                let cut = V::splat(cuts[k]);
                from[k] = self.rows[k].values;
                if n.is_multiple_of(LANES) && self.passes_whole(k, cut) {
                    longest = n;
                    continue;
                }
                let list = lists.add(k * LIST);
                let mut len = 0;
                self.rows[k].each_costly(|_, scores: V| {
                    len += scores.pack(V::bits(scores.above(cut)), list.add(len));
                });
                (from[k], lens[k]) = (list, len);
                packed[k] = Some(cuts[k]);
                longest = longest.max(len);
            }
            let whole = if self.lone { LANES } else { 4 };
            longest = longest.next_multiple_of(whole);
            let nothing = V::splat(f32::NEG_INFINITY);
            for k in self.own() {
                for at in (lens[k]..longest).step_by(LANES) {
                    nothing.store(from[k].cast_mut().add(at));
                }
            }
            let from = array(|k| from[self.source(k)]);
            blocks.u = room;
            blocks.len = longest * if self.lone { 1 } else { ROWS };
            for at in (0..longest).step_by(whole) {
                let (block, place): (V, usize) = if self.lone {
                    (V::load(from[0].add(at)), at)
                } else {
                    (V::load_fours(from.map(|from| from.add(at))), at * ROWS)
                };
                block.transpose().sub(by_row).store(room.add(place));
            }
            let refined = |beta: u32, tau: Quad| refined::<V>(beta, &blocks, tau);
            let near = refined(bound, tau);
            if beta == f64::from(bound) || beta > 4.0 {
                return (blocks, packed, near);
            }
            // Between two powers c is nearly linear in beta.
            let weight = beta / f64::from(bound) - 1.0;
            let far = refined(2 * bound, tau - Quad::splat(bound as f32));
            let c = array(|k| near[k] + weight * (far[k] - near[k]));
            (blocks, packed, c)
        }
    }

    /// Whether so much of row k passes that it is not worth packing: all lane maxima and all of the first block.
    ///
    /// # Safety
    /// The lane maxima lie in the scratch; the row is longer than 16.
    #[inline(always)]
    unsafe fn passes_whole(&self, k: usize, cut: V) -> bool {
        // SAFETY: by the caller.
        let (maxima, first): (V, V) = unsafe {
            (
                V::load(self.scratch.add((ROWS + k) * LANES)),
                self.rows[k].block(0),
            )
        };
        V::bits(maxima.above(cut)) & V::bits(first.above(cut)) == 0xffff
    }
}

/// [`softmax`], once.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe fn softmax_row<V: F32Block>(row: &Scores, out: *mut f32, max: f32) {
    // SAFETY: passed on.
    unsafe { softmax::<V>(row, out, max) };
}
