//! Calling the kernels from safe code, and what every map is held to.

use crate::common::call;
use entmax_core::gradients::{Cells, Row};
use entmax_core::regularised::frame::Entry;
use entmax_core::regularised::frame::{Labels, Outcome};
use entmax_core::regularised::{fusedmax, groups, oscarmax, tvmax};

/// A type of scores, for kernels and tests.
pub trait Number: call::Number + Entry {}
impl<T: call::Number + Entry> Number for T {}

mod bounds;
mod grids;
mod lines;
mod losses;
mod norms;
mod orders;
mod properties;
mod ranks;

/// Memory of a workspace, not zeroed, with a guard behind it.
pub struct Memory {
    lines: Vec<Line>,
    bytes: usize,
}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

impl Memory {
    pub fn new(bytes: usize) -> Memory {
        Memory {
            lines: vec![Line([0xff; 64]); bytes.div_ceil(64) + 1],
            bytes,
        }
    }

    pub fn at(&mut self) -> *mut u8 {
        self.lines.as_mut_ptr().cast()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let all = self.lines.iter().flat_map(|line| line.0);
        assert!(
            std::thread::panicking() || all.skip(self.bytes).all(|byte| byte == 0xff),
            "a kernel wrote behind its workspace"
        );
    }
}

/// Which map with groups.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Map {
    Fused,
    Oscar,
    Published,
    /// Height and width.
    Grid(usize, usize),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Answer<T> {
    pub p: Vec<T>,
    pub groups: Vec<u32>,
    pub rates: Vec<T>,
    pub outcome: Outcome,
}

/// A row of a map with groups.
pub fn solve<T: Number>(map: Map, x: &[T], lambda: f64, temperature: f64) -> Answer<T> {
    let n = x.len();
    let mut answer = Answer {
        p: vec![T::ZERO; n],
        groups: vec![7; n],
        rates: vec![T::ONE; n],
        outcome: Outcome::Empty,
    };
    let labels = Labels {
        groups: answer.groups.as_mut_ptr(),
        rates: answer.rates.as_mut_ptr(),
    };
    answer.outcome = solve_into(map, x, lambda, temperature, &mut answer.p, labels);
    let mut alone = vec![T::ONE; n];
    solve_into(map, x, lambda, temperature, &mut alone, Labels::NONE);
    let bits = |p: &[T]| p.iter().map(|p| p.bits()).collect::<Vec<_>>();
    assert_eq!(bits(&alone), bits(&answer.p), "without labels");
    let mut place = x.to_vec();
    let at = place.as_mut_ptr();
    // In place: the kernels say that it may be.
    let inside = unsafe { std::slice::from_raw_parts(at, n) };
    solve_into(map, inside, lambda, temperature, &mut place, Labels::NONE);
    assert_eq!(bits(&place), bits(&answer.p), "in place");
    answer
}

fn solve_into<T: Number>(
    map: Map,
    x: &[T],
    lambda: f64,
    temperature: f64,
    p: &mut [T],
    labels: Labels<T>,
) -> Outcome {
    let (n, at, out) = (x.len(), x.as_ptr(), p.as_mut_ptr());
    let bytes = match map {
        Map::Fused => fusedmax::fusedmax_workspace(n),
        Map::Grid(..) => tvmax::tvmax_workspace(n),
        _ => oscarmax::oscarmax_workspace(n),
    };
    let mut memory = Memory::new(bytes);
    let room = memory.at();
    // SAFETY: all lengths are n, the workspace is as long as asked for.
    unsafe {
        match map {
            Map::Fused => fusedmax::fusedmax(at, n, lambda, temperature, out, labels, room),
            Map::Oscar | Map::Published => {
                let published = map == Map::Published;
                oscarmax::oscarmax(at, n, lambda, published, temperature, out, labels, room)
            }
            Map::Grid(height, width) => {
                tvmax::tvmax(at, (height, width), lambda, temperature, out, labels, room)
            }
        }
    }
}

/// dx and dlambda.
pub fn pull_back<T: Number>(answer: &Answer<T>, v: &[T], temperature: f64) -> (Vec<T>, f64) {
    let n = v.len();
    let mut dx = vec![T::ONE; n];
    let mut memory = Memory::new(groups::backward_scratch(n));
    let row = backward_row(&answer.p, v, None, (&mut dx, &mut []), memory.at());
    let rates = Cells::new(answer.rates.as_ptr());
    // SAFETY: all lengths are n.
    let dlambda = unsafe { groups::pull_back(&row, answer.groups.as_ptr(), rates, temperature) };
    (dx, dlambda)
}

/// A row of a pullback, with bounds and their gradient if there are any.
pub fn backward_row<T: Number>(
    p: &[T],
    v: &[T],
    upper: Option<&[T]>,
    (dx, dupper): (&mut [T], &mut [T]),
    scratch: *mut u8,
) -> Row {
    let none: *const T = std::ptr::null();
    Row {
        p: Cells::new(p.as_ptr()),
        v: Cells::new(v.as_ptr()),
        upper: Cells::new(upper.map_or(none, |upper| upper.as_ptr())),
        dx: Cells::new(dx.as_mut_ptr()),
        dupper: Cells::new(upper.map_or(none, |_| dupper.as_mut_ptr())),
        n: p.len(),
        scratch,
    }
}

/// The pullback against central differences, for cotangents of several kinds; true where it could be compared: the groups and
/// the support have to be the same on both sides.
pub fn differences(map: Map, x: &[f64], lambda: f64, temperature: f64, label: &str) -> bool {
    let step = 1e-6;
    let answer = solve(map, x, lambda, temperature);
    let v: Vec<f64> = (0..x.len()).map(|j| (1.7 * j as f64 + 0.3).sin()).collect();
    let (dx, dlambda) = pull_back(&answer, &v, temperature);
    let inner = |p: &[f64]| p.iter().zip(&v).map(|(p, v)| p * v).sum::<f64>();
    let shape = |answer: &Answer<f64>| {
        let support: Vec<bool> = answer.p.iter().map(|&p| p > 0.0).collect();
        let inside = answer.groups.iter().zip(&support);
        let groups: Vec<u32> = inside.map(|(&g, &s)| if s { g } else { 0 }).collect();
        (support, groups)
    };
    let compare = |plus: Answer<f64>, minus: Answer<f64>, exact: f64, what: &str| {
        if shape(&plus) != shape(&answer) || shape(&minus) != shape(&answer) {
            return false;
        }
        let difference = (inner(&plus.p) - inner(&minus.p)) / (2.0 * step);
        assert!(
            (difference - exact).abs() <= 1e-7 * (1.0 + exact.abs()),
            "{label}: {what} is {exact}, not {difference}"
        );
        true
    };
    let mut all = true;
    for j in (0..x.len()).filter(|&j| x[j].is_finite()) {
        let moved = |by: f64| {
            let mut x = x.to_vec();
            x[j] += by;
            solve(map, &x, lambda, temperature)
        };
        all &= compare(moved(step), moved(-step), dx[j], &format!("dx[{j}]"));
    }
    if lambda > step {
        let moved = |by: f64| solve(map, x, lambda + by, temperature);
        all &= compare(moved(step), moved(-step), dlambda, "dlambda");
    }
    all
}

/// Sums to 1, is nowhere negative, and 0 where excluded; groups have equal entries and are named by one of theirs.
pub fn is_sound<T: Number>(x: &[T], answer: &Answer<T>, tolerance: f64, label: &str) {
    let total: f64 = answer.p.iter().map(|p| p.wide()).sum();
    assert!((total - 1.0).abs() <= tolerance, "{label}: sums to {total}");
    for (j, (x, p)) in x.iter().zip(&answer.p).enumerate() {
        assert!(p.wide() >= 0.0, "{label}: {p:?}");
        let group = answer.groups[j];
        if x.wide() == f64::NEG_INFINITY {
            assert_eq!((p.wide(), group), (0.0, groups::EXCLUDED), "{label}: {j}");
        } else if group < groups::MIXED {
            assert_eq!(p.bits(), answer.p[group as usize].bits(), "{label}: {j}");
            assert_eq!(answer.groups[group as usize], group, "{label}: {j}");
        }
    }
}

pub fn distance<T: Number>(p: &[T], exact: &[f64]) -> f64 {
    assert_eq!(p.len(), exact.len());
    p.iter()
        .zip(exact)
        .map(|(p, exact)| (p.wide() - exact).abs())
        .fold(0.0, f64::max)
}
