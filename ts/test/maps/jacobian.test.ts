/**
 * What every Jacobian of these maps satisfies (MATH.md §4, §7.1), shown with pullbacks alone: a shift of all scores
 * changes nothing, J is symmetric (so the pullback is the forward derivative too) and positive semidefinite, and the
 * gradient of alpha is 0 where p is uniform on its support.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { entmax } from 'entmax';
import { MAPS } from '../oracle/maps.ts';
import type { MapCase } from '../oracle/maps.ts';
import { randomFrom } from '../oracle/random.ts';

const RUNS = 100;
const score = fc.integer({ min: -4096, max: 4096 }).map((value) => value / 1024);
const row = fc.array(score, { minLength: 1, maxLength: 40 }).map((values) => Float64Array.from(values));

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const vector = (seed: number, n: number): Float64Array => {
  const random = randomFrom(seed);
  return Float64Array.from({ length: n }, () => random.normal());
};

/** Calls `check` for rows with the product of the Jacobian and a vector. */
function forRows(
  { map, options }: MapCase,
  check: (z: Float64Array, jv: (v: Float64Array) => Float64Array) => void,
): void {
  fc.assert(
    fc.property(row, (z) => {
      const [, pullback] = map.vjp(z, options);
      check(z, (v) => pullback(v, ['x'])['x'] as Float64Array);
    }),
    { numRuns: RUNS, seed: 3 },
  );
}

/** The size of a gradient against which rounding counts. */
const magnitude = (...gradients: Float64Array[]): number =>
  Math.max(1, ...gradients.flatMap((each) => [...each].map(Math.abs)));

describe.each(MAPS)('$name', (mapCase) => {
  test('J is symmetric', () => {
    forRows(mapCase, (z, jv) => {
      const [u, v] = [vector(1, z.length), vector(2, z.length)];
      const [ju, jvv] = [jv(u), jv(v)];
      expect(Math.abs(dot(u, jvv) - dot(v, ju))).toBeLessThanOrEqual(1e-12 * z.length * magnitude(ju, jvv));
    });
  });

  test('J is positive semidefinite', () => {
    forRows(mapCase, (z, jv) => {
      const v = vector(3, z.length);
      const gradient = jv(v);
      expect(dot(v, gradient)).toBeGreaterThanOrEqual(-1e-12 * z.length * magnitude(gradient));
    });
  });

  test('a shift of all scores changes nothing: J 1 = 0, unless the sum is free', () => {
    if (mapCase.name.includes('at most')) return;
    forRows(mapCase, (z, jv) => {
      const gradient = jv(vector(4, z.length));
      const ones = jv(new Float64Array(z.length).fill(3));
      expect(Math.max(...ones.map(Math.abs))).toBeLessThanOrEqual(1e-12 * z.length * magnitude(gradient));
      expect(Math.abs(gradient.reduce((a, b) => a + b, 0))).toBeLessThanOrEqual(1e-12 * z.length * magnitude(gradient));
    });
  });

  test('entries outside the support have gradient 0', () => {
    forRows(mapCase, (z, jv) => {
      const p = mapCase.map(z, mapCase.options) as Float64Array;
      jv(vector(5, z.length)).forEach((value, i) => {
        if (p[i] === 0) expect(Math.abs(value)).toBe(0);
      });
    });
  });
});

test('the gradient of alpha is 0 where p is uniform on its support, or one entry', () => {
  for (const z of [Float64Array.of(1, 1, 1, -50, -50), Float64Array.of(3), Float64Array.of(9, 0, 0)]) {
    for (const alpha of [1.5, 2, 3, 8]) {
      const [, pullback] = entmax.vjp(z, { alpha });
      expect(Math.abs(pullback(vector(6, z.length)).alpha)).toBeLessThanOrEqual(1e-14);
    }
  }
});

test('the gradient of alpha agrees with p: the entries of dp/dalpha sum to 0', () => {
  for (const alpha of [1, 1 + 1e-9, 1.2, 1.5, 2, 2.7]) {
    const z = vector(7, 30);
    const [, pullback] = entmax.vjp(z, { alpha });
    expect(Math.abs(pullback(new Float64Array(30).fill(1)).alpha)).toBeLessThanOrEqual(1e-13);
  }
});
