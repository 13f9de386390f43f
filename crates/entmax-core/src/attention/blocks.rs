//! Blocks of keys that no query of a pair can attend to, by centroid and radius (PERFORMANCE.md section 5.3).
//!
//! The score of any key of a block is at most scale q . c + |scale q| r, and the mean of the block's scores is scale q . c itself.
//! The power that makes weights of scores is convex, so a block of 64 weighs at least 64 times its mean (Jensen): the
//! threshold of the means, each counted 64 times, is a lower bound of the row's. The scores of the block with the highest
//! bound give another. A block whose upper bound lies below is skipped: its keys are as good as masked.
//!
//! This pays where neighbouring keys are alike (88 to 97 % of the blocks of clustered ones in the prototype of PERFORMANCE.md),
//! and skips nothing of Gaussian ones; the probe measures which it is.

use super::call::Attention;
use super::panels::panels_of;
use super::scores::products;
use super::weights_f32::subset_threshold;
use crate::simd::{F32Block, LANES};

/// Panels of a block.
pub const BLOCK_PANELS: usize = 4;
/// Keys of a block.
pub const BLOCK_KEYS: usize = BLOCK_PANELS * LANES;
/// Blocks whose bounds are formed at a time: those of 65536 keys and one more panel.
const MOST_BLOCKS: usize = 1040;

/// Blocks of M keys.
#[inline(always)]
pub fn blocks_of(keys: usize) -> usize {
    keys.div_ceil(BLOCK_KEYS)
}

/// Floats that describe the blocks of one head: panels of centroids, then the radii.
#[inline(always)]
pub fn floats_of(keys: usize, width: usize) -> usize {
    panels_of(blocks_of(keys)) * LANES * (width + 1)
}

/// Writes centroid and radius of block `block` of a head from its packed panels.
///
/// # Safety
/// The panels are packed; `blocks` is writable for [`floats_of`].
pub unsafe fn describe(
    panels: *const f32,
    (keys, width): (usize, usize),
    block: usize,
    blocks: *mut f32,
) {
    let first = block * BLOCK_KEYS;
    let count = BLOCK_KEYS.min(keys - first);
    let place = |j: usize, c: usize| (j / LANES * width + c) * LANES + j % LANES;
    let centroid = |c: usize| place(block, c);
    // SAFETY: keys below M, channels below D.
    unsafe {
        for c in 0..width {
            let sum = (first..first + count)
                .fold(0.0, |sum, j| sum + f64::from(*panels.add(place(j, c))));
            *blocks.add(centroid(c)) = (sum / count as f64) as f32;
        }
        let mut most = 0.0f64;
        for j in first..first + count {
            let mut square = 0.0;
            for c in 0..width {
                let key = f64::from(*panels.add(place(j, c)));
                let gap = key - f64::from(*blocks.add(centroid(c)));
                square += gap * gap;
            }
            // A NaN counts as infinity.
            most = if square <= most { most } else { square };
        }
        let radius = (libm::sqrt(most) * (1.0 + 1e-6)) as f32;
        let radii = panels_of(blocks_of(keys)) * LANES * width;
        *blocks.add(radii + block) = if radius < f32::INFINITY {
            radius
        } else {
            f32::INFINITY
        };
    }
}

/// What is known of a query.
#[derive(Clone, Copy)]
pub struct Query {
    pub channels: *const f32,
    /// The keys that it sees, from the first on.
    pub keys: usize,
    /// |scale| |q|, and what a computed score may be off by.
    pub norm: f64,
    pub slack: f64,
}

/// A bit for each block: set where the block must be scored.
pub struct Wanted {
    bits: [u64; MOST_BLOCKS.div_ceil(64)],
}

impl Wanted {
    pub const NONE: Wanted = Wanted {
        bits: [0; MOST_BLOCKS.div_ceil(64)],
    };

    #[inline(always)]
    fn add(&mut self, block: usize) {
        self.bits[block / 64 % self.bits.len()] |= 1 << (block % 64);
    }

    #[inline(always)]
    pub fn has(&self, block: usize) -> bool {
        self.bits[block / 64 % self.bits.len()] >> (block % 64) & 1 != 0
    }
}

/// Whether bounds may be formed for so many keys.
pub fn may_skip(keys: usize) -> bool {
    blocks_of(keys) + LANES <= MOST_BLOCKS
}

/// Adds the blocks that the query may attend to.
///
/// # Safety
/// As [`Attention`] says; `floats` is writable for twice the blocks of M keys, rounded up to 16, and 16 more.
pub unsafe fn want<V: F32Block>(
    call: &Attention<f32>,
    (b, h): (usize, usize),
    query: &Query,
    exponent: f64,
    floats: *mut f32,
    wanted: &mut Wanted,
) {
    let count = blocks_of(query.keys);
    let (width, head) = (call.width, (b, call.key_head(h)));
    let blocks = call.blocks(head.0, head.1).cast_const();
    let radii = panels_of(blocks_of(call.keys)) * LANES * width;
    let (means, bounds) = (floats, floats.wrapping_add(panels_of(count) * LANES));
    // SAFETY: by the caller.
    unsafe {
        for p in 0..panels_of(count) {
            let panel = blocks.add(p * LANES * width);
            let [sum]: [V; 1] = products([query.channels], panel, width);
            let mean = sum.mul(V::splat(call.scale as f32));
            let radius = V::load(blocks.add(radii + p * LANES));
            let bound = radius.mul_add(
                V::splat((query.norm * (1.0 + 1e-6)) as f32),
                mean.add(V::splat((2.0 * query.slack) as f32)),
            );
            mean.store(means.add(p * LANES));
            bound.store(bounds.add(p * LANES));
        }
        // Of a block that is not seen whole the mean is another's.
        let whole = query.keys / BLOCK_KEYS;
        for block in whole..panels_of(count) * LANES {
            *means.add(block) = f32::NEG_INFINITY;
        }
        let (mut best, mut at) = (f32::NEG_INFINITY, 0);
        for block in 0..count {
            let bound = *bounds.add(block);
            if bound > best {
                (best, at) = (bound, block);
            }
            if (*means.add(block)).is_nan() {
                *means.add(block) = f32::NEG_INFINITY;
            }
        }
        let by_means = subset_threshold::<V>(exponent, means, count, BLOCK_KEYS as f64);
        let mut scores = [f32::NEG_INFINITY; BLOCK_KEYS];
        let seen = query.keys.min((at + 1) * BLOCK_KEYS) - at * BLOCK_KEYS;
        for p in 0..panels_of(seen) {
            let panel = call.panel(head.0, head.1, at * BLOCK_PANELS + p);
            let [sum]: [V; 1] = products([query.channels], panel.cast_const(), width);
            let target = scores.as_mut_ptr().add(p * LANES);
            sum.mul(V::splat(call.scale as f32)).store(target);
        }
        for score in scores.iter_mut().skip(seen) {
            *score = f32::NEG_INFINITY;
        }
        let by_best = subset_threshold::<V>(exponent, scores.as_mut_ptr(), BLOCK_KEYS, 1.0);
        let threshold = by_means.max(by_best) - 4.0 * query.slack;
        for block in 0..count {
            // A bound that is NaN skips nothing.
            let skipped = f64::from(*bounds.add(block)) < threshold;
            if !skipped {
                wanted.add(block);
            }
        }
    }
}
