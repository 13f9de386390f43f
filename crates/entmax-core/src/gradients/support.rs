//! A row as the list of its support, in f64: for f64 rows, for alpha > 2 and for d/dalpha of either type.
//!
//! For alpha > 2 the smallest p has the largest s, which may exceed all others by a hundred digits: its own gradient
//! s (v - mean) would be a difference of two equal numbers. So v is taken relative to the v of that entry: the mean
//! then holds what the others contribute, and nothing else.

use super::rows::{fill, Row};
use super::tsallis::{skewed, Terms};
use crate::maps::Score;

/// Bytes that a vector of the machine looks at at once.
const SPAN: usize = 64;

/// The entries of a row that are not 0.
pub struct Support {
    pub p: *mut f64,
    pub v: *mut f64,
    pub indices: *mut u32,
    pub len: usize,
}

/// Bytes of a list for rows of `n`.
pub fn list_bytes(n: usize) -> usize {
    n * (2 * size_of::<f64>() + size_of::<u32>())
}

/// Calls `f(j)` for every entry of p that is not 0, NaN included; spans of zeros cost one comparison.
///
/// # Safety
/// `p` is readable for `n` entries.
#[inline(always)]
pub unsafe fn each_nonzero<T: Score>(p: *const T, n: usize, mut f: impl FnMut(usize)) {
    let span = SPAN / size_of::<T>();
    let mut from = 0;
    // SAFETY: from + span <= n where whole spans are read.
    unsafe {
        while from < n {
            let end = n.min(from + span);
            if end - from == span {
                let words: [u64; SPAN / 8] = p.add(from).cast::<[u64; SPAN / 8]>().read_unaligned();
                if words.iter().fold(0, |all, word| all | word) == 0 {
                    from = end;
                    continue;
                }
            }
            for j in from..end {
                if *p.add(j) != T::ZERO {
                    f(j);
                }
            }
            from = end;
        }
    }
}

impl Support {
    /// The support of p with the entries of v, in a list that lies in `memory`.
    ///
    /// # Safety
    /// `p` and `v` are readable for `n` entries; `memory` is 64-aligned and as long as [`list_bytes`] says.
    #[inline(never)]
    pub unsafe fn gather<T: Score>(p: *const T, v: *const T, n: usize, memory: *mut u8) -> Support {
        let list_p: *mut f64 = memory.cast();
        let list_v = list_p.wrapping_add(n);
        let indices: *mut u32 = list_v.wrapping_add(n).cast();
        let mut len = 0;
        // SAFETY: by the caller; len counts entries below n.
        unsafe {
            each_nonzero(p, n, |j| {
                *list_p.add(len) = (*p.add(j)).to_f64();
                *list_v.add(len) = (*v.add(j)).to_f64();
                *indices.add(len) = j as u32;
                len += 1;
            });
        }
        Support {
            p: list_p,
            v: list_v,
            indices,
            len,
        }
    }

    /// <v, dp/dalpha>, the difference of two weighted means of v (MATH.md section 4, its sums in another order):
    /// with g = p (1 - e ln p), and G, Phi, D the sums of g, w, s = g + e^2 w,
    /// (G Phi / D) (mean of v by g - mean of v by w). It is 0 for |S| = 1, where w is 0.
    ///
    /// # Safety
    /// The list is readable.
    #[inline(never)]
    pub unsafe fn by_alpha(&self, e: f64) -> f64 {
        let (mut g_sum, mut w_sum, mut s_sum, mut g_v, mut w_v) = (0.0, 0.0, 0.0, 0.0, 0.0);
        // SAFETY: indices below len.
        unsafe {
            for j in 0..self.len {
                let origin = *self.v;
                let p = *self.p.add(j);
                let v = *self.v.add(j) - origin;
                let terms = Terms::new(p, e);
                let g = p + e * terms.h;
                g_sum += g;
                w_sum += terms.w;
                s_sum += terms.s;
                g_v += g * v;
                w_v += terms.w * v;
            }
        }
        // A NaN passes.
        if w_sum == 0.0 {
            return 0.0;
        }
        (w_sum / s_sum) * (g_v - g_sum * (w_v / w_sum))
    }

    /// Replaces v by s (v - mean) / temperature; returns false where the mean is not finite.
    ///
    /// # Safety
    /// The list is writable; p is spoilt.
    #[inline(never)]
    unsafe fn pull_back(&self, e: f64, temperature: f64) -> bool {
        if self.len == 0 {
            return true;
        }
        // SAFETY: indices below len.
        unsafe {
            let (mut largest, mut at) = (f64::NEG_INFINITY, 0);
            for j in 0..self.len {
                let s = skewed(*self.p.add(j), e);
                if s > largest {
                    (largest, at) = (s, j);
                }
                *self.p.add(j) = s;
            }
            let origin = *self.v.add(at);
            let (mut s_sum, mut s_v) = (0.0, 0.0);
            for j in 0..self.len {
                let s = *self.p.add(j);
                s_sum += s;
                s_v += s * (*self.v.add(j) - origin);
            }
            let mean = s_v / s_sum;
            if !mean.is_finite() {
                return false;
            }
            for j in 0..self.len {
                *self.v.add(j) = *self.p.add(j) * ((*self.v.add(j) - origin) - mean) / temperature;
            }
        }
        true
    }

    /// Writes v at its indices and zeros elsewhere.
    ///
    /// # Safety
    /// `out` is writable for `n` entries.
    unsafe fn spread<T: Score>(&self, out: *mut T, n: usize) {
        // SAFETY: the indices are below n.
        unsafe {
            core::ptr::write_bytes(out, 0, n);
            for j in 0..self.len {
                *out.add(*self.indices.add(j) as usize) = T::from_f64(*self.v.add(j));
            }
        }
    }
}

/// dx of a row of entmax, through the list.
///
/// # Safety
/// As [`Row`] says.
#[inline(never)]
pub unsafe fn pull_back<T: Score>(row: &Row<T>, e: f64, temperature: f64) {
    // SAFETY: by the caller; what is read is in the list before dx is written.
    unsafe {
        let list = Support::gather(row.p, row.v, row.n, row.scratch);
        if list.pull_back(e, temperature) {
            list.spread(row.dx, row.n);
        } else {
            fill(row.dx, row.n, T::NAN);
        }
    }
}
