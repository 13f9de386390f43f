// What a result is held against: distance from the reference, and the support rule of MATH.md §20.

import type { Reference } from './reference.ts';

export type FloatType = 'float32' | 'float64';

/** The largest difference of two rows relative to the expected row's largest entry; NaN where only one is NaN. */
export function errorOf(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [worst, scale] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    scale = Math.max(scale, expected[i]!);
    worst = Math.max(worst, Math.abs(actual[i]! - expected[i]!));
  }
  return worst / (scale || 1);
}

/** The largest difference relative to the largest magnitude of the expected values, or to `floor`; NaN must meet NaN. */
export function gradientError(actual: ArrayLike<number>, expected: ArrayLike<number>, floor = 1): number {
  let [worst, scale] = [0, floor];
  for (let i = 0; i < expected.length; i++) {
    if (Number.isNaN(expected[i]) && Number.isNaN(actual[i])) continue;
    scale = Math.max(scale, Math.abs(expected[i]!));
    worst = Math.max(worst, Math.abs(actual[i]! - expected[i]!));
    if (Number.isNaN(actual[i]! - expected[i]!)) return Infinity;
  }
  return worst / scale;
}

/** Distance from |value| to the next larger number of the type. */
export function ulp(value: number, dtype: FloatType): number {
  const [fraction, smallest] = dtype === 'float32' ? [23, 2 ** -149] : [52, 2 ** -1074];
  const magnitude = Math.abs(value);
  if (!(magnitude > 0 && magnitude < Infinity)) return smallest;
  let exponent = Math.floor(Math.log2(magnitude));
  if (2 ** exponent > magnitude) exponent--;
  return Math.max(smallest, 2 ** (exponent - fraction));
}

/** Entries whose membership in the support differs from the reference's without an excuse. */
export function wrongSupport(
  actual: ArrayLike<number>,
  expected: Reference,
  scores: ArrayLike<number>,
  dtype: FloatType,
): number[] {
  const smallestNormal = dtype === 'float32' ? 2 ** -126 : 2 ** -1022;
  let max = -Infinity;
  for (let i = 0; i < scores.length; i++) if (expected.p[i]! > 0) max = Math.max(max, scores[i]!);
  const wrong: number[] = [];
  for (let i = 0; i < scores.length; i++) {
    const p = expected.p[i]!;
    if (actual[i]! > 0 === p > 0) continue;
    if (p > 0 && p < smallestNormal) continue;
    const near = 4 * ulp(Math.max(Math.abs(scores[i]!), Math.abs(max)), dtype);
    if (!(Math.abs(scores[i]! - expected.threshold) <= near)) wrong.push(i);
  }
  return wrong;
}

/** The bits of floats as text, so that NaN, -0 and last digits count. */
export function bitsOf(values: Float32Array | Float64Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex');
}
