//! LP-SparseMAP: marginals that many factors share, by the alternating directions method (AD3; MATH.md section 11).
//!
//! ```text
//! max   <scores, mu> - 1/2 |mu|^2 + additional scores of the factors,   mu on the places of f in the hull of what f allows
//! ```
//!
//! Each factor has a copy u of its variables, in coordinates where a variable of d factors is divided by sqrt(d): then the
//! squares of the copies sum to that of mu. A turn: every factor projects, copies are averaged, and a multiplier on each place
//! remembers how far its copy was from the average. A variable in no factor is clip(score, 0, 1).
//!
//! The step gamma is doubled or halved where one residual is far above the other, ever more rarely, so that it settles. Copies
//! are over-relaxed by [`RELAXATION`].
//!
//! All that a later call needs lies in memory of the caller: a call makes at most so many turns. What has no solution
//! does not converge, or is infeasible where a factor alone can tell, or a variable of score -inf is not 0.

use super::active_set::Ending;

/// How far a copy is moved past the average's last place: 1 is the plain method.
///
/// With [`STEP`], of 2, 3, 5, 10 and of 1.3, 1.6, 1.8: matchings of 10 x 10, grids of 180 pairs and trees of 10 words with budgets,
/// scores N(0, 1) times 1 and 3, to 1e-9, take 61, 84 and 47 turns on average and 98, 137 and 68 at most; from a step of 2 they
/// take 108, 221 and 92, and 530 at most; with 1.3 instead 67, 134 and 52, with 1.8 95, 93 and 94.
const RELAXATION: f64 = 1.6;

/// The first step where there is no reason for another.
pub const STEP: f64 = 5.0;

/// One residual this far above the other changes the step.
const UNBALANCED: f64 = 10.0;

/// A copy may be so far off, relative to the residual of the turn before.
const INEXACT: f64 = 0.1;

const STEPS: (f64, f64) = (1e-3, 100.0);

/// Variables and places, shared by all calls.
#[derive(Clone, Copy)]
pub struct Graph<'a> {
    /// Of each variable; -inf forbids it.
    pub scores: &'a [f64],
    /// Where each factor's places begin, and where the last one's end.
    pub factors: &'a [u32],
    /// The variable of each place, in the order of the factor's parts.
    pub variables: &'a [u32],
}

/// A factor's places.
pub struct Places<'a> {
    /// The first of them.
    pub first: usize,
    /// Square roots of the numbers of factors of their variables.
    pub scale: &'a [f64],
}

/// What a graph asks of its factors, which remember the face that the last projection lies on.
pub trait Factors {
    /// `u` = argmax <scores, u> - damping / 2 |u|^2 + additional scores, in scaled coordinates.
    fn project(
        &mut self,
        factor: usize,
        places: &Places,
        scores: &[f64],
        damping: f64,
        u: &mut [f64],
    ) -> Projection;

    /// How far a copy may be off in the projections from now on, in norm.
    fn allow(&mut self, _error: f64) {}

    /// `x` = J x on that face, J the symmetric projector.
    fn differentiate(&mut self, factor: usize, places: &Places, x: &mut [f64]);

    /// Keeps the gradient of the additional scores for a direction `x` in scaled coordinates, which may be changed.
    fn differentiate_additional(&mut self, factor: usize, places: &Places, x: &mut [f64]);

    /// `x` = the direction in which the copy raises what the cotangent of the factor's additional marginals weighs: J of its place in
    /// scaled coordinates. 0 for a factor without.
    fn pull_additional(&mut self, _factor: usize, _places: &Places, x: &mut [f64]) {
        x.fill(0.0);
    }
}

/// How a projection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Projection {
    Done,
    /// Nothing fulfils the factor.
    Infeasible,
    /// It needs more memory, and goes on with it.
    NeedRoom,
    /// It goes on with the answer of an oracle of the caller's.
    Asks,
}

/// How far the solution is.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub gamma: f64,
    /// Root of the mean squared difference of copies and averages.
    pub primal: f64,
    /// That of the averages' last change, times gamma where that is above 1.
    pub dual: f64,
    pub iterations: usize,
    /// The factor to go on with: one that needed something, else 0.
    pub factor: usize,
    /// The step of the last turn, which the copies are of.
    projected: f64,
    /// When the step is looked at next, and how long until after.
    next: usize,
    wait: usize,
}

impl Progress {
    /// Before the first turn, with the first step.
    pub fn new(gamma: f64) -> Progress {
        Progress {
            gamma: gamma.clamp(STEPS.0, STEPS.1),
            primal: f64::INFINITY,
            dual: f64::INFINITY,
            iterations: 0,
            factor: 0,
            projected: f64::NAN,
            next: 10,
            wait: 10,
        }
    }
}

/// Turns of a call, and when to stop.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Of both residuals.
    pub tolerance: f64,
    pub iterations: usize,
    /// Whether there is no call after this one.
    pub last: bool,
}

/// f64 that a state takes.
pub const fn numbers(variables: usize, places: usize) -> usize {
    3 * variables + 4 * places
}

/// Where the method is.
pub struct State<'a> {
    graph: Graph<'a>,
    /// mu / sqrt(d) of each variable.
    averages: &'a mut [f64],
    /// sqrt(d), 0 where no factor has the variable.
    roots: &'a mut [f64],
    sums: &'a mut [f64],
    copies: &'a mut [f64],
    multipliers: &'a mut [f64],
    /// sqrt(d) of each place's variable.
    scale: &'a mut [f64],
    scores: &'a mut [f64],
}

/// Cuts `count` numbers off.
pub(super) fn cut<'a>(numbers: &mut &'a mut [f64], count: usize) -> Option<&'a mut [f64]> {
    let (head, tail) = core::mem::take(numbers).split_at_mut_checked(count)?;
    *numbers = tail;
    Some(head)
}

impl Graph<'_> {
    fn is_valid(&self) -> bool {
        // Not `is_sorted`, which slices within, so that a panic stays in the module.
        let ends = self.factors.get(1..).unwrap_or(&[]);
        let ordered = self.factors.iter().zip(ends).all(|(from, to)| from <= to);
        let begin = self.factors.first().copied().unwrap_or(0);
        let end = self.factors.last().map_or(0, |&end| end as usize);
        let named = |&variable: &u32| (variable as usize) < self.scores.len();
        ordered && begin == 0 && end == self.variables.len() && self.variables.iter().all(named)
    }

    /// Each factor's number and places.
    pub(super) fn each_factor(
        &self,
    ) -> impl Iterator<Item = (usize, core::ops::Range<usize>)> + use<'_> {
        let ends = self.factors.get(1..).unwrap_or(&[]);
        let range = |(&from, &to): (&u32, &u32)| from as usize..to as usize;
        self.factors.iter().zip(ends).map(range).enumerate()
    }
}

/// A number of a table.
fn at(table: &[f64], variable: u32) -> f64 {
    table.get(variable as usize).copied().unwrap_or(0.0)
}

fn add(table: &mut [f64], variable: u32, value: f64) {
    if let Some(sum) = table.get_mut(variable as usize) {
        *sum += value;
    }
}

impl<'a> State<'a> {
    /// The state that lies in `memory`, of [`numbers`] f64; `begin` it once. None where the graph's tables are not one.
    pub fn new(graph: Graph<'a>, memory: &'a mut [f64]) -> Option<State<'a>> {
        let (variables, places) = (graph.scores.len(), graph.variables.len());
        if !graph.is_valid() {
            return None;
        }
        let mut left = memory;
        Some(State {
            averages: cut(&mut left, variables)?,
            roots: cut(&mut left, variables)?,
            sums: cut(&mut left, variables)?,
            copies: cut(&mut left, places)?,
            multipliers: cut(&mut left, places)?,
            scale: cut(&mut left, places)?,
            scores: cut(&mut left, places)?,
            graph,
        })
    }

    /// Begins from the variables' own optimum.
    pub fn begin(&mut self) {
        self.multipliers.fill(0.0);
        self.copies.fill(0.0);
        self.roots.fill(0.0);
        for &variable in self.graph.variables {
            add(self.roots, variable, 1.0);
        }
        for ((root, average), &score) in self
            .roots
            .iter_mut()
            .zip(self.averages.iter_mut())
            .zip(self.graph.scores)
        {
            *root = libm::sqrt(*root);
            *average = score.clamp(0.0, 1.0) / root.max(1.0);
        }
        for (scale, &variable) in self.scale.iter_mut().zip(self.graph.variables) {
            *scale = at(self.roots, variable);
        }
    }

    /// Makes turns until the residuals are below the tolerance. `MaxCalls` says that all turns were made.
    pub fn advance(
        &mut self,
        progress: &mut Progress,
        factors: &mut (impl Factors + ?Sized),
        limits: Limits,
    ) -> Ending {
        if self.graph.variables.is_empty() && self.graph.factors.len() < 2 {
            (progress.primal, progress.dual) = (0.0, 0.0);
            return Ending::Converged;
        }
        for _ in 0..limits.iterations {
            match self.project(progress, factors) {
                Projection::Done => {}
                Projection::Infeasible => return Ending::Infeasible,
                Projection::NeedRoom => return Ending::NeedRoom,
                Projection::Asks => return Ending::Asks,
            }
            self.average(progress);
            progress.iterations += 1;
            if progress.primal <= limits.tolerance && progress.dual <= limits.tolerance {
                return self.ending(limits.tolerance);
            }
            adapt(progress);
        }
        if limits.last {
            Ending::MaxCalls
        } else {
            Ending::Paused
        }
    }

    /// Agreement on a forbidden variable that is not 0 is none.
    fn ending(&self, tolerance: f64) -> Ending {
        let forbidden = self.graph.scores.iter().zip(self.averages.iter());
        let broken = forbidden.into_iter().any(|(&score, &average)| {
            score == f64::NEG_INFINITY && average > 1e-6_f64.max(tolerance)
        });
        if broken {
            Ending::Infeasible
        } else {
            Ending::Converged
        }
    }

    /// Every factor's copy, but of those whose scores and step are what they were.
    fn project(
        &mut self,
        progress: &mut Progress,
        factors: &mut (impl Factors + ?Sized),
    ) -> Projection {
        let gamma = progress.gamma;
        let begun = core::mem::take(&mut progress.factor);
        factors.allow(INEXACT * progress.primal.max(progress.dual).min(1.0));
        let graph = self.graph;
        for (factor, range) in graph.each_factor().skip(begun) {
            if !self.rescore(range.clone(), gamma) && progress.projected == gamma {
                continue;
            }
            let places = Places {
                first: range.start,
                scale: self.scale.get(range.clone()).unwrap_or(&[]),
            };
            let scores = self.scores.get(range.clone()).unwrap_or(&[]);
            let copies = self.copies.get_mut(range).unwrap_or(&mut []);
            let ending = factors.project(factor, &places, scores, 1.0 + gamma, copies);
            if ending != Projection::Done {
                (progress.factor, progress.projected) = (factor, f64::NAN);
                return ending;
            }
        }
        progress.projected = gamma;
        Projection::Done
    }

    /// The scores of a factor's copy; whether one has changed.
    fn rescore(&mut self, range: core::ops::Range<usize>, gamma: f64) -> bool {
        let mut is_new = false;
        for place in range {
            let variable = self.graph.variables.get(place).copied().unwrap_or(0);
            let score = at(self.graph.scores, variable) / at(self.roots, variable)
                + self.multipliers.get(place).copied().unwrap_or(0.0)
                + gamma * at(self.averages, variable);
            if let Some(kept) = self.scores.get_mut(place) {
                is_new |= *kept != score;
                *kept = score;
            }
        }
        is_new
    }

    /// Averages, multipliers and residuals.
    fn average(&mut self, progress: &mut Progress) {
        self.sums.fill(0.0);
        for (&copy, &variable) in self.copies.iter().zip(self.graph.variables) {
            add(self.sums, variable, copy);
        }
        // From here on: the relaxed average, in the place of the sum.
        let mut dual = 0.0;
        for ((sum, &root), &before) in self
            .sums
            .iter_mut()
            .zip(self.roots.iter())
            .zip(self.averages.iter())
        {
            if root > 0.0 {
                let change = RELAXATION * (*sum / (root * root) - before);
                dual += root * root * change * change;
                *sum = before + change;
            } else {
                *sum = before;
            }
        }
        let mut primal = 0.0;
        for ((&copy, multiplier), &variable) in self
            .copies
            .iter()
            .zip(self.multipliers.iter_mut())
            .zip(self.graph.variables)
        {
            let (before, average) = (at(self.averages, variable), at(self.sums, variable));
            let relaxed = before + RELAXATION * (copy - before);
            *multiplier -= progress.gamma * (relaxed - average);
            primal += (copy - average) * (copy - average);
        }
        for (average, &relaxed) in self.averages.iter_mut().zip(self.sums.iter()) {
            *average = relaxed;
        }
        let count = self.copies.len().max(1) as f64;
        progress.primal = libm::sqrt(primal / count);
        progress.dual = libm::sqrt(dual / count) * progress.gamma.max(1.0);
    }

    /// The marginals: averages of the copies, 0 where a variable is forbidden.
    pub fn marginals(&self, mu: &mut [f64]) {
        let own = self.roots.iter().zip(self.graph.scores);
        for ((mu, &average), (&root, &score)) in mu.iter_mut().zip(self.averages.iter()).zip(own) {
            let most = if score > f64::NEG_INFINITY { 1.0 } else { 0.0 };
            *mu = (average * if root > 0.0 { root } else { 1.0 }).clamp(0.0, most);
        }
    }

    /// Begins again from the averages and multipliers of a solve before, whose scores may have been others.
    pub fn begin_again(&mut self, progress: &mut Progress) {
        let own = self.roots.iter().zip(self.graph.scores);
        for (average, (&root, &score)) in self.averages.iter_mut().zip(own) {
            if root == 0.0 {
                *average = score.clamp(0.0, 1.0);
            }
        }
        *progress = Progress::new(progress.gamma);
    }

    /// A factor's copy of its variables, in its own coordinates.
    pub fn copy(&self, factor: usize) -> &[f64] {
        let range = self.graph.each_factor().nth(factor).map(|(_, range)| range);
        range
            .and_then(|range| self.copies.get(range))
            .unwrap_or(&[])
    }

    pub(super) fn graph(&self) -> Graph<'a> {
        self.graph
    }

    pub(super) fn copies(&self) -> &[f64] {
        self.copies
    }

    pub(super) fn roots(&self) -> &[f64] {
        self.roots
    }

    pub(super) fn places(&self, range: core::ops::Range<usize>) -> Places<'_> {
        Places {
            first: range.start,
            scale: self.scale.get(range).unwrap_or(&[]),
        }
    }
}

/// Balances the residuals.
fn adapt(progress: &mut Progress) {
    if progress.iterations < progress.next {
        return;
    }
    progress.next += progress.wait;
    let dual = progress.dual / progress.gamma.max(1.0) * progress.gamma;
    let factor = if progress.primal > UNBALANCED * dual {
        2.0
    } else if dual > UNBALANCED * progress.primal {
        0.5
    } else {
        return;
    };
    progress.gamma = (progress.gamma * factor).clamp(STEPS.0, STEPS.1);
    progress.wait += progress.wait / 4;
}
