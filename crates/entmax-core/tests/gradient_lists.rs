//! Pullbacks of f32 rows as a list of the support or by blocks: supports around the share at which one gives way to the other.

mod common;
use common::call::{bits, Workspace};
use common::derivatives;
use common::gradient_call::Backward;
use common::rows::Random;
use entmax_core::gradients::*;
use entmax_core::simd::F32Block;
use entmax_core::status::Status;

const EXPONENTS: [f64; 6] = [0.0, 0.1, 0.25, 0.5, 0.7, 1.0];
const SIZES: [usize; 13] = [
    63, 255, 256, 257, 319, 320, 321, 1000, 1024, 1025, 1087, 4096, 4111,
];
const KINDS: [&str; 10] = [
    "none",
    "one",
    "the last",
    "sparse",
    "a tenth",
    "a quarter",
    "first quarter",
    "last quarter",
    "as many as a list takes",
    "one more than a list takes",
];

/// Probabilities, as good as any: positive at the support.
fn probabilities(kind: &str, n: usize) -> Vec<f32> {
    let mut random = Random(n as u64 + 1);
    let mut listed = 0;
    let mut p: Vec<f32> = (0..n)
        .map(|j| {
            let (t, word) = (random.uniform(), j / 64 * 64);
            // The list gives up behind a word that leaves it longer than this.
            let most = word / 4 + 64;
            let inside = match kind {
                "none" => false,
                "one" => j == n / 3,
                "the last" => j == n - 1,
                "sparse" => t < 0.003,
                "a tenth" => t < 0.1,
                "a quarter" => t < 0.25,
                "first quarter" => j < n / 4,
                "last quarter" => j >= n - n / 4,
                "as many as a list takes" => listed < most,
                _ => listed < most + usize::from(word >= 128),
            };
            listed += usize::from(inside);
            if inside {
                (0.01 + random.uniform()) as f32
            } else {
                0.0
            }
        })
        .collect();
    let sum: f32 = p.iter().sum();
    p.iter_mut().for_each(|p| *p /= sum.max(1e-9));
    p
}

fn cotangent(n: usize) -> Vec<f32> {
    let mut random = Random(n as u64 + 5);
    (0..n).map(|_| random.normal() as f32).collect()
}

fn each_row(mut check: impl FnMut(&[f32], &[f32], f64, &str)) {
    for kind in KINDS {
        for n in SIZES {
            for e in EXPONENTS {
                let label = format!("{kind}, n = {n}, alpha - 1 = {e}");
                check(&probabilities(kind, n), &cotangent(n), e, &label);
            }
        }
    }
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

#[test]
fn lists_and_blocks_agree_with_the_formula() {
    each_row(|p, v, e, label| {
        let got = Backward {
            temperature: 0.7,
            ..Backward::row(p, v, e)
        }
        .call();
        let want = derivatives::pull_back(&wide(p), &wide(v), e, 0.7);
        for (j, (&got, want)) in got.x.iter().zip(&want).enumerate() {
            if p[j] == 0.0 {
                assert_eq!(got.to_bits(), 0, "{label}: outside the support");
            }
            let error = (f64::from(got) - want).abs();
            assert!(
                error <= 2e-6,
                "{label}: entry {j} is {got:e}, should be {want:e}"
            );
        }
    });
}

/// dx in the place of dp.
fn in_place<V: F32Block>(p: &[f32], v: &[f32], e: f64) -> Vec<f32> {
    let call = Backward::row(p, v, e);
    let mut x = v.to_vec();
    let mut raw = call.raw();
    raw.dp = x.as_ptr();
    raw.dx = x.as_mut_ptr();
    let mut workspace = Workspace::new(row_map_backward_workspace_f32(p.len(), 1));
    let status = unsafe { row_map_backward_f32_with::<V>(&raw, 0..1, workspace.pointer()) };
    assert_eq!(status, Status::Ok);
    x
}

#[test]
fn gradients_in_the_cotangents_place_have_the_same_bits() {
    each_row(|p, v, e, label| {
        let apart = Backward::row(p, v, e).call().x;
        let x = in_place::<entmax_core::simd::Native>(p, v, e);
        assert_eq!(bits(&x), bits(&apart), "{label}");
    });
}

#[cfg(target_arch = "x86_64")]
#[test]
fn avx2_gives_the_bits_of_the_scalar_blocks_for_gradients() {
    if is_x86_feature_detected!("avx2") {
        each_row(|p, v, e, label| {
            let apart = Backward::row(p, v, e).call().x;
            let x = in_place::<entmax_core::simd::avx2::Avx2>(p, v, e);
            assert_eq!(bits(&x), bits(&apart), "{label}");
        });
    }
}

#[test]
fn a_row_between_others_has_the_bits_of_the_row_alone() {
    let n = 320;
    for kind in KINDS {
        let rows: Vec<Vec<f32>> = ["a tenth", kind, "first quarter"]
            .map(|kind| probabilities(kind, n))
            .to_vec();
        let v = cotangent(n);
        let mix = |pick: &dyn Fn(usize, usize) -> f32| -> Vec<f32> {
            (0..3 * n).map(|at| pick(at % 3, at / 3)).collect()
        };
        let p = mix(&|row, j| rows[row][j]);
        let dp = mix(&|_, j| v[j]);
        let call = Backward {
            n,
            inner: 3,
            ..Backward::row(&p, &dp, 0.5)
        };
        let middle: Vec<f32> = call.call().x.chunks(3).map(|three| three[1]).collect();
        let alone = Backward::row(&rows[1], &v, 0.5).call().x;
        assert_eq!(bits(&middle), bits(&alone), "{kind}");
    }
}

#[test]
fn what_is_no_number_fills_the_row_where_it_counts() {
    for kind in ["a tenth", "a quarter", "as many as a list takes"] {
        for n in [257, 1024] {
            let (p, v) = (probabilities(kind, n), cotangent(n));
            let inside = p.iter().rposition(|&p| p > 0.0).unwrap();
            let outside = p.iter().rposition(|&p| p == 0.0).unwrap();
            for bad in [f32::NAN, f32::INFINITY] {
                let mut v = v.clone();
                v[outside] = bad;
                let x = Backward::row(&p, &v, 0.5).call().x;
                assert!(x.iter().all(|x| x.is_finite()), "{kind}, {n}: outside");
                v[inside] = bad;
                let x = Backward::row(&p, &v, 0.5).call().x;
                assert!(x.iter().all(|x| x.is_nan()), "{kind}, {n}: inside");
            }
            let mut p = p.clone();
            p[n - 1] = f32::NAN;
            for e in [0.5, 1.0] {
                let x = Backward::row(&p, &v, e).call().x;
                assert!(x.iter().all(|x| x.is_nan()), "{kind}, {n}: p");
            }
        }
    }
}
