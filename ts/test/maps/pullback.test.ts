/** Pullbacks: what they own, how long they live, and the forms of what they give. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test } from 'vitest';
import type { Tensor } from 'entmax';
import { budget, EntmaxError, entmax, entmax15, runtimeInfo, scope, softmax, sparsemax, tensor } from 'entmax';
import { expectSameBits } from '../oracle/layouts.ts';
import { randomFrom } from '../oracle/random.ts';

const [ROWS, N] = [6, 50];
const random = randomFrom(23);
const x = Float64Array.from({ length: ROWS * N }, () => random.normal());
const dp = Float64Array.from({ length: ROWS * N }, () => random.normal());
const shape = [ROWS, N];
const used = (): number => runtimeInfo().memory.used;
const disposedError: unknown = expect.objectContaining({ code: 'ENTMAX_DISPOSED' });

afterEach(() => expect(runtimeInfo().liveTensors).toBe(0));

describe.each([
  ['softmax, which keeps all', softmax],
  ['entmax15, which keeps entries', entmax15],
] as const)('%s', (_, map) => {
  test('may be called many times, and owns what it needs', () => {
    const [p, pullback] = map.vjp(x, { shape });
    const first = pullback(dp).x;
    const kept = p.slice();
    p.fill(7);
    expectSameBits(pullback(dp).x, first, 'after its value was overwritten');
    expectSameBits(map.backward(kept, dp, { shape }).x, first, 'backward');
    const doubled = pullback(dp.map((value) => 2 * value)).x;
    expectSameBits(
      doubled,
      first.map((value) => 2 * value),
      'another cotangent',
    );
  });

  test('made from arrays it holds nothing in linear memory', () => {
    const before = used();
    const [, pullback] = map.vjp(x, { shape });
    expect(used()).toBe(before);
    pullback(dp);
    expect(used()).toBe(before);
  });

  test('made from a Tensor it lives without it, and gives its memory back', () => {
    const before = used();
    const held = tensor(x, shape);
    const [p, pullback] = map.vjp(held);
    const expected = map.vjp(x, { shape })[1](dp).x;
    held.dispose();
    p.dispose();
    const cotangent = tensor(dp, shape);
    for (const dy of [cotangent, cotangent.reshape(shape)]) {
      const { x: dx } = pullback(dy);
      expectSameBits(dx.toTypedArray(), expected, 'Tensor');
      dx.dispose();
      dy.dispose();
    }
    pullback.dispose();
    expect(used()).toBe(before);
  });

  test('is over when it is disposed, however often', () => {
    const [, pullback] = map.vjp(x, { shape });
    pullback.dispose();
    pullback.dispose();
    expect(() => pullback(dp)).toThrow(disposedError);
    const [, other] = map.vjp(x, { shape });
    {
      using scoped = other;
      scoped(dp);
    }
    expect(() => other(dp)).toThrow(disposedError);
  });

  test('returned from a scope it survives it, else it ends there', () => {
    const held = tensor(x, shape);
    const cotangent = tensor(dp, shape);
    const kept = scope(() => map.vjp(held));
    const dx = kept[1](cotangent).x;
    expectSameBits(dx.toTypedArray(), map.vjp(x, { shape })[1](dp).x, 'kept');
    for (const each of [dx, ...kept, held, cotangent]) each.dispose();
  });

  test('a promise of it works the same', async () => {
    const [, pullback] = await map.async.vjp(x, { shape });
    expectSameBits((await pullback(dp)).x, map.vjp(x, { shape })[1](dp).x, 'async');
    const last = pullback(dp);
    pullback.dispose();
    expectSameBits((await last).x, map.vjp(x, { shape })[1](dp).x, 'disposed meanwhile');
    await expect(pullback(dp)).rejects.toThrow(disposedError);
  });
});

test('it keeps the support only', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const z = new Float32Array(250_000).map((_, i) => (i * 7919) % 250_000);
  collect();
  const before = process.memoryUsage().arrayBuffers;
  const kept = Array.from({ length: 20 }, () => sparsemax.vjp(z)[1]);
  // The dense outputs would take 20 MB. Buffers are given back a little after they are collected.
  const held = (): number => process.memoryUsage().arrayBuffers - before;
  for (let attempt = 0; attempt < 50 && held() > 1 << 20; attempt++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(held()).toBeLessThan(1 << 20);
  expect(kept[0]!(z).x).toHaveLength(z.length);
});

test('wrt picks gradients, in its order', () => {
  const [, pullback] = entmax.vjp(x, { shape, alpha: 1.3 });
  const all = pullback(dp);
  expect(Object.keys(all)).toEqual(['x', 'alpha']);
  expect(pullback(dp, ['alpha'])).toEqual({ alpha: all.alpha });
  expect(pullback(dp, [])).toEqual({});
  expect(Object.keys(pullback(dp, ['alpha', 'x']))).toEqual(['alpha', 'x']);
  expect(entmax.wrt).toEqual(['x', 'alpha']);
  expect(softmax.wrt).toEqual(['x']);
  expect(budget.wrt).toEqual(['x', 'budget', 'upper']);
  const p = entmax(x, { shape, alpha: 1.3 });
  expect(entmax.backward(p, dp, { shape, alpha: 1.3, wrt: ['alpha'] })).toEqual({ alpha: all.alpha });
});

describe('a gradient has the form of what it belongs to', () => {
  const alphas = [1, 1.2, 1.5, 1.7, 2, 3];
  const perRow = entmax.vjp(x, { shape, alpha: Float64Array.from(alphas) })[1](dp).alpha;

  test('a bare array: one for each row', () => {
    const f32 = entmax.vjp(x, { shape, alpha: Float32Array.of(1, 1.25, 1.5, 1.75, 2, 3) })[1](dp).alpha;
    expect(f32).toBeInstanceOf(Float32Array);
    expect(f32).toHaveLength(ROWS);
    expect(entmax.vjp(x, { shape, alpha: alphas })[1](dp).alpha).toEqual([...perRow]);
  });

  test('a number, given or not: the sum over the rows', () => {
    const rows = entmax.vjp(x, { shape, alpha: new Float64Array(ROWS).fill(1.5) })[1](dp).alpha;
    const sum = rows.reduce((a, b) => a + b, 0);
    expect(entmax.vjp(x, { shape, alpha: 1.5 })[1](dp).alpha).toBe(sum);
    expect(entmax.vjp(x, { shape })[1](dp).alpha).toBe(sum);
  });

  test('a block, nested numbers and a Tensor: their own shape, with sums where they repeat', () => {
    const grid = [2, 3, N];
    const data = Float64Array.from(alphas);
    const call = <A>(alpha: A): unknown => entmax.vjp(x, { shape: grid, alpha })[1](dp).alpha;
    expect(call({ data, shape: [2, 3, 1] })).toEqual({ data: perRow, shape: [2, 3, 1] });
    expect(
      call([
        [[1], [1.2], [1.5]],
        [[1.7], [2], [3]],
      ]),
    ).toEqual([Array.from(perRow.subarray(0, 3), (each) => [each]), Array.from(perRow.subarray(3), (each) => [each])]);
    const three = Float64Array.of(1, 1.5, 2);
    const repeated = entmax.vjp(x, { shape: grid, alpha: Float64Array.of(1, 1.5, 2, 1, 1.5, 2) })[1](dp).alpha;
    const sums = Float64Array.from([0, 1, 2], (r) => repeated[r]! + repeated[r + 3]!);
    expect(call({ data: three, shape: [1, 3, 1] })).toEqual({ data: sums, shape: [1, 3, 1] });
    using alpha = tensor(three, [1, 3, 1]);
    using gradient = call(alpha) as Tensor<'float64'>;
    expect([gradient.shape, gradient.dtype]).toEqual([[1, 3, 1], 'float64']);
    expectSameBits(gradient.toTypedArray(), sums, 'Tensor');
  });

  test('bounds: a number, an array of x’s shape, a row that repeats', () => {
    const options = { shape, budget: 3 };
    const full = budget.vjp(x, { ...options, upper: new Float64Array(x.length).fill(0.5) })[1](dp).upper;
    expect(full.some((value) => value !== 0)).toBe(true);
    const total = full.reduce((a, b) => a + b, 0);
    expect(Math.abs(budget.vjp(x, { ...options, upper: 0.5 })[1](dp).upper - total)).toBeLessThan(1e-12);
    const row = budget.vjp(x, { ...options, upper: new Float64Array(N).fill(0.5) })[1](dp).upper;
    expect(row).toHaveLength(N);
    row.forEach((value, j) => {
      let sum = 0;
      for (let r = 0; r < ROWS; r++) sum += full[r * N + j]!;
      expect(value).toBe(sum);
    });
    const column = budget.vjp(x, { ...options, upper: { data: new Float32Array(ROWS).fill(0.5), shape: [ROWS, 1] } });
    const { upper } = column[1](dp);
    expect(upper.shape).toEqual([ROWS, 1]);
    expect(upper.data).toBeInstanceOf(Float32Array);
  });
});

test('a mask that p respects changes nothing in backward, and excludes what p does not', () => {
  const mask = Uint8Array.from(x, (_, i) => (i % 3 === 0 ? 0 : 1));
  const p = entmax15(x, { shape, mask });
  const plain = entmax15.backward(p, dp, { shape });
  expectSameBits(entmax15.backward(p, dp, { shape, mask }).x, plain.x, 'mask');
  const unmasked = softmax(x, { shape });
  const dx = softmax.backward(unmasked, dp, { shape, mask }).x;
  expect(dx.every((value, i) => mask[i] === 1 || value === 0)).toBe(true);
  expect(dx).not.toEqual(softmax.backward(unmasked, dp, { shape }).x);
});

test('alpha = Infinity has no gradient', () => {
  const [, pullback] = entmax.vjp(x, { shape, alpha: Infinity });
  const { x: dx, alpha } = pullback(dp);
  expect(dx.every((value) => value === 0)).toBe(true);
  expect(alpha).toBe(0);
});

test('what is no cotangent is refused', () => {
  const [, pullback] = softmax.vjp(x, { shape });
  const call = pullback as unknown as (...args: unknown[]) => unknown;
  const failure = (code: string): unknown => expect.objectContaining({ code, op: 'softmax.pullback' });
  expect(() => call(new Float64Array(3))).toThrow(failure('ENTMAX_SHAPE'));
  expect(() => call(new Float32Array(x.length))).toThrow(failure('ENTMAX_DTYPE'));
  expect(() => call({ data: dp, shape: [N, ROWS] })).toThrow(failure('ENTMAX_SHAPE'));
  expect(() => call(dp, ['alpha'])).toThrow(failure('ENTMAX_OPTION'));
  expect(() => call(dp, 'x')).toThrow(failure('ENTMAX_OPTION'));
  expect(() => call(undefined)).toThrow(EntmaxError);
});
