//! The derivative of LP-SparseMAP: the cotangent's part in the space that no factor changes (MATH.md section 11).
//!
//! T, the average of the factors' projectors over each variable's factors, is symmetric and between 0 and 1; the gradient is the
//! projection of the cotangent on its fixed space. Powers of T get there slowly. Conjugate gradients for (I - T) y = (I - T) v
//! from 0 give what is not fixed, in a handful of steps, and v - y is what is: exact on a consistent system though I - T
//! is singular. A variable in no factor takes no part: its gradient is the cotangent inside (0, 1), else 0.

use super::graph::{cut, Factors, State};
use core::ops::Range;

/// f64 of scratch.
pub const fn numbers(variables: usize, places: usize) -> usize {
    4 * variables + places
}

/// A direction that I - T shortens by this is one that T leaves alone, but for rounding: a step along it would be of any length.
/// That is all there is to see where no factor is tight.
const ROUNDING: f64 = 1e-12;

/// How the solve ended.
#[derive(Clone, Copy, Debug)]
pub struct Solved {
    pub steps: usize,
    /// Of the residual to the cotangent, in norm; 0 where that is 0.
    pub residual: f64,
}

/// The operator, and its scratch.
struct Operator<'a, 'g, F: Factors + ?Sized> {
    state: &'a State<'g>,
    factors: &'a mut F,
    local: &'a mut [f64],
}

impl<F: Factors + ?Sized> Operator<'_, '_, F> {
    /// A factor's part of a direction, in its coordinates.
    fn gather(&mut self, range: &Range<usize>, x: &[f64]) -> &mut [f64] {
        let graph = self.state.graph();
        let local = self.local.get_mut(range.clone()).unwrap_or(&mut []);
        let places = self.state.places(range.clone());
        let variables = graph.variables.get(range.clone()).unwrap_or(&[]);
        for ((local, &variable), scale) in local.iter_mut().zip(variables).zip(places.scale) {
            *local = x.get(variable as usize).copied().unwrap_or(0.0) / scale;
        }
        local
    }

    /// `y` = (I - T) x.
    fn apply(&mut self, x: &[f64], y: &mut [f64]) {
        let graph = self.state.graph();
        for ((y, &x), &root) in y.iter_mut().zip(x).zip(self.state.roots()) {
            *y = if root > 0.0 { x } else { 0.0 };
        }
        for (factor, range) in graph.each_factor() {
            self.gather(&range, x);
            let places = self.state.places(range.clone());
            let local = self.local.get_mut(range.clone()).unwrap_or(&mut []);
            self.factors.differentiate(factor, &places, local);
            let variables = graph.variables.get(range).unwrap_or(&[]);
            for ((local, &variable), scale) in local.iter().zip(variables).zip(places.scale) {
                if let Some(y) = y.get_mut(variable as usize) {
                    *y -= local / scale;
                }
            }
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Adds to a cotangent of the marginals what cotangents of additional marginals are worth there, which the factors know.
/// `local` is scratch, a number for each place.
pub fn add_additional(
    state: &State,
    factors: &mut (impl Factors + ?Sized),
    cotangent: &mut [f64],
    local: &mut [f64],
) {
    let graph = state.graph();
    for (factor, range) in graph.each_factor() {
        let places = state.places(range.clone());
        let x = local.get_mut(range.clone()).unwrap_or(&mut []);
        factors.pull_additional(factor, &places, x);
        let variables = graph.variables.get(range).unwrap_or(&[]);
        for ((x, &variable), scale) in x.iter().zip(variables).zip(places.scale) {
            if let Some(cotangent) = cotangent.get_mut(variable as usize) {
                *cotangent += x / scale;
            }
        }
    }
}

/// Pulls a cotangent of the marginals back to the scores, and to the factors' additional scores. At most `steps` steps, fewer once
/// the residual is `tolerance` of what it was. None where `memory` is not of [`numbers`] f64.
pub fn pull_back(
    state: &State,
    factors: &mut (impl Factors + ?Sized),
    cotangent: &[f64],
    gradient: &mut [f64],
    memory: &mut [f64],
    (steps, tolerance): (usize, f64),
) -> Option<Solved> {
    let graph = state.graph();
    let variables = graph.scores.len();
    let mut left = memory;
    let residual = cut(&mut left, variables)?;
    let direction = cut(&mut left, variables)?;
    let product = cut(&mut left, variables)?;
    let solution = cut(&mut left, variables)?;
    let local = cut(&mut left, graph.variables.len())?;
    let mut operator = Operator {
        state,
        factors,
        local,
    };
    solution.fill(0.0);
    operator.apply(cotangent, residual);
    for (d, &r) in direction.iter_mut().zip(residual.iter()) {
        *d = r;
    }
    let mut square = dot(residual, residual);
    let first = square;
    let mut solved = Solved {
        steps: 0,
        residual: 0.0,
    };
    while solved.steps < steps && square > tolerance * tolerance * first {
        operator.apply(direction, product);
        let curvature = dot(direction, product);
        if curvature <= ROUNDING * dot(direction, direction) {
            break;
        }
        let step = square / curvature;
        for ((y, r), (d, q)) in solution
            .iter_mut()
            .zip(residual.iter_mut())
            .zip(direction.iter().zip(product.iter()))
        {
            *y += step * d;
            *r -= step * q;
        }
        let next = dot(residual, residual);
        let keep = next / square;
        for (d, r) in direction.iter_mut().zip(residual.iter()) {
            *d = r + keep * *d;
        }
        square = next;
        solved.steps += 1;
    }
    let all = dot(cotangent, cotangent);
    if all > 0.0 {
        solved.residual = libm::sqrt(square / all);
    }
    let own = graph.scores.iter().zip(state.roots());
    for (((gradient, v), y), (&score, &root)) in gradient
        .iter_mut()
        .zip(cotangent)
        .zip(solution.iter())
        .zip(own)
    {
        let free = root > 0.0 || (score > 0.0 && score < 1.0);
        let fixed = !free || score == f64::NEG_INFINITY;
        *gradient = if fixed { 0.0 } else { v - y };
    }
    for (factor, range) in graph.each_factor() {
        operator.gather(&range, gradient);
        let places = state.places(range.clone());
        let local = operator.local.get_mut(range).unwrap_or(&mut []);
        operator
            .factors
            .differentiate_additional(factor, &places, local);
    }
    Some(solved)
}
