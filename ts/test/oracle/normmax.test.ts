// The oracle of normmax and its loss: the definition by brute force, finite differences, published values.

import { describe, expect, test } from 'vitest';
import { norm, normByAlpha, normmaxLossReference, normmaxReference } from './normmax.ts';
import { randomFrom } from './random.ts';
import { sum } from './reference.ts';

const rows = Array.from({ length: 8 }, (_, seed) => {
  const random = randomFrom(seed + 1);
  const z = Float64Array.from({ length: 6 }, () => 0.7 * random.normal());
  const weights = Float64Array.from(z, (_, i) => (i % 3 === 2 ? 0 : 1 + random.below(7)));
  return { z, q: weights.map((each) => each / sum(weights)) };
});

test('the published values', () => {
  expect(normmaxReference([0.5, 1.2, -0.3, 2, 1.9], 2)[3]).toBeCloseTo(0.53544406, 8);
  expect(normmaxReference([-2, 0, 0.5], 2)[1]).toBeCloseTo(0.311, 4);
  expect(normmaxReference([-2, 0, 0.5], 1000)[1]).toBeCloseTo(0.4997, 4);
  // tau, and so the loss: 1 + tau - z_k.
  expect(normmaxLossReference([0.5, 1.2, -0.3, 2, 1.9], 1, 2).value).toBeCloseTo(1 + 1.244663201 - 1.2, 8);
});

describe.each([1.05, 1.3, 1.5, 2, 3.5, 20, Infinity])('alpha = %d', (alpha) => {
  const objective = (z: Float64Array, p: ArrayLike<number>): number =>
    sum(z.map((score, i) => score * p[i]!)) - norm(p, alpha);

  test('no move of mass has a larger <p, z> - ||p||', () => {
    for (const { z, q } of rows) {
      const p = normmaxReference(z, alpha);
      expect(sum(p)).toBeCloseTo(1, 14);
      const best = objective(z, p);
      expect(objective(z, q)).toBeLessThan(best);
      for (let i = 0; i < z.length; i++) {
        for (let j = 0; j < z.length; j++) {
          for (const step of [1e-3, 0.1]) {
            const by = Math.min(step, p[i]!);
            const moved = p.map((each, k) => each + (k === j ? by : 0) - (k === i ? by : 0));
            expect(objective(z, moved)).toBeLessThanOrEqual(best + 1e-14);
          }
        }
      }
      const value = normmaxLossReference(z, q, alpha).value;
      expect(value).toBeCloseTo(best - objective(z, q), 13);
      expect(value).toBeGreaterThan(0);
    }
  });

  test('gradients are the slopes of differences', () => {
    const h = 1e-6;
    for (const { z, q } of rows) {
      for (const target of [1, q]) {
        const options = { temperature: 0.8 };
        const { x, alpha: byAlpha } = normmaxLossReference(z, target, alpha, options);
        x.forEach((each, j) => {
          const at = (by: number): number =>
            normmaxLossReference(
              z.map((score, k) => (k === j ? score + by : score)),
              target,
              alpha,
              options,
            ).value;
          expect(each).toBeCloseTo((at(h) - at(-h)) / (2 * h), alpha > 10 ? 4 : 7);
        });
        if (alpha === Infinity) continue;
        const at = (by: number): number => normmaxLossReference(z, target, alpha + by, options).value;
        expect(byAlpha).toBeCloseTo((at(h) - at(-h)) / (2 * h), 7);
        expect(normByAlpha(q, alpha)).toBeCloseTo((norm(q, alpha + h) - norm(q, alpha - h)) / (2 * h), 8);
      }
    }
  });
});
