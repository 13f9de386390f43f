//! Rows around the switches between the kernels of f32: the series for near-uniform rows, samples, screening above 2.

mod common;
use common::call::{bits, dense, Batch};
use common::oracle;
use common::rows::Random;

const EXPONENTS: [f64; 14] = [
    1e-7,
    1e-3,
    0.01,
    0.1,
    0.25,
    0.3,
    1.0 / 3.0,
    0.4,
    0.5,
    0.7,
    0.95,
    1.0,
    1.5,
    3.0,
];

fn check(x: &[f32], e: f64, label: &str) -> f64 {
    let p = dense(&Batch::row(x, e));
    let z: Vec<f64> = x.iter().map(|&score| f64::from(score)).collect();
    let truth = oracle::entmax(&z, e, 1.0);
    let error = p
        .iter()
        .zip(&truth.p)
        .map(|(&p, t)| (f64::from(p) - t).abs())
        .fold(0.0, f64::max)
        / truth.largest();
    let sum = oracle::sum(p.iter().map(|&p| f64::from(p)));
    assert!(error <= 6e-7, "{label}: error {error:e}");
    assert!((sum - 1.0).abs() <= 3e-7, "{label}: sum {sum}");
    for (p, t) in p.iter().zip(&truth.p) {
        assert!(*t < 1e-7 || *p > 0.0, "{label}: {p} for {t}");
    }
    error
}

#[test]
fn rows_are_right_however_narrow_they_are_beside_their_threshold() {
    let mut random = Random(11);
    let mut worst = 0.0f64;
    for e in EXPONENTS {
        for n in [2usize, 16, 17, 63, 64, 255, 256, 257, 1000, 1024, 4099] {
            // The maximum's distance from the threshold in a row of equal scores.
            let distance = (n as f64).powf(-e) / e.max(0.05);
            for width in [
                0.0, 1e-12, 1e-5, 0.01, 0.1, 0.2, 0.3, 0.45, 0.6, 1.0, 1.5, 3.0,
            ] {
                for shape in ["flat", "skewed", "two levels"] {
                    let x: Vec<f32> = (0..n)
                        .map(|_| {
                            let t = random.uniform();
                            let t = match shape {
                                "flat" => t,
                                "skewed" => t.powi(6),
                                _ => f64::from(t < 0.15),
                            };
                            (0.3 + width * distance * t) as f32
                        })
                        .collect();
                    let label = format!("e = {e}, n = {n}, width {width}, {shape}");
                    worst = worst.max(check(&x, e, &label));
                }
            }
        }
    }
    println!("{worst:e}");
}

#[test]
fn one_score_far_from_a_narrow_row_is_never_overlooked() {
    for e in EXPONENTS {
        for n in [64usize, 300, 1024, 4099] {
            for at in [0, 5, n / 2 + 9, n - 1] {
                for far in [f32::NEG_INFINITY, -1e30, -3.0, -0.02, 0.02, 3.0, 20.0] {
                    let mut x: Vec<f32> = (0..n).map(|j| (j % 7) as f32 * 1e-5).collect();
                    x[at] = far;
                    check(&x, e, &format!("e = {e}, n = {n}, {far} at {at}"));
                }
            }
        }
    }
}

#[test]
fn equal_scores_of_a_narrow_row_have_equal_bits_and_larger_ones_no_less() {
    let mut random = Random(3);
    for e in EXPONENTS {
        for n in [100usize, 1000, 5000] {
            let width = 0.3 * (n as f64).powf(-e) / e.max(0.05);
            let x: Vec<f32> = (0..n)
                .map(|_| (width * (random.uniform() * 50.0).round() / 50.0) as f32)
                .collect();
            let p = dense(&Batch::row(&x, e));
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
            for pair in order.windows(2) {
                let (a, b) = (pair[0], pair[1]);
                assert!(p[a] <= p[b], "e = {e}, n = {n}");
                assert!(x[a] != x[b] || p[a].to_bits() == p[b].to_bits());
            }
        }
    }
}

#[test]
fn a_narrow_row_has_the_same_bits_in_any_place() {
    let mut random = Random(5);
    let row: Vec<f32> = (0..1234).map(|_| 0.01 * random.normal() as f32).collect();
    for e in EXPONENTS {
        let alone = dense(&Batch::row(&row, e));
        let three = [row.as_slice(), &row, &row].concat();
        let together = dense(&Batch::rows(&three, row.len(), e));
        assert_eq!(bits(&together[row.len()..2 * row.len()]), bits(&alone));
    }
}
