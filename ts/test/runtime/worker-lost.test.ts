/**
 * Workers that vanish inside a chunk: the fixture kernel never returns there while a word is set. What such a worker
 * could still write to must never be handed out again, and everything else must go on.
 */

import workerThreads from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { EntmaxError, init, runtimeInfo, shutdown, sparsemax, tensor } from '../../src/index.ts';
import { runJob, runJobAsync } from '../../src/runtime/execute.ts';
import type { KernelFamily } from '../../src/runtime/family.ts';
import { memory, poolForJobs, registerFamily } from '../../src/runtime/runtime.ts';
import { Scratch } from '../../src/runtime/scratch.ts';
import { abandoning } from '../../src/tensor.ts';
import { errorOf, rejectionOf } from './errors.ts';
import type { FixtureJob } from './fixture-jobs.ts';
import { block, fixtureJob, nextAddress, pause, soundFamily, watch, word, WORKSPACE_BYTES } from './fixture-jobs.ts';
import { expectSameBits } from './same-bits.ts';
import { scores } from './scores.ts';
import { liveThreads, untilThreads } from './threads.ts';

let family: KernelFamily;
let held: { address: number; value: number };
const x = scores(400_000);
const shape = [4000, 100];
const expected = sparsemax(x, { shape });

beforeAll(() => {
  family = registerFamily(soundFamily());
  held = word(0);
});
beforeEach(() => {
  held.value = 1;
});
afterEach(async () => {
  held.value = 0;
  await shutdown();
});
afterAll(() => untilThreads(0));

/** A job in which every thread stays for ever but the one whose workspace is at `spared`. */
function holdJob(spared: number, rows = 20_000): FixtureJob {
  return fixtureJob(family, 'hold_others', rows, [held.address, spared]);
}

/** Where the caller's workspace will lie in the next job on `threads` threads. */
const callersWorkspace = (threads: number): number => nextAddress(threads * WORKSPACE_BYTES);

/** Everything that must be true after a loss, whatever the way. */
async function checkAfterLoss(job: FixtureJob, threads: number, usedBefore: number): Promise<void> {
  expect(job.setAside).toBe(true);
  expect(runtimeInfo().threads).toBe(threads);
  expect(runtimeInfo().reason).toMatch(/lost inside a chunk/);
  // The workspace, the control block and the stacks are set aside; the job's owner has been told and keeps `out`.
  expect(runtimeInfo().memory.used).toBeGreaterThan(usedBefore);
  const { used } = runtimeInfo().memory;
  for (let round = 0; round < 20; round++) {
    expectSameBits(sparsemax(x, { shape }), expected);
    expectSameBits(await sparsemax.async(x, { shape }), expected);
    const squares = fixtureJob(family, 'square_rows', 3000);
    runJob(squares.job);
    squares.check();
    squares.free();
  }
  expect(runtimeInfo().memory.used).toBe(used);
}

/** Calls `run` until a worker has come in time to be held; the caller may have done all the work alone. */
async function untilLost(run: () => unknown): Promise<EntmaxError> {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      await run();
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENTMAX_WORKER_LOST' });
      return error as EntmaxError;
    }
  }
  throw new Error('no worker took a chunk in 200 attempts');
}

describe('a worker that never returns', () => {
  test('from a synchronous job is given up within seconds, and the caller goes on alone', async () => {
    await init({ threads: 2 });
    const { used } = runtimeInfo().memory;
    const job = holdJob(callersWorkspace(2));
    const { address, bytes } = { address: callersWorkspace(2), bytes: 2 * WORKSPACE_BYTES };
    const started = performance.now();
    const error = await untilLost(() => runJob(job.job));
    expect(performance.now() - started).toBeLessThan(20_000);
    expect(error.message).toBe('test: expected every worker to leave its chunk, got worker 1 lost (out is undefined)');
    await checkAfterLoss(job, 1, used);
    for (let i = 0; i < 100; i++) expect(memory().allocate(bytes, 'test'), 'never handed out again').not.toBe(address);
    await untilThreads(0);
    // Later the user asks for the workers again.
    expect((await init({ threads: 3 })).threads).toBe(3);
    expectSameBits(await sparsemax.async(x, { shape }), expected);
  });

  test('takes only itself from the pool', async () => {
    await init({ threads: 3 });
    const { used } = runtimeInfo().memory;
    const pool = poolForJobs();
    const workspace = memory().allocate(3 * WORKSPACE_BYTES, 'test');
    const secondWorker = workspace + 2 * WORKSPACE_BYTES;
    const job = holdJob(secondWorker, 3000);
    const kernel = family.kernel(memory(), 'square_rows');
    // The caller dawdles, so that the first worker comes and is held.
    const here = ({ first, last }: { first: number; last: number }): number => {
      block(1);
      return kernel(first, last, workspace, job.out);
    };
    await untilLost(() => pool?.run(job.job, workspace, here));
    await checkAfterLoss(job, 2, used);
    await poolForJobs()?.ready;
    const [, byWorker] = runtimeInfo().chunks;
    for (let round = 0; round < 200 && runtimeInfo().chunks[1] === byWorker; round++) {
      await sparsemax.async(x, { shape });
    }
    expect(runtimeInfo().chunks[1]).toBeGreaterThan(byWorker ?? 0);
    expect(liveThreads.size).toBe(1);
  });

  test('from an asynchronous job is given up within seconds, with the event loop free', async () => {
    await init({ threads: 2 });
    const { used } = runtimeInfo().memory;
    const job = holdJob(callersWorkspace(2));
    let turns = 0;
    const timer = setInterval(() => turns++, 10);
    await untilLost(() => runJobAsync(job.job));
    clearInterval(timer);
    expect(turns).toBeGreaterThan(50);
    await checkAfterLoss(job, 1, used);
  });
});

describe('a worker whose thread ends inside a chunk', () => {
  /** Starts an asynchronous job and resolves when a worker is held in it. */
  async function startHeld(threads: number, signal?: AbortSignal): Promise<[FixtureJob, Promise<EntmaxError>]> {
    for (let attempt = 0; attempt < 100; attempt++) {
      const job = holdJob(callersWorkspace(threads));
      const call = runJobAsync(job.job, signal);
      const state = watch(call);
      await pause(50);
      if (!state.settled) return [job, rejectionOf('ENTMAX_WORKER_LOST', call)];
      job.free();
    }
    throw new Error('no worker took a chunk in 100 attempts');
  }

  test('is noticed promptly, and calls that wait behind it are right', async () => {
    await init({ threads: 3 });
    const { used } = runtimeInfo().memory;
    const [job, lost] = await startHeld(3);
    const behind = sparsemax.async(x, { shape });
    const started = performance.now();
    for (const thread of liveThreads) void thread.terminate();
    const error = await lost;
    // The limit for silent workers is 3 s: this one was told by the end of the thread.
    expect(performance.now() - started).toBeLessThan(2500);
    expect(error.message).toMatch(/worker [12](, 2)? lost \(out is undefined\)/);
    expectSameBits(await behind, expected);
    await checkAfterLoss(job, runtimeInfo().threads, used);
    expect(runtimeInfo().threads).toBeLessThan(3);
  });

  test('is noticed although the call was aborted', async () => {
    await init({ threads: 2 });
    const { used } = runtimeInfo().memory;
    const controller = new AbortController();
    const [job, lost] = await startHeld(2, controller.signal);
    controller.abort('stop');
    await pause(30);
    for (const thread of liveThreads) void thread.terminate();
    await lost;
    await checkAfterLoss(job, 1, used);
  });

  test('lets shutdown and init go on', async () => {
    await init({ threads: 2 });
    const [, lost] = await startHeld(2);
    const gone = shutdown();
    const again = init({ threads: 2 });
    for (const thread of liveThreads) void thread.terminate();
    await lost;
    await gone;
    expect((await again).threads).toBe(2);
    expectSameBits(sparsemax(x, { shape }), expected);
  });
});

describe('a worker that is only slow', () => {
  test.each<[string, (job: FixtureJob) => unknown]>([
    ['synchronous', ({ job }) => runJob(job)],
    ['asynchronous', ({ job }) => runJobAsync(job)],
  ])('is waited for in a %s job, and its result is right', async (_, run) => {
    await init({ threads: 2 });
    let waited = 0;
    for (let attempt = 0; attempt < 20 && waited < 300; attempt++) {
      held.value = 1;
      const job = holdJob(callersWorkspace(2));
      const released = releaseAfter(500);
      const started = performance.now();
      await run(job);
      waited = performance.now() - started;
      job.check();
      job.free();
      await released;
    }
    expect(waited, 'a worker was held').toBeGreaterThan(300);
    expect(runtimeInfo().threads).toBe(2);
  });
});

describe('a thread that ends while it does nothing', () => {
  test('is missed with a reason, and init brings it back', async () => {
    await init({ threads: 3 });
    const [first] = liveThreads;
    await first?.terminate();
    await pause();
    expect(runtimeInfo().threads).toBe(2);
    expect(runtimeInfo().reason).toMatch(/worker 1 ended: it exited with 1/);
    expectSameBits(sparsemax(x, { shape }), expected);
    expectSameBits(await sparsemax.async(x, { shape }), expected);
    expect(await init({ threads: 3 })).toMatchObject({ threads: 3, reason: 'init({ threads: 3 })' });
  });
});

describe('memory that is set aside', () => {
  test('of a tensor stays in use after the tensor is disposed, also if it was disposed before', () => {
    for (const early of [true, false]) {
      const { used } = runtimeInfo().memory;
      const block = tensor(x);
      const setAside = abandoning(block, 'test');
      if (early) {
        const view = block.reshape(shape);
        block.dispose();
        setAside();
        view.dispose();
      } else {
        setAside();
        block.dispose();
      }
      expect(runtimeInfo().memory.used).toBe(used + 4 * x.length);
    }
  });

  test('of a call stays in use after a loss, and goes back after any other error', () => {
    const { used } = runtimeInfo().memory;
    const harmless = new Scratch('test');
    harmless.allocate(1024);
    harmless.release(new EntmaxError('ENTMAX_KERNEL', 'test', 'this', 'that'));
    expect(runtimeInfo().memory.used).toBe(used);
    const touched = new Scratch('test');
    touched.allocate(1024);
    touched.release(errorOf('ENTMAX_WORKER_LOST', lose));
    expect(runtimeInfo().memory.used).toBe(used + 1024);
  });
});

function lose(): never {
  throw new EntmaxError('ENTMAX_WORKER_LOST', 'test', 'this', 'that');
}

/** Clears the word `held` later, from a thread of its own: the caller may be waiting inside the call. */
function releaseAfter(milliseconds: number): Promise<unknown> {
  const source = `
    const { words, milliseconds } = require('node:worker_threads').workerData;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
    Atomics.store(words, 0, 0);
  `;
  const workerData = { words: memory().i32(held.address, 1), milliseconds };
  const thread = new workerThreads.Worker(source, { eval: true, workerData });
  return new Promise((resolve) => thread.on('exit', resolve));
}
