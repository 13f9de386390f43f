//! The pullback of LP-SparseMAP against differences.

#![cfg(feature = "structured")]

mod structured_graphs;

use entmax_core::structured::active_set::Ending;
use entmax_core::structured::graph::STEP;
use entmax_core::structured::logic::Kind;
use structured_graphs::{solve, Numbers, Rule};

const PLAIN: (f64, usize, usize) = (STEP, 30_000, 30_000);

/// <v, mu>, by scores and couplings.
fn value(rules: &[Rule], scores: &[f64], v: &[f64]) -> f64 {
    let (solved, ..) = solve(rules, scores, PLAIN, None);
    assert_eq!(solved.ending, Ending::Converged, "{:?}", solved.progress);
    solved.mu.iter().zip(v).map(|(mu, v)| mu * v).sum()
}

/// Compares where differences to both sides agree, so that there is no kink; returns how many.
fn compare(rules: &[Rule], scores: &[f64], v: &[f64], what: &str) -> usize {
    let (solved, gradient, couplings) = solve(rules, scores, PLAIN, Some(v));
    assert_eq!(
        solved.ending,
        Ending::Converged,
        "{what}: {:?}",
        solved.progress
    );
    let step = 1e-5;
    let here = value(rules, scores, v);
    let mut compared = 0;
    let mut check = |above: f64, below: f64, gradient: f64, which: String| {
        if (above + below - 2.0 * here).abs() < 1e-3 * step {
            compared += 1;
            let slope = (above - below) / (2.0 * step);
            assert!(
                (slope - gradient).abs() < 1e-5,
                "{what}, {which}: {slope} and {gradient}"
            );
        }
    };
    for i in 0..scores.len() {
        let at = |sign: f64| {
            let mut scores = scores.to_vec();
            scores[i] += sign * step;
            value(rules, &scores, v)
        };
        check(at(1.0), at(-1.0), gradient[i], format!("score {i}"));
    }
    for f in (0..rules.len()).filter(|&f| rules[f].kind == Kind::Pair) {
        let at = |sign: f64| {
            let mut rules = rules.to_vec();
            rules[f].number += sign * step;
            value(&rules, scores, v)
        };
        check(at(1.0), at(-1.0), couplings[f], format!("coupling {f}"));
    }
    compared
}

#[test]
fn matchings_and_variables_in_no_factor() {
    let mut numbers = Numbers(31);
    let mut compared = 0;
    for trial in 0..10 {
        let mut rules = Vec::new();
        for i in 0..3 {
            rules.push(Rule::new(Kind::Xor, 0.0, &[3 * i, 3 * i + 1, 3 * i + 2]));
            rules.push(Rule::new(Kind::Xor, 0.0, &[i, i + 3, i + 6]));
        }
        let mut scores = numbers.table(9, 0.7, false);
        scores.extend([0.4, -0.3, 1.2]);
        let v = numbers.table(12, 1.0, false);
        compared += compare(&rules, &scores, &v, &format!("trial {trial}"));
        let (_, gradient, _) = solve(&rules, &scores, PLAIN, Some(&v));
        assert_eq!(
            gradient[9..],
            [v[9], 0.0, 0.0],
            "errata: a variable in no factor has a gradient"
        );
    }
    assert!(compared > 110, "{compared}");
}

#[test]
fn where_no_factor_is_tight_the_gradient_is_the_cotangent() {
    // (I - T) v is rounding here, which a linear solve must not take for a direction.
    let mut numbers = Numbers(34);
    for times in 1..12 {
        for negated in [false, true] {
            let mut or = Rule::new(Kind::Or, 0.0, &[0, 1, 2]);
            or.places[0].1 = negated;
            let mut rules = vec![or; times];
            rules.push(Rule::new(Kind::Or, 0.0, &[2, 3]));
            rules.push(Rule::new(Kind::Budget, 1.0, &[4, 5]));
            let scores = [0.45, 0.8, 0.7, 0.6, 0.5, 0.3];
            let v = numbers.table(6, 1.0, false);
            let (solved, gradient, _) = solve(&rules, &scores, PLAIN, Some(&v));
            assert_eq!(solved.ending, Ending::Converged);
            let part = 0.5 * (v[4] - v[5]);
            for (own, v) in gradient.iter().zip([v[0], v[1], v[2], v[3], part, -part]) {
                assert!((own - v).abs() < 1e-12, "{times} times: {gradient:?}, {v}");
            }
            let v = [&v[..4], &[1.0, -1.0]].concat();
            let (_, gradient, _) = solve(&rules, &scores, PLAIN, Some(&v));
            for (own, v) in gradient.iter().zip(&v) {
                assert!((own - v).abs() < 1e-12, "{times} times: {gradient:?}, {v}");
            }
        }
    }
}

#[test]
fn pairs_on_a_grid_with_their_couplings() {
    let mut numbers = Numbers(32);
    let (mut compared, mut all) = (0, 0);
    for trial in 0..10 {
        let mut rules = Vec::new();
        for i in 0..3 {
            for j in 0..3 {
                for other in [(i + 1, j), (i, j + 1)] {
                    if other.0 < 3 && other.1 < 3 {
                        let variables = [3 * i + j, 3 * other.0 + other.1];
                        let mut rule = Rule::new(Kind::Pair, 0.5 * numbers.normal(), &variables);
                        rule.places[0].1 = trial % 2 == 1 && numbers.below(2) == 0;
                        rules.push(rule);
                    }
                }
            }
        }
        let scores: Vec<f64> = numbers
            .table(9, 0.4, false)
            .iter()
            .map(|score| score + 0.5)
            .collect();
        let v = numbers.table(9, 1.0, false);
        compared += compare(&rules, &scores, &v, &format!("trial {trial}"));
        all += 21;
    }
    assert!(compared * 10 > all * 8, "{compared} of {all}");
}

#[test]
fn mixed_rules_with_negations() {
    let mut numbers = Numbers(33);
    let (mut compared, mut all) = (0, 0);
    for trial in 0..30 {
        let count = 7;
        let inside: Vec<f64> = (0..count).map(|_| numbers.below(2) as f64).collect();
        let mut rules = Vec::new();
        while rules.len() < 5 {
            let mut variables: Vec<usize> = (0..count).collect();
            for i in (1..count).rev() {
                variables.swap(i, numbers.below(i + 1));
            }
            let kind = [
                Kind::Xor,
                Kind::AtMostOne,
                Kind::Or,
                Kind::OrOut,
                Kind::BudgetAtMost,
                Kind::Knapsack,
                Kind::Pair,
            ][numbers.below(7)];
            variables.truncate(if kind == Kind::Pair {
                2
            } else {
                3 + numbers.below(3)
            });
            let mut rule = Rule::new(
                kind,
                if kind == Kind::Pair {
                    numbers.normal()
                } else {
                    2.0
                },
                &variables,
            );
            for place in &mut rule.places {
                *place = (place.0, numbers.below(3) == 0, 0.5 + numbers.uniform());
            }
            if rule.value(&inside).is_some() {
                rules.push(rule);
            }
        }
        let scores: Vec<f64> = numbers
            .table(count, 0.7, false)
            .iter()
            .map(|score| score + 0.4)
            .collect();
        let v = numbers.table(count, 1.0, false);
        compared += compare(&rules, &scores, &v, &format!("trial {trial}"));
        all += count + rules.iter().filter(|rule| rule.kind == Kind::Pair).count();
    }
    assert!(compared * 10 > all * 8, "{compared} of {all}");
}
