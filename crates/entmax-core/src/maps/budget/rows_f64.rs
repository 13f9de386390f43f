//! The capped simplex on a row of f64: a copy of it in f32 says between which two thresholds tau lies, passes over blocks
//! costing little, and which entries are then at their bound, 0 or undecided; the exact method decides the last.
//! Whether tau came to lie between the two is checked, so that what f32 has rounded costs time at worst.

use super::super::compensated::{Pair, Sum};
use super::super::entmax_f64::EntmaxF64;
use super::super::kernel::RowKernel;
use super::super::scan_f32::Scores;
use super::blocks_f32::Row;
use super::bracket_f32::Ends;
use super::{above, Problem, Undecided};
use crate::simd::{Native, LANES};

/// A shorter row goes to the exact method at once.
const SHORTEST: usize = 16;
/// What two numbers and their difference lose in f32, with as much again.
const ROUNDING: f64 = 5e-7;
/// What the sums at both ends may differ by, as a part of the budget, before the exact method takes what is between.
const AIM: f64 = 1.0 / 64.0;

/// For each pattern of four bits, all bits of the numbers whose bit is set: which entries are at their bound cannot be predicted,
/// and as a branch for each this takes four times as long.
pub static KEEP: [[u64; 4]; 16] = keep_table();

const fn keep_table() -> [[u64; 4]; 16] {
    let mut table = [[0; 4]; 16];
    let mut at = 0;
    while at < 64 {
        if ((at / 4) >> (at % 4)) & 1 == 1 {
            table[at / 4][at % 4] = u64::MAX;
        }
        at += 1;
    }
    table
}

/// Bytes behind the exact method's: two rows of f32, padded.
const fn copies(n: usize) -> usize {
    2 * (n + LANES) * size_of::<f32>()
}

/// Bytes of scratch.
pub const fn scratch(n: usize) -> usize {
    2 * n * size_of::<f64>() + copies(n)
}

/// As [`RowKernel::budget`]. None too where the budget takes all the bounds or f32 has no digits for the row.
///
/// # Safety
/// As there, with a scratch as long as [`scratch`] says.
pub unsafe fn solve(
    problem: &Problem,
    (x, upper): (*const f64, *const f64),
    at_most: bool,
    out: *mut f64,
    scratch: *mut u8,
) -> Option<f64> {
    let (n, temperature) = (problem.n, problem.temperature);
    if n < SHORTEST {
        return None;
    }
    // SAFETY: by the caller; the copies lie behind what the exact method needs.
    unsafe {
        let max = EntmaxF64::maximum(x, n).filter(|max| max.is_finite())?;
        let copies: *mut f32 = scratch.add(2 * n * size_of::<f64>()).cast();
        let len = n.next_multiple_of(LANES);
        let scores = copy(x, n, f64::NEG_INFINITY, copies, max, temperature);
        let row = Row {
            scores,
            bounds: (!upper.is_null()).then(|| copy(upper, n, 0.0, copies.add(len), 0.0, 1.0)),
            inverse: 1.0,
            temperature: 1.0,
        };
        if at_most {
            let zero = -max / temperature;
            let doubt = 1e-4 * problem.budget + 1e-6 * (1.0 + zero.abs()) * n as f64;
            let sums = row.sums::<Native>(zero, false);
            let surely = sums.active + sums.capped - problem.budget > doubt;
            if !surely && problem.totals().0 <= problem.budget {
                return None;
            }
        }
        let mut ends = Ends::below(0.0, problem.budget);
        let start = row.start::<Native>(problem.budget, AIM, &mut ends, scratch.cast())?;
        let (mut low, mut high) = (ends.low, ends.high);
        if row.bounds.is_none() || start.near {
            let bracket = row.newton::<Native>(problem.budget, start.tau, ends, 0.0);
            (low, high) = (bracket.low, bracket.high);
            if bracket.solved && bracket.window > 0.0 {
                low = bracket.tau - bracket.window;
                high = bracket.tau + bracket.window;
            }
        }
        // Twice what rounding may do; checked with once.
        let margin = |tau: f64| ROUNDING * (1.0 + tau.abs());
        let (low, high) = (low - 2.0 * margin(low), high + 2.0 * margin(high));
        let tau = if low < f64::from(f32::MIN) {
            // What f32 calls -inf may count.
            problem.threshold(f64::NEG_INFINITY, f64::INFINITY, scratch.cast())
        } else {
            let ends = (low as f32, high as f32);
            let tau = undecided(problem, &row, (x, upper), ends, scratch.cast());
            let threshold = tau.rounded();
            if !(threshold > max + (low + margin(low)) * temperature
                && threshold < max + (high - margin(high)) * temperature)
            {
                return None;
            }
            tau
        };
        write(problem, (x, upper), tau, out);
        Some(tau.rounded())
    }
}

/// tau of the entries that the copies leave undecided between two thresholds, in their units.
///
/// # Safety
/// The copies are those of the row; `free` is writable for 2 n numbers.
#[inline(never)]
unsafe fn undecided(
    problem: &Problem,
    row: &Row,
    (x, upper): (*const f64, *const f64),
    ends: (f32, f32),
    free: *mut f64,
) -> Pair {
    let n = problem.n;
    let mut left = Undecided::new(problem, free);
    // Of the bounds that are taken, four by four.
    let mut taken = [const { Sum::new() }; 4];
    let mut count = 0;
    // SAFETY: by the caller; no bit is set behind the row.
    unsafe {
        for from in (0..n).step_by(LANES) {
            let (over, mut open) = row.decide::<Native>(from, ends);
            if upper.is_null() {
                count += over.count_ones();
            } else if from + LANES <= n {
                for at in (0..LANES).step_by(4) {
                    let bounds = *upper.add(from + at).cast::<[f64; 4]>();
                    let keep = &KEEP[((over >> at) & 15) as usize];
                    for j in 0..4 {
                        taken[j].add(f64::from_bits(bounds[j].to_bits() & keep[j]));
                    }
                }
            } else {
                for j in (from..n).filter(|j| over >> (j - from) & 1 == 1) {
                    taken[0].add(*upper.add(j));
                }
            }
            while open != 0 {
                let j = from + open.trailing_zeros() as usize;
                let bound = if upper.is_null() { 1.0 } else { *upper.add(j) };
                left.push(*x.add(j), bound);
                open &= open - 1;
            }
        }
        left.rest.add(-f64::from(count));
        for sum in &taken {
            left.rest.subtract(sum);
        }
        left.solve(f64::NAN)
    }
}

/// The entries, four by four: read before they are written, which may be in place.
///
/// # Safety
/// As [`RowKernel::budget`].
#[inline(never)]
unsafe fn write(problem: &Problem, (x, upper): (*const f64, *const f64), tau: Pair, out: *mut f64) {
    let n = problem.n;
    let whole = n / LANES * LANES;
    let mut bounds = [1.0; LANES];
    let mut entries = [0.0; LANES];
    // SAFETY: by the caller.
    unsafe {
        for from in (0..whole).step_by(LANES) {
            let scores = x.add(from).cast::<[f64; LANES]>();
            if !upper.is_null() {
                bounds = upper.add(from).cast::<[f64; LANES]>().read();
            }
            for (entry, &score) in entries.iter_mut().zip(&*scores) {
                *entry = above(score, tau);
            }
            // A division costs as much as all else.
            if problem.temperature != 1.0 {
                for entry in &mut entries {
                    *entry /= problem.temperature;
                }
            }
            // By index: with iterators a row without bounds is not vectorised, and takes twice as long.
            #[allow(clippy::needless_range_loop)]
            for j in 0..LANES {
                let low = if entries[j] > 0.0 { entries[j] } else { 0.0 };
                entries[j] = if low > bounds[j] { bounds[j] } else { low };
            }
            out.add(from).cast::<[f64; LANES]>().write(entries);
        }
        for j in whole..n {
            *out.add(j) = problem.entry(j, tau);
        }
    }
}

/// A row as f32, less `shift` and divided by `scale`, padded to whole blocks.
///
/// # Safety
/// `from` is readable for `n` numbers, `to` is writable for as many and a block.
#[inline(never)]
unsafe fn copy(
    from: *const f64,
    n: usize,
    padding: f64,
    to: *mut f32,
    shift: f64,
    scale: f64,
) -> Scores {
    let len = n.next_multiple_of(LANES);
    // SAFETY: by the caller.
    unsafe {
        if scale == 1.0 {
            for j in 0..n {
                *to.add(j) = (*from.add(j) - shift) as f32;
            }
        } else {
            for j in 0..n {
                *to.add(j) = ((*from.add(j) - shift) / scale) as f32;
            }
        }
        for j in n..len {
            *to.add(j) = padding as f32;
        }
    }
    Scores::whole(to, len)
}
