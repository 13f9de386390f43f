//! Projective trees: no two arcs cross (Eisner's dynamic program, MATH.md section 10).
//!
//! A span is *complete* when its head wants nothing more on that side, *incomplete* while it still waits for the far
//! end, which is the head's modifier:
//!
//! ```text
//! split(i, j)        = max over k in i..j of complete(i -> k) + complete(j -> k + 1)
//! incomplete(i -> j) = scores[i][j] + split(i, j)        incomplete(j -> i) = scores[j][i] + split(i, j)
//! complete(i -> j)   = max over k in i+1..=j of incomplete(i -> k) + complete(k -> j)
//! complete(j -> i)   = max over k in i..j    of incomplete(j -> k) + complete(k -> i)
//! ```
//!
//! Four charts by direction, but a head that lies left of the end is one above the diagonal and one that lies right
//! is one below it: so two squares, [head][end], hold all four. With the complete ones a second time, transposed, every
//! maximum runs along two rows, and neighbouring spans share rows: four spans are filled at once from four rows.
//! O(n^3): n^3 / 6 steps of three additions and maxima. Back-pointers are not kept: the 2 n spans of the answer
//! look for their split again.
//!
//! **One word under the root**: the root's own spans are left out, and the word is the best of
//! `scores[0][k] + complete(k -> 1) + complete(k -> n)`.

use super::arborescence::{tree_parts, tree_score};
use super::factor::{equal_entries, Factor, Room, RoomSize};
use super::pair::{at, first_best, first_best_sum, larger, Pair, NONE};

/// All projective trees over n words below a root: n heads, 0 for the root, which stands before word 1.
///
/// Scores, parts and keys as of [`Arborescence`](super::arborescence::Arborescence). Ties: every span, from the outermost
/// on, is split at the lowest place.
#[derive(Clone, Copy, Debug)]
pub struct ProjectiveTree {
    /// n.
    pub words: usize,
    /// Exactly one word below the root; else any number of them.
    pub single_root: bool,
}

/// The charts of the dynamic program, squares of `width` = n + 2 numbers each. What is not filled yet is -inf.
struct Charts<'a> {
    nodes: usize,
    width: usize,
    unary: &'a [f64],
    /// complete(head -> end) as [head][end].
    complete: &'a mut [f64],
    /// complete(head -> end) as [end][head].
    reached: &'a mut [f64],
    /// incomplete(head -> modifier) as [head][modifier].
    incomplete: &'a mut [f64],
}

/// The scores of a span: as an arc from its one end to the other, and as all that such an end has below it in the span.
#[derive(Clone, Copy)]
struct Filled {
    to_right: f64,
    to_left: f64,
    rightwards: f64,
    leftwards: f64,
}

/// A span whose arcs are to be written down.
#[derive(Clone, Copy)]
enum Span {
    Complete { head: usize, end: usize },
    Incomplete { head: usize, modifier: usize },
}

#[inline(always)]
fn set(table: &mut [f64], index: usize, number: f64) {
    if let Some(place) = table.get_mut(index) {
        *place = number;
    }
}

/// The entries `first..last` of row `index`.
#[inline(always)]
fn part(table: &[f64], width: usize, index: usize, first: usize, last: usize) -> &[f64] {
    table
        .get(index * width + first..index * width + last)
        .unwrap_or(&[])
}

impl<'a> Charts<'a> {
    fn new(tree: &ProjectiveTree, unary: &'a [f64], numbers: &'a mut [f64]) -> Option<Self> {
        let (nodes, width) = (tree.words + 1, tree.words + 2);
        let numbers = numbers.get_mut(..3 * width * width)?;
        numbers.fill(NONE);
        let (complete, numbers) = numbers.split_at_mut_checked(width * width)?;
        let (reached, incomplete) = numbers.split_at_mut_checked(width * width)?;
        for node in 0..width {
            set(complete, node * width + node, 0.0);
            set(reached, node * width + node, 0.0);
        }
        Some(Charts {
            nodes,
            width,
            unary,
            complete,
            reached,
            incomplete,
        })
    }

    /// Fills the spans between `first` and the last word, by blocks of two left and two right ends: near ends first, so that
    /// neighbours in this order do not wait for each other. With an odd number of nodes the last block has a node
    /// too many, which no arc of the table leads to or from.
    fn fill(&mut self, first: usize) {
        let blocks = (self.nodes - first).div_ceil(2);
        for distance in 0..blocks {
            for block in 0..blocks - distance {
                self.fill_block(first + 2 * block, first + 2 * (block + distance));
            }
        }
    }

    /// Fills the spans between the nodes l, l + 1 and r, r + 1. All splits at k in l + 1..r concern spans that are filled, and
    /// those of the four rows are loaded once for all four; the others are taken in as the four become known.
    /// In simd128 at n = 40: 13.8 us, span by span 23.5.
    #[inline(always)]
    fn fill_block(&mut self, l: usize, r: usize) {
        let width = self.width;
        if l == r {
            return self.fill_neighbours(l);
        }
        let pairs = (r - l) / 2;
        let row = |index: usize, first: usize| index * width + first;
        // SAFETY: l + 2 <= r < nodes < width: the rows l..=l + 1 and r..=r + 1 exist, and from l + 2 on they have at least
        // r - l numbers. The squares have width * width numbers by `new`.
        let (split, rightwards, leftwards) = unsafe {
            let (complete, reached) = (self.complete.as_ptr(), self.reached.as_ptr());
            let incomplete = self.incomplete.as_ptr();
            (
                best_sums(
                    complete.add(row(l, l + 1)),
                    complete.add(row(r, l + 2)),
                    width,
                    pairs,
                ),
                best_sums(
                    incomplete.add(row(l, l + 1)),
                    reached.add(row(r, l + 1)),
                    width,
                    pairs,
                ),
                best_sums(
                    reached.add(row(l, l + 1)),
                    incomplete.add(row(r, l + 1)),
                    width,
                    pairs,
                ),
            )
        };
        // Arcs and spans within the two left ends, and within the two right ones.
        let left_arc = at(self.incomplete, row(l, l + 1));
        let left_span = at(self.reached, row(l, l + 1));
        let right_arc = at(self.incomplete, row(r + 1, r));
        let right_span = at(self.reached, row(r + 1, r));

        let inner = self.span(l + 1, r, [split[2], rightwards[2], leftwards[2]]);
        let low = self.span(
            l,
            r,
            [
                larger(inner.leftwards, split[0]),
                larger(left_arc + inner.rightwards, rightwards[0]),
                larger(left_span + inner.to_left, leftwards[0]),
            ],
        );
        let high = self.span(
            l + 1,
            r + 1,
            [
                larger(inner.rightwards, split[3]),
                larger(inner.to_right + right_span, rightwards[3]),
                larger(inner.leftwards + right_arc, leftwards[3]),
            ],
        );
        let of_low = [
            low.rightwards,
            low.to_right + right_span,
            low.leftwards + right_arc,
        ];
        let of_high = [
            high.leftwards,
            left_arc + high.rightwards,
            left_span + high.to_left,
        ];
        let known = [split[1], rightwards[1], leftwards[1]];
        let outer = core::array::from_fn(|j| larger(larger(of_low[j], of_high[j]), known[j]));
        let outer = self.span(l, r + 1, outer);

        // SAFETY: l + 2 <= r < nodes < width, as above: rows and columns l..=l + 1 and r..=r + 1 exist.
        unsafe {
            let write = |square: &mut [f64], index: usize, pair: [f64; 2]| {
                *square.as_mut_ptr().add(index).cast::<[f64; 2]>() = pair;
            };
            let (l0, l1, r0, r1) = (row(l, r), row(l + 1, r), row(r, l), row(r + 1, l));
            write(self.incomplete, l0, [low.to_right, outer.to_right]);
            write(self.incomplete, l1, [inner.to_right, high.to_right]);
            write(self.incomplete, r0, [low.to_left, inner.to_left]);
            write(self.incomplete, r1, [outer.to_left, high.to_left]);
            write(self.complete, l0, [low.rightwards, outer.rightwards]);
            write(self.complete, l1, [inner.rightwards, high.rightwards]);
            write(self.complete, r0, [low.leftwards, inner.leftwards]);
            write(self.complete, r1, [outer.leftwards, high.leftwards]);
            write(self.reached, r0, [low.rightwards, inner.rightwards]);
            write(self.reached, r1, [outer.rightwards, high.rightwards]);
            write(self.reached, l0, [low.leftwards, outer.leftwards]);
            write(self.reached, l1, [inner.leftwards, high.leftwards]);
        }
    }

    /// Fills the span between two neighbours.
    fn fill_neighbours(&mut self, left: usize) {
        let right = left + 1;
        let (there, back) = (left * self.width + right, right * self.width + left);
        let span = self.span(left, right, [0.0, NONE, NONE]);
        set(self.incomplete, there, span.to_right);
        set(self.incomplete, back, span.to_left);
        set(self.complete, there, span.rightwards);
        set(self.reached, back, span.rightwards);
        set(self.complete, back, span.leftwards);
        set(self.reached, there, span.leftwards);
    }

    /// The span from `left` to `right`, given the maxima over all splits that leave both its arcs aside.
    #[inline(always)]
    fn span(&self, left: usize, right: usize, best: [f64; 3]) -> Filled {
        let nodes = self.nodes;
        let [split, rightwards, leftwards] = best;
        let (mut to_right, mut to_left) = (NONE, NONE);
        if right < nodes {
            to_right = at(self.unary, left * nodes + right) + split;
            if left > 0 {
                to_left = at(self.unary, right * nodes + left) + split;
            }
        }
        Filled {
            to_right,
            to_left,
            rightwards: larger(to_right, rightwards),
            leftwards: larger(to_left, leftwards),
        }
    }

    /// The only word below the root, and the score of the tree.
    fn best_root(&self) -> (usize, f64) {
        let (width, last) = (self.width, self.nodes - 1);
        let (word, best) = first_best((1..self.nodes).map(|word| {
            let below =
                at(self.complete, word * width + 1) + at(self.complete, word * width + last);
            at(self.unary, word) + below
        }));
        (word + 1, best)
    }

    /// Splits spans until only arcs are left. A span is two numbers on the stack, a head and an end, the latter
    /// with its bits flipped when the span is incomplete. Each of the at most 2 n splits leaves one span waiting.
    fn walk(&self, stack: &mut [i32], waiting: usize, key: &mut [i32]) {
        let width = self.width;
        let mut waiting = waiting;
        while waiting > 0 {
            waiting -= 1;
            let Some(&[head, end]) = stack.as_chunks::<2>().0.get(waiting) else {
                return;
            };
            let (head, incomplete) = (head as usize, end < 0);
            let end = if incomplete { !end } else { end } as usize;
            let (left, right) = (head.min(end), head.max(end));
            if left == right {
                continue;
            }
            let spans = if incomplete {
                if let Some(key) = key.get_mut(end.wrapping_sub(1)) {
                    *key = head as i32;
                }
                let (k, _) = first_best_sum(
                    part(self.complete, width, left, left, right),
                    part(self.complete, width, right, left + 1, right + 1),
                );
                let (from_left, from_right) = (left + k, left + k + 1);
                [
                    Span::Complete {
                        head: left,
                        end: from_left,
                    },
                    Span::Complete {
                        head: right,
                        end: from_right,
                    },
                ]
            } else {
                let first = left + usize::from(head == left);
                let last = right + usize::from(head == left);
                let (k, _) = first_best_sum(
                    part(self.incomplete, width, head, first, last),
                    part(self.reached, width, end, first, last),
                );
                let modifier = first + k;
                [
                    Span::Incomplete { head, modifier },
                    Span::Complete {
                        head: modifier,
                        end,
                    },
                ]
            };
            for span in spans {
                waiting = push(stack, waiting, span);
            }
        }
    }
}

/// Puts a span on the stack of `waiting` spans; how many there are then.
fn push(stack: &mut [i32], waiting: usize, span: Span) -> usize {
    let pair = match span {
        Span::Complete { head, end } => [head as i32, end as i32],
        Span::Incomplete { head, modifier } => [head as i32, !(modifier as i32)],
    };
    match stack.as_chunks_mut::<2>().0.get_mut(waiting) {
        Some(place) => {
            *place = pair;
            waiting + 1
        }
        None => waiting,
    }
}

/// The best sums of two neighbouring rows with two others, over `pairs` pairs: (0, 0), (0, 1), (1, 0), (1, 1).
///
/// # Safety
/// From `a` and `b`, and `width` further on, twice `pairs` numbers are readable.
#[inline(always)]
unsafe fn best_sums(a: *const f64, b: *const f64, width: usize, pairs: usize) -> [f64; 4] {
    let mut best = [Pair::splat(NONE); 4];
    for pair in 0..pairs {
        // SAFETY: by the caller.
        let load = |row: *const f64| unsafe { Pair::load(&*row.add(2 * pair).cast()) };
        // SAFETY: by the caller.
        let (a0, a1, b0, b1) =
            unsafe { (load(a), load(a.add(width)), load(b), load(b.add(width))) };
        best[0] = a0.add(b0).larger(best[0]);
        best[1] = a0.add(b1).larger(best[1]);
        best[2] = a1.add(b0).larger(best[2]);
        best[3] = a1.add(b1).larger(best[3]);
    }
    let low = best[0].largest_of_each(best[1]).to_array();
    let high = best[2].largest_of_each(best[3]).to_array();
    [low[0], low[1], high[0], high[1]]
}

impl Factor for ProjectiveTree {
    fn parts(&self) -> usize {
        (self.words + 1) * (self.words + 1)
    }

    fn key_len(&self) -> usize {
        self.words
    }

    fn room(&self) -> RoomSize {
        let nodes = self.words + 1;
        RoomSize {
            numbers: 3 * (nodes + 1) * (nodes + 1),
            indices: 4 * nodes,
        }
    }

    fn best(&self, unary: &[f64], room: &mut Room, key: &mut [i32]) -> bool {
        let Some(mut charts) = Charts::new(self, unary, room.numbers) else {
            return false;
        };
        let last = self.words;
        let stack = &mut *room.indices;
        if last == 0 {
            return true;
        }
        let (waiting, best) = if self.single_root {
            charts.fill(1);
            let (root, best) = charts.best_root();
            if let Some(key) = key.get_mut(root - 1) {
                *key = 0;
            }
            let one = push(stack, 0, Span::Complete { head: root, end: 1 });
            (
                push(
                    stack,
                    one,
                    Span::Complete {
                        head: root,
                        end: last,
                    },
                ),
                best,
            )
        } else {
            charts.fill(0);
            let best = at(charts.complete, last);
            let whole = Span::Complete { head: 0, end: last };
            (push(stack, 0, whole), best)
        };
        if best == NONE {
            return false;
        }
        charts.walk(stack, waiting, key);
        true
    }

    fn score(&self, unary: &[f64], key: &[i32]) -> f64 {
        tree_score(self.words, unary, key)
    }

    fn overlap(&self, a: &[i32], b: &[i32]) -> f64 {
        equal_entries(a, b)
    }

    fn each_part(&self, key: &[i32], visit: impl FnMut(usize)) {
        tree_parts(self.words, key, visit);
    }
}
