//! Top-k entmax (MATH.md section 7.3): against all sets of k scores, and against entmax of the k largest.

mod common;
use common::call::{bits, csr, dense, support, Batch, Number};
use common::oracle::{self, sum};
use common::rows::{row, EXPONENTS, KINDS};

fn top_k<T: Number>(x: &[T], e: f64, k: usize, temperature: f64) -> Batch<'_, T> {
    Batch {
        k,
        temperature,
        ..Batch::row(x, e)
    }
}

/// <p, z> + H_alpha(p).
fn objective(p: &[f64], z: &[f64], e: f64) -> f64 {
    let entropy = |p: f64| match p {
        0.0 => 0.0,
        p if e == 0.0 => -p * p.ln(),
        p => (p - p.powf(1.0 + e)) / (e * (1.0 + e)),
    };
    sum(p.iter().zip(z).map(|(&p, &z)| p * z + entropy(p)))
}

#[test]
fn no_set_of_k_scores_gives_a_better_objective() {
    for e in [0.0, 0.3, 0.5, 1.0, 2.0, 5.0] {
        for kind in ["normal", "normal 0.1", "peaked", "ramp", "few levels"] {
            for n in [2usize, 5, 8] {
                let z = row(kind, n, e);
                for k in 1..n {
                    let mut best = f64::NEG_INFINITY;
                    for set in 1u32..1 << n {
                        if set.count_ones() as usize > k {
                            continue;
                        }
                        let kept: Vec<f64> =
                            (0..n).filter(|j| set >> j & 1 == 1).map(|j| z[j]).collect();
                        let p = oracle::entmax(&kept, e, 1.0).p;
                        best = best.max(objective(&p, &kept, e));
                    }
                    let p = dense(&top_k(&z, e, k, 1.0));
                    assert!(p.iter().filter(|&&p| p > 0.0).count() <= k);
                    let reached = objective(&p, &z, e);
                    assert!(
                        (reached - best).abs() < 1e-12 * best.abs().max(1.0),
                        "{kind}, n = {n}, k = {k}, alpha - 1 = {e}: {reached} {best}"
                    );
                }
            }
        }
    }
}

/// The indices of the k largest, ties to the lowest index.
fn largest<T: Number>(x: &[T], k: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..x.len()).collect();
    order.sort_by(|&a, &b| x[b].wide().partial_cmp(&x[a].wide()).expect("no NaN"));
    order.truncate(k);
    order.sort();
    order
}

fn every_kind_of_row<T: Number>(tolerance: f64) {
    let mut worst = 0.0f64;
    let mut restricted = 0;
    for e in EXPONENTS {
        for kind in KINDS {
            for n in [2, 16, 17, 33, 257, 1030] {
                let x: Vec<T> = row(kind, n, e).iter().map(|&z| T::round(z)).collect();
                for k in [1, 2, 7, 16, n / 2, n - 1] {
                    if k == 0 || k >= n {
                        continue;
                    }
                    for temperature in [1.0, 0.4] {
                        let label =
                            format!("alpha - 1 = {e}, {kind}, n = {n}, k = {k}, T = {temperature}");
                        let batch = top_k(&x, e, k, temperature);
                        let form = csr(&batch, false);
                        let p = dense(&batch);
                        let all = dense(&Batch {
                            k: 0,
                            ..batch.clone()
                        });
                        let size = all.iter().filter(|p| p.wide() > 0.0).count();
                        assert_eq!(form.exact, [u8::from(size <= k)], "{label}");
                        if size <= k {
                            assert_eq!(bits(&p), bits(&all), "{label}");
                            continue;
                        }
                        restricted += 1;
                        let order = largest(&x, k);
                        let z: Vec<f64> = order.iter().map(|&j| x[j].wide()).collect();
                        let truth = if e == f64::INFINITY {
                            let max = z.iter().cloned().fold(f64::MIN, f64::max);
                            let ties = z.iter().filter(|&&z| z == max).count() as f64;
                            z.iter()
                                .map(|&z| if z == max { 1.0 / ties } else { 0.0 })
                                .collect()
                        } else {
                            oracle::entmax(&z, e, temperature).p
                        };
                        let most = truth.iter().cloned().fold(0.0, f64::max);
                        let mut exact = vec![0.0; n];
                        order.iter().zip(&truth).for_each(|(&j, &p)| exact[j] = p);
                        for (j, (p, exact)) in p.iter().zip(&exact).enumerate() {
                            let error = (p.wide() - exact).abs() / most;
                            assert!(error <= tolerance, "{label}: entry {j}: {p:?} {exact}");
                            // The oracle's f64 cannot see less; the support itself is exact_support's matter.
                            assert!(*exact > 0.0 || p.wide() < 1e-16, "{label}: entry {j}");
                            worst = worst.max(error);
                        }
                        let (sizes, thresholds) = support(&batch);
                        let size = p.iter().filter(|p| p.wide() > 0.0).count();
                        assert_eq!(sizes[0] as usize, size, "{label}");
                        let smallest = (0..n)
                            .filter(|&j| p[j].wide() > 0.0)
                            .map(|j| x[j].wide())
                            .fold(f64::INFINITY, f64::min);
                        // Where ties are divided nothing separates them, and it is the cutoff of the last step.
                        let divided = (0..n).any(|j| x[j].wide() == smallest && p[j].wide() == 0.0);
                        for (j, z) in x.iter().enumerate() {
                            let above = *z > thresholds[0];
                            if p[j].wide() > 0.0 || !divided {
                                assert_eq!(above, p[j].wide() > 0.0, "{label}: entry {j}");
                            }
                        }
                        let (indices, values) = &form.rows[0];
                        assert_eq!(bits(&form.thresholds), bits(&thresholds), "{label}");
                        assert_eq!(indices.len(), size, "{label}");
                        for (&j, value) in indices.iter().zip(values) {
                            assert_eq!(value.bits(), p[j as usize].bits(), "{label}");
                        }
                    }
                }
            }
        }
    }
    println!("{restricted} restricted rows: {worst:.2e}");
    assert!(restricted > 1000);
}

#[test]
fn every_kind_of_row_is_entmax_of_its_k_largest_f32() {
    every_kind_of_row::<f32>(1e-6);
}

#[test]
fn every_kind_of_row_is_entmax_of_its_k_largest_f64() {
    every_kind_of_row::<f64>(1e-12);
}

fn edges<T: Number>() {
    let t = |values: &[f64]| values.iter().map(|&v| T::round(v)).collect::<Vec<T>>();
    let inf = f64::INFINITY;
    for e in EXPONENTS {
        // Ties: the lowest indices.
        let p = dense(&top_k(&t(&[1.0, 2.0, 2.0, 2.0, 1.0]), e, 2, 1.0));
        assert_eq!(bits(&p), bits(&t(&[0.0, 0.5, 0.5, 0.0, 0.0])), "{e}");
        let p = dense(&top_k(&t(&[7.0; 40]), e, 1, 0.5));
        assert_eq!((p[0].wide(), sum(p.iter().map(|p| p.wide()))), (1.0, 1.0));
        // +inf takes all, the first k share it.
        let x = t(&[0.0, inf, 3.0, inf, inf, -inf]);
        let form = csr(&top_k(&x, e, 2, 1.0), false);
        assert_eq!(form.rows[0].0, [1, 3]);
        assert_eq!(bits(&form.rows[0].1), bits(&t(&[0.5, 0.5])));
        assert_eq!(form.exact, [0]);
        assert_eq!(csr(&top_k(&x, e, 3, 1.0), false).exact, [1]);
        // Nothing left, or NaN: as without k.
        let p = dense(&top_k(&t(&[-inf; 20]), e, 3, 1.0));
        assert!(p.iter().all(|p| p.bits() == 0));
        let p = dense(&top_k(&t(&[0.0, 1.0, f64::NAN, 2.0]), e, 1, 1.0));
        assert!(p.iter().all(|p| p.wide().is_nan()));
        // -inf never comes in, and k at least n is no restriction.
        let x = t(&[-inf, 0.1, -inf, 0.0, -inf]);
        for k in [2, 3, 5, 6, 1000] {
            let form = csr(&top_k(&x, e, k, 1.0), false);
            assert_eq!(form.exact, [1]);
            assert_eq!(
                bits(&dense(&top_k(&x, e, k, 1.0))),
                bits(&dense(&Batch::row(&x, e)))
            );
        }
    }
}

#[test]
fn ties_infinities_nan_and_empty_rows_f32() {
    edges::<f32>();
}

#[test]
fn ties_infinities_nan_and_empty_rows_f64() {
    edges::<f64>();
}

/// The certificate, and what is kept: bits of the row without k, or of the k largest alone.
fn is_decided_as_without_screening<T: Number>(x: &[T], e: f64, k: usize, temperature: f64) -> bool {
    let batch = top_k(x, e, k, temperature);
    let (form, p) = (csr(&batch, false), dense(&batch));
    let all = dense(&Batch {
        k: 0,
        ..batch.clone()
    });
    let fits = all.iter().filter(|p| p.wide() > 0.0).count() <= k;
    let label = format!("alpha - 1 = {e}, n = {}, k = {k}", x.len());
    assert_eq!(form.exact, [u8::from(fits)], "{label}");
    let mut expected = all;
    if !fits {
        let order = largest(x, k);
        let z: Vec<T> = order.iter().map(|&j| x[j]).collect();
        let kept = dense(&Batch {
            temperature,
            ..Batch::row(&z, e)
        });
        expected.fill(T::round(0.0));
        order.iter().zip(&kept).for_each(|(&j, &p)| expected[j] = p);
    }
    assert_eq!(bits(&p), bits(&expected), "{label}");
    for (&j, value) in form.rows[0].0.iter().zip(&form.rows[0].1) {
        assert_eq!(value.bits(), p[j as usize].bits(), "{label}");
    }
    fits
}

/// The k + 1-st score from far inside the support to far outside: the screening may decide, or not.
fn screening_agrees_with_the_whole_row<T: Number>() {
    let (mut fitting, mut restricted) = (0, 0);
    for n in [130usize, 257, 1030, 4100] {
        for k in [1usize, 3, 10, 17, 40] {
            for (e, end) in [(0.0, 1600.0), (0.5, 4.0)] {
                for step in 0..60 {
                    let gap = end * f64::from(step) / 60.0;
                    // The largest in blocks apart, and more scores equal to the k + 1-st than leave room for luck.
                    let mut x = vec![T::round(-gap); n];
                    for j in 0..k {
                        x[(j * 97 + step as usize) % n] = T::round(-0.01 * j as f64);
                    }
                    let fits = is_decided_as_without_screening(&x, e, k, 1.0);
                    let cooled: Vec<T> = x.iter().map(|z| T::round(0.5 * z.wide())).collect();
                    assert_eq!(is_decided_as_without_screening(&cooled, e, k, 0.5), fits);
                    fitting += usize::from(fits);
                    restricted += usize::from(!fits);
                }
            }
        }
    }
    assert!(fitting > 100 && restricted > 100, "{fitting}, {restricted}");
}

#[test]
fn screening_agrees_with_the_whole_row_f32() {
    screening_agrees_with_the_whole_row::<f32>();
}

#[test]
fn screening_agrees_with_the_whole_row_f64() {
    screening_agrees_with_the_whole_row::<f64>();
}

#[test]
fn few_levels_and_missing_scores_keep_the_lowest_indices() {
    for n in [257usize, 1030, 4100] {
        for k in [1usize, 8, 16, 33, 64, n / 4] {
            for e in [0.0, 0.5] {
                for kind in KINDS {
                    let mut x: Vec<f32> = row(kind, n, e).iter().map(|&z| z as f32).collect();
                    is_decided_as_without_screening(&x, e, k, 1.0);
                    // Fewer than k + 1 lane maxima are left.
                    (0..n)
                        .filter(|j| j % 128 > 3)
                        .for_each(|j| x[j] = f32::NEG_INFINITY);
                    is_decided_as_without_screening(&x, e, k, 1.0);
                }
            }
        }
    }
}
