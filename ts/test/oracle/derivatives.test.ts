// The oracle of the derivatives, against finite differences of the map, other forms of the same formulas, and MATH.md §21.

import { describe, expect, test } from 'vitest';
import { alphaDerivative, alphaGradient, entmaxVjpReference, scoreGradient } from './derivatives.ts';
import { entmaxExact } from './exact.ts';
import { entmaxReference, sum } from './reference.ts';
import { randomFrom } from './random.ts';

const Z = [0.5, 1.2, -0.3, 2.0, 1.9];
const V = [1, -2, 3, 0.5, -1];

/** MATH.md §21: alpha, <v, dp/dalpha>, and dz where it is given. */
const PUBLISHED: readonly [number, number, number[]?][] = [
  [1, -0.542615991, [0.107596669, -0.286766323, 0.123234643, 0.295477314, -0.239542303]],
  [1.25, -0.212152777],
  [1.5, 0.52681255, [0, -0.435379851, 0, 0.730747782, -0.295367931]],
  [1.75, 0.66760138],
  [2, 0.052111415, [0, 0, 0, 0.75, -0.75]],
  [2.5, 0.073704741],
  [4, 0.163440289, [0, 0, 0, 2.618859469, -2.618859469]],
];

test.each(PUBLISHED)('the published derivatives for alpha = %d', (alpha, dalpha, dz) => {
  const gradients = entmaxVjpReference(Z, alpha, V);
  expect(gradients.alpha).toBeCloseTo(dalpha, 8);
  dz?.forEach((each, i) => expect(gradients.x[i]).toBeCloseTo(each, 8));
});

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => sum(Array.from(a, (each, i) => each * b[i]!));

/** A row and a cotangent; no score of it within 1e-3 of the threshold, so that differences stay on one side. */
function rowAwayFromTheEdge(seed: number, n: number, alpha: number): [Float64Array, Float64Array] {
  for (let shift = 0; ; shift++) {
    const random = randomFrom(seed * 1000 + shift);
    const z = Float64Array.from({ length: n }, () => random.normal());
    const v = Float64Array.from({ length: n }, () => random.normal());
    const { threshold } = entmaxReference(z, alpha);
    if (z.every((score) => Math.abs(score - threshold) > 1e-2)) return [z, v];
  }
}

describe.each([1, 1 + 1e-7, 1.001, 1.01, 1.25, 1.5, 1.7, 1.99, 2, 2.0001, 2.5, 4, 10])('alpha = %d', (alpha) => {
  test('dz is the central difference of the map, at any temperature', () => {
    for (const [seed, temperature] of [
      [1, 1],
      [2, 1],
      [3, 2],
    ] as const) {
      const [z, v] = rowAwayFromTheEdge(seed, 7, alpha);
      const scores = z.map((score) => score * temperature);
      const dz = entmaxVjpReference(scores, alpha, v, { temperature }).x;
      const h = 2 ** -16;
      const scale = Math.max(1, ...dz.map(Math.abs));
      for (let i = 0; i < z.length; i++) {
        const at = (shift: number): number =>
          dot(
            v,
            entmaxExact(
              z.map((score, j) => (i === j ? score + shift / temperature : score)),
              alpha,
            ),
          );
        const difference = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
        expect(Math.abs(dz[i]! - difference) / scale, `seed ${seed}, entry ${i}`).toBeLessThan(1e-9);
      }
    }
  });

  test('dp/dalpha is the difference of the map, one-sided at 1', () => {
    for (const seed of [1, 2, 3]) {
      const [z, v] = rowAwayFromTheEdge(seed, 6, alpha);
      const at = (shift: number): number => dot(v, entmaxExact(z, alpha + shift));
      const h = 2 ** -12;
      const difference =
        alpha < 1.001
          ? (-25 * at(0) + 48 * at(h) - 36 * at(2 * h) + 16 * at(3 * h) - 3 * at(4 * h)) / (12 * h)
          : (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
      const ours = alphaGradient(entmaxReference(z, alpha).p, alpha, v);
      expect(Math.abs(ours - difference), `seed ${seed}`).toBeLessThan(1e-8 * Math.max(1, Math.abs(ours)));
    }
  });

  test('a constant cotangent has no gradient; J is symmetric and positive', () => {
    const [z, v] = rowAwayFromTheEdge(4, 9, alpha);
    const { p } = entmaxReference(z, alpha);
    const ones = new Float64Array(9).fill(1);
    expect(Math.max(...scoreGradient(p, alpha, ones).map(Math.abs))).toBe(0);
    expect(Math.abs(alphaGradient(p, alpha, ones))).toBeLessThan(1e-14);
    const w = z.map(Math.sin);
    expect(dot(w, scoreGradient(p, alpha, v))).toBeCloseTo(dot(v, scoreGradient(p, alpha, w)), 10);
    expect(dot(v, scoreGradient(p, alpha, v))).toBeGreaterThanOrEqual(0);
  });
});

test('away from 1 the form of the paper agrees: (p - pt) / e^2 + (h - pt sum h) / e', () => {
  for (const alpha of [1.3, 1.5, 2, 3, 5]) {
    const e = alpha - 1;
    const [z] = rowAwayFromTheEdge(5, 8, alpha);
    const { p } = entmaxReference(z, alpha);
    const s = p.map((each) => (each > 0 ? each ** (1 - e) : 0));
    const h = p.map((each) => (each > 0 ? -each * Math.log(each) : 0));
    const ours = alphaDerivative(p, alpha);
    p.forEach((each, i) => {
      const skewed = s[i]! / sum(s);
      const paper = (each - skewed) / e ** 2 + (h[i]! - skewed * sum(h)) / e;
      expect(ours[i], `alpha ${alpha}`).toBeCloseTo(paper, 12);
    });
  }
});

test('uniform rows, single supports and the limit do not depend on alpha', () => {
  for (const alpha of [1, 1.5, 2, 4, Infinity]) {
    expect(Math.abs(entmaxVjpReference([2, 2, 2], alpha, [1, 2, 4]).alpha)).toBeLessThan(1e-15);
    expect(entmaxVjpReference([9, -Infinity], alpha, [1, 2])).toEqual({ x: new Float64Array(2), alpha: 0 });
  }
  expect(entmaxVjpReference([1, 3, 3], Infinity, [1, 2, 4])).toEqual({ x: new Float64Array(3), alpha: 0 });
});

test('where s overflows, the gradients are those of the limit', () => {
  // p = (1 - q, q) with q so small that q^(2 - alpha) is not a float64: dz = +-(v_1 - v_0) (1 - q)^(2 - alpha).
  const gradients = entmaxVjpReference([1 / 63, 1e-30], 64, [1, 4]);
  const { p } = entmaxReference([1 / 63, 1e-30], 64);
  expect(p[1]).toBeLessThan(1);
  expect([...gradients.x].every(Number.isFinite)).toBe(true);
  expect(Number.isFinite(gradients.alpha)).toBe(true);
  expect(gradients.x[0]! + gradients.x[1]!).toBeCloseTo(0, 12);
});

test('+Infinity, excluded and empty rows have gradient 0, NaN rows NaN', () => {
  expect(entmaxVjpReference([Infinity, 1, Infinity], 1.5, [1, 2, 3])).toEqual({ x: new Float64Array(3), alpha: 0 });
  expect(entmaxVjpReference([1, 2], 1.5, [1, 2], { mask: [0, 0] })).toEqual({ x: new Float64Array(2), alpha: 0 });
  expect(entmaxVjpReference([1, 2, 1], 1.5, [1, 2, 3], { mask: [1, 0, 1] }).x[1]).toBe(0);
  expect([...entmaxVjpReference([1, NaN], 1.5, [1, 2]).x]).toEqual([NaN, NaN]);
});
