//! Derivatives of a row from its probabilities, by the textbook formulas (MATH.md section 4), in f64 or 30 digits.

use super::double_double::Dd;
use super::oracle::sum;

/// dx = J v / T, J = diag(s) - s s^T / sum(s), s = p^(1 - e) on the support, with v measured from where s is largest.
pub fn pull_back(p: &[f64], v: &[f64], e: f64, temperature: f64) -> Vec<f64> {
    if e == f64::INFINITY {
        return vec![0.0; p.len()];
    }
    let s: Vec<f64> = p
        .iter()
        .map(|&p| if p > 0.0 { p.powf(1.0 - e) } else { 0.0 })
        .collect();
    let top = (0..s.len()).fold(0, |best, j| if s[j] > s[best] { j } else { best });
    let v: Vec<f64> = v.iter().map(|each| each - v[top]).collect();
    let total = sum(s.iter().cloned());
    let mean = if total > 0.0 {
        sum((0..s.len())
            .filter(|&j| s[j] > 0.0)
            .map(|j| s[j] / total * v[j]))
    } else {
        0.0
    };
    let apart = |j: usize| {
        if s[j] > 0.0 {
            s[j] * (v[j] - mean)
        } else {
            0.0
        }
    };
    (0..s.len())
        .map(|j| {
            if j == top {
                -sum((0..s.len()).filter(|&i| i != top).map(apart)) / temperature
            } else {
                apart(j) / temperature
            }
        })
        .collect()
}

/// dp/dalpha by the paper's form, (p - s/D) / e^2 + (h - s/D sum h) / e, which loses all digits of f64 near e = 0 and
/// keeps 14 of 30 at e = 1e-7. The probabilities are normalised first: the form lives on their sum.
pub fn by_alpha(p: &[f64], e: f64) -> Vec<f64> {
    let total = p.iter().fold(Dd::ZERO, |sum, &p| sum.add(Dd::from(p)));
    let inside: Vec<(usize, Dd)> = (0..p.len())
        .filter(|&j| p[j] > 0.0)
        .map(|j| (j, Dd::from(p[j]).div(total)))
        .collect();
    let logs: Vec<Dd> = inside.iter().map(|(_, p)| p.ln()).collect();
    let mut result = vec![0.0; p.len()];
    let add = |terms: &mut dyn Iterator<Item = Dd>| terms.fold(Dd::ZERO, |sum, term| sum.add(term));
    let h: Vec<Dd> = inside
        .iter()
        .zip(&logs)
        .map(|((_, p), log)| p.mul(*log).neg())
        .collect();
    if e == 0.0 {
        let second = add(&mut h.iter().zip(&logs).map(|(h, log)| h.mul(*log)));
        for (k, (j, p)) in inside.iter().enumerate() {
            let twice = h[k].mul(logs[k]).sub(p.mul(second));
            result[*j] = twice.neg().value() * -0.5;
        }
        return result;
    }
    let exponent = Dd::from(e);
    let s: Vec<Dd> = inside
        .iter()
        .zip(&logs)
        .map(|((_, p), log)| p.mul(exponent.mul(*log).neg().exp()))
        .collect();
    let (d, entropy) = (add(&mut s.iter().copied()), add(&mut h.iter().copied()));
    for (k, (j, p)) in inside.iter().enumerate() {
        let share = s[k].div(d);
        let first = p.sub(share).div(exponent.mul(exponent));
        let second = h[k].sub(share.mul(entropy)).div(exponent);
        result[*j] = first.add(second).value();
    }
    result
}
