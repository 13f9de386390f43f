//! The logic factors of a graph: tables of them, and the faces that they are on.

use super::graph::{Factors, Places, Projection};
use super::logic::{Kind, Logic};

/// Tables; those of places are in the order of the graph's.
pub struct LogicFactors<'a> {
    /// Of each factor, and its budget or coupling.
    pub kinds: &'a [Kind],
    pub numbers: &'a [f64],
    /// Of each place; either may be empty.
    pub negated: &'a [u8],
    pub costs: &'a [f64],
    /// Of each place: written by a projection, read by derivatives.
    pub faces: &'a mut [i32],
    /// Scratch: [`super::logic::room`] of the largest factor, and as much as its places.
    pub room: &'a mut [f64],
    /// Of each factor: gradients of couplings; may be empty.
    pub gradients: &'a mut [f64],
}

/// The part of a table that may be empty.
fn part<T>(table: &[T], first: usize, count: usize) -> &[T] {
    table.get(first..first + count).unwrap_or(&[])
}

impl LogicFactors<'_> {
    /// Factor `factor`, of which the coupling counts 1 / damping.
    fn logic<'b>(&'b self, factor: usize, places: &Places<'b>, damping: f64) -> Option<Logic<'b>> {
        let kind = *self.kinds.get(factor)?;
        let number = self.numbers.get(factor).copied().unwrap_or(0.0);
        let count = places.scale.len();
        Some(Logic {
            kind,
            scale: places.scale,
            negated: part(self.negated, places.first, count),
            costs: part(self.costs, places.first, count),
            number: if kind == Kind::Pair {
                number / damping
            } else {
                number
            },
        })
    }

    fn face(&self, places: &Places) -> &[i32] {
        part(self.faces, places.first, places.scale.len())
    }
}

impl Factors for LogicFactors<'_> {
    fn project(
        &mut self,
        factor: usize,
        places: &Places,
        scores: &[f64],
        damping: f64,
        u: &mut [f64],
    ) -> Projection {
        let count = places.scale.len();
        let (faces, room) = (
            core::mem::take(&mut self.faces),
            core::mem::take(&mut self.room),
        );
        let mut possible = false;
        if let (Some(logic), Some(face), Some((a, scratch))) = (
            self.logic(factor, places, damping),
            faces.get_mut(places.first..places.first + count),
            room.split_at_mut_checked(count),
        ) {
            for (a, score) in a.iter_mut().zip(scores) {
                *a = score / damping;
            }
            possible = logic.project(a, scratch, u, face);
        }
        (self.faces, self.room) = (faces, room);
        if possible {
            Projection::Done
        } else {
            Projection::Infeasible
        }
    }

    fn differentiate(&mut self, factor: usize, places: &Places, x: &mut [f64]) {
        if let Some(logic) = self.logic(factor, places, 1.0) {
            logic.differentiate(self.face(places), x);
        }
    }

    fn differentiate_additional(&mut self, factor: usize, places: &Places, x: &mut [f64]) {
        let Some(logic) = self.logic(factor, places, 1.0) else {
            return;
        };
        if logic.kind != Kind::Pair {
            return;
        }
        logic.differentiate(self.face(places), x);
        let gradient = logic.coupling(self.face(places), x);
        if let Some(place) = self.gradients.get_mut(factor) {
            *place = gradient;
        }
    }
}
