/**
 * How arrays of the rows' size reach linear memory: scores, masks, cotangents, results. Tensors are there already and
 * are worked on in place. Arrays of JavaScript's pass through a stage of about the size of a core's cache, chunk by
 * chunk, so that a large array is never copied whole and the memory goes back afterwards.
 *
 * A chunk is a run of outer indices where these fit the stage, else a run of inner indices of one outer index; either
 * way its rows are neighbours, so that values per row are a simple offset. Results have a stage of their own, so that
 * a chunk in which a worker trapped can be computed again. Where tensors and arrays meet (a mask for a tensor), the
 * arrays are copied whole.
 */

import { elementBytes, viewOf } from '../elements.ts';
import { abandoning, addressOf } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';
import type { RowLayout } from '../shape.ts';
import type { Float } from '../types.ts';
import type { Scratch } from '../runtime/scratch.ts';

/** Bytes of float scores on the stage: with the results beside them they fit a core's second-level cache. */
const STAGE_BYTES = 128 << 10;
/** With threads a chunk must be worth sharing, in asynchronous calls worth waiting for, and in place it costs nothing. */
const LARGE_STAGE_BYTES = 2 << 20;

/** An array in the rows' layout that a kernel reads, writes, or both. One without any place is room on the stage only. */
export interface Operand {
  readonly dtype: 'float32' | 'float64' | 'uint8';
  /** Where it lies in linear memory. */
  readonly tensor?: Tensor | undefined;
  /** True when the kernel writes to the tensor. */
  readonly writes?: boolean;
  /** The array that is copied to the stage before a chunk. */
  readonly source?: Float | Uint8Array | undefined;
  /** The array that the stage is copied to when the chunk is finished. */
  readonly target?: Float | undefined;
}

/** Neighbouring rows whose operands lie in linear memory, in the layout [outer, n, inner]. */
export interface StagedRows {
  /** Number of the first row among all rows, and how many there are. */
  readonly firstRow: number;
  readonly rows: number;
  /** Distance of neighbouring entries of a row. */
  readonly inner: number;
  /** Address of each operand, 0 for those that were not given. */
  readonly at: readonly number[];
  /** False when a result lies on an input. */
  readonly repeatable: boolean;
  /** Makes sure that the tensors' memory is never handed out again. */
  readonly setAside: () => void;
  /** Call when the results are there. */
  readonly finish: () => void;
}

interface Chunk {
  readonly outer: number;
  readonly outers: number;
  readonly first: number;
  readonly width: number;
}

/** The rows of a call in chunks that lie in linear memory while the caller works on them. `large`: in large chunks. */
export function* stagedRows(
  op: string,
  layout: RowLayout,
  operands: readonly (Operand | undefined)[],
  scratch: Scratch,
  large: boolean,
  /** For rows that lie in place already: all at once, unless something else is limited by the size of a chunk. */
  whole = true,
): Generator<StagedRows> {
  if (layout.rows * layout.n === 0) return;
  const wide = operands.some((operand) => operand?.dtype === 'float64') ? 8 : 4;
  if (operands.some((operand) => operand?.tensor)) {
    yield* inPlace(op, layout, operands, scratch, whole ? Infinity : LARGE_STAGE_BYTES / wide);
  } else {
    yield* copied(layout, operands, scratch, (large ? LARGE_STAGE_BYTES : STAGE_BYTES) / wide);
  }
}

/** Runs of rows with at most `budget` elements, or one row. */
function* chunks({ outer, n, inner }: RowLayout, budget: number): Generator<Chunk> {
  const slab = n * inner;
  const step = slab <= budget ? Math.min(outer, Math.floor(budget / slab)) : 1;
  const width = slab <= budget ? inner : Math.max(1, Math.floor(budget / n));
  for (let o = 0; o < outer; o += step) {
    for (let first = 0; first < inner; first += width) {
      yield { outer: o, outers: Math.min(step, outer - o), first, width: Math.min(width, inner - first) };
    }
  }
}

function* inPlace(
  op: string,
  layout: RowLayout,
  operands: readonly (Operand | undefined)[],
  scratch: Scratch,
  budget: number,
): Generator<StagedRows> {
  const { n, inner, rows } = layout;
  const size = rows * n;
  const bases = operands.map((operand) => {
    if (!operand) return 0;
    if (operand.tensor) return addressOf(operand.tensor, op);
    const address = scratch.allocate(size * elementBytes(operand.dtype));
    if (operand.source) viewOf(operand.dtype, address, size).set(operand.source);
    return address;
  });
  const tensors = operands.flatMap((operand) => (operand?.tensor ? [abandoning(operand.tensor, op)] : []));
  const repeatable = operands.every(
    (operand, i) => !operand?.writes || bases.indexOf(bases[i]!) === bases.lastIndexOf(bases[i]!),
  );
  for (const { outer, outers, first, width } of chunks(layout, budget)) {
    const offset = outer * n * inner + first;
    const firstRow = outer * inner + first;
    const isLast = firstRow + outers * width === rows;
    yield {
      firstRow,
      rows: outers * width,
      inner,
      at: operands.map((operand, i) => (operand ? bases[i]! + offset * elementBytes(operand.dtype) : 0)),
      repeatable,
      setAside: () => tensors.forEach((setAside) => setAside()),
      finish: () => {
        operands.forEach((operand, i) => {
          if (isLast && operand?.target) operand.target.set(viewOf(operand.dtype, bases[i]!, size));
        });
      },
    };
  }
}

function* copied(
  layout: RowLayout,
  operands: readonly (Operand | undefined)[],
  scratch: Scratch,
  budget: number,
): Generator<StagedRows> {
  const { n, inner } = layout;
  let at: number[] | undefined;
  for (const { outer, outers, first, width } of chunks(layout, budget)) {
    const rows = outers * width;
    // The first chunk is the largest.
    at ??= operands.map((operand) => (operand ? scratch.allocate(rows * n * elementBytes(operand.dtype)) : 0));
    const addresses = at;
    const start = outer * n * inner + first;
    operands.forEach((operand, i) => {
      if (!operand?.source) return;
      const stage = viewOf(operand.dtype, addresses[i]!, rows * n);
      if (width === inner) stage.set(operand.source.subarray(start, start + rows * n));
      else for (let j = 0; j < n; j++) copyRun(operand.source, start + j * inner, stage, j * width, width);
    });
    yield {
      firstRow: outer * inner + first,
      rows,
      inner: width,
      at: addresses,
      repeatable: operands.every((operand) => !(operand?.source && operand.target)),
      setAside: () => undefined,
      finish: () =>
        operands.forEach((operand, i) => {
          if (!operand?.target) return;
          const stage = viewOf(operand.dtype, addresses[i]!, rows * n);
          if (width === inner) operand.target.set(stage, start);
          else for (let j = 0; j < n; j++) copyRun(stage, j * width, operand.target, start + j * inner, width);
        }),
    };
  }
}

type Elements = Float | Uint8Array;

/** Copies a run of elements; a short one by hand, because making a view for it takes longer. */
function copyRun(from: Elements, at: number, to: Elements, start: number, length: number): void {
  if (length >= 64) to.set(from.subarray(at, at + length), start);
  else for (let i = 0; i < length; i++) to[start + i] = from[at + i]!;
}
