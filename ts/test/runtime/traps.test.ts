/**
 * A kernel that traps: on the caller, on a worker, once or always. The fixture leaves its stack pointer 16 KiB down
 * when it traps, so a thread that did not put it back would run through its stack within ten traps.
 */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { init, runtimeInfo, shutdown, sparsemax } from '../../src/index.ts';
import { runJob, runJobAsync } from '../../src/runtime/execute.ts';
import { poolForJobs, registerFamily } from '../../src/runtime/runtime.ts';
import { errorOf, rejectionOf } from './errors.ts';
import type { FixtureJob } from './fixture-jobs.ts';
import { block, fixtureJob, soundFamily, squares, word } from './fixture-jobs.ts';
import { expectSameBits } from './same-bits.ts';
import { scores } from './scores.ts';

const family = registerFamily(soundFamily());
const ROWS = 2000;
const BAD = 1100;
const [ALWAYS, ONCE] = [0, 1];
const expected = sparsemax(scores(1000), { shape: [10, 100] });
let armed: { address: number; value: number };

/** A job of `rows` rows that traps on the row `bad` while `armed` is set. */
function trapJob(once: number, settings: { rows?: number; bad?: number; repeatable?: boolean } = {}): FixtureJob {
  const { rows = ROWS, bad = BAD, repeatable = true } = settings;
  return fixtureJob(family, 'trap_on_row', rows, [armed.address, bad, once], { repeatable });
}

/** Runs the job until a worker trapped in it, and not the caller, whose trap is an error at once. */
async function trapInWorker(job: FixtureJob): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    armed.value = 1;
    job.wipe();
    const error: unknown = await runJobAsync(job.job).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(armed.value).toBe(0);
    if (error === undefined) return job.check();
    expect(error).toMatchObject({ code: 'ENTMAX_KERNEL' });
  }
  throw new Error('no worker took the chunk in 100 attempts');
}

/** Uses as much stack as the trap left displaced; a thread without it would trap, and this job may not be repeated. */
function deepJob(): FixtureJob {
  const job = fixtureJob(family, 'use_stack', ROWS, [], { repeatable: false });
  return { ...job, job: { ...job.job, args: [200] } };
}

function everythingWorks(): void {
  const deep = deepJob();
  expect(runJob(deep.job)).toBe(0);
  deep.free();
  const job = fixtureJob(family, 'square_rows', ROWS);
  expect(runJob(job.job)).toBe(0);
  job.check();
  job.free();
  expectSameBits(sparsemax(scores(1000), { shape: [10, 100] }), expected);
}

beforeAll(() => {
  armed = word(0);
});
afterAll(shutdown);

describe('a trap on the caller alone', () => {
  beforeEach(async () => {
    await init({ threads: 1 });
  });

  test('is an error that says that out is undefined, and the next call works', async () => {
    const job = trapJob(ALWAYS);
    armed.value = 1;
    const error = errorOf('ENTMAX_KERNEL', () => runJob(job.job));
    expect(error.message).toMatch(
      /^test: expected the kernel trap_on_row to finish \(out is undefined\), got .*unreachable/,
    );
    expect(error.cause).toBeInstanceOf(WebAssembly.RuntimeError);
    await rejectionOf('ENTMAX_KERNEL', runJobAsync(job.job));
    armed.value = 0;
    runJob(job.job);
    job.check();
    job.free();
    everythingWorks();
  });

  test('leaves no trace, two thousand times', () => {
    const { used } = runtimeInfo().memory;
    const job = trapJob(ALWAYS);
    armed.value = 1;
    for (let round = 0; round < 2000; round++) errorOf('ENTMAX_KERNEL', () => runJob(job.job));
    armed.value = 0;
    runJob(job.job);
    job.check();
    job.free();
    everythingWorks();
    expect(runtimeInfo().memory.used).toBe(used);
  });
});

describe.each([2, 3])('with %i threads', (threads) => {
  beforeEach(async () => {
    await init({ threads });
    const { used } = runtimeInfo().memory;
    return () => expect(runtimeInfo().memory.used).toBe(used);
  });

  test('a chunk in which a worker trapped once is computed again, and the result is right', async () => {
    const job = trapJob(ONCE);
    await trapInWorker(job);
    job.free();
    everythingWorks();
  });

  test('the first and the last row may trap too', async () => {
    for (const bad of [0, ROWS - 1]) {
      const job = trapJob(ONCE, { bad });
      await trapInWorker(job);
      job.free();
    }
  });

  test('a kernel that traps always is an error, synchronously and asynchronously', async () => {
    const job = trapJob(ALWAYS);
    armed.value = 1;
    for (let round = 0; round < 20; round++) {
      errorOf('ENTMAX_KERNEL', () => runJob(job.job));
      const error = await rejectionOf('ENTMAX_KERNEL', runJobAsync(job.job));
      expect(error.message).toMatch(/out is undefined/);
    }
    armed.value = 0;
    runJob(job.job);
    job.check();
    job.free();
    everythingWorks();
  });

  test('a chunk whose output lies on its input is not computed again: an error says that out is undefined', async () => {
    const job = trapJob(ONCE, { repeatable: false });
    let message = '';
    for (let attempt = 0; attempt < 100 && !message.includes('a trap in a worker'); attempt++) {
      armed.value = 1;
      message = (await rejectionOf('ENTMAX_KERNEL', runJobAsync(job.job))).message;
    }
    expect(message).toMatch(/out is undefined\), got a trap in a worker, and the output lies on the input/);
    expect(runJob(job.job)).toBe(0);
    job.check();
    job.free();
    everythingWorks();
  });

  test('two thousand traps leave every thread its whole stack', async () => {
    const job = trapJob(ONCE);
    let [recomputed, onCaller] = [0, 0];
    for (let round = 0; round < 2000; round++) {
      armed.value = 1;
      job.wipe();
      try {
        if (round % 20 === 0) await runJobAsync(job.job);
        else runJob(job.job);
        job.check();
        recomputed++;
      } catch (error) {
        expect(error).toMatchObject({ code: 'ENTMAX_KERNEL' });
        onCaller++;
      }
      expect(armed.value).toBe(0);
    }
    expect(recomputed + onCaller).toBe(2000);
    expect(recomputed).toBeGreaterThan(100);
    job.free();
    const deep = deepJob();
    const { chunks } = runtimeInfo();
    for (
      let round = 0;
      round < 200 &&
      runtimeInfo()
        .chunks.slice(1)
        .some((n, i) => n === chunks[i + 1]);
      round++
    ) {
      expect(await runJobAsync(deep.job)).toBe(0);
    }
    for (const [index, count] of runtimeInfo().chunks.entries()) {
      if (index > 0) expect(count, `chunks of worker ${index}`).toBeGreaterThan(chunks[index] ?? 0);
    }
    deep.free();
    everythingWorks();
  });

  test('the trap of an aborted job does not reach into the next one', async () => {
    const job = trapJob(ONCE, { rows: 200_000, bad: 50 });
    let trapped = 0;
    for (let round = 0; round < 20; round++) {
      armed.value = 1;
      const controller = new AbortController();
      const aborted = runJobAsync(job.job, controller.signal, () => controller.abort('stop'));
      await aborted.catch(() => undefined);
      if (armed.value === 0) trapped++;
      // Four rows in a place for two hundred: a stale range would be written behind them.
      const place = fixtureJob(family, 'square_rows', 200);
      runJob({ ...place.job, rows: 4, nanosecondsPerRow: 100_000 });
      expectSameBits(place.results().subarray(0, 4), squares(4));
      expect(
        place
          .results()
          .subarray(4)
          .every((value) => value === -1),
      ).toBe(true);
      place.free();
    }
    expect(trapped).toBeGreaterThan(0);
    job.free();
  });

  test('the trap of a worker does not outlast one of the caller in the same job', () => {
    const pool = poolForJobs();
    const job = trapJob(ALWAYS, { bad: 1 });
    const workspace = fixtureJob(family, 'square_rows', 64 * threads);
    for (let round = 0; round < 20; round++) {
      armed.value = 1;
      const failure = new Error('the caller fails');
      const here = (): number => {
        block(5); // lets the workers come, and one of them trap
        throw failure;
      };
      expect(() => pool?.run(job.job, workspace.out, here)).toThrow(failure);
      const place = fixtureJob(family, 'square_rows', 200);
      runJob({ ...place.job, rows: 4, nanosecondsPerRow: 100_000 });
      expect(
        place
          .results()
          .subarray(4)
          .every((value) => value === -1),
      ).toBe(true);
      place.free();
    }
    armed.value = 0;
    workspace.free();
    job.free();
  });
});
