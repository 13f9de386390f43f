//! Long rows of f32, which are read once with a rising bound unless that does not pay: adversaries of such a bound, around
//! the length from which it is tried and the ends of words and blocks.

mod common;
use common::call::{bits, csr, dense, dense_f32_on, support, Batch};
use common::oracle;
use common::rows::Random;
use entmax_core::simd::F32Block;

/// The length from which rows are tried.
const LONG: usize = 16384;
const SIZES: [usize; 9] = [
    LONG - 1,
    LONG,
    LONG + 1,
    LONG + 63,
    LONG + 64,
    LONG + 65,
    20_000,
    2 * LONG,
    2 * LONG + 17,
];
const EXPONENTS: [f64; 6] = [1.0, 0.5, 1.0 / 3.0, 0.25, 0.1, 0.7];
const KINDS: [&str; 21] = [
    "normal",
    "bulk and head",
    "Zipf",
    "ascending gently",
    "ascending steeply",
    "descending",
    "ascending to the trial's end",
    "quiet, then noise",
    "noise, then quiet",
    "maximum first",
    "maximum last",
    "one hit a word",
    "one record a word",
    "equal",
    "equal but one",
    "half below the maximum",
    "half at half the reach",
    "ties",
    "few finite",
    "huge",
    "tiny",
];

/// A row; `reach` is 1 / e, the farthest that the threshold can lie below the maximum.
fn row(kind: &str, n: usize, reach: f64) -> Vec<f32> {
    let mut random = Random(n as u64 + 3);
    let mut place = Random(n as u64 + 17);
    let mut x: Vec<f64> = (0..n)
        .map(|j| {
            let t = j as f64 / n as f64;
            let z = random.normal();
            match kind {
                "normal" => z,
                "bulk and head" | "maximum first" | "maximum last" => 2.0 * z,
                "Zipf" => -2.0 * (1.0 + n as f64 * random.uniform()).ln(),
                "ascending gently" => 4.0 * reach * t,
                "ascending steeply" => 0.1 * reach * j as f64,
                "descending" => -0.01 * reach * j as f64,
                "ascending to the trial's end" => 0.1 * reach * j.min(1100) as f64 + 0.01 * z,
                "quiet, then noise" if j > 1100 => z,
                "noise, then quiet" if j < 1000 => 5.0 + z,
                "quiet, then noise" | "noise, then quiet" => -30.0 + z,
                "one hit a word" if j % 64 == 63 => 9.0 + 0.3 * reach * random.uniform(),
                "one record a word" if j % 64 == 17 => 9.0 + 0.02 * reach * j as f64,
                "one hit a word" | "one record a word" => -reach + z,
                "equal but one" if j == n / 2 => 0.75 + 1e-3 * reach,
                "equal" | "equal but one" => 0.75,
                "half below the maximum" if j % 2 == 0 => -0.4 * reach,
                "half at half the reach" if j % 2 == 0 => -0.5 * reach,
                "half below the maximum" => -reach * (1.0 + random.uniform()),
                "half at half the reach" if j == n - 5 => 0.0,
                "half at half the reach" => -2.0 * reach,
                "ties" => (4.0 * random.uniform()).floor() * 0.5 * reach,
                "few finite" if j % 1000 == 999 => z,
                "few finite" => f64::NEG_INFINITY,
                "huge" => 1e30 * z,
                _ => 1e-30 * z,
            }
        })
        .collect();
    match kind {
        "bulk and head" => (1..33).for_each(|rank| {
            let at = (place.uniform() * n as f64) as usize;
            x[at] = 14.0 - 2.0 * f64::from(rank).ln() + place.normal();
        }),
        "maximum first" => x[0] = 12.0,
        "maximum last" => x[n - 1] = 12.0,
        _ => {}
    }
    x.iter().map(|&score| score as f32).collect()
}

fn each_row(mut check: impl FnMut(&[f32], f64, &str)) {
    for kind in KINDS {
        for (place, &n) in SIZES.iter().enumerate() {
            for (turn, &e) in EXPONENTS.iter().enumerate() {
                // Sparsemax and 1.5-entmax everywhere, the others in turns.
                if turn < 2 || (place + turn) % 4 == 0 {
                    let label = format!("{kind}, n = {n}, alpha - 1 = {e}");
                    check(&row(kind, n, 1.0 / e), e, &label);
                }
            }
        }
    }
}

#[test]
fn long_rows_are_right_whatever_a_bound_meets_on_its_way() {
    each_row(|x, e, label| {
        let p = dense(&Batch::row(x, e));
        let z: Vec<f64> = x.iter().map(|&score| f64::from(score)).collect();
        let truth = oracle::entmax(&z, e, 1.0);
        let largest = truth.largest();
        let scale = f64::from(x.iter().fold(0.0f32, |m, s| {
            m.max(s.abs() * f32::from(s.is_finite() as u8))
        }));
        for (j, (&p, &t)) in p.iter().zip(&truth.p).enumerate() {
            let error = (f64::from(p) - t).abs() / largest;
            assert!(
                error <= 5e-6,
                "{label}: entry {j} is {p:e}, should be {t:e}"
            );
            let near = (z[j] - truth.threshold).abs() <= 1e-6 * scale.max(1.0);
            assert!(
                (p > 0.0) == (t > 0.0) || near || t < 1e-37,
                "{label}: entry {j}, {p:e}, {t:e}"
            );
        }
        let sum = oracle::sum(p.iter().map(|&p| f64::from(p)));
        assert!((sum - 1.0).abs() <= 5e-7, "{label}: sum {sum}");
    });
}

#[test]
fn all_forms_of_a_long_row_have_the_bits_of_the_dense_one() {
    each_row(|x, e, label| {
        let batch = Batch::row(x, e);
        let p = dense(&batch);
        let form = csr(&batch, false);
        let (indices, values) = &form.rows[0];
        let mut spread = vec![0.0f32; x.len()];
        for (&j, &value) in indices.iter().zip(values) {
            assert!(value > 0.0, "{label}");
            spread[j as usize] = value;
        }
        assert_eq!(bits(&spread), bits(&p), "{label}");
        let (sizes, thresholds) = support(&batch);
        assert_eq!(form.sizes, sizes, "{label}");
        assert_eq!(bits(&form.thresholds), bits(&thresholds), "{label}");
        for (j, &score) in x.iter().enumerate() {
            assert_eq!(p[j] > 0.0, score > thresholds[0], "{label}: entry {j}");
        }
    });
}

#[test]
fn a_long_row_has_its_bits_in_any_batch_and_behind_any_address() {
    for kind in ["bulk and head", "normal", "ascending steeply"] {
        for n in [LONG + 1, LONG + 64] {
            let one = row(kind, n, 1.0);
            let alone = dense(&Batch::row(&one, 1.0));
            let mut three = row("ties", n, 1.0);
            three.extend(&one);
            three.extend(row("equal", n, 1.0));
            let all = dense(&Batch::rows(&three, n, 1.0));
            assert_eq!(bits(&all[n..2 * n]), bits(&alone), "{kind} {n}");
            // Interleaved with others: gathered from a layout with inner = 3.
            let mut strided = vec![0.0f32; 3 * n];
            for j in 0..n {
                for (k, row) in three.chunks(n).enumerate() {
                    strided[3 * j + k] = row[j];
                }
            }
            let batch = Batch {
                inner: 3,
                ..Batch::rows(&strided, n, 1.0)
            };
            let middle: Vec<f32> = dense(&batch).chunks(3).map(|three| three[1]).collect();
            assert_eq!(bits(&middle), bits(&alone), "{kind} {n}");
        }
    }
}

#[test]
fn non_finite_scores_are_found_wherever_they_are_in_a_long_row() {
    for kind in ["bulk and head", "normal", "descending"] {
        for n in [LONG, LONG + 65] {
            let x = row(kind, n, 1.0);
            for at in [
                0,
                15,
                255,
                256,
                1023,
                1024,
                5000,
                n - 65,
                n - 64,
                n - 2,
                n - 1,
            ] {
                // Both signs: processors make negative NaN.
                for nan in [f32::NAN, -f32::NAN, f32::from_bits(0xffff_ffff)] {
                    let mut x = x.clone();
                    x[at] = nan;
                    let p = dense(&Batch::row(&x, 1.0));
                    assert!(p.iter().all(|p| p.is_nan()), "{kind} {n} {at}");
                }
                let mut x = x.clone();
                x[at] = f32::INFINITY;
                let p = dense(&Batch::row(&x, 0.5));
                assert_eq!(p[at], 1.0, "{kind} {n} {at}");
                assert_eq!(
                    p.iter().filter(|&&p| p != 0.0).count(),
                    1,
                    "{kind} {n} {at}"
                );
                x[(at + 777) % n] = f32::NAN;
                let p = dense(&Batch::row(&x, 0.5));
                assert!(p.iter().all(|p| p.is_nan()), "{kind} {n} {at}");
            }
        }
    }
    let nothing = vec![f32::NEG_INFINITY; LONG + 3];
    assert!(dense(&Batch::row(&nothing, 1.0)).iter().all(|&p| p == 0.0));
}

#[test]
fn the_support_of_long_rows_is_exact_beside_the_threshold() {
    // A head whose threshold is a score of the row, or a step of f32 beside one, wherever it lies.
    let mut random = Random(5);
    for (e, head) in [
        (1.0, vec![4.0f32, 3.5, 3.5]),
        (0.5, vec![4.0, 3.0, 3.0, 3.0]),
    ] {
        // sparsemax: (4 - t) + 2 (3.5 - t) = 1 at t = 10/3 is no score; 1.5: (4 - t)^2 + 3 (3 - t)^2 = 4 at t = 2.5 +- ...
        let z: Vec<f64> = head.iter().map(|&score| f64::from(score)).collect();
        let tau = oracle::entmax(&z, e, 1.0).threshold as f32;
        for step in [-2i32, -1, 0, 1, 2] {
            let at_threshold = f32::from_bits((tau.to_bits() as i32 + step) as u32);
            for n in [LONG, LONG + 31] {
                let mut x: Vec<f32> = (0..n).map(|_| -9.0 + random.normal() as f32).collect();
                for (k, &score) in head.iter().enumerate() {
                    x[(k * 4099 + 700) % n] = score;
                }
                let places = [3, 900, 1500, n - 1];
                places.iter().for_each(|&at| x[at] = at_threshold);
                let p = dense(&Batch::row(&x, e));
                let z: Vec<f64> = x.iter().map(|&score| f64::from(score)).collect();
                let truth = oracle::entmax_exactly(&z, e);
                for (j, (&p, &t)) in p.iter().zip(&truth.p).enumerate() {
                    assert_eq!(p > 0.0, t > 0.0, "alpha - 1 = {e}, step {step}, entry {j}");
                }
            }
        }
    }
}

fn every_row_has_the_scalar_bits<V: F32Block>() {
    each_row(|x, e, label| {
        let batch = Batch::row(x, e);
        assert_eq!(
            bits(&dense_f32_on::<V>(&batch)),
            bits(&dense(&batch)),
            "{label}"
        );
    });
}

#[cfg(target_arch = "x86_64")]
#[test]
fn avx2_gives_the_bits_of_the_scalar_blocks_on_long_rows() {
    if is_x86_feature_detected!("avx2") {
        every_row_has_the_scalar_bits::<entmax_core::simd::avx2::Avx2>();
    }
}
