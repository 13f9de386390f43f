// The exact supports, against those of Python's fractions (support.json), the float64 reference, and by hand.

import { expect, test } from 'vitest';
import { conformanceCases } from './golden.ts';
import { entmaxReference } from './reference.ts';
import { randomFrom } from './random.ts';
import { exactSupport } from './rational.ts';

const ALPHA = { sparsemax: 2, entmax15: 1.5 } as const;

test('they are those of fractions, with scores on the threshold and one place beside it', () => {
  const cases = conformanceCases('support');
  expect(cases.length).toBeGreaterThan(300);
  for (const { name, operation, x, expected } of cases)
    expect([exactSupport(x, ALPHA[operation as 'sparsemax'])], name).toEqual(expected.support);
});

test('they are those of the reference where nothing lies near the threshold', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = randomFrom(seed);
    const scale = 2 ** (random.below(8) - 4);
    const z = Float64Array.from({ length: 1 + random.below(40) }, () => random.normal() * scale);
    for (const alpha of [1.5, 2] as const) {
      const { p, threshold } = entmaxReference(z, alpha);
      if (z.some((score) => Math.abs(score - threshold) < 1e-9)) continue;
      expect(exactSupport(z, alpha)).toEqual([...p.keys()].filter((i) => p[i]! > 0));
    }
  }
});

test('by hand: margins, ties, -Infinity, denormals and huge scores', () => {
  expect(exactSupport([1, 0], 2)).toEqual([0]);
  expect(exactSupport([1, 2 ** -1074], 2)).toEqual([0, 1]);
  expect(exactSupport([2, 0], 1.5)).toEqual([0]);
  expect(exactSupport([2, 2 ** -1074], 1.5)).toEqual([0, 1]);
  expect(exactSupport([2, -(2 ** -1074)], 1.5)).toEqual([0]);
  expect(exactSupport([-3, -3, -Infinity, -3], 2)).toEqual([0, 1, 3]);
  expect(exactSupport([1e300, 1, -1e300], 1.5)).toEqual([0]);
  expect(exactSupport([-0, 0], 2)).toEqual([0, 1]);
});
