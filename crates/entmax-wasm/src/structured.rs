//! Exports of the family `structured`. A call lies in memory, written field by field (ts/src/structured/description.ts).

use entmax_core::structured::backward::{self, Backward};
use entmax_core::structured::best::{self, Best};
use entmax_core::structured::call::Form;
use entmax_core::structured::graph::Progress;
use entmax_core::structured::graph_call::{self, GraphBackward, GraphSolve};
use entmax_core::structured::graph_layout::Layout;
use entmax_core::structured::solve::{self, Dialogue, Solve};
use wasm_bindgen::prelude::wasm_bindgen;

/// Solves the problems of the slots `first..last`. Returns 0: how each ended is written where the call says.
#[wasm_bindgen]
pub fn structured_solve(first: usize, last: usize, workspace: usize, call: usize) -> u32 {
    // SAFETY: the address is that of a call whose places are live, with a workspace of the size asked for below.
    unsafe { solve::solve(&*(call as *const Solve), first..last, workspace as *mut u8) };
    0
}

/// Finds the best structures of the problems `first..last`. Returns 0.
#[wasm_bindgen]
pub fn structured_best(first: usize, last: usize, workspace: usize, call: usize) -> u32 {
    // SAFETY: as above.
    unsafe { best::best(&*(call as *const Best), first..last, workspace as *mut u8) };
    0
}

/// Factors the Gram matrices of the problems `first..last` of a pullback. Returns 0.
#[wasm_bindgen]
pub fn structured_factorise(first: usize, last: usize, workspace: usize, call: usize) -> u32 {
    // SAFETY: as above.
    unsafe {
        backward::factorise(
            &*(call as *const Backward),
            first..last,
            workspace as *mut u8,
        );
    }
    0
}

/// Pulls the cotangents of the problems `first..last` back. Returns 0.
#[wasm_bindgen]
pub fn structured_pull_back(first: usize, last: usize, workspace: usize, call: usize) -> u32 {
    // SAFETY: as above.
    unsafe {
        backward::pull_back(
            &*(call as *const Backward),
            first..last,
            workspace as *mut u8,
        );
    }
    0
}

/// Makes turns for the problems of a graph in the rows `first..last`. Returns 0: how each ended is written where the call says.
#[wasm_bindgen]
pub fn structured_graph_solve(first: usize, last: usize, _workspace: usize, call: usize) -> u32 {
    // SAFETY: as above.
    unsafe { graph_call::solve(&*(call as *const GraphSolve), first..last) };
    0
}

/// Pulls the cotangents of the problems `first..last` of a graph back. Returns 0.
#[wasm_bindgen]
pub fn structured_graph_pull_back(first: usize, last: usize, workspace: usize, call: usize) -> u32 {
    // SAFETY: as above.
    unsafe {
        let call = &*(call as *const GraphBackward);
        graph_call::pull_back(call, first..last, workspace as *mut u8);
    }
    0
}

/// Bytes that each problem of the graph at that address needs; notes there where its factors lie.
#[wasm_bindgen]
pub fn structured_graph_measure(layout: usize) -> usize {
    // SAFETY: TypeScript has written the layout there.
    unsafe { &*(layout as *const Layout) }.measure()
}

/// Moves a problem to memory of a layout with larger capacities.
#[wasm_bindgen]
pub fn structured_graph_move(layout: usize, memory: usize, larger: usize, target: usize) {
    // SAFETY: as above, for both; TypeScript has measured them and allocated that much.
    unsafe {
        let larger = &*(larger as *const Layout);
        (*(layout as *const Layout)).move_to(memory as *mut u8, larger, target as *mut u8);
    }
}

/// Bytes of workspace that one thread needs to pull cotangents of the graph back.
#[wasm_bindgen]
pub fn structured_graph_workspace(layout: usize) -> usize {
    // SAFETY: as above.
    graph_call::backward_workspace(unsafe { &*(layout as *const Layout) })
}

/// Bytes of the description of a solve of a graph.
#[wasm_bindgen]
pub fn structured_graph_solve_bytes() -> usize {
    size_of::<GraphSolve>()
}

/// Bytes of the description of a pullback of a graph.
#[wasm_bindgen]
pub fn structured_graph_backward_bytes() -> usize {
    size_of::<GraphBackward>()
}

/// Bytes that say how far a problem of a graph is.
#[wasm_bindgen]
pub fn structured_graph_progress_bytes() -> usize {
    size_of::<Progress>()
}

/// Bytes of workspace that one thread needs to solve problems of the form at that address.
#[wasm_bindgen]
pub fn structured_solve_workspace(form: usize, capacity: usize) -> usize {
    // SAFETY: TypeScript has written the form there.
    solve::workspace(unsafe { &*(form as *const Form) }, capacity)
}

/// Bytes of workspace that one thread needs to find the `k` best structures.
#[wasm_bindgen]
pub fn structured_best_workspace(form: usize, k: usize) -> usize {
    // SAFETY: as above.
    best::workspace(unsafe { &*(form as *const Form) }, k)
}

/// Bytes of workspace that one thread needs to pull back problems of at most `count` structures.
#[wasm_bindgen]
pub fn structured_backward_workspace(form: usize, count: usize) -> usize {
    // SAFETY: as above.
    backward::workspace(unsafe { &*(form as *const Form) }, count)
}

/// f64 that the factor of `count` structures takes.
#[wasm_bindgen]
pub fn structured_factor_numbers(count: usize) -> usize {
    backward::factor_numbers(count)
}

/// Bytes of the description of a solve.
#[wasm_bindgen]
pub fn structured_solve_bytes() -> usize {
    size_of::<Solve>()
}

/// f64 that a solve with questions keeps from one turn to the next.
#[wasm_bindgen]
pub fn structured_kept_numbers(form: usize, capacity: usize) -> usize {
    // SAFETY: as above.
    solve::kept_numbers(unsafe { &*(form as *const Form) }, capacity)
}

/// Bytes of the questions and answers about a problem.
#[wasm_bindgen]
pub fn structured_dialogue_bytes() -> usize {
    size_of::<Dialogue>()
}

/// Bytes of the description of a search for the best structures.
#[wasm_bindgen]
pub fn structured_best_bytes() -> usize {
    size_of::<Best>()
}

/// Bytes of the description of a pullback.
#[wasm_bindgen]
pub fn structured_backward_bytes() -> usize {
    size_of::<Backward>()
}
