//! The loss of normmax, and supports of rows: batches in every layout against single rows.

use super::norms::{self, norm};
use super::{Memory, Number};
use crate::common::oracle::sum;
use crate::common::rows::{row, Random, SIZES};
use entmax_core::losses::{LossBatch, LossResults};
use entmax_core::maps::{Results, RowBatch};
use entmax_core::regularised::frame::Outcome;
use entmax_core::regularised::{map, normmax_loss, rows, sparse};
use entmax_core::status::Status;

const EXPONENTS: [f64; 5] = [0.1, 0.5, 1.0, 3.0, f64::INFINITY];

/// Rows of n along the middle axis of [outer, n, inner], and where entry j of row r lies.
struct Layout {
    outer: usize,
    n: usize,
    inner: usize,
}

impl Layout {
    fn rows(&self) -> usize {
        self.outer * self.inner
    }

    fn at(&self, r: usize, j: usize) -> usize {
        (r / self.inner * self.n + j) * self.inner + r % self.inner
    }

    fn of<T: Copy>(&self, r: usize, from: &[T]) -> Vec<T> {
        (0..self.n).map(|j| from[self.at(r, j)]).collect()
    }

    fn batch<T: Number>(
        &self,
        x: &[T],
        mask: &[u8],
        which: u32,
        parameter: &f64,
        upper: Option<&[T]>,
    ) -> RowBatch<T> {
        RowBatch {
            x: x.as_ptr(),
            mask: mask.as_ptr(),
            n: self.n,
            inner: self.inner,
            map: which,
            parameter,
            parameter_stride: 0,
            upper: upper.map_or(std::ptr::null(), <[T]>::as_ptr),
            upper_is_shared: false,
            k: 0,
            temperature: 0.75,
            empty_row_is_nan: false,
        }
    }
}

fn layouts() -> impl Iterator<Item = Layout> {
    SIZES
        .into_iter()
        .filter(|&n| (1..=300).contains(&n))
        .flat_map(|n| [(1, 1), (3, 1), (2, 5)].map(|(outer, inner)| Layout { outer, n, inner }))
}

fn scores<T: Number>(layout: &Layout) -> Vec<T> {
    let size = layout.rows() * layout.n;
    row("normal", size, 0.6).into_iter().map(T::round).collect()
}

/// The loss from tau, the gradient p - q and the slope by alpha, for classes and for distributions.
fn loss_of_rows<T: Number>(tolerance: f64) {
    for layout in layouts() {
        let (n, count) = (layout.n, layout.rows());
        let x: Vec<T> = scores(&layout);
        let mut random = Random(n as u64);
        let classes: Vec<i32> = (0..count)
            .map(|_| (random.uniform() * n as f64) as i32)
            .collect();
        let mut mask = vec![1u8; x.len()];
        let mut soft = vec![T::ZERO; x.len()];
        for (r, &class) in classes.iter().enumerate() {
            let second = (random.uniform() * n as f64) as usize;
            for (k, share) in [(class as usize, 0.75), (second, 0.25)] {
                let at = layout.at(r, k);
                soft[at] = T::round(soft[at].wide() + share);
            }
            for j in (0..n).filter(|j| j % 5 == 2 && *j != class as usize && *j != second) {
                mask[layout.at(r, j)] = 0;
            }
        }
        let scale: Vec<f64> = (0..count).map(|r| 1.0 + r as f64).collect();
        for e in EXPONENTS {
            for is_soft in [false, true] {
                let batch = LossBatch {
                    scores: layout.batch(&x, &mask, map::NORMMAX, &e, None),
                    targets: if is_soft {
                        std::ptr::null()
                    } else {
                        classes.as_ptr()
                    },
                    soft: if is_soft {
                        soft.as_ptr()
                    } else {
                        std::ptr::null()
                    },
                    scale: scale.as_ptr(),
                };
                let label = format!(
                    "n = {n}, inner = {}, e = {e}, soft: {is_soft}",
                    layout.inner
                );
                let mut dz = vec![T::ONE; x.len()];
                let (mut loss, mut slopes) = (vec![7.0; count], vec![7.0; count]);
                let results = LossResults {
                    loss: loss.as_mut_ptr(),
                    dz: dz.as_mut_ptr(),
                    dparameter: slopes.as_mut_ptr(),
                    ..LossResults::NOTHING
                };
                let bytes = normmax_loss::workspace::<T>(n, layout.inner);
                let mut memory = Memory::new(bytes);
                // SAFETY: everything is as long as the layout says.
                let status =
                    unsafe { normmax_loss::row_loss(&batch, 0..count, &results, memory.at()) };
                assert_eq!(status, Status::Ok, "{label}");
                let mut alone = vec![7.0; count];
                let results = LossResults {
                    loss: alone.as_mut_ptr(),
                    ..LossResults::NOTHING
                };
                // SAFETY: as above.
                unsafe { normmax_loss::row_loss(&batch, 0..count, &results, memory.at()) };
                assert_eq!(alone, loss, "{label}: without gradients");
                for r in 0..count {
                    let kept = layout.of(r, &mask);
                    let mut z: Vec<T> = layout.of(r, &x);
                    for (z, _) in z.iter_mut().zip(&kept).filter(|(_, &keep)| keep == 0) {
                        *z = T::round(f64::NEG_INFINITY);
                    }
                    let (p, Outcome::Solved(solved)) = norms::solve(&z, e, 0.75) else {
                        panic!("{label}")
                    };
                    let max = z.iter().map(|z| z.wide()).fold(f64::NEG_INFINITY, f64::max);
                    let q: Vec<f64> = if is_soft {
                        layout.of(r, &soft).iter().map(|q| q.wide()).collect()
                    } else {
                        (0..n)
                            .map(|j| f64::from(u8::from(j == classes[r] as usize)))
                            .collect()
                    };
                    let size = |q: &[f64]| {
                        if e == f64::INFINITY {
                            q.iter().cloned().fold(0.0, f64::max)
                        } else {
                            norm(q, 1.0 + e)
                        }
                    };
                    let dot = sum(q
                        .iter()
                        .zip(&z)
                        .filter(|(&q, _)| q > 0.0)
                        .map(|(q, z)| q * ((z.wide() - max) / 0.75)));
                    let exact = (solved.threshold + size(&q) - dot).max(0.0);
                    assert!(
                        (loss[r] - exact).abs() <= 1e-14 * (1.0 + exact),
                        "{label}: {r}"
                    );
                    let factor = scale[r] / 0.75;
                    for (j, dz) in layout.of(r, &dz).iter().enumerate() {
                        let exact = (p[j].wide() - q[j]) * factor;
                        assert!(
                            (dz.wide() - exact).abs() <= tolerance * factor,
                            "{label}: {r}, {j}"
                        );
                    }
                    if e == f64::INFINITY {
                        assert_eq!(slopes[r], 0.0, "{label}");
                        continue;
                    }
                    let p: Vec<f64> = p.iter().map(|p| p.wide()).collect();
                    let h = 1e-5;
                    let slope = |q: &[f64]| {
                        let q: Vec<f64> = q.iter().cloned().filter(|&q| q > 0.0).collect();
                        (norm(&q, 1.0 + e + h) - norm(&q, 1.0 + e - h)) / (2.0 * h)
                    };
                    let exact = (slope(&q) - slope(&p)) * scale[r];
                    assert!(
                        (slopes[r] - exact).abs() <= 1e-8 * scale[r],
                        "{label}: {} {exact}",
                        slopes[r]
                    );
                }
            }
        }
    }
}

#[test]
fn the_loss_of_f32_is_that_of_its_rows() {
    loss_of_rows::<f32>(2e-7);
}

#[test]
fn the_loss_of_f64_is_that_of_its_rows() {
    loss_of_rows::<f64>(2e-16);
}

#[test]
fn the_loss_refuses_what_has_none() {
    let x = [1.0f64, 2.0];
    let (targets, scale) = ([0, 1], [1.0]);
    let mut loss = [7.0];
    let results = LossResults {
        loss: loss.as_mut_ptr(),
        ..LossResults::NOTHING
    };
    let layout = Layout {
        outer: 1,
        n: 2,
        inner: 1,
    };
    for (which, parameter) in [
        (map::NORMMAX, 0.0),
        (map::NORMMAX, f64::NAN),
        (map::CONSTRAINED, 1.0),
    ] {
        let batch = LossBatch {
            scores: layout.batch(&x, &[1, 1], which, &parameter, None),
            targets: targets.as_ptr(),
            soft: std::ptr::null(),
            scale: scale.as_ptr(),
        };
        let mut memory = Memory::new(normmax_loss::workspace::<f64>(2, 1));
        // SAFETY: as above.
        let status = unsafe { normmax_loss::row_loss(&batch, 0..1, &results, memory.at()) };
        assert_eq!(status, Status::InvalidParameter);
    }
    assert_eq!(loss, [7.0]);
}

const MAPS: [(u32, f64); 7] = [
    (map::FUSEDMAX, 0.1),
    (map::OSCARMAX, 0.02),
    (map::OSCARMAX_PUBLISHED, 0.02),
    (map::NORMMAX, 0.7),
    (map::CONSTRAINED, 0.0),
    (map::CONSTRAINED, 0.4),
    (map::TVMAX, 0.1),
];

/// Sizes, thresholds and entries against the dense rows, in both forms and both orders.
fn supports_of_rows<T: Number>() {
    for layout in layouts() {
        let (n, count) = (layout.n, layout.rows());
        let x: Vec<T> = scores(&layout);
        let mask: Vec<u8> = (0..x.len()).map(|i| u8::from(i % 7 != 3)).collect();
        let upper = vec![T::round(if n < 4 { 1.0 } else { 3.0 / n as f64 }); x.len()];
        for (which, parameter) in MAPS {
            let label = format!("map {which}, n = {n}, inner = {}", layout.inner);
            let upper = (which == map::CONSTRAINED).then_some(upper.as_slice());
            // A grid of one row is a line.
            let batch = layout.batch(&x, &mask, which, &parameter, upper);
            let bytes = rows::workspace::<T>(n, layout.inner)
                .max(rows::grid_workspace::<T>(n, layout.inner));
            let mut memory = Memory::new(bytes);
            let mut p = vec![T::ONE; x.len()];
            let dense = rows::Results {
                out: p.as_mut_ptr(),
                groups: std::ptr::null_mut(),
                rates: std::ptr::null_mut(),
            };
            // SAFETY: everything is as long as the layout says.
            let status = unsafe { rows::row_map(&batch, 0..count, n, &dense, memory.at()) };
            assert_eq!(status, Status::Ok, "{label}");
            let (mut sizes, mut thresholds) = (vec![-7; count], vec![T::ONE; count]);
            let support = Results {
                sizes: sizes.as_mut_ptr(),
                thresholds: thresholds.as_mut_ptr(),
                ..Results::NOTHING
            };
            // SAFETY: as above.
            let status =
                unsafe { sparse::row_map_sparse(&batch, 0..count, n, &support, memory.at()) };
            assert_eq!(status, Status::Ok, "{label}");
            for by_value in [false, true] {
                let (mut own_sizes, mut own_thresholds) = (vec![-7; count], vec![T::ONE; count]);
                let (mut indices, mut values) = (vec![-7; x.len() + 1], vec![T::ONE; x.len() + 1]);
                let csr = Results {
                    sizes: own_sizes.as_mut_ptr(),
                    thresholds: own_thresholds.as_mut_ptr(),
                    indices: indices.as_mut_ptr(),
                    values: values.as_mut_ptr(),
                    by_value,
                    ..Results::NOTHING
                };
                // SAFETY: as above.
                unsafe { sparse::row_map_sparse(&batch, 0..count, n, &csr, memory.at()) };
                assert_eq!(own_sizes, sizes, "{label}");
                assert_eq!(indices[x.len()], -7, "{label}");
                for r in 0..count {
                    assert_eq!(own_thresholds[r].bits(), thresholds[r].bits(), "{label}");
                    let row = layout.of(r, &p);
                    let mut entries: Vec<(usize, T)> = (0..n)
                        .map(|j| (j, row[j]))
                        .filter(|(_, p)| p.wide() > 0.0)
                        .collect();
                    if by_value {
                        entries.sort_by(|a, b| b.1.wide().total_cmp(&a.1.wide()));
                    }
                    let slot = r * n..r * n + sizes[r] as usize;
                    let own = indices[slot.clone()].iter().zip(&values[slot]);
                    let own: Vec<(usize, u64)> =
                        own.map(|(&j, p)| (j as usize, p.bits())).collect();
                    let entries: Vec<(usize, u64)> =
                        entries.iter().map(|(j, p)| (*j, p.bits())).collect();
                    assert_eq!(own, entries, "{label}: row {r}");
                }
            }
            if which != map::NORMMAX && which != map::CONSTRAINED {
                continue;
            }
            for (r, &threshold) in thresholds.iter().enumerate() {
                let (row, scores, kept) = (layout.of(r, &p), layout.of(r, &x), layout.of(r, &mask));
                for j in 0..n {
                    let inside = kept[j] != 0 && scores[j] > threshold;
                    assert_eq!(row[j].wide() > 0.0, inside, "{label}: row {r}, {j}");
                }
            }
        }
    }
}

#[test]
fn supports_of_f32_are_those_of_the_dense_rows() {
    supports_of_rows::<f32>();
}

#[test]
fn supports_of_f64_are_those_of_the_dense_rows() {
    supports_of_rows::<f64>();
}
