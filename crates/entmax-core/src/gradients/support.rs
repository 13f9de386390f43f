//! A row as the list of its support, in f64: for f64 rows, for alpha > 2 and for budgets of either type; and d/dalpha.
//!
//! For alpha > 2 the smallest p has the largest s, which may exceed all others by a hundred digits: its own gradient
//! s (v - mean) would be a difference of two equal numbers. So v is taken relative to the v of that entry: the mean
//! then holds what the others contribute, and nothing else.

use super::cells::Cells;
use super::rows::Row;
use super::tsallis::{skewed, Terms};

/// The entries of a row that are not 0.
pub struct Support {
    pub p: *mut f64,
    pub v: *mut f64,
    pub indices: *mut u32,
    pub len: usize,
}

/// Bytes of a list for rows of `n`.
pub const fn list_bytes(n: usize) -> usize {
    n * (2 * size_of::<f64>() + size_of::<u32>())
}

impl Support {
    /// The support of p with the entries of v, in a list that lies in the scratch.
    ///
    /// # Safety
    /// As [`Row`] says.
    #[inline(never)]
    pub unsafe fn gather(row: &Row) -> Support {
        let p: *mut f64 = row.scratch.cast();
        let v = p.wrapping_add(row.n);
        let indices: *mut u32 = v.wrapping_add(row.n).cast();
        let mut len = 0;
        // SAFETY: by the caller; len counts entries below n.
        unsafe {
            let mut j = row.p.next(0, row.n);
            while j < row.n {
                *p.add(len) = row.p.get(j);
                *v.add(len) = row.v.get(j);
                *indices.add(len) = j as u32;
                len += 1;
                j = row.p.next(j + 1, row.n);
            }
        }
        Support { p, v, indices, len }
    }

    /// Writes one number for each entry of the list to its index; `out` may be null.
    ///
    /// # Safety
    /// `values` is as long as the list; `out` is writable for the row.
    pub unsafe fn scatter(&self, values: *const f64, out: Cells) {
        for j in 0..if out.is_null() { 0 } else { self.len } {
            // SAFETY: by the caller.
            unsafe { out.set(*self.indices.add(j) as usize, *values.add(j)) };
        }
    }

    /// Replaces v by s (v - mean) / temperature and returns the mean of v by s, 0 for an empty list; None where it is not finite.
    ///
    /// # Safety
    /// The list is writable; p is spoilt.
    #[inline(never)]
    pub unsafe fn pull_back(&self, e: f64, temperature: f64) -> Option<f64> {
        if self.len == 0 {
            return Some(0.0);
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
                return None;
            }
            for j in 0..self.len {
                *self.v.add(j) = *self.p.add(j) * ((*self.v.add(j) - origin) - mean) / temperature;
            }
            Some(origin + mean)
        }
    }
}

/// <v, dp/dalpha>, the difference of two weighted means of v (MATH.md section 4, its sums in another order):
/// with g = p (1 - e ln p), and G, Phi, D the sums of g, w, s = g + e^2 w,
/// (G Phi / D) (mean of v by g - mean of v by w). It is 0 for |S| = 1, where w is 0.
///
/// # Safety
/// As [`Row`] says.
#[inline(never)]
pub unsafe fn by_alpha(row: &Row, e: f64) -> f64 {
    let (mut g_sum, mut w_sum, mut s_sum, mut g_v, mut w_v) = (0.0, 0.0, 0.0, 0.0, 0.0);
    // SAFETY: indices below n.
    unsafe {
        let mut j = row.p.next(0, row.n);
        let origin = if j < row.n { row.v.get(j) } else { 0.0 };
        while j < row.n {
            let p = row.p.get(j);
            let v = row.v.get(j) - origin;
            let terms = Terms::new(p, e);
            let g = p + e * terms.h;
            g_sum += g;
            w_sum += terms.w;
            s_sum += terms.s;
            g_v += g * v;
            w_v += terms.w * v;
            j = row.p.next(j + 1, row.n);
        }
    }
    // A NaN passes.
    if w_sum == 0.0 {
        return 0.0;
    }
    (w_sum / s_sum) * (g_v - g_sum * (w_v / w_sum))
}

/// dx of a row of entmax, through the list.
///
/// # Safety
/// As [`Row`] says.
#[inline(never)]
pub unsafe fn pull_back(row: &Row, e: f64, temperature: f64) {
    // SAFETY: by the caller; what is read is in the list before dx is written.
    unsafe {
        let list = Support::gather(row);
        let finite = list.pull_back(e, temperature).is_some();
        row.dx.fill(row.n, !finite);
        if finite {
            list.scatter(list.v, row.dx);
        }
    }
}
