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
  readonly dtype: 'float32' | 'float64' | 'int32' | 'uint8';
  /** Where it lies in linear memory. */
  readonly tensor?: Tensor | undefined;
  /** True when the kernel writes to the tensor. */
  readonly writes?: boolean;
  /** The array that is copied to the stage before a chunk. */
  readonly source?: Elements | undefined;
  /** The array that the stage is copied to when the chunk is finished. */
  readonly target?: Float | Int32Array | undefined;
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

type Operands = readonly (Operand | undefined)[];

/** The rows of a call in chunks that lie in linear memory while the caller works on them. `large`: in large chunks. */
export function stagedRows(
  op: string,
  layout: RowLayout,
  operands: Operands,
  scratch: Scratch,
  large: boolean,
  /** For rows that lie in place already: all at once, unless something else is limited by the size of a chunk. */
  whole = true,
): Iterable<StagedRows> {
  if (layout.rows * layout.n === 0) return [];
  const wide = operands.some((operand) => operand?.dtype === 'float64') ? 8 : 4;
  if (operands.some((operand) => operand?.tensor)) {
    return inPlace(op, layout, operands, scratch, whole ? Infinity : LARGE_STAGE_BYTES / wide);
  }
  return copied(layout, operands, scratch, (large ? LARGE_STAGE_BYTES : STAGE_BYTES) / wide);
}

/** Runs of rows with at most `budget` elements, or one row. The first is the largest. */
function chunks({ outer, n, inner }: RowLayout, budget: number): Chunk[] {
  const slab = n * inner;
  const step = slab <= budget ? Math.min(outer, Math.floor(budget / slab)) : 1;
  const width = slab <= budget ? inner : Math.max(1, Math.floor(budget / n));
  const runs: Chunk[] = [];
  for (let o = 0; o < outer; o += step) {
    for (let first = 0; first < inner; first += width) {
      runs.push({ outer: o, outers: Math.min(step, outer - o), first, width: Math.min(width, inner - first) });
    }
  }
  return runs;
}

function* inPlace(
  op: string,
  layout: RowLayout,
  operands: Operands,
  scratch: Scratch,
  budget: number,
): Generator<StagedRows> {
  const { n, inner, rows } = layout;
  const size = rows * n;
  const tensors: (() => void)[] = [];
  const bases = operands.map((operand) => {
    if (!operand) return 0;
    if (operand.tensor) {
      tensors.push(abandoning(operand.tensor, op));
      return addressOf(operand.tensor, op);
    }
    const address = scratch.allocate(size * elementBytes(operand.dtype));
    if (operand.source) viewOf(operand.dtype, address, size).set(operand.source);
    return address;
  });
  const repeatable = operands.every(
    (operand, i) => !operand?.writes || bases.indexOf(bases[i]!) === bases.lastIndexOf(bases[i]!),
  );
  for (const { outer, outers, first, width } of chunks(layout, budget)) {
    const offset = outer * n * inner + first;
    const firstRow = outer * inner + first;
    yield {
      firstRow,
      rows: outers * width,
      inner,
      at: operands.map((operand, i) => (operand ? bases[i]! + offset * elementBytes(operand.dtype) : 0)),
      repeatable,
      setAside: () => tensors.forEach((setAside) => setAside()),
      finish: () => {
        if (firstRow + outers * width < rows) return;
        operands.forEach((operand, i) => operand?.target?.set(viewOf(operand.dtype, bases[i]!, size)));
      },
    };
  }
}

function* copied(layout: RowLayout, operands: Operands, scratch: Scratch, budget: number): Generator<StagedRows> {
  const { n, inner } = layout;
  const runs = chunks(layout, budget);
  const capacity = runs[0]!.outers * runs[0]!.width * n;
  const at = operands.map((operand) => (operand ? scratch.allocate(capacity * elementBytes(operand.dtype)) : 0));
  const repeatable = operands.every((operand) => !(operand?.source && operand.target));
  for (const chunk of runs) {
    for (let i = 0; i < at.length; i++) copyRows(operands[i], at[i]!, layout, chunk, true);
    yield {
      firstRow: chunk.outer * inner + chunk.first,
      rows: chunk.outers * chunk.width,
      inner: chunk.width,
      at,
      repeatable,
      setAside: () => undefined,
      finish: () => {
        for (let i = 0; i < at.length; i++) copyRows(operands[i], at[i]!, layout, chunk, false);
      },
    };
  }
}

/** Copies a chunk of an operand to the stage, or back. */
function copyRows(
  operand: Operand | undefined,
  address: number,
  { n, inner }: RowLayout,
  { outer, outers, first, width }: Chunk,
  toStage: boolean,
): void {
  const array = toStage ? operand?.source : operand?.target;
  if (!operand || !array) return;
  const start = outer * n * inner + first;
  const length = outers * width * n;
  const stage = viewOf(operand.dtype, address, length);
  if (width === inner) {
    if (!toStage) array.set(stage, start);
    else stage.set(length === array.length ? array : array.subarray(start, start + length));
    return;
  }
  for (let j = 0; j < n; j++) {
    if (toStage) copyRun(array, start + j * inner, stage, j * width, width);
    else copyRun(stage, j * width, array, start + j * inner, width);
  }
}

type Elements = Float | Int32Array | Uint8Array;

/** Copies a run of elements; a short one by hand, because making a view for it takes longer. */
function copyRun(from: Elements, at: number, to: Elements, start: number, length: number): void {
  if (length >= 64) to.set(from.subarray(at, at + length), start);
  else for (let i = 0; i < length; i++) to[start + i] = from[at + i]!;
}
