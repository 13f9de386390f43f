//! Trees over words: the best arborescence from a root, by Edmonds' contraction in O(n^2) (MATH.md section 10).
//!
//! Every word takes its best head. Where the heads form a cycle, the cycle becomes one node C, which enters the
//! tree through one of its members m and gives up that member's arc in the cycle:
//!
//! ```text
//! scores[h][C] = max over m in C of scores[h][m] - scores[head(m)][m]
//! ```
//!
//! Tarjan's observation keeps this quadratic: only the scores of arcs *into* C are formed. Arcs *out of* it remain
//! those of its words, and a union-find structure says in which node a head lies. So a contraction merges rows of n + 1
//! numbers, nodes are less than 2 n, and the best head of each is looked for once. Words have no row of their own:
//! their column of the table is read where a cycle needs it, and few words lie in cycles.
//!
//! Which member a node enters through is not stored: when the contraction is undone, in the order of falling node
//! numbers, the maximum above is formed again for the one head that was chosen, by the same arithmetic.
//!
//! **One word under the root** is exact without the usual large constant, which costs the scores their digits [own]. Let
//! every arc from the root weigh -M first, for an infinite M. Cycles hold no arc from the root, so what is
//! subtracted above never holds an M: arcs from the root weigh -M and all others 0, in every row, for ever.
//! The comparison "first the number of M, then the score" is therefore "a head other than the root if there is
//! any", and the least number of arcs from the root comes out: one, or there is no such tree.

use super::factor::{equal_entries, Factor, Room, RoomSize};
use super::pair::{at, first_best, first_largest, larger, row, row_mut, Pair, NONE};

/// All trees over n words below a root: n heads, 0 for the root.
///
/// Scores [n + 1, n + 1] as [head][modifier]; column 0 and the diagonal are ignored. A key holds the n heads, of word 1
/// first; the part of an arc is `head * (n + 1) + modifier`. Ties: each word, and each contracted cycle, takes the lowest
/// head, and a cycle is entered at the first of its members in the order in which the search met them.
#[derive(Clone, Copy, Debug)]
pub struct Arborescence {
    /// n.
    pub words: usize,
    /// Exactly one word below the root; else any number of them.
    pub single_root: bool,
}

/// No node: the end of a list, the beginning of the path.
const NOTHING: i32 = -1;
/// In place of the node before it: its way to the root is known.
const SETTLED: i32 = -2;
/// In place of the node before it: not met yet.
const UNSEEN: i32 = -3;

/// The graph while it is contracted. Nodes 0..=n are the root and the words, those above are cycles.
struct Search<'a> {
    /// n + 1.
    width: usize,
    single_root: bool,
    unary: &'a [f64],
    /// A row for each cycle: the scores of the arcs into it.
    rows: &'a mut [f64],
    /// By node: the score of its chosen arc.
    chosen: &'a mut [f64],
    /// By node: the head of its chosen arc, a word or the root.
    head: &'a mut [i32],
    /// By node: itself, or a node that contains it.
    inside: &'a mut [i32],
    /// By node: the one before it on the path, or a constant from above.
    before: &'a mut [i32],
    /// By cycle: its first member.
    member: &'a mut [i32],
    /// By node: the next member of the same cycle.
    sibling: &'a mut [i32],
    /// By node: the ends of the list of its words.
    first_word: &'a mut [i32],
    last_word: &'a mut [i32],
    /// By word: the next in its list.
    next_word: &'a mut [i32],
}

#[inline(always)]
fn get(list: &[i32], node: usize) -> i32 {
    list.get(node).copied().unwrap_or(NOTHING)
}

#[inline(always)]
fn put(list: &mut [i32], node: usize, value: i32) {
    if let Some(place) = list.get_mut(node) {
        *place = value;
    }
}

impl<'a> Search<'a> {
    fn new(tree: &Arborescence, unary: &'a [f64], room: &'a mut Room) -> Option<Self> {
        let width = tree.words + 1;
        let (chosen, rows) = room.numbers.split_at_mut_checked(2 * width)?;
        let mut lists = room.indices.chunks_exact_mut((2 * width).max(1));
        let mut search = Search {
            width,
            single_root: tree.single_root,
            unary,
            rows,
            chosen,
            head: lists.next()?,
            inside: lists.next()?,
            before: lists.next()?,
            member: lists.next()?,
            sibling: lists.next()?,
            first_word: lists.next()?,
            last_word: lists.next()?,
            next_word: lists.next()?,
        };
        for word in 0..width {
            search.start_node(word, word as i32, word as i32);
            put(search.next_word, word, NOTHING);
        }
        put(search.before, 0, SETTLED);
        Some(search)
    }

    fn start_node(&mut self, node: usize, first_word: i32, last_word: i32) {
        put(self.inside, node, node as i32);
        put(self.before, node, UNSEEN);
        put(self.first_word, node, first_word);
        put(self.last_word, node, last_word);
    }

    /// The best head of every word. Heads are numbers too, so that both are kept in lanes.
    fn choose_for_words(&mut self) {
        let skipped = usize::from(self.single_root);
        let mut word = 0;
        while word + 4 <= self.width {
            let (mut best, mut head) = ([Pair::splat(NONE); 2], [Pair::splat(0.0); 2]);
            let rows = self
                .unary
                .get(word..)
                .unwrap_or(&[])
                .chunks(self.width.max(1));
            for (candidate, row) in rows.enumerate().skip(skipped) {
                let Some(mut scores) = row.first_chunk::<4>() else {
                    break;
                };
                let masked: [f64; 4];
                if candidate.wrapping_sub(word) < 4 {
                    // The diagonal.
                    masked = core::array::from_fn(|j| match word + j {
                        modifier if modifier == candidate => NONE,
                        _ => scores[j],
                    });
                    scores = &masked;
                }
                let (low, high) = Pair::load_two(scores);
                for (j, scores) in [low, high].into_iter().enumerate() {
                    head[j] = scores.if_above(best[j], Pair::splat(candidate as f64), head[j]);
                    best[j] = scores.larger(best[j]);
                }
            }
            let best = best.map(Pair::to_array).into_iter().flatten();
            let head = head.map(Pair::to_array).into_iter().flatten();
            for (best, head) in best.zip(head) {
                self.choose(word, head as i32, best);
                word += 1;
            }
        }
        for word in word..self.width {
            let column = self
                .unary
                .iter()
                .skip(word)
                .step_by(self.width.max(1))
                .enumerate();
            let column = column.map(|(head, &score)| if head == word { NONE } else { score });
            let (head, best) = first_best(column.skip(skipped));
            self.choose(word, (head + skipped) as i32, best);
        }
    }

    /// Writes a node's choice down; a node that must lie below the root takes it when nothing else is left.
    #[inline(always)]
    fn choose(&mut self, node: usize, head: i32, score: f64) {
        let (head, score) = match self.single_root && score == NONE {
            true => (0, self.arc(0, node)),
            false => (head, score),
        };
        put(self.head, node, head);
        if let Some(chosen) = self.chosen.get_mut(node) {
            *chosen = score;
        }
    }

    /// The score of the arc from a word, or the root, into a node.
    #[inline(always)]
    fn arc(&self, head: usize, node: usize) -> f64 {
        match node.checked_sub(self.width) {
            None => at(self.unary, head * self.width + node),
            Some(cycle) => at(self.rows, cycle * self.width + head),
        }
    }

    /// The outermost node that a node lies in.
    fn outermost(&mut self, mut node: usize) -> usize {
        loop {
            let outer = get(self.inside, node);
            if outer as usize == node {
                return node;
            }
            let next = get(self.inside, outer as usize);
            put(self.inside, node, next);
            node = next as usize;
        }
    }

    /// Follows the heads from every word, and contracts cycles, until all ways lead to the root. The first number that
    /// no node has, if there is a tree.
    fn contract_all(&mut self) -> Option<usize> {
        let mut nodes = self.width;
        for word in 1..self.width {
            let mut node = self.outermost(word);
            if get(self.before, node) == SETTLED {
                continue;
            }
            put(self.before, node, NOTHING);
            loop {
                if at(self.chosen, node) == NONE {
                    return None;
                }
                let next = self.outermost(get(self.head, node) as usize);
                match get(self.before, next) {
                    SETTLED => break,
                    UNSEEN => {
                        put(self.before, next, node as i32);
                        node = next;
                    }
                    _ => {
                        self.contract(node, next, nodes);
                        node = nodes;
                        nodes += 1;
                    }
                }
            }
            let mut node = node as i32;
            while node >= 0 {
                let before = get(self.before, node as usize);
                put(self.before, node as usize, SETTLED);
                node = before;
            }
        }
        Some(nodes)
    }

    /// Makes the path from `first` to `last`, whose head lies in `first`, the node `cycle`, and chooses its head.
    fn contract(&mut self, last: usize, first: usize, cycle: usize) {
        let words = (get(self.first_word, last), get(self.last_word, first));
        put(self.member, cycle, last as i32);
        let mut node = last;
        loop {
            self.merge(node, cycle, node == last);
            put(self.inside, node, cycle as i32);
            let before = get(self.before, node);
            if node == first {
                put(self.sibling, node, NOTHING);
                self.start_node(cycle, words.0, words.1);
                put(self.before, cycle, before);
                break;
            }
            put(self.sibling, node, before);
            let words = get(self.last_word, node) as usize;
            put(self.next_word, words, get(self.first_word, before as usize));
            node = before as usize;
        }

        let scores = row_mut(self.rows, self.width, cycle - self.width);
        let mut word = words.0;
        while let Some(inner) = scores.get_mut(word as usize) {
            *inner = NONE;
            word = get(self.next_word, word as usize);
        }
        let skipped = usize::from(self.single_root);
        let (head, best) = first_largest(scores.get(skipped..).unwrap_or(&[]));
        self.choose(cycle, (head + skipped) as i32, best);
    }

    /// Takes the arcs into a member among those into its cycle, at what they gain over the member's chosen one.
    fn merge(&mut self, node: usize, cycle: usize, is_first: bool) {
        let width = self.width;
        let lost = -at(self.chosen, node);
        let (before, from) = self
            .rows
            .split_at_mut_checked((cycle - width) * width)
            .unwrap_or_default();
        let target = row_mut(from, width, 0);
        if is_first {
            target.fill(NONE);
        }
        let (target2, target_rest) = target.as_chunks_mut::<2>();
        let losses = Pair::splat(lost);
        let take = |target: &mut [f64; 2], scores: Pair| {
            *target = scores.add(losses).larger(Pair::load(target)).to_array();
        };
        let last = match node.checked_sub(width) {
            None => {
                let column = self.unary.get(node..).unwrap_or(&[]);
                let rows = column.chunks((2 * width).max(1));
                for (target, rows) in target2.iter_mut().zip(rows) {
                    if let (Some(&low), Some(&high)) = (rows.first(), rows.get(width)) {
                        take(target, Pair::load(&[low, high]));
                    }
                }
                at(column, (width - 1) * width)
            }
            Some(inner) => {
                let source = row(before, width, inner);
                for (target, scores) in target2.iter_mut().zip(source.as_chunks::<2>().0) {
                    take(target, Pair::load(scores));
                }
                at(source, width - 1)
            }
        };
        for target in target_rest {
            *target = larger(last + lost, *target);
        }
    }

    /// Undoes the contractions: the member through which a cycle is entered takes the head of the cycle.
    fn expand(&mut self, nodes: usize) {
        for cycle in (self.width..nodes).rev() {
            let head = get(self.head, cycle);
            let (mut entered, mut best) = (NOTHING, NONE);
            let mut node = get(self.member, cycle);
            while node >= 0 {
                let member = node as usize;
                let score = self.arc(head as usize, member) - at(self.chosen, member);
                if score > best {
                    (entered, best) = (node, score);
                }
                node = get(self.sibling, member);
            }
            put(self.head, entered as usize, head);
        }
    }
}

impl Factor for Arborescence {
    fn parts(&self) -> usize {
        (self.words + 1) * (self.words + 1)
    }

    fn key_len(&self) -> usize {
        self.words
    }

    fn room(&self) -> RoomSize {
        let width = self.words + 1;
        RoomSize {
            numbers: (width + 2) * width,
            indices: 16 * width,
        }
    }

    fn best(&self, unary: &[f64], room: &mut Room, key: &mut [i32]) -> bool {
        let Some(mut search) = Search::new(self, unary, room) else {
            return false;
        };
        search.choose_for_words();
        let Some(nodes) = search.contract_all() else {
            return false;
        };
        search.expand(nodes);
        let mut roots = 0;
        for (key, &head) in key.iter_mut().zip(search.head.iter().skip(1)) {
            *key = head;
            roots += usize::from(head == 0);
        }
        !self.single_root || roots == 1 || self.words == 0
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

/// The sum of a tree's arcs, from the first word on.
pub(super) fn tree_score(words: usize, unary: &[f64], key: &[i32]) -> f64 {
    let mut sum = 0.0;
    tree_parts(words, key, |part| sum += at(unary, part));
    sum
}

/// The arcs of a tree, by modifier.
pub(super) fn tree_parts(words: usize, key: &[i32], mut visit: impl FnMut(usize)) {
    for (m, &head) in key.iter().enumerate() {
        visit(head as usize * (words + 1) + m + 1);
    }
}
