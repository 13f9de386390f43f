//! oscarmax (MATH.md section 8.3): sparsemax that draws entries of similar size together,
//!
//! ```text
//! argmin over the simplex of 1/2 |p - z / T|^2 + lambda sum over pairs of max(p_i, p_j)
//! ```
//!
//! p has the order of the scores, so the second term is lambda times the sum of (n - 1 - i) p_(i) over ranks i from 0: up to a
//! constant, a bonus of lambda i for rank i. The sorted scores with their bonuses are made nonincreasing by pooling adjacent
//! violators (PAV), then comes sparsemax. Ranks behind the support have no say. So only scores that can be in it are sorted: K
//! of them remain if nothing but what exceeds max - 1 - lambda (K - 1) does, since a bonus is at most lambda (K - 1).
//!
//! Niculae and Blondel (2017) publish another order: the proximal operator of OSCAR, of magnitudes and cut off at 0, then
//! sparsemax. That is not the minimum (134 of 400 random rows); `published` gives it for comparison with torchsparseattn.

use super::frame::{self, Entry, Frame, Labels, Outcome, Solved};
use super::groups::{self, sparsemax, FIXED, MIXED, TURNED};
use super::near::{self, NearFrame};
use crate::maps::kernels::{Pair, Sum};

/// A score, or its magnitude, and where it is.
#[derive(Clone, Copy)]
#[repr(C)]
struct Item {
    value: f64,
    index: u32,
    is_negative: bool,
}

/// Neighbours in the order that share a mean.
#[derive(Clone, Copy)]
#[repr(C)]
struct Block {
    sum: f64,
    count: f64,
}

/// Numbers of scratch: items and blocks have two each, and there are means, of which sparsemax is taken.
const fn numbers(n: usize) -> usize {
    5 * n + groups::room(n)
}

/// Bytes of workspace for a row of `n`.
pub const fn oscarmax_workspace(n: usize) -> usize {
    let (all, near) = (
        frame::workspace(n, numbers(n)),
        near::solve_workspace(n, numbers(n)),
    );
    if all > near {
        all
    } else {
        near
    }
}

/// oscarmax of x / temperature for lambda >= 0, or what is published as it. Groups are the blocks. Rates are relative: lambda
/// times n - 1, which all entries lose alike, is left out.
///
/// # Safety
/// As [`frame::solve_grouped`], with a workspace of [`oscarmax_workspace`].
#[allow(clippy::too_many_arguments)]
pub unsafe fn oscarmax<T: Entry>(
    x: *const T,
    n: usize,
    lambda: f64,
    published: bool,
    temperature: f64,
    out: *mut T,
    labels: Labels<T>,
    workspace: *mut u8,
) -> Outcome {
    let scratch = numbers(n);
    // SAFETY: passed on.
    unsafe {
        if published {
            let memory = (workspace, scratch);
            return frame::solve_grouped(x, n, temperature, out, labels, memory, &|frame| {
                solve_published(frame, lambda)
            });
        }
        let within = (temperature, reach(lambda, n.max(1)));
        let memory = (workspace, scratch);
        near::solve((x, n), within, out, labels, memory, &|near, _| {
            solve(near, lambda)
        })
    }
}

/// The scratch as two lists of items, as many as the row has entries, and the rest.
fn parts(work: &mut [f64], n: usize) -> (&mut [Item], &mut [Item], &mut [f64]) {
    const { assert!(size_of::<Item>() == 16) };
    let at = work.as_mut_ptr();
    let rest = work.len().saturating_sub(4 * n);
    let n = if rest + 4 * n == work.len() { n } else { 0 };
    // SAFETY: disjoint parts of the scratch, which holds 4 n numbers and the rest; zeros are items.
    unsafe {
        let items: *mut Item = at.cast();
        items.write_bytes(0, 2 * n);
        (
            core::slice::from_raw_parts_mut(items, n),
            core::slice::from_raw_parts_mut(items.add(n), n),
            core::slice::from_raw_parts_mut(at.add(4 * n), rest),
        )
    }
}

/// Up to so many are sorted by counting, for each, those before it: without a branch that has to be guessed.
const FEW: usize = 16;

/// Descending, ties as they come: ascending by index. The others are room for as many, and what remains is room for blocks.
#[inline(never)]
fn sort<'a>(items: &'a mut [Item], others: &'a mut [Item]) -> (&'a [Item], &'a mut [Block]) {
    if items.len() > FEW {
        items.sort_unstable_by(|a, b| b.value.total_cmp(&a.value).then(a.index.cmp(&b.index)));
        return (items, as_blocks(others));
    }
    for (k, item) in items.iter().enumerate() {
        let mut rank = 0;
        for (j, other) in items.iter().enumerate() {
            let is_equal_before = (other.value == item.value) & (j < k);
            rank += usize::from((other.value > item.value) | is_equal_before);
        }
        if let Some(place) = others.get_mut(rank) {
            *place = *item;
        }
    }
    let sorted = others.get(..items.len()).unwrap_or_default();
    (sorted, as_blocks(items))
}

fn as_blocks(items: &mut [Item]) -> &mut [Block] {
    const {
        assert!(
            size_of::<Item>() == size_of::<Block>() && align_of::<Item>() == align_of::<Block>()
        )
    };
    // SAFETY: any bits are numbers, and items are not read again before they are written.
    unsafe { core::slice::from_raw_parts_mut(items.as_mut_ptr().cast(), items.len()) }
}

/// The nonincreasing fit of values with bonuses, as blocks; returns how many. Neighbours of equal mean are one, unless there are
/// no bonuses.
#[inline(never)]
fn pool<'a>(items: &[Item], lambda: f64, blocks: &'a mut [Block]) -> &'a [Block] {
    let mut len = 0usize;
    for (rank, item) in items.iter().enumerate() {
        let mut block = Block {
            sum: item.value + lambda * rank as f64,
            count: 1.0,
        };
        while let Some(last) = len.checked_sub(1).and_then(|last| blocks.get(last)) {
            if lambda == 0.0 || last.sum * block.count > block.sum * last.count {
                break;
            }
            block.sum += last.sum;
            block.count += last.count;
            len -= 1;
        }
        if let Some(place) = blocks.get_mut(len) {
            *place = block;
        }
        len += 1;
    }
    blocks.get(..len).unwrap_or_default()
}

/// That of sparsemax of numbers in falling order.
struct Threshold(Pair);

impl Threshold {
    /// How far a number lies above it, or 0.
    #[inline(always)]
    fn below(&self, value: f64) -> f64 {
        let d = (value - self.0.high) - self.0.low;
        if d > 0.0 {
            d
        } else {
            0.0
        }
    }
}

/// The threshold of the means of blocks. What rounding left of the sum of p the last step takes away.
fn threshold(blocks: &[Block]) -> Threshold {
    let (mut sum, mut count) = (Sum::new(), 0.0);
    for block in blocks {
        if block.sum * count <= sum.minus(1.0) * block.count {
            break;
        }
        sum.add(block.sum);
        count += block.count;
    }
    let tau = Threshold(Pair::ZERO.plus(sum.minus(1.0) / count));
    let mut mass = Sum::new();
    for block in blocks {
        let p = tau.below(block.sum / block.count);
        if p == 0.0 {
            break;
        }
        mass.add(block.count * p);
    }
    Threshold(tau.0.plus(mass.minus(1.0) / count))
}

/// The items of each block, and the mean rank of these.
fn each_block<'a>(
    items: &'a [Item],
    blocks: &'a [Block],
) -> impl Iterator<Item = (&'a [Item], Block, f64)> {
    let mut start = 0;
    blocks.iter().map(move |&block| {
        let end = start + block.count as usize;
        let members = items.get(start..end).unwrap_or_default();
        let rank = start as f64 + 0.5 * (block.count - 1.0);
        start = end;
        (members, block, rank)
    })
}

/// Beyond the range of the scores a bonus only says that all are one block.
fn enough(lambda: f64, items: &[Item]) -> f64 {
    match (items.first(), items.last()) {
        (Some(first), Some(last)) => lambda.min(1.0 + 2.0 * (first.value - last.value)),
        _ => lambda,
    }
}

/// Scores to probabilities. The threshold is less what all scores lose alike, lambda times the number of the others.
#[inline(never)]
fn solve(near: NearFrame, lambda: f64) -> Solved {
    let NearFrame {
        row,
        places,
        groups,
        rates,
        work,
    } = near;
    let (items, others, _) = parts(work, row.len());
    // Fewer have a smaller bonus, and so lose more.
    let (mut len, mut count) = (row.len(), usize::MAX);
    let mut lowest = f64::NEG_INFINITY;
    while len < count {
        (count, lowest) = (len, -reach(lambda, len));
        len = row.iter().filter(|&&value| value > lowest).count();
    }
    let near = row.iter().enumerate().filter(|&(_, &value)| value > lowest);
    for (item, (index, &value)) in items.iter_mut().zip(near) {
        *item = Item {
            value,
            index: index as u32,
            is_negative: false,
        };
    }
    row.fill(0.0);
    let items = items.get_mut(..len).unwrap_or_default();
    let (items, blocks) = sort(items, others);
    let bonus = enough(lambda, items);
    let blocks = pool(items, bonus, blocks);
    let tau = threshold(blocks);
    for (members, block, rank) in each_block(items, blocks) {
        let first = members.first().map_or(0, |first| first.index as usize);
        let label = places.get(first).copied().unwrap_or(0);
        let p = tau.below(block.sum / block.count);
        for item in members {
            let index = item.index as usize;
            set(row, index, p);
            set(groups, index, label);
            set(rates, index, rank);
        }
    }
    // What a larger bonus, from which on all are one block, gives them.
    let lambda = lambda.min(WIDEST_PENALTY);
    let given = (lambda - bonus) * 0.5 * (len as f64 - 1.0);
    Solved {
        threshold: tau.0.rounded() + given,
        converged: true,
    }
}

/// How far below the maximum a score is looked for in the support of `count`.
fn reach(lambda: f64, count: usize) -> f64 {
    1.0 + lambda * (count as f64 - 1.0)
}

#[inline(always)]
fn set<T>(to: &mut [T], index: usize, value: T) {
    if let Some(place) = to.get_mut(index) {
        *place = value;
    }
}

/// Scores to what is published as oscarmax.
#[inline(never)]
fn solve_published(frame: Frame, lambda: f64) -> Solved {
    let Frame {
        row,
        groups,
        rates,
        largest,
        work,
    } = frame;
    let (items, others, scratch) = parts(work, row.len());
    let mut len = 0;
    for (index, &u) in row.iter().enumerate() {
        if u > f64::NEG_INFINITY {
            let score = u + largest;
            set(
                items,
                len,
                Item {
                    value: score.abs(),
                    index: index as u32,
                    is_negative: score < 0.0,
                },
            );
            len += 1;
        }
    }
    let items = items.get_mut(..len).unwrap_or_default();
    let (items, blocks) = sort(items, others);
    let bonus = enough(lambda, items);
    let blocks = pool(items, bonus, blocks);
    // A larger lambda than that cuts everything off.
    let last = (len as f64 - 1.0) * lambda.min(WIDEST_PENALTY);
    for (members, block, rank) in each_block(items, blocks) {
        let label = members.first().map_or(0, |first| first.index);
        let magnitude = if lambda == bonus {
            block.sum / block.count - last
        } else {
            members.iter().map(|item| item.value).sum::<f64>() / block.count - 0.5 * last
        };
        let negative = members.iter().filter(|item| item.is_negative).count();
        let mixed = if negative % members.len().max(1) == 0 {
            0
        } else {
            MIXED
        };
        for item in members {
            let index = item.index as usize;
            let sign = if item.is_negative { -1.0 } else { 1.0 };
            set(row, index, sign * magnitude.max(0.0));
            if magnitude > 0.0 {
                let turned = if item.is_negative { TURNED } else { 0 };
                set(groups, index, label | turned | mixed);
                set(rates, index, sign * (rank - (len as f64 - 1.0)));
            } else {
                set(groups, index, FIXED);
            }
        }
    }
    let solved = sparsemax(row, scratch);
    Solved {
        threshold: solved.threshold - largest,
        ..solved
    }
}

/// As [`frame::WIDEST`].
const WIDEST_PENALTY: f64 = frame::WIDEST;
