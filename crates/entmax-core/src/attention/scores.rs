//! Scores of some queries of a head with its keys: scale q . k, plus bias, less slope times distance, -inf where masked.
//!
//! **The canonical product**: a score is the sum of q_c k_c over the channels in their order, in the type's own arithmetic,
//! then once multiplied by the scale. Whatever finds out which scores matter, these are the ones that count.
//!
//! Two queries and sixteen keys at a time: eight registers of sums, four loads of keys and two of queries for every
//! sixteen operations, which is what a core can do in the time of the operations.

use super::call::Attention;
use super::lanes::Lanes;
use super::panels::panels_of;
use crate::maps::Score;
use crate::simd::LANES;

/// Queries whose products are formed together.
pub const QUERIES: usize = 2;

/// The products of `Q` queries with the sixteen keys of a panel.
///
/// # Safety
/// `queries` are readable for `width` numbers, `panel` for 16 times as many.
#[inline(always)]
pub unsafe fn products<T: Score, L: Lanes<T>, const Q: usize>(
    queries: [*const T; Q],
    panel: *const T,
    width: usize,
) -> [L; Q] {
    let mut sums = [L::splat(T::ZERO); Q];
    for c in 0..width {
        // SAFETY: channel c of the panel and of each query.
        unsafe {
            let keys = L::load(panel.add(c * LANES));
            for (sum, query) in sums.iter_mut().zip(queries) {
                *sum = keys.mul_add(L::splat(*query.add(c)), *sum);
            }
        }
    }
    sums
}

/// Scaled products of the queries `first .. first + Q` with the first `count` panels, each query's to its own row.
///
/// # Safety
/// `rows` are writable for 16 numbers for each panel; the rest as [`Attention`] says.
#[inline(never)]
unsafe fn scaled<T: Score, L: Lanes<T>, const Q: usize>(
    queries: [*const T; Q],
    (panels, count): (*const T, usize),
    width: usize,
    scale: T,
    rows: [*mut T; Q],
) {
    let scale = L::splat(scale);
    for p in 0..count {
        // SAFETY: by the caller.
        unsafe {
            let panel = panels.add(p * LANES * width);
            let sums: [L; Q] = products(queries, panel, width);
            for (sum, row) in sums.into_iter().zip(rows) {
                sum.mul(scale).store(row.add(p * LANES));
            }
        }
    }
}

/// The scores of the queries `first .. first + count` of head `h` with the keys below `most`, rows of `pitch` apart.
/// What lies behind `most` is undefined.
///
/// # Safety
/// `rows` is writable for `count` rows of `most` numbers, rounded up to 16; the rest as [`Attention`] says.
pub unsafe fn score<T: Score, L: Lanes<T>>(
    call: &Attention<T>,
    (b, h): (usize, usize),
    (first, count): (usize, usize),
    most: usize,
    (rows, pitch): (*mut T, usize),
) {
    let scale = T::from_f64(call.scale);
    let (mut from, end) = (0, panels_of(most));
    let queries = (call.q.row(b, h, first).cast_const(), call.q.row);
    // SAFETY: by the caller.
    unsafe {
        while from < end {
            let to = call.run(from, end);
            let panels = (
                call.panel(b, call.key_head(h), from).cast_const(),
                to - from,
            );
            let rows = (rows.add(from * LANES), pitch);
            multiply::<T, L>(queries, count, panels, (call.width, scale), rows);
            from = to;
        }
        for i in 0..count {
            adjust::<T, L>(call, (b, h, first + i), rows.add(i * pitch), most);
        }
    }
}

/// Products of `count` rows of `width` channels, the first at `queries.0`, with panels, times a factor, to rows of their own.
///
/// # Safety
/// As [`score`].
#[inline(never)]
pub unsafe fn multiply<T: Score, L: Lanes<T>>(
    queries: (*const T, usize),
    count: usize,
    panels: (*const T, usize),
    (width, scale): (usize, T),
    (rows, pitch): (*mut T, usize),
) {
    let query = |i: usize| queries.0.wrapping_add(i * queries.1);
    let row = |i: usize| rows.wrapping_add(i * pitch);
    let pairs = count / QUERIES * QUERIES;
    // SAFETY: by the caller.
    unsafe {
        for i in (0..pairs).step_by(QUERIES) {
            let queries: [_; QUERIES] = core::array::from_fn(|k| query(i + k));
            let targets: [_; QUERIES] = core::array::from_fn(|k| row(i + k));
            scaled::<T, L, QUERIES>(queries, panels, width, scale, targets);
        }
        for i in pairs..count {
            scaled::<T, L, 1>([query(i)], panels, width, scale, [row(i)]);
        }
    }
}

/// Bias, distance and masks of one row.
///
/// # Safety
/// As [`score`].
#[inline(never)]
pub unsafe fn adjust<T: Score, L: Lanes<T>>(
    call: &Attention<T>,
    (b, h, i): (usize, usize, usize),
    row: *mut T,
    most: usize,
) {
    let bias = call.bias.row(b, h, i);
    let mask = call.mask.row(b, h, i);
    // SAFETY: keys below `most`, which is at most M.
    unsafe {
        if !bias.is_null() {
            let key = call.bias.key;
            let whole = if key == 1 { most / LANES * LANES } else { 0 };
            for j in (0..whole).step_by(LANES) {
                L::load(row.add(j))
                    .add(L::load(bias.add(j)))
                    .store(row.add(j));
            }
            for j in whole..most {
                let sum = (*row.add(j)).to_f64() + (*bias.add(j * key)).to_f64();
                *row.add(j) = T::from_f64(sum);
            }
        }
        if !call.slopes.is_null() {
            let slope = (*call.slopes.add(h)).to_f64();
            let place = call.place(i, call.lengths(b));
            for j in 0..most {
                let distance = place - j as f64;
                let distance = if distance < 0.0 { -distance } else { distance };
                *row.add(j) = T::from_f64((*row.add(j)).to_f64() - slope * distance);
            }
        }
        if !mask.is_null() {
            for j in 0..most {
                if *mask.add(j * call.mask.key) == 0 {
                    *row.add(j) = T::NEG_INFINITY;
                }
            }
        }
        if !call.key_mask.is_null() {
            let mask = call.key_mask.add(b * call.keys);
            for j in 0..most {
                if *mask.add(j) == 0 {
                    *row.add(j) = T::NEG_INFINITY;
                }
            }
        }
    }
}
