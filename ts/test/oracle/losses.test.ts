// The oracle of the Fenchel-Young losses: the definition by brute force, finite differences, the identities of MATH.md §5.

import { describe, expect, test } from 'vitest';
import { budgetReference } from './budget.ts';
import { budgetLossReference, entmaxLossReference, entropy, lossHvpReference } from './losses.ts';
import type { Target } from './losses.ts';
import { entmaxReference, sum } from './reference.ts';
import { randomFrom } from './random.ts';

const ALPHAS = [1, 1 + 1e-7, 1.01, 1.25, 1.5, 1.75, 2, 2.5, 4, 10];
const n = 6;
const rows = Array.from({ length: 6 }, (_, seed) => {
  const random = randomFrom(seed + 1);
  const z = Float64Array.from({ length: n }, () => random.normal());
  const weights = Float64Array.from({ length: n }, (_, i) => (i % 3 === 2 ? 0 : 1 + random.below(7)));
  return { z, v: z.map(Math.cos), soft: weights.map((each) => each / sum(weights)) };
});
const TARGETS = (soft: Float64Array): Target[] => [0, n - 1, soft];

const published: readonly [number, number][] = [
  [1, 1.784904209],
  [1.25, 1.357958739],
  [1.5, 1.163081439],
  [1.75, 1.0611319],
  [2, 1.0025],
  [2.5, 0.925922776],
  [4, 0.832674625],
];
test.each(published)('the published loss for alpha = %d', (alpha, loss) => {
  expect(entmaxLossReference([0.5, 1.2, -0.3, 2.0, 1.9], 1, alpha).value).toBeCloseTo(loss, 8);
});

describe.each(ALPHAS)('entmax, alpha = %d', (alpha) => {
  const loss = (z: ArrayLike<number>, target: Target, temperature = 1): number =>
    entmaxLossReference(z, target, alpha, { temperature }).value;

  test('the value is the definition, and no other distribution has a larger <p, z> + H(p)', () => {
    for (const { z, soft } of rows) {
      const objective = (p: ArrayLike<number>): number => sum(z.map((score, i) => p[i]! * score)) + entropy(p, alpha);
      const { p } = entmaxReference(z, alpha);
      expect(loss(z, soft)).toBeCloseTo(objective(p) - objective(soft), 11);
      expect(loss(z, 2)).toBeCloseTo(objective(p) - z[2]!, 11);
      for (const other of rows) expect(objective(other.soft)).toBeLessThanOrEqual(objective(p));
      const nudged = (i: number, j: number): Float64Array =>
        p.map((each, k) => each + (k === i ? -1 : k === j ? 1 : 0) * Math.min(1e-4, p[i]!));
      for (let i = 0; i < n; i++)
        for (let j = 0; j < n; j++)
          if (i !== j) expect(objective(nudged(i, j))).toBeLessThanOrEqual(objective(p) + 1e-15);
    }
  });

  test('the gradients are central differences', () => {
    const h = 1e-5;
    for (const { z, soft } of rows) {
      for (const target of TARGETS(soft)) {
        for (const temperature of [1, 0.5]) {
          const { x, alpha: dalpha } = entmaxLossReference(z, target, alpha, { temperature });
          z.forEach((_, i) => {
            const at = (d: number): number =>
              loss(
                z.map((score, j) => (i === j ? score + d : score)),
                target,
                temperature,
              );
            expect(x[i]).toBeCloseTo((at(h) - at(-h)) / (2 * h), 7);
          });
          const at = (k: number): number => entmaxLossReference(z, target, alpha + k * 1e-3, { temperature }).value;
          const difference =
            alpha < 1.01
              ? (-25 * at(0) + 48 * at(1) - 36 * at(2) + 16 * at(3) - 3 * at(4)) / 12e-3
              : (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / 12e-3;
          // The loss has a kink in its third derivative where an entry leaves the support.
          expect(Math.abs(dalpha - difference)).toBeLessThan(2e-6);
        }
      }
    }
  });

  test('a Hessian-vector product is the difference of gradients', () => {
    const [{ z, v }] = rows as [(typeof rows)[0]];
    const h = 1e-6;
    const gradient = (d: number): Float64Array =>
      entmaxLossReference(
        z.map((score, i) => score + d * v[i]!),
        0,
        alpha,
        { temperature: 2 },
      ).x;
    const [above, below] = [gradient(h), gradient(-h)];
    lossHvpReference(z, alpha, v, { temperature: 2 }).forEach((each, i) =>
      expect(Math.abs(each - (above[i]! - below[i]!) / (2 * h))).toBeLessThan(1e-7 * Math.max(1, Math.abs(each))),
    );
  });

  test('it is never negative, 0 only at p = q, and shifts do not change it', () => {
    for (const { z, soft } of rows) {
      for (const target of TARGETS(soft)) {
        expect(loss(z, target)).toBeGreaterThanOrEqual(0);
        expect(
          loss(
            z.map((score) => score + 16),
            target,
          ),
        ).toBeCloseTo(loss(z, target), 10);
      }
      expect(Math.abs(loss(z, entmaxReference(z, alpha).p))).toBeLessThan(1e-15);
    }
  });

  test('the margin: 0 exactly from a lead of 1/(alpha - 1) on', () => {
    if (alpha < 1.01) return expect(loss([100, 0, -1], 0)).toBeGreaterThan(0);
    const margin = 1 / (alpha - 1);
    expect(loss([margin * 1.0000001, 0, -1], 0)).toBe(0);
    expect(loss([margin * 0.9, 0, -1], 0)).toBeGreaterThan(0);
    if ([1.25, 1.5, 2, 2.5].includes(alpha)) expect(loss([margin, 0, -1], 0)).toBe(0);
  });

  test('label smoothing: L(z; q) = L(z; e_k) + eps (z_k - <r, z>) - H(q) for q = (1 - eps) e_k + eps r', () => {
    const eps = 0.1;
    for (const { z, soft } of rows) {
      const q = soft.map((each, i) => eps * each + (i === 1 ? 1 - eps : 0));
      const mean = sum(soft.map((each, i) => each * z[i]!));
      expect(loss(z, q)).toBeCloseTo(loss(z, 1) + eps * (z[1]! - mean) - entropy(q, alpha), 11);
    }
  });

  test('-Infinity changes nothing but its own row entry; an excluded target costs Infinity and has no gradient', () => {
    for (const { z } of rows) {
      const extended = [...z, -Infinity];
      expect(loss(extended, 1)).toBe(loss(z, 1));
      const { x } = entmaxLossReference(extended, 1, alpha);
      expect(x[n]).toBe(0);
      for (const target of [n, [...z.map(() => 1 / 12), 0.5]]) {
        const gone = entmaxLossReference(extended, target, alpha);
        expect(gone).toMatchObject({ value: Infinity, alpha: 0, x: new Float64Array(n + 1) });
      }
      const mask = [0, 1, 1, 1, 1, 1];
      expect(entmaxLossReference(z, 0, alpha, { mask }).value).toBe(Infinity);
      expect(entmaxLossReference(z, 1, alpha, { mask }).value).toBeCloseTo(loss(z.subarray(1), 0), 14);
    }
    expect(entmaxLossReference([-Infinity, -Infinity], 0, alpha)).toMatchObject({ value: Infinity, alpha: 0 });
    expect(entmaxLossReference([1, NaN], 0, alpha)).toMatchObject({ value: NaN, x: new Float64Array([NaN, NaN]) });
  });
});

test('alpha = 1 is cross-entropy, also where probabilities underflow', () => {
  expect(entmaxLossReference([800, 0, 0], 1, 1).value).toBe(800);
  expect(entmaxLossReference([50, 0], 0, 1).value).toBeCloseTo(Math.exp(-50), 30);
});

test('alpha = 2: L = -z_k + 1/2 sum over S of (z_j^2 - tau^2) + 1/2', () => {
  for (const { z } of rows) {
    const { p, threshold } = entmaxReference(z, 2);
    const terms = z.filter((_, i) => p[i]! > 0).map((score) => score ** 2 - threshold ** 2);
    expect(entmaxLossReference(z, 3, 2).value).toBeCloseTo(-z[3]! + sum(terms) / 2 + 0.5, 13);
  }
});

describe('budget', () => {
  const settings = rows.map(({ z, v }, k) => ({
    z,
    q: v.map((_, i) => ((i + k) % 2 === 0 ? 0.75 : 0.25)),
    options: {
      budget: 3,
      upper: k < 2 ? 1 : z.map((_, i) => 0.5 + ((i + k) % 3) / 3),
      temperature: k % 2 === 0 ? 1 : 2,
    },
  }));

  test('the value is the definition, 0 at p = q', () => {
    for (const { z, q, options } of settings) {
      const { p } = budgetReference(z, options);
      const objective = (each: ArrayLike<number>): number =>
        sum(z.map((score, i) => (each[i]! * score) / options.temperature - each[i]! ** 2 / 2));
      expect(budgetLossReference(z, q, options).value).toBeCloseTo(objective(p) - objective(q), 12);
      expect(budgetLossReference(z, p, options).value).toBe(0);
      expect(budgetLossReference(z, q, options).value).toBeGreaterThan(0);
    }
  });

  test('the gradients are central differences', () => {
    const h = 1e-6;
    for (const { z, q, options } of settings) {
      for (const all of [options, { ...options, atMost: true }, { ...options, budget: 5.5, upper: 1, atMost: true }]) {
        const gradients = budgetLossReference(z, q, all);
        const upper = Float64Array.from(z, (_, i) => (typeof all.upper === 'number' ? all.upper : all.upper[i]!));
        const at = (key: 'x' | 'upper' | 'budget', i: number, d: number): number => {
          const shifted = (row: Float64Array): Float64Array => row.map((each, j) => (i === j ? each + d : each));
          return budgetLossReference(key === 'x' ? shifted(z) : z, q, {
            ...all,
            upper: key === 'upper' ? shifted(upper) : upper,
            budget: key === 'budget' ? all.budget + d : all.budget,
          }).value;
        };
        const difference = (key: 'x' | 'upper' | 'budget', i = 0): number => (at(key, i, h) - at(key, i, -h)) / (2 * h);
        expect(gradients.budget).toBeCloseTo(difference('budget'), 7);
        z.forEach((_, i) => {
          expect(gradients.x[i]).toBeCloseTo(difference('x', i), 7);
          expect(gradients.upper[i]).toBeCloseTo(difference('upper', i), 7);
        });
      }
    }
  });

  test('budget 1 is the sparsemax loss', () => {
    for (const { z } of rows) {
      const sparse = entmaxLossReference(z, 2, 2);
      const budget = budgetLossReference(z, 2, { budget: 1 });
      expect(budget.value).toBeCloseTo(sparse.value, 14);
      budget.x.forEach((each, i) => expect(each).toBeCloseTo(sparse.x[i]!, 14));
    }
  });

  test('excluded targets and NaN as for entmax', () => {
    expect(budgetLossReference([1, -Infinity, 2], [0.5, 0.5, 1], { budget: 2 })).toMatchObject({
      value: Infinity,
      budget: 0,
    });
    expect(budgetLossReference([1, -Infinity, 2], [1, 0, 1], { budget: 2 }).value).toBe(0);
    expect(budgetLossReference([1, NaN], 0, { budget: 1 })).toMatchObject({ value: NaN, budget: NaN });
  });
});
