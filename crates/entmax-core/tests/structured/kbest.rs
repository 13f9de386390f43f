use super::sequences::Chain;
use super::subsets::key_of;
use super::*;
use entmax_core::structured::subsets::Bits;

/// The k best as (key, score), the same from whatever lay in the room.
fn kbest(
    k: usize,
    key_len: usize,
    size: RoomSize,
    run: impl Fn(&mut Room, &mut [i32], &mut [f64]) -> usize,
) -> Vec<(Vec<i32>, f64)> {
    let answers = RUBBISH.map(|rubbish| {
        let mut keys = vec![rubbish.1; k * key_len];
        let mut scores = vec![rubbish.0; k];
        let found = in_room(size, rubbish, |room| run(room, &mut keys, &mut scores));
        let key = |answer: usize| keys[answer * key_len..][..key_len].to_vec();
        (0..found)
            .map(|answer| (key(answer), scores[answer]))
            .collect::<Vec<_>>()
    });
    assert!(
        answers.iter().all(|answer| answer == &answers[0]),
        "what lay in the room decides"
    );
    answers.into_iter().next().expect("four")
}

/// Holds k answers against all structures with their scores.
fn check(answers: &[(Vec<i32>, f64)], k: usize, mut all: Vec<(Vec<i32>, f64)>, slack: f64) {
    all.retain(|(_, score)| *score > f64::NEG_INFINITY);
    // Stable: structures of one score stay in the order in which they are listed.
    all.sort_by(|a, b| b.1.partial_cmp(&a.1).expect("a number"));
    assert_eq!(answers.len(), k.min(all.len()));
    let keys: BTreeSet<_> = answers.iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), answers.len(), "twice the same");
    for (i, (key, score)) in answers.iter().enumerate() {
        assert!(
            close(*score, all[i].1, slack),
            "{i}-th: {score} {}",
            all[i].1
        );
        assert!(i == 0 || *score <= answers[i - 1].1, "not in order");
        let listed = all
            .iter()
            .find(|(other, _)| other == key)
            .expect("a structure");
        assert!(
            close(*score, listed.1, slack),
            "{key:?}: {score} {}",
            listed.1
        );
    }
}

#[test]
fn the_k_best_labellings_are_the_first_of_all() {
    for (length, states) in [
        (1, 1),
        (1, 5),
        (3, 1),
        (4, 2),
        (7, 2),
        (3, 3),
        (4, 3),
        (2, 6),
        (2, 9),
    ] {
        for kind in KINDS {
            for tables in [
                (true, false, false),
                (false, false, false),
                (true, true, true),
            ] {
                for budget in [None, Some(0), Some(1), Some(2), Some(length)] {
                    for k in [0, 1, 2, 3, 10, 40, 200] {
                        let chain = Chain::new(length, states, tables, kind, k as u64);
                        let unary = scores(kind, length * states, k as u64);
                        let factor = chain.factor(budget);
                        let answers =
                            kbest(k, length, factor.kbest_room(k), |room, keys, scores| {
                                factor.kbest(k, &unary, room, keys, scores)
                            });
                        let all: Vec<_> = chain
                            .labellings(budget)
                            .iter()
                            .map(|s| (s.key.clone(), sum_of(s, &unary, &chain.additional)))
                            .collect();
                        let slack = tolerance(kind, &[&unary[..], &chain.additional].concat());
                        if let (true, Some(first)) = (k > 0, answers.first()) {
                            assert_eq!(Some(&first.0), best(&factor, &unary).as_ref());
                        }
                        if is_exact(kind) {
                            let mut first = all.clone();
                            first.retain(|(_, score)| *score > f64::NEG_INFINITY);
                            first.sort_by(|a, b| b.1.partial_cmp(&a.1).expect("a number"));
                            first.truncate(k);
                            assert_eq!(answers, first, "ties are lexicographic");
                        }
                        check(&answers, k, all, 8.0 * slack);
                    }
                }
            }
        }
    }
}

#[test]
fn a_long_chain_has_distinct_labellings_in_order() {
    let (length, states, k) = (30, 12, 50);
    let chain = Chain::new(length, states, (true, true, true), "normal", 3);
    let unary = scores("normal", length * states, 4);
    let factor = chain.factor(None);
    let run = |k: usize| {
        kbest(k, length, factor.kbest_room(k), |room, keys, scores| {
            factor.kbest(k, &unary, room, keys, scores)
        })
    };
    let answers = run(k);
    assert_eq!(answers.len(), k);
    assert_eq!(
        answers
            .iter()
            .map(|(key, _)| key)
            .collect::<BTreeSet<_>>()
            .len(),
        k
    );
    assert!(answers.windows(2).all(|pair| pair[0].1 >= pair[1].1));
    for (key, score) in &answers {
        assert_eq!(factor.score(&unary, key), *score);
    }
    assert_eq!(run(7), answers[..7]);
}

#[test]
fn the_k_best_bit_vectors_are_the_first_of_all() {
    for size in 0..=7 {
        for kind in KINDS {
            for k in [0, 1, 2, 3, 5, 20, 127, 128, 129, 300] {
                let unary = scores(kind, size, k as u64);
                let factor = Bits { size };
                let answers = kbest(
                    k,
                    factor.key_len(),
                    factor.kbest_room(k),
                    |room, keys, scores| factor.kbest(k, &unary, room, keys, scores),
                );
                let all = (0..1usize << size).map(|set| {
                    let bits: Vec<usize> = (0..size).filter(|bit| set >> bit & 1 == 1).collect();
                    (
                        key_of(&bits, size),
                        bits.iter().map(|&bit| unary[bit]).sum(),
                    )
                });
                check(&answers, k, all.collect(), 8.0 * tolerance(kind, &unary));
                if let (true, Some(first)) = (k > 0, answers.first()) {
                    assert_eq!(Some(&first.0), best(&factor, &unary).as_ref());
                }
            }
        }
    }
}

/// With costs 1, 2, 4, ... the sets of flips are the binary numbers.
#[test]
fn flips_of_powers_of_two_count_upwards() {
    let (size, k) = (40, 1000);
    let factor = Bits { size };
    let unary: Vec<f64> = (0..size).map(|bit| (1u64 << bit) as f64).collect();
    let answers = kbest(
        k,
        factor.key_len(),
        factor.kbest_room(k),
        |room, keys, scores| factor.kbest(k, &unary, room, keys, scores),
    );
    for (number, (key, _)) in answers.iter().enumerate() {
        let flipped: Vec<usize> = (0..size).filter(|bit| number >> bit & 1 == 0).collect();
        assert_eq!(key, &key_of(&flipped, size));
    }
    assert_eq!(answers.len(), k);
}
