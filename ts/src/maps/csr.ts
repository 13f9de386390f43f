/** The sparse form: kernels write each row's entries to a slot, from which they are collected chunk by chunk. */

import { makeCsr } from '../csr.ts';
import type { Csr, Entries } from '../csr.ts';
import { EntmaxError, show } from '../errors.ts';
import type { Float } from '../types.ts';
import type { Plan } from '../runtime/plan.ts';
import { inputsOf } from './dense.ts';
import type { Prepared } from './forms.ts';
import { inRoom } from './room.ts';
import type { Room } from './room.ts';
import { readRowCall, refuseRows } from './row-call.ts';
import type { RowCall, RowMapCall, RowMapDescriptor } from './row-call.ts';
import { batchArguments, kernelOf, runKernel, sharedOf, workspaceOf } from './row-job.ts';
import { Slots } from './slots.ts';
import { stagedRows } from './staging.ts';

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
    reads: [scores, call.upper?.each],
    given,
  };
}

/** Sparse rows as the user gets them; the axes of grids are one there, where the second was. */
export function toCsr({ template, layout }: RowMapCall, parts: SparseParts): Csr {
  const { axis, last = axis, n } = layout;
  const { shape } = template;
  const before = shape.slice(0, last).filter((_, at) => at !== axis);
  return makeCsr({ ...parts, shape: [...before, n, ...shape.slice(last + 1)], axis: before.length });
}

/** The supports of all rows. */
export function sparseRows(call: RowCall, byValue: boolean): Plan<SparseParts> {
  const { op, scores, layout, large } = call;
  return inRoom(op, function* (room) {
    const shared = sharedOf(call, room);
    const thresholds = room.perRow(scores.dtype, layout.rows, Infinity);
    const exact = call.k > 0 ? room.perRow('uint8', layout.rows, 1) : undefined;
    const slots = slotsOf(call, room);
    for (const stage of stagedRows(op, layout, inputsOf(call), room, large, false)) {
      const [x, mask, upper] = stage.at as [number, number, number];
      const [sizes, indices, values] = slots.at(stage);
      const results = [sizes, thresholds.at(stage), exact?.at(stage) ?? 0, indices, values, byValue ? 1 : 0];
      const args = [x, mask, ...results, ...batchArguments(call, stage, shared, upper)];
      yield* runKernel(call, stage, 'row_map_csr', args, workspaceOf(call));
      slots.collect(stage);
    }
    return { ...slots.take(), thresholds: thresholds.take(), exact: exact?.take() };
  });
}

/** Slots for the rows of a call. */
export function slotsOf(call: RowMapCall, room: Room): Slots {
  const { op, template, layout } = call;
  const { rows, n } = layout;
  return new Slots({ op, dtype: template.dtype, rows, n, compact: kernelOf(call, 'csr_compact') }, room);
}
