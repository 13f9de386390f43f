/** What every entmax satisfies, for scores that nobody chose: invariants of MATH.md §1 and §20. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { entmax } from 'entmax';
import { permutation, randomFrom } from '../oracle/random.ts';
import { sum } from '../oracle/reference.ts';
import { ALPHAS } from '../oracle/rows.ts';

const RUNS = 600;
/** Steps of 2^-10 in [-8, 8]: ties and boundary cases come up, and shifts by integers are exact in float32. */
const score = fc.integer({ min: -8192, max: 8192 }).map((value) => value / 1024);
const row = fc.array(score, { minLength: 1, maxLength: 80 }).map((values) => Float32Array.from(values));
const alphas = fc.oneof(fc.constantFrom(...ALPHAS), fc.double({ min: 1, max: 8, noNaN: true }));

/** Checks the property for RUNS rows. */
function forRows(check: (z: Float32Array, alpha: number, p: Float32Array) => void): void {
  fc.assert(
    fc.property(row, alphas, (z, alpha) => check(z, alpha, entmax(z, { alpha }))),
    { numRuns: RUNS, seed: 1 },
  );
}

test('p lies in the simplex', () => {
  forRows((_, __, p) => {
    expect(p.every((value) => value >= 0 && value <= 1)).toBe(true);
    expect(Math.abs(sum(p) - 1)).toBeLessThanOrEqual(5e-7);
  });
});

test('a larger score never has the smaller probability, an equal one has the same', () => {
  forRows((z, _, p) => {
    const order = Array.from(z.keys()).sort((a, b) => z[a]! - z[b]!);
    order.slice(1).forEach((i, before) => {
      const j = order[before]!;
      expect(z[i] === z[j] ? p[i] === p[j] : p[i]! >= p[j]!).toBe(true);
    });
  });
});

test('permuted scores give permuted probabilities, within rounding', () => {
  forRows((z, alpha, p) => {
    const order = permutation(z.length, randomFrom(z.length));
    const q = entmax(
      z.map((_, i) => z[order[i]!]!),
      { alpha },
    );
    const most = Math.max(...p);
    q.forEach((value, i) => expect(Math.abs(value - p[order[i]!]!)).toBeLessThanOrEqual(2e-6 * most));
  });
});

test('a shift of all scores that rounds nothing changes no bit', () => {
  forRows((z, alpha, p) => {
    for (const shift of [16, -1000]) {
      const moved = entmax(
        z.map((value) => value + shift),
        { alpha },
      );
      // Differences to the maximum are exact, and nothing else may matter.
      expect([...moved]).toEqual([...p]);
    }
  });
});

test('a score in the support is above the threshold, any other is not', () => {
  forRows((z, alpha, p) => {
    const { sizes, thresholds } = entmax.support(z, { alpha });
    expect(sizes[0]).toBe(p.filter((value) => value > 0).length);
    z.forEach((value, i) => expect(value > thresholds[0]!).toBe(p[i]! > 0));
  });
});

test('only scores closer to the maximum than 1 / (alpha - 1) can be in the support', () => {
  forRows((z, alpha, p) => {
    const reach = alpha === Infinity ? 0 : 1 / (alpha - 1);
    const max = Math.max(...z);
    z.forEach((value, i) => expect(p[i] === 0 || value === max || value > max - reach).toBe(true));
  });
});

test('scores outside the support may be removed', () => {
  forRows((z, alpha, p) => {
    const kept = Array.from(z.keys()).filter((i) => p[i]! > 0);
    const q = entmax(
      Float32Array.from(kept, (i) => z[i]!),
      { alpha },
    );
    const most = Math.max(...p);
    kept.forEach((i, at) => expect(Math.abs(q[at]! - p[i]!)).toBeLessThanOrEqual(2e-6 * most));
  });
});

test('raising one score never lowers its probability, nor raises another beyond rounding', () => {
  forRows((z, alpha, p) => {
    const i = z.length >> 1;
    const q = entmax(
      z.map((value, at) => (at === i ? value + 0.25 : value)),
      { alpha },
    );
    const slack = 2e-6 * Math.max(...p, ...q);
    expect(q[i]!).toBeGreaterThanOrEqual(p[i]! - slack);
    q.forEach((value, at) => expect(at === i || value <= p[at]! + slack).toBe(true));
  });
});

test('p maximises <p, z> + H_alpha(p): the gradient is equal on the support and no larger beside it', () => {
  forRows((z, alpha, p) => {
    if (alpha === Infinity || alpha > 8) return;
    const e = alpha - 1;
    // d/dp_i of <p, z> + sum (p - p^alpha) / (alpha e), up to a constant.
    const gradient = (i: number): number => z[i]! - (e === 0 ? Math.log(p[i]!) : Math.expm1(e * Math.log(p[i]!)) / e);
    const inside = Array.from(z.keys()).filter((i) => p[i]! > 1e-3);
    const level = gradient(inside[0]!);
    for (const i of inside) expect(Math.abs(gradient(i) - level)).toBeLessThan(2e-3);
    z.forEach((value, i) => {
      if (p[i] === 0 && e > 0) expect(value + 1 / e).toBeLessThanOrEqual(level + 2e-3);
    });
  });
});

test('float32 and float64 agree within 5e-6 of the largest entry', () => {
  forRows((z, alpha, p) => {
    const q = entmax(Float64Array.from(z), { alpha });
    const most = Math.max(...q);
    q.forEach((value, i) => expect(Math.abs(value - p[i]!)).toBeLessThanOrEqual(5e-6 * most));
  });
});
