//! The norm of relaAttention, over the heads of a query taken together, and its gate (MATH.md section 14):
//!
//!     y = gain t sigmoid(gate u),   t = u / sqrt(mean(u^2) + eps),   the mean over H E numbers.
//!
//! Sums of weights that are not normalised may have any size, so everything between reading and writing is f64: squares of
//! f32 cannot overflow there, and those of f64 that do are formed again of smaller numbers. A mean is a sum in eight parts, by
//! channel, in one order: it is the same in every layout.
//!
//! The pullback, with s = sigmoid(gate u) and a = dy s gain, the cotangent of t:
//!
//!     du = r (a - t mean(a t)) + dy gain t s (1 - s) gate,   r = 1 / sqrt(mean(u^2) + eps),
//!     dgain = sum dy s t,   dgate = sum dy gain t s (1 - s) u.
//!
//! The last two are sums over all queries. They are formed in parts of [`QUERIES`], each by one thread, which whoever asks
//! adds up in their order: bits do not depend on threads.

use super::call::Heads;
use super::results::fill;
use crate::maps::staging::ALIGNMENT;
use crate::maps::Score;
use core::ops::Range;

/// Queries of a part of dgain and dgate.
pub const QUERIES: usize = 32;
/// Parts of a sum over channels.
const PARTS: usize = 8;
/// 2^-520, by which numbers are multiplied whose squares overflow in f64.
const SMALLER: f64 = f64::from_bits((1023 - 520) << 52);

/// A norm. All arrays are readable or writable where the shape [B, H, N, E] gives it.
#[repr(C)]
pub struct Norm<T> {
    /// Added to the mean, above 0.
    pub eps: f64,
    /// What is normalised.
    pub u: Heads<T>,
    /// Where the result goes; not read by the pullback.
    pub y: Heads<T>,
    /// The cotangent of the result, and where that of `u` goes; null in the forward pass.
    pub dy: Heads<T>,
    pub du: Heads<T>,
    /// [H E], head by head.
    pub gain: *const T,
    /// [H E]; null for none.
    pub gate: *const T,
    /// For each part, [H E]; null where not asked for.
    pub dgain: *mut f64,
    pub dgate: *mut f64,
    /// Queries that count, B of them; null for all. The others have gradients 0.
    pub query_lengths: *const i32,
    pub batches: usize,
    pub heads: usize,
    pub queries: usize,
    pub width: usize,
}

/// Bytes of workspace of a pullback: the gate of one query.
pub fn workspace(heads: usize, width: usize) -> usize {
    (heads * width * size_of::<f64>()).next_multiple_of(ALIGNMENT)
}

/// The results of the queries `rows` of all B N.
///
/// # Safety
/// As [`Norm`] says; `y` may be `u`.
pub unsafe fn normalise<T: Score>(norm: &Norm<T>, rows: Range<usize>) {
    for row in rows {
        let (b, i) = (row / norm.queries.max(1), row % norm.queries.max(1));
        // SAFETY: by the caller.
        unsafe {
            let r = norm.reciprocal(b, i);
            for h in 0..norm.heads {
                let (u, y) = (norm.u.row(b, h, i), norm.y.row(b, h, i));
                let gain = norm.gain.add(h * norm.width);
                if norm.gate.is_null() {
                    for e in 0..norm.width {
                        let t = (*u.add(e)).to_f64() * r;
                        *y.add(e) = canonical((*gain.add(e)).to_f64() * t);
                    }
                    continue;
                }
                let gate = norm.gate.add(h * norm.width);
                for e in 0..norm.width {
                    let u = (*u.add(e)).to_f64();
                    let s = sigmoid((*gate.add(e)).to_f64() * u);
                    *y.add(e) = canonical((*gain.add(e)).to_f64() * (u * r) * s);
                }
            }
        }
    }
}

/// The cotangents of what was normalised, and the parts of dgain and dgate: parts `parts` of [`QUERIES`] queries of all B N.
///
/// # Safety
/// As [`Norm`] says; `workspace` is aligned, and as long as [`workspace`] says.
pub unsafe fn pull_back<T: Score>(norm: &Norm<T>, parts: Range<usize>, workspace: *mut u8) {
    let all = norm.batches * norm.queries;
    let channels = norm.heads * norm.width;
    for part in parts {
        let of_part = |sums: *mut f64| {
            if sums.is_null() {
                return sums;
            }
            let sums = sums.wrapping_add(part * channels);
            for c in 0..channels {
                // SAFETY: by the caller: one for each channel.
                unsafe { *sums.add(c) = 0.0 };
            }
            sums
        };
        let sums = (of_part(norm.dgain), of_part(norm.dgate));
        for row in part * QUERIES..all.min((part + 1) * QUERIES) {
            let (b, i) = (row / norm.queries, row % norm.queries);
            // SAFETY: by the caller.
            unsafe { norm.pull_back_query((b, i), sums, workspace.cast()) };
        }
    }
}

impl<T: Score> Norm<T> {
    /// 1 / sqrt(mean(u^2) + eps) of a query.
    ///
    /// # Safety
    /// As the fields say.
    unsafe fn reciprocal(&self, b: usize, i: usize) -> f64 {
        let mean = |factor: f64| {
            let square = |h: usize, e: usize| {
                // SAFETY: by the caller: heads below H, channels below E.
                let u = unsafe { (*self.u.row(b, h, i).add(e)).to_f64() } * factor;
                u * u
            };
            self.mean(square)
        };
        let squares = mean(1.0);
        if squares == f64::INFINITY {
            return SMALLER / libm::sqrt(mean(SMALLER) + self.eps * SMALLER * SMALLER);
        }
        1.0 / libm::sqrt(squares + self.eps)
    }

    /// The mean over all channels of a query.
    #[inline(always)]
    fn mean(&self, term: impl Fn(usize, usize) -> f64) -> f64 {
        let mut sums = [0.0; PARTS];
        let whole = self.width / PARTS * PARTS;
        for h in 0..self.heads {
            for from in (0..whole).step_by(PARTS) {
                for (k, sum) in sums.iter_mut().enumerate() {
                    *sum += term(h, from + k);
                }
            }
            for (k, sum) in sums.iter_mut().enumerate().take(self.width - whole) {
                *sum += term(h, whole + k);
            }
        }
        let half = |k: usize| (sums[k] + sums[k + 4]) + (sums[k + 2] + sums[k + 6]);
        (half(0) + half(1)) / (self.heads * self.width) as f64
    }

    /// du of a query, which also adds its terms to dgain and dgate.
    ///
    /// # Safety
    /// As the fields say; `gates` is writable for one number for each channel.
    unsafe fn pull_back_query(
        &self,
        (b, i): (usize, usize),
        (dgain, dgate): (*mut f64, *mut f64),
        gates: *mut f64,
    ) {
        let (width, lengths) = (self.width, self.query_lengths);
        let of = |heads: &Heads<T>, h: usize, e: usize| {
            // SAFETY: by the caller: heads below H, channels below E.
            unsafe { (*heads.row(b, h, i).add(e)).to_f64() }
        };
        // SAFETY: as above.
        let gain = |c: usize| unsafe { (*self.gain.add(c)).to_f64() };
        // SAFETY: by the caller.
        unsafe {
            if !lengths.is_null() && i >= *lengths.add(b) as usize {
                for h in 0..self.heads {
                    fill(self.du.row(b, h, i), width, T::ZERO);
                }
                return;
            }
            for h in 0..self.heads {
                for e in 0..width {
                    let c = h * width + e;
                    *gates.add(c) = if self.gate.is_null() {
                        1.0
                    } else {
                        sigmoid((*self.gate.add(c)).to_f64() * of(&self.u, h, e))
                    };
                }
            }
            let r = self.reciprocal(b, i);
            let by_t = |h: usize, e: usize| {
                let c = h * width + e;
                of(&self.dy, h, e) * *gates.add(c) * gain(c)
            };
            let mean = self.mean(|h, e| by_t(h, e) * (of(&self.u, h, e) * r));
            for h in 0..self.heads {
                for e in 0..width {
                    let c = h * width + e;
                    let (u, dy, s) = (of(&self.u, h, e), of(&self.dy, h, e), *gates.add(c));
                    let t = u * r;
                    let mut du = r * (by_t(h, e) - t * mean);
                    if !self.gate.is_null() {
                        // Of gate u, which the sigmoid is of.
                        let by_gate = dy * gain(c) * t * s * (1.0 - s);
                        du += by_gate * (*self.gate.add(c)).to_f64();
                        if !dgate.is_null() {
                            *dgate.add(c) += by_gate * u;
                        }
                    }
                    *self.du.row(b, h, i).add(e) = canonical(du);
                    if !dgain.is_null() {
                        *dgain.add(c) += dy * s * t;
                    }
                }
            }
        }
    }
}

/// 1 / (1 + e^-x).
#[inline(always)]
fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

/// The number in the type of a result; a NaN that leaves a kernel is the canonical one.
#[inline(always)]
fn canonical<T: Score>(value: f64) -> T {
    if value.is_nan() {
        T::NAN
    } else {
        T::from_f64(value)
    }
}
