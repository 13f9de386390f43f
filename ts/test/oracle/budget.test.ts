// The oracle of the capped simplex and of top-k, against the definition (any feasible point is farther away), brute force and finite differences.

import { describe, expect, test } from 'vitest';
import { budgetReference, budgetVjpReference } from './budget.ts';
import type { BudgetReferenceOptions } from './budget.ts';
import { entmaxReference, sum } from './reference.ts';
import { randomFrom } from './random.ts';
import { topkReference, topkVjpReference } from './topk.ts';

const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  sum(Array.from(a, (each, i) => (each - b[i]!) ** 2));

/** Rows of every kind of constraint, with a cotangent. */
function cases(): { z: Float64Array; v: Float64Array; options: BudgetReferenceOptions }[] {
  return Array.from({ length: 60 }, (_, seed) => {
    const random = randomFrom(seed + 1);
    const n = 2 + (seed % 7);
    const z = Float64Array.from({ length: n }, () => random.normal());
    const v = Float64Array.from({ length: n }, () => random.normal());
    const upper = seed % 3 === 0 ? undefined : Float64Array.from({ length: n }, () => 0.1 + random.below(1000) / 800);
    const room = upper ? sum(upper) : n;
    const budget = (room * (1 + random.below(998))) / 1000;
    return { z, v, options: { budget, upper, atMost: seed % 4 === 3 } };
  });
}

test('p is feasible, and no feasible point is nearer', () => {
  for (const { z, options } of cases()) {
    const { p } = budgetReference(z, options);
    const u = options.upper ?? 1;
    const bound = (i: number): number => (typeof u === 'number' ? u : u[i]!);
    expect(p.every((each, i) => each >= 0 && each <= bound(i))).toBe(true);
    if (options.atMost) expect(sum(p)).toBeLessThanOrEqual(options.budget + 1e-12);
    else expect(sum(p)).toBeCloseTo(options.budget, 12);
    // Mass moved between any two entries, or taken away where that is allowed, stays feasible and goes farther.
    const nearest = distance(p, z);
    for (let i = 0; i < z.length; i++) {
      for (let j = -1; j < z.length; j++) {
        if (i === j || (j < 0 && !options.atMost)) continue;
        const step = Math.min(1e-3, p[i]!, j < 0 ? 1 : bound(j) - p[j]!);
        if (step <= 0) continue;
        const moved = p.map((each, k) => each + (k === i ? -step : k === j ? step : 0));
        expect(distance(moved, z)).toBeGreaterThan(nearest);
      }
    }
  }
});

describe('the gradients are central differences', () => {
  const value = (z: Float64Array, v: Float64Array, options: BudgetReferenceOptions): number =>
    sum(budgetReference(z, options).p.map((each, i) => each * v[i]!));
  const h = 1e-6;
  const difference = (at: (shift: number) => number): number => (at(h) - at(-h)) / (2 * h);

  test.each([1, 0.5, 3])('temperature %d', (temperature) => {
    let compared = 0;
    for (const { z, v, options } of cases()) {
      const all = { ...options, temperature };
      const upper = Float64Array.from(z, (_, i) => (options.upper as Float64Array | undefined)?.[i] ?? 1);
      const gradients = budgetVjpReference(z, v, all);
      const { p } = budgetReference(z, all);
      if (p.every((each, i) => each === 0 || each === upper[i])) continue;
      compared++;
      expect(gradients.budget).toBeCloseTo(
        difference((d) => value(z, v, { ...all, budget: options.budget + d })),
        7,
      );
      z.forEach((_, i) => {
        const shifted = (row: Float64Array, d: number): Float64Array =>
          row.map((each, j) => (i === j ? each + d : each));
        expect(gradients.x[i]).toBeCloseTo(
          difference((d) => value(shifted(z, d), v, all)),
          7,
        );
        expect(gradients.upper[i]).toBeCloseTo(
          difference((d) => value(z, v, { ...all, upper: shifted(upper, d) })),
          7,
        );
      });
    }
    expect(compared).toBeGreaterThan(30);
  });
});

test('the published values', () => {
  const p = (z: number[], options: BudgetReferenceOptions): number[] => [...budgetReference(z, options).p];
  const close = (actual: number[], expected: number[]): void =>
    expected.forEach((each, i) => expect(actual[i]).toBeCloseTo(each, 9));
  close(p([0.5, 1.2, -0.3, 2.0, 1.9], { budget: 2 }), [0, 1 / 6, 0, 29 / 30, 13 / 15]);
  close(p([0.5, 1.2, -0.3, 2.0, 1.9], { budget: 1, upper: [0.2, 0.3, 0.4, 0.25, 0.3] }), [0.15, 0.3, 0, 0.25, 0.3]);
  close(p([-2, 0, 0.5], { budget: 2 }), [0, 1, 1]);
  close(p([0, 0.25, 0.5, 0.75, 1], { budget: 2 }), [0, 0.125, 0.375, 0.625, 0.875]);
  close(p([0, 0.5, 1, 1.5, 2], { budget: 3 }), [0, 0.25, 0.75, 1, 1]);
});

test('budget 1 without bounds below 1 is sparsemax', () => {
  for (const seed of [1, 2, 3, 4]) {
    const random = randomFrom(seed);
    const z = Float64Array.from({ length: 12 }, () => random.normal());
    expect(Math.sqrt(distance(budgetReference(z, { budget: 1 }).p, entmaxReference(z, 2).p))).toBeLessThan(1e-14);
  }
});

test('the edges: nothing, everything, infinities, NaN, and what cannot be', () => {
  const p = (z: number[], options: BudgetReferenceOptions): number[] => [...budgetReference(z, options).p];
  expect(p([1, 2, 3], { budget: 0 })).toEqual([0, 0, 0]);
  expect(p([1, 2, 3], { budget: 3 })).toEqual([1, 1, 1]);
  expect(p([1, -Infinity, 3], { budget: 2 })).toEqual([1, 0, 1]);
  expect(p([Infinity, 0, Infinity], { budget: 1 })).toEqual([0.5, 0, 0.5]);
  expect(p([Infinity, 0, 0], { budget: 2 })).toEqual([1, 0.5, 0.5]);
  expect(p([0.5, -1, 0.25], { budget: 2, atMost: true })).toEqual([0.5, 0, 0.25]);
  expect(p([1, NaN], { budget: 1 })).toEqual([NaN, NaN]);
  expect(p([1, 2], { budget: 1, mask: [0, 0] })).toEqual([0, 0]);
  expect(() => p([1, 2], { budget: 3 })).toThrow(RangeError);
  expect(() => p([1, 2], { budget: 2, mask: [1, 0] })).toThrow(RangeError);
});

/** The best value of <p, z> + H_2(p) = <p, z> - 1/2 ||p||^2 + 1/2 over all supports of k entries. */
function bestOfAllSubsets(z: Float64Array, k: number): Float64Array {
  let best: { value: number; p: Float64Array } = { value: -Infinity, p: new Float64Array(z.length) };
  for (let bits = 1; bits < 2 ** z.length; bits++) {
    const mask = Uint8Array.from(z, (_, i) => (bits >> i) & 1);
    if (sum(mask) !== k) continue;
    const { p } = entmaxReference(z, 2, { mask });
    const value = sum(p.map((each, i) => each * z[i]! - each ** 2 / 2));
    if (value > best.value) best = { value, p };
  }
  return best.p;
}

test('top-k sparsemax is the best of all supports of k entries', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = randomFrom(seed);
    const z = Float64Array.from({ length: 7 }, () => random.normal() / 8);
    for (const k of [1, 2, 3, 5]) {
      const { p, exact } = topkReference(z, k, 2);
      expect(distance(p, bestOfAllSubsets(z, k))).toBeLessThan(1e-28);
      expect(exact).toBe(distance(p, entmaxReference(z, 2).p) === 0);
    }
  }
});

test('of equal scores the first are kept, and k may exceed n', () => {
  expect([...topkReference([1, 2, 2, 2], 2, 2).p]).toEqual([0, 0.5, 0.5, 0]);
  expect(topkReference([1, 2, 2, 2], 2, 2).exact).toBe(false);
  expect(topkReference([1, 2, 2, 0], 2, 2)).toMatchObject({ exact: true });
  expect(topkReference([1, 2], 5, 1)).toEqual({ ...entmaxReference([1, 2], 1), exact: true });
  expect([...topkReference([1, NaN], 1, 2).p]).toEqual([NaN, NaN]);
  expect([...topkVjpReference([1, 2, 2, 2], 2, 2, [9, 1, 3, 7]).x]).toEqual([0, -1, 1, 0]);
});
