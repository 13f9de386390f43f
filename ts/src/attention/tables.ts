/**
 * What is given for pairs of a query and a key: bias and mask, which broadcast to [B, H, N, M] and are never expanded to
 * it: the distance along an axis that repeats is 0. The key mask is small and has all of [B, M].
 */

import { viewOf } from '../elements.ts';
import { EntmaxError, showShape } from '../errors.ts';
import { readIntegers } from '../maps/options.ts';
import type { Room } from '../maps/room.ts';
import { readScores, scoresView, withNumbersAs } from '../scores.ts';
import type { FloatType, ReadScores } from '../scores.ts';
import { broadcasts, forEachBroadcast, sizeOf } from '../shape.ts';
import { addressOf, Tensor } from '../tensor.ts';
import type { Shape } from '../types.ts';
import type { Table } from './description.ts';

type Distances = Table['distances'];

export interface ReadBias {
  readonly scores: ReadScores;
  readonly distances: Distances;
}

/** A mask as bytes, where it lies in linear memory or in an array. */
export interface ReadMask {
  readonly tensor: Tensor<'uint8'> | undefined;
  readonly bytes: Uint8Array;
  readonly distances: Distances;
}

/** Distances along the axes of `to`, 0 along those that an array of shape `from` repeats along. */
function distancesOf(from: Shape): Distances {
  const distances: [number, number, number, number] = [0, 0, 0, 0];
  for (let axis = from.length - 1, at = 3, distance = 1; axis >= 0; axis--, at--) {
    if (from[axis] !== 1) distances[at] = distance;
    distance *= from[axis]!;
  }
  return distances;
}

export function readBias(op: string, source: unknown, dtype: FloatType, pairs: Shape): ReadBias | undefined {
  if (source === undefined) return undefined;
  const scores = withNumbersAs(dtype, readScores(op, source, undefined, 'bias'));
  const { shape } = scores;
  if (scores.form === 'array' || !broadcasts(shape, pairs)) {
    const got = scores.form === 'array' ? `${scores.data.constructor.name} without a shape` : showShape(shape);
    throw new EntmaxError('ENTMAX_SHAPE', op, `bias to broadcast to [B, H, N, M] = ${showShape(pairs)}`, got);
  }
  if (scores.dtype !== dtype) throw new EntmaxError('ENTMAX_DTYPE', op, `bias of ${dtype}, as q`, scores.dtype);
  return { scores, distances: distancesOf(shape) };
}

/** The mask has four axes, or a mask of [B, M] would be taken for one of [N, M]. */
export function readMask(op: string, source: unknown, pairs: Shape): ReadMask | undefined {
  if (source === undefined) return undefined;
  const refuse = (got: string): never => {
    const hint = `mask with four axes that broadcasts to [B, H, N, M] = ${showShape(pairs)} (keyMask takes [B, M])`;
    throw new EntmaxError('ENTMAX_SHAPE', op, hint, got);
  };
  const check = (shape: Shape): Distances => {
    if (shape.length !== 4 || !broadcasts(shape, pairs)) refuse(`shape ${showShape(shape)}`);
    return distancesOf(shape);
  };
  if (source instanceof Tensor && source.dtype === 'uint8') {
    addressOf(source, op); // throws when it is disposed
    const tensor = source as Tensor<'uint8'>;
    return { tensor, bytes: new Uint8Array(), distances: check(source.shape) };
  }
  const { values, shape } = readIntegers(op, 'mask', source);
  if (!shape) return refuse(`an array of ${values.length} without a shape`);
  return { tensor: undefined, distances: check(shape), bytes: bytesOf(values) };
}

const bytesOf = (values: ArrayLike<unknown>): Uint8Array =>
  values instanceof Uint8Array ? values : Uint8Array.from(values, (value) => (Number(value) === 0 ? 0 : 1));

/** All of [B, M]; a bare array is row-major. */
export function readKeyMask(op: string, source: unknown, keys: Shape): Uint8Array | undefined {
  if (source === undefined) return undefined;
  const { values, shape } = readIntegers(op, 'keyMask', source);
  const from = shape ?? (values.length === sizeOf(keys) ? keys : [values.length]);
  if (from.length !== 2 || !broadcasts(from, keys)) {
    const expected = `keyMask to broadcast to [B, M] = ${showShape(keys)}`;
    throw new EntmaxError('ENTMAX_SHAPE', op, expected, `shape ${showShape(from)}`);
  }
  const bytes = new Uint8Array(sizeOf(keys));
  const own = bytesOf(values);
  forEachBroadcast(from, keys, (target, at) => (bytes[target] = own[at]!));
  return bytes;
}

/** The bias in linear memory: a tensor where it lies, an array in a copy. */
export function placeBias({ scores, distances }: ReadBias, room: Room, op: string): Table {
  if (scores.form === 'tensor') return { at: addressOf(scores.tensor, op), distances };
  const at = room.allocate(scores.data.byteLength);
  viewOf(scores.dtype, at, scores.data.length).set(scoresView(scores, op));
  return { at, distances };
}

export function placeMask({ tensor, bytes, distances }: ReadMask, room: Room, op: string): Table {
  return { at: tensor ? addressOf(tensor, op) : room.copyOf(bytes), distances };
}
