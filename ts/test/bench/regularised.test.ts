/** The benchmark's references of the regularised maps are the minima, and its checks see what is not. */

import { describe, expect, test } from 'vitest';
import * as regularised from 'entmax/regularised';
import { judge } from '../../../bench/goals.js';
import { GRADIENTS } from '../../../bench/reference/regularised-gradients.js';
import { REGULARISED } from '../../../bench/reference/regularised-maps.js';
import { Regularised } from '../../../bench/reference/regularised.js';
import { distance, proxOfGrid, proxOfRow } from '../../../bench/reference/total-variation.js';
import { boundsOf, makeScores } from '../../../bench/regularised/inputs.js';
import { runSuite } from '../../../bench/run-suite.js';
import type { SuiteResult } from '../../../bench/run-suite.js';
import { local } from '../../../bench/samplers.js';
import { SUITES } from '../../../bench/suites.js';
import { errorOf } from '../oracle/compare.ts';
import { allPairs, descent, neighbours } from '../regularised/optimality.ts';

const rowOf = (n: number, seed: number): Float64Array =>
  makeScores('normal', seed + 1, n, 'float64').slice(seed * n) as Float64Array;

const sumOf = (p: Float64Array): number => p.reduce((sum, each) => sum + each, 0);

/** Pairs of neighbours in a grid. */
const inGrid = (height: number, width: number): [number, number][] =>
  Array.from({ length: height * width }, (_, at) => [
    ...((at + 1) % width === 0 ? [] : [[at, at + 1] as [number, number]]),
    ...(at + width < height * width ? [[at, at + width] as [number, number]] : []),
  ]).flat();

describe('the references are minima', () => {
  test.each([0, 0.05, 0.3, 1, 20])('for lambda = %d: fusedmax, oscarmax, tvmax', (lambda) => {
    for (let seed = 0; seed < 12; seed++) {
      const z = rowOf(1 + (seed % 8), seed);
      const every = Array.from(z, () => true);
      const fused = REGULARISED['fusedmax']!(z, { lambda });
      expect(descent(fused, z, lambda, neighbours(every), 'difference')).toBeLessThan(1e-9);
      const oscar = REGULARISED['oscarmax']!(z, { lambda });
      expect(descent(oscar, z, lambda, allPairs(z.length), 'maximum')).toBeLessThan(1e-9);
    }
    for (const [height, width] of [
      [1, 5],
      [3, 3],
      [4, 2],
    ] as const) {
      const z = rowOf(height * width, height);
      const p = REGULARISED['tvmax']!(z, { lambda, width });
      expect(descent(p, z, lambda, inGrid(height, width), 'difference')).toBeLessThan(1e-9);
    }
  });

  test.each([1.2, 1.5, 2, 4])('of normmax, alpha = %d: no pair of entries gains by an exchange', (alpha) => {
    for (let seed = 0; seed < 5; seed++) {
      const z = rowOf(9, seed);
      const p = REGULARISED['normmax']!(z, { alpha });
      const norm = sumOf(p.map((each) => each ** alpha)) ** (1 / alpha);
      const slopes = z.map((each, i) => each - (p[i]! / norm) ** (alpha - 1));
      const level = sumOf(slopes.map((each, i) => each * p[i]!));
      expect(sumOf(p)).toBeCloseTo(1, 12);
      slopes.forEach((slope, i) =>
        p[i]! > 0 ? expect(slope).toBeCloseTo(level, 9) : expect(slope).toBeLessThan(level + 1e-9),
      );
    }
  });

  test.each([1, 1.5, 2])('of constrained maps, alpha = %d: what is at no bound has one threshold', (alpha) => {
    const derivative = (p: number): number => (alpha === 1 ? Math.log(p) : p ** (alpha - 1) / (alpha - 1));
    const z = rowOf(16, 3);
    for (const upper of [0.09, z.map((_, i) => (i % 2 === 0 ? 0.09 : Infinity))]) {
      const bound = (i: number): number => (typeof upper === 'number' ? upper : upper[i]!);
      const p = REGULARISED['constrainedEntmax']!(z, { alpha, upper });
      expect(sumOf(p)).toBeCloseTo(1, 12);
      const free = Array.from(z.keys()).filter((i) => p[i]! > 0 && p[i]! < bound(i));
      const taus = free.map((i) => z[i]! - derivative(p[i]!));
      taus.forEach((tau) => expect(tau).toBeCloseTo(taus[0]!, 9));
      z.forEach((each, i) => {
        expect(p[i]).toBeLessThanOrEqual(bound(i));
        if (p[i] === 0) expect(each).toBeLessThan(taus[0]! + 1e-9);
        else if (p[i] === bound(i)) expect(each - derivative(p[i])).toBeGreaterThan(taus[0]! - 1e-9);
      });
      expect(p.some((each, i) => each === bound(i))).toBe(true);
    }
  });

  test('oscarmax as published is what its authors compute', () => {
    const z = Float64Array.of(0.155, 2.594, 0.092, -1.661);
    const p = REGULARISED['oscarmax']!(z, { lambda: 0.966, compat: 'torchsparseattn' });
    expect([...p]).toEqual([0.25, 0.25, 0.25, 0.25]);
  });

  test.each([1, 2, 3, 65, 1000])('total variation of %d entries, of straight ones and of one column', (n) => {
    for (const kind of ['normal', 'ramp'] as const) {
      const z = makeScores(kind, 2, n, 'float64').slice(n) as Float64Array;
      const y = proxOfRow(z, 1);
      expect(sumOf(y)).toBeCloseTo(sumOf(z), 9);
      expect(errorOf(proxOfRow(z, 1e6), new Float64Array(n).fill(sumOf(z) / n))).toBeLessThan(1e-9);
      if (n > 65) continue;
      expect(errorOf(proxOfGrid(z, 1, 1), y)).toBeLessThan(1e-9);
      expect(errorOf(proxOfGrid(z, 1, n), y)).toBeLessThan(1e-9);
    }
  });

  test('the proof tells how far off a row is', () => {
    const z = rowOf(40, 1);
    const y = proxOfRow(z, 0.3);
    let flow = 0;
    const across = z.map((each, i) => (flow -= each - y[i]!));
    const off = (moved: Float64Array): number => distance(moved, z, 0.3, 40, { across });
    expect(off(y)).toBeLessThan(1e-13);
    const moved = y.slice();
    moved[7]! += 1e-3;
    expect(off(moved)).toBeGreaterThanOrEqual(1e-3);
  });
});

/** What each map is tried on. */
const CASES = [
  { map: 'fusedmax', options: { lambda: 0.1 }, scores: 'normal', grid: undefined },
  { map: 'fusedmax', options: { lambda: 1 }, scores: 'ramp', grid: undefined },
  { map: 'oscarmax', options: { lambda: 0.01 }, scores: 'normal', grid: undefined },
  { map: 'tvmax', options: { lambda: 0.1 }, scores: 'normal', grid: [5, 7] },
  { map: 'normmax', options: { alpha: 1.5 }, scores: 'normal', grid: undefined },
  { map: 'constrainedSoftmax', options: {}, scores: 'capped', grid: undefined },
  { map: 'constrainedSparsemax', options: {}, scores: 'half-capped', grid: undefined },
  { map: 'constrainedEntmax', options: { alpha: 1.5 }, scores: 'capped', grid: undefined },
] as const;

test.each(CASES)(
  'the gradient of $map of $scores scores is the difference of the map',
  ({ map, options, scores, grid }) => {
    const n = 35;
    const h = 2 ** -17;
    const upper = boundsOf(scores, n);
    const given = { ...options, ...(upper !== undefined && { upper }), ...(grid && { width: grid[1] }) };
    for (let seed = 1; seed <= 3; seed++) {
      const z = makeScores(scores, seed + 1, n, 'float64').slice(seed * n) as Float64Array;
      const dp = rowOf(n, seed + 10);
      const along = (j: number, by: number): number =>
        REGULARISED[map]!(
          z.map((score, i) => (i === j ? score + by : score)),
          given,
        ).reduce((sum, p, i) => sum + p * dp[i]!, 0);
      const { dx, scale } = GRADIENTS[map]!(REGULARISED[map]!(z, given), dp, given);
      expect(scale).toBeGreaterThan(0);
      dx.forEach((each, j) => expect(each).toBeCloseTo((along(j, h) - along(j, -h)) / (2 * h), 4));
    }
  },
);

describe.each(['float32', 'float64'] as const)('in %s', (dtype) => {
  test.each(CASES)('$map of $scores scores is right, and 1e-5 off is wrong', async ({ map, options, scores, grid }) => {
    const [rows, n] = [3, 35];
    const of = { rows, n, ...(grid && { grid: [...grid] as [number, number] }), dtype, scores };
    const engine = (spoilt: boolean) => ({
      label: spoilt ? 'spoilt' : 'right',
      prepare: (_: unknown, data: Regularised) => {
        const call = regularised[map] as unknown as (x: object, options: object) => { data: Float32Array };
        const upper = map.startsWith('constrained') ? { upper: data.upper } : {};
        let values = data.x;
        const compute = (): void => {
          values = call({ data: data.x, shape: data.shapeOf() }, { ...options, ...upper }).data;
          if (spoilt) values[40]! += 1e-5;
        };
        const prepared = { call: compute, sampler: local(compute), tolerance: data.tolerance };
        return { ...prepared, output: () => ({ values }), clear: () => undefined, dispose: () => undefined };
      },
    });
    const task = { operation: 'regularised', map, options } as const;
    const entries = ['right', 'spoilt'].map((id) => ({ id, engine: id, task }));
    const suite = { name: 'test', group: 'test', map, data: 'regularised' as const, ...of, entries };
    const effort = { rounds: 0, time: 0, calls: 0, warmup: 0 };
    const engines = { right: engine(false), spoilt: engine(true) };
    const result = await runSuite(suite, engines, effort, () => Promise.resolve());
    expect(Object.keys(result.entries)).toEqual(['right']);
    expect(result.wrong).toHaveLength(1);
    expect(result.wrong[0]).toContain('spoilt');
  });
});

test('rows that are cut are rows of their own, and a mean support counts them', () => {
  const data = Regularised.of({ rows: 2, n: 24, scores: 'normal', dtype: 'float64' });
  const task = { operation: 'regularised', map: 'sparsemax', rows: 6 } as const;
  const { values, width } = data.expected(task);
  expect(width).toBe(8);
  expect(data.shapeOf(task)).toEqual([6, 8]);
  for (let row = 0; row < 6; row++) {
    expect(sumOf((values as Float64Array).subarray(8 * row, 8 * row + 8))).toBeCloseTo(1, 12);
  }
  const support = (values as Float64Array).filter((each) => each > 0).length / 6;
  expect(data.meanSupport(task)).toBeCloseTo(support, 12);
});

test('scores have their type, rows differ, and bounds are for all entries or for every other one', () => {
  expect(boundsOf('normal', 8)).toBeUndefined();
  expect(boundsOf('capped', 8)).toBe(0.5);
  expect(boundsOf('half-capped', 4)).toEqual(Float64Array.of(1, Infinity, 1, Infinity));
  const normal = makeScores('normal', 4, 16, 'float32');
  expect(normal).toBeInstanceOf(Float32Array);
  expect(errorOf(makeScores('normal', 4, 16, 'float64'), Float64Array.from(normal))).toBe(0);
  const ramp = makeScores('ramp', 4, 16, 'float64');
  const slopes = [0, 1, 2, 3].map((row) => ramp[16 * row + 1]! - ramp[16 * row]!);
  expect(slopes.map(Math.sign)).toEqual([1, -1, 1, -1]);
  expect(new Set(slopes.map(Math.abs)).size).toBe(4);
  for (let row = 0; row < 4; row++) {
    const steps = Array.from({ length: 15 }, (_, i) => ramp[16 * row + i + 1]! - ramp[16 * row + i]!);
    expect(errorOf(steps, new Float64Array(15).fill(slopes[row]!))).toBeLessThan(1e-14);
  }
});

describe('goals', () => {
  const suites = SUITES.filter(({ group }) => group === 'regularised');
  const quartiles = (median: number) => ({ median, q1: median, q3: median, min: median, max: median, count: 1 });
  /** Every entry takes a millisecond, but those that are named. */
  const resultOf = (suite: (typeof SUITES)[number], named: Record<string, number> = {}): SuiteResult => ({
    suite,
    support: undefined,
    absent: [],
    wrong: [],
    entries: Object.fromEntries(
      suite.entries.map(({ id }) => {
        const time = named[id] ?? 1;
        const timing = { rounds: [time, time], samples: quartiles(time) };
        return [id, { label: id, threads: 1, error: 0, checksum: '', timing }];
      }),
    ),
  });

  test('each of them speaks about suites that there are, and about entries of these', () => {
    const verdicts = judge(
      suites.map((suite) => resultOf(suite)),
      suites,
    );
    expect(verdicts.length).toBeGreaterThan(50);
    expect(verdicts.filter(({ figure }) => figure === undefined)).toEqual([]);
  });

  test('a cost is judged in nanoseconds of an element', () => {
    const suite = suites.find(({ name }) => name === 'regularised/fusedmax/512x512-float64/ramp')!;
    const cost = (milliseconds: number) =>
      judge([resultOf(suite, { ours: milliseconds })], [suite]).find(({ says }) => says === 'ns an element')!;
    expect(cost(2).figure!.median).toBeCloseTo(2e6 / (512 * 512), 9);
    expect(cost(2).met).toBe(true);
    expect(cost(3).met).toBe(false);
  });
});
