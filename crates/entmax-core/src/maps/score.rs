//! The two types of scores, and what the drivers need to know about them.

use super::support::Seen;
use crate::simd::{F32Block, Native, LANES};

/// The two types of scores.
pub trait Score: Copy + PartialOrd {
    const ZERO: Self;
    const ONE: Self;
    /// The canonical quiet NaN: the only one that leaves a kernel.
    const NAN: Self;
    const INFINITY: Self;
    const NEG_INFINITY: Self;
    fn from_f64(value: f64) -> Self;
    fn to_f64(self) -> f64;
    /// The largest value below; of +inf the largest finite one.
    fn next_below(self) -> Self;
    #[inline(always)]
    fn is_nan(self) -> bool {
        self.partial_cmp(&self).is_none()
    }

    /// [`Seen::look`] at whole blocks of a row; returns how many entries they hold.
    ///
    /// # Safety
    /// `x` and `p` are readable for `n` entries.
    #[inline(always)]
    unsafe fn look_at_blocks(
        _x: *const Self,
        _p: *const Self,
        _n: usize,
        _seen: &mut Seen<Self>,
    ) -> usize {
        0
    }

    /// Of [`super::csr::compress_row`]: the same for whole blocks of the row; how many entries were looked at, and how many
    /// written.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn compress_blocks(
        _p: *const Self,
        _n: usize,
        _indices: *mut i32,
        _values: *mut Self,
    ) -> (usize, usize) {
        (0, 0)
    }
}

impl Score for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const NAN: f32 = f32::from_bits(0x7fc0_0000);
    const INFINITY: f32 = f32::INFINITY;
    const NEG_INFINITY: f32 = f32::NEG_INFINITY;
    #[inline(always)]
    fn from_f64(value: f64) -> f32 {
        value as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn next_below(self) -> f32 {
        self.next_down()
    }

    /// Whether an entry is included is as good as random: branches cost 3 ns an entry, this a tenth.
    #[inline(always)]
    unsafe fn look_at_blocks(
        x: *const f32,
        p: *const f32,
        n: usize,
        seen: &mut Seen<f32>,
    ) -> usize {
        let (zero, nothing) = (Native::splat(0.0), Native::splat(f32::NEG_INFINITY));
        let (mut inside, mut outside, mut least) = (nothing, nothing, nothing);
        let whole = n / LANES * LANES;
        for from in (0..whole).step_by(LANES) {
            // SAFETY: whole blocks of the row.
            let (scores, p) = unsafe { (Native::load(x.add(from)), Native::load(p.add(from))) };
            let included = p.above(zero);
            seen.size += Native::bits(included).count_ones() as usize;
            inside = inside.pmax(scores.or_else(included, nothing));
            outside = outside.pmax(nothing.or_else(included, scores));
            least = least.pmax(zero.sub(scores).or_else(included, nothing));
        }
        seen.largest_included = inside.largest();
        seen.largest_excluded = outside.largest();
        seen.smallest_included = -least.largest();
        whole
    }

    #[inline(always)]
    unsafe fn compress_blocks(
        p: *const f32,
        n: usize,
        indices: *mut i32,
        values: *mut f32,
    ) -> (usize, usize) {
        let zero = Native::splat(0.0);
        let whole = n / LANES * LANES;
        let mut count = 0;
        for from in (0..whole).step_by(LANES) {
            // SAFETY: whole blocks of the row; count <= from, so what is written has been read.
            unsafe {
                let block = Native::load(p.add(from));
                let bits = Native::bits(block.above(zero));
                if bits != 0 {
                    let target = indices.add(count).cast();
                    Native::pack_indices(from as u32, bits, target);
                    count += block.pack(bits, values.add(count));
                }
            }
        }
        (whole, count)
    }
}

impl Score for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0000);
    const INFINITY: f64 = f64::INFINITY;
    const NEG_INFINITY: f64 = f64::NEG_INFINITY;
    #[inline(always)]
    fn from_f64(value: f64) -> f64 {
        value
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn next_below(self) -> f64 {
        self.next_down()
    }
}
