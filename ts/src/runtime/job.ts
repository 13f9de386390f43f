/** A job: one kernel over a number of independent rows, which any thread may run in any order. */

import { EntmaxError } from '../errors.ts';
import type { KernelFamily } from './family.ts';

export interface Job {
  /** The public operation, for error messages. */
  readonly op: string;
  readonly family: KernelFamily;
  /** Name of the kernel; it is called as `kernel(first, last, workspace, ...args)`. */
  readonly kernel: string;
  readonly args: readonly number[];
  readonly rows: number;
  /** A chunk is a multiple of so many rows (rows that a kernel gathers together), but for the last one. */
  readonly rowMultiple: number;
  /** Rough time of one row on one thread, which decides whether threads pay. */
  readonly nanosecondsPerRow: number;
  /** Scratch that each thread needs. */
  readonly workspaceBytes: number;
  /** True when a chunk may be computed again after a trap, because no output lies on an input. */
  readonly repeatable: boolean;
  /** Called when a worker was lost inside the job: it may still write to its memory, which must not be reused. */
  setAside(): void;
}

/** How long one claimed chunk should take: long against the cost of claiming (20 ns), short against waiting at the end. */
const CHUNK_NANOSECONDS = 30_000;

/** Rows in a chunk, such that the chunks are short and every thread gets several. */
export function chunkRows(job: Job, threads: number): number {
  const byTime = CHUNK_NANOSECONDS / job.nanosecondsPerRow;
  const byShare = job.rows / (4 * threads);
  const rows = Math.max(1, Math.floor(Math.min(byTime, byShare)));
  return Math.ceil(rows / job.rowMultiple) * job.rowMultiple;
}

/** Rough time of the whole job on one thread. */
export function jobNanoseconds(job: Job): number {
  return job.rows * job.nanosecondsPerRow;
}

/** A kernel that trapped is a defect of this package; the output may be half written, and the message says so. */
export function kernelError(job: Job, cause: unknown): EntmaxError {
  const error = new EntmaxError(
    'ENTMAX_KERNEL',
    job.op,
    `the kernel ${job.kernel} to finish (out is undefined)`,
    String(cause),
  );
  error.cause = cause;
  return error;
}
