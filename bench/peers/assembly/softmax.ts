/**
 * softmax of every row, in three passes: the maximum; exp(z - maximum) and its sum; the scaling. Four lanes at a time,
 * with an exponential of our own, because the one of the standard library is scalar. No special values: a row with NaN
 * or infinities is outside this comparison.
 */

import { maximum } from './maximum';

export function softmax(x: Float32Array, out: Float32Array, rows: i32, n: i32): void {
  const rowBytes = (n as usize) << 2;
  for (let row = 0; row < rows; row++) {
    const offset = (row as usize) * rowBytes;
    softmaxRow(x.dataStart + offset, out.dataStart + offset, n);
  }
}

function softmaxRow(source: usize, target: usize, n: i32): void {
  const scale = (1 / exponentials(source, target, n, maximum(source, n))) as f32;
  const scales = f32x4.splat(scale);
  const end = target + ((n as usize) << 2);
  let at = target;
  for (; at + 16 <= end; at += 16) v128.store(at, f32x4.mul(v128.load(at), scales));
  for (; at < end; at += 4) store<f32>(at, load<f32>(at) * scale);
}

/** Elements after which the float32 lanes of the sum are added up in float64: keeps long rows exact to 1e-7. */
const FLUSH: usize = 1024;

/** Writes exp(z - largest) and returns the sum. */
function exponentials(source: usize, target: usize, n: i32, largest: f32): f64 {
  const shift = f32x4.splat(largest);
  const end = source + ((n as usize) << 2);
  const ahead = target - source;
  let total: f64 = 0;
  let at = source;
  while (at + 16 <= end) {
    const stop = min(at + (FLUSH << 2), end);
    let lanes = f32x4.splat(0);
    for (; at + 16 <= stop; at += 16) {
      const e = exp(f32x4.sub(v128.load(at), shift));
      v128.store(at + ahead, e);
      lanes = f32x4.add(lanes, e);
    }
    total +=
      (f32x4.extract_lane(lanes, 0) as f64) +
      (f32x4.extract_lane(lanes, 1) as f64) +
      ((f32x4.extract_lane(lanes, 2) as f64) + (f32x4.extract_lane(lanes, 3) as f64));
  }
  for (; at < end; at += 4) {
    const e = f32x4.extract_lane(exp(f32x4.splat(load<f32>(at) - largest)), 0);
    store<f32>(at + ahead, e);
    total += e as f64;
  }
  return total;
}

/**
 * exp of four numbers <= 0: x = k ln 2 + r with |r| <= ln 2 / 2, a polynomial of degree 6 for exp(r), and k added to
 * the exponent's bits. ln 2 is split in two so that r keeps its digits. Below -87.3 the result would be denormal: 0.
 */
function exp(x: v128): v128 {
  const k = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504)));
  let r = f32x4.sub(x, f32x4.mul(k, f32x4.splat(0.693359375)));
  r = f32x4.add(r, f32x4.mul(k, f32x4.splat(2.1219444e-4)));
  let p = f32x4.splat(1.98756915e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  p = f32x4.add(f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), r), f32x4.splat(1));
  const bits = i32x4.add(p, i32x4.shl(i32x4.trunc_sat_f32x4_s(k), 23));
  return v128.and(bits, f32x4.ge(x, f32x4.splat(-87.3)));
}
