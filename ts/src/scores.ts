/**
 * Scores in any of the accepted forms, and results in the same form: what goes in comes out.
 *
 *     Float32Array / Float64Array            -> a new typed array of the same type
 *     Tensor                                 -> Tensor
 *     { data, shape } or { data, dims }      -> { data, shape }
 *     numbers, nested to any depth           -> the same, computed in float64
 */

import { EntmaxError, show, showShape } from './errors.ts';
import { flatten, nest } from './nested.ts';
import { checkShape, sameShape } from './shape.ts';
import { addressOf, isDetached, Tensor } from './tensor.ts';
import type { F32, F64, Float } from './types.ts';

export type FloatType = 'float32' | 'float64';

interface Common {
  readonly dtype: FloatType;
  readonly shape: readonly number[];
}
/** Scores that lie in linear memory. */
export interface TensorScores extends Common {
  readonly form: 'tensor';
  readonly tensor: Tensor<FloatType>;
}
/** Scores in an array of JavaScript's. */
export interface ArrayScores extends Common {
  readonly form: 'array' | 'block' | 'nested';
  readonly data: Float;
}
export type ReadScores = TensorScores | ArrayScores;

/** Bytes of one element. */
export function elementBytes(dtype: FloatType): number {
  return dtype === 'float32' ? 4 : 8;
}

/** A new typed array. */
export function newArray(dtype: FloatType, length: number): F32 | F64 {
  return dtype === 'float32' ? new Float32Array(length) : new Float64Array(length);
}

/** Reads scores in any form; `shape` is the option for bare arrays, `what` the argument's name in errors. */
export function readScores(op: string, x: unknown, shape: unknown, what = 'scores'): ReadScores {
  if (x instanceof Tensor) {
    refuseShape(op, shape, 'a Tensor');
    addressOf(x, op); // throws when it is disposed
    if (x.dtype !== 'float32' && x.dtype !== 'float64') {
      throw new EntmaxError('ENTMAX_DTYPE', op, `${what} of float32 or float64`, `a Tensor of ${x.dtype}`);
    }
    return { form: 'tensor', dtype: x.dtype, shape: x.shape, tensor: x as Tensor<FloatType> };
  }
  if (Array.isArray(x)) {
    const { values, shape: own } = flatten(op, x);
    if (shape === undefined) return { form: 'nested', dtype: 'float64', shape: own, data: values };
    if (own.length > 1) refuseShape(op, shape, 'nested arrays');
    return { form: 'nested', dtype: 'float64', shape: checkShape(op, shape, values.length), data: values };
  }
  if (ArrayBuffer.isView(x)) {
    const { data, dtype } = floatArray(op, x, what);
    return {
      form: 'array',
      dtype,
      shape: shape === undefined ? [data.length] : checkShape(op, shape, data.length),
      data,
    };
  }
  if (typeof x === 'object' && x !== null && 'data' in x && ('shape' in x || 'dims' in x)) {
    refuseShape(op, shape, 'a shaped block');
    const { data, dtype } = floatArray(op, x.data, what);
    const own = 'shape' in x ? x.shape : 'dims' in x ? x.dims : undefined;
    return { form: 'block', dtype, shape: checkShape(op, own, data.length), data };
  }
  const expected = `${what} as Float32Array, Float64Array, Tensor, { data, shape } or numbers`;
  throw new EntmaxError(typeof x === 'number' ? 'ENTMAX_SHAPE' : 'ENTMAX_DTYPE', op, expected, show(x));
}

/** A result of the scores' size in the scores' form. */
export function inFormOf(scores: ArrayScores, data: Float): unknown {
  if (scores.form === 'array') return data;
  if (scores.form === 'block') return { data, shape: [...scores.shape] };
  return nest(data, scores.shape);
}

/** Where a dense result goes that the caller brought. */
export type Destination = { readonly tensor: Tensor<FloatType> } | { readonly data: Float; readonly original: unknown };

/**
 * Checks `out`: the scores' dtype and size, and either the scores themselves or no overlap with them. It may be a
 * tensor, a typed array or a block; a typed array may take a block's result and the other way round.
 */
export function readOut(op: string, out: unknown, scores: ReadScores): Destination {
  if (out instanceof Tensor || scores.form === 'tensor') return outTensor(op, out, scores);
  const isArrayOrBlock = typeof out === 'object' && out !== null && !Array.isArray(out);
  const target = isArrayOrBlock ? readScores(op, out, undefined, 'out') : undefined;
  if (!target || target.form === 'tensor') {
    throw new EntmaxError('ENTMAX_OPTION', op, 'out to be a typed array or a shaped block', show(out));
  }
  checkOut(op, target, scores, target.form === 'block');
  if (overlapsPartly(target.data, scores.data)) throw overlap(op);
  return { data: target.data, original: out };
}

function outTensor(op: string, out: unknown, scores: ReadScores): Destination {
  if (!(out instanceof Tensor) && ArrayBuffer.isView(out)) {
    const { data, dtype } = floatArray(op, out, 'out');
    checkOut(op, { dtype, shape: [data.length] }, scores, false);
    return { data, original: out };
  }
  if (!(out instanceof Tensor) || scores.form !== 'tensor') {
    throw new EntmaxError('ENTMAX_OPTION', op, 'out in the form of the scores, or a typed array', show(out));
  }
  const target = readScores(op, out, undefined, 'out') as TensorScores;
  checkOut(op, target, scores, true);
  return { tensor: target.tensor };
}

function checkOut(op: string, out: Common, scores: ReadScores, shaped: boolean): void {
  if (out.dtype !== scores.dtype) throw new EntmaxError('ENTMAX_DTYPE', op, `out of ${scores.dtype}`, out.dtype);
  const size = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);
  if (shaped ? !sameShape(out.shape, scores.shape) : size(out.shape) !== size(scores.shape)) {
    throw new EntmaxError('ENTMAX_SHAPE', op, `out of shape ${showShape(scores.shape)}`, showShape(out.shape));
  }
}

function overlapsPartly(a: Float, b: Float): boolean {
  if (a.buffer !== b.buffer || a.byteOffset === b.byteOffset) return false;
  return a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength;
}

function overlap(op: string): EntmaxError {
  return new EntmaxError('ENTMAX_OPTION', op, 'out to be x itself or not to overlap it', 'a partial overlap');
}

function refuseShape(op: string, shape: unknown, form: string): void {
  if (shape !== undefined) {
    throw new EntmaxError('ENTMAX_OPTION', op, `no option shape with ${form}, which has its own`, show(shape));
  }
}

function floatArray(op: string, data: unknown, what: string): { data: Float; dtype: FloatType } {
  if (data instanceof Float32Array || data instanceof Float64Array) {
    if (isDetached(data)) throw new EntmaxError('ENTMAX_DTYPE', op, `${what} in live memory`, 'a detached array');
    return { data, dtype: data instanceof Float32Array ? 'float32' : 'float64' };
  }
  const name = ArrayBuffer.isView(data) ? data.constructor.name : show(data);
  const half = name === 'Float16Array' || name === 'Uint16Array';
  const hint = half ? ' (convert half floats with Float32Array.from)' : ' (convert with Float32Array.from)';
  throw new EntmaxError('ENTMAX_DTYPE', op, `${what} of float32 or float64${hint}`, name);
}
