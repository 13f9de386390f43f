/** Reading the options that all row maps share: every unknown key and every impossible value is an error that says so. */

import { EntmaxError, show, showShape } from '../errors.ts';
import { broadcasts, checkShape, forEachBroadcast, sizeOf } from '../shape.ts';
import type { RowLayout } from '../shape.ts';
import { elementsOf, Tensor } from '../tensor.ts';
import type { Shape } from '../types.ts';

/** Names from other packages, and what they are here. */
const HINTS: Readonly<Record<string, string>> = {
  dim: 'axis',
  n_iter: 'nothing: the threshold is exact',
  nIter: 'nothing: the threshold is exact',
  ensure_sum_one: 'nothing: rows always sum to one',
  return_support_size: 'the form .support',
  k: 'topkSparsemax or topkEntmax',
  tau: 'temperature',
};

/** What options look like, by one that only some have. */
const EXAMPLES = [
  { name: 'alpha', options: '{ alpha: 1.5 }' },
  { name: 'lambda', options: '{ lambda: 0.1 }' },
  { name: 'eps', options: '{ eps: 1e-6 }' },
];

/** Checks that `options` is an object with known keys, and drops the undefined ones. */
export function readOptions(
  op: string,
  options: unknown,
  known: readonly string[],
  hints: Readonly<Record<string, string>> = HINTS,
): Record<string, unknown> {
  if (options === undefined) return {};
  if (typeof options !== 'object' || options === null || Array.isArray(options) || ArrayBuffer.isView(options)) {
    const example = EXAMPLES.find(({ name }) => known.includes(name))?.options ?? '{ axis: -1 }';
    throw new EntmaxError('ENTMAX_OPTION', op, `an object of options such as ${example}`, show(options));
  }
  const given: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options)) {
    if (!known.includes(key)) {
      const hint = Object.hasOwn(hints, key) ? ` (${key} is ${hints[key]})` : '';
      throw new EntmaxError('ENTMAX_OPTION', op, `options among ${known.join(', ')}${hint}`, show(key));
    }
    if (value !== undefined) given[key] = value;
  }
  return given;
}

/** The temperature: finite and > 0. */
export function readTemperature(op: string, value: unknown): number {
  if (value === undefined) return 1;
  if (typeof value === 'number' && value > 0 && value < Infinity) return value;
  throw new EntmaxError('ENTMAX_OPTION', op, 'temperature to be finite and > 0', show(value));
}

export type EmptyRow = 'zero' | 'nan' | 'throw';

/** What a row becomes in which nothing is left. */
export function readEmptyRow(op: string, value: unknown): EmptyRow {
  if (value === undefined) return 'zero';
  if (value === 'zero' || value === 'nan' || value === 'throw') return value;
  throw new EntmaxError('ENTMAX_OPTION', op, "emptyRow to be 'zero', 'nan' or 'throw'", show(value));
}

export interface ReadIntegers {
  readonly values: ArrayLike<unknown>;
  /** Undefined for a bare array, whose shape follows from its use. */
  readonly shape: Shape | undefined;
}

/** Integers or booleans in any accepted form, or nothing if the source is something else. */
export function integersIn(op: string, source: unknown): ReadIntegers | undefined {
  if (source instanceof Tensor && (source.dtype === 'int32' || source.dtype === 'uint8')) {
    return { values: elementsOf(source, op), shape: source.shape };
  }
  if (isIntegerArray(source)) return { values: source, shape: undefined };
  if (typeof source === 'object' && source !== null && 'data' in source && ('shape' in source || 'dims' in source)) {
    const { data } = source;
    const shape: unknown = 'shape' in source ? source.shape : 'dims' in source ? source.dims : undefined;
    if (isIntegerArray(data)) return { values: data, shape: checkShape(op, shape, data.length) };
  }
  return undefined;
}

export function readIntegers(op: string, name: string, source: unknown): ReadIntegers {
  const integers = integersIn(op, source);
  if (integers) return integers;
  const expected = `${name} as Uint8Array, Int32Array, BigInt64Array, an array, a shaped block or an integer Tensor`;
  const got = source instanceof Tensor ? `a Tensor of ${source.dtype}` : show(source);
  throw new EntmaxError('ENTMAX_DTYPE', op, expected, got);
}

function isIntegerArray(value: unknown): value is ArrayLike<unknown> {
  if (Array.isArray(value)) return value.every((each) => typeof each === 'number' || typeof each === 'boolean');
  return (
    value instanceof Uint8Array ||
    value instanceof Int32Array ||
    value instanceof Uint32Array ||
    value instanceof BigInt64Array
  );
}

/** A length for each batch, from 0 to `most`; undefined for all full. */
export function readLengths(
  op: string,
  name: string,
  source: unknown,
  batches: number,
  most: number,
): Int32Array | undefined {
  if (source === undefined) return undefined;
  const { values } = readIntegers(op, name, source);
  if (values.length !== batches) {
    const expected = `${name} with one entry for each of ${batches} batches`;
    throw new EntmaxError('ENTMAX_SHAPE', op, expected, `${values.length} entries`);
  }
  return Int32Array.from(values, (value, batch) => {
    const length = Number(value);
    if (Number.isInteger(length) && length >= 0 && length <= most) return length;
    throw new EntmaxError('ENTMAX_OPTION', op, `${name} in [0, ${most}]`, `${show(value)} for batch ${batch}`);
  });
}

/** `true` has one meaning only where queries and keys are as many, in every batch. */
/** One byte for each score, 1 = keep, from `mask` and `lengths`; undefined when all count. */
export function readMask(
  op: string,
  mask: unknown,
  lengths: unknown,
  shape: Shape,
  layout: RowLayout,
): Uint8Array | undefined {
  if (mask === undefined && lengths === undefined) return undefined;
  const keep = new Uint8Array(sizeOf(shape)).fill(1);
  if (mask !== undefined) applyMask(op, mask, shape, keep);
  if (lengths !== undefined) applyLengths(op, lengths, layout, keep);
  return keep;
}

function applyMask(op: string, mask: unknown, shape: Shape, keep: Uint8Array): void {
  const { values, shape: own } = readIntegers(op, 'mask', mask);
  const from = own ?? (values.length === keep.length ? shape : [values.length]);
  if (!broadcasts(from, shape)) {
    throw new EntmaxError('ENTMAX_SHAPE', op, `mask to broadcast to shape ${showShape(shape)}`, showShape(from));
  }
  forEachBroadcast(from, shape, (target, source) => {
    keep[target] = Number(values[source]) === 0 ? 0 : 1;
  });
}

function applyLengths(op: string, lengths: unknown, { n, inner, rows }: RowLayout, keep: Uint8Array): void {
  const { values } = readIntegers(op, 'lengths', lengths);
  if (values.length !== rows) {
    throw new EntmaxError('ENTMAX_SHAPE', op, `lengths with one entry for each of ${rows} rows`, `${values.length}`);
  }
  for (let row = 0; row < rows; row++) {
    const length = Number(values[row]);
    if (!(Number.isInteger(length) && length >= 0 && length <= n)) {
      throw new EntmaxError('ENTMAX_OPTION', op, `lengths in [0, ${n}]`, `${show(values[row])} for row ${row}`);
    }
    const start = Math.floor(row / inner) * n * inner + (row % inner);
    for (let j = length; j < n; j++) keep[start + j * inner] = 0;
  }
}
