// The semantics table of DESIGN.md §7 as data: what goes in, and what the definition says comes out.

import { ROWS } from '../oracle/layouts.ts';
import type { Axis } from '../oracle/layouts.ts';
import { randomFrom } from '../oracle/random.ts';

export interface Semantics {
  /** The claim. */
  readonly name: string;
  /** Six rows of scores. */
  readonly scores: readonly (readonly number[])[];
  /** Which scores count, in the shape of the rows; all when absent. */
  readonly mask?: readonly (readonly number[])[];
  /** Further options, for scores along this axis. */
  readonly options?: (axis: Axis) => object;
  readonly temperature?: number;
  readonly emptyRow?: 'zero' | 'nan';
  /** The value that entry j of row r has bit for bit, where the claim is about one. */
  readonly exact?: (r: number, j: number, alpha: number) => number | undefined;
  /** Pairs of entries of a row that are equal bit for bit. */
  readonly ties?: readonly (readonly [number, number])[];
  /** The same scores with what is special taken out: rows without it must keep their bits. */
  readonly without?: { readonly scores: readonly (readonly number[])[]; readonly rows: readonly number[] };
}

/** One block of 16 lanes, one vector of 4, and a tail of 1. */
export const N = 21;
/** First lane, last lane of a vector, last of a block, first behind it, the tail. */
const PLACES = [0, 3, 15, 16, 20, 7];

const random = randomFrom(42);
const ordinary: number[][] = Array.from({ length: ROWS }, () => Array.from({ length: N }, () => random.normal()));

const changed = (change: (score: number, r: number, j: number) => number): number[][] =>
  ordinary.map((row, r) => row.map((score, j) => change(score, r, j)));

/** Some scores of each row, at least one of them its maximum at times. */
const dropped = (r: number, j: number): boolean => (j * 7 + r) % 3 === 0 || j === PLACES[r];

const maskOf = (rows: (r: number, j: number) => boolean): number[][] => changed((_, r, j) => (rows(r, j) ? 0 : 1));
const laidMask =
  (mask: readonly (readonly number[])[]) =>
  (axis: Axis): object => {
    const flat = new Uint8Array(ROWS * N);
    mask.forEach((row, r) => row.forEach((keep, j) => (flat[axis.at(r, j, N)] = keep)));
    return { mask: flat };
  };

const isEmpty = (r: number): boolean => r === 0 || r === 4;
const emptyRows = changed((score, r) => (isEmpty(r) ? -Infinity : score));
const nanRows = [1, 5];
const lengths = [21, 1, 16, 5, 0, 20];
const level = (r: number, j: number): number => ((j * 5 + r) % 4) / 8;

export const SEMANTICS: readonly Semantics[] = [
  { name: 'the support is exactly the entries with p > 0', scores: ordinary },
  {
    name: 'a score of -Infinity is excluded',
    scores: changed((score, r, j) => (dropped(r, j) ? -Infinity : score)),
    exact: (r, j) => (dropped(r, j) ? 0 : undefined),
  },
  {
    name: 'a masked score is excluded',
    scores: ordinary,
    mask: maskOf(dropped),
    options: laidMask(maskOf(dropped)),
    exact: (r, j) => (dropped(r, j) ? 0 : undefined),
  },
  {
    name: 'a masked NaN or Infinity has no effect',
    scores: changed((score, r, j) => (dropped(r, j) ? [NaN, Infinity, -Infinity][j % 3]! : score)),
    mask: maskOf(dropped),
    options: laidMask(maskOf(dropped)),
    exact: (r, j) => (dropped(r, j) ? 0 : undefined),
  },
  {
    name: 'lengths exclude the scores behind them',
    scores: ordinary,
    mask: maskOf((r, j) => j >= lengths[r]!),
    options: () => ({ lengths }),
    exact: (r, j) => (j >= lengths[r]! ? 0 : lengths[r] === 1 ? 1 : undefined),
  },
  {
    name: 'mask and lengths exclude together',
    scores: ordinary,
    mask: maskOf((r, j) => dropped(r, j) || j >= lengths[r]!),
    options: (axis) => ({ ...laidMask(maskOf(dropped))(axis), lengths: Int32Array.from(lengths) }),
  },
  {
    name: 'a row with nothing left is all zeros',
    scores: emptyRows,
    exact: (r) => (isEmpty(r) ? 0 : undefined),
  },
  {
    name: "a row with nothing left is NaN under emptyRow 'nan'",
    scores: emptyRows,
    emptyRow: 'nan',
    options: () => ({ emptyRow: 'nan' }),
    exact: (r) => (isEmpty(r) ? NaN : undefined),
  },
  {
    name: 'a row that is masked away is as empty as one of -Infinity, whatever it holds',
    scores: changed((score, r) => (r === 0 ? NaN : r === 4 ? Infinity : score)),
    mask: maskOf(isEmpty),
    options: laidMask(maskOf(isEmpty)),
    exact: (r) => (isEmpty(r) ? 0 : undefined),
  },
  {
    name: 'a NaN makes its row NaN and leaves the others untouched',
    scores: changed((score, r, j) => (nanRows.includes(r) && j === PLACES[r] ? NaN : score)),
    exact: (r) => (nanRows.includes(r) ? NaN : undefined),
    without: { scores: ordinary, rows: [0, 2, 3, 4] },
  },
  {
    name: 'a NaN among infinities makes its row NaN',
    scores: changed((score, r, j) =>
      j === PLACES[r] ? NaN : j % 2 === 0 ? (r % 2 === 0 ? Infinity : -Infinity) : score,
    ),
    exact: () => NaN,
  },
  {
    name: 'the entries of Infinity share the mass',
    scores: changed((score, r, j) =>
      r % 2 === 0 && (j === PLACES[r] || j === 9) ? Infinity : j === 2 ? -Infinity : score,
    ),
    exact: (r, j) => (r % 2 === 0 ? (j === PLACES[r] || j === 9 ? 0.5 : 0) : j === 2 ? 0 : undefined),
    without: { scores: changed((score, _, j) => (j === 2 ? -Infinity : score)), rows: [1, 3, 5] },
  },
  {
    name: 'equal scores get equal values bit for bit',
    scores: changed((_, r, j) => level(r, j)),
    // Levels repeat every four entries.
    ties: Array.from({ length: N - 4 }, (_, j) => [j, j + 4] as const),
  },
  {
    name: 'zeros of both signs are equal',
    scores: changed((_, r, j) => ((r + j) % 2 === 0 ? 0 : -0)),
    ties: Array.from({ length: N - 1 }, (_, j) => [j, j + 1] as const),
  },
  {
    name: 'tied maxima are all that alpha = Infinity keeps',
    scores: changed((score, r, j) => (j === PLACES[r] || j === 11 ? 5 : score)),
    exact: (r, j, alpha) => (alpha === Infinity ? (j === PLACES[r] || j === 11 ? 0.5 : 0) : undefined),
    ties: [[11, 11]],
  },
  {
    name: 'one score gets exactly 1',
    scores: [[3], [-1e30], [0], [1e-40], [Infinity], [-0]],
    exact: () => 1,
  },
  {
    name: 'a temperature divides the scores',
    scores: ordinary,
    temperature: 0.375,
    options: () => ({ temperature: 0.375 }),
  },
  {
    name: 'a temperature changes nothing for infinities and empty rows',
    scores: changed((score, r, j) =>
      r === 0 ? -Infinity : r === 1 && j === 4 ? Infinity : r === 2 && j % 2 === 0 ? -Infinity : score,
    ),
    temperature: 3,
    options: () => ({ temperature: 3 }),
    exact: (r, j) => (r === 0 ? 0 : r === 1 ? (j === 4 ? 1 : 0) : r === 2 && j % 2 === 0 ? 0 : undefined),
  },
];
