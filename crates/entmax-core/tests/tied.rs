//! Rows of f32 with few levels: the switch to `tied_f32`, and back.

mod common;
use common::call::{bits, dense, support, Batch};
use common::oracle;
use common::rows::Random;

const EXPONENTS: [f64; 15] = [
    0.049,
    0.05,
    0.1,
    0.25,
    1.0 / 3.0,
    0.5,
    0.7,
    1.0,
    1.001,
    1.5,
    2.0,
    9.0,
    27.0,
    27.5,
    63.0,
];
const SIZES: [usize; 8] = [255, 256, 257, 272, 511, 1000, 1024, 4099];

fn check(x: &[f32], e: f64, temperature: f64, label: &str) {
    let batch = Batch {
        temperature,
        ..Batch::row(x, e)
    };
    let p = dense(&batch);
    let z: Vec<f64> = x.iter().map(|&score| f64::from(score)).collect();
    let truth = oracle::entmax(&z, e, temperature);
    for (j, (&p, &t)) in p.iter().zip(&truth.p).enumerate() {
        let error = (f64::from(p) - t).abs() / truth.largest();
        assert!(error <= 6e-7, "{label}: entry {j} is {p:e}, not {t:e}");
        let ulp = f64::from(x[j].abs().next_up()) - f64::from(x[j].abs());
        let borderline = (z[j] - truth.threshold).abs() <= 4.0 * ulp;
        assert!(
            (p > 0.0) == (t > 0.0) || borderline || t < 1e-37,
            "{label}: entry {j} is {p:e}, not {t:e}"
        );
    }
    let sum = oracle::sum(p.iter().map(|&p| f64::from(p)));
    assert!((sum - 1.0).abs() <= 3e-7, "{label}: sum {sum}");
    let (_, thresholds) = support(&batch);
    for (j, &p) in p.iter().enumerate() {
        assert_eq!(p > 0.0, x[j] > thresholds[0], "{label}: entry {j}");
    }
}

#[test]
fn rows_of_levels_are_right_however_many_and_however_far_apart() {
    let mut random = Random(17);
    for e in EXPONENTS {
        for n in SIZES {
            for levels in [1usize, 2, 3, 4, 8, 9, 20] {
                // What the highest level alone reaches down to, and parts of it.
                let reach = (n as f64 / levels as f64).powf(-e) / e;
                for step in [0.02, 0.2, 0.5, 0.99, 1.01, 3.0] {
                    let x: Vec<f32> = (0..n)
                        .map(|_| {
                            let level = (random.uniform() * levels as f64).floor();
                            (0.4 - step * reach * level) as f32
                        })
                        .collect();
                    check(
                        &x,
                        e,
                        1.0,
                        &format!("e = {e}, n = {n}, {levels} levels, {step}"),
                    );
                }
            }
        }
    }
}

#[test]
fn a_level_that_few_scores_share_is_left_to_others() {
    // 256 / 64 = 4, 1024 / 64 = 16; and the sixteen lanes' largest scores have to be equal.
    for n in [256usize, 1024] {
        for rare in [n / 64 - 1, n / 64, n / 64 + 1] {
            for e in EXPONENTS {
                let mut x = vec![0.0f32; n];
                let width = (0.3 * (n as f64).powf(-e) / e) as f32;
                for (j, score) in x.iter_mut().enumerate() {
                    // Half the row at the top, a rare level below, the others lower still.
                    *score = match j {
                        _ if j % 2 == 0 => 1.0,
                        _ if j / 2 < rare => 1.0 - width,
                        _ => 1.0 - 2.0 * width,
                    };
                }
                check(
                    &x,
                    e,
                    1.0,
                    &format!("e = {e}, n = {n}, {rare} in the middle"),
                );
            }
        }
    }
}

#[test]
fn ties_among_other_scores_masked_ones_and_infinities_below() {
    let mut random = Random(23);
    for e in EXPONENTS {
        for n in SIZES {
            for below in ["normal", "far", "none"] {
                let x: Vec<f32> = (0..n)
                    .map(|j| {
                        if j % 3 == 1 {
                            return 2.5;
                        }
                        match below {
                            "normal" => (random.normal() as f32).min(2.4),
                            "far" => -1e30,
                            _ => f32::NEG_INFINITY,
                        }
                    })
                    .collect();
                check(&x, e, 1.0, &format!("e = {e}, n = {n}, {below} below"));
            }
        }
    }
}

#[test]
fn temperatures_above_two_divide_the_levels() {
    for temperature in [1e-30, 1e-3, 0.5, 3.0, 1e5, 1e30] {
        for e in [1.5, 2.0, 9.0, 63.0] {
            let reach = temperature * 512f64.powf(-e) / e;
            for step in [0.3 * reach, 1.0] {
                let x: Vec<f32> = (0..1024)
                    .map(|j| (step * f64::from(j % 3)) as f32)
                    .collect();
                check(
                    &x,
                    e,
                    temperature,
                    &format!("e = {e}, T = {temperature}, step {step}"),
                );
            }
        }
    }
}

#[test]
fn a_level_exactly_at_the_threshold_is_out_and_the_next_number_above_is_in() {
    // With 64 scores at 1, the level at 1 - 64^-e / e is claimed whole; the difference is exact.
    for (e, gap) in [(1.0, 1.0 / 64.0), (0.5, 0.25)] {
        for n in [256usize, 1024] {
            for (level, size) in [(1.0 - gap as f32, 64), ((1.0 - gap as f32).next_up(), n)] {
                let x: Vec<f32> = (0..n)
                    .map(|j| if j % (n / 64) == 0 { 1.0 } else { level })
                    .collect();
                let (sizes, _) = support(&Batch::row(&x, e));
                assert_eq!(sizes[0] as usize, size, "e = {e}, n = {n}, {level}");
            }
        }
    }
}

#[test]
fn ties_have_equal_bits_in_any_place() {
    let mut random = Random(29);
    for e in EXPONENTS {
        let row: Vec<f32> = (0..1003)
            .map(|_| (4.0 * random.uniform()).floor() as f32)
            .collect();
        let alone = dense(&Batch::row(&row, e));
        for (j, &p) in alone.iter().enumerate() {
            let first = row.iter().position(|&score| score == row[j]).unwrap();
            assert_eq!(p.to_bits(), alone[first].to_bits());
        }
        let three = [row.as_slice(), &row, &row].concat();
        let together = dense(&Batch::rows(&three, row.len(), e));
        assert_eq!(bits(&together[row.len()..2 * row.len()]), bits(&alone));
    }
}
