//! A binary heap in memory that the caller owns: scores and the items they belong to, side by side.
//!
//! The first item is the one that `before` puts before all others; for equal scores `before` decides by the
//! item, so the order is total and what a heap yields does not depend on its shape.

/// Whether a (score, item) leaves the heap before another.
pub(super) trait Order: Fn((f64, i32), (f64, i32)) -> bool {}
impl<T: Fn((f64, i32), (f64, i32)) -> bool> Order for T {}

/// The smallest score first, of equal ones the lowest item.
pub(super) fn smallest_first(a: (f64, i32), b: (f64, i32)) -> bool {
    a.0 < b.0 || (a.0 == b.0 && a.1 < b.1)
}

/// The smallest score first, of equal ones the highest item.
pub(super) fn smallest_and_last_first(a: (f64, i32), b: (f64, i32)) -> bool {
    a.0 < b.0 || (a.0 == b.0 && a.1 > b.1)
}

pub(super) struct Heap<'a, O: Order> {
    scores: &'a mut [f64],
    items: &'a mut [i32],
    len: usize,
    before: O,
}

impl<'a, O: Order> Heap<'a, O> {
    /// An empty heap with room for as many items as both slices have.
    pub(super) fn new(scores: &'a mut [f64], items: &'a mut [i32], before: O) -> Self {
        Heap {
            scores,
            items,
            len: 0,
            before,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    fn get(&self, place: usize) -> Option<(f64, i32)> {
        if place >= self.len {
            return None;
        }
        self.scores
            .get(place)
            .copied()
            .zip(self.items.get(place).copied())
    }

    #[inline(always)]
    fn put(&mut self, place: usize, (score, item): (f64, i32)) {
        if let (Some(to), Some(of)) = (self.scores.get_mut(place), self.items.get_mut(place)) {
            (*to, *of) = (score, item);
        }
    }

    pub(super) fn first(&self) -> Option<(f64, i32)> {
        self.get(0)
    }

    /// Takes an item in, while there is room.
    pub(super) fn push(&mut self, new: (f64, i32)) {
        if self.len >= self.scores.len().min(self.items.len()) {
            return;
        }
        let mut place = self.len;
        self.len += 1;
        while place > 0 {
            let above = (place - 1) / 2;
            match self.get(above) {
                Some(parent) if (self.before)(new, parent) => self.put(place, parent),
                _ => break,
            }
            place = above;
        }
        self.put(place, new);
    }

    /// The first item, out of the heap.
    pub(super) fn pop(&mut self) -> Option<(f64, i32)> {
        let first = self.first()?;
        let last = self.get(self.len - 1)?;
        self.len -= 1;
        self.sink(last);
        Some(first)
    }

    /// Another item in place of the first.
    pub(super) fn replace_first(&mut self, new: (f64, i32)) {
        self.sink(new);
    }

    /// Puts an item where the first one was, and lower until the order is right.
    fn sink(&mut self, new: (f64, i32)) {
        let mut place = 0;
        loop {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            let Some(mut child) = self.get(left) else {
                break;
            };
            let mut at = left;
            if let Some(other) = self.get(right) {
                if (self.before)(other, child) {
                    (child, at) = (other, right);
                }
            }
            if !(self.before)(child, new) {
                break;
            }
            self.put(place, child);
            place = at;
        }
        if place < self.len {
            self.put(place, new);
        }
    }
}
