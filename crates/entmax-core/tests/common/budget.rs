//! The capped simplex by the plainest correct means: all 2 n breakpoints z and z - u sorted, the sum at each of them,
//! and a line between two. Scores are finite or -inf; one row, temperature apart.

use super::double_double::Dd;
use super::oracle::sum;

pub struct Truth {
    pub p: Vec<f64>,
    /// In units of the scores.
    pub threshold: f64,
    /// Whether the sum is held at the budget.
    pub binding: bool,
}

fn clip(value: f64, bound: f64) -> f64 {
    value.min(bound).max(0.0)
}

/// The entries at tau = at + offset.
fn entries(z: &[f64], u: &[f64], temperature: f64, at: Dd, offset: f64) -> Vec<f64> {
    z.iter()
        .zip(u)
        .map(|(&z, &u)| {
            if z == f64::NEG_INFINITY {
                return 0.0;
            }
            let distance = Dd::from(z).sub(at).add(Dd::from(-offset));
            clip(distance.value() / temperature, u)
        })
        .collect()
}

/// p = clip(z / T - tau, 0, u) with the sum B, or at most B.
pub fn budget(z: &[f64], u: &[f64], b: f64, temperature: f64, at_most: bool) -> Truth {
    let unclipped = entries(z, u, temperature, Dd::ZERO, 0.0);
    if at_most && sum(unclipped.iter().cloned()) <= b {
        return Truth {
            p: unclipped,
            threshold: 0.0,
            binding: false,
        };
    }
    let mut breakpoints: Vec<Dd> = Vec::new();
    for (&z, &u) in z.iter().zip(u) {
        if z > f64::NEG_INFINITY {
            breakpoints.push(Dd::from(z));
            breakpoints.push(Dd::from(z).sub(Dd::from(u).mul(Dd::from(temperature))));
        }
    }
    breakpoints.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
    let at = |k: usize| {
        let p = entries(z, u, temperature, breakpoints[k], 0.0);
        sum(p.iter().cloned())
    };
    // The first breakpoint at which the sum is at most B.
    let (mut low, mut high) = (0, breakpoints.len() - 1);
    while low < high {
        let middle = (low + high) / 2;
        if at(middle) <= b {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    let end = breakpoints[high];
    let at_end = entries(z, u, temperature, end, 0.0);
    let missing = b - sum(at_end.iter().cloned());
    let mut offset = 0.0;
    if high > 0 && missing > 0.0 {
        // Active between the two breakpoints: neither 0 at the lower one nor at the bound at the upper one.
        let start = breakpoints[high - 1];
        let active = z
            .iter()
            .zip(u)
            .filter(|&(&z, &u)| {
                z > f64::NEG_INFINITY
                    && Dd::from(z) > start
                    && Dd::from(z).sub(Dd::from(u).mul(Dd::from(temperature))) < end
            })
            .count();
        offset = -missing / active as f64 * temperature;
    }
    Truth {
        p: entries(z, u, temperature, end, offset),
        threshold: end.add(Dd::from(offset)).value(),
        binding: true,
    }
}
