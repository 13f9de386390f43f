/**
 * Gradients of the constrained maps on kinks, where a score is just what makes p its bound, or 0: of the derivatives on either side it is
 * the one of MATH.md §7, in which A = {0 < p < u} moves with the scores and U = {p = u > 0} with the bounds.
 *
 * Rows are built backwards from p = (k / 8)^2 with whole k, so that scores, bounds and p are exact for alpha = 1.5, 2 and 3, and so is
 * what lies on a kink. For alpha = 1 it is within rounding.
 */

import { describe, expect, test } from 'vitest';
import { constrainedEntmax, constrainedSoftmax, constrainedSparsemax } from 'entmax/regularised';
import type { AnyMap } from './cases.ts';
import { permutation, randomFrom } from '../oracle/random.ts';

type Row = Float64Array;
type Kind = 'free' | 'held' | 'just held' | 'just 0' | 'far below';
interface Built {
  readonly p: Row;
  readonly z: Row;
  readonly upper: Row;
  readonly v: Row;
  readonly kinds: readonly Kind[];
}

/** Squares sum to 64. */
const ROOTS = [4, 4, 3, 3, 3, 2, 1, 0, 0, 0];
const TAU = -0.75;

/** The score that gives p, unless a bound holds it. */
const scoreOf = (p: number, e: number): number => TAU + (e === 0 ? Math.log(p) : p ** e / e);

function built(seed: number, e: number): Built {
  const random = randomFrom(seed);
  const roots = permutation(ROOTS.length, random).map((at) => ROOTS[at]!);
  const p = Float64Array.from(roots, (root) => (root / 8) ** 2);
  const above: readonly Kind[] = ['free', 'held', 'just held'];
  const kinds = roots.map((root): Kind => {
    if (root === 0) return e === 0 || random.below(2) === 0 ? 'far below' : 'just 0';
    return above[random.below(3)]!;
  });
  // Something is free.
  kinds[roots.indexOf(4)] = 'free';
  const distance: Partial<Record<Kind, number>> = { held: 0.25, 'far below': -0.25 };
  const z = p.map((each, j) => (e === 0 && each === 0 ? -Infinity : scoreOf(each, e)) + (distance[kinds[j]!] ?? 0));
  const upper = p.map((each, j) => (kinds[j]!.endsWith('held') ? each : 1));
  return { p, z, upper, v: p.map(() => random.normal()), kinds };
}

/** MATH.md §7.2, for what is free and what is held. */
function prescribed({ p, v }: Built, e: number, isFree: readonly boolean[], isHeld: readonly boolean[]) {
  const slope = p.map((each, j) => (isFree[j] ? each ** (1 - e) : 0));
  const total = slope.reduce((sum, each) => sum + each, 0);
  const mean = total > 0 ? slope.reduce((sum, each, j) => sum + each * v[j]!, 0) / total : 0;
  return {
    x: slope.map((each, j) => each * (v[j]! - mean)),
    upper: v.map((each, j) => (isHeld[j] ? each - mean : 0)),
  };
}

const close = (actual: Row, expected: Row): void =>
  expected.forEach((each, j) => expect(Math.abs(actual[j]! - each)).toBeLessThan(1e-12));

/** A constrained map as a function of scores and bounds. */
interface Bounded {
  value(z: Row, upper: Row): Row;
  vjp(z: Row, upper: Row): [p: Row, pullback: (dp: Row) => { x: Row; upper: Row }];
  backward(p: Row, dp: Row, upper: Row): { x: Row; upper: Row };
}
const bounded = (map: unknown, alpha: object = {}): Bounded => {
  const any = map as AnyMap;
  return {
    value: (z, upper) => any(z, { upper, ...alpha }) as Row,
    vjp: (z, upper) => any.vjp(z, { upper, ...alpha }) as ReturnType<Bounded['vjp']>,
    backward: (p, dp, upper) => any.backward!(p, dp, { upper, ...alpha }) as ReturnType<Bounded['backward']>,
  };
};
const MAPS: readonly (readonly [name: string, e: number, map: Bounded])[] = [
  ['constrainedSoftmax', 0, bounded(constrainedSoftmax)],
  ['constrainedSparsemax', 1, bounded(constrainedSparsemax)],
  ...[1, 1.5, 2, 3].map(
    (alpha) => [`constrainedEntmax, alpha ${alpha}`, alpha - 1, bounded(constrainedEntmax, { alpha })] as const,
  ),
];
/** Whether all that is on a kink is at its bound, or 0, to the last bit; rounding may put it beside that, where it is free. */
const isExact = ({ kinds, upper }: Built, p: Row): boolean =>
  kinds.every((kind, j) => (kind.endsWith('held') ? p[j] === upper[j] : kind === 'free' || p[j] === 0));
const SEEDS = Array.from({ length: 60 }, (_, at) => at + 1);

describe.each(MAPS)('%s', (_, e, map) => {
  test('on kinks has the gradients of what p says is held', () => {
    let exact = 0;
    for (const seed of SEEDS) {
      const row = built(seed, e);
      const [p, pullback] = map.vjp(row.z, row.upper);
      row.p.forEach((each, j) => expect(p[j]! ** Math.max(e, 1)).toBeCloseTo(each ** Math.max(e, 1), 14));
      row.kinds.forEach((kind, j) => kind === 'held' && expect(p[j]).toBe(row.upper[j]));
      exact += Number(isExact(row, p));
      // What rounding has left of 0 moves with a slope without bound.
      if (e > 1 && !isExact(row, p)) continue;
      const isHeld = Array.from(p, (each, j) => each === row.upper[j]);
      const isFree = Array.from(p, (each, j) => each > 0 && !isHeld[j]);
      const expected = prescribed(row, e, isFree, isHeld);
      for (const { x, upper } of [pullback(row.v), map.backward(p, row.v, row.upper)]) {
        close(x, expected.x);
        close(upper, expected.upper);
      }
    }
    expect(exact).toBeGreaterThan(SEEDS.length / 4);
  });

  test('these are the derivatives at scores nearby, at which nothing is on a kink', () => {
    const [near, h] = [2 ** -8, 2 ** -26];
    let compared = 0;
    for (const seed of SEEDS.slice(0, 20)) {
      const row = built(seed, e);
      const [p, pullback] = map.vjp(row.z, row.upper);
      if (!isExact(row, p)) continue;
      compared++;
      const gradients = pullback(row.v);
      const z = row.z.map((each, j) => {
        if (row.kinds[j] === 'just 0') return each - near;
        return row.kinds[j] === 'just held' ? each + near : each;
      });
      const along = (scores: Row, upper: Row): number =>
        map.value(scores, upper).reduce((sum, each, j) => sum + each * row.v[j]!, 0);
      const moved = (values: Row, j: number, by: number): Row => values.map((each, k) => (k === j ? each + by : each));
      row.kinds.forEach((kind, j) => {
        const byScore = (along(moved(z, j, h), row.upper) - along(moved(z, j, -h), row.upper)) / (2 * h);
        if (z[j]! > -Infinity) expect(gradients.x[j]).toBeCloseTo(byScore, 6);
        if (!kind.endsWith('held')) return expect(gradients.upper[j]).toBe(0);
        const byBound = (along(z, moved(row.upper, j, h)) - along(z, moved(row.upper, j, -h))) / (2 * h);
        expect(gradients.upper[j]).toBeCloseTo(byBound, 6);
      });
    }
    expect(compared).toBeGreaterThan(3);
  });

  test('by a bound that is just met it is the derivative downwards; upwards nothing moves', () => {
    const h = 2 ** -26;
    let compared = 0;
    for (const seed of SEEDS.slice(0, 20)) {
      const row = built(seed, e);
      // Only bounds are on kinks.
      const z = row.z.map((each, j) => (row.kinds[j] === 'just 0' ? each - 1 : each));
      const [p, pullback] = map.vjp(z, row.upper);
      if (!isExact(row, p)) continue;
      compared++;
      const { upper } = pullback(row.v);
      const along = (j: number, by: number): number =>
        map
          .value(
            z,
            row.upper.map((each, k) => (k === j ? each + by : each)),
          )
          .reduce((sum, each, k) => sum + (each - p[k]!) * row.v[k]!, 0) / by;
      row.kinds.forEach((kind, j) => {
        if (kind !== 'just held') return;
        const [down, up] = [along(j, -h), along(j, h)];
        expect(Math.abs(up)).toBeLessThan(1e-6);
        expect(upper[j]).toBeCloseTo(down, 5);
      });
    }
    expect(compared).toBeGreaterThan(3);
  });

  test('where nothing is free the scores move nothing, and each bound its own entry', () => {
    let exact = 0;
    for (const seed of SEEDS) {
      const row = built(seed, e);
      // All that is above 0 is held or just held, and their bounds sum to 1; what is 0 has bounds to spare.
      const upper = row.p.map((each) => (each > 0 ? each : 1));
      const [p, pullback] = map.vjp(row.z, upper);
      if (!p.every((each, j) => each === row.p[j])) continue;
      exact++;
      const { x, upper: byBounds, ...byAlpha } = pullback(row.v);
      expect(x).toEqual(row.v.map(() => 0));
      expect(byBounds).toEqual(row.v.map((each, j) => (row.p[j]! > 0 ? each : 0)));
      for (const each of Object.values(byAlpha)) expect(each).toBe(0);
    }
    expect(exact).toBeGreaterThan(SEEDS.length / 2);
  });

  test('of equal scores whose share is the bound of some', () => {
    for (const n of [2, 4, 8, 16, 64]) {
      const random = randomFrom(n);
      const [z, v] = [new Float64Array(n).fill(0.375), Float64Array.from({ length: n }, () => random.normal())];
      const upper = z.map((_score, j) => (j % 2 ? 1 / n : 0.75));
      const [p, pullback] = map.vjp(z, upper);
      expect(p).toEqual(z.map(() => 1 / n));
      const row = { p, z, upper, v, kinds: [] };
      const expected = prescribed(
        row,
        e,
        Array.from(z, (_score, j) => j % 2 === 0),
        Array.from(z, (_score, j) => j % 2 === 1),
      );
      const { x, upper: dupper } = pullback(v);
      close(x, expected.x);
      close(dupper, expected.upper);
    }
  });
});
