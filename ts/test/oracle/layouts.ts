/**
 * The ways in which the same rows can be handed to a map: along any axis, in any form, through any call.
 * Six rows of n are always the grid [2, 3]; the axis of n lies before, between or behind it.
 */

import { expect } from 'vitest';
import { Tensor, tensor, zeros } from 'entmax';
import { bitsOf } from './compare.ts';
import type { FloatType } from './compare.ts';

export type Floats = Float32Array | Float64Array;

export interface Axis {
  readonly name: string;
  readonly axis: number;
  readonly shape: (n: number) => number[];
  /** Offset of entry j of row r. */
  readonly at: (r: number, j: number, n: number) => number;
}

export const ROWS = 6;

export const AXES: readonly Axis[] = [
  { name: 'last axis', axis: -1, shape: (n) => [2, 3, n], at: (r, j, n) => r * n + j },
  { name: 'first axis', axis: 0, shape: (n) => [n, 2, 3], at: (r, j) => j * ROWS + r },
  { name: 'middle axis', axis: 1, shape: (n) => [2, n, 3], at: (r, j, n) => (Math.floor(r / 3) * n + j) * 3 + (r % 3) },
];

/** Six rows as one flat array along the axis. */
export function laidOut(rows: readonly ArrayLike<number>[], { at }: Axis): number[] {
  const n = rows[0]!.length;
  const flat = new Array<number>(ROWS * n);
  rows.forEach((row, r) => {
    for (let j = 0; j < n; j++) flat[at(r, j, n)] = row[j]!;
  });
  return flat;
}

/** The six rows of a flat array. */
export function rowsOf(flat: ArrayLike<number>, { at }: Axis, n: number): number[][] {
  return Array.from({ length: ROWS }, (_, r) => Array.from({ length: n }, (_, j) => flat[at(r, j, n)]!));
}

export const floats = (dtype: FloatType, values: Iterable<number>): Floats =>
  dtype === 'float32' ? Float32Array.from(values) : Float64Array.from(values);

/** Scores in one form, with what belongs to it. */
export interface Form {
  readonly name: string;
  readonly dtype: FloatType;
  /** The scores in this form, and the options that they need. */
  make(values: readonly number[], shape: readonly number[]): { x: unknown; options: object };
  /** An `out` for these scores, filled with 7. */
  out(shape: readonly number[]): unknown;
  /** The values of a result, which must have the form of the scores and, but for bare arrays, their shape. */
  read(result: unknown, shape: readonly number[]): Floats;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

function typedArray(dtype: FloatType): Form {
  return {
    name: dtype === 'float32' ? 'Float32Array' : 'Float64Array',
    dtype,
    make: (values, shape) => ({ x: floats(dtype, values), options: { shape } }),
    out: (shape) => floats(dtype, new Array<number>(sizeOf(shape)).fill(7)),
    read: (result) => {
      expect(result).toBeInstanceOf(dtype === 'float32' ? Float32Array : Float64Array);
      return result as Floats;
    },
  };
}

function tensorForm(dtype: FloatType): Form {
  return {
    name: `Tensor of ${dtype}`,
    dtype,
    make: (values, shape) => ({ x: tensor(floats(dtype, values), shape), options: {} }),
    out: (shape) => zeros(shape, dtype).set(new Array<number>(sizeOf(shape)).fill(7)),
    read: (result, shape) => {
      expect(result).toBeInstanceOf(Tensor);
      const { dtype: type, shape: own } = result as Tensor<FloatType>;
      expect([type, own]).toEqual([dtype, shape]);
      return (result as Tensor<FloatType>).toTypedArray();
    },
  };
}

function blockForm(dtype: FloatType, key: 'shape' | 'dims'): Form {
  return {
    name: `{ data: ${dtype === 'float32' ? 'Float32Array' : 'Float64Array'}, ${key} }`,
    dtype,
    make: (values, shape) => ({ x: { data: floats(dtype, values), [key]: shape }, options: {} }),
    out: (shape) => ({ data: floats(dtype, new Array<number>(sizeOf(shape)).fill(7)), [key]: [...shape] }),
    read: (result, shape) => {
      const { data, shape: own, dims } = result as { data: Floats; shape?: number[]; dims?: number[] };
      expect(own ?? dims).toEqual(shape);
      return typedArray(dtype).read(data, shape);
    },
  };
}

/** Numbers as nested arrays of this shape. */
export function nested(values: readonly number[], shape: readonly number[]): unknown {
  if (shape.length <= 1) return [...values];
  const [length, ...rest] = shape as [number, ...number[]];
  const size = sizeOf(rest);
  return Array.from({ length }, (_, i) => nested(values.slice(i * size, (i + 1) * size), rest));
}

const nestedForm: Form = {
  name: 'nested numbers',
  dtype: 'float64',
  make: (values, shape) => ({ x: nested(values, shape), options: {} }),
  // Numbers cannot be written in place: their result goes to a typed array.
  out: (shape) => new Float64Array(sizeOf(shape)).fill(7),
  read: (result, shape) => {
    if (result instanceof Float64Array) return result;
    const depths: number[] = [];
    for (let level = result; Array.isArray(level); level = level[0]) depths.push(level.length);
    expect(depths).toEqual(shape.includes(0) ? shape.slice(0, shape.indexOf(0) + 1) : shape);
    return Float64Array.from((result as unknown[]).flat(Infinity) as number[]);
  },
};

export const FORMS: readonly Form[] = [
  ...(['float32', 'float64'] as const).flatMap((dtype) => [
    typedArray(dtype),
    tensorForm(dtype),
    blockForm(dtype, 'shape'),
    blockForm(dtype, 'dims'),
  ]),
  nestedForm,
];

/** Fails unless both hold the same bits. */
export function expectSameBits(actual: Floats, expected: Floats, context: string): void {
  if (bitsOf(actual) === bitsOf(expected)) return;
  const at = actual.findIndex((value, i) => !Object.is(value, expected[i]));
  expect.fail(`${context}: bits differ at ${at}: ${actual[at]} instead of ${expected[at]}`);
}
