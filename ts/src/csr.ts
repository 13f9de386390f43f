/**
 * Sparse results: for each row the entries with p > 0, one row behind the other (compressed sparse rows). The arrays
 * are JavaScript's own, so nothing needs to be disposed.
 */

import { newArray } from './scores.ts';
import { sizeOf } from './shape.ts';
import type { F32, F64, Float, Shape } from './types.ts';

/** One row of a sparse result. The arrays are views into those of the whole. */
export interface Row<A = F32 | F64> {
  /** Positions along the axis, ascending unless `order: 'value'` was asked for. */
  readonly indices: Int32Array;
  /** The values there, all > 0, or all NaN. */
  readonly values: A;
  /** In the support <=> unmasked and score > threshold; what else there is to say of it, `Support` says. */
  readonly threshold: number;
}

/**
 * The supports of all rows. Letters: R rows, row-major over the axes other than `axis`; S entries in all.
 *
 * Row r has the entries `indptr[r] .. indptr[r + 1]`. A NaN row lists all its entries as NaN, so that it is dense,
 * too. Iterating yields the rows in order.
 */
export interface Csr<A = F32 | F64> extends Iterable<Row<A>> {
  /** R + 1 offsets: prefix sums of the support sizes. */
  readonly indptr: Int32Array;
  /** Positions along the axis, S of them. */
  readonly indices: Int32Array;
  /** The values there, bit for bit those of the dense form. */
  readonly values: A;
  /** A threshold for each row, as `support` gives it. */
  readonly thresholds: A;
  /** For the top-k maps: 1 for each row whose result equals that of the unrestricted map. */
  readonly exact?: Uint8Array;
  /** Shape of the dense form. Of `tvmax`, whose rows are grids, without their first axis and with H * W in the place of the second. */
  readonly shape: Shape;
  /** The axis that rows run along, counted from 0. */
  readonly axis: number;
  /** Row `i`, in O(1). */
  row(i: number): Row<A>;
  /** All entries as a new array of `shape`, zero where there is none. O(size). */
  toDense(): A;
}

/** The entries of a sparse result. */
export interface Entries {
  readonly indptr: Int32Array;
  readonly indices: Int32Array;
  readonly values: Float;
}

/** What a sparse result is made of. */
interface Contents extends Entries {
  readonly thresholds: Float;
  readonly exact?: Uint8Array | undefined;
  readonly shape: Shape;
  readonly axis: number;
}

class SparseRows implements Csr<Float> {
  readonly indptr: Int32Array;
  readonly indices: Int32Array;
  readonly values: Float;
  readonly thresholds: Float;
  declare readonly exact?: Uint8Array;
  readonly shape: Shape;
  readonly axis: number;

  constructor({ indptr, indices, values, thresholds, exact, shape, axis }: Contents) {
    this.indptr = indptr;
    this.indices = indices;
    this.values = values;
    this.thresholds = thresholds;
    if (exact) this.exact = exact;
    this.shape = Object.freeze([...shape]);
    this.axis = axis;
  }

  row(i: number): Row<Float> {
    const [start, end] = [this.indptr[i], this.indptr[i + 1]];
    return {
      indices: this.indices.subarray(start, end),
      values: this.values.subarray(start, end),
      threshold: this.thresholds[i] ?? NaN,
    };
  }

  *[Symbol.iterator](): Iterator<Row<Float>> {
    for (let i = 0; i + 1 < this.indptr.length; i++) yield this.row(i);
  }

  toDense(): Float {
    const { shape, axis, values } = this;
    const dense = newArray(values instanceof Float32Array ? 'float32' : 'float64', sizeOf(shape));
    scatter(this, shape[axis] ?? 0, sizeOf(shape.slice(axis + 1)), dense);
    return dense;
  }
}

/** Writes the entries to a dense array in the layout [outer, n, inner]. */
export function scatter({ indptr, indices, values }: Entries, n: number, inner: number, dense: Float): void {
  for (let row = 0; row + 1 < indptr.length; row++) {
    const start = Math.floor(row / inner) * n * inner + (row % inner);
    for (let k = indptr[row]!, end = indptr[row + 1]!; k < end; k++) dense[start + indices[k]! * inner] = values[k]!;
  }
}

export function makeCsr(contents: Contents): Csr {
  return new SparseRows(contents) as Csr;
}
