//! What every pullback and every loss satisfies (MATH.md sections 4, 5 and 20), on arbitrary rows of both types.

mod common;
use common::call::{bits, dense, Batch};
use common::gradient_call::{Backward, GradientNumber};
use common::loss_call::{Loss, LossNumber};
use common::oracle::sum;
use proptest::prelude::*;

/// What is left after rounding: of one number of the type, and of a sum of a row.
trait Precise: GradientNumber + LossNumber {
    const TOLERANCE: f64;
}

impl Precise for f32 {
    const TOLERANCE: f64 = 4e-6;
}

impl Precise for f64 {
    const TOLERANCE: f64 = 1e-12;
}

fn alpha_minus_one() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(0.25),
        Just(0.5),
        Just(1.0),
        0.0..1.0f64,
        1.0..4.0f64,
        (-40.0..0.0f64).prop_map(f64::exp),
    ]
}

/// Scores with two tangents: levels that tie, and others; all exact in f32.
fn rows() -> impl Strategy<Value = Vec<(f64, f64, f64)>> {
    let score = prop_oneof![
        4 => -3.0..3.0f32,
        4 => (-4i8..4).prop_map(|level| f32::from(level) * 0.25),
        1 => Just(f32::NEG_INFINITY),
    ];
    let tangent = -2.0..2.0f32;
    let entry = (score, tangent.clone(), tangent);
    let wide = entry.prop_map(|(z, u, v)| (f64::from(z), f64::from(u), f64::from(v)));
    prop::collection::vec(wide, 1..150)
}

fn of<T: Precise>(values: impl Iterator<Item = f64>) -> Vec<T> {
    values.map(T::round).collect()
}

fn product<T: Precise>(a: &[T], b: &[T]) -> f64 {
    sum(a.iter().zip(b).map(|(a, b)| a.wide() * b.wide()))
}

fn largest<T: Precise>(values: &[T]) -> f64 {
    values.iter().fold(1.0, |most, v| v.wide().abs().max(most))
}

fn check_pullback<T: Precise>(row: &[(f64, f64, f64)], e: f64) -> Result<(), TestCaseError> {
    let z: Vec<T> = of(row.iter().map(|each| each.0));
    let u: Vec<T> = of(row.iter().map(|each| each.1));
    let v: Vec<T> = of(row.iter().map(|each| each.2));
    let ones = vec![T::round(1.0); z.len()];
    let p = dense(&Batch::row(&z, e));
    let jacobian = |v: &[T]| Backward::row(&p, v, e).call().x;
    let (ju, jv, j1) = (jacobian(&u), jacobian(&v), jacobian(&ones));
    let size = largest(&ju).max(largest(&jv)) * z.len() as f64 * T::TOLERANCE;
    prop_assert!(
        (product(&u, &jv) - product(&v, &ju)).abs() <= 4.0 * size,
        "not symmetric"
    );
    prop_assert!(product(&v, &jv) >= -2.0 * size, "not positive semidefinite");
    prop_assert!(
        product(&ones, &jv).abs() <= size,
        "a shift changes something"
    );
    prop_assert!(
        j1.iter().all(|d| d.wide().abs() <= size),
        "a shift changes something"
    );
    for (j, p) in p.iter().enumerate() {
        prop_assert!(p.wide() > 0.0 || jv[j].bits() == 0, "outside the support");
    }
    Ok(())
}

fn check_loss<T: Precise>(
    row: &[(f64, f64, f64)],
    e: f64,
    class: usize,
) -> Result<(), TestCaseError> {
    let z: Vec<T> = of(row.iter().map(|each| each.0));
    let class = class % z.len();
    let other: Vec<T> = of(row.iter().map(|each| each.0 + each.1));
    let middle: Vec<T> = of(z
        .iter()
        .zip(&other)
        .map(|(a, b)| 0.5 * a.wide() + 0.5 * b.wide()));
    let at = |z: &[T]| Loss::row(z, class as i32, e).call();
    let loss = at(&z);
    let p = dense(&Batch::row(&z, e));
    if z[class].wide() == f64::NEG_INFINITY {
        prop_assert_eq!(loss.loss[0], f64::INFINITY);
        prop_assert!(loss.dz.iter().all(|d| d.wide() == 0.0));
        return Ok(());
    }
    prop_assert!(loss.loss[0] >= 0.0 && loss.loss[0].is_finite());
    for (j, p) in p.iter().enumerate() {
        let wanted = p.wide() - f64::from(u8::from(j == class));
        prop_assert!(
            (loss.dz[j].wide() - wanted).abs() <= T::TOLERANCE,
            "dz = p - q"
        );
        prop_assert!(
            j == class || loss.dz[j].bits() == p.bits(),
            "dz = p beside the class"
        );
    }
    let size = z.len() as f64 * T::TOLERANCE;
    prop_assert!(sum(loss.dz.iter().map(|d| d.wide())).abs() <= size);
    let (end, half) = (at(&other).loss[0], at(&middle).loss[0]);
    prop_assert!(half <= 0.5 * (loss.loss[0] + end) + size, "not convex");
    // The margin, from which on the loss is 0, and no gradient is left.
    let next = (0..z.len()).filter(|&j| j != class);
    let next = next.map(|j| z[j].wide()).fold(f64::NEG_INFINITY, f64::max);
    if e > 0.0 && z[class].wide() >= next + 1.0 / e + T::TOLERANCE {
        prop_assert_eq!(loss.loss[0], 0.0);
        prop_assert!(loss.dz.iter().all(|d| d.wide() == 0.0));
    }
    let sparse = Loss::row(&z, class as i32, e).call_sparse();
    prop_assert_eq!(sparse.loss[0].to_bits(), loss.loss[0].to_bits());
    let mut spread = vec![T::round(0.0); z.len()];
    for (&j, &value) in sparse.indices[0].iter().zip(&sparse.values[0]) {
        spread[j] = value;
    }
    prop_assert_eq!(bits(&spread), bits(&loss.dz));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pullback_is_symmetric_and_positive_f32(row in rows(), e in alpha_minus_one()) {
        check_pullback::<f32>(&row, e)?;
    }

    #[test]
    fn a_pullback_is_symmetric_and_positive_f64(row in rows(), e in alpha_minus_one()) {
        check_pullback::<f64>(&row, e)?;
    }

    #[test]
    fn a_loss_is_convex_with_gradient_p_less_q_f32(row in rows(), e in alpha_minus_one(), class in 0usize..150) {
        check_loss::<f32>(&row, e, class)?;
    }

    #[test]
    fn a_loss_is_convex_with_gradient_p_less_q_f64(row in rows(), e in alpha_minus_one(), class in 0usize..150) {
        check_loss::<f64>(&row, e, class)?;
    }
}
