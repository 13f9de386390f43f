import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { entmax, init, runtimeInfo, shutdown, sparsemax, tensor } from '../../src/index.ts';
import { CONTROL_BYTES } from '../../src/runtime/control.ts';
import { rejectionOf } from './errors.ts';
import { pause, watch } from './fixture-jobs.ts';
import { expectSameBits } from './same-bits.ts';
import { scores } from './scores.ts';
import { liveThreads, untilThreads } from './threads.ts';

const shape = [400, 500];
const x = scores(400 * 500);
const expected = sparsemax(x, { shape });
const slow = { shape, alpha: 1.3 };
const expectedSlow = entmax(x, slow);

const works = (): void => expectSameBits(sparsemax(x, { shape }), expected);

beforeEach(() => {
  works(); // the recent blocks that a call leaves are not in use
  const { used } = runtimeInfo().memory;
  return async () => {
    await shutdown();
    expect(runtimeInfo().memory.used).toBe(used);
    await untilThreads(0);
  };
});

describe('the start', () => {
  test('is not waited for: calls made meanwhile are right', async () => {
    const ready = init({ threads: 3 });
    let calls = 0;
    const start = watch(ready);
    do {
      works();
      expectSameBits(await sparsemax.async(x, { shape }), expected);
      calls++;
      await pause();
    } while (!start.settled);
    expect(calls).toBeGreaterThan(0);
    expect((await ready).threads).toBe(3);
    works();
  });

  test('tells of the workers only when they serve', async () => {
    const { threads, chunks } = await init({ threads: 3 });
    expect([threads, chunks.length, liveThreads.size]).toEqual([3, 3, 2]);
  });

  test('of one thread starts no worker', async () => {
    expect(await init({ threads: 1 })).toMatchObject({ threads: 1, chunks: [0] });
    expect(liveThreads.size).toBe(0);
  });

  test('many times at once follows the last call', async () => {
    const infos = await Promise.all([3, 1, 2, 4, 2].map((threads) => init({ threads })));
    expect(infos.map(({ threads }) => threads)).toEqual([3, 1, 2, 4, 2]);
    expect(runtimeInfo().threads).toBe(2);
    await untilThreads(1);
    works();
  });

  test('with the count that runs keeps the workers', async () => {
    await init({ threads: 3 });
    const before = [...liveThreads];
    await init({ threads: 3 });
    expect([...liveThreads]).toEqual(before);
  });

  test('that fails on an option leaves the workers alone', async () => {
    await init({ threads: 2 });
    await rejectionOf('ENTMAX_OPTION', init({ threads: -1 }));
    expect(runtimeInfo().threads).toBe(2);
    works();
  });
});

describe('shutdown', () => {
  test('before any init, and twice, is fine', async () => {
    await shutdown();
    await init({ threads: 2 });
    await Promise.all([shutdown(), shutdown()]);
    await shutdown();
    expect(runtimeInfo()).toMatchObject({ threads: 1, reason: 'shutdown() was called', chunks: [0] });
    works();
  });

  test('ends all threads; calls go on without them, and init brings others', async () => {
    await init({ threads: 3 });
    works();
    await shutdown();
    await untilThreads(0);
    works();
    expectSameBits(await sparsemax.async(x, { shape }), expected);
    expect((await init({ threads: 2 })).threads).toBe(2);
    works();
  });

  test('leaves tensors alive', async () => {
    await init({ threads: 2 });
    using block = tensor(x, shape);
    await shutdown();
    using p = sparsemax(block);
    expectSameBits(p.toTypedArray(), expected);
  });

  test('of workers that sleep ends them too', async () => {
    await init({ threads: 3 });
    await pause(50);
    await shutdown();
    await untilThreads(0);
  });

  test('of workers that are starting ends them too', async () => {
    const ready = init({ threads: 3 });
    await shutdown();
    expect((await ready).threads).toBe(3);
    await untilThreads(0);
  });
});

describe('asynchronous calls under way', () => {
  test.each([
    ['shutdown', () => shutdown()],
    ['init with fewer threads', () => init({ threads: 2 })],
    ['init with more threads', () => init({ threads: 4 })],
  ])('end well through %s', async (_, change) => {
    for (let round = 0; round < 5; round++) {
      await init({ threads: 3 });
      using block = tensor(x, shape);
      const calls = [
        entmax.async(x, slow),
        entmax.async(block, { alpha: 1.3 }).then((p) => {
          const array = p.toTypedArray();
          p.dispose();
          return array;
        }),
        entmax.async(x, slow),
      ];
      await pause(round);
      const changed = change();
      for (const call of calls) expectSameBits(await call, expectedSlow);
      await changed;
      works();
    }
  });

  test('of several jobs each end well when the pool goes between the jobs', async () => {
    // 8 MB of scores are four jobs of 2 MB; memory that the pool gave back meanwhile is handed out and overwritten.
    const many = scores(4 * 500_000, 7);
    const manyShape = [4000, 500];
    const right = sparsemax(many, { shape: manyShape });
    for (let round = 0; round < 10; round++) {
      await init({ threads: 3 });
      const call = sparsemax.async(many, { shape: manyShape });
      await pause(round % 5);
      const end = shutdown();
      const state = watch(call);
      const blocks: { dispose(): void }[] = [];
      while (!state.settled) {
        blocks.push(tensor(new Uint8Array(CONTROL_BYTES).fill(255)));
        await pause();
      }
      expectSameBits(await call, right);
      await end;
      for (const each of blocks) each.dispose();
    }
  });
});

test('twenty-five starts and ends leak neither memory nor threads', async () => {
  const { used } = runtimeInfo().memory;
  for (let cycle = 0; cycle < 25; cycle++) {
    await init({ threads: 2 + (cycle % 2) });
    works();
    await shutdown();
    expect(runtimeInfo().memory.used).toBe(used);
  }
  await untilThreads(0);
});

afterEach(() => works());
