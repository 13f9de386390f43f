// Rows in blocks that memory holds. Scores are [O, N, I] with rows along N; row (o, i) is number o * I + i.
//
// A block is a run of outer indices where these fit, else a run of inner indices of one outer index. Either way its rows are
// neighbours, so that values for each row are a range; and no row is divided, so a block has at least one row however long that is.

import { countOf } from '../formats/elements.ts';
import { InputError } from '../formats/input-error.ts';

export interface Layout {
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
  readonly rows: number;
  /** The axis along which rows run, counted from 0. */
  readonly axis: number;
}

/** The rows [firstRow, firstRow + rows) as an array [outer, N, inner] of their own. */
export interface Block {
  readonly firstRow: number;
  readonly rows: number;
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
  readonly size: number;
  /** The runs of elements that lie side by side in the whole array: where they begin, and how long each is. */
  readonly starts: (run: number) => number;
  readonly runs: number;
  readonly runLength: number;
}

export function layoutOf(shape: readonly number[], axis: number): Layout {
  const rank = shape.length;
  if (rank === 0) throw new InputError('scores with at least one axis', 'a single number');
  if (axis < -rank || axis >= rank) {
    throw new InputError(`--axis from ${-rank} to ${rank - 1} for shape [${shape.join(', ')}]`, String(axis));
  }
  const at = axis < 0 ? axis + rank : axis;
  const outer = countOf(shape.slice(0, at));
  const inner = countOf(shape.slice(at + 1));
  return { outer, n: shape[at]!, inner, rows: outer * inner, axis: at };
}

/** True when blocks of so many elements follow each other in the array without a gap. */
export function areSequential({ n, inner }: Layout, elements: number): boolean {
  return inner === 1 || n * inner <= elements;
}

/** Shorter runs make a file slow. */
const SHORTEST_RUN_BYTES = 4096;

/** True when blocks of so many elements would consist of short runs, and the axis had better be moved behind the others. */
export function hasShortRuns(layout: Layout, elements: number, elementBytes: number): boolean {
  if (areSequential(layout, elements)) return false;
  const run = Math.floor(elements / layout.n);
  return run * elementBytes < SHORTEST_RUN_BYTES && run < Math.floor(elements / layout.inner);
}

/** All rows in blocks of at most `elements` elements, or of one row. */
export function* blocksOf(layout: Layout, elements: number): Generator<Block> {
  const { outer, n, inner, rows } = layout;
  if (rows === 0) return;
  if (areSequential(layout, elements)) {
    const step = Math.max(1, Math.floor(elements / Math.max(1, n * inner)));
    for (let first = 0; first < outer; first += step) {
      const count = Math.min(step, outer - first);
      const size = count * n * inner;
      const start = first * n * inner;
      const shape = { outer: count, n, inner };
      yield {
        ...shape,
        firstRow: first * inner,
        rows: count * inner,
        size,
        starts: () => start,
        runs: 1,
        runLength: size,
      };
    }
    return;
  }
  const step = Math.max(1, Math.floor(elements / n));
  for (let o = 0; o < outer; o++) {
    for (let first = 0; first < inner; first += step) {
      const count = Math.min(step, inner - first);
      const starts = (run: number): number => (o * n + run) * inner + first;
      const shape = { outer: 1, n, inner: count };
      yield { ...shape, firstRow: o * inner + first, rows: count, size: n * count, starts, runs: n, runLength: count };
    }
  }
}

/** Visits the block's runs: where each begins in the whole array, and its part of `values`. */
export function forEachRun<A extends Uint8Array | Float32Array | Float64Array>(
  { runs, runLength, starts }: Block,
  values: A,
  visit: (start: number, part: A) => void,
): void {
  for (let run = 0; run < runs; run++) {
    visit(starts(run), values.subarray(run * runLength, (run + 1) * runLength) as A);
  }
}
