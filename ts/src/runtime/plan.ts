/**
 * A plan is an operator's way from inputs to result, written once: a generator that yields jobs and is given their
 * statuses. The synchronous form runs each job at once, the asynchronous one awaits it; errors travel back into the
 * generator, so that its `finally` blocks run in both.
 */

import { EntmaxError, show } from '../errors.ts';
import { runJob, runJobAsync } from './execute.ts';
import type { Run } from './execute.ts';
import type { Job } from './job.ts';

export type Plan<R> = Generator<Job, R, number>;

/** Runs a plan to its end on this thread and the pool. */
export function runPlan<R>(plan: Plan<R>): R {
  let step = plan.next();
  while (!step.done) {
    let status: number;
    try {
      status = runJob(step.value);
    } catch (error) {
      step = plan.throw(error);
      continue;
    }
    step = plan.next(status);
  }
  return step.value;
}

/** Runs a plan without blocking; `rows` is the number of rows of all its jobs, for progress. */
export async function runPlanAsync<R>(plan: Plan<R>, rows: number, { signal, onProgress }: Run): Promise<R> {
  let before = 0;
  let step = plan.next();
  while (!step.done) {
    const job = step.value;
    let status: number;
    try {
      status = await runJobAsync(job, signal, onProgress && ((done) => onProgress(before + done, rows)));
    } catch (error) {
      step = plan.throw(error);
      continue;
    }
    before += job.rows;
    step = plan.next(status);
  }
  return step.value;
}

/** Checks the options `signal` and `onProgress`. */
export function readRun(op: string, signal: unknown, onProgress: unknown): Run {
  if (signal !== undefined && !(typeof signal === 'object' && signal !== null && 'aborted' in signal)) {
    throw new EntmaxError('ENTMAX_OPTION', op, 'signal to be an AbortSignal', show(signal));
  }
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new EntmaxError('ENTMAX_OPTION', op, 'onProgress to be a function', show(onProgress));
  }
  return { signal: signal as AbortSignal | undefined, onProgress: onProgress as Run['onProgress'] };
}
