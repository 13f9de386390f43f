//! Where a call finds its keys: packed for this call, one head behind the other, or in the pages of a cache.
//!
//! A page holds neighbouring keys of one sequence, for all its key heads: of each head the panels of keys, the rows of
//! values, and for f32 the records that screen them. So a sequence grows without a copy, and sequences that begin alike can
//! share pages. A run of panels within a page lies as panels of a call do.
//!
//! Memory is read fast only in long runs: a step with 32768 keys and 8 heads takes 3.4 ms with pages of 128 keys, 1.65 ms with
//! pages of 4096 (the best of thousands, simd128).

use super::call::Attention;
use super::panels::panels_of;
use super::rounding::record_bytes;
use crate::maps::staging::ALIGNMENT;
use crate::maps::Score;
use crate::simd::LANES;
use core::ops::Range;

/// A page has the keys of some pieces of a sum of values, so that no piece lies in two pages.
pub const PAGE_MULTIPLE: usize = super::values::PIECE;

/// The regions of one head within a page, as distances in bytes.
struct Regions {
    values: usize,
    records: usize,
    bytes: usize,
}

fn regions<T: Score>(keys: usize, width: usize, value_width: usize) -> Regions {
    let bytes = |numbers: usize| (numbers * size_of::<T>()).next_multiple_of(ALIGNMENT);
    let values = bytes(keys * width);
    let records = values + bytes(keys * value_width.next_multiple_of(LANES));
    let screened = if size_of::<T>() == 4 {
        keys / LANES * record_bytes(width, true)
    } else {
        0
    };
    Regions {
        values,
        records,
        bytes: (records + screened).next_multiple_of(ALIGNMENT),
    }
}

/// Bytes of a page of `keys` keys for `heads` key heads.
pub fn page_bytes<T: Score>(keys: usize, heads: usize, width: usize, value_width: usize) -> usize {
    heads * regions::<T>(keys, width, value_width).bytes
}

impl<T: Score> Attention<T> {
    #[inline(always)]
    fn regions(&self) -> Regions {
        regions::<T>(self.page_keys, self.width, self.value_width)
    }

    /// Head `g` of the page that holds key `j` of batch `b`.
    ///
    /// # Safety
    /// The call has pages, one for this key among them.
    #[inline(always)]
    unsafe fn page(&self, b: usize, g: usize, j: usize) -> *mut u8 {
        let bytes = self.regions().bytes;
        // SAFETY: by the caller.
        let page = unsafe {
            *self
                .pages
                .add(b * self.pages_per_batch + j / self.page_keys)
        };
        page.wrapping_add(g * bytes)
    }

    /// Panel `p` of key head `g` of batch `b`.
    ///
    /// # Safety
    /// It is packed, or in a page.
    #[inline(always)]
    pub unsafe fn panel(&self, b: usize, g: usize, p: usize) -> *mut T {
        if !self.pages.is_null() {
            // SAFETY: by the caller.
            let page = unsafe { self.page(b, g, p * LANES) };
            return page
                .cast::<T>()
                .wrapping_add(p * LANES % self.page_keys * self.width);
        }
        let panel = (b * self.key_heads + g) * panels_of(self.keys) + p;
        self.panels.wrapping_add(panel * LANES * self.width)
    }

    /// The record of panel `p` of key head `g` of batch `b`.
    ///
    /// # Safety
    /// As [`Attention::panel`].
    #[inline(always)]
    pub unsafe fn record(&self, b: usize, g: usize, p: usize) -> *mut u8 {
        if !self.pages.is_null() {
            let at = self.regions().records;
            // SAFETY: by the caller.
            let page = unsafe { self.page(b, g, p * LANES) };
            let p = p % (self.page_keys / LANES);
            return page.wrapping_add(at + p * record_bytes(self.width, true));
        }
        let panel = (b * self.key_heads + g) * panels_of(self.keys) + p;
        self.records
            .wrapping_add(panel * record_bytes(self.width, self.quads()))
    }

    /// Whether records hold bytes: those of a cache do, because a single query waits for memory and not for products. A block
    /// of queries has more from sharper bounds.
    #[inline(always)]
    pub fn quads(&self) -> bool {
        !self.pages.is_null()
    }

    /// The end of the run of panels that begins with panel `p`, `end` at most.
    #[inline(always)]
    pub fn run(&self, p: usize, end: usize) -> usize {
        if self.pages.is_null() {
            end
        } else {
            let panels = self.page_keys / LANES;
            end.min((p / panels + 1) * panels)
        }
    }

    /// The row of values of key `j` of key head `g` of batch `b`, to be written.
    ///
    /// # Safety
    /// The call has a page for it.
    #[inline(always)]
    unsafe fn value(&self, b: usize, g: usize, j: usize) -> *mut T {
        let at = self.regions().values;
        // SAFETY: by the caller.
        let rows = unsafe { self.page(b, g, j) }.wrapping_add(at).cast::<T>();
        rows.wrapping_add(j % self.page_keys * self.value_row())
    }

    /// The pages of batch `b`, if the call has any.
    #[inline(always)]
    pub fn pages_of(&self, b: usize) -> *const *mut u8 {
        if self.pages.is_null() {
            self.pages
        } else {
            self.pages.wrapping_add(b * self.pages_per_batch)
        }
    }

    /// Where the rows of values of key head `g` of batch `b` begin: in memory, or within each page.
    #[inline(always)]
    pub fn values_of(&self, b: usize, g: usize) -> *const T {
        if self.pages.is_null() {
            return self.values.row(b, g, 0).cast_const();
        }
        let one = self.regions();
        core::ptr::without_provenance(g * one.bytes + one.values)
    }

    /// The distance of the rows of values.
    #[inline(always)]
    pub fn value_row(&self) -> usize {
        if self.pages.is_null() {
            self.values.row
        } else {
            self.value_width.next_multiple_of(LANES)
        }
    }
}

/// Appends the keys and values of the call to the pages of the heads `heads` of all B G, each behind the first
/// `key_lengths[b]` keys of its sequence. `round` is told of each panel that has changed, the keys that are new in it, and
/// its record.
///
/// A call without keys rounds the panel behind the last whole one anew: bounds of what was cut off are forgotten.
///
/// # Safety
/// The call has pages for the keys, M of each batch, that it appends, which no other sequence shares.
pub unsafe fn append<T: Score>(
    call: &Attention<T>,
    heads: Range<usize>,
    round: impl Fn(*const T, Range<usize>, *mut u8),
) {
    for head in heads {
        let key_heads = call.key_heads.max(1);
        let (b, g) = (head / key_heads, head % key_heads);
        // SAFETY: by the caller; channels below D and E.
        unsafe {
            let length = *call.key_lengths.add(b) as usize;
            for i in 0..call.keys {
                let j = length + i;
                let panel = call.panel(b, g, j / LANES).add(j % LANES);
                let key = call.k.row(b, g, i);
                for c in 0..call.width {
                    *panel.add(c * LANES) = *key.add(c);
                }
                let (from, to) = (call.v.row(b, g, i), call.value(b, g, j));
                core::ptr::copy_nonoverlapping(from, to, call.value_width);
                for e in call.value_width..call.value_width.next_multiple_of(LANES) {
                    *to.add(e) = T::ZERO;
                }
            }
            let end = length + call.keys;
            for p in length / LANES..panels_of(end) {
                let known = if call.keys == 0 { 0 } else { length };
                let first = known.saturating_sub(p * LANES);
                let last = LANES.min(end - p * LANES);
                round(call.panel(b, g, p), first..last, call.record(b, g, p));
            }
        }
    }
}
