//! All maps of the family on arbitrary batches: any shape, axis, mask, parameters, bounds, k and temperature, scores that are
//! no numbers among them. A row is what it is alone; every form says the same; p is feasible.

mod common;
use common::call::{bits, csr, dense, support, to, Batch, Number, Workspace};
use common::oracle::sum;
use entmax_core::maps::map;
use entmax_core::status::Status;
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Input {
    outer: usize,
    n: usize,
    inner: usize,
    map: u32,
    k: usize,
    /// Picks parameters, one for all rows or one for each.
    parameters: Vec<f64>,
    temperature: f64,
    masked: bool,
    bounded: bool,
    seeds: Vec<(f64, u16)>,
}

/// Lengths around every boundary of vectors and blocks.
fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 1usize..40,
        1 => prop::sample::select(vec![63, 64, 65, 127, 128, 129, 255, 256, 257, 319, 400, 511, 512, 513, 700]),
    ]
}

fn inputs() -> impl Strategy<Value = Input> {
    let shape = (
        1usize..4,
        lengths(),
        prop_oneof![2 => Just(1usize), 1 => 2usize..6],
    );
    let parameter = prop_oneof![
        Just(0.0),
        Just(0.5),
        Just(1.0),
        Just(f64::INFINITY),
        0.0..1.0f64,
        1.0..60.0f64
    ];
    let settings = (
        0u32..3,
        prop_oneof![Just(0usize), 1usize..30],
        prop::collection::vec(parameter, 1..24),
        prop_oneof![Just(1.0), 0.05..20.0f64],
        any::<bool>(),
        any::<bool>(),
    );
    (shape, settings).prop_flat_map(|((outer, n, inner), settings)| {
        let (map, k, parameters, temperature, masked, bounded) = settings;
        prop::collection::vec((-3.0..3.0f64, any::<u16>()), outer * n * inner).prop_map(
            move |seeds| Input {
                outer,
                n,
                inner,
                map,
                k: if map == map::ENTMAX { k } else { 0 },
                parameters: parameters.clone(),
                temperature,
                masked,
                bounded: bounded && map != map::ENTMAX,
                seeds,
            },
        )
    })
}

/// The input in numbers of one type.
struct Data<T> {
    x: Vec<T>,
    mask: Vec<u8>,
    upper: Vec<T>,
    parameters: Vec<f64>,
}

fn data<T: Number>(input: &Input) -> Data<T> {
    let score = |&(value, kind): &(f64, u16)| match kind % 512 {
        0 => f64::NAN,
        1 => f64::INFINITY,
        2..=40 => f64::NEG_INFINITY,
        41..=200 => (value * 2.0).round() * 0.5,
        201..=210 => value * 1e30,
        211..=220 => value * 1e-30,
        _ => value,
    };
    let rows = input.outer * input.inner;
    let given = &input.parameters;
    let parameters = if given.len().is_multiple_of(2) {
        vec![given[0]]
    } else {
        (0..rows).map(|r| given[r % given.len()]).collect()
    };
    Data {
        x: input.seeds.iter().map(|s| T::round(score(s))).collect(),
        mask: input
            .seeds
            .iter()
            .map(|s| u8::from(s.1 / 512 % 4 != 1))
            .collect(),
        upper: input
            .seeds
            .iter()
            .map(|s| T::round(f64::from(s.1 / 512 % 8) / 5.0))
            .collect(),
        parameters,
    }
}

fn batch<'a, T: Number>(input: &Input, data: &'a Data<T>) -> Batch<'a, T> {
    Batch {
        mask: input.masked.then_some(&data.mask[..]),
        inner: input.inner,
        map: input.map,
        exponents: data.parameters.clone(),
        upper: input.bounded.then_some(&data.upper[..]),
        k: input.k,
        temperature: input.temperature,
        ..Batch::rows(&data.x, input.n, 0.0)
    }
}

/// Row r of a tensor in the layout [outer, n, inner].
fn gathered<T: Copy>(values: &[T], r: usize, n: usize, inner: usize) -> Vec<T> {
    (0..n)
        .map(|j| values[(r / inner * n + j) * inner + r % inner])
        .collect()
}

fn check<T: Number>(input: &Input) -> Result<(), TestCaseError> {
    let (n, inner) = (input.n, input.inner);
    let data = data::<T>(input);
    let batch = batch(input, &data);
    let p = dense(&batch);
    let form = csr(&batch, false);
    let (sizes, thresholds) = support(&batch);
    prop_assert_eq!(&form.sizes, &sizes);
    prop_assert_eq!(bits(&form.thresholds), bits(&thresholds));
    // In chunks of one row, last row first, in place.
    let mut place = data.x.clone();
    let mut workspace = Workspace::new(T::workspace(n, inner));
    if inner == 1 {
        let mut raw = batch.raw();
        raw.x = place.as_ptr();
        let target = to(place.as_mut_ptr());
        for r in (0..batch.count()).rev() {
            let status = unsafe { T::row_map(&raw, r..r + 1, &target, workspace.pointer()) };
            prop_assert_eq!(status, Status::Ok);
        }
        prop_assert_eq!(bits(&place), bits(&p));
    }
    for r in 0..batch.count() {
        let row = |values: &[T]| gathered(values, r, n, inner);
        let (mut x, upper, p) = (row(&data.x), row(&data.upper), row(&p));
        if input.masked {
            let mask = gathered(&data.mask, r, n, inner);
            let masked = (0..n).filter(|&j| mask[j] == 0);
            masked.for_each(|j| x[j] = T::round(f64::NEG_INFINITY));
        }
        let parameter = data.parameters[r % data.parameters.len()];
        // Alone, contiguous, with -inf for the mask.
        let alone = Batch {
            inner: 1,
            mask: None,
            exponents: vec![parameter],
            upper: input.bounded.then_some(&upper[..]),
            ..Batch {
                x: &x,
                ..batch.clone()
            }
        };
        prop_assert_eq!(bits(&dense(&alone)), bits(&p));
        // CSR lists exactly what is not 0.
        let (indices, values) = &form.rows[r];
        let listed = (0..n).filter(|&j| p[j].wide() > 0.0 || p[j].wide().is_nan());
        prop_assert!(listed.map(|j| j as i32).eq(indices.iter().copied()));
        let same = indices.iter().zip(values);
        prop_assert!(same.clone().all(|(&j, v)| v.bits() == p[j as usize].bits()));
        feasible(input, &x, &upper, parameter, &p)?;
    }
    Ok(())
}

fn feasible<T: Number>(
    input: &Input,
    x: &[T],
    upper: &[T],
    parameter: f64,
    p: &[T],
) -> Result<(), TestCaseError> {
    if x.iter().any(|z| z.wide().is_nan()) {
        prop_assert!(p.iter().all(|p| p.wide().is_nan()));
        return Ok(());
    }
    let bound = |j: usize| if input.bounded { upper[j].wide() } else { 1.0 };
    let mut room = 0.0;
    for j in 0..x.len() {
        let left = x[j].wide() > f64::NEG_INFINITY;
        prop_assert!(p[j].wide() >= 0.0 && (left || p[j].bits() == 0));
        prop_assert!(p[j].wide() <= bound(j) * (1.0 + 1e-6));
        room += if left { bound(j) } else { 0.0 };
    }
    let total = sum(p.iter().map(|p| p.wide()));
    let tolerance = 1e-6;
    match input.map {
        map::ENTMAX if room == 0.0 => prop_assert_eq!(total, 0.0),
        map::ENTMAX => prop_assert!((total - 1.0).abs() < tolerance),
        map::BUDGET => {
            let whole = parameter.min(room);
            prop_assert!((total - whole).abs() <= tolerance * whole);
        }
        _ => prop_assert!(total <= parameter.min(room) * (1.0 + tolerance)),
    }
    if input.map == map::ENTMAX && input.k > 0 {
        prop_assert!(p.iter().filter(|p| p.wide() > 0.0).count() <= input.k);
    }
    // Larger scores get no less, as far as bounds and top-k's ties allow.
    let largest = p.iter().map(|p| p.wide()).fold(0.0, f64::max);
    for j in 1..x.len() {
        let (i, j) = if x[j - 1] > x[j] {
            (j, j - 1)
        } else {
            (j - 1, j)
        };
        if x[i] < x[j] {
            prop_assert!(p[i].wide() <= p[j].wide() + 1e-6 * largest || p[j].wide() == bound(j));
        } else if x[i] == x[j] && input.k == 0 && !input.bounded {
            prop_assert_eq!(p[i].bits(), p[j].bits());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_batch_in_any_form_f32(input in inputs()) {
        check::<f32>(&input)?;
    }

    #[test]
    fn any_batch_in_any_form_f64(input in inputs()) {
        check::<f64>(&input)?;
    }
}
