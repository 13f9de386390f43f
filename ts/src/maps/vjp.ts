/**
 * The value with its pullback. The pullback keeps the output and nothing else: as entries of the support where these
 * are smaller than the dense array. It knows what the output cannot tell: rows of +Infinity and empty rows are constant,
 * so their entries are not kept, and a budget that was not used up has no gradient. Of the maps with groups it keeps these too.
 *
 * What it keeps lies in JavaScript's own arrays; only the dense output of a Tensor is kept as a Tensor.
 */

import { scatter } from '../csr.ts';
import type { Entries } from '../csr.ts';
import type { Plan } from '../runtime/plan.ts';
import { newArray, scoresView } from '../scores.ts';
import { sizeOf } from '../shape.ts';
import { allocateTensor } from '../tensor.ts';
import type { Float } from '../types.ts';
import { isSmaller } from './backward.ts';
import type { DenseOutput } from './backward.ts';
import { ownBounds } from './bounds.ts';
import { sparseRows } from './csr.ts';
import type { SparseParts } from './csr.ts';
import { writeDense, writeGrouped } from './dense.ts';
import type { Labels } from './dense.ts';
import type { Prepared } from './forms.ts';
import { makePullback } from './pullback.ts';
import type { AnyPullback } from './pullback.ts';
import { countedMass } from './refuse-rows.ts';
import { dataOf, inRoom } from './room.ts';
import { BUDGET_AT_MOST, CONSTRAINED, ENTMAX, isOntoSimplex, readRowCall, refuseRows } from './row-call.ts';
import type { RowCall, RowMapCall, RowMapDescriptor } from './row-call.ts';
import type { Operand } from './staging.ts';

export function prepareVjp(
  descriptor: RowMapDescriptor,
  op: string,
  [x, options]: readonly unknown[],
  isAsync: boolean,
): Prepared<[unknown, AnyPullback]> {
  const call = refuseRows(readRowCall(op, descriptor, x, options, [], isAsync));
  const { scores, layout, template, given } = call;
  const plan = (): Plan<[unknown, AnyPullback]> =>
    inRoom(op, function* (room) {
      const result = room.result(template, undefined, layout.apart);
      if (descriptor.grouped) {
        const size = sizeOf(template.shape);
        const labels = { groups: new Int32Array(size), rates: newArray(template.dtype, size) };
        yield* writeGrouped(call, room, result, labels);
        return [result.value, makePullback(withoutScores(call), keepDense(call, result.operand, labels), isAsync)];
      }
      if (isDense(call)) {
        yield* writeDense(call, room, result);
        return [result.value, makePullback(withoutScores(call), keepDense(call, result.operand), isAsync)];
      }
      const parts = yield* sparseRows(call, false);
      const data = dataOf(result.operand, op, sizeOf(template.shape));
      if (template.form === 'tensor') data.fill(0);
      scatter(parts, layout.n, layout.inner, data);
      const p = isSmaller(parts, data.length) ? varying(call, parts) : keepDense(call, result.operand);
      return [result.value, makePullback(withoutScores(call, parts), p, isAsync)];
    });
  return { op, plan, rows: layout.rows, reads: [scores, call.upper?.each], given };
}

/** The output as a pullback keeps it, without the value. */
export function savedSupport(call: RowCall): Plan<Operand | Entries> {
  return inRoom(call.op, function* (room) {
    if (!isDense(call)) return varying(call, yield* sparseRows(call, false));
    const result = room.result({ ...call.template, form: 'array' }, undefined, call.layout.apart);
    yield* writeDense(call, room, result);
    return keepDense(call, result.operand);
  });
}

/** True for softmax, also one with bounds, whose support is everything. */
function isDense({ map, k, parameter }: RowCall): boolean {
  const isEntmax = map === ENTMAX || map === CONSTRAINED;
  return isEntmax && k === 0 && parameter.values.every((alphaMinusOne) => alphaMinusOne === 0);
}

/**
 * What the kernels are told of the map, without the scores. At most the budget: the multiplier is positive exactly
 * where the budget binds, and the kernels take -1 for that and Infinity for the rest.
 */
function withoutScores(call: RowCall, parts?: SparseParts): RowMapCall {
  const { op, descriptor, template, layout, map, k, temperature, emptyRow, large } = call;
  const upper = call.upper && ownBounds(op, call.upper);
  const { values, gradient } = call.parameter;
  const binding =
    map === BUDGET_AT_MOST && parts ? Float64Array.from(parts.thresholds, (tau) => (tau > 0 ? -1 : Infinity)) : values;
  const parameter = { values: binding, gradient };
  return { op, descriptor, template, layout, map, parameter, upper, k, temperature, emptyRow, large };
}

/** A copy of the dense output, zero in the rows that are constant. */
function keepDense(call: RowCall, operand: Operand, labels?: Labels): DenseOutput {
  const { op, template, layout } = call;
  const { dtype, shape, form } = template;
  const size = sizeOf(shape);
  const tensor = form === 'tensor' ? allocateTensor(op, dtype, shape) : undefined;
  const array = tensor ? undefined : newArray(dtype, size);
  const p = dataOf({ dtype, tensor, target: array }, op, size);
  p.set(dataOf(operand, op, size));
  const { n, inner, rows } = layout;
  const x = scoresView(call.scores, op);
  for (let row = 0; row < rows; row++) {
    const start = Math.floor(row / inner) * n * inner + (row % inner);
    const end = start + n * inner;
    let isConstant = false;
    for (let at = start; at < end; at += inner) {
      if (p[at] === 0) continue;
      isConstant = fixesRow(call, x, row, at, p[at]!);
      if (isConstant || isOntoSimplex(call.descriptor)) break;
    }
    if (isConstant) for (let at = start; at < end; at += inner) p[at] = 0;
  }
  return { dtype, tensor, source: array, labels };
}

/**
 * True where no small change of the scores changes the row, as one entry of its support tells. Of the maps onto the
 * simplex any entry does, because only equal ones stand beside +Infinity.
 */
function fixesRow(call: RowCall, x: Float, row: number, at: number, p: number): boolean {
  if (!Number.isNaN(p)) return x[at] === Infinity;
  return call.emptyRow === 'nan' && countedMass(call, x, undefined, row, 1) === 0;
}

/** The entries of the rows that are not constant. */
function varying(call: RowCall, { indptr, indices, values }: Entries): Entries {
  const { n, inner, rows } = call.layout;
  const x = scoresView(call.scores, call.op);
  const kept = new Int32Array(rows + 1);
  for (let row = 0; row < rows; row++) {
    const start = Math.floor(row / inner) * n * inner + (row % inner);
    const [first, end] = [indptr[row]!, indptr[row + 1]!];
    let isConstant = false;
    for (let k = first; k < end && !isConstant && (k === first || !isOntoSimplex(call.descriptor)); k++) {
      isConstant = fixesRow(call, x, row, start + indices[k]! * inner, values[k]!);
    }
    kept[row + 1] = kept[row]! + (isConstant ? 0 : end - first);
  }
  const size = kept[rows]!;
  if (size === indptr[rows]) return { indptr, indices, values };
  const entries = { indptr: kept, indices: new Int32Array(size), values: newArray(call.template.dtype, size) };
  for (let row = 0; row < rows; row++) {
    if (kept[row + 1] === kept[row]) continue;
    entries.indices.set(indices.subarray(indptr[row], indptr[row + 1]), kept[row]);
    entries.values.set(values.subarray(indptr[row], indptr[row + 1]), kept[row]);
  }
  return entries;
}
