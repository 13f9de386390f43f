//! The losses against their definition, golden values, identities and finite differences.

mod common;
use common::call::{bits, dense, Batch};
use common::loss_call::{Loss, LossNumber};
use common::losses;
use common::rows::{row, Random, EXPONENTS, KINDS};

const LENGTHS: [usize; 9] = [1, 2, 3, 7, 16, 17, 33, 257, 600];

fn wide<T: LossNumber>(values: &[T]) -> Vec<f64> {
    values.iter().map(|value| value.wide()).collect()
}

fn one_hot(n: usize, class: usize) -> Vec<f64> {
    (0..n).map(|j| f64::from(u8::from(j == class))).collect()
}

/// A distribution with zeros, in T.
fn distribution<T: LossNumber>(x: &[T], random: &mut Random) -> Vec<T> {
    let q: Vec<f64> = x
        .iter()
        .map(|x| {
            if x.wide() == f64::NEG_INFINITY || random.uniform() < 0.4 {
                0.0
            } else {
                random.uniform()
            }
        })
        .collect();
    let total: f64 = q.iter().sum();
    if total == 0.0 {
        let top = (0..x.len()).fold(0, |best, j| if x[j] > x[best] { j } else { best });
        return one_hot(x.len(), top).into_iter().map(T::round).collect();
    }
    q.iter().map(|q| T::round(q / total)).collect()
}

/// Value, gradient and d/dalpha of every kind of row, for a class and for a distribution; dense and sparse.
fn every_row_agrees<T: LossNumber>(tolerance: f64, derivative_tolerance: f64) {
    for e in EXPONENTS {
        let (mut worst, mut worst_derivative) = ((0.0f64, String::new()), 0.0f64);
        for kind in KINDS {
            for n in LENGTHS {
                let x: Vec<T> = row(kind, n, e).iter().map(|&s| T::round(s)).collect();
                let mut random = Random(n as u64);
                let temperature = if n % 2 == 0 { 1.0 } else { 0.7 };
                let class = (0..n)
                    .cycle()
                    .skip(n / 3)
                    .find(|&j| x[j].wide() > f64::NEG_INFINITY)
                    .unwrap();
                let q = distribution(&x, &mut random);
                for soft in [false, true] {
                    let mut call = if soft {
                        Loss::soft(&x, &q, e)
                    } else {
                        Loss::row(&x, class as i32, e)
                    };
                    call.scores.temperature = temperature;
                    call.scale = vec![0.37];
                    let target = if soft { wide(&q) } else { one_hot(n, class) };
                    let truth = losses::entmax(&wide(&x), &target, e, temperature);
                    let got = call.call();
                    let label = format!("{kind}, n = {n}, soft {soft}");
                    if truth.loss > 1e300 {
                        continue;
                    }
                    let error = (got.loss[0] - truth.loss).abs() / truth.loss.max(1.0);
                    if error > worst.0 {
                        worst = (error, label.clone());
                    }
                    assert!(got.loss[0] >= 0.0, "{label}: {}", got.loss[0]);
                    if e < f64::INFINITY {
                        let error = (got.dparameter[0] / 0.37 - truth.by_alpha).abs()
                            / truth.by_alpha.abs().max(1.0);
                        worst_derivative = worst_derivative.max(error);
                    } else {
                        assert_eq!(got.dparameter[0], 0.0);
                    }
                    // The gradient is that of the map's own probabilities.
                    let p = dense(&call.scores);
                    let factor = 0.37 / temperature;
                    let want: Vec<T> = (0..n)
                        .map(|j| {
                            if target[j] == 0.0 {
                                T::round(p[j].wide() * T::round(factor).wide())
                            } else {
                                T::round((p[j].wide() - target[j]) * factor)
                            }
                        })
                        .collect();
                    assert_eq!(bits(&got.dz), bits(&want), "{label}");
                    let sparse = call.call_sparse();
                    let listed: Vec<usize> = (0..n)
                        .filter(|&j| p[j].wide() > 0.0 || target[j] != 0.0)
                        .collect();
                    assert_eq!(sparse.indices[0], listed, "{label}");
                    assert!(listed
                        .iter()
                        .zip(&sparse.values[0])
                        .all(|(&j, value)| value.bits() == want[j].bits()));
                    assert_eq!(sparse.loss[0].to_bits(), got.loss[0].to_bits(), "{label}");
                    assert_eq!(
                        sparse.dparameter[0].to_bits(),
                        got.dparameter[0].to_bits(),
                        "{label}"
                    );
                    assert_eq!(
                        sparse.thresholds[0].bits(),
                        common::call::support(&call.scores).1[0].bits()
                    );
                }
            }
        }
        println!(
            "alpha - 1 = {e}: {:.2e} ({}), by alpha {worst_derivative:.2e}",
            worst.0, worst.1
        );
        assert!(worst.0 <= tolerance, "alpha - 1 = {e}: {worst:?}");
        assert!(
            worst_derivative <= derivative_tolerance,
            "alpha - 1 = {e}: {worst_derivative:e}"
        );
    }
}

#[test]
fn every_row_agrees_with_the_definition_f32() {
    every_row_agrees::<f32>(5e-7, 1e-5);
}

#[test]
fn every_row_agrees_with_the_definition_f64() {
    every_row_agrees::<f64>(1e-13, 1e-10);
}

#[test]
fn golden_losses() {
    // MATH.md section 21.
    let z = [0.5f64, 1.2, -0.3, 2.0, 1.9];
    let golden = [
        (0.0, 1.784904209),
        (0.25, 1.357958739),
        (0.5, 1.163081439),
        (0.75, 1.061131900),
        (1.0, 1.002500000),
        (1.5, 0.925922776),
        (3.0, 0.832674625),
    ];
    for (e, expected) in golden {
        assert!(
            (Loss::row(&z, 1, e).call().loss[0] - expected).abs() < 1e-9,
            "alpha - 1 = {e}"
        );
        let narrow: Vec<f32> = z.iter().map(|&z| z as f32).collect();
        assert!((Loss::row(&narrow, 1, e).call().loss[0] - expected).abs() < 1e-6);
    }
}

#[test]
fn the_gradient_and_d_by_alpha_are_those_of_the_value() {
    let mut random = Random(21);
    for e in [0.0, 1e-3, 0.25, 0.5, 0.8, 1.0, 1.7, 4.0] {
        for temperature in [1.0, 0.6] {
            let z: Vec<f64> = (0..8).map(|_| 0.5 * random.normal()).collect();
            let q = distribution(&z, &mut random);
            for soft in [false, true] {
                let value = |z: &[f64], e: f64| {
                    let mut call = if soft {
                        Loss::soft(z, &q, e)
                    } else {
                        Loss::row(z, 3, e)
                    };
                    call.scores.temperature = temperature;
                    call.call()
                };
                let got = value(&z, e);
                for j in 0..8 {
                    let moved = |by: f64| {
                        let mut z = z.clone();
                        z[j] += by;
                        value(&z, e).loss[0]
                    };
                    let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                    assert!(
                        (difference - got.dz[j]).abs() < 1e-6,
                        "{e}: {difference} for {}",
                        got.dz[j]
                    );
                }
                if e > 0.0 {
                    let difference =
                        (value(&z, e + 1e-6).loss[0] - value(&z, e - 1e-6).loss[0]) / 2e-6;
                    assert!(
                        (difference - got.dparameter[0]).abs() < 1e-6,
                        "{e}: {difference} for {}",
                        got.dparameter[0]
                    );
                }
            }
        }
    }
}

#[test]
fn a_margin_of_one_over_e_is_a_loss_of_zero_and_less_is_not() {
    for e in [0.25, 0.5, 0.75, 1.0, 1.5, 3.0] {
        let margin = 1.0 / e;
        let mut z = [0.0f64; 20];
        z[4] = margin;
        let exact = Loss::row(&z, 4, e).call();
        assert_eq!(exact.loss[0], 0.0, "alpha - 1 = {e}");
        assert!(exact.dz.iter().all(|&d| d == 0.0));
        z[4] = margin * 0.99;
        assert!(Loss::row(&z, 4, e).call().loss[0] > 0.0);
        z[4] = margin * 1.5;
        assert_eq!(Loss::row(&z, 4, e).call().loss[0], 0.0);
    }
}

#[test]
fn the_loss_of_the_map_itself_is_zero() {
    for e in [0.0, 0.25, 0.5, 0.7, 1.0, 2.5] {
        let x: Vec<f32> = row("normal", 200, e).iter().map(|&s| s as f32).collect();
        let p = dense(&Batch::row(&x, e));
        let got = Loss::soft(&x, &p, e).call();
        assert!(
            got.loss[0] >= 0.0 && got.loss[0] < 1e-6,
            "alpha - 1 = {e}: {}",
            got.loss[0]
        );
        assert!(got.dz.iter().all(|&d| d == 0.0));
    }
}

#[test]
fn cross_entropy_far_below_the_largest_score_has_all_its_digits() {
    // exp(-120) is no f32, exp(-800) no f64.
    let got = Loss::row(&[0.0f32, -120.0, -3.0], 1, 0.0).call().loss[0];
    assert!((got - (120.0 + (1.0 + (-3f64).exp()).ln())).abs() < 1e-5);
    let got = Loss::row(&[0.0f64, -800.0, -3.0], 1, 0.0).call().loss[0];
    assert!((got - (800.0 + (1.0 + (-3f64).exp()).ln())).abs() < 1e-11);
}

/// The gradient is the map's probability times the factor, less the factor at the class, whichever class, in a list or not.
fn every_class_of_a_row<T: LossNumber>() {
    let mut random = Random(59);
    for (n, e) in [
        (40usize, 0.5),
        (600, 0.25),
        (600, 0.5),
        (600, 1.0),
        (600, 2.0),
        (600, 0.0),
    ] {
        let x: Vec<T> = (0..n).map(|_| T::round(2.0 * random.normal())).collect();
        let p = dense(&Batch::row(&x, e));
        for scale in [1.0, 1.0 / 3.0, -0.7, 0.0] {
            for class in (0..n).step_by(7) {
                let mut call = Loss::row(&x, class as i32, e);
                call.scale = vec![scale];
                let found = call.call();
                for (j, (&dz, &p)) in found.dz.iter().zip(&p).enumerate() {
                    let factor = T::round(scale).wide();
                    let expected = if j == class {
                        T::round((p.wide() - 1.0) * scale)
                    } else {
                        T::round(p.wide() * factor)
                    };
                    assert!(dz == expected, "e = {e}, class {class}, entry {j}: {dz:?}");
                }
                let sparse = call.call_sparse();
                for (&j, value) in sparse.indices[0].iter().zip(&sparse.values[0]) {
                    assert_eq!(value.bits(), found.dz[j].bits());
                }
            }
        }
    }
}

#[test]
fn the_gradient_of_every_class_is_the_maps_own_f32() {
    every_class_of_a_row::<f32>();
}

#[test]
fn the_gradient_of_every_class_is_the_maps_own_f64() {
    every_class_of_a_row::<f64>();
}
