//! Weights of one row of f32 scores, whichever way the scores were found.
//!
//! A row whose support is small is a list with canonical weights (see `canonical`); any other row goes to the row map as a
//! whole. Which of the two it is depends on the size of the canonical support and on nothing else, so a row that was
//! screened, and one of which all scores are known, end with the same bits.
//!
//! | rows | weights |
//! |---|---|
//! | 1 < alpha <= 2, at least [`SHORTEST`] keys, support up to a share of them | canonical, a list |
//! | softmax, alpha > 2, top-k, short rows, larger supports | the row map's, of the whole row |

use super::canonical::{Candidates, LEAST_EXPONENT};
use crate::maps::kernels::{
    behind_lists, bound_of_maxima, certified, find_above, lists, maxima_len, solve_on_simplex,
    Candidates as Listed, EntmaxF32, IntegerPower, List, Outcome, Problem, RealPower, Scores,
    Settings, Solved, Tail, BLOCK,
};
use crate::simd::{F32Block, LANES};

/// Shorter rows go to the row map, which needs no bound for them.
pub const SHORTEST: usize = 256;
/// A weight above this share of the largest is inside the support, whatever rounding does to the threshold.
const SURELY_INSIDE: f32 = 1e-4;
/// Newton's steps for a lower bound, which may end anywhere left of the root.
const BOUND_STEPS: usize = 6;
/// Newton's steps on a list, which only have to come near.
const STEPS: usize = 40;

/// How large a support may be, as a share of the row, for canonical weights: a power of the general kind costs ten times a
/// product.
fn share(exponent: f64) -> usize {
    if exponent == 1.0 || exponent == 0.5 || exponent == 0.25 {
        4
    } else {
        32
    }
}

/// Whether rows of `n` keys may have canonical weights at all.
pub fn may_be_canonical(n: usize, settings: &Settings<f32>) -> bool {
    n >= SHORTEST
        && settings.k == 0
        && settings.parameter >= LEAST_EXPONENT
        && settings.parameter <= 1.0
}

/// Newton's method and the bound by lane maxima, for the power that belongs to an exponent.
macro_rules! with_power {
    ($exponent:expr, $power:ident => $body:expr) => {{
        let exponent: f64 = $exponent;
        if exponent == 1.0 {
            let $power = IntegerPower::<1>;
            $body
        } else if exponent == 0.5 {
            let $power = IntegerPower::<2>;
            $body
        } else if exponent == 0.25 {
            let $power = IntegerPower::<4>;
            $body
        } else {
            let $power = RealPower::new(exponent);
            $body
        }
    }};
}

/// A lower bound of the threshold c from the lane maxima of a row.
///
/// # Safety
/// As [`bound_of_maxima`].
#[inline(never)]
pub unsafe fn lower_bound<V: F32Block>(exponent: f64, n: usize, max: f32, maxima: *mut f32) -> f64 {
    // SAFETY: passed on.
    with_power!(exponent, power => unsafe { bound_of_maxima::<V, _>(power, n, max, maxima).0 })
}

/// Collects the scores with `score - max > bound` from the blocks whose lane maxima tell of some; false where more than `most`
/// do, or so many lane maxima lie above that it is not worth the attempt.
///
/// # Safety
/// The list has room for `most` and 160 more; `maxima` are the row's, with as much room behind them.
#[inline(never)]
pub unsafe fn collect_few<V: F32Block>(
    found: &mut Listed,
    row: &Scores,
    maxima: *mut f32,
    (max, bound): (f32, f32),
    most: usize,
) -> bool {
    let total = maxima_len(row.len);
    let blocks: *mut u32 = maxima.wrapping_add(total).cast();
    // SAFETY: by the caller.
    unsafe {
        let above = find_above::<V>(maxima, total, max, bound, blocks);
        16 * above.maxima <= 15 * total
            && found.collect::<V>(row, (blocks, above.blocks), max, bound, most)
    }
}

/// A lower bound of the threshold of any row that holds these scores, each `weight` times; -inf for none, or where one is
/// not finite.
///
/// # Safety
/// `scores` is readable for `len` floats, and writable up to the next multiple of 16.
#[inline(never)]
pub unsafe fn subset_threshold<V: F32Block>(
    exponent: f64,
    scores: *mut f32,
    len: usize,
    weight: f64,
) -> f64 {
    // SAFETY: by the caller.
    unsafe {
        for j in len..len.next_multiple_of(LANES) {
            *scores.add(j) = f32::NEG_INFINITY;
        }
        let scores = &Scores::whole(scores, len.next_multiple_of(LANES));
        let max = match scores.maximum::<V>() {
            Some(max) if max.is_finite() => max,
            _ => return f64::NEG_INFINITY,
        };
        let c = with_power!(exponent, power => {
            let problem = Problem { power, scores, max, weight };
            problem.newton::<V>(0.0, BOUND_STEPS, core::ptr::null_mut()).c
        });
        f64::from(max) + f64::from(certified(c - 1.0 / exponent))
    }
}

/// Canonical weights of the `len` candidates, in place of their scores, unless the support is too large for them.
///
/// # Safety
/// `scores` is readable and writable for `len` floats, rounded up to 16 plus 16, and holds all of the support, `max` among
/// them; `wide` is writable for `len` f64.
#[inline(never)]
pub unsafe fn canonical<V: F32Block>(
    (n, exponent): (usize, f64),
    (scores, len): (*mut f32, usize),
    (max, start): (f32, f64),
    wide: *mut f64,
) -> Option<Solved> {
    // SAFETY: by the caller.
    unsafe {
        V::splat(f32::NEG_INFINITY).store(scores.add(len));
        let padded = &Scores::whole(scores, len.next_multiple_of(LANES));
        let estimate = with_power!(exponent, power => {
            let problem = Problem { power, scores: padded, max, weight: 1.0 };
            problem.newton::<V>(start, STEPS, core::ptr::null_mut()).c
        });
        for j in 0..len {
            *wide.add(j) = f64::from(*scores.add(j)) - f64::from(max);
        }
        let candidates = Candidates {
            u: wide,
            len,
            exponent,
        };
        let c = candidates.threshold(estimate);
        let size = candidates.weights(c, scores);
        (size * share(exponent) <= n).then_some(Solved {
            cutoff: c - 1.0 / exponent,
            converged: true,
            exact: true,
            absolute: false,
        })
    }
}

/// The weights of a row all of whose scores are in `row`: a list in the scratch, or the row itself in their place.
/// `rescore` writes the scores again.
///
/// # Safety
/// `row` is readable and writable for `n >= 1` floats; `scratch` as [`RowKernel::scratch`] says.
#[inline(never)]
pub unsafe fn weigh<V: F32Block>(
    row: *mut f32,
    target: *mut f32,
    n: usize,
    settings: &Settings<f32>,
    scratch: *mut u8,
    list: &mut List<f32>,
    rescore: impl Fn(*mut f32),
) -> Outcome {
    let exponent = settings.parameter;
    let whole = |list: &mut List<f32>| unsafe {
        solve_on_simplex::<f32, EntmaxF32<V>>(row, target, n, settings, scratch, list)
    };
    if !may_be_canonical(n, settings) {
        return whole(list);
    }
    // SAFETY: the lists and what lies behind them are disjoint parts of the scratch.
    unsafe {
        let mut tail = Tail::uninit();
        let scores = &Scores::new(row, n, &mut tail);
        let maxima = behind_lists(n, scratch).cast::<f32>();
        let max = match scores.lane_maxima::<V>(maxima) {
            Some(max) if max.is_finite() => max,
            _ => return whole(list),
        };
        let bound = lower_bound::<V>(exponent, n, max, maxima);
        let cut = certified(bound - 1.0 / exponent);
        let mut found = lists(n, scratch);
        let is_short = collect_few::<V>(&mut found, scores, maxima, (max, cut), n / 2);
        if is_short {
            let wide = behind_lists(n, scratch).cast();
            let few = (found.scores, found.len);
            if let Some(solved) = canonical::<V>((n, exponent), few, (max, bound), wide) {
                *list = found.result();
                return Outcome::Solved(solved);
            }
        }
        let outcome = whole(list);
        let Outcome::Solved(solved) = outcome else {
            return outcome;
        };
        if is_short || surely_large(target, n, list, exponent) {
            return outcome;
        }
        // The lane maxima said many, the row map says few. Its threshold is off by 1e-6; the bound below is above any
        // certified one, so a path that has screened the row has listed all that is listed here, and more.
        rescore(row);
        let bound = 0.5 * (f64::from(certified(solved.cutoff)) + solved.cutoff);
        let mut tail = Tail::uninit();
        let scores = &Scores::new(row, n, &mut tail);
        let mut found = lists(n, scratch);
        let all = (core::ptr::null(), n.div_ceil(BLOCK));
        if found.collect::<V>(scores, all, max, bound as f32, n / 2) {
            let wide = behind_lists(n, scratch).cast();
            let few = (found.scores, found.len);
            let start = (bound + 1.0 / exponent).max(0.0);
            if let Some(solved) = canonical::<V>((n, exponent), few, (max, start), wide) {
                *list = found.result();
                return Outcome::Solved(solved);
            }
        }
        *list = List::NONE;
        whole(list)
    }
}

/// Whether the support of a row is larger than canonical weights are for, beyond doubt.
///
/// # Safety
/// The weights are in the list or in `p`.
#[inline(never)]
unsafe fn surely_large(p: *const f32, n: usize, list: &List<f32>, exponent: f64) -> bool {
    let (values, len) = if list.indices.is_null() {
        (p, n)
    } else {
        (list.values, list.len)
    };
    // SAFETY: by the caller.
    unsafe {
        let largest = (0..len).fold(0.0, |most: f32, j| most.max(*values.add(j)));
        let least = largest * SURELY_INSIDE;
        let size = (0..len).filter(|&j| *values.add(j) > least).count();
        size * share(exponent) > n
    }
}
