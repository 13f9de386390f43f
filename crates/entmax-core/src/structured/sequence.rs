//! Labellings of a chain: T positions, S states, scores of neighbours (MATH.md section 10, Viterbi).
//!
//! With `tail[t][s]` the best score of positions t.. that starts in state s,
//!
//! ```text
//! tail[t][s] = unary[t][s] + max_to transitions[t][s][to] + tail[t + 1][to]
//! ```
//!
//! The recursion runs from the end because a row of transitions is then read in its own order, by the
//! recursion and by the walk that follows: the walk starts at position 0 and recomputes the maximum of one
//! row a position, so no back-pointer is ever written, and its choice of the lowest state makes the answer
//! the *lexicographically first* of the best labellings. Four rows are reduced side by side: they share the
//! loads of `tail[t + 1]`, and four maxima are in flight.
//!
//! A budget (at most B positions outside of state 0) adds the number that may still be spent to the state.

use super::factor::{equal_entries, Factor, Room, RoomSize};
use super::pair::{
    at, best_sum, first_best, first_best_sum, larger, row, row_and_behind, row_mut, Pair, NONE,
};

/// All labellings of a chain, or those with few positions outside of state 0.
///
/// A key holds the T states. Unary part `t * S + s`; additional parts `(t * S + from) * S + to`, then the S of `start`,
/// then the S of `end`, where each table that is absent takes no place. Ties: the lexicographically first labelling.
#[derive(Clone, Copy, Debug)]
pub struct Sequence<'a> {
    /// T.
    pub length: usize,
    /// S.
    pub states: usize,
    /// [T - 1, S, S] as [from][to].
    pub transitions: Option<&'a [f64]>,
    /// [S].
    pub start: Option<&'a [f64]>,
    /// [S].
    pub end: Option<&'a [f64]>,
    /// At most that many positions outside of state 0: of a binary sequence, that many ones.
    pub budget: Option<usize>,
}

impl Sequence<'_> {
    /// The budget, where it excludes anything.
    pub(super) fn limit(&self) -> Option<usize> {
        self.budget.filter(|&budget| budget < self.length)
    }

    /// The scores of what follows state `from` at position t.
    #[inline(always)]
    pub(super) fn transition(&self, t: usize, from: usize) -> Option<&[f64]> {
        self.transitions
            .map(|table| row(table, self.states, t * self.states + from))
    }

    /// The score of a first state.
    #[inline(always)]
    pub(super) fn start(&self, state: usize) -> f64 {
        self.start.map_or(0.0, |start| at(start, state))
    }

    /// The score of a last state.
    #[inline(always)]
    pub(super) fn end(&self, state: usize) -> f64 {
        self.end.map_or(0.0, |end| at(end, state))
    }

    /// Nothing couples the positions.
    fn best_of_each(&self, unary: &[f64], key: &mut [i32]) -> bool {
        let mut possible = true;
        for (t, label) in key.iter_mut().enumerate() {
            let scores = row(unary, self.states, t).iter().enumerate();
            let (state, best) = first_best(scores.map(|(state, &score)| {
                let mut score = score;
                if t + 1 == self.length {
                    score += self.end(state);
                }
                if t == 0 {
                    score += self.start(state);
                }
                score
            }));
            *label = state as i32;
            possible &= best > NONE;
        }
        possible
    }

    fn viterbi(
        &self,
        transitions: &[f64],
        unary: &[f64],
        room: &mut Room,
        key: &mut [i32],
    ) -> bool {
        let states = self.states;
        let tails = room
            .numbers
            .get_mut(..self.length * states)
            .unwrap_or(&mut []);
        self.last_tail(unary, tails);
        match states {
            2 => few_states::<2>(transitions, unary, tails),
            3 => few_states::<3>(transitions, unary, tails),
            4 => few_states::<4>(transitions, unary, tails),
            5 => few_states::<5>(transitions, unary, tails),
            6 => few_states::<6>(transitions, unary, tails),
            _ => many_states(states, transitions, unary, tails),
        }

        let first = row(tails, states, 0).iter().enumerate();
        let (mut state, best) = first_best(first.map(|(state, &tail)| tail + self.start(state)));
        for (t, label) in key.iter_mut().enumerate() {
            *label = state as i32;
            let next = row(tails, states, t + 1);
            (state, _) = first_best_sum(row(transitions, states, t * states + state), next);
        }
        best > NONE
    }

    fn last_tail(&self, unary: &[f64], tails: &mut [f64]) {
        let last = self.length - 1;
        let scores = row(unary, self.states, last).iter().enumerate();
        for (tail, (state, &score)) in row_mut(tails, self.states, last).iter_mut().zip(scores) {
            *tail = score + self.end(state);
        }
    }

    /// Viterbi over tails[t][s][c], where c is what positions t.. may spend: contiguous in c.
    fn within_budget(&self, limit: usize, unary: &[f64], room: &mut Room, key: &mut [i32]) -> bool {
        let (states, levels) = (self.states, limit + 1);
        let tails = room
            .numbers
            .get_mut(..self.length * states * levels)
            .unwrap_or(&mut []);
        for t in (0..self.length).rev() {
            let (tails, next) = row_and_behind(tails, states * levels, t);
            for (from, tail) in tails.chunks_exact_mut(levels.max(1)).enumerate() {
                // Outside of state 0 the position spends one itself: nothing is left of nothing.
                let spent = usize::from(from > 0);
                let (too_little, tail) = tail.split_at_mut_checked(spent).unwrap_or_default();
                too_little.fill(NONE);
                let score = at(unary, t * states + from);
                if t + 1 == self.length {
                    tail.fill(score + self.end(from));
                } else {
                    self.spend(t, from, score, (next, levels), tail);
                }
            }
        }

        let first = (0..states).map(|state| at(tails, state * levels + limit) + self.start(state));
        let (mut state, best) = first_best(first);
        let mut level = limit;
        for (t, label) in key.iter_mut().enumerate() {
            *label = state as i32;
            level -= usize::from(state > 0 && level > 0);
            let transitions = self.transition(t, state);
            let next = row(tails, states * levels, t + 1)
                .iter()
                .skip(level)
                .step_by(levels);
            (state, _) = first_best(
                next.enumerate()
                    .map(|(to, &tail)| tail + transitions.map_or(0.0, |scores| at(scores, to))),
            );
        }
        best > NONE
    }

    /// The tails of one state, by what it leaves to those that follow.
    fn spend(
        &self,
        t: usize,
        from: usize,
        score: f64,
        (next, levels): (&[f64], usize),
        tail: &mut [f64],
    ) {
        let transitions = self.transition(t, from);
        tail.fill(NONE);
        for to in 0..self.states {
            let next = row(next, levels, to);
            let transition = transitions.map_or(0.0, |scores| at(scores, to));
            for (tail, &next) in tail.iter_mut().zip(next) {
                *tail = larger(transition + next, *tail);
            }
        }
        for tail in tail {
            *tail += score;
        }
    }
}

/// Fills all tails but the last: rows of a known length need no loops.
fn few_states<const S: usize>(transitions: &[f64], unary: &[f64], tails: &mut [f64]) {
    let (unary, _) = unary.as_chunks::<S>();
    let (tails, _) = tails.as_chunks_mut::<S>();
    let (rows, _) = transitions.as_chunks::<S>();
    let tables = rows.chunks_exact(S).rev();
    let mut tails = tails.iter_mut().rev();
    let Some(mut next) = tails.next() else { return };
    for ((tail, scores), table) in tails.zip(unary.iter().rev().skip(1)).zip(tables) {
        let two = table.chunks_exact(2);
        let (tail2, tail_rest) = tail.as_chunks_mut::<2>();
        let (scores2, scores_rest) = scores.as_chunks::<2>();
        if let ([row], [tail], [score]) = (two.remainder(), tail_rest, scores_rest) {
            *tail = score + two_rows(row, row, next).first();
        }
        for ((tail, scores), rows) in tail2.iter_mut().zip(scores2).zip(two) {
            *tail = Pair::load(scores)
                .add(two_rows(&rows[0], &rows[1], next))
                .to_array();
        }
        next = tail;
    }
}

/// [`best_sum`] of two rows with `next`.
#[inline(always)]
fn two_rows<const S: usize>(a: &[f64; S], b: &[f64; S], next: &[f64; S]) -> Pair {
    let ((a2, a_rest), (b2, b_rest)) = (a.as_chunks::<2>(), b.as_chunks::<2>());
    let (next2, next_rest) = next.as_chunks::<2>();
    let (mut best_a, mut best_b) = (Pair::splat(NONE), Pair::splat(NONE));
    for ((next, a), b) in next2.iter().zip(a2).zip(b2) {
        best_a = Pair::load(a).add(Pair::load(next)).larger(best_a);
        best_b = Pair::load(b).add(Pair::load(next)).larger(best_b);
    }
    let best = best_a.largest_of_each(best_b);
    match (a_rest, b_rest, next_rest) {
        ([a], [b], [next]) => Pair::load(&[*a, *b]).add(Pair::splat(*next)).larger(best),
        _ => best,
    }
}

/// Fills all tails but the last.
fn many_states(states: usize, transitions: &[f64], unary: &[f64], tails: &mut [f64]) {
    let length = tails.len() / states.max(1);
    for t in (0..length.saturating_sub(1)).rev() {
        let (tail, behind) = row_and_behind(tails, states, t);
        let next = row(behind, states, 0);
        let table = row(transitions, states * states, t);
        let (tail4, tail_rest) = tail.as_chunks_mut::<4>();
        let (unary4, unary_rest) = row(unary, states, t).as_chunks::<4>();
        let rows4 = table.chunks_exact((4 * states).max(1));
        let rows_rest = rows4.remainder().chunks_exact(states.max(1));
        for ((tail, scores), rows) in tail4.iter_mut().zip(unary4).zip(rows4) {
            let (best, scores) = (four_rows(rows, states, next), Pair::load_two(scores));
            let (low, high) = (scores.0.add(best[0]), scores.1.add(best[1]));
            let ([a, b], [c, d]) = (low.to_array(), high.to_array());
            *tail = [a, b, c, d];
        }
        for ((tail, score), row) in tail_rest.iter_mut().zip(unary_rest).zip(rows_rest) {
            *tail = score + best_sum(row, next);
        }
    }
}

/// [`best_sum`] of four neighbouring rows, by pointers: slices cost more than the sums where rows are short.
#[inline(always)]
fn four_rows(rows: &[f64], states: usize, next: &[f64]) -> [Pair; 2] {
    let mut best = [Pair::splat(NONE); 4];
    if rows.len() < 4 * states || next.len() < states {
        return [best[0]; 2];
    }
    // SAFETY: of four rows and of `next`, numbers below `states` are read, and so many there are by the check above.
    unsafe {
        let load = |numbers: &[f64], index: usize| Pair::load(&*numbers.as_ptr().add(index).cast());
        for k in (0..states - states % 2).step_by(2) {
            let next = load(next, k);
            for (j, best) in best.iter_mut().enumerate() {
                *best = load(rows, j * states + k).add(next).larger(*best);
            }
        }
        let (low, high) = (
            best[0].largest_of_each(best[1]),
            best[2].largest_of_each(best[3]),
        );
        if states.is_multiple_of(2) {
            return [low, high];
        }
        let last = states - 1;
        let next = Pair::splat(*next.get_unchecked(last));
        let rest = |j: usize| *rows.get_unchecked(j * states + last);
        [
            Pair::load(&[rest(0), rest(1)]).add(next).larger(low),
            Pair::load(&[rest(2), rest(3)]).add(next).larger(high),
        ]
    }
}

impl Factor for Sequence<'_> {
    fn parts(&self) -> usize {
        self.length * self.states
    }

    fn additional(&self) -> usize {
        let transitions = self.length.saturating_sub(1) * self.states * self.states;
        self.transitions.map_or(0, |_| transitions)
            + self.start.map_or(0, |_| self.states)
            + self.end.map_or(0, |_| self.states)
    }

    fn key_len(&self) -> usize {
        self.length
    }

    fn room(&self) -> RoomSize {
        RoomSize {
            numbers: self.parts() * (self.limit().unwrap_or(0) + 1),
            indices: 0,
        }
    }

    fn best(&self, unary: &[f64], room: &mut Room, key: &mut [i32]) -> bool {
        if self.length == 0 || self.states == 0 {
            return self.length == 0;
        }
        match (self.limit(), self.transitions) {
            (Some(limit), _) => self.within_budget(limit, unary, room, key),
            (None, Some(table)) => self.viterbi(table, unary, room, key),
            (None, None) => self.best_of_each(unary, key),
        }
    }

    /// Summed from the end, as the recursion does: bit for bit the maximum that it found.
    fn kbest_room(&self, k: usize) -> RoomSize {
        self.kbest_room(k)
    }

    fn kbest(
        &self,
        k: usize,
        unary: &[f64],
        room: &mut Room,
        keys: &mut [i32],
        scores: &mut [f64],
    ) -> usize {
        self.kbest(k, unary, room, keys, scores)
    }

    fn score(&self, unary: &[f64], key: &[i32]) -> f64 {
        let mut following = None;
        let mut sum = 0.0;
        for (t, &state) in key.iter().enumerate().rev() {
            let state = state as usize;
            sum = match following {
                None => self.end(state),
                Some(to) => {
                    sum + self
                        .transition(t, state)
                        .map_or(0.0, |scores| at(scores, to))
                }
            } + at(unary, t * self.states + state);
            following = Some(state);
        }
        sum + following.map_or(0.0, |first| self.start(first))
    }

    fn overlap(&self, a: &[i32], b: &[i32]) -> f64 {
        equal_entries(a, b)
    }

    fn each_part(&self, key: &[i32], mut visit: impl FnMut(usize)) {
        for (t, &state) in key.iter().enumerate() {
            visit(t * self.states + state as usize);
        }
    }

    fn each_additional(&self, key: &[i32], mut visit: impl FnMut(usize)) {
        let states = self.states;
        let mut offset = 0;
        if self.transitions.is_some() {
            for (t, (&from, &to)) in key.iter().zip(key.iter().skip(1)).enumerate() {
                visit((t * states + from as usize) * states + to as usize);
            }
            offset += self.length.saturating_sub(1) * states * states;
        }
        if let (Some(_), Some(&first)) = (self.start, key.first()) {
            visit(offset + first as usize);
        }
        offset += self.start.map_or(0, |_| states);
        if let (Some(_), Some(&last)) = (self.end, key.last()) {
            visit(offset + last as usize);
        }
    }
}
