/**
 * SparseMAP against its definition: the marginals are those of the weights, the weights a distribution over structures that
 * exist, and by enumeration no structure is worth more in eta - mu than those of the support. The problem is concave: that
 * proves the answer, whoever found it.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { init, shutdown, sparsemax, tensor } from 'entmax';
import { factors, sparsemap } from 'entmax/structured';
import { randomFrom } from '../oracle/random.ts';
import { blocksOf, CASES, score, sizeOf, solve, tablesOf } from './cases.ts';
import type { Blocks, Case, Shapes, Table, Tables, Untyped } from './cases.ts';

/** Proves that the solution of one problem is what it says, up to `slack`. */
function certify({ shapes, structures }: Case, tables: Tables, solution: ReturnType<Untyped>, slack: number): void {
  expect(solution.status).toEqual(['converged']);
  const byName = new Map(structures.map((listed) => [listed.structure.join(), listed]));
  const support = solution.structures.map((structure) => byName.get(Array.from(structure).join())!);
  expect(support.every(Boolean), 'structures exist').toBe(true);
  expect(new Set(support).size, 'and differ').toBe(support.length);
  expect(solution.weights.every((weight) => weight > 0)).toBe(true);
  expect(Math.abs(solution.weights.reduce((a, b) => a + b, 0) - 1)).toBeLessThan(1e-9);
  const marginals = solution.marginals as Blocks;
  for (const [name, table] of Object.entries(tables)) {
    const expected = new Float64Array(table.length);
    support.forEach((listed, j) => {
      for (const at of listed[name as Table] ?? []) expected[at]! += solution.weights[j]!;
    });
    const { data, shape } = marginals[name as Table]!;
    expect(shape).toEqual(shapes[name as Table]);
    data.forEach((each, at) => expect(Math.abs(each - expected[at]!)).toBeLessThan(1e-12));
  }
  const left = { ...tables, unary: tables.unary.map((each, at) => each - marginals.unary!.data[at]!) };
  const values = support.map((listed, j) => solution.weights[j]! * score(listed, left));
  const best = Math.max(...structures.map((listed) => score(listed, left)));
  const gap = best - values.reduce((a, b) => a + b, 0);
  expect(gap, `the claimed gap is ${solution.gap[0]}`).toBeLessThan(slack);
}

beforeAll(() => init({ threads: 2 }));
afterAll(() => shutdown());

describe.each(CASES)('$name', (each) => {
  const { factor, shapes, structures } = each;

  test('by enumeration, at any scale, with ties', () => {
    for (const [scale, slack] of [
      [0.3, 2e-9],
      [1, 2e-9],
      [4, 2e-9],
      [1e-6, 2e-9],
      [1e6, 1e-7],
    ] as const) {
      for (const seed of [1, 2, 3, 4, 5]) {
        for (const whole of [false, true]) {
          const tables = tablesOf(shapes, seed, scale, whole);
          certify(each, tables, solve(blocksOf(tables, shapes), factor), slack);
        }
      }
    }
  });

  test('forbidden parts have no weight and no gradient', () => {
    for (const seed of [1, 2, 3]) {
      const tables = tablesOf(shapes, seed, 1);
      const random = randomFrom(seed + 50);
      const free = structures[random.below(structures.length)]!;
      tables.unary.forEach((_, at) => {
        if (!free.unary.includes(at) && random.below(3) === 0) tables.unary[at] = -Infinity;
      });
      const [solution, pullback] = solve.vjp(blocksOf(tables, shapes), factor);
      const possible = structures.filter((listed) => listed.unary.every((at) => tables.unary[at]! > -Infinity));
      certify({ ...each, structures: possible }, tables, solution, 2e-9);
      const dy = tablesOf(shapes, seed + 9, 1);
      const gradient = pullback(blocksOf(dy, shapes)).unary!.data;
      tables.unary.forEach((each, at) => {
        if (each === -Infinity) expect(gradient[at]).toBe(0);
      });
    }
  });

  test('gradients against central differences', () => {
    let compared = 0;
    for (const seed of [11, 12, 13]) {
      const tables = tablesOf(shapes, seed, 1);
      const dy = tablesOf(shapes, seed + 100, 1);
      const [, pullback] = solve.vjp(blocksOf(tables, shapes), factor, { tol: 1e-12 });
      const gradients = pullback(blocksOf(dy, shapes));
      const value = (): number => {
        const { marginals } = solve(blocksOf(tables, shapes), factor, { tol: 1e-12 }) as { marginals: Blocks };
        return Object.entries(dy).reduce(
          (sum, [name, table]) => sum + table.reduce((s, d, at) => s + d * marginals[name as Table]!.data[at]!, 0),
          0,
        );
      };
      for (const [name, table] of Object.entries(tables)) {
        for (let at = 0; at < table.length; at++) {
          const slope = (h: number): number => {
            const before = table[at]!;
            table[at] = before + h;
            const above = value();
            table[at] = before - h;
            const below = value();
            table[at] = before;
            return (above - below) / (2 * h);
          };
          const [wide, narrow] = [slope(2e-4), slope(1e-4)];
          // Near a change of support the map has a kink.
          if (Math.abs(wide - narrow) > 1e-6) continue;
          compared++;
          const got = gradients[name as Table]!.data[at]!;
          expect(Math.abs(got - narrow), `${name}[${at}]: ${got} for ${narrow}`).toBeLessThan(1e-5);
        }
      }
    }
    expect(compared).toBeGreaterThan(2 * sizeOf(shapes.unary));
  });

  test('a batch has the bits of its problems, for any threads, and float32 its float64 within 1e-5', async () => {
    const problems = 9;
    const parts = Array.from({ length: problems }, (_, b) => tablesOf(shapes, 70 + b, 1.5));
    const all = Object.fromEntries(
      Object.keys(shapes).map((name) => {
        const tables = parts.map((tables) => [...tables[name as Table]!]);
        return [name, Float64Array.from(tables.flat())];
      }),
    ) as Tables;
    const whole = solve(blocksOf(all, shapes, [problems]), factor);
    parts.forEach((tables, b) => {
      const alone = solve(blocksOf(tables, shapes), factor);
      const [from, to] = [whole.indptr[b]!, whole.indptr[b + 1]!];
      expect(whole.structures.slice(from, to)).toEqual(alone.structures);
      expect(whole.weights.slice(from, to)).toEqual(alone.weights);
      expect(whole.gap[b]).toBe(alone.gap[0]);
    });
    const again = await solve.async(blocksOf(all, shapes, [problems]), factor);
    expect(again).toEqual(whole);
    const narrow = Object.fromEntries(
      Object.entries(all).map(([name, data]) => [
        name,
        { data: Float32Array.from(data), shape: [problems, ...shapes[name as Table]!] },
      ]),
    );
    const single = solve(narrow, factor, { tol: 1e-9 }).marginals as unknown as Record<Table, { data: Float32Array }>;
    expect(single.unary.data).toBeInstanceOf(Float32Array);
    (whole.marginals as Blocks).unary!.data.forEach((each, at) => {
      expect(Math.abs(each - single.unary.data[at]!)).toBeLessThan(1e-5);
    });
  });
});

describe('forms and options', () => {
  const scores = tablesOf({ unary: [8, 8] }, 3, 1).unary;

  test('a form comes back: nested numbers, blocks, tensors', () => {
    const rows = Array.from({ length: 8 }, (_, r) => [...scores.subarray(8 * r, 8 * r + 8)]);
    const nested = sparsemap({ unary: rows }, factors.assignment()).marginals.unary;
    const block = sparsemap({ unary: { data: scores, shape: [8, 8] } }, factors.assignment()).marginals.unary;
    using unary = tensor(scores, [8, 8]);
    using result = sparsemap({ unary }, factors.assignment()).marginals.unary;
    expect(nested.flat()).toEqual([...block.data]);
    expect(result.toTypedArray()).toEqual(block.data);
  });

  test('one-hot is sparsemax, bits are clipped', () => {
    const { marginals } = sparsemap({ unary: { data: scores, shape: [8, 8] } }, factors.oneHot());
    const expected = sparsemax(scores, { shape: [8, 8] });
    marginals.unary.data.forEach((each, at) => expect(Math.abs(each - expected[at]!)).toBeLessThan(1e-9));
    const clipped = sparsemap({ unary: { data: scores, shape: [64] } }, factors.bits()).marginals.unary.data;
    clipped.forEach((each, at) => {
      expect(Math.abs(each - Math.min(1, Math.max(0, scores[at]!)))).toBeLessThan(1e-4);
    });
  });

  test('shorter problems are those of their leading rows and columns', () => {
    const shape = [3, 6, 6];
    const batch = tablesOf({ unary: shape }, 5, 2).unary;
    const lengths = [5, 3, 0];
    const all = sparsemap({ unary: { data: batch, shape } }, factors.arborescence(), { lengths });
    lengths.forEach((n, b) => {
      const own = Float64Array.from({ length: (n + 1) ** 2 }, (_, at) => {
        return batch[b * 36 + Math.floor(at / (n + 1)) * 6 + (at % (n + 1))]!;
      });
      const alone = sparsemap({ unary: { data: own, shape: [n + 1, n + 1] } }, factors.arborescence());
      expect(all.structures.slice(all.indptr[b], all.indptr[b + 1])).toEqual(alone.structures);
      const full = all.marginals.unary.data.subarray(b * 36, b * 36 + 36);
      full.forEach((each, at) => {
        const [r, c] = [Math.floor(at / 6), at % 6];
        expect(each).toBe(r <= n && c <= n ? alone.marginals.unary.data[r * (n + 1) + c] : 0);
      });
    });
    expect(all.status).toEqual(['converged', 'converged', 'converged']);
  });

  test('a warm start from the solution takes one call and a check', () => {
    const unary = { data: tablesOf({ unary: [41, 41] }, 8, 1).unary, shape: [41, 41] };
    const cold = sparsemap({ unary }, factors.arborescence());
    const warm = sparsemap({ unary }, factors.arborescence(), { warmStart: cold });
    expect(cold.structures.length).toBeGreaterThan(30);
    expect(cold.iterations[0]).toBeGreaterThan(30);
    expect(warm.iterations[0]).toBeLessThan(4);
    warm.marginals.unary.data.forEach((each, at) => {
      expect(Math.abs(each - cold.marginals.unary.data[at]!)).toBeLessThan(1e-6);
    });
  });

  test('a problem that needs a larger slot, and more calls than a turn of .async has, is solved in turns', async () => {
    const shape = [3, 30, 30];
    const unary = { data: tablesOf({ unary: shape }, 17, 0.02).unary, shape };
    const whole = sparsemap({ unary }, factors.assignment());
    const progress: number[] = [];
    const onProgress = (done: number): number => progress.push(done);
    const inTurns = await sparsemap.async({ unary }, factors.assignment(), { onProgress });
    // First slots are for 68 structures, a turn has 256 calls.
    expect(whole.structures.length).toBeGreaterThan(3 * 100);
    expect(Math.max(...inTurns.iterations)).toBeGreaterThan(256);
    expect([whole.converged, inTurns.converged]).toEqual([true, true]);
    inTurns.marginals.unary.data.forEach((each, at) => {
      expect(Math.abs(each - whole.marginals.unary.data[at]!)).toBeLessThan(1e-4);
    });
    expect(progress.every((done, at) => done <= 3 && done >= (progress[at - 1] ?? 0))).toBe(true);
    const aborted = sparsemap.async({ unary }, factors.assignment(), { signal: AbortSignal.timeout(1) });
    await expect(aborted).rejects.toThrow(/timeout/);
  });

  test('a cap on the calls of the oracle is told, with a gap that holds', () => {
    const tables = tablesOf({ unary: [6, 6] }, 21, 1);
    for (const maxIter of [1, 2, 3, 5]) {
      const short = sparsemap({ unary: { data: tables.unary, shape: [6, 6] } }, factors.assignment(), { maxIter });
      expect(short.status).toEqual(['maxIter']);
      expect(short.converged).toBe(false);
      expect(short.gap[0]).toBeGreaterThan(1e-9);
      expect(short.iterations[0]).toBeLessThanOrEqual(Math.max(2, maxIter));
      expect(Math.abs(short.weights.reduce((a, b) => a + b, 0) - 1)).toBeLessThan(1e-9);
    }
  });

  test('where nothing is possible, that is the status', () => {
    const data = new Float64Array(9).fill(-Infinity);
    const { status, weights, marginals, gap } = sparsemap({ unary: { data, shape: [3, 3] } }, factors.assignment());
    expect([status, [...weights], [...marginals.unary.data], [...gap]]).toEqual([
      ['infeasible'],
      [],
      Array(9).fill(0),
      [NaN],
    ]);
  });

  test('a budget of more items than there are is infeasible, not silently less', () => {
    const unary = [
      [1, 2, 3],
      [3, 2, 1],
    ];
    const { status } = sparsemap({ unary }, factors.budget(3), { lengths: [3, 2] });
    expect(status).toEqual(['converged', 'infeasible']);
    expect(sparsemap({ unary }, factors.budget(4, { atMost: true })).converged).toBe(true);
  });

  test('the gradient of the weights', () => {
    const tables = tablesOf({ unary: [4, 3], transitions: [3, 3, 3] }, 31, 1);
    const shapes: Shapes = { unary: [4, 3], transitions: [3, 3, 3] };
    const [solution, pullback] = solve.vjp(blocksOf(tables, shapes), factors.sequence(), { tol: 1e-12 });
    const dweights = Float64Array.from(solution.weights, (_, j) => Math.sin(j + 1));
    const gradient = pullback({ weights: dweights }).unary!.data;
    const value = (): number => {
      const again = solve(blocksOf(tables, shapes), factors.sequence(), { tol: 1e-12 });
      const names = again.structures.map((structure) => Array.from(structure).join());
      return solution.structures.reduce((sum, structure, j) => {
        const at = names.indexOf(Array.from(structure).join());
        return sum + (at < 0 ? 0 : dweights[j]! * again.weights[at]!);
      }, 0);
    };
    tables.unary.forEach((before, at) => {
      tables.unary[at] = before + 1e-5;
      const above = value();
      tables.unary[at] = before - 1e-5;
      const slope = (above - value()) / 2e-5;
      tables.unary[at] = before;
      expect(Math.abs(gradient[at]! - slope), `${gradient[at]} for ${slope}`).toBeLessThan(1e-5);
    });
  });

  test('memory does not grow over 10 000 solves', async () => {
    const { runtimeInfo } = await import('entmax');
    const unary = { data: tablesOf({ unary: [4, 4] }, 2, 1).unary, shape: [4, 4] };
    const run = (times: number): number => {
      for (let i = 0; i < times; i++) sparsemap({ unary }, factors.assignment());
      return runtimeInfo().memory.used;
    };
    const before = run(100);
    expect(run(10_000)).toBe(before);
  });
});

describe('refusals', () => {
  const square = { data: new Float64Array(9), shape: [3, 3] };
  test.each([
    ['no factor', () => solve({ unary: square }, {}), 'sparsemap: expected a factor made by `factors`'],
    [
      'an unknown table',
      () => solve({ unary: square, start: [1] }, factors.bits()),
      'sparsemap: expected scores as { unary }',
    ],
    ['no unary', () => solve({}, factors.bits()), 'expected scores as { unary }'],
    [
      'a flat table',
      () => solve({ unary: new Float64Array(9) }, factors.arborescence()),
      'unary as a shaped block [n + 1 heads, n + 1 modifiers]',
    ],
    [
      'a table that is not square',
      () => solve({ unary: [[1, 2, 3]] }, factors.arborescence()),
      'unary of shape [n + 1 heads, n + 1 modifiers]',
    ],
    [
      'transitions of another shape',
      () => solve({ unary: square, transitions: [[[1]]] }, factors.sequence()),
      'transitions of shape [2, 3, 3], got [1, 1, 1]',
    ],
    [
      'NaN',
      () => solve({ unary: [[NaN]] }, factors.assignment()),
      'scores without NaN and +Infinity, got one in problem 0',
    ],
    ['tol = 0', () => solve({ unary: square }, factors.bits(), { tol: 0 }), 'tol to be a positive number, got 0'],
    [
      'maxIter = 0',
      () => solve({ unary: square }, factors.bits(), { maxIter: 0 }),
      'maxIter to be a positive integer, got 0',
    ],
    [
      'lengths',
      () => solve({ unary: square }, factors.bits(), { lengths: [1, 2] }),
      'lengths with one entry for each of 3 batches',
    ],
    [
      'lengths of an assignment',
      () => solve({ unary: square }, factors.assignment(), { lengths: [1] }),
      'no option lengths for assignments',
    ],
    [
      'a foreign warm start',
      () => solve({ unary: square }, factors.bits(), { warmStart: {} }),
      'warmStart to be a solution of sparsemap',
    ],
    ['a wrong root', () => factors.arborescence({ root: 'two' as never }), "root to be 'one' or 'many'"],
    ['a fraction of a budget', () => factors.budget(1.5), 'factors.budget: expected k to be a non-negative integer'],
  ])('%s', (_, call, message) => {
    expect(call).toThrow(message);
  });
});
