/**
 * Entries of sparse rows on their way out of linear memory. Kernels write each row's entries to a slot of n; a chunk's
 * slots are then moved together, copied out and used again, so that memory is needed for the entries and for the slots of
 * one chunk. A prefix sum over the sizes says where rows begin.
 */

import { elementBytes, viewOf } from '../elements.ts';
import type { Entries } from '../csr.ts';
import { EntmaxError } from '../errors.ts';
import type { Kernel } from '../runtime/load.ts';
import { newArray } from '../scores.ts';
import type { FloatType } from '../scores.ts';
import type { Float } from '../types.ts';
import type { PerRow, Room } from './room.ts';
import type { StagedRows } from './staging.ts';

/** What is sparse: rows of at most n entries, and the kernel that moves slots together. */
export interface SlottedRows {
  readonly op: string;
  readonly dtype: FloatType;
  readonly rows: number;
  readonly n: number;
  readonly compact: Kernel;
}

/** Rows whose slots are filled together, neighbours from `firstRow` on. */
type Chunk = Pick<StagedRows, 'firstRow' | 'rows'>;

/** Slots for the entries of a chunk, and the entries of all rows so far. */
export class Slots {
  readonly #of: SlottedRows;
  readonly #room: Room;
  readonly #sizes: PerRow<'int32'>;
  readonly #parts: { indices: Int32Array; values: Float }[] = [];
  #slots: [number, number] | undefined;
  #total = 0;

  constructor(of: SlottedRows, room: Room) {
    this.#of = of;
    this.#room = room;
    this.#sizes = room.perRow('int32', of.rows, 0);
  }

  /** Addresses for the rows of a chunk: of their sizes, of the indices and of the values in their slots. */
  at(chunk: Chunk): [number, number, number] {
    const { dtype, n } = this.#of;
    const capacity = chunk.rows * n;
    // The first chunk is the largest.
    this.#slots ??= [this.#room.allocate(4 * capacity), this.#room.allocate(elementBytes(dtype) * capacity)];
    return [this.#sizes.at(chunk), ...this.#slots];
  }

  /** Takes the entries of a chunk out of their slots. */
  collect(chunk: Chunk): void {
    const { op, dtype, n, compact } = this.#of;
    const [sizes, indices, values] = this.at(chunk);
    const count = compact(chunk.rows, n, sizes, indices, values);
    this.#total += count;
    if (this.#total > 0x7fffffff) {
      throw new EntmaxError('ENTMAX_MEMORY', op, 'fewer than 2^31 entries with p > 0', `at least ${this.#total}`);
    }
    if (count === 0) return;
    const part = { indices: new Int32Array(count), values: newArray(dtype, count) };
    part.indices.set(viewOf('int32', indices, count));
    part.values.set(viewOf(dtype, values, count));
    this.#parts.push(part);
  }

  /** The entries of all rows, in arrays of their own. */
  take(): Entries {
    const indptr = new Int32Array(this.#of.rows + 1);
    this.#sizes.take().forEach((size, row) => (indptr[row + 1] = indptr[row]! + size));
    const [only] = this.#parts;
    if (only && this.#parts.length === 1) return { indptr, ...only };
    const [indices, values] = [new Int32Array(this.#total), newArray(this.#of.dtype, this.#total)];
    let at = 0;
    for (const part of this.#parts) {
      indices.set(part.indices, at);
      values.set(part.values, at);
      at += part.indices.length;
    }
    return { indptr, indices, values };
  }
}
