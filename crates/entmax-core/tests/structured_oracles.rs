//! The MAP oracles of structured inference against all structures, where these can be listed, and against slower
//! algorithms where they cannot (MATH.md section 10).

mod structured;
