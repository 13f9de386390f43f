//! Structured inference: sets of structures, and which of them is best.
//!
//! - [`factor`]: what a solver may ask of a set of structures.

pub mod arborescence;
pub mod factor;
mod pair;
pub mod projective;
pub mod sequence;
