//! The losses of the budget maps, Omega = 1/2 ||p||^2 on the capped simplex, against their definition.

mod common;
use common::budget::{self, Truth};
use common::call::dense;
use common::loss_call::{Loss, LossNumber};
use common::oracle::sum;
use common::rows::{row, Random};
use entmax_core::maps::map;

const KINDS: [&str; 7] = [
    "normal",
    "normal 4",
    "peaked",
    "all equal",
    "few levels",
    "many masked",
    "offset 1e4",
];

fn call<'a, T: LossNumber>(
    x: &'a [T],
    q: Option<&'a [T]>,
    which: u32,
    b: f64,
    temperature: f64,
) -> Loss<'a, T> {
    let mut call = match q {
        Some(q) => Loss::soft(x, q, b),
        None => Loss::row(x, x.len() as i32 / 2, b),
    };
    call.scores.map = which;
    call.scores.temperature = temperature;
    call
}

/// <p - q, z / T> - 1/2 ||p||^2 + 1/2 ||q||^2.
fn definition(truth: &Truth, z: &[f64], q: &[f64], temperature: f64) -> f64 {
    let term = |j: usize| (truth.p[j] - q[j]) * (z[j] / temperature - 0.5 * (truth.p[j] + q[j]));
    sum((0..z.len()).filter(|&j| truth.p[j] != q[j]).map(term))
}

fn every_row_agrees<T: LossNumber>(tolerance: f64) {
    let mut worst = (0.0, String::new());
    for kind in KINDS {
        for n in [1usize, 2, 5, 16, 33, 400] {
            let x: Vec<T> = row(kind, n, 1.0).iter().map(|&s| T::round(s)).collect();
            let z: Vec<f64> = x.iter().map(|x| x.wide()).collect();
            let left = z.iter().filter(|z| z.is_finite()).count() as f64;
            for b in [0.4, 1.0, 2.0, 3.5, left * 0.5] {
                for temperature in [1.0, 0.7] {
                    for which in [map::BUDGET, map::BUDGET_AT_MOST] {
                        if b > left || (n > 5 && kind == "many masked" && b > 3.0) {
                            continue;
                        }
                        let truth = budget::budget(
                            &z,
                            &vec![1.0; n],
                            b,
                            temperature,
                            which == map::BUDGET_AT_MOST,
                        );
                        // A point of the polytope: that of other scores.
                        let mut random = Random(n as u64);
                        let other: Vec<f64> =
                            z.iter().map(|&z| z - random.normal().abs()).collect();
                        let other: Vec<T> = budget::budget(&other, &vec![1.0; n], b, 1.0, false)
                            .p
                            .iter()
                            .map(|&p| T::round(p))
                            .collect();
                        for soft in [false, true] {
                            if !soft && !z[n / 2].is_finite() {
                                continue;
                            }
                            let q: Vec<f64> = (0..n)
                                .map(|j| {
                                    if soft {
                                        other[j].wide()
                                    } else {
                                        f64::from(u8::from(j == n / 2))
                                    }
                                })
                                .collect();
                            let loss = call(&x, soft.then_some(&other[..]), which, b, temperature);
                            let got = loss.call();
                            let want = definition(&truth, &z, &q, temperature).max(0.0);
                            let label = format!("{kind}, n = {n}, B = {b}, T = {temperature}, map {which}, soft {soft}");
                            // B less the sum of q, which is rounded, counts tau times.
                            let tau = if truth.binding {
                                truth.threshold / temperature
                            } else {
                                0.0
                            };
                            let slack =
                                tau.abs() * if size_of::<T>() == 4 { 2e-7 } else { 1e-14 } * b;
                            let error =
                                ((got.loss[0] - want).abs() - slack).max(0.0) / want.max(1.0);
                            if error > worst.0 {
                                worst = (error, label.clone());
                            }
                            assert!(got.loss[0] >= 0.0);
                            // Where entries lie between their bounds there is one threshold.
                            if !truth.binding {
                                assert_eq!(got.dparameter[0], 0.0, "{label}");
                            } else if truth.p.iter().any(|&p| p > 1e-3 && p < 1.0 - 1e-3) {
                                assert!(
                                    (got.dparameter[0] - tau).abs() < 1e-6 * tau.abs().max(1.0),
                                    "{label}"
                                );
                            }
                            let p = dense(&loss.scores);
                            let sparse = loss.call_sparse();
                            assert_eq!(sparse.loss[0].to_bits(), got.loss[0].to_bits());
                            let listed: Vec<usize> = (0..n)
                                .filter(|&j| p[j].wide() > 0.0 || q[j] != 0.0)
                                .collect();
                            assert_eq!(sparse.indices[0], listed, "{label}");
                            for j in 0..n {
                                let want = (p[j].wide() - q[j]) / temperature;
                                assert!(
                                    (got.dz[j].wide() - want).abs() < 1e-6 * want.abs().max(1e-3),
                                    "{label}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }
    println!("{:.2e} ({})", worst.0, worst.1);
    assert!(worst.0 <= tolerance, "{worst:?}");
}

#[test]
fn every_row_agrees_with_the_definition_f32() {
    every_row_agrees::<f32>(1e-6);
}

#[test]
fn every_row_agrees_with_the_definition_f64() {
    every_row_agrees::<f64>(1e-11);
}

#[test]
fn the_gradient_and_that_of_the_budget_are_those_of_the_value() {
    let mut random = Random(5);
    let z: Vec<f64> = (0..9).map(|_| random.normal()).collect();
    let q = [0.5, 0.5, 0.0, 0.0, 0.25, 0.0, 0.75, 0.0, 0.0];
    for which in [map::BUDGET, map::BUDGET_AT_MOST] {
        for b in [1.3, 2.0, 2.6] {
            let value = |z: &[f64], b: f64| call(z, Some(&q), which, b, 0.8).call();
            let got = value(&z, b);
            for j in 0..9 {
                let moved = |by: f64| {
                    let mut z = z.clone();
                    z[j] += by;
                    value(&z, b).loss[0]
                };
                let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!(
                    (difference - got.dz[j]).abs() < 1e-6,
                    "{difference} for {}",
                    got.dz[j]
                );
            }
            let difference = (value(&z, b + 1e-5).loss[0] - value(&z, b - 1e-5).loss[0]) / 2e-5;
            assert!((difference - got.dparameter[0]).abs() < 1e-6);
        }
    }
}

#[test]
fn infinite_scores_take_their_share_first() {
    let z = [f64::INFINITY, 0.5, 0.2, f64::INFINITY];
    // Both are full, and so is the target there.
    let got = call(&z, Some(&[1.0, 0.5, 0.0, 1.0]), map::BUDGET, 2.5, 1.0).call();
    // p = (1, 0.4, 0.1, 1).
    let want = (0.4f64 - 0.5) * 0.5 + 0.1 * 0.2 - 0.5 * (0.16 + 0.01) + 0.5 * 0.25;
    assert!(
        (got.loss[0] - want).abs() < 1e-12,
        "{} for {want}",
        got.loss[0]
    );
    // The target leaves some of them out.
    let got = call(&z, Some(&[1.0, 0.5, 0.5, 0.5]), map::BUDGET, 2.5, 1.0).call();
    assert_eq!((got.loss[0], got.dz), (f64::INFINITY, vec![0.0; 4]));
    // They share the budget, equally.
    let got = call(&z, Some(&[0.5, 0.0, 0.0, 0.5]), map::BUDGET, 1.0, 1.0).call();
    assert_eq!((got.loss[0], got.dz), (0.0, vec![0.0; 4]));
    let got = call(&z, None, map::BUDGET, 1.0, 1.0).call();
    assert_eq!((got.loss[0], got.dz), (f64::INFINITY, vec![0.0; 4]));
}
