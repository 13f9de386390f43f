//! The support form against the dense form, bit for bit, on every kind of row.

mod common;
use common::call::{dense, support, Batch, Number};
use common::oracle;
use common::rows::{row, EXPONENTS, KINDS};

fn the_support_is_that_of_the_dense_form<T: Number>() {
    for e in EXPONENTS {
        for kind in KINDS {
            for n in [1, 2, 17, 64, 300, 1025] {
                for temperature in [1.0, 0.4, 30.0] {
                    let x: Vec<T> = row(kind, n, e).iter().map(|&s| T::round(s)).collect();
                    let batch = Batch {
                        temperature,
                        ..Batch::row(&x, e)
                    };
                    let p = dense(&batch);
                    let (sizes, thresholds) = support(&batch);
                    let label = format!("alpha - 1 = {e}, {kind}, n = {n}, T = {temperature}");
                    assert_eq!(
                        sizes[0] as usize,
                        p.iter().filter(|p| p.wide() > 0.0).count(),
                        "{label}"
                    );
                    for (s, p) in x.iter().zip(&p) {
                        assert_eq!(
                            *s > thresholds[0],
                            p.wide() > 0.0,
                            "{label}: {s:?} {p:?} {:?}",
                            thresholds[0]
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn the_support_is_that_of_the_dense_form_f32() {
    the_support_is_that_of_the_dense_form::<f32>();
}

#[test]
fn the_support_is_that_of_the_dense_form_f64() {
    the_support_is_that_of_the_dense_form::<f64>();
}

#[test]
fn the_threshold_is_the_analytic_cutoff_in_units_of_x() {
    for e in [0.25, 0.5, 0.7, 1.0, 1.5, 3.0] {
        for temperature in [1.0, 0.4, 30.0] {
            let z = row("normal", 100, e);
            let (_, thresholds) = support(&Batch {
                temperature,
                ..Batch::row(&z, e)
            });
            let truth = oracle::entmax(&z, e, temperature).threshold;
            assert!(
                (thresholds[0] - truth).abs() < 1e-10 * truth.abs().max(1.0),
                "{e}: {} {truth}",
                thresholds[0]
            );
            let narrow: Vec<f32> = z.iter().map(|&s| s as f32).collect();
            let (_, thresholds) = support(&Batch {
                temperature,
                ..Batch::row(&narrow, e)
            });
            assert!((f64::from(thresholds[0]) - truth).abs() < 1e-5 * truth.abs().max(1.0));
        }
    }
}

#[test]
fn softmax_has_the_threshold_minus_infinity_until_something_underflows() {
    let (sizes, thresholds) = support(&Batch::row(&[0.0f32, -80.0, f32::NEG_INFINITY], 0.0));
    assert_eq!((sizes[0], thresholds[0]), (2, f32::NEG_INFINITY));
    let (sizes, thresholds) = support(&Batch::row(&[0.0f32, -80.0, -200.0], 0.0));
    assert_eq!((sizes[0], thresholds[0]), (2, -200.0));
}

#[test]
fn a_score_exactly_at_the_edge_is_out_and_the_threshold_says_so() {
    for e in [0.5, 1.0] {
        let edge = (1.0 - 1.0 / e) as f32;
        assert_eq!(
            support(&Batch::row(&[1.0f32, edge], e)),
            (vec![1], vec![edge])
        );
        let inside = edge + 4.0 * f32::EPSILON;
        assert_eq!(support(&Batch::row(&[1.0f32, inside], e)).0, [2]);
    }
}
