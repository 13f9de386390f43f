//! The loss of one row by its definition (MATH.md section 5), in f64.

use super::oracle::{self, sum};

pub struct Truth {
    pub loss: f64,
    pub p: Vec<f64>,
    pub by_alpha: f64,
}

/// H_alpha(p) = sum of p (1 - p^e) / (alpha e).
pub fn entropy(p: &[f64], e: f64) -> f64 {
    if e == f64::INFINITY {
        return 0.0;
    }
    sum(p.iter().filter(|&&p| p > 0.0).map(|&p| {
        if e == 0.0 {
            -p * p.ln()
        } else {
            -p * (e * p.ln()).exp_m1() / (e * (1.0 + e))
        }
    }))
}

/// dH/dalpha by differences: H is smooth in alpha, from both sides of 1.
fn entropy_by_alpha(p: &[f64], e: f64) -> f64 {
    if e == f64::INFINITY {
        return 0.0;
    }
    let h = 1e-4;
    let slope = |h: f64| (entropy(p, e + h) - entropy(p, e - h)) / (2.0 * h);
    // Richardson: the error is of fourth order.
    (4.0 * slope(h) - slope(2.0 * h)) / 3.0
}

pub fn entmax(z: &[f64], q: &[f64], e: f64, temperature: f64) -> Truth {
    let max = z.iter().cloned().fold(f64::NEG_INFINITY, f64::max);
    let p = if e == f64::INFINITY {
        let count = z.iter().filter(|&&z| z == max).count() as f64;
        z.iter()
            .map(|&z| if z == max { 1.0 / count } else { 0.0 })
            .collect()
    } else {
        oracle::entmax(z, e, temperature).p
    };
    let linear = sum((0..z.len())
        .filter(|&j| p[j] != q[j])
        .map(|j| (p[j] - q[j]) * (z[j] - max) / temperature));
    Truth {
        loss: linear + entropy(&p, e) - entropy(q, e),
        by_alpha: entropy_by_alpha(&p, e) - entropy_by_alpha(q, e),
        p,
    }
}
