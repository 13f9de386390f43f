//! The capped simplex at its edges: no budget, the whole, nothing left, NaN, infinities, ties, bounds of 0, magnitudes.

mod common;
use common::budget::budget;
use common::call::{bits, csr, dense, support, Batch, Number};
use common::oracle::sum;
use common::rows::{row, Random};
use entmax_core::maps::map;

fn exactly<T: Number>(x: &[T], b: f64) -> Batch<'_, T> {
    Batch {
        map: map::BUDGET,
        ..Batch::row(x, b)
    }
}

fn at_most<T: Number>(x: &[T], b: f64) -> Batch<'_, T> {
    Batch {
        map: map::BUDGET_AT_MOST,
        ..Batch::row(x, b)
    }
}

fn of<T: Number>(values: &[f64]) -> Vec<T> {
    values.iter().map(|&value| T::round(value)).collect()
}

fn scores<T: Number>(n: usize) -> Vec<T> {
    of(&row("normal", n, 1.0))
}

/// Whether p is `exact` to `tolerance`.
fn is_near<T: Number>(p: &[T], exact: &[f64], tolerance: f64) -> bool {
    p.iter()
        .zip(exact)
        .all(|(p, exact)| (p.wide() - exact).abs() <= tolerance)
}

macro_rules! for_both_types {
    ($($claim:ident)*) => { $( mod $claim {
        #[test]
        fn f32() {
            super::claims::$claim::<f32>();
        }
        #[test]
        fn f64() {
            super::claims::$claim::<f64>();
        }
    } )* };
}

for_both_types! {
    golden_values
    no_budget_gives_zeros_above_no_score
    the_whole_budget_gives_the_bounds_bit_for_bit
    more_than_the_bounds_of_what_is_left_gives_these
    a_row_with_nothing_left_is_zero_or_nan
    a_nan_makes_the_row_nan
    infinite_scores_take_their_bounds_first
    infinite_scores_share_what_does_not_suffice
    ties_get_equal_bits
    magnitudes_far_apart
    at_most_is_inactive_below_the_budget_and_exact_above
    each_row_has_its_own_budget
    masked_entries_are_minus_infinity_whatever_their_bound
    staircases_and_geometric_rows_converge
    extreme_temperatures_are_survived
}

const LENGTHS: [usize; 8] = [1, 2, 5, 16, 63, 255, 256, 1500];

mod claims {
    use super::*;

    /// MATH.md section 21.
    pub fn golden_values<T: Number>() {
        let z = of::<T>(&[0.5, 1.2, -0.3, 2.0, 1.9]);
        let exact = [0.0, 1.0 / 6.0, 0.0, 2.9 / 3.0, 2.6 / 3.0];
        assert!(is_near(&dense(&exactly(&z, 2.0)), &exact, 3e-7));
        assert!((support(&exactly(&z, 2.0)).1[0].wide() - 3.1 / 3.0).abs() < 3e-7);
        let upper = of::<T>(&[0.2, 0.3, 0.4, 0.25, 0.3]);
        let bounded = Batch {
            upper: Some(&upper),
            ..exactly(&z, 1.0)
        };
        assert!(is_near(
            &dense(&bounded),
            &[0.15, 0.3, 0.0, 0.25, 0.3],
            1e-7
        ));
        let z = of::<T>(&[0.0, 0.25, 0.5, 0.75, 1.0]);
        let exact = [0.0, 0.125, 0.375, 0.625, 0.875];
        assert_eq!(bits(&dense(&exactly(&z, 2.0))), bits(&of::<T>(&exact)));
    }

    pub fn no_budget_gives_zeros_above_no_score<T: Number>() {
        for n in LENGTHS {
            let z = scores::<T>(n);
            for batch in [exactly(&z, 0.0), at_most(&z, 0.0)] {
                assert!(dense(&batch).iter().all(|p| p.bits() == 0));
                let (sizes, thresholds) = support(&batch);
                assert_eq!(sizes, [0]);
                assert!(z.iter().all(|z| *z <= thresholds[0]));
            }
            assert!(support(&exactly(&z, 0.0)).1[0].wide() < 100.0);
        }
    }

    pub fn the_whole_budget_gives_the_bounds_bit_for_bit<T: Number>() {
        for n in LENGTHS {
            let z = scores::<T>(n);
            let ones = vec![T::round(1.0); n];
            let p = dense(&exactly(&z, n as f64));
            assert_eq!(bits(&p), bits(&ones));
            let mut random = Random(n as u64);
            let upper: Vec<T> = (0..n).map(|_| T::round(random.uniform())).collect();
            let bounded = Batch {
                upper: Some(&upper),
                ..exactly(&z, sum(upper.iter().map(|u| u.wide())))
            };
            assert_eq!(bits(&dense(&bounded)), bits(&upper));
            // The last threshold that gives all of them all of it, and one that separates.
            let (sizes, thresholds) = support(&bounded);
            assert_eq!(sizes[0] as usize, n);
            let lowest = (0..n).map(|j| z[j].wide() - upper[j].wide());
            let lowest = lowest.fold(f64::INFINITY, f64::min);
            assert!((thresholds[0].wide() - lowest).abs() <= 1e-6);
        }
    }

    pub fn more_than_the_bounds_of_what_is_left_gives_these<T: Number>() {
        for n in LENGTHS {
            let mut z = scores::<T>(n);
            z[n / 2] = T::round(f64::NEG_INFINITY);
            for b in [n as f64 - 0.5, n as f64, 1e300, f64::INFINITY] {
                let p = dense(&exactly(&z, b));
                for (j, p) in p.iter().enumerate() {
                    assert_eq!(p.wide(), if j == n / 2 { 0.0 } else { 1.0 });
                }
            }
        }
    }

    pub fn a_row_with_nothing_left_is_zero_or_nan<T: Number>() {
        for n in LENGTHS {
            let z = vec![T::round(f64::NEG_INFINITY); n];
            for b in [0.0, 0.5, 3.0] {
                for batch in [exactly(&z, b), at_most(&z, b)] {
                    assert!(dense(&batch).iter().all(|p| p.bits() == 0));
                    assert_eq!(support(&batch).1[0].wide(), f64::INFINITY);
                    let batch = Batch {
                        empty_row_is_nan: true,
                        ..batch
                    };
                    assert!(dense(&batch).iter().all(|p| p.wide().is_nan()));
                }
            }
        }
    }

    pub fn a_nan_makes_the_row_nan<T: Number>() {
        for n in LENGTHS {
            for at in [0, n / 2, n - 1] {
                let mut z = scores::<T>(n);
                z[0] = T::round(f64::INFINITY);
                z[at] = T::round(f64::NAN);
                for b in [0.0, 0.7, n as f64] {
                    for batch in [exactly(&z, b), at_most(&z, b)] {
                        assert!(dense(&batch).iter().all(|p| p.wide().is_nan()));
                        assert_eq!(support(&batch).0[0] as usize, n);
                    }
                }
            }
        }
    }

    pub fn infinite_scores_take_their_bounds_first<T: Number>() {
        let inf = f64::INFINITY;
        let z = of::<T>(&[1.0, inf, 0.5, -inf, inf]);
        let exact = [0.75, 1.0, 0.25, 0.0, 1.0];
        for batch in [exactly(&z, 3.0), at_most(&z, 3.0)] {
            assert_eq!(bits(&dense(&batch)), bits(&of::<T>(&exact)));
            assert_eq!(support(&batch).1[0].wide(), 0.25);
        }
        let upper = of::<T>(&[0.5, 0.25, 3.0, 9.0, 2.0]);
        let bounded = Batch {
            upper: Some(&upper),
            ..exactly(&z, 2.75)
        };
        let exact = [0.5, 0.25, 0.0, 0.0, 2.0];
        assert!(is_near(&dense(&bounded), &exact, 1e-7));
        // At most more than there is: no threshold at all.
        let p = dense(&at_most(&z, 4.0));
        assert_eq!(bits(&p), bits(&of::<T>(&[1.0, 1.0, 0.5, 0.0, 1.0])));
    }

    pub fn infinite_scores_share_what_does_not_suffice<T: Number>() {
        let inf = f64::INFINITY;
        for temperature in [1.0, 0.01, 30.0] {
            let z = of::<T>(&[1.0, inf, 0.5, -inf, inf, inf]);
            let batch = Batch {
                temperature,
                ..exactly(&z, 1.5)
            };
            let exact = of::<T>(&[0.0, 0.5, 0.0, 0.0, 0.5, 0.5]);
            assert_eq!(bits(&dense(&batch)), bits(&exact));
            assert_eq!(support(&batch).0, [3]);
            let upper = of::<T>(&[1.0, 0.25, 1.0, 1.0, 8.0, 8.0]);
            let batch = Batch {
                upper: Some(&upper),
                ..batch
            };
            let exact = of::<T>(&[0.0, 0.25, 0.0, 0.0, 0.625, 0.625]);
            assert_eq!(bits(&dense(&batch)), bits(&exact));
        }
    }

    pub fn ties_get_equal_bits<T: Number>() {
        for n in LENGTHS {
            for b in [0.3, 0.77 * n as f64, 1e-9] {
                let z = vec![T::round(0.7); n];
                let p = dense(&exactly(&z, b));
                assert!(p.iter().all(|each| each.bits() == p[0].bits()));
                assert!((p[0].wide() / (b / n as f64) - 1.0).abs() < 3e-7);
            }
            let z: Vec<T> = of(&row("few levels", n, 1.0));
            let p = dense(&exactly(&z, 0.4 * n as f64));
            for i in 0..n {
                for j in 0..i {
                    assert!(z[i] != z[j] || p[i].bits() == p[j].bits());
                }
            }
        }
    }

    pub fn magnitudes_far_apart<T: Number>() {
        // A budget that vanishes beside the scores, and bounds and scores that vanish beside the budget.
        let check = |z: &[f64], u: &[f64], b: f64| {
            let (z, upper) = (of::<T>(z), of::<T>(u));
            let batch = Batch {
                upper: Some(&upper),
                ..exactly(&z, b)
            };
            let z: Vec<f64> = z.iter().map(|z| z.wide()).collect();
            let u: Vec<f64> = upper.iter().map(|u| u.wide()).collect();
            let truth = budget(&z, &u, b, 1.0, false).p;
            let p = dense(&batch);
            let scale = truth.iter().cloned().fold(0.0, f64::max);
            assert!(
                is_near(&p, &truth, 3e-7 * scale),
                "{z:?} {u:?} {b}: {p:?}, not {truth:?}"
            );
            assert!((sum(p.iter().map(|p| p.wide())) / b - 1.0).abs() < 1e-6);
        };
        check(&[1.0, 1.5, 1.5, -3.0], &[1.0; 4], 1e-30);
        check(&[1e30, 1e30, 3.0], &[1.0; 3], 0.5);
        check(&[1e30, 2e30, -3e30, 3.0], &[1.0; 4], 1.5);
        check(&[1.0, 1.5, 1.7, -3.0], &[1e-30; 4], 2.5e-30);
        check(&[1.0, 1.5, 1.7, -3.0], &[1e30; 4], 2.5e30);
        check(&[1e-30, 2e-30, 3e-30], &[1.0; 3], 1e-30);
        check(&[5.0, 4.0, 3.0, 2.0], &[1e-20, 1.0, 1e10, 1e-20], 0.5);
        check(&[5.0, 4.0, 3.0, 2.0], &[1e-20, 1.0, 1e10, 1e-20], 1e9);
        check(&[3e38, -3e38, 0.0, 3e38], &[1.0; 4], 2.5);
    }

    pub fn at_most_is_inactive_below_the_budget_and_exact_above<T: Number>() {
        for n in LENGTHS {
            for temperature in [1.0, 0.5, 8.0] {
                let z = scores::<T>(n);
                let scaled = |z: &T| (z.wide() / temperature).clamp(0.0, 1.0);
                let unclipped: Vec<f64> = z.iter().map(scaled).collect();
                let total = sum(unclipped.iter().cloned());
                let lax = Batch {
                    temperature,
                    ..at_most(&z, total * 1.01 + 0.01)
                };
                assert!(is_near(&dense(&lax), &unclipped, 1e-7));
                assert_eq!(support(&lax).1[0].wide(), 0.0);
                for part in [0.3, 0.95] {
                    if total > 0.0 {
                        let tight = Batch {
                            temperature,
                            ..at_most(&z, total * part)
                        };
                        let same = Batch {
                            map: map::BUDGET,
                            ..tight.clone()
                        };
                        assert_eq!(bits(&dense(&tight)), bits(&dense(&same)));
                        assert_eq!(support(&tight), support(&same));
                    }
                }
            }
        }
    }

    pub fn each_row_has_its_own_budget<T: Number>() {
        let (rows, n) = (9, 300);
        let z = scores::<T>(rows * n);
        let budgets: Vec<f64> = (0..rows)
            .map(|r| [0.0, 0.3, 7.0, 150.5, 300.0][r % 5])
            .collect();
        let batch = Batch {
            exponents: budgets.clone(),
            n,
            ..exactly(&z, 0.0)
        };
        let all = dense(&batch);
        for r in 0..rows {
            let own = &z[r * n..][..n];
            let alone = dense(&exactly(own, budgets[r]));
            assert_eq!(bits(&all[r * n..][..n]), bits(&alone));
        }
    }

    pub fn masked_entries_are_minus_infinity_whatever_their_bound<T: Number>() {
        for n in LENGTHS {
            let mut z = scores::<T>(n);
            let mut upper: Vec<T> = (0..n).map(|j| T::round(0.1 + (j % 4) as f64)).collect();
            let mask: Vec<u8> = (0..n).map(|j| u8::from(j % 3 != 1)).collect();
            for b in [0.05, 0.3 * n as f64, 3.0 * n as f64] {
                for most in [false, true] {
                    for j in (1..n).step_by(3) {
                        z[j] = T::round([f64::NAN, 1e30][j % 2]);
                        upper[j] = T::round([f64::NAN, -1.0, f64::INFINITY][j % 3]);
                    }
                    let batch = |z: &[T], mask| {
                        let batch = if most { at_most(z, b) } else { exactly(z, b) };
                        bits(&dense(&Batch {
                            mask,
                            upper: Some(&upper),
                            ..batch
                        }))
                    };
                    let masked = batch(&z, Some(&mask));
                    for j in (1..n).step_by(3) {
                        z[j] = T::round(f64::NEG_INFINITY);
                    }
                    assert_eq!(masked, batch(&z, None), "{n} {b}");
                }
            }
        }
    }

    /// Steps one by one, values a binade apart, and levels: what breaks Newton's method, means and bisection.
    pub fn staircases_and_geometric_rows_converge<T: Number>() {
        type Shape = fn(f64) -> f64;
        let shapes: [Shape; 6] = [
            |t| 3.0 * t,
            |t| 2f64.powf(t % 120.0 - 60.0),
            |t| -(2f64.powf(t % 120.0 - 60.0)),
            |t| (t % 5.0) * 7.0,
            |t| 1.0 - 2f64.powf(-(t % 100.0)),
            |t| if t % 2.0 == 0.0 { 1e20 } else { -1e20 + t },
        ];
        for (shape, f) in shapes.iter().enumerate() {
            for n in [3usize, 17, 120, 700] {
                let z: Vec<T> = (0..n).map(|j| T::round(f(j as f64))).collect();
                let wide: Vec<f64> = z.iter().map(|z| z.wide()).collect();
                for b in [0.4, 1.0, 2.5, n as f64 / 2.0, n as f64 - 0.25] {
                    let truth = budget(&wide, &vec![1.0; n], b, 1.0, false).p;
                    let p = dense(&exactly(&z, b));
                    assert!(is_near(&p, &truth, 3e-7), "shape {shape}, n = {n}, B = {b}");
                }
            }
        }
    }

    pub fn extreme_temperatures_are_survived<T: Number>() {
        let z = scores::<T>(50);
        for temperature in [1e-300, 1e-42, 1e-30, 1e30, 1e42, 1e300] {
            let batch = Batch {
                temperature,
                ..exactly(&z, 7.25)
            };
            let p = dense(&batch);
            assert!((sum(p.iter().map(|p| p.wide())) - 7.25).abs() < 1e-5);
            if temperature < 1.0 {
                // The largest take it all.
                assert_eq!(p.iter().filter(|p| p.wide() == 1.0).count(), 7);
                assert_eq!(support(&batch).0, [8]);
            } else {
                assert!(is_near(&p, &[7.25 / 50.0; 50], 1e-7));
            }
        }
    }
}

#[test]
fn a_bound_of_zero_excludes_an_entry_and_leaves_the_threshold_alone() {
    let z = [3.0f32, 1.0, 0.5, 2.0, 1.5];
    let upper = [0.0f32, 1.0, 1.0, 0.0, 1.0];
    let batch = Batch {
        upper: Some(&upper),
        ..exactly(&z, 1.0)
    };
    let form = csr(&batch, false);
    assert_eq!(form.rows[0], (vec![1, 4], vec![0.25, 0.75]));
    assert_eq!(form.thresholds, [0.75]);
}

#[test]
fn a_budget_or_map_that_is_none_is_refused() {
    let z = [1.0f32, 2.0];
    for (map, b) in [
        (map::BUDGET, -1.0),
        (map::BUDGET_AT_MOST, f64::NAN),
        (3, 1.0),
    ] {
        let batch = Batch {
            map,
            ..Batch::row(&z, b)
        };
        let (out, status) = common::call::dense_with_status(&batch);
        assert_eq!(status, entmax_core::status::Status::InvalidParameter);
        assert_eq!(out, [77.0, 77.0]);
    }
}
