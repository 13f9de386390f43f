/**
 * Upper bounds of the entries, the option `upper`: a number, or an array that broadcasts to x's shape.
 *
 * What all rows share (a number, or one row) is kept and staged once, as one row. What is as large as x and of its type is read
 * where it lies, as x is; anything else is spread to such an array. A gradient comes back in the form of what it belongs to.
 */

import { EntmaxError, show, showShape } from '../errors.ts';
import { newArray, scoresView } from '../scores.ts';
import type { Destination, FloatType, ReadScores, Template } from '../scores.ts';
import { broadcasts, forEachBroadcast, sameShape, sizeOf } from '../shape.ts';
import type { RowLayout } from '../shape.ts';
import { addressOf, elementsOf, Tensor } from '../tensor.ts';
import type { Float, Shape } from '../types.ts';
import { readValues, summed, sumOf } from './parameter.ts';

/** Bounds that have been read. All are 1 where both `row` and `each` are undefined. */
export interface Bounds {
  /** Those of every row, in an array of their own. */
  readonly row?: Float;
  /** One for each score, in x's layout and element type. */
  readonly each?: ReadScores;
  /** Whether `each` is the caller's. */
  readonly isBorrowed?: boolean;
  /** Their gradient from one value for each score. */
  readonly gradient: (perScore: Float) => unknown;
}

/** Reads `upper` for scores. Whether they are at least 0 is another question (refuse-rows.ts), unless they were read here. */
export function readBounds(op: string, given: unknown, scores: ReadScores, layout: RowLayout): Bounds {
  const { dtype, shape } = scores;
  if (given === undefined) return { gradient: sumOf };
  if (typeof given === 'number') {
    refuseNegative(op, [given]);
    return { row: newArray(dtype, layout.n).fill(given), gradient: sumOf };
  }
  const inPlace = tensorInPlace(given, scores);
  if (inPlace) {
    const form: Template = { form: 'tensor', dtype, shape: inPlace.shape };
    const gradient = (perScore: Float): unknown => summed(perScore, shape, inPlace.shape, form);
    return { each: { form: 'tensor', dtype, shape, tensor: inPlace }, isBorrowed: true, gradient };
  }
  const { values, form } = readValues(op, 'upper', given);
  const size = sizeOf(shape);
  const own = form.form === 'array' && values.length === size ? shape : form.shape;
  if (!broadcasts(own, shape)) {
    throw new EntmaxError('ENTMAX_SHAPE', op, `upper to broadcast to shape ${showShape(shape)}`, showShape(own));
  }
  const gradient = (perScore: Float): unknown => summed(perScore, shape, own, form);
  const isBorrowed = values.length === size && form.dtype === dtype && (form.form === 'array' || form.form === 'block');
  if (isBorrowed) return { each: { form: 'array', dtype, shape, data: values as Float }, isBorrowed, gradient };
  refuseNegative(op, values);
  if (values.length < size && isRow(own, shape, layout)) {
    const row = newArray(dtype, layout.n);
    if (values.length === 1) row.fill(values[0]!);
    else row.set(values);
    return { row, gradient };
  }
  return { each: { form: 'array', dtype, shape, data: spread(values, own, dtype, shape) }, gradient };
}

/** A tensor that kernels can read where it lies, beside scores that lie there too. */
function tensorInPlace(given: unknown, { form, dtype, shape }: ReadScores): Tensor<FloatType> | undefined {
  if (!(given instanceof Tensor && form === 'tensor' && given.dtype === dtype)) return undefined;
  return given.size === sizeOf(shape) && broadcasts(given.shape, shape) ? (given as Tensor<FloatType>) : undefined;
}

/** True when each row has the same of them. */
function isRow(own: Shape, shape: Shape, { axis }: RowLayout): boolean {
  const lead = shape.length - own.length;
  return own.every((length, at) => length === 1 || at + lead === axis);
}

/** Refuses a bound below 0. */
export function refuseNegative(op: string, bounds: ArrayLike<number>): void {
  for (let i = 0; i < bounds.length; i++) {
    if (!(bounds[i]! >= 0)) throw new EntmaxError('ENTMAX_OPTION', op, 'upper >= 0', show(bounds[i]));
  }
}

/** The bounds as a view, for immediate use: those of all scores, or of one row. */
export function boundsView(op: string, { row, each }: Bounds): Float | undefined {
  return each ? scoresView(each, op) : row;
}

/** The same bounds in arrays that nobody else writes to. */
export function ownBounds(op: string, bounds: Bounds): Bounds {
  const { each, isBorrowed } = bounds;
  if (!each || !isBorrowed) return bounds;
  const { dtype, shape } = each;
  const data = each.form === 'tensor' ? elementsOf(each.tensor, op) : each.data.slice();
  return { ...bounds, each: { form: 'array', dtype, shape, data }, isBorrowed: false };
}

/** Bounds that are still there while a result is written to `out`. */
export function besides(op: string, bounds: Bounds, out: Destination | undefined): Bounds {
  const { each } = bounds;
  if (!each || !out) return bounds;
  const meets =
    each.form === 'tensor'
      ? 'tensor' in out && addressOf(each.tensor, op) === addressOf(out.tensor, op)
      : 'data' in out && out.data.buffer === each.data.buffer;
  return meets ? ownBounds(op, bounds) : bounds;
}

/** One for each score, for kernels that know of no others; undefined when all are 1. */
export function eachBound(
  { row, each }: Bounds,
  { dtype, shape }: Template,
  layout: RowLayout,
): ReadScores | undefined {
  if (!row) return each;
  const { n, inner } = layout;
  const data = newArray(dtype, sizeOf(shape));
  for (let start = 0, j = 0; start < data.length; start += inner) {
    data.fill(row[j]!, start, start + inner);
    j = j + 1 < n ? j + 1 : 0;
  }
  return { form: 'array', dtype, shape, data };
}

/** Values of shape `own` as an array of its own with one for each of `shape`. */
function spread(values: ArrayLike<number>, own: Shape, dtype: FloatType, shape: Shape): Float {
  const size = sizeOf(shape);
  const data = newArray(dtype, size);
  const tail = own.slice(own.findIndex((length) => length !== 1));
  if (values.length > 1 && sameShape(tail, shape.slice(shape.length - tail.length))) {
    // Whole, once for each of the axes before.
    for (let at = 0; at < size; at += values.length) data.set(values, at);
    return data;
  }
  forEachBroadcast(own, shape, (target, source) => {
    data[target] = values[source]!;
  });
  return data;
}
