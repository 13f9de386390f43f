//! The norm of relaAttention against loops and differences in f64: gates, layouts, lengths, sizes of numbers, parts.

mod common;
use common::call::{bits, Number, Workspace};
use common::rows::Random;
use entmax_core::attention::*;
use entmax_core::maps::Score;
use entmax_core::status::Status;
use std::ptr::{null, null_mut};

/// B, H, N, E; arrays of [B, H, N, E].
#[derive(Clone)]
struct Problem {
    sizes: [usize; 4],
    u: Vec<f64>,
    dy: Vec<f64>,
    gain: Vec<f64>,
    gate: Option<Vec<f64>>,
    eps: f64,
    lengths: Option<Vec<i32>>,
}

#[derive(Clone, Debug, PartialEq)]
struct Results<T> {
    y: Vec<T>,
    du: Vec<T>,
    dgain: Vec<f64>,
    dgate: Vec<f64>,
}

fn problem(sizes: [usize; 4], has_gate: bool) -> Problem {
    let [b, h, n, e] = sizes;
    let mut random = Random((b * 1009 + h * 131 + n * 17 + e) as u64);
    let mut draw = |count: usize| -> Vec<f64> {
        (0..count)
            .map(|_| f64::from(random.normal() as f32))
            .collect()
    };
    Problem {
        sizes,
        u: draw(b * h * n * e),
        dy: draw(b * h * n * e),
        gain: draw(h * e),
        gate: has_gate.then(|| draw(h * e)),
        eps: 1e-6,
        lengths: None,
    }
}

const CHUNK: usize = 1 << 20;

impl Problem {
    /// With heads before queries in memory, or behind them; in ranges of `chunk`.
    fn run<T: Number + Score>(&self, heads_first: bool, chunk: usize) -> Results<T> {
        let [b, h, n, e] = self.sizes;
        let (head, row) = if heads_first { (n * e, e) } else { (e, h * e) };
        let place = |at: usize| {
            let [b, h, i, e] = self.index(at);
            b * (self.sizes[1] * n * self.sizes[3]) + h * head + i * row + e
        };
        let moved = |values: &[f64]| {
            let mut moved = vec![T::round(0.0); values.len()];
            for (at, &value) in values.iter().enumerate() {
                moved[place(at)] = T::round(value);
            }
            moved
        };
        let back = |values: Vec<T>| (0..values.len()).map(|at| values[place(at)]).collect();
        // As they are in the type, in f64.
        let narrow =
            |values: &[f64]| -> Vec<f64> { values.iter().map(|&x| T::round(x).wide()).collect() };
        let (mut u, mut dy) = (moved(&self.u), moved(&self.dy));
        let mut y = vec![T::round(7.0); u.len()];
        let mut du = y.clone();
        let (gain, gate) = (
            narrow(&self.gain),
            self.gate.as_ref().map(|gate| narrow(gate)),
        );
        let parts = (b * n).div_ceil(NORM_QUERIES);
        let (mut dgain, mut dgate) = (vec![7.0; parts * h * e], vec![7.0; parts * h * e]);
        let heads = |data: &mut Vec<T>| Heads {
            data: data.as_mut_ptr(),
            batch: h * n * e,
            head,
            row,
        };
        let norm = Norm {
            eps: self.eps,
            u: heads(&mut u),
            y: heads(&mut y),
            dy: heads(&mut dy),
            du: heads(&mut du),
            gain: gain.as_ptr(),
            gate: gate.as_ref().map_or(null(), |gate| gate.as_ptr()),
            dgain: dgain.as_mut_ptr(),
            dgate: if gate.is_some() {
                dgate.as_mut_ptr()
            } else {
                null_mut()
            },
            query_lengths: self.lengths.as_ref().map_or(null(), |all| all.as_ptr()),
            batches: b,
            heads: h,
            queries: n,
            width: e,
        };
        let mut workspace = Workspace::new(norm_workspace(h, e));
        unsafe {
            for first in (0..b * n).step_by(chunk) {
                let range = first..(b * n).min(first + chunk);
                assert_eq!(normalise(&norm, range, workspace.pointer()), Status::Ok);
            }
            for first in (0..parts).step_by(chunk) {
                let range = first..parts.min(first + chunk);
                assert_eq!(
                    pull_back_norm(&norm, range, workspace.pointer()),
                    Status::Ok
                );
            }
        }
        let total = |sums: &[f64]| -> Vec<f64> {
            (0..h * e)
                .map(|c| (0..parts).map(|part| sums[part * h * e + c]).sum())
                .collect()
        };
        Results {
            y: back(y),
            du: back(du),
            dgain: total(&dgain),
            dgate: if gate.is_some() {
                total(&dgate)
            } else {
                vec![]
            },
        }
    }

    fn index(&self, at: usize) -> [usize; 4] {
        let [_, h, n, e] = self.sizes;
        [at / e / n / h, at / e / n % h, at / e % n, at % e]
    }

    /// y from its definition.
    fn value(&self) -> Vec<f64> {
        let [_, h, _, e] = self.sizes;
        (0..self.u.len())
            .map(|at| {
                let [b, head, i, c] = self.index(at);
                // By the largest, so that nothing overflows.
                let own: Vec<f64> = (0..self.u.len())
                    .filter(|&other| {
                        let [b2, _, i2, _] = self.index(other);
                        (b, i) == (b2, i2)
                    })
                    .map(|other| self.u[other])
                    .collect();
                let most = own.iter().fold(1.0f64, |most, u| most.max(u.abs()));
                let mean =
                    own.iter().map(|u| (u / most) * (u / most)).sum::<f64>() / own.len() as f64;
                let root = most * (mean + self.eps / most / most).sqrt();
                let channel = head * e + c;
                let gate = self.gate.as_ref().map_or(1.0, |gate| {
                    1.0 / (1.0 + (-gate[channel] * self.u[at]).exp())
                });
                assert!(channel < h * e);
                self.gain[channel] * (self.u[at] / root) * gate
            })
            .collect()
    }

    /// <dy, y>.
    fn product(&self) -> f64 {
        self.value()
            .iter()
            .zip(&self.dy)
            .map(|(y, dy)| y * dy)
            .sum()
    }

    /// Differences of <dy, y> by the numbers that `of` gives.
    fn differences(&self, of: impl Fn(&mut Problem) -> &mut Vec<f64>) -> Vec<f64> {
        let mut moved = self.clone();
        (0..of(&mut moved).len())
            .map(|at| {
                let own = of(&mut moved)[at];
                let mut along = |step: f64| {
                    of(&mut moved)[at] = own + step;
                    moved.product()
                };
                let difference = (along(1e-6) - along(-1e-6)) / 2e-6;
                along(0.0);
                difference
            })
            .collect()
    }
}

fn close<T: Number>(got: &[T], want: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), want.len());
    for (at, (got, want)) in got.iter().zip(want).enumerate() {
        let error = (got.wide() - want).abs() / want.abs().max(1.0);
        assert!(
            error <= tolerance,
            "{what}[{at}]: {} for {want}",
            got.wide()
        );
    }
}

const SIZES: [[usize; 4]; 7] = [
    [1, 1, 1, 1],
    [1, 1, 3, 7],
    [2, 3, 5, 8],
    [1, 2, 4, 9],
    [2, 1, 33, 4],
    [1, 2, 2, 35],
    [3, 1, 31, 3],
];

#[test]
fn the_norm_is_its_definition() {
    for sizes in SIZES {
        for has_gate in [false, true] {
            let problem = problem(sizes, has_gate);
            let (value, what) = (problem.value(), format!("{sizes:?}"));
            close(&problem.run::<f64>(true, CHUNK).y, &value, 1e-14, &what);
            close(&problem.run::<f32>(true, CHUNK).y, &value, 1e-7, &what);
        }
    }
}

#[test]
fn the_pullback_is_the_derivative() {
    for sizes in SIZES {
        for has_gate in [false, true] {
            let mut problem = problem(sizes, has_gate);
            problem.eps = 0.3;
            let (wide, narrow) = (
                problem.run::<f64>(true, CHUNK),
                problem.run::<f32>(true, CHUNK),
            );
            let what = |name: &str| format!("{name} of {sizes:?}");
            let du = problem.differences(|p| &mut p.u);
            close(&wide.du, &du, 1e-7, &what("du"));
            close(&narrow.du, &du, 1e-6, &what("du"));
            let dgain = problem.differences(|p| &mut p.gain);
            close(&wide.dgain, &dgain, 1e-7, &what("dgain"));
            close(&narrow.dgain, &dgain, 1e-6, &what("dgain"));
            if has_gate {
                let dgate = problem.differences(|p| p.gate.as_mut().unwrap());
                close(&wide.dgate, &dgate, 1e-7, &what("dgate"));
                close(&narrow.dgate, &dgate, 1e-6, &what("dgate"));
            }
        }
    }
}

#[test]
fn bits_depend_neither_on_the_layout_nor_on_how_the_work_is_divided() {
    for sizes in SIZES {
        for has_gate in [false, true] {
            let problem = problem(sizes, has_gate);
            let whole: Results<f32> = problem.run(true, CHUNK);
            assert!(whole == problem.run(false, CHUNK), "{sizes:?}");
            assert!(whole == problem.run(true, 1), "{sizes:?}");
            assert!(whole == problem.run(false, 3), "{sizes:?}");
        }
    }
}

#[test]
fn numbers_of_any_size_are_normalised() {
    for has_gate in [false, true] {
        for factor in [1e-40, 1e-3, 1e30, 1e38] {
            let mut problem = problem([1, 2, 3, 20], has_gate);
            problem.u.iter_mut().for_each(|u| *u *= factor);
            let rounded = problem.u.iter().map(|&u| f64::from(u as f32)).collect();
            let problem = Problem {
                u: rounded,
                ..problem
            };
            let got: Results<f32> = problem.run(true, CHUNK);
            close(&got.y, &problem.value(), 1e-7, &format!("{factor}"));
            let all = got.du.iter().map(|&du| f64::from(du));
            assert!(all.chain(got.dgain).chain(got.dgate).all(f64::is_finite));
        }
        for factor in [1e-300, 1e150, 1e160, 1e300, 1e307] {
            let mut problem = problem([1, 2, 3, 20], has_gate);
            problem.u.iter_mut().for_each(|u| *u *= factor);
            let got: Results<f64> = problem.run(true, CHUNK);
            close(&got.y, &problem.value(), 1e-14, &format!("{factor}"));
            let all = got.du.iter().copied();
            assert!(all.chain(got.dgain).chain(got.dgate).all(f64::is_finite));
        }
    }
}

#[test]
fn sums_of_zero_stay_zero_and_have_gradients() {
    let mut problem = problem([1, 2, 3, 5], true);
    problem.u.fill(0.0);
    let got: Results<f64> = problem.run(true, CHUNK);
    assert!(got.y.iter().all(|&y| y == 0.0));
    // Half of it is the gate.
    for (at, du) in got.du.iter().enumerate() {
        let [_, h, _, e] = problem.index(at);
        let want = 0.5 * problem.dy[at] * problem.gain[h * 5 + e] / problem.eps.sqrt();
        assert!((du - want).abs() <= 1e-12 * want.abs());
    }
    assert!(got.dgain.iter().chain(&got.dgate).all(|&sum| sum == 0.0));
}

#[test]
fn queries_behind_their_length_have_no_gradients() {
    let mut problem = problem([2, 2, 20, 5], true);
    problem.lengths = Some(vec![20, 7]);
    let index = |at: usize| problem.index(at);
    let counts: Vec<bool> = (0..problem.u.len())
        .map(|at| index(at)[0] == 0 || index(at)[2] < 7)
        .collect();
    let mut spoilt = problem.clone();
    for (at, &counts) in counts.iter().enumerate() {
        if !counts {
            (spoilt.u[at], spoilt.dy[at]) = (0.0, f64::NAN);
        }
    }
    let (got, spoilt): (Results<f64>, Results<f64>) =
        (problem.run(true, CHUNK), spoilt.run(true, CHUNK));
    assert_eq!(bits(&got.du), bits(&spoilt.du));
    assert_eq!(bits(&got.dgain), bits(&spoilt.dgain));
    assert_eq!(bits(&got.dgate), bits(&spoilt.dgate));
    for (du, counts) in got.du.iter().zip(counts) {
        assert_eq!(*du != 0.0, counts);
    }
}

#[test]
fn a_nan_is_the_canonical_one_and_stays_with_its_query() {
    let mut problem = problem([1, 2, 4, 9], true);
    // Query 2 of the second head.
    problem.u[(4 + 2) * 9 + 1] = f64::from(f32::from_bits(0xffc1_2345));
    let clean = Problem {
        u: problem
            .u
            .iter()
            .map(|u| if u.is_nan() { 0.0 } else { *u })
            .collect(),
        ..problem.clone()
    };
    let (got, clean): (Results<f32>, Results<f32>) =
        (problem.run(true, CHUNK), clean.run(true, CHUNK));
    for at in 0..problem.u.len() {
        for (got, clean) in [(&got.y, &clean.y), (&got.du, &clean.du)] {
            let is_nan = problem.index(at)[2] == 2;
            let expected = if is_nan {
                0x7fc0_0000
            } else {
                clean[at].to_bits()
            };
            assert_eq!(got[at].to_bits(), expected);
        }
    }
}
