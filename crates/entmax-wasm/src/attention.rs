//! Exports of the family `attention`. A call has more to say than a list of arguments may hold, so it lies in memory as an
//! `entmax_core::attention::Attention`, written field by field (ts/src/attention/description.ts).

use entmax_core::attention::{self, Attention, Backward, Norm};
use wasm_bindgen::prelude::wasm_bindgen;

macro_rules! attention_exports {
    ($scalar:ty, $attend:ident, $workspace:ident, $pack:ident, $append:ident, $page_bytes:ident, $range:ident, $compact:ident, $backward:ident, $backward_workspace:ident) => {
        /// Packs the blocks of keys `first..last`. Returns a status code.
        #[wasm_bindgen]
        pub fn $pack(first: usize, last: usize, _workspace: usize, call: usize) -> u32 {
            // SAFETY: the address is that of a call whose places are live.
            unsafe { attention::$pack(&*(call as *const Attention<$scalar>), first..last) as u32 }
        }

        /// Appends keys and values to the pages of a cache, for the heads `first..last`. Returns a status code.
        #[wasm_bindgen]
        pub fn $append(first: usize, last: usize, _workspace: usize, call: usize) -> u32 {
            // SAFETY: as above, with pages that hold the keys.
            unsafe { attention::$append(&*(call as *const Attention<$scalar>), first..last) as u32 }
        }

        /// Bytes of a page of `keys` keys of a cache.
        #[wasm_bindgen]
        pub fn $page_bytes(keys: usize, heads: usize, width: usize, value_width: usize) -> usize {
            attention::$page_bytes(keys, heads, width, value_width)
        }

        /// Outputs of the blocks of queries `first..last`. Returns a status code.
        #[wasm_bindgen]
        pub fn $attend(first: usize, last: usize, workspace: usize, call: usize) -> u32 {
            let call = call as *const Attention<$scalar>;
            // SAFETY: as above, with a workspace of the size that the function below asks for.
            unsafe { attention::$attend(&*call, first..last, workspace as *mut u8) as u32 }
        }

        /// Outputs of the blocks of queries `from + first..from + last`. Returns a status code.
        #[wasm_bindgen]
        pub fn $range(
            first: usize,
            last: usize,
            workspace: usize,
            call: usize,
            from: usize,
        ) -> u32 {
            $attend(from + first, from + last, workspace, call)
        }

        /// Bytes of workspace that one thread needs.
        #[wasm_bindgen]
        pub fn $workspace(keys: usize, width: usize, value_width: usize) -> usize {
            attention::$workspace(keys, width, value_width)
        }

        /// Moves slots of `keys` entries together, and returns how many entries there are.
        #[wasm_bindgen]
        pub fn $compact(
            rows: usize,
            keys: usize,
            sizes: usize,
            indices: usize,
            values: usize,
        ) -> usize {
            let (sizes, indices) = (sizes as *const i32, indices as *mut i32);
            // SAFETY: the addresses are those of live slots.
            unsafe { attention::$compact(rows, keys, sizes, indices, values as *mut u8) }
        }

        /// The rows `first..last` of a step of a pullback. Returns a status code.
        #[wasm_bindgen]
        pub fn $backward(
            first: usize,
            last: usize,
            workspace: usize,
            backward: usize,
            step: u32,
        ) -> u32 {
            let backward = backward as *const Backward<$scalar>;
            // SAFETY: the address is that of a pullback whose places are live.
            unsafe {
                attention::$backward(step, &*backward, first..last, workspace as *mut u8) as u32
            }
        }

        /// Bytes of workspace that one thread needs for a step of a pullback.
        #[wasm_bindgen]
        pub fn $backward_workspace(
            step: u32,
            keys: usize,
            width: usize,
            value_width: usize,
            block: usize,
        ) -> usize {
            attention::$backward_workspace(step, keys, width, value_width, block)
        }
    };
}

attention_exports!(
    f32,
    attention_f32,
    attention_workspace_f32,
    attention_pack_f32,
    attention_append_f32,
    attention_page_bytes_f32,
    attention_range_f32,
    attention_compact_f32,
    attention_backward_f32,
    attention_backward_workspace_f32
);
attention_exports!(
    f64,
    attention_f64,
    attention_workspace_f64,
    attention_pack_f64,
    attention_append_f64,
    attention_page_bytes_f64,
    attention_range_f64,
    attention_compact_f64,
    attention_backward_f64,
    attention_backward_workspace_f64
);

/// The first block of queries of the heads `first..last`, and for each head whether its other blocks are screened.
#[wasm_bindgen]
pub fn attention_probe_f32(first: usize, last: usize, workspace: usize, call: usize) -> u32 {
    let call = call as *const Attention<f32>;
    // SAFETY: as above; the call says where the decision goes.
    unsafe { attention::attention_probe_f32(&*call, first..last, workspace as *mut u8) as u32 }
}

/// Bytes of a panel's record for screening.
#[wasm_bindgen]
pub fn attention_record_bytes(width: usize) -> usize {
    attention::record_bytes(width)
}

/// Floats that describe the blocks of one head's keys for screening.
#[wasm_bindgen]
pub fn attention_block_floats(keys: usize, width: usize) -> usize {
    attention::block_floats(keys, width)
}

/// What the keys of a page of a cache are a multiple of.
#[wasm_bindgen]
pub fn attention_page_multiple() -> usize {
    attention::PAGE_MULTIPLE
}

/// Queries of a block, given the number of keys.
#[wasm_bindgen]
pub fn attention_block_queries(keys: usize) -> usize {
    attention::block_queries(keys)
}

/// Bytes of a call's description.
#[wasm_bindgen]
pub fn attention_description_bytes() -> usize {
    size_of::<Attention<f32>>()
}

/// Bytes of a pullback's description.
#[wasm_bindgen]
pub fn attention_backward_description_bytes() -> usize {
    size_of::<Backward<f32>>()
}

macro_rules! norm_exports {
    ($scalar:ty, $norm:ident, $backward:ident) => {
        /// The norm of the sums of the queries `first..last`. Returns a status code.
        #[wasm_bindgen]
        pub fn $norm(first: usize, last: usize, workspace: usize, norm: usize) -> u32 {
            let norm = norm as *const Norm<$scalar>;
            // SAFETY: the address is that of a norm whose places are live, with a workspace of the size that the function
            // below asks for.
            unsafe { attention::normalise(&*norm, first..last, workspace as *mut u8) as u32 }
        }

        /// The pullback of a norm over the parts `first..last`. Returns a status code.
        #[wasm_bindgen]
        pub fn $backward(first: usize, last: usize, workspace: usize, norm: usize) -> u32 {
            let norm = norm as *const Norm<$scalar>;
            // SAFETY: as above.
            unsafe { attention::pull_back_norm(&*norm, first..last, workspace as *mut u8) as u32 }
        }
    };
}

norm_exports!(f32, attention_norm_f32, attention_norm_backward_f32);
norm_exports!(f64, attention_norm_f64, attention_norm_backward_f64);

/// Bytes of workspace that one thread needs for a norm, and for its pullback.
#[wasm_bindgen]
pub fn attention_norm_workspace(heads: usize, width: usize) -> usize {
    attention::norm_workspace(heads, width)
}

/// Queries of a part of a norm's pullback.
#[wasm_bindgen]
pub fn attention_norm_queries() -> usize {
    attention::NORM_QUERIES
}

/// Bytes of a norm's description.
#[wasm_bindgen]
pub fn attention_norm_description_bytes() -> usize {
    size_of::<Norm<f32>>()
}
