/** The oracles through the public functions, against enumeration; what they cannot do; and the loss, whose target is a structure. */

import { describe, expect, test } from 'vitest';
import { factors, kbest, map, sparsemapLoss } from 'entmax/structured';
import { blocksOf, CASES, score, sizeOf, solve, tablesOf } from './cases.ts';
import type { Blocks, Table } from './cases.ts';

type Best = { indptr: Int32Array; structures: ArrayLike<number>[]; scores: Float64Array };
const best = map as unknown as (scores: unknown, factor: unknown, options?: unknown) => Best;
const manyBest = kbest as unknown as (scores: unknown, factor: unknown, k: number) => Best;
type LossArgs = [scores: unknown, factor: unknown, targets: unknown, options?: unknown];
const loss = sparsemapLoss as unknown as ((...args: LossArgs) => number | Float64Array) & {
  valueAndGrad: (...args: LossArgs) => [number, Blocks];
  vjp: (...args: LossArgs) => [Float64Array, (dloss: number | number[]) => Blocks];
  async: { valueAndGrad: (...args: LossArgs) => Promise<[number, Blocks]> };
};

describe.each(CASES)('$name', ({ factor, shapes, structures }) => {
  test('the best structure, ties included, and none where all are forbidden', () => {
    for (let seed = 1; seed <= 12; seed++) {
      const tables = tablesOf(shapes, seed, 1, seed % 2 === 0);
      const found = best(blocksOf(tables, shapes), factor);
      const scores = structures.map((listed) => score(listed, tables));
      expect(Math.abs(found.scores[0]! - Math.max(...scores))).toBeLessThan(1e-12);
      const listed = structures.findIndex((each) => each.structure.join() === Array.from(found.structures[0]!).join());
      expect(Math.abs(scores[listed]! - found.scores[0]!)).toBeLessThan(1e-12);
    }
    const tables = tablesOf(shapes, 1, 1);
    tables.unary.fill(-Infinity);
    const isPossible = structures.some((listed) => listed.unary.length === 0);
    expect(best(blocksOf(tables, shapes), factor).structures).toHaveLength(isPossible ? 1 : 0);
  });

  test('the loss is at least 0, 0 for a margin, and its gradient agrees with differences', async () => {
    for (let seed = 1; seed <= 4; seed++) {
      const tables = tablesOf(shapes, seed, 1.5);
      const target = structures[(7 * seed) % structures.length]!;
      const args = (): LossArgs => [blocksOf(tables, shapes), factor, target.structure, { tol: 1e-12 }];
      const [value, gradients] = loss.valueAndGrad(...args());
      expect(loss(...args())).toBe(value);
      expect((await loss.async.valueAndGrad(...args()))[0]).toBe(value);
      const [losses, pullback] = loss.vjp(...args());
      expect([...losses]).toEqual([value]);
      // The definition, from a solution.
      const { structures: support, weights, marginals } = solve(blocksOf(tables, shapes), factor, { tol: 1e-12 });
      const listed = new Map(structures.map((each) => [each.structure.join(), score(each, tables)]));
      const linear = support.reduce((sum, each, j) => sum + weights[j]! * listed.get(Array.from(each).join())!, 0);
      const squares = (marginals as Blocks).unary!.data.reduce((sum, mu) => sum + mu * mu, 0);
      const own = score(target, tables) - 0.5 * target.unary.length;
      expect(Math.abs(value - (linear - 0.5 * squares - own))).toBeLessThan(1e-9);
      expect(value).toBeGreaterThanOrEqual(0);
      for (const [name, table] of Object.entries(tables)) {
        const doubled = pullback([2])[name as Table]!.data;
        for (let at = 0; at < table.length; at++) {
          const before = table[at]!;
          table[at] = before + 1e-5;
          const above = loss(...args()) as number;
          table[at] = before - 1e-5;
          const slope = (above - (loss(...args()) as number)) / 2e-5;
          table[at] = before;
          const got = gradients[name as Table]!.data[at]!;
          expect(Math.abs(got - slope), `${name}[${at}]: ${got} for ${slope}`).toBeLessThan(1e-4);
          expect(doubled[at]).toBe(2 * got);
        }
      }
      tables.unary.forEach((_, part) => (tables.unary[part]! += target.unary.includes(part) ? 100 : -100));
      expect(loss(...args())).toBeLessThan(1e-9);
      for (const part of target.unary) tables.unary[part] = -Infinity;
      if (target.unary.length > 0) {
        const [infinite, zero] = loss.valueAndGrad(...args());
        expect([infinite, zero.unary!.data.every((each) => each === 0)]).toEqual([Infinity, true]);
      }
    }
  });
});

test.each(CASES.filter(({ name }) => /sequence|bits/.test(name)))(
  'the k best: $name',
  ({ factor, shapes, structures }) => {
    for (const k of [1, 2, 5, 1000]) {
      const tables = tablesOf(shapes, k, 1);
      const found = manyBest(blocksOf(tables, shapes), factor, k);
      const sorted = structures.map((listed) => score(listed, tables)).sort((a, b) => b - a);
      expect(found.scores).toHaveLength(Math.min(k, structures.length));
      found.scores.forEach((each, j) => expect(Math.abs(each - sorted[j]!)).toBeLessThan(1e-12));
      expect(new Set(found.structures.map((each) => Array.from(each).join())).size).toBe(found.structures.length);
    }
  },
);

test('a batch of losses: mean, sum, none, and shorter problems', () => {
  const shapes = { unary: [3, 4, 3], transitions: [3, 3, 3, 3] };
  const data = tablesOf(shapes, 5, 1);
  const scores = {
    unary: { data: data.unary, shape: shapes.unary },
    transitions: { data: data.transitions!, shape: shapes.transitions },
  };
  const targets = [
    [0, 1, 2, 0],
    [1, 1],
    [2, 0, 1],
  ];
  const lengths = [4, 2, 3];
  const each = loss(scores, factors.sequence(), targets, { lengths, reduction: 'none' }) as Float64Array;
  targets.forEach((target, b) => {
    const t = target.length;
    const unary = { data: data.unary.slice(12 * b, 12 * b + 3 * t), shape: [t, 3] };
    const transitions = { data: data.transitions!.slice(27 * b, 27 * b + 9 * (t - 1)), shape: [t - 1, 3, 3] };
    expect(loss({ unary, transitions }, factors.sequence(), target)).toBe(each[b]);
  });
  const sum = each[0]! + each[1]! + each[2]!;
  expect(loss(scores, factors.sequence(), targets, { lengths, reduction: 'sum' })).toBeCloseTo(sum, 12);
  const [mean, gradients] = loss.valueAndGrad(scores, factors.sequence(), targets, { lengths });
  expect(mean).toBeCloseTo(sum / 3, 12);
  const [, pullback] = loss.vjp(scores, factors.sequence(), targets, { lengths });
  const pulled = pullback([1 / 3, 1 / 3, 1 / 3]);
  expect(pulled.unary!.data).toHaveLength(sizeOf(shapes.unary));
  pulled.unary!.data.forEach((each, at) => expect(each).toBeCloseTo(gradients.unary!.data[at]!, 14));
});

const square = { data: new Float64Array(9), shape: [3, 3] };
test.each([
  [
    'k = 0',
    () => manyBest({ unary: square }, factors.sequence(), 0),
    'kbest: expected k to be a positive integer, got 0',
  ],
  [
    'trees',
    () => manyBest({ unary: square }, factors.arborescence(), 2),
    'factors.sequence or factors.bits where k is above 1',
  ],
  ['NaN', () => best({ unary: [[NaN, 1]] }, factors.assignment()), 'map: expected scores without NaN and +Infinity'],
  [
    'no target',
    () => loss({ unary: square }, factors.arborescence(), undefined),
    'the target of problem 0 of 2 numbers',
  ],
  ['a cycle', () => loss({ unary: square }, factors.arborescence(), [2, 1]), 'to be a tree, got a cycle above word 1'],
  ['two roots', () => loss({ unary: square }, factors.arborescence({ root: 'one' }), [0, 0]), 'with one root, got 2'],
  [
    'a column twice',
    () => loss({ unary: square }, factors.assignment(), [1, 1, 2]),
    'with different columns, got [1, 1, 2]',
  ],
  [
    'a state too many',
    () => loss({ unary: square }, factors.sequence(), [0, 3, 0]),
    'with numbers in [0, 2], got 3 at 1',
  ],
  ['too many items', () => loss({ unary: [1, 2, 3] }, factors.budget(1), [1, 1, 0]), 'with 1 items, got 2'],
  [
    'a missing target',
    () => loss({ unary: square }, factors.bits(), [[1, 0, 1]]),
    'targets with one structure for each of 3 problems',
  ],
])('refuses %s', (_, run, message) => {
  expect(run).toThrow(message);
});
