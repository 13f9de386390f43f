//! Attention whose weights are the positive scores, and the norm of its sums, against loops in f64.

mod common;
use common::attention_call::{AttentionNumber, Gradients, Problem};
use common::attention_problems::{agrees_in_both_types, problem, variants};
use common::call::bits;
use common::rows::Random;
use entmax_core::attention::{causal, rule};

fn relu(problem: Problem) -> Problem {
    // An alpha that would be softmax if it were read.
    let exponents = vec![0.0; problem.heads];
    Problem {
        rule: rule::RELU,
        exponents,
        ..problem
    }
}

fn whole<T: AttentionNumber>(problem: &Problem) -> Gradients<T> {
    problem.gradients(1 << 20, 64)
}

#[test]
fn output_and_gradients_agree_with_dense_rows_under_every_mask() {
    for (name, problem) in variants() {
        agrees_in_both_types(&relu(problem), name);
    }
}

#[test]
fn the_gradient_of_a_bias_has_its_shape() {
    for shape in [[2, 6, 19, 35], [1, 6, 1, 35], [2, 1, 19, 1], [1, 1, 1, 1]] {
        let mut random = Random(31);
        let values = (0..shape.iter().product())
            .map(|_| random.normal())
            .collect();
        let problem = Problem {
            bias: Some((values, shape)),
            causal: causal::UPPER_LEFT,
            ..problem([2, 6, 3], [19, 35], [16, 16], 7)
        };
        agrees_in_both_types(&relu(problem), &format!("bias of shape {shape:?}"));
    }
}

#[test]
fn rows_of_any_length_may_be_positive_throughout() {
    for keys in (1..40).chain([63, 64, 65, 127, 128, 129, 255, 256, 257, 1000]) {
        let mut problem = problem([1, 1, 1], [2, keys], [4, 20], keys as u64);
        problem.bias = Some((vec![50.0], [1; 4]));
        agrees_in_both_types(&relu(problem), &format!("{keys} keys"));
    }
}

#[test]
fn bits_do_not_depend_on_how_the_work_is_divided() {
    for (name, problem) in variants() {
        let problem = relu(problem);
        let whole: Gradients<f32> = whole(&problem);
        for chunk in [1, 2, 3] {
            assert!(
                whole == problem.gradients(chunk, 64),
                "{name}, in ranges of {chunk}"
            );
        }
    }
}

/// Keys that have no positive score, between those that have one.
#[test]
fn keys_without_a_positive_score_change_no_bit() {
    let few = relu(problem([1, 2, 1], [5, 150], [16, 40], 23));
    let among = |values: &[f64], width: usize, other: f64| -> Vec<f64> {
        values
            .chunks(width)
            .flat_map(|row| [row.to_vec(), vec![other; width]].concat())
            .collect()
    };
    let mut many = Problem {
        keys: 300,
        k: among(&few.k, 16, 0.0),
        v: among(&few.v, 40, f64::NAN),
        ..few.clone()
    };
    let bias = |j: usize| [0.0, -1.0, f64::NEG_INFINITY, -0.0][j % 2 * (j / 2 % 4)];
    many.bias = Some(((0..300).map(bias).collect(), [1, 1, 1, 300]));
    let (few, many): (Gradients<f32>, Gradients<f32>) = (whole(&few), whole(&many));
    assert_eq!(bits(&few.out), bits(&many.out));
    assert_eq!(bits(&few.q), bits(&many.q));
    let (k, v) = (many.k.chunks(32), many.v.chunks(80));
    let own = |rows: std::slice::Chunks<f32>, width: usize| -> Vec<f32> {
        rows.flat_map(|pair| pair[..width].to_vec()).collect()
    };
    assert_eq!(bits(&own(k, 16)), bits(&few.k));
    assert_eq!(bits(&own(v, 40)), bits(&few.v));
    for row in many.k.chunks(32) {
        assert!(row[16..].iter().all(|&dk| dk == 0.0));
    }
}

#[test]
fn a_query_without_a_positive_score_gives_zero_and_has_no_gradient() {
    let mut problem = relu(problem([1, 2, 2], [4, 33], [16, 16], 29));
    problem.bias = Some((vec![-1e3], [1; 4]));
    let got: Gradients<f32> = whole(&problem);
    for all in [&got.out, &got.q, &got.k, &got.v, &got.bias] {
        assert!(all.iter().all(|&each| each == 0.0));
    }
}

#[test]
fn a_nan_spoils_the_rows_that_see_it_and_no_others() {
    let mut problem = relu(problem([1, 2, 1], [9, 9], [16, 16], 13));
    problem.causal = causal::UPPER_LEFT;
    let clean: Gradients<f32> = whole(&problem);
    problem.k[5 * 16 + 3] = f64::NAN;
    let got: Gradients<f32> = whole(&problem);
    for r in 0..2 * 9 {
        let sees = r % 9 >= 5;
        for c in 0..16 {
            for (got, clean) in [(&got.out, &clean.out), (&got.q, &clean.q)] {
                let (got, clean) = (got[r * 16 + c], clean[r * 16 + c]);
                let expected = if sees { f32::NAN } else { clean };
                assert_eq!(got.to_bits(), expected.to_bits(), "row {r}");
            }
        }
    }
    assert!(got.k.iter().chain(&got.v).all(|each| each.is_nan()));
}

#[test]
fn an_infinite_score_gives_an_infinite_sum_and_has_no_gradient() {
    let mut problem = relu(problem([1, 1, 1], [2, 5], [16, 16], 19));
    let mut bias = vec![0.0; 10];
    bias[3] = f64::INFINITY;
    problem.bias = Some((bias, [1, 1, 2, 5]));
    let mut finite = problem.clone();
    // The other keys of the row count as ever.
    finite.bias.as_mut().unwrap().0[3] = f64::NEG_INFINITY;
    let (got, finite): (Gradients<f64>, Gradients<f64>) = (whole(&problem), whole(&finite));
    for c in 0..16 {
        assert_eq!(got.out[c], problem.v[3 * 16 + c] * f64::INFINITY);
        assert_eq!(got.v[3 * 16 + c], problem.dout[c] * f64::INFINITY);
    }
    assert_eq!(bits(&got.q), bits(&finite.q));
    assert_eq!(bits(&got.bias), bits(&finite.bias));
    assert_eq!(got.out[16..], finite.out[16..]);
}
