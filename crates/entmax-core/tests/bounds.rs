//! Bounds that are one row for all, and whether rows have a result under theirs.

mod common;
use common::call::{bits, csr, dense, support, Batch, Number};
use common::rows::Random;
use entmax_core::maps::{are_feasible, map, Score};

const ROWS: usize = 6;

fn numbers<T: Number>(size: usize, scale: f64) -> Vec<T> {
    let mut random = Random(size as u64);
    (0..size)
        .map(|_| T::round(random.uniform() * scale))
        .collect()
}

fn values_of<T: Number>(batch: &Batch<T>) -> Vec<T> {
    let rows = csr(batch, false).rows;
    rows.into_iter().flat_map(|(_, values)| values).collect()
}

fn shared<T: Number>() {
    for n in [1, 5, 16, 130, 700] {
        let row = numbers::<T>(n, 8.0 / n as f64);
        for inner in [1, 2, 6] {
            // Row by row the same.
            let each: Vec<T> = (0..ROWS * n).map(|at| row[at / inner % n]).collect();
            let x = numbers::<T>(ROWS * n, 4.0);
            for (map, budget) in [(map::BUDGET, 0.3), (map::BUDGET_AT_MOST, 2.0)] {
                let batch = |upper| Batch {
                    inner,
                    map,
                    upper: Some(upper),
                    ..Batch::rows(&x, n, budget)
                };
                let (one, all) = (batch(&row[..]), batch(&each[..]));
                assert_eq!(bits(&dense(&one)), bits(&dense(&all)), "{n} {inner}");
                let (one_support, all_support) = (support(&one), support(&all));
                assert_eq!(one_support.0, all_support.0);
                assert_eq!(bits(&one_support.1), bits(&all_support.1));
                assert_eq!(bits(&values_of(&one)), bits(&values_of(&all)));
            }
        }
    }
}

#[test]
fn one_row_of_bounds_for_all_gives_the_bits_of_as_many() {
    shared::<f32>();
    shared::<f64>();
}

fn feasible<T: Number + Score>(batch: &Batch<T>) -> bool {
    // SAFETY: a batch of live arrays.
    unsafe { are_feasible(&batch.raw(), batch.count()) }
}

fn doubts<T: Number + Score>() {
    for n in [1, 3, 16, 40, 77] {
        for inner in [1, 3] {
            let place = |row: usize, j: usize| (row / inner * n + j) * inner + row % inner;
            let x = vec![T::round(1.5); ROWS * n];
            let upper = vec![T::round(0.25); ROWS * n];
            let budget = 0.25 * n as f64;
            let call = |x: &[T], upper: &[T], mask: Option<&[u8]>, budget: f64| {
                feasible(&Batch {
                    inner,
                    mask,
                    map: map::BUDGET,
                    upper: Some(upper),
                    ..Batch::rows(x, n, budget)
                })
            };
            assert!(call(&x, &upper, None, budget));
            assert!(!call(&x, &upper, None, budget + 1e-6));
            for (row, j) in [(0, 0), (2, n - 1), (4, n / 2), (5, n - 1)] {
                let at = place(row, j);
                for bad in [-0.5, f64::NAN, f64::NEG_INFINITY] {
                    let mut upper = upper.clone();
                    upper[at] = T::round(bad);
                    assert!(!call(&x, &upper, None, 0.0), "{bad} at {j} of {n}");
                }
                let mut zero = upper.clone();
                zero[at] = T::round(-0.0);
                assert!(call(&x, &zero, None, 0.0));
                assert!(!call(&x, &zero, None, budget));
                let mut infinite = upper.clone();
                infinite[at] = T::round(f64::INFINITY);
                assert!(call(&x, &infinite, None, budget));
                let mut scores = x.clone();
                scores[at] = T::round(f64::NEG_INFINITY);
                assert!(!call(&scores, &upper, None, budget));
                let mut mask = vec![1; ROWS * n];
                mask[at] = 0;
                assert!(!call(&x, &upper, Some(&mask), budget));
            }
        }
    }
}

#[test]
fn one_bad_bound_or_too_few_of_them_in_any_row_are_found() {
    doubts::<f32>();
    doubts::<f64>();
}
