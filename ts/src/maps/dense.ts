/** The dense form: probabilities of all rows, in the form of the scores or in `out`. */

import { readOut } from '../scores.ts';
import type { Float } from '../types.ts';
import type { Plan } from '../runtime/plan.ts';
import { besides } from './bounds.ts';
import type { Prepared } from './forms.ts';
import { arrayOperand, inRoom, operandOf } from './room.ts';
import type { Result, Room } from './room.ts';
import { readRowCall, refuseRows } from './row-call.ts';
import type { RowCall, RowMapDescriptor } from './row-call.ts';
import { batchArguments, refuseStatus, rowJob, runKernel, sharedOf, workspaceOf } from './row-job.ts';
import { stagedRows } from './staging.ts';
import type { Operand } from './staging.ts';

export function prepareDense(
  descriptor: RowMapDescriptor,
  op: string,
  [x, options]: readonly unknown[],
  isAsync: boolean,
): Prepared<unknown> {
  const asked = readRowCall(op, descriptor, x, options, ['out'], isAsync);
  const { x: read, scores, layout, given } = asked;
  const out = given['out'] === undefined ? undefined : readOut(op, given['out'], read);
  refuseRows(asked);
  const call = asked.upper?.each ? { ...asked, upper: besides(op, asked.upper, out) } : asked;
  return {
    op,
    plan: () =>
      inRoom(op, function* (room) {
        const result = room.result(read, out, layout.apart);
        yield* writeDense(call, room, result);
        return result.value;
      }),
    rows: layout.rows,
    reads: [scores, call.upper?.each],
    writes: out,
    given,
  };
}

/** What every forward form reads: scores, mask and bounds of each score. */
export function inputsOf({ scores, mask, upper }: RowCall): [Operand, Operand | undefined, Operand | undefined] {
  return [operandOf(scores), arrayOperand('uint8', mask), upper?.each && operandOf(upper.each)];
}

/** What a map with groups tells beside its output, in the layout of the rows. */
export interface Labels {
  /** The group that each entry belongs to. */
  readonly groups: Int32Array<ArrayBuffer>;
  /** How fast each entry moves with the parameter; undefined where nobody asks. */
  readonly rates: Float | undefined;
}

/** Probabilities of all rows into the result. */
export function* writeDense(call: RowCall, room: Room, result: Result): Plan<void> {
  const { op, layout, large } = call;
  const shared = sharedOf(call, room);
  for (const stage of stagedRows(op, layout, [...inputsOf(call), result.operand], room, large)) {
    const [x, mask, upper, out] = stage.at as [number, number, number, number];
    const args = [x, mask, out, ...batchArguments(call, stage, shared, upper)];
    // Not by runKernel: a generator more costs a small call a tenth of its time.
    refuseStatus(call, yield rowJob(call, stage, 'row_map', args, workspaceOf(call)));
    stage.finish();
  }
}

/** The same of a map with groups, with its labels. */
export function* writeGrouped(call: RowCall, room: Room, result: Result, { groups, rates }: Labels): Plan<void> {
  const { op, scores, layout, large } = call;
  const shared = sharedOf(call, room);
  const labels = [{ dtype: 'int32', target: groups } as const, rates && { dtype: scores.dtype, target: rates }];
  for (const stage of stagedRows(op, layout, [...inputsOf(call), result.operand, ...labels], room, large)) {
    const [x, mask, upper, ...results] = stage.at as [number, number, number, number, number, number];
    const args = [x, mask, ...results, ...batchArguments(call, stage, shared, upper)];
    yield* runKernel(call, stage, 'row_map_groups', args, workspaceOf(call));
    stage.finish();
  }
}
