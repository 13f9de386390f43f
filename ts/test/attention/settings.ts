/** Every option of attention, and sizes around what kernels take together. */

import type { FloatType } from '../oracle/compare.ts';
import type { Options, Pairs, Sizes } from '../oracle/attention.ts';
import { floats } from '../oracle/layouts.ts';
import type { Floats } from '../oracle/layouts.ts';
import type { Random } from '../oracle/random.ts';
import { sizes } from './problems.ts';

export type OptionsOf = (size: Sizes, random: Random, dtype: FloatType) => Options;

const bytes = (length: number, random: Random): Uint8Array =>
  Uint8Array.from({ length }, () => Number(random.below(4) > 0));
const sixteenths = (shape: readonly number[], random: Random, dtype: FloatType): Pairs<Floats> => ({
  data: floats(
    dtype,
    Array.from({ length: shape.reduce((size, each) => size * each, 1) }, () => (random.below(65) - 32) / 16),
  ),
  shape,
});
const lengthsUpTo = (most: number, b: number, random: Random): number[] =>
  Array.from({ length: b }, () => random.below(most + 1));

/** Every option by itself, in every shape that it may have, and some of them together. */
export const SETTINGS: Readonly<Record<string, OptionsOf>> = {
  'no options': () => ({}),
  softmax: () => ({ alpha: 1 }),
  'alpha 1.25': () => ({ alpha: 1.25 }),
  'alpha 1.7': () => ({ alpha: 1.7 }),
  sparsemax: () => ({ alpha: 2 }),
  'alpha Infinity': () => ({ alpha: Infinity, scale: 0.25 }),
  'an alpha for each head': ({ h }) => ({
    alpha: Array.from({ length: h }, (_, head) => [1.5, 1, 2, Infinity, 1.1, 1.3, 3, 1.9][head % 8]!),
    scale: 0.25,
  }),
  'topk 3': () => ({ topk: 3, scale: 0.5 }),
  'topk 5 of softmax': () => ({ topk: 5, alpha: 1, scale: 0.5 }),
  'topk above M': () => ({ topk: 100_000 }),
  scale: () => ({ scale: 0.5 }),
  'a negative scale': () => ({ scale: -0.25 }),
  'a scale of 0': () => ({ scale: 0 }),
  'causal from the upper left': () => ({ isCausal: 'upperLeft' }),
  'causal from the lower right': () => ({ isCausal: 'lowerRight' }),
  'a mask of all pairs': ({ b, h, n, m }, random) => ({
    mask: { data: bytes(b * h * n * m, random), shape: [b, h, n, m] },
  }),
  'a mask for each query': ({ n, m }, random) => ({ mask: { data: bytes(n * m, random), shape: [1, 1, n, m] } }),
  'a mask for each key of a batch': ({ b, m }, random) => ({
    mask: { data: bytes(b * m, random), shape: [b, 1, 1, m] },
  }),
  'a mask for each query of a head': ({ h, n }, random) => ({
    mask: { data: bytes(h * n, random), shape: [1, h, n, 1] },
  }),
  'a key mask': ({ b, m }, random) => ({ keyMask: bytes(b * m, random) }),
  'a bias of all pairs': ({ b, h, n, m }, random, dtype) => ({ bias: sixteenths([b, h, n, m], random, dtype) }),
  'a bias for each pair of a head': ({ h, n, m }, random, dtype) => ({ bias: sixteenths([h, n, m], random, dtype) }),
  'a bias for each key': ({ m }, random, dtype) => ({ bias: sixteenths([m], random, dtype) }),
  'a bias for each query of a batch': ({ b, n }, random, dtype) => ({ bias: sixteenths([b, 1, n, 1], random, dtype) }),
  'slopes of ALiBi': ({ h }) => ({ alibiSlopes: Array.from({ length: h }, (_, head) => 2 ** -(1 + (head % 4))) }),
  'ALiBi from the upper left': ({ h }) => ({
    alibiSlopes: Array.from({ length: h }, (_, head) => 2 ** -(1 + (head % 4))),
    isCausal: 'upperLeft',
  }),
  'query lengths': ({ b, n }, random) => ({ querySeqLengths: lengthsUpTo(n, b, random) }),
  'key lengths': ({ b, m }, random) => ({ keyValueSeqLengths: lengthsUpTo(m, b, random) }),
  'lengths, causal from the upper left': ({ b, n, m }, random) => ({
    querySeqLengths: lengthsUpTo(n, b, random),
    keyValueSeqLengths: lengthsUpTo(m, b, random),
    isCausal: 'upperLeft',
  }),
  'everything at once': ({ b, h, n, m }, random, dtype) => ({
    alpha: Array.from({ length: h }, (_, head) => [1.5, 2, 1, 1.75][head % 4]!),
    scale: 0.125,
    isCausal: 'lowerRight',
    mask: { data: bytes(n * m, random), shape: [1, 1, n, m] },
    keyMask: bytes(b * m, random),
    bias: sixteenths([h, 1, m], random, dtype),
    alibiSlopes: Array.from({ length: h }, () => 0.25),
    querySeqLengths: lengthsUpTo(n, b, random),
    keyValueSeqLengths: lengthsUpTo(m, b, random),
    emptyRow: 'nan',
  }),
};

/** Around a panel of 16 keys and a block of 16 queries; from 256 keys on sparse rows have thresholds of their own. */
export const PAIRS: readonly Sizes[] = [
  sizes(2, [2, 1], 1, 1, 16),
  sizes(2, [2, 2], 2, 17, 4),
  sizes(1, [8, 2], 15, 16, 16),
  sizes(2, [4, 2], 17, 31, 16, 20),
  sizes(1, [2, 1], 33, 49, 64),
  sizes(2, [2, 1], 20, 300, 16, 48),
];
