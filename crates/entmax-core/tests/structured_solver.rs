//! SparseMAP against its certificate: over all structures, by enumeration, none may be worth more than the atoms by more than the
//! gap that is claimed. The problem is concave, so that is a proof of optimality whatever the solver did.

#![cfg(feature = "structured")]

use entmax_core::structured::active_set::{numbers, Atoms, Ending, Limits, Solver};
use entmax_core::structured::arborescence::Arborescence;
use entmax_core::structured::assignment::Assignment;
use entmax_core::structured::factor::{Factor, Room};
use entmax_core::structured::projective::ProjectiveTree;
use entmax_core::structured::sequence::Sequence;
use entmax_core::structured::subsets::{Bits, Budget, OneHot};

/// N(0, 1), or whole numbers for ties.
struct Numbers(u64);

impl Numbers {
    fn uniform(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((self.0 >> 33) as f64 + 0.5) / 2147483648.0
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    fn table(&mut self, len: usize, scale: f64, whole: bool) -> Vec<f64> {
        let number = |numbers: &mut Numbers| match whole {
            true => scale * numbers.normal().round(),
            false => scale * numbers.normal(),
        };
        (0..len).map(|_| number(self)).collect()
    }
}

struct Solved {
    keys: Vec<Vec<i32>>,
    weights: Vec<f64>,
    gap: f64,
    calls: usize,
    ending: Ending,
}

/// Solves in turns of at most `turn` calls, with room for `capacity` atoms at first, from `start`.
fn solve<F: Factor>(
    factor: &F,
    unary: &[f64],
    turn: usize,
    capacity: usize,
    start: &[(Vec<i32>, f64)],
) -> Solved {
    let (len, size) = (factor.key_len(), factor.room());
    let mut capacity = capacity;
    let mut keys: Vec<i32> = start.iter().flat_map(|(key, _)| key.clone()).collect();
    let mut weights: Vec<f64> = start.iter().map(|&(_, weight)| weight).collect();
    let (mut count, mut calls) = (start.len(), 0);
    loop {
        keys.resize(capacity * len, -7);
        weights.resize(capacity, f64::NAN);
        let mut atoms = Atoms {
            keys: keys.as_mut_ptr(),
            weights: weights.as_mut_ptr(),
            capacity,
            count,
        };
        let mut room = vec![f64::NAN; size.numbers];
        let mut indices = vec![-3; size.indices];
        let mut room = Room {
            numbers: &mut room,
            indices: &mut indices,
        };
        let mut work = vec![f64::NAN; numbers(factor.parts(), capacity)];
        let mut key = vec![-5; len];
        let limits = Limits {
            tolerance: 1e-9,
            calls: turn,
            last: false,
        };
        let turn = unsafe { Solver::new(factor, unary, &mut atoms, work.as_mut_ptr()) }
            .solve(limits, &mut room, &mut key);
        count = atoms.count;
        calls += turn.calls;
        assert!(
            calls < 20_000,
            "no end after {calls} calls, gap {}",
            turn.gap
        );
        match turn.ending {
            Ending::NeedRoom => capacity *= 2,
            Ending::Paused => {}
            ending => {
                let keys = (0..count)
                    .map(|j| keys[j * len..(j + 1) * len].to_vec())
                    .collect();
                return Solved {
                    keys,
                    weights: weights[..count].to_vec(),
                    gap: turn.gap,
                    calls,
                    ending,
                };
            }
        }
    }
}

fn marginals<F: Factor>(factor: &F, solved: &Solved) -> Vec<f64> {
    let mut mu = vec![0.0; factor.parts()];
    for (key, weight) in solved.keys.iter().zip(&solved.weights) {
        factor.each_part(key, |part| mu[part] += weight);
    }
    mu
}

/// The proof, by the factor's own oracle or by all of its structures where these are given.
fn certify<F: Factor>(
    factor: &F,
    unary: &[f64],
    solved: &Solved,
    all: Option<&[Vec<i32>]>,
    what: &str,
) {
    assert_eq!(
        solved.ending,
        Ending::Converged,
        "{what}: gap {}",
        solved.gap
    );
    let total: f64 = solved.weights.iter().sum();
    assert!((total - 1.0).abs() < 1e-9, "{what}: weights sum to {total}");
    assert!(
        solved.weights.iter().all(|&weight| weight > 0.0),
        "{what}: {:?}",
        solved.weights
    );
    let mu = marginals(factor, solved);
    let left: Vec<f64> = unary
        .iter()
        .zip(&mu)
        .map(|(score, mu)| score - mu)
        .collect();
    let value: f64 = solved
        .keys
        .iter()
        .zip(&solved.weights)
        .map(|(key, w)| w * factor.score(&left, key))
        .sum();
    let scale = unary
        .iter()
        .filter(|score| score.is_finite())
        .fold(1.0f64, |most, score| most.max(score.abs()));
    let slack =
        2e-9 + 1e-13 * scale * factor.key_len().max(8) as f64 * (8.0 + solved.weights.len() as f64);
    let best = match all {
        Some(all) => all
            .iter()
            .map(|key| factor.score(&left, key))
            .fold(f64::NEG_INFINITY, f64::max),
        None => {
            let size = factor.room();
            let (mut room, mut indices) = (vec![0.0; size.numbers], vec![0; size.indices]);
            let mut key = vec![0; factor.key_len()];
            factor.best(
                &left,
                &mut Room {
                    numbers: &mut room,
                    indices: &mut indices,
                },
                &mut key,
            );
            factor.score(&left, &key)
        }
    };
    assert!(
        best - value <= slack,
        "{what}: gap {} by the certificate, {} claimed",
        best - value,
        solved.gap
    );
}

fn labellings(t: usize, s: usize) -> Vec<Vec<i32>> {
    (0..s.pow(t as u32))
        .map(|code| {
            (0..t)
                .map(|i| (code / s.pow(i as u32) % s) as i32)
                .collect()
        })
        .collect()
}

/// Heads of n words: trees, and only those with one root if asked.
fn trees(n: usize, single_root: bool) -> Vec<Vec<i32>> {
    let all = labellings(n, n + 1);
    let is_tree = |heads: &Vec<i32>| {
        (0..n).all(|word| {
            let mut at = word + 1;
            for _ in 0..=n {
                if at == 0 {
                    return true;
                }
                at = heads[at - 1] as usize;
            }
            false
        }) && (!single_root || heads.iter().filter(|&&head| head == 0).count() == 1)
    };
    all.into_iter().filter(is_tree).collect()
}

fn is_projective(heads: &[i32]) -> bool {
    let dominates = |head: i32, mut word: i32| loop {
        if word == head {
            return true;
        }
        if word == 0 {
            return false;
        }
        word = heads[word as usize - 1];
    };
    heads.iter().enumerate().all(|(m, &head)| {
        let (low, high) = (head.min(m as i32 + 1), head.max(m as i32 + 1));
        (low + 1..high).all(|between| dominates(head, between))
    })
}

const SCALES: [f64; 5] = [0.3, 1.0, 3.0, 1e-6, 1e6];

#[test]
fn small_sequences() {
    let mut numbers = Numbers(1);
    for (t, s) in [(1, 1), (1, 4), (2, 2), (3, 2), (4, 3), (5, 3), (3, 5)] {
        let all = labellings(t, s);
        for (trial, scale) in SCALES.iter().cycle().take(60).enumerate() {
            let whole = trial % 3 == 2;
            let unary = numbers.table(t * s, *scale, whole);
            let transitions = numbers.table((t - 1) * s * s, *scale, whole);
            let (start, end) = (
                numbers.table(s, *scale, whole),
                numbers.table(s, *scale, whole),
            );
            let coupled = trial % 2 == 0;
            let factor = Sequence {
                length: t,
                states: s,
                transitions: coupled.then_some(&transitions),
                start: coupled.then_some(&start),
                end: coupled.then_some(&end),
                budget: None,
            };
            let solved = solve(&factor, &unary, 1000, 4, &[]);
            certify(
                &factor,
                &unary,
                &solved,
                Some(&all),
                &format!("T = {t}, S = {s}, scale {scale}, trial {trial}"),
            );
        }
    }
}

#[test]
fn small_trees() {
    let mut numbers = Numbers(2);
    for n in 1..=4 {
        for single_root in [false, true] {
            let all = trees(n, single_root);
            let projective: Vec<_> = all
                .iter()
                .filter(|heads| is_projective(heads))
                .cloned()
                .collect();
            for (trial, scale) in SCALES.iter().cycle().take(40).enumerate() {
                let mut unary = numbers.table((n + 1) * (n + 1), *scale, trial % 3 == 2);
                if trial % 4 == 3 && n > 1 {
                    unary[n + 1] = f64::NEG_INFINITY;
                    unary[2] = f64::NEG_INFINITY;
                }
                let what =
                    format!("n = {n}, single root {single_root}, scale {scale}, trial {trial}");
                let factor = Arborescence {
                    words: n,
                    single_root,
                };
                certify(
                    &factor,
                    &unary,
                    &solve(&factor, &unary, 1000, 2, &[]),
                    Some(&all),
                    &what,
                );
                let factor = ProjectiveTree {
                    words: n,
                    single_root,
                };
                certify(
                    &factor,
                    &unary,
                    &solve(&factor, &unary, 1000, 2, &[]),
                    Some(&projective),
                    &what,
                );
            }
        }
    }
}

#[test]
fn closed_forms() {
    let mut numbers = Numbers(3);
    for n in [1, 2, 5, 31, 32, 33, 64, 70] {
        for scale in [0.3, 1.0, 3.0] {
            let unary = numbers.table(n, scale, false);
            let bits = Bits { size: n };
            let solved = solve(&bits, &unary, 10_000, 8, &[]);
            certify(&bits, &unary, &solved, None, "bits");
            for (mu, score) in marginals(&bits, &solved).iter().zip(&unary) {
                assert!((mu - score.clamp(0.0, 1.0)).abs() < 1e-4, "{mu} of {score}");
            }
            let one = OneHot { size: n };
            let solved = solve(&one, &unary, 10_000, 8, &[]);
            let mut sorted = unary.clone();
            sorted.sort_by(|a, b| b.total_cmp(a));
            let (mut sum, mut tau) = (0.0, 0.0);
            for (j, score) in sorted.iter().enumerate() {
                if 1.0 + (j + 1) as f64 * score > sum + score {
                    tau = (sum + score - 1.0) / (j + 1) as f64;
                }
                sum += score;
            }
            for (mu, score) in marginals(&one, &solved).iter().zip(&unary) {
                assert!(
                    (mu - (score - tau).max(0.0)).abs() < 1e-9,
                    "{mu} of {score}"
                );
            }
            for at_most in [false, true] {
                let budget = Budget {
                    size: n,
                    k: n.div_ceil(3),
                    at_most,
                };
                certify(
                    &budget,
                    &unary,
                    &solve(&budget, &unary, 10_000, 8, &[]),
                    None,
                    "budget",
                );
            }
        }
    }
}

#[test]
fn large_problems_in_turns_and_from_warm_starts() {
    let mut numbers = Numbers(4);
    for scale in [1.0, 3.0] {
        for (t, s) in [(50, 20), (100, 50)] {
            let (unary, transitions) = (
                numbers.table(t * s, scale, false),
                numbers.table((t - 1) * s * s, scale, false),
            );
            let chain = Sequence {
                length: t,
                states: s,
                transitions: Some(&transitions),
                start: None,
                end: None,
                budget: None,
            };
            both_ways(&chain, &unary, &format!("chain {t} x {s}"));
        }
        let trees = numbers.table(41 * 41, scale, false);
        let (tree, projective) = (
            Arborescence {
                words: 40,
                single_root: true,
            },
            ProjectiveTree {
                words: 20,
                single_root: true,
            },
        );
        let assignment = Assignment {
            rows: 20,
            columns: 20,
            unmatched: false,
        };
        both_ways(&tree, &trees, "arborescence");
        both_ways(&projective, &trees[..21 * 21], "projective tree");
        both_ways(&assignment, &trees[..400], "assignment");
    }
}

/// At once, in turns of seven calls, from the solution itself and from one that is perturbed: the same marginals.
fn both_ways<F: Factor>(factor: &F, unary: &[f64], what: &str) {
    let solved = solve(factor, unary, 10_000, 64, &[]);
    certify(factor, unary, &solved, None, what);
    let mu = marginals(factor, &solved);
    assert!(
        solved.calls <= 2 * solved.keys.len() + 10,
        "{what}: {} calls for {} structures",
        solved.calls,
        solved.keys.len()
    );
    let warm: Vec<_> = solved
        .keys
        .iter()
        .cloned()
        .zip(solved.weights.iter().copied())
        .collect();
    let shuffled: Vec<_> = warm
        .iter()
        .rev()
        .map(|(key, weight)| (key.clone(), weight * weight))
        .collect();
    for (start, turn) in [(&[][..], 7), (&warm, 10_000), (&shuffled, 10_000)] {
        let again = solve(factor, unary, turn, 16.max(start.len()), start);
        certify(factor, unary, &again, None, what);
        for (a, b) in marginals(factor, &again).iter().zip(&mu) {
            assert!((a - b).abs() < 1e-4, "{what}: {a} and {b}");
        }
    }
    assert!(
        solve(factor, unary, 10_000, warm.len() + 8, &warm).calls <= 3,
        "{what}: a warm start from the solution"
    );
}
