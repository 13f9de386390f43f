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
//! maximum runs along two rows, and all three maxima of a span run over the same k in one loop: O(n^3), n^3 / 6
//! steps of three additions and maxima, in lanes. Back-pointers are not kept: the n spans of the answer look
//! for their split again.
//!
//! **One word under the root**: the root's own spans are left out, and the word is the best of
//! `scores[0][k] + complete(k -> 1) + complete(k -> n)`.

use super::arborescence::{tree_parts, tree_score};
use super::factor::{equal_entries, Factor, Room, RoomSize};
use super::pair::{at, first_best, first_best_sum, larger, BestSum, NONE};

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

/// Numbers that a row has beyond its n + 1: a run of four may begin at the last one.
const PADDING: usize = 3;

/// The charts of the dynamic program, n + 1 rows of `width` numbers each. What is not filled yet is -inf, which lets a
/// maximum run on beyond its span: of the two numbers that it adds there, one belongs to a span that is not filled.
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
        let (nodes, width) = (tree.words + 1, tree.words + 1 + PADDING);
        let numbers = numbers.get_mut(..3 * nodes * width)?;
        numbers.fill(NONE);
        let (complete, numbers) = numbers.split_at_mut_checked(nodes * width)?;
        let (reached, incomplete) = numbers.split_at_mut_checked(nodes * width)?;
        for node in 0..nodes {
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

    /// Fills the spans between `first` and the last word, short ones first: neighbours in that order do not wait for each
    /// other (by ends instead, each span reads what the one before it has just written: half as fast).
    fn fill(&mut self, first: usize) {
        for length in 1..self.nodes {
            for left in first..self.nodes.saturating_sub(length) {
                self.fill_span(left, left + length);
            }
        }
    }

    #[inline(always)]
    fn fill_span(&mut self, left: usize, right: usize) {
        let width = self.width;
        let end = left + (right - left).next_multiple_of(4);
        let [split, rightwards, leftwards] = three_best_sums(
            part(self.complete, width, left, left, end),
            part(self.complete, width, right, left + 1, end + 1),
            part(self.incomplete, width, left, left, end),
            part(self.reached, width, right, left, end),
            part(self.incomplete, width, right, left, end),
            part(self.reached, width, left, left, end),
        );
        // The two incomplete spans of this very pair are not in the charts yet: -inf there, and taken in here.
        let to_right = at(self.unary, left * self.nodes + right) + split;
        let to_left = match left {
            0 => NONE,
            _ => at(self.unary, right * self.nodes + left) + split,
        };
        let (rightwards, leftwards) = (larger(to_right, rightwards), larger(to_left, leftwards));
        set(self.incomplete, left * width + right, to_right);
        set(self.incomplete, right * width + left, to_left);
        set(self.complete, left * width + right, rightwards);
        set(self.reached, right * width + left, rightwards);
        set(self.complete, right * width + left, leftwards);
        set(self.reached, left * width + right, leftwards);
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

/// Three [`best_sum`](super::pair::best_sum) over one number of fours, in one loop: six chains of maxima, not two.
#[inline(always)]
fn three_best_sums(a: &[f64], b: &[f64], c: &[f64], d: &[f64], e: &[f64], f: &[f64]) -> [f64; 3] {
    let ((a, _), (b, _)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let ((c, _), (d, _)) = (c.as_chunks::<4>(), d.as_chunks::<4>());
    let ((e, _), (f, _)) = (e.as_chunks::<4>(), f.as_chunks::<4>());
    let mut best = [BestSum::new(); 3];
    for (((((a, b), c), d), e), f) in a.iter().zip(b).zip(c).zip(d).zip(e).zip(f) {
        best[0].take(a, b);
        best[1].take(c, d);
        best[2].take(e, f);
    }
    let [split, rightwards] = best[0].largest_of_each(best[1]).to_array();
    [split, rightwards, best[2].largest()]
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
            numbers: 3 * nodes * (nodes + PADDING),
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
