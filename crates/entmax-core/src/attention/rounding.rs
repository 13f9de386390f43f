//! Vectors as small integers times a step: records of panels of keys, for screening (see `screen`).
//!
//! A record holds of each of a panel's sixteen keys the step and the integers, and of all together the largest norm |k| and
//! the largest norm |e_k| of what rounding left. These are upper bounds: where keys are appended one by one (`pages`) they
//! only grow, until the panel is rounded as a whole again.

use crate::simd::LANES;
use core::ops::Range;

/// Channels of a word.
pub const fn channels(quads: bool) -> usize {
    if quads {
        4
    } else {
        2
    }
}

/// The largest integer of a key; a query's may be 127 where keys are bytes.
pub const fn limit(quads: bool, of_query: bool) -> f64 {
    match (quads, of_query) {
        (true, true) => 127.0,
        (true, false) => 63.0,
        _ => 2047.0,
    }
}

/// Bytes of keys are stored with this added, from 1 to 127.
pub const OFFSET: i32 = 64;

/// Words of a vector of `width` channels.
#[inline(always)]
pub fn words(width: usize, quads: bool) -> usize {
    width.div_ceil(channels(quads))
}

/// A panel's record: sixteen steps, the largest |e_k| and |k| of its keys, and the integers, word by word.
pub const HEAD: usize = 4 * LANES + 16;

/// Bytes of the record of a panel.
#[inline(always)]
pub fn record_bytes(width: usize, quads: bool) -> usize {
    HEAD + words(width, quads) * 4 * LANES
}

/// Integers below `limit` in magnitude, the step that they count, and the norms of the vector and of what is left.
pub struct Rounded {
    pub step: f64,
    pub norm: f64,
    pub error: f64,
}

/// Added and taken away again it leaves the nearest integer, ties to even, of what is far below 2^51.
const TO_INTEGER: f64 = 6755399441055744.0;

/// Rounds a vector; `write` is given each channel's integer. Norms are rounded up; that of a vector with a NaN or an
/// infinity is infinite.
#[inline(always)]
pub fn round(
    width: usize,
    limit: f64,
    channel: impl Fn(usize) -> f32,
    mut write: impl FnMut(usize, i32),
) -> Rounded {
    let (mut largest, mut square) = (0.0f64, 0.0f64);
    for c in 0..width {
        let value = f64::from(channel(c));
        largest = largest.max(libm::fabs(value));
        square += value * value;
    }
    if !square.is_finite() || !(1e-60..=1e70).contains(&square) {
        (0..width).for_each(|c| write(c, 0));
        let norm = if square < 1e-60 { 1e-30 } else { f64::INFINITY };
        return Rounded {
            step: 0.0,
            norm,
            error: norm,
        };
    }
    let step = f64::from((largest / limit) as f32);
    let per_step = 1.0 / step;
    let mut left = 0.0;
    for c in 0..width {
        let value = f64::from(channel(c));
        // The error is that of the integer that is written, nearest or not.
        let integer = (value * per_step + TO_INTEGER - TO_INTEGER).clamp(-limit, limit);
        let error = value - integer * step;
        left += error * error;
        write(c, integer as i32);
    }
    Rounded {
        step,
        norm: libm::sqrt(square) * (1.0 + 1e-6),
        error: libm::sqrt(left) * (1.0 + 1e-6),
    }
}

/// Writes the record of the keys `lanes` of a packed panel. Those from 0 on begin a new record, others extend it.
///
/// # Safety
/// `panel` is readable for 16 `width` floats, `record` writable for [`record_bytes`]; it holds the keys before `lanes`.
pub unsafe fn round_keys(
    panel: *const f32,
    lanes: Range<usize>,
    width: usize,
    record: *mut u8,
    quads: bool,
) {
    // SAFETY: by the caller.
    unsafe {
        if lanes.start == 0 {
            core::ptr::write_bytes(record, 0, record_bytes(width, quads));
        }
        let (steps, data) = (record.cast::<f32>(), record.add(HEAD));
        let per_word = channels(quads);
        let (mut error, mut norm) = (*steps.add(LANES), *steps.add(LANES + 1));
        for lane in lanes {
            let rounded = round(
                width,
                limit(quads, false),
                |c| *panel.add(c * LANES + lane),
                |c, integer| {
                    let at = (c / per_word * LANES + lane) * per_word + c % per_word;
                    if quads {
                        *data.add(at) = (integer + OFFSET) as u8;
                    } else {
                        *data.cast::<i16>().add(at) = integer as i16;
                    }
                },
            );
            *steps.add(lane) = rounded.step as f32;
            error = error.max(up(rounded.error));
            norm = norm.max(up(rounded.norm));
        }
        *steps.add(LANES) = error;
        *steps.add(LANES + 1) = norm;
    }
}

fn up(value: f64) -> f32 {
    (value * (1.0 + 1e-6)) as f32
}
