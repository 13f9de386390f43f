import { expect, test } from 'vitest';
import { seededRandom, splitMix64, xoshiro128ss } from '../../../examples/language-model/random.ts';

test('xoshiro128** gives the outputs of its reference implementation (vector of the Rust crate rand_xoshiro)', () => {
  const { nextUint32 } = xoshiro128ss([1, 2, 3, 4]);
  expect(Array.from({ length: 10 }, nextUint32)).toEqual([
    11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
  ]);
});

test('SplitMix64 gives the outputs of its reference implementation (vector of Rosetta Code)', () => {
  expect(Array.from({ length: 5 }, splitMix64(1234567n))).toEqual([
    6457827717110365317n,
    3203168211198807973n,
    9817491932198370423n,
    4593380528125082431n,
    16408922859458223821n,
  ]);
});

test('a double is 27 high bits of one word and 26 of the next', () => {
  const words = xoshiro128ss([1, 2, 3, 4]);
  const { nextDouble } = xoshiro128ss([1, 2, 3, 4]);
  for (let n = 0; n < 1000; n++) {
    const bits = (BigInt(words.nextUint32() >>> 5) << 26n) | BigInt(words.nextUint32() >>> 6);
    expect(nextDouble()).toBe(Number(bits) / 2 ** 53);
  }
});

test('doubles of a seed are uniform in [0, 1)', () => {
  const { nextDouble } = seededRandom(2024);
  const counts = new Array<number>(16).fill(0);
  for (let n = 0; n < 160_000; n++) counts[Math.floor(nextDouble() * 16)]!++;
  const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
  expect(counts).toHaveLength(16);
  expect(chiSquare).toBeLessThan(37.7); // 99.9 % of 15 degrees of freedom
});

test('neighbouring seeds, small and large, start differently', () => {
  const seeds = [0, 1, 2, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];
  expect(new Set(seeds.map((seed) => seededRandom(seed).nextDouble())).size).toBe(seeds.length);
});
