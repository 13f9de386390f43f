//! SparseMAP of sets in closed form: any set, or with a budget (MATH.md sections 7.1 and 9).
//!
//! The marginals are clip(eta - t, 0, 1), t = 0 or such that they sum to the budget. A distribution over sets that has them is
//! systematic sampling: with the running sums C_i of mu, and u uniform in [0, 1), item i is chosen where one of u, u + 1, ...
//! lies in [C_(i-1), C_i). The set changes with u where that passes the fraction of a running sum, so there are no more sets than
//! items, and one; they are independent, and sizes differ by one at most. The weight of each is the length of its interval.
//!
//! One call of the oracle certifies the result, as it does that of the active set.

use super::active_set::{Atoms, Ending, Turn};
use super::any::Any;
use super::capped::Cut;
use super::factor::{Factor, Room};
use super::graph::cut;
use super::heap::{smallest_and_last_first, Heap};
use super::subsets::flip_bit;

/// Weights up to this are no part of the support.
const NOTHING: f64 = 1e-12;

/// f64 of scratch.
pub const fn numbers(parts: usize) -> usize {
    5 * parts
}

/// What sums a set may have.
struct Sums {
    total: usize,
    exact: bool,
}

impl Sums {
    fn of(factor: &Any) -> Option<Sums> {
        let (total, exact) = match factor {
            Any::Bits(set) => (set.size, false),
            Any::Budget(set) => (set.k, !set.at_most),
            _ => return None,
        };
        Some(Sums { total, exact })
    }

    /// The marginals of the items that are possible, in place of their scores. False where no set is.
    fn project(&self, scores: &mut [f64], ones: &mut [f64]) -> bool {
        let free: f64 = scores.iter().map(|score| score.clamp(0.0, 1.0)).sum();
        let total = self.total as f64;
        if self.exact || free > total {
            if self.exact && self.total > scores.len() {
                return false;
            }
            ones.fill(1.0);
            let box_of = Cut {
                normals: ones,
                highs: ones,
            };
            box_of.shift(scores, total);
        }
        for score in scores {
            *score = score.clamp(0.0, 1.0);
        }
        true
    }
}

/// The items of a problem that are possible: numbers of parts, marginals, and running sums of these.
struct Items<'a> {
    parts: &'a [i32],
    mu: &'a [f64],
    sums: &'a [f64],
}

impl Items<'_> {
    /// The set of all u in an interval around this one.
    fn choose(&self, u: f64, key: &mut [i32]) {
        key.fill(0);
        let mut before = libm::ceil(-u);
        for (&part, &sum) in self.parts.iter().zip(self.sums) {
            let after = libm::ceil(sum - u);
            if after > before {
                flip_bit(key, part as usize);
            }
            before = after;
        }
    }
}

/// Solves a problem of such a factor. None where the factor is another, where there is too little room, or where rounding leaves a
/// gap above the tolerance; the atoms are then those of before, or a good beginning.
///
/// # Safety
/// The atoms' places are writable for their capacity; `key` has room for one.
pub unsafe fn solve(
    factor: &Any,
    unary: &[f64],
    tolerance: f64,
    atoms: &mut Atoms,
    mut scratch: &mut [f64],
    (room, key): (&mut Room, &mut [i32]),
) -> Option<Turn> {
    let sums = Sums::of(factor)?;
    let n = factor.parts();
    if atoms.capacity <= n {
        return None;
    }
    let left = &mut scratch;
    let (mu, work) = (cut(left, n)?, cut(left, n)?);
    let (running, order, parts) = (cut(left, n)?, cut(left, n)?, cut(left, n)?);
    // SAFETY: every pattern of bits is an i32, and an f64 holds two.
    let (parts, order_items) = unsafe { as_indices(parts, n) };
    let mut count = 0;
    for (part, &score) in unary.iter().enumerate() {
        if score > f64::NEG_INFINITY {
            *mu.get_mut(count)? = score;
            *parts.get_mut(count)? = part as i32;
            count += 1;
        }
    }
    let (mu, work) = (mu.get_mut(..count)?, work.get_mut(..count)?);
    if !sums.project(mu, work) {
        return Some(Turn {
            ending: Ending::Infeasible,
            gap: f64::NAN,
            objective: f64::NEG_INFINITY,
            calls: 1,
        });
    }
    let count = keep_positive(mu, parts);
    let mut sum = 0.0;
    for (running, &mu) in running.iter_mut().zip(mu.iter()).take(count) {
        sum += mu;
        *running = sum;
    }
    if sums.exact {
        // What the last sums miss of it is rounding.
        let total = sums.total as f64;
        for running in running.get_mut(..count)? {
            if total - *running < NOTHING {
                *running = total;
            }
        }
    }
    let items = Items {
        parts: parts.get(..count)?,
        mu: mu.get(..count)?,
        sums: running.get(..count)?,
    };
    atoms.count = 0;
    let mut fractions = Heap::new(order, order_items, smallest_and_last_first);
    for (&sum, &mu) in items.sums.iter().zip(items.mu) {
        // After an item that is certain the fraction is the one before.
        if mu < 1.0 {
            fractions.push((sum - libm::floor(sum), 0));
        }
    }
    let mut from = 0.0;
    loop {
        let next = fractions.pop();
        let to = next.map_or(1.0, |(fraction, _)| fraction);
        if to - from > NOTHING {
            items.choose(0.5 * (from + to), key);
            // SAFETY: there are no more intervals than items, and one.
            unsafe { push(atoms, key, to - from) };
            from = to;
        }
        if next.is_none() {
            break;
        }
    }
    // SAFETY: these are atoms.
    unsafe { normalise(atoms) };
    let turn = certify(factor, unary, &items, (order, room, key));
    (turn.gap <= tolerance.max(1e-14 * (1.0 + turn.objective.abs()))).then_some(turn)
}

/// Moves what is above 0 to the front, and returns how many that are.
fn keep_positive(mu: &mut [f64], parts: &mut [i32]) -> usize {
    let mut count = 0;
    for at in 0..mu.len() {
        let value = mu.get(at).copied().unwrap_or(0.0);
        if value > 0.0 {
            let part = parts.get(at).copied().unwrap_or(0);
            if let (Some(mu), Some(kept)) = (mu.get_mut(count), parts.get_mut(count)) {
                (*mu, *kept) = (value, part);
            }
            count += 1;
        }
    }
    count
}

/// Room for `n` indices twice.
///
/// # Safety
/// The slice has `n` numbers.
unsafe fn as_indices(numbers: &mut [f64], n: usize) -> (&mut [i32], &mut [i32]) {
    let first = numbers.as_mut_ptr().cast::<i32>();
    // SAFETY: by the caller; the halves are disjoint.
    unsafe {
        (
            core::slice::from_raw_parts_mut(first, n),
            core::slice::from_raw_parts_mut(first.add(n), n),
        )
    }
}

/// # Safety
/// There is room for another atom.
unsafe fn push(atoms: &mut Atoms, key: &[i32], weight: f64) {
    // SAFETY: by the caller.
    unsafe {
        let target = atoms.keys.add(atoms.count * key.len());
        core::ptr::copy_nonoverlapping(key.as_ptr(), target, key.len());
        *atoms.weights.add(atoms.count) = weight;
    }
    atoms.count += 1;
}

/// Weights that sum to 1, of which some may have been nothing.
///
/// # Safety
/// The atoms are there.
unsafe fn normalise(atoms: &mut Atoms) {
    // SAFETY: by the caller.
    let weights = unsafe { core::slice::from_raw_parts_mut(atoms.weights, atoms.count) };
    let total: f64 = weights.iter().sum();
    for weight in weights {
        *weight /= total;
    }
}

/// The gap, by one call of the oracle, and the objective.
fn certify(
    factor: &Any,
    unary: &[f64],
    items: &Items,
    (left, room, key): (&mut [f64], &mut Room, &mut [i32]),
) -> Turn {
    for (left, &score) in left.iter_mut().zip(unary) {
        *left = score;
    }
    let (mut tau, mut objective) = (0.0, 0.0);
    for (&part, &mu) in items.parts.iter().zip(items.mu) {
        if let Some(left) = left.get_mut(part as usize) {
            objective += mu * (*left - 0.5 * mu);
            *left -= mu;
            tau += mu * *left;
        }
    }
    factor.best(left, room, key);
    Turn {
        ending: Ending::Converged,
        gap: factor.score(left, key) - tau,
        objective,
        calls: 1,
    }
}
