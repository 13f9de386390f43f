//! The Fenchel-Young loss of a solved row, from its support (MATH.md section 5).
//!
//! **entmax.** On the support p^e = 1 + e (u - c), so H(p) = (c - <p, u>) / alpha and
//!
//! ```text
//! L(z; q) = <p, u> (1 - 1 / alpha) + c / alpha - <q, u> - H(q),     u = (z - z_top) / T.
//! ```
//!
//! c is that of the largest probability, (1 - p_top^e) / e: exact to a rounding of p at any alpha, where the cutoff
//! c - 1/e loses its digits near alpha = 1. dL/dalpha is dH(p)/dalpha - dH(q)/dalpha with p held fixed.
//!
//! **Budget.** Omega = 1/2 ||p||^2, and L = sum of (p - q)(z / T - tau - (p + q) / 2) + tau (B - sum of q), where only
//! entries with p != q count: tau is where the terms are small. dL/dB = tau.

use super::entropy::Entropy;
use super::kernels::{AnyList, AnySettings, Kernels, Lists, Sums};
use crate::gradients::cells::Cells;
use crate::maps::map;

/// Softmax probabilities from here on have all their digits.
const NORMAL: f64 = 1e-30;
/// The sum of p is the budget up to this part, or the budget does not bind.
const BINDING: f64 = 1e-5;

/// What a row is compared with.
#[derive(Clone, Copy)]
pub enum Target {
    Class(i32),
    Soft(Cells),
}

impl Target {
    /// q_j.
    ///
    /// # Safety
    /// j is below the row's length.
    #[inline(always)]
    pub unsafe fn at(&self, j: usize) -> f64 {
        match *self {
            Target::Class(class) => f64::from(u8::from(class as usize == j)),
            // SAFETY: by the caller.
            Target::Soft(q) => unsafe { q.get(j) },
        }
    }

    /// The first entry from `cursor` on that is not 0, and `cursor` moves behind it.
    ///
    /// # Safety
    /// The row has `n` entries.
    #[inline(always)]
    pub unsafe fn next(&self, cursor: &mut usize, n: usize) -> Option<(usize, f64)> {
        // SAFETY: by the caller.
        unsafe {
            let j = match *self {
                Target::Class(class) if *cursor <= class as usize => class as usize,
                Target::Class(_) => n,
                Target::Soft(q) => q.next(*cursor, n),
            };
            *cursor = j + 1;
            (j < n).then(|| (j, self.at(j)))
        }
    }
}

/// The loss, and its derivative by alpha or the budget.
pub struct Value {
    pub loss: f64,
    pub by_parameter: f64,
}

/// The loss of entmax or of a budget.
///
/// # Safety
/// As [`Solution::value`].
pub unsafe fn of_family(solution: &Solution, target: &Target, derivative: bool) -> Value {
    // SAFETY: passed on.
    unsafe {
        if solution.settings.map != map::ENTMAX {
            return solution.budget(target);
        }
        // The kernels of entmax have them.
        let Some(lists) = &solution.kernels.lists else {
            return Value {
                loss: f64::NAN,
                by_parameter: f64::NAN,
            };
        };
        let loss = solution.entmax(lists, target);
        let by_parameter = if derivative && loss < f64::INFINITY {
            solution.by_alpha(&lists.sums, target)
        } else {
            0.0
        };
        Value { loss, by_parameter }
    }
}

/// A row and its probabilities.
pub struct Solution<'a> {
    pub x: Cells,
    /// Unless they are in the list.
    pub p: Cells,
    pub list: AnyList,
    pub n: usize,
    pub settings: &'a AnySettings,
    /// Of a budget: the threshold in units of the scores; else below the largest one, over the temperature.
    pub cutoff: f64,
    pub kernels: &'a Kernels,
}

impl Solution<'_> {
    /// The first entry from `cursor` on with p > 0, and `cursor` moves behind it.
    ///
    /// # Safety
    /// The pointers are a row's, as below.
    #[inline(never)]
    pub unsafe fn next(&self, cursor: &mut usize) -> Option<(usize, f64)> {
        // SAFETY: by the caller.
        unsafe {
            if self.list.indices.is_null() {
                let j = self.p.next(*cursor, self.n);
                *cursor = j + 1;
                return (j < self.n).then(|| (j, self.p.get(j)));
            }
            let values = Cells::tile(self.list.values.cast_mut().cast(), self.p.wide);
            while *cursor < self.list.len {
                let at = *cursor;
                *cursor += 1;
                let p = values.get(at);
                if p > 0.0 {
                    return Some((*self.list.indices.add(at) as usize, p));
                }
            }
        }
        None
    }

    /// The probability of score j.
    ///
    /// # Safety
    /// The pointers are a row's, j is below its length.
    #[inline(never)]
    pub unsafe fn probability(&self, j: usize) -> f64 {
        // SAFETY: by the caller; the indices ascend.
        unsafe {
            if self.list.indices.is_null() {
                return self.p.get(j);
            }
            let indices = core::slice::from_raw_parts(self.list.indices, self.list.len);
            match indices.binary_search(&(j as u32)) {
                Ok(at) => Cells::tile(self.list.values.cast_mut().cast(), self.p.wide).get(at),
                Err(_) => 0.0,
            }
        }
    }

    /// # Safety
    /// The pointers are a row's and its target's.
    #[inline(always)]
    pub unsafe fn value(&self, target: &Target, derivative: bool) -> Value {
        if matches!(*target, Target::Class(class) if class as usize >= self.n) {
            return Value {
                loss: f64::INFINITY,
                by_parameter: 0.0,
            };
        }
        // SAFETY: passed on.
        let mut value = unsafe { (self.kernels.value)(self, target, derivative) };
        // What rounding leaves of a loss of 0.
        if value.loss < 0.0 {
            value.loss = 0.0;
        }
        value
    }

    /// dH(p)/dalpha - dH(q)/dalpha.
    ///
    /// # Safety
    /// As [`Solution::value`].
    #[inline(never)]
    unsafe fn by_alpha(&self, sums: &Sums, target: &Target) -> f64 {
        let e = self.settings.parameter;
        if e == f64::INFINITY {
            return 0.0;
        }
        let zero = Entropy::of(e, (0.0, 0.0));
        // SAFETY: by the caller.
        let (of_p, of_q) = unsafe {
            let p = if self.list.indices.is_null() {
                (sums.entropy)(self.p, self.n, e)
            } else {
                let values = Cells::tile(self.list.values.cast_mut().cast(), self.p.wide);
                (sums.entropy)(values, self.list.len, e)
            };
            let q = match *target {
                Target::Class(_) => zero,
                Target::Soft(q) => (sums.entropy)(q, self.n, e),
            };
            (p, q)
        };
        of_p.by_alpha() - of_q.by_alpha()
    }

    /// # Safety
    /// As [`Solution::value`].
    #[inline(never)]
    unsafe fn entmax(&self, lists: &Lists, target: &Target) -> f64 {
        let e = self.settings.parameter;
        let dense = self.list.indices.is_null();
        // SAFETY: indices below n.
        unsafe {
            if let (Target::Class(class), true, true) = (target, e == 0.0, dense) {
                let p = self.p.get(*class as usize);
                if p > NORMAL {
                    return -libm::log(p);
                }
            }
            let (top, origin, mut dot) = if dense {
                let top = (lists.maximum)(self.p, self.n);
                (top, (lists.maximum)(self.x, self.n), 0.0)
            } else {
                (lists.look)(&self.list, self.x)
            };
            let below = |j: usize| {
                let score = self.x.get(j);
                if score == origin {
                    0.0
                } else {
                    (score - origin) / self.settings.temperature
                }
            };
            let c = if e == 0.0 {
                -libm::log(top)
            } else if e == f64::INFINITY {
                0.0
            } else {
                -libm::expm1(e * libm::log(top)) / e
            };
            let alpha = 1.0 + e;
            let mut loss = c / alpha;
            // In a row with +inf all of the support is there.
            if e > 0.0 && origin < f64::INFINITY {
                if dense {
                    dot = (lists.sums.dot)(self.p, self.x, self.n, origin);
                }
                loss += dot / self.settings.temperature * (1.0 - 1.0 / alpha);
            }
            let mut entropy = Entropy::new(e);
            let mut cursor = 0;
            while let Some((j, q)) = target.next(&mut cursor, self.n) {
                loss -= q * below(j);
                entropy.add(q);
            }
            loss - entropy.value()
        }
    }

    /// # Safety
    /// As [`Solution::value`].
    #[inline(never)]
    unsafe fn budget(&self, target: &Target) -> Value {
        let temperature = self.settings.temperature;
        let tau = self.cutoff / temperature;
        let (mut loss, mut sum_p, mut sum_q) = (0.0, 0.0, 0.0);
        let (mut cursor, mut at) = (0, 0);
        // SAFETY: indices below n.
        unsafe {
            // Both ascend: the entries are taken from whichever is behind.
            let mut held = self.next(&mut cursor);
            let mut given = target.next(&mut at, self.n);
            loop {
                let j = match (held, given) {
                    (Some((i, _)), Some((j, _))) => i.min(j),
                    (Some((i, _)), None) => i,
                    (None, Some((j, _))) => j,
                    (None, None) => break,
                };
                let (mut p, mut q) = (0.0, 0.0);
                if let Some((_, value)) = held.filter(|&(i, _)| i == j) {
                    p = value;
                    held = self.next(&mut cursor);
                }
                if let Some((_, value)) = given.filter(|&(i, _)| i == j) {
                    q = value;
                    given = target.next(&mut at, self.n);
                }
                sum_p += p;
                sum_q += q;
                if p != q {
                    let score = self.x.get(j) / temperature;
                    // Where +inf scores share the budget, tau is infinite too.
                    let distance = if score == tau { 0.0 } else { score - tau };
                    loss += (p - q) * (distance - 0.5 * (p + q));
                }
            }
        }
        let budget = self.settings.parameter;
        let total = if (sum_p - budget).abs() <= BINDING * budget {
            budget
        } else {
            sum_p
        };
        if total != sum_q {
            loss += tau * (total - sum_q);
        }
        Value {
            loss,
            by_parameter: tau,
        }
    }
}
