//! The CSR form against the dense form, bit for bit, on every kind of row.

mod common;
use common::call::{bits, csr, dense, support, Batch, Number};
use common::rows::{row, EXPONENTS, KINDS};

fn the_entries_are_those_of_the_dense_form<T: Number>() {
    for e in EXPONENTS {
        for kind in KINDS {
            for n in [1, 2, 17, 64, 300, 1025, 5000] {
                for temperature in [1.0, 0.4] {
                    let x: Vec<T> = row(kind, n, e).iter().map(|&s| T::round(s)).collect();
                    let batch = Batch {
                        temperature,
                        ..Batch::row(&x, e)
                    };
                    let label = format!("alpha - 1 = {e}, {kind}, n = {n}, T = {temperature}");
                    let p = dense(&batch);
                    let mut truth: Vec<(i32, T)> = (0..).zip(p.iter().copied()).collect();
                    truth.retain(|(_, p)| p.wide() > 0.0);
                    for by_value in [false, true] {
                        if by_value {
                            truth.sort_by(|(i, p), (j, q)| {
                                q.wide().total_cmp(&p.wide()).then(i.cmp(j))
                            });
                        }
                        let form = csr(&batch, by_value);
                        let (indices, values) = &form.rows[0];
                        let (i, v): (Vec<i32>, Vec<T>) = truth.iter().copied().unzip();
                        assert_eq!(*indices, i, "{label}");
                        assert_eq!(bits(values), bits(&v), "{label}");
                        let (sizes, thresholds) = support(&batch);
                        assert_eq!(form.sizes, sizes, "{label}");
                        assert_eq!(bits(&form.thresholds), bits(&thresholds), "{label}");
                        assert_eq!(form.exact, [1], "{label}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_entries_are_those_of_the_dense_form_f32() {
    the_entries_are_those_of_the_dense_form::<f32>();
}

#[test]
fn the_entries_are_those_of_the_dense_form_f64() {
    the_entries_are_those_of_the_dense_form::<f64>();
}

#[test]
fn strided_and_masked_rows_have_the_entries_of_the_dense_form() {
    let (n, inner, outer) = (45, 7, 3);
    let x = row("normal", n * inner * outer, 0.5);
    let x: Vec<f32> = x.iter().map(|&s| s as f32).collect();
    let mut mask: Vec<u8> = (0..x.len()).map(|i| u8::from(i % 3 != 1)).collect();
    // Row 2 has nothing left, row 4 a NaN.
    (0..n).for_each(|j| mask[j * inner + 2] = 0);
    let mut x = x;
    x[9 * inner + 4] = f32::NAN;
    mask[9 * inner + 4] = 1;
    for e in [0.0, 0.5, 1.0, 2.0, f64::INFINITY] {
        for (temperature, empty_row_is_nan) in [(1.0, false), (0.7, true)] {
            let batch = Batch {
                mask: Some(&mask),
                n,
                inner,
                temperature,
                empty_row_is_nan,
                ..Batch::row(&x, e)
            };
            let p = dense(&batch);
            let form = csr(&batch, false);
            for (r, (indices, values)) in form.rows.iter().enumerate() {
                let place = |j: usize| (r / inner * n + j) * inner + r % inner;
                let listed = (0..n).filter(|&j| p[place(j)] > 0.0 || p[place(j)].is_nan());
                assert!(listed.map(|j| j as i32).eq(indices.iter().copied()));
                for (&j, value) in indices.iter().zip(values) {
                    assert_eq!(p[place(j as usize)].to_bits(), value.to_bits());
                }
            }
            let empty = if empty_row_is_nan { n as i32 } else { 0 };
            assert_eq!((form.sizes[2], form.thresholds[2]), (empty, f32::INFINITY));
            assert_eq!(form.sizes[4], n as i32);
            assert!(form.thresholds[4].is_nan());
        }
    }
}
