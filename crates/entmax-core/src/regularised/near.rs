//! The scores of a row that lie no farther below its maximum than its map looks, with their indices: all that can be in the support.

use super::frame::{self, Entry, Labels, Outcome, Solved, EXCLUDED, WIDEST};

/// Numbers that a list may be longer than the row.
const SPARE: usize = 160;

/// Bytes of workspace, for either type.
pub const fn workspace(n: usize) -> usize {
    ((n + SPARE) * (size_of::<f64>() + size_of::<u32>())).next_multiple_of(64)
}

/// The list, and what distances are from.
pub struct Near<T> {
    /// The row itself where all of it is near.
    scores: *const T,
    pub indices: *mut u32,
    pub len: usize,
    max: f64,
    temperature: f64,
}

impl<T: Entry> Near<T> {
    /// How far they lie below the maximum, no farther than [`WIDEST`]: negative, or 0.
    ///
    /// # Safety
    /// The workspace is as it was left.
    #[inline(never)]
    pub unsafe fn distances(&self, to: &mut [f64]) {
        let len = to.len().min(self.len);
        // SAFETY: by the caller.
        let scores = unsafe { core::slice::from_raw_parts(self.scores, len) };
        let gaps = to.iter_mut().zip(scores);
        let within = |gap: f64| if gap < -WIDEST { -WIDEST } else { gap };
        // A loop for each is vectorised.
        if self.temperature == 1.0 {
            gaps.for_each(|(u, &score)| *u = within(score.to_f64() - self.max));
        } else {
            let gap = |score: T| (score.to_f64() - self.max) / self.temperature;
            gaps.for_each(|(u, &score)| *u = within(gap(score)));
        }
    }
}

/// Whether all scores exceed the maximum by more than `bound`.
///
/// # Safety
/// `x` is readable for `n` scores.
#[inline(always)]
unsafe fn are_all_above<T: Entry>(x: *const T, n: usize, max: f64, bound: f64) -> bool {
    // SAFETY: by the caller.
    let scores = unsafe { core::slice::from_raw_parts(x, n) };
    scores.iter().all(|score| score.to_f64() - max > bound)
}

/// The scores that are less than `reach` below the maximum, over the temperature, in order, and perhaps some a rounding
/// farther; or what becomes of a row without a finite maximum.
///
/// # Safety
/// `x` is readable for `n` scores; `memory` is 64-aligned and as long as [`workspace`] says.
#[inline(never)]
pub unsafe fn collect<T: Entry>(
    x: *const T,
    n: usize,
    temperature: f64,
    reach: f64,
    memory: *mut u8,
) -> Result<Near<T>, Outcome> {
    if n == 0 {
        return Err(Outcome::Empty);
    }
    // SAFETY: by the caller.
    unsafe {
        let max = T::maximum(x, n).ok_or(Outcome::NotANumber)?;
        if max == T::NEG_INFINITY {
            return Err(Outcome::Empty);
        }
        if max == T::INFINITY {
            return Err(Outcome::Infinite);
        }
        let scores: *mut T = memory.cast();
        let indices: *mut u32 = memory.wrapping_add((n + SPARE) * size_of::<f64>()).cast();
        // From so far on all finite scores.
        let bound = reach * temperature;
        let bound = if bound < WIDEST {
            -bound
        } else {
            f64::NEG_INFINITY
        };
        let (max, list) = (max.to_f64(), (scores, indices));
        let (scores, len) = if are_all_above(x, n, max, bound) {
            (0..n).for_each(|j| *indices.add(j) = j as u32);
            (x, n)
        } else {
            let len = T::above(x, n, T::from_f64(max), bound, list);
            (scores.cast_const(), len)
        };
        Ok(Near {
            scores,
            indices,
            len,
            max,
            temperature,
        })
    }
}

/// Numbers of f64 that [`solve`] needs behind the list, beside a map's scratch: entries, rates and groups.
const fn numbers(n: usize) -> usize {
    2 * n + n.div_ceil(2)
}

/// Bytes of workspace of [`solve`], for a map with so many numbers of scratch.
pub const fn solve_workspace(n: usize, scratch: usize) -> usize {
    workspace(n) + ((numbers(n) + scratch) * size_of::<f64>()).next_multiple_of(64)
}

/// The list as a map with groups sees it.
pub struct NearFrame<'a> {
    /// (score - max) / temperature; then the probabilities.
    pub row: &'a mut [f64],
    /// Where in the row each is.
    pub places: &'a [u32],
    /// The place of one of its group, for each.
    pub groups: &'a mut [u32],
    /// As [`Labels::rates`]; empty where they are not wanted.
    pub rates: &'a mut [f64],
    /// Scratch of as many numbers as the map asks for.
    pub work: &'a mut [f64],
}

/// From scores to probabilities, told whether the score at a place counts.
pub type Map<'a> = dyn Fn(NearFrame, &dyn Fn(usize) -> bool) -> Solved + 'a;

/// A row of a map with groups, of the scores within `reach` of the maximum. All others have p = 0 and no group.
///
/// # Safety
/// As [`super::frame::solve_grouped`], with a `memory` of [`solve_workspace`].
#[inline(never)]
pub unsafe fn solve<T: Entry>(
    (x, n): (*const T, usize),
    (temperature, reach): (f64, f64),
    out: *mut T,
    labels: Labels<T>,
    (memory, scratch): (*mut u8, usize),
    map: &Map,
) -> Outcome {
    // SAFETY: by the caller; disjoint parts of the workspace, of plain numbers.
    unsafe {
        let near = match collect(x, n, temperature, reach, memory) {
            Ok(near) => near,
            Err(outcome) => {
                frame::settle_edge(x, n, outcome, out);
                labels.clear(n);
                return outcome;
            }
        };
        let len = near.len;
        let row: *mut f64 = memory.wrapping_add(workspace(n)).cast();
        let (rates, work) = (row.wrapping_add(n), row.wrapping_add(2 * n));
        let groups: *mut u32 = work.wrapping_add(scratch).cast();
        let row = core::slice::from_raw_parts_mut(row, len);
        let places = core::slice::from_raw_parts(near.indices, len);
        let groups = core::slice::from_raw_parts_mut(groups, len);
        let with_rates = if labels.rates.is_null() { 0 } else { len };
        let rates = core::slice::from_raw_parts_mut(rates, with_rates);
        near.distances(row);
        groups.copy_from_slice(places);
        rates.fill(0.0);
        let solved = map(
            NearFrame {
                row,
                places,
                groups,
                rates,
                work: core::slice::from_raw_parts_mut(work, scratch),
            },
            &|place| place < n && *x.add(place) > T::NEG_INFINITY,
        );
        spread::<T, f64>(row, places, out, n, T::from_f64, T::ZERO);
        spread::<u32, u32>(groups, places, labels.groups, n, |group| group, EXCLUDED);
        spread::<T, f64>(rates, places, labels.rates, n, T::from_f64, T::ZERO);
        Outcome::Solved(solved)
    }
}

/// The values to their places among `n`, and `other` to all else; nothing to null.
///
/// # Safety
/// `to` is null or writable for `n`; places ascend below that.
#[inline(never)]
unsafe fn spread<T: Copy, U: Copy>(
    values: &[U],
    places: &[u32],
    to: *mut T,
    n: usize,
    cast: impl Fn(U) -> T,
    other: T,
) {
    if to.is_null() {
        return;
    }
    // SAFETY: by the caller.
    let to = unsafe { core::slice::from_raw_parts_mut(to, n) };
    if values.len() == n {
        let pairs = to.iter_mut().zip(values);
        pairs.for_each(|(place, &value)| *place = cast(value));
        return;
    }
    to.fill(other);
    for (&value, &place) in values.iter().zip(places) {
        if let Some(place) = to.get_mut(place as usize) {
            *place = cast(value);
        }
    }
}
