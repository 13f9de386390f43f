//! Calling the loss kernels from safe code.

use super::call::{Batch, Number, Workspace};
use entmax_core::losses::*;
use entmax_core::status::Status;
use std::ops::Range;

#[derive(Clone)]
pub enum Targets<'a, T> {
    Classes(Vec<i32>),
    Soft(&'a [T]),
}

#[derive(Clone)]
pub struct Loss<'a, T> {
    pub scores: Batch<'a, T>,
    pub targets: Targets<'a, T>,
    /// One for each row, or one for all.
    pub scale: Vec<f64>,
}

pub struct Losses<T> {
    pub loss: Vec<f64>,
    pub dz: Vec<T>,
    pub dparameter: Vec<f64>,
}

pub struct SparseLosses<T> {
    pub loss: Vec<f64>,
    pub dparameter: Vec<f64>,
    pub thresholds: Vec<T>,
    /// For each row.
    pub indices: Vec<Vec<usize>>,
    pub values: Vec<Vec<T>>,
}

impl<'a, T: LossNumber> Loss<'a, T> {
    pub fn row(x: &'a [T], class: i32, exponent: f64) -> Self {
        Loss {
            scores: Batch::row(x, exponent),
            targets: Targets::Classes(vec![class]),
            scale: vec![1.0],
        }
    }
    pub fn soft(x: &'a [T], q: &'a [T], exponent: f64) -> Self {
        Loss {
            scores: Batch::row(x, exponent),
            targets: Targets::Soft(q),
            scale: vec![1.0],
        }
    }
    /// The batch, which reads `scale`.
    pub fn raw(&self, scale: &[f64]) -> LossBatch<T> {
        let (targets, soft) = match &self.targets {
            Targets::Classes(classes) => (classes.as_ptr(), std::ptr::null()),
            Targets::Soft(q) => (std::ptr::null(), q.as_ptr()),
        };
        LossBatch {
            scores: self.scores.raw(),
            targets,
            soft,
            scale: scale.as_ptr(),
        }
    }
    pub fn scales(&self) -> Vec<f64> {
        let rows = self.scores.count();
        if self.scale.len() == rows {
            self.scale.clone()
        } else {
            vec![self.scale[0]; rows]
        }
    }
    pub fn workspace(&self) -> Workspace {
        Workspace::new(T::loss_workspace(self.scores.n, self.scores.inner))
    }
    pub fn call(&self) -> Losses<T> {
        let (size, rows) = (self.scores.x.len(), self.scores.count());
        let guard = T::round(77.0);
        let (mut loss, mut dparameter) = (vec![77.0; rows + 1], vec![77.0; rows + 1]);
        let mut dz = vec![guard; size + 16];
        let scale = self.scales();
        let results = LossResults {
            loss: loss.as_mut_ptr(),
            dz: dz.as_mut_ptr(),
            dparameter: dparameter.as_mut_ptr(),
            ..LossResults::NOTHING
        };
        let mut workspace = self.workspace();
        let status = unsafe { T::loss(&self.raw(&scale), 0..rows, &results, workspace.pointer()) };
        assert_eq!(status, Status::Ok);
        assert!(dz[size..].iter().all(|&value| value == guard));
        assert_eq!((loss.pop(), dparameter.pop()), (Some(77.0), Some(77.0)));
        dz.truncate(size);
        Losses {
            loss,
            dz,
            dparameter,
        }
    }
    pub fn call_sparse(&self) -> SparseLosses<T> {
        let (n, rows) = (self.scores.n, self.scores.count());
        let guard = T::round(77.0);
        let (mut loss, mut dparameter) = (vec![77.0; rows], vec![77.0; rows]);
        let (mut sizes, mut thresholds) = (vec![-7; rows], vec![guard; rows]);
        let (mut indices, mut values) = (vec![-7; rows * n + 1], vec![guard; rows * n + 1]);
        let scale = self.scales();
        let results = LossResults {
            loss: loss.as_mut_ptr(),
            dz: std::ptr::null_mut(),
            dparameter: dparameter.as_mut_ptr(),
            sizes: sizes.as_mut_ptr(),
            thresholds: thresholds.as_mut_ptr(),
            indices: indices.as_mut_ptr(),
            values: values.as_mut_ptr(),
        };
        let mut workspace = self.workspace();
        let status = unsafe { T::loss(&self.raw(&scale), 0..rows, &results, workspace.pointer()) };
        assert_eq!(status, Status::Ok);
        assert_eq!((indices.pop(), values.pop()), (Some(-7), Some(guard)));
        let slot = |r: usize| r * n..r * n + sizes[r] as usize;
        SparseLosses {
            loss,
            dparameter,
            indices: (0..rows)
                .map(|r| indices[slot(r)].iter().map(|&j| j as usize).collect())
                .collect(),
            values: (0..rows).map(|r| values[slot(r)].to_vec()).collect(),
            thresholds,
        }
    }
}

pub trait LossNumber: Number {
    fn loss_workspace(n: usize, inner: usize) -> usize;
    /// # Safety
    /// As the kernel.
    unsafe fn loss(
        b: &LossBatch<Self>,
        r: Range<usize>,
        o: &LossResults<Self>,
        w: *mut u8,
    ) -> Status;
}

impl LossNumber for f32 {
    fn loss_workspace(n: usize, inner: usize) -> usize {
        row_loss_workspace_f32(n, inner)
    }
    unsafe fn loss(
        b: &LossBatch<f32>,
        r: Range<usize>,
        o: &LossResults<f32>,
        w: *mut u8,
    ) -> Status {
        unsafe { row_loss_f32(b, r, o, w) }
    }
}

impl LossNumber for f64 {
    fn loss_workspace(n: usize, inner: usize) -> usize {
        row_loss_workspace_f64(n, inner)
    }
    unsafe fn loss(
        b: &LossBatch<f64>,
        r: Range<usize>,
        o: &LossResults<f64>,
        w: *mut u8,
    ) -> Status {
        unsafe { row_loss_f64(b, r, o, w) }
    }
}
