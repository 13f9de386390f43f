/** Jobs for the fixture kernels of crates/entmax-fixtures, which trap or never return when a test asks them to. */

import { encodeInline } from '../../../scripts/kernels/inline-text.js';
import { readFileSync } from 'node:fs';
import { KernelFamily } from '../../src/runtime/family.ts';
import type { Job } from '../../src/runtime/job.ts';
import { memory } from '../../src/runtime/runtime.ts';
import { expectSameBits } from './same-bits.ts';

/** The fixture module that keeps every rule; its data lies at an address of its own, beside the real families. */
export const soundBytes: Uint8Array = new Uint8Array(
  readFileSync(new URL('../../../build/fixtures/sound.wasm', import.meta.url)),
);

export function soundFamily(): KernelFamily {
  return new KernelFamily('fixtures', encodeInline(soundBytes));
}

export interface FixtureJob {
  readonly job: Job;
  /** Address of the results, one u32 for every row. */
  readonly out: number;
  /** True once the pool has said that the job's memory must not be used again. */
  readonly setAside: boolean;
  /** Overwrites all results with -1. */
  wipe(): void;
  results(): Int32Array;
  /** Fails unless every row has been computed. */
  check(): void;
  free(): void;
}

/** Scratch of each thread, in bytes. */
export const WORKSPACE_BYTES = 64;

/**
 * `kernel` over `rows` rows, with `more` arguments behind the address of the results. By default a row claims to take
 * a microsecond, so that a few hundred rows are worth sharing, in chunks of 30.
 */
export function fixtureJob(
  family: KernelFamily,
  kernel: string,
  rows: number,
  more: readonly number[] = [],
  settings: Partial<Job> = {},
): FixtureJob {
  const out = memory().allocate(4 * rows, 'test');
  const wipe = (): void => void memory().i32(out, rows).fill(-1);
  wipe();
  let aside = false;
  const job: Job = {
    op: 'test',
    family,
    kernel,
    args: [out, ...more],
    rows,
    rowMultiple: 1,
    nanosecondsPerRow: 1000,
    workspaceBytes: WORKSPACE_BYTES,
    repeatable: true,
    setAside: () => (aside = true),
    ...settings,
  };
  const results = (): Int32Array => Int32Array.from(memory().i32(out, rows));
  return {
    job,
    out,
    wipe,
    results,
    get setAside() {
      return aside;
    },
    check: () => expectSameBits(results(), squares(rows)),
    free: () => memory().free(out),
  };
}

/** What every fixture kernel computes when it behaves. */
export function squares(rows: number): Int32Array {
  return Int32Array.from({ length: rows }, (_, row) => (row % 16) * (row % 16));
}

/** A word of shared memory that kernels look at. */
export function word(value: number): { address: number; value: number } {
  const address = memory().allocate(4, 'test');
  memory().i32(address, 1)[0] = value;
  return {
    address,
    get value() {
      return Atomics.load(memory().i32(address, 1), 0);
    },
    set value(value: number) {
      Atomics.store(memory().i32(address, 1), 0, value);
    },
  };
}

/** Where the next block of `bytes` will lie: the allocator is deterministic. */
export function nextAddress(bytes: number): number {
  const address = memory().allocate(bytes, 'test');
  memory().free(address);
  return address;
}

/** Blocks this thread, which may stop neither workers nor the clock. */
export function block(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** Resolves after a turn of the event loop, or later. */
export function pause(milliseconds = 0): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Tells whether a promise has settled by now. */
export function watch(promise: Promise<unknown>): { settled: boolean } {
  const state = { settled: false };
  const settle = (): boolean => (state.settled = true);
  promise.then(settle, settle);
  return state;
}
