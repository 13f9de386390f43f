//! Attention against f64 loops over batches, heads and queries, and equal bits of all block implementations, whatever part
//! of the queries a call has.

mod common;
use common::call::{bits, Number, Workspace};
use common::oracle;
use common::rows::Random;
use entmax_core::attention::*;
use entmax_core::simd::{scalar::Scalar, F32Block};
use entmax_core::status::Status;
use std::ops::Range;
use std::ptr::{null, null_mut};

/// The kernels of a type.
trait Kernels: Number {
    fn workspace_bytes(keys: usize, width: usize, value_width: usize) -> usize;
    /// # Safety
    /// As the kernels.
    unsafe fn pack(call: &Attention<Self>, panels: Range<usize>) -> Status;
    /// # Safety
    /// As the kernels.
    unsafe fn attend(call: &Attention<Self>, blocks: Range<usize>, workspace: *mut u8) -> Status;
}

macro_rules! kernels {
    ($scalar:ty, $workspace:ident, $pack:ident, $attend:ident) => {
        impl Kernels for $scalar {
            fn workspace_bytes(keys: usize, width: usize, value_width: usize) -> usize {
                $workspace(keys, width, value_width)
            }
            unsafe fn pack(call: &Attention<Self>, panels: Range<usize>) -> Status {
                unsafe { $pack(call, panels) }
            }
            unsafe fn attend(
                call: &Attention<Self>,
                blocks: Range<usize>,
                workspace: *mut u8,
            ) -> Status {
                unsafe { $attend(call, blocks, workspace) }
            }
        }
    };
}
kernels!(
    f32,
    attention_workspace_f32,
    attention_pack_f32,
    attention_f32
);
kernels!(
    f64,
    attention_workspace_f64,
    attention_pack_f64,
    attention_f64
);

/// B, H, G, N, M, D, E.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    b: usize,
    h: usize,
    g: usize,
    n: usize,
    m: usize,
    d: usize,
    e: usize,
}

#[derive(Clone, Debug, Default)]
struct Options {
    /// [`rule`].
    rule: u32,
    causal: u32,
    topk: usize,
    /// [B, 1, N, M], 1 = keep.
    mask: Option<Vec<u8>>,
    /// [B, M].
    key_mask: Option<Vec<u8>>,
    /// [1, H, 1, M].
    bias: Option<Vec<f64>>,
    slopes: Option<Vec<f64>>,
    query_lengths: Option<Vec<i32>>,
    key_lengths: Option<Vec<i32>>,
    empty_row_is_nan: bool,
}

/// Channels of q and k are multiples of 1/4 and the scale is 1/4, so that scores are exact in both types.
struct Problem<T> {
    sizes: Sizes,
    q: Vec<T>,
    k: Vec<T>,
    v: Vec<T>,
    /// alpha - 1 of each head.
    alpha: Vec<f64>,
    options: Options,
}

const SCALE: f64 = 0.25;
/// Keys that are packed together.
const PACKED: usize = 64;

fn problem<T: Number>(sizes: Sizes, alpha: &[f64], options: Options) -> Problem<T> {
    let mut random = Random(sizes.n as u64 * 1009 + sizes.m as u64);
    let Sizes {
        b,
        h,
        g,
        n,
        m,
        d,
        e,
    } = sizes;
    let mut draw = |len: usize, quarters: bool| -> Vec<T> {
        (0..len)
            .map(|_| {
                let value = if quarters {
                    (random.uniform() * 9.0).floor() / 4.0 - 1.0
                } else {
                    random.normal()
                };
                T::round(value)
            })
            .collect()
    };
    Problem {
        sizes,
        q: draw(b * h * n * d, true),
        k: draw(b * g * m * d, true),
        v: draw(b * g * m * e, false),
        alpha: (0..h).map(|head| alpha[head % alpha.len()]).collect(),
        options,
    }
}

/// What a call gives.
struct Given<T> {
    out: Vec<T>,
    /// Entries of each row.
    weights: Vec<Vec<(usize, T)>>,
    thresholds: Vec<T>,
    work: Vec<f64>,
    empty: Vec<u8>,
}

type Attend<T> = unsafe fn(&Attention<T>, Range<usize>, *mut u8) -> Status;

/// Runs a problem, its blocks of queries `parts` at a time.
fn run<T: Kernels>(
    problem: &Problem<T>,
    parts: usize,
    sparse: bool,
    attend: Attend<T>,
) -> Given<T> {
    let Sizes {
        b,
        h,
        g,
        n,
        m,
        d,
        e,
    } = problem.sizes;
    let options = &problem.options;
    let rows = b * h * n;
    let wide = e.next_multiple_of(16);
    let heads = |data: &[T], heads: usize, rows: usize, width: usize| Heads {
        data: data.as_ptr().cast_mut(),
        batch: heads * rows * width,
        head: rows * width,
        row: width,
    };
    let mut out = vec![T::round(7.0); rows * e];
    let mut panels = vec![T::round(7.0); b * g * panels_of(m) * d * 16];
    let mut copied = vec![T::round(7.0); b * g * m * wide];
    let (mut work, mut empty) = (vec![-1.0; rows], vec![0u8; rows]);
    let mut row_sizes = vec![-1; rows];
    let mut thresholds = vec![T::round(7.0); rows];
    let mut indices = vec![-1; rows * m];
    let mut values = vec![T::round(7.0); rows * m];
    let narrow = |values: &Option<Vec<f64>>| -> Vec<T> {
        let values = values.as_deref().unwrap_or_default();
        values.iter().map(|&value| T::round(value)).collect()
    };
    let (bias, slopes) = (narrow(&options.bias), narrow(&options.slopes));
    let place = |given: bool, data: *const T| if given { data } else { null() };
    let lengths = |lengths: &Option<Vec<i32>>| lengths.as_ref().map_or(null(), |all| all.as_ptr());
    let bytes = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(null(), |all| all.as_ptr());
    let v = heads(&problem.v, g, m, e);
    let values_at = heads(&copied, g, m, wide);
    let weights = Weights {
        sizes: row_sizes.as_mut_ptr(),
        thresholds: thresholds.as_mut_ptr(),
        indices: indices.as_mut_ptr(),
        values: values.as_mut_ptr(),
        first_row: 0,
    };
    let call = Attention {
        scale: SCALE,
        alpha: problem.alpha.as_ptr(),
        q: heads(&problem.q, h, n, d),
        k: heads(&problem.k, g, m, d),
        v,
        out: Heads {
            data: out.as_mut_ptr(),
            batch: h * n * e,
            head: n * e,
            row: e,
        },
        panels: panels.as_mut_ptr(),
        values: if wide == e {
            v
        } else {
            Heads {
                data: copied.as_mut_ptr(),
                ..values_at
            }
        },
        bias: Table {
            data: place(options.bias.is_some(), bias.as_ptr()),
            batch: 0,
            head: m,
            query: 0,
            key: 1,
        },
        mask: Table {
            data: bytes(&options.mask),
            batch: n * m,
            head: 0,
            query: m,
            key: 1,
        },
        key_mask: bytes(&options.key_mask),
        slopes: place(options.slopes.is_some(), slopes.as_ptr()),
        query_lengths: lengths(&options.query_lengths),
        key_lengths: lengths(&options.key_lengths),
        batches: b,
        heads: h,
        key_heads: g,
        queries: n,
        keys: m,
        width: d,
        value_width: e,
        causal: options.causal,
        topk: options.topk,
        empty_row_is_nan: u32::from(options.empty_row_is_nan),
        weights: if sparse { weights } else { Weights::NONE },
        records: null_mut(),
        screened: null_mut(),
        blocks_done: 0,
        blocks: null_mut(),
        pages: null(),
        pages_per_batch: 0,
        page_keys: 0,
        work: work.as_mut_ptr(),
        empty: empty.as_mut_ptr(),
        rule: options.rule,
    };
    let mut workspace = Workspace::new(T::workspace_bytes(m, d, e));
    let blocks = b * h * n.div_ceil(block_queries(m));
    unsafe {
        assert_eq!(T::pack(&call, 0..b * g * m.div_ceil(PACKED)), Status::Ok);
        for first in (0..blocks).step_by(parts) {
            let range = first..blocks.min(first + parts);
            assert_eq!(attend(&call, range, workspace.pointer()), Status::Ok);
        }
    }
    let weights = (0..if sparse { rows } else { 0 })
        .map(|r| {
            (r * m..r * m + row_sizes[r] as usize)
                .map(|at| (indices[at] as usize, values[at]))
                .collect()
        })
        .collect();
    assert!(call.weights.sizes.is_null() || row_sizes.iter().all(|&size| size >= 0));
    Given {
        out,
        weights,
        thresholds,
        work,
        empty,
    }
}

/// Output, weights and scores (-inf for what is not seen) of one query, and the keys within its lengths and its limit.
struct Truth {
    out: Vec<f64>,
    p: Vec<f64>,
    scores: Vec<f64>,
    visible: usize,
    counts: bool,
}

fn truth<T: Number>(problem: &Problem<T>, (b, h, i): (usize, usize, usize)) -> Truth {
    let Sizes {
        h: heads,
        g: key_heads,
        n,
        m,
        d,
        e,
        ..
    } = problem.sizes;
    let options = &problem.options;
    let length =
        |lengths: &Option<Vec<i32>>, most| lengths.as_ref().map_or(most, |l| l[b] as usize);
    let queries = length(&options.query_lengths, n);
    let keys = length(&options.key_lengths, m);
    let g = h * key_heads / heads;
    let (mut scores, mut visible) = (vec![f64::NEG_INFINITY; m], 0);
    for j in 0..m {
        let shift = match options.causal {
            causal::UPPER_LEFT => 0,
            causal::LOWER_RIGHT => keys as i64 - queries as i64,
            _ => i64::MAX / 2,
        };
        if i >= queries || j >= keys || j as i64 > i as i64 + shift {
            continue;
        }
        visible += 1;
        let hidden = |mask: &Option<Vec<u8>>, at: usize| mask.as_ref().is_some_and(|m| m[at] == 0);
        if hidden(&options.mask, (b * n + i) * m + j) || hidden(&options.key_mask, b * m + j) {
            continue;
        }
        let query = &problem.q[((b * heads + h) * n + i) * d..][..d];
        let key = &problem.k[((b * key_heads + g) * m + j) * d..][..d];
        let mut score: f64 = query
            .iter()
            .zip(key)
            .map(|(q, k)| q.wide() * k.wide())
            .sum();
        score *= SCALE;
        if let Some(bias) = &options.bias {
            score += bias[h * m + j];
        }
        if let Some(slopes) = &options.slopes {
            let place = match options.causal {
                causal::UPPER_LEFT => i as f64,
                _ => (i + keys) as f64 - queries as f64,
            };
            score -= slopes[h] * (place - j as f64).abs();
        }
        scores[j] = score;
    }
    let mut kept = scores.clone();
    if options.topk > 0 {
        let mut order: Vec<usize> = (0..m).collect();
        order.sort_by(|&i, &j| scores[j].total_cmp(&scores[i]).then(i.cmp(&j)));
        for &j in order.iter().skip(options.topk) {
            kept[j] = f64::NEG_INFINITY;
        }
    }
    let p = if options.rule == rule::RELU {
        kept.iter().map(|score| score.max(0.0)).collect()
    } else if kept.iter().all(|&score| score == f64::NEG_INFINITY) {
        vec![0.0; m]
    } else {
        oracle::entmax(&kept, problem.alpha[h], 1.0).p
    };
    let value = |j: usize, c: usize| problem.v[((b * key_heads + g) * m + j) * e + c].wide();
    let out = (0..e)
        .map(|c| oracle::sum((0..m).filter(|&j| p[j] > 0.0).map(|j| p[j] * value(j, c))))
        .collect();
    Truth {
        out,
        p,
        scores,
        visible,
        counts: i < queries,
    }
}

fn check<T: Kernels>(problem: &Problem<T>, tolerance: f64) {
    let Sizes { b, h, n, d, e, .. } = problem.sizes;
    let given = run(problem, 3, true, T::attend);
    let label = format!("{:?} {:?}", problem.sizes, problem.alpha);
    for row in 0..b * h * n {
        let truth = truth(problem, (row / n / h, row / n % h, row % n));
        let empty = truth.scores.iter().all(|&score| score == f64::NEG_INFINITY);
        assert_eq!(given.empty[row], u8::from(empty && truth.counts), "{label}");
        if empty && truth.counts && problem.options.empty_row_is_nan {
            assert!(
                given.out[row * e..][..e].iter().all(|o| o.wide().is_nan()),
                "{label}"
            );
            assert_eq!(given.weights[row].len(), truth.scores.len(), "{label}");
            continue;
        }
        for (actual, expected) in given.out[row * e..][..e].iter().zip(&truth.out) {
            assert!(
                (actual.wide() - expected).abs() < tolerance,
                "{label}, row {row}"
            );
        }
        let mut dense = vec![0.0; truth.p.len()];
        for &(j, weight) in &given.weights[row] {
            assert!(weight.wide() > 0.0, "{label}");
            dense[j] = weight.wide();
        }
        let threshold = given.thresholds[row].wide();
        for (j, (weight, p)) in dense.iter().zip(&truth.p).enumerate() {
            assert!(
                (weight - p).abs() < tolerance,
                "{label}, row {row}, key {j}"
            );
            if problem.options.topk == 0 {
                assert_eq!(
                    *weight > 0.0,
                    truth.scores[j] > threshold,
                    "{label}, row {row}"
                );
            }
        }
        let least = truth.visible * d;
        assert!(given.work[row] >= least as f64, "{label}");
        assert!(
            given.work[row] <= (least + truth.visible * e) as f64,
            "{label}"
        );
    }
}

/// Every option, at sizes around a block of 16 queries, a panel of 16 keys and a strip of 16 channels.
fn problems<T: Number>() -> Vec<Problem<T>> {
    let alphas: [&[f64]; 6] = [
        &[0.5],
        &[0.0],
        &[1.0],
        &[0.25, 0.7],
        &[0.0, 0.5, 1.0],
        &[2.0],
    ];
    let mut random = Random(5);
    let mut all = Vec::new();
    for (b, h, g, n, m, d, e) in [
        (1, 1, 1, 1, 1, 4, 4),
        (2, 2, 1, 3, 17, 3, 16),
        (2, 4, 2, 17, 16, 16, 1),
        (1, 2, 2, 16, 33, 5, 33),
        (1, 3, 1, 35, 50, 8, 40),
        (1, 2, 1, 5, 260, 8, 32),
        (1, 1, 1, 18, 700, 4, 17),
        (2, 2, 1, 3, 0, 4, 4),
        (1, 2, 1, 3, 5, 0, 4),
        (1, 2, 1, 3, 5, 4, 0),
    ] {
        let sizes = Sizes {
            b,
            h,
            g,
            n,
            m,
            d,
            e,
        };
        let mut bytes = |len: usize| -> Option<Vec<u8>> {
            Some((0..len).map(|_| u8::from(random.uniform() > 0.3)).collect())
        };
        let (mask, key_mask) = (bytes(b * n * m), bytes(b * m));
        let lengths = |most: usize| Some((0..b).map(|i| (most - most * i / 3) as i32).collect());
        let bias: Option<Vec<f64>> = Some((0..h * m).map(|at| (at % 37) as f64 / 16.0).collect());
        let slopes = Some((0..h).map(|head| 0.5 / (1 << head) as f64).collect());
        let sets = [
            Options::default(),
            Options {
                causal: causal::UPPER_LEFT,
                slopes: slopes.clone(),
                ..Options::default()
            },
            Options {
                causal: causal::LOWER_RIGHT,
                query_lengths: lengths(n),
                key_lengths: lengths(m),
                ..Options::default()
            },
            Options {
                mask: mask.clone(),
                key_mask,
                empty_row_is_nan: true,
                ..Options::default()
            },
            Options {
                bias: bias.clone(),
                topk: 4,
                ..Options::default()
            },
            Options {
                rule: rule::RELU,
                causal: causal::UPPER_LEFT,
                ..Options::default()
            },
            Options {
                rule: rule::RELU,
                mask: mask.clone(),
                slopes: slopes.clone(),
                key_lengths: lengths(m),
                empty_row_is_nan: true,
                ..Options::default()
            },
            Options {
                causal: causal::LOWER_RIGHT,
                mask,
                bias,
                slopes,
                key_lengths: lengths(m),
                ..Options::default()
            },
        ];
        for options in sets {
            for alpha in alphas {
                all.push(problem(sizes, alpha, options.clone()));
            }
        }
    }
    all
}

#[test]
fn attention_is_that_of_the_oracle_f32() {
    for problem in problems::<f32>() {
        check(&problem, 2e-5);
    }
}

#[test]
fn attention_is_that_of_the_oracle_f64() {
    for problem in problems::<f64>() {
        check(&problem, 2e-9);
    }
}

fn weights_do_not_change_the_output<T: Kernels>() {
    for problem in problems::<T>() {
        let sparse = run(&problem, 1000, true, T::attend);
        for parts in [1, 2, 1000] {
            let plain = run(&problem, parts, false, T::attend);
            assert_eq!(bits(&plain.out), bits(&sparse.out), "{:?}", problem.sizes);
            assert_eq!(plain.work, sparse.work);
        }
    }
}

#[test]
fn neither_the_weights_nor_the_range_of_a_call_change_the_output() {
    weights_do_not_change_the_output::<f32>();
    weights_do_not_change_the_output::<f64>();
}

#[test]
fn a_query_sees_what_is_not_a_number_only_where_it_looks() {
    let sizes = Sizes {
        b: 1,
        h: 1,
        g: 1,
        n: 20,
        m: 20,
        d: 4,
        e: 3,
    };
    for alpha in [0.0, 0.3, 0.5, 1.0, 3.0, f64::INFINITY] {
        let options = Options {
            causal: causal::UPPER_LEFT,
            ..Options::default()
        };
        let mut problem = problem::<f32>(sizes, &[alpha], options);
        let clean = run(&problem, 1, true, f32::attend);
        problem.k[7 * 4 + 1] = f32::NAN;
        problem.v[7 * 3] = f32::NAN;
        let given = run(&problem, 1, true, f32::attend);
        for i in 0..20 {
            let (row, before) = (&given.out[i * 3..][..3], &clean.out[i * 3..][..3]);
            if i < 7 {
                assert_eq!(bits(row), bits(before));
            } else {
                assert!(row.iter().all(|value| value.is_nan()));
                let seen: Vec<usize> = given.weights[i].iter().map(|entry| entry.0).collect();
                assert_eq!(seen, (0..=i).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn a_nan_is_the_canonical_one() {
    let sizes = Sizes {
        b: 1,
        h: 1,
        g: 1,
        n: 3,
        m: 300,
        d: 4,
        e: 18,
    };
    for alpha in [0.0, 0.5, 1.0] {
        let mut problem = problem::<f32>(sizes, &[alpha], Options::default());
        for j in 0..sizes.m {
            let strange = f32::from_bits(0xffc1_2345);
            problem.v[j * 18 + 2] = strange;
            problem.v[j * 18 + 17] = if j % 2 == 0 {
                f32::INFINITY
            } else {
                -f32::INFINITY
            };
        }
        let given = run(&problem, 1, false, f32::attend);
        for row in given.out.chunks(18) {
            assert_eq!(row[2].to_bits(), f32::NAN.to_bits());
            assert!(!row[17].is_nan() || row[17].to_bits() == f32::NAN.to_bits());
            assert!(row[0].is_finite());
        }
    }
}

/// On a chosen implementation.
unsafe fn on<V: F32Block>(call: &Attention<f32>, blocks: Range<usize>, to: *mut u8) -> Status {
    unsafe { attention_f32_with::<V>(call, blocks, to) }
}

fn has_the_scalar_bits<V: F32Block>() {
    for problem in problems::<f32>() {
        let (a, b) = (
            run(&problem, 2, true, on::<V>),
            run(&problem, 2, true, on::<Scalar>),
        );
        assert_eq!(bits(&a.out), bits(&b.out), "{:?}", problem.sizes);
        assert_eq!(
            bits(&a.thresholds),
            bits(&b.thresholds),
            "{:?}",
            problem.sizes
        );
        for (a, b) in a.weights.iter().zip(&b.weights) {
            let entries = |row: &[(usize, f32)]| -> Vec<(usize, u32)> {
                row.iter().map(|&(j, p)| (j, p.to_bits())).collect()
            };
            assert_eq!(entries(a), entries(b), "{:?}", problem.sizes);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn avx2_gives_the_bits_of_the_scalar_blocks() {
    if is_x86_feature_detected!("avx2") {
        has_the_scalar_bits::<entmax_core::simd::avx2::Avx2>();
    }
}
