//! A set of structures whose oracle is the caller's: what is known of it are the vertices that were named so far.
//!
//! A kernel cannot call back. So a solver that wants the best structure *waits*: it returns, the caller asks its oracle
//! about the scores that are left, adds the vertex if it is new, and calls again with its number.

use super::factor::{Factor, Room, RoomSize};
use core::cell::Cell;

/// There is no answer yet.
pub const WAITING: i32 = -1;
/// No structure is possible.
pub const IMPOSSIBLE: i32 = -2;

/// The set. A key is the number of a vertex.
pub struct Custom<'a> {
    /// Parts.
    pub size: usize,
    /// So many numbers for each vertex; they need not be 0 or 1.
    pub vertices: &'a [f64],
    /// To the last question: a vertex, [`WAITING`] or [`IMPOSSIBLE`]. It answers once.
    pub answer: Cell<i32>,
}

impl Custom<'_> {
    fn vertex(&self, key: &[i32]) -> &[f64] {
        let number = key.first().map_or(0, |&number| number as usize);
        let first = number * self.size;
        self.vertices.get(first..first + self.size).unwrap_or(&[])
    }
}

impl Factor for Custom<'_> {
    fn parts(&self) -> usize {
        self.size
    }

    fn key_len(&self) -> usize {
        1
    }

    fn room(&self) -> RoomSize {
        RoomSize {
            numbers: 0,
            indices: 0,
        }
    }

    fn is_waiting(&self) -> bool {
        self.answer.get() == WAITING
    }

    fn best(&self, unary: &[f64], _: &mut Room, key: &mut [i32]) -> bool {
        let answer = self.answer.replace(WAITING);
        if let (Some(key), true) = (key.first_mut(), answer >= 0) {
            *key = answer;
        }
        answer >= 0 && self.score(unary, key) > f64::NEG_INFINITY
    }

    /// -inf for a part of score -inf, whatever its number in the vertex is, unless that is 0.
    fn score(&self, unary: &[f64], key: &[i32]) -> f64 {
        let mut sum = 0.0;
        self.each_entry(key, |part, entry| {
            let score = unary.get(part).copied().unwrap_or(0.0);
            sum += if score == f64::NEG_INFINITY {
                score
            } else {
                entry * score
            };
        });
        sum
    }

    fn overlap(&self, a: &[i32], b: &[i32]) -> f64 {
        let entries = self.vertex(a).iter().zip(self.vertex(b));
        entries.map(|(a, b)| a * b).sum()
    }

    fn each_part(&self, key: &[i32], mut visit: impl FnMut(usize)) {
        self.each_entry(key, |part, _| visit(part));
    }

    fn each_entry(&self, key: &[i32], mut visit: impl FnMut(usize, f64)) {
        for (part, &entry) in self.vertex(key).iter().enumerate() {
            if entry != 0.0 {
                visit(part, entry);
            }
        }
    }
}
