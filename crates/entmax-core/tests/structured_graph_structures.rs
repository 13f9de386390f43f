//! LP-SparseMAP with sequences, trees and other structured factors: joint SparseMAP without cycles, factors that say the same in
//! other words, and differences.

#![cfg(feature = "structured")]

mod structured_graphs;

use entmax_core::structured::active_set::Ending;
use entmax_core::structured::arborescence::Arborescence;
use entmax_core::structured::assignment::Assignment;
use entmax_core::structured::factor::Factor;
use entmax_core::structured::graph::{
    self, Factors, Graph, Limits, Places, Progress, Projection, State, STEP,
};
use entmax_core::structured::graph_backward;
use entmax_core::structured::graph_structured::{self, Kept, Structured};
use entmax_core::structured::logic::Kind;
use entmax_core::structured::sequence::Sequence;
use entmax_core::structured::subsets::OneHot;
use structured_graphs::{solve as solve_rules, sparsemap, Listed, Numbers, Rule, Tables};

/// Two kinds of factors in one graph: the first `split` of one, the others of the other.
struct Both<'a, A: ?Sized, B: ?Sized> {
    split: usize,
    first: &'a mut A,
    second: &'a mut B,
}

impl<A: Factors + ?Sized, B: Factors + ?Sized> Factors for Both<'_, A, B> {
    fn project(
        &mut self,
        factor: usize,
        places: &Places,
        scores: &[f64],
        damping: f64,
        u: &mut [f64],
    ) -> Projection {
        match factor.checked_sub(self.split) {
            None => self.first.project(factor, places, scores, damping, u),
            Some(factor) => self.second.project(factor, places, scores, damping, u),
        }
    }

    fn differentiate(&mut self, factor: usize, places: &Places, x: &mut [f64]) {
        match factor.checked_sub(self.split) {
            None => self.first.differentiate(factor, places, x),
            Some(factor) => self.second.differentiate(factor, places, x),
        }
    }

    fn differentiate_additional(&mut self, factor: usize, places: &Places, x: &mut [f64]) {
        match factor.checked_sub(self.split) {
            None => self.first.differentiate_additional(factor, places, x),
            Some(factor) => self.second.differentiate_additional(factor, places, x),
        }
    }
}

/// Memory of a structured factor.
struct Memory {
    capacity: usize,
    numbers: Vec<f64>,
    indices: Vec<i32>,
    kept: Kept,
}

impl Memory {
    fn new<F: Factor>(factor: &F, capacity: usize) -> Memory {
        Memory {
            capacity,
            numbers: vec![f64::NAN; graph_structured::numbers(factor, capacity)],
            indices: vec![-7; graph_structured::indices(factor, capacity)],
            kept: Kept::default(),
        }
    }

    /// Room for twice as many atoms, those that there are first.
    fn grow<F: Factor>(&mut self, factor: &F) {
        let mut larger = Memory::new(factor, 2 * self.capacity);
        let count = self.kept.count;
        larger.numbers[..count].copy_from_slice(&self.numbers[..count]);
        let keys = count * factor.key_len();
        larger.indices[..keys].copy_from_slice(&self.indices[..keys]);
        larger.kept.count = count;
        *self = larger;
    }

    fn open<'a, F: Factor>(&'a mut self, factor: &'a F) -> Structured<'a, F> {
        let memory = (&mut self.numbers[..], &mut self.indices[..]);
        Structured::new(factor, self.capacity, memory, &mut self.kept).unwrap()
    }
}

struct Solved {
    mu: Vec<f64>,
    ending: Ending,
    gradient: Vec<f64>,
    couplings: Vec<f64>,
    additional: Vec<Vec<f64>>,
    iterations: usize,
}

/// Logic rules, then structured factors with the variables of their parts.
fn solve<F: Factor>(
    rules: &[Rule],
    structures: &[(F, Vec<usize>)],
    scores: &[f64],
    turn: usize,
    v: Option<&[f64]>,
) -> Solved {
    let mut tables = Tables::new(rules);
    let (mut offsets, mut variables) = (tables.factors.clone(), tables.variables.clone());
    for (_, parts) in structures {
        offsets.push(offsets.last().unwrap() + parts.len() as u32);
        variables.extend(parts.iter().map(|&variable| variable as u32));
    }
    let graph = Graph {
        scores,
        factors: &offsets,
        variables: &variables,
    };
    let mut memory = vec![f64::NAN; graph::numbers(scores.len(), variables.len())];
    State::new(graph, &mut memory).unwrap().begin();
    let mut memories: Vec<Memory> = structures
        .iter()
        .map(|(factor, _)| Memory::new(factor, 2))
        .collect();
    let mut progress = Progress::new(STEP);
    let ending = loop {
        let mut open: Vec<_> = memories
            .iter_mut()
            .zip(structures)
            .map(|(memory, (factor, _))| memory.open(factor))
            .collect();
        let mut both = Both {
            split: rules.len(),
            first: &mut tables.factors(),
            second: &mut open[..],
        };
        let limits = Limits {
            tolerance: 1e-11,
            iterations: turn,
            last: progress.iterations > 20_000,
        };
        let ending =
            State::new(graph, &mut memory)
                .unwrap()
                .advance(&mut progress, &mut both, limits);
        match ending {
            Ending::NeedRoom => {
                for (memory, (factor, _)) in memories.iter_mut().zip(structures) {
                    memory.grow(factor);
                }
            }
            Ending::Paused => {}
            _ => break ending,
        }
    };
    let state = State::new(graph, &mut memory).unwrap();
    let mut mu = vec![0.0; scores.len()];
    state.marginals(&mut mu);
    let mut gradient = vec![0.0; scores.len()];
    let mut open: Vec<_> = memories
        .iter_mut()
        .zip(structures)
        .map(|(memory, (factor, _))| memory.open(factor))
        .collect();
    if let Some(v) = v {
        let mut both = Both {
            split: rules.len(),
            first: &mut tables.factors(),
            second: &mut open[..],
        };
        let mut scratch = vec![f64::NAN; graph_backward::numbers(scores.len(), variables.len())];
        let solved = graph_backward::pull_back(
            &state,
            &mut both,
            v,
            &mut gradient,
            &mut scratch,
            (300, 1e-13),
        )
        .unwrap();
        assert!(solved.residual < 1e-10, "{solved:?}");
    }
    Solved {
        mu,
        ending,
        gradient,
        couplings: tables.gradients.clone(),
        additional: open
            .iter()
            .map(|factor| factor.additional.to_vec())
            .collect(),
        iterations: progress.iterations,
    }
}

fn assert_close(a: &[f64], b: &[f64], tolerance: f64, what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        assert!((x - y).abs() < tolerance, "{what}: {x} and {y} at {i}");
    }
}

fn all(n: usize) -> Vec<usize> {
    (0..n).collect()
}

fn sequence(length: usize, states: usize, transitions: &[f64]) -> Sequence<'_> {
    Sequence {
        length,
        states,
        transitions: Some(transitions),
        start: None,
        end: None,
        budget: None,
    }
}

#[test]
fn one_factor_is_sparsemap_and_so_is_that_factor_several_times() {
    let mut numbers = Numbers(41);
    for (t, s) in [(1, 3), (4, 3), (8, 5)] {
        for scale in [0.5, 1.0, 3.0] {
            let scores = numbers.table(t * s, scale, false);
            let whole = numbers.table((t - 1) * s * s, scale, false);
            let truth = sparsemap(&sequence(t, s, &whole), &scores);
            for count in [1, 2, 5] {
                let part: Vec<f64> = whole.iter().map(|score| score / count as f64).collect();
                let structures: Vec<_> = (0..count)
                    .map(|_| (sequence(t, s, &part), all(t * s)))
                    .collect();
                let solved = solve(&[], &structures, &scores, 30_000, None);
                assert_eq!(solved.ending, Ending::Converged);
                assert_close(
                    &solved.mu,
                    &truth,
                    1e-7,
                    &format!("{t} x {s}, {count} times"),
                );
            }
        }
    }
    for n in [4, 8] {
        let scores = numbers.table(n * n, 1.0, false);
        let factor = || Assignment {
            rows: n,
            columns: n,
            unmatched: false,
        };
        let solved = solve(
            &[],
            &[(factor(), all(n * n)), (factor(), all(n * n))],
            &scores,
            30_000,
            None,
        );
        assert_close(
            &solved.mu,
            &sparsemap(&factor(), &scores),
            1e-7,
            "assignments",
        );
    }
}

#[test]
fn a_tree_with_rules_that_it_keeps_anyway_is_sparsemap() {
    let mut numbers = Numbers(42);
    for n in [2, 5, 10] {
        let scores = numbers.table((n + 1) * (n + 1), 1.0, false);
        let tree = || Arborescence {
            words: n,
            single_root: true,
        };
        let mut rules: Vec<Rule> = (1..=n)
            .map(|word| {
                let heads: Vec<usize> = (0..=n)
                    .filter(|&head| head != word)
                    .map(|head| head * (n + 1) + word)
                    .collect();
                Rule::new(Kind::Xor, 0.0, &heads)
            })
            .collect();
        rules.push(Rule::new(Kind::Budget, 1.0, &all(n + 1)[1..]));
        let solved = solve(
            &rules,
            &[(tree(), all((n + 1) * (n + 1)))],
            &scores,
            30_000,
            None,
        );
        assert_eq!(solved.ending, Ending::Converged);
        let truth = sparsemap(&tree(), &scores);
        // Parts that no tree has.
        for (i, mu) in truth.iter().enumerate() {
            assert!(i % (n + 1) != 0 || *mu == 0.0);
        }
        assert_close(&solved.mu, &truth, 1e-7, &format!("{n} words"));
    }
}

#[test]
fn one_hot_factors_equal_xors() {
    let mut numbers = Numbers(43);
    for trial in 0..10 {
        let n = 4;
        let scores = numbers.table(n * n, [0.5, 1.0, 3.0][trial % 3], false);
        let column = |j: usize| (0..n).map(|i| i * n + j).collect::<Vec<_>>();
        let row = |i: usize| (0..n).map(|j| i * n + j).collect::<Vec<_>>();
        let columns: Vec<Rule> = (0..n)
            .map(|j| Rule::new(Kind::AtMostOne, 0.0, &column(j)))
            .collect();
        let rows: Vec<_> = (0..n).map(|i| (OneHot { size: n }, row(i))).collect();
        let mixed = solve(&columns, &rows, &scores, 30_000, Some(&scores));
        let rules: Vec<Rule> = columns
            .into_iter()
            .chain((0..n).map(|i| Rule::new(Kind::Xor, 0.0, &row(i))))
            .collect();
        let (logic, gradient, _) =
            solve_rules(&rules, &scores, (STEP, 30_000, 30_000), Some(&scores));
        assert_close(&mixed.mu, &logic.mu, 1e-9, &format!("trial {trial}"));
        assert_close(&mixed.gradient, &gradient, 1e-8, &format!("trial {trial}"));
    }
}

/// A sequence of two states with, at every position, a pair of its second state and a variable of its own.
fn observed(t: usize, numbers: &mut Numbers) -> (Vec<Rule>, Vec<f64>, Vec<f64>) {
    let rules = (0..t).map(|i| Rule::new(Kind::Pair, numbers.normal(), &[2 * i + 1, 2 * t + i]));
    let rules = rules.collect();
    let scores = numbers.table(3 * t, 0.7, false);
    (rules, scores, numbers.table(4 * (t - 1), 0.7, false))
}

#[test]
fn a_sequence_with_pairs_equals_joint_sparsemap() {
    let mut numbers = Numbers(44);
    for trial in 0..30 {
        let t = 2 + trial % 3;
        let (rules, scores, transitions) = observed(t, &mut numbers);
        let mut listed = Listed {
            structures: vec![],
            extra: vec![],
            weights: vec![1.0; 3 * t],
        };
        for code in 0..1usize << (2 * t) {
            let state = |i: usize| code >> i & 1;
            let mut values = vec![0.0; 3 * t];
            (0..t).for_each(|i| {
                values[2 * i + state(i)] = 1.0;
                values[2 * t + i] = (code >> (t + i) & 1) as f64;
            });
            let steps = (1..t).map(|i| transitions[4 * (i - 1) + 2 * state(i - 1) + state(i)]);
            let pairs = rules.iter().map(|rule| rule.value(&values).unwrap());
            listed.extra.push(steps.sum::<f64>() + pairs.sum::<f64>());
            listed
                .structures
                .push((0..3 * t).filter(|&i| values[i] == 1.0).collect());
        }
        let structures = [(sequence(t, 2, &transitions), all(2 * t))];
        let solved = solve(&rules, &structures, &scores, 30_000, None);
        assert_eq!(solved.ending, Ending::Converged);
        assert_close(
            &solved.mu,
            &sparsemap(&listed, &scores),
            2e-7,
            &format!("trial {trial}"),
        );
        let again = solve(&rules, &structures, &scores, 1, None);
        assert_eq!(
            (again.mu, again.iterations),
            (solved.mu, solved.iterations),
            "in calls of one turn"
        );
    }
}

#[test]
fn gradients_of_scores_transitions_and_couplings_equal_differences() {
    let mut numbers = Numbers(45);
    let (mut compared, mut count) = (0, 0);
    for trial in 0..8 {
        let t = 4;
        let (mut rules, scores, transitions) = observed(t, &mut numbers);
        // And a budget over the second states: a cycle.
        rules.push(Rule::new(
            Kind::BudgetAtMost,
            1.0 + (trial % 2) as f64 * 0.5,
            &[1, 3, 5, 7],
        ));
        let v = numbers.table(3 * t, 1.0, false);
        let run = |rules: &[Rule], scores: &[f64], transitions: &[f64]| {
            let solved = solve(
                rules,
                &[(sequence(t, 2, transitions), all(2 * t))],
                scores,
                30_000,
                None,
            );
            assert_eq!(solved.ending, Ending::Converged);
            solved.mu.iter().zip(&v).map(|(mu, v)| mu * v).sum::<f64>()
        };
        let here = run(&rules, &scores, &transitions);
        let solved = solve(
            &rules,
            &[(sequence(t, 2, &transitions), all(2 * t))],
            &scores,
            30_000,
            Some(&v),
        );
        let step = 1e-5;
        let mut check = |at: &dyn Fn(f64) -> f64, gradient: f64, what: String| {
            let (above, below) = (at(step), at(-step));
            count += 1;
            if (above + below - 2.0 * here).abs() < 1e-3 * step {
                compared += 1;
                let slope = (above - below) / (2.0 * step);
                assert!(
                    (slope - gradient).abs() < 1e-5,
                    "trial {trial}, {what}: {slope} and {gradient}"
                );
            }
        };
        let moved = |table: &[f64], i: usize, by: f64| {
            let mut table = table.to_vec();
            table[i] += by;
            table
        };
        for i in 0..scores.len() {
            check(
                &|by| run(&rules, &moved(&scores, i, by), &transitions),
                solved.gradient[i],
                format!("score {i}"),
            );
        }
        for i in 0..transitions.len() {
            let gradient = solved.additional[0][i];
            check(
                &|by| run(&rules, &scores, &moved(&transitions, i, by)),
                gradient,
                format!("transition {i}"),
            );
        }
        for i in 0..t {
            let at = |by: f64| {
                let mut rules = rules.clone();
                rules[i].number += by;
                run(&rules, &scores, &transitions)
            };
            check(&at, solved.couplings[i], format!("coupling {i}"));
        }
    }
    assert!(compared * 10 > count * 8, "{compared} of {count}");
}

#[test]
fn errata_10_transition_scores_count_in_a_graph() {
    let (plain, strong) = ([0.0; 4], [0.0, 0.0, 0.0, 4.0]);
    let run = |transitions| {
        solve::<Sequence>(
            &[],
            &[(sequence(2, 2, transitions), all(4))],
            &[0.0; 4],
            1000,
            None,
        )
        .mu
    };
    assert_close(&run(&plain), &[0.5; 4], 1e-9, "without");
    assert_close(&run(&strong), &[0.0, 1.0, 0.0, 1.0], 1e-9, "with");
}

#[test]
fn forbidden_states_and_impossible_sequences() {
    let transitions = [0.0; 4];
    let structures = [
        (sequence(2, 2, &transitions), all(4)),
        (sequence(2, 2, &transitions), all(4)),
    ];
    let solved = solve(
        &[],
        &structures,
        &[f64::NEG_INFINITY, 0.1, 0.2, 0.3],
        1000,
        None,
    );
    assert_eq!(solved.ending, Ending::Converged);
    assert_close(&solved.mu, &[0.0, 1.0, 0.45, 0.55], 1e-9, "forbidden");
    let solved = solve(
        &[],
        &structures,
        &[f64::NEG_INFINITY, f64::NEG_INFINITY, 0.2, 0.3],
        1000,
        None,
    );
    assert_eq!(solved.ending, Ending::Infeasible);
}
