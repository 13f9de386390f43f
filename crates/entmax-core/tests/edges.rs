//! NaN, infinities, masks, empty rows, lengths 0 and 1: DESIGN.md section 7, for both types and every alpha.

mod common;
use common::call::{bits, dense, dense_with_status, support, Batch, Number};
use common::rows::{row, EXPONENTS};
use entmax_core::status::Status;

const SIZES: [usize; 9] = [1, 2, 5, 16, 17, 63, 64, 300, 1000];

fn for_both(claim: impl Fn(&[f64], f64), claim32: impl Fn(&[f32], f64)) {
    for &e in &EXPONENTS {
        for n in SIZES {
            let x = row("normal", n, e);
            claim(&x, e);
            claim32(&x.iter().map(|&s| s as f32).collect::<Vec<_>>(), e);
        }
    }
}

macro_rules! both {
    ($claim:ident) => {
        for_both(|x, e| $claim(x, e), |x, e| $claim(x, e))
    };
}

fn canonical_nan<T: Number>() -> u64 {
    if size_of::<T>() == 4 {
        0x7fc0_0000
    } else {
        0x7ff8_0000_0000_0000
    }
}

#[test]
fn a_nan_anywhere_makes_the_whole_row_the_canonical_nan() {
    fn claim<T: Number>(x: &[T], e: f64) {
        for at in [0, 3, x.len() / 2, x.len() - 1] {
            let at = at.min(x.len() - 1);
            for nan in [f64::NAN, -f64::NAN] {
                let mut rows = [x, x, x].concat();
                rows[x.len() + at] = T::round(nan);
                let batch = Batch::rows(&rows, x.len(), e);
                let p = dense(&batch);
                assert!(bits(&p[x.len()..2 * x.len()])
                    .iter()
                    .all(|&b| b == canonical_nan::<T>()));
                assert_eq!(
                    bits(&p[..x.len()]),
                    bits(&p[2 * x.len()..]),
                    "the neighbours are untouched"
                );
                assert!(p[0].wide() >= 0.0);
                let (sizes, thresholds) = support(&batch);
                assert_eq!(
                    (sizes[1], thresholds[1].bits()),
                    (x.len() as i32, canonical_nan::<T>())
                );
            }
        }
    }
    both!(claim);
}

#[test]
fn a_nan_beside_infinities_is_still_a_nan() {
    fn claim<T: Number>(x: &[T], e: f64) {
        if x.len() < 3 {
            return;
        }
        let mut x = x.to_vec();
        x[0] = T::round(f64::INFINITY);
        x[1] = T::round(f64::NEG_INFINITY);
        assert!(
            dense(&Batch::row(&x, e))[0].wide() > 0.0,
            "inf - inf is no NaN of the row's"
        );
        x[2] = T::round(f64::NAN);
        assert!(bits(&dense(&Batch::row(&x, e)))
            .iter()
            .all(|&b| b == canonical_nan::<T>()));
    }
    both!(claim);
}

#[test]
fn scores_whose_sum_is_no_number_are_numbers_still() {
    fn claim<T: Number>(x: &[T], e: f64) {
        let n = x.len();
        let wide = if size_of::<T>() == 4 {
            f64::from(f32::MAX)
        } else {
            f64::MAX
        };
        for (low, high) in [(f64::NEG_INFINITY, f64::INFINITY), (-wide, wide)] {
            let mut scores = vec![T::round(low); n];
            for j in (0..n).filter(|j| j % 3 == 0 || j % 16 == 8) {
                scores[j] = T::round(high);
            }
            let count = scores.iter().filter(|s| s.wide() == high).count();
            let p = dense(&Batch::rows(&scores, n, e));
            for (p, score) in p.iter().zip(&scores) {
                let expected = if score.wide() == high {
                    1.0 / count as f64
                } else {
                    0.0
                };
                assert!(
                    (p.wide() - expected).abs() <= 1e-6 * expected,
                    "e = {e}, n = {n}"
                );
            }
        }
    }
    both!(claim);
}

#[test]
fn plus_infinities_share_the_mass() {
    fn claim<T: Number>(x: &[T], e: f64) {
        for temperature in [1.0, 0.3] {
            let mut x = x.to_vec();
            let places = [0, x.len() / 2, x.len() - 1];
            places.iter().for_each(|&j| x[j] = T::round(f64::INFINITY));
            let count = x.iter().filter(|s| s.wide() == f64::INFINITY).count();
            let batch = Batch {
                temperature,
                ..Batch::row(&x, e)
            };
            for (j, p) in dense(&batch).iter().enumerate() {
                let expected = if places.contains(&j) {
                    T::round(1.0 / count as f64)
                } else {
                    T::round(0.0)
                };
                assert_eq!(p.bits(), expected.bits());
            }
            let (sizes, thresholds) = support(&batch);
            assert_eq!(sizes[0], count as i32);
            assert!(x
                .iter()
                .enumerate()
                .all(|(j, &s)| (s > thresholds[0]) == places.contains(&j)));
        }
    }
    both!(claim);
}

#[test]
fn a_row_with_nothing_left_is_zeros_or_nan() {
    fn claim<T: Number>(x: &[T], e: f64) {
        let n = x.len();
        let nothing = vec![T::round(f64::NEG_INFINITY); n];
        let mut masked = x.to_vec();
        masked[0] = T::round(f64::NAN);
        let mask = vec![0u8; n];
        for temperature in [1.0, 2.5] {
            for nan in [false, true] {
                let rows = [
                    Batch {
                        temperature,
                        empty_row_is_nan: nan,
                        ..Batch::row(&nothing, e)
                    },
                    Batch {
                        temperature,
                        empty_row_is_nan: nan,
                        mask: Some(&mask),
                        ..Batch::row(&masked, e)
                    },
                ];
                for batch in rows {
                    let expected = if nan { canonical_nan::<T>() } else { 0 };
                    assert!(bits(&dense(&batch)).iter().all(|&b| b == expected));
                    let (sizes, thresholds) = support(&batch);
                    assert_eq!(sizes[0], if nan { n as i32 } else { 0 });
                    assert_eq!(thresholds[0].wide(), f64::INFINITY);
                }
            }
        }
    }
    both!(claim);
}

#[test]
fn a_mask_gives_the_bits_of_minus_infinity() {
    fn claim<T: Number>(x: &[T], e: f64) {
        for temperature in [1.0, 0.7] {
            let mask: Vec<u8> = (0..x.len()).map(|j| u8::from(j % 3 != 1)).collect();
            let mut hidden = x.to_vec();
            let mut explicit = x.to_vec();
            for j in (0..x.len()).filter(|j| j % 3 == 1) {
                hidden[j] = T::round(if j % 2 == 0 { f64::NAN } else { f64::INFINITY });
                explicit[j] = T::round(f64::NEG_INFINITY);
            }
            let masked = Batch {
                temperature,
                mask: Some(&mask),
                ..Batch::row(&hidden, e)
            };
            let plain = Batch {
                temperature,
                ..Batch::row(&explicit, e)
            };
            assert_eq!(bits(&dense(&masked)), bits(&dense(&plain)));
            let (a, b) = (support(&masked), support(&plain));
            assert_eq!((a.0, bits(&a.1)), (b.0, bits(&b.1)));
        }
    }
    both!(claim);
}

#[test]
fn one_entry_left_is_exactly_one() {
    fn claim<T: Number>(x: &[T], e: f64) {
        for score in [0.0, -0.0, 1.5, -3e38, 3e38, 1e-41, f64::INFINITY] {
            for temperature in [1.0, 1e-300, 1e300] {
                let one = [T::round(score)];
                assert_eq!(
                    dense(&Batch {
                        temperature,
                        ..Batch::row(&one, e)
                    })[0]
                        .wide(),
                    1.0
                );
                let mut row = vec![T::round(f64::NEG_INFINITY); x.len()];
                row[x.len() / 2] = one[0];
                let p = dense(&Batch {
                    temperature,
                    ..Batch::row(&row, e)
                });
                assert!(p
                    .iter()
                    .enumerate()
                    .all(|(j, p)| p.wide() == if j == x.len() / 2 { 1.0 } else { 0.0 }));
            }
        }
        if e > 0.0 && x.len() > 1 {
            let mut row = vec![T::round(0.0); x.len()];
            row[0] = T::round(1.0 / e.min(1.0) + 1.0);
            assert_eq!(
                dense(&Batch::row(&row, e))[0].wide(),
                if e < 1e-3 {
                    dense(&Batch::row(&row, e))[0].wide()
                } else {
                    1.0
                }
            );
        }
    }
    both!(claim);
}

#[test]
fn ties_have_equal_bits() {
    fn claim<T: Number>(x: &[T], e: f64) {
        let row: Vec<T> = x
            .iter()
            .map(|s| T::round((s.wide() * 2.0).round() * 0.25))
            .collect();
        let p = dense(&Batch::row(&row, e));
        for (a, pa) in row.iter().zip(&p) {
            for (b, pb) in row.iter().zip(&p).take(20) {
                assert!(a != b || pa.bits() == pb.bits());
            }
        }
    }
    both!(claim);
}

#[test]
fn length_zero_writes_nothing_dense_and_says_empty() {
    let none: [f32; 0] = [];
    assert!(dense(&Batch::row(&none, 1.0)).is_empty());
    assert_eq!(
        support(&Batch::row(&none, 1.0)),
        (vec![0], vec![f32::INFINITY])
    );
}

#[test]
fn an_alpha_below_one_is_refused_before_anything_is_written() {
    for bad in [-1e-9, f64::NAN, f64::NEG_INFINITY] {
        let x = [1.0f32, 2.0, 3.0, 4.0];
        let batch = Batch {
            exponents: vec![1.0, bad],
            ..Batch::rows(&x, 2, 1.0)
        };
        let (out, status) = dense_with_status(&batch);
        assert_eq!(status, Status::InvalidParameter);
        assert!(out.iter().all(|&p| p == 77.0));
    }
}

#[test]
fn any_bits_come_to_an_end() {
    let mut random = common::rows::Random(5);
    for round in 0..3000 {
        let n = 1 + round % 70;
        let e = if round % 3 == 0 {
            f64::from_bits((random.uniform() * 2f64.powi(63)) as u64).abs()
        } else {
            EXPONENTS[round % 17]
        };
        if e.is_nan() {
            continue;
        }
        let x: Vec<f32> = (0..n)
            .map(|_| f32::from_bits((random.uniform() * 4294967296.0) as u32))
            .collect();
        let wide: Vec<f64> = (0..n)
            .map(|_| f64::from_bits((random.uniform() * 1.8446744073709552e19) as u64))
            .collect();
        let temperature = [1.0, 1e-300, 3.7, 1e300][round % 4];
        let p = dense(&Batch {
            temperature,
            ..Batch::row(&x, e)
        });
        assert!(
            p.iter().all(|p| p.is_nan()) || p.iter().all(|p| (0.0..=1.0).contains(p)),
            "{e} {temperature} {x:?} {p:?}"
        );
        let p = dense(&Batch {
            temperature,
            ..Batch::row(&wide, e)
        });
        assert!(
            p.iter().all(|p| p.is_nan()) || p.iter().all(|p| (0.0..=1.0).contains(p)),
            "{e} {temperature} {wide:?} {p:?}"
        );
    }
}
