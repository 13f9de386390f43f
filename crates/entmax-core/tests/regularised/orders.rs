//! The minimum by trying all orders of the entries: within one, ties included, each of these regularisers is linear.
//!
//! With the entries in blocks of equal ones from the lowest to the highest, and c what the regulariser then adds to each, the
//! best entries are the means of z - c over the blocks, less what makes them sum to 1; the lowest block may also be 0. The
//! minimum is among these candidates, because it has some order. Rows of up to 6.

/// The edges of a graph, or all pairs by their maximum.
pub enum Penalty {
    Edges(Vec<(usize, usize)>),
    Maxima,
}

impl Penalty {
    pub fn line(n: usize) -> Penalty {
        Penalty::Edges((1..n).map(|j| (j - 1, j)).collect())
    }

    /// Row by row.
    pub fn grid(height: usize, width: usize) -> Penalty {
        let mut edges = Vec::new();
        for i in 0..height {
            for j in 0..width {
                let at = i * width + j;
                edges.extend((j + 1 < width).then_some((at, at + 1)));
                edges.extend((i + 1 < height).then_some((at, at + width)));
            }
        }
        Penalty::Edges(edges)
    }

    pub fn value(&self, p: &[f64]) -> f64 {
        match self {
            Penalty::Edges(edges) => edges.iter().map(|&(i, j)| (p[i] - p[j]).abs()).sum(),
            Penalty::Maxima => (0..p.len())
                .flat_map(|i| (0..i).map(move |j| p[i].max(p[j])))
                .sum(),
        }
    }

    /// What it adds to each entry where these have the given ranks.
    fn slopes(&self, ranks: &[usize]) -> Vec<f64> {
        let mut slopes = vec![0.0; ranks.len()];
        match self {
            Penalty::Edges(edges) => {
                for &(i, j) in edges {
                    let sign = (ranks[i] as f64 - ranks[j] as f64).clamp(-1.0, 1.0);
                    slopes[i] += sign;
                    slopes[j] -= sign;
                }
            }
            Penalty::Maxima => {
                for i in 0..ranks.len() {
                    for j in 0..i {
                        let (higher, lower) = if ranks[i] > ranks[j] { (i, j) } else { (j, i) };
                        let share = if ranks[i] == ranks[j] { 0.5 } else { 1.0 };
                        slopes[higher] += share;
                        slopes[lower] += 1.0 - share;
                    }
                }
            }
        }
        slopes
    }

    pub fn objective(&self, z: &[f64], lambda: f64, p: &[f64]) -> f64 {
        let squares: f64 = p.iter().zip(z).map(|(p, z)| (p - z) * (p - z)).sum();
        0.5 * squares + lambda * self.value(p)
    }

    /// The minimum over the simplex; entries of -inf are not there.
    pub fn minimum(&self, z: &[f64], lambda: f64) -> Vec<f64> {
        let n = z.len();
        let mut ranks = vec![0; n];
        let mut best = (f64::INFINITY, vec![0.0; n]);
        loop {
            let blocks = 1 + ranks.iter().max().expect("an entry");
            if (0..blocks).all(|rank| ranks.contains(&rank)) {
                let slopes = self.slopes(&ranks);
                for zeros in [0, 1] {
                    let mut p = vec![0.0; n];
                    let mut values = vec![0.0; blocks];
                    let (mut mass, mut count) = (0.0, 0.0);
                    for (rank, value) in values.iter_mut().enumerate().skip(zeros) {
                        let members: Vec<usize> = (0..n).filter(|&j| ranks[j] == rank).collect();
                        let sum: f64 = members.iter().map(|&j| z[j] - lambda * slopes[j]).sum();
                        *value = sum / members.len() as f64;
                        mass += sum;
                        count += members.len() as f64;
                    }
                    for j in (0..n).filter(|&j| ranks[j] >= zeros) {
                        p[j] = values[ranks[j]] - (mass - 1.0) / count;
                    }
                    if p.iter().all(|&p| p >= 0.0) && (p.iter().sum::<f64>() - 1.0).abs() < 1e-9 {
                        let value = self.objective(z, lambda, &p);
                        if value < best.0 {
                            best = (value, p);
                        }
                    }
                }
            }
            let mut place = 0;
            while place < n && ranks[place] + 1 == n {
                ranks[place] = 0;
                place += 1;
            }
            if place == n {
                return best.1;
            }
            ranks[place] += 1;
        }
    }
}

#[test]
fn without_a_penalty_it_is_sparsemax() {
    let p = Penalty::Maxima.minimum(&[0.5, 1.2, -0.3, 2.0, 1.9], 0.0);
    assert!(crate::maps::distance(&p, &[0.0, 0.0, 0.0, 0.55, 0.45]) < 1e-12);
}
