//! Edges of the gradient kernels: NaN, nothing, in place, layouts, chunks, budget rows, and sparse rows made dense.

mod common;
use common::call::{bits, dense, Batch, Workspace};
use common::gradient_call::{Backward, GradientNumber};
use common::rows::{row, Random, EXPONENTS, KINDS, SIZES};
use entmax_core::gradients::{
    csr_expand, row_map_backward_f32_with, row_map_backward_workspace_f32,
};
use entmax_core::simd::{scalar::Scalar, F32Block};
use entmax_core::status::Status;

const ALPHAS: [f64; 8] = [0.0, 0.25, 0.5, 0.7, 1.0, 1.5, 9.0, f64::INFINITY];

fn normal<T: GradientNumber>(count: usize, seed: u64) -> Vec<T> {
    let mut random = Random(seed);
    (0..count).map(|_| T::round(random.normal())).collect()
}

fn a_nan_row_has_nan_gradients<T: GradientNumber>() {
    for n in [1, 2, 15, 16, 17, 40, 100] {
        for e in ALPHAS {
            for at in [0, n / 2, n - 1] {
                for whole in [false, true] {
                    let mut p = vec![T::round(0.0); 2 * n];
                    p[n] = T::round(1.0);
                    p[at] = T::round(f64::NAN);
                    if whole {
                        p[..n].fill(T::round(f64::NAN));
                    }
                    let got = Backward::rows(&p, &normal(2 * n, 1), n, e).call();
                    assert!(
                        got.x[..n].iter().all(|d| d.wide().is_nan()),
                        "n = {n}, {e}, at {at}"
                    );
                    assert!(got.x[n..].iter().all(|d| d.wide() == 0.0));
                    assert!(got.parameter[0].is_nan() && got.parameter[1] == 0.0);
                    let budget = Backward {
                        map: 1,
                        ..Backward::rows(&p, &normal(2 * n, 1), n, 1.0)
                    }
                    .call();
                    assert!(budget.x[..n]
                        .iter()
                        .chain(&budget.upper[..n])
                        .all(|d| d.wide().is_nan()));
                    assert!(budget.parameter[0].is_nan() && !budget.parameter[1].is_nan());
                }
            }
        }
    }
}

#[test]
fn a_nan_row_has_nan_gradients_and_its_neighbour_has_not() {
    a_nan_row_has_nan_gradients::<f32>();
    a_nan_row_has_nan_gradients::<f64>();
}

fn what_lies_outside_the_support_does_not_matter<T: GradientNumber>() {
    for e in ALPHAS {
        let mut p = vec![T::round(0.0); 67];
        (p[3], p[20], p[66]) = (T::round(0.5), T::round(0.3), T::round(0.2));
        let v: Vec<T> = normal(67, 2);
        let expected = Backward::row(&p, &v, e).call();
        for hostile in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut v = v.clone();
            for j in [0, 4, 19, 40, 65] {
                v[j] = T::round(hostile);
            }
            let got = Backward::row(&p, &v, e).call();
            assert_eq!(bits(&got.x), bits(&expected.x));
            assert_eq!(got.parameter, expected.parameter);
        }
        // Inside it does.
        if e < f64::INFINITY {
            let mut v = v.clone();
            v[20] = T::round(f64::NAN);
            let got = Backward::row(&p, &v, e).call();
            assert!(got.x.iter().all(|d| d.wide().is_nan()));
        }
        let empty = Backward::row(&[T::round(0.0); 67], &v, e).call();
        assert!(empty.x.iter().all(|d| d.bits() == 0) && empty.parameter[0] == 0.0);
    }
}

#[test]
fn cotangents_outside_the_support_do_not_matter_nan_or_not() {
    what_lies_outside_the_support_does_not_matter::<f32>();
    what_lies_outside_the_support_does_not_matter::<f64>();
}

#[test]
fn rows_of_nothing_are_fine() {
    let got = Backward::<f32>::rows(&[], &[], 0, 0.5).call();
    assert_eq!(got.parameter, [0.0]);
}

#[test]
fn an_alpha_below_one_is_refused_and_nothing_is_written() {
    for parameter in [-0.1, f64::NAN] {
        let (p, v) = ([0.5f32, 0.5], [1.0, 2.0]);
        let mut dx = [77.0f32; 2];
        let call = Backward::row(&p, &v, parameter);
        let mut raw = call.raw();
        raw.dx = dx.as_mut_ptr();
        let mut workspace = Workspace::new(row_map_backward_workspace_f32(2, 1));
        let status = unsafe { f32::backward(&raw, 0..1, workspace.pointer()) };
        assert!(status as u32 == 1 && dx == [77.0; 2]);
    }
}

/// [outer, n, inner] -> [outer, inner, n].
fn transposed<T: Copy>(x: &[T], outer: usize, n: usize, inner: usize) -> Vec<T> {
    let mut result = Vec::with_capacity(x.len());
    for o in 0..outer {
        for i in 0..inner {
            result.extend((0..n).map(|j| x[(o * n + j) * inner + i]));
        }
    }
    result
}

/// The opposite way.
fn restored<T: Copy>(x: &[T], outer: usize, n: usize, inner: usize) -> Vec<T> {
    transposed(x, outer, inner, n)
}

fn layouts_chunks_and_places_do_not_matter<T: GradientNumber>() {
    for (outer, n, inner) in [
        (3, 1, 1),
        (5, 17, 1),
        (2, 700, 1),
        (2, 3, 2),
        (3, 17, 7),
        (1, 64, 65),
        (2, 300, 3),
        (2, 33, 130),
    ] {
        for map in [0, 1, 2] {
            let rows = outer * inner;
            let (mut p, mut parameters): (Vec<T>, Vec<f64>) = (vec![], vec![]);
            for r in 0..rows {
                parameters.push(if map == 0 {
                    ALPHAS[r % 8]
                } else {
                    [0.3, 1.0, 4.0][r % 3]
                });
                let x: Vec<T> = row(KINDS[r % 4], n, 1.0)
                    .iter()
                    .map(|&s| T::round(s * (1.0 + r as f64)))
                    .collect();
                p.extend(dense(&Batch::row(&x, ALPHAS[r % 8])));
            }
            let (v, upper): (Vec<T>, Vec<T>) = (
                normal(p.len(), 3),
                p.iter()
                    .enumerate()
                    .map(|(j, &p)| if j % 3 == 0 { p } else { T::round(1.0) })
                    .collect(),
            );
            let straight = Backward {
                map,
                parameters: parameters.clone(),
                upper: (map != 0).then_some(&upper[..]),
                temperature: 0.7,
                ..Backward::rows(&p, &v, n, 0.0)
            };
            let expected = straight.call();
            let (p2, v2, upper2) = (
                restored(&p, outer, n, inner),
                restored(&v, outer, n, inner),
                restored(&upper, outer, n, inner),
            );
            let strided = Backward {
                p: &p2,
                dp: &v2,
                upper: (map != 0).then_some(&upper2[..]),
                inner,
                ..straight.clone()
            };
            let got = strided.call();
            assert_eq!(
                bits(&transposed(&got.x, outer, n, inner)),
                bits(&expected.x)
            );
            assert_eq!(
                got.parameter
                    .iter()
                    .map(|p| p.to_bits())
                    .collect::<Vec<_>>(),
                expected
                    .parameter
                    .iter()
                    .map(|p| p.to_bits())
                    .collect::<Vec<_>>()
            );
            if map != 0 {
                assert_eq!(
                    bits(&transposed(&got.upper, outer, n, inner)),
                    bits(&expected.upper)
                );
            }
            // dx in place of dp, in chunks from the last on, misaligned; no other result.
            let mut memory = vec![T::round(9.0); v2.len() + 1];
            memory[1..].copy_from_slice(&v2);
            let mut workspace = Workspace::new(T::backward_workspace(n, inner));
            for first in (0..rows).step_by(5).rev() {
                let mut raw = strided.raw();
                raw.dp = memory[1..].as_ptr();
                raw.dx = memory[1..].as_mut_ptr();
                let status =
                    unsafe { T::backward(&raw, first..rows.min(first + 5), workspace.pointer()) };
                assert_eq!(status, Status::Ok);
            }
            assert_eq!(bits(&memory[1..]), bits(&got.x));
            // The parameter's alone.
            let mut parameter = vec![0.0; rows];
            let mut raw = strided.raw();
            raw.dparameter = parameter.as_mut_ptr();
            assert_eq!(
                unsafe { T::backward(&raw, 0..rows, workspace.pointer()) },
                Status::Ok
            );
            assert_eq!(
                parameter.iter().map(|p| p.to_bits()).collect::<Vec<_>>(),
                got.parameter
                    .iter()
                    .map(|p| p.to_bits())
                    .collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn layouts_chunks_and_places_do_not_matter_f32() {
    layouts_chunks_and_places_do_not_matter::<f32>();
}

#[test]
fn layouts_chunks_and_places_do_not_matter_f64() {
    layouts_chunks_and_places_do_not_matter::<f64>();
}

fn on<V: F32Block>(call: &Backward<f32>) -> Vec<u64> {
    let mut dx = vec![77.0; call.p.len()];
    let mut raw = call.raw();
    raw.dx = dx.as_mut_ptr();
    let mut workspace = Workspace::new(row_map_backward_workspace_f32(call.n, 1));
    unsafe { row_map_backward_f32_with::<V>(&raw, 0..call.count(), workspace.pointer()) };
    bits(&dx)
}

#[cfg(target_arch = "x86_64")]
#[test]
fn avx2_has_the_scalar_bits() {
    if !std::arch::is_x86_feature_detected!("avx2") {
        return;
    }
    for e in EXPONENTS {
        for n in SIZES {
            let x: Vec<f32> = row("normal", n, e).iter().map(|&s| s as f32).collect();
            let (p, v) = (dense(&Batch::row(&x, e)), normal(n, 4));
            let call = Backward::row(&p, &v, e);
            assert_eq!(
                on::<entmax_core::simd::avx2::Avx2>(&call),
                on::<Scalar>(&call)
            );
        }
    }
}

#[test]
fn budget_gradients_by_their_definition() {
    // A = {1, 3}, U = {0, 4}; entry 2 is out, and so is 5, whose bound is 0.
    let p = [1.0f64, 0.4, 0.0, 0.35, 0.25, 0.0];
    let upper = [1.0, 1.0, 1.0, 0.5, 0.25, 0.0];
    let v = [3.0, 1.0, 7.0, -2.0, 0.5, 11.0];
    let call = Backward {
        map: 1,
        upper: Some(&upper),
        temperature: 2.0,
        ..Backward::row(&p, &v, 2.0)
    };
    let got = call.call();
    assert_eq!(got.x, [0.0, 0.75, 0.0, -0.75, 0.0, 0.0]);
    assert_eq!(got.upper, [3.5, 0.0, 0.0, 0.0, 1.0, 0.0]);
    assert_eq!(got.parameter, [-0.5]);
    // At most B: binding, loose, and by the caller's word.
    for (budget, binds) in [
        (2.0, true),
        (2.0 + 1e-8, true),
        (2.1, false),
        (f64::INFINITY, false),
        (-1.0, true),
    ] {
        let got = Backward {
            map: 2,
            parameters: vec![budget],
            ..call.clone()
        }
        .call();
        assert_eq!(
            got.x,
            if binds {
                [0.0, 0.75, 0.0, -0.75, 0.0, 0.0]
            } else {
                [0.0, 0.5, 0.0, -1.0, 0.0, 0.0]
            }
        );
        assert_eq!(
            got.upper,
            if binds {
                [3.5, 0.0, 0.0, 0.0, 1.0, 0.0]
            } else {
                [3.0, 0.0, 0.0, 0.0, 0.5, 0.0]
            }
        );
        assert_eq!(got.parameter, [if binds { -0.5 } else { 0.0 }]);
    }
    // Nothing moves with the scores: the bounds take their whole cotangent.
    let got = Backward {
        map: 1,
        ..Backward::row(&[1.0, 1.0, 0.0], &[2.0, 3.0, 4.0], 2.0)
    }
    .call();
    assert_eq!(
        (got.x, got.upper, got.parameter),
        (vec![0.0; 3], vec![2.0, 3.0, 0.0], vec![0.0])
    );
}

#[test]
fn sparse_rows_made_dense_are_the_rows() {
    for (outer, n, inner) in [(1, 1, 1), (4, 7, 1), (2, 5, 3), (3, 0, 2), (1, 40, 70)] {
        let mut random = Random(8);
        let rows = outer * inner;
        let mut dense = vec![0.0f32; rows * n];
        let (mut indptr, mut indices, mut values) = (vec![0i32], vec![], vec![]);
        for r in 0..rows {
            for j in 0..n {
                if random.uniform() < 0.3 {
                    let value = random.normal() as f32;
                    indices.push(j as i32);
                    values.push(value);
                    dense[(r / inner * n + j) * inner + r % inner] = value;
                }
            }
            indptr.push(indices.len() as i32);
        }
        let mut out = vec![77.0f32; rows * n + 1];
        let csr = (indptr.as_ptr(), indices.as_ptr(), values.as_ptr());
        for first in (0..rows).step_by(3).rev() {
            let status = unsafe {
                csr_expand(
                    first..rows.min(first + 3),
                    csr,
                    out.as_mut_ptr(),
                    (n, inner),
                )
            };
            assert_eq!(status, Status::Ok);
        }
        assert_eq!(out.pop(), Some(77.0));
        assert_eq!(out, dense);
    }
}
