//! Budgets far below n where every other entry has a small bound and the rest have none: few scores can count, in short rows too.

mod common;
use common::budget::budget;
use common::call::{csr, dense, Batch, Number};
use common::rows::row;
use entmax_core::maps::map;

/// Around whole blocks, and what rows of either kernel begin at.
const SIZES: [usize; 14] = [
    31, 32, 49, 63, 64, 65, 79, 97, 128, 255, 256, 513, 1030, 4100,
];

fn rows_without_some_bounds<T: Number>(tolerance: f64) {
    for n in SIZES {
        for kind in ["normal", "peaked", "ramp", "few levels"] {
            let x: Vec<T> = row(kind, n, 1.0).iter().map(|&z| T::round(z)).collect();
            let upper: Vec<T> = (0..n)
                .map(|j| {
                    T::round(if j % 2 == 0 {
                        4.0 / n as f64
                    } else {
                        f64::INFINITY
                    })
                })
                .collect();
            for b in [0.01, 1.0, n as f64 / 40.0] {
                for temperature in [1.0, 0.3, 20.0] {
                    let label = format!("{kind}, n = {n}, B = {b}, T = {temperature}");
                    let batch = Batch {
                        map: map::BUDGET,
                        upper: Some(&upper),
                        temperature,
                        ..Batch::row(&x, b)
                    };
                    let p = dense(&batch);
                    // No entry exceeds the budget: a bound above that is none.
                    let z: Vec<f64> = x.iter().map(|z| z.wide()).collect();
                    let u: Vec<f64> = upper.iter().map(|u| u.wide().min(2.0 * b)).collect();
                    let truth = budget(&z, &u, b, temperature, false);
                    let scale = truth.p.iter().cloned().fold(0.0, f64::max);
                    let margin = 1e-5 * (temperature + truth.threshold.abs());
                    for j in 0..n {
                        let (entry, exact) = (p[j].wide(), truth.p[j]);
                        let error = (entry - exact).abs() / scale;
                        assert!(error <= tolerance, "{label}: {j}, {entry}, {exact}");
                        if z[j] < truth.threshold - margin {
                            assert_eq!(p[j].bits(), 0, "{label}: entry {j}");
                        }
                    }
                    let (indices, values) = &csr(&batch, false).rows[0];
                    let positive = (0..n).filter(|&j| p[j].wide() > 0.0);
                    assert!(positive.eq(indices.iter().map(|&j| j as usize)), "{label}");
                    for (&j, value) in indices.iter().zip(values) {
                        assert_eq!(value.bits(), p[j as usize].bits(), "{label}: entry {j}");
                    }
                }
            }
        }
    }
}

#[test]
fn rows_without_some_bounds_are_those_of_the_reference_f32() {
    rows_without_some_bounds::<f32>(3e-7);
}

#[test]
fn rows_without_some_bounds_are_those_of_the_reference_f64() {
    rows_without_some_bounds::<f64>(1e-13);
}
