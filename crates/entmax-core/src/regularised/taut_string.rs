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
//! Condat's algorithm (2013) is as fast on noise but quadratic on ramps: 643 ns an element at n = 4096.

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

/// The edges of a chain from the apex on.
struct Chain {
    edges: *mut Edge,
    front: usize,
    end: usize,
}

impl Chain {
    #[inline(always)]
    fn len(&self) -> usize {
        self.end - self.front
    }

    /// # Safety
    /// There is room for one more.
    #[inline(always)]
    unsafe fn push(&mut self, edge: Edge) {
        // SAFETY: by the caller.
        unsafe { *self.edges.add(self.end) = edge };
        self.end += 1;
    }

    /// # Safety
    /// The chain has an edge.
    #[inline(always)]
    unsafe fn first(&self) -> Edge {
        // SAFETY: by the caller.
        unsafe { *self.edges.add(self.front) }
    }

    /// # Safety
    /// The chain has an edge.
    #[inline(always)]
    unsafe fn last(&self) -> Edge {
        // SAFETY: by the caller.
        unsafe { *self.edges.add(self.end - 1) }
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

/// The string between the last segment that is known and the newest element.
struct Walk<'a, 'b> {
    segments: &'a mut Segments<'b>,
    start: usize,
    /// In units of lambda, what the neighbour on the left adds to the sum of the segment that begins at `start`.
    left: f64,
}

impl Walk<'_, '_> {
    /// The segment of the next `run` elements, at whose end the string turns up (1) or down (-1), or is cut.
    #[inline(always)]
    fn emit(&mut self, run: f64, right: f64) {
        let Segments {
            row,
            groups,
            rates,
            first,
            lambda,
            ..
        } = &mut *self.segments;
        let (start, end) = (self.start, self.start + run as usize);
        let label = *first + start as u32;
        let turns = self.left + right;
        (self.start, self.left) = (end, -right);
        let Some(values) = row.get_mut(start..end) else {
            return;
        };
        let value = if let [value] = values {
            *value += *lambda * turns;
            *value
        } else {
            let value = (values.iter().sum::<f64>() + *lambda * turns) / run;
            values.fill(value);
            value
        };
        debug_assert!(!value.is_nan());
        if let Some(groups) = groups.get_mut(start..end) {
            groups.fill(label);
        }
        if let Some(rates) = rates.get_mut(start..end) {
            rates.fill(turns / run);
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
        let below = |a: Edge, b: Edge| {
            if UPPER {
                a.is_below(b)
            } else {
                b.is_below(a)
            }
        };
        // SAFETY: edges are read where there are some.
        unsafe {
            while own.len() > 0 {
                let last = own.last();
                if !below(edge, last) {
                    break;
                }
                edge.rise += last.rise;
                edge.run += last.run;
                own.end -= 1;
            }
            if own.len() == 0 {
                while other.len() > keep {
                    let first = other.first();
                    if !below(edge, first) {
                        break;
                    }
                    self.emit(first.run, if UPPER { -1.0 } else { 1.0 });
                    other.front += 1;
                    edge.rise -= first.rise;
                    edge.run -= first.run;
                    if edge.run == 1.0 {
                        edge = alone;
                    }
                }
            }
            own.push(edge);
        }
    }
}

/// y in the place of z, with its segments; equal neighbours are one segment, unless lambda is 0. Scores are finite.
///
/// # Safety
/// `edges` is writable for [`room`] edges.
#[inline(never)]
pub unsafe fn prox_tv(mut segments: Segments, edges: *mut Edge) {
    let n = segments.row.len();
    let lambda = segments.lambda;
    let (before, behind) = segments.ends;
    let mut walk = Walk {
        segments: &mut segments,
        start: 0,
        left: before,
    };
    if n < 2 || lambda == 0.0 {
        while let Some(&z) = walk.segments.row.get(walk.start) {
            let right = match walk.segments.row.get(walk.start + 1) {
                Some(&next) => f64::from(next > z) - f64::from(next < z),
                None => behind,
            };
            walk.emit(1.0, right);
        }
        return;
    }
    let mut upper = Chain {
        edges,
        front: 0,
        end: 0,
    };
    let mut lower = Chain {
        edges: edges.wrapping_add(n),
        front: 0,
        end: 0,
    };
    // SAFETY: indices below n; each element adds at most one edge to each chain.
    unsafe {
        let z = |walk: &Walk, i: usize| *walk.segments.row.as_ptr().add(i);
        let first = z(&walk, 0) + lambda * before;
        upper.push(Edge::of(first + lambda));
        lower.push(Edge::of(first - lambda));
        for i in 1..n - 1 {
            let (z, across) = (z(&walk, i), 2.0 * lambda);
            let edge = Edge::of(z);
            walk.insert::<true>(&mut upper, &mut lower, edge, Edge::of(z + across), 0);
            walk.insert::<false>(&mut lower, &mut upper, edge, Edge::of(z - across), 1);
        }
        // Both walls end in the last point.
        let last = z(&walk, n - 1) + lambda * behind;
        let (edge, alone) = (Edge::of(last - lambda), Edge::of(last + lambda));
        walk.insert::<true>(&mut upper, &mut lower, edge, alone, 0);
        while upper.len() > 0 {
            let right = if upper.len() == 1 { behind } else { 1.0 };
            walk.emit(upper.first().run, right);
            upper.front += 1;
        }
    }
}
