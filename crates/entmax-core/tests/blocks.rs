//! The block implementations: equal bits everywhere, and how accurate exp and log are.

mod common;
use common::call::{bits, dense, dense_f32_on, Batch};
use common::rows::{row, EXPONENTS, KINDS, SIZES};
use entmax_core::simd::{exp_log, scalar::Scalar, F32Block, LANES};

fn sixteen(values: impl Fn(usize) -> f32, f: impl Fn(Scalar) -> Scalar) -> [f32; LANES] {
    let mut lanes: [f32; LANES] = std::array::from_fn(values);
    unsafe {
        f(Scalar::load(lanes.as_ptr())).store(lanes.as_mut_ptr());
    }
    lanes
}

#[test]
fn powers_of_two_are_accurate_to_two_ulp_and_flush_below_their_cutoff() {
    let mut worst = 0.0f64;
    for step in 0..200_000 {
        let t = -128.0 * step as f32 / 200_000.0;
        let y = sixteen(|_| t, exp_log::exp2_nonpositive)[5];
        let exact = f64::from(t).exp2();
        if t >= exp_log::EXP2_CUTOFF {
            worst = worst.max((f64::from(y) / exact - 1.0).abs());
            assert!(y > 0.0);
        } else if t < -126.6 {
            assert_eq!(y.to_bits(), 0);
        }
    }
    println!("exp2: {worst:.2e}");
    assert!(worst < 2.4e-7);
    let edges = [0.0, -0.0, f32::NEG_INFINITY, -f32::MAX, -130.0, -1e-40];
    let y = sixteen(|lane| edges[lane % 6], exp_log::exp2_nonpositive);
    assert_eq!(bits(&y[..6]), bits(&[1.0f32, 1.0, 0.0, 0.0, 0.0, 1.0]));
    assert!(sixteen(|_| f32::NAN, exp_log::exp2_nonpositive)[0].is_nan());
}

#[test]
fn the_logarithm_of_a_ratio_is_accurate_down_to_the_smallest_difference() {
    let mut worst = 0.0f64;
    for step in 0..200_000 {
        let below =
            -f64::from(1.2f32).powi(-(step / 500)) * (1.0 - f64::from(step % 500) / 700.0) * 0.999;
        // The pair as the kernels form it: both rounded from the exact values.
        let (ratio, minus_one) = ((1.0 + below) as f32, below as f32);
        let exact = if ratio < 0.7 {
            f64::from(ratio).log2()
        } else {
            f64::from(minus_one).ln_1p() * std::f64::consts::LOG2_E
        };
        let y = sixteen(
            |_| ratio,
            |r| exp_log::log2_of_ratio(r, Scalar::splat(minus_one)),
        )[3];
        worst = worst.max((f64::from(y) / exact - 1.0).abs());
    }
    println!("log2: {worst:.2e}");
    assert!(worst < 2.4e-7);
}

fn every_row_has_the_scalar_bits<V: F32Block>() {
    for e in EXPONENTS {
        for kind in KINDS {
            for n in SIZES {
                let x: Vec<f32> = row(kind, n, e).iter().map(|&s| s as f32).collect();
                for temperature in [1.0, 0.3] {
                    let batch = Batch {
                        temperature,
                        ..Batch::row(&x, e)
                    };
                    assert_eq!(
                        bits(&dense_f32_on::<V>(&batch)),
                        bits(&dense(&batch)),
                        "{kind} {n} {e}"
                    );
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn avx2_gives_the_bits_of_the_scalar_blocks() {
    if is_x86_feature_detected!("avx2") {
        every_row_has_the_scalar_bits::<entmax_core::simd::avx2::Avx2>();
    }
}
