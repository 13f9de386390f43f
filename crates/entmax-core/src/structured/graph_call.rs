//! The kernels of LP-SparseMAP: problems of one graph in turns, and their derivatives.

use super::active_set::Ending;
use super::graph::{Limits, Progress, State};
use super::graph_backward;
use super::graph_factors::{GraphFactors, Named};
use super::graph_layout::Layout;
use core::ops::Range;

/// What [`solve`] finds in the place of an ending: nothing was done yet, or a solution of other scores is to be improved.
const BEGIN: i32 = -1;
const BEGIN_AGAIN: i32 = -2;

/// A call; TypeScript writes the fields in this order (ts/src/structured/graph-call.ts).
#[repr(C)]
pub struct GraphSolve {
    /// Of both residuals; and the first step.
    pub tolerance: f64,
    pub step: f64,
    pub layout: Layout,
    /// Scores and marginals of all problems.
    pub scores: *const f64,
    pub marginals: *mut f64,
    /// The problems of this turn, and the memory of each of all.
    pub problems: *const u32,
    pub memory: *const *mut u8,
    /// Of each of all problems; an ending is at first -1, or -2 to begin from what the memory holds.
    pub progress: *mut Progress,
    pub endings: *mut i32,
    /// Turns of the method in this call, and in all.
    pub turn: usize,
    pub most: usize,
    /// Of each problem and factor, and for each problem the numbers of the largest factor; null where no oracle is the caller's.
    pub named: *mut Named,
    pub questions: *mut f64,
    pub question_len: usize,
}

/// Solves the problems of the rows `rows`.
///
/// # Safety
/// The places of the call are live, its layout is measured, and its problems are nobody else's.
pub unsafe fn solve(call: &GraphSolve, rows: Range<usize>) {
    let layout = &call.layout;
    for row in rows {
        // SAFETY: by the caller.
        unsafe {
            let b = *call.problems.add(row) as usize;
            let memory = *call.memory.add(b);
            let scores = call.scores.add(b * layout.variables);
            let graph = layout.graph(scores);
            let (mut factors, state) = GraphFactors::new(layout, memory, layout.parts(memory));
            if !call.named.is_null() {
                factors.named = call.named.add(b * layout.factors);
                factors.question = call.questions.add(b * call.question_len);
            }
            let Some(mut state) = State::new(graph, state) else {
                *call.endings.add(b) = Ending::Infeasible as i32;
                continue;
            };
            let progress = &mut *call.progress.add(b);
            match *call.endings.add(b) {
                BEGIN => {
                    factors.gather(graph.scores);
                    factors.begin();
                    state.begin();
                    *progress = Progress::new(call.step);
                }
                BEGIN_AGAIN => {
                    factors.gather(graph.scores);
                    state.begin_again(progress);
                }
                _ => {}
            }
            let left = call.most.saturating_sub(progress.iterations);
            let limits = Limits {
                tolerance: call.tolerance,
                iterations: left.min(call.turn),
                last: left <= call.turn,
            };
            let ending = state.advance(progress, &mut factors, limits);
            *call.endings.add(b) = ending as i32;
            if matches!(ending, Ending::NeedRoom | Ending::Paused | Ending::Asks) {
                continue;
            }
            let marginals = call.marginals.add(b * layout.variables);
            let marginals = core::slice::from_raw_parts_mut(marginals, layout.variables);
            state.marginals(marginals);
            clear_couplings(layout, marginals);
            factors.add_marginals(&state, marginals);
        }
    }
}

/// 0 where a variable is an additional score: it has no copies to agree.
fn clear_couplings(layout: &Layout, table: &mut [f64]) {
    for at in 0..layout.couplings_in_all() {
        if let Some(number) = table.get_mut(layout.coupling(at)) {
            *number = 0.0;
        }
    }
}

/// A pullback; TypeScript writes the fields in this order.
#[repr(C)]
pub struct GraphBackward {
    /// How small the residual of the linear solve is to be, relative to the right-hand side.
    pub tolerance: f64,
    pub layout: Layout,
    /// Of all problems.
    pub scores: *const f64,
    pub cotangents: *const f64,
    pub gradients: *mut f64,
    pub memory: *const *mut u8,
    /// Of each problem, or null where no oracle is the caller's.
    pub named: *mut Named,
    /// Steps of the linear solve.
    pub steps: usize,
}

/// Bytes of workspace that one thread needs.
pub fn backward_workspace(layout: &Layout) -> usize {
    let places = layout.places_in_all();
    8 * (graph_backward::numbers(layout.variables, places) + 2 * layout.variables + places)
}

/// The gradients of the problems `problems`.
///
/// # Safety
/// As [`solve`], which has left the memory; the workspace is as large as [`backward_workspace`] says.
pub unsafe fn pull_back(call: &GraphBackward, problems: Range<usize>, workspace: *mut u8) {
    let layout = &call.layout;
    let variables = layout.variables;
    let places = layout.places_in_all();
    for b in problems {
        // SAFETY: by the caller.
        unsafe {
            let memory = *call.memory.add(b);
            let graph = layout.graph(call.scores.add(b * variables));
            let cotangents =
                core::slice::from_raw_parts(call.cotangents.add(b * variables), variables);
            let gradients =
                core::slice::from_raw_parts_mut(call.gradients.add(b * variables), variables);
            let numbers = workspace.cast::<f64>();
            let v = core::slice::from_raw_parts_mut(numbers, variables);
            let own = core::slice::from_raw_parts_mut(numbers.add(variables), variables);
            let local = core::slice::from_raw_parts_mut(numbers.add(2 * variables), places);
            let room = core::slice::from_raw_parts_mut(
                numbers.add(2 * variables + places),
                graph_backward::numbers(variables, places),
            );
            let (mut factors, state) = GraphFactors::new(layout, memory, layout.parts(memory));
            if !call.named.is_null() {
                factors.named = call.named.add(b * layout.factors);
            }
            factors.cotangents = cotangents;
            gradients.fill(0.0);
            factors.gradients = gradients;
            let Some(state) = State::new(graph, state) else {
                continue;
            };
            for (v, cotangent) in v.iter_mut().zip(cotangents) {
                *v = *cotangent;
            }
            clear_couplings(layout, v);
            graph_backward::add_additional(&state, &mut factors, v, local);
            let limits = (call.steps, call.tolerance);
            graph_backward::pull_back(&state, &mut factors, v, own, room, limits);
            clear_couplings(layout, own);
            for (gradient, own) in factors.gradients.iter_mut().zip(own) {
                *gradient += *own;
            }
        }
    }
}
