//! The norm of relaAttention, over the heads of a query taken together, and its gate (MATH.md section 14):
//!
//! ```text
//! y = gain t sigmoid(gate u),   t = u / sqrt(mean(u^2) + eps),   the mean over H E numbers.
//! ```
//!
//! A query is gathered from its heads into f64, which all is computed in, so that layouts and both types share one code, and
//! squares of f32 cannot overflow; those of f64 that do are formed again of smaller numbers.
//!
//! The pullback, with s = sigmoid(gate u) and a = dy s gain, the cotangent of t:
//!
//! ```text
//! du = r (a - t mean(a t)) + a t (1 - s) gate,   r = 1 / sqrt(mean(u^2) + eps),
//! dgain = sum dy s t,   dgate = sum a t (1 - s) u.
//! ```
//!
//! The last two are sums over all queries. They are formed in parts of [`NORM_QUERIES`], each by one thread, which whoever asks
//! adds up in their order: bits do not depend on threads.

use super::call::Heads;
use super::results::fill;
use crate::maps::staging::ALIGNMENT;
use crate::maps::Score;
use crate::status::Status;
use core::ops::Range;
use core::slice::{from_raw_parts, from_raw_parts_mut};

/// Queries of a part of dgain and dgate.
pub const NORM_QUERIES: usize = 32;
/// Parts of a sum over channels, whose order is fixed.
const PARTS: usize = 8;
/// 2^-520, by which numbers are multiplied whose squares overflow in f64.
const SMALLER: f64 = f64::from_bits((1023 - 520) << 52);
/// Rows of H E numbers that a query is taken apart into.
const ROWS: usize = 5;

/// A norm. All arrays are readable or writable where the shape [B, H, N, E] gives it.
#[repr(C)]
pub struct Norm<T> {
    /// Added to the mean, above 0.
    pub eps: f64,
    /// What is normalised.
    pub u: Heads<T>,
    /// Where the result goes; not written by the pullback.
    pub y: Heads<T>,
    /// The cotangent of the result, and where that of `u` goes; null in the forward pass.
    pub dy: Heads<T>,
    pub du: Heads<T>,
    /// [H E], head by head.
    pub gain: *const f64,
    /// [H E]; null for none.
    pub gate: *const f64,
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

/// Bytes of one caller's workspace, in either direction.
pub fn workspace(heads: usize, width: usize) -> usize {
    (ROWS * heads * width * size_of::<f64>()).next_multiple_of(ALIGNMENT)
}

/// The results of the queries `rows` of all B N.
///
/// # Safety
/// As [`Norm`] says; `y` may be `u`; `workspace` is 64-aligned, disjoint from all and as long as
/// [`workspace`] says.
pub unsafe fn normalise<T: Score>(
    norm: &Norm<T>,
    rows: Range<usize>,
    workspace: *mut u8,
) -> Status {
    for row in rows {
        let place = norm.place(row);
        // SAFETY: by the caller.
        unsafe {
            let [u, ..] = norm.rows(workspace);
            norm.u.gather(place, norm.heads, norm.width, u);
            normalise_query(u, norm.gain(), norm.gate(), norm.eps);
            norm.y.scatter(place, norm.heads, norm.width, u);
        }
    }
    Status::Ok
}

/// The cotangents of what was normalised, and the parts of dgain and dgate: parts `parts` of [`NORM_QUERIES`] queries of all B N.
///
/// # Safety
/// As [`normalise`].
pub unsafe fn pull_back_norm<T: Score>(
    norm: &Norm<T>,
    parts: Range<usize>,
    workspace: *mut u8,
) -> Status {
    let (heads, width, lengths) = (norm.heads, norm.width, norm.query_lengths);
    for part in parts {
        // SAFETY: by the caller.
        unsafe {
            let mut dgain = norm.part(norm.dgain, part);
            let mut dgate = norm.part(norm.dgate, part);
            let all = norm.batches * norm.queries;
            for row in part * NORM_QUERIES..all.min((part + 1) * NORM_QUERIES) {
                let (b, i) = norm.place(row);
                if !lengths.is_null() && i >= *lengths.add(b) as usize {
                    for h in 0..heads {
                        fill(norm.du.row(b, h, i), width, T::ZERO);
                    }
                    continue;
                }
                let [u, dy, t, s, a] = norm.rows(workspace);
                norm.u.gather((b, i), heads, width, u);
                norm.dy.gather((b, i), heads, width, dy);
                let mut query = Query { u, dy, t, s, a };
                query.prepare(norm.gain(), norm.gate(), norm.eps);
                if let Some(sums) = &mut dgain {
                    query.add_gain(sums);
                }
                if let (Some(sums), true) = (&mut dgate, norm.gate().is_some()) {
                    query.add_gate(sums);
                }
                query.pull_back(norm.gate(), norm.eps);
                norm.du.scatter((b, i), heads, width, query.a);
            }
        }
    }
    Status::Ok
}

impl<T> Norm<T> {
    /// Batch and query number `row` of all B N.
    fn place(&self, row: usize) -> (usize, usize) {
        let queries = self.queries.max(1);
        (row / queries, row % queries)
    }

    /// # Safety
    /// As the fields say.
    unsafe fn gain(&self) -> &[f64] {
        // SAFETY: by the caller.
        unsafe { from_raw_parts(self.gain, self.heads * self.width) }
    }

    /// # Safety
    /// As the fields say.
    unsafe fn gate(&self) -> Option<&[f64]> {
        let gate = self.gate;
        // SAFETY: by the caller.
        (!gate.is_null()).then(|| unsafe { from_raw_parts(gate, self.heads * self.width) })
    }

    /// The sums of a part, 0; none where they are not asked for.
    ///
    /// # Safety
    /// As the fields say; the part is this thread's alone.
    unsafe fn part<'a>(&self, sums: *mut f64, part: usize) -> Option<&'a mut [f64]> {
        if sums.is_null() {
            return None;
        }
        let channels = self.heads * self.width;
        // SAFETY: by the caller.
        let sums = unsafe { from_raw_parts_mut(sums.add(part * channels), channels) };
        sums.fill(0.0);
        Some(sums)
    }

    /// The rows of a workspace.
    ///
    /// # Safety
    /// It is as long as [`workspace`] says, and nothing else refers to it.
    unsafe fn rows<'a>(&self, workspace: *mut u8) -> [&'a mut [f64]; ROWS] {
        let channels = self.heads * self.width;
        let row = |k: usize| workspace.cast::<f64>().wrapping_add(k * channels);
        // SAFETY: by the caller: disjoint.
        core::array::from_fn(|k| unsafe { from_raw_parts_mut(row(k), channels) })
    }
}

impl<T: Score> Heads<T> {
    /// The numbers of query `(b, i)` in all heads, one behind the other.
    ///
    /// # Safety
    /// The heads are readable, `to` has a number for each channel.
    #[inline(never)]
    unsafe fn gather(&self, (b, i): (usize, usize), heads: usize, width: usize, to: &mut [f64]) {
        let to = to.as_mut_ptr();
        for h in 0..heads {
            let row = self.row(b, h, i);
            for e in 0..width {
                // SAFETY: by the caller.
                unsafe { *to.add(h * width + e) = (*row.add(e)).to_f64() };
            }
        }
    }

    /// The reverse. A NaN that leaves a kernel is the canonical one.
    ///
    /// # Safety
    /// The heads are writable, `from` has a number for each channel.
    #[inline(never)]
    unsafe fn scatter(&self, (b, i): (usize, usize), heads: usize, width: usize, from: &[f64]) {
        let from = from.as_ptr();
        for h in 0..heads {
            let row = self.row(b, h, i);
            for e in 0..width {
                // SAFETY: by the caller.
                unsafe {
                    let value = *from.add(h * width + e);
                    *row.add(e) = if value.is_nan() {
                        T::NAN
                    } else {
                        T::from_f64(value)
                    };
                }
            }
        }
    }
}

/// y in place of u.
#[inline(never)]
fn normalise_query(u: &mut [f64], gain: &[f64], gate: Option<&[f64]>, eps: f64) {
    let r = reciprocal(u, eps);
    let Some(gate) = gate else {
        for (u, gain) in u.iter_mut().zip(gain) {
            *u = gain * (*u * r);
        }
        return;
    };
    for ((u, gain), gate) in u.iter_mut().zip(gain).zip(gate) {
        *u = gain * (*u * r) * sigmoid(gate * *u);
    }
}

/// Numbers of all channels of a query: as the module names them.
struct Query<'a> {
    u: &'a mut [f64],
    dy: &'a mut [f64],
    t: &'a mut [f64],
    s: &'a mut [f64],
    a: &'a mut [f64],
}

impl Query<'_> {
    /// Forms t, s and a.
    #[inline(never)]
    fn prepare(&mut self, gain: &[f64], gate: Option<&[f64]>, eps: f64) {
        self.s.fill(1.0);
        for ((s, u), gate) in self.s.iter_mut().zip(&*self.u).zip(gate.unwrap_or(&[])) {
            *s = sigmoid(gate * u);
        }
        let r = reciprocal(self.u, eps);
        for (t, u) in self.t.iter_mut().zip(&*self.u) {
            *t = u * r;
        }
        let factors = self.dy.iter().zip(&*self.s).zip(gain);
        for (a, ((dy, s), gain)) in self.a.iter_mut().zip(factors) {
            *a = dy * s * gain;
        }
    }

    #[inline(never)]
    fn add_gain(&self, sums: &mut [f64]) {
        let factors = self.dy.iter().zip(&*self.s).zip(&*self.t);
        for (sum, ((dy, s), t)) in sums.iter_mut().zip(factors) {
            *sum += dy * s * t;
        }
    }

    #[inline(never)]
    fn add_gate(&self, sums: &mut [f64]) {
        let factors = self.a.iter().zip(&*self.t).zip(&*self.s).zip(&*self.u);
        for (sum, (((a, t), s), u)) in sums.iter_mut().zip(factors) {
            *sum += a * t * (1.0 - s) * u;
        }
    }

    /// du in place of a.
    #[inline(never)]
    fn pull_back(&mut self, gate: Option<&[f64]>, eps: f64) {
        let r = reciprocal(self.u, eps);
        let mean = mean_product(self.a, self.t, 1.0);
        // Where there is no gate, its part is nothing: dy is not needed any more.
        self.dy.fill(0.0);
        let factors = self
            .a
            .iter()
            .zip(&*self.t)
            .zip(&*self.s)
            .zip(gate.unwrap_or(&[]));
        for (part, (((a, t), s), gate)) in self.dy.iter_mut().zip(factors) {
            *part = a * t * (1.0 - s) * gate;
        }
        for ((a, t), part) in self.a.iter_mut().zip(&*self.t).zip(&*self.dy) {
            *a = r * (*a - t * mean) + part;
        }
    }
}

/// 1 / sqrt(mean(u^2) + eps).
#[inline(never)]
fn reciprocal(u: &[f64], eps: f64) -> f64 {
    let squares = mean_product(u, u, 1.0);
    if squares == f64::INFINITY {
        let squares = mean_product(u, u, SMALLER);
        return SMALLER / libm::sqrt(squares + eps * SMALLER * SMALLER);
    }
    1.0 / libm::sqrt(squares + eps)
}

/// The mean of (factor x) (factor y).
#[inline(never)]
fn mean_product(x: &[f64], y: &[f64], factor: f64) -> f64 {
    let mut sums = [0.0; PARTS];
    for (x, y) in x.chunks(PARTS).zip(y.chunks(PARTS)) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += (x * factor) * (y * factor);
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    (((a + e) + (c + g)) + ((b + f) + (d + h))) / x.len() as f64
}

/// 1 / (1 + e^-x).
#[inline(never)]
fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}
