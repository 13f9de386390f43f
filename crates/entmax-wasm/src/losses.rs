//! Exports of the family `maps`, continued: Fenchel-Young losses with their gradients.

use crate::loss_exports::loss_exports;
use entmax_core::losses;

loss_exports!(
    f32,
    losses::row_loss_f32,
    losses::row_loss_workspace_f32,
    row_loss_f32,
    row_loss_csr_f32,
    row_loss_workspace_f32
);
loss_exports!(
    f64,
    losses::row_loss_f64,
    losses::row_loss_workspace_f64,
    row_loss_f64,
    row_loss_csr_f64,
    row_loss_workspace_f64
);
