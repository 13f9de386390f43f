/**
 * float32 against the float64 reference: every kind of row, every size around a vector boundary, every alpha.
 *
 *     largest error        5e-6 of the row's largest entry; 1e-6 for alpha = 1, 1.5 and 2
 *     sum of a row         1 within 5e-7
 *     support              the reference's, but for p < 2^-126 and scores within 4 ulp of the threshold
 */

import { afterAll, describe, expect, test } from 'vitest';
import { entmax } from 'entmax';
import { errorOf, wrongSupport } from '../oracle/compare.ts';
import { entmaxReference, sum } from '../oracle/reference.ts';
import { ALPHAS, EXTREME_ROWS, LARGE_SIZES, LARGEST, makeRow, ORDINARY_ROWS, SIZES } from '../oracle/rows.ts';
import { randomFrom } from '../oracle/random.ts';

const SUM_TOLERANCE = 5e-7;
const toleranceOf = (alpha: number): number => ([1, 1.5, 2].includes(alpha) ? 1e-6 : 5e-6);

const worst = new Map<number, { error: number; sum: number; where: string }>();
let rowsCompared = 0;

/** Compares the probabilities of a row with the reference's. */
function judge(scores: Float32Array, p: Float32Array, alpha: number, where: string): void {
  const expected = entmaxReference(scores, alpha);
  const error = errorOf(p, expected.p);
  const sumError = Math.abs(sum(p) - 1);
  rowsCompared++;
  const before = worst.get(alpha) ?? { error: 0, sum: 0, where: '' };
  worst.set(alpha, {
    error: Math.max(before.error, error),
    sum: Math.max(before.sum, sumError),
    where: error > before.error ? where : before.where,
  });
  if (!(error <= toleranceOf(alpha))) expect.fail(`${where}: error ${error} of the largest entry`);
  if (!(sumError <= SUM_TOLERANCE)) expect.fail(`${where}: the row sums to 1 + ${sum(p) - 1}`);
  const wrong = wrongSupport(p, expected, scores, 'float32');
  if (wrong.length > 0) {
    const [i] = wrong as [number];
    expect.fail(
      `${where}: ${wrong.length} entries wrongly in or out, first ${i}: p ${p[i]} for ${expected.p[i]}, score ${scores[i]}, threshold ${expected.threshold}`,
    );
  }
}

describe.each(ALPHAS)('alpha = %d', (alpha) => {
  test.each(Object.entries({ ...ORDINARY_ROWS, ...EXTREME_ROWS }))('%s, every size', (kind, make) => {
    for (const n of SIZES) {
      const scores = Float32Array.from(makeRow(make, n, alpha));
      judge(scores, entmax(scores, { alpha }), alpha, `${kind}, n = ${n}`);
    }
  });

  test.each([
    'normal',
    'narrow normal, large support',
    'one spike just within reach of many',
    'zipf',
    'few levels, many ties',
  ])('%s, large rows', (kind) => {
    for (const n of kind.includes('normal') ? [...LARGE_SIZES, LARGEST] : LARGE_SIZES) {
      const scores = Float32Array.from(makeRow(ORDINARY_ROWS[kind]!, n, alpha));
      judge(scores, entmax(scores, { alpha }), alpha, `${kind}, n = ${n}`);
    }
  });

  test('a temperature acts as division of the scores', () => {
    for (const temperature of [0.125, 0.3, 3, 1e-3, 1e3]) {
      for (const n of [5, 33, 257, 600]) {
        const scores = Float32Array.from(makeRow(ORDINARY_ROWS['normal']!, n, alpha));
        const error = errorOf(
          entmax(scores, { alpha, temperature }),
          entmaxReference(scores, alpha, { temperature }).p,
        );
        expect(error, `T = ${temperature}, n = ${n}`).toBeLessThanOrEqual(toleranceOf(alpha));
      }
    }
  });
});

test.each([
  [1, 4097],
  [7, 1000],
  [100, 129],
  [1000, 31],
  [5000, 17],
])('%d rows of %d, an alpha for each row', (rows, n) => {
  const random = randomFrom(rows);
  const kinds = Object.values({ ...ORDINARY_ROWS, ...EXTREME_ROWS });
  const alpha = Float64Array.from({ length: rows }, () => ALPHAS[random.below(ALPHAS.length)]!);
  const scores = new Float32Array(rows * n);
  alpha.forEach((each, row) => scores.set(makeRow(kinds[random.below(kinds.length)]!, n, each, row), row * n));
  const p = entmax(scores, { shape: [rows, n], alpha });
  alpha.forEach((each, row) => {
    const [from, to] = [row * n, (row + 1) * n];
    judge(scores.subarray(from, to), p.subarray(from, to), each, `row ${row} of [${rows}, ${n}], alpha ${each}`);
  });
});

afterAll(() => {
  const lines = [...worst].map(
    ([alpha, { error, sum: of, where }]) =>
      `  alpha ${alpha}: ${error.toExponential(2)} (${where}), sums ${of.toExponential(2)}`,
  );
  console.log(`float32: ${rowsCompared} rows compared with the reference; largest errors\n${lines.join('\n')}`);
});
