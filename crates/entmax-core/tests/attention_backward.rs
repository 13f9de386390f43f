//! The pullback of attention against dense rows in f64: every kind of mask, bias and head; and its bits, however the work is
//! divided.

mod common;
use common::attention_call::{Gradients, Problem};
use common::attention_problems::{agrees_in_both_types, close, problem, variants};
use common::rows::Random;
use entmax_core::attention::causal;

#[test]
fn gradients_agree_with_dense_rows_under_every_mask() {
    for (name, problem) in variants() {
        agrees_in_both_types(&problem, name);
    }
}

#[test]
fn the_gradient_of_a_bias_has_its_shape() {
    for axes in 0..16 {
        let whole = [2, 6, 19, 35];
        let shape: [usize; 4] = std::array::from_fn(|axis| {
            if axes >> axis & 1 == 1 {
                whole[axis]
            } else {
                1
            }
        });
        let mut random = Random(9);
        let values = (0..shape.iter().product())
            .map(|_| random.normal())
            .collect();
        let problem = Problem {
            bias: Some((values, shape)),
            causal: causal::UPPER_LEFT,
            ..problem([2, 6, 3], [19, 35], [16, 16], 7)
        };
        // A bias per query alone moves no row: both gradients are 0 but for rounding.
        agrees_in_both_types(&problem, &format!("bias of shape {shape:?}"));
    }
}

#[test]
fn bits_do_not_depend_on_how_the_work_is_divided() {
    for (name, problem) in variants() {
        let whole: Gradients<f32> = problem.gradients(1 << 20, 64);
        for (chunk, block) in [(1, 64), (2, 64), (3, 64)] {
            let parts = problem.gradients(chunk, block);
            assert!(whole == parts, "{name}, in ranges of {chunk}");
        }
    }
}

#[test]
fn a_block_of_softmax_rows_may_have_any_size() {
    let problem = problem([1, 3, 1], [70, 35], [16, 16], 11);
    let want = problem.reference();
    for block in [16, 32, 48, 64, 80] {
        let got: Gradients<f64> = problem.gradients(1, block);
        close(&got.k, &want.k, 1e-10, "k");
        close(&got.v, &want.v, 1e-10, "v");
    }
}

#[test]
fn a_nan_spoils_the_rows_that_see_it_and_no_others() {
    let mut problem = problem([1, 4, 2], [9, 9], [16, 16], 13);
    problem.causal = causal::UPPER_LEFT;
    let clean: Gradients<f32> = problem.gradients(1 << 20, 64);
    // Key 5 of the first key head, which the heads 0 and 1 read from query 5 on.
    problem.k[5 * 16 + 3] = f64::NAN;
    let got: Gradients<f32> = problem.gradients(1 << 20, 64);
    for r in 0..4 * 9 {
        let sees = r < 18 && r % 9 >= 5;
        assert_eq!(got.alpha[r].is_nan(), sees, "row {r}");
        for c in 0..16 {
            let (got, clean) = (got.q[r * 16 + c], clean.q[r * 16 + c]);
            assert!(
                if sees {
                    got.to_bits() == 0x7fc0_0000
                } else {
                    got == clean
                },
                "row {r}"
            );
        }
    }
    for j in 0..18 {
        // Rows that are NaN see all keys of the first head up to the last.
        let touched = j < 9;
        for c in 0..16 {
            assert_eq!(got.k[j * 16 + c].is_nan(), touched, "key {j}");
            assert_eq!(got.v[j * 16 + c].is_nan(), touched, "value {j}");
        }
    }
}

#[test]
fn a_value_outside_the_support_may_be_anything() {
    let mut problem = problem([1, 3, 3], [4, 6], [16, 16], 17);
    problem.exponents = vec![0.0, 0.5, 1.0];
    problem.key_mask = Some(vec![1, 1, 0, 1, 1, 1]);
    let clean: Gradients<f32> = problem.gradients(1 << 20, 64);
    for g in 0..3 {
        for c in 0..16 {
            problem.v[(g * 6 + 2) * 16 + c] = [f64::NAN, f64::INFINITY, 1e30][c % 3];
            problem.k[(g * 6 + 2) * 16 + c] = 1e30;
        }
    }
    let got = problem.gradients(1 << 20, 64);
    assert!(clean == got);
}

#[test]
fn a_row_that_is_uniform_over_infinite_scores_gives_values_only() {
    let mut problem = problem([1, 2, 1], [3, 5], [16, 16], 19);
    let mut bias = vec![0.0; 2 * 3 * 5];
    for h in 0..2 {
        bias[h * 15 + 5 + 1] = f64::INFINITY;
        bias[h * 15 + 5 + 3] = f64::INFINITY;
    }
    problem.bias = Some((bias, [1, 2, 3, 5]));
    let got: Gradients<f64> = problem.gradients(1 << 20, 64);
    for h in 0..2 {
        let row = h * 3 + 1;
        assert_eq!(got.alpha[row], 0.0);
        assert!(got.q[row * 16..(row + 1) * 16].iter().all(|&dq| dq == 0.0));
        assert!(got.bias[row * 5..(row + 1) * 5].iter().all(|&ds| ds == 0.0));
    }
    assert!(got.k.iter().chain(&got.v).all(|each| each.is_finite()));
    // Without the other rows: half of the cotangent for each of the two.
    for (r, x) in problem.dout.iter_mut().enumerate() {
        if r / 16 % 3 != 1 {
            *x = 0.0;
        }
    }
    let got: Gradients<f64> = problem.gradients(1 << 20, 64);
    for c in 0..16 {
        let half = 0.5 * (problem.dout[16 + c] + problem.dout[4 * 16 + c]);
        assert!((got.v[16 + c] - half).abs() < 1e-15);
        assert_eq!(got.v[c], 0.0);
    }
}
