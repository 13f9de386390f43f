// The maps with the options that the tests give them, and the float64 reference of each.

import { budget, entmax, entmax15, softmax, sparsemax, topkEntmax, topkSparsemax } from 'entmax';
import { budgetReference } from './budget.ts';
import type { BudgetReferenceOptions } from './budget.ts';
import { entmaxBackwardReference } from './derivatives.ts';
import { entmaxReference, sum } from './reference.ts';
import type { Reference, ReferenceOptions } from './reference.ts';
import { topkReference } from './topk.ts';

type Floats = Float32Array | Float64Array;

export interface UntypedSupport {
  sizes: Int32Array;
  thresholds: Floats;
  exact?: Uint8Array;
}
export interface UntypedCsr extends Iterable<{ indices: Int32Array; values: Floats; threshold: number }> {
  indptr: Int32Array;
  indices: Int32Array;
  values: Floats;
  thresholds: Floats;
  exact?: Uint8Array;
  shape: readonly number[];
  axis: number;
  row(i: number): { indices: Int32Array; values: Floats; threshold: number };
  toDense(): Floats;
}
export type UntypedGrads = Record<string, unknown>;
export interface UntypedPullback<R> {
  (dy: unknown, wrt?: unknown, run?: unknown): R;
  dispose(): void;
}

/** A map without its types: the tests give it every form in turn, and things that the types forbid. */
export interface UntypedMap {
  (x: unknown, options?: unknown): unknown;
  support(x: unknown, options?: unknown): UntypedSupport;
  csr(x: unknown, options?: unknown): UntypedCsr;
  vjp(x: unknown, options?: unknown): [unknown, UntypedPullback<UntypedGrads>];
  backward(p: unknown, dp: unknown, options?: unknown): UntypedGrads;
  wrt: readonly string[];
  async: {
    (x: unknown, options?: unknown): Promise<unknown>;
    support(x: unknown, options?: unknown): Promise<UntypedSupport>;
    csr(x: unknown, options?: unknown): Promise<UntypedCsr>;
    vjp(x: unknown, options?: unknown): Promise<[unknown, UntypedPullback<Promise<UntypedGrads>>]>;
    backward(p: unknown, dp: unknown, options?: unknown): Promise<UntypedGrads>;
  };
}

export const untyped = (map: unknown): UntypedMap => map as UntypedMap;

/** Gradients of one row by name; those of bounds are per entry. */
export interface RowGradients {
  readonly x: Float64Array;
  readonly alpha?: number;
  readonly budget?: number;
  readonly upper?: Float64Array;
}

export interface MapCase {
  readonly name: string;
  readonly map: UntypedMap;
  /** Of the maps onto the simplex; 2 for the others, which have the same power. */
  readonly alpha: number;
  /** Options that select this map. */
  readonly options: object;
  /** 'simplex': rows sum to 1 and equal scores are treated alike; 'topk': only a number of them; 'capped': bounded. */
  readonly kind: 'simplex' | 'topk' | 'capped';
  reference(row: ArrayLike<number>, options?: ReferenceOptions): Reference;
  /**
   * Gradients of <dp, p> at an output p that was computed for the row: at the kernels' own p, because gradients for
   * alpha > 2 magnify its rounding. `fromInput`: knowing that +Infinity and empty rows are constant.
   */
  gradients(row: Row, p: ArrayLike<number>, dp: ArrayLike<number>, fromInput: boolean): RowGradients;
}

/** Scores of a row, with what else the call was given for it. */
export interface Row {
  readonly scores: ArrayLike<number>;
  readonly options: ReferenceOptions;
}

const zeros = (n: number): RowGradients => ({
  x: new Float64Array(n),
  alpha: 0,
  budget: 0,
  upper: new Float64Array(n),
});

/** True where the scores that count hold +Infinity and no NaN, or where there are none. */
function isConstant({ scores, options }: Row): boolean {
  const counted = Array.from(scores).filter((score, i) => score !== -Infinity && (!options.mask || options.mask[i]));
  return counted.length === 0 || (counted.includes(Infinity) && !counted.some(Number.isNaN));
}

type OfRow = Pick<MapCase, 'reference' | 'gradients'>;

function entmaxRow(alpha: number, reference: MapCase['reference']): OfRow {
  return {
    reference,
    gradients: (row, p, dp, fromInput) =>
      fromInput && isConstant(row) ? zeros(p.length) : entmaxBackwardReference(p, alpha, dp, row.options.temperature),
  };
}

function cappedRow(own: BudgetReferenceOptions): OfRow {
  const { upper = 1 } = own;
  return {
    reference: (scores, given) => budgetReference(scores, { ...given, ...own }),
    gradients: (row, p, dp, fromInput) => {
      const gradients = zeros(p.length);
      if (fromInput && isConstant(row)) return gradients;
      if (p.length > 0 && Number.isNaN(p[0]))
        return { x: gradients.x.fill(NaN), budget: NaN, upper: gradients.upper!.fill(NaN) };
      const bound = (i: number): number => Math.fround(typeof upper === 'number' ? upper : upper[i]!);
      const { binding } = budgetReference(row.scores, { ...row.options, ...own });
      const inside = Array.from(p, (_, i) => i).filter((i) => p[i]! > 0 && p[i]! < bound(i));
      const mean = binding && inside.length > 0 ? sum(inside.map((i) => dp[i]!)) / inside.length : 0;
      for (const i of inside) gradients.x[i] = (dp[i]! - mean) / (row.options.temperature ?? 1);
      Array.from(p).forEach((value, i) => {
        if (value > 0 && value === bound(i)) gradients.upper![i] = dp[i]! - mean;
      });
      return { x: gradients.x, budget: mean, upper: gradients.upper! };
    },
  };
}

const simplex = (name: string, map: unknown, alpha: number, options: object): MapCase => ({
  name,
  map: untyped(map),
  alpha,
  options,
  kind: 'simplex',
  ...entmaxRow(alpha, (row, given) => entmaxReference(row, alpha, given)),
});

const topk = (name: string, map: unknown, k: number, alpha: number, options: object): MapCase => ({
  name,
  map: untyped(map),
  alpha,
  options: { k, ...options },
  kind: 'topk',
  ...entmaxRow(alpha, (row, given) => topkReference(row, k, alpha, given)),
});

const capped = (name: string, own: BudgetReferenceOptions): MapCase => ({
  name,
  map: untyped(budget),
  alpha: 2,
  options: own,
  kind: 'capped',
  ...cappedRow(own),
});

export const entmaxWith = (alpha: number): MapCase => simplex(`entmax, alpha ${alpha}`, entmax, alpha, { alpha });

export const FIXED_MAPS: readonly MapCase[] = [
  simplex('softmax', softmax, 1, {}),
  simplex('sparsemax', sparsemax, 2, {}),
  simplex('entmax15', entmax15, 1.5, {}),
];

const ENTMAX_MAPS: readonly MapCase[] = [...FIXED_MAPS, ...[1, 1.25, 1.5, 1.7, 2, 4, Infinity].map(entmaxWith)];

const TOPK_MAPS: readonly MapCase[] = [
  topk('topkSparsemax, k 5', topkSparsemax, 5, 2, {}),
  topk('topkEntmax, k 3, alpha 1.3', topkEntmax, 3, 1.3, { alpha: 1.3 }),
  topk('topkEntmax, k 4, alpha 1', topkEntmax, 4, 1, { alpha: 1 }),
];

const CAPPED_MAPS: readonly MapCase[] = [
  capped('budget, 1', { budget: 1 }),
  capped('budget, at most 2.5, upper 0.75', { budget: 2.5, upper: 0.75, atMost: true }),
];

export const MAPS: readonly MapCase[] = [...ENTMAX_MAPS, ...TOPK_MAPS, ...CAPPED_MAPS];
