//! The invariants of MATH.md section 20 on arbitrary rows.

mod common;
use common::call::{bits, dense, support, Batch};
use common::oracle::sum;
use proptest::prelude::*;

fn alpha_minus_one() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(0.25),
        Just(0.5),
        Just(1.0),
        Just(f64::INFINITY),
        0.0..1.0f64,
        1.0..5.0f64,
        5.0..200.0f64,
        (-40.0..0.0f64).prop_map(f64::exp),
    ]
}

fn scores() -> impl Strategy<Value = Vec<f32>> {
    let score = prop_oneof![
        8 => -3.0..3.0f32,
        4 => (-4i8..4).prop_map(|level| f32::from(level) * 0.25),
        2 => -1e5..1e5f32,
        1 => Just(f32::NEG_INFINITY),
        1 => any::<f32>().prop_filter("a number", |s| !s.is_nan()),
    ];
    prop::collection::vec(score, 1..300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_row_is_a_distribution_that_keeps_the_order(x in scores(), e in alpha_minus_one()) {
        let p = dense(&Batch::row(&x, e));
        if x.iter().all(|&s| s == f32::NEG_INFINITY) {
            prop_assert!(p.iter().all(|&p| p == 0.0));
            return Ok(());
        }
        prop_assert!((sum(p.iter().map(|&p| f64::from(p))) - 1.0).abs() <= 5e-7);
        let largest = p.iter().cloned().fold(0.0, f32::max);
        let mut order: Vec<usize> = (0..x.len()).collect();
        order.sort_by(|&a, &b| x[a].total_cmp(&x[b]));
        for pair in order.windows(2) {
            // The powers are accurate to an ulp or two, not monotone to the last bit.
            prop_assert!(p[pair[0]] <= p[pair[1]] * (1.0 + 1e-6) + 1e-7 * largest);
            prop_assert!(p[pair[0]] == 0.0 || p[pair[1]] > 0.0);
        }
    }

    #[test]
    fn a_permutation_permutes_the_result(x in scores(), e in alpha_minus_one(), turn in 0usize..300) {
        let turn = turn % x.len();
        let p = dense(&Batch::row(&x, e));
        let mut turned = x.clone();
        turned.rotate_left(turn);
        let mut q = dense(&Batch::row(&turned, e));
        q.rotate_right(turn);
        let largest = p.iter().cloned().fold(0.0, f32::max);
        for (p, q) in p.iter().zip(&q) {
            prop_assert!((p - q).abs() <= 1e-6 * largest);
        }
    }

    #[test]
    fn a_shift_that_is_exact_changes_no_bit(levels in prop::collection::vec(-64i16..64, 1..200), shift in -64i16..64, e in alpha_minus_one()) {
        let at = |shift: i16| levels.iter().map(|&l| f32::from(l + shift) * 0.0625).collect::<Vec<_>>();
        let (p, q) = (dense(&Batch::row(&at(0), e)), dense(&Batch::row(&at(shift), e)));
        if e <= 1.0 {
            prop_assert_eq!(bits(&p), bits(&q));
        } else {
            // Above alpha = 2 the threshold is relative to the scores themselves, and not to their maximum.
            for (p, q) in p.iter().zip(&q) {
                prop_assert!((p - q).abs() <= 4.0 * f32::EPSILON * p.max(*q));
            }
        }
    }

    #[test]
    fn appending_excluded_scores_changes_no_probability_by_much(x in scores(), e in alpha_minus_one(), more in 1usize..80) {
        let p = dense(&Batch::row(&x, e));
        let mut longer = x.clone();
        longer.extend(std::iter::repeat_n(f32::NEG_INFINITY, more));
        let q = dense(&Batch::row(&longer, e));
        let largest = p.iter().cloned().fold(0.0, f32::max);
        for (p, q) in p.iter().zip(&q) {
            prop_assert!((p - q).abs() <= 2e-6 * largest);
        }
        prop_assert!(q[x.len()..].iter().all(|&q| q == 0.0));
    }

    #[test]
    fn the_threshold_separates_the_support(x in scores(), e in alpha_minus_one(), temperature in prop_oneof![Just(1.0), 0.01..100.0f64]) {
        let batch = Batch { temperature, ..Batch::row(&x, e) };
        let p = dense(&batch);
        let (sizes, thresholds) = support(&batch);
        prop_assert_eq!(sizes[0] as usize, p.iter().filter(|&&p| p > 0.0).count());
        for (s, p) in x.iter().zip(&p) {
            prop_assert_eq!(*s > thresholds[0], *p > 0.0);
        }
    }
}
