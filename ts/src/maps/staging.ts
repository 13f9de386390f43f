/**
 * How rows reach linear memory. A tensor is there already and is one chunk. An array of JavaScript's passes through a
 * stage of about the size of a core's cache, chunk by chunk, so that a large array is never copied whole and the
 * memory goes back afterwards.
 *
 * A chunk is a run of outer indices where these fit the stage, else a run of inner indices of one outer index; either
 * way its rows are neighbours, so that values per row are a simple offset. Results have a stage of their own, so that
 * a chunk in which a worker trapped can be computed again.
 */

import { addressOf } from '../tensor.ts';
import { elementBytes } from '../scores.ts';
import type { ReadScores } from '../scores.ts';
import type { RowLayout } from '../shape.ts';
import type { Float } from '../types.ts';
import { memory } from '../runtime/runtime.ts';
import type { Scratch } from '../runtime/scratch.ts';

/** Bytes of scores on the stage: with the results beside them they fit a core's second-level cache. */
const STAGE_BYTES = 128 << 10;
/** With threads a chunk must be worth sharing, and in asynchronous calls worth waiting for. */
const LARGE_STAGE_BYTES = 2 << 20;

/** Rows that lie in linear memory, in the layout [outer, n, inner]. */
export interface StagedRows {
  /** Number of the first row among all rows, and how many there are. */
  readonly firstRow: number;
  readonly rows: number;
  readonly inner: number;
  readonly x: number;
  /** Address of the mask, or 0. */
  readonly mask: number;
  /** Where the kernel writes a result of the rows' size, or 0 when none was asked for. */
  readonly out: number;
  /** Call when the result is there. */
  finish(): void;
}

/** Where a dense result goes: an address, an array, or nowhere. */
export interface DenseTarget {
  readonly address?: number;
  readonly data?: Float;
}

/** The rows of a call in chunks that lie in linear memory while the caller works on them. */
export function* stagedRows(
  op: string,
  scores: ReadScores,
  layout: RowLayout,
  mask: Uint8Array | undefined,
  target: DenseTarget,
  scratch: Scratch,
  large: boolean,
): Generator<StagedRows> {
  if (scores.form === 'tensor') {
    const out = target.address ?? (target.data ? scratch.allocate(target.data.byteLength) : 0);
    yield {
      firstRow: 0,
      rows: layout.rows,
      inner: layout.inner,
      x: addressOf(scores.tensor, op),
      mask: mask ? scratch.copyOf(mask) : 0,
      out,
      finish: () => target.data?.set(readFloats(scores.dtype, out, target.data.length)),
    };
    return;
  }
  const { data, dtype } = scores;
  const { n, inner, outer, rows } = layout;
  const bytes = elementBytes(dtype);
  const budget = Math.max(n, Math.floor((large ? LARGE_STAGE_BYTES : STAGE_BYTES) / bytes));
  const slab = n * inner;
  const capacity = Math.min(
    rows * n,
    slab <= budget ? Math.floor(budget / slab) * slab : Math.max(1, Math.floor(budget / n)) * n,
  );
  const x = scratch.allocate(capacity * bytes);
  const out = target.data ? scratch.allocate(capacity * bytes) : 0;
  const maskStage = mask ? scratch.allocate(capacity) : 0;

  if (slab <= budget) {
    const step = Math.floor(budget / slab);
    for (let first = 0; first < outer; first += step) {
      const [start, end] = [first * slab, Math.min(first + step, outer) * slab];
      readFloats(dtype, x, end - start).set(data.subarray(start, end));
      if (mask)
        memory()
          .u8(maskStage, end - start)
          .set(mask.subarray(start, end));
      yield {
        firstRow: first * inner,
        rows: (end - start) / n,
        inner,
        x,
        mask: maskStage,
        out,
        finish: () => target.data?.set(readFloats(dtype, out, end - start), start),
      };
    }
    return;
  }
  const width = Math.max(1, Math.floor(budget / n));
  for (let o = 0; o < outer; o++) {
    for (let first = 0; first < inner; first += width) {
      const w = Math.min(width, inner - first);
      const stage = readFloats(dtype, x, n * w);
      const maskView = memory().u8(maskStage, mask ? n * w : 0);
      for (let j = 0; j < n; j++) {
        const start = (o * n + j) * inner + first;
        stage.set(data.subarray(start, start + w), j * w);
        if (mask) maskView.set(mask.subarray(start, start + w), j * w);
      }
      yield {
        firstRow: o * inner + first,
        rows: w,
        inner: w,
        x,
        mask: maskStage,
        out,
        finish: () => {
          const result = readFloats(dtype, out, n * w);
          for (let j = 0; j < n; j++) target.data?.set(result.subarray(j * w, j * w + w), (o * n + j) * inner + first);
        },
      };
    }
  }
}

/** A view of floats in linear memory, for immediate use. */
export function readFloats(dtype: 'float32' | 'float64', address: number, length: number): Float {
  return dtype === 'float32' ? memory().f32(address, length) : memory().f64(address, length);
}
