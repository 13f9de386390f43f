/** The option `upper`: in whatever form it comes it means the same, and it is the caller's: read, never written, kept only as a copy. */

import { afterAll, describe, expect, test } from 'vitest';
import { budget, init, scope, shutdown, tensor } from 'entmax';
import type { RowMap } from 'entmax';
import { constrainedEntmax, constrainedSoftmax, constrainedSparsemax } from 'entmax/regularised';
import { bitsOf } from '../oracle/compare.ts';
import { errorOf } from '../runtime/errors.ts';

afterAll(() => shutdown());

type Numbers = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;
type Given = Record<string, unknown>;
type Bounded = RowMap<'upper', Record<string, unknown>>;

const MAPS = {
  budget: [budget, { budget: 1.5 }],
  'budget at most': [budget, { budget: 2, atMost: true }],
  constrainedSparsemax: [constrainedSparsemax, {}],
  constrainedSoftmax: [constrainedSoftmax, {}],
  constrainedEntmax: [constrainedEntmax, { alpha: 1.5 }],
} as unknown as Record<string, readonly [Bounded, Given]>;
interface NumbersType {
  new (length: number): Numbers;
  from(source: ArrayLike<number>, value?: (number: number, index: number) => number): Numbers;
  readonly name: string;
}
const TYPES: readonly NumbersType[] = [Float32Array, Float64Array] as never;
const CASES = Object.entries(MAPS).flatMap(([name, [map, options]]) =>
  TYPES.map((Type) => [`${name}, ${Type.name}`, map, options, Type] as const),
);

const scores = (Type: NumbersType, size: number): Numbers =>
  Type.from({ length: size }, (_, i) => ((i * 7919) % 1013) / 300);
/** For each place of a row, so that 16 are enough for any budget here. */
const row = (n: number): number[] => Array.from({ length: n }, (_, j) => ((j % 5) + 1) / 8);

describe.each(CASES)('%s', (_, map, options, Type) => {
  const [rows, n] = [6, 21];
  const x = scores(Type, rows * n);
  const each = Type.from({ length: rows * n }, (_, i) => row(n)[i % n]!);

  test('bounds that all rows share give the same bits in every form, and the same gradients in theirs', () => {
    const given = { ...options, shape: [rows, n] };
    const dp = scores(Type, rows * n).reverse();
    const expected = bitsOf(map(x, { ...given, upper: each }));
    const forms = { row: row(n), typed: Type.from(row(n)), block: { data: Type.from(row(n)), shape: [1, n] }, each };
    const sums: number[][] = [];
    for (const upper of Object.values(forms) as never[]) {
      expect(bitsOf(map(x, { ...given, upper }))).toBe(expected);
      expect(map.csr(x, { ...given, upper })).toEqual(map.csr(x, { ...given, upper: each }));
      expect(map.support(x, { ...given, upper })).toEqual(map.support(x, { ...given, upper: each }));
      const [p, pullback] = map.vjp(x, { ...given, upper });
      expect(bitsOf(p)).toBe(expected);
      const gradient: unknown = pullback(dp).upper;
      const data = (gradient as { data?: Numbers }).data ?? (gradient as Numbers);
      expect(map.backward(p, dp, { ...given, upper }).upper).toEqual(gradient);
      sums.push(
        Array.from({ length: n }, (_, j) => Array.from(data).reduce((s, v, i) => s + (i % n === j ? v : 0), 0)),
      );
    }
    for (const sum of sums) sum.forEach((value, j) => expect(value).toBeCloseTo(sums[0]![j]!, 4));
    scope(() => {
      const upper = tensor(each, [rows, n]);
      const [z, wide] = [tensor(x, [rows, n]), tensor(Float64Array.from(row(n)), [n])];
      for (const bounds of [upper, upper.reshape([rows, n]), wide, forms.row, each]) {
        expect(bitsOf(map(z, { ...options, upper: bounds }).toTypedArray())).toBe(expected);
      }
      expect(bitsOf(map(x, { ...given, upper }))).toBe(expected);
    });
  });

  test('a number is the same as an array of it, along any axis and beside a mask', () => {
    const shape = [2, 9, 7];
    const z = scores(Type, 126);
    const mask = Uint8Array.from(z, (_, i) => Number(i % 6 !== 1));
    for (const axis of [0, 1, 2]) {
      const upper = axis === 0 ? 1.5 : 0.4;
      const given = {
        ...options,
        shape,
        axis,
        ...(axis === 0 ? { budget: 0.5 } : {}),
        mask: axis === 0 ? undefined : mask,
      };
      if (!('budget' in options)) delete (given as Given)['budget'];
      const expected = bitsOf(map(z, { ...given, upper }));
      const along = shape.map((length, at) => (at === axis ? length : 1));
      for (const bounds of [
        Type.from(z, () => upper),
        { data: Type.from({ length: shape[axis]! }, () => upper), shape: along },
        { data: Type.from({ length: shape[1]! }, () => upper), shape: [shape[1]!, 1] },
      ]) {
        expect(bitsOf(map(z, { ...given, upper: bounds } as never))).toBe(expected);
      }
    }
  });

  test('a result may overwrite the bounds, in whole or in part', () => {
    const expected = bitsOf(map(x, { ...options, shape: [rows, n], upper: each }));
    for (const skip of [0, 1, n, n + 3]) {
      const memory = new Type(rows * n + 2 * n);
      const upper = memory.subarray(n, n + rows * n);
      upper.set(each);
      const out = memory.subarray(skip, skip + rows * n);
      map(x, { ...options, shape: [rows, n], upper, out });
      expect(bitsOf(out), `out ${n - skip} before`).toBe(expected);
    }
    scope(() => {
      const [z, upper] = [tensor(x, [rows, n]), tensor(each, [rows, n])];
      map(z, { ...options, upper, out: upper.reshape([rows, n]) as never });
      expect(bitsOf(upper.toTypedArray())).toBe(expected);
    });
  });

  test('a pullback keeps the bounds as they were', () => {
    const given = { ...options, shape: [rows, n] };
    const dp = scores(Type, rows * n).reverse();
    const expected = map.vjp(x, { ...given, upper: each })[1](dp);
    const upper = each.slice();
    const [, pullback] = map.vjp(x, { ...given, upper });
    upper.fill(NaN);
    expect(pullback(dp)).toEqual(expected);
    scope(() => {
      const [z, bounds, cotangent] = [tensor(x, [rows, n]), tensor(each, [rows, n]), tensor(dp, [rows, n])];
      const [, pullback] = map.vjp(z, { ...options, upper: bounds });
      bounds.set(new Type(rows * n).fill(9));
      bounds.dispose();
      const gradients = pullback(cotangent) as unknown as { x: typeof z; upper: typeof z };
      expect(bitsOf(gradients.x.toTypedArray())).toBe(bitsOf(expected.x));
      expect(bitsOf(gradients.upper.toTypedArray())).toBe(bitsOf((expected as Given)['upper'] as Numbers));
    });
  });

  test('a bound below 0 is refused wherever it is, before anything is written', () => {
    for (const bad of [-1, NaN, -Infinity]) {
      for (const at of [0, 40, rows * n - 1]) {
        const upper = each.slice();
        upper[at] = bad;
        const out = new Type(rows * n).fill(7);
        const given = { ...options, shape: [rows, n], upper };
        const error = new RegExp(`upper >= 0, got ${bad}`);
        expect(() => map(x, { ...given, out })).toThrow(error);
        expect(out).toEqual(new Type(rows * n).fill(7));
        expect(() => map.backward(x, x, given)).toThrow(error);
        expect(() => map.vjp(x, { ...given, axis: 0 })).toThrow(error);
        scope(() => {
          const [z, bounds, out] = [tensor(x, [rows, n]), tensor(upper, [rows, n]), tensor(x, [rows, n])];
          expect(() => map(z, { ...options, upper: bounds, out: out as never })).toThrow(error);
          expect(out.toTypedArray()).toEqual(x);
        });
      }
    }
    expect(() =>
      map(x, { ...options, shape: [rows, n], upper: each.map((u, i) => (i % 3 ? u * 2 : -0)) }),
    ).not.toThrow();
  });

  test('bounds in a tensor are refused when it is disposed or half-written', async () => {
    const [z, upper] = [tensor(x, [rows, n]), tensor(each, [rows, n])];
    const pending = map.async(z, { ...options, upper: 1, out: upper as never });
    errorOf('ENTMAX_BUSY', () => map(z, { ...options, upper }));
    errorOf('ENTMAX_BUSY', () => map.support(z, { ...options, upper }));
    await pending;
    upper.set(each);
    const another = map.async(z, { ...options, upper });
    errorOf('ENTMAX_BUSY', () => upper.set(x));
    upper.dispose();
    errorOf('ENTMAX_DISPOSED', () => map(z, { ...options, upper }));
    expect(bitsOf((await another).toTypedArray())).toBe(bitsOf(map(x, { ...options, shape: [rows, n], upper: each })));
    z.dispose();
  });
});

const EXACT = CASES.filter(([name]) => !name.startsWith('budget at most'));

test.each(EXACT)('%s: a row whose bounds are too small is named, an empty one is not', (_, map, options, Type) => {
  const [rows, n] = [5, 40];
  const shape = [rows, n];
  const upper = new Type(rows * n).fill(0.2);
  const x = scores(Type, rows * n);
  // Row 1 is empty; row 3 is left with two scores.
  x.fill(-Infinity, n, 2 * n);
  const mask = Uint8Array.from(x, (_, i) => Number(Math.floor(i / n) !== 3 || i % n < 2));
  const out = new Type(rows * n).fill(7);
  expect(() => map(x, { ...options, shape, upper })).not.toThrow();
  for (const bounds of [upper, 0.2, new Type(n).fill(0.2)]) {
    expect(() => map(x, { ...options, shape, upper: bounds, mask, out })).toThrow(/0\.4.*row 3|0\.4.*in row 3/);
    expect(out).toEqual(new Type(rows * n).fill(7));
  }
  const columns = { ...options, shape: [n, rows], axis: 0, upper };
  expect(() => map(x, columns)).not.toThrow();
  const few = x.map((score, i) => (i % rows === 2 && i >= 2 * rows ? -Infinity : score));
  expect(() => map(few, columns)).toThrow(/in row 2/);
});

test('threads give the same bits with bounds in place', async () => {
  const [rows, n] = [300, 130];
  const x = scores(Float32Array, rows * n);
  const each = Float32Array.from(x, (_, i) => row(n)[i % n]!);
  const alone = bitsOf(constrainedSoftmax(x, { shape: [rows, n], upper: each }));
  await init({ threads: 2 });
  const [z, upper] = [tensor(x, [rows, n]), tensor(each, [rows, n])];
  for (const bounds of [upper, row(n)]) {
    expect(bitsOf((await constrainedSoftmax.async(z, { upper: bounds })).toTypedArray())).toBe(alone);
    expect(bitsOf(constrainedSoftmax(z, { upper: bounds }).toTypedArray())).toBe(alone);
  }
});
