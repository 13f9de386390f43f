//! The proximal operator of total variation on a line (MATH.md section 8.1), in O(n) for every row:
//!
//! ```text
//! y = argmin 1/2 |y - z|^2 + lambda sum |y_(i+1) - y_i|
//! ```
//!
//! The sums of y are a string pulled taut through a tube of half-width lambda around the sums of z, held at both ends
//! (Davies and Kovac 2001). It is the shortest path in a funnel (Lee and Preparata 1984): from the last point where it
//! touches, the *apex*, one chain bends upwards below the upper wall, one downwards above the lower wall. A new point of a
//! wall takes the edges of its chain away that no longer bend the right way; one that sees past the other chain's first edge
//! moves the apex along it, and that edge is a segment of y. Every edge comes once and leaves once.
//!
//! An edge is a sum and a count, never a point: so nothing of a row's far past cancels in what is decided now. What is decided
//! are segments and the turns between them; values are then means of z itself.
//!
//! Where scores rise or fall one after the other, most of this can be foretold: see `slopes`. Elsewhere most of the time goes to
//! branches that no predictor knows: at most two chains change for an element, and each by how much is up to the scores.
//!
//! Condat's algorithm (2013) is as fast on noise but quadratic on ramps: 643 ns an element at n = 4096. Here a ramp takes 1 ns.

use super::slopes::{survey, trend, Open, Slope, AHEAD};

/// Elements from one look for a slope to the next, unless there is one.
const STRIDE: usize = 32;

/// A rise and the run that it takes.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Edge {
    rise: f64,
    run: f64,
}

impl Edge {
    /// Of one element.
    #[inline(always)]
    fn of(rise: f64) -> Edge {
        Edge { rise, run: 1.0 }
    }

    /// Whether this rises no faster than the other.
    #[inline(always)]
    fn is_below(self, other: Edge) -> bool {
        self.rise * other.run <= other.rise * self.run
    }
}

impl Edge {
    /// Whether this turns the last edge of the upper chain, or of the lower one, away from that wall.
    #[inline(always)]
    fn bends<const UPPER: bool>(self, last: Edge) -> bool {
        if UPPER {
            self.is_below(last)
        } else {
            last.is_below(self)
        }
    }
}

/// The edges of a chain from the apex on; the last is at hand.
struct Chain {
    front: *mut Edge,
    end: *mut Edge,
    last: Edge,
}

impl Chain {
    fn at(edges: *mut Edge) -> Chain {
        Chain {
            front: edges,
            end: edges,
            last: Edge::of(0.0),
        }
    }

    #[inline(always)]
    fn is_empty(&self) -> bool {
        self.front == self.end
    }

    /// # Safety
    /// There is room for one more.
    #[inline(always)]
    unsafe fn push(&mut self, edge: Edge) {
        self.last = edge;
        // SAFETY: by the caller.
        unsafe {
            *self.end = edge;
            self.end = self.end.add(1);
        }
    }

    /// # Safety
    /// The chain has an edge.
    #[inline(always)]
    unsafe fn pop(&mut self) -> Edge {
        let last = self.last;
        // SAFETY: by the caller.
        unsafe {
            self.end = self.end.sub(1);
            if !self.is_empty() {
                self.last = *self.end.sub(1);
            }
        }
        last
    }

    /// # Safety
    /// The chain has an edge.
    #[inline(always)]
    unsafe fn shift(&mut self) -> Edge {
        // SAFETY: by the caller.
        unsafe {
            let first = *self.front;
            self.front = self.front.add(1);
            first
        }
    }
}

/// Where the segments go: the row itself, and what belongs to it.
pub struct Segments<'a> {
    /// z; y as far as it is known.
    pub row: &'a mut [f64],
    /// For each element, `first` + the index of the first element of its segment.
    pub groups: &'a mut [u32],
    /// For each element dy/dlambda; or empty.
    pub rates: &'a mut [f64],
    pub first: u32,
    pub lambda: f64,
    /// What lies before the first and behind the last element: 0 for nothing, -1 for a neighbour that is lower.
    pub ends: (f64, f64),
}

/// How many edges a row of `n` needs as scratch.
pub const fn room(n: usize) -> usize {
    2 * n
}

/// The string between the last segment that is known and the newest element. All of it is plain numbers, and none is lent to a
/// function that is not inlined: so it is in registers.
struct Walk {
    row: *mut f64,
    groups: *mut u32,
    /// Null if there are none.
    rates: *mut f64,
    first: u32,
    lambda: f64,
    start: usize,
    /// In units of lambda, what the neighbour on the left adds to the sum of the segment that begins at `start`.
    left: f64,
}

impl Walk {
    /// # Safety
    /// There is such an element.
    #[inline(always)]
    unsafe fn score(&self, i: usize) -> f64 {
        // SAFETY: by the caller.
        unsafe { *self.row.add(i) }
    }

    /// The segment of the next `run` elements, at whose end the string turns up (1) or down (-1), or is cut.
    ///
    /// # Safety
    /// So many elements are left.
    #[inline(always)]
    unsafe fn emit(&mut self, run: f64, right: f64) {
        let (start, turns) = (self.start, self.left + right);
        self.left = -right;
        let (shift, has_rates) = (self.lambda * turns, !self.rates.is_null());
        // SAFETY: by the caller.
        unsafe {
            let row = self.row.add(start);
            if run == 1.0 {
                // It has its group already.
                *row += shift;
                if has_rates {
                    *self.rates.add(start) = turns;
                }
                self.start = start + 1;
            } else {
                let run = run.to_int_unchecked::<usize>();
                let rates = if has_rates {
                    self.rates.add(start)
                } else {
                    self.rates
                };
                let places = (row, self.groups.add(start), rates);
                join(places, run, self.first + start as u32, shift, turns);
                self.start = start + run;
            }
        }
    }

    /// Adds a point to `own`, the upper chain or the lower one. At least `keep` edges of the other one stay.
    ///
    /// # Safety
    /// `own` has room for one more; `alone` is the edge from the end of the other chain.
    #[inline(always)]
    unsafe fn insert<const UPPER: bool>(
        &mut self,
        own: &mut Chain,
        other: &mut Chain,
        mut edge: Edge,
        alone: Edge,
        keep: usize,
    ) {
        // SAFETY: edges are read where there are some.
        unsafe {
            while !own.is_empty() {
                if !edge.bends::<UPPER>(own.last) {
                    own.push(edge);
                    return;
                }
                let last = own.pop();
                edge.rise += last.rise;
                edge.run += last.run;
            }
            while other.front != other.end.wrapping_sub(keep) {
                if !edge.bends::<UPPER>(*other.front) {
                    break;
                }
                let first = other.shift();
                self.emit(first.run, if UPPER { -1.0 } else { 1.0 });
                edge.rise -= first.rise;
                edge.run -= first.run;
                if edge.run == 1.0 {
                    edge = alone;
                }
            }
            own.push(edge);
        }
    }

    /// Looks for a slope that begins with the element `next`, and goes along it as far as it has settled. Returns the next element
    /// then, and how many to take one by one before the next look.
    ///
    /// # Safety
    /// `places` are where the edges of the upper and of the lower chain lie, and `last` is the last element of the row.
    #[inline(always)]
    unsafe fn look_ahead(
        &mut self,
        upper: &mut Chain,
        lower: &mut Chain,
        places: (*mut Edge, *mut Edge),
        (next, last): (usize, usize),
    ) -> (usize, usize) {
        if next + AHEAD > last {
            return (next, AHEAD);
        }
        // SAFETY: by the caller; these are elements of the row, from the newest on.
        unsafe {
            let (rises, falls) = trend(&*self.row.add(next - 1).cast());
            let edge = Edge::of(self.score(next));
            if rises && !edge.bends::<true>(upper.last) {
                self.follow::<true>(upper, lower, places, (next, last))
            } else if falls && !edge.bends::<false>(lower.last) {
                let places = (places.1, places.0);
                self.follow::<false>(lower, upper, places, (next, last))
            } else if rises || falls {
                // It will be one when the last edges have been taken away.
                (next, 2)
            } else {
                (next, STRIDE)
            }
        }
    }

    /// The same for a slope that follows the wall of `own`: the newest element bends nothing there.
    ///
    /// # Safety
    /// As above; `places` are those of `own` and `other`.
    #[inline(always)]
    unsafe fn follow<const UPPER: bool>(
        &mut self,
        own: &mut Chain,
        other: &mut Chain,
        places: (*mut Edge, *mut Edge),
        (next, last): (usize, usize),
    ) -> (usize, usize) {
        let up = if UPPER { 1.0 } else { -1.0 };
        // SAFETY: by the caller; the last element is none of the slope, whose elements have room in a chain.
        unsafe {
            let row = core::slice::from_raw_parts(self.row, last);
            let Slope { end, open } = survey::<UPPER>(row, next, self.lambda);
            let Some(Open { apex, sum }) = open else {
                return (next, end - next);
            };
            while !own.is_empty() {
                let first = own.shift();
                self.emit(first.run, up);
            }
            // What lies between has settled as it is: by itself, with neighbours that pull both ways.
            self.start = apex;
            (*own, *other) = (Chain::at(places.0), Chain::at(places.1));
            for i in apex..end {
                own.push(Edge::of(self.score(i)));
            }
            let (rise, run) = (sum - up * 2.0 * self.lambda, (end - apex) as f64);
            other.push(Edge { rise, run });
            (end, 0)
        }
    }
}

/// Makes one segment of `run` elements, whose neighbours add `shift` to its sum.
///
/// # Safety
/// `row` and `groups` are writable for `run` elements; so are `rates` unless null.
#[inline(never)]
unsafe fn join(
    (row, groups, rates): (*mut f64, *mut u32, *mut f64),
    run: usize,
    label: u32,
    shift: f64,
    turns: f64,
) {
    // SAFETY: by the caller.
    unsafe {
        let values = core::slice::from_raw_parts_mut(row, run);
        let value = (values.iter().sum::<f64>() + shift) / run as f64;
        debug_assert!(!value.is_nan());
        values.fill(value);
        core::slice::from_raw_parts_mut(groups, run).fill(label);
        if !rates.is_null() {
            core::slice::from_raw_parts_mut(rates, run).fill(turns / run as f64);
        }
    }
}

/// y in the place of z, with its segments; neighbours that meet just at this lambda may be two of the same value. Scores are finite.
///
/// # Safety
/// `edges` is writable for [`room`] edges; groups are as many as scores, and so are rates unless there are none.
#[inline(never)]
pub unsafe fn prox_tv(segments: Segments, edges: *mut Edge) {
    let Segments {
        row,
        groups,
        rates,
        first,
        lambda,
        ends: (before, behind),
    } = segments;
    let n = row.len();
    debug_assert!(groups.len() == n && (rates.is_empty() || rates.len() == n));
    // As they are for an element by itself, between one that is lower and one that is higher.
    for (group, label) in groups.iter_mut().zip(first..) {
        *group = label;
    }
    rates.fill(0.0);
    let mut walk = Walk {
        row: row.as_mut_ptr(),
        groups: groups.as_mut_ptr(),
        rates: if rates.is_empty() {
            core::ptr::null_mut()
        } else {
            rates.as_mut_ptr()
        },
        first,
        lambda,
        start: 0,
        left: before,
    };
    // SAFETY: indices below n; each element adds at most one edge to each chain.
    unsafe {
        if n < 2 || lambda == 0.0 {
            while walk.start < n {
                let z = walk.score(walk.start);
                let right = if walk.start + 1 < n {
                    let next = walk.score(walk.start + 1);
                    f64::from(next > z) - f64::from(next < z)
                } else {
                    behind
                };
                walk.emit(1.0, right);
            }
            return;
        }
        let places = (edges, edges.add(n));
        let (mut upper, mut lower) = (Chain::at(places.0), Chain::at(places.1));
        let z = walk.score(0);
        upper.push(Edge::of(z + lambda * (before + 1.0)));
        lower.push(Edge::of(z + lambda * (before - 1.0)));
        let (across, last) = (2.0 * lambda, n - 1);
        let mut next = 1;
        while next < last {
            let steps;
            (next, steps) = walk.look_ahead(&mut upper, &mut lower, places, (next, last));
            let stop = (next + steps).min(last);
            while next < stop {
                let z = walk.score(next);
                next += 1;
                let edge = Edge::of(z);
                walk.insert::<true>(&mut upper, &mut lower, edge, Edge::of(z + across), 0);
                walk.insert::<false>(&mut lower, &mut upper, edge, Edge::of(z - across), 1);
            }
        }
        // Both walls end in the last point.
        let z = walk.score(last);
        let edge = Edge::of(z + lambda * (behind - 1.0));
        let alone = Edge::of(z + lambda * (behind + 1.0));
        walk.insert::<true>(&mut upper, &mut lower, edge, alone, 0);
        while !upper.is_empty() {
            let first = upper.shift();
            let right = if upper.is_empty() { behind } else { 1.0 };
            walk.emit(first.run, right);
        }
    }
}
