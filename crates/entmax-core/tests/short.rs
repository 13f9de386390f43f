//! Short rows of f32, four of which are solved together: each has the bits that it has alone, whatever lies beside it.

mod common;
use common::call::{bits, csr, dense, dense_f32_on, support, to, Batch, Workspace};
use common::loss_call::{Loss, Targets};
use common::oracle;
use common::rows::Random;
use entmax_core::maps::{row_map_f32, row_map_workspace_f32};
use entmax_core::status::Status;

/// alpha - 1: softmax, every power of its own, and powers between and around them.
const EXPONENTS: [f64; 10] = [0.0, 1e-6, 0.1, 0.25, 0.3, 1.0 / 3.0, 0.5, 0.7, 0.95, 1.0];

const KINDS: [&str; 14] = [
    "normal",
    "NaN",
    "peaked",
    "excluded",
    "near-uniform",
    "levels",
    "half excluded",
    "infinite",
    "spread",
    "equal",
    "at the threshold",
    "one of them",
    "huge",
    "spike",
];

fn row(kind: &str, n: usize, e: f64, random: &mut Random) -> Vec<f32> {
    let beta = 1.0 / e.max(0.02);
    let last = n - 1;
    (0..n)
        .map(|j| {
            let normal = random.normal();
            (match kind {
                "NaN" if j == n / 2 => f64::NAN,
                "peaked" => 3.0 * normal,
                "excluded" => f64::NEG_INFINITY,
                "near-uniform" => normal / (8.0 * n as f64),
                "levels" => (4.0 * random.uniform()).floor(),
                "half excluded" if j % 2 == 0 && j != last => f64::NEG_INFINITY,
                "infinite" if j == n / 3 => f64::INFINITY,
                "spread" => 0.3 * beta * random.uniform(),
                "equal" => 0.75,
                // Two maxima and scores exactly where their threshold is, for alpha = 2 and 1.5.
                "at the threshold" if j < 2 => 1.0,
                "at the threshold" if e == 1.0 => 0.5,
                "at the threshold" => 1.0 - 2f64.sqrt(),
                "one of them" if j != last => f64::NEG_INFINITY,
                "huge" => 1e30 * normal,
                "spike" if j == n / 4 => 0.999 * beta,
                "spike" => 0.0,
                _ => normal,
            }) as f32
        })
        .collect()
}

/// `count` rows, from kind `from` on.
fn rows(count: usize, from: usize, n: usize, e: f64) -> Vec<f32> {
    let mut random = Random((n * 31 + from) as u64);
    (from..from + count)
        .flat_map(|kind| row(KINDS[kind % KINDS.len()], n, e, &mut random))
        .collect()
}

fn alone(x: &[f32], e: f64) -> Vec<u64> {
    bits(&dense(&Batch::row(x, e)))
}

#[test]
fn a_row_has_the_same_bits_alone_and_beside_any_others_at_every_length() {
    for e in EXPONENTS {
        for n in 1..=300 {
            // Groups of four and every remainder, each kind at each place and beside each other in the end.
            let count = 4 + n % 8;
            let x = rows(count, n, n, e);
            let together = bits(&dense(&Batch::rows(&x, n, e)));
            for (r, row) in x.chunks(n).enumerate() {
                let label = KINDS[(n + r) % KINDS.len()];
                assert_eq!(
                    together[r * n..][..n],
                    alone(row, e),
                    "{label}, n = {n}, e = {e}"
                );
            }
        }
    }
}

#[test]
fn a_row_is_as_right_beside_others_as_the_oracle_says() {
    for e in EXPONENTS {
        for n in (1..=300)
            .step_by(7)
            .chain([16, 32, 64, 128, 256, 257, 383, 511, 512, 513])
        {
            let x = rows(KINDS.len() + 1, n, n, e);
            let p = dense(&Batch::rows(&x, n, e));
            for (r, (row, p)) in x.chunks(n).zip(p.chunks(n)).enumerate() {
                let z: Vec<f64> = row.iter().map(|&score| f64::from(score)).collect();
                let largest = z.iter().cloned().fold(f64::NEG_INFINITY, f64::max);
                if z.iter().any(|score| score.is_nan()) || !largest.is_finite() {
                    continue;
                }
                let truth = oracle::entmax(&z, e, 1.0);
                let label = KINDS[(n + r) % KINDS.len()];
                for (&p, t) in p.iter().zip(&truth.p) {
                    let error = (f64::from(p) - t).abs() / truth.largest();
                    assert!(error <= 1e-6, "{label}, n = {n}, e = {e}: {error:e}");
                }
                let sum = oracle::sum(p.iter().map(|&p| f64::from(p)));
                assert!(
                    (sum - 1.0).abs() <= 1e-6,
                    "{label}, n = {n}, e = {e}: sum {sum}"
                );
            }
        }
    }
}

#[test]
fn rows_of_different_alpha_are_grouped_with_none_but_their_like() {
    for n in [1, 2, 5, 16, 17, 64, 100, 256, 257, 500, 512, 513] {
        let mut random = Random(n as u64);
        let count = 40;
        let x: Vec<f32> = (0..count * n).map(|_| random.normal() as f32).collect();
        // Runs of one to six rows of one alpha, some of them above 2.
        let mut exponents = Vec::new();
        while exponents.len() < count {
            let run = exponents.len() % 6 + 1;
            let e = [0.0, 1.0, 0.7, 2.0, 0.5, 0.25, f64::INFINITY][exponents.len() % 7];
            exponents.extend(std::iter::repeat_n(e, run));
        }
        exponents.truncate(count);
        let batch = Batch {
            exponents: exponents.clone(),
            ..Batch::rows(&x, n, 0.0)
        };
        let together = bits(&dense(&batch));
        for (r, row) in x.chunks(n).enumerate() {
            assert_eq!(
                together[r * n..][..n],
                alone(row, exponents[r]),
                "n = {n}, row {r}"
            );
        }
    }
}

#[test]
fn every_form_layout_and_chunk_has_the_bits_of_the_row_alone() {
    for e in [0.0, 0.25, 0.5, 0.7, 1.0] {
        for n in [3, 16, 31, 64, 129, 256, 257, 480, 512] {
            let count = 11;
            let x = rows(count, n, n, e);
            let mask: Vec<u8> = (0..x.len()).map(|j| u8::from(j % 7 != 2)).collect();
            for temperature in [1.0, 0.4] {
                for mask in [None, Some(&mask[..])] {
                    let batch = Batch {
                        mask,
                        temperature,
                        ..Batch::rows(&x, n, e)
                    };
                    let expected: Vec<Vec<f32>> = (0..count)
                        .map(|r| {
                            let span = r * n..(r + 1) * n;
                            dense(&Batch {
                                mask: mask.map(|mask| &mask[span.clone()]),
                                temperature,
                                ..Batch::row(&x[span.clone()], e)
                            })
                        })
                        .collect();
                    assert_eq!(bits(&dense(&batch)), bits(&expected.concat()));
                    // In place, in chunks that begin and end anywhere.
                    let mut memory = x.clone();
                    let mut raw = batch.raw();
                    raw.x = memory.as_ptr();
                    let target = memory.as_mut_ptr();
                    let mut workspace = Workspace::new(row_map_workspace_f32(n, 1));
                    for chunk in [0..1, 1..3, 3..8, 8..11] {
                        let status =
                            unsafe { row_map_f32(&raw, chunk, &to(target), workspace.pointer()) };
                        assert_eq!(status, Status::Ok);
                    }
                    assert_eq!(bits(&memory), bits(&expected.concat()));
                    let (sizes, thresholds) = support(&batch);
                    let sparse = csr(&batch, false);
                    assert_eq!(sizes, sparse.sizes);
                    assert_eq!(bits(&thresholds), bits(&sparse.thresholds));
                    for (row, (indices, values)) in expected.iter().zip(&sparse.rows) {
                        let mut spread = vec![0.0; n];
                        for (&j, &value) in indices.iter().zip(values) {
                            spread[j as usize] = value;
                        }
                        assert_eq!(bits(&spread), bits(row));
                    }
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn avx2_gives_groups_the_bits_of_the_scalar_blocks() {
    if !is_x86_feature_detected!("avx2") {
        return;
    }
    for e in EXPONENTS {
        for n in [1, 7, 16, 30, 64, 200, 256, 300, 512] {
            let x = rows(KINDS.len() + 3, 0, n, e);
            let batch = Batch::rows(&x, n, e);
            let wide = dense_f32_on::<entmax_core::simd::avx2::Avx2>(&batch);
            assert_eq!(bits(&wide), bits(&dense(&batch)), "n = {n}, e = {e}");
        }
    }
}

#[test]
fn losses_of_short_rows_are_those_of_each_row_alone() {
    for e in [0.0, 0.25, 0.5, 0.7, 1.0] {
        for n in [2, 16, 33, 64, 256, 511, 512] {
            let count = 15;
            let x = rows(count, 0, n, e);
            // Every fifth row is left out.
            let classes: Vec<i32> = (0..count)
                .map(|r| if r % 5 == 3 { -1 } else { (r * 7 % n) as i32 })
                .collect();
            let mut call = Loss::row(&x, 0, e);
            call.scores.n = n;
            call.targets = Targets::Classes(classes.clone());
            let together = call.call();
            for r in 0..count {
                let one = Loss::row(&x[r * n..][..n], classes[r], e).call();
                assert_eq!(
                    together.loss[r].to_bits(),
                    one.loss[0].to_bits(),
                    "n = {n}, e = {e}, row {r}"
                );
                assert_eq!(bits(&together.dz[r * n..][..n]), bits(&one.dz));
                assert_eq!(
                    together.dparameter[r].to_bits(),
                    one.dparameter[0].to_bits()
                );
            }
        }
    }
}

#[test]
fn a_short_row_within_a_longer_one_has_its_bits_too() {
    // Top-k solves the k largest scores as a row of their own.
    let mut random = Random(5);
    for e in [0.0, 0.25, 0.5, 0.7, 1.0] {
        for (n, k) in [(300, 22), (400, 256), (257, 1), (1000, 100), (64, 5)] {
            let x: Vec<f32> = (0..n).map(|_| (0.1 * random.normal()) as f32).collect();
            let batch = Batch {
                k,
                ..Batch::row(&x, e)
            };
            let sparse = csr(&batch, false);
            let (indices, values) = &sparse.rows[0];
            if sparse.exact[0] == 0 && indices.len() == k {
                let scores: Vec<f32> = indices.iter().map(|&j| x[j as usize]).collect();
                assert_eq!(bits(values), alone(&scores, e), "n = {n}, k = {k}, e = {e}");
            }
        }
    }
}
