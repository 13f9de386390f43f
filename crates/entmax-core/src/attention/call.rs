//! What one call of attention is made from: a description that TypeScript writes to memory once, field by field
//! (ts/src/attention/description.ts), because it is longer than a kernel's list of arguments may be.
//!
//! Letters: B batch, H query heads, G key heads (a divisor of H), N queries, M keys, D channels of a query and a key, E
//! channels of a value. Distances are in elements.

use super::blocks::floats_of;
use crate::maps::Score;

/// An array [B, H, N, D] whose innermost axis is contiguous.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Heads<T> {
    pub data: *mut T,
    pub batch: usize,
    pub head: usize,
    pub row: usize,
}

impl<T> Heads<T> {
    /// Row `i` of head `h` of batch `b`.
    #[inline(always)]
    pub fn row(&self, b: usize, h: usize, i: usize) -> *mut T {
        self.data
            .wrapping_add(b * self.batch + h * self.head + i * self.row)
    }
}

/// An array that broadcasts to [B, H, N, M]: distances of repeated axes are 0. Null where it is not given.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Table<T> {
    pub data: *const T,
    pub batch: usize,
    pub head: usize,
    pub query: usize,
    pub key: usize,
}

impl<T> Table<T> {
    pub const NONE: Table<T> = Table {
        data: core::ptr::null(),
        batch: 0,
        head: 0,
        query: 0,
        key: 0,
    };

    /// Where the entries of one query begin; null stays null.
    #[inline(always)]
    pub fn row(&self, b: usize, h: usize, i: usize) -> *const T {
        if self.data.is_null() {
            return self.data;
        }
        self.data
            .wrapping_add(b * self.batch + h * self.head + i * self.query)
    }
}

/// What makes weights of scores.
pub mod rule {
    /// The maps onto the simplex, by alpha and top-k.
    pub const ENTMAX: u32 = 0;
    /// A score is its own weight where it is positive (`relu`); alpha is not read.
    pub const RELU: u32 = 1;
}

/// Which keys a query sees by its place.
pub mod causal {
    pub const NONE: u32 = 0;
    /// Query i sees the keys up to i.
    pub const UPPER_LEFT: u32 = 1;
    /// The last query sees all keys, the one before all but the last.
    pub const LOWER_RIGHT: u32 = 2;
}

/// How the keys of a head are screened.
pub mod path {
    /// All scores are formed in the type's own arithmetic.
    pub const PLAIN: u8 = 0;
    /// Integers tell which keys can matter.
    pub const INTEGERS: u8 = 1;
    /// The same, of the blocks of keys that can matter.
    pub const BLOCKS: u8 = 2;
    /// From here on: plain for so many calls and one more, because integers did not help.
    pub const WAITING: u8 = 8;
}

/// A call. Everything is readable, and `out` writable, at the places that the shape gives.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Attention<T> {
    /// Factor of q . k.
    pub scale: f64,
    /// alpha - 1 of each query head, H of them, from 0 (softmax) to inf.
    pub alpha: *const f64,
    /// [B, H, N, D].
    pub q: Heads<T>,
    /// [B, G, M, D].
    pub k: Heads<T>,
    /// [B, G, M, E].
    pub v: Heads<T>,
    /// [B, H, N, E].
    pub out: Heads<T>,
    /// The keys in panels: [B, G, M / 16, D, 16], what is missing 0.
    pub panels: *mut T,
    /// The values in rows that are readable to a multiple of 16: `v` itself, or a copy.
    pub values: Heads<T>,
    /// Added to the scores.
    pub bias: Table<T>,
    /// 1 = keep.
    pub mask: Table<u8>,
    /// [B, M], 1 = keep; null for none.
    pub key_mask: *const u8,
    /// Slopes of the heads (ALiBi): slope times the distance of query and key is subtracted; null for none.
    pub slopes: *const T,
    /// Queries and keys that count, B of each; null for all.
    pub query_lengths: *const i32,
    pub key_lengths: *const i32,
    pub batches: usize,
    pub heads: usize,
    pub key_heads: usize,
    pub queries: usize,
    pub keys: usize,
    /// D and E.
    pub width: usize,
    pub value_width: usize,
    /// [`causal`].
    pub causal: u32,
    /// Keep the k largest scores of a row; 0: all.
    pub topk: usize,
    pub empty_row_is_nan: u32,
    /// Where the weights go besides, or nothing.
    pub weights: Weights<T>,
    /// Records of the panels for screening (`screen`): [B, G, M / 16]; null for no screening.
    pub records: *mut u8,
    /// Of each query head of each batch, B H of them: how its keys are screened ([`path`]). Null: none is.
    pub screened: *mut u8,
    /// Of each head, blocks that are done already: 1 after the probe.
    pub blocks_done: usize,
    /// Centroids and radii of blocks of keys (`blocks`), [B, G] of them; where there are records.
    pub blocks: *mut f32,
    /// Pages of keys and values ([`super::pages`]), [B, `pages_per_batch`] of them, instead of `panels`, `values` and
    /// `records`; null for none.
    pub pages: *const *mut u8,
    pub pages_per_batch: usize,
    /// Keys of a page, a multiple of [`super::PAGE_MULTIPLE`].
    pub page_keys: usize,
    /// Of every row (b, h, i): the products that were formed, of channels of a query and a key it may see, and of a weight
    /// and a channel of a value. Null where nobody asks.
    pub work: *mut f64,
    /// Of every row: 1 where a query that counts sees no key, else untouched. Null where nobody asks.
    pub empty: *mut u8,
    /// [`rule`].
    pub rule: u32,
}

/// The weights as sparse rows. Row r = (b, h, i) writes to slot r - `first_row`, of M entries.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Weights<T> {
    /// Of every row; null where no weights are asked for.
    pub sizes: *mut i32,
    pub thresholds: *mut T,
    pub indices: *mut i32,
    pub values: *mut T,
    pub first_row: usize,
}

impl<T> Weights<T> {
    pub const NONE: Weights<T> = Weights {
        sizes: core::ptr::null_mut(),
        thresholds: core::ptr::null_mut(),
        indices: core::ptr::null_mut(),
        values: core::ptr::null_mut(),
        first_row: 0,
    };
}

impl<T: Score> Attention<T> {
    /// Query and key lengths of batch `b`.
    ///
    /// # Safety
    /// As the fields say.
    #[inline(always)]
    pub unsafe fn lengths(&self, b: usize) -> (usize, usize) {
        let length = |lengths: *const i32, most: usize| {
            if lengths.is_null() {
                most
            } else {
                // SAFETY: one for each batch.
                (unsafe { *lengths.add(b) }) as usize
            }
        };
        (
            length(self.query_lengths, self.queries),
            length(self.key_lengths, self.keys),
        )
    }

    /// How many leading keys query `i` may see, given the lengths; a query behind its length sees none.
    #[inline(always)]
    pub fn visible(&self, i: usize, (queries, keys): (usize, usize)) -> usize {
        if i >= queries {
            return 0;
        }
        match self.causal {
            causal::UPPER_LEFT => keys.min(i + 1),
            causal::LOWER_RIGHT => keys.min((i + 1 + keys).saturating_sub(queries)),
            _ => keys,
        }
    }

    /// The place of query `i` among the keys, from which distances are counted: its own under a causal mask from the upper
    /// left, else such that the last query stands at the last key.
    #[inline(always)]
    pub fn place(&self, i: usize, (queries, keys): (usize, usize)) -> f64 {
        if self.causal == causal::UPPER_LEFT {
            i as f64
        } else {
            (i + keys) as f64 - queries as f64
        }
    }

    /// Batch and query head number `index` of all.
    #[inline(always)]
    pub fn head(&self, index: usize) -> (usize, usize) {
        let heads = self.heads.max(1);
        (index / heads, index % heads)
    }

    /// The most keys that one of the queries `first .. first + count` sees.
    #[inline(always)]
    pub fn most_visible(&self, first: usize, count: usize, lengths: (usize, usize)) -> usize {
        // Later queries see more, as long as they count.
        let last = (first + count).min(lengths.0);
        if last > first {
            self.visible(last - 1, lengths)
        } else {
            0
        }
    }

    /// What describes the blocks of key head `g` of batch `b`.
    #[inline(always)]
    pub fn blocks(&self, b: usize, g: usize) -> *mut f32 {
        self.blocks
            .wrapping_add((b * self.key_heads + g) * floats_of(self.keys, self.width))
    }

    /// Whether a pullback keeps the weights of head `h`: those of a softmax are everywhere, and formed again.
    ///
    /// # Safety
    /// `alpha` is readable.
    #[inline(always)]
    pub unsafe fn keeps_weights(&self, h: usize) -> bool {
        // SAFETY: one for each head.
        self.is_relu() || self.topk != 0 || unsafe { *self.alpha.add(h) } != 0.0
    }

    #[inline(always)]
    pub fn is_relu(&self) -> bool {
        self.rule == rule::RELU
    }

    /// The key head that query head `h` reads.
    #[inline(always)]
    pub fn key_head(&self, h: usize) -> usize {
        h / (self.heads / self.key_heads.max(1)).max(1)
    }
}
