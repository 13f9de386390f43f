/** Oracles of the caller's: equal to the factors that they imitate, and to a programme over all vertices. */

import { describe, expect, test } from 'vitest';
import { expectation, factors, sparsemap, sparsemapLoss } from 'entmax/structured';
import { CASES } from './cases.ts';
import { dot, nearest } from './nearest.ts';
import { blockOf, cloud, expectClose, listed } from './listed.ts';
import { normals, upTo } from './rules.ts';

describe('equals the factor that it imitates', () => {
  const plain = CASES.filter(({ shapes }) => Object.keys(shapes).length === 1);
  test.each(plain)('$name', ({ factor, shapes, structures }) => {
    const size = shapes.unary.reduce((a, b) => a * b, 1);
    const vertices = structures.map(({ unary }) => upTo(size).map((part) => Number(unary.includes(part))));
    for (const [seed, scale] of [
      [1, 1],
      [2, 3],
      [3, 0.2],
    ] as const) {
      const scores = normals(size, seed, scale);
      const own = sparsemap({ unary: blockOf(scores) }, listed(vertices), { tol: 1e-12 });
      const built = (sparsemap as unknown as (scores: object, factor: unknown, options: object) => typeof own)(
        { unary: blockOf(scores, shapes.unary) },
        factor,
        { tol: 1e-12 },
      );
      expect(own.converged).toBe(true);
      expectClose(own.marginals.unary.data, built.marginals.unary.data, 1e-7);
      // The value of a structure is what the oracle says, and its vertex is what the marginals are made of.
      const mixed = upTo(size).map((part) =>
        own.structures.reduce((sum, value, j) => sum + own.weights[j]! * vertices[value]![part]!, 0),
      );
      expectClose(own.marginals.unary.data, mixed, 1e-12);
    }
  });

  test('a sequence within a budget, whose oracle is a recursion', () => {
    const [positions, states] = [5, 3];
    const map = (scores: Float64Array) => {
      // The best labels up to each state, by the definition.
      let best = upTo(states).map((label) => ({ total: scores[label]!, labels: [label] }));
      for (let t = 1; t < positions; t++) {
        const before = best.reduce((a, b) => (b.total > a.total ? b : a));
        best = upTo(states).map((label) => ({
          total: before.total + scores[t * states + label]!,
          labels: [...before.labels, label],
        }));
      }
      const { labels } = best.reduce((a, b) => (b.total > a.total ? b : a));
      const vertex = new Uint8Array(positions * states);
      labels.forEach((label, t) => (vertex[t * states + label] = 1));
      return { key: labels.join(), value: Int32Array.from(labels), vertex };
    };
    const scores = normals(positions * states, 5);
    const own = sparsemap({ unary: blockOf(scores) }, factors.custom({ size: scores.length, map }));
    const built = sparsemap({ unary: blockOf(scores, [positions, states]) }, factors.sequence());
    expectClose(own.marginals.unary.data, built.marginals.unary.data, 1e-6);
    expect(own.structures[0]).toBeInstanceOf(Int32Array);
  });
});

describe('vertices that are not 0 and 1', () => {
  test('are the programme over all of them', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const vertices = cloud(4 + seed, 5, seed);
      const scores = normals(5, seed + 40, seed % 2 ? 1 : 0.3);
      const solution = sparsemap({ unary: blockOf(scores) }, listed(vertices), { tol: 1e-12 });
      const { mu, active } = nearest(vertices, scores);
      expect(solution.status).toEqual(['converged']);
      expectClose(solution.marginals.unary.data, mu, 1e-8);
      expect([...solution.structures].sort()).toEqual([...active].sort());
    }
  });

  test('one vertex, and vertices of 0', () => {
    const one = sparsemap({ unary: [1, 2] }, listed([[0.5, -3]]));
    expect([one.marginals.unary, [...one.weights], one.converged]).toEqual([[0.5, -3], [1], true]);
    const { marginals } = sparsemap(
      { unary: [0.25, 0.25] },
      listed([
        [0, 0],
        [1, 1],
      ]),
    );
    expectClose(marginals.unary, [0.25, 0.25], 1e-6);
  });

  test('gradients against differences, of marginals and of weights', () => {
    let compared = 0;
    for (let seed = 1; seed <= 5; seed++) {
      // No more vertices than are affinely independent: the weights are determined.
      const vertices = cloud(6, 5, seed);
      const scores = normals(5, seed + 60);
      const cotangents = normals(5, seed + 70);
      const worth = (value: number): number => Math.sin(3 * value);
      const options = { tol: 1e-13 };
      const [solution, pullback] = sparsemap.vjp({ unary: blockOf(scores) }, listed(vertices), options);
      const gradient = pullback({
        unary: blockOf(cotangents),
        weights: Float64Array.from(solution.structures, worth),
      }).unary.data;
      const expected = expectation({ unary: blockOf(scores) }, listed(vertices), worth, options);
      expect(expected.calls).toBe(solution.structures.length);
      const marginal = pullback({ unary: blockOf(cotangents) }).unary.data;
      expectClose(
        marginal.map((each, at) => each + expected.gradient.unary.data[at]!),
        gradient,
        1e-12,
      );
      const value = (): number => {
        const { mu, active, weights } = nearest(vertices, scores);
        return dot(mu, cotangents) + active.reduce((sum, at, j) => sum + weights[j]! * worth(at), 0);
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
        if (Math.abs(wide - narrow) > 1e-6) return;
        compared++;
        expect(Math.abs(gradient[at]! - narrow), `${gradient[at]} for ${narrow}`).toBeLessThan(1e-6);
      });
    }
    expect(compared).toBeGreaterThan(20);
  });

  test('the loss of a vertex, its gradient, and a target that no oracle has named', () => {
    for (let seed = 1; seed <= 6; seed++) {
      const vertices = cloud(9, 4, seed);
      const scores = normals(4, seed + 80);
      const vertex = seed % 2 ? vertices[seed]! : nearest(vertices, normals(4, seed)).mu;
      const worthOf = (mu: readonly number[]): number => dot(mu, scores) - 0.5 * dot(mu, mu);
      const { mu } = nearest(vertices, scores);
      const [value, { unary }] = sparsemapLoss.valueAndGrad({ unary: blockOf(scores) }, listed(vertices), { vertex });
      expect(value).toBeGreaterThanOrEqual(0);
      expect(Math.abs(value - (worthOf(mu) - worthOf(vertex)))).toBeLessThan(1e-8);
      expectClose(
        unary.data,
        mu.map((each, at) => each - vertex[at]!),
        1e-6,
      );
    }
    const target = { vertex: [0, 1] };
    const corners = listed([
      [1, 0],
      [0, 1],
    ]);
    expect(sparsemapLoss({ unary: [0, 2] }, corners, target)).toBeLessThan(1e-9);
    expect(sparsemapLoss({ unary: [0, -Infinity] }, corners, target)).toBe(Infinity);
    const targets = [target, { vertex: [1, 0] }];
    const unary = [
      [0, 2],
      [0, 2],
    ];
    const losses = sparsemapLoss({ unary }, corners, targets, { reduction: 'none' });
    expectClose(losses, [0, 2], 1e-9);
    expect(() => sparsemapLoss({ unary: [0, 2] }, corners, { vertex: [1] })).toThrow(
      'sparsemapLoss: expected the target of problem 0 as { vertex } of 2 finite numbers',
    );
  });
});
