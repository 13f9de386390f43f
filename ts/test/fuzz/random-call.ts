/**
 * A call that nobody chose: which map, how the rows lie, what is masked, which scores are not finite. Everything but the
 * scores is a value of fast-check, so that a failure shrinks to the smallest shape and the fewest oddities; the scores
 * follow from a seed.
 */

import fc from 'fast-check';
import { randomFrom } from '../oracle/random.ts';

export interface RandomCall {
  readonly map: 'softmax' | 'sparsemax' | 'entmax15' | 'entmax' | 'topkSparsemax' | 'topkEntmax' | 'budget';
  readonly dtype: 'float32' | 'float64';
  /** Rows along the middle of [outer, n, inner]. */
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
  readonly scores: 'normal' | 'narrow' | 'wide' | 'ties' | 'huge' | 'tiny' | 'offset' | 'peaked';
  /** What some of the scores are instead. */
  readonly odd: readonly ('-Infinity' | 'Infinity' | 'NaN' | '-0' | 'denormal')[];
  readonly masked: 'none' | 'some' | 'most' | 'lengths';
  readonly temperature: number;
  /** One for all rows, or one for each. */
  readonly perRow: boolean;
  readonly alpha: number;
  readonly k: number;
  /** The budget as a share of what is feasible. */
  readonly share: number;
  readonly atMost: boolean;
  readonly bounded: boolean;
  readonly asTensor: boolean;
  readonly seed: number;
}

/** Lengths on both sides of every vector, block and path boundary, and some in between. */
const BOUNDARIES = [4, 8, 16, 32, 64, 128, 256, 512];
const lengths = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.tuple(fc.constantFrom(...BOUNDARIES), fc.integer({ min: -1, max: 1 })).map(([at, off]) => at + off),
  fc.integer({ min: 41, max: 400 }),
);

export const randomCalls: fc.Arbitrary<RandomCall> = fc.record({
  map: fc.constantFrom('softmax', 'sparsemax', 'entmax15', 'entmax', 'topkSparsemax', 'topkEntmax', 'budget'),
  dtype: fc.constantFrom('float32', 'float64'),
  outer: fc.integer({ min: 1, max: 3 }),
  n: lengths,
  inner: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.integer({ min: 2, max: 5 }) }),
  scores: fc.constantFrom('normal', 'narrow', 'wide', 'ties', 'huge', 'tiny', 'offset', 'peaked'),
  odd: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    {
      weight: 1,
      arbitrary: fc.uniqueArray(fc.constantFrom('-Infinity', 'Infinity', 'NaN', '-0', 'denormal'), { maxLength: 2 }),
    },
  ),
  masked: fc.constantFrom('none', 'none', 'some', 'most', 'lengths'),
  temperature: fc.constantFrom(1, 1, 1, 0.5, 3),
  perRow: fc.boolean(),
  alpha: fc.oneof(
    fc.constantFrom(1, 1 + 1e-7, 1.001, 1.25, 4 / 3, 1.5, 2, 2.0001, 3, 10, Infinity),
    fc.double({ min: 1, max: 6, noNaN: true }),
  ),
  k: fc.integer({ min: 1, max: 20 }),
  share: fc.constantFrom(0, 0.01, 0.1, 0.37, 0.5, 0.99, 1),
  atMost: fc.boolean(),
  bounded: fc.boolean(),
  asTensor: fc.boolean(),
  seed: fc.integer({ min: 1, max: 2 ** 31 }),
});

const ODD = { '-Infinity': -Infinity, Infinity, NaN, '-0': -0, denormal: 2 ** -140 };

/** The data of a call. */
export interface Inputs {
  readonly rows: readonly Float64Array[];
  readonly masks: readonly Uint8Array[];
  readonly lengths: Int32Array | undefined;
  readonly alphas: Float64Array;
  readonly bounds: readonly Float64Array[];
  readonly budgets: Float64Array;
  readonly cotangents: readonly Float64Array[];
}

export function inputsOf(call: RandomCall): Inputs {
  const random = randomFrom(call.seed);
  const round = call.dtype === 'float32' ? Math.fround : (value: number): number => value;
  const count = call.outer * call.inner;
  const makeScore = {
    normal: () => random.normal(),
    narrow: () => random.normal() / 64,
    wide: () => random.normal() * 20,
    ties: () => random.below(4) / 4,
    huge: () => random.normal() * 1e30,
    tiny: () => random.normal() * 1e-30,
    offset: () => random.normal() + 1000,
    peaked: () => (random.below(20) === 0 ? 8 : 0) + random.normal(),
  }[call.scores];
  const row = (): Float64Array =>
    Float64Array.from({ length: call.n }, () => {
      const odd = call.odd.length > 0 && random.below(6) === 0 ? call.odd[random.below(call.odd.length)] : undefined;
      return round(odd === undefined ? makeScore() : ODD[odd]);
    });
  const rows = Array.from({ length: count }, row);
  const kept = { none: 100, some: 70, most: 10, lengths: 100 }[call.masked];
  const ends = call.masked === 'lengths' ? rows.map(() => random.below(call.n + 1)) : undefined;
  const masks = rows.map((scores, r) =>
    Uint8Array.from(scores, (_, j) => (random.below(100) < kept && j < (ends?.[r] ?? call.n) ? 1 : 0)),
  );
  const bounds = rows.map((scores) => Float64Array.from(scores, () => (call.bounded ? round(random.below(9) / 8) : 1)));
  const alphas = Float64Array.from(rows, (_, r) => (call.perRow ? 1 + (r % 4) / 2 : call.alpha));
  // With one budget for all rows it must suit the poorest.
  const room = rows.map((scores, r) =>
    scores.reduce((sum, score, j) => (masks[r]![j] && score !== -Infinity ? sum + bounds[r]![j]! : sum), 0),
  );
  const least = Math.min(...room);
  const budgets = Float64Array.from(room, (each) => (call.perRow ? each : least) * call.share);
  const cotangents = rows.map((scores) => Float64Array.from(scores, () => round(random.normal())));
  return { rows, masks, lengths: ends && Int32Array.from(ends), alphas, bounds, budgets, cotangents };
}
