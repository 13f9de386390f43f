//! Problems for attention and its pullback, of every kind of mask, and what is held against their dense references.

use super::attention_call::{AttentionNumber, Gradients, Problem};
use super::rows::Random;
use entmax_core::attention::causal;

const EXPONENTS: [f64; 6] = [0.0, 0.5, 1.0, 0.25, 0.7, 1.5];

pub fn problem(
    [batches, heads, key_heads]: [usize; 3],
    [queries, keys]: [usize; 2],
    [width, value_width]: [usize; 2],
    seed: u64,
) -> Problem {
    let mut random = Random(seed);
    let mut draw = |count: usize| {
        (0..count)
            .map(|_| f64::from(random.normal() as f32))
            .collect()
    };
    Problem {
        batches,
        heads,
        key_heads,
        queries,
        keys,
        width,
        value_width,
        exponents: (0..heads).map(|h| EXPONENTS[h % EXPONENTS.len()]).collect(),
        scale: 1.0 / (width as f64).sqrt(),
        causal: causal::NONE,
        q: draw(batches * heads * queries * width),
        k: draw(batches * key_heads * keys * width),
        v: draw(batches * key_heads * keys * value_width),
        dout: draw(batches * heads * queries * value_width),
        ..Problem::default()
    }
}

/// Relative to the largest entry, or 1.
pub fn close<T: AttentionNumber>(got: &[T], want: &[f64], tolerance: f64, what: &str) {
    let size = want.iter().fold(1.0f64, |most, want| most.max(want.abs()));
    assert_eq!(got.len(), want.len());
    for (at, (got, want)) in got.iter().zip(want).enumerate() {
        let error = (got.wide() - want).abs() / size;
        assert!(
            error <= tolerance,
            "{what}[{at}]: {} for {want}",
            got.wide()
        );
    }
}

fn agrees<T: AttentionNumber>(problem: &Problem, tolerance: f64, what: &str) {
    let got: Gradients<T> = problem.gradients(1 << 20, 64);
    let want = problem.reference();
    close(&got.out, &want.out, tolerance, &format!("{what}: out"));
    close(&got.q, &want.q, tolerance, &format!("{what}: q"));
    close(&got.k, &want.k, tolerance, &format!("{what}: k"));
    close(&got.v, &want.v, tolerance, &format!("{what}: v"));
    close(&got.bias, &want.bias, tolerance, &format!("{what}: bias"));
    close(
        &got.alpha,
        &want.alpha,
        10.0 * tolerance,
        &format!("{what}: alpha"),
    );
}

pub fn agrees_in_both_types(problem: &Problem, what: &str) {
    agrees::<f32>(problem, 2e-5, what);
    agrees::<f64>(problem, 1e-10, what);
}

pub fn variants() -> Vec<(&'static str, Problem)> {
    let base = || problem([2, 6, 3], [19, 35], [20, 36], 3);
    let bits = |count: usize, of: usize| (0..count).map(|at| u8::from(at * 7 % of != 0)).collect();
    let lengths = |lengths: &[i32]| Some(lengths.to_vec());
    vec![
        ("plain", base()),
        (
            "upper left",
            Problem {
                causal: causal::UPPER_LEFT,
                ..base()
            },
        ),
        (
            "lower right",
            Problem {
                causal: causal::LOWER_RIGHT,
                ..base()
            },
        ),
        (
            "more queries than keys, lower right",
            Problem {
                causal: causal::LOWER_RIGHT,
                ..problem([1, 2, 1], [40, 21], [16, 16], 5)
            },
        ),
        (
            "mask",
            Problem {
                mask: Some(bits(2 * 6 * 19 * 35, 3)),
                ..base()
            },
        ),
        (
            "key mask",
            Problem {
                key_mask: Some(bits(2 * 35, 4)),
                ..base()
            },
        ),
        (
            "all keys masked",
            Problem {
                key_mask: Some(vec![0; 2 * 35]),
                ..base()
            },
        ),
        (
            "lengths",
            Problem {
                query_lengths: lengths(&[7, 19]),
                key_lengths: lengths(&[35, 18]),
                ..base()
            },
        ),
        (
            "lengths, lower right",
            Problem {
                causal: causal::LOWER_RIGHT,
                query_lengths: lengths(&[7, 0]),
                key_lengths: lengths(&[20, 9]),
                ..base()
            },
        ),
        (
            "slopes",
            Problem {
                slopes: Some(vec![0.5, 0.25, 0.1, 0.3, 0.2, 0.0]),
                ..base()
            },
        ),
    ]
}
