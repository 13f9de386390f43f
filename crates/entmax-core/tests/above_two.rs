//! Rows of f32 above alpha = 2 with many candidates: `above_two_f32` and its switches to lists, samples and f64.

mod common;
use common::call::{bits, dense, support, Batch};
use common::oracle;
use common::rows::Random;

const EXPONENTS: [f64; 13] = [
    1.0001, 1.01, 1.1, 1.5, 1.99, 2.0, 2.01, 3.0, 5.0, 9.0, 20.0, 27.0, 27.1,
];

/// The largest error of an entry over the largest entry.
fn check(x: &[f32], e: f64, temperature: f64, label: &str) -> f64 {
    let batch = Batch {
        temperature,
        ..Batch::row(x, e)
    };
    let p = dense(&batch);
    let z: Vec<f64> = x.iter().map(|&score| f64::from(score)).collect();
    let truth = oracle::entmax(&z, e, temperature);
    let mut worst = 0.0f64;
    for (j, (&p, &t)) in p.iter().zip(&truth.p).enumerate() {
        let error = (f64::from(p) - t).abs() / truth.largest();
        assert!(error <= 6e-7, "{label}: entry {j} is {p:e}, not {t:e}");
        assert!(
            (p > 0.0) == (t > 0.0) || t < 1e-30,
            "{label}: entry {j} is {p:e}, not {t:e}"
        );
        worst = worst.max(error);
    }
    let sum = oracle::sum(p.iter().map(|&p| f64::from(p)));
    assert!((sum - 1.0).abs() <= 3e-7, "{label}: sum {sum}");
    let (_, thresholds) = support(&batch);
    for (j, &p) in p.iter().enumerate() {
        assert_eq!(p > 0.0, x[j] > thresholds[0], "{label}: entry {j}");
    }
    worst
}

#[test]
fn rows_are_right_from_peaked_to_narrow_at_every_size() {
    let mut random = Random(31);
    for e in EXPONENTS {
        let mut worst = (0.0f64, String::new());
        for n in [
            16usize, 17, 33, 64, 255, 256, 257, 1000, 1023, 1024, 1041, 4096,
        ] {
            // From one where everybody is in the support to one where a handful is.
            for width in [1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0] {
                for shape in ["normal", "flat", "skewed", "half far down"] {
                    let x: Vec<f32> = (0..n)
                        .map(|j| {
                            let t = match shape {
                                "normal" => random.normal(),
                                "flat" => random.uniform(),
                                "skewed" => random.uniform().powi(5),
                                _ => random.normal() - 50.0 * f64::from(j as u32 % 2),
                            };
                            (width * t / e) as f32
                        })
                        .collect();
                    let label = format!("e = {e}, n = {n}, {shape}, width {width}");
                    let error = check(&x, e, 1.0, &label);
                    if error > worst.0 {
                        worst = (error, label);
                    }
                }
            }
        }
        println!("e = {e}: {:.1e} ({})", worst.0, worst.1);
    }
}

#[test]
fn offsets_scales_and_temperatures_change_nothing_but_the_rounding_of_the_scores() {
    let mut random = Random(37);
    for e in [1.1, 2.0, 4.0, 12.0] {
        for (scale, temperature) in [(1e-25, 1e-25), (1e-3, 0.1), (3.0, 7.0), (1e20, 1e19)] {
            for offset in [0.0, 100.0] {
                let x: Vec<f32> = (0..600)
                    .map(|_| (scale * (offset + 0.01 * random.normal())) as f32)
                    .collect();
                check(
                    &x,
                    e,
                    temperature,
                    &format!("e = {e}, T = {temperature}, {offset}"),
                );
            }
        }
    }
}

#[test]
fn a_score_within_reach_is_not_lost_where_the_reach_rounds() {
    for e in [1.1, 1.5, 2.0, 3.0, 7.0] {
        for max in [1.0f32, 77.7, 9_999.9, 3e6] {
            for n in [60usize, 700] {
                let mut low = (f64::from(max) - 1.0 / e) as f32;
                for _ in 0..3 {
                    low = low.next_down();
                }
                for _ in 0..7 {
                    let mut x = vec![low; n];
                    x[n / 3] = max;
                    check(&x, e, 1.0, &format!("e = {e}, {max} and {low}, n = {n}"));
                    low = low.next_up();
                }
            }
        }
    }
}

#[test]
fn many_equal_scores_at_the_bottom_of_the_support_share_what_is_left() {
    let mut random = Random(41);
    for e in EXPONENTS {
        for low in [1usize, 2, 40, 400] {
            for at in [0.01, 0.3, 0.9, 0.999_999] {
                // The higher ones claim `at` of 1 from the lower ones.
                let high = 30usize;
                let gap = (at / high as f64).powf(e) / e;
                let mut x: Vec<f32> = (0..high)
                    .map(|_| (gap * (1.0 + 1e-4 * random.uniform())) as f32)
                    .collect();
                x.resize(high + low, 0.0);
                x.resize(high + low + 300, -1.0);
                if gap > 1e-30 {
                    check(
                        &x,
                        e,
                        1.0,
                        &format!("e = {e}, {low} low ones, {at} claimed"),
                    );
                }
            }
        }
    }
}

/// g at 0.
fn claim(x: &[f32], e: f64, shift: f64) -> f64 {
    oracle::sum(
        x.iter()
            .map(|&z| e * (f64::from(z) - shift))
            .filter(|&gap| gap > 0.0)
            .map(|gap| (gap.ln() / e).exp()),
    )
}

#[test]
fn a_score_within_the_margins_of_the_threshold_is_decided_in_f64() {
    let mut random = Random(43);
    for e in [1.1f64, 2.0, 3.0] {
        // Scores around a threshold of about 0, where f32 resolves it.
        let mut x: Vec<f32> = (0..200)
            .map(|_| (0.5 / e * (40.0f64).powf(-e) * (1.0 + random.uniform())) as f32)
            .collect();
        let mut threshold = 0.0;
        for _ in 0..3 {
            let (mut low, mut high) = (-1.0 / e, f64::from(x[0]));
            for _ in 0..200 {
                let middle = 0.5 * (low + high);
                if claim(&x, e, middle) > 1.0 {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            threshold = low;
            for score in &mut x {
                *score = (f64::from(*score) - threshold) as f32;
            }
        }
        // The last shift may have been lost in rounding.
        assert!(threshold.abs() < 1e-6);
        let unit = f64::from(x[0]);
        for distance in [1e-3, 1e-5, 1e-7, 1e-9, 1e-10] {
            for sign in [-1.0, 1.0] {
                let mut row = x.clone();
                row.push((sign * distance * unit) as f32);
                row.resize(700, -1.0);
                let last = f64::from(row[x.len()]);
                let g = claim(&x, e, last);
                if (g - 1.0).abs() > 1e-13 {
                    let p = dense(&Batch::row(&row, e))[x.len()];
                    assert_eq!(
                        p > 0.0,
                        g < 1.0,
                        "e = {e}, {distance}, g - 1 = {:e}",
                        g - 1.0
                    );
                }
            }
        }
    }
}

#[test]
fn a_row_has_the_same_bits_in_any_place_and_equal_scores_have_equal_bits() {
    let mut random = Random(47);
    for e in EXPONENTS {
        for width in [1e-3, 0.05] {
            let row: Vec<f32> = (0..1234)
                .map(|_| (width * (random.normal() * 40.0).round() / 40.0) as f32)
                .collect();
            let alone = dense(&Batch::row(&row, e));
            for (j, &p) in alone.iter().enumerate() {
                let first = row.iter().position(|&score| score == row[j]).unwrap();
                assert_eq!(p.to_bits(), alone[first].to_bits(), "e = {e}, entry {j}");
            }
            let three = [row.as_slice(), &row, &row].concat();
            let together = dense(&Batch::rows(&three, row.len(), e));
            assert_eq!(bits(&together[row.len()..2 * row.len()]), bits(&alone));
        }
    }
}
