//! Maps onto the simplex with another regulariser than an entropy of its own, or with bounds (MATH.md sections 6 to 8).
//!
//! | file | map |
//! |---|---|
//! | `fusedmax` | neighbours are drawn together: sparsemax after a proximal operator of total variation, `taut_string` and `slopes` |
//! | `tvmax` | the same on a grid, `grid` and `regions` |
//! | `oscarmax` | entries of similar size are drawn together |
//! | `normmax`, `normmax_loss` | a norm instead of an entropy, and its Fenchel-Young loss; `normmax_start` and `normmax_powers` serve both |
//! | `constrained`, `constrained_backward` | softmax and entmax with an upper bound for each entry |
//! | `constrained_quick` | almost all rows of it: a bracket of the threshold by blocks of f32 (`constrained_blocks`, `constrained_powers`), what that decides (`constrained_write`), and the rest in f64 (`constrained_settle`) |
//! | `constrained_fixing` | the others, bound after bound |
//! | `rows`, `sparse`, `backward` | a batch of any of these, its supports alone, and its pullback |
//!
//! The constrained sparsemax is a budget of 1 (`maps::budget`); the constrained entmax at alpha = 2 has the same values.
//!
//! The first three end in groups of equal entries, and have one pullback (`groups`): a cotangent goes through that of
//! sparsemax and is then averaged over each group. Groups are what the algorithm joined, never what turned out equal; where
//! p = 0 they mean nothing, since what cannot be in the support is left out before anything is joined.
//!
//! A row function takes contiguous scores, -inf where masked, and a workspace of its own, and says what became of the row: a
//! batch is a loop over these.
//!
//! A row is read as f64, relative to its maximum: all of it (`frame`), or what lies near that (`near`), where all else can have no
//! share. Arithmetic is f64, but where blocks of f32 say first where a threshold lies. Excluded scores (-inf) are not there: they are
//! no neighbours and count for no rank, so that a row with padding is the row without. Of scores of +inf those share the mass
//! equally, and no gradient passes.

pub mod backward;
pub mod constrained;
pub mod constrained_backward;
mod constrained_blocks;
mod constrained_fixing;
mod constrained_powers;
mod constrained_quick;
mod constrained_settle;
mod constrained_write;
pub mod frame;
pub mod fusedmax;
pub mod grid;
pub mod groups;
mod near;
pub mod normmax;
pub mod normmax_loss;
mod normmax_powers;
mod normmax_start;
pub mod oscarmax;
mod regions;
pub mod rows;
mod slopes;
pub mod sparse;
pub mod taut_string;
pub mod tvmax;

/// The maps, and what their parameter is; the numbers follow those of [`crate::maps::map`].
pub mod map {
    /// The parameter is lambda, finite and at least 0; so it is of the next two.
    pub const FUSEDMAX: u32 = 3;
    pub const OSCARMAX: u32 = 4;
    /// What is published as oscarmax.
    pub const OSCARMAX_PUBLISHED: u32 = 5;
    /// The parameter is alpha - 1, above 0 and perhaps inf.
    pub const NORMMAX: u32 = 6;
    /// The constrained entmax; the parameter is alpha - 1, finite and at least 0.
    pub const CONSTRAINED: u32 = 7;
    /// The parameter is lambda, finite and at least 0; a row is a grid.
    pub const TVMAX: u32 = 8;
}
