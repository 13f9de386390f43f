/**
 * Every gradient against central differences in float64: of scores, alpha, budget and bounds, along any axis, with
 * masks and temperatures, through both `.vjp` and `.backward`. The maps are smooth except where the support changes,
 * so rows are drawn until no entry lies within reach of that.
 */

import { afterAll, describe, expect, test } from 'vitest';
import { budget, entmax, entmax15, softmax, sparsemax, topkEntmax, topkSparsemax } from 'entmax';
import { AXES, laidOut, ROWS } from '../oracle/layouts.ts';
import type { Axis } from '../oracle/layouts.ts';
import { untyped } from '../oracle/maps.ts';
import type { UntypedMap } from '../oracle/maps.ts';
import { randomFrom } from '../oracle/random.ts';

const N = 9;
const STEP = 1e-6;
let compared = 0;

interface Differentiated {
  readonly name: string;
  readonly map: UntypedMap;
  readonly options: object;
  /** Parameters with one value per row (or, for `upper`, one per score). */
  readonly parameters?: Readonly<Record<string, Float64Array>>;
}

const random = randomFrom(17);
const perRow = (from: number, to: number): Float64Array =>
  Float64Array.from({ length: ROWS }, () => from + (to - from) * (random.bits() / 2 ** 32));
const perScore = (from: number, to: number): Float64Array =>
  Float64Array.from({ length: ROWS * N }, () => from + (to - from) * (random.bits() / 2 ** 32));

const CASES: readonly Differentiated[] = [
  { name: 'softmax', map: untyped(softmax), options: {} },
  { name: 'sparsemax', map: untyped(sparsemax), options: {} },
  { name: 'entmax15', map: untyped(entmax15), options: {} },
  ...[1.00001, 1.1, 1.5, 1.9, 2, 2.5, 4].map((alpha) => ({
    name: `entmax, alpha ${alpha}`,
    map: untyped(entmax),
    options: {},
    parameters: { alpha: new Float64Array(ROWS).fill(alpha) },
  })),
  { name: 'entmax, an alpha for each row', map: untyped(entmax), options: {}, parameters: { alpha: perRow(1.05, 3) } },
  { name: 'topkSparsemax', map: untyped(topkSparsemax), options: { k: 3 } },
  { name: 'topkEntmax', map: untyped(topkEntmax), options: { k: 4 }, parameters: { alpha: perRow(1.05, 2) } },
  { name: 'budget', map: untyped(budget), options: {}, parameters: { budget: perRow(0.5, 3.5) } },
  {
    name: 'budget with bounds',
    map: untyped(budget),
    options: {},
    parameters: { budget: perRow(0.5, 1.4), upper: perScore(0.3, 0.9) },
  },
  {
    name: 'budget, at most',
    map: untyped(budget),
    options: { atMost: true },
    parameters: { budget: perRow(0.5, 4), upper: perScore(0.3, 0.9) },
  },
];

const OPTIONS = [
  { name: 'plain', options: () => ({}) },
  { name: 'temperature', options: () => ({ temperature: 0.7 }) },
  {
    name: 'masked',
    options: ({ at }: Axis) => {
      const mask = new Uint8Array(ROWS * N).fill(1);
      for (let r = 0; r < ROWS; r++) mask[at(r, (2 * r) % N, N)] = 0;
      return { mask };
    },
  },
];

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

/** The derivative of f by one value of an array, or undefined where it is not smooth there. */
function difference(values: Float64Array, at: number, f: () => number): number | undefined {
  const kept = values[at]!;
  const shifted = (by: number): number => {
    values[at] = kept + by;
    const result = f();
    values[at] = kept;
    return result;
  };
  const [far, near] = [2 * STEP, STEP].map((step) => (shifted(step) - shifted(-step)) / (2 * step)) as [number, number];
  const [right, left] = [shifted(STEP) - f(), f() - shifted(-STEP)].map((each) => each / STEP) as [number, number];
  // At a kink the two sides differ by a jump, not by curvature.
  if (Math.abs(right - left) > 1e-3 * Math.max(1, Math.abs(near)) || Math.abs(far - near) > 1e-5) return undefined;
  return near;
}

describe.each(CASES)('$name', ({ map, options: own, parameters = {} }) => {
  describe.each(OPTIONS)('$name', ({ options: more }) => {
    test.each(AXES)('$name', (axis) => {
      const rows = Array.from({ length: ROWS }, () => Array.from({ length: N }, () => random.normal()));
      const x = Float64Array.from(laidOut(rows, axis));
      const dp = Float64Array.from({ length: x.length }, () => random.normal());
      const options = { ...own, ...parameters, ...more(axis), shape: axis.shape(N), axis: axis.axis };
      const value = (): number => dot(map(x, options) as Float64Array, dp);

      const [p, pullback] = map.vjp(x, options);
      const gradients = pullback(dp) as Record<string, Float64Array>;
      const stateless = map.backward(p, dp, options) as Record<string, Float64Array>;
      expect(Object.keys(gradients)).toEqual(map.wrt);
      let smooth = 0;
      for (const [name, values] of Object.entries({ x, ...parameters })) {
        expect(gradients[name]).toHaveLength(values.length);
        expect(stateless[name], name).toEqual(gradients[name]);
        for (let at = 0; at < values.length; at++) {
          const expected = difference(values, at, value);
          if (expected === undefined) continue;
          smooth++;
          const error = Math.abs(gradients[name]![at]! - expected);
          if (!(error <= 2e-6 * Math.max(1, Math.abs(expected))))
            expect.fail(`d${name}[${at}] = ${gradients[name]![at]} instead of ${expected}`);
        }
      }
      // Kinks are rare: what was left out must not be the test.
      expect(smooth).toBeGreaterThan(0.9 * x.length);
      compared += smooth;
    });
  });
});

afterAll(() => {
  console.log(`finite differences: ${compared} derivatives compared`);
});
