//! Kernels of `entmax`: sparse alternatives to softmax over ranges of memory that the caller owns.
//!
//! Every kernel is a pure function of its arguments: no allocation, no globals, no clock. Threads are
//! then nothing but several callers with disjoint ranges of rows. A row's result does not depend on its
//! neighbours, on the layout, on the alignment or on the instruction set (the fused one excepted).
//!
//! - [`simd`]: the narrow block of sixteen floats that the kernels are written against;
//! - [`maps`]: softmax, sparsemax and entmax for any alpha >= 1, dense and as support;
//! - [`gradients`]: the pullbacks of the maps, from their output alone;
//! - [`losses`]: the Fenchel-Young losses of the maps, with their gradients;
//! - `regularised`: maps with another regulariser or with bounds: fusedmax, oscarmax, TVmax, normmax, constrained maps;
//! - `attention`: attention whose weights are a map of this family;
//! - `structured`: sets of structures (sequences, trees, matchings, subsets), and the best of each;
//! - [`status`]: what a kernel answers.
#![no_std]

#[cfg(feature = "attention")]
pub mod attention;
#[cfg(feature = "maps")]
pub mod gradients;
#[cfg(feature = "maps")]
pub mod losses;
#[cfg(feature = "maps")]
pub mod maps;
#[cfg(feature = "regularised")]
pub mod regularised;
pub mod simd;
pub mod status;
#[cfg(feature = "structured")]
pub mod structured;
