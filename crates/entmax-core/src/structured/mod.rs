//! Structured inference: sets of structures, and which of them is best.
//!
//! - [`factor`]: what a solver may ask of a set of structures.

pub mod arborescence;
pub mod assignment;
pub mod factor;
mod heap;
mod pair;
pub mod projective;
pub mod sequence;
mod sequence_kbest;
pub mod subsets;
mod subsets_kbest;
