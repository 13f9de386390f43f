//! Newton's method on four rows at once, or on one: the candidates of `short_f32` in blocks.
//!
//! A block holds four scores of each of four rows, and a row's sum over it is formed as `F32Block::sum_into` says. A lone row's
//! block holds sixteen scores, its quarters where the rows would be: their sums are formed in the same way and added
//! one after the other. So a row has the same bits alone and beside others, whose shorter lists only add +0.
//!
//! First steps in f32, where all that is one number a row is one vector (`Quad`): 0.85 of the time on 64 scores N(0,1) at
//! alpha = 1.5, 0.8 at 1.25, than f64 sums after the lane maxima; then those decide.

use super::powers_f32::{Level, Power, Step};
use super::threshold_f32::STEPS;
use crate::simd::{quad::Quad, F32Block, LANES, ROWS};

/// Steps in f32 on the candidates.
const STEPS_IN_F32: usize = 2;
/// What the sum may be above 1 before the last step: that step leaves some tens of times its square.
const CLOSE: f64 = 3e-5;

/// The candidates of four rows, less the maxima, in blocks of four rows.
pub struct Blocks {
    pub u: *const f32,
    /// A multiple of 16.
    pub len: usize,
    /// Where q is kept, behind each other as u.
    pub kept: *mut f32,
    /// Whether the blocks hold one row.
    pub lone: bool,
}

/// Thresholds of four rows.
pub struct Found {
    pub c: [f64; ROWS],
    /// The sum of q, for integer beta before the last step.
    pub q: [f64; ROWS],
    pub converged: [bool; ROWS],
}

impl Blocks {
    /// Adds a block's sums to those of the rows.
    #[inline(always)]
    fn fold<V: F32Block>(&self, sums: Quad, block: V) -> Quad {
        let quad = block.sum_of_rows();
        if self.lone {
            let [a, b, c, d] = quad.values();
            let [sum, ..] = sums.values();
            Quad::splat((((sum + a) + b) + c) + d)
        } else {
            sums + quad
        }
    }
}

/// Sums of rows in f64; of a lone row four times the same.
pub struct Sums<V: F32Block> {
    rows: V::Sums,
    lone: Option<f64>,
}

impl<V: F32Block> Sums<V> {
    #[inline(always)]
    pub fn new(blocks: &Blocks) -> Sums<V> {
        Sums {
            rows: V::no_sums(),
            lone: blocks.lone.then_some(0.0),
        }
    }

    #[inline(always)]
    pub fn add(&mut self, block: V) {
        match &mut self.lone {
            None => block.sum_into(&mut self.rows),
            Some(sum) => {
                for quarter in block.sum_of_rows().values() {
                    *sum += f64::from(quarter);
                }
            }
        }
    }

    #[inline(always)]
    pub fn of_rows(self) -> [f64; ROWS] {
        match self.lone {
            None => V::row_sums(self.rows),
            Some(sum) => [sum; ROWS],
        }
    }
}

/// A few steps of Newton's method in f32 towards a sum a little above 1, so that the next sum in f64 says "a little".
/// Returns tau.
///
/// # Safety
/// The blocks are readable.
#[inline(always)]
pub unsafe fn rough<V: F32Block, const BETA: u32>(
    blocks: &Blocks,
    steps: usize,
    mut tau: Quad,
) -> Quad {
    let zero = V::splat(0.0);
    let one = V::splat(1.0);
    for _ in 0..steps {
        let (mut q, mut s) = (Quad::splat(0.0), Quad::splat(0.0));
        let level = V::by_row(tau);
        for from in (0..blocks.len).step_by(LANES) {
            // SAFETY: a block of the blocks.
            let u: V = unsafe { V::load(blocks.u.add(from)) };
            let d = zero.pmax(u.sub(level));
            let square = d.mul(d);
            let (q_terms, s_terms) = match BETA {
                1 => (d, one.keep(d.above(zero))),
                2 => (square, d),
                _ => (square.mul(square), square.mul(d)),
            };
            q = blocks.fold(q, q_terms);
            s = blocks.fold(s, s_terms);
        }
        let norm = match BETA {
            1 => q,
            2 => q.sqrt(),
            _ => q.sqrt().sqrt(),
        };
        let goal = Quad::splat(BETA as f32 * (1.0 + 1e-6));
        tau = tau + (norm - goal) * q / (norm * s);
    }
    tau
}

/// c of an integer power after a few steps in f32.
///
/// # Safety
/// As [`rough`].
#[inline(never)]
pub unsafe fn refined<V: F32Block>(beta: u32, blocks: &Blocks, tau: Quad) -> [f64; ROWS] {
    // SAFETY: by the caller.
    let tau = unsafe {
        match beta {
            1 => rough::<V, 1>(blocks, STEPS_IN_F32, tau),
            2 => rough::<V, 2>(blocks, STEPS_IN_F32, tau),
            _ => rough::<V, 4>(blocks, STEPS_IN_F32, tau),
        }
    };
    tau.values().map(|tau| f64::from(tau) + f64::from(beta))
}

/// Newton's method from `c`, as in [`super::threshold_f32`]; a row that has converged stays as it is.
///
/// # Safety
/// The blocks are readable and their kept values writable.
#[inline(always)]
pub unsafe fn newton<V: F32Block, P: Power>(power: P, blocks: &Blocks, c: [f64; ROWS]) -> Found {
    let mut found = Found {
        c,
        q: [0.0; ROWS],
        converged: [true; ROWS],
    };
    let mut course = Course {
        exponent: power.exponent(),
        tolerance: P::TOLERANCE,
        costly: P::COSTLY,
        previous: [f64::INFINITY; ROWS],
        open: [true; ROWS],
        taken: 0,
    };
    loop {
        let level: Level<V> = power.levels(found.c);
        let (mut all_q, mut all_s) = (Sums::<V>::new(blocks), Sums::<V>::new(blocks));
        for from in (0..blocks.len).step_by(LANES) {
            // SAFETY: one of the blocks.
            unsafe {
                let (q, s) = power.terms(&level, V::load(blocks.u.add(from)));
                all_q.add(q);
                all_s.add(s);
                if P::COSTLY {
                    q.store(blocks.kept.add(from));
                }
            }
        }
        let (q, s) = (all_q.of_rows(), all_s.of_rows());
        let steps = power.steps::<V>(found.c, q, s);
        if course.advance(&mut found, &q, &steps) {
            return found;
        }
    }
}

/// How far Newton's method has come in each row; compiled once for all powers.
struct Course {
    exponent: f64,
    tolerance: f64,
    costly: bool,
    previous: [f64; ROWS],
    open: [bool; ROWS],
    taken: usize,
}

impl Course {
    /// Takes the steps of the rows that are not at their end; whether now all are.
    #[inline(never)]
    fn advance(&mut self, found: &mut Found, q: &[f64; ROWS], steps: &[Step; ROWS]) -> bool {
        for (k, step) in steps.iter().enumerate() {
            if !self.open[k] {
                continue;
            }
            let residual = step.excess.abs();
            let stalled = residual < 1e-5 && residual > 0.5 * self.previous[k];
            let close = if self.costly {
                residual <= self.tolerance
            } else {
                step.excess <= CLOSE && step.excess >= -self.tolerance
            };
            let next = (found.c[k] + step.delta).max(0.0);
            // The maximum stays above the threshold whatever the sums were.
            let usable = next >= 0.0 && next * self.exponent < 1.0;
            let converged = close || stalled;
            self.open[k] = !(converged || self.taken == STEPS || !usable);
            self.previous[k] = residual;
            found.q[k] = q[k];
            found.converged[k] = converged;
            // For integer beta the last step needs no look at its sum.
            if self.open[k] || (!self.costly && converged && usable) {
                found.c[k] = next;
            }
        }
        self.taken += 1;
        self.open == [false; ROWS]
    }
}
