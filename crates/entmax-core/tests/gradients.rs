//! The pullback of entmax against the textbook formulas, finite differences and golden values.

mod common;
use common::call::{dense, Batch};
use common::derivatives;
use common::gradient_call::{Backward, GradientNumber};
use common::oracle;
use common::rows::{row, Random, EXPONENTS, KINDS, SIZES};

fn wide<T: GradientNumber>(values: &[T]) -> Vec<f64> {
    values.iter().map(|value| value.wide()).collect()
}

fn cotangent<T: GradientNumber>(n: usize) -> Vec<T> {
    let mut random = Random(n as u64 + 5);
    (0..n).map(|_| T::round(random.normal())).collect()
}

fn probabilities<T: GradientNumber>(kind: &str, n: usize, e: f64) -> Vec<T> {
    let x: Vec<T> = row(kind, n, e).iter().map(|&s| T::round(s)).collect();
    dense(&Batch::row(&x, e))
}

/// From the same p, so that only the gradient's own errors count; relative to the largest s times the spread of v.
fn every_row_agrees<T: GradientNumber>(tolerance: impl Fn(f64) -> f64) {
    for e in EXPONENTS {
        let mut worst = (0.0f64, String::new());
        for kind in KINDS {
            for n in SIZES {
                let p: Vec<T> = probabilities(kind, n, e);
                let v: Vec<T> = cotangent(n);
                let temperature = if n % 2 == 0 { 1.0 } else { 0.7 };
                let got = Backward {
                    temperature,
                    ..Backward::row(&p, &v, e)
                }
                .call();
                let want = derivatives::pull_back(&wide(&p), &wide(&v), e, temperature);
                // Where one s exceeds all others, the gradients are as large as the others' s.
                let size = want.iter().fold(0.0f64, |most, d| most.max(d.abs()));
                let scale = if e > 1.0 { size } else { size.max(1.0) };
                for (j, (got, want)) in got.x.iter().zip(&want).enumerate() {
                    if p[j].wide() == 0.0 {
                        assert_eq!(
                            got.bits(),
                            0,
                            "{kind}, n = {n}: a gradient outside the support"
                        );
                    }
                    if want.abs() > 1e37 {
                        continue;
                    }
                    let error = (got.wide() - want).abs();
                    if error > worst.0 * scale {
                        worst = (error / scale, format!("{kind}, n = {n}"));
                    }
                }
            }
        }
        println!("alpha - 1 = {e}: {:.2e} ({})", worst.0, worst.1);
        assert!(worst.0 <= tolerance(e), "alpha - 1 = {e}: {:?}", worst);
    }
}

#[test]
fn every_row_agrees_with_the_formula_f32() {
    every_row_agrees::<f32>(|_| 1e-6);
}

#[test]
fn every_row_agrees_with_the_formula_f64() {
    every_row_agrees::<f64>(|_| 1e-12);
}

#[test]
fn the_formula_is_the_derivative_of_the_map() {
    for e in [0.0, 1e-4, 0.1, 0.25, 1.0 / 3.0, 0.5, 0.75, 1.0, 1.5, 3.0] {
        for temperature in [1.0, 0.6] {
            let mut random = Random(3);
            let z: Vec<f64> = (0..7).map(|_| 0.3 * random.normal()).collect();
            let v: Vec<f64> = (0..7).map(|_| random.normal()).collect();
            let p = oracle::entmax(&z, e, temperature).p;
            let got = Backward {
                temperature,
                ..Backward::row(&p, &v, e)
            }
            .call();
            for j in 0..z.len() {
                let h = 1e-5;
                let moved = |by: f64| {
                    let mut z = z.clone();
                    z[j] += by;
                    oracle::sum(
                        oracle::entmax(&z, e, temperature)
                            .p
                            .iter()
                            .zip(&v)
                            .map(|(p, v)| p * v),
                    )
                };
                let difference = (moved(h) - moved(-h)) / (2.0 * h);
                assert!(
                    (got.x[j] - difference).abs() < 1e-6 * (1.0 + difference.abs()),
                    "alpha - 1 = {e}, entry {j}: {} for {difference}",
                    got.x[j]
                );
            }
        }
    }
}

#[test]
fn golden_gradients() {
    // MATH.md section 21.
    let z = [0.5, 1.2, -0.3, 2.0, 1.9];
    let v = [1.0, -2.0, 3.0, 0.5, -1.0];
    let dx = [
        (
            0.0,
            [
                0.107596669,
                -0.286766323,
                0.123234643,
                0.295477314,
                -0.239542303,
            ],
        ),
        (0.5, [0.0, -0.435379851, 0.0, 0.730747782, -0.295367931]),
        (1.0, [0.0, 0.0, 0.0, 0.75, -0.75]),
        (3.0, [0.0, 0.0, 0.0, 2.618859469, -2.618859469]),
    ];
    for (e, expected) in dx {
        let got = Backward::row(&oracle::entmax(&z, e, 1.0).p, &v, e).call();
        let x: Vec<f32> = z.iter().map(|&z| z as f32).collect();
        let narrow_v: Vec<f32> = v.iter().map(|&v| v as f32).collect();
        let narrow = Backward::row(&dense(&Batch::row(&x, e)), &narrow_v, e).call();
        for (j, expected) in expected.iter().enumerate() {
            assert!((got.x[j] - expected).abs() < 1e-9 * 3.0);
            assert!((f64::from(narrow.x[j]) - expected).abs() < 2e-6);
        }
    }
    let by_alpha = [
        (0.0, -0.542615991),
        (0.25, -0.212152777),
        (0.5, 0.526812550),
        (0.75, 0.667601380),
        (1.0, 0.052111415),
        (1.5, 0.073704741),
        (3.0, 0.163440289),
    ];
    for (e, expected) in by_alpha {
        let got = Backward::row(&oracle::entmax(&z, e, 1.0).p, &v, e).call();
        assert!(
            (got.parameter[0] - expected).abs() < 2e-9,
            "alpha - 1 = {e}"
        );
    }
}

/// alpha of the issue, and -1.
const LEARNED: [f64; 12] = [
    0.0, 1e-7, 1e-4, 1e-3, 0.01, 0.25, 0.5, 0.99, 1.0, 1.5, 3.0, 9.0,
];

/// Against the truth for x, or, `from_p`, for the p that the kernel is given.
fn by_alpha_agrees<T: GradientNumber>(tolerance: f64, from_p: bool) {
    let kinds = [
        "normal",
        "normal 0.1",
        "normal 4",
        "peaked",
        "zipf",
        "spike",
        "few levels",
        "offset 1e4",
    ];
    for e in LEARNED {
        let (mut worst, mut worst_relative) = (0.0f64, 0.0f64);
        for kind in kinds {
            for n in [2, 3, 16, 33, 64, 1000] {
                // Two nearly equal p differ by a few ulp of f32: nothing can be told from them.
                if n < 4 && !from_p {
                    continue;
                }
                let x: Vec<T> = row(kind, n, e).iter().map(|&s| T::round(s)).collect();
                let v: Vec<T> = cotangent(n);
                let p = dense(&Batch::row(&x, e));
                let got = Backward::row(&p, &v, e).call().parameter[0];
                let truth = if from_p {
                    wide(&p)
                } else {
                    oracle::entmax(&wide(&x), e, 1.0).p
                };
                let truth = derivatives::by_alpha(&truth, e);
                let want = oracle::sum(truth.iter().zip(&v).map(|(d, v)| d * v.wide()));
                let size = oracle::sum(truth.iter().zip(&v).map(|(d, v)| (d * v.wide()).abs()));
                if size < 1e-30 {
                    assert!(got.abs() < 1e-9, "{kind}, n = {n}: {got} for {want}");
                    continue;
                }
                let error = (got - want).abs();
                // The thirty digits are divided by e^2.
                let oracle = if e > 0.0 { 1e-31 / (e * e) } else { 0.0 };
                assert!(
                    error <= tolerance * size + oracle,
                    "alpha - 1 = {e}, {kind}, n = {n}: {got} for {want}, size {size}"
                );
                worst = worst.max((error - oracle) / size);
                worst_relative = worst_relative.max((error - oracle) / want.abs());
            }
        }
        println!("alpha - 1 = {e}: {worst:.2e}, relative to the value itself {worst_relative:.2e}");
    }
}

#[test]
fn d_by_alpha_has_five_digits_in_f32_from_the_scores_on() {
    by_alpha_agrees::<f32>(1e-5, false);
}

#[test]
fn d_by_alpha_agrees_with_thirty_digits_f32() {
    // What is left is that the p of f32 do not sum to 1.
    by_alpha_agrees::<f32>(2e-6, true);
}

#[test]
fn d_by_alpha_agrees_with_thirty_digits_f64() {
    by_alpha_agrees::<f64>(1e-11, true);
}

#[test]
fn thirty_digits_agree_with_finite_differences() {
    let mut random = Random(11);
    let z: Vec<f64> = (0..9).map(|_| 0.4 * random.normal()).collect();
    for e in [1e-3, 0.1, 0.5, 0.9, 1.0, 2.0, 4.0] {
        let truth = derivatives::by_alpha(&oracle::entmax(&z, e, 1.0).p, e);
        let h = 1e-6;
        let (above, below) = (
            oracle::entmax(&z, e + h, 1.0).p,
            oracle::entmax(&z, e - h, 1.0).p,
        );
        for j in 0..z.len() {
            let difference = (above[j] - below[j]) / (2.0 * h);
            assert!(
                (difference - truth[j]).abs() < 1e-5,
                "{e}: {difference} for {}",
                truth[j]
            );
        }
    }
    // One-sided at alpha = 1.
    let truth = derivatives::by_alpha(&oracle::entmax(&z, 0.0, 1.0).p, 0.0);
    let (one, near) = (
        oracle::entmax(&z, 0.0, 1.0).p,
        oracle::entmax(&z, 1e-5, 1.0).p,
    );
    for j in 0..z.len() {
        assert!(((near[j] - one[j]) / 1e-5 - truth[j]).abs() < 1e-4);
    }
}

#[test]
fn d_by_alpha_is_zero_for_one_entry_and_for_equal_ones() {
    for e in LEARNED {
        for size in [1usize, 2, 7] {
            let p: Vec<f32> = (0..9)
                .map(|j| if j < size { 1.0 / size as f32 } else { 0.0 })
                .collect();
            let got = Backward::row(&p, &cotangent(9), e).call().parameter[0];
            assert!(got.abs() < 1e-12, "alpha - 1 = {e}, {size} entries: {got}");
            if size == 1 {
                assert_eq!(got, 0.0);
            }
        }
    }
}

#[test]
fn a_tiny_probability_above_alpha_two_keeps_its_digits() {
    // s = p^(2 - alpha) is 1e60 here, and the gradient is that of the other two.
    let (p, v) = ([0.7f64, 0.3, 1e-30], [1.0, -2.0, 0.7]);
    let got = Backward::row(&p, &v, 3.0).call().x;
    let want = [0.3 * 0.7f64.powi(-2), -2.7 * 0.3f64.powi(-2)];
    assert!((got[0] / want[0] - 1.0).abs() < 1e-14 && (got[1] / want[1] - 1.0).abs() < 1e-14);
    assert!(((want[0] + want[1]) / -got[2] - 1.0).abs() < 1e-14);
    // And at alpha = 64 s = 1e1860 has no f64.
    let got = Backward::row(&p, &v, 63.0).call();
    let want = [0.3 * 0.7f64.powi(-62), -2.7 * 0.3f64.powi(-62)];
    assert!((got.x[0] / want[0] - 1.0).abs() < 1e-12 && (got.x[1] / want[1] - 1.0).abs() < 1e-12);
    assert!(got.parameter[0].is_finite());
}
