//! What a kernel answers. TypeScript turns everything but `Ok` into an error.

/// The outcome of one call over a range of rows.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Ok = 0,
    /// Some `alpha - 1` or budget of the range is negative or NaN, or the map is none; nothing was written.
    InvalidParameter = 1,
    /// Some row's threshold was not found within the iteration cap: its sum, before the last division,
    /// was off by more than 1e-5 (f32) or 1e-12 (f64). Every row was written and sums to 1.
    NotConverged = 2,
}
