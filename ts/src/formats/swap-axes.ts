// Exchanges two axes of an array that memory need not hold: [O, A, B] becomes [O, B, A].
//
// Matrices that fit the limit are exchanged several at a time. Of a larger one a tile is taken, either whole rows, which are read in one
// piece and written in runs of as many elements as the tile has rows, or whole columns, the other way round; whichever has the longer
// runs. With M elements in memory and a matrix of S, runs have at least M / sqrt(S) elements, so that files are not visited element by
// element.

import { bytesOf } from './bytes.ts';

export interface Axes {
  readonly outer: number;
  readonly rows: number;
  readonly columns: number;
  /** Bytes of an element. */
  readonly size: 1 | 2 | 4 | 8;
}

type Words = Uint8Array | Uint16Array | Uint32Array | BigUint64Array;

const WORDS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array };

/** `read` fills its target from a position of the source; `put` writes to a position of the result. Positions are in bytes. */
export function swapAxes(
  { outer, rows, columns, size }: Axes,
  limit: number,
  read: (position: number, target: Uint8Array) => void,
  put: (position: number, bytes: Uint8Array) => void,
): void {
  const matrix = rows * columns;
  if (outer * matrix === 0) return;
  const elements = Math.floor(limit / size);
  const tileRows = Math.max(1, Math.min(rows, Math.floor(elements / columns)));
  const tileColumns = Math.max(1, Math.min(columns, Math.floor(elements / rows)));
  const together = Math.max(1, Math.min(outer, Math.floor(elements / matrix)));
  const words = (length: number): Words => new WORDS[size](length);
  for (let o = 0; o < outer; o += tileRows === rows ? together : 1) {
    const base = o * matrix;
    if (tileRows === rows) {
      const count = Math.min(together, outer - o);
      const [source, target] = [words(count * matrix), words(count * matrix)];
      read(base * size, bytesOf(source));
      for (let at = 0; at < source.length; at += matrix) {
        exchange(source.subarray(at, at + matrix), target.subarray(at, at + matrix), rows);
      }
      put(base * size, bytesOf(target));
    } else if (tileRows >= tileColumns) {
      for (let first = 0; first < rows; first += tileRows) {
        const count = Math.min(tileRows, rows - first);
        const [source, target] = [words(count * columns), words(count * columns)];
        read((base + first * columns) * size, bytesOf(source));
        exchange(source, target, count);
        for (let column = 0; column < columns; column++) {
          put((base + column * rows + first) * size, bytesOf(target.subarray(column * count, (column + 1) * count)));
        }
      }
    } else {
      for (let first = 0; first < columns; first += tileColumns) {
        const count = Math.min(tileColumns, columns - first);
        const [source, target] = [words(rows * count), words(rows * count)];
        for (let row = 0; row < rows; row++) {
          read((base + row * columns + first) * size, bytesOf(source.subarray(row * count, (row + 1) * count)));
        }
        exchange(source, target, rows);
        put((base + first * rows) * size, bytesOf(target));
      }
    }
  }
}

/** A row-major matrix of so many rows to [columns, rows]. */
function exchange(source: Words, target: Words, rows: number): void {
  for (let row = 0, at = 0; row < rows; row++) {
    for (let to = row; to < target.length; to += rows, at++) target[to] = source[at]!;
  }
}
