//! Exports of the family `maps`: one kernel for each form computes softmax, sparsemax, 1.5-entmax, alpha-entmax, their
//! top-k forms and budget, because a row differs from the next only in its settings.
//!
//! Letters: x is [O, N, I]; `n` is N, `inner` is I, and row `(o, i)` has number `o * I + i`. Addresses are those of
//! live allocations that hold the whole batch, 0 where something is not given; ts/src/maps/row-map.ts sees to it, and to
//! a workspace of the size that the workspace function asks for.
//!
//! All forms end with the same arguments: `n`, `inner`, `map` (`entmax_core::maps::map`), `parameter` and its stride,
//! `upper`, `k`, `temperature`, `empty_row_is_nan`, the fields of `entmax_core::maps::RowBatch`.

use entmax_core::maps::{self, Results, RowBatch};
use wasm_bindgen::prelude::wasm_bindgen;

/// A `RowBatch` from arguments of its fields' names, addresses among them.
macro_rules! row_batch {
    ($x:ident, $mask:ident, $n:ident, $inner:ident, $map:ident, $parameter:ident, $stride:ident, $upper:ident, $k:ident,
     $temperature:ident, $empty_row_is_nan:ident) => {
        RowBatch {
            x: $x as *const _,
            mask: $mask as *const u8,
            n: $n,
            inner: $inner,
            map: $map,
            parameter: $parameter as *const f64,
            parameter_stride: $stride,
            upper: $upper as *const _,
            k: $k,
            temperature: $temperature,
            empty_row_is_nan: $empty_row_is_nan,
        }
    };
}

macro_rules! row_map_exports {
    ($scalar:ty, $dense:ident, $support:ident, $csr:ident, $workspace:ident, $compact:ident) => {
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
            map: u32,
            parameter: usize,
            parameter_stride: usize,
            upper: usize,
            k: usize,
            temperature: f64,
            empty_row_is_nan: bool,
        ) -> u32 {
            let batch = row_batch!(
                x,
                mask,
                n,
                inner,
                map,
                parameter,
                parameter_stride,
                upper,
                k,
                temperature,
                empty_row_is_nan
            );
            let results = Results {
                out: out as *mut $scalar,
                ..Results::NOTHING
            };
            // SAFETY: the addresses are the caller's, as the module says.
            unsafe { maps::$dense(&batch, first..last, &results, workspace as *mut u8) as u32 }
        }

        /// Support size and threshold of the rows `first..last`, and to `exact`, unless that is 0, whether they are those
        /// without top-k. Returns a status code.
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
            exact: usize,
            n: usize,
            inner: usize,
            map: u32,
            parameter: usize,
            parameter_stride: usize,
            upper: usize,
            k: usize,
            temperature: f64,
            empty_row_is_nan: bool,
        ) -> u32 {
            let batch = row_batch!(
                x,
                mask,
                n,
                inner,
                map,
                parameter,
                parameter_stride,
                upper,
                k,
                temperature,
                empty_row_is_nan
            );
            let results = Results {
                sizes: sizes as *mut i32,
                thresholds: thresholds as *mut $scalar,
                exact: exact as *mut u8,
                ..Results::NOTHING
            };
            // SAFETY: as above; `sizes`, `thresholds` and `exact` hold one entry for every row of the batch.
            unsafe { maps::$dense(&batch, first..last, &results, workspace as *mut u8) as u32 }
        }

        /// As the support form, with the entries of row r from r * n on in `indices` and `values`. Returns a status code.
        #[wasm_bindgen]
        #[allow(clippy::too_many_arguments)]
        pub fn $csr(
            first: usize,
            last: usize,
            workspace: usize,
            x: usize,
            mask: usize,
            sizes: usize,
            thresholds: usize,
            exact: usize,
            indices: usize,
            values: usize,
            by_value: bool,
            n: usize,
            inner: usize,
            map: u32,
            parameter: usize,
            parameter_stride: usize,
            upper: usize,
            k: usize,
            temperature: f64,
            empty_row_is_nan: bool,
        ) -> u32 {
            let batch = row_batch!(
                x,
                mask,
                n,
                inner,
                map,
                parameter,
                parameter_stride,
                upper,
                k,
                temperature,
                empty_row_is_nan
            );
            let results = Results {
                sizes: sizes as *mut i32,
                thresholds: thresholds as *mut $scalar,
                exact: exact as *mut u8,
                indices: indices as *mut i32,
                values: values as *mut $scalar,
                by_value,
                ..Results::NOTHING
            };
            // SAFETY: as above; `indices` and `values` hold n entries for every row of the batch.
            unsafe { maps::$dense(&batch, first..last, &results, workspace as *mut u8) as u32 }
        }

        /// Bytes of workspace that one thread needs, for any form.
        #[wasm_bindgen]
        pub fn $workspace(n: usize, inner: usize) -> usize {
            maps::$workspace(n, inner)
        }

        /// Moves the entries of all rows of a CSR result to the front, without gaps, and returns their number.
        #[wasm_bindgen]
        pub fn $compact(
            rows: usize,
            n: usize,
            sizes: usize,
            indices: usize,
            values: usize,
        ) -> usize {
            let (sizes, indices) = (sizes as *const i32, indices as *mut i32);
            let (values, bytes) = (values as *mut u8, size_of::<$scalar>());
            // SAFETY: the addresses are the caller's, as the module says.
            unsafe { maps::csr_compact(rows, n, sizes, indices, values, bytes) }
        }
    };
}

row_map_exports!(
    f32,
    row_map_f32,
    row_map_support_f32,
    row_map_csr_f32,
    row_map_workspace_f32,
    csr_compact_f32
);
row_map_exports!(
    f64,
    row_map_f64,
    row_map_support_f64,
    row_map_csr_f64,
    row_map_workspace_f64,
    csr_compact_f64
);
