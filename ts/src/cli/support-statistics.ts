// What the summary says of the results: how many entries of each row are positive, and in how many groups. It is counted on what was
// written, not asked of the kernels a second time.

/** Counts supports, block after block. */
export class SupportStatistics {
  rows = 0;
  /** Rows with a NaN; they have no support and count in nothing else. */
  nanRows = 0;
  /** Rows of zeros alone. */
  emptyRows = 0;
  smallest = Infinity;
  largest = 0;
  /** Groups of the rows that have some. */
  readonly groups = { rows: 0, total: 0, fewest: Infinity, most: 0 };
  #positive = 0;
  #zeros = 0;
  #entries = 0;

  /** Mean size of the support, of the rows without NaN. */
  get mean(): number {
    return this.#positive / (this.rows - this.nanRows);
  }

  /** Share of entries that are exactly zero. */
  get zeroShare(): number {
    return this.#zeros / this.#entries;
  }

  /** Takes the probabilities of a block [outer, n, inner]. */
  addDense(values: Float32Array | Float64Array, outer: number, n: number, inner: number): void {
    const positive = new Int32Array(inner);
    const zeros = new Int32Array(inner);
    for (let o = 0, at = 0; o < outer; o++) {
      positive.fill(0);
      zeros.fill(0);
      for (let j = 0; j < n; j++) {
        for (let i = 0; i < inner; i++, at++) {
          const value = values[at]!;
          if (value > 0) positive[i]!++;
          else if (value === 0) zeros[i]!++;
        }
      }
      for (let i = 0; i < inner; i++) this.#addRow(n, positive[i]!, zeros[i]!);
    }
  }

  /** Takes the groups of a block [outer, n, inner]: each is named by the first of its entries. */
  addGroups(names: Int32Array, outer: number, n: number, inner: number): void {
    const { groups } = this;
    const counts = new Int32Array(inner);
    for (let o = 0, at = 0; o < outer; o++) {
      counts.fill(0);
      for (let j = 0; j < n; j++) {
        for (let i = 0; i < inner; i++, at++) if (names[at] === j) counts[i]!++;
      }
      for (const count of counts) {
        if (count === 0) continue;
        groups.rows++;
        groups.total += count;
        groups.fewest = Math.min(groups.fewest, count);
        groups.most = Math.max(groups.most, count);
      }
    }
  }

  /** Takes the sparse rows of a block; a NaN row lists all its entries. */
  addSparse({ indptr, values }: { indptr: Int32Array; values: Float32Array | Float64Array }, n: number): void {
    for (let row = 0; row + 1 < indptr.length; row++) {
      const [start, end] = [indptr[row]!, indptr[row + 1]!];
      const isNaN = end > start && Number.isNaN(values[start]);
      this.#addRow(n, isNaN ? 0 : end - start, isNaN ? 0 : n - (end - start));
    }
  }

  #addRow(n: number, positive: number, zeros: number): void {
    this.rows++;
    this.#entries += n;
    this.#zeros += zeros;
    if (positive + zeros < n) {
      this.nanRows++;
      return;
    }
    this.#positive += positive;
    if (positive === 0) this.emptyRows++;
    this.smallest = Math.min(this.smallest, positive);
    this.largest = Math.max(this.largest, positive);
  }
}
