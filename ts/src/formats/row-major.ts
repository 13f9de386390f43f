// Other orders of axes become the row-major one, with the axis of interest last, so that everything behind knows one order only. Each step
// exchanges two groups of axes and passes through a spool.

import { Spool } from './files.ts';
import { ELEMENT_BYTES, countOf } from './elements.ts';
import type { StoredArray } from './elements.ts';
import type { NpyArray } from './npy.ts';
import { swapAxes } from './swap-axes.ts';
import type { Axes } from './swap-axes.ts';

/**
 * The same array, row-major, with at most about `limit` bytes of it in memory; the rest lies in a temporary file.
 *
 * In Fortran order the first axis is the fastest: the file is the row-major array of the reversed shape. Its last axis, which is our
 * first, is brought to the front, then the last of the others behind it, and so on.
 */
export function toRowMajor(array: NpyArray, limit: number): StoredArray {
  if (!array.fortranOrder) return array;
  const { shape } = array;
  let result: StoredArray = array;
  for (let axis = 0; axis + 1 < shape.length; axis++) {
    const [outer, columns, rows] = [shape.slice(0, axis), shape.slice(axis, axis + 1), shape.slice(axis + 1)].map(
      countOf,
    );
    result = swapped(result, { outer: outer!, rows: rows!, columns: columns! }, shape, limit);
  }
  return result;
}

/** The array with `count` axes from this one on behind all others; both keep their order. */
export function moveAxesLast(array: StoredArray, axis: number, count: number, limit: number): StoredArray {
  return exchangeAxes(array, axis, count, array.shape.length - axis - count, limit);
}

/** The array with `count` axes from this one on behind the `others` that follow them; axes behind these stay where they are. */
export function exchangeAxes(
  array: StoredArray,
  axis: number,
  count: number,
  others: number,
  limit: number,
): StoredArray {
  const { shape } = array;
  const [before, own, passed, behind] = [
    shape.slice(0, axis),
    shape.slice(axis, axis + count),
    shape.slice(axis + count, axis + count + others),
    shape.slice(axis + count + others),
  ] as const;
  const [outer, rows, columns, run] = [before, own, passed, behind].map(countOf) as [number, number, number, number];
  const target = [...before, ...passed, ...own, ...behind];
  // What stays behind goes along, and back over what has been moved.
  const moved = swapped(array, { outer, rows, columns: columns * run }, target, limit);
  return run === 1 ? moved : swapped(moved, { outer: outer * columns, rows: run, columns: rows }, target, limit);
}

function swapped(array: StoredArray, axes: Omit<Axes, 'size'>, shape: readonly number[], limit: number): StoredArray {
  const { type, bytes, offset, bigEndian } = array;
  const size = ELEMENT_BYTES[type] as Axes['size'];
  const spool = new Spool(limit, countOf(shape) * size);
  swapAxes(
    { ...axes, size },
    limit,
    (position, target) => bytes.read(offset + position, target),
    (position, piece) => spool.put(position, piece),
  );
  bytes.close();
  return { type, shape, bytes: spool.bytes(), offset: 0, bigEndian };
}
