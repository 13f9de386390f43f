//! dx = s (v - mean) / T for a row of f32 and alpha <= 2.
//!
//! A row that is not short begins as a list: one pass over p packs what is not zero with its index, v is gathered at
//! these, and the result is spread over zeros. A sparse row is a read of p and a write of zeros. Where the list would
//! take more than a quarter of the row, two passes over the blocks of p that are not all zero take its place: the first
//! lists them, the second visits them and clears what lies between. Which way is taken depends on p alone.
//!
//! The sums are formed in f32 products and f64 accumulators in the block's order, of the list or of the row.
//!
//! Blocks for all rows: 1.25-entmax on N(0,1), with its support of a tenth, 1.5 to 2 times as long; sparse rows no different.

use super::rows::Row;
use super::support;
use crate::maps::kernels::{self, Candidates, List, Scores, Tail, WORD};
use crate::simd::{
    copy_short,
    exp_log::{exp2_nonpositive, log2_of_ratio},
    F32Block, LANES,
};

/// Rows from this length on are tried as a list.
const LISTED_ROW: usize = 256;

/// s = p^(2 - alpha). One function for all alphas and a branch in each block: four functions would be 2 KB more, and no
/// faster where memory is the limit.
#[derive(Clone, Copy)]
pub enum Skew {
    /// alpha = 1.
    Same,
    /// alpha = 1.25: p^(3/4).
    Roots,
    /// alpha = 1.5.
    Root,
    /// alpha = 2.
    One,
    /// Any alpha in (1, 2): 2 - alpha.
    Power(f32),
}

impl Skew {
    pub fn new(e: f64) -> Skew {
        if e == 0.0 {
            Skew::Same
        } else if e == 0.25 {
            Skew::Roots
        } else if e == 0.5 {
            Skew::Root
        } else if e == 1.0 {
            Skew::One
        } else {
            Skew::Power((1.0 - e) as f32)
        }
    }

    /// Of sixteen p; p = 0 gives anything. `kept` is where s of a costly power is, or goes to.
    ///
    /// # Safety
    /// `kept` is writable for a block.
    #[inline(always)]
    pub unsafe fn of<V: F32Block>(self, p: V, kept: *mut f32, is_kept: bool) -> V {
        match self {
            Skew::Same => p,
            Skew::Roots => {
                let root = p.sqrt();
                root.mul(root.sqrt())
            }
            Skew::Root => p.sqrt(),
            // 1, but NaN of NaN.
            Skew::One => p.sub(p).add(V::splat(1.0)),
            // SAFETY: by the caller.
            Skew::Power(_) if is_kept => unsafe { V::load(kept) },
            // SAFETY: by the caller.
            Skew::Power(exponent) => unsafe {
                real_power(p, exponent, kept);
                V::load(kept)
            },
        }
    }
}

/// p to a power, to `target`. A function of its own: the call is a tenth of it, and its code would be in three loops.
///
/// # Safety
/// `target` is writable for a block.
#[inline(never)]
unsafe fn real_power<V: F32Block>(p: V, exponent: f32, target: *mut f32) {
    // The logarithm wants normal numbers; the map makes no others.
    let p = p.pmax(V::splat(f32::MIN_POSITIVE));
    let log = log2_of_ratio(p, p.sub(V::splat(1.0)));
    let s = exp2_nonpositive(log.mul(V::splat(exponent)));
    // SAFETY: by the caller.
    unsafe { s.store(target) };
}

/// dx of a row of entmax.
///
/// # Safety
/// As [`Row`] says.
pub unsafe fn pull_back<V: F32Block>(row: &Row, e: f64, temperature: f64) {
    // SAFETY: passed on.
    unsafe {
        if e <= 1.0 {
            let skew = Skew::new(e);
            // Softmax has no zeros to skip.
            let sparse = row.n >= LISTED_ROW && e != 0.0 && !looks_full::<V>(row);
            if !(sparse && as_list::<V>(skew, row, temperature)) {
                in_two_passes::<V>(skew, row, temperature);
            }
        } else {
            support::pull_back(row, e, temperature);
        }
    }
}

/// Whether most of four blocks from all over the row is not zero: a list would be begun in vain, at the price of a third of a
/// row of 256.
///
/// # Safety
/// As [`pull_back`]; the row is not shorter than four blocks.
#[inline(always)]
unsafe fn looks_full<V: F32Block>(row: &Row) -> bool {
    let (p, zero): (*mut f32, _) = (row.p.pointer(), V::splat(0.0));
    let mut count = 0;
    for quarter in 0..4 {
        // SAFETY: by the caller.
        let block = unsafe { V::load(p.add(row.n / 4 * quarter)) };
        count += V::bits(block.differs(zero)).count_ones() as usize;
    }
    count > 2 * LANES
}

/// The row by a list of its support; false, and nothing is written to dx, where that would be long.
///
/// # Safety
/// As [`pull_back`].
#[inline(never)]
unsafe fn as_list<V: F32Block>(skew: Skew, row: &Row, temperature: f64) -> bool {
    let n = row.n;
    let (p, v): (*mut f32, *mut f32) = (row.p.pointer(), row.v.pointer());
    let dx: *mut f32 = row.dx.pointer();
    // Three arrays of a quarter of the row and a word to spare.
    let capacity = (n / 4 + LISTED_ROW).next_multiple_of(LANES);
    let scores: *mut f32 = row.scratch.cast();
    let kept = scores.wrapping_add(capacity);
    let indices: *mut u32 = kept.wrapping_add(capacity).cast();
    let mut list = Candidates {
        scores,
        indices,
        len: 0,
    };
    let zero = V::splat(0.0);
    // SAFETY: the list is left before it overflows; what is written to dx has been read before.
    unsafe {
        let mut tail = Tail::uninit();
        let p = &Scores::new(p, n, &mut tail);
        for from in (0..n).step_by(WORD) {
            if from + WORD <= n && is_zero::<V>(p.values.add(from)) {
                continue;
            }
            let bits = not_zero::<V>(p, from);
            list.append(p, from, bits);
            if list.len > from / 4 + WORD {
                return false;
            }
        }
        let len = list.len;
        let padded = len.next_multiple_of(LANES);
        // Behind the list zeros, which count for nothing.
        zero.store(scores.add(len));
        // v overwrites nothing that is still to be read: it has room of its own.
        let gathered = kept;
        for j in 0..len {
            *gathered.add(j) = *v.add(*indices.add(j) as usize);
        }
        zero.store(gathered.add(len));
        let (mut all_s, mut all_sv) = (V::no_sums(), V::no_sums());
        for from in (0..padded).step_by(LANES) {
            let p = V::load(scores.add(from));
            let inside = p.differs(zero);
            let s = skew.of(p, scores.add(from), false).keep(inside);
            s.store(scores.add(from));
            s.sum_into(&mut all_s);
            let v = V::load(gathered.add(from));
            s.mul(v).keep(inside).sum_into(&mut all_sv);
        }
        let mean = if len == 0 {
            0.0
        } else {
            V::total(all_sv) / V::total(all_s)
        };
        if !mean.is_finite() {
            row.dx.fill(n, true);
            return true;
        }
        let mean = V::splat(mean as f32);
        let inverse = V::splat((1.0 / temperature) as f32);
        for from in (0..padded).step_by(LANES) {
            let gap = V::load(gathered.add(from)).sub(mean);
            let result = V::load(scores.add(from)).mul(gap).mul(inverse);
            result.store(scores.add(from));
        }
        let list = List {
            values: scores.cast_const(),
            indices: indices.cast_const(),
            len,
        };
        kernels::spread::<V>(&list, dx, n);
    }
    true
}

/// Whether 64 entries are all 0: of numbers that are not negative the sum is 0 only if all are.
///
/// # Safety
/// `p` is readable for them.
#[inline(always)]
unsafe fn is_zero<V: F32Block>(p: *const f32) -> bool {
    // SAFETY: by the caller.
    let two = |at: usize| unsafe { V::load(p.add(at)).add(V::load(p.add(at + LANES))) };
    !V::any(two(0).add(two(2 * LANES)).differs(V::splat(0.0)))
}

/// Bit j is set where entry `from + j` is not 0.
///
/// # Safety
/// `from` is a multiple of 16 below the row's length.
#[inline(always)]
unsafe fn not_zero<V: F32Block>(p: &Scores, from: usize) -> u64 {
    let zero = V::splat(0.0);
    // SAFETY: by the caller.
    let bits = unsafe { p.word::<V>(from, |block| block.differs(zero)) };
    // The padding is none.
    if from + WORD <= p.len {
        bits
    } else {
        bits & ((1 << (p.len - from)) - 1)
    }
}

/// # Safety
/// As [`pull_back`].
#[inline(never)]
unsafe fn in_two_passes<V: F32Block>(skew: Skew, row: &Row, temperature: f64) {
    let n = row.n;
    let (p, v): (*mut f32, *mut f32) = (row.p.pointer(), row.v.pointer());
    let dx: *mut f32 = row.dx.pointer();
    let kept: *mut f32 = row.scratch.cast();
    let blocks: *mut u32 = kept.wrapping_add(n.next_multiple_of(LANES)).cast();
    let (whole, left) = (n / LANES * LANES, n % LANES);
    let (mut tail_p, mut tail_v) = ([0.0; LANES], [0.0; LANES]);
    let zero = V::splat(0.0);
    // SAFETY: blocks of the row, or the copies of its tail; what is written to dx has been read before. The scratch
    // holds n entries and more than a block behind them.
    unsafe {
        copy_short(p.add(whole), tail_p.as_mut_ptr(), left);
        copy_short(v.add(whole), tail_v.as_mut_ptr(), left);
        let block = |from: usize| {
            if from < whole {
                (p.add(from).cast_const(), v.add(from).cast_const())
            } else {
                (tail_p.as_ptr(), tail_v.as_ptr())
            }
        };
        let (mut all_s, mut all_sv) = (V::no_sums(), V::no_sums());
        let (mut count, mut from) = (0, 0);
        while from < n {
            if from % WORD == 0 && from + WORD <= n && is_zero::<V>(p.add(from)) {
                from += WORD;
                continue;
            }
            let (p, v) = block(from);
            let p = V::load(p);
            let inside = p.differs(zero);
            if V::any(inside) {
                let s = skew.of(p, kept.add(from), false).keep(inside);
                s.sum_into(&mut all_s);
                s.mul(V::load(v)).keep(inside).sum_into(&mut all_sv);
                *blocks.add(count) = from as u32;
                count += 1;
            }
            from += LANES;
        }
        let sum = V::total(all_s);
        let mean = if count == 0 {
            0.0
        } else {
            V::total(all_sv) / sum
        };
        if !mean.is_finite() {
            return row.dx.fill(n, true);
        }
        let mean = V::splat(mean as f32);
        let inverse = V::splat((1.0 / temperature) as f32);
        // Zeros are due from `end` on.
        let mut end = 0;
        for at in 0..count {
            let from = *blocks.add(at) as usize;
            if end < from {
                clear::<V>(dx.add(end), from - end);
            }
            let (p, v) = block(from);
            let p = V::load(p);
            let s = skew.of(p, kept.add(from), true);
            let result = s
                .mul(V::load(v).sub(mean))
                .mul(inverse)
                .keep(p.differs(zero));
            end = from + LANES;
            if from < whole {
                result.store(dx.add(from));
            } else {
                let mut tail = [0.0; LANES];
                result.store(tail.as_mut_ptr());
                copy_short(tail.as_ptr(), dx.add(whole), left);
                end = n;
            }
        }
        if end < n {
            clear::<V>(dx.add(end), n - end);
        }
    }
}

/// [`kernels::clear`], once.
///
/// # Safety
/// As there.
#[inline(never)]
unsafe fn clear<V: F32Block>(out: *mut f32, n: usize) {
    // SAFETY: passed on.
    unsafe { kernels::clear::<V>(out, n) }
}
