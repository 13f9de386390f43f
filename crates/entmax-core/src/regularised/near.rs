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
    scores: *const T,
    pub indices: *const u32,
    pub len: usize,
    max: f64,
    temperature: f64,
}

impl<T: Entry> Near<T> {
    /// How far the k-th score lies below the maximum: negative, or 0.
    ///
    /// # Safety
    /// k < len, and the workspace is as it was left.
    #[inline(always)]
    pub unsafe fn distance(&self, k: usize) -> f64 {
        // SAFETY: by the caller.
        let gap = unsafe { (*self.scores.add(k)).to_f64() } - self.max;
        if self.temperature == 1.0 {
            gap
        } else {
            gap / self.temperature
        }
    }
}

/// The scores that are less than `reach` below the maximum, over the temperature, in order, and perhaps some a rounding
/// farther; or what becomes of a row without a finite maximum.
///
/// # Safety
/// `x` is readable for `n` scores; `memory` is 64-aligned and as long as [`workspace`] says.
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
        Ok(Near {
            scores,
            indices,
            len: T::above(x, n, max, bound, (scores, indices)),
            max: max.to_f64(),
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
        for (k, (u, (group, &place))) in row
            .iter_mut()
            .zip(groups.iter_mut().zip(places))
            .enumerate()
        {
            (*u, *group) = (near.distance(k).max(-WIDEST), place);
        }
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
        core::ptr::write_bytes(out, 0, n);
        labels.clear(n);
        for (k, &place) in places.iter().enumerate() {
            let place = place as usize;
            let number = |values: &[f64]| T::from_f64(values.get(k).copied().unwrap_or(0.0));
            *out.add(place) = number(row);
            if !labels.groups.is_null() {
                *labels.groups.add(place) = groups.get(k).copied().unwrap_or(EXCLUDED);
            }
            if !labels.rates.is_null() {
                *labels.rates.add(place) = number(rates);
            }
        }
        Outcome::Solved(solved)
    }
}
