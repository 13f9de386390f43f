//! Exports of the family `regularised`, continued: the Fenchel-Young loss of normmax with its gradients.

use crate::loss_exports::loss_exports;
use entmax_core::regularised::normmax_loss;

loss_exports!(
    f32,
    normmax_loss::row_loss::<f32>,
    normmax_loss::workspace::<f32>,
    row_loss_f32,
    row_loss_csr_f32,
    row_loss_workspace_f32
);
loss_exports!(
    f64,
    normmax_loss::row_loss::<f64>,
    normmax_loss::workspace::<f64>,
    row_loss_f64,
    row_loss_csr_f64,
    row_loss_workspace_f64
);
