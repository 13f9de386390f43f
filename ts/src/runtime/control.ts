/**
 * The control block: the few words of shared memory through which the caller and its workers agree.
 *
 * Words that different threads write often stand 64 bytes (16 words) apart, so that they do not share a cache line.
 * This file is bundled into the worker's source, so it holds constants and pure functions only.
 */

/** The gate: sequence << 9 | CLOSED | number of workers inside. A worker enters by compare-exchange while it is open. */
export const GATE = 0;
export const CLOSED = 1 << 8;
export const INSIDE = CLOSED - 1;
export const SEQUENCE_SHIFT = 9;

/** The next row that nobody has claimed. */
export const NEXT = 16;

/** Workers asleep, and the word that they sleep on (it only counts wake-ups). */
export const SLEEPERS = 32;
export const WAKE = 33;

/** The job, written before the gate opens and constant while it is open. */
export const ROWS = 48;
export const CHUNK_ROWS = 49;
export const KERNEL = 50;
export const ARGUMENT_COUNT = 51;
export const WORKSPACE = 52;
export const WORKSPACE_BYTES = 53;
/** 1 when the last worker to leave posts a message, because the caller is not waiting on the gate. */
export const NOTIFY = 54;

/** The first status other than zero that a chunk returned. */
export const STATUS = 64;
/** Rows whose chunks are finished. */
export const DONE_ROWS = 80;

/** One block of 16 words for each worker. */
export const SLOTS = 96;
export const SLOT_WORDS = 16;
/** Sequence number of the job that the worker is inside, or -1. */
export const SLOT_INSIDE = 0;
/** The chunk in which the worker trapped, as first row and one behind its last; the latter is 0 when it did not. */
export const SLOT_TRAP_FIRST = 1;
export const SLOT_TRAP_LAST = 2;
/** Chunks that this worker has executed since it started. */
export const SLOT_CHUNKS = 3;
/** Letters announced to this worker, counted before each is posted: while it has read fewer, it goes to fetch them. */
export const SLOT_LETTERS = 4;

export const MAXIMUM_WORKERS = 63;
export const MAXIMUM_ARGUMENTS = 24;
/** Byte offset of the arguments (float64) inside the control block. */
export const ARGUMENTS_OFFSET = 4 * (SLOTS + SLOT_WORDS * MAXIMUM_WORKERS);
export const CONTROL_BYTES = ARGUMENTS_OFFSET + 8 * MAXIMUM_ARGUMENTS;

/** The control block's words and the arguments of its job. */
export interface ControlBlock {
  readonly words: Int32Array;
  readonly arguments: Float64Array;
}

/**
 * Views of the control block, kept for as long as it lives: shared memory leaves old views valid when it grows, and the
 * block never moves.
 */
export function controlBlock(memory: WebAssembly.Memory, address: number): ControlBlock {
  return {
    words: new Int32Array(memory.buffer, address, ARGUMENTS_OFFSET / 4),
    arguments: new Float64Array(memory.buffer, address + ARGUMENTS_OFFSET, MAXIMUM_ARGUMENTS),
  };
}

/** First word of a worker's slot; workers are numbered from 1, the caller is thread 0. */
export function slot(worker: number): number {
  return SLOTS + SLOT_WORDS * (worker - 1);
}

/** Kernels are known by family and position among the module's exports, an order that every thread sees alike. */
export function kernelId(family: number, position: number): number {
  return (family << 10) | position;
}

/** Names of a module's exports that are functions, in their order. */
export function kernelNames(module: WebAssembly.Module): string[] {
  return WebAssembly.Module.exports(module)
    .filter(({ kind }) => kind === 'function')
    .map(({ name }) => name);
}

/** What the caller posts to a worker. */
export type Letter =
  | {
      type: 'start';
      worker: number;
      control: number;
      stackTop: number;
      memory: WebAssembly.Memory;
      spinMilliseconds: number;
    }
  | { type: 'module'; family: number; module: WebAssembly.Module }
  | { type: 'stop' };

/** What a worker posts to the caller. */
export type Report =
  { type: 'ready' } | { type: 'done'; sequence: number } | { type: 'failed'; message: string } | { type: 'stopped' };
