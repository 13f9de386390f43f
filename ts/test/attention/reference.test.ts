/** Attention against the float64 reference: every option, sizes around every block and strip, every form and layout. */

import { afterEach, describe, expect, test } from 'vitest';
import { runtimeInfo, scope } from 'entmax';
import { gradientError, wrongSupport } from '../oracle/compare.ts';
import type { FloatType } from '../oracle/compare.ts';
import { attentionReference } from '../oracle/attention.ts';
import type { Problem } from '../oracle/attention.ts';
import { expectSameBits } from '../oracle/layouts.ts';
import { attend, inspect, inputsOf, outputOf, problemOf, SHAPED_FORMS, sizes, untyped } from './problems.ts';
import { PAIRS, SETTINGS } from './settings.ts';

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
