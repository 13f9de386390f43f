// Fortran-ordered arrays become row-major ones, tile by tile, so that everything behind knows one order only.
//
// In the file the first axis is the fastest. A tile is a range of the first axis with all the others: it is read in runs along the first
// axis and is contiguous in the result. Where even one index of the first axis is more than a tile, runs are single elements and the
// array is read in full for each index, from memory or from the system's cache.

import { Spool, bytesOf, memoryBytes } from './bytes.ts';
import { ELEMENT_BYTES, countOf } from './elements.ts';
import type { StoredArray } from './elements.ts';
import type { NpyArray } from './npy.ts';

type Word = Uint8Array | Uint16Array | Uint32Array | BigUint64Array;

const WORDS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array };
/** Runs that are shorter are read together with what lies between them. */
const WINDOW_BYTES = 1 << 16;

/** The same array, row-major, with at most about `limit` bytes of it in memory; the rest lies in a temporary file. */
export function toRowMajor(array: NpyArray, limit: number): StoredArray {
  if (!array.fortranOrder) return array;
  const { shape, type, bytes, offset } = array;
  const count = countOf(shape);
  const size = ELEMENT_BYTES[type] as keyof typeof WORDS;
  const spool = new Spool(limit, count * size);
  const first = shape[0]!;
  const others = count === 0 ? 0 : count / first;
  const step = Math.max(1, Math.floor(limit / Math.max(1, others * size)));
  for (let begin = 0; begin < first && others > 0; begin += step) {
    const rows = Math.min(step, first - begin);
    const tile = new WORDS[size](rows * others);
    const read = windowed(array, size);
    const run = new WORDS[size](rows);
    forEachOther(shape, (other, target) => {
      read(offset + (other * first + begin) * size, bytesOf(run));
      scatter(run, tile, target, others);
    });
    spool.put(begin * others * size, bytesOf(tile));
  }
  bytes.close();
  return {
    type,
    shape,
    bytes: count === 0 ? memoryBytes(new Uint8Array(0)) : spool.bytes(),
    offset: 0,
    bigEndian: array.bigEndian,
  };
}

function scatter(run: Word, tile: Word, target: number, stride: number): void {
  for (let row = 0, at = target; row < run.length; row++, at += stride) tile[at] = run[row]!;
}

/** Visits all indices of the axes after the first: their number in Fortran order, and in row-major order. */
function forEachOther(shape: readonly number[], visit: (fortran: number, rowMajor: number) => void): void {
  const rest = shape.slice(1);
  const strides = rest.map((_, axis) => countOf(rest.slice(axis + 1)));
  const index = new Array<number>(rest.length).fill(0);
  const total = countOf(rest);
  for (let fortran = 0, rowMajor = 0; fortran < total; fortran++) {
    visit(fortran, rowMajor);
    for (let axis = 0; axis < rest.length; axis++) {
      rowMajor += strides[axis]!;
      if (++index[axis]! < rest[axis]!) break;
      rowMajor -= strides[axis]! * rest[axis]!;
      index[axis] = 0;
    }
  }
}

/** A reader for increasing positions that fetches short runs by the window. */
function windowed({ bytes }: StoredArray, size: number): (position: number, target: Uint8Array) => void {
  let start = 0;
  let window = new Uint8Array(0);
  return (position, target) => {
    if (target.length >= WINDOW_BYTES / size) {
      bytes.read(position, target);
      return;
    }
    if (position < start || position + target.length > start + window.length) {
      start = position;
      window = new Uint8Array(Math.min(WINDOW_BYTES, bytes.size - position));
      bytes.read(position, window);
    }
    target.set(window.subarray(position - start, position - start + target.length));
  };
}
