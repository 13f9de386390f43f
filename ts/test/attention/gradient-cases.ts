/** Inputs for the tests of gradients: every kind of call, small enough for a dense reference. */

import type { Options, Problem, Sizes } from '../oracle/attention.ts';
import { floats } from '../oracle/layouts.ts';
import type { Floats } from '../oracle/layouts.ts';
import type { FloatType } from '../oracle/compare.ts';
import { randomFrom } from '../oracle/random.ts';
import type { Random } from '../oracle/random.ts';
import { problemOf, sizes } from './problems.ts';

export interface GradientCase {
  readonly name: string;
  readonly size: Sizes;
  readonly options: Options | ((size: Sizes, random: Random, dtype: FloatType) => Options);
}

const SMALL = sizes(1, [2, 2], 5, 7, 4);
const BOTH = [1, 1.5];

export const ALPHAS = [1, 1.1, 1.25, 1.5, 1.7, 2, 2.5, 4];

const bits = (length: number, of: number): Uint8Array => Uint8Array.from({ length }, (_, at) => Number(at % of !== 1));

const biased = (...shape: number[]): GradientCase => ({
  name: `a bias of shape [${shape.join(', ')}]`,
  size: sizes(2, [2, 1], 3, 5, 4),
  options: (_, random, dtype) => ({
    alpha: BOTH,
    bias: { data: normals(random, dtype, shape), shape },
  }),
});

function normals(random: Random, dtype: FloatType, shape: readonly number[]): Floats {
  const length = shape.reduce((size, each) => size * each, 1);
  return floats(
    dtype,
    Array.from({ length }, () => random.normal()),
  );
}

export const CASES: readonly GradientCase[] = [
  ...ALPHAS.map((alpha) => ({ name: `alpha ${alpha}`, size: SMALL, options: { alpha: [alpha, alpha] } })),
  { name: 'an alpha for each head', size: sizes(2, [4, 4], 3, 6, 4, 8), options: { alpha: [1, 1.3, 2, 3] } },
  { name: 'causal', size: sizes(1, [2, 2], 6, 6, 4), options: { alpha: BOTH, isCausal: true } },
  { name: 'causal, upper left', size: sizes(1, [2, 2], 8, 5, 4), options: { alpha: BOTH, isCausal: 'upperLeft' } },
  { name: 'causal, lower right', size: sizes(1, [2, 2], 4, 9, 4), options: { alpha: BOTH, isCausal: 'lowerRight' } },
  {
    name: 'causal, lower right, queries that see nothing',
    size: sizes(1, [2, 2], 9, 4, 4),
    options: { alpha: BOTH, isCausal: 'lowerRight' },
  },
  { name: 'grouped queries', size: sizes(2, [6, 2], 4, 5, 4), options: { alpha: [1, 1.5, 2, 1.25, 1, 2.5] } },
  { name: 'one key head', size: sizes(2, [3, 1], 4, 5, 8, 4), options: { alpha: [1.5, 1, 2] } },
  { name: 'top-k', size: SMALL, options: { alpha: BOTH, topk: 3 } },
  { name: 'top-k above the number of keys', size: SMALL, options: { alpha: BOTH, topk: 70 } },
  { name: 'a scale', size: SMALL, options: { alpha: BOTH, scale: 0.3 } },
  { name: 'a scale of 0', size: SMALL, options: { alpha: BOTH, scale: 0 } },
  { name: 'one query', size: sizes(1, [2, 2], 1, 9, 4), options: { alpha: BOTH } },
  { name: 'one key', size: sizes(1, [2, 2], 3, 1, 4), options: { alpha: BOTH } },
  { name: 'widths that are no multiples of sixteen', size: sizes(1, [2, 2], 4, 6, 20, 36), options: { alpha: BOTH } },
  { name: 'one channel', size: sizes(1, [2, 2], 4, 6, 1), options: { alpha: BOTH } },
  {
    name: 'a mask of all pairs',
    size: sizes(2, [2, 1], 4, 6, 4),
    options: { alpha: BOTH, mask: { data: bits(96, 3), shape: [2, 2, 4, 6] } },
  },
  {
    name: 'a mask that excludes all keys of a query',
    size: SMALL,
    options: { alpha: BOTH, mask: { data: Uint8Array.of(1, 0, 1, 1, 0), shape: [1, 1, 5, 1] } },
  },
  { name: 'a key mask', size: sizes(2, [2, 1], 4, 6, 4), options: { alpha: BOTH, keyMask: bits(12, 4) } },
  { name: 'all keys masked', size: SMALL, options: { alpha: BOTH, keyMask: new Uint8Array(7) } },
  { name: 'slopes', size: SMALL, options: { alpha: BOTH, alibiSlopes: [0.25, 0.125] } },
  {
    name: 'lengths',
    size: sizes(2, [2, 1], 4, 6, 4),
    options: { alpha: BOTH, querySeqLengths: [4, 2], keyValueSeqLengths: [3, 6], isCausal: 'lowerRight' },
  },
  biased(2, 2, 3, 5),
  biased(1, 2, 3, 5),
  biased(2, 1, 1, 5),
  biased(1, 1, 3, 1),
  biased(3, 5),
  biased(5),
];

export interface Nd {
  readonly data: Floats;
  readonly shape: number[];
}

/** A problem with blocks of q, k and v, and a cotangent of the output. */
export interface Call extends Problem {
  readonly blocks: [Nd, Nd, Nd];
  readonly dout: Nd;
}

export function callOf({ size, options }: GradientCase, dtype: FloatType, seed: number, spread = 1): Call {
  const problem = problemOf(size, dtype, options, 'normal', seed);
  const { b, h, g, n, m, d, e, q, k, v } = problem;
  for (let at = 0; at < q.length; at++) q[at] = q[at]! * spread;
  const dout = normals(randomFrom(seed + 1), dtype, [b, h, n, e]);
  return {
    ...problem,
    blocks: [
      { data: q, shape: [b, h, n, d] },
      { data: k, shape: [b, g, m, d] },
      { data: v, shape: [b, g, m, e] },
    ],
    dout: { data: dout, shape: [b, h, n, e] },
  };
}

export interface UntypedPullback {
  (dout: unknown, wrt?: unknown, run?: unknown): Record<string, unknown>;
  dispose: () => void;
}

/** Attention's pullbacks without their types. */
export interface UntypedVjp {
  vjp: (...args: unknown[]) => [unknown, UntypedPullback];
}
