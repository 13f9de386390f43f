//! The k best labellings of a chain (MATH.md section 10): Viterbi with a list in place of a maximum.
//!
//! Every cell of the recursion keeps the k best completions, each as a score, the state that follows and the place in
//! that state's list. A cell's list is a merge of S sorted lists, of which only the heads compete: the largest head is
//! taken k times, O(T S^2 + T S k S / 2) with two lanes. Completions of a cell that differ stay different from there on,
//! so the k labellings are distinct, and one that does not exist is a score of -inf.

use super::factor::{Room, RoomSize};
use super::pair::{at, first_largest, row, row_and_behind, row_mut, NONE};
use super::sequence::Sequence;

/// S sorted lists of completions, and the place that a merge has reached in each.
struct Merge<'a> {
    levels: usize,
    k: usize,
    heads: &'a mut [f64],
    places: &'a mut [i32],
}

impl Merge<'_> {
    /// Merges the lists that a position offers at one level of the budget into `scores`, each entry with the state
    /// that it starts in, times k, plus its place there. `offset` is added to a state's list, `score` to all.
    fn run(
        &mut self,
        lists: &[f64],
        level: usize,
        offset: impl Fn(usize) -> f64,
        score: f64,
        scores: &mut [f64],
        links: &mut [i32],
    ) {
        let (levels, k) = (self.levels, self.k);
        let list = |state: usize| row(lists, k, state * levels + level);
        for (state, head) in self.heads.iter_mut().enumerate() {
            *head = offset(state) + at(list(state), 0);
        }
        self.places.fill(0);
        for (sum, link) in scores.iter_mut().zip(links) {
            let (state, best) = first_largest(self.heads);
            *sum = score + best;
            if let Some((head, place)) = self.heads.get_mut(state).zip(self.places.get_mut(state)) {
                *link = (state * k) as i32 + *place;
                *place += 1;
                *head = offset(state) + at(list(state), *place as usize);
            }
        }
    }
}

impl Sequence<'_> {
    /// What [`Sequence::kbest`] needs.
    pub fn kbest_room(&self, k: usize) -> RoomSize {
        let lists = self.length * self.states * self.levels() * k;
        RoomSize {
            numbers: lists + self.states,
            indices: lists + self.states + k,
        }
    }

    /// The k labellings of the highest scores, from the highest on, and these scores; how many there are with a score
    /// above -inf. S k < 2^31. Ties: lexicographic, as far as the sums from a position on tie.
    pub fn kbest(
        &self,
        k: usize,
        unary: &[f64],
        room: &mut Room,
        keys: &mut [i32],
        scores: &mut [f64],
    ) -> usize {
        if k == 0 {
            return 0;
        }
        if self.length == 0 {
            scores.iter_mut().take(1).for_each(|score| *score = 0.0);
            return 1;
        }
        self.kbest_in(k, unary, room, keys, scores).unwrap_or(0)
    }

    fn levels(&self) -> usize {
        self.limit().map_or(1, |limit| limit + 1)
    }

    /// What the budget loses to a state.
    fn cost(&self, state: usize) -> usize {
        usize::from(state > 0 && self.limit().is_some())
    }

    /// None if a slice is shorter than it should be.
    fn kbest_in(
        &self,
        k: usize,
        unary: &[f64],
        room: &mut Room,
        keys: &mut [i32],
        scores: &mut [f64],
    ) -> Option<usize> {
        let (states, levels, length) = (self.states, self.levels(), self.length);
        let (heads, numbers) = room.numbers.split_at_mut_checked(states)?;
        let (places, indices) = room.indices.split_at_mut_checked(states)?;
        let (firsts, next) = indices.split_at_mut_checked(k)?;
        let mut merge = Merge {
            levels,
            k,
            heads,
            places,
        };
        let cells = states * levels * k;
        for t in (0..length).rev() {
            let (tails, behind) = row_and_behind(numbers, cells, t);
            let tails = tails.chunks_exact_mut(k);
            let links = row_mut(next, cells, t).chunks_exact_mut(k);
            for (cell, (tail, links)) in tails.zip(links).enumerate() {
                let (state, level) = (cell / levels.max(1), cell % levels.max(1));
                let Some(left) = level.checked_sub(self.cost(state)) else {
                    tail.fill(NONE);
                    continue;
                };
                let score = at(unary, t * states + state);
                if t + 1 == length {
                    tail.fill(NONE);
                    *tail.first_mut()? = score + self.end(state);
                    continue;
                }
                let transitions = self.transition(t, state);
                let offset = |to: usize| transitions.map_or(0.0, |scores| at(scores, to));
                merge.run(behind, left, offset, score, tail, links);
            }
        }

        let scores = scores.get_mut(..k)?;
        let start = |state: usize| self.start(state);
        merge.run(numbers, levels - 1, start, 0.0, scores, firsts);
        let found = scores.iter().take_while(|&&score| score > NONE).count();
        for (key, &first) in keys.chunks_exact_mut(length).zip(firsts.iter()).take(found) {
            let (mut link, mut level) = (first as usize, levels - 1);
            for (t, label) in key.iter_mut().enumerate() {
                let (state, place) = (link / k, link % k);
                *label = state as i32;
                let cell = (t * states + state) * levels + level;
                link = row(next, k, cell).get(place).copied()? as usize;
                level = level.saturating_sub(self.cost(state));
            }
        }
        Some(found)
    }
}
