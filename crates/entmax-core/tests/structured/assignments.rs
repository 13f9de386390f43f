use super::*;
use entmax_core::structured::assignment::Assignment;

fn matchings(factor: &Assignment) -> Vec<Structure> {
    let mut keys = vec![vec![]];
    for _ in 0..factor.rows {
        let mut longer = Vec::new();
        for key in &keys {
            for column in -1..factor.columns as i32 {
                if column < 0 || !key.contains(&column) {
                    longer.push([key.as_slice(), &[column]].concat());
                }
            }
        }
        keys = longer;
    }
    let full = factor.rows.min(factor.columns);
    keys.retain(|key| {
        factor.unmatched || key.iter().filter(|&&column| column >= 0).count() == full
    });
    let parts = |key: &[i32]| {
        let matched = key.iter().enumerate().filter(|(_, &column)| column >= 0);
        matched
            .map(|(row, &column)| row * factor.columns + column as usize)
            .collect()
    };
    keys.into_iter()
        .map(|key| Structure {
            parts: parts(&key),
            key,
            additional: Vec::new(),
        })
        .collect()
}

#[test]
fn no_matching_is_better() {
    for rows in 1..=5 {
        for columns in 1..=5 {
            for unmatched in [false, true] {
                if rows.max(columns) == 5 && rows.min(columns) == 5 && unmatched {
                    continue;
                }
                let factor = Assignment {
                    rows,
                    columns,
                    unmatched,
                };
                let all = matchings(&factor);
                check_parts(&factor, &all);
                for kind in KINDS {
                    for seed in 0..40 {
                        let unary = scores(kind, rows * columns, seed);
                        check_best(&factor, &all, kind, &unary, &[]);
                    }
                }
            }
        }
    }
}

#[test]
fn a_table_without_rows_or_columns_has_the_empty_matching() {
    for unmatched in [false, true] {
        for (rows, columns) in [(0, 0), (0, 3), (3, 0)] {
            let factor = Assignment {
                rows,
                columns,
                unmatched,
            };
            assert_eq!(best(&factor, &[]), Some(vec![-1; rows]));
        }
    }
}

#[test]
fn nothing_worth_less_than_nothing_is_matched() {
    let factor = Assignment {
        rows: 3,
        columns: 4,
        unmatched: true,
    };
    for score in [-1.0, 0.0, f64::NEG_INFINITY] {
        assert_eq!(best(&factor, &[score; 12]), Some(vec![-1; 3]));
    }
}

/// Potentials of a square cost matrix by the Hungarian method, row by row, in the usual one-based form.
fn potentials(cost: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let n = cost.len();
    let (mut u, mut v) = (vec![0.0; n + 1], vec![0.0; n + 1]);
    let (mut row_of, mut way) = (vec![0; n + 1], vec![0; n + 1]);
    for row in 1..=n {
        row_of[0] = row;
        let mut column = 0;
        let mut least = vec![f64::INFINITY; n + 1];
        let mut used = vec![false; n + 1];
        while row_of[column] != 0 {
            used[column] = true;
            let (current, mut delta, mut next) = (row_of[column], f64::INFINITY, 0);
            for j in (1..=n).filter(|&j| !used[j]) {
                let reduced = cost[current - 1][j - 1] - u[current] - v[j];
                if reduced < least[j] {
                    (least[j], way[j]) = (reduced, column);
                }
                if least[j] < delta {
                    (delta, next) = (least[j], j);
                }
            }
            for j in 0..=n {
                if used[j] {
                    u[row_of[j]] += delta;
                    v[j] -= delta;
                } else {
                    least[j] -= delta;
                }
            }
            column = next;
        }
        while column != 0 {
            row_of[column] = row_of[way[column]];
            column = way[column];
        }
    }
    (u[1..].to_vec(), v[1..].to_vec())
}

/// The table as a square one of costs, with places of cost 0 for who stays free, and 1e7 for what is forbidden.
fn square(factor: &Assignment, unary: &[f64]) -> Vec<Vec<f64>> {
    let (rows, columns) = (factor.rows, factor.columns);
    let size = if factor.unmatched {
        rows + columns
    } else {
        rows.max(columns)
    };
    let cost = |r: usize, c: usize| match (r < rows, c < columns) {
        (true, true) => (-unary[r * columns + c]).min(1e7),
        _ => 0.0,
    };
    (0..size)
        .map(|r| (0..size).map(|c| cost(r, c)).collect())
        .collect()
}

/// Feasible potentials whose sum is the score of a matching prove both: weak duality.
#[test]
fn large_matchings_have_a_certificate() {
    for (rows, columns) in [
        (6, 6),
        (7, 9),
        (9, 7),
        (12, 12),
        (13, 30),
        (30, 13),
        (20, 20),
        (33, 33),
        (64, 65),
        (1, 40),
        (40, 1),
    ] {
        for kind in [
            "normal",
            "integers",
            "zeros",
            "some forbidden",
            "forbidden integers",
            "1e-6",
        ] {
            for unmatched in [false, true] {
                for seed in 0..if rows * columns > 500 { 2 } else { 10 } {
                    let factor = Assignment {
                        rows,
                        columns,
                        unmatched,
                    };
                    let unary = scores(kind, rows * columns, seed);
                    let cost = square(&factor, &unary);
                    let (u, v) = potentials(&cost);
                    for (u, cost) in u.iter().zip(&cost) {
                        for (v, cost) in v.iter().zip(cost) {
                            assert!(u + v <= cost + 1e-9);
                        }
                    }
                    let bound = -(u.iter().sum::<f64>() + v.iter().sum::<f64>());
                    let Some(key) = best(&factor, &unary) else {
                        assert!(bound < -1e6, "{kind} {rows}x{columns}: {bound}");
                        continue;
                    };
                    let columns_used: BTreeSet<_> = key.iter().filter(|&&c| c >= 0).collect();
                    let matched = key.iter().filter(|&&c| c >= 0).count();
                    assert_eq!(columns_used.len(), matched);
                    assert!(unmatched || matched == rows.min(columns));
                    let reached = factor.score(&unary, &key);
                    let slack = match kind {
                        "1e-6" => 1e-12,
                        _ => 1e-8,
                    };
                    assert!(
                        close(reached, bound, slack),
                        "{kind} {rows}x{columns} {unmatched}: {reached} {bound}"
                    );
                }
            }
        }
    }
}

/// Bids settle little where all rows value the columns alike, (r + 1) (c + 1): long chains of exchanges are needed, many of
/// them, so the prices that one leaves behind must be right for the next.
#[test]
fn matchings_of_many_exchanges_have_a_certificate() {
    for seed in 0..1500 {
        let mut random = Random::new(seed);
        let (rows, columns) = (4 + random.below(12), 4 + random.below(12));
        let unmatched = seed % 3 == 0;
        let factor = Assignment {
            rows,
            columns,
            unmatched,
        };
        let shift = if unmatched { 40.0 } else { 0.0 };
        let unary: Vec<f64> = (0..rows * columns)
            .map(|part| {
                let product = (part / columns + 1) * (part % columns + 1);
                product as f64 + random.below(1 + seed as usize % 40) as f64 - shift
            })
            .collect();
        let (u, v) = potentials(&square(&factor, &unary));
        let bound = -(u.iter().sum::<f64>() + v.iter().sum::<f64>());
        let key = best(&factor, &unary).expect("a matching");
        assert_eq!(
            factor.score(&unary, &key),
            bound,
            "{rows}x{columns}, seed {seed}"
        );
    }
}

/// Rows that all want the same columns bid against each other; equal ones for ever, if they were let.
#[test]
fn rows_with_the_same_wishes_come_to_an_end() {
    for size in [2, 3, 8, 17, 40] {
        for step in [0.0, 1.0, 1e-17, 1e-9] {
            for unmatched in [false, true] {
                let factor = Assignment {
                    rows: size,
                    columns: size,
                    unmatched,
                };
                let unary: Vec<f64> = (0..size * size)
                    .map(|part| 1.0 + step * (part % size) as f64)
                    .collect();
                let key = best(&factor, &unary).expect("a matching");
                let all: BTreeSet<_> = key.iter().collect();
                assert_eq!(all.len(), size);
            }
        }
    }
}

/// A search that begins with the prices of the one before finds matchings that are worth as much as those of one that does not.
#[test]
fn a_search_after_another_finds_the_best_too() {
    for (rows, columns) in [(1, 1), (2, 2), (5, 5), (9, 9), (20, 20), (4, 7), (7, 4)] {
        for unmatched in [false, true] {
            let factor = Assignment {
                rows,
                columns,
                unmatched,
            };
            for kind in KINDS {
                in_room(factor.room(), (0.0, 0), |room| {
                    let mut key = vec![0; rows];
                    let first = scores(kind, rows * columns, 1);
                    factor.best(&first, room, &mut key);
                    for seed in 2..30 {
                        // Scores of another kind now and then, and else some that differ a little.
                        let kind = if seed % 5 == 0 { "normal" } else { kind };
                        let mut unary = scores(kind, rows * columns, seed / 3);
                        let small = scores("normal", rows * columns, seed);
                        for (score, small) in unary.iter_mut().zip(small) {
                            *score += 0.1 * small;
                        }
                        let found = factor.best_again(&unary, room, &mut key);
                        let Some(fresh) = best(&factor, &unary) else {
                            assert!(!found);
                            continue;
                        };
                        assert!(found);
                        let (again, fresh) =
                            (factor.score(&unary, &key), factor.score(&unary, &fresh));
                        let allowed = tolerance(kind, &unary);
                        assert!(
                            close(again, fresh, allowed),
                            "{rows} x {columns}, {kind}: {again} instead of {fresh}"
                        );
                    }
                });
            }
        }
    }
}
