/** relaAttention against the float64 reference: every option, with and without norm and gate, every form and layout; edges. */

import { afterEach, describe, expect, test } from 'vitest';
import { runtimeInfo, scope, tensor, zeros } from 'entmax';
import type { Tensor } from 'entmax';
import { gradientError } from '../oracle/compare.ts';
import type { FloatType } from '../oracle/compare.ts';
import { relaReference } from '../oracle/rela.ts';
import type { Problem } from '../oracle/attention.ts';
import { expectSameBits, floats } from '../oracle/layouts.ts';
import { attend, blockForm, inputsOf, inspect, outputOf, problemOf, SHAPED_FORMS, sizes } from './problems.ts';
import { normOf, NORMS, untypedRela, withoutMap } from './rela-problems.ts';
import type { DrawnNorm } from './rela-problems.ts';
import { PAIRS, SETTINGS } from './settings.ts';

const DTYPES: readonly FloatType[] = ['float32', 'float64'];
/** Relative to the largest number, or 1. */
const TOLERANCE = { float32: 2e-6, float64: 1e-14 };
/** A norm of small sums magnifies their errors. */
const NORMED_TOLERANCE = { float32: 2e-5, float64: 1e-12 };

const attends = (problem: Problem, norm: object = {}): Float32Array | Float64Array =>
  attend(problem, norm, untypedRela);
const inspects = (problem: Problem, norm: object = {}): ReturnType<typeof inspect> =>
  inspect(problem, norm, untypedRela);

afterEach(() => expect(runtimeInfo().liveTensors).toBe(0));

/** Scores of exact channels are exact in both types: so is their sign. */
function expectReference(problem: Problem, norm: DrawnNorm, dtype: FloatType): void {
  const reference = relaReference(problem, norm);
  const { output, weights } = inspects(problem, norm);
  const tolerance = (norm.gain ? NORMED_TOLERANCE : TOLERANCE)[dtype];
  expect(output.data).toHaveLength(reference.output.length);
  expect(gradientError(output.data, reference.output)).toBeLessThan(tolerance);
  expectSameBits(attends(problem, norm), output.data, 'attention');
  expect(gradientError(weights.toDense(), reference.weights)).toBeLessThan(TOLERANCE[dtype]);
}

describe.each(DTYPES)('%s', (dtype) => {
  describe.each(NORMS)('%s', (name) => {
    test.each(Object.entries(SETTINGS))('%s', (_, options) => {
      // A norm does not see how many keys there were.
      for (const size of name === 'no norm' ? PAIRS : PAIRS.slice(0, 4)) {
        const problem = withoutMap(problemOf(size, dtype, options));
        expectReference(problem, normOf(problem, name, dtype), dtype);
      }
    });

    test.each([1, 3, 4, 15, 16, 17, 36, 64])('%d channels', (d) => {
      for (const [e, heads] of [
        [d, [1, 1]],
        [1, [2, 1]],
        [d + 1, [8, 2]],
      ] as const) {
        const problem = problemOf(sizes(2, heads, 5, 35, d, e), dtype);
        expectReference(problem, normOf(problem, name, dtype), dtype);
      }
    });
  });

  test.each([1, 2, 15, 16, 17, 63, 64, 65, 255, 256, 257, 2100])(
    '%d keys, half of them, all and none positive',
    (m) => {
      for (const offset of [0, 100, -100]) {
        const bias = { data: floats(dtype, [offset]), shape: [1] };
        const problem = problemOf(sizes(1, [2, 1], 18, m, 8, 17), dtype, { bias });
        expectReference(problem, {}, dtype);
        const { weights } = inspects(problem);
        if (offset !== 0) expect(weights.indices).toHaveLength(offset > 0 ? 36 * m : 0);
        expect(weights.thresholds.every((threshold) => Object.is(threshold, 0))).toBe(true);
      }
    },
  );

  test('channels of N(0, 1)', () => {
    for (const size of PAIRS) {
      const problem = problemOf(size, dtype, { isCausal: 'lowerRight' }, 'normal');
      const { output } = relaReference(problem);
      expect(gradientError(attends(problem), output)).toBeLessThan(dtype === 'float32' ? 1e-5 : 1e-13);
    }
  });

  test('every form and layout gives the same bits, of gain and gate too', () => {
    const problem = problemOf(sizes(2, [4, 2], 18, 35, 12, 20), dtype, { isCausal: 'lowerRight' });
    const norm = normOf(problem, 'a norm and a gate', dtype);
    const expected = attends(problem, norm);
    for (const form of SHAPED_FORMS.filter((each) => each.dtype === dtype)) {
      const own = (values: ArrayLike<number>): unknown => form.make(Array.from(values), [80]).x;
      for (const layout of ['BHND', 'BNHD'] as const) {
        scope(() => {
          const more = { gain: own(norm.gain!), gate: own(norm.gate!), eps: norm.eps };
          const output = outputOf(problem, form, layout, more, untypedRela);
          expectSameBits(output, expected, `${form.name}, ${layout}`);
        });
      }
    }
    expectSameBits(attends(problem, { ...norm, gain: [...norm.gain!] }), expected, 'numbers');
  });

  test('the skipped share counts the products of what has no weight', () => {
    const problem = problemOf(sizes(1, [2, 1], 20, 50, 8, 24), dtype);
    const { weights, skipped } = inspects(problem);
    const pairs = 2 * 20 * 50;
    expect(skipped).toBeCloseTo(((pairs - weights.indices.length) * 24) / (pairs * 32), 12);
    const ofNone = inspects(problem, { bias: { data: floats(dtype, [-99]), shape: [1] } });
    expect(ofNone.skipped).toBeCloseTo(24 / 32, 12);
  });

  test('out may be q itself, of arrays and Tensors, and no input of the norm', () => {
    const problem = problemOf(sizes(1, [2, 2], 5, 9, 8), dtype);
    const norm = normOf(problem, 'a norm and a gate', dtype);
    const expected = attends(problem, norm);
    const { inputs, shape } = inputsOf(problem, blockForm(dtype));
    const own = inputs[0] as { data: Float32Array };
    expect(untypedRela(...inputs, { ...norm, out: own.data })).toBe(own.data);
    expectSameBits(own.data, expected, 'q');
    scope(() => {
      const [q, k, v] = inputsOf(problem, blockForm(dtype)).inputs.map((each) => {
        const { data, shape: of } = each as { data: Float32Array; shape: number[] };
        return tensor(data, of);
      }) as [Tensor, Tensor, Tensor];
      expect(untypedRela(q, k, v, { ...norm, out: q })).toBe(q);
      expectSameBits(q.toTypedArray() as Float32Array, expected, 'q');
      // As large as the output: one query of one channel.
      const small = [zeros([1, 2, 1, 1], dtype), zeros([1, 2, 3, 1], dtype), zeros([1, 2, 3, 1], dtype)] as const;
      const gain = zeros([2], dtype);
      const out = gain.reshape([1, 2, 1, 1]);
      expect(() => untypedRela(...small, { gain, out })).toThrow(/it overlaps gain/);
      expect(() => untypedRela(...small, { gain: [1, 1], gate: gain, out })).toThrow(/it overlaps gate/);
    });
    expect(shape).toEqual([1, 2, 5, 8]);
  });

  describe('edges', () => {
    const HEADS = sizes(1, [2, 1], 20, 40, 8, 5);
    const ofHead = (data: ArrayLike<number>, h: number, i: number): number[] =>
      Array.from({ length: 5 }, (_, e) => data[(h * 20 + i) * 5 + e]!);

    test('a NaN in one key spoils the queries that see it and no others', () => {
      const problem = problemOf(sizes(1, [2, 2], 20, 40, 8, 5), dtype, { isCausal: 'upperLeft', scale: 0.5 });
      problem.k[7 * 8 + 3] = NaN;
      expectReference(problem, {}, dtype);
      const normed = attends(problem, normOf(problem, 'a norm', dtype));
      const plain = inspects(problem);
      for (let i = 0; i < 20; i++) {
        const isNaN = (values: number[]): boolean => values.every((value) => Number.isNaN(value));
        expect(isNaN(ofHead(plain.output.data, 0, i))).toBe(i >= 7);
        // The second head reads other keys; a norm is over both.
        expect(isNaN(ofHead(plain.output.data, 1, i))).toBe(false);
        expect(isNaN(ofHead(normed, 1, i))).toBe(i >= 7);
        const [start, end] = [plain.weights.indptr[i]!, plain.weights.indptr[i + 1]!];
        // A row that is NaN lists the keys that it sees.
        if (i >= 7) expect(end - start).toBe(i + 1);
        expect(Number.isNaN(plain.weights.thresholds[i])).toBe(i >= 7);
      }
    });

    test('a value that is not finite spoils the queries that give it weight', () => {
      const problem = problemOf(HEADS, dtype, { scale: 0.5 });
      problem.v[3 * 5 + 1] = NaN;
      const { weights, output } = relaReference(problem);
      const actual = attends(problem);
      expect(gradientError(actual, output)).toBeLessThan(TOLERANCE[dtype]);
      for (let row = 0; row < 40; row++) expect(Number.isNaN(actual[row * 5 + 1])).toBe(weights[row * 40 + 3]! > 0);
    });

    test('a score of +Infinity weighs +Infinity', () => {
      const data = floats(
        dtype,
        Array.from({ length: 40 }, (_, j) => (j === 9 ? Infinity : 0)),
      );
      const problem = problemOf(HEADS, dtype, { bias: { data, shape: [40] } });
      const { output, weights } = inspects(problem);
      expect(weights.toDense()[9]).toBe(Infinity);
      for (let at = 0; at < 200; at++) expect(output.data[at]).toBe(problem.v[9 * 5 + (at % 5)]! * Infinity);
      expect(weights.thresholds.every((threshold) => threshold === 0)).toBe(true);
      expect(attends(problem, normOf(problem, 'a norm', dtype)).every((value) => Number.isNaN(value))).toBe(true);
    });

    test('a query without a positive score gives 0, whatever emptyRow says', () => {
      const bias = { data: floats(dtype, [-99]), shape: [1] };
      const problem = problemOf(HEADS, dtype, { bias });
      for (const emptyRow of ['zero', 'nan', 'throw']) {
        for (const name of NORMS) {
          const output = attends(problem, { emptyRow, ...normOf(problem, name, dtype) });
          expect(output.every((value) => value === 0)).toBe(true);
        }
      }
      expect([...inspects(problem).weights.indptr]).toEqual(new Array(41).fill(0));
    });

    test.each([
      ['a key mask', { keyMask: new Uint8Array(40) }],
      ['a mask', { mask: { data: new Uint8Array(1), shape: [1, 1, 1, 1] } }],
      ['a bias of -Infinity', { bias: { data: [-Infinity], shape: [1] } }],
      ['key lengths of 0', { keyValueSeqLengths: [0] }],
    ])('queries that see no key by %s are 0, NaN or an error', (_, options) => {
      const bias = 'bias' in options ? { bias: { data: floats(dtype, [-Infinity]), shape: [1] } } : {};
      const problem = problemOf(HEADS, dtype, { ...(options as object), ...bias });
      for (const name of NORMS) {
        const norm = normOf(problem, name, dtype);
        expect(attends(problem, norm).every((value) => value === 0)).toBe(true);
        expect([...attends(problem, { ...norm, emptyRow: 'nan' })]).toEqual(new Array(200).fill(NaN));
        const out = floats(dtype, new Array<number>(200).fill(7));
        expect(() => attends(problem, { ...norm, emptyRow: 'throw', out })).toThrow(
          expect.objectContaining({ code: 'ENTMAX_EMPTY_ROW', got: 'none for batch 0, head 0, query 0' }),
        );
        expect(out.every((each) => each === 7)).toBe(true);
      }
      const { weights } = inspects(problem);
      expect([...weights.thresholds]).toEqual(new Array(40).fill(Infinity));
      expect(weights.indices).toHaveLength(0);
    });

    test.each([{ b: 0 }, { h: 0, g: 0 }, { n: 0 }, { e: 0 }, { m: 0 }, { d: 0 }])('%j', async (part) => {
      const problem = problemOf({ ...HEADS, ...part }, dtype);
      const { b, h, n, e } = problem;
      for (const name of NORMS) {
        const norm = normOf(problem, name, dtype);
        const expectZeros = (data: Float32Array | Float64Array): void => {
          expect(data).toHaveLength(b * h * n * e);
          expect(data.every((value) => value === 0)).toBe(true);
        };
        expectZeros(attends(problem, norm));
        expectZeros(inspects(problem, norm).output.data);
        const { inputs } = inputsOf(problem, blockForm(dtype));
        expectZeros(((await untypedRela.async(...inputs, norm)) as { data: Float32Array }).data);
      }
    });

    test('a norm without eps to speak of does not depend on the size of the values', () => {
      const problem = problemOf(sizes(1, [2, 1], 9, 30, 8, 20), dtype);
      const norm = { gain: normOf(problem, 'a norm', dtype).gain, eps: 1e-300 };
      const expected = attends(problem, norm);
      const own = problem.v.slice();
      for (const exponent of dtype === 'float32' ? [-60, 60, 110] : [-400, 400, 500, 600, 1000]) {
        own.forEach((value, at) => (problem.v[at] = value * 2 ** exponent));
        expectSameBits(attends(problem, norm), expected, `2^${exponent}`);
      }
    });
  });
});
