/** What attention does at its edges (DESIGN.md §7): nothing to see, what is not finite, and axes of length 0. */

import { describe, expect, test } from 'vitest';
import { runtimeInfo, tensor, zeros } from 'entmax';
import { gradientError } from '../oracle/compare.ts';
import type { FloatType } from '../oracle/compare.ts';
import { attentionReference } from '../oracle/attention.ts';
import type { Problem } from '../oracle/attention.ts';
import { floats } from '../oracle/layouts.ts';
import type { Floats } from '../oracle/layouts.ts';
import { attend, inspect, problemOf, sizes, untyped } from './problems.ts';

const DTYPES: readonly FloatType[] = ['float32', 'float64'];
const ALPHAS = [1, 1.3, 1.5, 2, Infinity];
const HEAD = sizes(1, [1, 1], 20, 40, 8, 5);

/** The outputs of each query. */
const rowsOf = (output: Floats, e: number): Floats[] =>
  Array.from({ length: output.length / e }, (_, row) => output.slice(row * e, (row + 1) * e));

/** Infinities as numbers that differences can be formed of. */
const bounded = (values: Floats): Floats =>
  values.map((value) => (Number.isNaN(value) ? NaN : Math.max(-99, Math.min(99, value))));

function expectReference(problem: Problem): void {
  const { output, weights } = attentionReference(problem);
  const seen = inspect(problem);
  expect(gradientError(bounded(seen.output.data), bounded(output))).toBeLessThan(1e-5);
  expect(gradientError(seen.weights.toDense(), weights)).toBeLessThan(1e-5);
  expect(attend(problem)).toEqual(seen.output.data);
}

describe.each(DTYPES)('%s', (dtype) => {
  test.each(ALPHAS)('a NaN in one key spoils the queries that see it and no others, alpha %d', (alpha) => {
    const problem = problemOf(HEAD, dtype, { alpha, isCausal: 'upperLeft', scale: 0.5 });
    problem.k[7 * 8 + 3] = NaN;
    expectReference(problem);
    const { output, weights } = inspect(problem);
    rowsOf(output.data, 5).forEach((row, i) => {
      expect(row.every((value) => (i < 7 ? Number.isFinite(value) : Number.isNaN(value)))).toBe(true);
      const [start, end] = [weights.indptr[i]!, weights.indptr[i + 1]!];
      if (i < 7) return;
      // A row that is NaN lists the keys that it sees.
      expect(end - start).toBe(i + 1);
      expect(weights.thresholds[i]).toBeNaN();
    });
  });

  test.each(ALPHAS)('a NaN in a key that is hidden has no effect, alpha %d', (alpha) => {
    const clean = problemOf(HEAD, dtype, { alpha, scale: 0.5 });
    const dirty = { ...clean, k: clean.k.slice() as Floats, v: clean.v.slice() as Floats };
    dirty.k.fill(NaN, 39 * 8);
    dirty.v.fill(NaN, 39 * 5);
    const keep = (j: number): number => Number(j < 39);
    const keyMask = Uint8Array.from({ length: 40 }, (_, j) => keep(j));
    for (const options of [
      { keyMask },
      { mask: { data: keyMask, shape: [1, 1, 1, 40] } },
      { mask: { data: Uint8Array.from({ length: 800 }, (_, at) => keep(at % 40)), shape: [1, 1, 20, 40] } },
      { keyValueSeqLengths: [39] },
    ]) {
      const own = { ...clean.options, ...options };
      expect(attend({ ...dirty, options: own })).toEqual(attend({ ...clean, options: own }));
    }
  });

  test.each(ALPHAS)('a value that is not finite spoils the queries that give it weight, alpha %d', (alpha) => {
    const problem = problemOf(sizes(1, [1, 1], 20, 300, 8, 20), dtype, { alpha, scale: 0.5 });
    for (const [key, value] of [
      [3, NaN],
      [100, Infinity],
      [299, -Infinity],
    ] as const) {
      problem.v[key * 20 + 1] = value;
    }
    expectReference(problem);
  });

  test('infinite queries and keys', () => {
    for (const value of [Infinity, -Infinity]) {
      const problem = problemOf(HEAD, dtype, { alpha: 1.5 });
      problem.k[7 * 8 + 3] = value;
      expectReference(problem);
    }
  });

  test.each(ALPHAS)('+Infinity in the bias shares the weight, -Infinity excludes, alpha %d', (alpha) => {
    const bias = floats(
      dtype,
      Array.from({ length: 20 * 40 }, (_, at) => (at % 7 === 3 && at < 400 ? Infinity : at % 5 === 1 ? -Infinity : 0)),
    );
    const problem = problemOf(HEAD, dtype, { alpha, bias: { data: bias, shape: [20, 40] } });
    expectReference(problem);
    const { weights } = inspect(problem);
    const share = weights.values[0]!;
    expect(weights.values.slice(0, weights.indptr[1])).toEqual(
      floats(dtype, new Array<number>(weights.indptr[1]!).fill(share)),
    );
  });

  describe('queries that see no key', () => {
    const keyMask = new Uint8Array(40);
    const none: readonly [string, Problem['options']][] = [
      ['a key mask', { keyMask }],
      ['a mask', { mask: { data: new Uint8Array(1), shape: [1, 1, 1, 1] } }],
      ['a bias of -Infinity', { bias: { data: floats(dtype, [-Infinity]), shape: [1] } }],
      ['key lengths of 0', { keyValueSeqLengths: [0] }],
    ];
    test.each(none)('by %s are 0, NaN or an error', (_, options) => {
      for (const alpha of ALPHAS) {
        const problem = problemOf(HEAD, dtype, { ...options, alpha });
        const zero = inspect(problem);
        expect([...attend(problem)]).toEqual(new Array(100).fill(0));
        expect([...zero.weights.indptr]).toEqual(new Array(21).fill(0));
        expect([...zero.weights.thresholds]).toEqual(new Array(20).fill(Infinity));
        const nan = inspect(problem, { emptyRow: 'nan' });
        expect([...nan.output.data]).toEqual(new Array(100).fill(NaN));
        expect([...nan.weights.toDense()]).toEqual(new Array(800).fill(NaN));
        expect([...nan.weights.thresholds]).toEqual(new Array(20).fill(Infinity));
        expect(() => attend(problem, { emptyRow: 'throw' })).toThrow(
          expect.objectContaining({ code: 'ENTMAX_EMPTY_ROW', got: 'none for batch 0, head 0, query 0' }),
        );
        expect(() => inspect(problem, { emptyRow: 'throw' })).toThrow(/expected a key for every query/);
      }
    });

    test("'throw' names the query, and leaves out and memory as they were", () => {
      const size = sizes(2, [2, 1], 3, 4, 4);
      const mask = new Uint8Array(2 * 2 * 3 * 4).fill(1).fill(0, 4 * (2 * 3 + 3 + 2), 4 * (2 * 3 + 3 + 3));
      const problem = problemOf(size, dtype, { mask: { data: mask, shape: [2, 2, 3, 4] } });
      const place = 'none for batch 1, head 1, query 2';
      const out = floats(dtype, new Array<number>(48).fill(7));
      expect(() => attend(problem, { emptyRow: 'throw', out })).toThrow(place);
      expect(out.every((each) => each === 7)).toBe(true);
      const before = [runtimeInfo().memory.used, runtimeInfo().liveTensors];
      const [q, k, v] = [
        tensor(problem.q, [2, 2, 3, 4]),
        tensor(problem.k, [2, 1, 4, 4]),
        tensor(problem.v, [2, 1, 4, 4]),
      ];
      const target = zeros([2, 2, 3, 4], dtype).set(out);
      for (const more of [{}, { out: target }]) {
        expect(() => untyped(q, k, v, { ...problem.options, ...more, emptyRow: 'throw' })).toThrow(place);
      }
      expect(target.toTypedArray()).toEqual(out);
      // With nothing empty the results are those of 'zero'.
      untyped(q, k, v, { emptyRow: 'throw', out: target });
      expect(target.toTypedArray()).toEqual(attend({ ...problem, options: {} }));
      for (const each of [q, k, v, target]) each.dispose();
      expect([runtimeInfo().memory.used, runtimeInfo().liveTensors]).toEqual(before);
    });

    test('behind the query lengths are 0 whatever emptyRow says', () => {
      const problem = problemOf(sizes(2, [2, 1], 20, 9, 4), dtype, { querySeqLengths: [3, 20] });
      for (const emptyRow of ['zero', 'nan', 'throw'] as const) {
        const output = rowsOf(attend(problem, { emptyRow }), 4);
        output.forEach((row, at) => {
          expect(row.some((value) => value !== 0)).toBe(at >= 40 || at % 20 < 3);
        });
      }
      const { weights } = inspect(problem, { emptyRow: 'nan' });
      expect(weights.indptr[20]).toBe(weights.indptr[3]);
    });

    test('because the queries are longer than the keys, lower right, are 0', () => {
      const problem = problemOf(sizes(1, [1, 1], 20, 6, 4), dtype, { isCausal: 'lowerRight' });
      const output = rowsOf(attend(problem), 4);
      output.forEach((row, i) => expect(row.some((value) => value !== 0)).toBe(i >= 14));
      expectReference(problem);
    });
  });

  describe('axes of length 0', () => {
    const emptied = (part: Partial<typeof HEAD>): Problem => problemOf({ ...HEAD, ...part }, dtype);
    test.each([{ b: 0 }, { h: 0, g: 0 }, { n: 0 }, { e: 0 }])('%j: nothing comes out', async (part) => {
      const problem = emptied(part);
      const { b, h, n, m } = problem;
      expect(attend(problem)).toHaveLength(0);
      const { output, weights, skipped } = inspect(problem);
      expect(output.data).toHaveLength(0);
      expect(weights.shape).toEqual([b, h, n, m]);
      expect(weights.indptr).toHaveLength(b * h * n + 1);
      if (part.e === 0) expect(weights.indices.length).toBeGreaterThan(0);
      else expect(skipped).toBe(0);
      const shaped = (data: Floats, ...shape: number[]): object => ({ data, shape });
      const { g, d, e, q, k, v } = problem;
      const args = [shaped(q, b, h, n, d), shaped(k, b, g, m, d), shaped(v, b, g, m, e)] as const;
      expect(await untyped.async(...args)).toEqual({ data: floats(dtype, []), shape: [b, h, n, e] });
      const later = await untyped.async.inspect(...args);
      expect([...later.weights.values]).toEqual([...weights.values]);
    });

    test('no keys: every query sees none', () => {
      const problem = emptied({ m: 0 });
      expect([...attend(problem)]).toEqual(new Array(100).fill(0));
      expect([...attend(problem, { emptyRow: 'nan' })]).toEqual(new Array(100).fill(NaN));
      expect(() => attend(problem, { emptyRow: 'throw' })).toThrow(/query 0$/);
      const { weights, skipped } = inspect(problem, { isCausal: 'lowerRight' });
      expect([weights.shape, weights.indices.length, skipped]).toEqual([[1, 1, 20, 0], 0, 0]);
    });

    test('no channels: all keys count alike', () => {
      const problem = emptied({ d: 0 });
      expectReference(problem);
      expect([...inspect(problem).weights.values]).toEqual(new Array(800).fill(floats(dtype, [1 / 40])[0]));
    });
  });

  test('one key has weight 1', () => {
    for (const alpha of ALPHAS) {
      const problem = problemOf(sizes(1, [2, 1], 3, 1, 4), dtype, { alpha });
      expect([...inspect(problem).weights.values]).toEqual([1, 1, 1, 1, 1, 1]);
    }
  });
});
