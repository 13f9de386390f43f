//! SparseMAP by its active set: the best distribution over a few structures, and another structure while one helps
//! (MATH.md section 9; Niculae et al. 2018).
//!
//! ```text
//! max over xi in the simplex   <M xi, eta> + <N xi, eta_additional> - 1/2 |M xi|^2,   mu = M xi
//! ```
//!
//! 1. The best weights on the atoms at hand, negative ones included: one solve with the factor of their Gram matrix.
//! 2. Where some are negative: as far in their direction as all stay at least 0, the atom that gets there first leaves, and again.
//! 3. The oracle's best structure for eta - mu. How much better it is than the atoms, all of which are alike there, is the
//!    duality gap; at most `tolerance`, and the weights are certified. Else it becomes an atom.
//!
//! With additional scores a new structure may lie in the affine hull of the atoms. Then weight *slides* to it from atoms that
//! together have the same vertex, which raises the objective and leaves mu alone, until one of them is empty and leaves.

use super::cholesky::{self, Cholesky};
use super::factor::{Factor, Room};

/// Weights up to this are no part of the support.
const NOTHING: f64 = 1e-12;

/// How a solve ended.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The gap is at most the tolerance, or what rounding leaves of it.
    Converged = 0,
    /// All calls of the oracle were made.
    MaxCalls = 1,
    /// Every structure holds a forbidden part.
    Infeasible = 2,
    /// More atoms are needed than there is room for: call again with more.
    NeedRoom = 3,
    /// The calls of this turn were made: call again.
    Paused = 4,
    /// The caller is asked for the best structure for the scores that are left: call again with its answer.
    Asks = 6,
}

/// When to stop.
#[derive(Clone, Copy)]
pub struct Limits {
    pub tolerance: f64,
    /// Of the oracle, in this turn; and whether they are the last.
    pub calls: usize,
    pub last: bool,
}

/// The atoms, which are the result and where a later turn goes on.
pub struct Atoms {
    /// `capacity` keys.
    pub keys: *mut i32,
    /// `capacity` weights.
    pub weights: *mut f64,
    pub capacity: usize,
    pub count: usize,
}

/// What a turn found besides the atoms.
pub struct Turn {
    pub ending: Ending,
    pub gap: f64,
    /// <M xi, eta> + <N xi, eta_additional> - 1/2 |M xi|^2.
    pub objective: f64,
    pub calls: usize,
}

/// f64 that a solver needs besides the oracle's room.
pub const fn numbers(parts: usize, capacity: usize) -> usize {
    parts + 5 * capacity + cholesky::numbers(capacity)
}

/// The factor of the Gram matrix of `count` atoms that a solve has left in its numbers.
///
/// # Safety
/// As [`Solver::new`]; such a solve ended with so many atoms.
pub unsafe fn left_factor(
    numbers: *mut f64,
    parts: usize,
    capacity: usize,
    count: usize,
) -> Cholesky {
    // SAFETY: by the caller.
    let mut cholesky =
        unsafe { Cholesky::new(numbers.wrapping_add(parts + 5 * capacity), capacity) };
    cholesky.order = count;
    cholesky
}

/// A problem being solved.
pub struct Solver<'a, F: Factor> {
    factor: &'a F,
    unary: &'a [f64],
    atoms: &'a mut Atoms,
    cholesky: Cholesky,
    /// eta - mu.
    left: &'a mut [f64],
    /// b of each atom less that of the first: atoms are alike in eta - mu, so these are small whatever the scores are.
    scores: *mut f64,
    shift: f64,
    /// Weights that may be negative.
    trial: *mut f64,
    column: *mut f64,
    /// Two numbers an atom.
    work: *mut f64,
    /// Whether the last structure was one of the atoms, so that these were taken up anew.
    pub rebuilt: bool,
}

impl<'a, F: Factor> Solver<'a, F> {
    /// # Safety
    /// `numbers` is writable for what [`numbers`] says; the atoms' places for their capacity, which is at least 1.
    pub unsafe fn new(
        factor: &'a F,
        unary: &'a [f64],
        atoms: &'a mut Atoms,
        numbers: *mut f64,
    ) -> Solver<'a, F> {
        let (parts, capacity) = (factor.parts(), atoms.capacity);
        let behind = |count: usize| numbers.wrapping_add(parts + count * capacity);
        Solver {
            factor,
            unary,
            atoms,
            // SAFETY: by the caller.
            left: unsafe { core::slice::from_raw_parts_mut(numbers, parts) },
            scores: behind(0),
            shift: 0.0,
            trial: behind(1),
            column: behind(2),
            work: behind(3),
            rebuilt: false,
            // SAFETY: by the caller.
            cholesky: unsafe { Cholesky::new(behind(5), capacity) },
        }
    }

    fn key(&self, j: usize) -> &'a [i32] {
        let len = self.factor.key_len();
        // SAFETY: one of the keys' places.
        unsafe { core::slice::from_raw_parts(self.atoms.keys.add(j * len), len) }
    }

    /// Solves from the atoms that there are, if any. `room` is the oracle's, `key` has room for one.
    pub fn solve(&mut self, limits: Limits, room: &mut Room, key: &mut [i32]) -> Turn {
        let mut turn = Turn {
            ending: Ending::Converged,
            gap: f64::NAN,
            objective: f64::NEG_INFINITY,
            calls: 0,
        };
        if self.cholesky.order == 0 && !self.begin() {
            if self.factor.is_waiting() {
                self.subtract_marginals();
                turn.ending = Ending::Asks;
                return turn;
            }
            turn.calls += 1;
            if !self.factor.best(self.unary, room, key) {
                turn.ending = Ending::Infeasible;
                return turn;
            }
            self.insert(key, 1.0);
        }
        loop {
            let tau = self.settle();
            self.subtract_marginals();
            if self.factor.is_waiting() {
                turn.ending = Ending::Asks;
                break;
            }
            // Some structure is possible: the atoms are.
            if turn.calls == 0 {
                self.factor.best(self.left, room, key);
            } else {
                self.factor.best_again(self.left, room, key);
            }
            turn.calls += 1;
            let best = self.factor.score(self.left, key);
            turn.gap = best - tau;
            let rounding = 1e-15 * self.size_of(key) * (4.0 + self.atoms.count as f64);
            if turn.gap <= limits.tolerance.max(rounding) {
                break;
            }
            if turn.calls >= limits.calls {
                turn.ending = if limits.last {
                    Ending::MaxCalls
                } else {
                    Ending::Paused
                };
                break;
            }
            if self.atoms.count == self.atoms.capacity {
                turn.ending = Ending::NeedRoom;
                break;
            }
            if self.holds(key) || !self.insert_or_slide(key) {
                // Rounding has the atoms not quite alike: once more from their Gram matrix itself.
                if self.rebuilt {
                    turn.ending = Ending::MaxCalls;
                    break;
                }
                self.rebuild();
                self.rebuilt = true;
            } else {
                self.rebuilt = false;
            }
        }
        if matches!(turn.ending, Ending::Converged | Ending::MaxCalls) {
            self.drop_empty();
            turn.objective = self.objective();
        }
        turn
    }

    /// Takes up the atoms of a turn before, or of a caller: those with a positive weight that are possible and independent.
    /// False where there are none.
    fn begin(&mut self) -> bool {
        let given = core::mem::take(&mut self.atoms.count);
        let mut total = 0.0;
        for j in 0..given {
            let key = self.key(j);
            // SAFETY: j is below the capacity.
            let weight = unsafe { *self.atoms.weights.add(j) };
            let usable = weight > 0.0 && self.factor.score(self.unary, key) > f64::NEG_INFINITY;
            // Atoms move down to where there is one already that is not needed any more.
            if usable && !self.holds(key) && self.insert(key, weight) {
                total += weight;
            }
        }
        for j in 0..self.atoms.count {
            // SAFETY: as above.
            unsafe { *self.atoms.weights.add(j) /= total };
        }
        self.atoms.count > 0
    }

    /// What the oracle was asked about last: the scores less the marginals.
    pub fn question(&self) -> &[f64] {
        self.left
    }

    /// Goes on with the atoms and with the factor of their Gram matrix that the numbers were left with when a solve ended, for
    /// scores that have changed since: a substitution instead of a factorisation.
    pub fn keep(&mut self) {
        self.cholesky.order = self.atoms.count;
        for j in 0..self.atoms.count {
            let score = self.factor.score(self.unary, self.key(j));
            if j == 0 {
                self.shift = score;
            }
            // SAFETY: j is an atom.
            unsafe {
                *self.scores.add(j) = score - self.shift;
                *self.cholesky.scores.add(j) = score - self.shift;
            }
        }
        // SAFETY: there is a score for each atom.
        unsafe { self.cholesky.forward(self.cholesky.scores) };
    }

    /// Factors the atoms' Gram matrix anew.
    fn rebuild(&mut self) {
        self.cholesky.order = 0;
        self.begin();
    }

    /// How large the numbers are that a structure's score in eta - mu is a sum of: that may be 0 where these are not.
    fn size_of(&self, key: &[i32]) -> f64 {
        let mut size = self.factor.score(self.unary, key).abs();
        self.factor.each_entry(key, |part, entry| {
            let score = self.unary.get(part).copied().unwrap_or(0.0);
            size += entry.abs() * (score.abs() + self.factor.weight(part));
        });
        size
    }

    fn holds(&self, key: &[i32]) -> bool {
        (0..self.atoms.count).any(|j| self.key(j) == key)
    }

    /// The products of a structure with the atoms, plus 1, to the column.
    fn products(&mut self, key: &[i32]) {
        for j in 0..self.atoms.count {
            let product = self.factor.overlap(self.key(j), key) + 1.0;
            // SAFETY: j is below the capacity.
            unsafe { *self.column.add(j) = product };
        }
    }

    /// Makes a structure an atom; false where it depends on the others.
    fn insert(&mut self, key: &[i32], weight: f64) -> bool {
        self.products(key);
        let (square, score) = (
            self.factor.overlap(key, key),
            self.factor.score(self.unary, key),
        );
        let place = self.atoms.count;
        if place == 0 {
            self.shift = score;
        }
        let score = score - self.shift;
        // SAFETY: the place is below the capacity; a key may be the one that lies there.
        unsafe {
            if !self.cholesky.push(self.column, square, score) {
                return false;
            }
            let target = self.atoms.keys.add(place * key.len());
            core::ptr::copy(key.as_ptr(), target, key.len());
            *self.scores.add(place) = score;
            *self.atoms.weights.add(place) = weight;
        }
        self.atoms.count += 1;
        true
    }

    /// The same, with weight from atoms that together have its vertex; false where rounding lets nobody be sure.
    fn insert_or_slide(&mut self, key: &[i32]) -> bool {
        if self.insert(key, 0.0) {
            return true;
        }
        let mut most = f64::INFINITY;
        let mut empty = 0;
        // SAFETY: the column holds L^-1 of the products; all indices are of atoms.
        unsafe {
            self.cholesky.backward(self.column);
            for j in 0..self.atoms.count {
                let share = *self.column.add(j);
                let reach = *self.atoms.weights.add(j) / share;
                if share > NOTHING && reach < most {
                    (most, empty) = (reach, j);
                }
            }
            if !most.is_finite() {
                return false;
            }
            for j in 0..self.atoms.count {
                let weight = *self.atoms.weights.add(j) - most * *self.column.add(j);
                *self.atoms.weights.add(j) = weight.max(0.0);
            }
        }
        self.remove(empty);
        self.insert(key, most)
    }

    /// Takes atom `gone` out.
    fn remove(&mut self, gone: usize) {
        let (count, len) = (self.atoms.count, self.factor.key_len());
        let behind = count - gone - 1;
        // SAFETY: all of these are places of atoms.
        unsafe {
            let keys = self.atoms.keys.add(gone * len);
            core::ptr::copy(keys.add(len), keys, behind * len);
            for numbers in [self.atoms.weights, self.scores, self.trial] {
                let at = numbers.add(gone);
                core::ptr::copy(at.add(1), at, behind);
            }
            self.cholesky.remove(gone, self.scores, self.work);
        }
        self.atoms.count -= 1;
    }

    /// The best weights on the atoms, those that want none taken out; returns tau, the score of all atoms in eta - mu.
    fn settle(&mut self) -> f64 {
        loop {
            let (mut most, mut first) = (1.0, None);
            // SAFETY: all indices are of atoms.
            let tau = unsafe {
                let tau = self.cholesky.solve(self.trial);
                for j in 0..self.atoms.count {
                    let (weight, trial) = (*self.atoms.weights.add(j), *self.trial.add(j));
                    if trial < 0.0 {
                        let reach = weight / (weight - trial);
                        if first.is_none() || reach < most {
                            (most, first) = (reach, Some(j));
                        }
                    }
                }
                for j in 0..self.atoms.count {
                    let weight = self.atoms.weights.add(j);
                    *weight += most * (*self.trial.add(j) - *weight);
                }
                tau
            };
            match first {
                None => return tau + self.shift,
                Some(j) => self.remove(j),
            }
        }
    }

    /// eta - mu.
    fn subtract_marginals(&mut self) {
        for (left, &score) in self.left.iter_mut().zip(self.unary) {
            *left = score;
        }
        for j in 0..self.atoms.count {
            // SAFETY: j is an atom.
            let weight = unsafe { *self.atoms.weights.add(j) };
            let left = &mut *self.left;
            let key = {
                let len = self.factor.key_len();
                // SAFETY: as above.
                unsafe { core::slice::from_raw_parts(self.atoms.keys.add(j * len), len) }
            };
            if self.factor.is_weighted() {
                self.factor.each_entry(key, |part, entry| {
                    if let Some(score) = left.get_mut(part) {
                        *score -= weight * entry * self.factor.weight(part);
                    }
                });
            } else {
                self.factor.each_entry(key, |part, entry| {
                    if let Some(score) = left.get_mut(part) {
                        *score -= weight * entry;
                    }
                });
            }
        }
    }

    /// |mu|^2 is what the marginals took from the scores, where there is something: eta - (eta - mu), which is mu times its weight.
    fn objective(&self) -> f64 {
        let linear: f64 = (0..self.atoms.count)
            // SAFETY: atoms.
            .map(|j| unsafe { *self.atoms.weights.add(j) * *self.scores.add(j) })
            .sum();
        let squares: f64 = self
            .unary
            .iter()
            .zip(&*self.left)
            .enumerate()
            .filter(|(_, (score, left))| score != left)
            .map(|(part, (score, left))| (score - left) * (score - left) / self.factor.weight(part))
            .sum();
        linear + self.shift - 0.5 * squares
    }

    /// Takes out the atoms whose weight is nothing, so that derivatives are taken on the support.
    fn drop_empty(&mut self) {
        let mut j = self.atoms.count;
        while j > 0 && self.atoms.count > 1 {
            j -= 1;
            // SAFETY: j is an atom.
            if unsafe { *self.atoms.weights.add(j) } <= NOTHING {
                self.remove(j);
            }
        }
    }
}
