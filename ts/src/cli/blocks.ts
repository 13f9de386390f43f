// Rows in blocks that memory holds. Scores are [O, N, I] with rows along N; row (o, i) is number o * I + i. A row may be a grid of two
// axes, which lie in memory as one if they are neighbours: N = H * W. Others are brought together first.
//
// A block is a run of outer indices where these fit, else a run of inner indices of one outer index. Either way its rows are
// neighbours, so that values for each row are a range; and no row is divided, so a block has at least one row however long that is.

import { countOf } from '../formats/elements.ts';
import type { StoredArray } from '../formats/elements.ts';
import { InputError } from '../formats/input-error.ts';
import { exchangeAxes } from '../formats/row-major.ts';

export interface Layout {
  readonly outer: number;
  readonly n: number;
  readonly inner: number;
  readonly rows: number;
  /** Shape of the scores, the axes of grids side by side. */
  readonly shape: readonly number[];
  /** The axis along which rows run, or the first of two, counted from 0. */
  readonly axis: number;
  /** [N], or [H, W] of grids. */
  readonly rowShape: readonly number[];
  /** Where the two axes of grids are in the file, if they are no neighbours there. */
  readonly apart?: readonly [number, number];
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
  return layoutAt(shape, axis < 0 ? axis + rank : axis, 1);
}

/** The layout of grids, whose axes may be given in either order. */
export function gridLayoutOf(shape: readonly number[], axes: readonly [number, number]): Layout {
  const rank = shape.length;
  const [first, second] = axes.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b) as [number, number];
  if (first < 0 || second === first || second >= rank) {
    throw new InputError(`--axes to be two axes of shape [${shape.join(', ')}]`, axes.join());
  }
  if (second === first + 1) return layoutAt(shape, first, 2);
  const [before, between] = [shape.slice(0, first), shape.slice(first + 1, second)];
  const together = [...before, ...between, shape[first]!, ...shape.slice(second)];
  return { ...layoutAt(together, second - 1, 2), apart: [first, second] };
}

function layoutAt(shape: readonly number[], axis: number, count: number): Layout {
  const rowShape = shape.slice(axis, axis + count);
  const outer = countOf(shape.slice(0, axis));
  const inner = countOf(shape.slice(axis + count));
  return { outer, n: countOf(rowShape), inner, rows: outer * inner, shape, axis, rowShape };
}

/** The axes along which no row runs. */
export function otherAxes({ shape, axis, rowShape }: Layout): readonly number[] {
  return [...shape.slice(0, axis), ...shape.slice(axis + rowShape.length)];
}

/** The shape with the two axes of grids as one, as the library's Csr has it. */
export function rowsInOneAxis({ shape, axis, n, rowShape }: Layout): readonly number[] {
  return [...shape.slice(0, axis), n, ...shape.slice(axis + rowShape.length)];
}

/** The layout when the axes of rows have been moved behind the others. */
export function movedLayout(layout: Layout): Layout {
  const others = otherAxes(layout);
  const shape = [...others, ...layout.rowShape];
  return { ...layout, outer: layout.rows, inner: 1, shape, axis: others.length };
}

/** The scores, or what broadcasts to them, with the axes of grids side by side. */
export function axesTogether(array: StoredArray, { apart }: Layout, limit: number): StoredArray {
  return apart ? exchangeAxes(array, apart[0], 1, apart[1] - apart[0] - 1, limit) : array;
}

/** The other way round. */
export function axesApart(array: StoredArray, { apart }: Layout, limit: number): StoredArray {
  return apart ? exchangeAxes(array, apart[0], apart[1] - apart[0] - 1, 1, limit) : array;
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
export function forEachRun<A extends Uint8Array | Int32Array | Float32Array | Float64Array>(
  { runs, runLength, starts }: Block,
  values: A,
  visit: (start: number, part: A) => void,
): void {
  for (let run = 0; run < runs; run++) {
    visit(starts(run), values.subarray(run * runLength, (run + 1) * runLength) as A);
  }
}
