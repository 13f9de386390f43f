import { afterAll, beforeAll, expect, test } from 'vitest';
import layout from '../../../crates/memory-layout.json';
import { init, runtimeInfo, shutdown, sparsemax } from '../../src/index.ts';
import type { KernelFamily } from '../../src/runtime/family.ts';
import { runJob, runJobAsync } from '../../src/runtime/execute.ts';
import { registerFamily } from '../../src/runtime/runtime.ts';
import { fixtureJob, soundFamily } from './fixture-jobs.ts';
import { expectSameBits } from './same-bits.ts';
import { scores } from './scores.ts';

const x = scores(400_000);
const options = { shape: [400, 1000] };
let alone: Float32Array;
let fixtures: KernelFamily;

beforeAll(async () => {
  alone = sparsemax(x, options);
  await init({ threads: 2 });
  // Registered when the workers are up already, as a module does that is imported late.
  fixtures = registerFamily(soundFamily());
});
afterAll(shutdown);

test('each family has a place of its own in memory, below the heap', () => {
  const addresses = Object.values(layout.families);
  for (const [index, address] of addresses.entries()) {
    expect(address).toBeGreaterThanOrEqual(layout.stackBytes);
    expect(address + layout.slotBytes).toBeLessThanOrEqual(addresses[index + 1] ?? layout.heapBase);
  }
});

test('two families called in turn on the caller find their own tables', () => {
  for (let round = 0; round < 20; round++) {
    const squares = fixtureJob(fixtures, 'square_rows', 50, [], { nanosecondsPerRow: 1 });
    runJob(squares.job);
    squares.check();
    squares.free();
    expectSameBits(sparsemax(x.subarray(0, 1000)), alone.subarray(0, 1000));
  }
});

test('a family that was registered late reaches the workers, and both find their own tables there', async () => {
  const byWorker = (): number => runtimeInfo().chunks[1] ?? 0;
  let rounds = 0;
  // In asynchronous jobs the caller helps only when the worker does not come: it has chunks of each family in turn.
  for (let shared = 0; shared < 20 && rounds < 500; rounds++) {
    const before = byWorker();
    const squares = fixtureJob(fixtures, 'square_rows', 5000);
    await runJobAsync(squares.job);
    squares.check();
    squares.free();
    const between = byWorker();
    expectSameBits(await sparsemax.async(x, options), alone);
    if (between > before && byWorker() > between) shared++;
    expectSameBits(sparsemax(x, options), alone);
  }
  expect(rounds).toBeLessThan(500);
});

test('workers that start later know both families from the start', async () => {
  await shutdown();
  await init({ threads: 3 });
  for (let round = 0; round < 50; round++) {
    const squares = fixtureJob(fixtures, 'square_rows', 5000);
    await runJobAsync(squares.job);
    squares.check();
    squares.free();
  }
  expectSameBits(sparsemax(x, options), alone);
});
