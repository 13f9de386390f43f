//! Named rows: ordinary ones and those of MATH.md section 20 that break kernels.

/// A small linear congruential generator: the rows are the same on every machine.
pub struct Random(pub u64);

impl Random {
    pub fn uniform(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((self.0 >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

pub const KINDS: [&str; 30] = [
    "normal",
    "normal 0.1",
    "normal 0.01",
    "normal 4",
    "peaked",
    "all equal",
    "two tied maxima",
    "spike",
    "ramp",
    "gentle ramp",
    "geometric",
    "at the edge",
    "above the edge",
    "alternating",
    "ascending",
    "descending",
    "tiny 1e-30",
    "small 1e-7",
    "large 1e4",
    "huge 1e30",
    "largest",
    "offset 1e4",
    "zeros of both signs",
    "denormals",
    "spike and many small",
    "half far down",
    "zipf",
    "many masked",
    "few levels",
    "four levels",
];

/// One row in f64, to be rounded by the caller.
pub fn row(kind: &str, n: usize, e: f64) -> Vec<f64> {
    let mut random = Random(n as u64 * 7919 + kind.len() as u64);
    let beta = if e > 0.0 { 1.0 / e } else { 80.0 };
    (0..n)
        .map(|j| {
            let t = j as f64;
            match kind {
                "normal" => random.normal(),
                "normal 0.1" => 0.1 * random.normal(),
                "normal 0.01" => 0.01 * random.normal(),
                "normal 4" => 4.0 * random.normal(),
                "peaked" => {
                    2.5 * random.normal()
                        + if random.uniform() < 0.01 {
                            6.0 * random.uniform()
                        } else {
                            0.0
                        }
                }
                "all equal" => 0.7,
                "two tied maxima" => {
                    if j % (n / 2 + 1) == 0 {
                        3.0
                    } else {
                        random.normal().min(2.9)
                    }
                }
                "spike" => {
                    if j == n / 3 {
                        30.0
                    } else {
                        random.normal()
                    }
                }
                "ramp" => 0.37 * t,
                "gentle ramp" => t / n as f64 / n as f64,
                "geometric" => -(1.03f64.powf(t.min(2000.0))),
                "at the edge" => {
                    if j == 0 {
                        1.0
                    } else {
                        1.0 - beta
                    }
                }
                "above the edge" => {
                    if j == n - 1 {
                        1.0
                    } else {
                        f64::from(((1.0 - beta) as f32).next_up().next_up())
                    }
                }
                "alternating" => {
                    if j % 2 == 0 {
                        0.75
                    } else {
                        -0.75
                    }
                }
                "ascending" => t / 10.0 + 0.01 * random.uniform(),
                "descending" => -t / 10.0 + 0.01 * random.uniform(),
                "tiny 1e-30" => 1e-30 * random.normal(),
                "small 1e-7" => 1e-7 * random.normal(),
                "large 1e4" => 1e4 * random.normal(),
                "huge 1e30" => 1e30 * random.normal(),
                "largest" => {
                    if random.uniform() < 0.5 {
                        3.4e38
                    } else {
                        -3.4e38
                    }
                }
                "offset 1e4" => 1e4 + random.normal(),
                "zeros of both signs" => {
                    if j % 3 == 0 {
                        -0.0
                    } else {
                        0.0
                    }
                }
                "denormals" => 1e-41 * random.normal(),
                "spike and many small" => {
                    if j == n / 2 {
                        0.5 * beta
                    } else {
                        0.5 / n as f64
                    }
                }
                "half far down" => {
                    if j % 2 == 0 {
                        -0.5 * beta
                    } else {
                        0.001 * random.normal()
                    }
                }
                "zipf" => -(1.0 + t).ln(),
                "many masked" => {
                    if random.uniform() < 0.6 && j != n / 2 {
                        f64::NEG_INFINITY
                    } else {
                        random.normal()
                    }
                }
                "four levels" => (4.0 * random.uniform()).floor(),
                "few levels" => (random.normal() * 1.5).round() * 0.25,
                _ => panic!("no row of kind {kind}"),
            }
        })
        .collect()
}

/// Sizes around every vector and block boundary.
pub const SIZES: [usize; 29] = [
    1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 257, 319, 321,
    511, 512, 513, 1000, 4096,
];

/// alpha - 1 for the alphas of every test.
pub const EXPONENTS: [f64; 17] = [
    0.0,
    1e-7,
    1e-4,
    0.01,
    0.1,
    0.25,
    1.0 / 3.0,
    0.5,
    0.75,
    0.99,
    1.0,
    1.0001,
    1.5,
    3.0,
    9.0,
    63.0,
    f64::INFINITY,
];
