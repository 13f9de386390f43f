import { beforeAll, expect, test } from 'vitest';
import type { Tensor } from '../../src/index.ts';
import { init, runtimeInfo, scope, shutdown, softmax, sparsemax, tensor, zeros } from '../../src/index.ts';
import { errorOf, rejectionOf } from './errors.ts';
import { expectSameBits } from './same-bits.ts';
import { scores } from './scores.ts';

const MEBIBYTE = 1 << 20;
/** Fits; a second one of the size does not. */
const LARGE = [2048, 2048];

beforeAll(async () => {
  const { memory } = await init({ maxMemory: 32 * MEBIBYTE, threads: 2 });
  expect(memory.capacity).toBe(31 * MEBIBYTE);
  return shutdown;
});

/** Fails when `run` leaves more memory in use than before. */
async function leavesNothing(run: () => unknown): Promise<void> {
  const { memory, liveTensors } = runtimeInfo();
  await run();
  expect(runtimeInfo().memory.used).toBe(memory.used);
  expect(runtimeInfo().liveTensors).toBe(liveTensors);
}

function smallCallsWork(): void {
  const x = scores(1000);
  const total = sparsemax(x).reduce((sum, p) => sum + p, 0);
  expect(total).toBeCloseTo(1, 5);
  using block = tensor(x, [10, 100]);
  using p = softmax(block);
  expectSameBits(p.toTypedArray(), softmax(x, { shape: [10, 100] }));
}

test('a tensor that is too large is refused, and leaves no trace', async () => {
  await leavesNothing(() => {
    const error = errorOf('ENTMAX_MEMORY', () => zeros([4096, 4096]));
    expect(error.op).toBe('zeros');
    errorOf('ENTMAX_MEMORY', () => tensor(new Float64Array(5 * MEBIBYTE)));
  });
  smallCallsWork();
});

test('a result that does not fit is refused, and leaves no trace', async () => {
  await leavesNothing(async () => {
    using x = zeros(LARGE);
    errorOf('ENTMAX_MEMORY', () => sparsemax(x));
    await rejectionOf('ENTMAX_MEMORY', sparsemax.async(x));
    expect(x.toTypedArray().every((value) => value === 0)).toBe(true);
  });
  smallCallsWork();
});

test('a call whose scratch does not fit is refused, and leaves its result no trace', async () => {
  await leavesNothing(async () => {
    using x = zeros([2048, 1024]);
    using ballast = zeros([14 * 256, 1024]);
    // 8 of 31 MiB are left at least, the result takes them, and a mask as large as the scores has no room.
    const mask = new Uint8Array(x.size).fill(1);
    errorOf('ENTMAX_MEMORY', () => softmax(x, { mask }));
    await rejectionOf('ENTMAX_MEMORY', softmax.async(x, { mask }));
    expect(ballast.disposed).toBe(false);
  });
  smallCallsWork();
});

test('a row that is larger than memory is refused in every form, and leaves no trace', async () => {
  const row = new Float32Array(9 * MEBIBYTE);
  await leavesNothing(async () => {
    errorOf('ENTMAX_MEMORY', () => softmax(row));
    errorOf('ENTMAX_MEMORY', () => softmax.support(row));
    await rejectionOf('ENTMAX_MEMORY', softmax.async(row));
    await rejectionOf('ENTMAX_MEMORY', softmax.async.support(row));
  });
  smallCallsWork();
});

test('many rows that are larger than memory together pass through it', async () => {
  await leavesNothing(() => {
    const x = scores(10 * MEBIBYTE);
    const p = sparsemax(x, { shape: [1024, -1] });
    expect(p).toHaveLength(x.length);
    const last = x.subarray(1023 * 10240);
    expectSameBits(p.subarray(1023 * 10240), sparsemax(last));
  });
});

test('tensors that were disposed make room again', () => {
  for (let round = 0; round < 20; round++) {
    using x = zeros(LARGE);
    expect(x.size).toBe(4 * MEBIBYTE);
  }
  const left: Tensor[] = [];
  scope(() => {
    errorOf('ENTMAX_MEMORY', () => {
      for (;;) left.push(zeros([MEBIBYTE]));
    });
    return null;
  });
  expect(left.length).toBeGreaterThan(4);
  smallCallsWork();
});

test('threads whose stacks do not fit are refused, and leaves no trace', async () => {
  await shutdown();
  await leavesNothing(async () => {
    using ballast = zeros([7, MEBIBYTE]);
    await rejectionOf('ENTMAX_MEMORY', init({ threads: 64 }));
    expect(runtimeInfo().threads).toBe(1);
    expect(ballast.disposed).toBe(false);
  });
  expect((await init({ threads: 2 })).threads).toBe(2);
  smallCallsWork();
});

test('a maximum that is too small for the package is an option error', async () => {
  await rejectionOf('ENTMAX_OPTION', init({ maxMemory: 1000 }));
  await rejectionOf('ENTMAX_OPTION', init({ maxMemory: NaN }));
});
