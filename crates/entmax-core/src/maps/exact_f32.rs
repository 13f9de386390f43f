//! Which scores of a row of f32 the computed threshold cannot decide: the first stage of `exact`.
//!
//! **The threshold's error.** Newton's method ends at tau with the computed sum q of d^beta, d = u - tau, u = z - max,
//! where the true sum F(tau) would be beta^beta. Each d is off by at most eps = 2^-23 |tau|: u, and both
//! subtractions in `powers_f32`, are off by 2^-24 of |u|, d and d, and |u| + d = |tau| >= d. The sum of a block is
//! formed in two f32 additions, the square in one multiplication, the rest in f64, so with eta = 2^-22 for all of them,
//! generously,
//!
//! ```text
//! (1 - eta) F(tau + eps)  <=  q  <=  (1 + eta) F(tau - eps).
//! ```
//!
//! F is convex and falls, for beta = 1 at least as fast as t rises; for beta = 2 that is true of its square root. So the true
//! threshold is within eps + |q - 1| + eta of tau, or eps + |q - 4| / 2 + eta. A score is undecided if it lies within
//! that and its own eps. A sharper bound divides by the slope of F, at its smallest, where that may be far from 1
//! (near-uniform rows, in which many scores lie close to each other).

use super::exact::{settle, Exact};
use super::powers_f32::IntegerPower;
use super::scan_f32::Scores;
use super::threshold_f32::Problem;
use crate::simd::{quad::Quad, F32Block, ROWS};

/// eta, with as much again to spare.
const ETA: f64 = 1.0 / (1u64 << 21) as f64;

/// A computed threshold, and the sum of d^beta there.
#[derive(Clone, Copy)]
pub struct Computed {
    pub tau: f64,
    pub q: f64,
    /// Whether beta is 2.
    pub square: bool,
}

impl Computed {
    /// (what tau itself is off by, what the sum is off by).
    #[inline(always)]
    fn errors(&self) -> (f64, f64) {
        let bound = if self.square { 4.0 } else { 1.0 };
        let off = (self.q - bound).abs() * 1.01 + bound * ETA;
        (self.tau.abs() * ETA, off)
    }

    /// How near to tau a score is undecided.
    #[inline(always)]
    pub fn window(&self) -> f64 {
        let (own, off) = self.errors();
        own + off * if self.square { 0.5 } else { 1.0 }
    }
}

/// Looks for undecided scores among those that pass by, given as u = score - max. Three operations for each vector, and
/// one that `IntegerPower::terms` makes too.
pub struct Watch<V> {
    tau: V,
    limit: V,
    /// The most of window^2 - (u - tau)^2.
    best: V,
}

impl<V: F32Block> Watch<V> {
    #[inline(always)]
    pub fn new(tau: f64, window: f64) -> Watch<V> {
        Watch {
            tau: V::splat(tau as f32),
            limit: V::splat((1.001 * window * window) as f32),
            best: V::splat(f32::NEG_INFINITY),
        }
    }

    /// For blocks of four rows.
    #[inline(always)]
    pub fn of_rows(computed: &[Computed; ROWS]) -> Watch<V> {
        let limits = computed.each_ref().map(|each| {
            let window = each.window();
            (1.001 * window * window) as f32
        });
        Watch {
            tau: V::by_row(Quad::new(computed.each_ref().map(|each| each.tau as f32))),
            limit: V::by_row(Quad::new(limits)),
            best: V::splat(f32::NEG_INFINITY),
        }
    }

    #[inline(always)]
    pub fn look(&mut self, u: V) {
        let gap = u.sub(self.tau);
        self.best = self.best.pmax(self.limit.sub(gap.mul(gap)));
    }

    /// Whether some u lay within `window` of tau.
    #[inline(always)]
    pub fn has_seen(&self) -> bool {
        V::any(self.best.at_least(V::splat(0.0)))
    }

    /// The lanes in which one did.
    #[inline(always)]
    pub fn seen(&self) -> u32 {
        V::bits(self.best.at_least(V::splat(0.0)))
    }
}

/// Whether some score lies within `window` of max + tau.
#[inline(never)]
pub fn is_near<V: F32Block>(row: &Scores, max: f32, tau: f64, window: f64) -> bool {
    let mut watch = Watch::<V>::new(tau, window);
    let max = V::splat(max);
    row.each(|_, scores: V| watch.look(scores.sub(max)));
    watch.has_seen()
}

/// The exact solution of a row with undecided scores, or None where a sharper bound decides them all.
///
/// # Safety
/// `wide` is writable for as many f64 as the row has scores, and disjoint from it.
#[inline(never)]
pub unsafe fn settle_f32<V: F32Block>(
    row: &Scores,
    max: f32,
    computed: Computed,
    wide: *mut f64,
) -> Option<Exact> {
    let Computed { tau, square, .. } = computed;
    let exact_max = f64::from(max);
    let mut window = computed.window();
    // F' at the far end of the window: the number of scores above, or twice the sum of their distances.
    let power = IntegerPower::<1>;
    let problem = Problem {
        power,
        scores: row,
        max,
        weight: 1.0,
    };
    let kept = core::ptr::null_mut();
    // SAFETY: nothing is kept.
    let far = unsafe { problem.newton::<V>(tau + window + 1.0, 0, kept) };
    let slope = if square { 1.99 * far.q } else { far.s };
    if slope > 2.0 {
        let (own, off) = computed.errors();
        window = own + off / slope;
        if !is_near::<V>(row, max, tau, window) {
            return None;
        }
    }
    let mut len = 0;
    for j in 0..row.len {
        // SAFETY: len <= j < the row's length.
        unsafe {
            let score = f64::from(*row.values.add(j));
            if score - exact_max >= tau - window {
                *wide.add(len) = score;
                len += 1;
            }
        }
    }
    // SAFETY: the list holds all scores above the window's lower end, and the maximum.
    Some(unsafe { settle(wide, len, exact_max, (tau, window), square) })
}

/// The probabilities of a row, zeros included.
///
/// # Safety
/// `scores` is readable and `out` writable for `len`, equal or disjoint.
#[inline(never)]
pub unsafe fn write(exact: &Exact, scores: *const f32, out: *mut f32, len: usize) {
    for j in 0..len {
        // SAFETY: j < len.
        unsafe { *out.add(j) = exact.probability(f64::from(*scores.add(j))) as f32 };
    }
}
