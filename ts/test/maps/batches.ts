// Batches in which every kind of row meets every alpha, so that neighbours differ in all that they need.

import { permutation, randomFrom } from '../oracle/random.ts';
import { ALPHAS, EXTREME_ROWS, makeRow, ORDINARY_ROWS } from '../oracle/rows.ts';
import type { RowMaker } from '../oracle/rows.ts';
import { floats } from '../oracle/layouts.ts';
import type { Floats } from '../oracle/layouts.ts';
import type { FloatType } from '../oracle/compare.ts';

const filled =
  (value: number): RowMaker =>
  (n) =>
    new Float64Array(n).fill(value);

const KINDS: readonly RowMaker[] = [
  ...Object.values(ORDINARY_ROWS),
  ...Object.values(EXTREME_ROWS),
  filled(-Infinity),
  filled(Infinity),
  (n, random) => filled(1)(n, random, 1).fill(NaN, n - 1),
  (n, random) => filled(0)(n, random, 1).fill(Infinity, n >> 1, (n >> 1) + 1),
];

export interface Batch {
  readonly rows: number;
  readonly n: number;
  readonly scores: Floats;
  readonly alpha: Float64Array;
}

/** All kinds of rows of n with all alphas (or one), in random order; `repeat` times, from several seeds. */
export function batchOf(dtype: FloatType, n: number, alphas: readonly number[] = ALPHAS, repeat = 1): Batch {
  const pairs = alphas.flatMap((alpha) => KINDS.map((make) => ({ alpha, make })));
  const all = Array.from({ length: repeat }, (_, seed) => pairs.map((pair) => ({ ...pair, seed }))).flat();
  const order = permutation(all.length, randomFrom(n + 1));
  const scores = floats(dtype, new Float64Array(all.length * n));
  const alpha = new Float64Array(all.length);
  order.forEach((from, row) => {
    const each = all[from]!;
    alpha[row] = each.alpha;
    scores.set(makeRow(each.make, n, each.alpha, each.seed), row * n);
  });
  return { rows: all.length, n, scores, alpha };
}

/** Scores of shape [O, N, I] as [O, I, N], or back with the last two lengths exchanged. */
export function transposed(values: Floats, outer: number, n: number, inner: number): Floats {
  const result = values.slice();
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < n; j++) {
      for (let i = 0; i < inner; i++) result[(o * inner + i) * n + j] = values[(o * n + j) * inner + i]!;
    }
  }
  return result;
}
