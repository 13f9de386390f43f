/**
 * From one way of reading a call to its synchronous and its asynchronous form. The first runs the plan at once; the
 * second reads at once too, keeps the tensors in place, and never throws synchronously.
 */

import { EntmaxError } from '../errors.ts';
import type { Run } from '../runtime/execute.ts';
import { readRun, runPlan, runPlanAsync } from '../runtime/plan.ts';
import type { Plan } from '../runtime/plan.ts';
import type { Destination, ReadScores } from '../scores.ts';
import { isBusy, noteWrite, pin, refuseHalfWritten, Tensor } from '../tensor.ts';

/** A call that has been read and checked, before it begins. */
export interface Prepared<R> {
  readonly op: string;
  /** Begins the call. */
  plan(): Plan<R>;
  readonly rows: number;
  /** Rows of all jobs together; those of the call by default. */
  readonly steps?: number;
  readonly reads: readonly (ReadScores | Tensor | undefined)[];
  readonly writes?: Destination | undefined;
  /** The options `signal` and `onProgress`, if the call takes them. */
  readonly given: Readonly<Record<string, unknown>>;
}

/** Reads the arguments of a call. */
export type Prepare<R> = (op: string, args: readonly unknown[], isAsync: boolean) => Prepared<R>;

export function synchronous<R>(op: string, prepare: Prepare<R>): (...args: unknown[]) => R {
  return (...args) => runPrepared(prepare(op, args, false));
}

export function asynchronous<R>(op: string, prepare: Prepare<R>): (...args: unknown[]) => Promise<R> {
  return async (...args) => runPreparedAsync(prepare(op, args, true));
}

/** Runs a call at once. */
export function runPrepared<R>(call: Prepared<R>): R {
  refuseBusy(call);
  noteWrites(call);
  return runPlan(call.plan());
}

/** Runs a call with the event loop free; its tensors stay in place until it settles. */
export async function runPreparedAsync<R>(call: Prepared<R>): Promise<R> {
  const { op, rows, steps = rows, given } = call;
  const { signal, onProgress } = readRun(op, given['signal'], given['onProgress']);
  refuseBusy(call);
  noteWrites(call);
  const [reads, writes] = tensorsOf(call);
  const held = [...reads.map((each) => pin(each, op, 'reads')), ...writes.map((each) => pin(each, op, 'writes'))];
  // A solve that needs more turns than one counts its problems again.
  const report: Run['onProgress'] =
    onProgress && ((done) => onProgress(Math.min(rows, Math.floor((done * rows) / steps)), rows));
  try {
    return await runPlanAsync(call.plan(), steps, { signal, onProgress: report });
  } finally {
    for (const unpin of held) unpin();
  }
}

function tensorsOf({ reads, writes }: Prepared<unknown>): [Tensor[], Tensor[]] {
  const read: Tensor[] = [];
  for (const each of reads) {
    if (each instanceof Tensor) read.push(each);
    else if (each?.form === 'tensor') read.push(each.tensor);
  }
  return [read, writes && 'tensor' in writes ? [writes.tensor] : []];
}

function noteWrites(call: Prepared<unknown>): void {
  for (const each of tensorsOf(call)[1]) noteWrite(each, call.op);
}

function refuseBusy(call: Prepared<unknown>): void {
  const [reads, writes] = tensorsOf(call);
  for (const each of reads) refuseHalfWritten(each, call.op);
  for (const each of writes) {
    if (!isBusy(each, call.op)) continue;
    throw new EntmaxError('ENTMAX_BUSY', call.op, 'out to be at rest', 'a tensor in use by an asynchronous call');
  }
}
