//! Structured inference: sets of structures, the best of each, and the best sparse distribution over some (SparseMAP).
//!
//! | file | what |
//! |---|---|
//! | `factor` | what a solver may ask of a set of structures |
//! | `sequence`, `arborescence`, `projective`, `assignment`, `subsets` | the sets, each with its MAP oracle |
//! | `custom` | a set whose oracle is the caller's |
//! | `any` | one of these: code that has any is compiled once |
//! | `sequence_kbest`, `subsets_kbest` | the k best structures |
//! | `active_set` | SparseMAP, by asking an oracle; `cholesky` is its linear algebra |
//! | `closed` | SparseMAP of sets in closed form |
//! | `call` | a batch of problems in memory, and one problem of it as a factor |
//! | `solve`, `backward`, `best` | the kernels: a batch in turns, its derivative, and the best structures alone |
//! | `logic`, `capped` | the factors of logic: projections and their derivatives |
//! | `graph`, `graph_backward` | LP-SparseMAP, and its derivative; `graph_logic` and `graph_structured` have its factors |
//! | `graph_layout`, `graph_factors`, `graph_call` | a graph and its problems in memory, their factors, and the kernels |
//!
//! All of it is f64 inside: supports are decided by differences of scores of whole structures.

pub mod active_set;
pub mod any;
pub mod arborescence;
pub mod assignment;
pub mod backward;
pub mod best;
pub mod call;
mod capped;
pub mod cholesky;
mod closed;
pub mod custom;
pub mod factor;
pub mod graph;
pub mod graph_backward;
pub mod graph_call;
mod graph_factors;
pub mod graph_layout;
pub mod graph_logic;
pub mod graph_structured;
mod heap;
pub mod logic;
mod pair;
pub mod projective;
pub mod sequence;
mod sequence_kbest;
pub mod solve;
pub mod subsets;
mod subsets_kbest;
mod weighted;
