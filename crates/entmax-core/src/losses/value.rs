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

use crate::gradients::support::each_nonzero;
use crate::gradients::tsallis::Terms;
use crate::maps::kernels::{List, RowKernel, Settings, Solved};
use crate::maps::{map, Score};

/// Softmax probabilities from here on have all their digits.
const NORMAL: f64 = 1e-30;
/// The sum of p is the budget up to this part, or the budget does not bind.
const BINDING: f64 = 1e-5;

/// What a row is compared with.
#[derive(Clone, Copy)]
pub enum Target<T> {
    Class(i32),
    Soft(*const T),
}

impl<T: Score> Target<T> {
    /// q_j.
    ///
    /// # Safety
    /// j is below the row's length.
    #[inline(always)]
    pub unsafe fn at(&self, j: usize) -> f64 {
        match *self {
            Target::Class(class) => f64::from(u8::from(class as usize == j)),
            // SAFETY: by the caller.
            Target::Soft(q) => unsafe { (*q.add(j)).to_f64() },
        }
    }

    /// Calls `f(j, q_j)` for q_j != 0.
    ///
    /// # Safety
    /// The row has `n` entries, and a class lies below.
    #[inline(always)]
    unsafe fn each(&self, n: usize, mut f: impl FnMut(usize, f64)) {
        match *self {
            Target::Class(class) => f(class as usize, 1.0),
            // SAFETY: by the caller.
            Target::Soft(q) => unsafe { each_nonzero(q, n, |j| f(j, (*q.add(j)).to_f64())) },
        }
    }
}

/// The loss, and its derivative by alpha or the budget.
pub struct Value {
    pub loss: f64,
    pub by_parameter: f64,
}

impl Value {
    /// A row without a gradient.
    pub fn nothing(loss: f64) -> Value {
        Value {
            loss,
            by_parameter: 0.0,
        }
    }
}

/// H_alpha and its derivative by alpha, entry by entry.
struct Entropy {
    e: f64,
    h: f64,
    w: f64,
    /// The last entry and its terms: smoothed labels repeat one value.
    last: f64,
    last_terms: (f64, f64),
}

impl Entropy {
    fn new(e: f64) -> Entropy {
        Entropy {
            e,
            h: 0.0,
            w: 0.0,
            last: 1.0,
            last_terms: (0.0, 0.0),
        }
    }

    #[inline(never)]
    fn add(&mut self, p: f64) {
        if p != self.last {
            let terms = Terms::new(p, self.e);
            let power = p / terms.s;
            self.last_terms = (power * (self.e * terms.w + terms.h), power * terms.w);
            self.last = p;
        }
        self.h += self.last_terms.0;
        self.w += self.last_terms.1;
    }

    fn value(&self) -> f64 {
        self.h / (1.0 + self.e)
    }

    fn by_alpha(&self) -> f64 {
        -(self.value() + self.w) / (1.0 + self.e)
    }
}

/// A row and its probabilities.
pub struct Solution<'a, T> {
    pub x: *const T,
    /// Unless they are in the list.
    pub p: *const T,
    pub list: List<T>,
    pub n: usize,
    pub settings: &'a Settings<T>,
    pub solved: Solved,
}

impl<T: Score> Solution<'_, T> {
    /// Calls `f(j, p_j)` for p_j > 0.
    ///
    /// # Safety
    /// The pointers are a row's.
    #[inline(always)]
    unsafe fn each(&self, mut f: impl FnMut(usize, f64)) {
        // SAFETY: by the caller.
        unsafe {
            if self.list.indices.is_null() {
                each_nonzero(self.p, self.n, |j| f(j, (*self.p.add(j)).to_f64()));
                return;
            }
            for at in 0..self.list.len {
                let p = (*self.list.values.add(at)).to_f64();
                if p > 0.0 {
                    f(*self.list.indices.add(at) as usize, p);
                }
            }
        }
    }

    /// # Safety
    /// j < n, as below.
    #[inline(always)]
    unsafe fn score(&self, j: usize) -> f64 {
        // SAFETY: by the caller.
        unsafe { (*self.x.add(j)).to_f64() }
    }

    /// # Safety
    /// The pointers are a row's and its target's.
    #[inline(always)]
    pub unsafe fn value<K: RowKernel<T>>(&self, target: &Target<T>, derivative: bool) -> Value {
        if matches!(*target, Target::Class(class) if class as usize >= self.n) {
            return Value::nothing(f64::INFINITY);
        }
        // SAFETY: passed on.
        let mut value = unsafe {
            if self.settings.map == map::ENTMAX {
                self.entmax::<K>(target, derivative)
            } else {
                self.budget::<K>(target)
            }
        };
        // What rounding leaves of a loss of 0.
        if value.loss < 0.0 {
            value.loss = 0.0;
        }
        value
    }

    /// # Safety
    /// As [`Solution::value`].
    #[inline(always)]
    unsafe fn entmax<K: RowKernel<T>>(&self, target: &Target<T>, derivative: bool) -> Value {
        let e = self.settings.parameter;
        // SAFETY: passed on.
        unsafe {
            let mut value = Value::nothing(self.entmax_loss::<K>(e, target));
            if derivative && e < f64::INFINITY && value.loss < f64::INFINITY {
                let mut entropy = Entropy::new(e);
                self.each(|_, p| entropy.add(p));
                value.by_parameter = entropy.by_alpha();
                if let Target::Soft(_) = target {
                    let mut entropy = Entropy::new(e);
                    target.each(self.n, |_, q| entropy.add(q));
                    value.by_parameter -= entropy.by_alpha();
                }
            }
            value
        }
    }

    /// # Safety
    /// As [`Solution::value`].
    #[inline(never)]
    unsafe fn entmax_loss<K: RowKernel<T>>(&self, e: f64, target: &Target<T>) -> f64 {
        // SAFETY: indices below n.
        unsafe {
            if let (Target::Class(class), true, true) =
                (target, e == 0.0, self.list.indices.is_null())
            {
                let p = (*self.p.add(*class as usize)).to_f64();
                if p > NORMAL {
                    return -libm::log(p);
                }
            }
            let (mut top, mut origin) = (0.0, 0.0);
            if self.list.indices.is_null() {
                if let (Some(p), Some(x)) = (K::maximum(self.p, self.n), K::maximum(self.x, self.n))
                {
                    (top, origin) = (p.to_f64(), x.to_f64());
                }
            } else {
                self.each(|j, p| {
                    if p > top {
                        (top, origin) = (p, self.score(j));
                    }
                });
            }
            let below = |j: usize| {
                let score = self.score(j);
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
            let mut dot = 0.0;
            if e > 0.0 {
                self.each(|j, p| dot += p * below(j));
            }
            let alpha = 1.0 + e;
            let mut loss = dot * (1.0 - 1.0 / alpha) + c / alpha;
            match target {
                Target::Class(class) => loss -= below(*class as usize),
                Target::Soft(_) => {
                    let mut entropy = Entropy::new(e);
                    target.each(self.n, |j, q| {
                        loss -= q * below(j);
                        if e < f64::INFINITY {
                            entropy.add(q);
                        }
                    });
                    if e < f64::INFINITY {
                        loss -= entropy.value();
                    }
                }
            }
            loss
        }
    }

    /// # Safety
    /// As [`Solution::value`].
    #[inline(never)]
    unsafe fn budget<K: RowKernel<T>>(&self, target: &Target<T>) -> Value {
        let temperature = self.settings.temperature;
        // SAFETY: indices below n.
        unsafe {
            let tau = match K::maximum(self.x, self.n) {
                Some(max) => max.to_f64() / temperature + self.solved.cutoff,
                None => 0.0,
            };
            let (mut loss, mut sum_p, mut sum_q) = (0.0, 0.0, 0.0);
            let term = |j: usize, p: f64, q: f64| {
                let score = self.score(j) / temperature;
                // Where +inf scores share the budget, tau is infinite too.
                let distance = if score == tau { 0.0 } else { score - tau };
                if p == q {
                    0.0
                } else {
                    (p - q) * (distance - 0.5 * (p + q))
                }
            };
            self.each(|j, p| {
                sum_p += p;
                loss += term(j, p, target.at(j));
            });
            let mut at = 0;
            target.each(self.n, |j, q| {
                sum_q += q;
                if !self.holds(j, &mut at) {
                    loss += term(j, 0.0, q);
                }
            });
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

    /// Whether p_j > 0, for ascending j; `at` is where the list has been read to.
    ///
    /// # Safety
    /// j < n.
    #[inline(always)]
    unsafe fn holds(&self, j: usize, at: &mut usize) -> bool {
        // SAFETY: by the caller; at < len where the list is read.
        unsafe {
            if self.list.indices.is_null() {
                return *self.p.add(j) > T::ZERO;
            }
            let index = |at: usize| *self.list.indices.add(at) as usize;
            while *at < self.list.len && index(*at) < j {
                *at += 1;
            }
            *at < self.list.len && index(*at) == j && *self.list.values.add(*at) > T::ZERO
        }
    }
}
