use super::*;
use entmax_core::structured::arborescence::Arborescence;
use entmax_core::structured::projective::ProjectiveTree;

/// Whether every word's heads lead to the root.
fn is_tree(heads: &[i32]) -> bool {
    (1..=heads.len()).all(|word| {
        let mut node = word;
        (0..heads.len()).any(|_| {
            node = heads[node - 1] as usize;
            node == 0
        }) || node == 0
    })
}

fn is_projective(heads: &[i32]) -> bool {
    let arcs: Vec<(usize, usize)> = heads
        .iter()
        .enumerate()
        .map(|(m, &head)| ((m + 1).min(head as usize), (m + 1).max(head as usize)))
        .collect();
    arcs.iter()
        .all(|a| arcs.iter().all(|b| !(a.0 < b.0 && b.0 < a.1 && a.1 < b.1)))
}

fn trees(words: usize, single_root: bool, projective: bool) -> Vec<Structure> {
    let count = (words + 1).pow(words as u32);
    let all = (0..count).map(|index| {
        let head = |m: usize| (index / (words + 1).pow(m as u32) % (words + 1)) as i32;
        (0..words).map(head).collect::<Vec<i32>>()
    });
    let kept = all.filter(|heads| {
        let roots = heads.iter().filter(|&&head| head == 0).count();
        is_tree(heads) && (!single_root || roots == 1) && (!projective || is_projective(heads))
    });
    let structure = |heads: Vec<i32>| Structure {
        parts: heads
            .iter()
            .enumerate()
            .map(|(m, &head)| head as usize * (words + 1) + m + 1)
            .collect(),
        key: heads,
        additional: Vec::new(),
    };
    kept.map(structure).collect()
}

fn rounds(words: usize) -> u64 {
    [0, 4, 20, 60, 60, 25][words]
}

#[test]
fn there_are_as_many_trees_as_the_formulas_say() {
    for n in 1..=5usize {
        let power = |base: usize| base.pow(n as u32 - 1);
        assert_eq!(trees(n, false, false).len(), power(n + 1));
        assert_eq!(trees(n, true, false).len(), power(n));
        assert_eq!(trees(n, false, true).len(), [1, 3, 12, 55, 273][n - 1]);
        assert_eq!(trees(n, true, true).len(), [1, 2, 7, 30, 143][n - 1]);
    }
}

#[test]
fn no_tree_is_better() {
    for words in 1..=5 {
        for single_root in [false, true] {
            let factor = Arborescence { words, single_root };
            let all = trees(words, single_root, false);
            check_parts(&factor, &all);
            for kind in KINDS {
                for seed in 0..rounds(words) {
                    let unary = scores(kind, factor.parts(), seed);
                    check_best(&factor, &all, kind, &unary, &[]);
                }
            }
        }
    }
}

#[test]
fn no_projective_tree_is_better() {
    for words in 1..=5 {
        for single_root in [false, true] {
            let factor = ProjectiveTree { words, single_root };
            let all = trees(words, single_root, true);
            check_parts(&factor, &all);
            for kind in KINDS {
                for seed in 0..rounds(words) {
                    let unary = scores(kind, factor.parts(), seed);
                    check_best(&factor, &all, kind, &unary, &[]);
                }
            }
        }
    }
}

#[test]
fn a_sentence_without_words_is_one_tree() {
    for single_root in [false, true] {
        assert_eq!(
            best(
                &Arborescence {
                    words: 0,
                    single_root
                },
                &[1.0]
            ),
            Some(vec![])
        );
        assert_eq!(
            best(
                &ProjectiveTree {
                    words: 0,
                    single_root
                },
                &[1.0]
            ),
            Some(vec![])
        );
    }
}

#[test]
fn the_first_column_and_the_diagonal_do_not_count() {
    for words in [1, 2, 3, 4, 7, 8, 12] {
        for single_root in [false, true] {
            let (tree, projective) = (
                Arborescence { words, single_root },
                ProjectiveTree { words, single_root },
            );
            let unary = scores("normal", tree.parts(), words as u64);
            for ignored in [100.0, f64::NEG_INFINITY] {
                let mut other = unary.clone();
                for node in 0..=words {
                    other[node * (words + 1)] = ignored;
                    other[node * (words + 2)] = ignored;
                }
                assert_eq!(best(&tree, &unary), best(&tree, &other));
                assert_eq!(best(&projective, &unary), best(&projective, &other));
            }
        }
    }
}

/// Chu, Liu and Edmonds as in a textbook: nodes renumbered at every contraction, all arcs kept. The best head of each
/// node but 0, or nothing.
fn edmonds(scores: &[Vec<f64>]) -> Option<Vec<usize>> {
    let n = scores.len();
    let mut head = vec![0; n];
    for m in 1..n {
        let candidates = (0..n).filter(|&h| h != m && scores[h][m] > f64::NEG_INFINITY);
        head[m] = candidates
            .max_by(|&a, &b| scores[a][m].partial_cmp(&scores[b][m]).expect("a number"))?;
    }
    let cycle = (1..n).find_map(|start| {
        let mut seen = vec![start];
        let mut node = head[start];
        while node != 0 && !seen.contains(&node) {
            seen.push(node);
            node = head[node];
        }
        (node == start).then_some(seen)
    });
    let Some(cycle) = cycle else {
        return Some(head);
    };
    let outside: Vec<usize> = (0..n).filter(|node| !cycle.contains(node)).collect();
    let small = outside.len();
    let mut merged = vec![vec![f64::NEG_INFINITY; small + 1]; small + 1];
    let mut enters = vec![0; small];
    let mut leaves = vec![0; small];
    for (i, &a) in outside.iter().enumerate() {
        for (j, &b) in outside.iter().enumerate() {
            merged[i][j] = scores[a][b];
        }
        for &m in &cycle {
            if scores[a][m] - scores[head[m]][m] > merged[i][small] {
                merged[i][small] = scores[a][m] - scores[head[m]][m];
                enters[i] = m;
            }
            if scores[m][a] > merged[small][i] {
                merged[small][i] = scores[m][a];
                leaves[i] = m;
            }
        }
    }
    let below = edmonds(&merged)?;
    for (i, &node) in outside.iter().enumerate().skip(1) {
        head[node] = match below[i] {
            h if h == small => leaves[i],
            h => outside[h],
        };
    }
    let entry = below[small];
    head[enters[entry]] = outside[entry];
    Some(head)
}

fn textbook(words: usize, single_root: bool, unary: &[f64]) -> Option<f64> {
    let width = words + 1;
    let table: Vec<Vec<f64>> = (0..width)
        .map(|h| unary[h * width..][..width].to_vec())
        .collect();
    let score = |table: &[Vec<f64>]| {
        let head = edmonds(table)?;
        Some((1..width).map(|m| table[head[m]][m]).sum::<f64>())
    };
    if !single_root {
        return score(&table);
    }
    let only = (1..width).filter_map(|root| {
        let mut table = table.clone();
        for m in (1..width).filter(|&m| m != root) {
            table[0][m] = f64::NEG_INFINITY;
        }
        score(&table)
    });
    only.fold(None, |best: Option<f64>, score| {
        Some(best.map_or(score, |best| best.max(score)))
    })
}

#[test]
fn large_trees_reach_the_score_of_the_textbook_algorithm() {
    for words in [6, 7, 8, 9, 12, 15, 16, 17, 23, 31, 40, 60] {
        for kind in KINDS {
            for single_root in [false, true] {
                for seed in 0..if words < 20 { 8 } else { 2 } {
                    let factor = Arborescence { words, single_root };
                    let unary = scores(kind, factor.parts(), seed);
                    check_tree(
                        &factor,
                        kind,
                        &unary,
                        textbook(words, single_root, &unary),
                        single_root,
                    );
                }
            }
        }
    }
}

fn check_tree<F: Factor>(
    factor: &F,
    kind: &str,
    unary: &[f64],
    expected: Option<f64>,
    single_root: bool,
) {
    let answer = best(factor, unary);
    assert_eq!(
        answer.is_some(),
        expected.is_some(),
        "{kind}, {} words",
        factor.key_len()
    );
    if let (Some(key), Some(expected)) = (answer, expected) {
        assert!(is_tree(&key));
        assert!(!single_root || key.iter().filter(|&&head| head == 0).count() == 1);
        let reached = factor.score(unary, &key);
        let slack = tolerance(kind, unary) * key.len() as f64;
        assert!(
            close(reached, expected, slack),
            "{kind}, {} words: {reached} {expected}",
            key.len()
        );
    }
}

/// Cycles in cycles: words that prefer each other in pairs, pairs that prefer each other, and so on.
#[test]
fn nested_cycles_are_contracted_and_expanded() {
    for words in [2usize, 4, 8, 16, 32, 64] {
        for single_root in [false, true] {
            let factor = Arborescence { words, single_root };
            let noise = scores("normal", factor.parts(), words as u64);
            let mut unary: Vec<f64> = noise.iter().map(|noise| 0.01 * noise).collect();
            for h in 1..=words {
                for m in 1..=words {
                    let apart = usize::BITS - ((h - 1) ^ (m - 1)).leading_zeros();
                    unary[h * (words + 1) + m] -= 3.0 * f64::from(apart);
                }
                unary[h] -= 100.0;
            }
            check_tree(
                &factor,
                "normal",
                &unary,
                textbook(words, single_root, &unary),
                single_root,
            );
        }
    }
}

/// The large constant of other implementations would leave few digits of these scores.
#[test]
fn a_single_root_costs_no_digits() {
    let words = 12;
    let factor = Arborescence {
        words,
        single_root: true,
    };
    for seed in 0..20 {
        let mut unary = scores("1e-6", factor.parts(), seed);
        // One arc of a great score that any tree may hold stretches the range.
        unary[3 * (words + 1) + 5] = 1e9;
        let expected = {
            let mut small = unary.clone();
            small[3 * (words + 1) + 5] = 1.0;
            textbook(words, true, &small).expect("a tree")
        };
        let key = best(&factor, &unary).expect("a tree");
        assert_eq!(key[4], 3);
        unary[3 * (words + 1) + 5] = 1.0;
        assert!(close(factor.score(&unary, &key), expected, 1e-15));
    }
}

/// The best projective tree by the subtrees of every head, leftmost child by leftmost child: O(n^4).
struct ByHeads<'a> {
    width: usize,
    unary: &'a [f64],
    side: std::collections::HashMap<(usize, usize), f64>,
}

impl ByHeads<'_> {
    /// The best that `head` can have below it on one side, up to and including `end`.
    fn side(&mut self, head: usize, end: usize) -> f64 {
        if head == end {
            return 0.0;
        }
        if let Some(&known) = self.side.get(&(head, end)) {
            return known;
        }
        // The outermost child and the word up to which its subtree reaches towards the head.
        let (low, high) = if end < head {
            (end, head - 1)
        } else {
            (head + 1, end)
        };
        let mut best = f64::NEG_INFINITY;
        for inner in low..=high {
            let (span, rest) = if end < head {
                ((end, inner), inner + 1)
            } else {
                ((inner, end), inner - 1)
            };
            for child in span.0..=span.1 {
                let below = self.side(child, span.0) + self.side(child, span.1);
                let score = self.unary[head * self.width + child] + below + self.side(head, rest);
                best = best.max(score);
            }
        }
        self.side.insert((head, end), best);
        best
    }
}

#[test]
fn large_projective_trees_reach_the_score_of_a_slower_recursion() {
    for words in [6, 7, 8, 9, 12, 13, 16, 25] {
        for kind in KINDS {
            for seed in 0..4 {
                let multi = ProjectiveTree {
                    words,
                    single_root: false,
                };
                let unary = scores(kind, multi.parts(), seed);
                let mut slow = ByHeads {
                    width: words + 1,
                    unary: &unary,
                    side: Default::default(),
                };
                let found = |score: f64| (score > f64::NEG_INFINITY).then_some(score);
                let best_of_all = slow.side(0, words);
                check_tree(&multi, kind, &unary, found(best_of_all), false);
                let single = ProjectiveTree {
                    words,
                    single_root: true,
                };
                let of_root = (1..=words)
                    .map(|root| unary[root] + slow.side(root, 1) + slow.side(root, words));
                let best_root = of_root.fold(f64::NEG_INFINITY, f64::max);
                check_tree(&single, kind, &unary, found(best_root), true);
                for factor in [multi, single] {
                    if let Some(key) = best(&factor, &unary) {
                        assert!(is_projective(&key));
                    }
                }
            }
        }
    }
}
