//! Structured inference: sets of structures, and which of them is best.
//!
//! - [`factor`]: what a solver may ask of a set of structures.

pub mod active_set;
pub mod arborescence;
pub mod cholesky;
pub mod factor;
mod pair;
pub mod projective;
pub mod sequence;
