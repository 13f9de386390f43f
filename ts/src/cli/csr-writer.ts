// Writes supports block by block: one safetensors file with the named arrays of the library's Csr.
//
//     indptr      I32, or I64 beyond 2^31 - 1 entries   [R + 1]
//     indices     I32                                   [S], along the axis
//     values      F32 or F64                            [S]
//     thresholds  as values                             [R]
//     exact       U8                                    [R], of the top-k maps only
//     shape       I64, of the dense form, with the two axes of grids as one
//     axis        I64                                   [1]
//
// R rows, row-major over the other axes, have S entries in all. How many is known at the end only, so each array waits in a spool.

import { bytesOf, memoryBytes } from '../formats/bytes.ts';
import { Spool } from '../formats/files.ts';
import type { Bytes } from '../formats/bytes.ts';
import { safetensorsHeader } from '../formats/safetensors.ts';
import type { SafetensorsPart } from '../formats/safetensors.ts';
import { appendAll } from './destination.ts';
import type { Destination } from './destination.ts';

/** What the writer needs of the library's Csr. */
export interface SparseRows {
  readonly indptr: Int32Array;
  readonly indices: Int32Array;
  readonly values: Float32Array | Float64Array;
  readonly thresholds: Float32Array | Float64Array;
  readonly exact?: Uint8Array;
}

const COUNTS_AT_ONCE = 1 << 16;

export class CsrWriter {
  readonly #destination: Destination;
  readonly #type: 'F32' | 'F64';
  readonly #shape: readonly number[];
  readonly #axis: number;
  readonly #counts: Spool;
  readonly #indices: Spool;
  readonly #values: Spool;
  readonly #thresholds: Spool;
  readonly #exact: Spool;
  #rows = 0;
  #entries = 0;

  /** At most about `limit` bytes wait in memory. */
  constructor(destination: Destination, type: 'F32' | 'F64', shape: readonly number[], axis: number, limit: number) {
    this.#destination = destination;
    this.#type = type;
    this.#shape = shape;
    this.#axis = axis;
    const share = Math.floor(limit / 5);
    this.#counts = new Spool(share);
    this.#indices = new Spool(share);
    this.#values = new Spool(share);
    this.#thresholds = new Spool(share);
    this.#exact = new Spool(share);
  }

  write({ indptr, indices, values, thresholds, exact }: SparseRows): void {
    const rows = indptr.length - 1;
    this.#counts.append(bytesOf(Int32Array.from({ length: rows }, (_, row) => indptr[row + 1]! - indptr[row]!)));
    this.#indices.append(bytesOf(indices));
    this.#values.append(bytesOf(values));
    this.#thresholds.append(bytesOf(thresholds));
    if (exact) this.#exact.append(bytesOf(exact));
    this.#rows += rows;
    this.#entries += indices.length;
  }

  async finish(): Promise<void> {
    const [rows, entries, type] = [this.#rows, this.#entries, this.#type];
    const wide = entries > 0x7fffffff;
    const shape = BigInt64Array.from(this.#shape, BigInt);
    const axis = BigInt64Array.of(BigInt(this.#axis));
    const arrays: [SafetensorsPart, Bytes | undefined][] = [
      [{ name: 'shape', dtype: 'I64', shape: [shape.length] }, memoryBytes(bytesOf(shape))],
      [{ name: 'axis', dtype: 'I64', shape: [1] }, memoryBytes(bytesOf(axis))],
      [{ name: 'values', dtype: type, shape: [entries] }, this.#values.bytes()],
      [{ name: 'thresholds', dtype: type, shape: [rows] }, this.#thresholds.bytes()],
      [{ name: 'indptr', dtype: wide ? 'I64' : 'I32', shape: [rows + 1] }, undefined],
      [{ name: 'indices', dtype: 'I32', shape: [entries] }, this.#indices.bytes()],
    ];
    if (this.#exact.size > 0) arrays.push([{ name: 'exact', dtype: 'U8', shape: [rows] }, this.#exact.bytes()]);
    await this.#destination.append(safetensorsHeader(arrays.map(([part]) => part)));
    for (const [, bytes] of arrays) {
      if (bytes === undefined) {
        await this.#appendOffsets(wide);
      } else {
        await appendAll(this.#destination, bytes);
        bytes.close();
      }
    }
  }

  /** The prefix sum over the counts. */
  async #appendOffsets(wide: boolean): Promise<void> {
    const counts = this.#counts.bytes();
    const offsets = (values: readonly number[]): Uint8Array =>
      bytesOf(wide ? BigInt64Array.from(values, BigInt) : Int32Array.from(values));
    await this.#destination.append(offsets([0]));
    let sum = 0;
    for (let first = 0; first < this.#rows; first += COUNTS_AT_ONCE) {
      const piece = new Int32Array(Math.min(COUNTS_AT_ONCE, this.#rows - first));
      counts.read(first * piece.BYTES_PER_ELEMENT, bytesOf(piece));
      await this.#destination.append(offsets(Array.from(piece, (count) => (sum += count))));
    }
    counts.close();
  }
}
