//! The candidates of a long row of f32 in one pass, by a bound that rises on the way (PERFORMANCE.md section 3).
//!
//! The threshold of any part of a row is a lower bound of the row's. So the pass begins with a bound from the row's first
//! scores, drops what lies below without a second look, 64 scores with one branch, and packs the rare hits. Whenever
//! the list has doubled, two steps of Newton's method on it raise the bound, and what has fallen below is thrown out.
//! At the end the list stands for the row: every score that is not on it was below a certified bound at that moment,
//! and bounds only rise.
//!
//! A row is read once, where lane maxima are a pass with twice the work and hits are read again. But a hit costs
//! more, and rows with many of them (large supports, ascending scores) are left to the lane maxima as soon as that shows:
//! whether it does depends on the row's content alone.
//!
//! Against lane maxima, CSR results (bench/README.md has how): peaked rows of 16384 to 131072 0.75 to 0.85 of the time,
//! N(0,1) 0.8 to 1.1; below 16384 the hits cost what the shorter pass saves.
//!
//! **NaN**: the branch asks whether all scores are at most the cut-off, which a NaN is not.

use super::candidates_f32::{not_below, Candidates};
use super::scan_f32::{cut, Scores, BLOCK, WORD};
use super::threshold_f32::certified;
use crate::simd::{F32Block, LANES};

/// Rows from this length on are tried.
pub const LONG_ROW: usize = 16384;
/// One of so many scores is in the part that the first bound is taken from, and so many runs of [`BLOCK`] at most: hits
/// are frequent until a bound is near the row's.
const FIRST_PART: usize = 16;
const FIRST_RUNS: usize = 16;
/// Candidates at which the bound is raised first.
const FIRST_RISE: usize = 2 * LANES;
/// Words with hits among so many first scores: so many, and one more for so many scores of the row. Their number grows with the
/// logarithm of the length, so that the beginning tells whether they pay.
const TRIAL: usize = 1024;
const TRIAL_HITS: usize = 8;
const ROW_FOR_A_HIT: usize = 16384;
/// One of so many scores may ever be on the list, and so many more.
const RARE: usize = 32;
const SPARE: usize = 128;

/// What one pass has found.
pub enum Found {
    /// A NaN.
    NotANumber,
    /// The row is none for this pass.
    Nothing,
    /// The row's maximum, and a lower bound of its c; the list stands for the row.
    Candidates(f32, f64),
}

/// From a part of the row (whole blocks), its maximum and a lower bound of c to a better one.
pub type Raise<'a> = &'a dyn Fn(*const f32, usize, f32, f64) -> f64;

/// The bound of a pass: in units of c, that is relative to the largest score so far.
struct Bound {
    max: f32,
    c: f64,
    /// 1 / e: c's distance from the score itself.
    beta: f64,
}

impl Bound {
    /// What can be dropped: everything up to it.
    #[inline(always)]
    fn cut<V: F32Block>(&self) -> V {
        V::splat(cut(self.max, certified(self.c - self.beta)))
    }
}

/// Collects the candidates of `row`, which has [`LONG_ROW`] scores or more, into an empty list. `beta` is 1 / e.
///
/// # Safety
/// The list is writable for half the row; `work` for 16 blocks; `raise` reads its list only.
#[inline(never)]
pub unsafe fn collect<V: F32Block>(
    row: &Scores,
    beta: f64,
    raise: Raise,
    list: &mut Candidates,
    work: *mut f32,
) -> Found {
    let mut best = V::splat(f32::NEG_INFINITY);
    let mut witness = V::splat(0.0);
    // SAFETY: the first scores are there; the list is left long before it overflows.
    unsafe {
        let runs = (row.len / (FIRST_PART * BLOCK)).min(FIRST_RUNS);
        V::maxima_of_eights(row.values, runs, work, &mut best, &mut witness);
        best.store(work);
        let max = best.largest();
        if !max.is_finite() || V::any(witness.is_nan()) {
            return Found::Nothing;
        }
        let c = raise(work, LANES, max, 0.0);
        let mut bound = Bound { max, c, beta };
        let mut cut: V = bound.cut();
        let (mut hits, mut entries, mut next) = (0, 0, FIRST_RISE);
        let mut from = 0;
        while from < row.len {
            let whole = from + WORD <= row.len;
            if whole && is_below::<V>(row.values.add(from), cut) {
                from += WORD;
                continue;
            }
            let bits = not_below::<V>(row, from, cut);
            hits += usize::from(from < TRIAL);
            entries += bits.count_ones() as usize;
            let rare = hits <= TRIAL_HITS + row.len / ROW_FOR_A_HIT;
            if !rare || entries > from / RARE + SPARE {
                return Found::Nothing;
            }
            let first = list.len;
            list.append(row, from, bits);
            from += WORD;
            let mut largest = bound.max;
            for j in first..list.len {
                let score = *list.scores.add(j);
                if score.is_nan() {
                    return Found::NotANumber;
                }
                if score > largest {
                    largest = score;
                }
            }
            if largest > bound.max {
                if largest == f32::INFINITY {
                    return Found::Nothing;
                }
                bound.c -= f64::from(largest) - f64::from(bound.max);
                bound.max = largest;
                // The largest score alone is a part of the row too.
                if bound.c < 0.0 {
                    bound.c = 0.0;
                    cut = bound.cut();
                }
            }
            if list.len >= next {
                bound.c = raise(list.scores, list.pad::<V>(), bound.max, bound.c);
                cut = bound.cut();
                list.filter::<V>(cut);
                next = FIRST_RISE.max(2 * list.len);
            }
        }
        list.pad::<V>();
        Found::Candidates(bound.max, bound.c)
    }
}

/// Whether 64 scores are all at most `cut`; a NaN is not.
///
/// # Safety
/// `scores` is readable for them.
#[inline(always)]
unsafe fn is_below<V: F32Block>(scores: *const f32, cut: V) -> bool {
    // SAFETY: by the caller.
    let below = |at: usize| cut.at_least(unsafe { V::load(scores.add(at * LANES)) });
    let left = V::both(below(0), below(1));
    let right = V::both(below(2), below(3));
    V::all(V::both(left, right))
}

const _: () =
    assert!(FIRST_RUNS * BLOCK <= LONG_ROW && LONG_ROW / RARE + SPARE + 64 < LONG_ROW / 2);
