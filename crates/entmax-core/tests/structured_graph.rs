//! LP-SparseMAP of logic factors: joint SparseMAP where the graph has no cycle, Dykstra's projection where it has.

#![cfg(feature = "structured")]

mod structured_graphs;

use entmax_core::structured::active_set::Ending;
use entmax_core::structured::assignment::Assignment;
use entmax_core::structured::graph::STEP;
use entmax_core::structured::logic::{room, Kind, Logic};
use structured_graphs::{joint, solve, sparsemap, Numbers, Rule, Solved};

const PLAIN: (f64, usize, usize) = (STEP, 20_000, 20_000);

fn marginals(rules: &[Rule], scores: &[f64]) -> Solved {
    let (solved, ..) = solve(rules, scores, PLAIN, None);
    assert_eq!(solved.ending, Ending::Converged, "{:?}", solved.progress);
    solved
}

fn assert_close(a: &[f64], b: &[f64], tolerance: f64, what: &str) {
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        assert!((x - y).abs() < tolerance, "{what}: {x} and {y} at {i}");
    }
}

/// Factors that share one variable at most, each with one of those before it.
fn tree(numbers: &mut Numbers, most: usize) -> (Vec<Rule>, usize) {
    let mut rules = Vec::new();
    let mut count = 1;
    while count < most {
        let mut variables = vec![numbers.below(count)];
        for _ in 0..1 + numbers.below(3) {
            variables.push(count);
            count += 1;
        }
        let at = numbers.below(variables.len());
        variables.swap(0, at);
        let kind = match numbers.below(7) {
            0 => Kind::Xor,
            1 => Kind::AtMostOne,
            2 => Kind::Or,
            3 => Kind::OrOut,
            4 => Kind::Budget,
            5 => Kind::BudgetAtMost,
            _ => Kind::Pair,
        };
        if kind == Kind::Pair {
            variables.truncate(2);
        }
        let number = match kind {
            Kind::Pair => numbers.normal(),
            _ => (1 + numbers.below(variables.len())) as f64,
        };
        let mut rule = Rule::new(kind, number, &variables);
        for place in &mut rule.places {
            place.1 = numbers.below(3) == 0;
        }
        rules.push(rule);
    }
    (rules, count)
}

#[test]
fn graphs_without_cycles_equal_joint_sparsemap() {
    let mut numbers = Numbers(21);
    let mut solved = 0;
    for trial in 0..200 {
        let (rules, count) = tree(&mut numbers, 6);
        let scores = numbers.table(count, [0.5, 1.0, 3.0][trial % 3], trial % 4 == 3);
        if let Some(truth) = joint(&rules, &scores) {
            solved += 1;
            assert_close(
                &marginals(&rules, &scores).mu,
                &truth,
                2e-7,
                &format!("trial {trial}"),
            );
        }
    }
    assert!(solved > 150, "{solved}");
}

/// The projection of the scores on what all rules allow, by Dykstra's alternating projections without scaling.
fn dykstra(rules: &[Rule], scores: &[f64]) -> Vec<f64> {
    let named = |i: usize| {
        rules
            .iter()
            .any(|rule| rule.places.iter().any(|place| place.0 == i))
    };
    let clipped = |(i, &score): (usize, &f64)| {
        if named(i) {
            score
        } else {
            score.clamp(0.0, 1.0)
        }
    };
    let mut x: Vec<f64> = scores.iter().enumerate().map(clipped).collect();
    let mut corrections: Vec<Vec<f64>> = rules
        .iter()
        .map(|rule| vec![0.0; rule.places.len()])
        .collect();
    for _ in 0..30_000 {
        let mut change = 0.0f64;
        for (rule, correction) in rules.iter().zip(&mut corrections) {
            let n = rule.places.len();
            let a: Vec<f64> = (0..n)
                .map(|i| x[rule.places[i].0] + correction[i])
                .collect();
            let (mut u, mut face) = (vec![0.0; n], vec![0; n]);
            let negated: Vec<u8> = rule.places.iter().map(|place| place.1 as u8).collect();
            let costs: Vec<f64> = rule.places.iter().map(|place| place.2).collect();
            let logic = Logic {
                kind: rule.kind,
                scale: &vec![1.0; n],
                negated: &negated,
                costs: &costs,
                number: rule.number,
            };
            logic.project(&a, &mut vec![0.0; room(n)], &mut u, &mut face);
            for i in 0..n {
                change = change.max((correction[i] - (a[i] - u[i])).abs());
                correction[i] = a[i] - u[i];
                x[rule.places[i].0] = u[i];
            }
        }
        if change < 1e-13 {
            break;
        }
    }
    x
}

fn matching(rows: usize, columns: usize) -> Vec<Rule> {
    let row = |i: usize| {
        (0..columns)
            .map(move |j| i * columns + j)
            .collect::<Vec<_>>()
    };
    let column = |j: usize| (0..rows).map(move |i| i * columns + j).collect::<Vec<_>>();
    let kind = if rows < columns {
        Kind::AtMostOne
    } else {
        Kind::Xor
    };
    let rows = (0..rows).map(|i| Rule::new(Kind::Xor, 0.0, &row(i)));
    rows.chain((0..columns).map(|j| Rule::new(kind, 0.0, &column(j))))
        .collect()
}

#[test]
fn matchings_of_two_sides_equal_the_assignment_factor() {
    let mut numbers = Numbers(22);
    for (rows, columns) in [(1, 1), (2, 2), (3, 4), (5, 5), (10, 10)] {
        for scale in [0.3, 1.0, 3.0] {
            let scores = numbers.table(rows * columns, scale, false);
            let factor = Assignment {
                rows,
                columns,
                unmatched: false,
            };
            let solved = marginals(&matching(rows, columns), &scores);
            assert_close(
                &solved.mu,
                &sparsemap(&factor, &scores),
                2e-7,
                &format!("{rows} x {columns}"),
            );
            assert!(solved.progress.iterations < 5000, "{:?}", solved.progress);
        }
    }
}

#[test]
fn graphs_with_cycles_equal_the_projection_by_dykstra() {
    let mut numbers = Numbers(23);
    for trial in 0..60 {
        let count = 8;
        let inside: Vec<f64> = (0..count).map(|_| numbers.below(2) as f64).collect();
        let mut rules = Vec::new();
        while rules.len() < 6 {
            let mut variables: Vec<usize> = (0..count).collect();
            for i in (1..count).rev() {
                variables.swap(i, numbers.below(i + 1));
            }
            variables.truncate(2 + numbers.below(4));
            let kind = [
                Kind::Xor,
                Kind::AtMostOne,
                Kind::Or,
                Kind::OrOut,
                Kind::Budget,
                Kind::BudgetAtMost,
                Kind::Knapsack,
            ][numbers.below(7)];
            let mut rule = Rule::new(kind, 1.0 + numbers.below(2) as f64, &variables);
            for place in &mut rule.places {
                *place = (place.0, numbers.below(3) == 0, 0.5 + numbers.uniform());
            }
            // Some values fulfil them all.
            if rule.value(&inside).is_some() {
                rules.push(rule);
            }
        }
        let scores = numbers.table(count, [0.5, 1.0, 3.0][trial % 3], false);
        assert_close(
            &marginals(&rules, &scores).mu,
            &dykstra(&rules, &scores),
            1e-8,
            &format!("trial {trial}"),
        );
    }
}

/// By accelerated gradient steps on the dual of copies without a penalty, begun again where they turn back.
fn dual_ascent(rules: &[Rule], scores: &[f64]) -> Vec<f64> {
    let places: Vec<usize> = rules
        .iter()
        .flat_map(|rule| rule.places.iter().map(|place| place.0))
        .collect();
    let count = |i: usize| places.iter().filter(|&&j| j == i).count() as f64;
    let roots: Vec<f64> = (0..scores.len()).map(|i| count(i).sqrt()).collect();
    let mut lambda = vec![0.0; places.len()];
    let mut ahead = lambda.clone();
    let (mut averages, mut momentum) = (vec![0.0; scores.len()], 1.0f64);
    for _ in 0..100_000 {
        let mut copies = vec![0.0; places.len()];
        let mut from = 0;
        for rule in rules {
            let to = from + rule.places.len();
            let scale: Vec<f64> = (from..to).map(|e| roots[places[e]]).collect();
            let a: Vec<f64> = (from..to)
                .map(|e| scores[places[e]] / roots[places[e]] + ahead[e])
                .collect();
            let negated: Vec<u8> = rule.places.iter().map(|place| place.1 as u8).collect();
            let logic = Logic {
                kind: rule.kind,
                scale: &scale,
                negated: &negated,
                costs: &[],
                number: rule.number,
            };
            logic.project(
                &a,
                &mut vec![0.0; room(to - from)],
                &mut copies[from..to],
                &mut vec![0; to - from],
            );
            from = to;
        }
        averages.fill(0.0);
        for (copy, &i) in copies.iter().zip(&places) {
            averages[i] += copy / count(i);
        }
        let step: Vec<f64> = copies
            .iter()
            .zip(&places)
            .map(|(copy, &i)| copy - averages[i])
            .collect();
        if step.iter().all(|step| step.abs() < 1e-12) {
            break;
        }
        let moved: Vec<f64> = ahead
            .iter()
            .zip(&step)
            .map(|(ahead, step)| ahead - step)
            .collect();
        let back: f64 = (0..moved.len())
            .map(|e| step[e] * (moved[e] - lambda[e]))
            .sum();
        let next = if back > 0.0 {
            1.0
        } else {
            0.5 + (0.25 + momentum * momentum).sqrt()
        };
        let beta = if back > 0.0 {
            0.0
        } else {
            (momentum - 1.0) / next
        };
        ahead = (0..moved.len())
            .map(|e| moved[e] + beta * (moved[e] - lambda[e]))
            .collect();
        (lambda, momentum) = (moved, next);
    }
    averages
        .iter()
        .zip(&roots)
        .map(|(average, root)| average * root)
        .collect()
}

#[test]
fn grids_of_pairs_equal_ascent_on_the_dual() {
    let mut numbers = Numbers(26);
    for trial in 0..20 {
        let mut rules = Vec::new();
        for i in 0..4 {
            for j in 0..4 {
                for other in [(i + 1, j), (i, j + 1)] {
                    if other.0 < 4 && other.1 < 4 {
                        let scale = [0.5, 1.0, 3.0][trial % 3];
                        let variables = [4 * i + j, 4 * other.0 + other.1];
                        let mut rule = Rule::new(Kind::Pair, scale * numbers.normal(), &variables);
                        rule.places[1].1 = numbers.below(2) == 0;
                        rules.push(rule);
                    }
                }
            }
        }
        let scores = numbers.table(16, 1.0, false);
        let solved = marginals(&rules, &scores);
        assert_close(
            &solved.mu,
            &dual_ascent(&rules, &scores),
            1e-8,
            &format!("trial {trial}"),
        );
        assert!(solved.progress.iterations < 2000, "{:?}", solved.progress);
    }
}

#[test]
fn a_triangle_of_at_most_ones_is_a_relaxation() {
    let rules: Vec<Rule> = [[0, 1], [1, 2], [2, 0]]
        .iter()
        .map(|pair| Rule::new(Kind::AtMostOne, 0.0, pair))
        .collect();
    let scores = [1.0, 1.0, 1.0];
    assert_close(
        &marginals(&rules, &scores).mu,
        &[0.5; 3],
        1e-10,
        "the graph",
    );
    assert_close(
        &joint(&rules, &scores).unwrap(),
        &[1.0 / 3.0; 3],
        1e-8,
        "the structures",
    );
}

#[test]
fn a_variable_in_no_factor_is_clipped() {
    let scores = [-0.5, 0.25, 1.5, 2.0, 1.0];
    assert_close(
        &marginals(&[Rule::new(Kind::Xor, 0.0, &[3, 4])], &scores).mu,
        &[0.0, 0.25, 1.0, 1.0, 0.0],
        1e-10,
        "some",
    );
    assert_eq!(marginals(&[], &scores).mu, [0.0, 0.25, 1.0, 1.0, 1.0]);
    assert_eq!(marginals(&[], &[]).mu, [0.0; 0]);
}

#[test]
fn repeated_factors_change_nothing() {
    let mut numbers = Numbers(24);
    let scores = numbers.table(6, 1.0, false);
    let once = [
        Rule::new(Kind::Xor, 0.0, &[0, 1, 2, 3]),
        Rule::new(Kind::Or, 0.0, &[3, 4, 5]),
    ];
    let truth = joint(&once, &scores).unwrap();
    for count in [2, 10] {
        let rules: Vec<Rule> = (0..count).flat_map(|_| once.clone()).collect();
        assert_close(
            &marginals(&rules, &scores).mu,
            &truth,
            1e-7,
            &format!("{count} times"),
        );
        let rules: Vec<Rule> = (0..count)
            .map(|_| once[0].clone())
            .chain([once[1].clone()])
            .collect();
        assert_close(
            &marginals(&rules, &scores).mu,
            &truth,
            1e-7,
            &format!("one of them {count} times"),
        );
    }
}

#[test]
fn contradictions_do_not_converge() {
    let mut opposite = Rule::new(Kind::Xor, 0.0, &[0]);
    opposite.places[0].1 = true;
    let rules = [
        Rule::new(Kind::Xor, 0.0, &[0]),
        opposite,
        Rule::new(Kind::Or, 0.0, &[0, 1]),
    ];
    let (solved, ..) = solve(&rules, &[0.3, 0.2], (STEP, 50, 500), None);
    assert_eq!(
        (solved.ending, solved.progress.iterations),
        (Ending::MaxCalls, 500)
    );
    assert!(solved.progress.primal > 0.1 && solved.mu.iter().all(|mu| mu.is_finite()));
    let (solved, ..) = solve(
        &[Rule::new(Kind::Budget, 3.0, &[0, 1])],
        &[0.3, 0.2],
        PLAIN,
        None,
    );
    assert_eq!(solved.ending, Ending::Infeasible);
    let forbidden = [f64::NEG_INFINITY, f64::NEG_INFINITY, 0.5];
    let (solved, ..) = solve(
        &[Rule::new(Kind::Xor, 0.0, &[0, 1])],
        &forbidden,
        PLAIN,
        None,
    );
    assert_eq!(solved.ending, Ending::Infeasible);
}

#[test]
fn forbidden_variables_are_zero() {
    let rules = [
        Rule::new(Kind::Xor, 0.0, &[0, 1, 2]),
        Rule::new(Kind::Or, 0.0, &[0, 3]),
    ];
    let scores = [f64::NEG_INFINITY, 0.3, 0.1, 0.2];
    assert_close(
        &marginals(&rules, &scores).mu,
        &[0.0, 0.6, 0.4, 1.0],
        1e-9,
        "forbidden",
    );
}

#[test]
fn calls_of_one_turn_give_the_bits_of_one_call_and_every_step_gets_there() {
    let mut numbers = Numbers(25);
    let rules = matching(4, 4);
    let scores = numbers.table(16, 1.0, false);
    let whole = marginals(&rules, &scores);
    let (parts, ..) = solve(&rules, &scores, (STEP, 1, 20_000), None);
    assert_eq!(whole.mu, parts.mu);
    assert_eq!(whole.progress.iterations, parts.progress.iterations);
    for gamma in [1e-9, 1e-3, 0.1, 10.0, 100.0, 1e9] {
        let (solved, ..) = solve(&rules, &scores, (gamma, 20_000, 20_000), None);
        assert_eq!(
            solved.ending,
            Ending::Converged,
            "gamma {gamma}: {:?}",
            solved.progress
        );
        assert_close(&solved.mu, &whole.mu, 1e-8, &format!("gamma {gamma}"));
    }
}

#[test]
fn tables_that_are_no_graph_are_refused() {
    use entmax_core::structured::graph::{numbers, Graph, State};
    let scores = [0.0; 2];
    let mut memory = [0.0; 64];
    for (factors, variables) in [
        (&[0, 2][..], &[0, 2][..]),
        (&[0, 3], &[0, 1]),
        (&[0, 1], &[0, 1]),
        (&[2, 0, 2], &[0, 1]),
        (&[1, 2], &[0, 1]),
    ] {
        assert!(State::new(
            Graph {
                scores: &scores,
                factors,
                variables
            },
            &mut memory
        )
        .is_none());
    }
    let graph = Graph {
        scores: &scores,
        factors: &[0, 2],
        variables: &[0, 1],
    };
    assert!(State::new(graph, &mut memory[..numbers(2, 2) - 1]).is_none());
    assert!(State::new(graph, &mut memory[..numbers(2, 2)]).is_some());
}
