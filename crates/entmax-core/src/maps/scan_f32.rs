//! The first look at a row of f32: its maximum, whether it holds a NaN, and which few scores can matter.
//!
//! **NaN**: comparing each vector with itself costs two operations, adding it to a running sum one; a NaN
//! survives the additions. The sum may become NaN for other reasons (inf - inf, overflow), so only then the
//! row is looked at again.
//!
//! **Lane maxima**: the lane-wise maxima of 128 consecutive scores (16 numbers) serve twice. They are themselves
//! scores of the row, and the threshold of a subset is never above the row's: Newton's method on them gives a
//! sharp lower bound at an eighth of the cost. And a block whose maxima are below the bound is not read again.
//! (PERFORMANCE.md section 3, MATH.md section 2.7 (i).)

use crate::simd::{copy_short, F32Block, LANES};
use core::mem::MaybeUninit;

/// Scores behind one row of lane maxima.
pub const BLOCK: usize = 8 * LANES;

/// Scores behind one word of bits.
pub const WORD: usize = 4 * LANES;

/// Lane maxima of a row of `n`: 16 for each block.
#[inline(always)]
pub fn maxima_len(n: usize) -> usize {
    n.div_ceil(BLOCK) * LANES
}

/// A contiguous row in blocks of 16, the last one padded with -inf in a copy.
///
/// The copy lies elsewhere, so that this is three numbers: rows are moved about, and 64 bytes more are a call of
/// memory.copy.
#[derive(Clone, Copy)]
pub struct Scores {
    pub values: *const f32,
    pub len: usize,
    tail: *const f32,
}

/// Room for the last block.
pub type Tail = MaybeUninit<[f32; LANES]>;

impl Scores {
    /// # Safety
    /// `values` is readable for `len` floats, and `tail` lives, as long as the result is used.
    #[inline(always)]
    pub unsafe fn new(values: *const f32, len: usize, tail: &mut Tail) -> Scores {
        let (whole, rest) = (len / LANES * LANES, len % LANES);
        if rest != 0 {
            let tail = tail.write([f32::NEG_INFINITY; LANES]);
            // SAFETY: what is left behind the whole blocks is shorter than one.
            unsafe { copy_short(values.add(whole), tail.as_mut_ptr(), rest) };
        }
        let tail = tail.as_ptr().cast();
        Scores { values, len, tail }
    }

    /// A list of whole blocks.
    #[inline(always)]
    pub fn whole(values: *const f32, len: usize) -> Scores {
        let tail = core::ptr::null();
        Scores { values, len, tail }
    }

    /// The block from index `from` on, a multiple of 16 below `len`.
    ///
    /// # Safety
    /// As said.
    #[inline(always)]
    pub unsafe fn block<V: F32Block>(&self, from: usize) -> V {
        // SAFETY: a block that is not whole is the last one.
        unsafe {
            let whole = from + LANES <= self.len;
            V::load(if whole {
                self.values.add(from)
            } else {
                self.tail
            })
        }
    }

    /// A bit for each of 64 lanes from `from` on, of the padding too; 0 for what is behind that.
    ///
    /// # Safety
    /// `from` is a multiple of 16 below the row's length.
    #[inline(always)]
    pub unsafe fn word<V: F32Block>(&self, from: usize, lanes: impl Fn(V) -> V::Mask) -> u64 {
        let bits = |block: usize, scores: V| u64::from(V::bits(lanes(scores))) << (block * LANES);
        // SAFETY: blocks of the row.
        unsafe {
            if from + WORD <= self.len {
                let whole = |block| bits(block, V::load(self.values.add(from + block * LANES)));
                return whole(0) | whole(1) | (whole(2) | whole(3));
            }
            (0..(self.len - from).div_ceil(LANES)).fold(0, |word, block| {
                word | bits(block, self.block(from + block * LANES))
            })
        }
    }

    /// Writes `f(block)` for every block, in place or to a disjoint place.
    ///
    /// One call site for whole blocks and the tail, so that `f` is inlined and its constants stay outside of the loop;
    /// a choice between the two in every step would cost softmax a quarter.
    ///
    /// # Safety
    /// `out` is writable for `len` floats.
    #[inline(always)]
    pub unsafe fn map_into<V: F32Block>(&self, out: *mut f32, mut f: impl FnMut(V) -> V) {
        let (whole, rest) = (self.len / LANES * LANES, self.len % LANES);
        let mut spare = MaybeUninit::<[f32; LANES]>::uninit();
        let spare = spare.as_mut_ptr().cast::<f32>();
        let (mut source, mut target, mut len) = (self.values, out, whole);
        // SAFETY: what a block writes it has read before; the spare block is written before it is copied.
        unsafe {
            loop {
                for from in (0..len).step_by(LANES) {
                    f(V::load(source.add(from))).store(target.add(from));
                }
                if rest == 0 {
                    return;
                }
                if target == spare {
                    break;
                }
                (source, target, len) = (self.tail, spare, LANES);
            }
            copy_short(spare, out.add(whole), rest);
        }
    }

    /// Calls `f(index, block)` for every block.
    #[inline(always)]
    pub fn each<V: F32Block>(&self, mut f: impl FnMut(usize, V)) {
        let whole = self.len / LANES * LANES;
        // SAFETY: the blocks of the row.
        unsafe {
            for from in (0..whole).step_by(LANES) {
                f(from, V::load(self.values.add(from)));
            }
            if whole < self.len {
                f(whole, V::load(self.tail));
            }
        }
    }

    /// [`Scores::each`] with one call site, as in [`Scores::map_into`]: for an `f` of a hundred operations, which
    /// would not be inlined twice. A short one is slower this way.
    #[inline(always)]
    pub fn each_costly<V: F32Block>(&self, mut f: impl FnMut(usize, V)) {
        let (mut source, mut from, mut end) = (self.values, 0, self.len / LANES * LANES);
        loop {
            while from < end {
                // SAFETY: the blocks of the row, the last one from the tail.
                f(from, unsafe { V::load(source) });
                source = source.wrapping_add(LANES);
                from += LANES;
            }
            if from >= self.len {
                return;
            }
            (source, end) = (self.tail, from + LANES);
        }
    }

    /// The scores above the cut, behind each other and padded with -inf.
    ///
    /// # Safety
    /// `packed` is writable for as many as pass, plus 32.
    #[inline(never)]
    pub unsafe fn pack_above<V: F32Block>(&self, cut: V, packed: *mut f32) -> Scores {
        let mut count = 0;
        // SAFETY: by the caller.
        unsafe {
            self.each_costly(|_, scores: V| {
                count += scores.pack(V::bits(scores.above(cut)), packed.add(count));
            });
            V::splat(f32::NEG_INFINITY).store(packed.add(count));
            Scores::whole(packed, count.next_multiple_of(LANES))
        }
    }

    #[inline(never)]
    fn holds_nan<V: F32Block>(&self) -> bool {
        // SAFETY: `from` is a multiple of 16 below len.
        (0..self.len)
            .step_by(LANES)
            .any(|from| V::any(unsafe { self.block::<V>(from) }.is_nan()))
    }

    /// The maximum, or None for a row with a NaN.
    #[inline(always)]
    pub fn maximum<V: F32Block>(&self) -> Option<f32> {
        let mut best = V::splat(f32::NEG_INFINITY);
        let mut witness = V::splat(0.0);
        self.each(|_, scores: V| {
            best = best.pmax(scores);
            witness = witness.add(scores);
        });
        if V::any(witness.is_nan()) && self.holds_nan::<V>() {
            return None;
        }
        Some(best.largest())
    }

    /// The maximum, or None for a row with a NaN; the lane maxima, and behind them the 16 largest by lane.
    ///
    /// # Safety
    /// `maxima` is writable for [`maxima_len`] floats and 16 more.
    #[inline(never)]
    pub unsafe fn lane_maxima<V: F32Block>(&self, maxima: *mut f32) -> Option<f32> {
        let mut best = V::splat(f32::NEG_INFINITY);
        let mut witness = V::splat(0.0);
        let runs = self.len / BLOCK;
        let mut from = runs * BLOCK;
        // SAFETY: each 128 scores write their own 16 maxima.
        unsafe {
            V::maxima_of_eights(self.values, runs, maxima, &mut best, &mut witness);
            if from < self.len {
                let mut most = V::splat(f32::NEG_INFINITY);
                while from < self.len {
                    let scores: V = self.block(from);
                    witness = witness.add(scores);
                    most = most.pmax(scores);
                    from += LANES;
                }
                most.store(maxima.add(runs * LANES));
                best = best.pmax(most);
            }
            best.store(maxima.add(maxima_len(self.len)));
        }
        if V::any(witness.is_nan()) && self.holds_nan::<V>() {
            return None;
        }
        Some(best.largest())
    }
}

/// Folds lane maxima to `len` maxima of more scores each.
///
/// # Safety
/// `maxima` is readable for `total`, `folded` writable for `len` floats, both multiples of 16 and `len <= total`.
#[inline(never)]
pub unsafe fn fold_maxima<V: F32Block>(
    maxima: *const f32,
    total: usize,
    folded: *mut f32,
    len: usize,
) {
    // SAFETY: by the caller.
    unsafe {
        for from in (0..len).step_by(LANES) {
            let mut most: V = V::load(maxima.add(from));
            for other in (from + len..total).step_by(len) {
                most = most.pmax(V::load(maxima.add(other)));
            }
            most.store(folded.add(from));
        }
    }
}

/// A number below `max + bound`, and the next but one at most: whatever satisfies `value - max > bound` lies above it, and
/// one comparison replaces a subtraction and a comparison. `bound` is negative, so the maximum itself lies above.
#[inline(always)]
pub fn cut(max: f32, bound: f32) -> f32 {
    ((f64::from(max) + f64::from(bound)) as f32).next_down()
}

/// Packs the values with `value - max > bound` (and perhaps some a rounding below), pads them with -inf to a multiple of 16 and returns that length.
///
/// # Safety
/// `values` is readable for `len` floats, a multiple of 16; `packed` is writable for as many as pass, plus 32.
#[inline(never)]
pub unsafe fn pack_above<V: F32Block>(
    values: *const f32,
    len: usize,
    max: f32,
    bound: f32,
    packed: *mut f32,
) -> usize {
    let cut = V::splat(cut(max, bound));
    let mut count = 0;
    // SAFETY: by the caller.
    unsafe {
        for from in (0..len).step_by(LANES) {
            let scores = V::load(values.add(from));
            let passing = scores.above(cut);
            if V::any(passing) {
                count += scores.pack(V::bits(passing), packed.add(count));
            }
        }
        V::splat(f32::NEG_INFINITY).store(packed.add(count));
    }
    count.next_multiple_of(LANES)
}

/// What lies above a bound.
#[derive(Clone, Copy)]
pub struct Above {
    /// How many lane maxima.
    pub maxima: usize,
    /// How many blocks have one; their numbers ascend.
    pub blocks: usize,
}

/// How many values have `value - max > bound`, or lie a rounding below.
///
/// # Safety
/// `values` is readable for `len` floats, a multiple of 16.
#[inline(never)]
pub unsafe fn count_above<V: F32Block>(
    values: *const f32,
    len: usize,
    max: f32,
    bound: f32,
) -> usize {
    let cut = V::splat(cut(max, bound));
    let mut count = 0;
    for from in (0..len).step_by(LANES) {
        // SAFETY: by the caller.
        let scores = unsafe { V::load(values.add(from)) };
        count += V::bits(scores.above(cut)).count_ones() as usize;
    }
    count
}

/// Counts the lane maxima with `value - max > bound`, or a rounding below, and lists the blocks that have some. Without a branch:
/// which blocks do cannot be predicted.
///
/// # Safety
/// `maxima` is readable for `total` floats, a multiple of 16; `blocks` is writable for one number each 16.
#[inline(never)]
pub unsafe fn find_above<V: F32Block>(
    maxima: *const f32,
    total: usize,
    max: f32,
    bound: f32,
    blocks: *mut u32,
) -> Above {
    let cut = V::splat(cut(max, bound));
    let mut above = Above {
        maxima: 0,
        blocks: 0,
    };
    for block in 0..total / LANES {
        // SAFETY: by the caller.
        unsafe {
            let scores = V::load(maxima.add(block * LANES));
            let bits = V::bits(scores.above(cut));
            above.maxima += bits.count_ones() as usize;
            *blocks.add(above.blocks) = block as u32;
            above.blocks += usize::from(bits != 0);
        }
    }
    above
}
