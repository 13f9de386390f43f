//! What the tests share: the oracle, the rows, and the way to call a kernel.
#![allow(dead_code)]

pub mod attention_call;
pub mod attention_problems;
pub mod budget;
pub mod call;
pub mod derivatives;
pub mod double_double;
pub mod gradient_call;
pub mod loss_call;
pub mod losses;
pub mod oracle;
pub mod rows;
