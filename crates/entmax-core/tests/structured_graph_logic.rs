//! The projections of the factors of logic against SparseMAP over their corners, against the proof by all corners, and their
//! derivatives against differences.

#![cfg(feature = "structured")]

mod structured_graphs;

use entmax_core::structured::logic::{room, Kind, Logic};
use structured_graphs::{corners, sparsemap, Listed, Numbers};

const KINDS: [Kind; 8] = [
    Kind::Xor,
    Kind::AtMostOne,
    Kind::Or,
    Kind::OrOut,
    Kind::Budget,
    Kind::BudgetAtMost,
    Kind::Knapsack,
    Kind::Pair,
];

struct Case {
    kind: Kind,
    scale: Vec<f64>,
    negated: Vec<u8>,
    costs: Vec<f64>,
    number: f64,
    a: Vec<f64>,
}

impl Case {
    fn random(kind: Kind, numbers: &mut Numbers, trial: usize) -> Case {
        let n = if kind == Kind::Pair {
            2
        } else {
            1 + numbers.below(6)
        };
        let scale: Vec<f64> = (0..n)
            .map(|_| [1, 1, 2, 3, 10][numbers.below(5)] as f64)
            .map(f64::sqrt)
            .collect();
        let negated = (0..n)
            .map(|_| (trial % 2 == 1 && numbers.below(2) == 1) as u8)
            .collect();
        let size = [0.5, 1.0, 3.0, 1e-6, 1e6][trial % 5];
        let costs = (0..n)
            .map(|_| [0.0, 1.0, 1.0, 2.5, 0.3][numbers.below(5)])
            .collect();
        let number = match kind {
            Kind::Pair => f64::min(size, 3.0) * numbers.normal(),
            Kind::Knapsack => 3.0 * numbers.uniform(),
            _ => numbers.below(n + 1) as f64,
        };
        let mut a = numbers.table(n, size, trial % 3 == 2);
        if trial % 3 == 2 {
            a.iter_mut().zip(&scale).for_each(|(a, scale)| *a /= scale);
        }
        Case {
            kind,
            scale,
            negated,
            costs,
            number,
            a,
        }
    }

    fn logic(&self) -> Logic<'_> {
        Logic {
            kind: self.kind,
            scale: &self.scale,
            negated: &self.negated,
            costs: &self.costs,
            number: self.number,
        }
    }

    fn project(&self) -> (Vec<f64>, Vec<i32>) {
        let n = self.a.len();
        let (mut u, mut face) = (vec![f64::NAN; n], vec![-9; n]);
        let possible =
            self.logic()
                .project(&self.a, &mut vec![f64::NAN; room(n)], &mut u, &mut face);
        assert!(possible, "{}", self.name());
        (u, face)
    }

    fn name(&self) -> String {
        format!(
            "{:?} of {:?}, scale {:?}, negated {:?}, number {}, costs {:?}",
            self.kind, self.a, self.scale, self.negated, self.number, self.costs
        )
    }

    /// u12 at a corner.
    fn both(&self, corner: &[f64]) -> f64 {
        let literal = |i: usize| {
            if self.negated[i] != 0 {
                1.0 - corner[i]
            } else {
                corner[i]
            }
        };
        literal(0) * literal(1)
    }
}

#[test]
fn no_corner_is_worth_more_than_the_projection_which_is_allowed() {
    let mut numbers = Numbers(11);
    for kind in KINDS {
        for trial in 0..2000 {
            let case = Case::random(kind, &mut numbers, trial);
            let (u, _) = case.project();
            let n = u.len();
            let p: Vec<f64> = u.iter().zip(&case.scale).map(|(u, s)| u * s).collect();
            let literal: Vec<f64> = (0..n)
                .map(|i| {
                    if case.negated[i] != 0 {
                        1.0 - p[i]
                    } else {
                        p[i]
                    }
                })
                .collect();
            let sum: f64 = literal.iter().sum();
            let paid: f64 = literal.iter().zip(&case.costs).map(|(p, c)| p * c).sum();
            let inside = literal.iter().all(|&p| (-1e-12..=1.0 + 1e-12).contains(&p))
                && match kind {
                    Kind::Xor => (sum - 1.0).abs() < 1e-12,
                    Kind::AtMostOne => sum < 1.0 + 1e-12,
                    Kind::Or => sum > 1.0 - 1e-12,
                    Kind::OrOut => {
                        let out = literal[n - 1];
                        literal.iter().all(|&p| p < out + 1e-12) && sum > 2.0 * out - 1e-12
                    }
                    Kind::Budget => (sum - case.number).abs() < 1e-12,
                    Kind::BudgetAtMost => sum < case.number + 1e-12,
                    Kind::Knapsack => paid < case.number + 1e-12,
                    Kind::Pair => true,
                };
            assert!(inside, "{}: {p:?}", case.name());
            let both = if kind == Kind::Pair {
                case.logic().both(&u)
            } else {
                0.0
            };
            for corner in corners(&case.logic()) {
                let mut gap = 0.0;
                for i in 0..n {
                    gap += (case.a[i] - u[i]) * (corner[i] / case.scale[i] - u[i]);
                }
                if kind == Kind::Pair {
                    gap += case.number * (case.both(&corner) - both);
                }
                let size = case.a.iter().fold(1.0f64, |most, a| most.max(a.abs()));
                assert!(
                    gap < 1e-14 * size * 20.0,
                    "{}: gap {gap} at {corner:?}, {u:?}",
                    case.name()
                );
            }
        }
    }
}

#[test]
fn projections_equal_sparsemap_over_corners() {
    let mut numbers = Numbers(12);
    for kind in KINDS.into_iter().filter(|&kind| kind != Kind::Knapsack) {
        for trial in 0..300 {
            let case = Case::random(kind, &mut numbers, trial);
            if case.a.iter().any(|a| a.abs() > 1e3) {
                continue;
            }
            let (u, _) = case.project();
            let all = corners(&case.logic());
            let extra = all.iter().map(|corner| match kind {
                Kind::Pair => case.number * case.both(corner),
                _ => 0.0,
            });
            let listed = Listed {
                extra: extra.collect(),
                structures: all
                    .iter()
                    .map(|corner| (0..corner.len()).filter(|&i| corner[i] == 1.0).collect())
                    .collect(),
                weights: case.scale.iter().map(|s| 1.0 / (s * s)).collect(),
            };
            let unary: Vec<f64> = case.a.iter().zip(&case.scale).map(|(a, s)| a / s).collect();
            for ((mu, u), s) in sparsemap(&listed, &unary).iter().zip(&u).zip(&case.scale) {
                assert!(
                    (mu - u * s).abs() < 1e-7,
                    "{}: {mu} and {}",
                    case.name(),
                    u * s
                );
            }
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn derivatives_are_symmetric_projectors_and_equal_differences() {
    let mut numbers = Numbers(13);
    for kind in KINDS {
        let (mut compared, mut repulsive) = (0, 0);
        for trial in 0..600 {
            let mut case = Case::random(kind, &mut numbers, trial);
            case.a = numbers.table(case.a.len(), 0.8, false);
            let n = case.a.len();
            let (_, face) = case.project();
            let x = numbers.table(n, 1.0, false);
            let y = numbers.table(n, 1.0, false);
            let apply = |x: &[f64]| {
                let mut x = x.to_vec();
                case.logic().differentiate(&face, &mut x);
                x
            };
            let (jx, jy) = (apply(&x), apply(&y));
            assert!(
                (dot(&y, &jx) - dot(&x, &jy)).abs() < 1e-13,
                "{}",
                case.name()
            );
            for (once, twice) in jx.iter().zip(apply(&jx)) {
                assert!((once - twice).abs() < 1e-13, "{}", case.name());
            }
            let step = 1e-6;
            let moved = |sign: f64, coupling: f64| {
                let a = case
                    .a
                    .iter()
                    .zip(&x)
                    .map(|(a, x)| a + sign * step * x * (1.0 - coupling));
                let number = case.number + sign * step * coupling;
                let other = Case {
                    a: a.collect(),
                    scale: case.scale.clone(),
                    negated: case.negated.clone(),
                    costs: case.costs.clone(),
                    ..Case {
                        number,
                        ..case_head(&case)
                    }
                };
                other.project()
            };
            let ((above, face_above), (below, face_below)) = (moved(1.0, 0.0), moved(-1.0, 0.0));
            if face_above == face_below {
                compared += 1;
                for i in 0..n {
                    let slope = (above[i] - below[i]) / (2.0 * step);
                    assert!(
                        (slope - jx[i]).abs() < 1e-8,
                        "{}: {slope} and {}",
                        case.name(),
                        jx[i]
                    );
                }
            }
            if kind == Kind::Pair {
                let ((above, face_above), (below, face_below)) =
                    (moved(1.0, 1.0), moved(-1.0, 1.0));
                if face_above == face_below {
                    let slope = (dot(&above, &x) - dot(&below, &x)) / (2.0 * step);
                    let gradient = case.logic().coupling(&face, &jx);
                    assert!(
                        (slope - gradient).abs() < 1e-8,
                        "{}: {slope} and {gradient}",
                        case.name()
                    );
                    repulsive += (case.number < 0.0 && gradient != 0.0) as usize;
                }
            }
        }
        assert!(compared > 550, "{kind:?}: {compared}");
        assert!(kind != Kind::Pair || repulsive > 10, "{repulsive}");
    }
}

fn case_head(case: &Case) -> Case {
    Case {
        kind: case.kind,
        scale: vec![],
        negated: vec![],
        costs: vec![],
        number: case.number,
        a: vec![],
    }
}

#[test]
fn errata_10_the_coupling_of_a_repulsive_pair_has_a_gradient() {
    let case = Case {
        kind: Kind::Pair,
        scale: vec![1.0, 1.0],
        negated: vec![0, 0],
        costs: vec![],
        number: -0.25,
        a: vec![0.9, 0.8],
    };
    // Both are more likely than not, so that both at once cost p1 + p2 - 1: each loses what it costs.
    let (u, face) = case.project();
    assert!(
        (u[0] - 0.65).abs() < 1e-15 && (u[1] - 0.55).abs() < 1e-15,
        "{u:?}"
    );
    let mut x = vec![2.0, 3.0];
    case.logic().differentiate(&face, &mut x);
    assert_eq!(case.logic().coupling(&face, &x), 5.0);
}

#[test]
fn errata_10_an_untied_negated_place_keeps_its_sign() {
    for kind in [Kind::AtMostOne, Kind::BudgetAtMost, Kind::Or] {
        let case = Case {
            kind,
            scale: vec![1.0, 1.0],
            negated: vec![1, 1],
            costs: vec![],
            number: 1.0,
            a: if kind == Kind::Or {
                vec![0.2, 0.3]
            } else {
                vec![0.7, 0.8]
            },
        };
        let (u, face) = case.project();
        for (u, a) in u.iter().zip(&case.a) {
            assert!((u - a).abs() < 1e-15, "{kind:?}");
        }
        let mut x = vec![2.0, -3.0];
        case.logic().differentiate(&face, &mut x);
        assert_eq!(x, [2.0, -3.0], "{kind:?}");
    }
}

/// A name, the kind, which of n places are negated, and what should hold.
type Named = (
    &'static str,
    Kind,
    fn(usize, usize) -> bool,
    fn(&[bool]) -> bool,
);

#[test]
fn implications_and_other_outputs_are_negations() {
    let mut numbers = Numbers(14);
    let named: [Named; 3] = [
        (
            "imply",
            Kind::Or,
            |i, n| i + 1 < n,
            |p| {
                let (out, premises) = p.split_last().unwrap();
                *out || !premises.iter().all(|&p| p)
            },
        ),
        (
            "xor out",
            Kind::Xor,
            |i, n| i + 1 == n,
            |p| {
                let (out, inputs) = p.split_last().unwrap();
                inputs.iter().filter(|&&p| p).count() == *out as usize
            },
        ),
        (
            "and out",
            Kind::OrOut,
            |_, _| true,
            |p| {
                let (out, inputs) = p.split_last().unwrap();
                *out == inputs.iter().all(|&p| p)
            },
        ),
    ];
    for (name, kind, negated, holds) in named {
        for n in 2..6 {
            let case = Case {
                kind,
                scale: vec![1.0; n],
                negated: (0..n).map(|i| negated(i, n) as u8).collect(),
                costs: vec![],
                number: 0.0,
                a: numbers.table(n, 1.0, false),
            };
            let mut given: Vec<Vec<bool>> = corners(&case.logic())
                .iter()
                .map(|p| p.iter().map(|&p| p == 1.0).collect())
                .collect();
            given.sort();
            let mut wanted: Vec<Vec<bool>> = (0..1usize << n)
                .map(|code| (0..n).map(|i| code >> i & 1 == 1).collect::<Vec<bool>>())
                .filter(|p| holds(p))
                .collect();
            wanted.sort();
            assert_eq!(given, wanted, "{name} of {n}");
        }
    }
}

#[test]
fn ties_and_large_scores() {
    let project = |kind, number, a: &[f64]| {
        let n = a.len();
        let case = Case {
            kind,
            scale: vec![1.0; n],
            negated: vec![0; n],
            costs: vec![],
            number,
            a: a.to_vec(),
        };
        case.project().0
    };
    for large in [1e6, 1e30, 1e99, f64::INFINITY] {
        assert_eq!(
            project(Kind::Xor, 0.0, &[large, large, 0.0]),
            [0.5, 0.5, 0.0]
        );
        assert_eq!(
            project(Kind::Xor, 0.0, &[-large, 0.3, 0.1]),
            [0.0, 0.6, 0.4]
        );
        assert_eq!(
            project(Kind::Xor, 0.0, &[large, 0.3, -large]),
            [1.0, 0.0, 0.0]
        );
        assert_eq!(
            project(Kind::Budget, 2.0, &[large, 0.3, -large]),
            [1.0, 1.0, 0.0]
        );
        assert_eq!(project(Kind::Or, 0.0, &[-large, -large]), [0.5, 0.5]);
        assert_eq!(
            project(Kind::OrOut, 0.0, &[-large, 0.25, large]),
            [0.0, 1.0, 1.0]
        );
        assert_eq!(
            project(Kind::OrOut, 0.0, &[-large, 0.25, -large]),
            [0.0, 0.0, 0.0]
        );
        assert_eq!(project(Kind::Pair, large, &[0.0, 0.0]), [1.0, 1.0]);
    }
    assert_eq!(project(Kind::AtMostOne, 0.0, &[0.5, 0.5]), [0.5, 0.5]);
    assert_eq!(project(Kind::Xor, 0.0, &[7.0]), [1.0]);
    assert_eq!(project(Kind::OrOut, 0.0, &[0.9]), [0.0]);
    assert_eq!(project(Kind::AtMostOne, 0.0, &[]), [0.0; 0]);
}

#[test]
fn what_nothing_fulfils_says_so() {
    for (kind, number, n) in [
        (Kind::Xor, 0.0, 0),
        (Kind::Or, 0.0, 0),
        (Kind::Budget, 3.0, 2),
        (Kind::Budget, -1.0, 2),
        (Kind::BudgetAtMost, -1.0, 2),
        (Kind::Knapsack, -1.0, 2),
    ] {
        let logic = Logic {
            kind,
            scale: &vec![1.0; n],
            negated: &[],
            costs: &[],
            number,
        };
        let (mut u, mut face) = (vec![0.0; n], vec![0; n]);
        let a = vec![0.5; n];
        assert!(
            !logic.project(&a, &mut vec![0.0; room(n)], &mut u, &mut face),
            "{kind:?}"
        );
    }
}
