/** Hosts without shared memory: one thread, everything works, and the package says why. */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type * as entmaxModule from '../../src/index.ts';
import { expectSameBits } from './same-bits.ts';
import { scores } from './scores.ts';

type Package = typeof entmaxModule;

const shape = [1500, 700];
const x = scores(1500 * 700);
const options = { shape, alpha: 1.3 };

async function load(): Promise<Package> {
  vi.resetModules();
  return import('../../src/index.ts');
}

/** What every host must be able to do; `expected` comes from shared memory. */
async function everythingWorks(entmax: Package, expected: Float32Array): Promise<void> {
  expectSameBits(entmax.entmax(x, options), expected);
  using block = entmax.tensor(x, shape);
  using p = entmax.entmax(block, { alpha: 1.3 });
  expectSameBits(p.toTypedArray(), expected);
  using asyncP = await entmax.entmax.async(block, { alpha: 1.3 });
  expectSameBits(asyncP.toTypedArray(), expected);
  const { sizes } = await entmax.sparsemax.async.support(x, { shape });
  expectSameBits(sizes, entmax.sparsemax.support(block).sizes);
}

let expected: Float32Array;

beforeEach(async () => {
  expected = (await load()).entmax(x, options);
});
afterEach(() => vi.unstubAllGlobals());

describe('without SharedArrayBuffer', () => {
  let entmax: Package;

  beforeEach(async () => {
    vi.stubGlobal('SharedArrayBuffer', undefined);
    entmax = await load();
  });

  test('everything works on one thread, and the reason is told', async () => {
    const info = await entmax.init({ threads: 3 });
    expect(info).toMatchObject({ threads: 1, reason: 'SharedArrayBuffer is missing', chunks: [0] });
    expect(info.memory.shared).toBe(false);
    await everythingWorks(entmax, expected);
    await entmax.shutdown();
    await everythingWorks(entmax, expected);
  });

  test('asynchronous calls work in slices and leave the event loop free', async () => {
    const busy: number[] = [];
    let before = performance.now();
    const timer = setInterval(() => {
      busy.push(performance.now() - before);
      before = performance.now();
    }, 0);
    const done: number[] = [];
    const p = await entmax.entmax.async(x, { ...options, onProgress: (rows) => done.push(rows) });
    clearInterval(timer);
    expectSameBits(p, expected);
    expect(busy.length).toBeGreaterThan(1);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(done.at(-1)).toBe(1500);
  });

  test('asynchronous calls can be aborted between slices', async () => {
    const controller = new AbortController();
    using block = entmax.tensor(x, shape);
    const { used } = entmax.runtimeInfo().memory;
    const seen: number[] = [];
    const call = entmax.entmax.async(block, {
      alpha: 1.3,
      signal: controller.signal,
      onProgress: (rows) => {
        seen.push(rows);
        controller.abort('enough');
      },
    });
    await expect(call).rejects.toBe('enough');
    expect(seen).toHaveLength(1);
    expect(seen[0]).toBeLessThan(1500);
    expect(entmax.runtimeInfo().memory.used).toBe(used);
    await everythingWorks(entmax, expected);
  });

  test('other settings of init work as ever', async () => {
    const info = await entmax.init({ maxMemory: 64 << 20, threads: 'auto' });
    expect(info.memory).toMatchObject({ capacity: 63 << 20, shared: false });
    await everythingWorks(entmax, expected);
  });
});

test('shared memory that cannot be posted is not used', async () => {
  vi.stubGlobal(
    'MessageChannel',
    class extends MessageChannel {
      constructor() {
        super();
        this.port1.postMessage = () => {
          throw new DOMException('could not be cloned', 'DataCloneError');
        };
      }
    },
  );
  const entmax = await load();
  expect(await entmax.init({ threads: 2 })).toMatchObject({
    threads: 1,
    reason: 'a SharedArrayBuffer cannot be posted to a worker here',
  });
  await everythingWorks(entmax, expected);
});

describe('a page', () => {
  /** Makes the host look like a browser's main thread: no builtin modules, and what a page has. */
  function pretendPage(isolated: boolean): void {
    vi.stubGlobal('process', { env: {} });
    vi.stubGlobal('document', {});
    vi.stubGlobal('crossOriginIsolated', isolated);
  }

  test('that is not isolated works on one thread and is told which headers it needs', async () => {
    pretendPage(false);
    const entmax = await load();
    const { threads, reason, memory } = await entmax.init({ threads: 3 });
    expect([threads, memory.shared]).toEqual([1, false]);
    expect(reason).toMatch(/not cross-origin isolated .*Cross-Origin-Opener-Policy.*Cross-Origin-Embedder-Policy/);
    await everythingWorks(entmax, expected);
  });

  test('that forbids workers works on one thread, with the reason', async () => {
    pretendPage(true);
    vi.stubGlobal('Worker', undefined);
    const entmax = await load();
    const { threads, reason, memory } = await entmax.init({ threads: 2 });
    expect([threads, memory.shared]).toEqual([1, true]);
    expect(reason).toMatch(/worker 1 did not start: TypeError/);
    await everythingWorks(entmax, expected);
    await entmax.shutdown();
  });
});
