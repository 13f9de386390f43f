// All losses with their references, and batches of six rows whose scores, targets and masks reach into every corner.

import { budgetLoss, entmax15Loss, entmaxLoss, softmaxLoss, sparsemaxLoss } from 'entmax';
import { normmaxLoss } from 'entmax/regularised';
import { budgetLossReference, entmaxLossReference } from '../oracle/losses.ts';
import type { BudgetLossReference, LossReference, Target } from '../oracle/losses.ts';
import { normmaxLossReference } from '../oracle/normmax.ts';
import { randomFrom } from '../oracle/random.ts';
import type { ReferenceOptions } from '../oracle/reference.ts';

/** A loss without its types: the tests give it every form in turn, and things that the types forbid. */
export interface UntypedLoss {
  (z: unknown, target: unknown, options?: unknown): unknown;
  valueAndGrad(z: unknown, target: unknown, options?: unknown): [number, Record<string, unknown>];
  valueAndCsr(z: unknown, target: unknown, options?: unknown): [number, Record<string, unknown>];
  vjp(z: unknown, target: unknown, options?: unknown): [unknown, UntypedPullback];
  hvp(z: unknown, target: unknown, v: unknown, options?: unknown): unknown;
  readonly async: {
    (z: unknown, target: unknown, options?: unknown): Promise<unknown>;
    valueAndGrad(z: unknown, target: unknown, options?: unknown): Promise<[number, Record<string, unknown>]>;
    valueAndCsr(z: unknown, target: unknown, options?: unknown): Promise<[number, Record<string, unknown>]>;
    vjp(z: unknown, target: unknown, options?: unknown): Promise<[unknown, UntypedPullback]>;
    hvp(z: unknown, target: unknown, v: unknown, options?: unknown): Promise<unknown>;
  };
}

export interface UntypedPullback {
  (dy: unknown, wrt?: readonly string[]): Record<string, unknown>;
  dispose(): void;
}

/** A derivative: one number, or where a multiplier is not unique all of these. */
export type Range = readonly [low: number, high: number];

export interface LossCase {
  readonly name: string;
  readonly loss: UntypedLoss;
  readonly options: object;
  /** The name of its differentiable parameter, if it has one. */
  readonly parameter: string | undefined;
  readonly reference: (
    scores: ArrayLike<number>,
    target: Target,
    options?: ReferenceOptions,
  ) => LossReference & { parameter: Range };
}

const entmaxCase = (name: string, loss: unknown, alpha: number, options: object = {}): LossCase => ({
  name,
  loss: loss as UntypedLoss,
  options,
  parameter: 'alpha' in options ? 'alpha' : undefined,
  reference: (scores, target, given) => {
    const result = entmaxLossReference(scores, target, alpha, given);
    return { ...result, parameter: [result.alpha, result.alpha] };
  },
});

const normmaxCase = (alpha: number): LossCase => ({
  name: `normmaxLoss, alpha ${alpha}`,
  loss: normmaxLoss as unknown as UntypedLoss,
  options: { alpha },
  parameter: 'alpha',
  reference: (scores, target, given) => {
    const result = normmaxLossReference(scores, target, alpha, given);
    return { ...result, parameter: [result.alpha, result.alpha] };
  },
});

const budgetCase = (budget: number, atMost: boolean): LossCase => ({
  name: `budgetLoss, ${atMost ? 'at most ' : ''}${budget}`,
  loss: budgetLoss as unknown as UntypedLoss,
  options: { budget, atMost },
  parameter: 'budget',
  reference: (scores, target, given) => {
    const result = budgetLossReference(scores, target, { ...given, budget, atMost });
    return { ...result, parameter: multipliers(result, scores, given) };
  },
});

/** With every entry on 0 or 1, any threshold between the smallest score less 1 that is taken and the largest that is not. */
function multipliers({ p, budget }: BudgetLossReference, scores: ArrayLike<number>, options?: ReferenceOptions): Range {
  if (budget === 0 || p.some((each) => each > 0 && each < 1)) return [budget, budget];
  const { mask, temperature = 1 } = options ?? {};
  let [low, high] = [-Infinity, Infinity];
  p.forEach((each, j) => {
    if (mask && !mask[j]) return;
    if (each === 0) low = Math.max(low, scores[j]! / temperature);
    else high = Math.min(high, scores[j]! / temperature - 1);
  });
  return [low, high];
}

export const LOSSES: readonly LossCase[] = [
  entmaxCase('softmaxLoss', softmaxLoss, 1),
  entmaxCase('sparsemaxLoss', sparsemaxLoss, 2),
  entmaxCase('entmax15Loss', entmax15Loss, 1.5),
  ...[1, 1.001, 1.3, 1.5, 2, 3.5, Infinity].map((alpha) =>
    entmaxCase(`entmaxLoss, alpha ${alpha}`, entmaxLoss, alpha, { alpha }),
  ),
  ...[1.1, 1.5, 2, 3.5, Infinity].map(normmaxCase),
  budgetCase(1, false),
  budgetCase(1, true),
];

/** Scores of six rows of n: spread, near-uniform, peaked, with ties, far from 0, small. */
export function sixRows(n: number, seed: number): number[][] {
  const random = randomFrom(seed);
  const normal = (): number => random.normal();
  const row = (score: (j: number) => number): number[] => Array.from({ length: n }, (_, j) => Math.fround(score(j)));
  return [
    row(() => 3 * normal()),
    row(() => 0.01 * normal()),
    row((j) => (j % 7 === 3 ? 6 : 0) + normal()),
    row(() => Math.round(2 * normal())),
    row(() => 1000 + normal()),
    row(() => 1e-3 * normal()),
  ];
}

/** Distributions of six rows of n, each on one to three classes; they sum to 1 exactly, in float32 too. */
export function sixDistributions(n: number, seed: number): number[][] {
  const random = randomFrom(seed);
  return [[1], [0.25, 0.75], [0.125, 0.375, 0.5], [1], [0.25, 0.75], [0.125, 0.375, 0.5]].map((parts) => {
    const q = new Array<number>(n).fill(0);
    for (const part of parts) q[random.below(n)]! += part;
    return q;
  });
}

/** A class for each of six rows of n. */
export function sixClasses(n: number, seed: number): number[] {
  const random = randomFrom(seed);
  return Array.from({ length: 6 }, () => random.below(n));
}
