import { afterAll, describe, expect, test } from 'vitest';
import { init, scope, shutdown, tensor } from 'entmax';
import type { Tensor } from 'entmax';
import {
  constrainedEntmax,
  constrainedSoftmax,
  constrainedSparsemax,
  fusedmax,
  normmax,
  oscarmax,
} from 'entmax/regularised';
import { bitsOf, errorOf } from '../oracle/compare.ts';
import { caseOf, names, scores } from './cases.ts';
import type { Gradients, Numbers } from './cases.ts';

afterAll(() => shutdown());

describe.each(names)('%s', (name) => {
  test('takes every form of scores and gives it back', () => {
    const n = 6;
    const [map, options] = caseOf(name, n);
    const x = scores(2 * n);
    const p = map(x, { ...options, shape: [2, n] }) as Float64Array;
    const rows = [x.subarray(0, n), x.subarray(n)].map((row) => map(row, options) as Float64Array);
    expect(bitsOf(p)).toBe(bitsOf(Float64Array.from(rows.flatMap((row) => [...row]))));
    expect(map({ data: x, shape: [2, n] }, options)).toEqual({ data: p, shape: [2, n] });
    expect(map([[...x.subarray(0, n)], [...x.subarray(n)]], options)).toEqual(rows.map((row) => [...row]));
    scope(() => {
      const result = map(tensor(x, [2, n]), options) as Tensor<'float64'>;
      expect(bitsOf(result.toTypedArray())).toBe(bitsOf(p));
    });
    const out = new Float64Array(2 * n);
    expect(map(x, { ...options, shape: [2, n], out })).toBe(out);
    expect(out).toEqual(p);
    const single = map(Float32Array.from(x), { ...options, shape: [2, n] }) as Float32Array;
    expect(single).toBeInstanceOf(Float32Array);
    // The kernels are of f64: what is rounded is x, the bounds and the result.
    expect(errorOf(single, p)).toBeLessThan(2e-6);
  });

  test.each([
    [[40, 7, 3], 0],
    [[4, 33, 70], 1],
    [[2, 3, 29], 2],
  ])('shape %j along axis %d, with a mask and a temperature', (shape, axis) => {
    const n = shape[axis]!;
    const [map, options] = caseOf(name, n / 2);
    const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    for (const Numbers of [Float32Array, Float64Array]) {
      const x = Numbers.from(
        scores(
          shape.reduce((a, b) => a * b, 1),
          axis + 3,
        ),
      );
      const mask = Uint8Array.from(x, (_, i) => Number(i % 5 !== 1));
      const p = map(x, { ...options, shape, axis, mask, temperature: 0.6 }) as Numbers;
      const [value, pullback] = map.vjp(x, { ...options, shape, axis, mask, temperature: 0.6 });
      expect(bitsOf(value as Numbers)).toBe(bitsOf(p));
      const dp = Numbers.from(scores(x.length, 9));
      const dx = pullback(dp)['x'] as Numbers;
      for (let row = 0; row < x.length / n; row++) {
        const at = (j: number): number => (Math.floor(row / inner) * n + j) * inner + (row % inner);
        const of = (from: Numbers): Numbers => Numbers.from(Array.from({ length: n }, (_, j) => from[at(j)]!));
        const masked = of(x).map((score, j) => (mask[at(j)] ? score : -Infinity));
        const [alone, back] = map.vjp(masked, { ...options, temperature: 0.6 });
        expect(bitsOf(alone as Numbers)).toBe(bitsOf(of(p)));
        expect(bitsOf(back(of(dp))['x'] as Numbers)).toBe(bitsOf(of(dx)));
      }
    }
  });

  test('gradients are the slopes of differences', () => {
    const n = 9;
    const [map, options] = caseOf(name, n);
    for (let seed = 1; seed <= 12; seed++) {
      const x = scores(n, seed);
      const given =
        'upper' in options
          ? { ...options, upper: scores(n, 70 + seed).map((u) => 0.15 + 0.05 * Math.abs(u)) }
          : options;
      const dp = scores(n, 40 + seed);
      const along = (z: Float64Array, more: object): number =>
        (map(z, { ...given, temperature: 0.8, ...more }) as Float64Array).reduce((sum, p, j) => sum + p * dp[j]!, 0);
      const gradients = map.vjp(x, { ...given, temperature: 0.8 })[1](dp);
      expect(Object.keys(gradients)).toEqual(map.wrt);
      const h = 1e-6;
      const moved = (values: Float64Array, j: number, by: number): Float64Array =>
        values.map((each, k) => (k === j ? each + by : each));
      const slopes = (f: (by: number) => number): number => (f(h) - f(-h)) / (2 * h);
      const dx = gradients['x'] as Float64Array;
      dx.forEach((each, j) =>
        expect(each).toBeCloseTo(
          slopes((by) => along(moved(x, j, by), {})),
          6,
        ),
      );
      for (const parameter of ['lambda', 'alpha'].filter((each) => each in gradients)) {
        const at = (given as Record<string, number>)[parameter]!;
        expect(gradients[parameter]).toBeCloseTo(
          slopes((by) => along(x, { [parameter]: at + by })),
          6,
        );
      }
      const { upper } = given as { upper?: Float64Array };
      upper?.forEach((_, j) => {
        const slope = slopes((by) => along(x, { upper: moved(upper, j, by) }));
        expect((gradients['upper'] as Float64Array)[j]).toBeCloseTo(slope, 6);
      });
    }
  });

  test('a parameter for each row is that of the row alone', () => {
    const [rows, n] = [3, 8];
    const [map, options] = caseOf(name, n);
    const parameter = ['lambda', 'alpha'].find((each) => map.wrt.includes(each));
    if (!parameter) return;
    const x = scores(rows * n, 5);
    const values = Array.from({ length: rows }, (_, r) => (options[parameter] as number) * (1 + 0.3 * r));
    const [p, pullback] = map.vjp(x, { ...options, shape: [rows, n], [parameter]: values });
    const dp = scores(rows * n, 6);
    const gradients = pullback(dp);
    values.forEach((value, r) => {
      const part = (from: Float64Array): Float64Array => from.slice(r * n, (r + 1) * n);
      const [alone, back] = map.vjp(part(x), { ...options, [parameter]: value });
      expect(bitsOf(part(p as Float64Array))).toBe(bitsOf(alone as Float64Array));
      const own = back(part(dp));
      expect(part(gradients['x'] as Float64Array)).toEqual(own['x']);
      expect((gradients[parameter] as number[])[r]).toBe(own[parameter]);
    });
  });

  test('edges: NaN, +Infinity, empty rows', () => {
    const n = 4;
    const [map, options] = caseOf(name, n);
    const x = [
      [0, NaN, 1, 2],
      [0, Infinity, 1, Infinity],
      [-Infinity, -Infinity, -Infinity, -Infinity],
      [0, 0, 0, 0],
    ];
    const [p, pullback] = map.vjp(x, options) as [number[][], (dp: unknown) => Gradients];
    expect(p).toEqual([
      [NaN, NaN, NaN, NaN],
      [0, 0.5, 0, 0.5],
      [0, 0, 0, 0],
      [0.25, 0.25, 0.25, 0.25],
    ]);
    const dx = pullback([1, 2, 3, 4].map((v) => [v, 2 * v, v, v]))['x'] as number[][];
    expect(dx.slice(0, 3)).toEqual([
      [NaN, NaN, NaN, NaN],
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ]);
    expect(map([[-Infinity, -Infinity]], { ...options, emptyRow: 'nan' })).toEqual([[NaN, NaN]]);
    expect(() => map([[-Infinity, -Infinity]], { ...options, emptyRow: 'throw' })).toThrow(/none in row 0/);
    expect(map(new Float64Array(0), options)).toEqual(new Float64Array(0));
  });

  test('asynchronously and on threads the same bits', async () => {
    const [rows, n] = [600, 257];
    const [map, options] = caseOf(name, n);
    const x = Float32Array.from(scores(rows * n, 8));
    const given = { ...options, shape: [rows, n] };
    const dp = Float32Array.from(scores(rows * n, 2));
    const bits = ([p, gradients]: [unknown, Gradients]): string[] =>
      [p, ...Object.values(gradients)].map((each) =>
        ArrayBuffer.isView(each) ? bitsOf(each as Numbers) : String(each),
      );
    const once = async (): Promise<string[]> => {
      const [p, pullback] = await map.async.vjp(x, given);
      return bits([p, await pullback(dp)]);
    };
    await shutdown();
    await init({ threads: 1 });
    const [p, pullback] = map.vjp(x, given);
    const expected = bits([p, pullback(dp)]);
    expect(bitsOf((await map.async(x, given)) as Float32Array)).toBe(expected[0]);
    expect(await once()).toEqual(expected);
    const groups = map.groups?.(x, given);
    expect(await map.async.groups?.(x, given)).toEqual(groups);
    await shutdown();
    await init({ threads: 3 });
    expect(await once()).toEqual(expected);
    expect(map.groups?.(x, given)).toEqual(groups);
    await shutdown();
  });
});

describe('errors', () => {
  test('of parameters', () => {
    const x = [
      [1, 2],
      [3, 4],
    ];
    expect(() => fusedmax(x)).toThrow(/fusedmax: expected the option lambda/);
    expect(() => fusedmax(x, { lambda: -1 })).toThrow(/lambda finite and >= 0, got -1/);
    expect(() => oscarmax(x, { lambda: [0.1, Infinity] })).toThrow(/got Infinity in row 1/);
    expect(() => normmax(x, { alpha: 1 })).toThrow(/alpha > 1, got 1/);
    expect(() => constrainedEntmax(x, { alpha: Infinity })).toThrow(/alpha finite and >= 1/);
    expect(() => constrainedSoftmax(x, { upper: -1 })).toThrow(/upper >= 0/);
    expect(() => oscarmax(x, { lambda: 1, compat: 'entmax' } as object)).toThrow(/compat to be 'torchsparseattn'/);
    expect(() => fusedmax(x, { lambda: 1, compat: 'torchsparseattn' } as object)).toThrow(/options among lambda/);
  });

  test('of bounds that cannot hold a row, with the row', () => {
    const x = [
      [1, 2, 3],
      [3, 4, -Infinity],
    ];
    const upper = [0.4, 0.5, 0.6];
    for (const map of [constrainedSoftmax, constrainedSparsemax, constrainedEntmax]) {
      expect(() => map(x, { upper })).toThrow(/upper that sums to at least 1 in every row, got 0.9 in row 1/);
      expect(() => map.vjp(x, { upper })).toThrow(/in row 1/);
      expect(map([-Infinity, -Infinity], { upper: 0.1 })).toEqual([0, 0]);
      expect(map([5, -2], { upper: 0.5 })).toEqual([0.5, 0.5]);
      // Just too low, but for what rounding them may have cost.
      const low =
        (of: Numbers): (() => unknown) =>
        () =>
          map(
            of.map((_, j) => j),
            { upper: of },
          );
      expect(low(Float64Array.of(0.5, 0.25, 0.25 - 1e-11))).toThrow(/got 0.99999999999 in row 0/);
      expect(low(Float32Array.of(0.5, 0.25, 0.25 - 2e-6))).toThrow(/in row 0/);
      expect(low(Float64Array.of(0.5, 0.25, 0.25 - 1e-13))).not.toThrow();
      expect(low(Float32Array.of(0.5, 0.25, 0.25 - 5e-7))).not.toThrow();
      // Bounds of 1/3 are rounded, and sum to 1 all the same.
      const p = map(Float32Array.of(1, 2, 3), { upper: 1 / 3 });
      expect(errorOf(p, [1 / 3, 1 / 3, 1 / 3])).toBeLessThan(2e-7);
    }
  });
});
