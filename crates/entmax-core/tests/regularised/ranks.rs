//! oscarmax, as it should be and as it is published.

use super::orders::Penalty;
use super::{differences, distance, is_sound, pull_back, solve, Map, Number};
use crate::common::oracle;
use crate::common::rows::{row, Random, KINDS, SIZES};
use entmax_core::regularised::groups::{FIXED, TURNED};

/// The nonincreasing fit by its definition: entry i is the least, over beginnings up to i, of the largest mean from there on.
fn fit(w: &[f64]) -> Vec<f64> {
    let mean = |a: usize, b: usize| w[a..=b].iter().sum::<f64>() / (b - a + 1) as f64;
    (0..w.len())
        .map(|i| {
            (0..=i)
                .map(|a| (i..w.len()).map(|b| mean(a, b)).fold(f64::MIN, f64::max))
                .fold(f64::MAX, f64::min)
        })
        .collect()
}

/// Descending.
fn order(z: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..z.len()).collect();
    order.sort_by(|&a, &b| z[b].total_cmp(&z[a]));
    order
}

/// The decomposition over all scores.
fn plain(z: &[f64], lambda: f64) -> Vec<f64> {
    let order = order(z);
    let w: Vec<f64> = (0..z.len())
        .map(|i| z[order[i]] + lambda * i as f64)
        .collect();
    let p = oracle::entmax(&fit(&w), 1.0, 1.0).p;
    let mut result = vec![0.0; z.len()];
    order.iter().zip(p).for_each(|(&j, p)| result[j] = p);
    result
}

#[test]
fn oscarmax_is_the_minimum_over_all_orders() {
    let mut random = Random(17);
    for round in 0..400 {
        let n = 1 + round % 6;
        let spread = [0.3, 1.0, 3.0][round % 3];
        let mut z: Vec<f64> = (0..n).map(|_| spread * random.normal()).collect();
        if round % 5 == 0 {
            z.iter_mut().for_each(|z| *z = (4.0 * *z).round() / 4.0);
        }
        let lambda = [0.0, 0.05, 0.125, 0.3, 0.966, 4.0][round % 7 % 6];
        let exact = Penalty::Maxima.minimum(&z, lambda);
        let answer = solve(Map::Oscar, &z, lambda, 1.0);
        let label = format!("{z:?}, {lambda}");
        is_sound(&z, &answer, 1e-14, &label);
        assert!(
            distance(&answer.p, &exact) < 1e-12,
            "{label}: {:?} {exact:?}",
            answer.p
        );
    }
}

#[test]
fn values_known_from_elsewhere() {
    let z = [0.5, 1.2, -0.3, 2.0, 1.9];
    let answer = solve(Map::Oscar, &z, 0.1, 1.0);
    assert!(distance(&answer.p, &[0.0, 0.0, 0.0, 0.5, 0.5]) < 1e-15);
    let z = [0.155, 2.594, 0.092, -1.661];
    assert_eq!(solve(Map::Oscar, &z, 0.966, 1.0).p, [0.0, 1.0, 0.0, 0.0]);
    assert_eq!(solve(Map::Published, &z, 0.966, 1.0).p, [0.25; 4]);
}

fn every_kind_of_row<T: Number>(tolerance: f64) {
    for kind in KINDS {
        for n in SIZES.into_iter().filter(|&n| n <= 64) {
            let x: Vec<T> = row(kind, n, 1.0).iter().map(|&z| T::round(z)).collect();
            let max = x.iter().fold(f64::MIN, |max, x| max.max(x.wide()));
            for lambda in [0.0, 1e-6, 0.1 / n as f64, 2.0 / n as f64, 0.3, 1e6] {
                let label = format!("{kind}, n = {n}, {lambda}");
                let answer = solve(Map::Oscar, &x, lambda, 1.0);
                is_sound(&x, &answer, tolerance, &label);
                let left: Vec<usize> = (0..n)
                    .filter(|&j| x[j].wide() > f64::NEG_INFINITY)
                    .collect();
                let z: Vec<f64> = left.iter().map(|&j| x[j].wide() - max).collect();
                let p: Vec<T> = left.iter().map(|&j| answer.p[j]).collect();
                let error = distance(&p, &plain(&z, lambda));
                assert!(error <= tolerance, "{label}: {error:e}");
            }
        }
    }
}

#[test]
fn every_kind_of_row_is_sparsemax_of_the_fit_f32() {
    every_kind_of_row::<f32>(1e-6);
}

#[test]
fn every_kind_of_row_is_sparsemax_of_the_fit_f64() {
    every_kind_of_row::<f64>(1e-9);
}

#[test]
fn ranks_behind_the_support_have_no_say() {
    // Scores that could be in the support only together: a plateau that its bonuses lift above the maximum.
    for n in [30usize, 300, 3000] {
        let mut x = vec![-0.9f64; n];
        x[n / 2] = 0.0;
        for lambda in [
            0.5 / n as f64,
            1.7 / n as f64,
            1.9 / n as f64,
            4.0 / n as f64,
        ] {
            let answer = solve(Map::Oscar, &x, lambda, 1.0);
            let plateau = -0.9 + lambda * 0.5 * n as f64;
            let expected = if plateau > 0.0 { n } else { 1 };
            let size = answer.p.iter().filter(|&&p| p > 0.0).count();
            if !(-1.0..=0.0).contains(&plateau) {
                assert_eq!(size, expected, "n = {n}, {lambda}");
            }
            is_sound(&x, &answer, 1e-12, "plateau");
        }
    }
}

#[test]
fn a_permutation_permutes_the_result() {
    let mut random = Random(8);
    for n in [2usize, 7, 33, 200] {
        let x: Vec<f32> = (0..n)
            .map(|_| (random.normal() * 4.0).round() as f32 / 8.0)
            .collect();
        let mut turned = x.clone();
        turned.reverse();
        for map in [Map::Oscar, Map::Published] {
            let mut p = solve(map, &turned, 0.01, 1.0).p;
            p.reverse();
            assert_eq!(p, solve(map, &x, 0.01, 1.0).p);
        }
    }
}

#[test]
fn the_pullback_is_the_difference_of_the_values() {
    let mut random = Random(29);
    for map in [Map::Oscar, Map::Published] {
        let mut compared = 0;
        for round in 0..300 {
            let n = 1 + round % 33;
            let mut x: Vec<f64> = (0..n).map(|_| 0.3 * random.normal()).collect();
            if round % 4 == 0 && n > 2 {
                x[n / 2] = f64::NEG_INFINITY;
            }
            let temperature = [1.0, 0.7, 2.5][round % 3];
            let lambda = 0.4 * random.uniform() / n as f64;
            let label = format!("{map:?}, {x:?}, {lambda}, T = {temperature}");
            compared += usize::from(differences(map, &x, lambda, temperature, &label));
        }
        assert!(compared > 200, "{map:?}: {compared}");
    }
}

/// By the published steps: magnitudes less their penalties, fitted, cut off at 0, signs back, sparsemax.
#[test]
fn the_published_form_follows_its_steps() {
    let mut random = Random(31);
    for round in 0..300 {
        let n = 1 + round % 20;
        let z: Vec<f64> = (0..n).map(|_| 0.5 * random.normal()).collect();
        let lambda = [0.0, 0.01, 0.1, 5.0][round % 4];
        let magnitudes: Vec<f64> = z.iter().map(|z| z.abs()).collect();
        let order = order(&magnitudes);
        let w: Vec<f64> = (0..n)
            .map(|i| magnitudes[order[i]] - lambda * (n - 1 - i) as f64)
            .collect();
        let mut y = vec![0.0; n];
        for (&j, value) in order.iter().zip(fit(&w)) {
            y[j] = value.max(0.0) * z[j].signum();
        }
        let exact = oracle::entmax(&y, 1.0, 1.0).p;
        let answer = solve(Map::Published, &z, lambda, 1.0);
        assert!(distance(&answer.p, &exact) < 1e-13, "round {round}");
        for (j, y) in y.iter().enumerate() {
            let group = answer.groups[j];
            assert_eq!(group == FIXED, *y == 0.0, "round {round}");
            assert_eq!(
                group != FIXED && group & TURNED != 0,
                *y < 0.0,
                "round {round}"
            );
        }
    }
}

#[test]
fn equal_scores_are_one_group_unless_lambda_is_0() {
    let x = [0.25f32; 9];
    let answer = solve(Map::Oscar, &x, 1e-9, 1.0);
    assert!(answer.groups.iter().all(|&group| group == answer.groups[0]));
    let v: Vec<f32> = (0..9).map(|j| j as f32).collect();
    assert!(pull_back(&answer, &v, 1.0)
        .0
        .iter()
        .all(|dx| dx.abs() < 1e-7));
    let answer = solve(Map::Oscar, &x, 0.0, 1.0);
    assert_eq!(pull_back(&answer, &v, 1.0).0[8], 4.0);
}
