//! Assignments: rows to columns, each at most once (Jonker and Volgenant, MATH.md section 10).
//!
//! Every column has a price p[c] >= 0, which only rises, and is 0 while the column is free (where no column stays free, it may be
//! anything: a search after another of its room begins with the prices of that). A row's profit from a column
//! is `scores[r][c] - p[c]`; the matching is best when every matched row has its most profitable column and
//! every row is matched: then no other matching can be worth more (linear programming duality).
//!
//! 1. *Bids.* A row takes its most profitable column and raises the price until the second best is as good; whoever had
//!    the column bids again later. Most rows of random scores find their place so, at a row's cost each. Rounding
//!    could let two rows bid for ever: the number of bids is limited.
//! 2. *Shortest augmenting paths.* For each row that is left, Dijkstra's algorithm over columns finds the cheapest chain
//!    of exchanges that ends in a free column, and prices rise by what the search has learned.
//!
//! The smaller side is the one whose members are all matched, so it plays the rows; wide tables are read in place,
//! high ones through a transposed copy. With `unmatched`, every row has a column of its own besides, of score and
//! price 0: it needs no storage, only a comparison wherever a row looks for its best.

use super::factor::{Factor, Room, RoomSize};
use super::pair::{at, larger, row, smaller, Pair, NONE};

/// Matchings between rows and columns, in which the smaller side is matched fully or, with `unmatched`, as far as it pays.
///
/// Scores [rows, columns]. A key holds each row's column, or -1; the part of a match is `row * columns + column`. Without
/// `unmatched` the larger side's rest is free. Ties: the members of the smaller side (the rows, if equal) choose in
/// their order, each the lowest place, and prefer to stay unmatched; later ones may move earlier ones along.
#[derive(Clone, Copy, Debug)]
pub struct Assignment {
    pub rows: usize,
    pub columns: usize,
    /// Any row and any column may stay free, at score 0.
    pub unmatched: bool,
}

/// A row without a column, a column without a row.
const FREE: i32 = -1;
/// A row whose own column of score 0 is its best.
const STAYS: i32 = -2;
/// Bids a row, on average, before the rest is left to augmenting paths: 1 and 5 are slower, by a tenth at 20 x 20.
const BIDS: usize = 2;

/// A table that is no higher than wide, and its matching.
struct Market<'a> {
    columns: usize,
    unmatched: bool,
    scores: &'a [f64],
    price: &'a mut [f64],
    /// The prices during a search; +inf where it has settled the column.
    asked: &'a mut [f64],
    /// What the best chain of exchanges that ends in a column changes; -inf where it is settled.
    gain: &'a mut [f64],
    /// The row from which that chain comes to the column.
    via: &'a mut [f64],
    /// The columns settled, in their order, and the gain of each.
    settled: &'a mut [i32],
    settled_gain: &'a mut [f64],
    column_of: &'a mut [i32],
    row_of: &'a mut [i32],
}

impl<'a> Market<'a> {
    fn new(
        (rows, columns): (usize, usize),
        unmatched: bool,
        scores: &'a [f64],
        (numbers, indices): (&'a mut [f64], &'a mut [i32]),
        is_again: bool,
    ) -> Option<Self> {
        let mut numbers = numbers.chunks_exact_mut(columns);
        let mut indices = indices.chunks_exact_mut(columns);
        let market = Market {
            columns,
            unmatched,
            scores,
            price: numbers.next()?,
            asked: numbers.next()?,
            gain: numbers.next()?,
            via: numbers.next()?,
            settled: indices.next()?,
            settled_gain: numbers.next()?,
            row_of: indices.next()?,
            column_of: indices.next()?.get_mut(..rows)?,
        };
        if is_again && columns == rows && !unmatched {
            // Only differences count; so they stay small.
            let least = market.price.iter().fold(f64::INFINITY, |a, &b| a.min(b));
            for price in market.price.iter_mut() {
                *price -= least;
            }
        } else {
            market.price.fill(0.0);
        }
        market.row_of.fill(FREE);
        market.column_of.fill(FREE);
        Some(market)
    }

    /// Matches every row, if that can be done.
    fn match_all(&mut self) -> bool {
        let rows = self.column_of.len();
        let mut bids = BIDS * rows;
        for row in 0..rows {
            let mut bidder = row as i32;
            while bidder != FREE && bids > 0 {
                bidder = self.bid(bidder as usize);
                bids -= 1;
            }
        }
        (0..rows).all(|row| self.column_of(row) != FREE || self.augment(row))
    }

    #[inline(always)]
    fn column_of(&self, row: usize) -> i32 {
        self.column_of.get(row).copied().unwrap_or(FREE)
    }

    #[inline(always)]
    fn row_of(&self, column: usize) -> i32 {
        self.row_of.get(column).copied().unwrap_or(FREE)
    }

    #[inline(always)]
    fn give(&mut self, row: usize, column: i32) {
        if let Some(place) = self.column_of.get_mut(row) {
            *place = column;
        }
        if let Some(place) = self.row_of.get_mut(column as usize) {
            *place = row as i32;
        }
    }

    /// The row takes its best column, at a price that makes the second best as good; who had it until now.
    fn bid(&mut self, row: usize) -> i32 {
        let scores = self::row(self.scores, self.columns, row);
        let (best, mut second) = two_largest_differences(scores, self.price);
        if self.unmatched {
            if best <= 0.0 {
                self.give(row, STAYS);
                return FREE;
            }
            second = larger(second, 0.0);
        }
        let profits = scores.iter().zip(self.price.iter());
        let Some(column) = profits
            .map(|(score, price)| score - price)
            .position(|p| p == best)
        else {
            return FREE;
        };
        let before = self.row_of(column);
        let price = at(self.price, column);
        // One choice only, or two rows that would outbid each other by nothing: left to an augmenting path.
        if second == NONE || (before != FREE && price + (best - second) == price) {
            return FREE;
        }
        if let Some(place) = self.price.get_mut(column) {
            *place = price + (best - second);
        }
        self.give(row, column as i32);
        if let Some(place) = self.column_of.get_mut(before as usize) {
            *place = FREE;
        }
        before
    }

    /// Matches one more row by the best chain of exchanges; false if there is none.
    fn augment(&mut self, start: usize) -> bool {
        for (asked, &price) in self.asked.iter_mut().zip(self.price.iter()) {
            *asked = price;
        }
        self.gain.fill(NONE);
        let mut stay = (NONE, start);
        let mut settled = 0;
        let (mut row, mut offset) = (start, 0.0);
        let (end, last) = loop {
            if self.unmatched && offset > stay.0 {
                stay = (offset, row);
            }
            let best = self.relax(row, offset);
            if stay.0 >= best && stay.0 > NONE {
                let left = self.column_of(stay.1);
                self.give(stay.1, STAYS);
                break (left, stay.0);
            }
            let Some(column) = self
                .gain
                .iter()
                .position(|&gain| gain == best && gain > NONE)
            else {
                return false;
            };
            let owner = self.row_of(column);
            if owner == FREE {
                break (column as i32, best);
            }
            self.settle(settled, column, best);
            settled += 1;
            row = owner as usize;
            let own = at(self.scores, row * self.columns + column) - at(self.price, column);
            offset = best - own;
        };
        for (&column, &gain) in self
            .settled
            .iter()
            .zip(self.settled_gain.iter())
            .take(settled)
        {
            if let Some(price) = self.price.get_mut(column as usize) {
                *price += gain - last;
            }
        }
        self.exchange(start, end);
        true
    }

    /// Continues the chains that have come to `row`; the best of an open column.
    #[inline(always)]
    fn relax(&mut self, row: usize, offset: f64) -> f64 {
        let (scores2, scores_rest) = self::row(self.scores, self.columns, row).as_chunks::<2>();
        let (asked2, asked_rest) = self.asked.as_chunks::<2>();
        let (gain2, gain_rest) = self.gain.as_chunks_mut::<2>();
        let (via2, via_rest) = self.via.as_chunks_mut::<2>();
        let (offsets, from) = (Pair::splat(offset), Pair::splat(row as f64));
        let mut best = Pair::splat(NONE);
        let pairs = scores2.iter().zip(asked2).zip(gain2).zip(via2);
        for (((scores, asked), gain), via) in pairs {
            let before = Pair::load(gain);
            let chain = Pair::load(scores).sub(Pair::load(asked)).add(offsets);
            *via = chain.if_above(before, from, Pair::load(via)).to_array();
            let after = chain.larger(before);
            *gain = after.to_array();
            best = after.larger(best);
        }
        let mut best = best.largest_of_each(best).first();
        let rest = scores_rest
            .iter()
            .zip(asked_rest)
            .zip(gain_rest)
            .zip(via_rest);
        for (((score, asked), gain), via) in rest {
            let chain = score - asked + offset;
            if chain > *gain {
                (*gain, *via) = (chain, row as f64);
            }
            best = larger(*gain, best);
        }
        best
    }

    /// No chain to this column is better than the one known.
    fn settle(&mut self, place: usize, column: usize, gain: f64) {
        let open = self.gain.get_mut(column).zip(self.asked.get_mut(column));
        let list = self
            .settled
            .get_mut(place)
            .zip(self.settled_gain.get_mut(place));
        if let (Some((open, asked)), Some((settled, known))) = (open, list) {
            (*open, *asked) = (NONE, f64::INFINITY);
            (*settled, *known) = (column as i32, gain);
        }
    }

    /// Walks the chain back from a column without a row: each row on it takes the next column.
    fn exchange(&mut self, start: usize, end: i32) {
        let mut column = end;
        while column >= 0 {
            let row = self
                .via
                .get(column as usize)
                .map_or(start, |&row| row as usize);
            let left = self.column_of(row);
            self.give(row, column);
            column = if row == start { FREE } else { left };
        }
    }
}

/// The two largest `a[k] - b[k]`, equal ones counted as two; -inf where there are fewer.
#[inline(always)]
fn two_largest_differences(a: &[f64], b: &[f64]) -> (f64, f64) {
    let ((a2, a_rest), (b2, b_rest)) = (a.as_chunks::<2>(), b.as_chunks::<2>());
    let (mut first, mut second) = (Pair::splat(NONE), Pair::splat(NONE));
    for (a, b) in a2.iter().zip(b2) {
        let difference = Pair::load(a).sub(Pair::load(b));
        second = difference.smaller(first).larger(second);
        first = difference.larger(first);
    }
    let ([a, b], [c, d]) = (first.to_array(), second.to_array());
    let (mut first, mut second) = (larger(a, b), larger(smaller(a, b), larger(c, d)));
    for (a, b) in a_rest.iter().zip(b_rest) {
        second = larger(smaller(a - b, first), second);
        first = larger(a - b, first);
    }
    (first, second)
}

impl Assignment {
    /// The best matching, from the prices that are in the room if it is so again.
    fn find(&self, unary: &[f64], room: &mut Room, key: &mut [i32], is_again: bool) -> bool {
        if self.rows == 0 || self.columns == 0 {
            key.fill(FREE);
            return true;
        }
        let high = self.rows > self.columns;
        let copied = if high { self.parts() } else { 0 };
        let Some((copy, numbers)) = room.numbers.split_at_mut_checked(copied) else {
            return false;
        };
        for (column, target) in copy.chunks_exact_mut(self.rows).enumerate() {
            let source = unary.iter().skip(column).step_by(self.columns);
            for (target, &score) in target.iter_mut().zip(source) {
                *target = score;
            }
        }
        let scores = if high { copy } else { unary };
        let room = (numbers, &mut *room.indices);
        let market = Market::new(self.sides(), self.unmatched, scores, room, is_again);
        let Some(mut market) = market else {
            return false;
        };
        if !market.match_all() {
            return false;
        }
        let matching = if high {
            market.row_of
        } else {
            market.column_of
        };
        for (key, &place) in key.iter_mut().zip(matching.iter()) {
            *key = place.max(FREE);
        }
        true
    }

    /// The smaller and the larger side.
    fn sides(&self) -> (usize, usize) {
        (self.rows.min(self.columns), self.rows.max(self.columns))
    }
}

impl Factor for Assignment {
    fn parts(&self) -> usize {
        self.rows * self.columns
    }

    fn key_len(&self) -> usize {
        self.rows
    }

    fn room(&self) -> RoomSize {
        let copy = if self.rows > self.columns {
            self.parts()
        } else {
            0
        };
        let (_, larger) = self.sides();
        RoomSize {
            numbers: copy + 5 * larger,
            indices: 3 * larger,
        }
    }

    fn best(&self, unary: &[f64], room: &mut Room, key: &mut [i32]) -> bool {
        self.find(unary, room, key, false)
    }

    fn best_again(&self, unary: &[f64], room: &mut Room, key: &mut [i32]) -> bool {
        self.find(unary, room, key, true)
    }

    fn score(&self, unary: &[f64], key: &[i32]) -> f64 {
        let mut sum = 0.0;
        self.each_part(key, |part| sum += at(unary, part));
        sum
    }

    fn overlap(&self, a: &[i32], b: &[i32]) -> f64 {
        let both = a
            .iter()
            .zip(b)
            .map(|(a, b)| i32::from(a == b && *a != FREE));
        f64::from(both.sum::<i32>())
    }

    fn each_part(&self, key: &[i32], mut visit: impl FnMut(usize)) {
        for (row, &column) in key.iter().enumerate() {
            if column != FREE {
                visit(row * self.columns + column as usize);
            }
        }
    }
}
