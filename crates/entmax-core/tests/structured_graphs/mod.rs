//! Scores, and projections by enumeration, for the tests of factor graphs.
#![allow(dead_code)]

use entmax_core::structured::active_set::{numbers, Atoms, Ending, Limits, Solver};
use entmax_core::structured::factor::{Factor, Room, RoomSize};
use entmax_core::structured::graph::{self, Graph, Progress, State};
use entmax_core::structured::graph_backward;
use entmax_core::structured::graph_logic::LogicFactors;
use entmax_core::structured::logic::{Kind, Logic};

/// N(0, 1), or whole numbers for ties.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn uniform(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((self.0 >> 33) as f64 + 0.5) / 2147483648.0
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.uniform() * n as f64) as usize
    }

    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    pub fn table(&mut self, len: usize, scale: f64, whole: bool) -> Vec<f64> {
        let number = |numbers: &mut Numbers| match whole {
            true => scale * numbers.normal().round(),
            false => scale * numbers.normal(),
        };
        (0..len).map(|_| number(self)).collect()
    }
}

/// A set of structures given by their parts, with a score of its own for each: the oracle tries them all. Parts weigh what they are
/// told to.
pub struct Listed {
    pub structures: Vec<Vec<usize>>,
    pub extra: Vec<f64>,
    pub weights: Vec<f64>,
}

impl Factor for Listed {
    fn parts(&self) -> usize {
        self.weights.len()
    }
    fn key_len(&self) -> usize {
        1
    }
    fn room(&self) -> RoomSize {
        RoomSize {
            numbers: 0,
            indices: 0,
        }
    }
    fn best(&self, unary: &[f64], _: &mut Room, key: &mut [i32]) -> bool {
        let mut best = f64::NEG_INFINITY;
        for j in 0..self.structures.len() {
            let score = self.score(unary, &[j as i32]);
            if score > best {
                best = score;
                key[0] = j as i32;
            }
        }
        best > f64::NEG_INFINITY
    }
    fn score(&self, unary: &[f64], key: &[i32]) -> f64 {
        let j = key[0] as usize;
        self.structures[j]
            .iter()
            .map(|&part| unary[part])
            .sum::<f64>()
            + self.extra[j]
    }
    fn overlap(&self, a: &[i32], b: &[i32]) -> f64 {
        let b = &self.structures[b[0] as usize];
        let shared = self.structures[a[0] as usize]
            .iter()
            .filter(|part| b.contains(part));
        shared.map(|&part| self.weights[part]).sum()
    }
    fn is_weighted(&self) -> bool {
        true
    }
    fn weight(&self, part: usize) -> f64 {
        self.weights[part]
    }
    fn each_part(&self, key: &[i32], visit: impl FnMut(usize)) {
        self.structures[key[0] as usize]
            .iter()
            .copied()
            .for_each(visit);
    }
}

/// The marginals of SparseMAP, with every part's weight in its square.
pub fn sparsemap<F: Factor>(factor: &F, unary: &[f64]) -> Vec<f64> {
    let (capacity, len, size) = (128, factor.key_len(), factor.room());
    let (mut keys, mut weights) = (vec![0; capacity * len], vec![0.0; capacity]);
    let mut atoms = Atoms {
        keys: keys.as_mut_ptr(),
        weights: weights.as_mut_ptr(),
        capacity,
        count: 0,
    };
    let (mut room, mut indices) = (vec![0.0; size.numbers], vec![0; size.indices]);
    let mut room = Room {
        numbers: &mut room,
        indices: &mut indices,
    };
    let mut work = vec![0.0; numbers(factor.parts(), capacity)];
    let limits = Limits {
        tolerance: 1e-14,
        calls: 10_000,
        last: true,
    };
    let turn = unsafe { Solver::new(factor, unary, &mut atoms, work.as_mut_ptr()) }.solve(
        limits,
        &mut room,
        &mut vec![0; len],
    );
    assert!(
        turn.ending == Ending::Converged || turn.gap < 1e-9,
        "{:?} with gap {}",
        turn.ending,
        turn.gap
    );
    let mut mu = vec![0.0; factor.parts()];
    let mut objective = 0.0;
    for (key, weight) in keys.chunks(len).zip(&weights).take(atoms.count) {
        factor.each_part(key, |part| mu[part] += weight);
        objective += weight * factor.score(unary, key);
    }
    for (part, mu) in mu.iter().enumerate() {
        objective -= 0.5 * factor.weight(part) * mu * mu;
    }
    let size = objective.abs().max(1.0);
    assert!((objective - turn.objective).abs() < 1e-9 * size);
    mu
}

/// Whether a factor of logic without negations allows these places.
pub fn allows(kind: Kind, number: f64, costs: &[f64], p: &[f64]) -> bool {
    let sum: f64 = p.iter().sum();
    match kind {
        Kind::Xor => sum == 1.0,
        Kind::AtMostOne => sum <= 1.0,
        Kind::Or => sum >= 1.0,
        Kind::OrOut => {
            let (out, inputs) = p.split_last().unwrap();
            *out == inputs.iter().copied().fold(0.0, f64::max)
        }
        Kind::Budget => sum == number,
        Kind::BudgetAtMost => sum <= number,
        Kind::Knapsack => costs.iter().zip(p).map(|(c, p)| c * p).sum::<f64>() <= number,
        Kind::Pair => true,
    }
}

/// The corners of what a factor allows, of a knapsack those with one fraction too; negated places are turned over.
pub fn corners(factor: &Logic) -> Vec<Vec<f64>> {
    let n = factor.scale.len();
    let mut all = Vec::new();
    for code in 0..1usize << n {
        let p: Vec<f64> = (0..n).map(|i| (code >> i & 1) as f64).collect();
        if !allows(factor.kind, factor.number, factor.costs, &p) {
            continue;
        }
        if factor.kind == Kind::Knapsack {
            let left = factor.number - factor.costs.iter().zip(&p).map(|(c, p)| c * p).sum::<f64>();
            for i in (0..n).filter(|&i| p[i] == 0.0 && factor.costs[i] > left) {
                let mut corner = p.clone();
                corner[i] = left / factor.costs[i];
                all.push(corner);
            }
        }
        all.push(p);
    }
    for p in &mut all {
        for (i, p) in p.iter_mut().enumerate() {
            if factor.negated.get(i).is_some_and(|&negated| negated != 0) {
                *p = 1.0 - *p;
            }
        }
    }
    all
}

/// A factor of logic of a graph: number, and its variables, each with whether it is negated and its cost.
#[derive(Clone)]
pub struct Rule {
    pub kind: Kind,
    pub number: f64,
    pub places: Vec<(usize, bool, f64)>,
}

impl Rule {
    pub fn new(kind: Kind, number: f64, variables: &[usize]) -> Rule {
        let places = variables
            .iter()
            .map(|&variable| (variable, false, 1.0))
            .collect();
        Rule {
            kind,
            number,
            places,
        }
    }

    /// Whether it holds for all variables' values, and what its coupling is worth.
    pub fn value(&self, all: &[f64]) -> Option<f64> {
        let literal = |&(variable, negated, _): &(usize, bool, f64)| match negated {
            true => 1.0 - all[variable],
            false => all[variable],
        };
        let p: Vec<f64> = self.places.iter().map(literal).collect();
        let costs: Vec<f64> = self.places.iter().map(|place| place.2).collect();
        let worth = if self.kind == Kind::Pair {
            self.number * p[0] * p[1]
        } else {
            0.0
        };
        allows(self.kind, self.number, &costs, &p).then_some(worth)
    }
}

pub struct Tables {
    pub kinds: Vec<Kind>,
    pub numbers: Vec<f64>,
    pub negated: Vec<u8>,
    pub costs: Vec<f64>,
    pub factors: Vec<u32>,
    pub variables: Vec<u32>,
    pub faces: Vec<i32>,
    pub room: Vec<f64>,
    pub gradients: Vec<f64>,
}

impl Tables {
    pub fn new(rules: &[Rule]) -> Tables {
        let places: Vec<_> = rules.iter().flat_map(|rule| rule.places.clone()).collect();
        let mut factors = vec![0];
        for rule in rules {
            factors.push(factors.last().unwrap() + rule.places.len() as u32);
        }
        Tables {
            kinds: rules.iter().map(|rule| rule.kind).collect(),
            numbers: rules.iter().map(|rule| rule.number).collect(),
            negated: places.iter().map(|place| place.1 as u8).collect(),
            costs: places.iter().map(|place| place.2).collect(),
            variables: places.iter().map(|place| place.0 as u32).collect(),
            faces: vec![-1; places.len()],
            room: vec![f64::NAN; 4 * places.len()],
            gradients: vec![0.0; rules.len()],
            factors,
        }
    }

    pub fn factors(&mut self) -> LogicFactors<'_> {
        LogicFactors {
            kinds: &self.kinds,
            numbers: &self.numbers,
            negated: &self.negated,
            costs: &self.costs,
            faces: &mut self.faces,
            room: &mut self.room,
            gradients: &mut self.gradients,
        }
    }
}

pub struct Solved {
    pub mu: Vec<f64>,
    pub ending: Ending,
    pub progress: Progress,
}

/// A graph of logic factors in calls of `turn` turns, and the pullback of a cotangent: of scores, and of couplings.
pub fn solve(
    rules: &[Rule],
    scores: &[f64],
    (gamma, turn, most): (f64, usize, usize),
    cotangent: Option<&[f64]>,
) -> (Solved, Vec<f64>, Vec<f64>) {
    let mut tables = Tables::new(rules);
    let (offsets, variables) = (tables.factors.clone(), tables.variables.clone());
    let graph = Graph {
        scores,
        factors: &offsets,
        variables: &variables,
    };
    let mut memory = vec![f64::NAN; graph::numbers(scores.len(), variables.len())];
    State::new(graph, &mut memory).unwrap().begin();
    let mut progress = Progress::new(gamma);
    let ending = loop {
        let mut state = State::new(graph, &mut memory).unwrap();
        let limits = graph::Limits {
            tolerance: 1e-11,
            iterations: turn,
            last: progress.iterations + turn >= most,
        };
        let ending = state.advance(&mut progress, &mut tables.factors(), limits);
        if ending != Ending::Paused {
            break ending;
        }
    };
    let state = State::new(graph, &mut memory).unwrap();
    let mut mu = vec![0.0; scores.len()];
    state.marginals(&mut mu);
    let mut gradient = vec![0.0; scores.len()];
    if let Some(cotangent) = cotangent {
        let mut scratch = vec![f64::NAN; graph_backward::numbers(scores.len(), variables.len())];
        let solved = graph_backward::pull_back(
            &state,
            &mut tables.factors(),
            cotangent,
            &mut gradient,
            &mut scratch,
            (200, 1e-13),
        )
        .unwrap();
        assert!(solved.residual < 1e-10, "{solved:?}");
    }
    (
        Solved {
            mu,
            ending,
            progress,
        },
        gradient,
        tables.gradients,
    )
}

/// SparseMAP over all values of all variables that the rules allow.
pub fn joint(rules: &[Rule], scores: &[f64]) -> Option<Vec<f64>> {
    let n = scores.len();
    let mut listed = Listed {
        structures: vec![],
        extra: vec![],
        weights: vec![1.0; n],
    };
    for code in 0..1usize << n {
        let p: Vec<f64> = (0..n).map(|i| (code >> i & 1) as f64).collect();
        if let Some(worth) = rules.iter().map(|rule| rule.value(&p)).sum::<Option<f64>>() {
            listed
                .structures
                .push((0..n).filter(|&i| p[i] == 1.0).collect());
            listed.extra.push(worth);
        }
    }
    (!listed.extra.is_empty()).then(|| sparsemap(&listed, scores))
}
