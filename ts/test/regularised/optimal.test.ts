// Long rows and adversaries against the conditions of their optimum, in both types; and that the certificates notice what is not one.

import { describe, expect, test } from 'vitest';
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
import { KINDS, constrainedResidual, fusedResidual, normResidual, oscarResidual } from './certificates.ts';
import { gridDistance } from './grid-certificate.ts';

const SIZES = [1, 2, 3, 4, 7, 8, 9, 16, 17, 33, 500];
const LONG = 100_000;
const KIND_NAMES = Object.keys(KINDS);
const bounds = (n: number, room: number): Float64Array =>
  // Short rows need not sum to 1 with what long ones do.
  Float64Array.from({ length: n }, (_, j) => (n < 8 ? (n === 1 ? 1 : 0.7) : (room * (1 + ((j * 7) % 11))) / (5 * n)));

/** In f32 only what is given and the result is rounded. */
function expectSingle(z: Float64Array, map: (x: Float32Array | Float64Array) => ArrayLike<number>): void {
  const x = Float32Array.from(z);
  if (!x.every(Number.isFinite)) return;
  expect(errorOf(map(x), map(Float64Array.from(x)))).toBeLessThan(2e-7);
}

describe.each(KIND_NAMES)('%s', (kind) => {
  test.each([0, 1e-4, 0.3, 1e5])('fusedmax and oscarmax, lambda %d', (lambda) => {
    for (const n of lambda === 0.3 ? [...SIZES, LONG] : SIZES) {
      const z = KINDS[kind]!(n);
      const tolerance = 1e-10 * (1 + lambda);
      expect(fusedResidual(fusedmax(z, { lambda }), z, lambda), `fusedmax, n = ${n}`).toBeLessThan(tolerance);
      const own = (8 * lambda) / n;
      expect(oscarResidual(oscarmax(z, { lambda: own }), z, own), `oscarmax, n = ${n}`).toBeLessThan(tolerance);
      if (n > 5000) continue;
      expectSingle(z, (x) => fusedmax(x as Float64Array, { lambda }));
      expectSingle(z, (x) => oscarmax(x as Float64Array, { lambda: own }));
    }
  });

  test.each([1.01, 1.5, 2, 10])('normmax, alpha %d', (alpha) => {
    for (const n of alpha === 1.5 ? [...SIZES, LONG] : SIZES) {
      const z = KINDS[kind]!(n);
      expect(normResidual(normmax(z, { alpha }), z, alpha), `n = ${n}`).toBeLessThan(1e-10 * alpha);
      if (n < 5000) expectSingle(z, (x) => normmax(x as Float64Array, { alpha }));
    }
  });

  test.each([1, 1.5, 2, 3])('constrained maps, alpha %d', (alpha) => {
    for (const n of alpha === 1.5 ? [...SIZES, LONG] : SIZES) {
      const z = KINDS[kind]!(n);
      for (const room of [1.5, 20]) {
        const upper = bounds(n, room);
        const p = constrainedEntmax(z, { alpha, upper });
        expect(constrainedResidual(p, z, alpha, upper), `n = ${n}, room ${room}`).toBeLessThan(1e-9);
        if (alpha === 1) expect(constrainedSoftmax(z, { upper })).toEqual(p);
        if (alpha !== 2) continue;
        const sparse = constrainedSparsemax(z, { upper });
        expect(constrainedResidual(sparse, z, alpha, upper), `sparsemax, n = ${n}, room ${room}`).toBeLessThan(1e-9);
      }
    }
  });
});

describe('tvmax is proven by a flow', () => {
  const shapes = [
    [1, 40],
    [7, 9],
    [24, 33],
    [300, 2],
    [2, 1000],
    [3, 500],
    [64, 64],
    [128, 128],
  ] as const;
  test.each(KIND_NAMES)('%s', (kind) => {
    for (const shape of shapes) {
      const z = KINDS[kind]!(shape[0] * shape[1]);
      const [most, least] = [z.reduce((a, b) => Math.max(a, b)), z.reduce((a, b) => Math.min(a, b))];
      const scale = Math.min(1, most - least) || 1;
      for (const lambda of [0, 0.02 * scale, 0.3 * scale, 20]) {
        const distance = gridDistance(tvmax(z, { lambda, shape }), z, lambda, shape);
        // p = 1 / n is rounded, however close scores are.
        expect(distance, `${shape.join(' x ')}, lambda ${lambda}`).toBeLessThan(1e-9 * Math.max(scale, 1e-4));
      }
    }
  });
});

describe('certificates notice', () => {
  // Of what is optimal a little is moved from one entry to another; or another map has the answer.
  const moved = (p: Float64Array, by: number): Float64Array => {
    const largest = p.indexOf(Math.max(...p));
    const other = p.findIndex((each, j) => each > 0 && j !== largest);
    return p.map((each, j) => each + (j === largest ? -by : j === other ? by : 0));
  };
  const z = KINDS['normal scores']!(60).map((each) => each / 4);
  const upper = z.map(() => 0.06);

  test('what is not optimal', () => {
    for (const by of [1e-3, 1e-6]) {
      const enough = by / 10;
      expect(fusedResidual(moved(fusedmax(z, { lambda: 0.05 }), by), z, 0.05)).toBeGreaterThan(enough);
      expect(oscarResidual(moved(oscarmax(z, { lambda: 0.001 }), by), z, 0.001)).toBeGreaterThan(enough);
      expect(normResidual(moved(normmax(z), by), z, 2)).toBeGreaterThan(enough);
      for (const alpha of [1, 1.5, 2]) {
        const p = constrainedEntmax(z, { alpha, upper });
        const free = p.findIndex((each, j) => each > 0.01 && each < upper[j]!);
        const tilted = p.map((each, j) => (j === free ? each - by : each));
        tilted[p.findIndex((each, j) => each > 0 && each + by < upper[j]! && j !== free)]! += by;
        expect(constrainedResidual(tilted, z, alpha, upper)).toBeGreaterThan(enough);
      }
    }
    const shape = [6, 10] as const;
    const p = tvmax(z, { lambda: 0.05, shape });
    expect(gridDistance(p, z, 0.05, shape)).toBeLessThan(1e-13);
    for (const by of [1e-3, 1e-6, 1e-9]) expect(gridDistance(moved(p, by), z, 0.05, shape)).toBeGreaterThan(by);
  });

  test('the answer for another lambda, alpha or bounds, and sparsemax', () => {
    expect(fusedResidual(fusedmax(z, { lambda: 0.05 }), z, 0.051)).toBeGreaterThan(1e-4);
    expect(fusedResidual(fusedmax(z, { lambda: 0 }), z, 0.05)).toBeGreaterThan(1e-2);
    expect(oscarResidual(oscarmax(z, { lambda: 0.001 }), z, 0.0011)).toBeGreaterThan(1e-5);
    const published = Float64Array.of(0.155, 2.594, 0.092, -1.661);
    const p = oscarmax(published, { lambda: 0.966, compat: 'torchsparseattn' });
    expect(oscarResidual(p, published, 0.966)).toBeGreaterThan(0.1);
    expect(normResidual(normmax(z, { alpha: 2 }), z, 2.1)).toBeGreaterThan(1e-3);
    expect(constrainedResidual(constrainedEntmax(z, { upper }), z, 1.6, upper)).toBeGreaterThan(1e-3);
    expect(gridDistance(tvmax(z, { lambda: 0.05, shape: [6, 10] }), z, 0.0501, [6, 10])).toBeGreaterThan(1e-5);
    expect(gridDistance(fusedmax(z, { lambda: 0.05 }), z, 0.05, [6, 10])).toBeGreaterThan(1e-2);
  });
});
