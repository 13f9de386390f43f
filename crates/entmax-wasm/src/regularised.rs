//! Exports of the family `regularised`: fusedmax, TVmax, oscarmax, normmax and the constrained maps. Names and arguments are those
//! of the family `maps`, so that TypeScript calls both alike; a module has one family only. Maps with groups have a form of
//! each kernel that writes or reads these. In the place of k is the width of TVmax's grids.

use crate::feasible_exports::feasible_exports;
use crate::row_exports::{entry_exports, gradient_export, row_export};
use core::ptr::{null, null_mut};
use entmax_core::maps::{self, RowBatch};
use entmax_core::regularised::backward::{self, Saved};
use entmax_core::regularised::rows::{self, Results};
use entmax_core::regularised::sparse::row_map_sparse;
use wasm_bindgen::prelude::wasm_bindgen;

/// What came in the place of k, and the batch without it.
fn with_width<T>(batch: RowBatch<T>) -> (usize, RowBatch<T>) {
    (batch.k, RowBatch { k: 0, ..batch })
}

macro_rules! regularised_exports {
    ($scalar:ty, $dense:ident, $with_groups:ident, $support:ident, $csr:ident, $workspace:ident, $grid_workspace:ident,
     $backward:ident, $backward_with_groups:ident, $backward_workspace:ident) => {
        row_export!(
            /// Probabilities into `out`.
            $scalar, $dense(out: usize), |batch, rows, workspace| {
                let (width, batch) = with_width(batch);
                let results = Results { out: out as *mut _, groups: null_mut(), rates: null_mut() };
                // SAFETY: the addresses are the caller's, as `row_exports` says.
                unsafe { rows::row_map(&batch, rows, width, &results, workspace) }
            }
        );

        row_export!(
            /// The same, with the groups into `groups` and their rates into `rates`, unless that is 0. For fusedmax, TVmax and oscarmax.
            $scalar, $with_groups(out: usize, groups: usize, rates: usize), |batch, rows, workspace| {
                let (width, batch) = with_width(batch);
                let results =
                    Results { out: out as *mut _, groups: groups as *mut u32, rates: rates as *mut _ };
                // SAFETY: as above.
                unsafe { rows::row_map(&batch, rows, width, &results, workspace) }
            }
        );

        row_export!(
            /// Support sizes and thresholds: one for every row of the batch.
            $scalar, $support(sizes: usize, thresholds: usize, _exact: usize), |batch, rows, workspace| {
                let (width, batch) = with_width(batch);
                let results = maps::Results {
                    sizes: sizes as *mut i32,
                    thresholds: thresholds as *mut _,
                    ..maps::Results::NOTHING
                };
                // SAFETY: as above.
                unsafe { row_map_sparse(&batch, rows, width, &results, workspace) }
            }
        );

        row_export!(
            /// The same, with the entries of row r from r * n on in `indices` and `values`.
            $scalar,
            $csr(sizes: usize, thresholds: usize, _exact: usize, indices: usize, values: usize, by_value: bool),
            |batch, rows, workspace| {
                let (width, batch) = with_width(batch);
                let results = maps::Results {
                    sizes: sizes as *mut i32,
                    thresholds: thresholds as *mut _,
                    indices: indices as *mut i32,
                    values: values as *mut _,
                    by_value,
                    ..maps::Results::NOTHING
                };
                // SAFETY: as above.
                unsafe { row_map_sparse(&batch, rows, width, &results, workspace) }
            }
        );

        /// Bytes of workspace that one thread needs, for any of these.
        #[wasm_bindgen]
        pub fn $workspace(n: usize, inner: usize) -> usize {
            rows::workspace::<$scalar>(n, inner)
        }

        /// The same for TVmax.
        #[wasm_bindgen]
        pub fn $grid_workspace(n: usize, inner: usize) -> usize {
            rows::grid_workspace::<$scalar>(n, inner)
        }

        gradient_export!(
            /// Gradients of normmax and the constrained maps, from the outputs alone.
            $scalar, $backward(), |batch, rows, workspace| {
                let saved = Saved { groups: null(), rates: null() };
                // SAFETY: as above.
                unsafe { backward::row_map_backward(&batch, &saved, rows, workspace) }
            }
        );

        gradient_export!(
            /// Gradients of fusedmax, TVmax and oscarmax, with what the forward kernel wrote to `groups` and `rates`.
            $scalar, $backward_with_groups(groups: usize, rates: usize), |batch, rows, workspace| {
                let saved = Saved { groups: groups as *const u32, rates: rates as *const _ };
                // SAFETY: as above.
                unsafe { backward::row_map_backward(&batch, &saved, rows, workspace) }
            }
        );

        /// Bytes of workspace that one thread needs for either.
        #[wasm_bindgen]
        pub fn $backward_workspace(n: usize, inner: usize) -> usize {
            backward::workspace::<$scalar>(n, inner)
        }
    };
}

regularised_exports!(
    f32,
    row_map_f32,
    row_map_groups_f32,
    row_map_support_f32,
    row_map_csr_f32,
    row_map_workspace_f32,
    row_map_grid_workspace_f32,
    row_map_backward_f32,
    row_map_groups_backward_f32,
    row_map_backward_workspace_f32
);
regularised_exports!(
    f64,
    row_map_f64,
    row_map_groups_f64,
    row_map_support_f64,
    row_map_csr_f64,
    row_map_workspace_f64,
    row_map_grid_workspace_f64,
    row_map_backward_f64,
    row_map_groups_backward_f64,
    row_map_backward_workspace_f64
);
entry_exports!(f32, csr_compact_f32, csr_expand_f32);
entry_exports!(f64, csr_compact_f64, csr_expand_f64);

feasible_exports!(f32, row_map_feasible_f32);
feasible_exports!(f64, row_map_feasible_f64);
