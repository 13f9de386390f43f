//! One of the sets, whichever it is: solvers are compiled for this type alone. Only oracles take long, and what a solver asks
//! besides is short beside a branch that is always the same.

use super::arborescence::Arborescence;
use super::assignment::Assignment;
use super::custom::Custom;
use super::factor::{best_alone, Factor, Room, RoomSize};
use super::projective::ProjectiveTree;
use super::sequence::Sequence;
use super::subsets::{Bits, Budget, OneHot};

/// A set of structures.
pub enum Any<'a> {
    Sequence(Sequence<'a>),
    Arborescence(Arborescence),
    ProjectiveTree(ProjectiveTree),
    Assignment(Assignment),
    Budget(Budget),
    Bits(Bits),
    OneHot(OneHot),
    Custom(Custom<'a>),
}

/// The same expression for the factor that it is.
macro_rules! each {
    ($any:expr, $factor:ident => $value:expr) => {
        match $any {
            Any::Sequence($factor) => $value,
            Any::Arborescence($factor) => $value,
            Any::ProjectiveTree($factor) => $value,
            Any::Assignment($factor) => $value,
            Any::Budget($factor) => $value,
            Any::Bits($factor) => $value,
            Any::OneHot($factor) => $value,
            Any::Custom($factor) => $value,
        }
    };
}

impl Factor for Any<'_> {
    fn parts(&self) -> usize {
        each!(self, factor => factor.parts())
    }

    fn additional(&self) -> usize {
        each!(self, factor => factor.additional())
    }

    fn key_len(&self) -> usize {
        each!(self, factor => factor.key_len())
    }

    fn room(&self) -> RoomSize {
        each!(self, factor => factor.room())
    }

    fn best(&self, unary: &[f64], room: &mut Room, key: &mut [i32]) -> bool {
        each!(self, factor => factor.best(unary, room, key))
    }

    fn best_again(&self, unary: &[f64], room: &mut Room, key: &mut [i32]) -> bool {
        match self {
            Any::Assignment(factor) => factor.best_again(unary, room, key),
            _ => self.best(unary, room, key),
        }
    }

    fn is_waiting(&self) -> bool {
        each!(self, factor => factor.is_waiting())
    }

    fn kbest_room(&self, k: usize) -> RoomSize {
        match self {
            Any::Sequence(factor) if k > 1 => factor.kbest_room(k),
            Any::Bits(factor) if k > 1 => factor.kbest_room(k),
            _ => self.room(),
        }
    }

    fn kbest(
        &self,
        k: usize,
        unary: &[f64],
        room: &mut Room,
        keys: &mut [i32],
        scores: &mut [f64],
    ) -> usize {
        match self {
            Any::Sequence(factor) if k > 1 => factor.kbest(k, unary, room, keys, scores),
            Any::Bits(factor) if k > 1 => factor.kbest(k, unary, room, keys, scores),
            _ => best_alone(self, unary, room, keys, scores),
        }
    }

    fn score(&self, unary: &[f64], key: &[i32]) -> f64 {
        each!(self, factor => factor.score(unary, key))
    }

    fn overlap(&self, a: &[i32], b: &[i32]) -> f64 {
        each!(self, factor => factor.overlap(a, b))
    }

    fn each_part(&self, key: &[i32], visit: impl FnMut(usize)) {
        each!(self, factor => factor.each_part(key, visit));
    }

    fn each_entry(&self, key: &[i32], visit: impl FnMut(usize, f64)) {
        each!(self, factor => factor.each_entry(key, visit));
    }

    fn each_additional(&self, key: &[i32], visit: impl FnMut(usize)) {
        each!(self, factor => factor.each_additional(key, visit));
    }
}
