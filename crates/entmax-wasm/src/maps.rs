//! Exports of the family `maps`: one kernel for each form computes softmax, sparsemax, 1.5-entmax, alpha-entmax, their
//! top-k forms and budget, because a row differs from the next only in its settings. Their gradients take the outputs.

use crate::feasible_exports::feasible_exports;
use crate::row_exports::{entry_exports, gradient_export, row_export};
use entmax_core::gradients;
use entmax_core::maps::{self, Results};
use wasm_bindgen::prelude::wasm_bindgen;

macro_rules! map_exports {
    ($scalar:ty, $dense:ident, $support:ident, $csr:ident, $workspace:ident, $backward:ident, $backward_workspace:ident) => {
        row_export!(
            /// Probabilities into `out`.
            $scalar, $dense(out: usize), |batch, rows, workspace| {
                let results = Results { out: out as *mut _, ..Results::NOTHING };
                // SAFETY: the addresses are the caller's, as `row_exports` says.
                unsafe { maps::$dense(&batch, rows, &results, workspace) }
            }
        );

        row_export!(
            /// Support sizes and thresholds, and to `exact` whether they are those without top-k: one for every row of the batch.
            $scalar, $support(sizes: usize, thresholds: usize, exact: usize), |batch, rows, workspace| {
                let results = Results {
                    sizes: sizes as *mut i32,
                    thresholds: thresholds as *mut _,
                    exact: exact as *mut u8,
                    ..Results::NOTHING
                };
                // SAFETY: as above.
                unsafe { maps::$dense(&batch, rows, &results, workspace) }
            }
        );

        row_export!(
            /// As the support form, with the entries of row r from r * n on in `indices` and `values`.
            $scalar,
            $csr(sizes: usize, thresholds: usize, exact: usize, indices: usize, values: usize, by_value: bool),
            |batch, rows, workspace| {
                let results = Results {
                    sizes: sizes as *mut i32,
                    thresholds: thresholds as *mut _,
                    exact: exact as *mut u8,
                    indices: indices as *mut i32,
                    values: values as *mut _,
                    by_value,
                    ..Results::NOTHING
                };
                // SAFETY: as above.
                unsafe { maps::$dense(&batch, rows, &results, workspace) }
            }
        );

        /// Bytes of workspace that one thread needs, for any form.
        #[wasm_bindgen]
        pub fn $workspace(n: usize, inner: usize) -> usize {
            maps::$workspace(n, inner)
        }

        gradient_export!(
            /// Gradients from the outputs alone.
            $scalar, $backward(), |batch, rows, workspace| {
                // SAFETY: as above.
                unsafe { gradients::$backward(&batch, rows, workspace) }
            }
        );

        /// Bytes of workspace that one thread needs for gradients.
        #[wasm_bindgen]
        pub fn $backward_workspace(n: usize, inner: usize) -> usize {
            gradients::$backward_workspace(n, inner)
        }
    };
}

map_exports!(
    f32,
    row_map_f32,
    row_map_support_f32,
    row_map_csr_f32,
    row_map_workspace_f32,
    row_map_backward_f32,
    row_map_backward_workspace_f32
);
map_exports!(
    f64,
    row_map_f64,
    row_map_support_f64,
    row_map_csr_f64,
    row_map_workspace_f64,
    row_map_backward_f64,
    row_map_backward_workspace_f64
);
entry_exports!(f32, csr_compact_f32, csr_expand_f32);
entry_exports!(f64, csr_compact_f64, csr_expand_f64);

feasible_exports!(f32, row_map_feasible_f32);
feasible_exports!(f64, row_map_feasible_f64);
