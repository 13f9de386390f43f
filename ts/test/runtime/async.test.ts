import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { entmax, init, runtimeInfo, shutdown, sparsemax, tensor } from '../../src/index.ts';
import { runJob, runJobAsync } from '../../src/runtime/execute.ts';
import { registerFamily } from '../../src/runtime/runtime.ts';
import { fixtureJob, pause, soundFamily } from './fixture-jobs.ts';
import { expectSameBits } from './same-bits.ts';
import { scores } from './scores.ts';

const family = registerFamily(soundFamily());
const [ROWS, N] = [1200, 800];
const x = Float64Array.from(scores(ROWS * N));
const shape = [ROWS, N];
/** Slow enough for several ticks. */
const options = { shape, alpha: 1.3 };

afterAll(shutdown);

describe.each([1, 3])('asynchronous calls on %i thread(s)', (threads) => {
  let used = 0;
  let expected: Float64Array;

  beforeAll(async () => {
    await init({ threads });
    expected = entmax(x, options);
  });
  beforeEach(() => {
    used = runtimeInfo().memory.used;
    return () => expect(runtimeInfo().memory.used).toBe(used);
  });

  test('give the bits of synchronous ones', async () => {
    expectSameBits(await entmax.async(x, options), expected);
    using block = tensor(x, shape);
    using p = await entmax.async(block, { alpha: 1.3 });
    expectSameBits(p.toTypedArray(), expected);
    const [support, asyncSupport] = [entmax.support(x, options), await entmax.async.support(x, options)];
    expectSameBits(asyncSupport.sizes, support.sizes);
    expectSameBits(asyncSupport.thresholds, support.thresholds);
  });

  test('leave the event loop free', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await entmax.async(x, options);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(2);
  });

  test('report progress that never falls and ends at the number of rows', async () => {
    const reports: [number, number][] = [];
    await entmax.async(x, { ...options, onProgress: (done, total) => reports.push([done, total]) });
    expect(reports.length).toBeGreaterThan(1);
    const done = reports.map(([rows]) => rows);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(done[0]).toBeGreaterThan(0);
    expect(reports.at(-1)).toEqual([ROWS, ROWS]);
    expect(new Set(reports.map(([, total]) => total))).toEqual(new Set([ROWS]));
  });

  test.each<[string, unknown]>([
    ['an error', new Error('enough')],
    ['anything else', 'enough'],
    ['nothing', undefined],
  ])('reject with the reason when they are aborted with %s', async (_, given) => {
    const controller = new AbortController();
    using block = tensor(x, shape);
    const call = entmax.async(block, {
      alpha: 1.3,
      signal: controller.signal,
      onProgress: () => controller.abort(given),
    });
    const reason: unknown = await call.then(
      () => 'no rejection',
      (error: unknown) => error,
    );
    expect(reason).toBe(controller.signal.reason);
    if (given !== undefined) expect(reason).toBe(given);
    expectSameBits(await entmax.async(x, options), expected);
  });

  test('reject at once when the signal was aborted before, and touch nothing', async () => {
    const out = new Float64Array(x.length).fill(7);
    const call = entmax.async(x, { ...options, out, signal: AbortSignal.abort('before') });
    await expect(call).rejects.toBe('before');
    expect(out.every((value) => value === 7)).toBe(true);
  });

  test('that wait for others reject at once when they are aborted, and the others end', async () => {
    const controller = new AbortController();
    const first = entmax.async(x, options);
    let firstHasEnded = false;
    void first.then(() => (firstHasEnded = true));
    const second = entmax.async(x, { ...options, signal: controller.signal });
    const third = entmax.async(x, options);
    controller.abort('while waiting');
    await expect(second).rejects.toBe('while waiting');
    expect(firstHasEnded).toBe(false);
    expectSameBits(await first, expected);
    expectSameBits(await third, expected);
  });

  test('reject with the error of a progress callback that throws', async () => {
    const failure = new Error('progress bar broke');
    const onProgress = (): void => {
      throw failure;
    };
    await expect(entmax.async(x, { ...options, onProgress })).rejects.toBe(failure);
    using block = tensor(x, shape);
    await expect(entmax.async(block, { onProgress })).rejects.toBe(failure);
    expectSameBits(entmax(x, options), expected);
    expectSameBits(await entmax.async(x, options), expected);
  });

  test('abort and go on, many times in a row', async () => {
    const squares = fixtureJob(family, 'square_rows', 300_000, [], { nanosecondsPerRow: 100 });
    for (let round = 0; round < 60; round++) {
      const controller = new AbortController();
      const aborted = runJobAsync(squares.job, controller.signal);
      const outcome = aborted.then(
        () => 'done',
        (error: unknown) => error,
      );
      await pause(round % 4);
      controller.abort('stop');
      expect(['done', 'stop']).toContain(await outcome);
      const small = fixtureJob(family, 'square_rows', 500);
      runJob(small.job);
      small.check();
      small.free();
    }
    squares.free();
  });

  test('never throw synchronously', async () => {
    const call = sparsemax.async(x, { shape: [7, 7] });
    await expect(call).rejects.toMatchObject({ code: 'ENTMAX_SHAPE' });
    const disposed = tensor(x, shape);
    disposed.dispose();
    await expect(sparsemax.async(disposed)).rejects.toMatchObject({ code: 'ENTMAX_DISPOSED' });
    const signal = {} as AbortSignal;
    await expect(sparsemax.async(x, { signal })).rejects.toMatchObject({ code: 'ENTMAX_OPTION' });
  });
});
