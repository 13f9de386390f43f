//! f64 rows against the oracle: in 30 digits up to alpha = 2, in f64 above.

mod common;
use common::call::{dense, Batch};
use common::oracle;
use common::rows::{row, KINDS};

fn check(z: &[f64], e: f64, label: &str) -> f64 {
    let p = dense(&Batch::row(z, e));
    let truth = if e <= 1.0 {
        oracle::entmax_exactly(z, e)
    } else {
        oracle::entmax(z, e, 1.0)
    };
    let largest = truth.largest();
    let error = p
        .iter()
        .zip(&truth.p)
        .map(|(p, t)| (p - t).abs())
        .fold(0.0, f64::max)
        / largest;
    let sum_error = (oracle::sum(p.iter().cloned()) - 1.0).abs();
    assert!(error <= 1e-14, "{label}: error {error:e}");
    assert!(sum_error <= 1e-14, "{label}: sum off by {sum_error:e}");
    let max = z.iter().cloned().fold(f64::NEG_INFINITY, f64::max);
    for (j, (&p, &t)) in p.iter().zip(&truth.p).enumerate() {
        let scale = z[j].abs().max(max.abs());
        let borderline = (z[j] - truth.threshold).abs() <= 4.0 * (scale.next_up() - scale);
        assert!(
            (p > 0.0) == (t > 0.0) || t < f64::MIN_POSITIVE || borderline,
            "{label}: entry {j}: {p:e} for {t:e}"
        );
    }
    error
}

#[test]
fn every_alpha_and_kind_is_within_1e_14_of_the_largest_entry() {
    for e in [
        0.0,
        1e-7,
        1e-4,
        0.01,
        0.25,
        1.0 / 3.0,
        0.5,
        0.75,
        0.99,
        1.0,
        1.0001,
        1.5,
        3.0,
        9.0,
        63.0,
    ] {
        let mut worst = (0.0, String::new());
        for kind in KINDS {
            for n in [1, 2, 3, 5, 16, 33, 100, 257] {
                let z = row(kind, n, e);
                let label = format!("alpha - 1 = {e}, {kind}, n = {n}");
                let error = check(&z, e, &label);
                if error > worst.0 {
                    worst = (error, label);
                }
            }
        }
        println!("{:.2e} {}", worst.0, worst.1);
    }
}

#[test]
fn a_spike_with_a_hundred_thousand_small_entries_sums_to_one() {
    for e in [0.0, 0.25, 0.5, 0.7, 1.0] {
        for kind in ["spike and many small", "all equal"] {
            let p = dense(&Batch::row(&row(kind, 100_000, e), e));
            let error = (oracle::sum(p) - 1.0).abs();
            assert!(
                error <= 1e-14,
                "{kind}, alpha - 1 = {e}: sum off by {error:e}"
            );
        }
    }
}

#[test]
fn a_temperature_divides_the_scores() {
    for temperature in [1e-300, 0.7, 1e5, 1e300] {
        for e in [0.0, 0.5, 0.75, 1.0, 1.5, 9.0] {
            for kind in ["normal", "many masked", "all equal"] {
                let z = row(kind, 33, e);
                let p = dense(&Batch {
                    temperature,
                    ..Batch::row(&z, e)
                });
                let truth = oracle::entmax(&z, e, temperature);
                for (p, t) in p.iter().zip(&truth.p) {
                    assert!(
                        (p - t).abs() <= 1e-11 * truth.largest(),
                        "T = {temperature}, {e}, {kind}: {p:e} {t:e}"
                    );
                }
            }
        }
    }
}

#[test]
fn gaps_that_overflow_still_count_at_a_huge_temperature() {
    let z = [1.7e308, -1.7e308];
    for e in [0.0, 0.5, 1.0, 1.5] {
        let p = dense(&Batch {
            temperature: 1e308,
            ..Batch::row(&z, e)
        });
        let truth = oracle::entmax(&[1.7, -1.7], e, 1.0);
        assert!(
            (p[0] - truth.p[0]).abs() < 1e-14 && (p[1] - truth.p[1]).abs() < 1e-14,
            "{e}: {p:?} {:?}",
            truth.p
        );
    }
}
