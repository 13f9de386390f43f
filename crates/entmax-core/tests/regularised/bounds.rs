//! The constrained maps.

use super::{backward_row, distance, Memory, Number};
use crate::common::budget::budget;
use crate::common::oracle::{entmax, sum};
use crate::common::rows::{row, Random, KINDS};
use entmax_core::regularised::constrained::{self, constrained_workspace};
use entmax_core::regularised::constrained_backward;
use entmax_core::regularised::frame::{Outcome, Solved};
use entmax_core::regularised::groups::backward_scratch;

pub fn solve<T: Number>(x: &[T], u: &[T], e: f64, temperature: f64) -> (Vec<T>, Outcome) {
    let n = x.len();
    let mut memory = Memory::new(constrained_workspace(n));
    let mut p = x.to_vec();
    let (at, upper) = (p.as_mut_ptr(), u.as_ptr());
    // SAFETY: lengths are n; in place, as the kernel says that it may be.
    let outcome =
        unsafe { constrained::constrained(at, upper, n, e, temperature, at, memory.at()) };
    (p, outcome)
}

fn solved<T: Number>(x: &[T], u: &[T], e: f64, temperature: f64) -> (Vec<T>, Solved) {
    match solve(x, u, e, temperature) {
        (p, Outcome::Solved(solved)) => (p, solved),
        (_, outcome) => panic!("{outcome:?}"),
    }
}

/// (dx, dupper, dalpha).
pub fn pull_back<T: Number>(p: &[T], u: &[T], v: &[T], e: f64, t: f64) -> (Vec<T>, Vec<T>, f64) {
    let (mut dx, mut dupper) = (vec![T::ONE; p.len()], vec![T::ONE; p.len()]);
    let mut memory = Memory::new(backward_scratch(p.len()));
    let row = backward_row(p, v, Some(u), (&mut dx, &mut dupper), memory.at());
    // SAFETY: all lengths are those of p.
    let dalpha = unsafe { constrained_backward::pull_back(&row, e, t) };
    (dx, dupper, dalpha)
}

/// By bisection for c.
fn truth(z: &[f64], u: &[f64], e: f64, temperature: f64) -> Vec<f64> {
    let max = z.iter().cloned().fold(f64::NEG_INFINITY, f64::max);
    let entry = |z: f64, u: f64, c: f64| {
        let x = (z - max) / temperature - c;
        let p = if e == 0.0 {
            x.exp()
        } else if e * x <= -1.0 {
            0.0
        } else {
            ((e * x).ln_1p() / e).exp()
        };
        p.min(u)
    };
    let total = |c: f64| sum(z.iter().zip(u).map(|(&z, &u)| entry(z, u, c)));
    let (mut low, mut high) = (-1.0, 60.0);
    while total(low) < 1.0 && low > -1e300 {
        low *= 2.0;
    }
    loop {
        let c = 0.5 * (low + high);
        if c <= low || c >= high {
            break;
        }
        if total(c) > 1.0 {
            low = c;
        } else {
            high = c;
        }
    }
    let c = 0.5 * (low + high);
    z.iter().zip(u).map(|(&z, &u)| entry(z, u, c)).collect()
}

const EXPONENTS: [f64; 7] = [0.0, 0.1, 0.5, 0.7, 1.0, 2.0, 7.0];

/// Bounds that sum to `room`, some of them 0 and some large.
fn bounds(n: usize, room: f64, random: &mut Random) -> Vec<f64> {
    let raw: Vec<f64> = (0..n)
        .map(|j| match random.uniform() {
            r if r < 0.1 && j > 0 => 0.0,
            r if r < 0.2 => 5.0,
            r => r,
        })
        .collect();
    let total = sum(raw.iter().cloned());
    raw.iter().map(|u| u / total * room).collect()
}

fn every_kind_of_row<T: Number>(tolerance: f64) {
    let mut random = Random(83);
    let kinds = KINDS.into_iter().filter(|kind| {
        ![
            "many masked",
            "huge 1e30",
            "largest",
            "large 1e4",
            "geometric",
        ]
        .contains(kind)
    });
    for kind in kinds {
        for n in [1usize, 2, 3, 4, 5, 7, 8, 16, 31, 33, 200] {
            let x: Vec<T> = row(kind, n, 1.0).iter().map(|&z| T::round(z)).collect();
            let z: Vec<f64> = x.iter().map(|x| x.wide()).collect();
            for e in EXPONENTS {
                for (room, temperature) in [(1.00001, 1.0), (1.2, 1.0), (4.0, 0.3), (90.0, 1.0)] {
                    let u: Vec<T> = bounds(n, room, &mut random)
                        .iter()
                        .map(|&u| T::round(u))
                        .collect();
                    let wide: Vec<f64> = u.iter().map(|u| u.wide()).collect();
                    let label = format!("{kind}, n = {n}, e = {e}, {room}");
                    let (p, solved) = solved(&x, &u, e, temperature);
                    assert!(solved.converged, "{label}");
                    let exact = truth(&z, &wide, e, temperature);
                    // What is on the threshold above alpha = 2 is as uncertain as a power of its last digit.
                    let power = if e > 1.0 {
                        3.0 * (1e-16 * e).powf(1.0 / e)
                    } else {
                        0.0
                    };
                    let allowed = tolerance.max(power);
                    let error = distance(&p, &exact);
                    assert!(error <= allowed, "{label}: {error:e}");
                    let total = sum(p.iter().map(|p| p.wide()));
                    assert!((total - 1.0).abs() <= 2e-6 + tolerance, "{label}: {total}");
                    for j in 0..n {
                        assert!(p[j].wide() >= 0.0 && p[j].wide() <= wide[j], "{label}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_kind_of_row_is_that_of_bisection_f32() {
    every_kind_of_row::<f32>(3e-6);
}

#[test]
fn every_kind_of_row_is_that_of_bisection_f64() {
    every_kind_of_row::<f64>(1e-8);
}

/// Rows from a sample on, also of samples that say nothing: sorted scores, and some far above at places of no sample.
fn long_rows<T: Number>(tolerance: f64) {
    let mut random = Random(101);
    for n in [512, 1030, 2048, 4100] {
        let normal: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let mut sorted = normal.clone();
        sorted.sort_by(f64::total_cmp);
        let mut spiked = normal.clone();
        spiked[n - 3..].fill(9.0);
        let low = (0..n).map(|j| if j % 128 < 64 { -20.0 } else { normal[j] });
        let rows = [
            ("normal", normal.clone()),
            ("sorted", sorted),
            ("spiked", spiked),
            ("low", low.collect()),
        ];
        for (kind, scores) in &rows {
            let x: Vec<T> = scores.iter().map(|&z| T::round(z)).collect();
            let z: Vec<f64> = x.iter().map(|x| x.wide()).collect();
            let capped = vec![4.0 / n as f64; n];
            let half = |bound: f64, other: f64| {
                let bounds = (0..n).map(|j| if j % 2 == 0 { bound } else { other });
                bounds.collect::<Vec<f64>>()
            };
            let limits = [
                ("capped", capped),
                ("half", half(4.0 / n as f64, f64::INFINITY)),
                ("hardly any", half(0.9 / n as f64, 2.0 / n as f64)),
                ("tiny", half(1e-300, 3.0 / n as f64)),
                ("uneven", bounds(n, 3.0, &mut random)),
            ];
            for (limit, u) in &limits {
                let u: Vec<T> = u.iter().map(|&u| T::round(u)).collect();
                let wide: Vec<f64> = u.iter().map(|u| u.wide()).collect();
                for e in [0.0, 0.1, 0.5, 0.7, 1.0] {
                    let label = format!("{kind}, {limit}, n = {n}, e = {e}");
                    let (p, solved) = solved(&x, &u, e, 0.7);
                    assert!(solved.converged, "{label}");
                    let exact = truth(&z, &wide, e, 0.7);
                    let error = distance(&p, &exact);
                    assert!(error <= tolerance, "{label}: {error:e}");
                    let total = sum(p.iter().map(|p| p.wide()));
                    assert!((total - 1.0).abs() <= 2e-6, "{label}: {total}");
                    // A bound that is met is met to the last digit.
                    for j in 0..n {
                        let (p, exact, u) = (p[j].wide(), exact[j], wide[j]);
                        assert!((0.0..=u).contains(&p), "{label}");
                        assert!(
                            exact < u || z[j] < solved.threshold || p == u,
                            "{label}: {j}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn long_rows_are_those_of_bisection_f32() {
    long_rows::<f32>(3e-6);
}

#[test]
fn long_rows_are_those_of_bisection_f64() {
    long_rows::<f64>(1e-8);
}

#[test]
fn values_known_from_elsewhere() {
    let z = [0.5, 1.2, -0.3, 2.0, 1.9];
    let u = [0.2, 0.3, 0.4, 0.25, 0.3];
    let sparse = solved(&z, &u, 1.0, 1.0).0;
    assert!(distance(&sparse, &[0.15, 0.3, 0.0, 0.25, 0.3]) < 1e-15);
    let soft = solved(&z, &u, 0.0, 1.0).0;
    assert!(distance(&soft, &[0.129942070, 0.261671195, 0.058386736, 0.25, 0.3]) < 1e-9);
}

#[test]
fn at_alpha_2_it_is_a_budget_of_1_with_bounds_and_without_bounds_it_is_entmax() {
    let mut random = Random(89);
    for round in 0..400 {
        let n = 1 + round % 40;
        let z: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let u = bounds(n, 1.0 + 3.0 * random.uniform(), &mut random);
        let p = solved(&z, &u, 1.0, 0.8).0;
        assert!(
            distance(&p, &budget(&z, &u, 1.0, 0.8, false).p) < 1e-14,
            "n = {n}"
        );
        let e = [0.0, 0.25, 0.5, 1.0, 3.0][round % 5];
        let free = solved(&z, &vec![1.0; n], e, 0.8).0;
        assert!(
            distance(&free, &entmax(&z, e, 0.8).p) < 1e-11,
            "n = {n}, e = {e}"
        );
    }
}

#[test]
fn bounds_that_are_met_one_after_the_other_take_few_rounds() {
    // Of equal scores, each bound is a little below what would then be left for each: one round a score, if each round fixed one.
    for e in [0.0, 0.5, 1.0] {
        let n = 100_000;
        let mut rest = 1.0f64;
        let u: Vec<f64> = (0..n)
            .map(|j| {
                let bound = if j + 1 < n {
                    rest / (n - j) as f64 * (1.0 - 1e-9)
                } else {
                    1.0
                };
                rest -= bound;
                bound
            })
            .collect();
        let p = solved(&vec![0.5; n], &u, e, 1.0).0;
        assert!((sum(p.iter().cloned()) - 1.0).abs() < 1e-9);
        assert!(p.iter().zip(&u).all(|(p, u)| p <= u));
        assert!(
            p.iter().zip(&u).filter(|(p, u)| p == u).count() >= n - 2,
            "e = {e}"
        );
    }
}

#[test]
fn the_pullback_is_the_difference_of_the_values() {
    let mut random = Random(97);
    let mut compared = 0;
    for round in 0..400 {
        let n = 1 + round % 12;
        let e = [0.0, 0.3, 0.5, 1.0, 1.5][round % 5];
        let temperature = [1.0, 0.7][round % 2];
        let mut x: Vec<f64> = (0..n).map(|_| 0.7 * random.normal()).collect();
        let mut u = bounds(n, 1.1 + 2.0 * random.uniform(), &mut random);
        if n > 3 {
            x[2] = f64::NEG_INFINITY;
            u[3] = 0.9;
        }
        let v: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let inner = |x: &[f64], u: &[f64], e: f64| match solve(x, u, e, temperature) {
            (p, Outcome::Solved(_)) => sum(p.iter().zip(&v).map(|(p, v)| p * v)),
            _ => f64::NAN,
        };
        let (p, Outcome::Solved(_)) = solve(&x, &u, e, temperature) else {
            continue;
        };
        // Away from kinks: no entry is nearly 0, or nearly at its bound without being there.
        let near = |j: usize| {
            let (p, u) = (p[j], u[j]);
            (p > 0.0 && p < 1e-3) || (p < u && u - p < 1e-3)
        };
        let room: f64 = (0..n).filter(|&j| x[j].is_finite()).map(|j| u[j]).sum();
        if (0..n).any(near) || room < 1.01 || (0..n).all(|j| p[j] == 0.0 || p[j] == u[j]) {
            continue;
        }
        let (dx, dupper, dalpha) = pull_back(&p, &u, &v, e, temperature);
        let check = |difference: f64, exact: f64, what: &str| {
            let error = (difference - exact).abs() / (1.0 + exact.abs());
            assert!(
                error < 2e-6,
                "round {round}, e = {e}, {what}: {difference} {exact}"
            );
        };
        for j in (0..n).filter(|&j| x[j].is_finite()) {
            let moved = |values: &[f64], by: f64| {
                let mut values = values.to_vec();
                values[j] += by;
                values
            };
            let by_x = |by: f64| inner(&moved(&x, by), &u, e);
            let by_u = |by: f64| inner(&x, &moved(&u, by), e);
            let (plus, minus) = (by_x(1e-6), by_x(-1e-6));
            check((plus - minus) / 2e-6, dx[j], "dx");
            if u[j] > 0.0 {
                check((by_u(1e-6) - by_u(-1e-6)) / 2e-6, dupper[j], "dupper");
            }
        }
        if e > 0.0 {
            let difference = (inner(&x, &u, e + 1e-6) - inner(&x, &u, e - 1e-6)) / 2e-6;
            check(difference, dalpha, "dalpha");
        } else {
            let (next, after) = (inner(&x, &u, 1e-4), inner(&x, &u, 2e-4));
            let here = inner(&x, &u, 0.0);
            let ahead = (4.0 * next - 3.0 * here - after) / 2e-4;
            assert!(
                (ahead - dalpha).abs() < 1e-5,
                "round {round}: {ahead} {dalpha}"
            );
        }
        compared += 1;
    }
    assert!(compared > 150, "{compared}");
}

#[test]
fn bounds_that_leave_no_room_are_said_to() {
    let x = [1.0f32, 2.0, f32::NEG_INFINITY, 0.0];
    for e in EXPONENTS {
        // The excluded score's bound does not count.
        let (p, outcome) = solve(&x, &[0.3, 0.3, 0.9, 0.3], e, 1.0);
        assert_eq!((p, outcome), (vec![0.0; 4], Outcome::Infeasible));
        // They sum to 1, but for rounding: met by all.
        let u = [0.1f32, 0.7, 0.5, 0.2];
        assert_eq!(solved(&x, &u, e, 1.0).0, [0.1, 0.7, 0.0, 0.2], "e = {e}");
        // A little too low, by more than that.
        let low = [0.5f32, 0.25, 0.0, 0.25 - 4e-6];
        assert_eq!(solve(&x, &low, e, 1.0).1, Outcome::Infeasible);
        let low = [0.5f64, 0.25, 0.25 - 1e-11];
        assert_eq!(
            solve(&[1.0f64, 2.0, 0.0], &low, e, 1.0).1,
            Outcome::Infeasible
        );
        assert_eq!(
            solve(&[f32::NEG_INFINITY; 2], &[0.0; 2], e, 1.0).1,
            Outcome::Empty
        );
    }
}

#[test]
fn edges() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    for e in EXPONENTS {
        assert_eq!(solve::<f64>(&[], &[], e, 1.0).1, Outcome::Empty);
        let (p, outcome) = solve(&[0.0, nan], &[1.0, 1.0], e, 1.0);
        assert_eq!(outcome, Outcome::NotANumber);
        assert!(p.iter().all(|p| p.is_nan()));
        let (dx, dupper, _) = pull_back(&p, &[1.0; 2], &[1.0; 2], e, 1.0);
        assert!(dx.iter().chain(&dupper).all(|d| d.is_nan()));
        assert_eq!(solved(&[3.0], &[1.0], e, 1.0).0, [1.0]);
        assert_eq!(solved(&[3.0], &[7.5], e, 1.0).0, [1.0]);
        // Scores of +inf share the mass, up to their bounds; what they cannot take goes to the others.
        let shared = solved(&[inf, 1.0, inf], &[1.0; 3], e, 1.0).0;
        assert!(distance(&shared, &[0.5, 0.0, 0.5]) < 1e-15, "e = {e}");
        let uneven = solved(&[inf, 1.0, inf], &[0.2, 1.0, 1.0], e, 1.0).0;
        assert!(distance(&uneven, &[0.2, 0.0, 0.8]) < 1e-15, "e = {e}");
        let spilt = solved(&[inf, 1.0, -inf, 1.0], &[0.2, 1.0, 1.0, 1.0], e, 1.0).0;
        assert!(distance(&spilt, &[0.2, 0.4, 0.0, 0.4]) < 1e-15, "e = {e}");
        // Far apart: a staircase of bounds.
        let stairs = solved(&[1e30, 0.0, -1e30, f64::MAX], &[0.4, 0.3, 1.0, 0.2], e, 1.0).0;
        assert!(
            distance(&stairs, &[0.4, 0.3, 0.1, 0.2]) < 1e-15,
            "e = {e}: {stairs:?}"
        );
        let deep = solved(&[1e30, 0.3, 0.1, 1e30], &[0.25, 1.0, 1.0, 0.25], e, 1.0).0;
        let shallow = truth(&[9e5, 0.3, 0.1], &[0.5, 1.0, 1.0], e, 1.0);
        assert!(
            // At larger alpha the bisection has no digits left.
            e > 1.0 || distance(&deep[1..3], &shallow[1..]) < 1e-9,
            "e = {e}: {deep:?}"
        );
        let tied = solved(&[0.5, 0.5, 0.5, 0.1], &[1.0, 0.1, 1.0, 0.0], e, 1.0).0;
        assert!(distance(&tied, &[0.45, 0.1, 0.45, 0.0]) < 1e-15, "e = {e}");
        assert_eq!(f64::to_bits(tied[0]), f64::to_bits(tied[2]));
    }
}
