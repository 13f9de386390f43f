//! The proximal operator of total variation on a line, and fusedmax.

use super::orders::Penalty;
use super::{differences, distance, is_sound, pull_back, solve, Map, Number};
use crate::common::rows::{row, Random, KINDS, SIZES};
use entmax_core::regularised::frame::{Outcome, EXCLUDED};
use entmax_core::regularised::taut_string::{prox_tv, room, Edge, Segments};

struct Prox {
    y: Vec<f64>,
    groups: Vec<u32>,
    rates: Vec<f64>,
}

fn prox(z: &[f64], lambda: f64, ends: (f64, f64)) -> Prox {
    let n = z.len();
    let (mut y, mut groups, mut rates) = (z.to_vec(), vec![0; n], vec![0.0; n]);
    let mut edges: Vec<Edge> = Vec::with_capacity(room(n));
    let segments = Segments {
        row: &mut y,
        groups: &mut groups,
        rates: &mut rates,
        first: 0,
        lambda,
        ends,
    };
    // SAFETY: there is room for so many edges.
    unsafe { prox_tv(segments, edges.as_mut_ptr()) };
    Prox { y, groups, rates }
}

/// How far y is from optimal: the sums of z - y are the dual variable, at most lambda, and lambda times the sign of every jump.
/// What rounding makes of a tie is no jump.
fn residual(z: &[f64], lambda: f64, y: &[f64]) -> f64 {
    let (mut sum, mut worst) = (0.0, 0.0f64);
    let tie = 1e-13 * z.iter().fold(0.0f64, |range, z| range.max(z.abs()));
    for j in 0..z.len() {
        sum += y[j] - z[j];
        worst = worst.max(match y.get(j + 1) {
            None => sum.abs(),
            Some(next) if *next - y[j] > tie => (sum - lambda).abs(),
            Some(next) if y[j] - *next > tie => (sum + lambda).abs(),
            Some(_) => sum.abs() - lambda,
        });
    }
    worst
}

const LAMBDAS: [f64; 8] = [0.0, 1e-9, 0.01, 0.1, 0.5, 1.0, 7.5, 1e6];

#[test]
fn a_string_is_taut_for_every_kind_of_row() {
    for kind in KINDS.into_iter().filter(|&kind| kind != "many masked") {
        for n in SIZES {
            let z = row(kind, n, 1.0);
            let range = z.iter().fold(0.0f64, |range, z| range.max(z.abs()));
            for lambda in LAMBDAS
                .into_iter()
                .flat_map(|lambda| [lambda, lambda * range])
            {
                let Prox { y, groups, .. } = prox(&z, lambda, (0.0, 0.0));
                let residual = residual(&z, lambda, &y) / (range * n as f64 + lambda).max(1e-300);
                assert!(residual <= 1e-13, "{kind}, n = {n}, {lambda}: {residual:e}");
                for j in 1..n {
                    if lambda > 0.0 && groups[j] != groups[j - 1] {
                        continue;
                    }
                    assert!(
                        lambda == 0.0 || y[j] == y[j - 1],
                        "{kind}, n = {n}, {lambda}"
                    );
                }
            }
        }
    }
}

#[test]
fn segments_are_named_by_their_first_element_and_equal_neighbours_are_one() {
    let z = [3.0, 3.0, 3.0, 0.0, 0.0, 5.0, 5.0];
    assert_eq!(prox(&z, 0.25, (0.0, 0.0)).groups, [0, 0, 0, 3, 3, 5, 5]);
    let apart = prox(&z, 0.0, (0.0, 0.0));
    assert_eq!(apart.groups, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(apart.y, z);
    assert_eq!(prox(&[0.7; 40], 1e-12, (0.0, 0.0)).groups, [0; 40]);
    let golden = prox(&[0.5, 1.2, -0.3, 2.0, 1.9], 0.3, (0.0, 0.0));
    assert!(distance(&golden.y, &[0.7, 0.7, 0.3, 1.8, 1.8]) < 1e-15);
}

#[test]
fn a_lower_neighbour_beyond_an_end_takes_lambda_from_it() {
    let mut random = Random(3);
    for round in 0..2000 {
        let n = 1 + round % 9;
        let z: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let lambda = random.uniform();
        for ends in [(-1.0, 0.0), (0.0, -1.0), (-1.0, -1.0)] {
            let cut = prox(&z, lambda, ends);
            let mut moved = z.clone();
            moved[0] += lambda * ends.0;
            moved[n - 1] += lambda * ends.1;
            let exact = prox(&moved, lambda, (0.0, 0.0));
            assert!(distance(&cut.y, &exact.y) < 1e-14);
            assert_eq!(cut.groups, exact.groups);
            // All of lambda's say is in the rates: y is linear in it between kinks.
            let step = 1e-7;
            let next = prox(&z, lambda + step, ends);
            if next.groups == cut.groups {
                let ahead: Vec<f64> = (0..n).map(|j| cut.y[j] + step * cut.rates[j]).collect();
                assert!(distance(&next.y, &ahead) < 1e-14);
            }
        }
    }
}

/// That rates are what the jumps at the ends of the segments say; how many elements that is not known of, since a jump is rounding.
fn rates_are_told_by_jumps(found: &Prox, ends: (f64, f64), tie: f64, label: &str) -> usize {
    let Prox { y, groups, rates } = found;
    let (n, mut start, mut unknown) = (y.len(), 0, 0);
    for end in 1..=n {
        if end < n && groups[end] == groups[start] {
            assert_eq!(y[end], y[start], "{label}");
            continue;
        }
        assert_eq!(groups[start], start as u32, "{label}");
        let jump = |other: usize| y[other] - y[start];
        let left = if start > 0 { jump(start - 1) } else { ends.0 };
        let right = if end < n { jump(end) } else { ends.1 };
        let is_tie = |jump: f64| jump.abs() <= tie;
        if (start > 0 && is_tie(left)) || (end < n && is_tie(right)) {
            unknown += end - start;
        } else {
            let sign = |jump: f64| if jump == 0.0 { 0.0 } else { jump.signum() };
            let rate = (sign(left) + sign(right)) / (end - start) as f64;
            assert!(
                rates[start..end].iter().all(|&found| found == rate),
                "{label}"
            );
        }
        start = end;
    }
    unknown
}

/// Slopes of 1 to 60 elements, up, down or at random, some of them bent; now and then two elements are equal.
fn slopes(random: &mut Random, n: usize, steep: f64) -> Vec<f64> {
    let mut z = Vec::with_capacity(n);
    let mut last = random.normal();
    while z.len() < n {
        let up = if random.uniform() < 0.5 { 1.0 } else { -1.0 };
        let (is_slope, has_ties) = (random.uniform() < 0.8, random.uniform() < 0.2);
        for _ in 0..1 + (60.0 * random.uniform()) as usize {
            if !is_slope {
                last += steep * random.normal();
            } else if !(has_ties && random.uniform() < 0.1) {
                last += up * steep * (0.2 + random.uniform());
            }
            z.push(last);
        }
        if random.uniform() < 0.3 {
            last += 10.0 * steep * random.normal();
        }
    }
    z.truncate(n);
    z
}

#[test]
fn slopes_of_every_length_are_followed_and_left() {
    let mut random = Random(41);
    let (mut unknown, mut elements) = (0, 0);
    for round in 0..4000 {
        let n = 1 + (300.0 * random.uniform().powi(2)) as usize;
        let steep = [1e-3, 0.1, 1.0, 40.0][round % 4];
        let z = slopes(&mut random, n, steep);
        let range = z.iter().fold(0.0f64, |range, z| range.max(z.abs()));
        for lambda in [0.01, 0.3, 2.0, 30.0, 1000.0].map(|lambda| lambda * steep) {
            for ends in [(0.0, 0.0), (-1.0, 0.0), (0.0, -1.0), (-1.0, -1.0)] {
                let found = prox(&z, lambda, ends);
                let mut moved = z.clone();
                moved[0] += lambda * ends.0;
                moved[n - 1] += lambda * ends.1;
                let label = format!("round {round}, n = {n}, {lambda}, {ends:?}");
                let residual = residual(&moved, lambda, &found.y);
                let most = 1e-13 * (range + lambda) * n as f64;
                assert!(residual <= most, "{label}: {residual:e}");
                unknown += rates_are_told_by_jumps(&found, ends, most, &label);
                elements += n;
            }
        }
    }
    assert!(unknown < elements / 1000, "{unknown} of {elements}");
}

/// The level at which the lowest scores of a rising row have taken up lambda.
fn filled(z: &[f64], lambda: f64) -> f64 {
    let mut sum = lambda;
    for (j, z) in z.iter().enumerate() {
        if j > 0 && sum <= z * j as f64 {
            return sum / j as f64;
        }
        sum += z;
    }
    sum / z.len() as f64
}

#[test]
fn a_row_that_rises_or_falls_is_cut_off_at_two_levels() {
    let mut random = Random(43);
    for n in SIZES {
        let mut z = vec![random.normal()];
        for j in 1..n {
            z.push(z[j - 1] + (0.01 + random.uniform()) / 8.0);
        }
        let turned: Vec<f64> = z.iter().rev().map(|z| -z).collect();
        for lambda in [1e-9, 0.01, 0.3, 2.0, 30.0] {
            let (low, high) = (filled(&z, lambda), -filled(&turned, lambda));
            let mean = z.iter().sum::<f64>() / n as f64;
            let is_flat = low >= high;
            let exact: Vec<f64> = z
                .iter()
                .map(|z| if is_flat { mean } else { z.clamp(low, high) })
                .collect();
            let is_open = |z: f64| !is_flat && low < z && z < high;
            for sign in [1.0, -1.0] {
                let row: Vec<f64> = z.iter().map(|z| sign * z).collect();
                let Prox { y, groups, rates } = prox(&row, lambda, (0.0, 0.0));
                let label = format!("n = {n}, {lambda}, {sign}");
                let scale = 1.0 + z[n - 1].abs();
                for j in 0..n {
                    assert!((sign * y[j] - exact[j]).abs() < 1e-13 * scale, "{label}");
                    if is_open(z[j]) {
                        assert_eq!((y[j], groups[j], rates[j]), (row[j], j as u32, 0.0));
                    } else if j > 0
                        && !is_open(z[j - 1])
                        && (is_flat || (z[j] <= low) == (z[j - 1] <= low))
                    {
                        assert_eq!(groups[j], groups[j - 1], "{label}");
                    }
                }
            }
        }
    }
}

#[test]
fn work_is_linear_where_condats_algorithm_is_quadratic() {
    // 10^11 steps otherwise.
    let n = 300_000;
    for bend in [0.0, 1e-9] {
        let z: Vec<f64> = (0..n)
            .map(|j| 1e-3 * j as f64 + bend * (j as f64).powi(2))
            .collect();
        let y = prox(&z, 1e3, (0.0, 0.0)).y;
        assert!(residual(&z, 1e3, &y) <= 1e-6);
    }
}

#[test]
fn fusedmax_is_the_minimum_over_all_orders() {
    let mut random = Random(11);
    for round in 0..400 {
        let n = 1 + round % 6;
        let spread = [0.3, 1.0, 3.0][round % 3];
        let mut z: Vec<f64> = (0..n).map(|_| spread * random.normal()).collect();
        if round % 5 == 0 {
            z.iter_mut().for_each(|z| *z = (4.0 * *z).round() / 4.0);
        }
        let lambda = [0.0, 0.05, 0.2, 0.25, 0.7, 3.0][round % 7 % 6];
        let exact = Penalty::line(n).minimum(&z, lambda);
        let answer = solve(Map::Fused, &z, lambda, 1.0);
        let label = format!("{z:?}, {lambda}");
        is_sound(&z, &answer, 1e-14, &label);
        assert!(
            distance(&answer.p, &exact) < 1e-12,
            "{label}: {:?} {exact:?}",
            answer.p
        );
        let narrow: Vec<f32> = z.iter().map(|&z| z as f32).collect();
        let wide: Vec<f64> = narrow.iter().map(|&z| f64::from(z)).collect();
        let exact = Penalty::line(n).minimum(&wide, lambda);
        assert!(distance(&solve(Map::Fused, &narrow, lambda, 1.0).p, &exact) < 6e-8);
    }
}

#[test]
fn values_known_from_elsewhere() {
    let p = solve(Map::Fused, &[0.5, 1.2, -0.3, 2.0, 1.9], 0.3, 1.0).p;
    assert!(distance(&p, &[0.0, 0.0, 0.0, 0.5, 0.5]) < 1e-15);
    let p = solve(Map::Fused, &[1.0f32, 2.1, 1.9], 0.1, 1.0).p;
    assert!(distance(&p, &[0.0, 0.5, 0.5]) < 1e-7);
}

/// sparsemax of the unpruned proximal operator.
fn plain(z: &[f64], lambda: f64) -> Vec<f64> {
    let y = prox(z, lambda, (0.0, 0.0)).y;
    crate::common::oracle::entmax(&y, 1.0, 1.0).p
}

fn every_kind_of_row<T: Number>(tolerance: f64) {
    for kind in KINDS.into_iter().filter(|&kind| kind != "many masked") {
        for n in SIZES {
            let x: Vec<T> = row(kind, n, 1.0).iter().map(|&z| T::round(z)).collect();
            let z: Vec<f64> = x.iter().map(|x| x.wide()).collect();
            for lambda in LAMBDAS {
                let label = format!("{kind}, n = {n}, {lambda}");
                let answer = solve(Map::Fused, &x, lambda, 1.0);
                is_sound(&x, &answer, tolerance, &label);
                let max = z.iter().cloned().fold(f64::NEG_INFINITY, f64::max);
                if max > 1e10 {
                    continue;
                }
                let relative: Vec<f64> = z.iter().map(|z| z - max).collect();
                let error = distance(&answer.p, &plain(&relative, lambda));
                assert!(error <= tolerance, "{label}: {error:e}");
            }
        }
    }
}

#[test]
fn every_kind_of_row_is_sparsemax_of_the_proximal_operator_f32() {
    every_kind_of_row::<f32>(3e-7);
}

#[test]
fn every_kind_of_row_is_sparsemax_of_the_proximal_operator_f64() {
    every_kind_of_row::<f64>(1e-11);
}

#[test]
fn excluded_scores_cut_the_line() {
    let mut random = Random(5);
    for round in 0..300 {
        let n = 2 + round % 5;
        let lambda = 0.6 * random.uniform();
        let z: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let mut x = z.clone();
        let gap = 1 + round % (n - 1);
        x.insert(gap, f64::NEG_INFINITY);
        x.push(f64::NEG_INFINITY);
        let edges = (1..n).filter(|&j| j != gap).map(|j| (j - 1, j)).collect();
        let mut exact = Penalty::Edges(edges).minimum(&z, lambda);
        exact.insert(gap, 0.0);
        exact.push(0.0);
        let answer = solve(Map::Fused, &x, lambda, 1.0);
        is_sound(&x, &answer, 1e-14, "cut");
        assert!(distance(&answer.p, &exact) < 1e-12, "{x:?} {lambda}");
        // Padding is as if it were not there, to the bit.
        let short = solve(Map::Fused, &x[..n + 1], lambda, 1.0);
        assert_eq!(short.p[..], answer.p[..n + 1]);
    }
}

#[test]
fn rows_without_a_distribution_say_so() {
    for map in [Map::Fused, Map::Oscar, Map::Published] {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        let none = solve::<f32>(map, &[], 1.0, 1.0);
        assert_eq!(none.outcome, Outcome::Empty);
        let masked = solve(map, &[-inf; 3], 1.0, 1.0);
        assert_eq!(
            (masked.outcome, masked.p.clone()),
            (Outcome::Empty, vec![0.0; 3])
        );
        assert_eq!(masked.groups, [EXCLUDED; 3]);
        let broken = solve(map, &[1.0, -inf, nan], 1.0, 1.0);
        assert_eq!(broken.outcome, Outcome::NotANumber);
        assert!(broken.p.iter().all(|p| p.to_bits() == 0x7fc0_0000));
        assert!(pull_back(&broken, &[1.0; 3], 1.0)
            .0
            .iter()
            .all(|dx| dx.is_nan()));
        let infinite = solve(map, &[inf, 3.0, inf, -inf], 1.0, 1.0);
        assert_eq!(infinite.outcome, Outcome::Infinite);
        assert_eq!(infinite.p, [0.5, 0.0, 0.5, 0.0]);
        let (dx, dlambda) = pull_back(&infinite, &[1.0, 2.0, 3.0, 4.0], 1.0);
        assert_eq!((dx, dlambda), (vec![0.0; 4], 0.0));
        for lambda in [0.0, 1e-3, 1e30] {
            let one = solve(map, &[-7.5f32], lambda, 1.0);
            assert_eq!(one.p, [1.0], "{map:?} {lambda}");
            assert_eq!(pull_back(&one, &[3.0], 1.0), (vec![0.0], 0.0));
        }
    }
}

#[test]
fn the_largest_numbers_and_penalties_are_no_trouble() {
    for map in [Map::Fused, Map::Oscar, Map::Published] {
        for lambda in [0.0, 1.0, 1e30, f64::MAX] {
            let x = [f64::MAX, -f64::MAX, 0.0, f64::MAX, 1e300, -1e-300];
            let answer = solve(map, &x, lambda, 1.0);
            is_sound(&x, &answer, 1e-14, &format!("{map:?} {lambda}"));
            if lambda == f64::MAX {
                assert!(distance(&answer.p, &[1.0 / 6.0; 6]) < 1e-15, "{map:?}");
            }
            let x: Vec<f64> = x.iter().map(|x| x * 1e-308).collect();
            let cooled = solve(map, &x, lambda, 1e-308);
            is_sound(&x, &cooled, 1e-14, "cooled");
        }
    }
}

#[test]
fn the_pullback_of_fusedmax_is_the_difference_of_its_values() {
    let mut random = Random(23);
    let mut compared = 0;
    for round in 0..300 {
        let n = 1 + round % 33;
        let mut x: Vec<f64> = (0..n).map(|_| 0.4 * random.normal()).collect();
        if round % 4 == 0 && n > 2 {
            x[n / 2] = f64::NEG_INFINITY;
        }
        let temperature = [1.0, 0.7, 2.5][round % 3];
        let label = format!("round {round}");
        let same = differences(Map::Fused, &x, 0.3 * random.uniform(), temperature, &label);
        compared += usize::from(same);
    }
    assert!(compared > 200, "{compared}");
}

#[test]
fn a_tie_that_no_segment_holds_together_is_not_averaged() {
    // At lambda = 0.5: y = (1, 0, 1), of which the outer two are equal and apart.
    let answer = solve(Map::Fused, &[1.5, -1.0, 1.5], 0.5, 1.0);
    assert_eq!(answer.p, [0.5, 0.0, 0.5]);
    assert_eq!(
        pull_back(&answer, &[1.0, 0.0, -1.0], 1.0),
        (vec![1.0, 0.0, -1.0], 0.0)
    );
    // These two are one segment.
    let answer = solve(Map::Fused, &[1.0, 1.0, -3.0], 0.5, 1.0);
    assert_eq!(
        pull_back(&answer, &[1.0, -1.0, 5.0], 1.0),
        (vec![0.0; 3], 0.0)
    );
}

#[test]
fn the_derivative_by_lambda_at_0_is_that_to_the_right() {
    let x = [0.3, 0.1, 0.25, 0.42, 0.41, 0.5];
    let v = [1.0, -2.0, 0.5, 3.0, 0.25, -1.0];
    for map in [Map::Fused, Map::Grid(2, 3), Map::Grid(6, 1), Map::Oscar] {
        let (at_0, ahead) = (solve(map, &x, 0.0, 1.0), solve(map, &x, 1e-6, 1.0));
        let moved = (0..6).map(|j| v[j] * (ahead.p[j] - at_0.p[j])).sum::<f64>();
        let dlambda = pull_back(&at_0, &v, 1.0).1;
        assert!((dlambda - moved / 1e-6).abs() < 1e-9, "{map:?}: {dlambda}");
        assert!(dlambda != 0.0);
    }
}

#[test]
fn lambda_zero_is_sparsemax_and_its_pullback() {
    let mut random = Random(2);
    for n in 1..40 {
        let x: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let v: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        for map in [Map::Fused, Map::Oscar] {
            let answer = solve(map, &x, 0.0, 1.0);
            assert!(distance(&answer.p, &crate::common::oracle::entmax(&x, 1.0, 1.0).p) < 1e-14);
            let exact = crate::common::derivatives::pull_back(&answer.p, &v, 1.0, 1.0);
            assert!(distance(&pull_back(&answer, &v, 1.0).0, &exact) < 1e-13);
        }
    }
}
