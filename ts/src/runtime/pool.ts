/**
 * The worker threads, and how a job runs on them: synchronously with the caller taking part, or asynchronously with
 * the caller's event loop free.
 *
 * What can go wrong has one answer each. A trap in a chunk: the caller computes the chunk again, or says that the
 * output is undefined. A worker that never leaves: after a limit that no healthy chunk reaches the whole set of
 * workers is given up with everything it could still write to, and a smaller one takes its place.
 */

import { EntmaxError } from '../errors.ts';
import { CONTROL_BYTES } from './control.ts';
import { Crew } from './crew.ts';
import type { KernelFamily } from './family.ts';
import { Gate } from './gate.ts';
import type { RowRange } from './gate.ts';
import { chunkRows, jobNanoseconds, kernelError } from './job.ts';
import type { Job } from './job.ts';
import type { LinearMemory } from './memory.ts';

/** Jobs under this stay with the caller even if the workers are awake. */
const HOT_JOB_NANOSECONDS = 25_000;
/** Sleeping workers are woken for jobs over this only, and one for each such share of the work. */
const COLD_JOB_NANOSECONDS = 150_000;
/** A worker that stays inside a chunk longer than this, and 50 times longer than the longest known one, is lost. */
const LOST_MILLISECONDS = 3000;
/** How often an asynchronous job looks after its workers; a message tells the end sooner. */
const TICK_MILLISECONDS = 10;
/** A longer tick means that the process was suspended or the event loop busy, which says nothing about the workers. */
const LONGEST_TICK_MILLISECONDS = 100;
/** The longest that an asynchronous job keeps the event loop busy when it has to help. */
export const SLICE_MILLISECONDS = 8;

/** Runs rows on the calling thread: returns the status, throws when the kernel traps. */
export type RunHere = (range: RowRange, workspace: number) => number;

export class Pool {
  readonly #memory: LinearMemory;
  readonly #gate: Gate;
  readonly #crew: Crew;
  readonly #control: number;
  #busy = false;
  #lost = 0;
  #callerChunks = 0;
  #endOfTick: (() => void) | undefined;

  /** Starts `threads - 1` workers, which serve as soon as they are up; until then the caller works alone. */
  constructor(memory: LinearMemory, threads: number, families: Iterable<KernelFamily>, workerUrl?: string | URL) {
    this.#memory = memory;
    this.#control = memory.allocate(CONTROL_BYTES, 'init');
    try {
      memory.u8(this.#control, CONTROL_BYTES).fill(0);
      this.#gate = new Gate(memory, this.#control);
      this.#crew = new Crew(memory, this.#gate, threads - 1, families, workerUrl, () => this.#endOfTick?.());
    } catch (error) {
      memory.free(this.#control);
      throw error;
    }
  }

  /** Settles when every worker serves or has failed to start. */
  get ready(): Promise<void> {
    return this.#crew.ready;
  }

  /** Threads that can work on a job, the caller included. */
  get threads(): number {
    return 1 + this.#crew.alive;
  }

  /** Threads that were started, the caller included: each has a workspace of its own. */
  get size(): number {
    return 1 + this.#crew.size;
  }

  /** Why fewer workers serve than were asked for. */
  get failure(): string | undefined {
    return this.#crew.failure;
  }

  /** True while an asynchronous job runs: a synchronous one then stays with the caller. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Workers that vanished inside a chunk. When there are any, the pool is unusable and must be replaced. */
  get lost(): number {
    return this.#lost;
  }

  /** Chunks executed by each thread, the caller first. */
  get chunks(): number[] {
    return [this.#callerChunks, ...this.#crew.numbers.map((number) => this.#gate.chunksOf(number))];
  }

  /** Makes a family that was loaded late known to the workers. */
  addFamily(family: KernelFamily): void {
    this.#crew.addFamily(family);
  }

  /** Ends the workers and gives their memory back; resolves when they have ended. */
  async stop(): Promise<void> {
    if (this.#lost > 0) return; // Its workers were told to end, and what they could write to is set aside.
    const allGone = await this.#crew.stop();
    if (allGone) this.#memory.free(this.#control);
  }

  /** True when threads would make the job faster than the caller alone. */
  pays(job: Job): boolean {
    if (this.threads === 1 || job.rows < 2 * job.rowMultiple) return false;
    const awake = this.#gate.sleepers < this.#crew.alive;
    return jobNanoseconds(job) > (awake ? HOT_JOB_NANOSECONDS : COLD_JOB_NANOSECONDS);
  }

  /** Runs the job on all threads, the caller among them, and returns its status. */
  run(job: Job, workspace: number, here: RunHere): number {
    const gate = this.#gate;
    const chunk = this.#open(job, workspace, false);
    let longest = expectedMilliseconds(job, chunk);
    let trapped: Error | undefined;
    try {
      let range: RowRange | undefined;
      while ((range = gate.claim(job.rows, chunk))) {
        const started = performance.now();
        this.#runChunk(range, workspace, here);
        longest = Math.max(longest, performance.now() - started);
      }
    } catch (error) {
      trapped = error as Error;
      gate.claimAll(job.rows);
    }
    gate.close();
    const empty = gate.waitUntilEmpty(lostLimit(longest));
    this.#busy = false;
    if (!empty) throw this.#giveUp(job);
    const trappedChunks = this.#takeTrappedChunks();
    if (trapped !== undefined) throw trapped;
    this.#repeat(trappedChunks, job, workspace, here);
    return gate.status;
  }

  /** Runs the job on the workers and resolves with its status; the caller helps in slices when they do not come. */
  async runAsync(
    job: Job,
    workspace: number,
    here: RunHere,
    signal?: AbortSignal,
    onProgress?: (rows: number) => void,
  ): Promise<number> {
    const gate = this.#gate;
    const chunk = this.#open(job, workspace, true);
    let longest = expectedMilliseconds(job, chunk);
    let reported = 0;
    let before = performance.now();
    let quiet = 0;
    let trappedChunks: RowRange[];
    try {
      for (;;) {
        await this.#tickOrEnd(gate.sequence);
        if (signal?.aborted) gate.claimAll(job.rows);
        const done = gate.doneRows;
        const now = performance.now();
        quiet += Math.min(now - before, LONGEST_TICK_MILLISECONDS);
        before = now;
        if (done > reported) {
          reported = done;
          quiet = 0;
          onProgress?.(done);
        }
        if (gate.allClaimed(job.rows)) {
          gate.close();
          if (gate.inside === 0) break;
        } else if (gate.inside === 0) {
          longest = Math.max(longest, this.#helpForASlice(job, chunk, workspace, here));
        }
        if (this.#crew.inside.some(({ ended }) => ended) || quiet > lostLimit(longest)) throw this.#giveUp(job);
      }
    } catch (error) {
      gate.claimAll(job.rows);
      gate.close();
      if (this.#lost === 0 && !gate.waitUntilEmpty(lostLimit(longest))) throw this.#giveUp(job);
      throw error;
    } finally {
      this.#busy = false;
      trappedChunks = this.#takeTrappedChunks();
    }
    signal?.throwIfAborted();
    this.#repeat(trappedChunks, job, workspace, here);
    onProgress?.(job.rows);
    return gate.status;
  }

  #open(job: Job, workspace: number, asynchronous: boolean): number {
    this.#busy = true;
    const chunk = chunkRows(job, this.threads);
    this.#gate.open(job, job.family.module(this.#memory), chunk, workspace, asynchronous);
    const useful = Math.ceil(jobNanoseconds(job) / COLD_JOB_NANOSECONDS);
    if (this.#gate.sleepers > 0 && (asynchronous || useful > 1)) this.#gate.wake(useful);
    return chunk;
  }

  #runChunk(range: RowRange, workspace: number, here: RunHere): void {
    this.#gate.finish(here(range, workspace), range.last - range.first);
    this.#callerChunks++;
  }

  /** The caller's share when no worker is inside: a few chunks, so that the job ends whatever the workers do. */
  #helpForASlice(job: Job, chunk: number, workspace: number, here: RunHere): number {
    const started = performance.now();
    let longest = 0;
    let before = started;
    do {
      const range = this.#gate.claim(job.rows, chunk);
      if (!range) break;
      this.#runChunk(range, workspace, here);
      const now = performance.now();
      longest = Math.max(longest, now - before);
      before = now;
    } while (before - started < SLICE_MILLISECONDS);
    return longest;
  }

  /** The chunks in which workers trapped. Taken after every job, however it ended: the next one has other rows. */
  #takeTrappedChunks(): RowRange[] {
    return this.#crew.numbers.flatMap((number) => this.#gate.takeTrap(number) ?? []);
  }

  #repeat(chunks: readonly RowRange[], job: Job, workspace: number, here: RunHere): void {
    for (const range of chunks) {
      if (!job.repeatable) throw kernelError(job, 'a trap in a worker, and the output lies on the input');
      this.#gate.finish(here(range, workspace), range.last - range.first);
    }
  }

  /** Resolves at the next tick, or sooner when a worker says that the job is done or that it has died. */
  #tickOrEnd(sequence: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#endOfTick = undefined;
        resolve();
      };
      const timer = setTimeout(end, TICK_MILLISECONDS);
      this.#endOfTick = sequence === this.#gate.sequence ? end : undefined;
    });
  }

  /** Gives up the workers and all that they may still write to: their stacks, the control block, the job's memory. */
  #giveUp(job: Job): EntmaxError {
    const lost = this.#crew.inside.map(({ number }) => number);
    this.#lost = Math.max(1, lost.length);
    this.#crew.terminate();
    job.setAside();
    const expected = 'every worker to leave its chunk';
    return new EntmaxError('ENTMAX_WORKER_LOST', job.op, expected, `worker ${lost.join(', ')} lost (out is undefined)`);
  }
}

/** The longest that a chunk is expected to take: estimates are wrong by up to a factor of some hundreds, 50 * 20. */
function expectedMilliseconds(job: Job, chunk: number): number {
  return 20e-6 * Math.min(chunk, job.rows) * job.nanosecondsPerRow;
}

function lostLimit(longestChunk: number): number {
  return LOST_MILLISECONDS + 50 * longestChunk;
}
