//! What one probability contributes to a derivative of entmax or of its entropy, without cancellation at any alpha.
//!
//! With e = alpha - 1, l = ln p, t = e l <= 0 and psi(t) = (exp(-t) - 1 + t) / t^2 (MATH.md section 4):
//!
//! ```text
//! w = p l^2 psi(t)          s = p^(2 - alpha) = p exp(-t) = p - e p l + e^2 w
//! p^e = p / s               -p expm1(t) / e = (e w - p l) p / s
//! K'(t) = exp(t) psi(t)     so that  p l^2 K'(t) = w p / s
//! ```
//!
//! Everything on the right is a sum of terms of one sign. psi is a series near t = 0, which is alpha near 1 and also p
//! near 1; elsewhere w = (s - p + e p l) / e^2 loses at most two digits of f64.

use crate::simd::sqrt;

/// Larger s are cut: they occur for alpha > 8 only, and then dominate every sum anyway.
const LOG_LARGEST: f64 = 640.0;
/// From here on psi is formed by subtraction.
const SERIES_BELOW: f64 = 0.1;
/// 1 / (k + 2)!: psi(t) = sum over k of (-t)^k / (k + 2)!, to 1e-16 for |t| < 0.1.
pub const PSI: [f64; 9] = [
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5_040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
];

/// s = p^(1 - e) for p > 0, without log and exp where roots do.
#[inline(always)]
pub fn skewed(p: f64, e: f64) -> f64 {
    if e == 1.0 {
        // 1, but NaN of NaN.
        p * 0.0 + 1.0
    } else if e == 0.5 {
        sqrt(p)
    } else if e == 0.0 {
        p
    } else {
        exp_cut((1.0 - e) * libm::log(p))
    }
}

/// exp, cut at the largest s.
#[inline(always)]
fn exp_cut(x: f64) -> f64 {
    // Not `min`, which would drop a NaN.
    libm::exp(if x > LOG_LARGEST { LOG_LARGEST } else { x })
}

/// The terms of one p > 0.
#[derive(Clone, Copy)]
pub struct Terms {
    /// -p ln p.
    pub h: f64,
    pub w: f64,
    pub s: f64,
}

impl Terms {
    #[inline(never)]
    pub fn new(p: f64, e: f64) -> Terms {
        let log = libm::log(p);
        let h = -p * log;
        let x = -e * log;
        if x < SERIES_BELOW {
            // At alpha = 1 the series is its first term, and its nine steps in a row would be half of the time.
            let mut psi = 0.5;
            if x != 0.0 {
                psi = PSI
                    .iter()
                    .rev()
                    .fold(0.0, |psi, coefficient| psi * x + coefficient);
            }
            let w = p * log * log * psi;
            return Terms {
                h,
                w,
                s: p + e * h + e * e * w,
            };
        }
        let s = if e == 1.0 || e == 0.5 {
            skewed(p, e)
        } else {
            p * exp_cut(x)
        };
        Terms {
            h,
            w: (s - p - e * h) / (e * e),
            s,
        }
    }
}
