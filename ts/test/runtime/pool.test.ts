import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { entmax, entmax15, init, runtimeInfo, shutdown, softmax, sparsemax, tensor } from '../../src/index.ts';
import { runJob, runJobAsync } from '../../src/runtime/execute.ts';
import { poolForJobs, registerFamily } from '../../src/runtime/runtime.ts';
import { fixtureJob, pause, soundFamily } from './fixture-jobs.ts';
import { expectSameBits } from './same-bits.ts';
import { scores } from './scores.ts';

const family = registerFamily(soundFamily());
const MAPS = { softmax, sparsemax, entmax15, entmax };
const [ROWS, N] = [601, 501];
const x = scores(ROWS * N);
const options = { shape: [ROWS, N] };

/** All maps in the forms that take different ways through the pool. */
function results(): (Float32Array | Float64Array | Int32Array)[] {
  return Object.values(MAPS).flatMap((map) => {
    using block = tensor(x, [ROWS, N]);
    using columns = map(block, { axis: 0 });
    using rows = map(block);
    const support = map.support(block);
    const arrays = [map(x, options), map(Float64Array.from(x.subarray(0, 100 * N)), { shape: [100, N] })];
    return [...arrays, columns.toTypedArray(), rows.toTypedArray(), support.sizes, support.thresholds];
  });
}

afterAll(shutdown);

describe('the number of threads', () => {
  test('changes no bit of any map, and every requested worker executes chunks', async () => {
    await init({ threads: 1 });
    const alone = results();
    for (const threads of [2, 3, 4]) {
      const info = await init({ threads });
      expect(info).toMatchObject({ threads, reason: `init({ threads: ${threads} })` });
      expect(info.chunks).toEqual(new Array(threads).fill(0));
      for (let round = 0; round < 200 && runtimeInfo().chunks.includes(0); round++) {
        for (const [index, result] of results().entries()) expectSameBits(result, alone[index] ?? x);
        await sparsemax.async(x, options);
      }
      const { chunks } = runtimeInfo();
      expect(chunks).toHaveLength(threads);
      expect(Math.min(...chunks)).toBeGreaterThan(0);
    }
  });
});

describe('three threads', () => {
  beforeAll(async () => {
    await init({ threads: 3 });
  });

  /** Chunks executed by workers so far. */
  const byWorkers = (): number => {
    const { chunks } = runtimeInfo();
    return chunks.slice(1).reduce((sum, count) => sum + count, 0);
  };

  test('run thousands of small jobs in a row without a wrong row', () => {
    const sizes = [2, 3, 31, 64, 100, 301];
    const jobs = sizes.map((rows) => fixtureJob(family, 'square_rows', rows, [], { nanosecondsPerRow: 20_000 }));
    for (let round = 0; round < 5000; round++) {
      const each = jobs[round % jobs.length];
      expect(each && runJob(each.job)).toBe(0);
      if (round % 100 < jobs.length) each?.check();
    }
    for (const each of jobs) {
      each.check();
      each.free();
    }
  });

  test('run thousands of jobs whose rows are all written anew', () => {
    const rows = 300;
    const squares = fixtureJob(family, 'square_rows', rows);
    for (let round = 0; round < 2000; round++) {
      squares.wipe();
      runJob(squares.job);
      squares.check();
    }
    squares.free();
  });

  test('fall asleep, and work again when they are needed', async () => {
    for (let round = 0; round < 5; round++) {
      await pause(30); // sixty times as long as workers spin
      const before = byWorkers();
      for (let attempt = 0; attempt < 100 && byWorkers() === before; attempt++) {
        expectSameBits(await sparsemax.async(x, options), sparsemax(x, options));
      }
      expect(byWorkers()).toBeGreaterThan(before);
    }
  });

  test('wake for a large synchronous job after they slept', async () => {
    using block = tensor(x, [ROWS, N]);
    let woken = false;
    for (let attempt = 0; attempt < 100 && !woken; attempt++) {
      await pause(5);
      const before = byWorkers();
      entmax(block, { alpha: 1.3 }).dispose();
      woken = byWorkers() > before;
    }
    expect(woken).toBe(true);
  });

  test('leave a small job to the caller', () => {
    const before = runtimeInfo().chunks;
    for (let round = 0; round < 100; round++) softmax(x.subarray(0, 100), { shape: [10, 10] });
    expect(runtimeInfo().chunks).toEqual(before);
  });

  test('leave a synchronous call to the caller while an asynchronous one runs', async () => {
    using block = tensor(x, [ROWS, N]);
    const expected = entmax(block, { alpha: 1.3 }).toTypedArray();
    const running = entmax.async(block, { alpha: 1.3 });
    for (let turn = 0; turn < 10; turn++) await Promise.resolve(); // the job begins in a microtask
    expect(poolForJobs()?.busy).toBe(true);
    const [callerChunks] = runtimeInfo().chunks;
    expectSameBits(entmax(block, { alpha: 1.3 }).toTypedArray(), expected);
    expect(runtimeInfo().chunks[0]).toBe(callerChunks);
    expectSameBits((await running).toTypedArray(), expected);
    expect(poolForJobs()?.busy).toBe(false);
  });

  test('serve asynchronous calls that were made at once, one after the other', async () => {
    const parts = Array.from({ length: 20 }, (_, i) => x.subarray(i * N, (i + 100) * N));
    const all = await Promise.all(parts.map((part) => sparsemax.async(part, { shape: [100, N] })));
    for (const [index, part] of parts.entries()) {
      expectSameBits(all[index] ?? part, sparsemax(part, { shape: [100, N] }));
    }
  });

  test('keep jobs of very different chunk sizes apart', async () => {
    for (const nanosecondsPerRow of [1, 50, 40_000]) {
      for (const rowMultiple of [1, 16]) {
        for (const rows of [1, 15, 16, 17, 33, 1000, 4097]) {
          const squares = fixtureJob(family, 'square_rows', rows, [], { nanosecondsPerRow, rowMultiple });
          runJob(squares.job);
          squares.check();
          squares.wipe();
          await runJobAsync(squares.job);
          squares.check();
          squares.free();
        }
      }
    }
  });
});
