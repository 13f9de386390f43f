/** Workers that cannot start: the package says why, and works without them. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import workerThreads from 'node:worker_threads';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { init, runtimeInfo, shutdown, sparsemax } from '../../src/index.ts';
import { expectSameBits } from './same-bits.ts';
import { scores } from './scores.ts';
import { untilThreads } from './threads.ts';

const folder = mkdtempSync(join(tmpdir(), 'entmax-worker-'));
const x = scores(200_000);
const shape = [400, 500];
const expected = sparsemax(x, { shape });
let used = 0;

beforeEach(() => {
  used = runtimeInfo().memory.used;
});
afterEach(async () => {
  await shutdown();
  expect(runtimeInfo().memory.used).toBe(used);
  await untilThreads(0);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A worker script with other contents than ours. */
function script(name: string, source: string): URL {
  writeFileSync(join(folder, name), source);
  return pathToFileURL(join(folder, name));
}

async function everythingWorks(): Promise<void> {
  expectSameBits(sparsemax(x, { shape }), expected);
  expectSameBits(await sparsemax.async(x, { shape }), expected);
}

test.each<[string, string | URL, RegExp]>([
  ['is not there', pathToFileURL(join(folder, 'missing.js')), /worker 1 did not start: .*missing\.js/],
  ['throws', script('throws.js', 'throw new Error("no way")'), /worker 1 did not start: Error: no way/],
  ['is no script', script('text.js', 'this is no script'), /worker 1 did not start: SyntaxError/],
  ['ends at once', script('ends.js', 'process.exit(3)'), /worker 1 did not start: it exited with 3/],
  ['is empty', script('empty.js', ''), /worker 1 did not start: it exited with 0/],
  ['lies at no URL', 'not a url', /worker 1 did not start: TypeError.*Invalid URL/],
  ['lies where workers are not loaded from', 'https://example.invalid/worker.js', /worker 1 did not start: .*scheme/],
])('a worker script that %s leaves one thread and a reason', async (_, workerUrl, reason) => {
  const info = await init({ threads: 3, workerUrl });
  expect(info.threads).toBe(1);
  expect(info.reason).toMatch(reason);
  await everythingWorks();
  const good = await init({ threads: 2 });
  expect(good).toMatchObject({ threads: 2, reason: 'init({ threads: 2 })' });
  await everythingWorks();
});

test('the worker script of the package works from a URL', async () => {
  const workerUrl = new URL('../../../build/generated/worker.script.js', import.meta.url);
  expect(await init({ threads: 3, workerUrl })).toMatchObject({ threads: 3 });
  await everythingWorks();
});

test('when one of several workers cannot start, the others serve', async () => {
  const { Worker } = workerThreads;
  let started = 0;
  workerThreads.Worker = class extends Worker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      if (++started === 2) throw new Error('the host allows only so many');
      super(...args);
    }
  };
  try {
    const info = await init({ threads: 4 });
    expect(info).toMatchObject({ threads: 3, reason: 'worker 2 did not start: Error: the host allows only so many' });
    const idle = (): boolean => [1, 3].some((thread) => runtimeInfo().chunks[thread] === 0);
    for (let round = 0; round < 200 && idle(); round++) await everythingWorks();
    const { chunks } = runtimeInfo();
    expect(chunks[1]).toBeGreaterThan(0);
    expect(chunks[2]).toBe(0);
    expect(chunks[3]).toBeGreaterThan(0);
  } finally {
    workerThreads.Worker = Worker;
  }
});
