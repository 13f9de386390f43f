/** Rows that have no result are refused before anything is written. Each row is read only as far as needed. */

import { EntmaxError, show } from '../errors.ts';
import { Scratch } from '../runtime/scratch.ts';
import { scoresView } from '../scores.ts';
import type { Float } from '../types.ts';
import { boundsView, refuseNegative } from './bounds.ts';
import type { Bounds } from './bounds.ts';
import { arrayOperand, operandOf } from './room.ts';
import type { RowCall } from './row-call.ts';
import { kernelOf } from './row-job.ts';
import { stagedRows } from './staging.ts';

/** Bounds (1 for each when there are none) of the scores of a row that count, summed until there is enough. */
export function countedMass(
  { op, layout: { n, inner }, mask }: RowCall,
  data: Float,
  upper: Bounds | undefined,
  row: number,
  enough: number,
): number {
  const start = Math.floor(row / inner) * n * inner + (row % inner);
  const sum = data instanceof Float32Array ? sumOfFloat32 : sumOfFloat64;
  // Where the row's bounds begin, and how far the next one is.
  const [first, step] = upper?.row ? [0, 1] : [start, inner];
  const bounds = upper && boundsView(op, upper);
  return sum(data as never, mask, bounds as never, start, start + n * inner, inner, first, step, enough);
}

/** One loop for each type: with both in one an engine takes several times as long. */
function sumOfFloat32(
  data: Float32Array,
  mask: Uint8Array | undefined,
  upper: Float32Array | undefined,
  start: number,
  end: number,
  inner: number,
  first: number,
  step: number,
  enough: number,
): number {
  let sum = 0;
  for (let at = start, place = first; at < end && sum < enough; at += inner, place += step) {
    if (data[at] !== -Infinity && mask?.[at] !== 0) sum += upper ? upper[place]! : 1;
  }
  return sum;
}

/** The same as `sumOfFloat32`. */
function sumOfFloat64(
  data: Float64Array,
  mask: Uint8Array | undefined,
  upper: Float64Array | undefined,
  start: number,
  end: number,
  inner: number,
  first: number,
  step: number,
  enough: number,
): number {
  let sum = 0;
  for (let at = start, place = first; at < end && sum < enough; at += inner, place += step) {
    if (data[at] !== -Infinity && mask?.[at] !== 0) sum += upper ? upper[place]! : 1;
  }
  return sum;
}

/** For `emptyRow: 'throw'`: a row in which no score counts. */
export function refuseEmptyRows(call: RowCall): void {
  const { op, scores, layout } = call;
  const data = scoresView(scores, op);
  for (let row = 0; row < layout.rows && layout.n > 0; row++) {
    if (countedMass(call, data, undefined, row, 1) > 0) continue;
    throw new EntmaxError('ENTMAX_EMPTY_ROW', op, 'a score that counts in every row', `none in row ${row}`);
  }
}

/** Bounds are rounded to the scores' type, and sums are rounded: a budget may exceed theirs by so much. */
const SLACK = { float32: 1e-6, float64: 1e-12 };

/**
 * Refuses bounds below 0, and of maps that are `exact` (budgets, or a mass of 1) rows whose bounds sum to less. A row in which no
 * score counts is empty and not infeasible.
 */
export function refuseBounds(call: RowCall, exact: boolean): void {
  const { op, layout, upper } = call;
  if (upper?.each) {
    if (areFeasible(call, exact)) return;
    refuseNegative(op, scoresView(upper.each, op));
  }
  if (!exact) return;
  const data = scoresView(call.scores, op);
  const needed = upper?.each ? Infinity : leastNeeded(call);
  for (let row = 0; row < layout.rows; row++) {
    if (!beginsWhole(call, data, row, needed)) refuseInfeasible(call, data, row);
  }
}

/** What a row sums to. */
function budgetOf({ descriptor, parameter: { values } }: RowCall, row: number): number {
  return descriptor.capped ? values[values.length > 1 ? row : 0]! : 1;
}

function refuseInfeasible(call: RowCall, data: Float, row: number): void {
  const { op, descriptor, scores, upper } = call;
  const budget = budgetOf(call, row);
  const mass = countedMass(call, data, upper, row, budget);
  if (mass * (1 + SLACK[scores.dtype]) >= budget || countedMass(call, data, undefined, row, 1) === 0) return;
  throw descriptor.capped
    ? new EntmaxError('ENTMAX_OPTION', op, `budget in [0, ${mass}]`, `${show(budget)} in row ${row}`)
    : new EntmaxError('ENTMAX_OPTION', op, 'upper that sums to at least 1 in every row', `${mass} in row ${row}`);
}

/** How many of the first scores of any row are enough if they all count, with bounds that rows share; Infinity if none are. */
function leastNeeded({ descriptor, parameter: { values }, layout: { n }, upper }: RowCall): number {
  const most = descriptor.capped ? values.reduce((most, value) => Math.max(most, value), 0) : 1;
  let needed = 0;
  for (let sum = 0; sum < most; needed++) {
    if (needed === n) return Infinity;
    sum += upper?.row ? upper.row[needed]! : 1;
  }
  return needed;
}

/** True when so many of the first scores of a row count. */
function beginsWhole({ layout, mask }: RowCall, data: Float, row: number, count: number): boolean {
  const { n, inner } = layout;
  if (count > n) return false;
  const start = Math.floor(row / inner) * n * inner + (row % inner);
  const end = start + count * inner;
  if (mask) for (let at = start; at < end; at += inner) if (mask[at] === 0) return false;
  return data instanceof Float32Array ? isAbove32(data, start, end, inner) : isAbove64(data, start, end, inner);
}

/** True when none is -Infinity; one loop for each type, as above. */
function isAbove32(data: Float32Array, start: number, end: number, inner: number): boolean {
  for (let at = start; at < end; at += inner) if (data[at] === -Infinity) return false;
  return true;
}

/** The same as `isAbove32`. */
function isAbove64(data: Float64Array, start: number, end: number, inner: number): boolean {
  for (let at = start; at < end; at += inner) if (data[at] === -Infinity) return false;
  return true;
}

/** Whether a kernel sees no reason to look at bounds of each score: a pass over arrays that are large. */
function areFeasible(call: RowCall, exact: boolean): boolean {
  const { op, layout, scores, mask, upper, descriptor, parameter } = call;
  const room = new Scratch(op);
  try {
    const budgets = exact && descriptor.capped ? parameter.values : Float64Array.of(exact ? 1 : 0);
    const address = room.copyOfNumbers(budgets);
    const kernel = kernelOf(call, 'row_map_feasible');
    const operands = [operandOf(scores), arrayOperand('uint8', mask), upper?.each && operandOf(upper.each)];
    for (const { at, rows, inner, firstRow } of stagedRows(op, layout, operands, room, false)) {
      const budget = budgets.length > 1 ? [address + 8 * firstRow, 1] : [address, 0];
      if (kernel(rows, at[0]!, at[1]!, layout.n, inner, budget[0]!, budget[1]!, at[2]!) === 0) return false;
    }
    return true;
  } finally {
    room.release();
  }
}
