/**
 * A parameter of a row map (alpha, later budget, lambda): a number, one value for each row, or a shaped block of x's
 * rank with 1 at the axis. Read in float64 throughout.
 */

import { EntmaxError, show, showShape } from '../errors.ts';
import { flatten } from '../nested.ts';
import { broadcasts, checkShape, forEachBroadcast } from '../shape.ts';
import type { RowLayout } from '../shape.ts';
import { elementsOf, Tensor } from '../tensor.ts';
import type { Shape } from '../types.ts';

/** What a map says of its parameter. */
export interface ParameterRule {
  /** Its name among the options; undefined when the map fixes the value. */
  readonly name: string | undefined;
  /** Value when the caller gives none. */
  readonly value: number;
  /** The condition in words, such as `alpha >= 1`. */
  readonly condition: string;
  accepts(value: number): boolean;
  /** What the kernel is given. */
  toKernel(value: number): number;
}

/** One kernel value for all rows, or one for each. */
export function readParameter(
  op: string,
  rule: ParameterRule,
  given: unknown,
  shape: Shape,
  layout: RowLayout,
): Float64Array {
  const values =
    rule.name === undefined || given === undefined ? [rule.value] : perRow(op, rule.name, given, shape, layout);
  return Float64Array.from(values, (value, row) => {
    if (rule.accepts(value)) return rule.toKernel(value);
    throw new EntmaxError(
      'ENTMAX_OPTION',
      op,
      rule.condition,
      values.length === 1 ? show(value) : `${show(value)} in row ${row}`,
    );
  });
}

function perRow(op: string, name: string, given: unknown, shape: Shape, layout: RowLayout): ArrayLike<number> {
  if (typeof given === 'number') return [given];
  const { values, shape: own } = readValues(op, name, given);
  if (own === undefined) {
    if (values.length === layout.rows) return values;
    throw new EntmaxError(
      'ENTMAX_SHAPE',
      op,
      `${name} with one value for each of ${layout.rows} rows`,
      `${values.length} values`,
    );
  }
  const target = shape.map((length, axis) => (axis === layout.axis ? 1 : length));
  if (own.length !== shape.length || !broadcasts(own, target)) {
    throw new EntmaxError('ENTMAX_SHAPE', op, `${name} of shape ${showShape(target)}`, showShape(own));
  }
  const rows = new Float64Array(layout.rows);
  forEachBroadcast(own, target, (row, source) => {
    rows[row] = values[source] ?? NaN;
  });
  return rows;
}

/** Values with their shape, if they have one of their own. */
function readValues(op: string, name: string, given: unknown): { values: ArrayLike<number>; shape: Shape | undefined } {
  if (given instanceof Tensor && (given.dtype === 'float32' || given.dtype === 'float64')) {
    return { values: elementsOf(given, op), shape: given.shape };
  }
  if (given instanceof Float32Array || given instanceof Float64Array) return { values: given, shape: undefined };
  if (Array.isArray(given)) {
    const { values, shape } = flatten(op, given);
    return { values, shape: shape.length === 1 ? undefined : shape };
  }
  if (typeof given === 'object' && given !== null && 'data' in given && ('shape' in given || 'dims' in given)) {
    const { data } = given;
    const shape: unknown = 'shape' in given ? given.shape : 'dims' in given ? given.dims : undefined;
    const isFloat = data instanceof Float32Array || data instanceof Float64Array;
    if (isFloat) return { values: data, shape: checkShape(op, shape, data.length) };
  }
  throw new EntmaxError(
    'ENTMAX_DTYPE',
    op,
    `${name} as a number, an array of numbers, a shaped block or a Tensor`,
    show(given),
  );
}
