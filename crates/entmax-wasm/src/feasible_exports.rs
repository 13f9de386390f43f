//! The export that looks at bounds before a kernel does, alike for every family with maps that take some.

/// For a type of scores: the name of the export.
macro_rules! feasible_exports {
    ($scalar:ty, $feasible:ident) => {
        /// Whether all of `rows` rows surely have bounds >= 0 that sum to their budgets. Not for the pool.
        #[wasm_bindgen::prelude::wasm_bindgen]
        #[allow(clippy::too_many_arguments)]
        pub fn $feasible(
            rows: usize,
            x: usize,
            mask: usize,
            n: usize,
            inner: usize,
            budget: usize,
            budget_stride: usize,
            upper: usize,
        ) -> bool {
            let batch = entmax_core::maps::RowBatch {
                x: x as *const $scalar,
                mask: mask as *const u8,
                n,
                inner,
                map: entmax_core::maps::map::BUDGET,
                parameter: budget as *const f64,
                parameter_stride: budget_stride,
                upper: upper as *const $scalar,
                upper_is_shared: false,
                k: 0,
                temperature: 1.0,
                empty_row_is_nan: false,
            };
            // SAFETY: the addresses are the caller's, as `row_exports` says.
            unsafe { entmax_core::maps::are_feasible(&batch, rows) }
        }
    };
}

pub(crate) use feasible_exports;
