/**
 * "Equal bits promised" (DESIGN.md §6): a row has one result, whatever lies around it and whichever way it is asked for.
 * Each batch holds every kind of row with every alpha, so that neighbours need other numbers of steps, other kernels
 * and other ways of staging.
 */

import { describe, expect, test } from 'vitest';
import { entmax, entmax15, softmax, sparsemax, tensor, zeros } from 'entmax';
import { expectSameBits, floats } from '../oracle/layouts.ts';
import type { Floats } from '../oracle/layouts.ts';
import { randomFrom } from '../oracle/random.ts';
import { makeRow, ORDINARY_ROWS } from '../oracle/rows.ts';
import { batchOf, transposed } from './batches.ts';
import type { FloatType } from '../oracle/compare.ts';

const SIZES = [1, 3, 4, 5, 15, 16, 17, 31, 33, 64, 65, 255, 256, 257, 511, 512, 513, 600];
const DTYPES: readonly FloatType[] = ['float32', 'float64'];
const GRID = DTYPES.flatMap((dtype) => SIZES.map((n) => [dtype, n] as const));

/** A part of an array, as an array of its own. */
const rowOf = (values: Floats, n: number, row: number): Floats => values.slice(row * n, (row + 1) * n);

describe.each(GRID)('%s, n = %d', (dtype, n) => {
  const { rows, scores, alpha } = batchOf(dtype, n);
  const shape = [rows, n];
  const dense = entmax(scores, { shape, alpha }) as Floats;
  const support = entmax.support(scores, { shape, alpha });

  test('a row alone has the bits that it has in the batch', () => {
    for (let row = 0; row < rows; row++) {
      const options = { alpha: alpha[row]! };
      expectSameBits(entmax(rowOf(scores, n, row), options), rowOf(dense, n, row), `row ${row}, alpha ${alpha[row]}`);
    }
  });

  test('sizes and thresholds alone are those in the batch', () => {
    for (let row = 0; row < rows; row++) {
      const { sizes, thresholds } = entmax.support(rowOf(scores, n, row), { alpha: alpha[row]! });
      expect(sizes[0], `row ${row}`).toBe(support.sizes[row]);
      expectSameBits(thresholds, rowOf(support.thresholds, 1, row), `row ${row}`);
    }
  });

  test('sizes count what is above 0, and thresholds separate it from the rest', () => {
    for (let row = 0; row < rows; row++) {
      const p = rowOf(dense, n, row);
      const threshold = support.thresholds[row]!;
      const isNaNRow = Number.isNaN(p[0]);
      expect(support.sizes[row], `row ${row}`).toBe(isNaNRow ? n : p.filter((value) => value > 0).length);
      if (isNaNRow) expect(threshold).toBeNaN();
      else {
        const wrong = p.findIndex((value, j) => value > 0 !== scores[row * n + j]! > threshold);
        if (wrong >= 0)
          expect.fail(
            `row ${row}, alpha ${alpha[row]}: score ${scores[row * n + wrong]}, p ${p[wrong]}, threshold ${threshold}`,
          );
      }
    }
  });

  test.each([
    [1, rows],
    [rows, 1],
    [Math.floor(rows / 7), 7],
    [2, 90],
    [Math.floor(rows / 17), 17],
  ])('along the middle axis of [%d, n, %d] it has the bits of the transposed layout', (outer, inner) => {
    const used = outer * inner;
    const part = scores.slice(0, used * n);
    const strided = transposed(part, outer, inner, n);
    const options = { shape: [outer, n, inner], axis: 1, alpha: alpha.slice(0, used) };
    const back = transposed(entmax(strided, options), outer, n, inner);
    expectSameBits(back, dense.slice(0, used * n), `[${outer}, ${n}, ${inner}]`);
    const other = entmax.support(strided, options);
    expect(other.sizes).toEqual(support.sizes.slice(0, used));
    expectSameBits(other.thresholds, support.thresholds.slice(0, used), 'thresholds');
  });

  test('a masked score has the bits of -Infinity', () => {
    const random = randomFrom(n);
    const mask = Uint8Array.from(scores, () => (random.below(4) === 0 ? 0 : 1));
    const excluded = scores.map((score, at) => (mask[at] === 0 ? -Infinity : score));
    expectSameBits(entmax(scores, { shape, alpha, mask }), entmax(excluded, { shape, alpha }), 'mask');
    const [a, b] = [entmax.support(scores, { shape, alpha, mask }), entmax.support(excluded, { shape, alpha })];
    expect(a.sizes).toEqual(b.sizes);
    expectSameBits(a.thresholds, b.thresholds, 'thresholds');
  });

  test('a mask of ones has the bits of none', () => {
    const mask = new Uint8Array(scores.length).fill(1);
    expectSameBits(entmax(scores, { shape, alpha, mask }), dense, 'mask');
  });

  test('out, out = x, a Tensor and a promise have the bits of the plain call', async () => {
    const out = floats(dtype, new Float64Array(rows * n));
    expectSameBits(entmax(scores, { shape, alpha, out }), dense, 'out');
    const x = scores.slice();
    expectSameBits(entmax(x, { shape, alpha, out: x }), dense, 'out = x');
    using held = tensor(scores, shape);
    using result = entmax(held, { alpha });
    expectSameBits(result.toTypedArray(), dense, 'Tensor');
    using target = zeros(shape, dtype);
    entmax(held, { alpha, out: target });
    expectSameBits(target.toTypedArray(), dense, 'Tensor, out');
    expectSameBits(await entmax.async(scores, { shape, alpha }), dense, 'async');
    entmax(held, { alpha, out: held });
    expectSameBits(held.toTypedArray(), dense, 'Tensor, out = x');
  });

  test('in place along a strided axis it has the same bits', () => {
    const strided = transposed(scores, 1, rows, n);
    const options = { shape: [n, rows], axis: 0, alpha };
    const expected = entmax(strided, options) as Floats;
    const x = strided.slice();
    expectSameBits(entmax(x, { ...options, out: x }), expected, 'array');
    using held = tensor(strided, [n, rows]);
    entmax(held, { axis: 0, alpha, out: held });
    expectSameBits(held.toTypedArray(), expected, 'Tensor');
  });

  test.each([
    ['softmax', 1, softmax],
    ['entmax15', 1.5, entmax15],
    ['sparsemax', 2, sparsemax],
  ] as const)('%s has the bits of entmax with alpha = %d', (_, fixed, map) => {
    expectSameBits(map(scores, { shape }), entmax(scores, { shape, alpha: fixed }), 'dense');
    const [a, b] = [map.support(scores, { shape }), entmax.support(scores, { shape, alpha: fixed })];
    expect(a.sizes).toEqual(b.sizes);
    expectSameBits(a.thresholds, b.thresholds, 'thresholds');
    const perRow = new Float64Array(rows).fill(fixed);
    expectSameBits(entmax(scores, { shape, alpha: perRow }), map(scores, { shape }), 'one alpha per row');
  });
});

describe.each(DTYPES)('%s', (dtype) => {
  test('any start of the scores in their buffer gives the same bits', () => {
    const n = 133;
    const scores = floats(dtype, makeRow(ORDINARY_ROWS['normal']!, n, 1.5));
    for (const alpha of [1, 1.25, 1.5, 1.7, 2, 4]) {
      const expected = entmax(scores, { alpha }) as Floats;
      for (let offset = 0; offset < 18; offset++) {
        const buffer = floats(dtype, new Float64Array(n + 20).fill(99));
        buffer.set(scores, offset);
        const view = buffer.subarray(offset, offset + n);
        expectSameBits(entmax(view, { alpha }), expected, `offset ${offset}`);
      }
    }
  });

  test('any row of a Tensor of odd n, wherever it starts, has the same bits', () => {
    const n = 37;
    const row = floats(dtype, makeRow(ORDINARY_ROWS['normal']!, n, 1.5));
    const scores = floats(dtype, new Float64Array(17 * n));
    for (let r = 0; r < 17; r++) scores.set(row, r * n);
    for (const alpha of [1, 1.25, 1.5, 1.7, 2, 4]) {
      using x = tensor(scores, [17, n]);
      using p = entmax(x, { alpha });
      const all = p.toTypedArray() as Floats;
      for (let r = 0; r < 17; r++) expectSameBits(rowOf(all, n, r), entmax(row, { alpha }), `row ${r}`);
    }
  });

  test('an array larger than the stage has the bits of a Tensor, along any axis', () => {
    const n = 500;
    const { rows, scores, alpha } = batchOf(dtype, n);
    expect(scores.byteLength).toBeGreaterThan(3 * (256 << 10));
    using last = tensor(scores, [rows, n]);
    expectSameBits(entmax(scores, { shape: [rows, n], alpha }), entmax(last, { alpha }).toTypedArray(), 'last axis');
    const strided = transposed(scores, 1, rows, n);
    using first = tensor(strided, [n, rows]);
    const mask = Uint8Array.from(strided, (_, at) => (at % 5 === 0 ? 0 : 1));
    expectSameBits(
      entmax(strided, { shape: [n, rows], axis: 0, alpha, mask }),
      entmax(first, { axis: 0, alpha, mask }).toTypedArray(),
      'first axis, masked',
    );
  });
});

describe.each([2, 16, 30, 64, 128, 200, 256, 257, 300, 512, 513])('rows of one alpha, n = %d', (n) => {
  test.each([1, 1.1, 1.25, 1.5, 1.7, 2])('alpha = %d: any number of them has the bits of each alone', (alpha) => {
    const { rows, scores } = batchOf('float32', n, [alpha]);
    const options = { shape: [rows, n], alpha };
    const all = entmax(scores, options);
    for (let row = 0; row < rows; row++) {
      expectSameBits(entmax(rowOf(scores, n, row), { alpha }), rowOf(all, n, row), `row ${row}`);
    }
    for (let count = 1; count < 10; count++) {
      const part = scores.slice(n, (count + 1) * n);
      const result = entmax(part, { shape: [count, n], alpha });
      expectSameBits(result, all.slice(n, (count + 1) * n), `${count} rows from the second on`);
    }
    const cooled = entmax(scores, { ...options, temperature: 0.7 });
    for (let row = 0; row < rows; row++) {
      const alone = entmax(rowOf(scores, n, row), { alpha, temperature: 0.7 });
      expectSameBits(alone, rowOf(cooled, n, row), `row ${row}, temperature 0.7`);
    }
  });
});

test('a temperature of 1 has the bits of none', () => {
  const { rows, n, scores, alpha } = batchOf('float32', 65);
  expectSameBits(
    entmax(scores, { shape: [rows, n], alpha, temperature: 1 }),
    entmax(scores, { shape: [rows, n], alpha }),
    'T = 1',
  );
});
