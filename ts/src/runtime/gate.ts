/**
 * The caller's side of the control block: opening and closing the gate, claiming chunks, reading what happened.
 *
 * "Open gate": the caller always works itself, a worker joins while the gate is open, and the caller waits only for
 * workers that have entered. A worker that sleeps or starts late therefore costs nothing (RUNTIMES.md §3 and §7b).
 */

import * as word from './control.ts';
import { controlBlock, kernelId, kernelNames, slot } from './control.ts';
import { mayBlock } from './environment.ts';
import type { Job } from './job.ts';
import type { LinearMemory } from './memory.ts';

/** Half-open range of rows. */
export interface RowRange {
  readonly first: number;
  readonly last: number;
}

/** How long the caller spins for the last workers before it yields its core to them. */
const SPIN_MILLISECONDS = 0.2;
/** A step of that wait takes about 1 ms; what is much longer was a pause of the whole process. */
const LONGEST_STEP_MILLISECONDS = 20;

export class Gate {
  readonly #words: Int32Array;
  readonly #arguments: Float64Array;
  readonly #mayBlock = mayBlock();
  #sequence = 0;
  /** Address of the control block. */
  readonly address: number;

  /** `control` is the address of a zeroed control block in shared memory; it never moves. */
  constructor(memory: LinearMemory, control: number) {
    this.address = control;
    const block = controlBlock(memory.wasm, control);
    this.#words = block.words;
    this.#arguments = block.arguments;
    Atomics.store(this.#words, word.GATE, word.CLOSED);
  }

  /** Publishes a job; from now on workers may enter. `notify`: the last one to leave posts a message. */
  open(job: Job, module: WebAssembly.Module, chunk: number, workspace: number, notify: boolean): void {
    const words = this.#words;
    words[word.ROWS] = job.rows;
    words[word.CHUNK_ROWS] = chunk;
    words[word.KERNEL] = kernelId(job.family.index, positionOf(module, job.kernel));
    words[word.ARGUMENT_COUNT] = job.args.length;
    words[word.WORKSPACE] = workspace;
    words[word.WORKSPACE_BYTES] = job.workspaceBytes;
    words[word.NOTIFY] = notify ? 1 : 0;
    this.#arguments.set(job.args);
    Atomics.store(words, word.STATUS, 0);
    Atomics.store(words, word.DONE_ROWS, 0);
    Atomics.store(words, word.NEXT, 0);
    this.#sequence = (this.#sequence + 1) & ((1 << (31 - word.SEQUENCE_SHIFT)) - 1);
    Atomics.store(words, word.GATE, this.#sequence << word.SEQUENCE_SHIFT);
  }

  /** Nobody may enter any more. */
  close(): void {
    Atomics.or(this.#words, word.GATE, word.CLOSED);
  }

  /** The next unclaimed rows, or undefined when all are claimed. */
  claim(rows: number, chunk: number): RowRange | undefined {
    const first = Atomics.add(this.#words, word.NEXT, chunk);
    return first < rows ? { first, last: Math.min(first + chunk, rows) } : undefined;
  }

  /** Leaves the unclaimed rows undone. */
  claimAll(rows: number): void {
    Atomics.store(this.#words, word.NEXT, rows);
  }

  allClaimed(rows: number): boolean {
    return Atomics.load(this.#words, word.NEXT) >= rows;
  }

  /** Reports rows that the caller has finished. */
  finish(status: number, rows: number): void {
    if (status !== 0) Atomics.compareExchange(this.#words, word.STATUS, 0, status);
    Atomics.add(this.#words, word.DONE_ROWS, rows);
  }

  get sequence(): number {
    return this.#sequence;
  }

  get status(): number {
    return Atomics.load(this.#words, word.STATUS);
  }

  get doneRows(): number {
    return Atomics.load(this.#words, word.DONE_ROWS);
  }

  get inside(): number {
    return Atomics.load(this.#words, word.GATE) & word.INSIDE;
  }

  get sleepers(): number {
    return Atomics.load(this.#words, word.SLEEPERS);
  }

  /** Wakes up to `count` sleeping workers. */
  wake(count: number): void {
    Atomics.add(this.#words, word.WAKE, 1);
    Atomics.notify(this.#words, word.WAKE, count);
  }

  /** True when the worker is inside the current job. */
  holds(worker: number): boolean {
    return Atomics.load(this.#words, slot(worker) + word.SLOT_INSIDE) === this.#sequence && this.inside > 0;
  }

  /** Chunks that the worker has executed since it started. */
  chunksOf(worker: number): number {
    return Atomics.load(this.#words, slot(worker) + word.SLOT_CHUNKS);
  }

  /** Says that a letter for the worker is about to be posted. */
  announceLetter(worker: number): void {
    Atomics.add(this.#words, slot(worker) + word.SLOT_LETTERS, 1);
  }

  /** The chunk in which the worker trapped, if it did, and forgets it. */
  takeTrap(worker: number): RowRange | undefined {
    const last = Atomics.exchange(this.#words, slot(worker) + word.SLOT_TRAP_LAST, 0);
    return last === 0 ? undefined : { first: Atomics.load(this.#words, slot(worker) + word.SLOT_TRAP_FIRST), last };
  }

  /**
   * Waits until no worker is inside, at most `milliseconds`. Spins first, then blocks where the host allows it. A pause
   * of this thread (a suspended process, a debugger) pauses the workers too, so it does not count as waiting.
   */
  waitUntilEmpty(milliseconds: number): boolean {
    const words = this.#words;
    let waited = 0;
    let before = -1;
    for (;;) {
      for (let spin = 0; spin < 128; spin++) if ((Atomics.load(words, word.GATE) & word.INSIDE) === 0) return true;
      const now = performance.now();
      if (before >= 0) waited += Math.min(now - before, LONGEST_STEP_MILLISECONDS);
      before = now;
      if (waited > milliseconds) return false;
      if (waited > SPIN_MILLISECONDS && this.#mayBlock)
        Atomics.wait(words, word.GATE, Atomics.load(words, word.GATE), 1);
    }
  }
}

const positions = new WeakMap<WebAssembly.Module, Map<string, number>>();

/** Position of a kernel among its module's exports. */
function positionOf(module: WebAssembly.Module, kernel: string): number {
  let table = positions.get(module);
  if (!table) {
    table = new Map(kernelNames(module).map((name, position) => [name, position]));
    positions.set(module, table);
  }
  return table.get(kernel) ?? -1;
}
