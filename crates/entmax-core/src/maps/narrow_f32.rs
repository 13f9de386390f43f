//! Rows whose scores lie close together beside their distance from the threshold: near-uniform rows, at any alpha.
//!
//! With v = score - center and X = 1 + e (center - c), the probability is a power series in v,
//!
//! ```text
//! p = X^(1/e) (1 + a_1 v + a_2 v^2 + ...),   a_k = a_(k-1) (1 - (k-1) e) / (k X)
//! ```
//!
//! so the sum over the row is a combination of its power sums: one pass for those, an equation in one unknown, and one
//! pass that writes a short polynomial. No logarithm and no exponential of a score, and softmax's own passes cost more.
//! For alpha near 1 the a_k tend to 1 / k!, with nothing to cancel.
//!
//! The center is the mean of a few blocks; which rows come here depends on their content alone.

use super::kernel::{Outcome, Solved};
use super::scan_f32::Scores;
use crate::simd::{copy_short, F32Block, LANES};

/// Blocks that are looked at first.
const SAMPLE: usize = 16;
/// Farthest score from the center, beside the threshold's distance from it.
const WIDEST: f64 = 0.5;
/// Largest degree of the polynomial, a multiple of [`CHUNK`].
const DEGREE: usize = 12;
const CHUNK: usize = 4;
/// What the series may leave out of a probability, and out of the sum, beside 1.
const NEGLIGIBLE: f64 = 2e-8;
const NEGLIGIBLE_IN_SUM: f64 = 2e-7;

/// Mean powers of v, first to fourth, and the largest |v|.
struct Moments {
    mean: [f64; 4],
    reach: f64,
}

/// A row around its center; the tail is padded with the center itself, where v = 0.
struct Centered {
    values: *const f32,
    len: usize,
    center: f32,
    max: f32,
    tail: [f32; LANES],
}

impl Centered {
    /// # Safety
    /// As [`Scores::new`].
    unsafe fn new(row: &Scores, center: f32, max: f32) -> Centered {
        let mut tail = [center; LANES];
        let whole = row.len / LANES * LANES;
        // SAFETY: what is left behind the whole blocks is shorter than one.
        unsafe { copy_short(row.values.add(whole), tail.as_mut_ptr(), row.len - whole) };
        Centered {
            values: row.values,
            len: row.len,
            center,
            max,
            tail,
        }
    }

    /// Moments over every `stride`-th block.
    #[inline(never)]
    fn moments<V: F32Block>(&self, stride: usize) -> Moments {
        let center = V::splat(self.center);
        let mut sums = [V::no_sums(); 4];
        let mut lowest = V::splat(0.0);
        let mut count = 0;
        let mut from = 0;
        // -v, whose largest is the lowest score (the highest is known), and its powers.
        let mut powers = |scores: V| {
            let v = center.sub(scores);
            lowest = lowest.pmax(v);
            let square = v.mul(v);
            [v, square, square.mul(v), square.mul(square)]
        };
        let mut add = |powers: [V; 4]| {
            for (power, sum) in powers.into_iter().zip(&mut sums) {
                power.sum_into(sum);
            }
        };
        // SAFETY: a block that is not whole is the last one.
        unsafe {
            // Two blocks at once: widening the sums is most of the work.
            while stride == 1 && from + 2 * LANES <= self.len {
                let at = self.values.add(from);
                let [a, b, c, d] = powers(V::load(at));
                let [p, q, r, s] = powers(V::load(at.add(LANES)));
                add([a.add(p), b.add(q), c.add(r), d.add(s)]);
                count += 2 * LANES;
                from += 2 * LANES;
            }
            while from < self.len {
                let whole = from + LANES <= self.len;
                let scores = V::load(if whole {
                    self.values.add(from)
                } else {
                    self.tail.as_ptr()
                });
                add(powers(scores));
                count += if whole { LANES } else { self.len - from };
                from += stride * LANES;
            }
        }
        let [first, second, third, fourth] = sums.map(|sum| V::total(sum) / count as f64);
        Moments {
            mean: [-first, second, -third, fourth],
            reach: f64::from(lowest.largest()).max(f64::from(self.max) - f64::from(self.center)),
        }
    }

    /// The polynomial's values, and their sum; `SHORT` where one chunk is enough, as in most such rows: 3 % of their time.
    ///
    /// # Safety
    /// `out` is writable for the row, which it equals or is disjoint from.
    #[inline(never)]
    unsafe fn write<V: F32Block, const SHORT: bool>(
        &self,
        out: *mut f32,
        scale: f32,
        coefficients: &[f32; DEGREE + 1],
        chunks: usize,
    ) -> f64 {
        let (center, scale) = (V::splat(self.center), V::splat(scale));
        let mut sums = V::no_sums();
        let at = |k: usize| {
            // SAFETY: k <= DEGREE.
            V::splat(unsafe { *coefficients.as_ptr().add(k) })
        };
        let value = |scores: V| {
            let h = scores.sub(center).mul(scale);
            let mut k = if SHORT { CHUNK } else { chunks * CHUNK };
            let mut value = at(k);
            while k > 0 {
                value = value.mul_add(h, at(k - 1));
                value = value.mul_add(h, at(k - 2));
                value = value.mul_add(h, at(k - 3));
                value = value.mul_add(h, at(k - 4));
                k -= CHUNK;
            }
            value
        };
        let whole = self.len / LANES * LANES;
        // SAFETY: by the caller; a block is read before it is written.
        unsafe {
            for from in (0..whole).step_by(LANES) {
                let p = value(V::load(self.values.add(from)));
                p.sum_into(&mut sums);
                p.store(out.add(from));
            }
            let rest = self.len - whole;
            let mut total = V::total(sums);
            if rest > 0 {
                let mut tail = [0.0; LANES];
                value(V::load(self.tail.as_ptr())).store(tail.as_mut_ptr());
                for j in 0..rest {
                    total += f64::from(*tail.as_ptr().add(j));
                }
                copy_short(tail.as_ptr(), out.add(whole), rest);
            }
            total
        }
    }
}

/// Whether the scores are close enough, and the fourth powers of their distances no denormals where they count.
#[inline(always)]
fn serves(reach: f64, x: f64, exponent: f64) -> bool {
    exponent * reach <= WIDEST * x && (reach > 1e-9 || exponent * reach <= 1e-9 * x)
}

/// X and 1 + (a_1 m_1 + ... + a_4 m_4) there, or None where the series does not serve; `even` is X for equal scores.
fn solve(moments: &Moments, exponent: f64, even: f64) -> Option<(f64, f64)> {
    let mut log_sum = 0.0;
    let mut previous = f64::INFINITY;
    loop {
        let x = even * exp(-exponent * log_sum);
        // Also where something is NaN or infinite.
        if !serves(moments.reach, x, exponent) {
            return None;
        }
        let mut a = 1.0;
        let mut sum = 0.0;
        for (k, mean) in moments.mean.iter().enumerate() {
            a *= (1.0 - k as f64 * exponent) / ((k + 1) as f64 * x);
            sum += a * mean;
        }
        let next = log_of_one_plus(sum);
        let change = (next - log_sum).abs();
        log_sum = next;
        if change < 1e-9 {
            let left_out = a * (1.0 - 4.0 * exponent) / (5.0 * x) * moments.reach * moments.mean[3];
            let x = even * exp(-exponent * log_sum);
            return (left_out.abs() <= NEGLIGIBLE_IN_SUM).then_some((x, 1.0 + sum));
        }
        let improves = change < 0.5 * previous;
        if !improves {
            return None;
        }
        previous = change;
    }
}

/// Whether the fifth term is small enough that [`solve`] may succeed: its mean is a hundredth of its largest value in
/// rows without a shape of their own.
fn is_promising(reach: f64, x: f64, exponent: f64) -> bool {
    let mut term = 1.0;
    for k in 0..5 {
        let k = f64::from(k);
        term *= (1.0 - k * exponent) * reach / ((k + 1.0) * x);
    }
    serves(reach, x, exponent) && term.abs() <= 100.0 * NEGLIGIBLE_IN_SUM
}

/// Whether a few scores lie close to the maximum beside its distance from the threshold, about `even / e`.
///
/// # Safety
/// As [`entmax`].
#[inline(always)]
unsafe fn looks_narrow(row: &Scores, max: f32, exponent: f64, even: f64) -> bool {
    let reach = (2.0 * WIDEST * even / exponent) as f32;
    let stride = (row.len / 8).max(1);
    // SAFETY: indices below len.
    (0..row.len)
        .step_by(stride)
        .all(|j| max - unsafe { *row.values.add(j) } <= reach)
}

/// ln(1 + x).
#[inline(always)]
fn log_of_one_plus(x: f64) -> f64 {
    if x.abs() > 0.05 {
        return libm::log1p(x);
    }
    // 2 artanh(z): the next term is below 1e-15.
    let z = x / (2.0 + x);
    let square = z * z;
    let tail = 1.0 / 3.0 + square * (1.0 / 5.0 + square * (1.0 / 7.0 + square / 9.0));
    2.0 * (z + z * square * tail)
}

/// exp(y).
#[inline(always)]
fn exp(y: f64) -> f64 {
    if y.abs() > 0.02 {
        return libm::exp(y);
    }
    let tail = 1.0 / 6.0 + y * (1.0 / 24.0 + y * (1.0 / 120.0 + y / 720.0));
    1.0 + y * (1.0 + y * (0.5 + y * tail))
}

/// The map of a narrow row for any finite e > 0, or None, and then nothing was written. `even` is n^-e.
///
/// # Safety
/// `out` is writable for the row, which it equals or is disjoint from; `max` is the row's, finite.
#[inline(never)]
pub unsafe fn entmax<V: F32Block>(
    row: &Scores,
    out: *mut f32,
    max: f32,
    exponent: f64,
    even: f64,
) -> Option<Outcome> {
    let n = row.len;
    // SAFETY: by the caller.
    unsafe {
        if !looks_narrow(row, max, exponent, even) {
            return None;
        }
        // Around the maximum first: the mean of the sample is the center.
        let around_max = Centered::new(row, max, max);
        let stride = n.div_ceil(LANES).div_ceil(SAMPLE);
        let sample = around_max.moments::<V>(stride);
        let [below, ..] = sample.mean;
        let reach = (-below).max(sample.reach + below);
        if !is_promising(reach, even, exponent) {
            return None;
        }
        let center = (f64::from(max) + sample.mean[0]) as f32;
        let centered = Centered::new(row, center, max);
        let moments = centered.moments::<V>(1);
        let (x, sum) = solve(&moments, exponent, even)?;
        // The polynomial in v / reach.
        let mut coefficients = [0.0f32; DEGREE + 1];
        let share = 1.0 / (n as f64 * sum);
        let (mut term, mut degree) = (1.0, 0);
        loop {
            *coefficients.as_mut_ptr().add(degree) = (term * share) as f32;
            degree += 1;
            term *= (1.0 - (degree - 1) as f64 * exponent) * moments.reach / (degree as f64 * x);
            if term.abs() <= NEGLIGIBLE {
                break;
            }
            if degree > DEGREE {
                return None;
            }
        }
        let scale = if degree > 1 {
            (1.0 / moments.reach) as f32
        } else {
            0.0
        };
        if !scale.is_finite() {
            return None;
        }
        let chunks = (degree - 1).div_ceil(CHUNK);
        let total = if chunks <= 1 {
            centered.write::<V, true>(out, scale, &coefficients, 1)
        } else {
            centered.write::<V, false>(out, scale, &coefficients, chunks)
        };
        if (total - 1.0).abs() > 1e-7 {
            super::softmax_f32::scale::<V>(out, out, n, total);
        }
        let cutoff = (f64::from(center) - f64::from(max)) - x / exponent;
        Some(Solved::unrestricted(cutoff, (total - 1.0).abs() < 1e-5))
    }
}
