/** Supports of the regularised maps, with their entries and without, and gradients from the output alone. */

import { afterAll, describe, expect, test } from 'vitest';
import { entmax, init, runtimeInfo, scope, shutdown, sparsemax, tensor } from 'entmax';
import type { Csr, Support } from 'entmax';
import {
  constrainedEntmax,
  constrainedSoftmax,
  constrainedSparsemax,
  fusedmax,
  normmax,
  oscarmax,
  tvmax,
} from 'entmax/regularised';
import { bitsOf, errorOf } from '../oracle/compare.ts';
import { normmaxReference } from '../oracle/normmax.ts';
import { caseOf, names, scores, TVMAX } from './cases.ts';
import type { Numbers } from './cases.ts';
import { joined, joinedByMaxima, joinedMagnitudes } from './proximal.ts';

afterAll(() => shutdown());

const SHAPES = [
  [[40, 7, 3], 0],
  [[4, 33, 70], 1],
  [[2, 3, 29], 2],
  [[5, 1, 2], 1],
  [[3, 257], 1],
] as const;

/** Holds the sparse forms against the dense result and against each other. */
function checkSparse(csr: Csr, support: Support, dense: Numbers, byValue = false): void {
  expect(bitsOf(csr.toDense() as Numbers)).toBe(bitsOf(dense));
  expect(Array.from(csr, ({ values }) => values.length)).toEqual([...support.sizes]);
  expect(bitsOf(csr.thresholds as Numbers)).toBe(bitsOf(support.thresholds as Numbers));
  for (const { indices, values } of csr) {
    expect(values.every((value) => value > 0 || Number.isNaN(value))).toBe(true);
    for (let k = 1; k < values.length; k++) {
      const ascends = indices[k]! > indices[k - 1]!;
      if (byValue) expect(values[k]! < values[k - 1]! || (values[k] === values[k - 1] && ascends)).toBe(true);
      else expect(ascends).toBe(true);
    }
  }
}

describe.each(names)('%s', (name) => {
  test.each(SHAPES)('csr and support of shape %j along axis %d: the bits of the dense form', (shape, axis) => {
    const n = shape[axis]!;
    const [map, given] = caseOf(name, Math.max(1, n / 2));
    for (const Numbers of [Float32Array, Float64Array]) {
      const x = new Numbers(
        scores(
          shape.reduce<number>((a, b) => a * b, 1),
          axis + 3,
        ),
      );
      const mask = Uint8Array.from(x, (_, i) => Number(i % 5 !== 1));
      const parameter = ['lambda', 'alpha'].find((each) => map.wrt.includes(each));
      const rows = x.length / n;
      const perRow = parameter && {
        [parameter]: Array.from({ length: rows }, (_, r) => (given[parameter] as number) * (1 + (r % 3) / 4)),
      };
      for (const own of [{}, { mask: n > 1 ? mask : undefined, temperature: 0.6, ...perRow }]) {
        const options = { ...given, ...own, axis };
        const dense = map(x, { ...options, shape }) as Numbers;
        const support = map.support(x, { ...options, shape });
        const csr = map.csr(x, { ...options, shape });
        checkSparse(csr, support, dense);
        expect([csr.shape, csr.axis, csr.exact, support.exact]).toEqual([shape, axis, undefined, undefined]);
        checkSparse(map.csr(x, { ...options, shape, order: 'value' }), support, dense, true);
        scope(() => {
          const held = tensor<Numbers>(x, shape);
          expect(map.csr(held, options)).toEqual(csr);
          expect(map.support(held, options)).toEqual(support);
        });
      }
    }
  });

  test('edges: NaN, +Infinity, empty rows, rows of one score and none', () => {
    const n = 4;
    const [map, options] = caseOf(name, n);
    const x = [
      [0, NaN, 1, 2],
      [0, Infinity, 1, Infinity],
      [-Infinity, -Infinity, -Infinity, -Infinity],
      [-Infinity, 3, -Infinity, 3],
    ];
    const more = { ...options, ...('upper' in options ? { upper: 0.625 } : {}) };
    const csr = map.csr(x, more);
    const { sizes, thresholds } = map.support(x, more);
    expect([...sizes]).toEqual([4, 2, 0, 2]);
    expect(Array.from(csr, ({ indices }) => [...indices])).toEqual([[0, 1, 2, 3], [1, 3], [], [1, 3]]);
    expect([...csr.values]).toEqual([NaN, NaN, NaN, NaN, 0.5, 0.5, 0.5, 0.5]);
    expect(bitsOf(thresholds as Float64Array)).toBe(bitsOf(csr.thresholds as Float64Array));
    expect(thresholds[0]).toBeNaN();
    expect(thresholds[1]).toBeGreaterThanOrEqual(1);
    expect(thresholds[1]).toBeLessThan(Infinity);
    expect(thresholds[2]).toBe(Infinity);
    expect(thresholds[3]).toBeLessThan(3);
    const none = [[-Infinity, -Infinity]];
    expect([...map.csr(none, { ...more, emptyRow: 'nan' }).values]).toEqual([NaN, NaN]);
    expect([...map.support(none, { ...more, emptyRow: 'nan' }).sizes]).toEqual([2]);
    expect(() => map.csr(none, { ...more, emptyRow: 'throw' })).toThrow(/csr: expected .* none in row 0/);
    const [one, of] = caseOf(name, 1);
    expect([...one.csr([5], of).values]).toEqual([1]);
    expect([...one.support(new Float32Array(0), { ...of, shape: [0, 3] }).sizes]).toEqual([]);
    const empty = one.csr(new Float64Array(0), { ...of, shape: [2, 0] });
    expect([[...empty.indptr], [...empty.thresholds], empty.toDense()]).toEqual([
      [0, 0, 0],
      [Infinity, Infinity],
      new Float64Array(0),
    ]);
  });

  test('asynchronously, on threads and of many chunks the same, and nothing stays in linear memory', async () => {
    const [rows, n] = [400, 257];
    const [map, options] = caseOf(name, n);
    const x = Float32Array.from(scores(rows * n, 8));
    const given = { ...options, shape: [rows, n] };
    await shutdown();
    await init({ threads: 1 });
    const csr = map.csr(x, given);
    const support = map.support(x, given);
    checkSparse(csr, support, map(x, given) as Numbers);
    expect(await map.async.csr(x, given)).toEqual(csr);
    expect(await map.async.support(x, given)).toEqual(support);
    await shutdown();
    await init({ threads: 3 });
    const { used } = runtimeInfo().memory;
    expect(map.csr(x, given)).toEqual(csr);
    expect(await map.async.csr(x, given)).toEqual(csr);
    expect(await map.async.support(x, given)).toEqual(support);
    expect(runtimeInfo().memory.used).toBe(used);
    await shutdown();
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(map.async.csr(x, { ...given, signal })).rejects.toThrow('enough');
    await expect(map.async.support(x, { ...given, signal })).rejects.toThrow('enough');
  });

  test('what a form does not take is refused', () => {
    const [map, options] = caseOf(name, 2);
    expect(() => map.csr([1, 2], { ...options, order: 'size' })).toThrow(
      /csr: expected order to be 'index' or 'value'/,
    );
    expect(() => map.support([1, 2], { ...options, order: 'value' })).toThrow(/support: expected options among/);
    expect(() => map.csr([1, 2], { ...options, out: new Float64Array(2) })).toThrow(/csr: expected options among/);
  });
});

const separable = names.filter((name) => !/fusedmax|oscarmax/.test(name));

describe.each(separable)('%s', (name) => {
  test('in the support are the scores above the threshold, and no others', () => {
    for (const Numbers of [Float32Array, Float64Array]) {
      for (let seed = 1; seed <= 30; seed++) {
        const n = 1 + ((seed * 7) % 40);
        const [map, options] = caseOf(name, n);
        // Few levels, so that scores lie on thresholds; bounds of 0 exclude what lies above.
        const x = new Numbers(scores(n, seed).map((z) => (seed % 2 === 0 ? z : Math.round(4 * z) / 4)));
        const mask = Uint8Array.from(x, (_, i) => Number(i % 6 !== 4));
        const upper = new Numbers(n).map((_, i) => (i % 4 === 3 ? 0 : 1));
        const given = { ...options, mask, temperature: 1.5, ...('upper' in options ? { upper } : {}) };
        const p = map(x, given) as Numbers;
        const { sizes, thresholds } = map.support(x, given);
        expect(sizes[0]).toBe(p.filter((each) => each > 0).length);
        const counts = (j: number): boolean => mask[j] === 1 && !('upper' in options && upper[j] === 0);
        p.forEach((each, j) => expect(each > 0).toBe(counts(j) && x[j]! > thresholds[0]!));
      }
    }
  });

  test('backward gives what the pullback gives, in every layout, form and choice', async () => {
    for (const [shape, axis] of SHAPES) {
      const n = shape[axis]!;
      const [map, given] = caseOf(name, n);
      for (const Numbers of [Float32Array, Float64Array]) {
        const x = new Numbers(
          scores(
            shape.reduce<number>((a, b) => a * b, 1),
            axis + 5,
          ),
        );
        const dp = new Numbers(scores(x.length, 9));
        const options = { ...given, shape, axis, temperature: 0.7 };
        const [p, pullback] = map.vjp(x, options);
        const expected = pullback(dp);
        expect(map.backward!(p, dp, options)).toEqual(expected);
        expect(await map.async.backward!(p, dp, options)).toEqual(expected);
        for (const wrt of [[], ['x'], map.wrt.slice(1)]) {
          const wanted = Object.fromEntries(wrt.map((each) => [each, expected[each]]));
          expect(map.backward!(p, dp, { ...options, wrt })).toEqual(wanted);
        }
        scope(() => {
          const { shape: own, ...rest } = options;
          const result = map.backward!(tensor<Numbers>(p as Numbers, own), tensor<Numbers>(dp, own), rest);
          expect((result['x'] as { toTypedArray(): Numbers }).toTypedArray()).toEqual(expected['x']);
        });
      }
    }
  });

  test('backward: rows of NaN are NaN, empty ones 0, and what is masked counts for nothing', () => {
    const [map, options] = caseOf(name, 4);
    const dp = [1, 2, 4, 8];
    const dx = (p: number[], more: object = {}): number[] =>
      map.backward!(p, dp, { ...options, ...more })['x'] as number[];
    expect(dx([NaN, NaN, NaN, NaN])).toEqual([NaN, NaN, NaN, NaN]);
    expect(dx([0, 0, 0, 0])).toEqual([0, 0, 0, 0]);
    expect(dx([0.5, 0.25, 0.25, 0.125], { mask: [1, 1, 1, 0] })).toEqual(dx([0.5, 0.25, 0.25, 0]));
    expect(dx([0.5, 0.25, 0.25, 0])[3]).toBe(0);
    expect(dx([0.5, 0.25, 0.25, 0]).some((each) => each !== 0)).toBe(true);
    expect(() => map.backward!([1], [1, 2], options)).toThrow(/backward: expected dp of shape \[1\]/);
    expect(() => map.backward!([1], [1], { ...options, wrt: ['lambda'] })).toThrow(/backward: expected wrt/);
  });
});

test('normmax: the threshold is tau, in the units of the scores', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const [n, temperature] = [3 + seed, 0.5 + seed / 10];
    const z = scores(n, seed);
    for (const alpha of [1.2, 2, 5]) {
      const { thresholds } = normmax.support(z, { alpha, temperature });
      const p = normmaxReference(z, alpha, { temperature });
      // Of any two entries: (p_i / p_j)^(alpha - 1) = (z_i - tau) / (z_j - tau).
      const inside = Array.from(p.keys()).filter((j) => p[j]! > 1e-3);
      const [i, j] = [inside.at(0)!, inside.at(-1)!];
      const ratio = (p[i]! / p[j]!) ** (alpha - 1);
      if (Math.abs(ratio - 1) > 0.05) {
        expect(thresholds[0]).toBeCloseTo((z[i]! - ratio * z[j]!) / (1 - ratio), 9);
      }
    }
  }
  expect(normmax.support([0.5, 1.2, -0.3, 2, 1.9]).thresholds[0]).toBeCloseTo(1.244663201, 8);
});

test('the constrained maps: the threshold is what free entries are above, -Infinity for softmax', () => {
  const z = scores(30, 3).map((each) => each / 4);
  const upper = 0.15;
  for (const temperature of [1, 0.5]) {
    const options = { upper, temperature };
    expect([...constrainedSoftmax.support(z, options).thresholds]).toEqual([-Infinity]);
    for (const [map, e] of [
      [constrainedSparsemax, 1],
      [constrainedEntmax, 0.5],
    ] as const) {
      const p = map(z, options);
      const [threshold] = map.support(z, options).thresholds;
      const free = Array.from(p.keys()).filter((j) => p[j]! > 0 && p[j]! < upper);
      expect(free.length).toBeGreaterThan(1);
      for (const j of free) expect(p[j]).toBeCloseTo(((e * (z[j]! - threshold!)) / temperature) ** (1 / e), 12);
    }
  }
});

test('a bound of 1 or more leaves the threshold of entmax, also where p is 1', () => {
  for (const z of [[5, 0], [0.25], [1, 0.5, 5, -30], [0.5, 0.25, 0.375]].map((each) => Float64Array.from(each)))
    for (const upper of [1, 2, Infinity])
      for (const alpha of [1.25, 1.5, 2, 3]) {
        const { sizes, thresholds } = constrainedEntmax.support(z, { alpha, upper });
        const free = entmax.support(z, { alpha });
        expect([...sizes]).toEqual([...free.sizes]);
        expect(thresholds[0]).toBeCloseTo(free.thresholds[0]!, 12);
      }
});

describe('the maps with groups: the threshold is that of sparsemax of the joined scores', () => {
  const expectThreshold = (of: Support, y: Float64Array, p: ArrayLike<number>, scale: number): void => {
    expect(of.thresholds[0]).toBeCloseTo(sparsemax.support(y).thresholds[0]! * scale, 8);
    y.forEach((each, j) => expect(p[j]).toBeCloseTo(Math.max(0, each - of.thresholds[0]! / scale), 8));
  };

  test.each([0, 0.03, 0.2, 1, 1e3])('for lambda = %d', (lambda) => {
    for (let seed = 1; seed <= 12; seed++) {
      const n = 1 + (seed % 7);
      const temperature = seed % 2 === 0 ? 1 : 0.5;
      const x = scores(n, seed);
      const z = x.map((each) => each / temperature);
      const options = { lambda, temperature };
      const line = Array.from({ length: n - 1 }, (_, j) => [j, j + 1] as const);
      expectThreshold(fusedmax.support(x, options), joined(z, line, lambda), fusedmax(x, options), temperature);
      expectThreshold(oscarmax.support(x, options), joinedByMaxima(z, lambda), oscarmax(x, options), temperature);
      const published = { ...options, compat: 'torchsparseattn' } as const;
      const y = joinedMagnitudes(z, lambda);
      expectThreshold(oscarmax.support(x, published), y, oscarmax(x, published), temperature);
    }
    for (let seed = 1; seed <= 4; seed++) {
      const [height, width] = [3, 2 + (seed % 2)];
      const x = scores(height * width, seed);
      const edges = Array.from(x.keys()).flatMap((at) => [
        ...((at + 1) % width === 0 ? [] : [[at, at + 1] as const]),
        ...(at + width < x.length ? [[at, at + width] as const] : []),
      ]);
      const options = { lambda, shape: [height, width] };
      expectThreshold(tvmax.support(x, options), joined(x, edges, lambda), tvmax(x, options), 1);
    }
  });

  test('the published ones', () => {
    const z = [0.5, 1.2, -0.3, 2, 1.9];
    // prox_TV is (.7 .7 .3 1.8 1.8), that of oscarmax (.4 1 -.3 1.6 1.6).
    expect(fusedmax.support(z, { lambda: 0.3 }).thresholds[0]).toBeCloseTo(1.3, 14);
    expect(oscarmax.support(z, { lambda: 0.1 }).thresholds[0]).toBeCloseTo(1.1, 14);
    for (const lambda of [1e290, 1e308]) {
      expect(oscarmax.support(z, { lambda }).thresholds[0]).toBeLessThan(-1e279);
      expect(errorOf(oscarmax.csr(z, { lambda }).values, new Float64Array(5).fill(0.2))).toBeLessThan(1e-15);
    }
  });

  test('there is no backward: p does not tell the groups', () => {
    for (const map of [fusedmax, oscarmax, tvmax]) {
      expect('backward' in map || 'backward' in map.async).toBe(false);
      expect('groups' in map).toBe(true);
    }
  });
});

describe('tvmax', () => {
  const lambda = 0.2;

  test('rows of csr are grids: positions in the grid, row by row, the axes as one', async () => {
    const [outer, height, width, inner] = [2, 4, 5, 3];
    const shape = [outer, height, width, inner];
    for (const Numbers of [Float32Array, Float64Array]) {
      const x = new Numbers(scores(outer * height * width * inner, 4));
      const mask = Uint8Array.from(x, (_, i) => Number(i % 7 !== 2));
      const lambdas = Array.from({ length: outer * inner }, (_, row) => 0.05 + 0.05 * row);
      const options = { shape, axes: [1, 2], mask, temperature: 0.7, lambda: lambdas };
      const dense = TVMAX(x, options) as Numbers;
      const support = TVMAX.support(x, options);
      const csr = TVMAX.csr(x, options);
      checkSparse(csr, support, dense);
      checkSparse(TVMAX.csr(x, { ...options, order: 'value' }), support, dense, true);
      expect([csr.shape, csr.axis]).toEqual([[outer, height * width, inner], 1]);
      expect(await TVMAX.async.csr(x, options)).toEqual(csr);
      expect(await TVMAX.async.support(x, options)).toEqual(support);
      scope(() => {
        const { shape: own, ...rest } = options;
        const held = tensor<Numbers>(x, own);
        expect(TVMAX.csr(held, rest)).toEqual(csr);
        expect(TVMAX.support(held, rest)).toEqual(support);
      });
    }
  });

  test('edges are those of the dense form', () => {
    const grids = [
      [
        [NaN, 1],
        [2, 3],
      ],
      [
        [1, Infinity],
        [Infinity, 0],
      ],
      [
        [-Infinity, -Infinity],
        [-Infinity, -Infinity],
      ],
    ];
    const { sizes, thresholds } = tvmax.support(grids, { lambda });
    expect([...sizes]).toEqual([4, 2, 0]);
    expect([thresholds[0], thresholds[2]]).toEqual([NaN, Infinity]);
    expect([...tvmax.csr(grids, { lambda }).row(1).indices]).toEqual([1, 2]);
    expect([...tvmax.csr(new Float32Array(0), { shape: [0, 2, 2], lambda }).indptr]).toEqual([0]);
  });
});

test('a pullback keeps the support, not the row', () => {
  const [rows, n] = [16, 1024];
  const x = Float64Array.from(scores(rows * n, 6));
  const dp = Float64Array.from(scores(rows * n, 7));
  for (const name of separable) {
    const [map, options] = caseOf(name, n);
    const wide = { ...options, shape: [rows, n], ...('upper' in options ? { upper: 0.2 } : {}) };
    const [p, pullback] = map.vjp(x, wide);
    const dense = map.backward!(p, dp, wide);
    // The caller's p is the caller's to write to.
    (p as Float64Array).fill(7);
    const gradients = pullback(dp);
    expect(bitsOf(gradients['x'] as Numbers)).toBe(bitsOf(dense['x'] as Numbers));
    for (const each of map.wrt.slice(1)) expect(gradients[each]).toBe(dense[each]);
  }
});
