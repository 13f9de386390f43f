//! Calling a kernel from safe code: aligned workspace, guard values behind every output.

use entmax_core::maps::*;
use entmax_core::simd::F32Block;
use entmax_core::status::Status;
use std::ops::Range;

/// A batch that owns nothing: the defaults of one contiguous call.
#[derive(Clone)]
pub struct Batch<'a, T> {
    pub x: &'a [T],
    pub mask: Option<&'a [u8]>,
    pub n: usize,
    pub inner: usize,
    pub map: u32,
    /// alpha - 1, or budgets.
    pub exponents: Vec<f64>,
    /// In the layout of x; fewer: one row for all.
    pub upper: Option<&'a [T]>,
    pub k: usize,
    pub temperature: f64,
    pub empty_row_is_nan: bool,
}

impl<'a, T> Batch<'a, T> {
    /// One row.
    pub fn row(x: &'a [T], exponent: f64) -> Self {
        Self::rows(x, x.len(), exponent)
    }
    pub fn rows(x: &'a [T], n: usize, exponent: f64) -> Self {
        Batch {
            x,
            mask: None,
            n,
            inner: 1,
            map: map::ENTMAX,
            exponents: vec![exponent],
            upper: None,
            k: 0,
            temperature: 1.0,
            empty_row_is_nan: false,
        }
    }
    pub fn count(&self) -> usize {
        // A row of length 0 is still a row.
        self.x.len().checked_div(self.n).unwrap_or(1)
    }
    pub fn raw(&self) -> RowBatch<T> {
        assert!(self.mask.is_none_or(|mask| mask.len() == self.x.len()));
        RowBatch {
            x: self.x.as_ptr(),
            mask: self.mask.map_or(std::ptr::null(), |mask| mask.as_ptr()),
            n: self.n,
            inner: self.inner,
            map: self.map,
            parameter: self.exponents.as_ptr(),
            parameter_stride: usize::from(self.exponents.len() > 1),
            upper: self.upper.map_or(std::ptr::null(), |upper| upper.as_ptr()),
            upper_is_shared: self.upper.is_some_and(|upper| upper.len() < self.x.len()),
            k: self.k,
            temperature: self.temperature,
            empty_row_is_nan: self.empty_row_is_nan,
        }
    }
}

/// 64-aligned bytes with a guard behind them.
pub struct Workspace {
    memory: Vec<u128>,
    start: usize,
    len: usize,
}

impl Workspace {
    pub fn new(len: usize) -> Workspace {
        assert_eq!(len % 64, 0, "a workspace is a multiple of 64 bytes");
        // Filled with NaN bits: nothing may depend on what was there.
        let mut memory = vec![u128::MAX; len / 16 + 12];
        let start = memory.as_ptr().align_offset(64);
        memory[start + len / 16..].fill(0xa5);
        Workspace { memory, start, len }
    }
    pub fn pointer(&mut self) -> *mut u8 {
        self.memory[self.start..].as_mut_ptr().cast()
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let after = self.start + self.len / 16;
            assert!(
                self.memory[after..].iter().all(|&guard| guard == 0xa5),
                "the workspace was overrun"
            );
        }
    }
}

/// The two types of scores.
pub trait Number: Copy + PartialOrd + std::fmt::Debug + Default {
    fn round(value: f64) -> Self;
    fn wide(self) -> f64;
    fn bits(self) -> u64;
    fn workspace(n: usize, inner: usize) -> usize;
    /// # Safety
    /// As the kernel.
    unsafe fn row_map(
        batch: &RowBatch<Self>,
        rows: Range<usize>,
        results: &Results<Self>,
        workspace: *mut u8,
    ) -> Status;
}

impl Number for f32 {
    fn round(value: f64) -> f32 {
        value as f32
    }
    fn wide(self) -> f64 {
        f64::from(self)
    }
    fn bits(self) -> u64 {
        u64::from(self.to_bits())
    }
    fn workspace(n: usize, inner: usize) -> usize {
        row_map_workspace_f32(n, inner)
    }
    unsafe fn row_map(
        batch: &RowBatch<f32>,
        rows: Range<usize>,
        results: &Results<f32>,
        workspace: *mut u8,
    ) -> Status {
        unsafe { row_map_f32(batch, rows, results, workspace) }
    }
}

impl Number for f64 {
    fn round(value: f64) -> f64 {
        value
    }
    fn wide(self) -> f64 {
        self
    }
    fn bits(self) -> u64 {
        self.to_bits()
    }
    fn workspace(n: usize, inner: usize) -> usize {
        row_map_workspace_f64(n, inner)
    }
    unsafe fn row_map(
        batch: &RowBatch<f64>,
        rows: Range<usize>,
        results: &Results<f64>,
        workspace: *mut u8,
    ) -> Status {
        unsafe { row_map_f64(batch, rows, results, workspace) }
    }
}

/// The dense form.
pub fn to<T>(out: *mut T) -> Results<T> {
    Results {
        out,
        ..Results::NOTHING
    }
}

pub fn dense<T: Number>(batch: &Batch<T>) -> Vec<T> {
    let (out, status) = dense_with_status(batch);
    assert_eq!(
        status,
        Status::Ok,
        "n = {}, alpha - 1 = {:?}, T = {}",
        batch.n,
        batch.exponents,
        batch.temperature
    );
    out
}

pub fn dense_with_status<T: Number>(batch: &Batch<T>) -> (Vec<T>, Status) {
    let guard = T::round(77.0);
    let mut out = vec![guard; batch.x.len() + 16];
    let mut workspace = Workspace::new(T::workspace(batch.n, batch.inner));
    let results = to(out.as_mut_ptr());
    let status = unsafe {
        T::row_map(
            &batch.raw(),
            0..batch.count(),
            &results,
            workspace.pointer(),
        )
    };
    assert!(
        out[batch.x.len()..].iter().all(|&value| value == guard),
        "the output was overrun"
    );
    out.truncate(batch.x.len());
    (out, status)
}

/// On a chosen block implementation.
pub fn dense_f32_on<V: F32Block>(batch: &Batch<f32>) -> Vec<f32> {
    let mut out = vec![77.0; batch.x.len()];
    let mut workspace = Workspace::new(row_map_workspace_f32(batch.n, batch.inner));
    let rows = 0..batch.count();
    let results = to(out.as_mut_ptr());
    let status =
        unsafe { row_map_f32_with::<V>(&batch.raw(), rows, &results, workspace.pointer()) };
    assert_eq!(status, Status::Ok);
    out
}

pub fn support<T: Number>(batch: &Batch<T>) -> (Vec<i32>, Vec<T>) {
    let rows = batch.count();
    let (mut sizes, mut thresholds) = (vec![-1; rows], vec![T::default(); rows]);
    let mut workspace = Workspace::new(T::workspace(batch.n, batch.inner));
    let results = Results {
        sizes: sizes.as_mut_ptr(),
        thresholds: thresholds.as_mut_ptr(),
        ..Results::NOTHING
    };
    let status = unsafe { T::row_map(&batch.raw(), 0..rows, &results, workspace.pointer()) };
    assert_eq!(status, Status::Ok);
    (sizes, thresholds)
}

/// The CSR form: sizes, thresholds, exact, and each row's indices and values.
pub struct Csr<T> {
    pub sizes: Vec<i32>,
    pub thresholds: Vec<T>,
    pub exact: Vec<u8>,
    pub rows: Vec<(Vec<i32>, Vec<T>)>,
}

/// Rows one behind the other, through `csr_compact`.
pub fn csr<T: Number>(batch: &Batch<T>, by_value: bool) -> Csr<T> {
    let rows = batch.count();
    let (mut sizes, mut thresholds) = (vec![-1; rows], vec![T::default(); rows]);
    let mut exact = vec![77; rows];
    let guard = T::round(77.0);
    let entries = rows * batch.n;
    let (mut indices, mut values) = (vec![-77; entries + 16], vec![guard; entries + 16]);
    let mut workspace = Workspace::new(T::workspace(batch.n, batch.inner));
    let results = Results {
        sizes: sizes.as_mut_ptr(),
        thresholds: thresholds.as_mut_ptr(),
        exact: exact.as_mut_ptr(),
        indices: indices.as_mut_ptr(),
        values: values.as_mut_ptr(),
        by_value,
        ..Results::NOTHING
    };
    let status = unsafe { T::row_map(&batch.raw(), 0..rows, &results, workspace.pointer()) };
    assert_eq!(status, Status::Ok);
    assert!(indices[entries..].iter().all(|&index| index == -77));
    assert!(values[entries..].iter().all(|&value| value == guard));
    let (i, v) = (indices.as_mut_ptr(), values.as_mut_ptr().cast());
    let total = unsafe { csr_compact(rows, batch.n, sizes.as_ptr(), i, v, size_of::<T>()) };
    let mut from = 0;
    let rows = sizes
        .iter()
        .map(|&size| {
            let slot = from..from + size as usize;
            from = slot.end;
            (indices[slot.clone()].to_vec(), values[slot].to_vec())
        })
        .collect();
    assert_eq!(total, from);
    Csr {
        sizes,
        thresholds,
        exact,
        rows,
    }
}

pub fn bits<T: Number>(values: &[T]) -> Vec<u64> {
    values.iter().map(|value| value.bits()).collect()
}
