import { expect, test } from 'vitest';
import { drawIndex } from '../../../examples/language-model/sample.ts';
import { seededRandom } from '../../../examples/language-model/random.ts';

const probabilities = Float32Array.of(0, 0.25, 0, 0.5, 0.25, 0);

test('the draw inverts the cumulative sum', () => {
  expect([0, 0.2499, 0.25, 0.7499, 0.75, 1 - 2 ** -53].map((u) => drawIndex(probabilities, u))).toEqual([
    1, 1, 3, 3, 4, 4,
  ]);
});

test('a zero is never drawn, also where rounding keeps the sum from 1', () => {
  const short = Float32Array.of(0, 1 / 3, 0, 1 / 3, 0.33, 0);
  const random = seededRandom(3);
  const drawn = new Set(Array.from({ length: 2000 }, () => drawIndex(short, random.nextDouble())));
  expect(drawn).toEqual(new Set([1, 3, 4]));
  expect(drawIndex(short, 1 - 2 ** -53)).toBe(4);
});

test('every index is drawn as often as its probability says', () => {
  const random = seededRandom(8);
  const counts = new Array<number>(6).fill(0);
  for (let n = 0; n < 40_000; n++) counts[drawIndex(probabilities, random.nextDouble())]!++;
  probabilities.forEach((p, i) => expect(Math.abs(counts[i]! / 40_000 - p)).toBeLessThan(0.01));
});

test('a row of zeros or NaN cannot be drawn from', () => {
  expect(() => drawIndex(new Float32Array(3), 0.5)).toThrow(
    'expected probabilities with a positive sum, got a sum of 0',
  );
  expect(() => drawIndex(new Float32Array(3).fill(NaN), 0.5)).toThrow('got a sum of NaN');
});
