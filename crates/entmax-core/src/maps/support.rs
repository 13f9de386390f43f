//! Score cutoffs, from the stored result: the analytic threshold, max + T (c - 1/e), moved where rounding or
//! underflow demands into [largest excluded score, next below the smallest included one], so that in the support
//! <=> unmasked and score > cutoff.

use super::kernel::{List, Solved};
use super::score::Score;

/// What a pass over a row has seen.
#[derive(Clone, Copy)]
pub struct Seen<T> {
    pub size: usize,
    pub largest_excluded: T,
    pub smallest_included: T,
    pub largest_included: T,
}

impl<T: Score> Seen<T> {
    pub const NOTHING: Seen<T> = Seen {
        size: 0,
        largest_excluded: T::NEG_INFINITY,
        smallest_included: T::INFINITY,
        largest_included: T::NEG_INFINITY,
    };

    #[inline(always)]
    pub fn look(&mut self, score: T, included: bool) {
        if included {
            self.size += 1;
            if score < self.smallest_included {
                self.smallest_included = score;
            }
            if score > self.largest_included {
                self.largest_included = score;
            }
        } else if score > self.largest_excluded {
            self.largest_excluded = score;
        }
    }

    /// Of a row of scores (-inf where masked) and its probabilities. Scores that are not in the list lie below
    /// both its cutoff and its scores, so they need no look. `upper` is null or the row's bounds.
    ///
    /// # Safety
    /// `x` and `p` are readable for `n` entries; indices of the list are below n.
    #[inline(never)]
    pub unsafe fn row(
        x: *const T,
        p: *const T,
        n: usize,
        list: &List<T>,
        upper: *const T,
    ) -> Seen<T> {
        let mut seen = Seen::NOTHING;
        // SAFETY: by the caller.
        unsafe {
            if list.indices.is_null() {
                let mut from = 0;
                if upper.is_null() {
                    from = T::look_at_blocks(x, p, n, &mut seen);
                }
                for j in from..n {
                    // A bound of 0 excludes an entry wherever its score lies.
                    if upper.is_null() || *upper.add(j) > T::ZERO {
                        seen.look(*x.add(j), *p.add(j) > T::ZERO);
                    }
                }
            } else {
                for j in 0..list.len {
                    let index = *list.indices.add(j) as usize;
                    if upper.is_null() || *upper.add(index) > T::ZERO {
                        seen.look(*x.add(index), *list.values.add(j) > T::ZERO);
                    }
                }
            }
        }
        seen
    }

    pub fn threshold(&self, temperature: f64, solved: &Solved) -> T {
        let analytic = T::from_f64(if solved.absolute {
            solved.cutoff
        } else {
            self.largest_included.to_f64() + temperature * solved.cutoff
        });
        let highest = self.smallest_included.next_below();
        // Written so that a NaN (inf - inf) gives way.
        let threshold = if analytic < highest {
            analytic
        } else {
            highest
        };
        // Ties that top-k has divided: nothing separates them.
        if threshold > self.largest_excluded || self.largest_excluded >= self.smallest_included {
            threshold
        } else {
            self.largest_excluded
        }
    }
}
