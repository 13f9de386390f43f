/**
 * A query has one result, whatever lies around it and whichever way it is asked for (DESIGN.md §6).
 *
 * Bits may differ in one case only: where the same keys remain by shorter lengths or a causal limit on the one hand, by a
 * mask on the other. The row that is solved is then as long as what can be seen by place, and rows of other lengths may be
 * solved by other kernels and begin at another bound. The keys with weight are the same.
 */

import { describe, expect, test } from 'vitest';
import { scope, tensor, zeros } from 'entmax';
import { gradientError } from '../oracle/compare.ts';
import type { FloatType } from '../oracle/compare.ts';
import type { Options, Problem, Sizes } from '../oracle/attention.ts';
import { expectSameBits, floats } from '../oracle/layouts.ts';
import type { Floats } from '../oracle/layouts.ts';
import { permutation, randomFrom } from '../oracle/random.ts';
import { attend, bitsOfWeights, inspect, inputsOf, blockForm, problemOf, sizes, untyped } from './problems.ts';

const DTYPES: readonly FloatType[] = ['float32', 'float64'];
/** Short rows, and rows that are sparse enough for thresholds of their own. */
const SIZES = [sizes(3, [4, 2], 19, 45, 20, 24), sizes(2, [4, 2], 35, 700, 16, 40)];
const GRID = DTYPES.flatMap((dtype) => SIZES.map((size) => [dtype, size.m, size] as const));
const ALPHA = [1.5, 1, 2, 1.3];

const slice = (data: Floats, from: number, count: number, size: number): Floats =>
  data.slice(from * size, (from + count) * size);

/** Batch `b` of a problem, its options given apart. */
function batchOf(problem: Problem, b: number, options: Options): Problem {
  const { h, g, n, m, d, e, q, k, v } = problem;
  const of = (data: Floats, size: number): Floats => slice(data, b, 1, size);
  return { ...problem, b: 1, q: of(q, h * n * d), k: of(k, g * m * d), v: of(v, g * m * e), options };
}

/** Options with something for every batch, head and query, and those of one batch. */
function everyOption({ b, h, n, m }: Sizes, dtype: FloatType): { all: Options; of(batch: number): Options } {
  const random = randomFrom(5);
  const bias = floats(
    dtype,
    Array.from({ length: b * m }, () => (random.below(33) - 16) / 16),
  );
  const mask = Uint8Array.from({ length: b * n * m }, () => Number(random.below(5) > 0));
  const [queries, keys] = [Array.from({ length: b }, (_, i) => n - i), Array.from({ length: b }, (_, i) => m - 2 * i)];
  const common = { alpha: ALPHA, scale: 0.5, isCausal: 'lowerRight' } as const;
  const alibiSlopes = Array.from({ length: h }, (_, head) => 2 ** -(3 + head));
  return {
    all: {
      ...common,
      alibiSlopes,
      bias: { data: bias, shape: [b, 1, 1, m] },
      mask: { data: mask, shape: [b, 1, n, m] },
      querySeqLengths: queries,
      keyValueSeqLengths: keys,
    },
    of: (i) => ({
      ...common,
      alibiSlopes,
      bias: { data: slice(bias, i, 1, m), shape: [1, 1, 1, m] },
      mask: { data: mask.slice(i * n * m, (i + 1) * n * m), shape: [1, 1, n, m] },
      querySeqLengths: [queries[i]!],
      keyValueSeqLengths: [keys[i]!],
    }),
  };
}

describe.each(GRID)('%s, %i keys', (dtype, _, size) => {
  const options = everyOption(size, dtype);
  const problem = problemOf(size, dtype, options.all, 'normal');
  const { b, h, g, n, m, d, e } = size;
  const output = attend(problem);
  const whole = inspect(problem);

  test('a batch alone has the bits that it has among others', () => {
    for (let i = 0; i < b; i++) {
      expectSameBits(attend(batchOf(problem, i, options.of(i))), slice(output, i, 1, h * n * e), `batch ${i}`);
    }
  });

  test('a query alone has the bits that it has among others', () => {
    const plain = { ...problem, options: { alpha: ALPHA } };
    const all = attend(plain);
    for (const i of [0, 1, 7, 15, 16, n - 1]) {
      const rows = (data: Floats, width: number): Floats =>
        floats(dtype, Array.from({ length: b * h }, (_, head) => [...slice(data, head * n + i, 1, width)]).flat());
      expectSameBits(attend({ ...plain, n: 1, q: rows(problem.q, d) }), rows(all, e), `query ${i}`);
    }
  });

  test('heads in another order have their bits', () => {
    const order = permutation(h, randomFrom(3));
    const heads = (data: Floats, width: number, of: (to: number) => number): Floats =>
      floats(
        dtype,
        Array.from({ length: b * h }, (_, to) => [
          ...slice(data, Math.floor(to / h) * (data.length / width / b) + of(to % h), 1, width),
        ]).flat(),
      );
    // Keys for each head, so that heads can move.
    const [q, k, v] = [
      heads(problem.q, n * d, (to) => order[to]!),
      heads(problem.k, m * d, (to) => Math.floor((order[to]! * g) / h)),
      heads(problem.v, m * e, (to) => Math.floor((order[to]! * g) / h)),
    ];
    const alpha = order.map((head) => ALPHA[head]!);
    const alibiSlopes = order.map((head) => problem.options.alibiSlopes![head]!);
    const moved = attend({ ...problem, g: h, q, k, v, options: { ...problem.options, alpha, alibiSlopes } });
    expectSameBits(
      moved,
      heads(output, n * e, (to) => order[to]!),
      'heads',
    );
  });

  test('shared heads have the bits of copied ones', () => {
    const copied = (data: Floats, width: number): Floats =>
      floats(
        dtype,
        Array.from({ length: b * h }, (_, head) => [
          ...slice(data, Math.floor(head / h) * g + Math.floor(((head % h) * g) / h), 1, width),
        ]).flat(),
      );
    const { k, v } = problem;
    expectSameBits(attend({ ...problem, g: h, k: copied(k, m * d), v: copied(v, m * e) }), output, 'copied');
  });

  test('a mask, a key mask and a bias of -Infinity have the same bits', () => {
    const keep = Uint8Array.from({ length: m }, (_, j) => Number(j % 3 > 0 && j < m - 5));
    const ofBatches = Uint8Array.from({ length: b * m }, (_, at) => keep[at % m]!);
    const full = Uint8Array.from({ length: b * h * n * m }, (_, at) => keep[at % m]!);
    const bias = floats(
      dtype,
      Array.from(keep, (each) => (each === 1 ? 0 : -Infinity)),
    );
    const common = { alpha: ALPHA, isCausal: 'lowerRight' } as const;
    const expected = inspect({ ...problem, options: { ...common, keyMask: ofBatches } });
    for (const way of [
      { mask: { data: keep, shape: [1, 1, 1, m] } },
      { mask: { data: full, shape: [b, h, n, m] } },
      { bias: { data: bias, shape: [m] } },
      { bias: { data: bias, shape: [m] }, keyMask: ofBatches },
    ]) {
      const seen = inspect({ ...problem, options: { ...common, ...way } });
      expectSameBits(seen.output.data, expected.output.data, Object.keys(way).join());
      expect(bitsOfWeights(seen.weights)).toBe(bitsOfWeights(expected.weights));
    }
  });

  test('a mask of ones and a bias of zeros have the bits of none', () => {
    const { alpha, scale } = problem.options;
    const plain = { alpha, scale } as Options;
    const expected = attend({ ...problem, options: plain });
    const mask = { data: new Uint8Array([1]), shape: [1, 1, 1, 1] };
    const bias = { data: floats(dtype, new Array<number>(m).fill(0)), shape: [m] };
    const [querySeqLengths, keyValueSeqLengths] = [new Array<number>(b).fill(n), new Array<number>(b).fill(m)];
    for (const more of [{ mask }, { bias }, { querySeqLengths, keyValueSeqLengths }, { topk: m + 3 }]) {
      expectSameBits(attend({ ...problem, options: { ...plain, ...more } }), expected, Object.keys(more).join());
    }
  });

  test('shorter lengths have the bits of shorter keys, and the support of a mask', () => {
    const short = m - 7;
    const part = (data: Floats, width: number): Floats =>
      floats(dtype, Array.from({ length: b * g }, (_, head) => [...slice(data, head * m, short, width)]).flat());
    const plain = { ...problem, options: { alpha: ALPHA } };
    const byLengths = inspect(plain, { keyValueSeqLengths: new Array(b).fill(short) });
    const cut = inspect({ ...plain, m: short, k: part(problem.k, d), v: part(problem.v, e) });
    expectSameBits(byLengths.output.data, cut.output.data, 'shorter keys');
    expect(byLengths.weights.indices).toEqual(cut.weights.indices);
    const keep = Uint8Array.from({ length: m }, (_, j) => Number(j < short));
    const masked = inspect(plain, { mask: { data: keep, shape: [1, 1, 1, m] } });
    // softmax has no zeros but those of underflow.
    expect(masked.weights.indices).toEqual(byLengths.weights.indices);
    expect(gradientError(masked.output.data, byLengths.output.data)).toBeLessThan(dtype === 'float32' ? 1e-6 : 1e-14);
  });

  test('inspect, promises, out and Tensors have the bits of the plain call', async () => {
    expectSameBits(whole.output.data, output, 'inspect');
    const { inputs, shape } = inputsOf(problem, blockForm(dtype));
    const later = (await untyped.async(...inputs, problem.options)) as { data: Floats };
    expectSameBits(later.data, output, 'async');
    const seen = await untyped.async.inspect(...inputs, problem.options);
    expectSameBits((seen.output as { data: Floats }).data, output, 'async inspect');
    expect(bitsOfWeights(seen.weights)).toBe(bitsOfWeights(whole.weights));
    expect(seen.skipped).toBe(whole.skipped);
    const out = floats(dtype, new Array<number>(output.length).fill(7));
    untyped(...inputs, { ...problem.options, out });
    expectSameBits(out, output, 'out');
    scope(() => {
      const tensors = inputs.map((each) => {
        const { data, shape: own } = each as { data: Floats; shape: number[] };
        return tensor(data, own);
      }) as [unknown, unknown, unknown];
      const target = zeros(shape, dtype);
      untyped(...tensors, { ...problem.options, out: target });
      expectSameBits(target.toTypedArray(), output, 'Tensors');
      const ofTensors = untyped.inspect(...tensors, problem.options);
      expect(bitsOfWeights(ofTensors.weights)).toBe(bitsOfWeights(whole.weights));
    });
  });

  test('masks and biases of every form have the same bits', () => {
    const { data, shape } = problem.options.mask!;
    const bias = problem.options.bias!;
    const { inputs } = inputsOf(problem, blockForm(dtype));
    scope(() => {
      const masks = [
        { data: Int32Array.from(data, (each) => 3 * each), dims: shape },
        { data: BigInt64Array.from(data, BigInt), dims: shape },
        { data: Array.from(data, (each) => each === 1), shape },
        tensor(data, shape),
        tensor(Int32Array.from(data), shape),
      ];
      for (const mask of masks) {
        const result = untyped(...inputs, { ...problem.options, mask }) as { data: Floats };
        expectSameBits(result.data, output, 'mask');
      }
      const nested = Array.from({ length: b }, (_, i) => [[[...slice(bias.data, i, 1, m)]]]);
      for (const each of [tensor(bias.data, bias.shape), nested]) {
        const result = untyped(...inputs, { ...problem.options, bias: each }) as { data: Floats };
        expectSameBits(result.data, output, 'bias');
      }
      const { alpha } = problem.options as { alpha: number[] };
      for (const each of [
        Float64Array.from(alpha),
        { data: Float64Array.from(alpha), shape: [h] },
        tensor(Float64Array.from(alpha)),
      ]) {
        const result = untyped(...inputs, { ...problem.options, alpha: each }) as { data: Floats };
        expectSameBits(result.data, output, 'alpha');
      }
      const lengths = problem.options.keyValueSeqLengths!;
      for (const each of [
        Int32Array.from(lengths),
        tensor(Int32Array.from(lengths)),
        { data: BigInt64Array.from(lengths, BigInt), dims: [b] },
      ]) {
        const result = untyped(...inputs, { ...problem.options, keyValueSeqLengths: each }) as { data: Floats };
        expectSameBits(result.data, output, 'lengths');
      }
      for (const alibiSlopes of [
        Float32Array.from(problem.options.alibiSlopes!),
        Float64Array.from(problem.options.alibiSlopes!),
      ]) {
        const result = untyped(...inputs, { ...problem.options, alibiSlopes }) as { data: Floats };
        expectSameBits(result.data, output, 'slopes');
      }
    });
  });
});

test('the weights of an inspection in chunks are those of its parts', () => {
  // Slots of 8 MiB hold a part of one head of 1500 x 2000 pairs.
  const size = sizes(1, [2, 1], 1500, 2000, 4, 3);
  const problem = problemOf(size, 'float32', { alpha: [1.5, 2], scale: 1, isCausal: 'lowerRight' }, 'normal');
  const { weights, output } = inspect(problem);
  expectSameBits(output.data, attend(problem), 'output');
  for (let head = 0; head < 2; head++) {
    for (const [first, count] of [
      [0, 16],
      [700, 33],
      [1499, 1],
    ] as const) {
      // Lower right: the last of the first queries stands where it stood if as many keys are missing.
      const m = 2000 - (1500 - first - count);
      const part = inspect({
        ...problem,
        h: 1,
        n: count,
        m,
        q: slice(problem.q, head * 1500 + first, count, 4),
        k: slice(problem.k, 0, m, 4),
        v: slice(problem.v, 0, m, 3),
        options: { ...problem.options, alpha: (problem.options.alpha as number[])[head]! },
      });
      const row = head * 1500 + first;
      const [start, end] = [weights.indptr[row]!, weights.indptr[row + count]!];
      expect(weights.indices.slice(start, end)).toEqual(part.weights.indices);
      expectSameBits(weights.values.slice(start, end), part.weights.values, `${head}, ${first}`);
      expectSameBits(weights.thresholds.slice(row, row + count), part.weights.thresholds, `${head}, ${first}`);
    }
  }
});

test.each([1.25, 1.5, 2])('rows whose keys are screened have the bits of those that are not, alpha %d', (alpha) => {
  // An inspection forms all scores; attention may screen from 1280 keys and 64 queries on.
  for (const [n, m, factor] of [
    [63, 1100, 1],
    [64, 1023, 1],
    [64, 1280, 1],
    [80, 1500, 4],
    [200, 2500, 4],
  ] as const) {
    const problem = problemOf(sizes(1, [2, 1], n, m, 32, 20), 'float32', { alpha, isCausal: 'lowerRight' }, 'normal');
    problem.q.forEach((each, at) => (problem.q[at] = factor * each));
    const keyMask = Uint8Array.from({ length: m }, (_, j) => Number(j % 5 > 0));
    const [querySeqLengths, keyValueSeqLengths] = [[n - 7], [m - 40]];
    for (const more of [{}, { keyMask }, { querySeqLengths, keyValueSeqLengths }, { emptyRow: 'throw' }]) {
      const own = { ...problem, options: { ...problem.options, ...more } as Options };
      expectSameBits(attend(own), inspect(own).output.data, `${n} x ${m}, ${Object.keys(more).join()}`);
    }
  }
});
