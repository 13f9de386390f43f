/**
 * Graphs of factors against what they mean: SparseMAP over all joint assignments where there is no loop, a plain method over
 * listed corners where there is, and differences for gradients.
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { init, shutdown } from 'entmax';
import { factors, sparsemap } from 'entmax/structured';
import { ACYCLIC, CYCLIC, x } from './graph-cases.ts';
import { expectClose } from './listed.ts';
import { nearest } from './nearest.ts';
import {
  anyGraph,
  build,
  firstOf,
  flat,
  joint,
  knapsack,
  logic,
  MEANINGS,
  normals,
  pair,
  relaxation,
  tablesOf,
  upTo,
  variablesOf,
} from './rules.ts';
import type { Described, Rule } from './rules.ts';

beforeAll(() => init({ threads: 2 }));
afterAll(() => shutdown());

const marginalsOf = (described: Described, scores: readonly number[], options: object = {}): number[] => {
  const solution = build(described).solve(tablesOf(described.shapes, scores), { tol: 1e-10, ...options });
  expect([solution.status, solution.converged]).toEqual([['converged'], true]);
  expect(solution.residual[0]).toBeLessThanOrEqual(1e-10);
  return flat(solution.marginals);
};

/** Negates the places whose bit of `mask` is on. */
const masked = (variables: readonly number[], mask: number): number[] =>
  variables.map((variable, at) => ((mask >> at) & 1 ? ~variable : variable));

describe('one factor is the projection on the hull of what it allows', () => {
  test.each(Object.keys(MEANINGS))('%s, negated in all ways', (name) => {
    for (const n of [2, 3, 4]) {
      for (let mask = 0; mask < 2 ** n; mask++) {
        const described = x(n, logic(name, masked(upTo(n), mask)));
        for (const [seed, scale] of [
          [1, 1],
          [2, 3],
          [3, 0.1],
        ] as const) {
          const scores = normals(n, 100 * n + 10 * mask + seed, scale);
          expectClose(marginalsOf(described, scores), joint(described, scores), 1e-8, `${n} places, ${mask} negated`);
        }
      }
    }
  });

  test('a single variable', () => {
    for (const score of [-2, 0.3, 2]) {
      expect(marginalsOf(x(1, logic('xor', [0])), [score])).toEqual([1]);
      expect(marginalsOf(x(1, logic('or', [0])), [score])).toEqual([1]);
      expect(marginalsOf(x(1, logic('xor', [~0])), [score])).toEqual([0]);
      expectClose(marginalsOf(x(1, logic('atMostOne', [0])), [score]), [Math.min(1, Math.max(0, score))], 1e-9);
    }
  });

  test('knapsack, fractions and costs of 0 included', () => {
    const all = [
      [[1, 2, 3], 3.5],
      [[0.5, 0.5, 0.5, 2], 1],
      [[0, 1, 4], 2],
      [[2, 3], 0],
      [[1, 1, 1], 9],
    ] as const;
    for (const [costs, budget] of all) {
      for (let seed = 1; seed <= 6; seed++) {
        const variables = masked(upTo(costs.length), seed - 1);
        const described = x(costs.length, knapsack(costs, budget, variables));
        const scores = normals(costs.length, seed, 2);
        // A hull of corners with fractions, in the values of the variables.
        const [rule] = described.rules as [Rule];
        const points = rule.corners.map(({ places }) => places.map((v, at) => (variables[at]! < 0 ? 1 - v : v)));
        expectClose(marginalsOf(described, scores), nearest(points, scores).mu, 1e-8, `${costs.join()} in ${budget}`);
      }
    }
  });

  test('pairs that attract and repel, negated in all ways', () => {
    for (let mask = 0; mask < 4; mask++) {
      const described = { shapes: { x: [2], c: [1] }, rules: [pair(masked([0, 1], mask), 'c')] };
      for (let seed = 1; seed <= 30; seed++) {
        const scores = normals(3, 31 * seed + mask, seed % 2 ? 1 : 0.6);
        expectClose(marginalsOf(described, scores), joint(described, scores), 1e-8, `${mask}: ${scores.join()}`);
      }
    }
  });
});

test('couplings of pairs may be given in one table, and a pair needs none', () => {
  const graph = anyGraph({ x: [3], c: [2] });
  const v = graph.vars['x']!;
  const c = graph.vars['c']!;
  graph.add(factors.pair(), [v.at(0), v.at(1)], c.at(0)).add(factors.pair(), [v.at(1), v.at(2)], c.at(1));
  const scores = normals(5, 8);
  const expected = joint({ shapes: { x: [3], c: [1], d: [1] }, rules: [pair([0, 1], 'c'), pair([1, 2], 'd')] }, scores);
  const tables = tablesOf({ x: [3], c: [2] }, scores);
  expectClose(flat(graph.solve(tables, { tol: 1e-10 }).marginals), expected, 1e-8);
  const free = anyGraph({ x: [2] });
  free.add(factors.pair(), free.vars['x']);
  const { marginals } = free.solve({ x: [0.25, 7] });
  expectClose(marginals['x'] as unknown as number[], [0.25, 1], 1e-8);
});

describe.each(ACYCLIC)('without a loop it is joint SparseMAP: %s', (_, described) => {
  test('marginals', () => {
    for (const [seed, scale] of [
      [1, 1],
      [2, 0.4],
      [3, 3],
      [4, 1],
      [5, 1],
    ] as const) {
      const scores = normals(variablesOf(described.shapes), seed, scale);
      const expected = joint(described, scores);
      expectClose(marginalsOf(described, scores), expected, 1e-7, `seed ${seed}`);
    }
  });

  test('gradients of all scores, of cotangents of all marginals, against differences', () => {
    expectGradients(described, [11, 12]);
  });
});

function expectGradients(described: Described, seeds: readonly number[], atLeast = 0.5): void {
  const graph = build(described);
  const { shapes } = described;
  const size = variablesOf(shapes);
  let compared = 0;
  for (const seed of seeds) {
    const scores = normals(size, seed);
    const cotangents = normals(size, seed + 50);
    const [solution, pullback] = graph.vjp(tablesOf(shapes, scores), { tol: 1e-11 });
    expect(solution.converged).toBe(true);
    const gradients = flat(pullback(tablesOf(shapes, cotangents)));
    const value = (): number => {
      const { marginals } = graph.solve(tablesOf(shapes, scores), { tol: 1e-11 });
      return flat(marginals).reduce((sum, each, at) => sum + each * cotangents[at]!, 0);
    };
    scores.forEach((before, at) => {
      const slope = (h: number): number => {
        scores[at] = before + h;
        const above = value();
        scores[at] = before - h;
        const below = value();
        scores[at] = before;
        return (above - below) / (2 * h);
      };
      const [wide, narrow] = [slope(2e-4), slope(1e-4)];
      // Where a face changes there is a kink.
      if (Math.abs(wide - narrow) > 1e-6) return;
      compared++;
      const got = gradients[at]!;
      expect(Math.abs(got - narrow), `seed ${seed}, ${at}: ${got} for ${narrow}`).toBeLessThan(1e-5);
    });
  }
  expect(compared).toBeGreaterThan(atLeast * seeds.length * size);
}

describe.each(CYCLIC)('with a loop it is the plain method: %s', (_, described) => {
  test('marginals', () => {
    for (const [seed, scale] of [
      [1, 1],
      [2, 0.4],
      [3, 2],
    ] as const) {
      const scores = normals(variablesOf(described.shapes), seed, scale);
      expectClose(marginalsOf(described, scores), relaxation(described, scores), 1e-7, `seed ${seed}`);
    }
  });

  test('gradients of all scores, of cotangents of all marginals, against differences', () => {
    expectGradients(described, [21, 22]);
  });
});

test('structured factors alone are SparseMAP, couplings included', () => {
  const n = 4;
  const unary = normals(n * 3, 61);
  const transitions = normals((n - 1) * 9, 62);
  const graph = anyGraph({ s: [n, 3], t: [n - 1, 3, 3] });
  graph.add(factors.sequence(), graph.vars['s'], graph.vars['t']);
  const shapes = { s: [n, 3], t: [n - 1, 3, 3] };
  const { marginals } = graph.solve(tablesOf(shapes, [...unary, ...transitions]), { tol: 1e-10 });
  const alone = sparsemap(
    {
      unary: { data: Float64Array.from(unary), shape: [n, 3] },
      transitions: { data: Float64Array.from(transitions), shape: [n - 1, 3, 3] },
    },
    factors.sequence(),
    { tol: 1e-12 },
  );
  expectClose([...marginals['s']!.data], [...alone.marginals.unary.data], 1e-7);
  expectClose([...marginals['t']!.data], [...alone.marginals.transitions.data], 1e-7);
  expect(firstOf(shapes)).toEqual({ s: 0, t: 12 });
});
