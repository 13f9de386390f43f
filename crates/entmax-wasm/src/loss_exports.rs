//! The exports of Fenchel-Young losses with their gradients, alike for every family that has some.
//!
//! Letters and addresses as in `row_exports`; what is not asked for has address 0. `targets` or `soft` is given, not both.

use entmax_core::losses::LossBatch;
use entmax_core::maps::RowBatch;

/// For a type of scores: the kernel of both forms and what says how much workspace it needs, then the names of the exports.
macro_rules! loss_exports {
    ($scalar:ty, $kernel:path, $room:path, $loss:ident, $csr:ident, $workspace:ident) => {
        /// Losses of the rows `first..last` into `loss`, their scaled gradients into `dz` and `dparameter`. Returns a
        /// status code.
        #[wasm_bindgen::prelude::wasm_bindgen]
        #[allow(clippy::too_many_arguments)]
        pub fn $loss(
            first: usize,
            last: usize,
            workspace: usize,
            z: usize,
            mask: usize,
            targets: usize,
            soft: usize,
            scale: usize,
            loss: usize,
            dz: usize,
            dparameter: usize,
            n: usize,
            inner: usize,
            map: u32,
            parameter: usize,
            parameter_stride: usize,
            temperature: f64,
        ) -> u32 {
            let parameter = (map, parameter, parameter_stride);
            let batch = $crate::loss_exports::loss_batch::<$scalar>(
                (z, mask),
                (targets, soft, scale),
                (n, inner),
                parameter,
                temperature,
            );
            let results = entmax_core::losses::LossResults::<$scalar> {
                loss: loss as *mut f64,
                dz: dz as *mut $scalar,
                dparameter: dparameter as *mut f64,
                ..entmax_core::losses::LossResults::NOTHING
            };
            // SAFETY: the addresses are the caller's, as `row_exports` says.
            unsafe { $kernel(&batch, first..last, &results, workspace as *mut u8) as u32 }
        }

        /// As the dense form, with row r's gradient from r * n on in `indices` and `values`: the entries of support and
        /// target, `sizes[r]` of them; `thresholds` are those of the map. Returns a status code.
        #[wasm_bindgen::prelude::wasm_bindgen]
        #[allow(clippy::too_many_arguments)]
        pub fn $csr(
            first: usize,
            last: usize,
            workspace: usize,
            z: usize,
            mask: usize,
            targets: usize,
            soft: usize,
            scale: usize,
            loss: usize,
            sizes: usize,
            thresholds: usize,
            indices: usize,
            values: usize,
            dparameter: usize,
            n: usize,
            inner: usize,
            map: u32,
            parameter: usize,
            parameter_stride: usize,
            temperature: f64,
        ) -> u32 {
            let parameter = (map, parameter, parameter_stride);
            let batch = $crate::loss_exports::loss_batch::<$scalar>(
                (z, mask),
                (targets, soft, scale),
                (n, inner),
                parameter,
                temperature,
            );
            let results = entmax_core::losses::LossResults::<$scalar> {
                loss: loss as *mut f64,
                dparameter: dparameter as *mut f64,
                sizes: sizes as *mut i32,
                thresholds: thresholds as *mut $scalar,
                indices: indices as *mut i32,
                values: values as *mut $scalar,
                ..entmax_core::losses::LossResults::NOTHING
            };
            // SAFETY: as above.
            unsafe { $kernel(&batch, first..last, &results, workspace as *mut u8) as u32 }
        }

        /// Bytes of workspace that one thread needs, for any form.
        #[wasm_bindgen::prelude::wasm_bindgen]
        pub fn $workspace(n: usize, inner: usize) -> usize {
            $room(n, inner)
        }
    };
}

pub(crate) use loss_exports;

/// The arguments that both forms share: scores and mask; class or distribution, and scale, of each row; lengths N and
/// I; the map, its parameter and that one's stride.
pub fn loss_batch<T>(
    (z, mask): (usize, usize),
    (targets, soft, scale): (usize, usize, usize),
    (n, inner): (usize, usize),
    (map, parameter, parameter_stride): (u32, usize, usize),
    temperature: f64,
) -> LossBatch<T> {
    LossBatch {
        scores: RowBatch {
            x: z as *const T,
            mask: mask as *const u8,
            n,
            inner,
            map,
            parameter: parameter as *const f64,
            parameter_stride,
            upper: core::ptr::null(),
            upper_is_shared: false,
            k: 0,
            temperature,
            empty_row_is_nan: false,
        },
        targets: targets as *const i32,
        soft: soft as *const T,
        scale: scale as *const f64,
    }
}
