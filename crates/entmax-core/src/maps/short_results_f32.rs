//! The results of rows solved together (`short_f32`): every probability of a row in one pass over it, from its threshold, or
//! from the kept terms of its candidates where a power costs more than finding their places.

use super::blocks_f32::{Blocks, Found, Sums};
use super::exact_f32::{settle_f32, write, Computed, Watch};
use super::powers_f32::{Level, Power};
use super::scan_f32::Scores;
use super::short_f32::{array, Cuts, Four, BLOCKS, LIST, LISTS};
use crate::simd::{quad::Quad, F32Block, LANES, ROWS};

impl<V: F32Block> Four<V> {
    /// Writes the rows by their thresholds, those with undecided scores by their exact support.
    ///
    /// # Safety
    /// As [`Four::softmax`].
    #[inline(always)]
    pub unsafe fn write<P: Power>(&self, power: P, blocks: &Blocks, found: &Found) {
        let beta = 1.0 / power.exponent();
        let max = self.max.values();
        let computed = |k: usize, q: f64| Computed {
            tau: found.c[k] - beta,
            q,
            square: beta == 2.0,
        };
        let mut near = 0;
        if beta == 1.0 || beta == 2.0 {
            near = self.undecided(blocks, &array(|k| computed(k, found.q[k])));
        }
        let mut q = found.q;
        // For sparsemax d is p, and nothing is to be divided by its sum.
        if beta != 1.0 {
            let level: Level<V> = power.levels(found.c);
            let mut sums = Sums::<V>::new(blocks);
            for from in (0..blocks.len).step_by(LANES) {
                // SAFETY: one of the blocks.
                sums.add(
                    power
                        .terms(&level, unsafe { V::load(blocks.u.add(from)) })
                        .0,
                );
            }
            q = sums.of_rows();
        }
        for k in 0..ROWS {
            // SAFETY: by the caller.
            unsafe {
                let undecided = near & if self.lone { 0xffff } else { 0x1111 << k } != 0;
                if self.wanted[k] && !(undecided && self.settle(k, max[k], computed(k, q[k]))) {
                    let line = (max[k], found.c[k], power.factor(q[k]));
                    write_row::<V, P>(power, &self.rows[k], self.out[k], line);
                }
            }
        }
    }

    /// The lanes in which a score is undecided.
    #[inline(never)]
    fn undecided(&self, blocks: &Blocks, computed: &[Computed; ROWS]) -> u32 {
        let mut watch = Watch::<V>::of_rows(computed);
        for from in (0..blocks.len).step_by(LANES) {
            // SAFETY: one of the blocks.
            watch.look(unsafe { V::load(blocks.u.add(from)) });
        }
        watch.seen()
    }

    /// Writes row k by its exact support, where a sharper bound leaves a score undecided.
    ///
    /// # Safety
    /// As [`Four::softmax`].
    #[inline(never)]
    unsafe fn settle(&self, k: usize, max: f32, computed: Computed) -> bool {
        let row = &self.rows[k];
        let wide = self.scratch.wrapping_add(LISTS).cast();
        // SAFETY: by the caller; the lists' room is needed no more.
        unsafe {
            let Some(exact) = settle_f32::<V>(row, max, computed, wide) else {
                return false;
            };
            write(&exact, row.values, self.out[k], row.len);
        }
        true
    }

    /// Writes the kept terms to their places and zeros elsewhere.
    ///
    /// # Safety
    /// As [`Four::softmax`].
    #[inline(always)]
    pub unsafe fn spread(&self, blocks: &Blocks, packed: &Cuts, found: &Found) {
        let factor = V::by_row(Quad::new(found.q.map(|q| (1.0 / q) as f32)));
        let lists = self.scratch.wrapping_add(BLOCKS);
        // SAFETY: by the caller; the blocks are needed no more.
        unsafe {
            for from in (0..blocks.len).step_by(LANES) {
                let q: V = V::load(blocks.kept.add(from));
                let p = q.mul(factor).transpose();
                if self.lone {
                    p.store(lists.add(self.stand_in * LIST + from));
                } else {
                    p.store_fours(array(|k| lists.add(k * LIST + from / ROWS)));
                }
            }
            for k in self.own() {
                unpack_row::<V>(&self.rows[k], self.out[k], packed[k], lists.add(k * LIST));
            }
        }
    }
}

/// Writes the values of `list` where the row's scores lie above the cut, or everywhere, and zeros elsewhere.
///
/// # Safety
/// `out` is writable for the row, which it equals or is disjoint from; the list holds as many values, and 16 more.
#[inline(never)]
unsafe fn unpack_row<V: F32Block>(
    row: &Scores,
    out: *mut f32,
    cut: Option<f32>,
    mut list: *const f32,
) {
    let cut = cut.map(V::splat);
    // SAFETY: by the caller.
    unsafe {
        row.map_into::<V>(out, |scores| {
            let bits = cut.map_or(0xffff, |cut| V::bits(scores.above(cut)));
            let p = V::unpack(bits, list);
            list = list.add(bits.count_ones() as usize);
            p
        });
    }
}

/// # Safety
/// `out` is writable for the row, which it equals or is disjoint from.
#[inline(never)]
unsafe fn write_row<V: F32Block, P: Power>(
    power: P,
    row: &Scores,
    out: *mut f32,
    (max, c, factor): (f32, f64, f64),
) {
    let level: Level<V> = power.level(c);
    let (max, factor) = (V::splat(max), V::splat(factor as f32));
    // SAFETY: by the caller.
    unsafe {
        row.map_into::<V>(out, |scores| {
            power.terms(&level, scores.sub(max)).0.mul(factor)
        })
    };
}
