//! The regularised maps against what defines them: all orders of a small row, conditions of optimality, differences
//! (MATH.md sections 6 to 8).

mod common;
#[path = "regularised/mod.rs"]
mod maps;
