import { describe, expect, test } from 'vitest';
import { entmax, softmax, sparsemax } from 'entmax';
import {
  constrainedEntmax,
  constrainedSoftmax,
  constrainedSparsemax,
  fusedmax,
  normmax,
  oscarmax,
  tvmax,
} from 'entmax/regularised';
import { errorOf } from '../oracle/compare.ts';
import { randomFrom } from '../oracle/random.ts';
import { allPairs, descent, neighbours } from './optimality.ts';

const rowOf = (n: number, seed: number, scale = 1): Float64Array => {
  const random = randomFrom(seed);
  return Float64Array.from({ length: n }, () => scale * random.normal());
};

describe('fusedmax and oscarmax are the minimum that they claim', () => {
  test.each([0, 0.01, 0.1, 0.3, 1, 5])('for lambda = %d', (lambda) => {
    for (let seed = 1; seed <= 30; seed++) {
      const z = rowOf(1 + (seed % 8), seed, seed % 3 === 0 ? 0.3 : 1);
      const every = Array.from(z, () => true);
      expect(descent(fusedmax(z, { lambda }), z, lambda, neighbours(every), 'difference')).toBeLessThan(1e-9);
      expect(descent(oscarmax(z, { lambda }), z, lambda, allPairs(z.length), 'maximum')).toBeLessThan(1e-9);
    }
  });

  test('and the certificate notices what is not', () => {
    const z = [0.155, 2.594, 0.092, -1.661];
    const published = oscarmax(z, { lambda: 0.966, compat: 'torchsparseattn' });
    expect(published).toEqual([0.25, 0.25, 0.25, 0.25]);
    expect(descent(published, z, 0.966, allPairs(4), 'maximum')).toBeGreaterThan(0.1);
    expect(oscarmax(z, { lambda: 0.966 })).toEqual([0, 1, 0, 0]);
  });

  test.each([0, 0.03, 0.2, 1, 30])('and tvmax on grids, for lambda = %d', (lambda) => {
    for (const [height, width] of [
      [1, 6],
      [2, 4],
      [3, 3],
      [4, 2],
    ] as const) {
      const pairs = Array.from({ length: height * width }, (_, at) => [
        ...((at + 1) % width === 0 ? [] : [[at, at + 1] as [number, number]]),
        ...(at + width < height * width ? [[at, at + width] as [number, number]] : []),
      ]).flat();
      for (let seed = 1; seed <= 8; seed++) {
        const z = rowOf(height * width, seed);
        const p = tvmax(z, { lambda, shape: [height, width] });
        expect(p.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 12);
        expect(descent(p, z, lambda, pairs, 'difference')).toBeLessThan(1e-8);
        if (height === 1) expect(errorOf(p, fusedmax(z, { lambda }))).toBeLessThan(1e-12);
        if (lambda === 0) expect(errorOf(p, sparsemax(z))).toBeLessThan(1e-14);
        if (lambda === 30)
          expect(
            errorOf(
              p,
              p.map(() => 1 / z.length),
            ),
          ).toBeLessThan(1e-12);
      }
    }
  });

  test('the published ones', () => {
    expect(errorOf(fusedmax([1, 2.1, 1.9], { lambda: 0.1 }), [0, 0.5, 0.5])).toBeLessThan(1e-15);
    const z = [0.5, 1.2, -0.3, 2, 1.9];
    expect(errorOf(fusedmax(z, { lambda: 0.3 }), [0, 0, 0, 0.5, 0.5])).toBeLessThan(1e-15);
    expect(errorOf(oscarmax(z, { lambda: 0.1 }), [0, 0, 0, 0.5, 0.5])).toBeLessThan(1e-15);
  });

  test.each([0.25, 1, 10])('what the penalty lifts may lie far below the maximum, lambda %d', (lambda) => {
    // A plain with a peak and a hole, whose neighbours take from the one and fill the other; what is left of both is this high.
    const left = 1 / 128;
    const share = (n: number, height: number): number => 1 / n + height;
    const plain = (neighboursEach: number): Float64Array =>
      new Float64Array(45).map((_, j) => (neighboursEach * lambda + left) * (Number(j === 20) - Number(j === 24)));
    const expected = plain(0).map((height) => share(45, height));
    expect(errorOf(tvmax(plain(4), { lambda, shape: [5, 9] }), expected)).toBeLessThan(1e-12);
    // In a row the plain is in three parts, of which the first is given what the last gives.
    const row = plain(2).map((each, j) => each + (lambda / 20) * (Number(j > 24) - Number(j < 20)));
    expect(errorOf(fusedmax(row, { lambda }), expected)).toBeLessThan(1e-13);
    // Scores that fall by little more than the bonus of a rank rises.
    const [n, step] = [9, 1 / 64];
    const z = Float64Array.from({ length: n }, (_, j) => -j * (lambda + step));
    const levels = z.map((_, j) => share(n, step * ((n - 1) / 2 - j)));
    expect(errorOf(oscarmax(z, { lambda }), levels)).toBeLessThan(1e-13);
  });

  test('lambda = 0 is sparsemax, a large one uniform over what counts', () => {
    for (const n of [1, 2, 7, 300]) {
      const z = rowOf(n, n);
      for (const map of [fusedmax, oscarmax]) {
        expect(errorOf(map(z, { lambda: 0 }), sparsemax(z))).toBeLessThan(1e-14);
        const uniform = new Float64Array(n).fill(1 / n);
        expect(errorOf(map(z, { lambda: 1e4 }), uniform)).toBeLessThan(1e-14);
        expect(errorOf(map(z, { lambda: 1e308 }), uniform)).toBeLessThan(1e-14);
      }
    }
  });

  test('scores that do not count are not there', () => {
    const [z, lambda] = [rowOf(8, 5), 0.2];
    const lengths = [5];
    for (const map of [fusedmax, oscarmax]) {
      expect(map(z, { lambda, lengths }).subarray(0, 5)).toEqual(map(z.slice(0, 5), { lambda }));
      expect(map(z, { lambda, lengths }).subarray(5)).toEqual(new Float64Array(3));
    }
    const mask = [1, 1, 0, 1, 1, 0, 1, 1];
    const kept = z.filter((_, j) => mask[j] === 1);
    const pairs = neighbours(mask.map((keep) => keep === 1));
    const p = fusedmax(z, { lambda, mask });
    expect(p[2]! + p[5]!).toBe(0);
    // The certificate of the row without them, with neighbours as they were.
    const places = mask.flatMap((keep, j) => (keep ? [j] : []));
    const moved = pairs.map(([i, j]) => [places.indexOf(i), places.indexOf(j)] as [number, number]);
    const short = p.filter((_, j) => mask[j] === 1);
    expect(descent(short, kept, lambda, moved, 'difference')).toBeLessThan(1e-9);
    expect(oscarmax(z, { lambda, mask }).filter((_, j) => mask[j] === 1)).toEqual(oscarmax(kept, { lambda }));
  });

  test('groups are named by their first entries, and are of equal ones', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const z = rowOf(40, seed, 0.5);
      for (const map of [fusedmax, oscarmax]) {
        const { p, groups } = map.groups(z, { lambda: 0.05 });
        expect(p).toEqual(map(z, { lambda: 0.05 }));
        p.forEach((value, j) => {
          const group = groups[j]!;
          if (value === 0) return expect(group).toBe(-1);
          expect(groups[group]).toBe(group);
          expect(group).toBeLessThanOrEqual(j);
          expect(value).toBe(p[group]);
        });
        // Segments are what lies between two of another value.
        if (map === fusedmax)
          groups.forEach((group, j) => group >= 0 && expect(groups[j - 1] === group || group === j));
      }
    }
    expect(fusedmax.groups([0.5, 1.2, -0.3, 2, 1.9], { lambda: 0.3 }).groups).toEqual(Int32Array.of(-1, -1, -1, 3, 3));
    // Magnitudes are what is published: one group, entries of either sign.
    const published = oscarmax.groups([0.2, -0.2, 0.2], { lambda: 0.05, compat: 'torchsparseattn' });
    expect(published.groups[0]).toBe(0);
    expect(published.groups[1]).not.toBe(0);
    expect(published.groups[2]).toBe(0);
  });

  test('what oscarmax just makes equal is one group; equal scores without a penalty are not', () => {
    const each = (n: number): number[] => Array.from({ length: n }, (_, j) => j);
    expect([...oscarmax.groups([0, -0.125, -0.25, -0.375], { lambda: 0.125 }).groups]).toEqual([0, 0, 0, 0]);
    for (const map of [fusedmax, oscarmax])
      expect([...map.groups([0.5, 0.5, 0.5], { lambda: 0 }).groups]).toEqual(each(3));
    expect([...tvmax.groups([0.5, 0.5, 0.5, 0.5], { lambda: 0, shape: [2, 2] }).groups]).toEqual(each(4));
  });

  test('rows of NaN, of +Infinity and empty ones have no groups, whatever was computed before', () => {
    const none = [-1, -1, -1, -1];
    const x = [
      [NaN, 1, 2, 3],
      [Infinity, 0, Infinity, 1],
      [-Infinity, -Infinity, -Infinity, -Infinity],
      [-Infinity, 2, 2, 2],
    ];
    const finite = x.map((row) => row.map(() => 1));
    for (const map of [fusedmax, oscarmax]) {
      expect([...map.groups(finite, { lambda: 10 }).groups]).toEqual(finite.flatMap(() => [0, 0, 0, 0]));
      expect([...map.groups(x, { lambda: 10 }).groups]).toEqual([...none, ...none, ...none, -1, 1, 1, 1]);
    }
  });

  test('groups of strided rows are those of the rows', () => {
    const [n, inner, lambda] = [9, 5, 0.1];
    const x = rowOf(n * inner, 3);
    for (const map of [fusedmax, oscarmax]) {
      const { p, groups } = map.groups(x, { lambda, shape: [n, inner], axis: 0 });
      for (let i = 0; i < inner; i++) {
        const row = map.groups(
          Float64Array.from({ length: n }, (_, j) => x[j * inner + i]!),
          { lambda },
        );
        expect(p.filter((_, at) => at % inner === i)).toEqual(row.p);
        expect(groups.filter((_, at) => at % inner === i)).toEqual(row.groups);
      }
    }
  });
});

describe('normmax', () => {
  test.each([1.1, 1.5, 2, 3, 10])('meets the conditions of its maximum for alpha = %d', (alpha) => {
    for (let seed = 1; seed <= 20; seed++) {
      const z = rowOf(1 + (seed % 9), seed);
      const p = normmax(z, { alpha });
      const norm = p.reduce((sum, each) => sum + each ** alpha, 0) ** (1 / alpha);
      const slopes = z.map((score, j) => score - (p[j]! / norm) ** (alpha - 1));
      const tau = Math.max(...slopes);
      expect(p.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 14);
      slopes.forEach((slope, j) => p[j]! > 0 && expect(slope).toBeCloseTo(tau, 9));
    }
  });

  test('the published ones', () => {
    expect(errorOf(normmax([-2, 0, 0.5]), [0, 0.311, 0.689])).toBeLessThan(5e-5);
    expect(errorOf(normmax([-2, 0, 0.5], { alpha: 1000 }), [0, 0.4997, 0.5003])).toBeLessThan(1e-4);
    expect(errorOf(normmax([-2, 0, 0.5], { alpha: Infinity }), [0, 0.5, 0.5])).toBeLessThan(1e-15);
    expect(errorOf(normmax([0, 0.25, 0.5, 0.75, 1]), [0, 0.0239, 0.1746, 0.3254, 0.4761])).toBeLessThan(1e-4);
  });
});

describe('the constrained maps', () => {
  /** The inverse of p = exp_e(y), e = alpha - 1. */
  const inverse = (p: number, e: number): number => (e === 0 ? Math.log(p) : (p ** e - 1) / e);

  test.each([1, 1.3, 1.5, 2, 3])('have one threshold for what is free, for alpha = %d', (alpha) => {
    for (let seed = 1; seed <= 20; seed++) {
      const n = 3 + (seed % 9);
      const [z, random] = [rowOf(n, seed), randomFrom(seed + 100)];
      const upper = Float64Array.from({ length: n }, () => 1.2 / n + (random.bits() / 2 ** 32) * 0.4);
      const p = constrainedEntmax(z, { alpha, upper });
      const e = alpha - 1;
      expect(p.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 13);
      const free = [...p.keys()].filter((j) => p[j]! > 0 && p[j]! < upper[j]!);
      expect(free.length).toBeGreaterThan(0);
      const c = z[free[0]!]! - inverse(p[free[0]!]!, e);
      p.forEach((value, j) => {
        if (value === 0) expect(1 + e * (z[j]! - c)).toBeLessThan(1e-9);
        else if (value < upper[j]!) expect(z[j]! - inverse(value, e)).toBeCloseTo(c, 8);
        else {
          expect(value).toBe(upper[j]);
          expect(z[j]! - inverse(value, e)).toBeGreaterThan(c - 1e-9);
        }
      });
    }
  });

  test('are the entmax maps without bounds, and each other at their alphas', () => {
    const z = rowOf(50, 8);
    const upper = Float64Array.from(z, (_, j) => 0.03 + (j % 5) / 20);
    expect(errorOf(constrainedSoftmax(z), softmax(z))).toBeLessThan(1e-15);
    expect(errorOf(constrainedSparsemax(z, { upper: Infinity }), sparsemax(z))).toBeLessThan(1e-15);
    expect(errorOf(constrainedEntmax(z), entmax(z))).toBeLessThan(1e-15);
    expect(constrainedEntmax(z, { alpha: 1, upper })).toEqual(constrainedSoftmax(z, { upper }));
    expect(errorOf(constrainedEntmax(z, { alpha: 2, upper }), constrainedSparsemax(z, { upper }))).toBeLessThan(1e-14);
  });

  test('the published ones', () => {
    const [z, upper] = [
      [0.5, 1.2, -0.3, 2, 1.9],
      [0.2, 0.3, 0.4, 0.25, 0.3],
    ];
    expect(errorOf(constrainedSparsemax(z, { upper }), [0.15, 0.3, 0, 0.25, 0.3])).toBeLessThan(1e-15);
    const softened = [0.12994207, 0.261671195, 0.058386736, 0.25, 0.3];
    expect(errorOf(constrainedSoftmax(z, { upper }), softened)).toBeLessThan(2e-9);
  });
});
