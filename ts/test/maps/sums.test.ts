/**
 * A row sums to 1 within 5e-7 in float32 for n up to a million, whatever it holds: the sum is where many small errors
 * of one sign would show. float64 rows sum to 1 within 1e-12.
 */

import { describe, expect, test } from 'vitest';
import { entmax } from 'entmax';
import { sum } from '../oracle/reference.ts';
import { makeRow, ORDINARY_ROWS } from '../oracle/rows.ts';

const ROWS = [
  'all equal',
  'few levels, many ties',
  'one spike just within reach of many',
  'narrow normal, large support',
  'half of the scores halfway to the limit',
];
const ALPHAS = [1, 1 + 1e-7, 1.01, 1.25, 4 / 3, 1.5, 1.7, 2, 4, 64, Infinity];

describe.each([1e5, 1e6])('n = %d', (n) => {
  test.each(ROWS)('%s', (kind) => {
    const alphas = n === 1e6 ? [1, 1.25, 1.5, 1.7, 2, 4] : ALPHAS;
    for (const alpha of alphas) {
      const scores = makeRow(ORDINARY_ROWS[kind]!, n, alpha);
      const p = entmax(Float32Array.from(scores), { alpha });
      expect(Math.abs(sum(p) - 1), `alpha ${alpha}`).toBeLessThanOrEqual(5e-7);
      if (n === 1e5)
        expect(Math.abs(sum(entmax(scores, { alpha })) - 1), `alpha ${alpha}, float64`).toBeLessThanOrEqual(1e-12);
    }
  });
});

test.each([1, 1.01, 1.5, 2, 4, 64, Infinity])('a million equal scores get a millionth each, alpha = %d', (alpha) => {
  const p = entmax(new Float32Array(1e6).fill(-3), { alpha });
  expect(new Set(p).size).toBe(1);
  expect(Math.abs(p[0]! * 1e6 - 1)).toBeLessThanOrEqual(5e-7);
});
