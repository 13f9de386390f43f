/**
 * What a loss compares with: one class for each row, or a distribution of the scores' shape.
 *
 * Integers in any form, and flat arrays of numbers, are classes; floats of the scores' shape are distributions. A row
 * whose class is `ignoreIndex` does not count. Class weights make a weight for each row: that of its class, or the mean
 * under its distribution.
 */

import { EntmaxError, show } from '../errors.ts';
import { integersIn } from '../maps/options.ts';
import type { ReadIntegers } from '../maps/options.ts';
import { readLike, readScores } from '../scores.ts';
import type { ReadScores } from '../scores.ts';
import type { RowLayout } from '../shape.ts';
import { addressOf } from '../tensor.ts';
import type { Float } from '../types.ts';

/** Default of `ignoreIndex`, as in PyTorch. */
const IGNORED = -100;

export type Targets =
  /** The class of each row, -1 for a row that does not count. */
  | { readonly kind: 'classes'; readonly classes: Int32Array }
  | { readonly kind: 'distributions'; readonly scores: ReadScores };

/** Reads `target` for scores of this layout. */
export function readTargets(
  op: string,
  target: unknown,
  scores: ReadScores,
  layout: RowLayout,
  ignoreIndex: unknown,
): Targets {
  const ignored = ignoreIndex ?? IGNORED;
  if (typeof ignored !== 'number' || !Number.isInteger(ignored)) {
    throw new EntmaxError('ENTMAX_OPTION', op, 'ignoreIndex to be an integer', show(ignoreIndex));
  }
  const integers = integersIn(op, target);
  if (integers) return { kind: 'classes', classes: checkClasses(op, integers, ignored, layout) };
  return { kind: 'distributions', scores: readLike(op, target, scores, 'target') };
}

function checkClasses(op: string, { values }: ReadIntegers, ignored: number, { rows, n }: RowLayout): Int32Array {
  if (values.length !== rows) {
    throw new EntmaxError('ENTMAX_SHAPE', op, `target with one class for each of ${rows} rows`, `${values.length}`);
  }
  const classes = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    const value = Number(values[row]);
    const counts = value !== ignored;
    if (counts && !(typeof values[row] !== 'boolean' && Number.isInteger(value) && value >= 0 && value < n)) {
      const expected = `target classes in [0, ${n - 1}] or ignoreIndex ${ignored}`;
      throw new EntmaxError('ENTMAX_OPTION', op, expected, `${show(values[row])} in row ${row}`);
    }
    classes[row] = counts ? value : -1;
  }
  return classes;
}

/** The weight of each row: 0 where it does not count, 1 unless there are class weights. */
export function rowWeights(op: string, targets: Targets, layout: RowLayout, classWeights: unknown): Float64Array {
  const { rows, n, inner } = layout;
  const given = readClassWeights(op, classWeights, n);
  if (targets.kind === 'classes') {
    return Float64Array.from(targets.classes, (k) => (k < 0 ? 0 : given ? (given[k] ?? 0) : 1));
  }
  const weights = new Float64Array(rows).fill(1);
  if (!given) return weights;
  const { scores } = targets;
  const data = scores.form === 'tensor' ? scores.tensor.view() : scores.data;
  for (let row = 0; row < rows; row++) {
    const start = Math.floor(row / inner) * n * inner + (row % inner);
    let weight = 0;
    for (let j = 0; j < n; j++) weight += (given[j] ?? 0) * (data[start + j * inner] ?? 0);
    weights[row] = weight;
  }
  return weights;
}

function readClassWeights(op: string, weights: unknown, n: number): Float | undefined {
  if (weights === undefined) return undefined;
  const scores = readScores(op, weights, undefined, 'classWeights');
  if (scores.form === 'tensor') addressOf(scores.tensor, op);
  const data = scores.form === 'tensor' ? scores.tensor.toTypedArray() : scores.data;
  if (data.length !== n) {
    throw new EntmaxError(
      'ENTMAX_SHAPE',
      op,
      `classWeights with one weight for each of ${n} classes`,
      `${data.length}`,
    );
  }
  const bad = data.findIndex((weight) => !(weight >= 0 && weight < Infinity));
  if (bad >= 0) {
    throw new EntmaxError('ENTMAX_OPTION', op, 'classWeights to be finite and >= 0', `${data[bad]} for class ${bad}`);
  }
  return data;
}
