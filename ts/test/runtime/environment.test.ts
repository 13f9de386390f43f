import { availableParallelism as coresOfHost } from 'node:os';
import workerThreads from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { init, runtimeInfo, shutdown } from '../../src/index.ts';
import { availableParallelism, insideWorker } from '../../src/runtime/environment.ts';
import { bundleProgram, runProgram } from './bundle.ts';
import { rejectionOf } from './errors.ts';

afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await shutdown();
});

describe('ENTMAX_THREADS', () => {
  test.each([
    ['1', 1],
    ['2', 2],
    ['5', 5],
    [' 3 ', 3],
  ])('set to %j is the number of threads that auto takes', async (value, threads) => {
    vi.stubEnv('ENTMAX_THREADS', value);
    expect(await init()).toMatchObject({ threads, reason: `ENTMAX_THREADS=${value}` });
  });

  test.each(['0', '-1', '1.5', 'many', '65', 'NaN', '1e9', '0x'])('set to %j is an error', async (value) => {
    vi.stubEnv('ENTMAX_THREADS', value);
    const error = await rejectionOf('ENTMAX_OPTION', init());
    expect(error.message).toBe(
      `init: expected ENTMAX_THREADS to be an integer in [1, 64], got ${JSON.stringify(value)}`,
    );
    expect(runtimeInfo().threads).toBe(1);
  });

  test('set to nothing counts as not set', async () => {
    vi.stubEnv('ENTMAX_THREADS', '');
    expect((await init()).reason).not.toMatch(/ENTMAX_THREADS/);
  });

  test('gives way to a number that init is given', async () => {
    vi.stubEnv('ENTMAX_THREADS', 'many');
    expect((await init({ threads: 2 })).threads).toBe(2);
  });
});

describe("threads: 'auto'", () => {
  beforeEach(() => vi.stubEnv('ENTMAX_THREADS', ''));

  /** Makes the host report cores and the text of the control group's quota, or no such file. */
  function pretend(cores: number, quota: string | undefined): void {
    const real = process.getBuiltinModule.bind(process);
    const readFileSync = (): string => {
      if (quota === undefined) throw new Error('ENOENT');
      return quota;
    };
    vi.spyOn(process, 'getBuiltinModule').mockImplementation((name: string) => {
      if (name === 'node:os') return { availableParallelism: () => cores };
      if (name === 'node:fs') return { readFileSync };
      return real(name as 'node:fs');
    });
  }

  test('takes what the machine offers, at most eight', async () => {
    const { threads, reason } = await init();
    expect(threads).toBeLessThanOrEqual(Math.min(8, coresOfHost()));
    expect(reason).toBe(`the machine offers ${threads}`);
    pretend(64, undefined);
    expect(await init()).toMatchObject({ threads: 8, reason: "threads: 'auto' stops at 8" });
  });

  test.each<[string, number, string | undefined, number]>([
    ['without a control group', 4, undefined, 4],
    ['without a limit', 4, 'max 100000\n', 4],
    ['of two CPUs', 16, '200000 100000\n', 2],
    ['of one and a half, rounded up', 16, '150000 100000\n', 2],
    ['of a tenth', 16, '10000 100000\n', 1],
    ['above the number of cores', 2, '800000 100000\n', 2],
    ['that is empty', 4, '', 4],
    ['that cannot be understood', 4, 'a b c', 4],
    ['of nothing', 4, '0 100000', 4],
  ])('heeds a quota %s', (_, cores, quota, threads) => {
    pretend(cores, quota);
    expect(availableParallelism()).toBe(threads);
  });

  test('is one on a machine with one core', async () => {
    pretend(1, undefined);
    expect(await init()).toMatchObject({ threads: 1, reason: 'the machine offers 1' });
  });
});

describe('inside a worker', () => {
  test("'auto' is one thread, a number starts workers of its own, and the worker ends by itself", async () => {
    expect(insideWorker()).toBe(false);
    const program = await bundleProgram(`
      import { parentPort } from 'node:worker_threads';
      import { init, runtimeInfo, sparsemax } from 'entmax';
      const x = Float32Array.from({ length: 400_000 }, (_, i) => ((i * 7919) % 1009) / 100);
      const options = { shape: [400, 1000] };
      const alone = sparsemax(x, options);
      const auto = await init();
      const three = await init({ threads: 3 });
      let equal = true;
      for (let round = 0; round < 300 && runtimeInfo().chunks.includes(0); round++) {
        equal &&= Buffer.compare(Buffer.from(sparsemax(x, options).buffer), Buffer.from(alone.buffer)) === 0;
        equal &&= Buffer.compare(Buffer.from((await sparsemax.async(x, options)).buffer), Buffer.from(alone.buffer)) === 0;
      }
      const { chunks } = runtimeInfo();
      parentPort.postMessage({ auto: [auto.threads, auto.reason], three: three.threads, idle: chunks.includes(0), equal });
    `);
    const worker = new workerThreads.Worker(program, { env: { ...process.env, ENTMAX_THREADS: '' } });
    const report = new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    const exit = new Promise((resolve) => worker.once('exit', resolve));
    expect(await report).toEqual({
      auto: [1, "inside a worker, threads: 'auto' is 1; ask for more by number"],
      three: 3,
      idle: false,
      equal: true,
    });
    expect(await exit).toBe(0);
  });
});

test('without process.getBuiltinModule and without workers, as in Node before 20.16, the package works', async () => {
  const program = await bundleProgram(`
    delete process.getBuiltinModule;
    process.getBuiltinModule = undefined;
    const { init, sparsemax } = await import('entmax');
    const { threads, reason } = await init({ threads: 2 });
    console.log(threads, [...sparsemax(Float32Array.of(1, 2, 2.5))].join(), reason);
  `);
  const { code, stdout } = await runProgram(program);
  expect(stdout).toMatch(/^1 0,0\.25,0\.75 ./);
  expect(code).toBe(0);
});
