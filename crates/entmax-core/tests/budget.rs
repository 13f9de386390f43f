//! The capped simplex against sorted breakpoints (MATH.md section 7.1), on every kind of row.

mod common;
use common::budget::{budget, Truth};
use common::call::{csr, dense, support, Batch, Number};
use common::oracle::sum;
use common::rows::{row, Random, KINDS};
use entmax_core::maps::map;

const SIZES: [usize; 16] = [
    1, 2, 3, 5, 15, 16, 17, 31, 33, 64, 129, 255, 256, 300, 513, 1030,
];

/// Bounds of several sizes, some of them 0.
fn bounds<T: Number>(n: usize, scale: f64) -> Vec<T> {
    let mut random = Random(n as u64 + 5);
    (0..n)
        .map(|_| {
            T::round(match random.uniform() {
                r if r < 0.1 => 0.0,
                r if r < 0.2 => 3.0 * scale,
                _ => random.uniform() * scale,
            })
        })
        .collect()
}

struct Case<'a, T> {
    x: &'a [T],
    upper: Option<&'a [T]>,
    budget: f64,
    temperature: f64,
    at_most: bool,
}

impl<T: Number> Case<'_, T> {
    fn batch(&self) -> Batch<'_, T> {
        Batch {
            map: if self.at_most {
                map::BUDGET_AT_MOST
            } else {
                map::BUDGET
            },
            upper: self.upper,
            temperature: self.temperature,
            ..Batch::row(self.x, self.budget)
        }
    }
    fn bounds(&self) -> Vec<f64> {
        let ones = vec![1.0; self.x.len()];
        self.upper
            .map_or(ones, |upper| upper.iter().map(|u| u.wide()).collect())
    }
    fn truth(&self) -> Truth {
        let z: Vec<f64> = self.x.iter().map(|z| z.wide()).collect();
        let u = self.bounds();
        budget(&z, &u, self.budget, self.temperature, self.at_most)
    }

    /// The largest error of an entry over the largest entry, and of the sum over the budget.
    fn check(&self, label: &str, tolerance: f64) -> (f64, f64) {
        let p = dense(&self.batch());
        let truth = self.truth();
        let u = self.bounds();
        let scale = truth
            .p
            .iter()
            .cloned()
            .fold(T::round(1e-30).wide(), f64::max);
        let mut worst = 0.0f64;
        for (j, (p, exact)) in p.iter().zip(&truth.p).enumerate() {
            let error = (p.wide() - exact).abs() / scale;
            assert!(
                error <= tolerance,
                "{label}: entry {j} is {p:?}, not {exact}"
            );
            worst = worst.max(error);
            assert!(p.wide() >= 0.0 && p.wide() <= u[j], "{label}: entry {j}");
            // Clear of the breakpoints, 0 and the bound are exact.
            let distance = (self.x[j].wide() - truth.threshold) / self.temperature;
            let margin = 1e-5 * (1.0 + truth.threshold.abs() / self.temperature);
            if distance < -margin {
                assert_eq!(p.bits(), 0, "{label}: entry {j}");
            } else if distance > u[j] + margin {
                assert_eq!(p.wide(), u[j], "{label}: entry {j}");
            }
        }
        let total = sum(p.iter().map(|p| p.wide()));
        let miss = if truth.binding {
            (total - self.budget).abs() / self.budget
        } else {
            0.0
        };
        assert!(miss <= 2.0 * tolerance, "{label}: the sum is {total}");
        let (sizes, thresholds) = support(&self.batch());
        let size = p.iter().filter(|p| p.wide() > 0.0).count();
        assert_eq!(sizes[0] as usize, size, "{label}");
        for (j, (z, p)) in self.x.iter().zip(&p).enumerate() {
            if u[j] > 0.0 {
                assert_eq!(*z > thresholds[0], p.wide() > 0.0, "{label}: entry {j}");
            }
        }
        (worst, miss)
    }
}

fn every_kind_of_row<T: Number>(tolerance: f64) {
    let mut worst = (0.0f64, 0.0f64);
    for kind in KINDS {
        for n in SIZES {
            let x: Vec<T> = row(kind, n, 1.0).iter().map(|&z| T::round(z)).collect();
            let left = x.iter().filter(|z| z.wide() > f64::NEG_INFINITY).count();
            for scale in [0.0, 1.0, 0.02] {
                let upper = (scale > 0.0).then(|| bounds::<T>(n, scale));
                let room = upper.as_ref().map_or(left as f64, |upper| {
                    let u = |j: usize| upper[j].wide();
                    sum((0..n).filter(|&j| x[j].wide() > f64::NEG_INFINITY).map(u))
                });
                for part in [1e-9, 0.004, 0.1, 0.5, 0.93] {
                    for whole in [false, true] {
                        let mut b = part * room;
                        if whole {
                            b = b.round();
                        }
                        if b <= 0.0 || b >= room {
                            continue;
                        }
                        for (temperature, at_most) in
                            [(1.0, false), (0.3, false), (1.0, true), (20.0, true)]
                        {
                            let case = Case {
                                x: &x,
                                upper: upper.as_deref(),
                                budget: b,
                                temperature,
                                at_most,
                            };
                            let label = format!("{kind}, n = {n}, bounds {scale}, B = {b}, T = {temperature}, {at_most}");
                            let (entry, miss) = case.check(&label, tolerance);
                            worst = (worst.0.max(entry), worst.1.max(miss));
                        }
                    }
                }
            }
        }
    }
    println!("entries {:.2e}, sums {:.2e}", worst.0, worst.1);
}

#[test]
fn every_kind_of_row_is_that_of_the_reference_f32() {
    every_kind_of_row::<f32>(3e-7);
}

#[test]
fn every_kind_of_row_is_that_of_the_reference_f64() {
    every_kind_of_row::<f64>(1e-13);
}

/// Long rows with a small budget, where lane maxima and the least bounds behind them tell where to look; and budgets at
/// which they just tell, or just do not, that all bounds are met or that at most the budget is taken.
fn screened_rows<T: Number>(tolerance: f64) {
    for n in [256usize, 300, 1030, 4100] {
        for kind in ["normal", "normal 0.1", "peaked", "ramp", "few levels"] {
            let mut x: Vec<T> = row(kind, n, 1.0).iter().map(|&z| T::round(z)).collect();
            let mut random = Random(n as u64);
            for zeros in [false, true] {
                let mut upper: Vec<T> = (0..n)
                    .map(|_| T::round(0.02 + 0.9 * random.uniform()))
                    .collect();
                if zeros {
                    // The largest scores have no room, and whole blocks have none.
                    let mut order: Vec<usize> = (0..n).collect();
                    order.sort_by(|&a, &b| x[b].wide().partial_cmp(&x[a].wide()).expect("no NaN"));
                    order[..5].iter().for_each(|&j| upper[j] = T::round(0.0));
                    upper[128..200].fill(T::round(0.0));
                }
                let unclipped =
                    |x: &[T]| sum((0..n).map(|j| x[j].wide().max(0.0).min(upper[j].wide())));
                let room = sum(upper.iter().map(|u| u.wide()));
                let at_zero = unclipped(&x);
                let budgets = [0.01, 1.0, 4.0, n as f64 / 40.0, 0.999 * room]
                    .into_iter()
                    .chain([0.9, 0.999, 1.001, 1.1].map(|part| part * at_zero));
                for budget in budgets.filter(|&budget| budget > 0.0 && budget < room) {
                    for at_most in [false, true] {
                        let case = Case {
                            x: &x,
                            upper: Some(&upper),
                            budget,
                            temperature: 1.0,
                            at_most,
                        };
                        let label = format!("{kind}, n = {n}, {zeros}, B = {budget}, {at_most}");
                        case.check(&label, tolerance);
                        let (p, form) = (dense(&case.batch()), csr(&case.batch(), false));
                        let (indices, values) = &form.rows[0];
                        assert!(indices
                            .iter()
                            .zip(values)
                            .all(|(&j, value)| { value.bits() == p[j as usize].bits() }));
                    }
                }
            }
            // Shifted down, at most a small budget is a question.
            x.iter_mut().for_each(|z| *z = T::round(z.wide() - 1.9));
            for part in [0.9, 0.999, 1.001, 1.1] {
                let budget = part * sum(x.iter().map(|z| z.wide().clamp(0.0, 1.0)));
                let case = Case {
                    x: &x,
                    upper: None,
                    budget,
                    temperature: 1.0,
                    at_most: true,
                };
                if budget > 0.0 {
                    case.check(&format!("{kind}, n = {n}, at most {budget}"), tolerance);
                }
            }
            // All but a few scores are missing: their bounds are what is left.
            let mut few = vec![T::round(f64::NEG_INFINITY); n];
            for j in (0..n).step_by(77) {
                few[j] = x[j];
            }
            let upper = vec![T::round(0.125); n];
            let room = 0.125 * n.div_ceil(77) as f64;
            for budget in [0.98 * room, 0.995 * room, room] {
                let case = Case {
                    x: &few,
                    upper: Some(&upper),
                    budget,
                    temperature: 1.0,
                    at_most: false,
                };
                case.check(&format!("{kind}, n = {n}, {budget} of {room}"), tolerance);
            }
        }
    }
}

#[test]
fn screened_rows_are_those_of_the_reference_f32() {
    screened_rows::<f32>(3e-7);
}

#[test]
fn screened_rows_are_those_of_the_reference_f64() {
    screened_rows::<f64>(1e-13);
}

/// Thresholds of screened rows: tau itself where a bound of 0 lies between it and the support, and the largest that gives
/// all their bounds.
fn thresholds_of_screened_rows<T: Number>() {
    let n = 1030;
    let near = |case: &Case<T>, expected: f64| {
        let threshold = support(&case.batch()).1[0].wide();
        assert!(
            (threshold - expected).abs() < 1e-6,
            "{threshold} {expected}"
        );
    };
    let mut x = vec![T::round(-5.0); n];
    let mut upper = vec![T::round(1.0); n];
    for (j, score, bound) in [(3, 3.0, 0.5), (200, 1.5, 1.0), (517, 1.0, 0.0)] {
        (x[j], upper[j]) = (T::round(score), T::round(bound));
    }
    let tied = Case {
        x: &x,
        upper: Some(&upper),
        budget: 1.1,
        temperature: 1.0,
        at_most: false,
    };
    near(&tied, 0.9);
    let upper = vec![T::round(0.125); n];
    let mut x = vec![T::round(f64::NEG_INFINITY); n];
    for j in 0..10 {
        x[100 * j] = T::round(0.5 * j as f64);
    }
    let full = Case {
        x: &x,
        upper: Some(&upper),
        budget: 1.25,
        temperature: 1.0,
        at_most: false,
    };
    near(&full, -0.125);
}

#[test]
fn thresholds_of_screened_rows_f32() {
    thresholds_of_screened_rows::<f32>();
}

#[test]
fn thresholds_of_screened_rows_f64() {
    thresholds_of_screened_rows::<f64>();
}

/// Scores and bounds with few digits around a threshold that is one of the scores: p is known to the last bit, and
/// whatever lies on a breakpoint is 0 or at its bound. A third of the thresholds are so high that few scores count.
fn entries_on_a_breakpoint_are_exactly_0_or_their_bound<T: Number>() {
    let mut random = Random(77);
    let mut below = |end: f64| (random.uniform() * end).floor();
    for round in 0..20_000 {
        let n = 1 + below(if round % 50 == 0 { 2000.0 } else { 40.0 }) as usize;
        let temperature = [1.0, 0.5, 2.0][round % 3];
        // Long rows, each fiftieth, with bounds and without.
        let bounded = round % 4 < 2;
        let x: Vec<f64> = (0..n).map(|_| below(24.0) / 16.0).collect();
        let u: Vec<f64> = (0..n)
            .map(|_| if bounded { below(9.0) / 8.0 } else { 1.0 })
            .collect();
        let tau = if below(3.0) == 0.0 {
            22.0 / 16.0
        } else {
            x[below(n as f64) as usize]
        };
        let exact: Vec<f64> = (0..n)
            .map(|j| ((x[j] - tau) / temperature).clamp(0.0, u[j]))
            .collect();
        let (x, u) = (of::<T>(&x), of::<T>(&u));
        let case = Case {
            x: &x,
            upper: bounded.then_some(&u),
            budget: exact.iter().sum(),
            temperature,
            at_most: round % 5 == 0,
        };
        for (j, p) in dense(&case.batch()).iter().enumerate() {
            let inside = exact[j] > 0.0 && exact[j] < u[j].wide();
            let error = (p.wide() - exact[j]).abs();
            let tolerance = if inside { 1e-6 * exact[j] } else { 0.0 };
            assert!(
                error <= tolerance,
                "round {round}, n = {n}: {p:?} for {}",
                exact[j]
            );
        }
    }
}

fn of<T: Number>(values: &[f64]) -> Vec<T> {
    values.iter().map(|&value| T::round(value)).collect()
}

#[test]
fn entries_on_a_breakpoint_are_exactly_0_or_their_bound_f32() {
    entries_on_a_breakpoint_are_exactly_0_or_their_bound::<f32>();
}

#[test]
fn entries_on_a_breakpoint_are_exactly_0_or_their_bound_f64() {
    entries_on_a_breakpoint_are_exactly_0_or_their_bound::<f64>();
}

#[test]
fn a_sample_that_misleads_only_costs_time() {
    let mut random = Random(53);
    for n in [255usize, 256, 257, 271, 1023, 1024, 4096, 4111] {
        for sampled in [1usize, 2, 4, 16] {
            for shift in [-30.0, -1.0, 0.0, 0.3, 30.0, f64::NEG_INFINITY] {
                let x: Vec<f32> = (0..n)
                    .map(|j| {
                        let there = (j / 16).is_multiple_of(sampled);
                        (random.normal() + if there { shift } else { 0.0 }) as f32
                    })
                    .collect();
                let left = x.iter().filter(|z| z.is_finite()).count() as f64;
                for part in [0.05, 0.2, 0.6, 0.97] {
                    let case = Case {
                        x: &x,
                        upper: None,
                        budget: part * left,
                        temperature: 1.0,
                        at_most: false,
                    };
                    let label = format!("n = {n}, each {sampled}-th block, {shift}, {part}");
                    if left > 0.0 {
                        case.check(&label, 3e-7);
                    }
                }
            }
        }
    }
}
