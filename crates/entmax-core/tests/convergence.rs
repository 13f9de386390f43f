//! Every row is solved: the status that says otherwise is an error for the user, so no input may cause it.

mod common;
use common::call::{dense_with_status, Batch};
use common::rows::Random;
use entmax_core::status::Status;

#[test]
fn rows_of_any_width_spread_and_alpha_converge() {
    let mut random = Random(20_261_121);
    for _ in 0..20_000 {
        let n = 1 + (random.uniform() * 200.0) as usize;
        let spread = 10f64.powf(random.uniform() * 5.0 - 3.0);
        let x: Vec<f64> = (0..n).map(|_| random.normal() * spread).collect();
        let narrow: Vec<f32> = x.iter().map(|&score| score as f32).collect();
        let e = 10f64.powf(random.uniform() * 3.0 - 1.5);
        let (_, status) = dense_with_status(&Batch::row(&x, e));
        assert_eq!(status, Status::Ok, "f64, n = {n}, e = {e}, x = {x:?}");
        let (_, status) = dense_with_status(&Batch::row(&narrow, e));
        assert_eq!(status, Status::Ok, "f32, n = {n}, e = {e}, x = {narrow:?}");
    }
}
