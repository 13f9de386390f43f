//! A row's bits depend on nothing but the row: not on layout, neighbours, chunking, alignment or `out`.

mod common;
use common::call::{bits, dense, support, to, Batch, Number, Workspace};
use common::rows::Random;
use entmax_core::status::Status;

const ALPHAS: [f64; 7] = [0.0, 0.5, 0.7, 1.0, 1.5, 9.0, f64::INFINITY];

fn scores<T: Number>(count: usize) -> Vec<T> {
    let mut random = Random(count as u64);
    (0..count)
        .map(|_| match random.uniform() {
            r if r < 0.05 => T::round(f64::NEG_INFINITY),
            r if r < 0.051 => T::round(f64::NAN),
            _ => T::round(random.normal()),
        })
        .collect()
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

fn any_axis_gives_the_bits_of_the_transposed_layout<T: Number>() {
    for (outer, n, inner) in [
        (1, 1, 5),
        (2, 3, 2),
        (3, 17, 7),
        (1, 64, 65),
        (2, 300, 3),
        (1, 5000, 33),
        (2, 33, 130),
    ] {
        let x: Vec<T> = scores(outer * n * inner);
        let mask: Vec<u8> = (0..x.len()).map(|j| u8::from(j % 11 != 3)).collect();
        let exponents: Vec<f64> = (0..outer * inner)
            .map(|r| ALPHAS[r % ALPHAS.len()])
            .collect();
        for temperature in [1.0, 0.6] {
            for masked in [false, true] {
                let moved = transposed(&x, outer, n, inner);
                let moved_mask = transposed(&mask, outer, n, inner);
                let base = Batch {
                    temperature,
                    exponents: exponents.clone(),
                    ..Batch::rows(&x, n, 1.0)
                };
                let strided = Batch {
                    inner,
                    mask: masked.then_some(&mask[..]),
                    ..base.clone()
                };
                let straight = Batch {
                    x: &moved,
                    mask: masked.then_some(&moved_mask[..]),
                    ..base
                };
                assert_eq!(
                    bits(&transposed(&dense(&strided), outer, n, inner)),
                    bits(&dense(&straight))
                );
                let (a, b) = (support(&strided), support(&straight));
                assert_eq!((a.0, bits(&a.1)), (b.0, bits(&b.1)));
            }
        }
    }
}

#[test]
fn any_axis_gives_the_bits_of_the_transposed_layout_f32() {
    any_axis_gives_the_bits_of_the_transposed_layout::<f32>();
}

#[test]
fn any_axis_gives_the_bits_of_the_transposed_layout_f64() {
    any_axis_gives_the_bits_of_the_transposed_layout::<f64>();
}

fn alone_chunked_in_place_and_misaligned<T: Number>() {
    for (n, inner) in [
        (1, 1),
        (5, 1),
        (16, 1),
        (37, 1),
        (256, 1),
        (700, 1),
        (37, 6),
        (300, 20),
    ] {
        let rows = 12 * inner;
        let x: Vec<T> = scores(rows * n);
        let exponents: Vec<f64> = (0..rows).map(|r| ALPHAS[r % ALPHAS.len()]).collect();
        for temperature in [1.0, 1.7] {
            let batch = Batch {
                inner,
                temperature,
                exponents: exponents.clone(),
                ..Batch::rows(&x, n, 1.0)
            };
            let expected = bits(&dense(&batch));
            let mut workspace = Workspace::new(T::workspace(n, inner));
            // In chunks of 5 rows, last chunk first, each output 3 elements off.
            let mut out = vec![T::round(0.25); x.len() + 3];
            for first in (0..rows).step_by(5).rev() {
                let chunk = first..rows.min(first + 5);
                let target = out[3..].as_mut_ptr();
                let status =
                    unsafe { T::row_map(&batch.raw(), chunk, &to(target), workspace.pointer()) };
                assert_eq!(status, Status::Ok);
            }
            assert_eq!(bits(&out[3..]), expected);
            // In place, misaligned.
            for shift in 0..4 {
                let mut memory = vec![T::round(9.0); x.len() + 4];
                memory[shift..shift + x.len()].copy_from_slice(&x);
                let place = memory[shift..].as_mut_ptr();
                let mut raw = batch.raw();
                raw.x = place;
                assert_eq!(
                    unsafe { T::row_map(&raw, 0..rows, &to(place), workspace.pointer()) },
                    Status::Ok
                );
                assert_eq!(bits(&memory[shift..shift + x.len()]), expected);
            }
            if inner == 1 {
                for r in 0..rows {
                    let alone = Batch {
                        temperature,
                        ..Batch::row(&x[r * n..][..n], exponents[r])
                    };
                    assert_eq!(bits(&dense(&alone)), expected[r * n..][..n]);
                }
            }
        }
    }
}

#[test]
fn a_row_alone_chunked_in_place_or_misaligned_has_the_same_bits_f32() {
    alone_chunked_in_place_and_misaligned::<f32>();
}

#[test]
fn a_row_alone_chunked_in_place_or_misaligned_has_the_same_bits_f64() {
    alone_chunked_in_place_and_misaligned::<f64>();
}
