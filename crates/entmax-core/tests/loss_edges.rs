//! Edges of the loss kernels: rows without a finite loss, masks, rows that are left out, layouts, chunks.

mod common;
use common::call::{bits, Batch, Number};
use common::loss_call::{Loss, LossNumber, Targets};
use common::rows::Random;
use entmax_core::losses::LossResults;
use entmax_core::status::Status;

const ALPHAS: [f64; 8] = [0.0, 0.25, 0.5, 0.7, 1.0, 1.5, 9.0, f64::INFINITY];
const INF: f64 = f64::INFINITY;

fn rounded<T: Number>(values: &[f64]) -> Vec<T> {
    values.iter().map(|&value| T::round(value)).collect()
}

/// Loss, gradient, derivative by alpha and number of sparse entries of a row.
fn outcome<T: LossNumber>(call: &Loss<T>) -> (f64, Vec<f64>, f64, usize) {
    let (got, sparse) = (call.call(), call.call_sparse());
    assert_eq!(sparse.loss[0].to_bits(), got.loss[0].to_bits());
    let dz: Vec<f64> = got.dz.iter().map(|d| d.wide()).collect();
    (got.loss[0], dz, got.dparameter[0], sparse.indices[0].len())
}

fn rows_without_a_finite_loss<T: LossNumber>() {
    let zeros = vec![0.0; 4];
    for e in ALPHAS {
        // The target is excluded, by -inf or by the mask, as a class and as a part of a distribution.
        let z: Vec<T> = rounded(&[1.0, -INF, 0.5, 0.2]);
        assert_eq!(
            outcome(&Loss::row(&z, 1, e)),
            (INF, zeros.clone(), 0.0, 0),
            "{e}"
        );
        let q: Vec<T> = rounded(&[0.5, 0.25, 0.25, 0.0]);
        assert_eq!(
            outcome(&Loss::soft(&z, &q, e)),
            (INF, zeros.clone(), 0.0, 0)
        );
        let open: Vec<T> = rounded(&[1.0, 3.0, 0.5, 0.2]);
        let mut masked = Loss::row(&open, 1, e);
        masked.scores.mask = Some(&[1, 0, 1, 1]);
        assert_eq!(outcome(&masked), (INF, zeros.clone(), 0.0, 0));
        // A class beyond the row.
        assert_eq!(outcome(&Loss::row(&z, 4, e)), (INF, zeros.clone(), 0.0, 0));
        // Nothing is left.
        let nothing: Vec<T> = rounded(&[-INF; 4]);
        assert_eq!(
            outcome(&Loss::row(&nothing, 2, e)),
            (INF, zeros.clone(), 0.0, 0)
        );
        assert_eq!(
            outcome(&Loss::soft(&nothing, &q, e)),
            (INF, zeros.clone(), 0.0, 0)
        );
        // Left out: whatever the row is.
        let odd: Vec<T> = rounded(&[1.0, f64::NAN, INF, 0.2]);
        assert_eq!(
            outcome(&Loss::row(&odd, -1, e)),
            (0.0, zeros.clone(), 0.0, 0)
        );
        // A NaN.
        let (loss, dz, by_alpha, entries) = outcome(&Loss::row(&odd, 0, e));
        assert!(
            loss.is_nan() && by_alpha.is_nan() && entries == 4 && dz.iter().all(|d| d.is_nan())
        );
        let (loss, dz, ..) = outcome(&Loss::soft(&odd, &q, e));
        assert!(loss.is_nan() && dz.iter().all(|d| d.is_nan()));
        // +inf takes all: the loss is finite for targets there, and infinite elsewhere.
        let huge: Vec<T> = rounded(&[INF, 1.0, INF, -INF]);
        assert_eq!(
            outcome(&Loss::row(&huge, 1, e)),
            (INF, zeros.clone(), 0.0, 0)
        );
        assert_eq!(
            outcome(&Loss::row(&huge, 3, e)),
            (INF, zeros.clone(), 0.0, 0)
        );
        let (loss, dz, ..) = outcome(&Loss::row(&huge, 2, e));
        let ties = match e {
            0.0 => 2f64.ln(),
            INF => 0.0,
            e => (1.0 - 0.5f64.powf(e)) / (e * (1.0 + e)),
        };
        assert!((loss - ties).abs() < 1e-6, "{e}: {loss} for {ties}");
        assert_eq!(dz, [0.5, 0.0, -0.5, 0.0]);
        let half: Vec<T> = rounded(&[0.5, 0.0, 0.5, 0.0]);
        let (loss, dz, by_alpha, _) = outcome(&Loss::soft(&huge, &half, e));
        assert!(loss < 1e-12 && dz == zeros && by_alpha == 0.0);
    }
}

#[test]
fn rows_without_a_finite_loss_say_so_and_are_never_nan_f32() {
    rows_without_a_finite_loss::<f32>();
}

#[test]
fn rows_without_a_finite_loss_say_so_and_are_never_nan_f64() {
    rows_without_a_finite_loss::<f64>();
}

fn excluded_scores_change_nothing<T: LossNumber>() {
    for e in ALPHAS {
        for temperature in [1.0, 0.5] {
            let plain: Vec<T> = rounded(&[0.3, 0.9, 0.1, 0.4]);
            let (open, q): (Vec<T>, Vec<T>) = (
                rounded(&[0.3, 7.0, 0.9, 0.1, 8.0, 0.4]),
                rounded(&[0.25, 0.25, 0.0, 0.5]),
            );
            let (closed, wide_q): (Vec<T>, Vec<T>) = (
                rounded(&[0.3, -INF, 0.9, 0.1, -INF, 0.4]),
                rounded(&[0.25, 0.0, 0.25, 0.0, 0.0, 0.5]),
            );
            let at = |mut call: Loss<T>| {
                call.scores.temperature = temperature;
                call.call()
            };
            for soft in [false, true] {
                let expected = at(if soft {
                    Loss::soft(&plain, &q, e)
                } else {
                    Loss::row(&plain, 1, e)
                });
                let with_infinities = at(if soft {
                    Loss::soft(&closed, &wide_q, e)
                } else {
                    Loss::row(&closed, 2, e)
                });
                let mut masked = if soft {
                    Loss::soft(&open, &wide_q, e)
                } else {
                    Loss::row(&open, 2, e)
                };
                masked.scores.mask = Some(&[1, 0, 1, 1, 0, 1]);
                let masked = at(masked);
                assert_eq!(bits(&masked.dz), bits(&with_infinities.dz));
                assert_eq!(
                    (&masked.loss, &masked.dparameter),
                    (&with_infinities.loss, &with_infinities.dparameter)
                );
                assert!((masked.loss[0] - expected.loss[0]).abs() < 1e-6);
                assert_eq!((masked.dz[1].wide(), masked.dz[4].wide()), (0.0, 0.0));
                for (j, k) in [0, 2, 3, 5].into_iter().enumerate() {
                    assert!((masked.dz[k].wide() - expected.dz[j].wide()).abs() < 1e-6);
                }
            }
        }
    }
}

#[test]
fn excluded_scores_change_nothing_masked_or_infinite() {
    excluded_scores_change_nothing::<f32>();
    excluded_scores_change_nothing::<f64>();
}

#[test]
fn a_row_of_one_and_a_row_of_nothing() {
    for e in ALPHAS {
        assert_eq!(
            outcome(&Loss::row(&[3.0f32], 0, e)),
            (0.0, vec![0.0], 0.0, 1)
        );
        assert_eq!(outcome::<f32>(&Loss::row(&[], 0, e)), (INF, vec![], 0.0, 0));
    }
}

#[test]
fn an_alpha_below_one_is_refused() {
    for parameter in [-0.1, f64::NAN] {
        let z = [0.5f32, 0.5];
        let call = Loss::row(&z, 0, parameter);
        let scale = call.scales();
        let mut loss = [77.0];
        let results = LossResults {
            loss: loss.as_mut_ptr(),
            ..LossResults::NOTHING
        };
        let mut workspace = call.workspace();
        let status = unsafe { f32::loss(&call.raw(&scale), 0..1, &results, workspace.pointer()) };
        assert_eq!((status, loss), (Status::InvalidParameter, [77.0]));
    }
}

/// [outer, n, inner] -> [outer, inner, n].
fn transposed<T: Copy>(x: &[T], outer: usize, n: usize, inner: usize) -> Vec<T> {
    let mut result = Vec::with_capacity(x.len());
    for o in 0..outer {
        for i in 0..inner {
            result.extend((0..n).map(|j| x[(o * n + j) * inner + i]));
        }
    }
    result
}

fn f64_bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn layouts_and_chunks_do_not_matter<T: LossNumber>() {
    for (outer, n, inner) in [
        (3, 1, 1),
        (9, 17, 1),
        (2, 700, 1),
        (2, 3, 2),
        (3, 17, 7),
        (1, 64, 65),
        (2, 300, 3),
    ] {
        let rows = outer * inner;
        let mut random = Random(rows as u64);
        let x: Vec<T> = (0..rows * n)
            .map(|_| {
                T::round(if random.uniform() < 0.02 {
                    -INF
                } else {
                    2.0 * random.normal()
                })
            })
            .collect();
        let q: Vec<T> = (0..rows * n)
            .map(|_| {
                T::round(if random.uniform() < 0.5 {
                    0.0
                } else {
                    random.uniform()
                })
            })
            .collect();
        let mask: Vec<u8> = (0..rows * n).map(|j| u8::from(j % 13 != 4)).collect();
        let classes: Vec<i32> = (0..rows).map(|r| (r * 5 % (n + 1)) as i32 - 1).collect();
        for soft in [false, true] {
            for masked in [false, true] {
                let (x2, q2, mask2) = (
                    transposed(&x, outer, n, inner),
                    transposed(&q, outer, n, inner),
                    transposed(&mask, outer, n, inner),
                );
                let strided = Loss {
                    scores: Batch {
                        mask: masked.then_some(&mask[..]),
                        inner,
                        exponents: (0..rows).map(|r| ALPHAS[r % 8]).collect(),
                        temperature: 0.8,
                        ..Batch::rows(&x, n, 0.0)
                    },
                    targets: if soft {
                        Targets::Soft(&q)
                    } else {
                        Targets::Classes(classes.clone())
                    },
                    scale: (0..rows).map(|r| r as f64 * 0.3 - 1.0).collect(),
                };
                let mut straight = strided.clone();
                straight.scores.x = &x2;
                straight.scores.mask = masked.then_some(&mask2[..]);
                straight.scores.inner = 1;
                if soft {
                    straight.targets = Targets::Soft(&q2);
                }
                let (a, b) = (strided.call(), straight.call());
                assert_eq!(bits(&transposed(&a.dz, outer, n, inner)), bits(&b.dz));
                assert_eq!(
                    (f64_bits(&a.loss), f64_bits(&a.dparameter)),
                    (f64_bits(&b.loss), f64_bits(&b.dparameter))
                );
                let (c, d) = (strided.call_sparse(), straight.call_sparse());
                assert_eq!(c.indices, d.indices);
                assert_eq!(f64_bits(&c.loss), f64_bits(&a.loss));
                for r in 0..rows {
                    assert_eq!(bits(&c.values[r]), bits(&d.values[r]));
                    for (&j, value) in d.indices[r].iter().zip(&d.values[r]) {
                        assert_eq!(value.bits(), b.dz[r * n + j].bits());
                    }
                }
                // In chunks, from the last on; and the value alone.
                let (mut loss, mut dz) = (vec![0.0; rows], vec![T::round(0.0); rows * n]);
                let scale = strided.scales();
                let mut workspace = strided.workspace();
                for with_gradient in [true, false] {
                    for first in (0..rows).step_by(5).rev() {
                        let results = LossResults {
                            loss: loss.as_mut_ptr(),
                            dz: if with_gradient {
                                dz.as_mut_ptr()
                            } else {
                                std::ptr::null_mut()
                            },
                            ..LossResults::NOTHING
                        };
                        let chunk = first..rows.min(first + 5);
                        let status = unsafe {
                            T::loss(&strided.raw(&scale), chunk, &results, workspace.pointer())
                        };
                        assert_eq!(status, Status::Ok);
                    }
                    assert_eq!(f64_bits(&loss), f64_bits(&a.loss));
                    loss.fill(0.0);
                }
                assert_eq!(bits(&dz), bits(&a.dz));
            }
        }
    }
}

#[test]
fn layouts_and_chunks_do_not_matter_f32() {
    layouts_and_chunks_do_not_matter::<f32>();
}

#[test]
fn layouts_and_chunks_do_not_matter_f64() {
    layouts_and_chunks_do_not_matter::<f64>();
}
