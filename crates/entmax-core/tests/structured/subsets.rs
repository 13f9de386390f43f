use super::*;
use entmax_core::structured::subsets::{Bits, Budget, OneHot};

pub fn key_of(bits: &[usize], size: usize) -> Vec<i32> {
    let mut words = vec![0u32; size.div_ceil(32)];
    for bit in bits {
        words[bit / 32] |= 1 << (bit % 32);
    }
    words.into_iter().map(|word| word as i32).collect()
}

/// All subsets, without and before with a part, so smaller ones come first.
fn subsets(size: usize, keep: impl Fn(usize) -> bool) -> Vec<Structure> {
    let all = (0..1u32 << size).filter(|set| keep(set.count_ones() as usize));
    all.map(|set| {
        let parts: Vec<usize> = (0..size).filter(|bit| set >> bit & 1 == 1).collect();
        Structure {
            key: key_of(&parts, size),
            parts,
            additional: Vec::new(),
        }
    })
    .collect()
}

#[test]
fn no_subset_within_the_budget_is_better() {
    for size in 0..=8 {
        for k in 0..=size + 1 {
            for at_most in [false, true] {
                let factor = Budget { size, k, at_most };
                let all = subsets(size, |count| count == k || (at_most && count < k));
                if !all.is_empty() {
                    check_parts(&factor, &all);
                }
                for kind in KINDS {
                    for seed in 0..10 {
                        let unary = scores(kind, size, seed);
                        check_best(&factor, &all, kind, &unary, &[]);
                    }
                }
            }
        }
    }
}

#[test]
fn budgets_take_the_largest_scores_and_of_equal_ones_the_lowest_parts() {
    for size in [1, 31, 32, 33, 64, 100, 500] {
        for k in [0, 1, 2, 7, 32, size / 2, size] {
            for kind in [
                "normal",
                "integers",
                "zeros",
                "some forbidden",
                "forbidden integers",
            ] {
                for at_most in [false, true] {
                    let unary = scores(kind, size, k as u64);
                    let mut order: Vec<usize> = (0..size).collect();
                    order.sort_by(|&a, &b| unary[b].partial_cmp(&unary[a]).expect("a number"));
                    let floor = if at_most { 0.0 } else { f64::NEG_INFINITY };
                    order.retain(|&part| unary[part] > floor);
                    let enough = at_most || order.len() >= k;
                    order.truncate(k);
                    let expected = enough.then(|| key_of(&order, size));
                    assert_eq!(best(&Budget { size, k, at_most }, &unary), expected);
                }
            }
        }
    }
}

#[test]
fn bits_are_decided_by_their_signs() {
    for size in [0, 1, 5, 8, 31, 32, 33, 64, 65, 200] {
        for kind in KINDS {
            let unary = scores(kind, size, size as u64);
            let positive: Vec<usize> = (0..size).filter(|&bit| unary[bit] > 0.0).collect();
            assert_eq!(best(&Bits { size }, &unary), Some(key_of(&positive, size)));
            if size <= 8 {
                let all = subsets(size, |_| true);
                check_parts(&Bits { size }, &all);
                check_best(&Bits { size }, &all, kind, &unary, &[]);
            }
        }
    }
}

#[test]
fn one_of_many_is_the_first_of_the_largest() {
    for size in [0, 1, 2, 3, 7, 50] {
        let structure = |part: usize| Structure {
            key: vec![part as i32],
            parts: vec![part],
            additional: Vec::new(),
        };
        let all: Vec<Structure> = (0..size).map(structure).collect();
        if size > 0 {
            check_parts(&OneHot { size }, &all);
        }
        for kind in KINDS {
            let unary = scores(kind, size, size as u64);
            if let Some((key, ties)) = check_best(&OneHot { size }, &all, kind, &unary, &[]) {
                assert_eq!(key, all[ties[0]].key);
            }
        }
    }
}
