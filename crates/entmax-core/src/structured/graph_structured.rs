//! A structured factor of a graph: SparseMAP in the graph's coordinates, from the atoms of the turn before.
//!
//! ```text
//! max   <s, u> - damping / 2 |u|^2 + additional scores,   u = D m,   D = 1 / sqrt(d)
//! ```
//!
//! is SparseMAP with scores D s and parts that weigh damping / d, so that additional scores need no scaled copy. The Gram matrix
//! of the atoms depends on the damping only: while that stays, a turn begins with its factor as it is and a substitution,
//! and needs one call of the oracle where the support has settled.

use super::active_set::{self, Atoms, Ending, Limits, Solver};
use super::factor::{Factor, Room};
use super::graph::{cut, Factors, Places, Projection};
use super::weighted::{each_additional, each_entry, Weighted};
use core::cell::Cell;

/// Calls of the oracle in a turn: more are needed only where rounding prevents an end.
const CALLS: usize = 10_000;

/// What is remembered besides the memory.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Kept {
    /// Atoms. Their weights are the first numbers of the memory, their keys the first indices: copied to larger memory, with
    /// `damping` 0, they go on there.
    pub count: usize,
    /// That of the Gram matrix; 0: there is none.
    pub damping: f64,
    /// Of the solver (see [`Solver::rebuilt`]), while it waits for an answer.
    pub rebuilt: bool,
    /// Calls of the oracle in this projection, while it waits for an answer.
    pub calls: usize,
}

/// A factor and its memory.
pub struct Structured<'a, F: Factor> {
    factor: &'a F,
    kept: &'a mut Kept,
    capacity: usize,
    atom_weights: &'a mut [f64],
    products: &'a mut [f64],
    unary: &'a mut [f64],
    weights: &'a mut [f64],
    marks: &'a mut [f64],
    room: &'a mut [f64],
    solver: &'a mut [f64],
    keys: &'a mut [i32],
    key: &'a mut [i32],
    indices: &'a mut [i32],
    /// How far a projection may be off, in norm; 0: by rounding.
    pub error: f64,
    /// Gradient of the additional scores.
    pub additional: &'a mut [f64],
}

/// f64 that a factor with room for `capacity` atoms takes.
pub fn numbers<F: Factor>(factor: &F, capacity: usize) -> usize {
    let parts = factor.parts();
    2 * capacity
        + 3 * parts
        + factor.room().numbers
        + active_set::numbers(parts, capacity)
        + factor.additional()
}

/// i32 that it takes.
pub fn indices<F: Factor>(factor: &F, capacity: usize) -> usize {
    (capacity + 1) * factor.key_len() + factor.room().indices
}

/// Cuts `count` indices off.
fn cut_indices<'a>(indices: &mut &'a mut [i32], count: usize) -> Option<&'a mut [i32]> {
    let (head, tail) = core::mem::take(indices).split_at_mut_checked(count)?;
    *indices = tail;
    Some(head)
}

impl<'a, F: Factor> Structured<'a, F> {
    /// A factor in memory of [`numbers`] and [`indices`]; `kept` begins as zeros. None where memory is too small, or there is no
    /// room for an atom.
    pub fn new(
        factor: &'a F,
        capacity: usize,
        memory: (&'a mut [f64], &'a mut [i32]),
        kept: &'a mut Kept,
    ) -> Option<Structured<'a, F>> {
        let (mut left, mut left_indices) = memory;
        let (parts, size) = (factor.parts(), factor.room());
        if capacity == 0 || kept.count > capacity {
            return None;
        }
        Some(Structured {
            factor,
            kept,
            capacity,
            atom_weights: cut(&mut left, capacity)?,
            products: cut(&mut left, capacity)?,
            unary: cut(&mut left, parts)?,
            weights: cut(&mut left, parts)?,
            marks: cut(&mut left, parts)?,
            room: cut(&mut left, size.numbers)?,
            solver: cut(&mut left, active_set::numbers(parts, capacity))?,
            error: 0.0,
            additional: cut(&mut left, factor.additional())?,
            keys: cut_indices(&mut left_indices, capacity * factor.key_len())?,
            key: cut_indices(&mut left_indices, factor.key_len())?,
            indices: cut_indices(&mut left_indices, size.indices)?,
        })
    }

    /// Each atom's weight and key.
    pub fn each_atom(&self) -> impl Iterator<Item = (f64, &[i32])> {
        let weights = self.atom_weights.iter().copied();
        weights
            .zip(self.keys.chunks_exact(self.factor.key_len().max(1)))
            .take(self.kept.count)
    }

    fn solve(&mut self, damping: f64) -> Projection {
        self.marks.fill(0.0);
        let marks = Cell::from_mut(&mut *self.marks).as_slice_of_cells();
        let weighted = Weighted::new(self.factor, &*self.weights, marks);
        let mut atoms = Atoms {
            keys: self.keys.as_mut_ptr(),
            weights: self.atom_weights.as_mut_ptr(),
            capacity: self.capacity,
            count: self.kept.count,
        };
        let mut room = Room {
            numbers: &mut *self.room,
            indices: &mut *self.indices,
        };
        // SAFETY: the slices are as long as `new` has cut them, which is what the solver asks for.
        let mut solver = unsafe {
            Solver::new(
                &weighted,
                &*self.unary,
                &mut atoms,
                self.solver.as_mut_ptr(),
            )
        };
        if self.kept.count > 0 && self.kept.damping == damping {
            solver.keep();
            solver.rebuilt = self.kept.rebuilt;
        }
        // The square of an error of the copy is at most twice the gap over the damping.
        let limits = Limits {
            tolerance: 0.5 * damping * self.error * self.error,
            calls: CALLS.saturating_sub(self.kept.calls).max(1),
            last: true,
        };
        let turn = solver.solve(limits, &mut room, self.key);
        let waits = turn.ending == Ending::Asks;
        let rebuilt = waits && solver.rebuilt;
        *self.kept = Kept {
            count: atoms.count,
            damping,
            rebuilt,
            calls: if waits {
                self.kept.calls + turn.calls
            } else {
                0
            },
        };
        match turn.ending {
            Ending::Infeasible => Projection::Infeasible,
            Ending::NeedRoom => {
                self.kept.damping = 0.0;
                Projection::NeedRoom
            }
            Ending::Asks => Projection::Asks,
            _ => Projection::Done,
        }
    }

    /// SparseMAP in the graph's coordinates; see [`Factors::project`].
    pub fn project(
        &mut self,
        places: &Places,
        scores: &[f64],
        damping: f64,
        u: &mut [f64],
    ) -> Projection {
        let targets = self.unary.iter_mut().zip(self.weights.iter_mut());
        for ((unary, weight), (score, scale)) in targets.zip(scores.iter().zip(places.scale)) {
            (*unary, *weight) = (score / scale, damping / (scale * scale));
        }
        let ending = self.solve(damping);
        u.fill(0.0);
        for (weight, key) in self.each_atom() {
            each_entry(self.factor, key, &mut |part, entry| {
                if let Some(u) = u.get_mut(part) {
                    *u += weight * entry;
                }
            });
        }
        for (u, scale) in u.iter_mut().zip(places.scale) {
            *u /= scale;
        }
        ending
    }

    /// What the oracle was asked about last.
    pub fn question(&self) -> &[f64] {
        self.solver.get(..self.factor.parts()).unwrap_or(&[])
    }

    /// The numbers of each atom's vertex times those of a direction, summed, to the products.
    fn multiply(&mut self, direction: impl Fn(&F, &[i32]) -> f64) {
        let keys = self.keys.chunks_exact(self.factor.key_len().max(1));
        let products = self.products.iter_mut().zip(keys);
        for (product, key) in products.take(self.kept.count) {
            *product = direction(self.factor, key);
        }
    }

    /// Q of the products, in place.
    fn solve_products(&mut self) {
        if self.kept.count == 0 || self.kept.damping == 0.0 {
            return;
        }
        // SAFETY: the last solve has left the factor of these atoms here.
        unsafe {
            active_set::left_factor(
                self.solver.as_mut_ptr(),
                self.factor.parts(),
                self.capacity,
                self.kept.count,
            )
            .differentiate(self.products.as_mut_ptr());
        }
        for product in self.products.iter_mut().take(self.kept.count) {
            *product *= self.kept.damping;
        }
    }

    /// Q M^T D x, to the products.
    fn weigh(&mut self, places: &Places, x: &mut [f64]) {
        for (x, scale) in x.iter_mut().zip(places.scale) {
            *x /= scale;
        }
        self.multiply(|factor, key| {
            let mut sum = 0.0;
            each_entry(factor, key, &mut |part, entry| {
                sum += entry * x.get(part).copied().unwrap_or(0.0);
            });
            sum
        });
        self.solve_products();
    }

    /// `x` = D M of the products.
    fn gather(&self, places: &Places, x: &mut [f64]) {
        x.fill(0.0);
        for (product, (_, key)) in self.products.iter().zip(self.each_atom()) {
            each_entry(self.factor, key, &mut |part, entry| {
                if let Some(x) = x.get_mut(part) {
                    *x += product * entry;
                }
            });
        }
        for (x, scale) in x.iter_mut().zip(places.scale) {
            *x /= scale;
        }
    }

    /// See [`Factors::differentiate`].
    pub fn differentiate(&mut self, places: &Places, x: &mut [f64]) {
        self.weigh(places, x);
        self.gather(places, x);
    }

    /// See [`Factors::pull_additional`].
    pub fn pull_additional(
        &mut self,
        places: &Places,
        cotangent: impl Fn(usize) -> f64,
        x: &mut [f64],
    ) {
        self.multiply(|factor, key| {
            let mut sum = 0.0;
            each_additional(factor, key, &mut |part| sum += cotangent(part));
            sum
        });
        self.solve_products();
        self.gather(places, x);
    }

    /// The marginals of the additional parts, to `additional`.
    pub fn sum_additional(&mut self) {
        for (product, weight) in self.products.iter_mut().zip(self.atom_weights.iter()) {
            *product = *weight;
        }
        self.gather_additional();
    }

    /// N of the products, to `additional`.
    fn gather_additional(&mut self) {
        self.additional.fill(0.0);
        let keys = self.keys.chunks_exact(self.factor.key_len().max(1));
        for (product, key) in self.products.iter().zip(keys).take(self.kept.count) {
            each_additional(self.factor, key, &mut |part| {
                if let Some(sum) = self.additional.get_mut(part) {
                    *sum += product;
                }
            });
        }
    }

    /// See [`Factors::differentiate_additional`].
    pub fn differentiate_additional(&mut self, places: &Places, x: &mut [f64]) {
        self.weigh(places, x);
        self.gather_additional();
    }
}

/// Structured factors of one kind alone.
impl<F: Factor> Factors for [Structured<'_, F>] {
    fn project(
        &mut self,
        factor: usize,
        places: &Places,
        scores: &[f64],
        damping: f64,
        u: &mut [f64],
    ) -> Projection {
        self.get_mut(factor)
            .map_or(Projection::Infeasible, |structured| {
                structured.project(places, scores, damping, u)
            })
    }

    fn differentiate(&mut self, factor: usize, places: &Places, x: &mut [f64]) {
        if let Some(structured) = self.get_mut(factor) {
            structured.differentiate(places, x);
        }
    }

    fn differentiate_additional(&mut self, factor: usize, places: &Places, x: &mut [f64]) {
        if let Some(structured) = self.get_mut(factor) {
            structured.differentiate_additional(places, x);
        }
    }
}
