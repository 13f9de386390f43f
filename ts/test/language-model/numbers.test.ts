import { describe, expect, test } from 'vitest';
import { exp, sigmoid, tanh } from '../../../examples/language-model/numbers.ts';

/** Doubles between a and b, by the order of their bit patterns. */
function ulpDistance(a: number, b: number): number {
  const bits = new BigInt64Array(Float64Array.of(a, b).buffer);
  return Number(bits[0]! - bits[1]!);
}

// [x, correctly rounded result], made with 60 (tanh: 700) digits of Python's decimal module.
// prettier-ignore
const EXP = [
  [1e-300, 1], [-1e-17, 1], [1e-8, 1.00000001], [0.1, 1.1051709180756477], [-0.3, 0.7408182206817179],
  [0.34657359027997264, 1.414213562373095], [0.35, 1.4190675485932571], [1, 2.718281828459045], [-1, 0.36787944117144233],
  [2.5, 12.182493960703473], [-7.25, 0.000710174388842549], [10, 22026.465794806718], [-20.125, 1.8189616875530459e-9],
  [100.3, 3.628578599676532e43], [-300.7, 2.556520571425501e-131], [700.1, 1.120899771073261e304],
  [709.78, 1.7928227943945155e308], [-708.5, 2.006132305331306e-308], [-740.2, 3.4e-322],
] as const;
// prettier-ignore
const TANH = [
  [1e-300, 1e-300], [1e-17, 1e-17], [1e-8, 1e-8], [0.001, 0.0009999996666668], [0.1, 0.09966799462495582],
  [-0.17, -0.16838104587081473], [0.1732867951399863, 0.17157287525380988], [0.18, 0.1780808681173302],
  [0.5, 0.46211715726000974], [-0.75, -0.6351489523872873], [1, 0.7615941559557649], [2.2, 0.9757431300314515],
  [-5, -0.9999092042625951], [9.9, 0.9999999949650026], [18.9, 0.9999999999999999], [21.9, 1],
] as const;

/** The largest distance to an engine's own function over an even grid and a grid of the exponents near 0. */
function largestDistance(ours: (x: number) => number, theirs: (x: number) => number, limit: number): number {
  let largest = 0;
  for (let n = -20_000; n <= 20_000; n++) {
    for (const x of [(n / 20_000) * limit, Math.sign(n) * 1.001 ** (-Math.abs(n) / 3)]) {
      largest = Math.max(largest, Math.abs(ulpDistance(ours(x), theirs(x))));
    }
  }
  return largest;
}

describe('exp', () => {
  test.each(EXP)('exp(%d) is within one unit in the last place of the true value', (x, expected) => {
    expect(Math.abs(ulpDistance(exp(x), expected))).toBeLessThanOrEqual(1);
  });

  test('is within 2 units in the last place of Math.exp over its whole range', () => {
    expect(largestDistance(exp, Math.exp, 709)).toBeLessThanOrEqual(2);
  });

  test('is exact at 0, 0 and Infinity at its ends, and NaN for NaN', () => {
    expect([0, -0, -746, -1000, -Infinity, 710, Infinity, NaN].map(exp)).toEqual([
      1,
      1,
      0,
      0,
      0,
      Infinity,
      Infinity,
      NaN,
    ]);
  });

  test('reaches the subnormal numbers, down to the smallest', () => {
    expect(exp(-745)).toBe(Number.MIN_VALUE);
  });
});

describe('tanh', () => {
  test.each(TANH)('tanh(%d) is within two units in the last place of the true value', (x, expected) => {
    expect(Math.abs(ulpDistance(tanh(x), expected))).toBeLessThanOrEqual(2);
  });

  test('is within 3 units in the last place of Math.tanh', () => {
    expect(largestDistance(tanh, Math.tanh, 30)).toBeLessThanOrEqual(3);
  });

  test('is odd, keeps -0, ends in -1 and 1, and is NaN for NaN', () => {
    for (const x of [1e-320, 1e-9, 0.3, 1, 7, 30]) expect(tanh(-x)).toBe(-tanh(x));
    expect([0, -0, 22.1, Infinity, -Infinity, NaN].map(tanh)).toEqual([0, -0, 1, 1, -1, NaN]);
  });
});

test('sigmoid is 1/2 at 0 and saturates to exactly 0 and 1', () => {
  expect([0, 800, -800, Infinity, -Infinity].map(sigmoid)).toEqual([0.5, 1, 0, 1, 0]);
  expect(sigmoid(1)).toBeCloseTo(0.7310585786300049, 15);
});
