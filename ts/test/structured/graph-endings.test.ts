/** How the solve of a graph ends: options, warm starts, contradictions, forbidden variables, large scores, large supports. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { init, shutdown } from 'entmax';
import { factors, sparsemap } from 'entmax/structured';
import { assignments, sequences, trees } from './enumerate.ts';
import { batchOf, custom, MIXED, scoresOf, x } from './graph-cases.ts';
import { expectClose } from './listed.ts';
import {
  anyGraph,
  build,
  flat,
  joint,
  logic,
  normals,
  relaxation,
  structured,
  tablesOf,
  upTo,
  variablesOf,
} from './rules.ts';
import type { Described } from './rules.ts';

beforeAll(() => init({ threads: 2 }));
afterAll(() => shutdown());

const negated = (n: number): number[] => upTo(n).map((at) => ~at);

const solveMixed = (seed: number, options: object = {}) =>
  build(MIXED).solve(tablesOf(MIXED.shapes, scoresOf(seed)), { tol: 1e-10, ...options });

describe('options', () => {
  test('any first step has the same result', () => {
    for (const seed of [1, 2, 3]) {
      const expected = flat(solveMixed(seed).marginals);
      for (const step of [1e-9, 1e-3, 0.1, 1, 100, 1e9]) {
        const solution = solveMixed(seed, { step, maxIter: 100_000 });
        expect(solution.status, `step ${step}`).toEqual(['converged']);
        expectClose(flat(solution.marginals), expected, 1e-8, `step ${step}`);
      }
    }
  });

  test('maxIter 1 makes one turn and says so; tol ends sooner', () => {
    const once = solveMixed(4, { maxIter: 1 });
    expect([once.status, [...once.iterations], once.converged]).toEqual([['maxIter'], [1], false]);
    expect(once.residual[0]).toBeGreaterThan(1e-10);
    expect(flat(once.marginals).every((each) => each >= 0 && each <= 1)).toBe(true);
    const [rough, exact] = [solveMixed(4, { tol: 1e-2 }), solveMixed(4)];
    expect(rough.residual[0]).toBeLessThanOrEqual(1e-2);
    expect(rough.residual[0]).toBeGreaterThan(1e-10);
    expect(rough.iterations[0]).toBeLessThan(exact.iterations[0]!);
    expectClose(flat(rough.marginals), flat(exact.marginals), 0.1);
  });

  test('a warm start has the same result in fewer turns, of the same scores and of others', async () => {
    const graph = build(MIXED);
    const seeds = [11, 12, 13];
    const cold = graph.solve(batchOf(seeds), { tol: 1e-10 });
    const same = graph.solve(batchOf(seeds), { tol: 1e-10, warmStart: cold });
    seeds.forEach((_, b) => expect(same.iterations[b]).toBeLessThan(cold.iterations[b]! / 2));
    expectClose(flat(same.marginals), flat(cold.marginals), 1e-8);
    const near = Object.fromEntries(
      Object.entries(batchOf(seeds)).map(([name, { data, shape }]) => [
        name,
        { data: data.map((each, at) => each + 1e-6 * Math.sin(at)), shape },
      ]),
    );
    const nearCold = graph.solve(near, { tol: 1e-10 });
    const [nearWarm, pullback] = graph.vjp(near, { tol: 1e-10, warmStart: same });
    expect(Math.max(...nearWarm.iterations)).toBeLessThan(Math.max(...nearCold.iterations));
    expectClose(flat(nearWarm.marginals), flat(nearCold.marginals), 1e-8);
    const [, fromCold] = graph.vjp(near, { tol: 1e-10 });
    expectClose(flat(pullback(near)), flat(fromCold(near)), 1e-6);
    const far = graph.solve(batchOf([21, 22, 23]), { tol: 1e-10 });
    const farWarm = await graph.solve.async(batchOf([21, 22, 23]), { tol: 1e-10, warmStart: nearWarm });
    expect(farWarm.converged).toBe(true);
    expectClose(flat(farWarm.marginals), flat(far.marginals), 1e-8);
  });

  test('a warm start from one that did not get there, or could not', () => {
    const described = x(3, logic('xor', [0, 1, 2]));
    const graph = build(described);
    const scores = [0.3, 0.2, 0.1];
    const expected = flat(graph.solve(tablesOf(described.shapes, scores)).marginals);
    const impossible = graph.solve(tablesOf(described.shapes, Array(3).fill(-Infinity)));
    expect(impossible.converged).toBe(false);
    const short = graph.solve(tablesOf(described.shapes, scores), { maxIter: 1 });
    for (const warmStart of [impossible, short]) {
      const solution = graph.solve(tablesOf(described.shapes, scores), { warmStart });
      expect(solution.status).toEqual(['converged']);
      expectClose(flat(solution.marginals), expected, 1e-7);
    }
  });
});

describe('endings', () => {
  test('a contradiction does not converge, and its residual says how far apart the factors are', () => {
    const described = x(3, logic('xor', [0, 1, 2]), logic('budget 2', [0, 1, 2]));
    const { status, residual, iterations, converged } = build(described).solve(
      tablesOf(described.shapes, normals(3, 1)),
      { maxIter: 300 },
    );
    expect([status, [...iterations], converged]).toEqual([['maxIter'], [300], false]);
    // One unit of mass on three variables of two factors.
    expect(residual[0]).toBeGreaterThan(0.05);
    expect(residual[0]).toBeLessThan(Infinity);
  });

  test.each([
    ['a budget above the number of places', [factors.budget(4), 3]],
    ['no column for a state', [factors.oneHot(), 3, -Infinity]],
    ['all of a budget forbidden', [factors.budget(1), 3, -Infinity]],
    ['an oracle that finds nothing', [factors.custom({ size: 3, map: () => undefined }), 3]],
  ] as const)('infeasible: %s', (_, [factor, n, score = 0]) => {
    const graph = anyGraph({ x: [n], y: [1] });
    graph.add(factor, graph.vars['x']);
    graph.add(factors.bits(), graph.vars['y']);
    const scores = { x: Array<number>(n).fill(score), y: [1] };
    const solution = graph.solve(scores, { maxIter: 2000 });
    expect([solution.status, solution.converged]).toEqual([['infeasible'], false]);
    expect(
      flat({ x: { data: Float64Array.from(solution.marginals['x'] as unknown as number[]), shape: [n] } }),
    ).toEqual(Array(n).fill(0));
  });

  test('one impossible problem of a batch leaves the others alone', () => {
    const graph = build(x(3, logic('oneHot', [0, 1, 2])));
    const rows = [
      [1, 0.5, 0],
      [-Infinity, -Infinity, -Infinity],
      [0, 0, 0],
    ];
    const { status, marginals, residual } = graph.solve({ x: rows }, { maxIter: 500 });
    expect(status).toEqual(['converged', 'infeasible', 'converged']);
    const [first, second, third] = marginals['x'] as unknown as number[][];
    expectClose(first!, [0.75, 0.25, 0], 1e-7);
    expect(second).toEqual([0, 0, 0]);
    expectClose(third!, [1 / 3, 1 / 3, 1 / 3], 1e-7);
    expect(residual[0]).toBeLessThanOrEqual(1e-8);
  });

  test('forbidden variables are 0 and have no gradient, and the others are as if these were fixed', () => {
    const described = x(5, logic('xor', [0, 1, 2]), logic('imply', [2, ~1, 3]), logic('or', [3, 4, ~0]));
    for (let seed = 1; seed <= 6; seed++) {
      const scores = normals(5, seed);
      for (const at of [seed % 3, 3 + (seed % 2)].slice(0, 1 + (seed % 2))) scores[at] = -Infinity;
      const [solution, pullback] = build(described).vjp(tablesOf(described.shapes, scores), { tol: 1e-10 });
      expect(solution.converged).toBe(true);
      const got = flat(solution.marginals);
      expectClose(got, relaxation(described, scores), 1e-7, `seed ${seed}`);
      const gradient = flat(pullback(tablesOf(described.shapes, normals(5, seed + 9))));
      scores.forEach((score, at) => {
        if (score === -Infinity) expect([got[at], gradient[at]]).toEqual([0, 0]);
      });
    }
  });

  test.each([
    ['one of three by an oracle', x(4, custom([0, ~1, 2]), logic('or', [1, 3]))],
    ['one of three', x(4, logic('oneHot', [0, ~1, 2]), logic('or', [1, 3]))],
    [
      'an assignment',
      { shapes: { m: [3, 3] }, rules: [structured(factors.assignment(), 'm', negated(9), assignments(3, 3))] },
    ],
    [
      'a sequence with couplings',
      {
        shapes: { s: [3, 2], t: [2, 2, 2] },
        rules: [structured(factors.sequence(), 's', negated(6), sequences(3, 2), 't')],
      },
    ],
    [
      'an arborescence',
      { shapes: { a: [4, 4] }, rules: [structured(factors.arborescence(), 'a', negated(16), trees(3))] },
    ],
    [
      'a projective tree',
      {
        shapes: { a: [4, 4] },
        rules: [structured(factors.projectiveTree(), 'a', negated(16), trees(3, { projective: true }))],
      },
    ],
  ] as readonly (readonly [string, Described])[])('what is forbidden is on where it is negated: %s', (_, described) => {
    for (let seed = 1; seed <= 8; seed++) {
      const scores = normals(variablesOf(described.shapes), seed, seed % 2 ? 1 : 4);
      // The negation of variable 1 has a part in some structure of each.
      scores[1] = -Infinity;
      const [solution, pullback] = build(described).vjp(tablesOf(described.shapes, scores), { tol: 1e-10 });
      expect([solution.status, Number.isFinite(solution.residual[0])]).toEqual([['converged'], true]);
      const got = flat(solution.marginals);
      expectClose(got, relaxation(described, scores), 1e-7, `seed ${seed}`);
      const gradient = flat(pullback(tablesOf(described.shapes, normals(scores.length, seed + 9))));
      expect([got[1], gradient[1]]).toEqual([0, 0]);
      expect(gradient.every(Number.isFinite)).toBe(true);
    }
  });

  test('large and small scores, and ties', () => {
    const described = x(7, logic('xor', [0, 1, 2]), logic('budget 2', [2, 3, 4, 5]), logic('atMostOne', [~5, ~6]));
    for (const scale of [0, 1e-6, 1e3, 1e6]) {
      for (let seed = 1; seed <= 4; seed++) {
        const scores = normals(7, seed).map((each) => (seed % 2 ? each : Math.round(each)) * scale);
        const solution = build(described).solve(tablesOf(described.shapes, scores), { maxIter: 100_000 });
        expect(solution.converged, `scale ${scale}, seed ${seed}`).toBe(true);
        expectClose(flat(solution.marginals), joint(described, scores), 1e-5, `scale ${scale}`);
      }
    }
  });

  test('a flat tree of 20 words needs more room than a factor has at first', () => {
    const n = 20;
    const scores = normals((n + 1) ** 2, 5, 0.01);
    const unary = { data: Float64Array.from(scores), shape: [n + 1, n + 1] };
    const alone = sparsemap({ unary }, factors.arborescence(), { tol: 1e-12 });
    expect(alone.structures.length).toBeGreaterThan(2 * n);
    const graph = anyGraph({ a: [n + 1, n + 1], b: [3] });
    graph.add(factors.arborescence(), graph.vars['a']);
    graph.add(factors.or(), [graph.vars['b'], graph.vars['a']!.at(0, 1)]);
    const many = {
      data: Float64Array.from([...scores, ...scores.map((each) => 300 * each)]),
      shape: [2, n + 1, n + 1],
    };
    const [solution, pullback] = graph.vjp({
      a: many,
      b: [
        [9, 9, 9],
        [0, 0, 0],
      ].map((each) => each),
    });
    expect(solution.converged).toBe(true);
    expectClose([...solution.marginals['a']!.data].slice(0, unary.data.length), [...alone.marginals.unary.data], 1e-6);
    const gradient = pullback({ a: many });
    expect(gradient['a']!.data.some((each) => each !== 0)).toBe(true);
    // The larger room comes with a warm start.
    const again = graph.solve(
      {
        a: many,
        b: [
          [9, 9, 9],
          [0, 0, 0],
        ],
      },
      { warmStart: solution },
    );
    expect(Math.max(...again.iterations)).toBeLessThan(Math.max(...solution.iterations));
    expectClose([...again.marginals['a']!.data], [...solution.marginals['a']!.data], 1e-6);
  });
});
