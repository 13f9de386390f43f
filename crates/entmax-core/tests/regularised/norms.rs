//! normmax.

use super::{backward_row, distance, Memory, Number};
use crate::common::oracle::sum;
use crate::common::rows::{row, Random, KINDS, SIZES};
use entmax_core::regularised::frame::{Outcome, Solved};
use entmax_core::regularised::groups::backward_scratch;
use entmax_core::regularised::normmax::{self, normmax_workspace};

pub fn solve<T: Number>(x: &[T], e: f64, temperature: f64) -> (Vec<T>, Outcome) {
    let n = x.len();
    let mut memory = Memory::new(normmax_workspace(n));
    let mut p = x.to_vec();
    let at = p.as_mut_ptr();
    // SAFETY: lengths are n; in place, as the kernel says that it may be.
    let outcome = unsafe { normmax::normmax(at, n, e, temperature, at, memory.at()) };
    (p, outcome)
}

fn solved<T: Number>(x: &[T], e: f64, temperature: f64) -> (Vec<T>, Solved) {
    match solve(x, e, temperature) {
        (p, Outcome::Solved(solved)) => (p, solved),
        (_, outcome) => panic!("{outcome:?}"),
    }
}

/// (dx, dalpha).
pub fn pull_back<T: Number>(p: &[T], v: &[T], e: f64, temperature: f64) -> (Vec<T>, f64) {
    let mut dx = vec![T::ONE; p.len()];
    let mut memory = Memory::new(backward_scratch(p.len()));
    let row = backward_row(p, v, None, (&mut dx, &mut []), memory.at());
    // SAFETY: all lengths are those of p.
    let dalpha = unsafe { normmax::pull_back(&row, e, temperature) };
    (dx, dalpha)
}

/// (p, tau) by bisection.
fn truth(z: &[f64], e: f64) -> (Vec<f64>, f64) {
    let max = z.iter().cloned().fold(f64::NEG_INFINITY, f64::max);
    let d = |z: f64, tau: f64| ((z - max) - tau).max(0.0);
    let power = |d: f64| if d > 0.0 { (d.ln() / e).exp() } else { 0.0 };
    let (mut low, mut high) = (-1.0, 0.0);
    loop {
        let tau = 0.5 * (low + high);
        if tau <= low || tau >= high {
            break;
        }
        let total = sum(z.iter().map(|&z| power(d(z, tau)) * d(z, tau)));
        if total > 1.0 {
            low = tau;
        } else {
            high = tau;
        }
    }
    let tau = 0.5 * (low + high);
    let q: Vec<f64> = z.iter().map(|&z| power(d(z, tau))).collect();
    let total = sum(q.iter().cloned());
    (q.iter().map(|q| q / total).collect(), max + tau)
}

pub fn norm(p: &[f64], alpha: f64) -> f64 {
    let largest = p.iter().cloned().fold(0.0, f64::max);
    largest * sum(p.iter().map(|p| (p / largest).powf(alpha))).powf(1.0 / alpha)
}

const EXPONENTS: [f64; 9] = [0.01, 0.1, 0.5, 0.7, 1.0, 1.5, 3.0, 20.0, 999.0];

fn every_kind_of_row<T: Number>(tolerance: f64) {
    for kind in KINDS {
        for n in SIZES.into_iter().filter(|&n| n <= 1000) {
            let x: Vec<T> = row(kind, n, 1.0).iter().map(|&z| T::round(z)).collect();
            let z: Vec<f64> = x.iter().map(|x| x.wide()).collect();
            for e in EXPONENTS {
                let label = format!("{kind}, n = {n}, e = {e}");
                let (p, Solved { converged, .. }) = solved(&x, e, 1.0);
                assert!(converged, "{label}");
                let total = sum(p.iter().map(|p| p.wide()));
                assert!((total - 1.0).abs() < 5e-7, "{label}: {total}");
                let (exact, tau) = truth(&z, e);
                let largest = exact.iter().cloned().fold(0.0, f64::max);
                let max = z.iter().cloned().fold(f64::NEG_INFINITY, f64::max);
                for j in 0..n {
                    // Above alpha = 2 an entry on the threshold is as uncertain as a power of tau's last digit.
                    let near = ((z[j] - max) - (tau - max)).abs() < 1e-9;
                    let error = (p[j].wide() - exact[j]).abs() / largest;
                    let allowed = tolerance * (1.0 + 1.0 / e);
                    assert!(near || error <= allowed, "{label}: {j}, {error:e}");
                }
            }
        }
    }
}

#[test]
fn every_kind_of_row_is_that_of_bisection_f32() {
    every_kind_of_row::<f32>(1e-6);
}

#[test]
fn every_kind_of_row_is_that_of_bisection_f64() {
    every_kind_of_row::<f64>(1e-10);
}

#[test]
fn values_known_from_elsewhere() {
    let z = [0.5, 1.2, -0.3, 2.0, 1.9];
    let (p, Solved { threshold, .. }) = solved(&z, 1.0, 1.0);
    assert!(distance(&p, &[0.0, 0.0, 0.0, 0.535444060, 0.464555940]) < 1e-9);
    assert!((2.0 + threshold - 1.244663201).abs() < 1e-9);
    let dalpha = pull_back(&p, &[1.0, -2.0, 3.0, 0.5, -1.0], 1.0, 1.0).1;
    assert!((dalpha + 0.043861882).abs() < 1e-9);
    let published = |z: &[f64], alpha: f64, p: &[f64]| {
        assert!(
            distance(&solved(z, alpha - 1.0, 1.0).0, p) < 6e-5,
            "{alpha}"
        );
    };
    published(&[-2.0, 0.0, 0.5], 2.0, &[0.0, 0.3110, 0.6890]);
    published(&[-2.0, 0.0, 0.5], 1000.0, &[0.0, 0.4997, 0.5003]);
    let steps = [0.0, 0.25, 0.5, 0.75, 1.0];
    published(&steps, 2.0, &[0.0, 0.0239, 0.1746, 0.3254, 0.4761]);
    published(&steps, 1000.0, &[0.0, 0.0, 0.3330, 0.3334, 0.3336]);
}

#[test]
fn tau_is_the_maximum_and_no_other_distribution_has_more() {
    let mut random = Random(71);
    for round in 0..300 {
        let n = 1 + round % 20;
        let e = EXPONENTS[round % 9];
        let z: Vec<f64> = (0..n).map(|_| 0.5 * random.normal()).collect();
        let (p, Solved { threshold, .. }) = solved(&z, e, 1.0);
        let value = |p: &[f64]| sum(p.iter().zip(&z).map(|(p, z)| p * z)) - norm(p, 1.0 + e);
        let max = z.iter().cloned().fold(f64::NEG_INFINITY, f64::max);
        assert!((value(&p) - (max + threshold)).abs() < 1e-13, "e = {e}");
        for _ in 0..20 {
            let raw: Vec<f64> = p
                .iter()
                .map(|p| (p + 0.1 * random.normal()).max(0.0))
                .collect();
            let total = sum(raw.iter().cloned());
            if total > 0.0 {
                let other: Vec<f64> = raw.iter().map(|p| p / total).collect();
                assert!(value(&other) <= value(&p) + 1e-14, "e = {e}");
            }
        }
    }
}

/// The Fenchel-Young loss for a class: 1 + tau - z_k, from the outcome's threshold and the class's score less the maximum, over the
/// temperature. It is 0 where that score exceeds all others by 1.
fn normmax_loss(threshold: f64, score: f64) -> f64 {
    let loss = (1.0 + threshold) - score;
    if loss < 0.0 {
        0.0
    } else {
        loss
    }
}

#[test]
fn the_loss_is_0_from_a_margin_of_1_on_and_has_the_gradient_p_less_the_class() {
    let mut random = Random(73);
    for e in EXPONENTS {
        let z: Vec<f64> = (0..9).map(|_| random.normal()).collect();
        let max = z.iter().cloned().fold(f64::NEG_INFINITY, f64::max);
        for class in 0..9 {
            let loss = |z: &[f64]| {
                let max = z.iter().cloned().fold(f64::NEG_INFINITY, f64::max);
                normmax_loss(solved(z, e, 1.0).1.threshold, z[class] - max)
            };
            assert!(loss(&z) >= 0.0);
            let p = solved(&z, e, 1.0).0;
            for j in 0..9 {
                let moved = |by: f64| {
                    let mut z = z.clone();
                    z[j] += by;
                    loss(&z)
                };
                let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                let exact = p[j] - f64::from(u8::from(j == class));
                assert!(
                    (difference - exact).abs() < 1e-6,
                    "e = {e}: {difference} {exact}"
                );
            }
            let mut apart = z.clone();
            apart[class] = max + 1.0 + f64::from(u8::from(z[class] == max)) * 3.0;
            assert!(loss(&apart) <= 1e-15, "e = {e}");
        }
    }
}

#[test]
fn the_pullback_is_the_difference_of_the_values() {
    let mut random = Random(79);
    for round in 0..300 {
        let n = 1 + round % 12;
        let e = [0.1, 0.5, 1.0, 1.5, 3.0, 8.0][round % 6];
        let temperature = [1.0, 0.7][round % 2];
        let mut x: Vec<f64> = (0..n).map(|_| 0.4 * random.normal()).collect();
        if n > 3 {
            x[2] = f64::NEG_INFINITY;
        }
        let v: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let p = solved(&x, e, temperature).0;
        if p.iter().any(|&p| p > 0.0 && p < 1e-2) {
            continue;
        }
        let (dx, dalpha) = pull_back(&p, &v, e, temperature);
        let inner = |x: &[f64], e: f64| {
            let p = solved(x, e, temperature).0;
            sum(p.iter().zip(&v).map(|(p, v)| p * v))
        };
        for j in (0..n).filter(|&j| x[j].is_finite()) {
            let moved = |by: f64| {
                let mut x = x.clone();
                x[j] += by;
                inner(&x, e)
            };
            let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            let error = (difference - dx[j]).abs() / (1.0 + dx[j].abs());
            assert!(
                error < 1e-6,
                "round {round}, e = {e}: {difference} {}",
                dx[j]
            );
        }
        let difference = (inner(&x, e + 1e-6) - inner(&x, e - 1e-6)) / 2e-6;
        assert!(
            (difference - dalpha).abs() < 1e-6,
            "e = {e}: {difference} {dalpha}"
        );
    }
}

#[test]
fn edges() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    assert_eq!(solve::<f32>(&[], 1.0, 1.0).1, Outcome::Empty);
    assert_eq!(solve(&[-inf; 3], 1.0, 1.0), (vec![0.0; 3], Outcome::Empty));
    let (p, outcome) = solve(&[0.0, nan], 1.0, 1.0);
    assert_eq!(outcome, Outcome::NotANumber);
    assert!(p.iter().all(|p| p.to_bits() == 0x7fc0_0000));
    assert!(pull_back(&p, &[1.0; 2], 1.0, 1.0)
        .0
        .iter()
        .all(|dx| dx.is_nan()));
    let infinite = solve(&[inf, 3.0, inf], 1.0, 1.0);
    assert_eq!(infinite, (vec![0.5, 0.0, 0.5], Outcome::Infinite));
    for e in [1e-300, 1e-9, 1e-4, 1.0, 1e9, inf.into()] {
        assert_eq!(solved(&[-7.5f32], e, 1.0).0, [1.0], "e = {e}");
        // Exactly 1 below the maximum: out.
        assert_eq!(
            solved(&[1.0f32, 2.0, 1.0], e, 1.0).0,
            [0.0, 1.0, 0.0],
            "e = {e}"
        );
        assert_eq!(solved(&[1.0f32, 1.0, -5.0, 1.0], e, 1.0).0[2], 0.0);
        let tied = solved(&[0.25f64; 7], e, 1.0).0;
        assert!(distance(&tied, &[1.0 / 7.0; 7]) < 1e-15, "e = {e}");
        assert!(tied.iter().all(|p| p.to_bits() == tied[0].to_bits()));
    }
    // Uniform over the support of sparsemax.
    let p = solved(&[0.5f32, 1.2, -0.3, 2.0, 1.9], f64::INFINITY, 1.0).0;
    assert_eq!(p, [0.0, 0.0, 0.0, 0.5, 0.5]);
    assert_eq!(
        pull_back(&p, &[1.0; 5], f64::INFINITY, 1.0),
        (vec![0.0; 5], 0.0)
    );
}
