//! A factor whose parts weigh more or less in the norm of SparseMAP: all solves are of this type, so that the active set is compiled once.

use super::factor::{Factor, Room, RoomSize};
use core::cell::Cell;

/// A factor with weights of its parts. Marks are 0 between calls.
pub struct Weighted<'a, F> {
    factor: &'a F,
    /// Empty: 1 each.
    weights: &'a [f64],
    marks: &'a [Cell<f64>],
}

impl<'a, F> Weighted<'a, F> {
    /// A weight and a mark, which is 0, for each part.
    pub fn new(factor: &'a F, weights: &'a [f64], marks: &'a [Cell<f64>]) -> Weighted<'a, F> {
        Weighted {
            factor,
            weights,
            marks,
        }
    }

    /// A factor whose parts weigh 1: so that solvers are compiled for this type alone.
    pub fn plain(factor: &'a F) -> Weighted<'a, F> {
        Weighted {
            factor,
            weights: &[],
            marks: &[],
        }
    }
}

/// The numbers of a vertex, to a function that is called, not compiled in: what is done with them takes no time.
#[inline(never)]
pub fn each_entry(factor: &impl Factor, key: &[i32], visit: &mut dyn FnMut(usize, f64)) {
    factor.each_entry(key, visit);
}

/// The same for its additional parts.
#[inline(never)]
pub fn each_additional(factor: &impl Factor, key: &[i32], visit: &mut dyn FnMut(usize)) {
    factor.each_additional(key, visit);
}

impl<F: Factor> Factor for Weighted<'_, F> {
    fn parts(&self) -> usize {
        self.factor.parts()
    }
    fn key_len(&self) -> usize {
        self.factor.key_len()
    }
    fn room(&self) -> RoomSize {
        self.factor.room()
    }
    fn best(&self, unary: &[f64], room: &mut Room, key: &mut [i32]) -> bool {
        self.factor.best(unary, room, key)
    }
    fn best_again(&self, unary: &[f64], room: &mut Room, key: &mut [i32]) -> bool {
        self.factor.best_again(unary, room, key)
    }
    fn is_waiting(&self) -> bool {
        self.factor.is_waiting()
    }
    fn score(&self, unary: &[f64], key: &[i32]) -> f64 {
        self.factor.score(unary, key)
    }
    fn is_weighted(&self) -> bool {
        !self.weights.is_empty()
    }
    fn weight(&self, part: usize) -> f64 {
        self.weights.get(part).copied().unwrap_or(1.0)
    }
    fn overlap(&self, a: &[i32], b: &[i32]) -> f64 {
        if self.weights.is_empty() {
            return self.factor.overlap(a, b);
        }
        let mark = |part: usize, value: f64| {
            if let Some(mark) = self.marks.get(part) {
                mark.set(value);
            }
        };
        let mut sum = 0.0;
        each_entry(self.factor, a, &mut |part, entry| {
            mark(part, entry * self.weight(part));
        });
        each_entry(self.factor, b, &mut |part, entry| {
            sum += entry * self.marks.get(part).map_or(0.0, Cell::get);
        });
        each_entry(self.factor, a, &mut |part, _| mark(part, 0.0));
        sum
    }
    fn each_part(&self, key: &[i32], visit: impl FnMut(usize)) {
        self.factor.each_part(key, visit);
    }
    fn each_entry(&self, key: &[i32], visit: impl FnMut(usize, f64)) {
        self.factor.each_entry(key, visit);
    }
    fn each_additional(&self, key: &[i32], visit: impl FnMut(usize)) {
        self.factor.each_additional(key, visit);
    }
}
