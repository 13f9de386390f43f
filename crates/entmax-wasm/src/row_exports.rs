//! What the exports of row maps have in common, so that each says only what is its own. wasm-bindgen exports functions, and not what takes
//! their place in a type, so these are macros: one for kernels that map rows, one for those of gradients.
//!
//! Letters: x is [O, N, I]; `n` is N, `inner` is I, and row `(o, i)` has number `o * I + i`. Addresses are those of
//! live allocations that hold the whole batch, 0 where something is not given; ts/src/maps/row-job.ts sees to it, and to
//! a workspace of the size that the workspace function asks for. That is what every SAFETY here rests on.

/// A kernel over the rows `first..last` that returns a status code. Its arguments are these and a workspace, the scores and their mask, then
/// its own, then the other fields of `entmax_core::maps::RowBatch` in their order. The body sees the batch, the rows and the
/// workspace under the names that it gives them.
macro_rules! row_export {
    ($(#[$doc:meta])* $scalar:ty, $name:ident($($own:ident: $type:ty),*), |$batch:ident, $rows:ident, $workspace:ident| $body:block) => {
        $(#[$doc])*
        #[wasm_bindgen::prelude::wasm_bindgen]
        #[allow(clippy::too_many_arguments)]
        pub fn $name(
            first: usize,
            last: usize,
            workspace: usize,
            x: usize,
            mask: usize,
            $($own: $type,)*
            n: usize,
            inner: usize,
            map: u32,
            parameter: usize,
            parameter_stride: usize,
            upper: usize,
            upper_is_shared: bool,
            k: usize,
            temperature: f64,
            empty_row_is_nan: bool,
        ) -> u32 {
            let $batch = entmax_core::maps::RowBatch::<$scalar> {
                x: x as *const _,
                mask: mask as *const u8,
                n,
                inner,
                map,
                parameter: parameter as *const f64,
                parameter_stride,
                upper: upper as *const _,
                upper_is_shared,
                k,
                temperature,
                empty_row_is_nan,
            };
            let ($rows, $workspace) = (first..last, workspace as *mut u8);
            let status: entmax_core::status::Status = $body;
            status as u32
        }
    };
}

/// The same of gradients: outputs and cotangents, the kernel's own arguments, where gradients go (of the scores, of each row's parameter, of the
/// bounds; 0 for those that nobody asks for), then the other fields of `entmax_core::gradients::GradientBatch`.
macro_rules! gradient_export {
    ($(#[$doc:meta])* $scalar:ty, $name:ident($($own:ident: $type:ty),*), |$batch:ident, $rows:ident, $workspace:ident| $body:block) => {
        $(#[$doc])*
        #[wasm_bindgen::prelude::wasm_bindgen]
        #[allow(clippy::too_many_arguments)]
        pub fn $name(
            first: usize,
            last: usize,
            workspace: usize,
            p: usize,
            dp: usize,
            $($own: $type,)*
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
            let $batch = entmax_core::gradients::GradientBatch::<$scalar> {
                p: p as *const _,
                dp: dp as *const _,
                dx: dx as *mut _,
                dparameter: dparameter as *mut f64,
                dupper: dupper as *mut _,
                n,
                inner,
                map,
                parameter: parameter as *const f64,
                parameter_stride,
                upper: upper as *const _,
                temperature,
            };
            let ($rows, $workspace) = (first..last, workspace as *mut u8);
            let status: entmax_core::status::Status = $body;
            status as u32
        }
    };
}

/// What a family needs whose rows come and go as entries: slots moved together, and entries made dense.
macro_rules! entry_exports {
    ($scalar:ty, $compact:ident, $expand:ident) => {
        /// Moves the entries of all rows, which are in slots of n, to the front, without gaps, and returns their number.
        #[wasm_bindgen::prelude::wasm_bindgen]
        pub fn $compact(
            rows: usize,
            n: usize,
            sizes: usize,
            indices: usize,
            values: usize,
        ) -> usize {
            let (sizes, indices) = (sizes as *const i32, indices as *mut i32);
            let (values, bytes) = (values as *mut u8, size_of::<$scalar>());
            // SAFETY: the addresses are the caller's, as `row_exports` says.
            unsafe { entmax_core::maps::csr_compact(rows, n, sizes, indices, values, bytes) }
        }

        /// Zeros, and the entries of the rows `first..last`, whose offsets are `indptr[r]..indptr[r + 1]`, into `out`, which holds the
        /// whole batch. Returns a status code.
        #[wasm_bindgen::prelude::wasm_bindgen]
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
            let (indptr, indices) = (indptr as *const i32, indices as *const i32);
            let csr = (indptr, indices, values as *const $scalar);
            let out = out as *mut $scalar;
            // SAFETY: as above.
            unsafe { entmax_core::gradients::csr_expand(first..last, csr, out, (n, inner)) as u32 }
        }
    };
}

pub(crate) use {entry_exports, gradient_export, row_export};
