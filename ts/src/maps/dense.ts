/** The dense form: probabilities of all rows, in the form of the scores or in `out`. */

import { readOut } from '../scores.ts';
import type { Plan } from '../runtime/plan.ts';
import type { Prepared } from './forms.ts';
import { arrayOperand, inRoom, operandOf } from './room.ts';
import type { Result, Room } from './room.ts';
import { readRowCall, refuseRows } from './row-call.ts';
import type { RowCall, RowMapDescriptor } from './row-call.ts';
import { batchArguments, refuseStatus, rowJob } from './row-job.ts';
import { stagedRows } from './staging.ts';
import type { Operand } from './staging.ts';

export function prepareDense(
  descriptor: RowMapDescriptor,
  op: string,
  [x, options]: readonly unknown[],
  isAsync: boolean,
): Prepared<unknown> {
  const call = readRowCall(op, descriptor, x, options, ['out'], isAsync);
  const { scores, layout, given } = call;
  const out = given['out'] === undefined ? undefined : readOut(op, given['out'], scores);
  refuseRows(call);
  return {
    op,
    plan: () =>
      inRoom(op, function* (room) {
        const result = room.result(scores, out);
        yield* writeDense(call, room, result);
        return result.value;
      }),
    rows: layout.rows,
    reads: [scores],
    writes: out,
    given,
  };
}

/** What every forward form reads: scores, mask and bounds. */
export function inputsOf({ scores, mask, upper }: RowCall): [Operand, Operand | undefined, Operand | undefined] {
  return [operandOf(scores), arrayOperand('uint8', mask), arrayOperand(scores.dtype, upper?.data)];
}

/** Probabilities of all rows into the result. */
export function* writeDense(call: RowCall, room: Room, result: Result): Plan<void> {
  const { op, layout, large } = call;
  const parameter = room.copyOfNumbers(call.parameter.values);
  for (const stage of stagedRows(op, layout, [...inputsOf(call), result.operand], room, large)) {
    const [x, mask, upper, out] = stage.at as [number, number, number, number];
    const args = [x, mask, out, ...batchArguments(call, stage, parameter, upper)];
    // Not by runKernel: a generator more costs a small call a tenth of its time.
    refuseStatus(call, yield rowJob(call, stage, 'row_map', args, 'row_map_workspace'));
    stage.finish();
  }
}
