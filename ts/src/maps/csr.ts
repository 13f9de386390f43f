/**
 * The sparse form. Kernels write each row's entries to a slot of n; a chunk's slots are then moved together, copied out
 * and used again, so that memory is needed for the entries and for the slots of one chunk. A prefix sum over the sizes
 * says where rows begin.
 */

import { elementBytes, viewOf } from '../elements.ts';
import { makeCsr } from '../csr.ts';
import type { Csr, Entries } from '../csr.ts';
import { EntmaxError, show } from '../errors.ts';
import { newArray } from '../scores.ts';
import type { Float } from '../types.ts';
import type { Plan } from '../runtime/plan.ts';
import { inputsOf } from './dense.ts';
import type { Prepared } from './forms.ts';
import { inRoom } from './room.ts';
import type { PerRow, Room } from './room.ts';
import { readRowCall, refuseRows } from './row-call.ts';
import type { RowCall, RowMapCall, RowMapDescriptor } from './row-call.ts';
import { batchArguments, kernelOf, runKernel } from './row-job.ts';
import { stagedRows } from './staging.ts';
import type { StagedRows } from './staging.ts';

/** Sparse rows with what is known of each. */
export interface SparseParts extends Entries {
  readonly thresholds: Float;
  readonly exact: Uint8Array | undefined;
}

export function prepareCsr(
  descriptor: RowMapDescriptor,
  op: string,
  [x, options]: readonly unknown[],
  isAsync: boolean,
): Prepared<Csr> {
  const call = refuseRows(readRowCall(op, descriptor, x, options, ['order'], isAsync));
  const { scores, layout, given } = call;
  const { order = 'index' } = given;
  if (order !== 'index' && order !== 'value') {
    throw new EntmaxError('ENTMAX_OPTION', op, "order to be 'index' or 'value'", show(order));
  }
  return {
    op,
    *plan() {
      return toCsr(call, yield* sparseRows(call, order === 'value'));
    },
    rows: layout.rows,
    reads: [scores],
    given,
  };
}

/** Sparse rows as the user gets them. */
export function toCsr({ template, layout }: RowMapCall, parts: SparseParts): Csr {
  return makeCsr({ ...parts, shape: template.shape, axis: layout.axis });
}

/** The supports of all rows. */
export function sparseRows(call: RowCall, byValue: boolean): Plan<SparseParts> {
  const { op, scores, layout, large } = call;
  return inRoom(op, function* (room) {
    const parameter = room.copyOfNumbers(call.parameter.values);
    const thresholds = room.perRow(scores.dtype, layout.rows, Infinity);
    const exact = call.k > 0 ? room.perRow('uint8', layout.rows, 1) : undefined;
    const slots = new Slots(call, room);
    for (const stage of stagedRows(op, layout, inputsOf(call), room, large, false)) {
      const [x, mask, upper] = stage.at as [number, number, number];
      const [sizes, indices, values] = slots.at(stage);
      const results = [sizes, thresholds.at(stage), exact?.at(stage) ?? 0, indices, values, byValue ? 1 : 0];
      const args = [x, mask, ...results, ...batchArguments(call, stage, parameter, upper)];
      yield* runKernel(call, stage, 'row_map_csr', args, 'row_map_workspace');
      slots.collect(stage);
    }
    return { ...slots.take(), thresholds: thresholds.take(), exact: exact?.take() };
  });
}

/** Slots for the entries of staged rows, and the entries of all rows so far. */
export class Slots {
  readonly #call: RowMapCall;
  readonly #room: Room;
  readonly #sizes: PerRow<'int32'>;
  readonly #parts: { indices: Int32Array; values: Float }[] = [];
  #slots: [number, number] | undefined;
  #total = 0;

  constructor(call: RowMapCall, room: Room) {
    this.#call = call;
    this.#room = room;
    this.#sizes = room.perRow('int32', call.layout.rows, 0);
  }

  /** Addresses for the staged rows: of their sizes, of the indices and of the values in their slots. */
  at(stage: StagedRows): [number, number, number] {
    const { template, layout } = this.#call;
    const capacity = stage.rows * layout.n;
    // The first chunk is the largest.
    this.#slots ??= [this.#room.allocate(4 * capacity), this.#room.allocate(elementBytes(template.dtype) * capacity)];
    return [this.#sizes.at(stage), ...this.#slots];
  }

  /** Takes the entries of the staged rows out of their slots. */
  collect(stage: StagedRows): void {
    const { op, template, layout } = this.#call;
    const [sizes, indices, values] = this.at(stage);
    const count = kernelOf(this.#call, 'csr_compact')(stage.rows, layout.n, sizes, indices, values);
    this.#total += count;
    if (this.#total > 0x7fffffff) {
      throw new EntmaxError('ENTMAX_MEMORY', op, 'fewer than 2^31 entries with p > 0', `at least ${this.#total}`);
    }
    if (count === 0) return;
    const part = { indices: new Int32Array(count), values: newArray(template.dtype, count) };
    part.indices.set(viewOf('int32', indices, count));
    part.values.set(viewOf(template.dtype, values, count));
    this.#parts.push(part);
  }

  /** The entries of all rows, in arrays of their own. */
  take(): Entries {
    const indptr = new Int32Array(this.#call.layout.rows + 1);
    this.#sizes.take().forEach((size, row) => (indptr[row + 1] = indptr[row]! + size));
    const [only] = this.#parts;
    if (only && this.#parts.length === 1) return { indptr, ...only };
    const [indices, values] = [new Int32Array(this.#total), newArray(this.#call.template.dtype, this.#total)];
    let at = 0;
    for (const part of this.#parts) {
      indices.set(part.indices, at);
      values.set(part.values, at);
      at += part.indices.length;
    }
    return { indptr, indices, values };
  }
}
