//! Exports of the family `maps`: one kernel computes softmax, sparsemax, 1.5-entmax and alpha-entmax, because they
//! differ only in `alpha - 1`.
//!
//! Letters: x is [O, N, I]; `n` is N, `inner` is I, and row `(o, i)` has number `o * I + i`. Addresses are those of
//! live allocations that hold the whole batch; ts/src/maps/row-map.ts sees to it, and to a workspace of the size that
//! the workspace function asks for.

use entmax_core::maps::{self, RowBatch};
use wasm_bindgen::prelude::wasm_bindgen;

macro_rules! row_map_exports {
    ($scalar:ty, $dense:ident, $support:ident, $workspace:ident) => {
        /// Probabilities of the rows `first..last` into `out`. Returns a status code.
        #[wasm_bindgen]
        #[allow(clippy::too_many_arguments)]
        pub fn $dense(
            first: usize,
            last: usize,
            workspace: usize,
            x: usize,
            mask: usize,
            out: usize,
            n: usize,
            inner: usize,
            alpha_minus_one: usize,
            alpha_stride: usize,
            temperature: f64,
            empty_row_is_nan: bool,
        ) -> u32 {
            let alpha = (alpha_minus_one, alpha_stride);
            let batch =
                batch::<$scalar>((x, mask), (n, inner), alpha, temperature, empty_row_is_nan);
            let out = out as *mut $scalar;
            // SAFETY: the addresses are the caller's, as the module says.
            unsafe { maps::$dense(&batch, first..last, out, workspace as *mut u8) as u32 }
        }

        /// Support size and threshold of the rows `first..last`. Returns a status code.
        #[wasm_bindgen]
        #[allow(clippy::too_many_arguments)]
        pub fn $support(
            first: usize,
            last: usize,
            workspace: usize,
            x: usize,
            mask: usize,
            sizes: usize,
            thresholds: usize,
            n: usize,
            inner: usize,
            alpha_minus_one: usize,
            alpha_stride: usize,
            temperature: f64,
            empty_row_is_nan: bool,
        ) -> u32 {
            let alpha = (alpha_minus_one, alpha_stride);
            let batch =
                batch::<$scalar>((x, mask), (n, inner), alpha, temperature, empty_row_is_nan);
            let (sizes, thresholds) = (sizes as *mut i32, thresholds as *mut $scalar);
            let workspace = workspace as *mut u8;
            // SAFETY: as above; `sizes` and `thresholds` hold one entry for every row of the batch.
            unsafe { maps::$support(&batch, first..last, sizes, thresholds, workspace) as u32 }
        }

        /// Bytes of workspace that one thread needs.
        #[wasm_bindgen]
        pub fn $workspace(n: usize, inner: usize) -> usize {
            maps::$workspace(n, inner)
        }
    };
}

row_map_exports!(f32, entmax_f32, entmax_support_f32, entmax_workspace_f32);
row_map_exports!(f64, entmax_f64, entmax_support_f64, entmax_workspace_f64);

/// The arguments that both forms share: addresses of scores and mask, lengths N and I, address and stride of alpha - 1.
fn batch<T>(
    (x, mask): (usize, usize),
    (n, inner): (usize, usize),
    (alpha_minus_one, alpha_stride): (usize, usize),
    temperature: f64,
    empty_row_is_nan: bool,
) -> RowBatch<T> {
    RowBatch {
        x: x as *const T,
        mask: mask as *const u8,
        n,
        inner,
        alpha_minus_one: alpha_minus_one as *const f64,
        alpha_stride,
        temperature,
        empty_row_is_nan,
    }
}
