//! The candidates of a row of f32: the few scores above a bound, packed with their indices, as a list that stands for the row.
//!
//! Which blocks have candidates, and how many, is as good as random, and a mispredicted branch costs more than a few
//! copies. So blocks are listed without one (`find_above`), 64 comparisons become one word of bits, and its scores are
//! copied four at a time. A hit costs about 15 ns so, and 40 to 50 as a branch for each block with left-packing.

use super::kernel::List;
use super::scan_f32::{cut, find_above, fold_maxima, maxima_len, Scores, BLOCK, WORD};
use super::topk::select;
use crate::simd::{F32Block, LANES};

/// Bit j is set unless score `from + j` is at most `cut`: so it is for a NaN, and not behind the end of the row.
///
/// # Safety
/// `from` is a multiple of 16 below the row's length.
#[inline(always)]
pub unsafe fn not_below<V: F32Block>(row: &Scores, from: usize, cut: V) -> u64 {
    // SAFETY: by the caller.
    let below = unsafe { row.word::<V>(from, |scores| cut.at_least(scores)) };
    // What is behind the end has no bit there either.
    let end = row.len.next_multiple_of(LANES) - from;
    if end >= WORD {
        !below
    } else {
        !below & ((1 << end) - 1)
    }
}

/// The scores with `score - max > bound`, and perhaps some a rounding below, in order, with their indices: a list that stands for the row.
#[derive(Clone, Copy)]
pub struct Candidates {
    pub scores: *mut f32,
    pub indices: *mut u32,
    pub len: usize,
}

impl Candidates {
    /// The list as a result, once probabilities have taken the scores' room.
    #[inline(always)]
    pub fn result(&self) -> List<f32> {
        List {
            values: self.scores,
            indices: self.indices,
            len: self.len,
        }
    }

    /// Appends the scores `from + j` for the set bits j, in order.
    ///
    /// Four at a time, whether or not there are so many: how many bits a word has cannot be predicted, and a wrong guess
    /// costs more than four copies.
    ///
    /// # Safety
    /// The lists are writable for `len`, the set bits, and 4 more; the bits are those of [`not_below`].
    #[inline(always)]
    pub unsafe fn append(&mut self, row: &Scores, from: usize, mut bits: u64) {
        let end = self.len + bits.count_ones() as usize;
        let last = row.len - 1;
        let mut len = self.len;
        loop {
            for _ in 0..4 {
                // No bit left: a score that will be written over.
                let at = (from + bits.trailing_zeros() as usize).min(last);
                // SAFETY: at < the row's length; len < end + 3.
                unsafe {
                    *self.scores.add(len) = *row.values.add(at);
                    *self.indices.add(len) = at as u32;
                }
                bits &= bits.wrapping_sub(1);
                len += 1;
            }
            if len >= end {
                break;
            }
        }
        self.len = end;
    }

    /// Collects the scores at or above a lower bound of the `count`-th largest: the `count`-th largest of maxima, of twice
    /// as many parts of the row at least. Returns the maximum, or None, and collects nothing, where it is not finite.
    ///
    /// # Safety
    /// The lists are writable for the row plus 32, `work` for twice [`maxima_len`] and 16 more.
    #[inline(never)]
    pub unsafe fn collect_largest<V: F32Block>(
        &mut self,
        row: &Scores,
        count: usize,
        work: *mut f32,
    ) -> Option<f32> {
        // SAFETY: by the caller.
        unsafe {
            let max = row.lane_maxima::<V>(work).filter(|max| max.is_finite());
            let total = maxima_len(row.len);
            let mut bound = f32::NEG_INFINITY;
            if max.is_some() && count <= total {
                let folded = work.add(total);
                let len = total.min((2 * count).next_multiple_of(LANES));
                fold_maxima::<V>(work, total, folded, len);
                bound = select(folded, len, count);
            }
            if max.is_some() {
                let blocks: *mut u32 = work.add(total).cast();
                let above = find_above::<V>(work, total, bound, 0.0, blocks);
                self.collect::<V>(row, (blocks, above.blocks), bound, 0.0, row.len);
            }
            max
        }
    }

    /// Pads the scores with -inf to whole blocks, and returns their length.
    ///
    /// # Safety
    /// The scores are writable for `len` and 16 more.
    #[inline(always)]
    pub unsafe fn pad<V: F32Block>(&self) -> usize {
        // SAFETY: by the caller.
        unsafe { V::splat(f32::NEG_INFINITY).store(self.scores.add(self.len)) };
        self.len.next_multiple_of(LANES)
    }

    /// Keeps the scores above `cut`, in order. The list comes padded and is left unpadded.
    ///
    /// # Safety
    /// The lists are writable for `len` and 32 more.
    #[inline(never)]
    pub unsafe fn filter<V: F32Block>(&mut self, cut: V) {
        let len = core::mem::take(&mut self.len);
        // SAFETY: what is kept is written at or before where it was read, and a block is read before it is overwritten.
        unsafe {
            for from in (0..len).step_by(LANES) {
                let scores = V::load(self.scores.add(from));
                let indices = V::load(self.indices.add(from).cast());
                let bits = V::bits(scores.above(cut));
                indices.pack(bits, self.indices.add(self.len).cast());
                self.len += scores.pack(bits, self.scores.add(self.len));
            }
        }
    }

    /// The scores again, from the row, after other values have taken their room.
    ///
    /// # Safety
    /// The row is the one that was collected from; the lists are as [`Candidates::collect`] left them.
    pub unsafe fn restore<V: F32Block>(&self, row: &Scores) {
        // SAFETY: by the caller.
        unsafe {
            for j in 0..self.len {
                *self.scores.add(j) = *row.values.add(*self.indices.add(j) as usize);
            }
            self.pad::<V>();
        }
    }

    /// Collects from some blocks of the row, those of [`find_above`] with the same bound, and pads the list with -inf to whole
    /// blocks; false where more than `most` pass. With null for the blocks from all of them.
    ///
    /// # Safety
    /// The lists are writable for those that pass, or for `most`, plus 160; `blocks` is readable for that many numbers.
    #[inline(never)]
    pub unsafe fn collect<V: F32Block>(
        &mut self,
        row: &Scores,
        (blocks, count): (*const u32, usize),
        max: f32,
        bound: f32,
        most: usize,
    ) -> bool {
        let cut = V::splat(cut(max, bound));
        // SAFETY: by the caller; a block adds 128 and writes 3 more at most.
        unsafe {
            for block in 0..count {
                if self.len > most {
                    return false;
                }
                let number = if blocks.is_null() {
                    block
                } else {
                    *blocks.add(block) as usize
                };
                let first = number * BLOCK;
                for from in [first, first + WORD] {
                    if from < row.len {
                        let bits = not_below::<V>(row, from, cut);
                        self.append(row, from, bits);
                    }
                }
            }
            self.pad::<V>();
            true
        }
    }
}
