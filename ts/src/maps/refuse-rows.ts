/** Rows that have no result are refused before anything is written. Each row is read only as far as needed. */

import { EntmaxError, show } from '../errors.ts';
import { scoresView } from '../scores.ts';
import type { Float } from '../types.ts';
import type { RowCall } from './row-call.ts';

/** Bounds (1 for each when there are none) of the scores of a row that count, summed until there is enough. */
export function countedMass(
  { layout: { n, inner }, mask }: RowCall,
  data: Float,
  upper: Float | undefined,
  row: number,
  enough: number,
): number {
  const start = Math.floor(row / inner) * n * inner + (row % inner);
  const end = start + n * inner;
  const sum = data instanceof Float32Array ? sumOfFloat32 : sumOfFloat64;
  return sum(data as never, mask, upper as never, start, end, inner, enough);
}

/** One loop for each type: with both in one an engine takes several times as long. */
function sumOfFloat32(
  data: Float32Array,
  mask: Uint8Array | undefined,
  upper: Float32Array | undefined,
  start: number,
  end: number,
  inner: number,
  enough: number,
): number {
  let sum = 0;
  for (let at = start; at < end && sum < enough; at += inner) {
    if (data[at] !== -Infinity && mask?.[at] !== 0) sum += upper ? upper[at]! : 1;
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
  enough: number,
): number {
  let sum = 0;
  for (let at = start; at < end && sum < enough; at += inner) {
    if (data[at] !== -Infinity && mask?.[at] !== 0) sum += upper ? upper[at]! : 1;
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

/** For exact budgets, or a mass of 1: a row whose bounds sum to less. A row in which no score counts is empty and not infeasible. */
export function refuseInfeasible(call: RowCall): void {
  const { op, descriptor, scores, layout, parameter, upper } = call;
  const { values } = parameter;
  const data = scoresView(scores, op);
  for (let row = 0; row < layout.rows; row++) {
    const budget = descriptor.capped ? values[values.length > 1 ? row : 0]! : 1;
    const mass = countedMass(call, data, upper?.data, row, budget);
    if (mass * (1 + SLACK[scores.dtype]) >= budget || countedMass(call, data, undefined, row, 1) === 0) continue;
    throw descriptor.capped
      ? new EntmaxError('ENTMAX_OPTION', op, `budget in [0, ${mass}]`, `${show(budget)} in row ${row}`)
      : new EntmaxError('ENTMAX_OPTION', op, 'upper that sums to at least 1 in every row', `${mass} in row ${row}`);
  }
}
