//! Screening by integers: which keys can matter, for half the work of the products in f32 or less.
//!
//! Keys and queries are rounded to multiples of a step of their own, k = k' + e_k and q = q' + e_q, so that q' . k' is a sum of
//! products of small integers: 12 bits in pairs of i16 for a block of queries, 7 bits in quadruples for keys of a
//! cache, of which a single query reads every one. By Cauchy and Schwarz
//!
//! ```text
//! |q . k - q' . k'|  <=  |q| |e_k| + |e_q| |k'|,
//! ```
//!
//! and the computed f32 score, like the approximate one, is off by no more than gamma_d |q| |k|, gamma_d = d u / (1 - d u). With
//! eps the sum of these (PERFORMANCE.md section 5.2), every score lies within eps of its approximation. So the threshold
//! of the approximate row less eps is a lower bound of the row's (it is monotone, and shifts with the scores), and a key
//! whose approximate score lies more than 2 eps below the approximate threshold is not in the support. The others get
//! their canonical scores, and with them the weights that they would have had without any screening.

use super::blocks::{blocks_of, may_skip, want, Query, Wanted, BLOCK_PANELS};
use super::call::Attention;
use super::canonical::LEAST_EXPONENT;
use super::forward::BLOCK;
use super::panels::panels_of;
use super::rounding::{channels, limit, record_bytes, round, words, HEAD, OFFSET};
use super::scores::adjust;
use crate::maps::staging::ALIGNMENT;
use crate::simd::integers::Integers;
use crate::simd::{F32Block, LANES};

/// A block of queries as integers, in the workspace.
pub struct Queries {
    /// Rows of [`words`] words.
    words: *mut i32,
    per_query: usize,
    quads: bool,
    /// Step times scale, and the start of a sum.
    factors: [f32; BLOCK],
    starts: [i32; BLOCK],
    /// |q| and |e_q|.
    norms: [f64; BLOCK],
    lefts: [f64; BLOCK],
    /// What an exact score may be off by from the computed one, and from the approximate one: once the keys are known.
    slacks: [f64; BLOCK],
    pub errors: [f64; BLOCK],
    /// Blocks of keys, each for a pair of queries: all, and those that were skipped.
    pub blocks: usize,
    pub skipped: usize,
}

/// Bytes of a block's words.
fn words_bytes(width: usize) -> usize {
    (BLOCK * words(width, false) * 4).next_multiple_of(ALIGNMENT)
}

/// Bytes that screening a block needs, besides the rows: words, and the bounds of blocks of keys.
pub fn room_bytes(keys: usize, width: usize) -> usize {
    words_bytes(width) + 4 * (2 * blocks_of(keys).next_multiple_of(LANES) + LANES)
}

/// Rounds the queries `first .. first + count` of head `h`.
///
/// # Safety
/// As [`Attention`] says; `at` is writable for the block's words.
unsafe fn round_queries(
    call: &Attention<f32>,
    (b, h): (usize, usize),
    (first, count): (usize, usize),
    at: *mut i32,
) -> Queries {
    let (width, quads) = (call.width, call.quads());
    let mut queries = Queries {
        words: at,
        per_query: words(width, quads),
        quads,
        factors: [0.0; BLOCK],
        starts: [0; BLOCK],
        norms: [0.0; BLOCK],
        lefts: [0.0; BLOCK],
        slacks: [0.0; BLOCK],
        errors: [0.0; BLOCK],
        blocks: 0,
        skipped: 0,
    };
    for i in 0..count {
        // SAFETY: by the caller.
        unsafe {
            let query = call.q.row(b, h, first + i);
            let row = at.add(i * queries.per_query);
            for w in 0..queries.per_query {
                *row.add(w) = 0;
            }
            let bits = 32 / channels(quads);
            let mask = u32::MAX >> (32 - bits);
            let mut sum = 0;
            let rounded = round(
                width,
                limit(quads, true),
                |c| *query.add(c),
                |c, integer| {
                    let word = row.add(c / channels(quads)).cast::<u32>();
                    *word |= (integer as u32 & mask) << (bits * (c % channels(quads)));
                    sum += integer;
                },
            );
            queries.factors[i] = (rounded.step * call.scale) as f32;
            queries.starts[i] = if quads { -OFFSET * sum } else { 0 };
            queries.norms[i] = rounded.norm;
            queries.lefts[i] = rounded.error;
        }
    }
    queries
}

/// The largest |e_k| and |k| of some keys.
#[derive(Clone, Copy, Default)]
struct Largest {
    error: f32,
    norm: f32,
}

impl Largest {
    /// With the keys of one more panel.
    ///
    /// # Safety
    /// `record` is a panel's.
    #[inline(always)]
    unsafe fn and(self, record: *const u8) -> Largest {
        let steps = record.cast::<f32>();
        // SAFETY: by the caller.
        unsafe {
            Largest {
                error: self.error.max(*steps.add(LANES)),
                norm: self.norm.max(*steps.add(LANES + 1)),
            }
        }
    }
}

impl Queries {
    /// Bounds the errors, given the keys that the scores belong to.
    fn bound(&mut self, call: &Attention<f32>, keys: Largest) {
        let (key_error, key_norm) = (f64::from(keys.error), f64::from(keys.norm));
        let gamma = (call.width + 8) as f64 * f64::from(f32::EPSILON);
        let scale = libm::fabs(call.scale) * (1.0 + 1e-5);
        for i in 0..BLOCK {
            let (norm, left) = (self.norms[i], self.lefts[i]);
            let error = norm * key_error + left * (key_norm + key_error);
            self.slacks[i] = gamma * scale * norm * key_norm + 1e-37;
            self.errors[i] = scale * error + self.slacks[i];
        }
    }
}

/// Approximate scores of `Q` queries with the first `count` panels.
///
/// # Safety
/// `records` are those of the panels; `rows` are writable for 16 floats for each.
#[inline(always)]
unsafe fn approximate_rows<V: F32Block, const Q: usize, const QUADS: bool>(
    queries: &Queries,
    first: usize,
    (records, count, bytes): (*const u8, usize, usize),
    rows: [*mut f32; Q],
    mut largest: Largest,
) -> Largest {
    let per_query = queries.per_query;
    let factors: [V; Q] = core::array::from_fn(|q| V::splat(queries.factors[first + q]));
    // SAFETY: by the caller.
    unsafe {
        let words: [*const i32; Q] =
            core::array::from_fn(|q| queries.words.add((first + q) * per_query).cast_const());
        for p in 0..count {
            let record = records.add(p * bytes);
            let data = record.add(HEAD);
            largest = largest.and(record);
            let mut sums: [V::Integers; Q] =
                core::array::from_fn(|q| V::Integers::splat(queries.starts[first + q]));
            for w in 0..per_query {
                let keys = data.add(w * 4 * LANES);
                for (sum, words) in sums.iter_mut().zip(words) {
                    let word = *words.add(w);
                    *sum = if QUADS {
                        sum.add_quads(keys, word)
                    } else {
                        sum.add_pairs(keys.cast(), word)
                    };
                }
            }
            let steps = V::load(record.cast());
            for (q, row) in rows.into_iter().enumerate() {
                let score = V::of_integers(sums[q]).mul(steps).mul(factors[q]);
                score.store(row.add(p * LANES));
            }
        }
    }
    largest
}

/// Approximate scores of the queries `i` and, if `pair`, `i + 1`, with the panels `from .. to`; the largest of their keys.
///
/// # Safety
/// As [`super::scores::score`].
#[inline(never)]
unsafe fn approximate<V: F32Block>(
    call: &Attention<f32>,
    (b, h): (usize, usize),
    queries: &Queries,
    (i, pair): (usize, bool),
    (from, to): (usize, usize),
    (rows, pitch): (*mut f32, usize),
) -> Largest {
    let bytes = record_bytes(call.width, queries.quads);
    let mut largest = Largest::default();
    let mut at = from;
    while at < to {
        let end = call.run(at, to);
        // SAFETY: by the caller.
        unsafe {
            let record = call.record(b, call.key_head(h), at);
            let records = (record.cast_const(), end - at, bytes);
            let first = rows.add(i * pitch + at * LANES);
            let both = [first, first.wrapping_add(pitch)];
            largest = match (queries.quads, pair) {
                (true, true) => approximate_rows::<V, 2, true>(queries, i, records, both, largest),
                (true, false) => {
                    approximate_rows::<V, 1, true>(queries, i, records, [first], largest)
                }
                (false, true) => {
                    approximate_rows::<V, 2, false>(queries, i, records, both, largest)
                }
                (false, false) => {
                    approximate_rows::<V, 1, false>(queries, i, records, [first], largest)
                }
            };
        }
        at = end;
    }
    largest
}

/// The same with the wanted blocks only; -inf in the others.
///
/// # Safety
/// As [`approximate`].
#[inline(never)]
unsafe fn approximate_wanted<V: F32Block>(
    call: &Attention<f32>,
    head: (usize, usize),
    queries: &mut Queries,
    (i, pair): (usize, bool),
    (wanted, panels): (&Wanted, usize),
    (rows, pitch): (*mut f32, usize),
) {
    let excluded = V::splat(f32::NEG_INFINITY);
    let blocks = panels.div_ceil(BLOCK_PANELS);
    let mut block = 0;
    while block < blocks {
        let has = wanted.has(block);
        let mut end = block + 1;
        while end < blocks && wanted.has(end) == has {
            end += 1;
        }
        let (from, to) = (block * BLOCK_PANELS, panels.min(end * BLOCK_PANELS));
        // SAFETY: by the caller.
        unsafe {
            if has {
                approximate::<V>(call, head, queries, (i, pair), (from, to), (rows, pitch));
            } else {
                queries.skipped += end - block;
                for r in i..i + 1 + usize::from(pair) {
                    for p in from..to {
                        excluded.store(rows.add(r * pitch + p * LANES));
                    }
                }
            }
        }
        block = end;
    }
    queries.blocks += blocks;
}

/// Approximate scores of a block of queries, masked, unless scores have more to them than a product. With `skips`, those
/// of blocks of keys that cannot matter are -inf.
///
/// # Safety
/// As [`super::scores::score`]; `room` is writable for [`room_bytes`].
pub unsafe fn screen<V: F32Block>(
    call: &Attention<f32>,
    (b, h): (usize, usize),
    (first, count): (usize, usize),
    (rows, pitch): (*mut f32, usize),
    room: *mut u8,
    skips: bool,
) -> Option<Queries> {
    let has_records = !call.records.is_null() || !call.pages.is_null();
    if !call.bias.data.is_null() || !call.slopes.is_null() || !has_records {
        return None;
    }
    // SAFETY: by the caller.
    unsafe {
        let lengths = call.lengths(b);
        let most = call.most_visible(first, count, lengths);
        let exponent = *call.alpha.add(h);
        let may_skip = skips
            && call.pages.is_null()
            && may_skip(most)
            && call.mask.data.is_null()
            && call.key_mask.is_null()
            && (LEAST_EXPONENT..=1.0).contains(&exponent);
        let floats = room.add(words_bytes(call.width)).cast();
        let mut queries = round_queries(call, (b, h), (first, count), room.cast());
        let panels = panels_of(most);
        let mut keys = Largest::default();
        if may_skip {
            let records = (0..panels).map(|p| call.record(b, call.key_head(h), p));
            keys = records.fold(keys, |keys, record| keys.and(record));
            queries.bound(call, keys);
        }
        let mut i = 0;
        while i < count {
            let pair = i + 2 <= count;
            if may_skip {
                let mut wanted = Wanted::NONE;
                for r in i..i + 1 + usize::from(pair) {
                    let query = Query {
                        channels: call.q.row(b, h, first + r),
                        keys: call.visible(first + r, lengths),
                        norm: libm::fabs(call.scale) * (1.0 + 1e-5) * queries.norms[r],
                        slack: queries.slacks[r],
                    };
                    want::<V>(call, (b, h), &query, exponent, floats, &mut wanted);
                }
                let wanted = (&wanted, panels);
                approximate_wanted::<V>(
                    call,
                    (b, h),
                    &mut queries,
                    (i, pair),
                    wanted,
                    (rows, pitch),
                );
            } else {
                let all = (0, panels);
                keys = approximate::<V>(call, (b, h), &queries, (i, pair), all, (rows, pitch));
            }
            i += 2;
        }
        if !may_skip {
            // Here, because a look at the keys before would wait for memory twice.
            queries.bound(call, keys);
        }
        for i in 0..count {
            adjust::<f32, V>(call, (b, h, first + i), rows.add(i * pitch), most);
        }
        Some(queries)
    }
}
