//! The capped simplex on a row of f64: a copy of it in f32 says between which two thresholds tau lies, passes over blocks
//! costing little, and which entries are then at their bound, 0 or undecided; the exact method decides the last.
//! Whether tau came to lie between the two is checked, so that what f32 has rounded costs time at worst.
//!
//! Where few scores can count, only those above the threshold of the lane maxima (`lanes_f32`) are looked at for it.

use super::super::compensated::{Pair, Sum};
use super::super::entmax_f64::EntmaxF64;
use super::super::kernel::RowKernel;
use super::super::scan_f32::{maxima_len, Scores};
use super::blocks_f32::Row;
use super::bracket_f32::{Bracket, Ends};
use super::lanes_f32::lanes;
use super::undecided_f32::FEW;
use super::{Problem, Undecided};
use crate::simd::doubles::{Doubles, WIDTH};
use crate::simd::{F32Block, Native, LANES};

/// A shorter row goes to the exact method at once.
const SHORTEST: usize = 16;
/// From here on, padded, there is room for the lane maxima and what lies above their threshold.
const FEWEST: usize = 64;
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

/// Bytes of the exact method, and of the lane maxima and what lies above their threshold.
const fn work(n: usize) -> usize {
    2 * (n + LANES) * size_of::<f64>()
}

/// Bytes behind these: two rows of f32, padded.
const fn copies(n: usize) -> usize {
    2 * (n + LANES) * size_of::<f32>()
}

/// Bytes of scratch.
pub const fn scratch(n: usize) -> usize {
    work(n) + copies(n)
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
    let inverse = 1.0 / temperature;
    if n < SHORTEST || !inverse.is_normal() {
        return None;
    }
    // SAFETY: by the caller; the copies lie behind what the exact method needs.
    unsafe {
        let max = EntmaxF64::maximum(x, n).filter(|max| max.is_finite())?;
        let copies: *mut f32 = scratch.add(work(n)).cast();
        let len = n.next_multiple_of(LANES);
        let scores = copy(x, n, f64::NEG_INFINITY, copies, max, inverse);
        let row = Row {
            scores,
            bounds: (!upper.is_null()).then(|| copy(upper, n, 0.0, copies.add(len), 0.0, 1.0)),
            inverse: 1.0,
            temperature: 1.0,
        };
        if at_most {
            let zero = -max / temperature;
            let doubt = 1e-4 * problem.budget + 1e-6 * (1.0 + zero.abs()) * n as f64;
            let sums = row.sums::<Native>(zero);
            let surely = sums.active + sums.capped - problem.budget > doubt;
            if !surely && problem.totals().0 <= problem.budget {
                return None;
            }
        }
        let bracket = match few(&row, problem.budget, scratch.cast()) {
            Some(bracket) => bracket,
            None => {
                let mut ends = Ends::below(0.0, problem.budget);
                let start = row.start::<Native>(problem.budget, AIM, &mut ends, scratch.cast())?;
                if row.bounds.is_none() || start.near {
                    row.newton::<Native>(problem.budget, start.tau, ends, 0.0)
                } else {
                    Bracket::between(&ends)
                }
            }
        };
        let (mut low, mut high) = (bracket.low, bracket.high);
        if bracket.solved && bracket.window > 0.0 {
            low = bracket.tau - bracket.window;
            high = bracket.tau + bracket.window;
        }
        // Twice what rounding may do; checked with once.
        let margin = |tau: f64| ROUNDING * (1.0 + tau.abs());
        let (low, high) = (low - 2.0 * margin(low), high + 2.0 * margin(high));
        let mut zeros = f32::NAN;
        let tau = if low < f64::from(f32::MIN) {
            // What f32 calls -inf may count.
            problem.threshold(f64::NEG_INFINITY, f64::INFINITY, scratch.cast())
        } else {
            let ends = (low as f32, high as f32);
            zeros = ends.0;
            let tau = undecided(problem, &row, (x, upper), ends, scratch.cast());
            let threshold = tau.rounded();
            if !(threshold > max + (low + margin(low)) * temperature
                && threshold < max + (high - margin(high)) * temperature)
            {
                return None;
            }
            tau
        };
        write(problem, (&row, zeros), (x, upper), tau, out);
        Some(tau.rounded())
    }
}

/// Two ends for a budget far below n: Newton's method on the few scores above the threshold of the lane maxima.
///
/// # Safety
/// `free` is writable for four times the padded row.
#[inline(never)]
unsafe fn few(row: &Row, budget: f64, free: *mut f32) -> Option<Bracket> {
    let n = row.scores.len;
    let total = maxima_len(n);
    if n < FEWEST {
        return None;
    }
    // SAFETY: three times the maxima, and twice the row and 32 more, are at most four times the row.
    unsafe {
        let len = lanes::<Native>(row, budget, free.add(2 * total))?;
        row.scores.lane_maxima::<Native>(free);
        let low = row.lower_bound::<Native>(budget, 0.0, (free, len))?;
        let packed = free.add(3 * total);
        let bounds = packed.add(n + 2 * LANES);
        let len = row.pack_above::<Native>(low, (packed, bounds));
        let scores = Scores::whole(packed, len.next_multiple_of(LANES));
        let packed = Row {
            scores,
            bounds: Some(Scores::whole(bounds, scores.len)),
            ..*row
        };
        let (low, ends) = (f64::from(low), Ends::below(0.0, budget));
        if len <= FEW {
            return Some(Bracket::between(&Ends { low, ..ends }));
        }
        Some(packed.newton::<Native>(budget, low, ends, 0.0))
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
            if over == 0 {
                // As nearly everywhere in a row of which few scores count.
            } else if upper.is_null() {
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

/// The entries, four by four: read before they are written, which may be in place. 0 in blocks whose copies are at most `low`.
///
/// # Safety
/// As [`RowKernel::budget`].
#[inline(never)]
unsafe fn write(
    problem: &Problem,
    (row, low): (&Row, f32),
    (x, upper): (*const f64, *const f64),
    tau: Pair,
    out: *mut f64,
) {
    let n = problem.n;
    let whole = n / LANES * LANES;
    let (zero, mut bounds) = (Doubles::splat(0.0), Doubles::splat(1.0));
    let (high, rest) = (Doubles::splat(tau.high), Doubles::splat(tau.low));
    let temperature = Doubles::splat(problem.temperature);
    // SAFETY: by the caller.
    unsafe {
        for from in (0..whole).step_by(LANES) {
            let copies: Native = row.scores.block(from);
            let are_zero = Native::all(Native::splat(low).at_least(copies));
            for at in [from, from + WIDTH] {
                let mut entries = zero;
                if !are_zero {
                    if !upper.is_null() {
                        bounds = Doubles::load(upper.add(at));
                    }
                    entries = (Doubles::load(x.add(at)) - high) - rest;
                    // A division costs as much as all else.
                    if problem.temperature != 1.0 {
                        entries = entries / temperature;
                    }
                    // The smaller of both, by their opposites.
                    let opposite = zero - zero.pmax(entries);
                    entries = zero - opposite.pmax(zero - bounds);
                }
                entries.store(out.add(at));
            }
        }
        for j in whole..n {
            *out.add(j) = problem.entry(j, tau);
        }
    }
}

/// A row as f32, less `shift` and times `factor`, padded to whole blocks.
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
    factor: f64,
) -> Scores {
    let len = n.next_multiple_of(LANES);
    // SAFETY: by the caller.
    unsafe {
        let whole = n / WIDTH * WIDTH;
        let (all, by) = (Doubles::splat(shift), Doubles::splat(factor));
        for j in (0..whole).step_by(WIDTH) {
            ((Doubles::load(from.add(j)) - all) * by).store_rounded(to.add(j));
        }
        for j in whole..n {
            *to.add(j) = ((*from.add(j) - shift) * factor) as f32;
        }
        for j in n..len {
            *to.add(j) = padding as f32;
        }
    }
    Scores::whole(to, len)
}
