// Maps of grids: any two axes of scores of any rank are, grid by grid, what a grid alone is, in all forms.

import { afterAll, describe, expect, test } from 'vitest';
import { init, scope, shutdown, tensor } from 'entmax';
import type { Tensor } from 'entmax';
import { bitsOf } from '../oracle/compare.ts';
import { scores, TVMAX } from './cases.ts';
import type { Gradients, Numbers } from './cases.ts';

afterAll(() => shutdown());

const map = TVMAX;
const lambda = 0.2;

const SHAPE = [2, 4, 3, 5];
const PAIRS = [0, 1, 2, 3].flatMap((first) => [1, 2, 3].filter((at) => at > first).map((second) => [first, second]));
const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** Where the entries of each grid lie, found by counting through all indices; rows are in the order of the other axes. */
function gridsOf(shape: readonly number[], axes: readonly number[]): number[][] {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const offsets = (own: readonly number[]): number[] =>
    own.reduce<number[]>(
      (all, axis) => all.flatMap((at) => Array.from({ length: shape[axis]! }, (_, i) => at + i * strides[axis]!)),
      [0],
    );
  const others = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const within = offsets(axes);
  return offsets(others).map((start) => within.map((at) => start + at));
}

/** Elements of an array at these places. */
const at = <A extends Numbers | Int32Array | Uint8Array>(array: A, places: readonly number[]): A =>
  new (array.constructor as new (values: number[]) => A)(places.map((place) => array[place]!));

describe.each(PAIRS)('axes %d and %d of four', (first, second) => {
  const axes = [first, second];
  const grids = gridsOf(SHAPE, axes);
  const grid = axes.map((axis) => SHAPE[axis]!);
  const perGrid = SHAPE.map((length, axis) => (axes.includes(axis) ? 1 : length));
  const lambdas = grids.map((_, row) => 0.05 + 0.04 * row);

  test.each([Float32Array, Float64Array])('are what each grid is alone, with masks and lambdas (%o)', (Numbers) => {
    const x = Numbers.from(scores(sizeOf(SHAPE), 4));
    const dp = Numbers.from(scores(x.length, 5));
    const mask = Uint8Array.from(x, (_, i) => Number(i % 7 !== 2));
    const options = { shape: SHAPE, mask, temperature: 0.7 };
    const block = { data: Float64Array.from(lambdas), shape: perGrid };
    const [p, pullback] = map.vjp(x, { ...options, axes, lambda: block }) as [Numbers, (dp: unknown) => Gradients];
    const gradients = pullback(dp) as { x: Numbers; lambda: typeof block };
    expect(gradients.lambda.shape).toEqual(perGrid);
    const { groups } = map.groups!(x, { ...options, axes, lambda: lambdas });
    const csr = map.csr(x, { ...options, axes, lambda: lambdas });
    const support = map.support(x, { ...options, axes, lambda: lambdas });
    grids.forEach((places, row) => {
      const alone = { shape: grid, lambda: lambdas[row], temperature: 0.7 };
      const masked = at(x, places).map((score, j) => (mask[places[j]!] ? score : -Infinity));
      const [q, back] = map.vjp(masked, alone) as [Numbers, (dp: unknown) => Gradients];
      expect(bitsOf(at(p, places))).toBe(bitsOf(q));
      expect(at(groups, places)).toEqual(map.groups!(masked, alone).groups);
      const expected = back(at(dp, places)) as { x: Numbers; lambda: number };
      expect(bitsOf(at(gradients.x, places))).toBe(bitsOf(expected.x));
      expect(gradients.lambda.data[row]).toBe(expected.lambda);
      const [own] = map.csr(masked, alone);
      expect(csr.row(row)).toEqual(own);
      expect([support.sizes[row], support.thresholds[row]]).toEqual([own!.indices.length, own!.threshold]);
    });
    // The sparse rows, made dense: the grids are where the second axis was.
    const others = perGrid.filter((_, axis) => axis !== first);
    expect(csr.shape).toEqual(others.map((length, axis) => (axis === second - 1 ? sizeOf(grid) : length)));
    const dense = csr.toDense();
    const inner = sizeOf(SHAPE.slice(second + 1));
    grids.forEach((places, row) => {
      const start = Math.floor(row / inner) * sizeOf(grid) * inner + (row % inner);
      expect(places.map((_, j) => dense[start + j * inner])).toEqual([...at(p, places)]);
    });
  });

  test('come in every form, in either order, and go into out', async () => {
    const x = scores(sizeOf(SHAPE), 6);
    const dp = scores(x.length, 7);
    const options = { axes, lambda };
    const [p, pullback] = map.vjp(x, { ...options, shape: SHAPE }) as [Numbers, (dp: unknown) => Gradients];
    const gradients = pullback(dp) as { x: Numbers; lambda: number };
    const { groups } = map.groups!(x, { ...options, shape: SHAPE });
    const before = bitsOf(x);

    const turned = { axes: [second - 4, first], lambda, shape: SHAPE };
    expect(bitsOf(map(x, turned) as Numbers)).toBe(bitsOf(p));
    expect(map({ data: x, shape: SHAPE }, options)).toEqual({ data: p, shape: SHAPE });
    const nested = (values: Numbers): number[][][][] => {
      const [a, b, c, d] = SHAPE as [number, number, number, number];
      const range = <T>(length: number, make: (i: number) => T): T[] => Array.from({ length }, (_, i) => make(i));
      const row = (i: number, j: number, k: number): number => ((i * b + j) * c + k) * d;
      return range(a, (i) => range(b, (j) => range(c, (k) => [...values.subarray(row(i, j, k), row(i, j, k) + d)])));
    };
    expect(map(nested(x), options)).toEqual(nested(p));
    const out = new Float64Array(x.length);
    expect(map(x, { ...options, shape: SHAPE, out })).toBe(out);
    expect(bitsOf(out)).toBe(bitsOf(p));
    expect(bitsOf(x)).toBe(before);

    scope(() => {
      const own = tensor(x, SHAPE);
      const result = map(own, options) as Tensor<'float64'>;
      expect(result.shape).toEqual(SHAPE);
      expect(bitsOf(result.toTypedArray())).toBe(bitsOf(p));
      const [value, back] = map.vjp(own, { ...options, lambda: tensor(Float64Array.of(lambda), [1, 1, 1, 1]) });
      expect(bitsOf((value as Tensor<'float64'>).toTypedArray())).toBe(bitsOf(p));
      const { x: dx, lambda: dlambda } = back(tensor(dp, SHAPE)) as { x: Tensor<'float64'>; lambda: Tensor<'float64'> };
      expect(bitsOf(dx.toTypedArray())).toBe(bitsOf(gradients.x));
      expect(dlambda.shape).toEqual([1, 1, 1, 1]);
      expect(dlambda.toTypedArray()[0]).toBeCloseTo(gradients.lambda, 12);
      const grouped = map.groups!(own, options);
      expect(bitsOf((grouped.p as Tensor<'float64'>).toTypedArray())).toBe(bitsOf(p));
      expect(grouped.groups).toEqual(groups);
      expect(map(own, { ...options, out: own })).toBe(own);
      expect(bitsOf(own.toTypedArray())).toBe(bitsOf(p));
    });

    for (const threads of [1, 3]) {
      await shutdown();
      await init({ threads });
      const given = { ...options, shape: SHAPE };
      expect(bitsOf((await map.async(x, given)) as Numbers)).toBe(bitsOf(p));
      expect(await map.async.groups!(x, given)).toEqual({ p, groups });
      expect(await map.async.csr(x, given)).toEqual(map.csr(x, given));
      const [value, back] = await map.async.vjp(x, given);
      expect([value, await back(dp)]).toEqual([p, gradients]);
      const source = tensor(x, SHAPE);
      const target = tensor(new Float64Array(x.length), SHAPE);
      expect(await map.async(source, { ...options, out: target })).toBe(target);
      expect(bitsOf(target.toTypedArray())).toBe(bitsOf(p));
      source.dispose();
      target.dispose();
    }
    await shutdown();
  });

  test('of a grid that is not a number, infinite, empty or masked, by its row', () => {
    const x = scores(sizeOf(SHAPE), 8);
    const [notANumber, infinite, empty] = [grids[0]!, grids[1]!, grids.at(-1)!];
    x[notANumber[3]!] = NaN;
    x[infinite[4]!] = Infinity;
    for (const place of empty) x[place] = -Infinity;
    const given = { axes, shape: SHAPE, lambda };
    const [p, pullback] = map.vjp(x, given) as [Numbers, (dp: unknown) => Gradients];
    expect(at(p, notANumber).every(Number.isNaN)).toBe(true);
    expect([...at(p, infinite)]).toEqual(infinite.map((_, j) => Number(j === 4)));
    expect([...at(p, empty)]).toEqual(empty.map(() => 0));
    const { x: dx } = pullback(scores(x.length, 9)) as { x: Numbers };
    expect(at(dx, notANumber).every(Number.isNaN)).toBe(true);
    for (const places of [infinite, empty]) expect(at(dx, places).every((each) => each === 0)).toBe(true);
    expect(map.groups!(x, given).groups[notANumber[0]!]).toBe(-1);
    expect(() => map(x, { ...given, emptyRow: 'throw' })).toThrow(`none in row ${grids.length - 1}`);
  });
});

describe('tvmax', () => {
  test('gradients are the slopes of differences', () => {
    const [shape, h] = [[4, 5], 1e-5];
    for (let seed = 1; seed <= 6; seed++) {
      const [x, dp] = [scores(20, seed), scores(20, 40 + seed)];
      const along = (z: Float64Array, by: number): number =>
        (map(z, { shape, lambda: lambda + by }) as Float64Array).reduce((sum, p, j) => sum + p * dp[j]!, 0);
      const gradients = map.vjp(x, { shape, lambda })[1](dp) as { x: Float64Array; lambda: number };
      expect(gradients.lambda).toBeCloseTo((along(x, h) - along(x, -h)) / (2 * h), 4);
      gradients.x.forEach((each, j) => {
        const moved = (by: number): Float64Array => x.map((score, k) => (k === j ? score + by : score));
        expect(each).toBeCloseTo((along(moved(h), 0) - along(moved(-h), 0)) / (2 * h), 4);
      });
    }
  });

  test('refuses what are no two axes, and other lambdas', () => {
    const x = scores(6 * 7 * 8, 3);
    const refused =
      (options: object): (() => unknown) =>
      () =>
        map(x, { shape: [6, 7, 8], lambda, ...options });
    for (const axes of [[1], [1, 1], [1, -2], [2, 3], [-4, 0], [0.5, 1], [0, 1, 2], 1, ['a', 'b']]) {
      expect(refused({ axes })).toThrow(/tvmax: expected axes to be two axes of shape \[6, 7, 8\]/);
    }
    expect(() => map(x, { lambda })).toThrow(/two axes/);
    expect(refused({ lengths: [1] })).toThrow(/options among lambda, axes, shape/);
    expect(refused({ lambda: [0.1] })).toThrow(/lambda with one value for each of 6 rows/);
    expect(refused({ axes: [0, 2], lambda: [0.1] })).toThrow(/lambda with one value for each of 7 rows/);
    const block = { data: Float64Array.from(scores(6)), shape: [6, 1, 1] };
    expect(refused({ axes: [0, 2], lambda: block })).toThrow(/lambda of shape \[1, 7, 1\], got \[6, 1, 1\]/);
    expect(refused({ axes: [0, 2], mask: new Uint8Array(6) })).toThrow(/mask to broadcast to shape \[6, 7, 8\]/);
    const late = Float64Array.from({ length: 7 }, (_, row) => (row === 5 ? -1 : 0));
    expect(refused({ axes: [0, 2], lambda: late })).toThrow(/got -1 in row 5/);
    const pullback = map.vjp(x, { shape: [6, 7, 8], lambda, axes: [0, 2] })[1];
    expect(() => pullback(new Float64Array(5))).toThrow(/dy of shape \[6, 7, 8\]/);
  });
});
