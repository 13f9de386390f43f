//! Scores, and what every factor is held to.

use entmax_core::structured::factor::{Factor, Room, RoomSize};
use std::collections::BTreeSet;

mod assignments;
mod kbest;
mod sequences;
mod subsets;
mod trees;

/// A small generator: the tests need repeatable scores, not good ones.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    /// In [0, 1).
    pub fn unit(&mut self) -> f64 {
        self.bits() as f64 / (1u64 << 53) as f64
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    /// Roughly normal.
    pub fn normal(&mut self) -> f64 {
        (0..6).map(|_| self.unit() - 0.5).sum::<f64>() * 1.4
    }
}

/// Kinds of scores: without and with ties, with forbidden parts, small and large.
pub const KINDS: [&str; 9] = [
    "normal",
    "integers",
    "zeros",
    "some forbidden",
    "most forbidden",
    "forbidden integers",
    "all forbidden",
    "1e-6",
    "1e6",
];

pub fn scores(kind: &str, n: usize, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed + 1);
    let mut score = || match kind {
        "normal" => random.normal(),
        "integers" => random.below(4) as f64 - 2.0,
        "zeros" => 0.0,
        "some forbidden" if random.unit() < 0.25 => f64::NEG_INFINITY,
        "most forbidden" if random.unit() < 0.6 => f64::NEG_INFINITY,
        "forbidden integers" if random.unit() < 0.25 => f64::NEG_INFINITY,
        "forbidden integers" => random.below(4) as f64 - 2.0,
        "all forbidden" => f64::NEG_INFINITY,
        "1e-6" => 1e-6 * random.normal(),
        "1e6" => 1e6 * random.normal(),
        _ => random.normal(),
    };
    (0..n).map(|_| score()).collect()
}

/// Whether sums of such scores are exact, so that ties are ties.
pub fn is_exact(kind: &str) -> bool {
    matches!(
        kind,
        "integers" | "zeros" | "forbidden integers" | "all forbidden"
    )
}

/// How far two sums of these scores may be apart.
pub fn tolerance(kind: &str, scores: &[f64]) -> f64 {
    let largest = scores
        .iter()
        .filter(|score| score.is_finite())
        .fold(0.0, |a: f64, b| a.max(b.abs()));
    if is_exact(kind) {
        0.0
    } else {
        1e-12 * largest
    }
}

pub fn close(a: f64, b: f64, tolerance: f64) -> bool {
    a == b || (a - b).abs() <= tolerance
}

/// Runs something in exactly the room that it asks for, filled with rubbish.
pub fn in_room<T>(size: RoomSize, rubbish: (f64, i32), run: impl FnOnce(&mut Room) -> T) -> T {
    let mut numbers = vec![rubbish.0; size.numbers];
    let mut indices = vec![rubbish.1; size.indices];
    run(&mut Room {
        numbers: &mut numbers,
        indices: &mut indices,
    })
}

/// What room may hold on entry.
pub const RUBBISH: [(f64, i32); 4] = [
    (f64::NAN, -7),
    (f64::INFINITY, i32::MAX),
    (0.0, 0),
    (-3.5, i32::MIN),
];

/// The best structure, the same from whatever lay in the room.
pub fn best<F: Factor>(factor: &F, unary: &[f64]) -> Option<Vec<i32>> {
    let answers = RUBBISH.map(|rubbish| {
        let mut key = vec![rubbish.1; factor.key_len()];
        let found = in_room(factor.room(), rubbish, |room| {
            factor.best(unary, room, &mut key)
        });
        found.then_some(key)
    });
    for answer in &answers {
        assert_eq!(answer, &answers[0], "what lay in the room decides");
    }
    answers.into_iter().next().expect("four")
}

/// A structure as its key and its parts, listed by the test itself; additional parts come after the unary ones.
pub struct Structure {
    pub key: Vec<i32>,
    pub parts: Vec<usize>,
    pub additional: Vec<usize>,
}

fn visited(run: impl FnOnce(&mut dyn FnMut(usize))) -> Vec<usize> {
    let mut parts = Vec::new();
    run(&mut |part| parts.push(part));
    parts.sort();
    parts
}

fn sorted(parts: &[usize]) -> Vec<usize> {
    let mut parts = parts.to_vec();
    parts.sort();
    parts
}

/// The structures' parts, and how many of them they share, as the factor tells them.
pub fn check_parts<F: Factor>(factor: &F, structures: &[Structure]) {
    for (i, a) in structures.iter().enumerate() {
        assert_eq!(a.key.len(), factor.key_len());
        let unary = visited(|visit| factor.each_part(&a.key, visit));
        assert_eq!(unary, sorted(&a.parts));
        let additional = visited(|visit| factor.each_additional(&a.key, visit));
        assert_eq!(additional, sorted(&a.additional));
        assert!(additional.iter().all(|&part| part < factor.additional()));
        assert!(unary.iter().all(|&part| part < factor.parts()));
        for b in [
            a,
            &structures[0],
            &structures[i / 2],
            &structures[(7 * i + 3) % structures.len()],
        ] {
            let (a_parts, b_parts): (BTreeSet<_>, BTreeSet<_>) =
                (a.parts.iter().collect(), b.parts.iter().collect());
            let shared = a_parts.intersection(&b_parts).count() as f64;
            assert_eq!(factor.overlap(&a.key, &b.key), shared);
        }
    }
}

/// A structure's score, summed by the test.
pub fn sum_of(structure: &Structure, unary: &[f64], additional: &[f64]) -> f64 {
    let parts = structure.parts.iter().map(|&part| unary[part]);
    parts
        .chain(structure.additional.iter().map(|&part| additional[part]))
        .sum()
}

/// Holds the answer against all structures; the places of the best ones in the list.
pub fn check_best<F: Factor>(
    factor: &F,
    structures: &[Structure],
    kind: &str,
    unary: &[f64],
    additional: &[f64],
) -> Option<(Vec<i32>, Vec<usize>)> {
    let all: Vec<f64> = structures
        .iter()
        .map(|s| sum_of(s, unary, additional))
        .collect();
    let highest = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let answer = best(factor, unary);
    let context = || format!("{kind}: {answer:?} for {unary:?} {additional:?}");
    assert_eq!(
        answer.is_some(),
        highest > f64::NEG_INFINITY,
        "{}",
        context()
    );
    let key = answer.clone()?;
    let place = structures.iter().position(|s| s.key == key);
    let place = place.unwrap_or_else(|| panic!("no structure: {}", context()));
    let slack = tolerance(kind, &[unary, additional].concat()) * factor.key_len().max(4) as f64;
    assert!(
        close(all[place], highest, slack),
        "{} {highest}: {}",
        all[place],
        context()
    );
    assert!(
        close(factor.score(unary, &key), all[place], slack),
        "{}",
        context()
    );
    let ties = (0..all.len()).filter(|&i| all[i] == highest).collect();
    Some((key, ties))
}
