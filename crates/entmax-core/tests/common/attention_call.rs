//! Calling attention and its pullback from safe code, and the same composed densely in f64.

use super::call::{Number, Workspace};
use super::derivatives;
use super::oracle::entmax;
use entmax_core::attention::*;
use entmax_core::status::Status;
use std::ops::Range;
use std::ptr::{null, null_mut};

/// Letters as in the kernels.
#[derive(Clone, Default)]
pub struct Problem {
    pub batches: usize,
    pub heads: usize,
    pub key_heads: usize,
    pub queries: usize,
    pub keys: usize,
    pub width: usize,
    pub value_width: usize,
    /// [`rule`].
    pub rule: u32,
    /// alpha - 1 of each head.
    pub exponents: Vec<f64>,
    pub scale: f64,
    pub causal: u32,
    pub q: Vec<f64>,
    pub k: Vec<f64>,
    pub v: Vec<f64>,
    pub dout: Vec<f64>,
    /// Of the shape [B, H, N, M] with some axes 1.
    pub bias: Option<(Vec<f64>, [usize; 4])>,
    pub mask: Option<Vec<u8>>,
    pub key_mask: Option<Vec<u8>>,
    pub slopes: Option<Vec<f64>>,
    pub query_lengths: Option<Vec<i32>>,
    pub key_lengths: Option<Vec<i32>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gradients<T> {
    /// What the gradients are of.
    pub out: Vec<T>,
    pub q: Vec<T>,
    pub k: Vec<T>,
    pub v: Vec<T>,
    /// Of each row.
    pub alpha: Vec<f64>,
    pub bias: Vec<T>,
}

/// The kernels of a type.
pub trait AttentionNumber: Number {
    unsafe fn pack(call: &Attention<Self>, panels: Range<usize>);
    unsafe fn attend(call: &Attention<Self>, blocks: Range<usize>) -> Status;
    unsafe fn pull_back(step: u32, backward: &Backward<Self>, range: Range<usize>) -> Status;
}

macro_rules! attention_number {
    ($scalar:ty, $pack:ident, $attend:ident, $bytes:ident, $pull_back:ident, $pull_back_bytes:ident) => {
        impl AttentionNumber for $scalar {
            unsafe fn pack(call: &Attention<Self>, panels: Range<usize>) {
                unsafe { $pack(call, panels) };
            }
            unsafe fn attend(call: &Attention<Self>, blocks: Range<usize>) -> Status {
                let mut workspace = Workspace::new($bytes(call.keys, call.width, call.value_width));
                unsafe { $attend(call, blocks, workspace.pointer()) }
            }
            unsafe fn pull_back(
                step: u32,
                backward: &Backward<Self>,
                range: Range<usize>,
            ) -> Status {
                let call = unsafe { &*backward.call };
                let (width, value_width) = (call.width, call.value_width);
                let bytes =
                    $pull_back_bytes(step, call.keys, width, value_width, backward.block.count);
                let mut workspace = Workspace::new(bytes);
                unsafe { $pull_back(step, backward, range, workspace.pointer()) }
            }
        }
    };
}

attention_number!(
    f32,
    attention_pack_f32,
    attention_f32,
    attention_workspace_f32,
    attention_backward_f32,
    attention_backward_workspace_f32
);
attention_number!(
    f64,
    attention_pack_f64,
    attention_f64,
    attention_workspace_f64,
    attention_backward_f64,
    attention_backward_workspace_f64
);

fn round<T: Number>(values: &[f64]) -> Vec<T> {
    values.iter().map(|&value| T::round(value)).collect()
}

/// Rows of `width` numbers, each followed by zeros up to a multiple of sixteen.
fn padded<T: Number>(values: &[f64], width: usize) -> Vec<T> {
    let zeros = width.next_multiple_of(16) - width;
    let row = |row: &[f64]| [round(row), vec![T::round(0.0); zeros]].concat();
    values.chunks(width.max(1)).flat_map(row).collect()
}

fn heads<T>(data: *mut T, heads: usize, rows: usize, width: usize) -> Heads<T> {
    Heads {
        data,
        batch: heads * rows * width,
        head: rows * width,
        row: width,
    }
}

fn table<T>(data: &[T], shape: [usize; 4]) -> Table<T> {
    let mut distances = [0; 4];
    let mut distance = 1;
    for axis in (0..4).rev() {
        distances[axis] = if shape[axis] == 1 { 0 } else { distance };
        distance *= shape[axis];
    }
    let [batch, head, query, key] = distances;
    Table {
        data: data.as_ptr(),
        batch,
        head,
        query,
        key,
    }
}

impl Problem {
    fn rows(&self) -> usize {
        self.batches * self.heads * self.queries
    }

    fn is_softmax(&self, head: usize) -> bool {
        self.rule == rule::ENTMAX && self.exponents[head] == 0.0
    }

    /// Output and all gradients, each step in ranges of `chunk` rows and `block` queries of softmax at a time.
    pub fn gradients<T: AttentionNumber>(&self, chunk: usize, block: usize) -> Gradients<T> {
        let Problem {
            batches,
            heads: h,
            key_heads: g,
            queries: n,
            keys: m,
            ..
        } = *self;
        let (d, e) = (self.width, self.value_width);
        let (dp, ep) = (d.next_multiple_of(16), e.next_multiple_of(16));
        let zeros = |count: usize| vec![T::round(0.0); count];
        let (mut q, mut k, mut v, mut dout) = (
            padded::<T>(&self.q, d),
            padded::<T>(&self.k, d),
            padded::<T>(&self.v, e),
            padded::<T>(&self.dout, e),
        );
        let panels = m.div_ceil(16);
        let mut key_panels = zeros(batches * g * panels * 16 * d);
        let mut value_panels = zeros(batches * g * panels * 16 * e);
        let mut out = zeros(self.rows() * e);
        let (bias, mask) = (self.bias.as_ref(), self.mask.as_ref());
        let bias_values: Vec<T> = bias.map_or(Vec::new(), |(values, _)| round(values));
        let bias_shape = bias.map_or([1; 4], |(_, shape)| *shape);
        let slopes: Option<Vec<T>> = self.slopes.as_ref().map(|slopes| round(slopes));
        let (mut sizes, mut thresholds) = (vec![0; self.rows()], zeros(self.rows()));
        let (mut indices, mut weights) = (vec![0; self.rows() * m], zeros(self.rows() * m));
        let values = heads(v.as_mut_ptr(), g, m, ep);
        let mut call = Attention {
            scale: self.scale,
            alpha: self.exponents.as_ptr(),
            q: heads(q.as_mut_ptr(), h, n, dp),
            k: heads(k.as_mut_ptr(), g, m, dp),
            v: values,
            out: heads(out.as_mut_ptr(), h, n, e),
            panels: key_panels.as_mut_ptr(),
            values,
            bias: bias.map_or(Table::NONE, |_| table(&bias_values, bias_shape)),
            mask: mask.map_or(Table::NONE, |mask| table(mask, [batches, h, n, m])),
            key_mask: self.key_mask.as_ref().map_or(null(), |mask| mask.as_ptr()),
            slopes: slopes.as_ref().map_or(null(), |slopes| slopes.as_ptr()),
            query_lengths: self.query_lengths.as_ref().map_or(null(), |l| l.as_ptr()),
            key_lengths: self.key_lengths.as_ref().map_or(null(), |l| l.as_ptr()),
            batches,
            heads: h,
            key_heads: g,
            queries: n,
            keys: m,
            width: d,
            value_width: e,
            causal: self.causal,
            topk: 0,
            empty_row_is_nan: 0,
            weights: Weights {
                sizes: sizes.as_mut_ptr(),
                thresholds: thresholds.as_mut_ptr(),
                indices: indices.as_mut_ptr(),
                values: weights.as_mut_ptr(),
                first_row: 0,
            },
            records: null_mut(),
            screened: null_mut(),
            blocks_done: 0,
            blocks: null_mut(),
            pages: null(),
            pages_per_batch: 0,
            page_keys: 0,
            work: null_mut(),
            empty: null_mut(),
            rule: self.rule,
        };
        let packed = batches * g * m.div_ceil(BLOCK_KEYS);
        let blocks = batches * h * n.div_ceil(block_queries(m));
        unsafe {
            T::pack(&call, 0..packed);
            assert_eq!(T::attend(&call, 0..blocks), Status::Ok);
            let as_keys = Attention {
                k: values,
                width: e,
                panels: value_panels.as_mut_ptr(),
                ..call
            };
            T::pack(&as_keys, 0..packed);
        }
        call.weights = Weights::NONE;
        let (mut starts, mut at) = (vec![0u32], 0);
        let (mut kept_indices, mut kept) = (Vec::new(), Vec::new());
        for (r, &size) in sizes.iter().enumerate() {
            let size = if self.is_softmax(r / n % h) {
                0
            } else {
                size as usize
            };
            kept_indices.extend(indices[r * m..r * m + size].iter().map(|&j: &i32| j as u32));
            kept.extend_from_slice(&weights[r * m..r * m + size]);
            at += size as u32;
            starts.push(at);
        }
        let guard = T::round(77.0);
        let mut got = Gradients {
            out,
            q: vec![guard; self.rows() * d],
            k: vec![guard; batches * g * m * d],
            v: vec![guard; batches * g * m * e],
            alpha: vec![77.0; self.rows()],
            bias: zeros(bias_values.len()),
        };
        let entries = at as usize;
        let (mut scores, mut column_weights) = (zeros(entries), zeros(entries));
        let mut column_scores = zeros(entries);
        let (mut ends, mut column_queries) = (vec![0; batches * h * m], vec![0; entries]);
        let pitch = (m + 32) * 16;
        let (mut dense, mut dense_scores) = (zeros(block * pitch), zeros(block * pitch));
        let mut backward = Backward {
            call: &call,
            dout: heads(dout.as_mut_ptr(), h, n, ep),
            dq: heads(got.q.as_mut_ptr(), h, n, d),
            dk: heads(got.k.as_mut_ptr(), g, m, d),
            dv: heads(got.v.as_mut_ptr(), g, m, e),
            dalpha: got.alpha.as_mut_ptr(),
            dbias: bias.map_or(Table::NONE, |_| table(&got.bias, bias_shape)),
            saved: Saved {
                starts: starts.as_ptr(),
                indices: kept_indices.as_ptr(),
                weights: kept.as_ptr(),
                scores: scores.as_mut_ptr(),
                thresholds: thresholds.as_ptr(),
            },
            columns: Columns {
                ends: ends.as_mut_ptr(),
                queries: column_queries.as_mut_ptr(),
                weights: column_weights.as_mut_ptr(),
                scores: column_scores.as_mut_ptr(),
            },
            block: Block {
                panels: value_panels.as_mut_ptr(),
                weights: dense.as_mut_ptr(),
                scores: dense_scores.as_mut_ptr(),
                head: 0,
                first: 0,
                count: 0,
            },
        };
        let run = |step: u32, backward: &Backward<T>, rows: usize| {
            for first in (0..rows).step_by(chunk) {
                let range = first..rows.min(first + chunk);
                assert_eq!(unsafe { T::pull_back(step, backward, range) }, Status::Ok);
            }
        };
        let bias_rows = bias.map_or(0, |_| bias_shape[..3].iter().product());
        run(step::ROWS, &backward, self.rows());
        run(step::SORT, &backward, batches * h);
        run(step::KEYS, &backward, batches * g * panels);
        run(step::BIAS, &backward, bias_rows);
        for head in (0..batches * h).filter(|head| self.is_softmax(head % h)) {
            for first in (0..n).step_by(block) {
                let count = block.min(n - first);
                backward.block = Block {
                    head,
                    first,
                    count,
                    ..backward.block
                };
                run(step::BLOCKS, &backward, count.div_ceil(BLOCK_QUERIES));
                run(step::BLOCK_KEYS, &backward, panels);
                run(step::BLOCK_BIAS, &backward, bias_rows);
            }
        }
        got
    }

    /// Output and gradients from dense rows, in f64.
    pub fn reference(&self) -> Gradients<f64> {
        let Problem {
            heads: h,
            key_heads: g,
            queries: n,
            keys: m,
            ..
        } = *self;
        let (d, e, scale) = (self.width, self.value_width, self.scale);
        let (bias, shape) = self.bias.clone().unwrap_or((Vec::new(), [1; 4]));
        let mut want = Gradients {
            out: vec![0.0; self.dout.len()],
            q: vec![0.0; self.q.len()],
            k: vec![0.0; self.k.len()],
            v: vec![0.0; self.v.len()],
            alpha: vec![0.0; self.rows()],
            bias: vec![0.0; bias.len()],
        };
        for r in 0..self.rows() {
            let (b, head, i) = (r / n / h, r / n % h, r % n);
            let key = |j: usize| (b * g + head / (h / g)) * m + j;
            let own = |axis: usize, place: usize| if shape[axis] == 1 { 0 } else { place };
            let bias_at = |j: usize| {
                let head = own(0, b) * shape[1] + own(1, head);
                (head * shape[2] + own(2, i)) * shape[3] + own(3, j)
            };
            let queries = self.query_lengths.as_ref().map_or(n, |l| l[b] as usize);
            let keys = self.key_lengths.as_ref().map_or(m, |l| l[b] as usize);
            let seen: Vec<usize> = (0..keys)
                .filter(|&j| {
                    i < queries
                        && match self.causal {
                            causal::UPPER_LEFT => j <= i,
                            causal::LOWER_RIGHT => j + queries <= i + keys,
                            _ => true,
                        }
                        && self.mask.as_ref().is_none_or(|mask| mask[r * m + j] != 0)
                        && self
                            .key_mask
                            .as_ref()
                            .is_none_or(|mask| mask[b * m + j] != 0)
                })
                .collect();
            if seen.is_empty() {
                continue;
            }
            let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
            let (q, dout) = (&self.q[r * d..(r + 1) * d], &self.dout[r * e..(r + 1) * e]);
            let scores: Vec<f64> = seen
                .iter()
                .map(|&j| {
                    let product = scale * dot(q, &self.k[key(j) * d..(key(j) + 1) * d]);
                    let slope = self.slopes.as_ref().map_or(0.0, |slopes| slopes[head]);
                    let place = if self.causal == causal::UPPER_LEFT {
                        i as f64
                    } else {
                        (i + keys) as f64 - queries as f64
                    };
                    let distance = place - j as f64;
                    let bias = if bias.is_empty() {
                        0.0
                    } else {
                        bias[bias_at(j)]
                    };
                    product + bias - slope * distance.abs()
                })
                .collect();
            let exponent = self.exponents[head];
            let is_relu = self.rule == rule::RELU;
            let p = if is_relu {
                scores.iter().map(|score| score.max(0.0)).collect()
            } else {
                entmax(&scores, exponent, 1.0).p
            };
            let products: Vec<f64> = seen
                .iter()
                .map(|&j| dot(dout, &self.v[key(j) * e..(key(j) + 1) * e]))
                .collect();
            let ds: Vec<f64> = if is_relu {
                let of = |(&p, &product): (&f64, &f64)| if p > 0.0 { product } else { 0.0 };
                p.iter().zip(&products).map(of).collect()
            } else {
                want.alpha[r] = dot(&derivatives::by_alpha(&p, exponent), &products);
                derivatives::pull_back(&p, &products, exponent, 1.0)
            };
            for (at, &j) in seen.iter().enumerate() {
                for (c, q) in q.iter().enumerate() {
                    want.q[r * d + c] += scale * ds[at] * self.k[key(j) * d + c];
                    want.k[key(j) * d + c] += scale * ds[at] * q;
                }
                for (c, dout) in dout.iter().enumerate() {
                    want.out[r * e + c] += p[at] * self.v[key(j) * e + c];
                    want.v[key(j) * e + c] += p[at] * dout;
                }
                if !bias.is_empty() {
                    want.bias[bias_at(j)] += ds[at];
                }
            }
        }
        want
    }
}
