// Rows that a kernel can get wrong: the worst cases of MATH.md §20, each exact in float32 or rounded to it.

import { randomFrom } from './random.ts';
import type { Random } from './random.ts';

/** Makes a row of n scores. Some depend on alpha, because the edge of the support does. */
export type RowMaker = (n: number, random: Random, alpha: number) => Float64Array;

const rowOf = (n: number, score: (i: number) => number): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => Math.fround(score(i)));

/** How far below the maximum a score may lie and still count; 4 stands for softmax, which has no such limit. */
const reachOf = (alpha: number): number => (alpha === 1 ? 4 : Math.min(4, 1 / (alpha - 1)));

/** Rows with finite scores of ordinary size. */
export const ORDINARY_ROWS: Readonly<Record<string, RowMaker>> = {
  normal: (n, random) => rowOf(n, () => random.normal()),
  'narrow normal, large support': (n, random) => rowOf(n, () => random.normal() / 128),
  'wide normal, small support': (n, random) => rowOf(n, () => random.normal() * 16),
  'normal far from zero': (n, random) => rowOf(n, () => random.normal() + 1000),
  'all equal': (n) => rowOf(n, () => 0.75),
  'two tied maxima': (n, random) => rowOf(n, (i) => (i === 0 || i === n - 1 ? 3.5 : random.normal() - 1)),
  'few levels, many ties': (n, random) => rowOf(n, () => random.below(4) / 8),
  'one spike': (n) => rowOf(n, (i) => (i === n >> 1 ? 6 : 0)),
  'one spike just within reach of many': (n, _, alpha) =>
    rowOf(n, (i) => (i === n >> 1 ? 0 : -0.96875 * reachOf(alpha))),
  'half of the scores halfway to the limit': (n, _, alpha) => rowOf(n, (i) => (i % 2 === 0 ? 0 : -reachOf(alpha) / 2)),
  'rising ramp': (n) => rowOf(n, (i) => (4 * i) / n),
  'falling ramp': (n) => rowOf(n, (i) => (-4 * i) / n),
  'geometric decay': (n) => rowOf(n, (i) => -(2 ** (i / 8 - 4))),
  zipf: (n, random) => rowOf(n, () => -Math.log(1 + random.below(n))),
  alternating: (n) => rowOf(n, (i) => (i % 2 === 0 ? 1 : -1) * 0.375),
};

/** Rows of unusual magnitudes, and with scores that do not count. */
export const EXTREME_ROWS: Readonly<Record<string, RowMaker>> = {
  '1e-30': (n, random) => rowOf(n, () => random.normal() * 1e-30),
  '1e-7': (n, random) => rowOf(n, () => random.normal() * 1e-7),
  '1e4': (n, random) => rowOf(n, () => random.normal() * 1e4),
  '1e30': (n, random) => rowOf(n, () => random.normal() * 1e30),
  '3e38 of both signs': (n, random) => rowOf(n, () => (random.below(2) === 0 ? 3e38 : -3e38)),
  denormals: (n, random) => rowOf(n, () => random.below(64) * 2 ** -149),
  'zeros of both signs': (n, random) => rowOf(n, () => (random.below(2) === 0 ? 0 : -0)),
  'one -Infinity': (n, random) => rowOf(n, (i) => (i === n - 1 && n > 1 ? -Infinity : random.normal())),
  'half -Infinity': (n, random) => rowOf(n, (i) => (i % 2 === 1 ? -Infinity : random.normal())),
  'all but one -Infinity': (n) => rowOf(n, (i) => (i === n >> 1 ? 1.5 : -Infinity)),
  'exactly at the limit, and one ulp above': (n, _, alpha) =>
    rowOf(n, (i) => (i === 0 ? 0 : i % 2 === 0 ? -reachOf(alpha) : -Math.fround(reachOf(alpha)) * (1 - 2 ** -23))),
};

/** Sizes around every vector and unroll boundary. */
export const SIZES = [
  1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1000,
];
export const LARGE_SIZES = [4095, 4096, 4097];
/** A vocabulary. */
export const LARGEST = 32000;

/** Softmax, the neighbourhoods of the closed forms, both sides of 2, and the limit. */
export const ALPHAS = [
  1,
  1 + 1e-7,
  1.0001,
  1.001,
  1.01,
  1.25,
  4 / 3,
  1.5,
  1.7,
  1.99,
  2,
  2.0001,
  2.5,
  4,
  10,
  64,
  Infinity,
];

/** The row of a kind, a size and a seed: always the same. */
export function makeRow(make: RowMaker, n: number, alpha: number, seed = 1): Float64Array {
  return make(n, randomFrom(seed * 7919 + n), alpha);
}
