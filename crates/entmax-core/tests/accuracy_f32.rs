//! f32 rows against the oracle, over every alpha, size and kind of row.

mod common;
use common::call::{dense, Batch};
use common::oracle::{self, Truth};
use common::rows::{row, EXPONENTS, KINDS, SIZES};

/// Largest error relative to the row's largest entry.
fn tolerance(e: f64) -> f64 {
    if e == 0.0 || e == 0.5 || e == 1.0 {
        1e-6
    } else {
        5e-6
    }
}

fn truth(x: &[f32], e: f64, temperature: f64) -> Truth {
    let z: Vec<f64> = x.iter().map(|&s| f64::from(s)).collect();
    if e == f64::INFINITY {
        let max = z.iter().cloned().fold(f64::NEG_INFINITY, f64::max);
        let count = z.iter().filter(|&&s| s == max).count() as f64;
        let p = z
            .iter()
            .map(|&s| if s == max { 1.0 / count } else { 0.0 })
            .collect();
        return Truth {
            p,
            threshold: max,
            cutoff: 0.0,
        };
    }
    oracle::entmax(&z, e, temperature)
}

/// Returns (error, error of the sum), after checking both and the support.
fn check(x: &[f32], e: f64, temperature: f64, label: &str) -> (f64, f64) {
    let p = dense(&Batch {
        temperature,
        ..Batch::row(x, e)
    });
    let truth = truth(x, e, temperature);
    let largest = truth.largest();
    let error = p
        .iter()
        .zip(&truth.p)
        .map(|(&p, t)| (f64::from(p) - t).abs())
        .fold(0.0, f64::max)
        / largest;
    let sum_error = (oracle::sum(p.iter().map(|&p| f64::from(p))) - 1.0).abs();
    assert!(error <= tolerance(e), "{label}: error {error:e}");
    assert!(sum_error <= 5e-7, "{label}: sum off by {sum_error:e}");
    let max = x.iter().cloned().fold(f32::NEG_INFINITY, f32::max);
    for (j, (&p, &t)) in p.iter().zip(&truth.p).enumerate() {
        let negligible = t < f64::from(f32::MIN_POSITIVE);
        let scale = x[j].abs().max(max.abs());
        let ulp = f64::from(scale.next_up()) - f64::from(scale);
        let borderline = (f64::from(x[j]) - truth.threshold).abs() <= 4.0 * ulp;
        assert!(
            (p > 0.0) == (t > 0.0) || negligible || borderline,
            "{label}: entry {j} is {p:e}, should be {t:e}"
        );
        assert!(
            p >= 0.0 && p.is_sign_positive(),
            "{label}: entry {j} is {p}"
        );
    }
    (error, sum_error)
}

fn sweep(kinds: &[&str], sizes: &[usize], exponents: &[f64]) {
    for &e in exponents {
        let mut worst = (0.0f64, 0.0f64, String::new());
        let mut worst_sum = 0.0f64;
        for &kind in kinds {
            for &n in sizes {
                let x: Vec<f32> = row(kind, n, e).iter().map(|&s| s as f32).collect();
                let label = format!("alpha - 1 = {e}, {kind}, n = {n}");
                let (error, sum) = check(&x, e, 1.0, &label);
                worst_sum = worst_sum.max(sum);
                if error > worst.0 {
                    worst = (error, sum, label);
                }
            }
        }
        println!(
            "alpha - 1 = {e}: error {:.2e}, sum {worst_sum:.2e} ({})",
            worst.0, worst.2
        );
    }
}

#[test]
fn every_alpha_kind_and_size_is_within_the_tolerance() {
    sweep(&KINDS, &SIZES, &EXPONENTS);
}

#[test]
fn long_rows_sum_to_one_and_keep_their_support() {
    let kinds = [
        "all equal",
        "spike and many small",
        "gentle ramp",
        "alternating",
    ];
    sweep(&kinds, &[100_003], &[0.0, 0.25, 0.5, 0.7, 1.0, 1.5]);
}

#[test]
fn a_million_entries_sum_to_one() {
    for kind in ["all equal", "spike and many small"] {
        for e in [0.0, 0.25, 0.5, 0.3, 0.9, 1.0] {
            let x: Vec<f32> = row(kind, 1_000_000, e).iter().map(|&s| s as f32).collect();
            let p = dense(&Batch::row(&x, e));
            let error = (oracle::sum(p.iter().map(|&p| f64::from(p))) - 1.0).abs();
            println!("{kind}, alpha - 1 = {e}: sum {error:.2e}");
            assert!(
                error <= 5e-7,
                "{kind}, alpha - 1 = {e}: sum off by {error:e}"
            );
        }
    }
}

#[test]
fn large_supports_and_sorted_rows_need_no_sort() {
    sweep(
        &["normal 0.01", "ascending", "descending", "half far down"],
        &[32_000],
        &[0.5, 1.0, 1.5, 3.0, 63.0],
    );
    sweep(
        &["all equal", "few levels"],
        &[262_144],
        &[0.5, 1.0, 1.5, 63.0],
    );
}

#[test]
fn a_temperature_divides_the_scores() {
    for temperature in [1e-300, 1e-3, 0.7, 3.0, 1e5, 1e300] {
        for e in [0.0, 0.01, 0.5, 0.75, 1.0, 1.5, 3.0, 9.0] {
            for kind in [
                "normal",
                "all equal",
                "few levels",
                "many masked",
                "largest",
            ] {
                for n in [2, 17, 400] {
                    let x: Vec<f32> = row(kind, n, e).iter().map(|&s| s as f32).collect();
                    check(
                        &x,
                        e,
                        temperature,
                        &format!("T = {temperature}, alpha - 1 = {e}, {kind}, n = {n}"),
                    );
                }
            }
        }
    }
}

#[test]
fn golden_values_of_every_alpha() {
    // MATH.md section 21.
    let z = [0.5f32, 1.2, -0.3, 2.0, 1.9];
    let golden: [(f64, [f64; 5]); 7] = [
        (
            0.0,
            [
                0.083333537,
                0.167813135,
                0.037444172,
                0.373475001,
                0.337934155,
            ],
        ),
        (
            0.25,
            [
                0.036576874,
                0.140578975,
                0.003172155,
                0.435425194,
                0.384246803,
            ],
        ),
        (0.5, [0.0, 0.089545716, 0.0, 0.488939237, 0.421515047]),
        (0.75, [0.0, 0.008471865, 0.0, 0.537703881, 0.453824254]),
        (1.0, [0.0, 0.0, 0.0, 0.55, 0.45]),
        (1.5, [0.0, 0.0, 0.0, 0.570769976, 0.429230024]),
        (3.0, [0.0, 0.0, 0.0, 0.690746455, 0.309253545]),
    ];
    for (e, expected) in golden {
        for (p, expected) in dense(&Batch::row(&z, e)).iter().zip(expected) {
            assert!(
                (f64::from(*p) - expected).abs() < 3e-7,
                "alpha - 1 = {e}: {p} for {expected}"
            );
        }
    }
}
