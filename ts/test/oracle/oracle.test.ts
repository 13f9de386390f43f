// The oracle itself, against what others have published or computed: MATH.md §21, closed forms, mpmath.

import { describe, expect, test } from 'vitest';
import { errorOf, ulp, wrongSupport } from './compare.ts';
import { entmaxExact } from './exact.ts';
import { goldenRows, goldenSamples } from './golden.ts';
import { entmaxReference, sum } from './reference.ts';
import { randomFrom } from './random.ts';

/** Golden values of MATH.md §21: alpha, c, p. */
const PUBLISHED: readonly [number, number, number[]][] = [
  [1, 2.984904209, [0.083333537, 0.167813135, 0.037444172, 0.373475001, 0.337934155]],
  [1.25, 2.750710705, [0.036576874, 0.140578975, 0.003172155, 0.435425194, 0.384246803]],
  [1.5, 2.601516196, [0, 0.089545716, 0, 0.488939237, 0.421515047]],
  [1.75, 2.496100763, [0, 0.008471865, 0, 0.537703881, 0.453824254]],
  [2, 2.45, [0, 0, 0, 0.55, 0.45]],
  [2.5, 2.379191443, [0, 0, 0, 0.570769976, 0.429230024]],
  [4, 2.223474562, [0, 0, 0, 0.690746455, 0.309253545]],
];
const Z = [0.5, 1.2, -0.3, 2.0, 1.9];

test.each(PUBLISHED)('the reference has the published values for alpha = %d', (alpha, c, p) => {
  const { p: ours, threshold } = entmaxReference(Z, alpha);
  p.forEach((value, i) => expect(ours[i]).toBeCloseTo(value, 8));
  if (alpha > 1) expect(threshold + 1 / (alpha - 1)).toBeCloseTo(c, 8);
});

/** Closed forms of two classes z = (t, 0), MATH.md §1. */
const TWO_CLASSES: readonly [number, (t: number) => number][] = [
  [1, (t) => 1 / (1 + Math.exp(-t))],
  [1.5, (t) => (t >= 2 ? 1 : t <= -2 ? 0 : (t / 4 + Math.sqrt((1 - (t * t) / 8) / 2)) ** 2)],
  [2, (t) => Math.min(1, Math.max(0, (t + 1) / 2))],
];

test.each(TWO_CLASSES)('the reference has the closed form of two classes for alpha = %d', (alpha, first) => {
  for (const t of [-3, -2, -1.5, -1, -0.25, 0, 0.7, 1, 1.9, 2, 2.5]) {
    const { p } = entmaxReference([t, 0], alpha);
    expect(Math.abs(p[0]! - first(t)), `t = ${t}`).toBeLessThan(2e-15);
    expect(Math.abs(p[1]! - (1 - first(t))), `t = ${t}`).toBeLessThan(2e-15);
  }
});

describe('against mpmath', () => {
  const finite = goldenRows().filter(({ alpha }) => alpha < Infinity);

  test('the reference is within 1e-12 of the largest entry, with the same support', () => {
    for (const { name, x, alpha, p, threshold } of finite) {
      const ours = entmaxReference(x, alpha);
      expect(errorOf(ours.p, p), `${name}, alpha ${alpha}`).toBeLessThan(1e-12);
      expect(wrongSupport(ours.p, { p, threshold }, x, 'float64'), `${name}, alpha ${alpha}`).toEqual([]);
    }
  });

  test('the double-double reference is within 2^-52 of the largest entry', () => {
    const worst = Math.max(...finite.map(({ x, alpha, p }) => errorOf(entmaxExact(x, alpha), p)));
    expect(worst).toBeLessThanOrEqual(2 ** -52);
  });

  test('the double-double reference is as close on rows of 129', () => {
    const samples = goldenSamples().filter(({ x }) => x.length === 129);
    expect(samples.length).toBeGreaterThan(10);
    for (const { name, x, alpha, entries, largest } of samples) {
      const p = entmaxExact(x, alpha);
      for (const [i, value] of entries)
        expect(Math.abs(p[i]! - value) / largest, `${name}, alpha ${alpha}`).toBeLessThanOrEqual(2 ** -52);
    }
  });
});

test('the edges of the reference are those of DESIGN.md §7', () => {
  for (const alpha of [1, 1.5, 2, 4, Infinity]) {
    expect([...entmaxReference([1, -Infinity, 1], alpha).p]).toEqual([0.5, 0, 0.5]);
    expect([...entmaxReference([1, 9, 1], alpha, { mask: [1, 0, 1] }).p]).toEqual([0.5, 0, 0.5]);
    expect([...entmaxReference([Infinity, 9, Infinity], alpha).p]).toEqual([0.5, 0, 0.5]);
    expect([...entmaxReference([1, NaN], alpha).p]).toEqual([NaN, NaN]);
    expect([...entmaxReference([-Infinity, -Infinity], alpha).p]).toEqual([0, 0]);
    expect([...entmaxReference([-Infinity], alpha, { emptyRow: 'nan' }).p]).toEqual([NaN]);
    expect([...entmaxReference([], alpha).p]).toEqual([]);
  }
});

test('the generator gives the sequence that the Python script uses', () => {
  const random = randomFrom(1);
  expect([random.bits(), random.bits(), random.bits()]).toEqual([270369, 67634689, 2647435461]);
});

test('an ulp is the distance to the next number', () => {
  for (const value of [1, 1.5, 2, 3e38, 1e-3, 0.75]) {
    expect(Math.fround(value + ulp(value, 'float32'))).toBeGreaterThan(Math.fround(value));
    expect(Math.fround(Math.fround(value) + ulp(value, 'float32') / 4)).toBe(Math.fround(value));
    expect(value + ulp(value, 'float64')).toBeGreaterThan(value);
    expect(value + ulp(value, 'float64') / 4).toBe(value);
  }
});

test('the sum keeps what plain addition drops', () => {
  expect(sum([1, 1e100, 1, -1e100])).toBe(2);
});
