//! TVmax: the grid, its regions, and that it is a line where it is one.

use super::orders::Penalty;
use super::{differences, distance, is_sound, pull_back, solve, Map};
use crate::common::oracle;
use crate::common::rows::Random;
use entmax_core::regularised::frame::Outcome;
use entmax_core::regularised::groups::EXCLUDED;

fn is_converged(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Solved(solved) if solved.converged)
}

#[test]
fn tvmax_is_the_minimum_over_all_orders() {
    let mut random = Random(41);
    for round in 0..300 {
        let (height, width) = [(2, 3), (3, 2), (2, 2), (1, 5), (5, 1)][round % 5];
        let n = height * width;
        let spread = [0.3, 1.0, 3.0][round % 3];
        let mut z: Vec<f64> = (0..n).map(|_| spread * random.normal()).collect();
        if round % 7 == 0 {
            z.iter_mut().for_each(|z| *z = (4.0 * *z).round() / 4.0);
        }
        let lambda = [0.0, 0.05, 0.2, 0.25, 0.7, 30.0][round % 11 % 6];
        let exact = Penalty::grid(height, width).minimum(&z, lambda);
        let answer = solve(Map::Grid(height, width), &z, lambda, 1.0);
        let label = format!("{height}x{width}, {z:?}, {lambda}");
        is_sound(&z, &answer, 1e-13, &label);
        assert!(is_converged(answer.outcome), "{label}");
        assert!(
            distance(&answer.p, &exact) < 1e-11,
            "{label}: {:?} {exact:?}",
            answer.p
        );
    }
}

#[test]
fn a_grid_of_one_row_or_one_column_is_fusedmax() {
    let mut random = Random(43);
    for n in 1..60 {
        let x: Vec<f32> = (0..n).map(|_| random.normal() as f32).collect();
        for lambda in [0.0, 0.01, 0.3, 2.0, 1e9] {
            let line = solve(Map::Fused, &x, lambda, 1.0);
            for map in [Map::Grid(1, n), Map::Grid(n, 1)] {
                let grid = solve(map, &x, lambda, 1.0);
                let wide: Vec<f64> = line.p.iter().map(|&p| f64::from(p)).collect();
                assert!(distance(&grid.p, &wide) < 1e-7, "{map:?}, {lambda}");
                assert!(is_converged(grid.outcome));
                let in_support = |j: &usize| line.p[*j] > 0.0;
                for j in (0..n).filter(in_support) {
                    assert_eq!(grid.groups[j], line.groups[j], "{map:?}, {lambda}");
                    assert!((grid.rates[j] - line.rates[j]).abs() < 1e-6);
                }
            }
        }
    }
}

/// The minimum over the simplex by many plain gradient steps of the dual problem, whose variable is a number for each edge: slow,
/// and nothing in common with the kernel.
fn by_dual_steps(z: &[f64], edges: &[(usize, usize)], lambda: f64) -> Vec<f64> {
    let mut flows = vec![0.0; edges.len()];
    let mut ahead = flows.clone();
    let primal = |flows: &[f64]| {
        let mut y = z.to_vec();
        for (&(i, j), flow) in edges.iter().zip(flows) {
            y[i] -= flow;
            y[j] += flow;
        }
        y
    };
    let mut momentum = 1.0f64;
    for _ in 0..60_000 {
        let y = primal(&ahead);
        let next: Vec<f64> = edges
            .iter()
            .zip(&ahead)
            .map(|(&(i, j), flow)| (flow + 0.125 * (y[i] - y[j])).clamp(-lambda, lambda))
            .collect();
        let uphill: f64 = (0..edges.len())
            .map(|e| (ahead[e] - next[e]) * (next[e] - flows[e]))
            .sum();
        momentum = if uphill > 0.0 { 1.0 } else { momentum };
        let after = 0.5 + (0.25 + momentum * momentum).sqrt();
        let part = (momentum - 1.0) / after;
        ahead = (0..edges.len())
            .map(|e| next[e] + part * (next[e] - flows[e]))
            .collect();
        momentum = after;
        flows = next;
    }
    oracle::entmax(&primal(&flows), 1.0, 1.0).p
}

fn image(kind: usize, height: usize, width: usize, random: &mut Random) -> Vec<f64> {
    (0..height * width)
        .map(|pixel| {
            let (i, j) = ((pixel / width) as f64, (pixel % width) as f64);
            match kind {
                0 => random.normal(),
                1 => 2.0 * (0.5 * i).sin() * (0.4 * j).cos() + 0.1 * random.normal(),
                2 => ((i / 3.0).floor() + (j / 4.0).floor()) % 3.0 + 0.2 * random.normal(),
                3 => 0.02 * random.normal(),
                _ => (i + j) * 0.05,
            }
        })
        .collect()
}

#[test]
fn larger_images_agree_with_a_slow_method() {
    let mut random = Random(47);
    for kind in 0..5 {
        for (height, width) in [(7, 9), (12, 5)] {
            for lambda in [0.02, 0.1, 0.5] {
                let z = image(kind, height, width, &mut random);
                let Penalty::Edges(edges) = Penalty::grid(height, width) else {
                    panic!("a grid has edges");
                };
                let exact = by_dual_steps(&z, &edges, lambda);
                let answer = solve(Map::Grid(height, width), &z, lambda, 1.0);
                let label = format!("kind {kind}, {height}x{width}, {lambda}");
                assert!(is_converged(answer.outcome), "{label}");
                let error = distance(&answer.p, &exact);
                assert!(error < 1e-9, "{label}: {error:e}");
            }
        }
    }
}

#[test]
fn every_image_converges() {
    let mut random = Random(53);
    for kind in 0..5 {
        for (height, width) in [(14, 14), (32, 32), (3, 100), (64, 64)] {
            for lambda in [1e-9, 0.01, 0.1, 1.0, 10.0, 1e6] {
                for scale in [1e-3, 1.0, 30.0] {
                    let z = image(kind, height, width, &mut random);
                    let z: Vec<f64> = z.iter().map(|z| scale * z).collect();
                    let answer = solve(Map::Grid(height, width), &z, lambda, 1.0);
                    let label = format!("kind {kind}, {height}x{width}, {lambda}, {scale}");
                    assert!(is_converged(answer.outcome), "{label}");
                    is_sound(&z, &answer, 1e-12, &label);
                }
            }
        }
    }
}

#[test]
fn integer_images_with_many_ties_converge() {
    let mut random = Random(59);
    for round in 0..300 {
        let (height, width) = (1 + round % 7, 1 + round % 9);
        let z: Vec<f64> = (0..height * width)
            .map(|_| (3.0 * random.uniform()).floor())
            .collect();
        let lambda = [0.25, 0.5, 1.0, 2.0][round % 4];
        let answer = solve(Map::Grid(height, width), &z, lambda, 1.0);
        assert!(
            is_converged(answer.outcome),
            "{height}x{width} {z:?} {lambda}"
        );
        let Penalty::Edges(edges) = Penalty::grid(height, width) else {
            panic!("a grid has edges");
        };
        if round % 10 == 0 {
            let error = distance(&answer.p, &by_dual_steps(&z, &edges, lambda));
            assert!(error < 1e-8, "{height}x{width} {z:?} {lambda}: {error:e}");
        }
    }
}

#[test]
fn excluded_pixels_are_no_neighbours() {
    let mut random = Random(61);
    for round in 0..100 {
        let x: Vec<f64> = (0..6).map(|_| random.normal()).collect();
        let lambda = 0.5 * random.uniform();
        let gone = round % 6;
        let mut masked = x.clone();
        masked[gone] = f64::NEG_INFINITY;
        let Penalty::Edges(edges) = Penalty::grid(2, 3) else {
            panic!("a grid has edges");
        };
        let place = |pixel: usize| pixel - usize::from(pixel > gone);
        let edges = edges
            .iter()
            .filter(|(i, j)| *i != gone && *j != gone)
            .map(|&(i, j)| (place(i), place(j)))
            .collect();
        let mut rest = x.clone();
        rest.remove(gone);
        let mut exact = Penalty::Edges(edges).minimum(&rest, lambda);
        exact.insert(gone, 0.0);
        let answer = solve(Map::Grid(2, 3), &masked, lambda, 1.0);
        is_sound(&masked, &answer, 1e-13, "masked");
        assert!(distance(&answer.p, &exact) < 1e-11, "{masked:?}, {lambda}");
    }
}

#[test]
fn the_pullback_of_tvmax_is_the_difference_of_its_values() {
    let mut random = Random(67);
    let mut compared = 0;
    for round in 0..150 {
        let (height, width) = [(2, 3), (4, 5), (7, 3), (6, 6)][round % 4];
        let mut x: Vec<f64> = (0..height * width).map(|_| 0.4 * random.normal()).collect();
        if round % 3 == 0 {
            x[2] = f64::NEG_INFINITY;
        }
        let map = Map::Grid(height, width);
        let temperature = [1.0, 0.6][round % 2];
        let label = format!("{map:?}, round {round}");
        compared += usize::from(differences(
            map,
            &x,
            0.25 * random.uniform(),
            temperature,
            &label,
        ));
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn grids_without_a_distribution_say_so() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let map = Map::Grid(2, 2);
    assert_eq!(
        solve::<f64>(Map::Grid(0, 3), &[], 1.0, 1.0).outcome,
        Outcome::Empty
    );
    let masked = solve(map, &[-inf; 4], 1.0, 1.0);
    assert_eq!(
        (masked.outcome, masked.p.clone()),
        (Outcome::Empty, vec![0.0; 4])
    );
    assert_eq!(masked.groups, [EXCLUDED; 4]);
    assert_eq!(
        solve(map, &[0.0, nan, 1.0, inf], 1.0, 1.0).outcome,
        Outcome::NotANumber
    );
    let infinite = solve(map, &[inf, 0.0, inf, inf], 1.0, 1.0);
    assert!(distance(&infinite.p, &[1.0 / 3.0, 0.0, 1.0 / 3.0, 1.0 / 3.0]) == 0.0);
    assert_eq!(
        pull_back(&infinite, &[1.0, 2.0, 3.0, 4.0], 1.0),
        (vec![0.0; 4], 0.0)
    );
    let one = solve(Map::Grid(1, 1), &[-3.0f32], 2.0, 1.0);
    assert_eq!(one.p, [1.0]);
}
