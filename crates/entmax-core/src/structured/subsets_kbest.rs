//! The k best bit vectors (MATH.md section 10).
//!
//! They differ from the best one by a set of bits that are flipped, at a cost of the sum of their |scores|. With
//! the costs in rising order a[0] <= a[1] <= ..., every set but the empty one is reached once from {0}: replace the
//! largest index i by i + 1, or add i + 1. Neither costs less, so a heap yields the sets in order: O(d log d + k log k).
//! A set is its largest index and *the rest*, which is an earlier answer: costs are sums without subtractions, and
//! a key is an earlier key with one more bit flipped. Where k exceeds the number of vectors, the heap runs empty.

use super::factor::{Factor, Room, RoomSize};
use super::heap::{smallest_first, Heap};
use super::pair::{at, NONE};
use super::subsets::{flip_bit, words, Bits};

impl Bits {
    /// What [`Bits::kbest`] needs.
    pub fn kbest_room(&self, k: usize) -> RoomSize {
        RoomSize {
            // The costs, in a heap and in order; of the sets that wait; of the answers.
            numbers: 2 * self.size + 2 * k,
            // The bits, in a heap and in order; the sets that wait; of every set its largest flip and the answer that is its rest.
            indices: 2 * self.size + k + 2 * 2 * k,
        }
    }

    /// The k bit vectors of the highest scores, from the highest on, and these scores; how many there are. Bits of -inf
    /// stay 0. Ties: vectors whose flips are among the lowest bits first, in the order in which the search finds them.
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
        self.kbest_in(k, unary, room, keys, scores).unwrap_or(0)
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
        let size = self.size;
        let (sorting, numbers) = room.numbers.split_at_mut_checked(size)?;
        let (costs, numbers) = numbers.split_at_mut_checked(size)?;
        let (waiting, answer_costs) = numbers.split_at_mut_checked(k)?;
        let (sorting_bits, indices) = room.indices.split_at_mut_checked(size)?;
        let (bits, indices) = indices.split_at_mut_checked(size)?;
        let (waiting_sets, sets) = indices.split_at_mut_checked(k)?;
        let (sets, _) = sets.as_chunks_mut::<2>();

        let mut cheapest = Heap::new(sorting, sorting_bits, smallest_first);
        for (bit, &score) in unary.iter().enumerate() {
            if score > NONE {
                cheapest.push((score.abs(), bit as i32));
            }
        }
        // The largest index of the k-th answer is below k.
        let mut flips = 0;
        for (cost, bit) in costs.iter_mut().zip(bits.iter_mut()).take(k) {
            let Some(next) = cheapest.pop() else { break };
            (*cost, *bit) = next;
            flips += 1;
        }

        let width = words(size);
        let first = keys.get_mut(..width)?;
        let mut nothing = Room {
            numbers: &mut [],
            indices: &mut [],
        };
        self.best(unary, &mut nothing, first);
        let best = self.score(unary, first);
        *scores.first_mut()? = best;
        *answer_costs.first_mut()? = 0.0;

        let mut heap = Heap::new(waiting, waiting_sets, smallest_first);
        let mut known = 0;
        let mut wait =
            |heap: &mut Heap<_>, sets: &mut [[i32; 2]], flip: usize, rest: usize, cost: f64| {
                if let Some(set) = sets.get_mut(known).filter(|_| flip < flips) {
                    *set = [flip as i32, rest as i32];
                    heap.push((cost + at(costs, flip), known as i32));
                    known += 1;
                }
            };
        wait(&mut heap, sets, 0, 0, 0.0);
        for answer in 1..k {
            let Some((cost, set)) = heap.pop() else {
                return Some(answer);
            };
            let &[flip, rest] = sets.get(set as usize)?;
            let (flip, rest) = (flip as usize, rest as usize);
            *answer_costs.get_mut(answer)? = cost;
            *scores.get_mut(answer)? = best - cost;
            let (before, key) = keys.split_at_mut_checked(answer * width)?;
            let source = before.get(rest * width..)?;
            for (word, &source) in key.get_mut(..width)?.iter_mut().zip(source) {
                *word = source;
            }
            flip_bit(key, *bits.get(flip)? as usize);
            let rest_cost = at(answer_costs, rest);
            wait(&mut heap, sets, flip + 1, rest, rest_cost);
            wait(&mut heap, sets, flip + 1, answer, cost);
        }
        Some(k)
    }
}
