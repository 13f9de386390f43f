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
    pub exponents: Vec<f64>,
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
            exponents: vec![exponent],
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
            alpha_minus_one: self.exponents.as_ptr(),
            alpha_stride: usize::from(self.exponents.len() > 1),
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
    unsafe fn dense(
        batch: &RowBatch<Self>,
        rows: Range<usize>,
        out: *mut Self,
        w: *mut u8,
    ) -> Status;
    /// # Safety
    /// As the kernel.
    unsafe fn support(
        b: &RowBatch<Self>,
        r: Range<usize>,
        s: *mut i32,
        t: *mut Self,
        w: *mut u8,
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
        entmax_workspace_f32(n, inner)
    }
    unsafe fn dense(
        batch: &RowBatch<f32>,
        rows: Range<usize>,
        out: *mut f32,
        w: *mut u8,
    ) -> Status {
        unsafe { entmax_f32(batch, rows, out, w) }
    }
    unsafe fn support(
        b: &RowBatch<f32>,
        r: Range<usize>,
        s: *mut i32,
        t: *mut f32,
        w: *mut u8,
    ) -> Status {
        unsafe { entmax_support_f32(b, r, s, t, w) }
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
        entmax_workspace_f64(n, inner)
    }
    unsafe fn dense(
        batch: &RowBatch<f64>,
        rows: Range<usize>,
        out: *mut f64,
        w: *mut u8,
    ) -> Status {
        unsafe { entmax_f64(batch, rows, out, w) }
    }
    unsafe fn support(
        b: &RowBatch<f64>,
        r: Range<usize>,
        s: *mut i32,
        t: *mut f64,
        w: *mut u8,
    ) -> Status {
        unsafe { entmax_support_f64(b, r, s, t, w) }
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
    let status = unsafe {
        T::dense(
            &batch.raw(),
            0..batch.count(),
            out.as_mut_ptr(),
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
    let mut workspace = Workspace::new(entmax_workspace_f32(batch.n, batch.inner));
    let rows = 0..batch.count();
    let status =
        unsafe { entmax_f32_with::<V>(&batch.raw(), rows, out.as_mut_ptr(), workspace.pointer()) };
    assert_eq!(status, Status::Ok);
    out
}

pub fn support<T: Number>(batch: &Batch<T>) -> (Vec<i32>, Vec<T>) {
    let rows = batch.count();
    let (mut sizes, mut thresholds) = (vec![-1; rows], vec![T::default(); rows]);
    let mut workspace = Workspace::new(T::workspace(batch.n, batch.inner));
    let status = unsafe {
        T::support(
            &batch.raw(),
            0..rows,
            sizes.as_mut_ptr(),
            thresholds.as_mut_ptr(),
            workspace.pointer(),
        )
    };
    assert_eq!(status, Status::Ok);
    (sizes, thresholds)
}

pub fn bits<T: Number>(values: &[T]) -> Vec<u64> {
    values.iter().map(|value| value.bits()).collect()
}
