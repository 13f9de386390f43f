//! What a solver needs to know of a set of structures: its best one (MATH.md sections 9 and 10).
//!
//! SparseMAP, its loss and LP-SparseMAP ask nothing of a factor but its MAP oracle, the score of a structure
//! and how much two structures share. A structure is a *key*, a row of `i32`, because keys are compared,
//! kept and counted far more often than their vertices are needed.
//!
//! Scores: -inf forbids a part; +inf and NaN never arrive.

/// How much room a factor's oracle needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomSize {
    pub numbers: usize,
    pub indices: usize,
}

/// Scratch of an oracle, of at least the size that its factor names; what it holds on entry does not matter.
pub struct Room<'a> {
    pub numbers: &'a mut [f64],
    pub indices: &'a mut [i32],
}

/// A set of structures, each a set of unary parts (and of additional ones, which belong to the factor).
pub trait Factor {
    /// Number of unary scores.
    fn parts(&self) -> usize;

    /// Number of additional parts: transitions, then start, then end.
    fn additional(&self) -> usize {
        0
    }

    /// Length of a key.
    fn key_len(&self) -> usize;

    /// What [`Factor::best`] needs.
    fn room(&self) -> RoomSize;

    /// The structure of the highest score under `unary` and the factor's additional scores, into `key`; ties by
    /// the order that the factor documents. False, and `key` unspecified, if every structure holds a part of -inf.
    fn best(&self, unary: &[f64], room: &mut Room, key: &mut [i32]) -> bool;

    /// The same, after another call with this room and other scores, from which it may begin: of equal structures it may then be
    /// another.
    fn best_again(&self, unary: &[f64], room: &mut Room, key: &mut [i32]) -> bool {
        self.best(unary, room, key)
    }

    /// Whether the oracle is the caller's, who has not answered yet: until then nobody asks [`Factor::best`].
    fn is_waiting(&self) -> bool {
        false
    }

    /// What [`Factor::kbest`] needs.
    fn kbest_room(&self, _k: usize) -> RoomSize {
        self.room()
    }

    /// The k best structures from the best on, their keys behind each other, and their scores; how many there are. One at
    /// most for a factor that does not say more.
    fn kbest(
        &self,
        _k: usize,
        unary: &[f64],
        room: &mut Room,
        keys: &mut [i32],
        scores: &mut [f64],
    ) -> usize {
        best_alone(self, unary, room, keys, scores)
    }

    /// The sum of a structure's unary and additional scores.
    fn score(&self, unary: &[f64], key: &[i32]) -> f64;

    /// How many unary parts two structures share; where parts have weights, these summed.
    fn overlap(&self, a: &[i32], b: &[i32]) -> f64;

    /// Whether any part has a weight other than 1.
    fn is_weighted(&self) -> bool {
        false
    }

    /// What a unary part counts in the square of the marginals: other than 1 in a graph only, where factors share it.
    #[inline(always)]
    fn weight(&self, _part: usize) -> f64 {
        1.0
    }

    /// The unary parts of a structure.
    fn each_part(&self, key: &[i32], visit: impl FnMut(usize));

    /// The numbers of a structure's vertex: 1 for each of its parts, unless the factor says otherwise.
    fn each_entry(&self, key: &[i32], mut visit: impl FnMut(usize, f64)) {
        self.each_part(key, |part| visit(part, 1.0));
    }

    /// The additional parts of a structure.
    fn each_additional(&self, _key: &[i32], _visit: impl FnMut(usize)) {}
}

/// The k best structures of a factor that knows its best one alone.
pub(super) fn best_alone<F: Factor + ?Sized>(
    factor: &F,
    unary: &[f64],
    room: &mut Room,
    keys: &mut [i32],
    scores: &mut [f64],
) -> usize {
    let Some(key) = keys.get_mut(..factor.key_len()) else {
        return 0;
    };
    if !factor.best(unary, room, key) {
        return 0;
    }
    if let Some(score) = scores.first_mut() {
        *score = factor.score(unary, key);
    }
    1
}

/// In how many places two keys agree: the overlap, where every place of a key names one part.
pub(super) fn equal_entries(a: &[i32], b: &[i32]) -> f64 {
    f64::from(a.iter().zip(b).map(|(a, b)| i32::from(a == b)).sum::<i32>())
}
