//! Calling the gradient kernels from safe code.

use super::call::{Number, Workspace};
use entmax_core::gradients::*;
use entmax_core::status::Status;
use std::ops::Range;

/// A call that owns nothing; the results are owned.
#[derive(Clone)]
pub struct Backward<'a, T> {
    pub p: &'a [T],
    pub dp: &'a [T],
    pub upper: Option<&'a [T]>,
    pub n: usize,
    pub inner: usize,
    pub map: u32,
    pub parameters: Vec<f64>,
    pub temperature: f64,
}

pub struct Gradients<T> {
    pub x: Vec<T>,
    pub parameter: Vec<f64>,
    pub upper: Vec<T>,
}

impl<'a, T: GradientNumber> Backward<'a, T> {
    pub fn rows(p: &'a [T], dp: &'a [T], n: usize, parameter: f64) -> Self {
        Backward {
            p,
            dp,
            upper: None,
            n,
            inner: 1,
            map: 0,
            parameters: vec![parameter],
            temperature: 1.0,
        }
    }
    pub fn row(p: &'a [T], dp: &'a [T], parameter: f64) -> Self {
        Self::rows(p, dp, p.len(), parameter)
    }
    pub fn count(&self) -> usize {
        self.p.len().checked_div(self.n).unwrap_or(1)
    }
    /// With null for every result.
    pub fn raw(&self) -> GradientBatch<T> {
        assert_eq!(self.p.len(), self.dp.len());
        GradientBatch {
            p: self.p.as_ptr(),
            dp: self.dp.as_ptr(),
            dx: std::ptr::null_mut(),
            dparameter: std::ptr::null_mut(),
            dupper: std::ptr::null_mut(),
            n: self.n,
            inner: self.inner,
            map: self.map,
            parameter: self.parameters.as_ptr(),
            parameter_stride: usize::from(self.parameters.len() > 1),
            upper: self.upper.map_or(std::ptr::null(), |upper| upper.as_ptr()),
            temperature: self.temperature,
        }
    }
    /// All results at once, each with a guard behind it.
    pub fn call(&self) -> Gradients<T> {
        let guard = T::round(77.0);
        let (size, rows) = (self.p.len(), self.count());
        let (mut x, mut upper) = (vec![guard; size + 16], vec![guard; size + 16]);
        let mut parameter = vec![77.0; rows + 1];
        let mut raw = self.raw();
        raw.dx = x.as_mut_ptr();
        raw.dparameter = parameter.as_mut_ptr();
        if self.map != 0 {
            raw.dupper = upper.as_mut_ptr();
        }
        let mut workspace = Workspace::new(T::backward_workspace(self.n, self.inner));
        let status = unsafe { T::backward(&raw, 0..rows, workspace.pointer()) };
        assert_eq!(status, Status::Ok);
        assert!(x[size..]
            .iter()
            .chain(&upper[size..])
            .all(|&value| value == guard));
        assert_eq!(parameter[rows], 77.0);
        x.truncate(size);
        upper.truncate(size);
        parameter.truncate(rows);
        Gradients {
            x,
            parameter,
            upper,
        }
    }
}

pub trait GradientNumber: Number {
    fn backward_workspace(n: usize, inner: usize) -> usize;
    /// # Safety
    /// As the kernel.
    unsafe fn backward(batch: &GradientBatch<Self>, rows: Range<usize>, w: *mut u8) -> Status;
}

impl GradientNumber for f32 {
    fn backward_workspace(n: usize, inner: usize) -> usize {
        row_map_backward_workspace_f32(n, inner)
    }
    unsafe fn backward(batch: &GradientBatch<f32>, rows: Range<usize>, w: *mut u8) -> Status {
        unsafe { row_map_backward_f32(batch, rows, w) }
    }
}

impl GradientNumber for f64 {
    fn backward_workspace(n: usize, inner: usize) -> usize {
        row_map_backward_workspace_f64(n, inner)
    }
    unsafe fn backward(batch: &GradientBatch<f64>, rows: Range<usize>, w: *mut u8) -> Status {
        unsafe { row_map_backward_f64(batch, rows, w) }
    }
}
