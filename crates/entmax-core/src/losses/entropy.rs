//! H_alpha of a distribution, and its derivative by alpha (MATH.md section 4).
//!
//! One logarithm for each entry: of f64, 60 ns, which for a row with a support of hundreds is more than the map takes. So the
//! derivative of f32 rows is formed sixteen entries at a time, of f32. Its sums are those of multiples of 2^-51, which are
//! exact: they do not tell a list of the support from the row in which its entries lie apart.

use crate::gradients::cells::Cells;
use crate::gradients::skewed_f32::Skew;
use crate::gradients::tsallis::Terms;
use crate::gradients::tsallis_f32::terms;
use crate::simd::{copy_short, F32Block, LANES};

/// Sums over the entries of p^e (h + e w) and p^e w, with the terms of `tsallis`.
pub struct Entropy {
    e: f64,
    h: f64,
    w: f64,
    /// The last entry and its terms: smoothed labels repeat one value.
    last: f64,
    last_terms: (f64, f64),
}

impl Entropy {
    pub fn new(e: f64) -> Entropy {
        Entropy::of(e, (0.0, 0.0))
    }

    pub fn of(e: f64, (h, w): (f64, f64)) -> Entropy {
        Entropy {
            e,
            h,
            w,
            last: 1.0,
            last_terms: (0.0, 0.0),
        }
    }

    #[inline(never)]
    pub fn add(&mut self, p: f64) {
        if self.e == f64::INFINITY {
            return;
        }
        if p != self.last {
            let terms = Terms::new(p, self.e);
            let power = p / terms.s;
            self.last_terms = (power * (self.e * terms.w + terms.h), power * terms.w);
            self.last = p;
        }
        self.h += self.last_terms.0;
        self.w += self.last_terms.1;
    }

    /// 0 at alpha = inf.
    pub fn value(&self) -> f64 {
        self.h / (1.0 + self.e)
    }

    pub fn by_alpha(&self) -> f64 {
        -(self.value() + self.w) / (1.0 + self.e)
    }
}

/// The entropy of the entries that are not 0, one by one.
///
/// # Safety
/// `p` holds n numbers.
#[inline(never)]
pub unsafe fn entropy(p: Cells, n: usize, e: f64) -> Entropy {
    let mut sum = Entropy::new(e);
    let mut cursor = 0;
    // SAFETY: below n.
    unsafe {
        loop {
            let j = p.next(cursor, n);
            if j >= n {
                return sum;
            }
            sum.add(p.get(j));
            cursor = j + 1;
        }
    }
}

/// The same of f32 for alpha <= 2, in blocks; it is for the derivative.
///
/// # Safety
/// `p` holds n floats.
#[inline(never)]
pub unsafe fn entropy_f32<V: F32Block>(p: Cells, n: usize, e: f64) -> Entropy {
    if e > 1.0 {
        // SAFETY: passed on.
        return unsafe { entropy(p, n, e) };
    }
    let p: *const f32 = p.pointer();
    let (skew, zero) = (Skew::new(e), V::splat(0.0));
    let (mut h_sum, mut w_sum) = (0, 0);
    for from in (0..n).step_by(LANES) {
        let mut tail = [0.0; LANES];
        // SAFETY: a block of the row, or a copy of its tail.
        unsafe {
            let mut block = p.add(from);
            if from + LANES > n {
                copy_short(block, tail.as_mut_ptr(), n - from);
                block = tail.as_ptr();
            }
            let p = V::load(block);
            let inside = p.differs(zero);
            if !V::any(inside) {
                continue;
            }
            let s = skew.of(p, [0.0; LANES].as_mut_ptr(), false);
            let (h, w) = terms(p, s, e as f32);
            let power = p.div(s).keep(inside);
            let w = w.keep(inside).mul(power);
            let g = h.mul(power).add(w.mul(V::splat(e as f32)));
            h_sum = exact_sum(g, h_sum);
            w_sum = exact_sum(w, w_sum);
        }
    }
    let unit = 1.0 / (1u64 << 51) as f64;
    Entropy::of(e, (h_sum as f64 * unit, w_sum as f64 * unit))
}

/// Added to a number of at most 1 it leaves a multiple of 2^-51 in the low bits.
const FIXED_POINT: f64 = 3.0;

/// `sum` and the lanes, each in [0, 1] and rounded to a multiple of 2^-51.
#[inline(always)]
fn exact_sum<V: F32Block>(block: V, sum: u64) -> u64 {
    let mut lanes = [0.0; LANES];
    // SAFETY: sixteen lanes.
    unsafe { block.store(lanes.as_mut_ptr()) };
    lanes.iter().fold(sum, |sum, &lane| {
        let fixed = (f64::from(lane) + FIXED_POINT).to_bits();
        sum.wrapping_add(fixed.wrapping_sub(FIXED_POINT.to_bits()))
    })
}
