// What every regularised map satisfies, for scores that nobody chose: invariants of MATH.md §6-8 and §20, in f64.

import fc from 'fast-check';
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
import { bitsOf, errorOf } from '../oracle/compare.ts';
import { permutation, randomFrom } from '../oracle/random.ts';

const RUNS = { numRuns: 150 };
type Row = Float64Array;
type Map = (z: Row) => Row;
type Back = (v: Row) => Row;
type Vjp = (z: Row) => [Row, Back];

/** Steps of 1 / 16 in [-2, 2]: ties come up, and shifts by such steps are exact. */
const score = fc.integer({ min: -32, max: 32 }).map((step) => step / 16);
const tied = fc.array(score, { minLength: 1, maxLength: 40 }).map((values) => Float64Array.from(values));
/** Without ties. */
const smooth = fc
  .tuple(fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 1, max: 40 }), fc.constantFrom(0.125, 0.5, 1))
  .map(([seed, n, scale]) => {
    const random = randomFrom(seed);
    return Float64Array.from({ length: n }, () => scale * (random.normal() + random.bits() * 2 ** -60));
  });
const row = fc.oneof(tied, smooth);
const lambda = fc.oneof(fc.constantFrom(0, 0.0625, 0.25, 1), fc.double({ min: 0, max: 2, noNaN: true }));
const alpha = fc.oneof(fc.constantFrom(1.5, 2, 3), fc.double({ min: 1.05, max: 6, noNaN: true }));

/** Bounds that sum to more than 1, of which some hold. */
const boundsOf = (n: number): Row =>
  Float64Array.from({ length: n }, (_, j) => (n === 1 ? 1 : ((1 + ((5 * j) % 3)) * 1.6) / n));

/** A grid for a row: the most nearly square one of as many pixels. */
const gridOf = (n: number): [number, number] => {
  let height = Math.floor(Math.sqrt(n));
  while (n % height) height--;
  return [height, n / height];
};

/** Every map and its pullback, by name; `size` is lambda, or says what alpha is. */
const MAPS = (size: number, n: number): Readonly<Record<string, { map: Map; vjp: Vjp }>> => {
  const upper = boundsOf(n);
  const power = 1 + Math.max(size, 0.05);
  const [own, shape] = [{ lambda: (4 * size) / n }, gridOf(n)];
  return {
    fusedmax: { map: (z) => fusedmax(z, { lambda: size }), vjp: (z) => grads(fusedmax.vjp(z, { lambda: size })) },
    oscarmax: { map: (z) => oscarmax(z, own), vjp: (z) => grads(oscarmax.vjp(z, own)) },
    tvmax: {
      map: (z) => tvmax(z, { lambda: size, shape }),
      vjp: (z) => grads(tvmax.vjp(z, { lambda: size, shape })),
    },
    normmax: { map: (z) => normmax(z, { alpha: power }), vjp: (z) => grads(normmax.vjp(z, { alpha: power })) },
    constrainedSoftmax: {
      map: (z) => constrainedSoftmax(z, { upper }),
      vjp: (z) => grads(constrainedSoftmax.vjp(z, { upper })),
    },
    constrainedSparsemax: {
      map: (z) => constrainedSparsemax(z, { upper }),
      vjp: (z) => grads(constrainedSparsemax.vjp(z, { upper })),
    },
    constrainedEntmax: {
      map: (z) => constrainedEntmax(z, { alpha: 1.5, upper }),
      vjp: (z) => grads(constrainedEntmax.vjp(z, { alpha: 1.5, upper })),
    },
  };
};
const NAMES = Object.keys(MAPS(1, 1));
const grads = ([p, pullback]: [Row, (dp: Row) => { x: Row }]): [Row, Back] => [p, (v) => pullback(v).x];

const dot = (a: Row, b: Row): number => a.reduce((sum, each, j) => sum + each * b[j]!, 0);
const arranged = (z: Row, order: readonly number[]): Row => Float64Array.from(order, (j) => z[j]!);
const randomRow = (n: number, seed: number): Row => {
  const random = randomFrom(seed);
  return Float64Array.from({ length: n }, () => random.normal());
};

describe.each(NAMES)('%s', (name) => {
  test('is a distribution', () => {
    fc.assert(
      fc.property(row, lambda, (z, size) => {
        const p = MAPS(size, z.length)[name]!.map(z);
        expect(p.every((each) => each >= 0 && each <= 1)).toBe(true);
        expect(Math.abs(p.reduce((sum, each) => sum + each, 0) - 1)).toBeLessThan(1e-13);
      }),
      RUNS,
    );
  });

  test('does not change when a constant is added to all scores', () => {
    fc.assert(
      fc.property(tied, lambda, fc.integer({ min: -64, max: 64 }), (z, size, shift) => {
        const { map } = MAPS(size, z.length)[name]!;
        const [p, shifted] = [map(z), map(z.map((each) => each + shift / 16))];
        // A budget has a threshold of the scores as they are, which is rounded; the others go by distances from the maximum.
        const worst = Math.max(...shifted.map((each, j) => Math.abs(each - p[j]!)));
        if (name === 'constrainedSparsemax') expect(worst).toBeLessThan(2e-15);
        else expect(bitsOf(shifted)).toBe(bitsOf(p));
      }),
      RUNS,
    );
  });

  test('has a symmetric positive semidefinite Jacobian that ends at constants', () => {
    fc.assert(
      fc.property(smooth, lambda, fc.integer({ min: 1, max: 1e6 }), (z, size, seed) => {
        const back = MAPS(size, z.length)[name]!.vjp(z)[1];
        const [v, w] = [randomRow(z.length, seed), randomRow(z.length, seed + 1)];
        const scale = 1 + Math.max(...back(v).map(Math.abs), ...back(w).map(Math.abs));
        expect(Math.abs(dot(back(v), w) - dot(v, back(w))) / scale).toBeLessThan(1e-11);
        expect(dot(v, back(v)) / scale).toBeGreaterThan(-1e-11);
        expect(Math.max(...back(v.map(() => 1)).map(Math.abs)) / scale).toBeLessThan(1e-11);
        expect(Math.abs(back(v).reduce((sum, each) => sum + each, 0)) / scale).toBeLessThan(1e-11);
      }),
      RUNS,
    );
  });

  test('has the slopes of differences wherever it is smooth', () => {
    const h = 2 ** -20;
    let compared = 0;
    fc.assert(
      fc.property(smooth, lambda, fc.integer({ min: 1, max: 1e6 }), (z, size, seed) => {
        const { map, vjp } = MAPS(size, z.length)[name]!;
        const [p, back] = vjp(z);
        const [along, v] = [randomRow(z.length, seed), randomRow(z.length, seed + 1)];
        const at = (by: number): Row => map(z.map((each, j) => each + by * along[j]!));
        const [up, down] = [at(h), at(-h)];
        // On both sides the same step, if no entry has met another, 0 or its bound.
        const bend = Math.max(...p.map((each, j) => Math.abs(up[j]! + down[j]! - 2 * each)));
        if (bend > 1e-9) return;
        compared++;
        const slope = up.reduce((sum, each, j) => sum + (v[j]! * (each - down[j]!)) / (2 * h), 0);
        expect(Math.abs(slope - dot(back(v), along))).toBeLessThan(1e-4 * (1 + Math.abs(slope)));
      }),
      RUNS,
    );
    expect(compared).toBeGreaterThan(RUNS.numRuns / 3);
  });

  test('leaves out what a mask leaves out', () => {
    fc.assert(
      fc.property(row, lambda, (z, size) => {
        // Behind the end, so that nothing is cut in two; where bounds are, these too.
        const { length } = z;
        const padded = new Float64Array(length + 3).fill(9).map((nine, j) => z[j] ?? nine);
        const mask = Uint8Array.from(padded, (_, j) => Number(j < length));
        const upper = Float64Array.from(padded, (_, j) => boundsOf(length)[j] ?? 0.5);
        const masked: Record<string, () => Row> = {
          fusedmax: () => fusedmax(padded, { lambda: size, mask }),
          oscarmax: () => oscarmax(padded, { lambda: (4 * size) / length, mask }),
          tvmax: () => tvmax(padded, { lambda: size, mask, shape: [1, length + 3] }),
          normmax: () => normmax(padded, { alpha: 1 + Math.max(size, 0.05), mask }),
          constrainedSoftmax: () => constrainedSoftmax(padded, { upper, mask }),
          constrainedSparsemax: () => constrainedSparsemax(padded, { upper, mask }),
          constrainedEntmax: () => constrainedEntmax(padded, { alpha: 1.5, upper, mask }),
        };
        const own =
          name === 'tvmax' ? tvmax(z, { lambda: size, shape: [1, length] }) : MAPS(size, length)[name]!.map(z);
        const p = masked[name]!();
        expect(p.subarray(length)).toEqual(new Float64Array(3));
        expect(bitsOf(p.slice(0, length))).toBe(bitsOf(own));
      }),
      RUNS,
    );
  });
});

test('oscarmax, normmax and bounded maps go along with a permutation of scores and bounds', () => {
  fc.assert(
    fc.property(row, lambda, alpha, fc.integer({ min: 1, max: 1e6 }), (z, size, power, seed) => {
      const order = permutation(z.length, randomFrom(seed));
      const upper = boundsOf(z.length);
      const moved = { upper: arranged(upper, order) };
      const pairs: [Map, Map][] = [
        [(x) => oscarmax(x, { lambda: size / z.length }), (x) => oscarmax(x, { lambda: size / z.length })],
        [(x) => normmax(x, { alpha: power }), (x) => normmax(x, { alpha: power })],
        [(x) => constrainedSoftmax(x, { upper }), (x) => constrainedSoftmax(x, moved)],
        [(x) => constrainedEntmax(x, { alpha: power, upper }), (x) => constrainedEntmax(x, { alpha: power, ...moved })],
      ];
      for (const [map, other] of pairs)
        expect(errorOf(other(arranged(z, order)), arranged(map(z), order))).toBeLessThan(1e-13);
    }),
    RUNS,
  );
});

test('fusedmax goes along with a reversal, tvmax with that of either axis and with a transposition', () => {
  fc.assert(
    fc.property(row, lambda, (z, size) => {
      const reversed = z.slice().reverse();
      expect(errorOf(fusedmax(reversed, { lambda: size }).reverse(), fusedmax(z, { lambda: size }))).toBeLessThan(
        1e-13,
      );
      const [height, width] = gridOf(z.length);
      const p = tvmax(z, { lambda: size, shape: [height, width] });
      const turned = Float64Array.from(z, (_, at) => z[(at % height) * width + Math.floor(at / height)]!);
      const q = tvmax(turned, { lambda: size, shape: [width, height] });
      const back = Float64Array.from(q, (_, at) => q[(at % width) * height + Math.floor(at / width)]!);
      expect(errorOf(back, p)).toBeLessThan(1e-8);
      expect(errorOf(tvmax(reversed, { lambda: size, shape: [height, width] }).reverse(), p)).toBeLessThan(1e-8);
    }),
    RUNS,
  );
});

test('without a penalty they are sparsemax, with a large one uniform', () => {
  fc.assert(
    fc.property(row, (z) => {
      const shape = gridOf(z.length);
      const uniform = z.map(() => 1 / z.length);
      for (const map of [
        (by: number) => fusedmax(z, { lambda: by }),
        (by: number) => oscarmax(z, { lambda: by }),
        (by: number) => tvmax(z, { lambda: by, shape }),
      ]) {
        expect(errorOf(map(0), sparsemax(z))).toBeLessThan(1e-14);
        expect(errorOf(map(1e3), uniform)).toBeLessThan(1e-11);
      }
    }),
    RUNS,
  );
});

test('entries of a group are equal to the last bit, those of groups side by side are not', () => {
  const rows = fc.oneof(
    tied.map((z) => ({ z, hasTies: true })),
    smooth.map((z) => ({ z, hasTies: false })),
  );
  fc.assert(
    fc.property(rows, fc.double({ min: 2 ** -6, max: 2, noNaN: true }), ({ z, hasTies }, size) => {
      const shape = gridOf(z.length);
      const results = {
        fusedmax: fusedmax.groups(z, { lambda: size }),
        oscarmax: oscarmax.groups(z, { lambda: size / z.length }),
        tvmax: tvmax.groups(z, { lambda: size, shape }),
      };
      for (const [name, { p, groups }] of Object.entries(results)) {
        const width = name === 'tvmax' ? shape[1] : z.length;
        p.forEach((value, i) => {
          expect(groups[i] === -1).toBe(value === 0);
          if (value > 0) expect(value).toBe(p[groups[i]!]);
          p.forEach((other, j) => {
            const isNext = (j === i + 1 && j % width > 0) || (name === 'tvmax' && j === i + width);
            // Regions may be equal where just lambda would have to flow between them: two of 1.125 in a corner, say.
            if (name === 'tvmax' && hasTies) return;
            const isPair = name === 'oscarmax' ? j !== i : isNext;
            if (value > 0 && other > 0 && isPair && groups[i] !== groups[j]) expect(value).not.toBe(other);
          });
        });
      }
    }),
    RUNS,
  );
});

test('bounded maps stay below their bounds, and are the free ones where no bound is below 1', () => {
  fc.assert(
    fc.property(row, fc.constantFrom(1, 1.25, 1.5, 2, 3), fc.constantFrom(1, 2, Infinity), (z, power, upper) => {
      const free = constrainedEntmax(z, { alpha: power, upper });
      expect(errorOf(free, entmax(z, { alpha: power }))).toBeLessThan(1e-13);
      if (power === 1) expect(errorOf(constrainedSoftmax(z, { upper }), softmax(z))).toBeLessThan(1e-13);
      if (power === 2) expect(errorOf(constrainedSparsemax(z, { upper }), sparsemax(z))).toBeLessThan(1e-13);
      const bounds = boundsOf(z.length);
      const p = constrainedEntmax(z, { alpha: power, upper: bounds });
      expect(p.every((each, j) => each <= bounds[j]!)).toBe(true);
    }),
    RUNS,
  );
});

test('a block is its rows, along any axis', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 12 }), lambda, (seed, n, size) => {
      const [outer, inner] = [2, 3];
      const x = randomRow(outer * n * inner, seed);
      const of = (from: Row, row: number): Row =>
        Float64Array.from({ length: n }, (_, j) => from[(Math.floor(row / inner) * n + j) * inner + (row % inner)]!);
      const layout = { shape: [outer, n, inner], axis: 1 };
      const upper = n === 1 ? 1 : 1.5 / n;
      const pairs: [Row, Map][] = [
        [fusedmax(x, { ...layout, lambda: size }), (z) => fusedmax(z, { lambda: size })],
        [oscarmax(x, { ...layout, lambda: size }), (z) => oscarmax(z, { lambda: size })],
        [normmax(x, { ...layout }), (z) => normmax(z)],
        [constrainedSparsemax(x, { ...layout, upper }), (z) => constrainedSparsemax(z, { upper })],
        [constrainedSoftmax(x, { ...layout, upper }), (z) => constrainedSoftmax(z, { upper })],
      ];
      for (const [block, map] of pairs)
        for (let row = 0; row < outer * inner; row++) expect(bitsOf(of(block, row))).toBe(bitsOf(map(of(x, row))));
    }),
    RUNS,
  );
});
