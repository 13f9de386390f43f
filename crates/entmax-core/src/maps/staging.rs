//! Staged rows: copies of rows of x that lie one behind the other in the workspace.
//!
//! Rows with `inner > 1` are gathered in tiles of neighbours, so that each cache line of x is read once per tile. A masked
//! score becomes -inf on the way, so a mask and -inf give the same bits; a temperature is applied in f64.

use super::rows::RowBatch;
use super::score::Score;

pub const ALIGNMENT: usize = 64;
/// A tile of rows takes at most this much unless one row needs more: it should stay in the second-level cache.
const TILE_BYTES: usize = 512 * 1024;
pub const TILE_ROWS: usize = 64;

/// Scores from one staged row to the next: a multiple of 16, and never of 2048 bytes, which would put a
/// column of the tile into few cache sets.
#[inline(always)]
pub fn pitch(n: usize) -> usize {
    let padded = n.next_multiple_of(16);
    if padded.is_multiple_of(256) {
        padded + 16
    } else {
        padded
    }
}

#[inline(always)]
pub fn tile_rows<T>(n: usize, inner: usize) -> usize {
    (TILE_BYTES / (pitch(n) * size_of::<T>()).max(1))
        .clamp(1, TILE_ROWS)
        .min(inner)
}

#[inline(always)]
pub fn tile_bytes<T>(n: usize, inner: usize) -> usize {
    (tile_rows::<T>(n, inner) * pitch(n) * size_of::<T>()).next_multiple_of(ALIGNMENT)
}

impl<T: Score> RowBatch<T> {
    /// Copies `width` neighbouring rows from `first` on into `tile`, masked scores as -inf.
    ///
    /// # Safety
    /// The rows share one outer index; `tile` is writable for `width` rows of [`pitch`].
    pub unsafe fn gather(&self, first: usize, width: usize, tile: *mut T) {
        let (base, _) = self.place(first);
        let pitch = pitch(self.n);
        // SAFETY: element (j, k) of the tile is element j of row first + k, which the batch holds.
        unsafe {
            if self.inner == 1 {
                core::ptr::copy_nonoverlapping(self.x.add(base), tile, self.n);
                if !self.mask.is_null() {
                    for j in 0..self.n {
                        let score = *tile.add(j);
                        *tile.add(j) = if *self.mask.add(base + j) != 0 {
                            score
                        } else {
                            T::NEG_INFINITY
                        };
                    }
                }
                return;
            }
            transpose(self.x.add(base), self.inner, tile, pitch, self.n, width);
            if !self.mask.is_null() {
                for j in 0..self.n {
                    for k in 0..width {
                        if *self.mask.add(base + j * self.inner + k) == 0 {
                            *tile.add(k * pitch + j) = T::NEG_INFINITY;
                        }
                    }
                }
            }
        }
    }
}

/// `target[k][j] = source[j][k]` for j < height, k < width, in squares of four.
///
/// # Safety
/// `source` is readable and `target` writable there; the pitches are at least `width` and `height`.
pub unsafe fn transpose<T: Copy>(
    source: *const T,
    source_pitch: usize,
    target: *mut T,
    target_pitch: usize,
    height: usize,
    width: usize,
) {
    let (tall, wide) = (height / 4 * 4, width / 4 * 4);
    // SAFETY: all indices lie below height and width.
    unsafe {
        for j in (0..tall).step_by(4) {
            for k in (0..wide).step_by(4) {
                let row = |r: usize| {
                    source
                        .add((j + r) * source_pitch + k)
                        .cast::<[T; 4]>()
                        .read_unaligned()
                };
                let [a, b, c, d] = [row(0), row(1), row(2), row(3)];
                let at = |r: usize| target.add((k + r) * target_pitch + j).cast::<[T; 4]>();
                at(0).write_unaligned([a[0], b[0], c[0], d[0]]);
                at(1).write_unaligned([a[1], b[1], c[1], d[1]]);
                at(2).write_unaligned([a[2], b[2], c[2], d[2]]);
                at(3).write_unaligned([a[3], b[3], c[3], d[3]]);
            }
        }
        for j in 0..height {
            for k in if j < tall { wide } else { 0 }..width {
                *target.add(k * target_pitch + j) = *source.add(j * source_pitch + k);
            }
        }
    }
}

/// Writes the row divided by the temperature, as (x - max) / T in f64.
///
/// # Safety
/// `x` is readable and `out` writable for `n` scores, equal or disjoint; none is NaN, the largest is `max`, finite.
#[inline(never)]
pub unsafe fn cool<T: Score>(x: *const T, out: *mut T, n: usize, max: T, temperature: f64) {
    let max = max.to_f64();
    // f32 needs no exact division; 1 / T is finite and normal for all but absurd temperatures.
    let inverse = 1.0 / temperature;
    let by_inverse = size_of::<T>() == 4 && inverse.is_normal();
    for j in 0..n {
        // SAFETY: j < n.
        unsafe {
            let score = (*x.add(j)).to_f64();
            let gap = score - max;
            let u = if by_inverse {
                gap * inverse
            } else if gap == f64::NEG_INFINITY && score != f64::NEG_INFINITY {
                // Two huge f64 of opposite sign: the gap overflows, its quotient need not.
                (score * 0.5 - max * 0.5) / temperature * 2.0
            } else {
                gap / temperature
            };
            *out.add(j) = T::from_f64(u);
        }
    }
}
