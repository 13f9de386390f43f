/** Shapes and axes: checking, counting, broadcasting. */

import { EntmaxError, show, showShape } from './errors.ts';
import type { Shape } from './types.ts';

/** How rows lie in a row-major array seen as [O, N, I]: row (o, i) is number o * I + i. */
export interface RowLayout {
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
  /** O * I. */
  readonly rows: number;
  /** The axis that N is, counted from 0; of grids the first one. */
  readonly axis: number;
  /** Of grids: the other axis, and its length. */
  readonly last?: number;
  readonly width?: number;
  /** Of grids whose axes are no neighbours: what lies between them. The rows are then those of a copy in which they are. */
  readonly apart?: AxesApart;
}

/** An array [outer, height, between, run] whose grids have the axes `height` and, within `run`, another. */
export interface AxesApart {
  readonly outer: number;
  readonly height: number;
  readonly between: number;
  readonly run: number;
}

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** A shape of whole, non-negative lengths whose product is `size`; one -1 is inferred. */
export function checkShape(op: string, shape: unknown, size: number): number[] {
  const ok = Array.isArray(shape) && shape.every((length) => Number.isInteger(length) && length >= -1);
  if (!ok) throw new EntmaxError('ENTMAX_SHAPE', op, 'shape to be an array of non-negative integers', show(shape));
  const lengths = [...(shape as number[])];
  if (lengths.length === 0) throw new EntmaxError('ENTMAX_SHAPE', op, 'at least one axis', 'shape []');
  const free = lengths.indexOf(-1);
  if (free >= 0) {
    if (lengths.includes(-1, free + 1))
      throw new EntmaxError('ENTMAX_SHAPE', op, 'at most one -1 in shape', show(shape));
    lengths[free] = 1;
    const known = sizeOf(lengths);
    lengths[free] = known === 0 ? 0 : size / known;
  }
  if (sizeOf(lengths) !== size || !lengths.every(Number.isInteger)) {
    throw new EntmaxError('ENTMAX_SHAPE', op, `shape ${show(shape)} to hold the array's elements`, `${size} elements`);
  }
  return lengths;
}

/** The rows along `axis` of an array of this shape. */
export function rowLayout(op: string, shape: Shape, axis: unknown): RowLayout {
  const rank = shape.length;
  if (!Number.isInteger(axis) || (axis as number) < -rank || (axis as number) >= rank) {
    const expected = `axis in [${-rank}, ${rank - 1}] for shape ${showShape(shape)}`;
    throw new EntmaxError('ENTMAX_SHAPE', op, expected, show(axis));
  }
  const at = (axis as number) < 0 ? (axis as number) + rank : (axis as number);
  const outer = sizeOf(shape.slice(0, at));
  const inner = sizeOf(shape.slice(at + 1));
  return { outer, n: shape[at] ?? 0, inner, rows: outer * inner, axis: at };
}

/**
 * Rows that are grids, of any two axes in either order. Grids of neighbours lie in memory as rows do, [O, H * W, I]; those of others,
 * [O, H, M, W, I], are rows of the copy [O, M, H * W, I].
 */
export function gridLayout(op: string, shape: Shape, axes: unknown): RowLayout {
  const rank = shape.length;
  const given: readonly unknown[] = Array.isArray(axes) ? axes : [];
  const [first = NaN, second = NaN] = given
    .map((axis) => (Number.isInteger(axis) && (axis as number) < 0 ? (axis as number) + rank : (axis as number)))
    .sort((a, b) => a - b);
  const areAxes = [first, second].every((axis) => Number.isInteger(axis) && axis >= 0 && axis < rank);
  if (given.length !== 2 || !areAxes || first === second) {
    throw new EntmaxError('ENTMAX_SHAPE', op, `axes to be two axes of shape ${showShape(shape)}`, show(axes));
  }
  const [height, width] = [shape[first]!, shape[second]!];
  const [outer, between, inner] = [shape.slice(0, first), shape.slice(first + 1, second), shape.slice(second + 1)].map(
    sizeOf,
  ) as [number, number, number];
  const rows = { outer: outer * between, n: height * width, inner, rows: outer * between * inner };
  const layout = { ...rows, axis: first, last: second, width };
  return between === 1 ? layout : { ...layout, apart: { outer, height, between, run: width * inner } };
}

/** Copies [outer, height, between, run] to [outer, between, height, run], so that the axes of grids become neighbours. */
export function bringTogether<A extends Elements>({ outer, height, between, run }: AxesApart, from: A, to: A): A {
  return swapMiddle(from, to, outer, height, between, run);
}

/** The other way round. */
export function bringApart<A extends Elements>({ outer, height, between, run }: AxesApart, from: A, to: A): A {
  return swapMiddle(from, to, outer, between, height, run);
}

type Elements = Float32Array | Float64Array | Int32Array | Uint8Array;

/** Copies [outer, a, b, run] to [outer, b, a, run]. */
function swapMiddle<A extends Elements>(from: A, to: A, outer: number, a: number, b: number, run: number): A {
  for (let o = 0, source = 0; o < outer; o++) {
    for (let i = 0; i < a; i++) {
      for (let j = 0; j < b; j++, source += run) {
        const target = ((o * b + j) * a + i) * run;
        for (let k = 0; k < run; k++) to[target + k] = from[source + k]!;
      }
    }
  }
  return to;
}

/**
 * Calls `visit(target, source)` with the offset of every element of `to` and of the element of `from` that it is
 * broadcast from, as NumPy does: axes are aligned at the end, and a length of 1 repeats.
 */
export function forEachBroadcast(from: Shape, to: Shape, visit: (target: number, source: number) => void): void {
  const lead = to.length - from.length;
  const strides = new Array<number>(to.length).fill(0);
  for (let axis = from.length - 1, stride = 1; axis >= 0; axis--) {
    strides[axis + lead] = from[axis] === 1 ? 0 : stride;
    stride *= from[axis] ?? 1;
  }
  const last = to.length - 1;
  const [length, step] = last < 0 ? [1, 0] : [to[last]!, strides[last]!];
  const total = sizeOf(to);
  const index = new Array<number>(to.length).fill(0);
  for (let start = 0, source = 0; start < total; start += length) {
    for (let i = 0; i < length; i++) visit(start + i, source + i * step);
    for (let axis = last - 1; axis >= 0; axis--) {
      const stride = strides[axis]!;
      index[axis] = index[axis]! + 1;
      source += stride;
      if (index[axis]! < to[axis]!) break;
      source -= stride * to[axis]!;
      index[axis] = 0;
    }
  }
}

/** True when an array of shape `from` broadcasts to `to`. */
export function broadcasts(from: Shape, to: Shape): boolean {
  const lead = to.length - from.length;
  return lead >= 0 && from.every((length, axis) => length === 1 || length === to[axis + lead]);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((length, axis) => length === b[axis]);
}
