/**
 * Runs jobs where they run best: on the pool when threads pay, else on the caller alone. The synchronous and the
 * asynchronous way meet here, so that no operator knows about threads.
 */

import { isEntmaxError } from '../errors.ts';
import { isWindow } from './environment.ts';
import { chunkRows, kernelError } from './job.ts';
import type { Job } from './job.ts';
import { SLICE_MILLISECONDS } from './pool.ts';
import type { RunHere } from './pool.ts';
import { asynchronousJobs, memory, poolForJobs } from './runtime.ts';

/** How an asynchronous call may be watched and ended. */
export interface Run {
  /** Ends the call: the promise rejects with `signal.reason`, and an `out` is unspecified. */
  signal?: AbortSignal | undefined;
  /** Called now and then with the rows that are finished and the rows in all. */
  onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Runs the job to its end and returns its status. On a browser's main thread it never leaves that thread. */
export function runJob(job: Job): number {
  const pool = isWindow() ? undefined : poolForJobs();
  const here = onCaller(job);
  if (!pool || pool.busy || !pool.pays(job)) {
    return withWorkspace(job, 1, (workspace) => here({ first: 0, last: job.rows }, workspace));
  }
  return withWorkspace(job, pool.size, (workspace) => pool.run(job, workspace, here));
}

/** Runs the job without keeping the event loop busy for more than about 8 ms at a time. Jobs wait for each other. */
export function runJobAsync(job: Job, signal?: AbortSignal, onProgress?: (rows: number) => void): Promise<number> {
  const before = asynchronousJobs.last;
  const result = unlessAborted(before, signal).then(() => {
    signal?.throwIfAborted();
    const pool = poolForJobs();
    const here = onCaller(job);
    if (!pool?.pays(job)) {
      return withWorkspaceAsync(job, 1, (workspace) => inSlices(job, workspace, here, signal, onProgress));
    }
    return withWorkspaceAsync(job, pool.size, (workspace) => pool.runAsync(job, workspace, here, signal, onProgress));
  });
  asynchronousJobs.last = Promise.allSettled([before, result]);
  return result;
}

/** Settles with the promise, or rejects as soon as the signal is aborted: a call that still waits ends at once. */
async function unlessAborted(promise: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) {
    await promise;
    return;
  }
  let abort!: () => void;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
  try {
    await Promise.race([aborted, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** The job's kernel on the calling thread. A trap leaves the stack pointer displaced: it is put back. */
function onCaller(job: Job): RunHere {
  const { kernels, stackPointer } = job.family.instance(memory());
  const kernel = kernels[job.kernel];
  if (!kernel) throw kernelError(job, 'there is no such kernel');
  const stackTop = stackPointer.value;
  return ({ first, last }, workspace) => {
    try {
      return kernel(first, last, workspace, ...job.args);
    } catch (error) {
      stackPointer.value = stackTop;
      throw kernelError(job, error);
    }
  };
}

let lastTurn = -Infinity;

/** Without workers: chunk after chunk, with a turn of the event loop every 8 ms; small calls in a row share one. */
async function inSlices(
  job: Job,
  workspace: number,
  here: RunHere,
  signal: AbortSignal | undefined,
  onProgress: ((rows: number) => void) | undefined,
): Promise<number> {
  const chunk = chunkRows(job, 1);
  let status = 0;
  for (let first = 0; first < job.rows; first += chunk) {
    const last = Math.min(first + chunk, job.rows);
    status = Math.max(status, here({ first, last }, workspace));
    if (performance.now() - lastTurn < SLICE_MILLISECONDS && last < job.rows) continue;
    onProgress?.(last);
    if (performance.now() - lastTurn < SLICE_MILLISECONDS) continue;
    await new Promise((resolve) => setTimeout(resolve));
    lastTurn = performance.now();
    signal?.throwIfAborted();
  }
  return status;
}

function withWorkspace<R>(job: Job, threads: number, use: (workspace: number) => R): R {
  const workspace = memory().allocate(job.workspaceBytes * threads, job.op);
  let result: R;
  try {
    result = use(workspace);
  } catch (error) {
    freeUnlessLost(workspace, error);
    throw error;
  }
  memory().free(workspace);
  return result;
}

async function withWorkspaceAsync<R>(job: Job, threads: number, use: (workspace: number) => Promise<R>): Promise<R> {
  const workspace = memory().allocate(job.workspaceBytes * threads, job.op);
  let result: R;
  try {
    result = await use(workspace);
  } catch (error) {
    freeUnlessLost(workspace, error);
    throw error;
  }
  memory().free(workspace);
  return result;
}

/** A lost worker may still write to its workspace, which is therefore set aside for good. */
function freeUnlessLost(workspace: number, error: unknown): void {
  if (!(isEntmaxError(error) && error.code === 'ENTMAX_WORKER_LOST')) memory().free(workspace);
}
