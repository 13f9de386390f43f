//! Where scores rise or fall one after the other, the taut string lies along one wall of its tube and every element stays by
//! itself, but for those so near the end of the slope that the other wall is still in sight. So a slope needs no chains: from its
//! last element back, we look for the one from which that wall is seen.
//!
//! On a rise the string follows the upper wall. With the elements a to b still open, it leaves that wall at the first a for which the
//! straight line to the lower wall behind b does not rise faster than z_a:
//!
//! ```text
//! sum from a to b of (z_j - z_a) < 2 lambda
//! ```
//!
//! A fall is the same upside down.

/// Elements beyond the newest that all rise, or all fall, where a slope is worth a look: of 5 scores in no order, one in 60.
pub const AHEAD: usize = 4;

/// Whether these rise one after the other, and whether they fall.
#[inline(always)]
pub fn trend(scores: &[f64; AHEAD + 1]) -> (bool, bool) {
    let (mut rises, mut falls) = (true, true);
    let [mut last, next @ ..] = *scores;
    for z in next {
        rises &= z > last;
        falls &= z < last;
        last = z;
    }
    (rises, falls)
}

/// A slope from some element on.
pub struct Slope {
    /// The element behind it.
    pub end: usize,
    /// What is still open at its end; None if that is all of it.
    pub open: Option<Open>,
}

/// The elements from `apex` to the end of the slope.
pub struct Open {
    pub apex: usize,
    pub sum: f64,
}

/// The slope that begins with the element `foot` and goes up, or down; in time of its length.
#[inline(never)]
pub fn survey<const UP: bool>(row: &[f64], foot: usize, lambda: f64) -> Slope {
    let step = |pair: &[f64]| match *pair {
        [a, b] if UP => b - a,
        [a, b] => a - b,
        _ => 0.0,
    };
    let rest = row.get(foot..).unwrap_or_default();
    let steps = rest.windows(2).take_while(|pair| step(pair) > 0.0).count();
    let end = foot + steps + 1;
    let slope = rest.get(..=steps).unwrap_or_default();
    let (mut slack, mut sum, mut count) = (2.0 * lambda, 0.0, 0.0);
    for (at, pair) in slope.windows(2).enumerate().rev() {
        sum += pair.last().copied().unwrap_or_default();
        count += 1.0;
        slack -= count * step(pair);
        if slack <= 0.0 {
            let apex = foot + at + 1;
            let open = Some(Open { apex, sum });
            return Slope { end, open };
        }
    }
    Slope { end, open: None }
}
