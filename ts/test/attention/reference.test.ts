/** Attention against the float64 reference: every option, sizes around every block and strip, every form and layout. */

import { afterEach, describe, expect, test } from 'vitest';
import { runtimeInfo, scope } from 'entmax';
import { gradientError, wrongSupport } from '../oracle/compare.ts';
import type { FloatType } from '../oracle/compare.ts';
import { attentionReference } from '../oracle/attention.ts';
import type { Options, Pairs, Problem, Sizes } from '../oracle/attention.ts';
import { expectSameBits, floats } from '../oracle/layouts.ts';
import type { Floats } from '../oracle/layouts.ts';
import type { Random } from '../oracle/random.ts';
import { attend, inspect, inputsOf, outputOf, problemOf, SHAPED_FORMS, sizes, untyped } from './problems.ts';

const DTYPES: readonly FloatType[] = ['float32', 'float64'];
/** Of the output, relative to the largest value or 1. */
const TOLERANCE = { float32: 4e-6, float64: 3e-13 };
/** Products of N(0, 1) are rounded in float32, and the map magnifies that. */
const NORMAL_TOLERANCE = { float32: 3e-5, float64: 3e-13 };

function expectNear(actual: ArrayLike<number>, problem: Problem, tolerance: number): void {
  const { output } = attentionReference(problem);
  expect(actual.length).toBe(output.length);
  expect(gradientError(actual, output)).toBeLessThan(tolerance);
}

type OptionsOf = (size: Sizes, random: Random, dtype: FloatType) => Options;

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
const SETTINGS: Readonly<Record<string, OptionsOf>> = {
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
const PAIRS: readonly Sizes[] = [
  sizes(2, [2, 1], 1, 1, 16),
  sizes(2, [2, 2], 2, 17, 4),
  sizes(1, [8, 2], 15, 16, 16),
  sizes(2, [4, 2], 17, 31, 16, 20),
  sizes(1, [2, 1], 33, 49, 64),
  sizes(2, [2, 1], 20, 300, 16, 48),
];

afterEach(() => expect(runtimeInfo().liveTensors).toBe(0));

describe.each(DTYPES)('%s', (dtype) => {
  describe.each(Object.entries(SETTINGS))('%s', (_, options) => {
    test.each(PAIRS)('$b x $h/$g heads, $n x $m pairs, $d and $e channels', (size) => {
      const problem = problemOf(size, dtype, options);
      const reference = attentionReference(problem);
      const { output, weights, skipped } = inspect(problem);
      expectNear(output.data, problem, TOLERANCE[dtype]);
      expect(Object.is(attend(problem)[0], output.data[0])).toBe(true);
      expect(weights.shape).toEqual([size.b, size.h, size.n, size.m]);
      expect(weights.axis).toBe(3);
      const dense = weights.toDense();
      expect(gradientError(dense, reference.weights)).toBeLessThan(TOLERANCE[dtype]);
      expect(skipped).toBeGreaterThanOrEqual(0);
      expect(skipped).toBeLessThanOrEqual(size.e / (size.d + size.e));
      if (reference.pairs === 0) expect(skipped).toBe(0);
    });
  });

  // Channels around a strip of 16, and what heads may be.
  test.each([1, 3, 4, 16, 36, 64, 80, 128, 256])('%d channels', (d) => {
    for (const [e, heads] of [
      [d, [1, 1]],
      [1, [2, 1]],
      [d + 1, [2, 2]],
      [31, [8, 1]],
      [32, [8, 8]],
    ] as const) {
      const problem = problemOf(sizes(1, heads, 5, 35, d, e), dtype);
      expectNear(attend(problem), problem, TOLERANCE[dtype]);
    }
  });

  test.each([1, 2, 3, 15, 16, 17, 31, 32, 33, 47, 48, 49, 64, 65, 255, 256, 257, 600])('%d keys', (m) => {
    for (const [n, isCausal] of [
      [3, false],
      [m > 100 ? 18 : 35, 'lowerRight'],
    ] as const) {
      for (const alpha of [1, 1.5, 2]) {
        const problem = problemOf(sizes(1, [2, 1], n, m, 8, 17), dtype, { isCausal, alpha, scale: 0.5 });
        expectNear(attend(problem), problem, TOLERANCE[dtype]);
      }
    }
  });

  test.each([1, 1.5, 1.7, 2])('channels of N(0, 1), alpha %d', (alpha) => {
    for (const size of PAIRS) {
      const problem = problemOf(size, dtype, { alpha }, 'normal');
      expectNear(attend(problem), problem, NORMAL_TOLERANCE[dtype]);
    }
  });

  test('the support is that of the exact scores, and thresholds separate it', () => {
    for (const size of [...PAIRS, sizes(1, [2, 2], 16, 700, 16)]) {
      for (const alpha of [1.5, 2]) {
        const problem = problemOf(size, dtype, { alpha, scale: 0.25 });
        const { scores, weights: expected, thresholds } = attentionReference(problem);
        const { weights } = inspect(problem);
        const dense = weights.toDense();
        for (let row = 0; row < thresholds.length; row++) {
          const part = (values: ArrayLike<number>): number[] =>
            Array.prototype.slice.call(values, row * size.m, (row + 1) * size.m) as number[];
          const reference = { p: Float64Array.from(part(expected)), threshold: thresholds[row]! };
          expect(wrongSupport(part(dense), reference, part(scores), dtype)).toEqual([]);
          const inside = part(scores).map((score) => score > weights.thresholds[row]!);
          expect(part(dense).findIndex((p, j) => p > 0 !== inside[j])).toBe(-1);
        }
      }
    }
  });
});

test('65537 keys', () => {
  const problem = problemOf(sizes(1, [1, 1], 3, 65537, 4, 5), 'float32', { scale: 2, isCausal: 'lowerRight' });
  expectNear(attend(problem), problem, TOLERANCE.float32);
  const { weights, output } = inspect(problem);
  expectNear(output.data, problem, TOLERANCE.float32);
  expect(weights.indptr.at(-1)).toBe(weights.indices.length);
});

describe.each(SHAPED_FORMS.map((form) => [form.name, form] as const))('as %s', (_, form) => {
  const problem = problemOf(sizes(2, [4, 2], 18, 35, 12, 20), form.dtype, {
    isCausal: 'lowerRight',
    alpha: [1, 1.5, 2, 1.25],
  });

  test.each(['BHND', 'BNHD'] as const)('in the layout %s', (layout) => {
    const before = runtimeInfo().liveTensors;
    const { inputs, shape } = inputsOf(problem, form, layout);
    const result = untyped(...inputs, { ...problem.options, layout });
    form.read(result, shape);
    for (const each of [...inputs, result]) (each as { dispose?(): void }).dispose?.();
    expect(runtimeInfo().liveTensors).toBe(before);
  });
});

test('every form and layout gives the same bits', () => {
  for (const dtype of DTYPES) {
    const problem = problemOf(sizes(2, [4, 2], 18, 35, 12, 20), dtype, { isCausal: 'lowerRight' });
    const expected = attend(problem);
    for (const form of SHAPED_FORMS.filter((each) => each.dtype === dtype)) {
      for (const layout of ['BHND', 'BNHD'] as const)
        expectSameBits(
          scope(() => outputOf(problem, form, layout)),
          expected,
          `${form.name}, ${layout}`,
        );
    }
  }
});
