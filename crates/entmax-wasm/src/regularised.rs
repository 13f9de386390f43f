//! Exports of the family `regularised`: fusedmax, TVmax, oscarmax, normmax and the constrained maps. Arguments and addresses are those
//! of the family `maps`, so that TypeScript calls both alike; a module has one family only, so names are the same, too. Maps with
//! groups have a form of each kernel that writes or reads these. In the place of k is the width of TVmax's grids.

use entmax_core::gradients::GradientBatch;
use entmax_core::maps::RowBatch;
use entmax_core::regularised::backward::{self, Saved};
use entmax_core::regularised::rows::{self, Results};
use wasm_bindgen::prelude::wasm_bindgen;

macro_rules! regularised_exports {
    ($scalar:ty, $dense:ident, $with_groups:ident, $workspace:ident, $grid_workspace:ident,
     $backward:ident, $backward_with_groups:ident, $backward_workspace:ident) => {
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
                out: out as *mut $scalar,
                groups: core::ptr::null_mut(),
                rates: core::ptr::null_mut(),
            };
            // SAFETY: the addresses are the caller's, as `maps` says.
            unsafe {
                rows::row_map(&batch, first..last, width, &results, workspace as *mut u8) as u32
            }
        }

        /// The same, with the groups into `groups` and their rates into `rates`, unless that is 0. For fusedmax, TVmax and oscarmax.
        #[wasm_bindgen]
        #[allow(clippy::too_many_arguments)]
        pub fn $with_groups(
            first: usize,
            last: usize,
            workspace: usize,
            x: usize,
            mask: usize,
            out: usize,
            groups: usize,
            rates: usize,
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
                out: out as *mut $scalar,
                groups: groups as *mut u32,
                rates: rates as *mut $scalar,
            };
            // SAFETY: the addresses are the caller's, as `maps` says.
            unsafe {
                rows::row_map(&batch, first..last, width, &results, workspace as *mut u8) as u32
            }
        }

        /// Bytes of workspace that one thread needs, for either.
        #[wasm_bindgen]
        pub fn $workspace(n: usize, inner: usize) -> usize {
            rows::workspace::<$scalar>(n, inner)
        }

        /// The same for TVmax.
        #[wasm_bindgen]
        pub fn $grid_workspace(n: usize, inner: usize) -> usize {
            rows::grid_workspace::<$scalar>(n, inner)
        }

        /// Gradients of the rows `first..last`, of normmax and the constrained maps. Returns a status code.
        #[wasm_bindgen]
        #[allow(clippy::too_many_arguments)]
        pub fn $backward(
            first: usize,
            last: usize,
            workspace: usize,
            p: usize,
            dp: usize,
            dx: usize,
            dparameter: usize,
            dupper: usize,
            n: usize,
            inner: usize,
            map: u32,
            parameter: usize,
            parameter_stride: usize,
            upper: usize,
            temperature: f64,
        ) -> u32 {
            let batch = GradientBatch::<$scalar> {
                p: p as *const $scalar,
                dp: dp as *const $scalar,
                dx: dx as *mut $scalar,
                dparameter: dparameter as *mut f64,
                dupper: dupper as *mut $scalar,
                n,
                inner,
                map,
                parameter: parameter as *const f64,
                parameter_stride,
                upper: upper as *const $scalar,
                temperature,
            };
            let saved = Saved {
                groups: core::ptr::null(),
                rates: core::ptr::null(),
            };
            let workspace = workspace as *mut u8;
            // SAFETY: as above.
            unsafe { backward::row_map_backward(&batch, &saved, first..last, workspace) as u32 }
        }

        /// The same of fusedmax, TVmax and oscarmax, with what the forward kernel wrote to `groups` and `rates`.
        #[wasm_bindgen]
        #[allow(clippy::too_many_arguments)]
        pub fn $backward_with_groups(
            first: usize,
            last: usize,
            workspace: usize,
            p: usize,
            dp: usize,
            groups: usize,
            rates: usize,
            dx: usize,
            dparameter: usize,
            dupper: usize,
            n: usize,
            inner: usize,
            map: u32,
            parameter: usize,
            parameter_stride: usize,
            upper: usize,
            temperature: f64,
        ) -> u32 {
            let batch = GradientBatch::<$scalar> {
                p: p as *const $scalar,
                dp: dp as *const $scalar,
                dx: dx as *mut $scalar,
                dparameter: dparameter as *mut f64,
                dupper: dupper as *mut $scalar,
                n,
                inner,
                map,
                parameter: parameter as *const f64,
                parameter_stride,
                upper: upper as *const $scalar,
                temperature,
            };
            let saved = Saved {
                groups: groups as *const u32,
                rates: rates as *const $scalar,
            };
            let workspace = workspace as *mut u8;
            // SAFETY: as above.
            unsafe { backward::row_map_backward(&batch, &saved, first..last, workspace) as u32 }
        }

        /// Bytes of workspace that one thread needs, for either.
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
    row_map_workspace_f64,
    row_map_grid_workspace_f64,
    row_map_backward_f64,
    row_map_groups_backward_f64,
    row_map_backward_workspace_f64
);
