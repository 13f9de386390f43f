//! From a row of approximate scores to its weights: which keys may have some, and their canonical scores.

use super::call::Attention;
use super::scores::products;
use super::weights_f32::{canonical, collect_few, lower_bound, may_be_canonical, subset_threshold};
use crate::maps::kernels::{
    behind_lists, certified, lists, Candidates, List, Outcome, Scores, Settings, Tail,
};
use crate::simd::{F32Block, LANES};

/// The weights of a row of approximate scores that are off by `error` at most, or None where screening does not help and
/// the exact scores are needed; and how many keys were looked at.
///
/// # Safety
/// As [`super::weights_f32::weigh`]; the row is that of query `i` of head `h`.
#[inline(never)]
pub unsafe fn weigh_screened<V: F32Block>(
    call: &Attention<f32>,
    (b, h, i): (usize, usize, usize),
    (row, n, error): (*const f32, usize, f64),
    settings: &Settings<f32>,
    scratch: *mut u8,
    list: &mut List<f32>,
) -> (Option<Outcome>, usize) {
    let exponent = settings.parameter;
    if !may_be_canonical(n, settings) || !error.is_finite() || error > 1e30 {
        return (None, n);
    }
    // SAFETY: the lists and what lies behind them are disjoint parts of the scratch.
    unsafe {
        let mut tail = Tail::uninit();
        let scores = &Scores::new(row, n, &mut tail);
        let maxima = behind_lists(n, scratch).cast::<f32>();
        let max = match scores.lane_maxima::<V>(maxima) {
            Some(max) if max.is_finite() => max,
            _ => return (None, n),
        };
        let bound = lower_bound::<V>(exponent, n, max, maxima);
        let cut = certified(bound - 1.0 / exponent - 2.0 * error);
        let mut found = lists(n, scratch);
        if !collect_few::<V>(&mut found, scores, maxima, (max, cut), n / 4) {
            return (None, n);
        }
        if found.len >= WORTH_A_SECOND_LOOK {
            drop_hopeless::<V>(&mut found, exponent, error);
        }
        let exact = exact_scores::<V>(call, (b, h, i), found.indices, found.scores, found.len);
        let wide = behind_lists(n, scratch).cast();
        let start = (f64::from(max) + bound - error - f64::from(exact)).max(0.0);
        let few = (found.scores, found.len);
        let solved = canonical::<V>((n, exponent), few, (exact, start), wide);
        if solved.is_some() {
            *list = found.result();
        }
        (solved.map(Outcome::Solved), found.len)
    }
}

/// From so many candidates on, a second look at their approximate scores costs less than the exact ones of those that it
/// drops.
const WORTH_A_SECOND_LOOK: usize = 32;

/// Drops the candidates that lie below the threshold of the approximate scores: the lane maxima bound it from below, the
/// list has nearly all of it.
///
/// # Safety
/// The list is as [`collect_few`] leaves it.
#[inline(never)]
unsafe fn drop_hopeless<V: F32Block>(found: &mut Candidates, exponent: f64, error: f64) {
    // SAFETY: the list has room for its last block.
    unsafe {
        let tau = subset_threshold::<V>(exponent, found.scores, found.len, 1.0);
        let cut = tau - 2.0 * error;
        let mut len = 0;
        for j in 0..found.len {
            let (score, index) = (*found.scores.add(j), *found.indices.add(j));
            *found.scores.add(len) = score;
            *found.indices.add(len) = index;
            len += usize::from(f64::from(score) > cut);
        }
        found.len = len;
    }
}

/// From so many candidates of one panel on, the whole panel's products take less time.
const CROWDED: usize = 5;

/// The canonical scores of the keys `indices`, ascending, and their largest.
///
/// # Safety
/// `scores` is writable for `len` floats, rounded up to 16; the keys are below M.
#[inline(never)]
unsafe fn exact_scores<V: F32Block>(
    call: &Attention<f32>,
    (b, h, i): (usize, usize, usize),
    indices: *const u32,
    scores: *mut f32,
    len: usize,
) -> f32 {
    let (query, g) = (call.q.row(b, h, i), call.key_head(h));
    let width = call.width;
    let scale = V::splat(call.scale as f32);
    let mut largest = f32::NEG_INFINITY;
    // Candidates whose panels have few of them wait until there are sixteen.
    let (mut waiting, mut places) = ([0; LANES], 0);
    // SAFETY: by the caller; positions below len.
    unsafe {
        let panel_of = |p: usize| call.panel(b, g, p).cast_const();
        let mut settle = |waiting: &[usize; LANES], places: usize| {
            let key = |lane: usize| *indices.add(waiting[lane.min(places - 1)]) as usize;
            let mut sum = V::splat(0.0);
            let mut add = |channel: V, c: usize| {
                sum = channel.mul_add(V::splat(*query.add(c)), sum);
            };
            if call.pages.is_null() {
                // The keys as they were given: four channels at a time, and few lines of memory.
                let rows: [*const f32; LANES] =
                    core::array::from_fn(|lane| call.k.row(b, g, key(lane)).cast_const());
                let fours = width / 4 * 4;
                for c in (0..fours).step_by(4) {
                    let channels: [V; 4] = V::columns(rows.map(|row| row.add(c)));
                    for (i, channel) in channels.into_iter().enumerate() {
                        add(channel, c + i);
                    }
                }
                for c in fours..width {
                    add(V::gather(|lane| rows[lane].wrapping_add(c)), c);
                }
            } else {
                let keys: [*const f32; LANES] =
                    core::array::from_fn(|lane| panel_of(key(lane) / LANES).add(key(lane) % LANES));
                for c in 0..width {
                    add(V::gather(|lane| keys[lane].wrapping_add(c * LANES)), c);
                }
            }
            let mut lanes = [0.0; LANES];
            sum.mul(scale).store(lanes.as_mut_ptr());
            for lane in 0..places {
                *scores.add(waiting[lane]) = lanes[lane];
                largest = largest.max(lanes[lane]);
            }
        };
        let mut crowded = f32::NEG_INFINITY;
        let mut j = 0;
        while j < len {
            let panel = *indices.add(j) as usize / LANES;
            let mut end = j + 1;
            while end < len && *indices.add(end) as usize / LANES == panel {
                end += 1;
            }
            if end - j >= CROWDED {
                let [sum]: [V; 1] = products([query.cast_const()], panel_of(panel), width);
                let mut lanes = [0.0; LANES];
                sum.mul(scale).store(lanes.as_mut_ptr());
                for at in j..end {
                    let score = lanes[*indices.add(at) as usize % LANES];
                    *scores.add(at) = score;
                    crowded = crowded.max(score);
                }
                j = end;
                continue;
            }
            while j < end {
                waiting[places] = j;
                places += 1;
                j += 1;
                if places == LANES {
                    settle(&waiting, places);
                    places = 0;
                }
            }
        }
        if places > 0 {
            settle(&waiting, places);
        }
        largest.max(crowded)
    }
}
