/**
 * A parameter of a row map (alpha, budget, lambda): a number, one value for each row, or a shaped block of x's rank with 1 at
 * the axis. Parameters are read in float64 throughout. A gradient comes back in the form of what it belongs to, with sums over
 * what was repeated.
 */

import { EntmaxError, show, showShape } from '../errors.ts';
import { flatten, nest } from '../nested.ts';
import { inFormOf, newArray } from '../scores.ts';
import type { Template } from '../scores.ts';
import { broadcasts, checkShape, forEachBroadcast, sizeOf } from '../shape.ts';
import type { RowLayout } from '../shape.ts';
import { elementsOf, Tensor, tensor } from '../tensor.ts';
import type { Float, Shape } from '../types.ts';

/** What a map says of its parameter. */
export interface ParameterRule {
  /** Its name among the options; undefined when the map fixes the value. */
  readonly name: string | undefined;
  /** Value when the caller gives none; undefined when one must be given. */
  readonly value: number | undefined;
  /** What has a value of its own, for errors; a row by default. */
  readonly owner?: string;
  /** The condition in words, such as `alpha >= 1`. */
  readonly condition: string;
  accepts(value: number): boolean;
  /** What the kernel is given. */
  toKernel(value: number): number;
}

/** Kernels are given alpha - 1, formed in float64, so that alpha = 1 + 1e-7 keeps its digits. */
export const alphaRule = (value: number, name?: string): ParameterRule => ({
  name,
  value,
  condition: 'alpha >= 1',
  accepts: (alpha) => alpha >= 1,
  toKernel: (alpha) => alpha - 1,
});

/** A parameter that has been read. */
export interface Parameter {
  /** One kernel value for all rows, or one for each. */
  readonly values: Float64Array;
  /** Its gradient from one value for each row. */
  readonly gradient: (perRow: Float64Array) => unknown;
}

/** Reads and checks the parameter; the map's default stands for one that was not given, and counts as a number. */
export function readParameter(
  op: string,
  rule: ParameterRule,
  given: unknown,
  shape: Shape,
  layout: RowLayout,
): Parameter {
  const { name } = rule;
  const value = given ?? rule.value;
  if (value === undefined) throw new EntmaxError('ENTMAX_OPTION', op, `the option ${name}`, 'undefined');
  if (typeof value === 'number') {
    return { values: Float64Array.of(accepted(op, rule, value)), gradient: sumOf };
  }
  const { axis: first, last = first } = layout;
  const rowShape = shape.map((length, axis) => (axis === first || axis === last ? 1 : length));
  const { values, form } = readValues(op, name ?? '', value);
  const bare = form.form === 'array' || (form.form === 'nested' && form.shape.length === 1);
  if (bare && values.length !== layout.rows) {
    const expected = `${name} with one value for each of ${layout.rows} ${rule.owner ?? 'row'}s`;
    throw new EntmaxError('ENTMAX_SHAPE', op, expected, `${values.length} values`);
  }
  if (!bare && (form.shape.length !== shape.length || !broadcasts(form.shape, rowShape))) {
    throw new EntmaxError('ENTMAX_SHAPE', op, `${name} of shape ${showShape(rowShape)}`, showShape(form.shape));
  }
  const own = bare ? rowShape : form.shape;
  const rows = new Float64Array(layout.rows);
  forEachBroadcast(own, rowShape, (row, source) => {
    rows[row] = accepted(op, rule, values[source] ?? NaN, row);
  });
  return { values: rows, gradient: (perRow) => summed(perRow, rowShape, own, form) };
}

function accepted(op: string, rule: ParameterRule, value: number, row?: number): number {
  if (rule.accepts(value)) return rule.toKernel(value);
  const place = row === undefined ? '' : ` in ${rule.owner ?? 'row'} ${row}`;
  throw new EntmaxError('ENTMAX_OPTION', op, rule.condition, show(value) + place);
}

/** The gradient of a number. */
export function sumOf(values: Float): number {
  let sum = 0;
  for (const value of values) sum += value;
  return canonical(sum);
}

/** Engines differ in the sign of a NaN that a sum hands on, even between their own tiers. */
function canonical(value: number): number {
  return Number.isNaN(value) ? NaN : value;
}

/** Values of shape `from`, summed over the axes along which `own` repeats, in the parameter's form. */
export function summed(values: Float, from: Shape, own: Shape, template: Template): unknown {
  const sums = new Float64Array(sizeOf(own));
  if (sums.length === values.length) sums.set(values);
  else {
    forEachBroadcast(own, from, (target, source) => {
      sums[source] = sums[source]! + values[target]!;
    });
  }
  sums.forEach((sum, i) => (sums[i] = canonical(sum)));
  if (template.form === 'nested') return nest(sums, template.shape);
  const data = newArray(template.dtype, sums.length);
  data.set(sums);
  return template.form === 'tensor' ? tensor(data, template.shape) : inFormOf(template, data);
}

/** Values with the form that they came in; the shape of a bare array is its length. */
export function readValues(op: string, name: string, given: unknown): { values: ArrayLike<number>; form: Template } {
  if (given instanceof Tensor && (given.dtype === 'float32' || given.dtype === 'float64')) {
    return { values: elementsOf(given, op) as Float, form: { form: 'tensor', dtype: given.dtype, shape: given.shape } };
  }
  if (Array.isArray(given)) {
    const { values, shape } = flatten(op, given);
    return { values, form: { form: 'nested', dtype: 'float64', shape } };
  }
  const isBlock =
    typeof given === 'object' && given !== null && 'data' in given && ('shape' in given || 'dims' in given);
  const data = isBlock ? given.data : given;
  if (!(data instanceof Float32Array || data instanceof Float64Array)) {
    const expected = `${name} as a number, an array of numbers, a shaped block or a Tensor`;
    throw new EntmaxError('ENTMAX_DTYPE', op, expected, show(given));
  }
  const dtype = data instanceof Float32Array ? 'float32' : 'float64';
  if (!isBlock) return { values: data, form: { form: 'array', dtype, shape: [data.length] } };
  const own: unknown = 'shape' in given ? given.shape : 'dims' in given ? given.dims : undefined;
  return { values: data, form: { form: 'block', dtype, shape: checkShape(op, own, data.length) } };
}
