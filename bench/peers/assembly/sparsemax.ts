/**
 * sparsemax of every row: Michelot's algorithm on the few scores that can be in the support at all.
 *
 * A score more than 1 below the maximum has probability 0, so one pass collects the rest (16 scores are dismissed by
 * one test, since hits are rare), Michelot's steps run over that short list, and the row is written as zeros plus the
 * support. `workspace` holds the list: n values, then n column numbers.
 */

import { maximum } from './maximum';

export function sparsemax(x: Float32Array, out: Float32Array, workspace: Float32Array, rows: i32, n: i32): void {
  const rowBytes = (n as usize) << 2;
  for (let row = 0; row < rows; row++) {
    const offset = (row as usize) * rowBytes;
    sparsemaxRow(x.dataStart + offset, out.dataStart + offset, workspace.dataStart, n);
  }
}

function sparsemaxRow(source: usize, target: usize, values: usize, n: i32): void {
  const columns = values + ((n as usize) << 2);
  const size = candidates(source, values, columns, n, maximum(source, n) - 1);
  const tau = michelot(values, columns, size);
  memory.fill(target, 0, (n as usize) << 2);
  for (let i = 0; i < size; i++) {
    const at = (i as usize) << 2;
    const p = (load<f32>(values + at) as f64) - tau;
    if (p <= 0) continue;
    store<f32>(target + ((load<i32>(columns + at) as usize) << 2), p as f32);
  }
}

/** Lists every score above `bound` with its column; returns how many there are. */
function candidates(source: usize, values: usize, columns: usize, n: i32, bound: f32): i32 {
  const bounds = f32x4.splat(bound);
  let size = 0;
  let column = 0;
  for (; column + 16 <= n; column += 16) {
    const at = source + ((column as usize) << 2);
    const ab = v128.or(f32x4.gt(v128.load(at), bounds), f32x4.gt(v128.load(at, 16), bounds));
    const cd = v128.or(f32x4.gt(v128.load(at, 32), bounds), f32x4.gt(v128.load(at, 48), bounds));
    if (v128.any_true(v128.or(ab, cd))) size = append(source, values, columns, size, column, column + 16, bound);
  }
  return append(source, values, columns, size, column, n, bound);
}

/** Without a branch per score: each is written behind the list, and the list grows by those that count. */
function append(source: usize, values: usize, columns: usize, size: i32, from: i32, to: i32, bound: f32): i32 {
  for (let column = from; column < to; column++) {
    const z = load<f32>(source + ((column as usize) << 2));
    const at = (size as usize) << 2;
    store<f32>(values + at, z);
    store<i32>(columns + at, column);
    size += (z > bound) as i32;
  }
  return size;
}

/**
 * tau = (sum - 1) / size over the scores that stay above it, until none leaves. A score that left stays out. What lies
 * behind the shortened list is a copy of something in it, or not above tau: the caller may scatter the whole list.
 */
function michelot(values: usize, columns: usize, size: i32): f64 {
  let sum: f64 = 0;
  for (let i = 0; i < size; i++) sum += load<f32>(values + ((i as usize) << 2)) as f64;
  let tau = (sum - 1) / (size as f64);
  let left = 0;
  while (left != size) {
    left = size;
    size = 0;
    sum = 0;
    for (let i = 0; i < left; i++) {
      const at = (i as usize) << 2;
      const z = load<f32>(values + at);
      if ((z as f64) <= tau) continue;
      const to = (size as usize) << 2;
      const column = load<i32>(columns + at);
      store<f32>(values + to, z);
      store<i32>(columns + to, column);
      sum += z as f64;
      size++;
    }
    tau = (sum - 1) / (size as f64);
  }
  return tau;
}
