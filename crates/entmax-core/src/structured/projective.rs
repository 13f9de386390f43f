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
use super::pair::{at, best_sum, first_best, first_best_sum, larger, row, BestSum, NONE};

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

/// The squares of the dynamic program, [n + 1, n + 1] each.
struct Charts<'a> {
    width: usize,
    unary: &'a [f64],
    /// complete(head -> end) as [head][end].
    complete: &'a mut [f64],
    /// complete(head -> end) as [end][head].
    reached: &'a mut [f64],
    /// incomplete(head -> modifier) as [head][modifier]; -inf on the diagonal.
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
        let width = tree.words + 1;
        let mut squares = numbers.chunks_exact_mut(width * width);
        let (complete, reached) = (squares.next()?, squares.next()?);
        let incomplete = squares.next()?;
        incomplete.fill(NONE);
        for node in 0..width {
            set(complete, node * width + node, 0.0);
            set(reached, node * width + node, 0.0);
        }
        Some(Charts {
            width,
            unary,
            complete,
            reached,
            incomplete,
        })
    }

    /// Fills the spans between `first` and the last word, the short ones of each end first.
    fn fill(&mut self, first: usize) {
        for right in first + 1..self.width {
            for left in (first..right).rev() {
                self.fill_span(left, right);
            }
        }
    }

    #[inline(always)]
    fn fill_span(&mut self, left: usize, right: usize) {
        let width = self.width;
        let (split, rightwards, leftwards) = three_best_sums(
            part(self.complete, width, left, left, right),
            part(self.complete, width, right, left + 1, right + 1),
            part(self.incomplete, width, left, left, right),
            part(self.reached, width, right, left, right),
            part(self.incomplete, width, right, left, right),
            part(self.reached, width, left, left, right),
        );
        // The two incomplete spans of this very pair are not in the charts yet: -inf there, and taken in here.
        let to_right = at(self.unary, left * width + right) + split;
        let to_left = match left {
            0 => NONE,
            _ => at(self.unary, right * width + left) + split,
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
        let (width, last) = (self.width, self.width - 1);
        let (word, best) = first_best((1..width).map(|word| {
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

/// [`best_sum`] of three pairs of rows of one length, in one loop: six chains of maxima instead of two.
#[inline(always)]
fn three_best_sums(
    a: &[f64],
    b: &[f64],
    c: &[f64],
    d: &[f64],
    e: &[f64],
    f: &[f64],
) -> (f64, f64, f64) {
    if a.len() < 4 {
        return (best_sum(a, b), best_sum(c, d), best_sum(e, f));
    }
    let ((a4, a), (b4, b)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let ((c4, c), (d4, d)) = (c.as_chunks::<4>(), d.as_chunks::<4>());
    let ((e4, e), (f4, f)) = (e.as_chunks::<4>(), f.as_chunks::<4>());
    let mut best = [BestSum::new(); 3];
    for (((((a, b), c), d), e), f) in a4.iter().zip(b4).zip(c4).zip(d4).zip(e4).zip(f4) {
        best[0].take(a, b);
        best[1].take(c, d);
        best[2].take(e, f);
    }
    let [first, second] = best[0].largest_of_each(best[1]).to_array();
    let mut best = [first, second, best[2].largest()];
    for (((((a, b), c), d), e), f) in a.iter().zip(b).zip(c).zip(d).zip(e).zip(f) {
        best = [
            larger(a + b, best[0]),
            larger(c + d, best[1]),
            larger(e + f, best[2]),
        ];
    }
    (best[0], best[1], best[2])
}

impl Factor for ProjectiveTree {
    fn parts(&self) -> usize {
        (self.words + 1) * (self.words + 1)
    }

    fn key_len(&self) -> usize {
        self.words
    }

    fn room(&self) -> RoomSize {
        let width = self.words + 1;
        RoomSize {
            numbers: 3 * width * width,
            indices: 4 * width,
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
            let best = row(charts.complete, charts.width, 0).last().copied();
            (
                push(stack, 0, Span::Complete { head: 0, end: last }),
                best.unwrap_or(NONE),
            )
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
