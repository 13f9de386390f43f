/**
 * float64 within 1e-14 of the row's largest entry: against mpmath (ts/test/conformance), and against double-double for
 * every kind of row and the sizes around a vector boundary. Supports are the reference's, as in accuracy-f32.
 */

import { afterAll, describe, expect, test } from 'vitest';
import { entmax } from 'entmax';
import { errorOf, wrongSupport } from '../oracle/compare.ts';
import { entmaxExact } from '../oracle/exact.ts';
import { goldenRows, goldenSamples } from '../oracle/golden.ts';
import { entmaxReference, sum } from '../oracle/reference.ts';
import { ALPHAS, EXTREME_ROWS, makeRow, ORDINARY_ROWS } from '../oracle/rows.ts';

const TOLERANCE = 1e-14;
const SIZES = [1, 2, 3, 4, 5, 8, 9, 16, 17, 33, 65, 129];

const worst = new Map<string, number>();
const record = (against: string, error: number): number => {
  worst.set(against, Math.max(worst.get(against) ?? 0, error));
  return error;
};

describe('against mpmath', () => {
  const rows = goldenRows();

  test.each([...new Set(rows.map(({ name }) => name))])('%s, every alpha', (name) => {
    for (const { x, alpha, p, threshold } of rows.filter((row) => row.name === name)) {
      const ours = entmax(x, { alpha });
      expect(record('mpmath, short rows', errorOf(ours, p)), `alpha ${alpha}`).toBeLessThanOrEqual(TOLERANCE);
      expect(wrongSupport(ours, { p, threshold }, x, 'float64'), `alpha ${alpha}`).toEqual([]);
    }
  });

  test.each(goldenSamples())('$name, alpha $alpha', ({ x, alpha, size, threshold, largest, entries }) => {
    const p = entmax(x, { alpha });
    for (const [i, value] of entries) {
      const error = record('mpmath, long rows', Math.abs(p[i]! - value) / largest);
      expect(error, `entry ${i}`).toBeLessThanOrEqual(TOLERANCE);
    }
    const { sizes, thresholds } = entmax.support(x, { alpha });
    // Nothing in these rows lies within an ulp of the threshold.
    expect(sizes[0]).toBe(size);
    if (alpha > 1)
      expect(Math.abs(thresholds[0]! - threshold)).toBeLessThanOrEqual(1e-14 * Math.max(1, 1 / (alpha - 1)));
  });
});

describe.each(ALPHAS.filter((alpha) => alpha < Infinity))('against double-double, alpha = %d', (alpha) => {
  test.each(Object.entries(ORDINARY_ROWS))('%s', (kind, make) => {
    for (const n of SIZES) {
      const scores = makeRow(make, n, alpha);
      const error = record('double-double', errorOf(entmax(scores, { alpha }), entmaxExact(scores, alpha)));
      if (!(error <= TOLERANCE)) expect.fail(`${kind}, n = ${n}: error ${error} of the largest entry`);
    }
  });

  test.each(Object.entries(EXTREME_ROWS))('%s has the support and the sum of the reference', (kind, make) => {
    for (const n of SIZES) {
      const scores = makeRow(make, n, alpha);
      const p = entmax(scores, { alpha });
      const expected = entmaxReference(scores, alpha);
      expect(errorOf(p, expected.p), `${kind}, n = ${n}`).toBeLessThanOrEqual(1e-12);
      expect(wrongSupport(p, expected, scores, 'float64'), `${kind}, n = ${n}`).toEqual([]);
      expect(Math.abs(sum(p) - 1), `${kind}, n = ${n}`).toBeLessThanOrEqual(1e-14);
    }
  });

  test('differences beyond the largest float64 are as good as any', () => {
    for (const [scores, expected] of [
      [
        [1.7e308, -1.7e308],
        [1, 0],
      ],
      [
        [1.7e308, -1.7e308, 1.7e308],
        [0.5, 0, 0.5],
      ],
      [
        [-1.7e308, -1.7e308],
        [0.5, 0.5],
      ],
      [[1e17], [1]],
      [
        [1e17, 1e17, 0],
        [0.5, 0.5, 0],
      ],
    ] as const) {
      expect([...entmax(Float64Array.from(scores), { alpha })], scores.join(', ')).toEqual(expected);
    }
  });
});

afterAll(() => {
  const lines = [...worst].map(([against, error]) => `  ${against}: ${error.toExponential(2)}`);
  console.log(`float64: largest errors, relative to the row's largest entry\n${lines.join('\n')}`);
});
