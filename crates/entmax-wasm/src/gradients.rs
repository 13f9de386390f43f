//! Exports of the family `maps`, continued: gradients of the maps from their output, and sparse gradients made dense.
//!
//! Letters and addresses as in `maps`; what is not asked for has address 0.

use entmax_core::gradients::{self, GradientBatch};
use wasm_bindgen::prelude::wasm_bindgen;

macro_rules! gradient_exports {
    ($scalar:ty, $backward:ident, $workspace:ident, $expand:ident) => {
        /// Gradients of the rows `first..last`: of the scores into `dx`, of each row's parameter into `dparameter`, of
        /// the upper bounds into `dupper`. Returns a status code.
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
            // SAFETY: the addresses are the caller's, as `maps` says.
            unsafe { gradients::$backward(&batch, first..last, workspace as *mut u8) as u32 }
        }

        /// Bytes of workspace that one thread needs.
        #[wasm_bindgen]
        pub fn $workspace(n: usize, inner: usize) -> usize {
            gradients::$workspace(n, inner)
        }

        /// The rows `first..last` of a sparse result, dense.
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
            unsafe {
                gradients::csr_expand(first..last, csr, out as *mut $scalar, (n, inner)) as u32
            }
        }
    };
}

gradient_exports!(
    f32,
    row_map_backward_f32,
    row_map_backward_workspace_f32,
    csr_expand_f32
);
gradient_exports!(
    f64,
    row_map_backward_f64,
    row_map_backward_workspace_f64,
    csr_expand_f64
);
