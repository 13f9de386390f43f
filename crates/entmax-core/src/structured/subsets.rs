//! Subsets: one of many, any of them, those with a budget (MATH.md section 10).
//!
//! A subset's key is its bits, 32 a word. Unrestricted, every bit is decided by its sign. A budget keeps the
//! best so far in a heap whose first item is the next to go: O(n log k).

use super::factor::{equal_entries, Factor, Room, RoomSize};
use super::heap::{smallest_and_last_first, Heap};
use super::pair::{at, first_best, NONE};

/// Subsets of `size` parts, of exactly k of them or of k at most.
///
/// A key holds the bits, 32 a word. Ties: the lowest parts, and with `at_most` none of score 0.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    pub size: usize,
    pub k: usize,
    /// At most k parts; else exactly k.
    pub at_most: bool,
}

/// All subsets of `size` parts. A key holds the bits, 32 a word. Ties: no part of score 0.
#[derive(Clone, Copy, Debug)]
pub struct Bits {
    pub size: usize,
}

/// One of `size` parts. A key is its index. Ties: the lowest.
#[derive(Clone, Copy, Debug)]
pub struct OneHot {
    pub size: usize,
}

/// Words of a key of so many bits.
pub(super) fn words(size: usize) -> usize {
    size.div_ceil(32)
}

pub(super) fn flip_bit(key: &mut [i32], bit: usize) {
    if let Some(word) = key.get_mut(bit / 32) {
        *word ^= 1 << (bit % 32);
    }
}

fn common_bits(a: &[i32], b: &[i32]) -> f64 {
    f64::from(
        a.iter()
            .zip(b)
            .map(|(a, b)| (a & b).count_ones())
            .sum::<u32>(),
    )
}

fn each_bit(key: &[i32], mut visit: impl FnMut(usize)) {
    for (index, &word) in key.iter().enumerate() {
        let mut left = word as u32;
        while left != 0 {
            visit(32 * index + left.trailing_zeros() as usize);
            left &= left - 1;
        }
    }
}

fn sum_of_bits(unary: &[f64], key: &[i32]) -> f64 {
    let mut sum = 0.0;
    each_bit(key, |part| sum += at(unary, part));
    sum
}

impl Factor for Budget {
    fn parts(&self) -> usize {
        self.size
    }

    fn key_len(&self) -> usize {
        words(self.size)
    }

    fn room(&self) -> RoomSize {
        let kept = self.k.min(self.size);
        RoomSize {
            numbers: kept,
            indices: kept,
        }
    }

    fn best(&self, unary: &[f64], room: &mut Room, key: &mut [i32]) -> bool {
        let kept = self.k.min(self.size);
        let (Some(scores), Some(items)) =
            (room.numbers.get_mut(..kept), room.indices.get_mut(..kept))
        else {
            return false;
        };
        let floor = if self.at_most { 0.0 } else { NONE };
        let mut heap = Heap::new(scores, items, smallest_and_last_first);
        for (part, &score) in unary.iter().enumerate() {
            if score > floor {
                match heap.first() {
                    Some((lowest, _)) if heap.len() == kept => {
                        if score > lowest {
                            heap.replace_first((score, part as i32));
                        }
                    }
                    _ => heap.push((score, part as i32)),
                }
            }
        }
        key.fill(0);
        let enough = self.at_most || heap.len() == self.k;
        while let Some((_, part)) = heap.pop() {
            flip_bit(key, part as usize);
        }
        enough
    }

    fn score(&self, unary: &[f64], key: &[i32]) -> f64 {
        sum_of_bits(unary, key)
    }

    fn overlap(&self, a: &[i32], b: &[i32]) -> f64 {
        common_bits(a, b)
    }

    fn each_part(&self, key: &[i32], visit: impl FnMut(usize)) {
        each_bit(key, visit);
    }
}

impl Factor for Bits {
    fn parts(&self) -> usize {
        self.size
    }

    fn key_len(&self) -> usize {
        words(self.size)
    }

    fn room(&self) -> RoomSize {
        RoomSize {
            numbers: 0,
            indices: 0,
        }
    }

    fn best(&self, unary: &[f64], _: &mut Room, key: &mut [i32]) -> bool {
        for (word, scores) in key.iter_mut().zip(unary.chunks(32)) {
            let bits = scores.iter().rev().map(|&score| i32::from(score > 0.0));
            *word = bits.fold(0, |word, bit| word << 1 | bit);
        }
        true
    }

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
        sum_of_bits(unary, key)
    }

    fn overlap(&self, a: &[i32], b: &[i32]) -> f64 {
        common_bits(a, b)
    }

    fn each_part(&self, key: &[i32], visit: impl FnMut(usize)) {
        each_bit(key, visit);
    }
}

impl Factor for OneHot {
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

    fn best(&self, unary: &[f64], _: &mut Room, key: &mut [i32]) -> bool {
        let (part, best) = first_best(unary.iter().copied());
        key.fill(part as i32);
        best > NONE
    }

    fn score(&self, unary: &[f64], key: &[i32]) -> f64 {
        key.first().map_or(NONE, |&part| at(unary, part as usize))
    }

    fn overlap(&self, a: &[i32], b: &[i32]) -> f64 {
        equal_entries(a, b)
    }

    fn each_part(&self, key: &[i32], mut visit: impl FnMut(usize)) {
        if let Some(&part) = key.first() {
            visit(part as usize);
        }
    }
}
