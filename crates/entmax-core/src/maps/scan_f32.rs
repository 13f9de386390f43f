//! The first look at a row of f32: its maximum, whether it holds a NaN, and which few scores can matter.
//!
//! **NaN**: comparing each vector with itself costs two operations, adding it to a running sum one; a NaN
//! survives the additions. The sum may become NaN for other reasons (inf - inf, overflow), so only then the
//! row is looked at again.
//!
//! **Lane maxima**: the lane-wise maxima of 64 consecutive scores (16 numbers) serve twice. They are themselves
//! scores of the row, and the threshold of a subset is never above the row's: Newton's method on them gives a
//! sharp lower bound at a quarter of the cost. And a block whose maxima are below the bound is not read again.
//! (PERFORMANCE.md section 3, MATH.md section 2.7 (i).)

use crate::simd::{load_partial, F32Block, LANES};

/// Scores behind one row of lane maxima.
pub const BLOCK: usize = 4 * LANES;

/// Lane maxima of a row of `n`: 16 for each block, the last block padded with -inf.
#[inline(always)]
pub fn maxima_len(n: usize) -> usize {
    n.div_ceil(BLOCK) * LANES
}

/// Loads 16 scores from index `from` on, -inf beyond the end.
///
/// # Safety
/// `x` is readable for `n` floats.
#[inline(always)]
pub unsafe fn load_scores<V: F32Block>(x: *const f32, n: usize, from: usize) -> V {
    // SAFETY: whole blocks lie inside, partial ones are cut at n.
    unsafe {
        if from + LANES <= n {
            V::load(x.add(from))
        } else {
            load_partial(x.wrapping_add(from), n.saturating_sub(from), f32::NEG_INFINITY)
        }
    }
}

/// Whether any score is NaN.
///
/// # Safety
/// `x` is readable for `n` floats.
#[inline(never)]
unsafe fn holds_nan<V: F32Block>(x: *const f32, n: usize) -> bool {
    // SAFETY: by the caller.
    (0..n).step_by(LANES).any(|from| V::any(unsafe { load_scores::<V>(x, n, from) }.is_nan()))
}

/// The maximum, or None for a row with a NaN.
///
/// # Safety
/// `x` is readable for `n` floats.
#[inline(always)]
pub unsafe fn maximum<V: F32Block>(x: *const f32, n: usize) -> Option<f32> {
    let mut best = V::splat(f32::NEG_INFINITY);
    let mut witness = V::splat(0.0);
    let whole = n / LANES * LANES;
    // SAFETY: by the caller.
    unsafe {
        for from in (0..whole).step_by(LANES) {
            let scores = V::load(x.add(from));
            best = best.pmax(scores);
            witness = witness.add(scores);
        }
        if whole < n {
            let scores: V = load_partial(x.add(whole), n - whole, f32::NEG_INFINITY);
            best = best.pmax(scores);
            witness = witness.add(scores);
        }
        if V::any(witness.is_nan()) && holds_nan::<V>(x, n) {
            return None;
        }
    }
    Some(best.largest())
}

/// The maximum, or None for a row with a NaN, and the lane maxima.
///
/// # Safety
/// `x` is readable for `n` floats, `maxima` writable for [`maxima_len`] of n.
#[inline(always)]
pub unsafe fn lane_maxima<V: F32Block>(x: *const f32, n: usize, maxima: *mut f32) -> Option<f32> {
    let mut best = V::splat(f32::NEG_INFINITY);
    let mut witness = V::splat(0.0);
    let mut target = maxima;
    // SAFETY: by the caller; each block writes its own 16 maxima.
    unsafe {
        let mut from = 0;
        while from < n {
            let (a, b, c, d): (V, V, V, V) = if from + BLOCK <= n {
                let at = x.add(from);
                (V::load(at), V::load(at.add(LANES)), V::load(at.add(2 * LANES)), V::load(at.add(3 * LANES)))
            } else {
                (
                    load_scores(x, n, from),
                    load_scores(x, n, from + LANES),
                    load_scores(x, n, from + 2 * LANES),
                    load_scores(x, n, from + 3 * LANES),
                )
            };
            witness = witness.add(a.add(b).add(c.add(d)));
            let most = a.pmax(b).pmax(c.pmax(d));
            most.store(target);
            best = best.pmax(most);
            target = target.add(LANES);
            from += BLOCK;
        }
        if V::any(witness.is_nan()) && holds_nan::<V>(x, n) {
            return None;
        }
    }
    Some(best.largest())
}

/// Packs the values with `value - max > bound` and returns how many there are.
///
/// # Safety
/// `values` is readable for `len` floats, `packed` writable for as many as pass, rounded up to 16, plus 16; it
/// ends with at least one and at most 16 fillers of -inf up to a multiple of 16.
#[inline(always)]
pub unsafe fn pack_above<V: F32Block>(values: *const f32, len: usize, max: f32, bound: f32, packed: *mut f32) -> usize {
    let (max, bound) = (V::splat(max), V::splat(bound));
    let mut count = 0;
    // SAFETY: by the caller.
    unsafe {
        for from in (0..len).step_by(LANES) {
            let scores = load_scores::<V>(values, len, from);
            let passing = scores.sub(max).above(bound);
            if V::any(passing) {
                count += scores.pack(V::bits(passing), packed.add(count));
            }
        }
        V::splat(f32::NEG_INFINITY).store(packed.add(count));
    }
    count
}

/// How many values have `value - max > bound`.
///
/// # Safety
/// `values` is readable for `len` floats.
#[inline(always)]
pub unsafe fn count_above<V: F32Block>(values: *const f32, len: usize, max: f32, bound: f32) -> usize {
    let (max, bound) = (V::splat(max), V::splat(bound));
    let mut count = 0;
    for from in (0..len).step_by(LANES) {
        // SAFETY: by the caller.
        let scores = unsafe { load_scores::<V>(values, len, from) };
        count += V::bits(scores.sub(max).above(bound)).count_ones() as usize;
    }
    count
}

/// The scores with `score - max > bound`, in order, with their indices: a list that stands for the row.
#[derive(Clone, Copy)]
pub struct Candidates {
    pub scores: *mut f32,
    pub indices: *mut u32,
    pub len: usize,
}

impl Candidates {
    /// Appends the passing scores among the 16 from `from` on.
    ///
    /// # Safety
    /// The lists are writable for `len` plus those that pass, plus 16.
    #[inline(always)]
    unsafe fn append<V: F32Block>(&mut self, scores: V, from: usize, max: V, bound: V) {
        let passing = scores.sub(max).above(bound);
        if V::any(passing) {
            let mut bits = V::bits(passing);
            // SAFETY: by the caller.
            unsafe {
                scores.pack(bits, self.scores.add(self.len));
                while bits != 0 {
                    *self.indices.add(self.len) = from as u32 + bits.trailing_zeros();
                    self.len += 1;
                    bits &= bits - 1;
                }
            }
        }
    }

    /// Collects from the row; `maxima` is null or the row's lane maxima.
    ///
    /// # Safety
    /// `x` is readable for `n` floats; the lists are writable for those that pass, plus 32.
    #[inline(always)]
    pub unsafe fn collect<V: F32Block>(&mut self, x: *const f32, n: usize, maxima: *const f32, max: f32, bound: f32) {
        let (max, bound) = (V::splat(max), V::splat(bound));
        // SAFETY: by the caller.
        unsafe {
            if maxima.is_null() {
                for from in (0..n).step_by(LANES) {
                    self.append(load_scores::<V>(x, n, from), from, max, bound);
                }
            } else {
                for block in 0..n.div_ceil(BLOCK) {
                    let most = V::load(maxima.add(block * LANES));
                    if V::any(most.sub(max).above(bound)) {
                        for part in 0..4 {
                            let from = block * BLOCK + part * LANES;
                            self.append(load_scores::<V>(x, n, from), from, max, bound);
                        }
                    }
                }
            }
            V::splat(f32::NEG_INFINITY).store(self.scores.add(self.len));
        }
    }
}
