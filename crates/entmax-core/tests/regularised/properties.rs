//! What holds for all rows (MATH.md section 20).

use super::{bounds, is_sound, norms, pull_back, solve, Map};
use entmax_core::regularised::frame::Outcome;
use proptest::prelude::*;

fn scores() -> impl Strategy<Value = Vec<f32>> {
    let score = prop_oneof![
        8 => -3.0..3.0f32,
        4 => (-4i8..4).prop_map(|level| f32::from(level) * 0.25),
        2 => -1e5..1e5f32,
        1 => Just(f32::NEG_INFINITY),
        1 => any::<f32>().prop_filter("a finite number", |s| s.is_finite()),
    ];
    prop::collection::vec(score, 1..120)
}

fn lambda() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(0.25),
        0.0..2.0f64,
        (-30.0..30.0f64).prop_map(f64::exp),
    ]
}

fn map() -> impl Strategy<Value = Map> {
    prop_oneof![
        Just(Map::Fused),
        Just(Map::Oscar),
        Just(Map::Published),
        Just(Map::Grid(0, 0))
    ]
}

/// A grid of one to seven rows, and the scores that it holds.
fn shaped(map: Map, x: &[f32], height: usize) -> (Map, &[f32]) {
    match map {
        Map::Grid(..) => {
            let height = height.min(x.len());
            let width = x.len() / height;
            (Map::Grid(height, width), &x[..height * width])
        }
        map => (map, x),
    }
}

fn levels() -> impl Strategy<Value = Vec<i16>> {
    prop::collection::vec(-32i16..32, 1..80)
}

fn of(levels: &[i16], shift: i16) -> Vec<f32> {
    levels
        .iter()
        .map(|&l| f32::from(l + shift) * 0.0625)
        .collect()
}

/// <v, J 1> and <v, J v>, over the size of J's entries.
fn products(v: &[f64], back: impl Fn(&[f64]) -> Vec<f64>) -> (f64, f64) {
    let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (ones, dx) = (vec![1.0; v.len()], back(v));
    let size = dx.iter().fold(1.0f64, |size, dx| size.max(dx.abs()));
    (inner(v, &back(&ones)) / size, inner(v, &dx) / size)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_row_is_a_distribution_in_groups(x in scores(), lambda in lambda(), map in map(), height in 1usize..8) {
        let (map, x) = shaped(map, &x, height);
        let answer = solve(map, x, lambda, 1.0);
        if x.iter().all(|&s| s == f32::NEG_INFINITY) {
            prop_assert_eq!(answer.outcome, Outcome::Empty);
        } else {
            let solved = matches!(answer.outcome, Outcome::Solved(solved) if solved.converged);
            prop_assert!(solved, "{:?} {:?} {}", map, x, lambda);
            is_sound(x, &answer, 1e-6, &format!("{map:?} {x:?} {lambda}"));
        }
    }

    #[test]
    fn a_shift_that_is_exact_changes_no_bit(levels in levels(), shift in -32i16..32, lambda in lambda(), map in map(), height in 1usize..8) {
        // The published form is not invariant.
        let map = if map == Map::Published { Map::Oscar } else { map };
        let (here, there) = (of(&levels, 0), of(&levels, shift));
        let ((map, here), (_, there)) = (shaped(map, &here, height), shaped(map, &there, height));
        prop_assert_eq!(solve(map, here, lambda, 1.0), solve(map, there, lambda, 1.0));
    }

    #[test]
    fn a_reversed_row_has_the_reversed_result(x in scores(), lambda in lambda()) {
        let p = solve(Map::Fused, &x, lambda, 1.0).p;
        let mut reversed = x.clone();
        reversed.reverse();
        let q = solve(Map::Fused, &reversed, lambda, 1.0).p;
        for (p, q) in p.iter().zip(q.iter().rev()) {
            prop_assert!((p - q).abs() <= 1e-6, "{:?} {}: {} {}", x, lambda, p, q);
        }
    }

    #[test]
    fn a_transposed_image_has_the_transposed_result(x in scores(), lambda in 0.0..2.0f64, height in 1usize..8) {
        let (map, x) = shaped(Map::Grid(0, 0), &x, height);
        let Map::Grid(height, width) = map else { return Ok(()) };
        let turned: Vec<f32> = (0..x.len()).map(|k| x[k % height * width + k / height]).collect();
        let (p, q) = (solve(map, x, lambda, 1.0).p, solve(Map::Grid(width, height), &turned, lambda, 1.0).p);
        for (k, q) in q.iter().enumerate() {
            prop_assert!((p[k % height * width + k / height] - q).abs() <= 1e-6);
        }
    }

    #[test]
    fn oscarmax_and_normmax_keep_the_order(x in scores(), lambda in lambda(), e in 0.01..20.0f64) {
        for p in [solve(Map::Oscar, &x, lambda, 1.0).p, norms::solve(&x, e, 1.0).0] {
            let mut order: Vec<usize> = (0..x.len()).collect();
            order.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
            for pair in order.windows(2) {
                prop_assert!(p[pair[0]] <= p[pair[1]] * (1.0 + 1e-6));
            }
        }
    }

    #[test]
    fn jacobians_are_semidefinite_and_constants_are_in_their_kernel(
        x in prop::collection::vec(-2.0..2.0f64, 1..60), v in prop::collection::vec(-1.0..1.0f64, 60),
        lambda in 0.0..0.5f64, map in map(), height in 1usize..8, e in 0.1..3.0f64) {
        let v = &v[..x.len()];
        if map != Map::Published {
            let grid = Map::Grid(x.len() / height, height);
            let map = if let Map::Grid(..) = map { grid } else { map };
            let n = if map == grid { x.len() / height * height } else { x.len() };
            let answer = solve(map, &x[..n], lambda, 1.0);
            let (constant, square) = products(&v[..n], |v| pull_back(&answer, v, 1.0).0);
            prop_assert!(constant.abs() < 1e-12 && square > -1e-12, "{:?}: {} {}", map, constant, square);
        }
        let p = norms::solve(&x, e, 1.0).0;
        let (constant, square) = products(v, |v| norms::pull_back(&p, v, e, 1.0).0);
        prop_assert!(constant.abs() < 1e-9 && square > -1e-9, "normmax: {} {}", constant, square);
        let u = vec![2.5 / x.len() as f64; x.len()];
        let p = bounds::solve(&x, &u, e, 1.0).0;
        let (constant, square) = products(v, |v| bounds::pull_back(&p, &u, v, e, 1.0).0);
        prop_assert!(constant.abs() < 1e-9 && square > -1e-9, "constrained: {} {}", constant, square);
    }

    #[test]
    fn bounds_hold_and_what_they_do_not_hold_down_keeps_the_order(x in scores(), room in 1.01..20.0f64, e in prop_oneof![Just(0.0), Just(0.5), Just(1.0), 0.0..1.0f64], seed in any::<u64>()) {
        let mut random = crate::common::rows::Random(seed);
        let left = x.iter().filter(|x| x.is_finite()).count() as f64;
        let u: Vec<f32> = x.iter().map(|_| ((0.5 + random.uniform()) * room / left.max(1.0)) as f32).collect();
        let (p, outcome) = bounds::solve(&x, &u, e, 1.0);
        if let Outcome::Solved(solved) = outcome {
            prop_assert!(solved.converged);
            let total: f64 = p.iter().map(|&p| f64::from(p)).sum();
            prop_assert!((total - 1.0).abs() < 2e-6, "{}", total);
            prop_assert!(p.iter().zip(&u).all(|(p, u)| p <= u && *p >= 0.0));
            for i in 0..x.len() {
                for j in 0..x.len() {
                    let ordered = x[i] <= x[j] || p[j] <= p[i] * (1.0 + 1e-6) || p[i] >= u[i];
                    prop_assert!(ordered, "{} {}", i, j);
                }
            }
        }
    }
}
