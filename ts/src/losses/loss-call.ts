/** The arguments of a loss, read and checked: scores and options as for its map, then targets, weights and reduction. */

import { EntmaxError, show } from '../errors.ts';
import type { Prepared } from '../maps/forms.ts';
import { readRowCall, refuseRows } from '../maps/row-call.ts';
import type { RowCall, RowMapDescriptor } from '../maps/row-call.ts';
import { inFormOf, newArray } from '../scores.ts';
import type { Destination } from '../scores.ts';
import { tensor } from '../tensor.ts';
import type { Float } from '../types.ts';
import { readTargets, rowWeights } from './targets.ts';
import type { Targets } from './targets.ts';

export type Reduction = 'mean' | 'sum' | 'none';

export interface LossCall extends RowCall {
  readonly targets: Targets;
  readonly reduction: Reduction;
  /** What each row's loss and gradient are multiplied by; 0 for rows that do not count. */
  readonly scale: Float64Array;
}

/** The forms of a loss differ in the reductions that they take, and in further options. */
export interface LossForm {
  readonly reductions: readonly Reduction[];
  readonly more?: readonly string[];
}

export function readLossCall(
  op: string,
  descriptor: RowMapDescriptor,
  [z, target, options]: readonly unknown[],
  isAsync: boolean,
  { reductions, more = [] }: LossForm,
): LossCall {
  const own = ['ignoreIndex', 'classWeights', ...(reductions.length > 1 ? ['reduction'] : []), ...more];
  const call = readRowCall(op, descriptor, z, options, own, isAsync);
  const { given, layout } = call;
  const targets = readTargets(op, target, call.scores, layout, given['ignoreIndex']);
  const weights = rowWeights(op, targets, layout, given['classWeights']);
  const reduction = readReduction(op, given['reduction'], reductions);
  refuseRows(call);
  return { ...call, targets, reduction, scale: reduction === 'mean' ? shares(weights) : weights };
}

function readReduction(op: string, value: unknown, reductions: readonly Reduction[]): Reduction {
  const reduction = value ?? reductions[0];
  if (reductions.includes(reduction as Reduction)) return reduction as Reduction;
  const expected = `reduction to be ${reductions.map((each) => `'${each}'`).join(' or ')}`;
  throw new EntmaxError('ENTMAX_OPTION', op, expected, show(value));
}

/** Weights divided by their sum; all 0 when nothing counts. */
function shares(weights: Float64Array): Float64Array {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return total === 0 ? weights : weights.map((weight) => weight / total);
}

/** The losses of all rows as one number. A row of weight 0 counts for nothing, whatever its loss. */
export function reduced({ scale }: LossCall, losses: Float64Array): number {
  return losses.reduce((sum, loss, row) => (scale[row] === 0 ? sum : sum + scale[row]! * loss), 0);
}

/** The call with its plan, before it begins. */
export function prepared<R>(call: LossCall, plan: Prepared<R>['plan'], writes?: Destination): Prepared<R> {
  const { op, layout, scores, targets, given } = call;
  const reads = [scores, targets.kind === 'distributions' ? targets.scores : undefined];
  return { op, plan, rows: layout.rows, reads, writes, given };
}

/** The scores' shape without the axis; [1] for a single row. */
export function rowsShape({ template, layout }: LossCall): readonly number[] {
  const others = template.shape.filter((_, axis) => axis !== layout.axis);
  return others.length === 0 ? [1] : others;
}

/** Weighted losses in the form of the scores. */
export function perRow(call: LossCall, losses: Float64Array): unknown {
  const { template, scale } = call;
  const data: Float = newArray(template.dtype, losses.length);
  losses.forEach((loss, row) => (data[row] = scale[row] === 0 ? 0 : scale[row]! * loss));
  const shape = rowsShape(call);
  return template.form === 'tensor' ? tensor(data, shape) : inFormOf({ form: template.form, shape }, data);
}
