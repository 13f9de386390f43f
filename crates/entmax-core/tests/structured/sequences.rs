use super::*;
use entmax_core::structured::sequence::Sequence;

/// Which tables a sequence has.
const TABLES: [(bool, bool, bool); 5] = [
    (true, false, false),
    (false, false, false),
    (true, true, true),
    (false, true, true),
    (true, false, true),
];

/// The scores of a chain's tables, one after the other.
pub struct Chain {
    pub length: usize,
    pub states: usize,
    pub additional: Vec<f64>,
    pub tables: (bool, bool, bool),
}

impl Chain {
    pub fn new(
        length: usize,
        states: usize,
        tables: (bool, bool, bool),
        kind: &str,
        seed: u64,
    ) -> Self {
        let table = usize::from(tables.0) * length.saturating_sub(1) * states * states;
        let ends = (usize::from(tables.1) + usize::from(tables.2)) * states;
        Chain {
            length,
            states,
            additional: scores(kind, table + ends, seed + 1000),
            tables,
        }
    }

    pub fn factor(&self, budget: Option<usize>) -> Sequence<'_> {
        let table =
            usize::from(self.tables.0) * self.length.saturating_sub(1) * self.states * self.states;
        let (transitions, rest) = self.additional.split_at(table);
        let (start, end) = rest.split_at(usize::from(self.tables.1) * self.states);
        Sequence {
            length: self.length,
            states: self.states,
            transitions: self.tables.0.then_some(transitions),
            start: self.tables.1.then_some(start),
            end: self.tables.2.then_some(end),
            budget,
        }
    }

    /// All labellings in lexicographic order, with at most `budget` positions outside of state 0.
    pub fn labellings(&self, budget: Option<usize>) -> Vec<Structure> {
        let (length, states) = (self.length, self.states);
        let count = states.pow(length as u32);
        let label = |index: usize, t: usize| index / states.pow((length - 1 - t) as u32) % states;
        let all = (0..count).map(|index| (0..length).map(|t| label(index, t)).collect::<Vec<_>>());
        let kept = all.filter(|labels| {
            budget.is_none_or(|budget| labels.iter().filter(|&&label| label > 0).count() <= budget)
        });
        kept.map(|labels| self.structure(&labels)).collect()
    }

    fn structure(&self, labels: &[usize]) -> Structure {
        let states = self.states;
        let mut additional = Vec::new();
        let mut offset = 0;
        if self.tables.0 {
            for t in 1..labels.len() {
                additional.push(((t - 1) * states + labels[t - 1]) * states + labels[t]);
            }
            offset = (labels.len() - 1) * states * states;
        }
        if self.tables.1 {
            additional.push(offset + labels[0]);
            offset += states;
        }
        if self.tables.2 {
            additional.push(offset + labels[labels.len() - 1]);
        }
        Structure {
            key: labels.iter().map(|&label| label as i32).collect(),
            parts: labels
                .iter()
                .enumerate()
                .map(|(t, &label)| t * states + label)
                .collect(),
            additional,
        }
    }
}

/// (length, states) with few labellings, and all numbers of states that have code of their own.
const SMALL: [(usize, usize); 20] = [
    (1, 1),
    (1, 2),
    (1, 7),
    (2, 1),
    (5, 1),
    (2, 2),
    (3, 2),
    (8, 2),
    (2, 3),
    (5, 3),
    (4, 4),
    (2, 5),
    (4, 5),
    (3, 6),
    (3, 7),
    (3, 8),
    (2, 9),
    (2, 13),
    (2, 16),
    (2, 19),
];

#[test]
fn no_labelling_is_better_and_none_before_it_as_good() {
    for (length, states) in SMALL {
        for (seed, kind) in KINDS.iter().enumerate() {
            for tables in TABLES {
                let chain = Chain::new(length, states, tables, kind, seed as u64);
                let all = chain.labellings(None);
                if seed == 0 {
                    check_parts(&chain.factor(None), &all);
                }
                for round in 0..3 {
                    let unary = scores(kind, length * states, 100 * round + seed as u64);
                    let answer =
                        check_best(&chain.factor(None), &all, kind, &unary, &chain.additional);
                    if let (true, Some((key, ties))) = (is_exact(kind), answer) {
                        assert_eq!(key, all[ties[0]].key, "the lexicographically first");
                    }
                }
            }
        }
    }
}

#[test]
fn no_labelling_within_a_budget_is_better() {
    for (length, states) in [(1, 2), (2, 2), (5, 2), (8, 2), (4, 3), (3, 1)] {
        for (seed, kind) in KINDS.iter().enumerate() {
            for tables in TABLES {
                for budget in 0..=length + 1 {
                    let chain = Chain::new(length, states, tables, kind, seed as u64);
                    let all = chain.labellings(Some(budget));
                    let factor = chain.factor(Some(budget));
                    let unary = scores(kind, length * states, 7 + seed as u64);
                    let answer = check_best(&factor, &all, kind, &unary, &chain.additional);
                    if let (true, Some((key, ties))) = (is_exact(kind), answer) {
                        assert_eq!(key, all[ties[0]].key, "the lexicographically first");
                    }
                }
            }
        }
    }
}

/// The best score by the recursion from the front, [length][states][positions outside of state 0].
fn from_the_front(factor: &Sequence, unary: &[f64]) -> f64 {
    let (states, length) = (factor.states, factor.length);
    let most = factor.budget.unwrap_or(length).min(length);
    let mut heads = vec![vec![f64::NEG_INFINITY; most + 1]; states];
    for (state, heads) in heads.iter_mut().enumerate() {
        let spent = usize::from(state > 0);
        if spent <= most {
            heads[spent] = unary[state] + factor.start.map_or(0.0, |start| start[state]);
        }
    }
    for t in 1..length {
        let mut next = vec![vec![f64::NEG_INFINITY; most + 1]; states];
        for (to, next) in next.iter_mut().enumerate() {
            for (from, heads) in heads.iter().enumerate() {
                let transition = factor
                    .transitions
                    .map_or(0.0, |table| table[((t - 1) * states + from) * states + to]);
                for (spent, head) in heads.iter().enumerate() {
                    let after = spent + usize::from(to > 0);
                    if after <= most {
                        next[after] = next[after].max(head + transition + unary[t * states + to]);
                    }
                }
            }
        }
        heads = next;
    }
    let ends = heads.iter().enumerate().map(|(state, heads)| {
        let end = factor.end.map_or(0.0, |end| end[state]);
        heads.iter().fold(f64::NEG_INFINITY, |a: f64, &b| a.max(b)) + end
    });
    ends.fold(f64::NEG_INFINITY, f64::max)
}

#[test]
fn long_chains_reach_the_score_of_the_recursion_from_the_front() {
    for (length, states) in [
        (60, 2),
        (40, 5),
        (30, 6),
        (30, 7),
        (25, 8),
        (20, 11),
        (50, 20),
        (12, 33),
        (20, 50),
    ] {
        for (seed, kind) in ["normal", "integers", "some forbidden", "1e6"]
            .iter()
            .enumerate()
        {
            for budget in [None, Some(length / 4), Some(length - 1)] {
                let chain = Chain::new(length, states, TABLES[2 * (seed % 2)], kind, seed as u64);
                let factor = chain.factor(budget);
                let unary = scores(kind, length * states, 50 + seed as u64);
                let expected = from_the_front(&factor, &unary);
                let slack = 1e-12 * expected.abs().max(1.0);
                match best(&factor, &unary) {
                    None => assert_eq!(expected, f64::NEG_INFINITY),
                    Some(key) => {
                        let outside = key.iter().filter(|&&state| state > 0).count();
                        assert!(outside <= budget.unwrap_or(length));
                        let reached = factor.score(&unary, &key);
                        assert!(
                            close(reached, expected, slack),
                            "{kind}: {reached} {expected}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn an_empty_chain_is_one_labelling_and_a_chain_without_states_none() {
    let empty = Chain::new(0, 3, (true, true, true), "normal", 0);
    assert_eq!(best(&empty.factor(None), &[]), Some(vec![]));
    let stateless = Chain::new(3, 0, (true, false, false), "normal", 0);
    assert_eq!(best(&stateless.factor(None), &[]), None);
}
