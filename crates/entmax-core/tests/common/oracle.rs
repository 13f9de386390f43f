//! The map of one row by the plainest correct means: bisection for alpha <= 2, sorting and bisection above.
//! Only finite scores and -inf; the other edges are stated in the tests themselves.

use super::double_double::Dd;

pub struct Truth {
    pub p: Vec<f64>,
    /// In the support <=> score > threshold, in exact arithmetic; -inf for softmax.
    pub threshold: f64,
    /// The threshold less the maximum, over the temperature.
    pub cutoff: f64,
}

impl Truth {
    pub fn largest(&self) -> f64 {
        self.p.iter().cloned().fold(0.0, f64::max)
    }
}

/// Kahan-Babuska-Neumaier.
pub fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut total, mut error) = (0.0f64, 0.0f64);
    for value in values {
        let next = total + value;
        error += if total.abs() >= value.abs() {
            (total - next) + value
        } else {
            (value - next) + total
        };
        total = next;
    }
    total + error
}

fn max_of(z: &[f64]) -> f64 {
    z.iter().cloned().fold(f64::NEG_INFINITY, f64::max)
}

/// In f64: errors around 1e-12 of the largest entry.
pub fn entmax(z: &[f64], e: f64, temperature: f64) -> Truth {
    let m = max_of(z);
    let u: Vec<f64> = z.iter().map(|&s| (s - m) / temperature).collect();
    if e > 1.0 {
        return entmax_above_two(z, e, temperature);
    }
    if e == 0.0 {
        let q: Vec<f64> = u.iter().map(|&u| u.exp()).collect();
        let total = sum(q.iter().cloned());
        return Truth {
            p: q.iter().map(|q| q / total).collect(),
            threshold: f64::NEG_INFINITY,
            cutoff: f64::NEG_INFINITY,
        };
    }
    let beta = 1.0 / e;
    let near: Vec<f64> = u.iter().cloned().filter(|&u| u > -beta).collect();
    // d = u - tau, tau = c - beta; the power through log1p unless that cancels.
    let power = |u: f64, c: f64| {
        let x = e * (u - c);
        let d = u - (c - beta);
        if d <= 0.0 {
            0.0
        } else if e == 1.0 {
            d
        } else if x > -0.5 {
            (x.ln_1p() * beta).exp()
        } else {
            ((e * d).ln() * beta).exp()
        }
    };
    let (mut low, mut high) = (0.0, -f64::exp_m1(-e * (near.len() as f64).ln()) / e + 1e-12);
    while high - low > 1e-16 * high.max(1e-3) {
        let c = 0.5 * (low + high);
        if c <= low || c >= high {
            break;
        }
        if sum(near.iter().map(|&u| power(u, c))) > 1.0 {
            low = c;
        } else {
            high = c;
        }
    }
    let c = 0.5 * (low + high);
    let p: Vec<f64> = u.iter().map(|&u| power(u, c)).collect();
    let total = sum(p.iter().cloned());
    Truth {
        p: p.iter().map(|p| p / total).collect(),
        threshold: m + temperature * (c - beta),
        cutoff: c - beta,
    }
}

fn entmax_above_two(z: &[f64], e: f64, temperature: f64) -> Truth {
    let m = max_of(z);
    let power = |gap: f64| if gap > 0.0 { (gap.ln() / e).exp() } else { 0.0 };
    let mut sorted: Vec<f64> = z
        .iter()
        .cloned()
        .filter(|&s| (m - s) / temperature < 1.0 / e)
        .collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let unit = e / temperature;
    let g = |k: usize| sum(sorted[..k].iter().map(|&s| power(unit * (s - sorted[k]))));
    let (mut inside, mut outside) = (0, sorted.len());
    while outside - inside > 1 {
        let middle = (inside + outside) / 2;
        if g(middle) < 1.0 {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    let smallest = sorted[inside];
    let gaps: Vec<f64> = sorted[..=inside]
        .iter()
        .map(|&s| unit * (s - smallest))
        .collect();
    let p_of = |gap: f64, log_t: f64| {
        if gap == 0.0 {
            return log_t.exp();
        }
        let (a, b) = (gap.ln(), e * log_t);
        let (a, b) = if a > b { (a, b) } else { (b, a) };
        ((a + (b - a).exp().ln_1p()) / e).exp()
    };
    let (mut low, mut high) = (-800.0, 0.0);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if sum(gaps.iter().map(|&gap| p_of(gap, middle))) > 1.0 {
            high = middle;
        } else {
            low = middle;
        }
    }
    let log_t = 0.5 * (low + high);
    let p: Vec<f64> = z
        .iter()
        .map(|&s| {
            if s < smallest {
                0.0
            } else {
                p_of(unit * (s - smallest), log_t)
            }
        })
        .collect();
    let total = sum(p.iter().cloned());
    Truth {
        p: p.iter().map(|p| p / total).collect(),
        threshold: smallest - (e * log_t).exp() / unit,
        cutoff: (smallest - m) / temperature - (e * log_t).exp() / e,
    }
}

/// In about 30 digits, for 0 <= e <= 1: the f64 answer's threshold, refined by Newton's method.
pub fn entmax_exactly(z: &[f64], e: f64) -> Truth {
    let m = max_of(z);
    let first = entmax(z, e, 1.0);
    let u: Vec<Dd> = z
        .iter()
        .map(|&s| {
            if s == f64::NEG_INFINITY {
                Dd::from(s)
            } else {
                Dd::difference(s, m)
            }
        })
        .collect();
    if e == 0.0 {
        let q: Vec<Dd> = u
            .iter()
            .map(|u| {
                if u.0 == f64::NEG_INFINITY {
                    Dd::ZERO
                } else {
                    u.exp()
                }
            })
            .collect();
        let total = q.iter().fold(Dd::ZERO, |a, &b| a.add(b));
        return Truth {
            p: q.iter().map(|q| q.div(total).value()).collect(),
            threshold: f64::NEG_INFINITY,
            cutoff: f64::NEG_INFINITY,
        };
    }
    let beta = Dd::ONE.div(Dd::from(e));
    let mut tau = Dd::from(first.cutoff);
    let power = |u: Dd, tau: Dd| {
        let d = u.sub(tau);
        if u.0 == f64::NEG_INFINITY || d.value() <= 0.0 {
            return (Dd::ZERO, 0.0);
        }
        let x = d.mul(Dd::from(e));
        let p = if e == 1.0 { x } else { x.ln().mul(beta).exp() };
        (p, (p.value() / x.value()).min(1e300))
    };
    for _ in 0..6 {
        let (mut total, mut slope) = (Dd::ZERO, 0.0);
        for &u in &u {
            let (p, s) = power(u, tau);
            total = total.add(p);
            slope += s;
        }
        tau = tau.add(Dd::from(total.sub(Dd::ONE).value() / slope));
    }
    let p: Vec<f64> = u.iter().map(|&u| power(u, tau).0.value()).collect();
    let excess = sum(p.iter().cloned()) - 1.0;
    assert!(
        excess.abs() < 1e-15,
        "the oracle does not converge: e = {e}, excess {excess:e}, {z:?}"
    );
    Truth {
        p,
        threshold: m + tau.value(),
        cutoff: tau.value(),
    }
}
