//! Exports of the family `regularised`, continued: supports of rows, with their entries and without, and entries made dense again. Arguments as in `regularised`.

use entmax_core::gradients::csr_expand;
use entmax_core::maps::{csr_compact, Results, RowBatch};
use entmax_core::regularised::sparse::row_map_sparse;
use wasm_bindgen::prelude::wasm_bindgen;

macro_rules! sparse_exports {
    ($scalar:ty, $support:ident, $csr:ident, $compact:ident, $expand:ident) => {
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
            _exact: usize,
            n: usize,
            inner: usize,
            map: u32,
            parameter: usize,
            parameter_stride: usize,
            upper: usize,
            width: usize,
            temperature: f64,
            empty_row_is_nan: bool,
        ) -> u32 {
            let batch = RowBatch {
                x: x as *const $scalar,
                mask: mask as *const u8,
                n,
                inner,
                map,
                parameter: parameter as *const f64,
                parameter_stride,
                upper: upper as *const $scalar,
                k: 0,
                temperature,
                empty_row_is_nan,
            };
            let results = Results {
                sizes: sizes as *mut i32,
                thresholds: thresholds as *mut $scalar,
                ..Results::NOTHING
            };
            let workspace = workspace as *mut u8;
            // SAFETY: the addresses are the caller's, as `maps` says.
            unsafe { row_map_sparse(&batch, first..last, width, &results, workspace) as u32 }
        }

        /// The same, with the entries of row r from r * n on in `indices` and `values`. Returns a status code.
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
            _exact: usize,
            indices: usize,
            values: usize,
            by_value: bool,
            n: usize,
            inner: usize,
            map: u32,
            parameter: usize,
            parameter_stride: usize,
            upper: usize,
            width: usize,
            temperature: f64,
            empty_row_is_nan: bool,
        ) -> u32 {
            let batch = RowBatch {
                x: x as *const $scalar,
                mask: mask as *const u8,
                n,
                inner,
                map,
                parameter: parameter as *const f64,
                parameter_stride,
                upper: upper as *const $scalar,
                k: 0,
                temperature,
                empty_row_is_nan,
            };
            let results = Results {
                sizes: sizes as *mut i32,
                thresholds: thresholds as *mut $scalar,
                indices: indices as *mut i32,
                values: values as *mut $scalar,
                by_value,
                ..Results::NOTHING
            };
            let workspace = workspace as *mut u8;
            // SAFETY: the addresses are the caller's, as `maps` says.
            unsafe { row_map_sparse(&batch, first..last, width, &results, workspace) as u32 }
        }

        /// Moves the entries of all rows to the front, without gaps, and returns their number.
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
            // SAFETY: as above.
            unsafe { csr_compact(rows, n, sizes, indices, values, bytes) }
        }

        /// Zeros, and the entries of the rows `first..last`, whose offsets are `indptr[r]..indptr[r + 1]`, into `out`. Returns a
        /// status code.
        #[wasm_bindgen]
        #[allow(clippy::too_many_arguments)]
        pub fn $expand(
            first: usize,
            last: usize,
            _workspace: usize,
            indptr: usize,
            indices: usize,
            values: usize,
            out: usize,
            n: usize,
            inner: usize,
        ) -> u32 {
            let csr = (
                indptr as *const i32,
                indices as *const i32,
                values as *const $scalar,
            );
            // SAFETY: as above; `out` holds the whole batch.
            unsafe { csr_expand(first..last, csr, out as *mut $scalar, (n, inner)) as u32 }
        }
    };
}

sparse_exports!(
    f32,
    row_map_support_f32,
    row_map_csr_f32,
    csr_compact_f32,
    csr_expand_f32
);
sparse_exports!(
    f64,
    row_map_support_f64,
    row_map_csr_f64,
    csr_compact_f64,
    csr_expand_f64
);
