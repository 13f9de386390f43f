/**
 * Scores in any of the accepted forms, and results in the same form: what goes in comes out.
 *
 *     Float32Array / Float64Array            -> a new typed array of the same type
 *     Tensor                                 -> Tensor
 *     { data, shape } or { data, dims }      -> { data, shape }
 *     numbers, nested to any depth           -> the same, computed in float64
 */

import { viewOf } from './elements.ts';
import { EntmaxError, show, showShape } from './errors.ts';
import { flatten, nest } from './nested.ts';
import { checkShape, sameShape, sizeOf } from './shape.ts';
import { addressOf, isDetached, refuseHalfWritten, Tensor } from './tensor.ts';
import type { F32, F64, Float } from './types.ts';

export type FloatType = 'float32' | 'float64';

interface Common {
  readonly dtype: FloatType;
  readonly shape: readonly number[];
}
/** The form in which scores came, and in which what belongs to them goes out. */
export interface Template extends Common {
  readonly form: 'tensor' | 'array' | 'block' | 'nested';
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

/** The scores as a view, for immediate use. */
export function scoresView(scores: ReadScores, op: string): Float {
  if (scores.form !== 'tensor') return scores.data;
  refuseHalfWritten(scores.tensor, op);
  return viewOf(scores.dtype, addressOf(scores.tensor, op), sizeOf(scores.shape));
}

/** A result of the scores' size in the scores' form. */
export function inFormOf({ form, shape }: Pick<Template, 'form' | 'shape'>, data: Float): unknown {
  if (form === 'array') return data;
  if (form === 'block') return { data, shape: [...shape] };
  return nest(data, shape);
}

/**
 * Reads an input that goes with the scores: of their element type and shape, in any form; a bare array of their size
 * has their shape, and plain numbers their element type.
 */
export function readLike(op: string, source: unknown, scores: Common, what: string): ReadScores {
  const read = withNumbersAs(scores.dtype, readScores(op, source, undefined, what));
  const bare = read.form === 'array' || (read.form === 'nested' && read.shape.length === 1);
  checkLike(op, bare ? { dtype: read.dtype, shape: [sizeOf(read.shape)] } : read, scores, !bare, what);
  return { ...read, shape: scores.shape };
}

/** Gives plain numbers the element type of what they go with; others keep theirs. */
export function withNumbersAs(dtype: FloatType, read: ReadScores): ReadScores {
  if (read.form !== 'nested' || dtype === 'float64') return read;
  return { ...read, dtype, data: Float32Array.from(read.data) };
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
  checkLike(op, target, scores, target.form === 'block', 'out');
  if (overlapsPartly(target.data, scores.data)) throw overlap(op);
  return { data: target.data, original: out };
}

function outTensor(op: string, out: unknown, scores: ReadScores): Destination {
  if (!(out instanceof Tensor) && ArrayBuffer.isView(out)) {
    const { data, dtype } = floatArray(op, out, 'out');
    checkLike(op, { dtype, shape: [data.length] }, scores, false, 'out');
    return { data, original: out };
  }
  if (!(out instanceof Tensor) || scores.form !== 'tensor') {
    throw new EntmaxError('ENTMAX_OPTION', op, 'out in the form of the scores, or a typed array', show(out));
  }
  const target = readScores(op, out, undefined, 'out') as TensorScores;
  checkLike(op, target, scores, true, 'out');
  return { tensor: target.tensor };
}

/** Refuses another element type, and another shape or (if it has none of its own) another size than the scores'. */
function checkLike(op: string, own: Common, scores: Common, shaped: boolean, what: string): void {
  if (own.dtype !== scores.dtype) throw new EntmaxError('ENTMAX_DTYPE', op, `${what} of ${scores.dtype}`, own.dtype);
  if (shaped ? !sameShape(own.shape, scores.shape) : sizeOf(own.shape) !== sizeOf(scores.shape)) {
    throw new EntmaxError('ENTMAX_SHAPE', op, `${what} of shape ${showShape(scores.shape)}`, showShape(own.shape));
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
