/** The benchmark's figures count only for right answers: its check must see every kind of wrong one. */

import { expect, test } from 'vitest';
import { open } from '../../../bench/peers/plain.js';
import { runSuite } from '../../../bench/run-suite.js';
import { local } from '../../../bench/samplers.js';

const task = { operation: 'forward', map: 'sparsemax' } as const;
const effort = { rounds: 2, time: 1, calls: 2, warmup: 1 };

/** Runs plain JavaScript and the same with every result spoilt; `call` counts from 0. */
async function runWith(spoil: (values: Float32Array, call: number) => void) {
  const plain = (await open())!.engines.plain!;
  const spoilt: typeof plain = {
    label: 'spoilt',
    async prepare(...args) {
      const prepared = (await plain.prepare(...args))!;
      let calls = 0;
      const call = () => {
        prepared.call();
        const { values } = prepared.output() as { values: Float32Array };
        spoil(values, calls++);
      };
      return { ...prepared, call, sampler: local(call) };
    },
  };
  const entries = [
    { id: 'plain', engine: 'plain', task },
    { id: 'spoilt', engine: 'spoilt', task },
  ];
  const suite = { name: 'test', group: 'test', map: 'sparsemax', rows: 8, n: 64, scores: 'normal' as const, entries };
  return runSuite(suite, { plain, spoilt }, effort, () => Promise.resolve());
}

/** What is left of an engine whose results are spoilt. */
async function messagesOf(spoil: (values: Float32Array, call: number) => void): Promise<string> {
  const { entries, wrong } = await runWith(spoil);
  expect(Object.keys(entries)).toEqual(['plain']);
  return wrong.join('\n');
}

test('an engine with right results is timed in every round', async () => {
  const { entries, wrong } = await runWith(() => undefined);
  expect(wrong).toEqual([]);
  expect(entries['spoilt']!.timing!.rounds).toHaveLength(effort.rounds);
});

test('an entry that is off by 1e-4 gives no figures', async () => {
  expect(await messagesOf((values) => (values[5]! += 1e-4))).toContain('expected an error of at most');
});

test('a NaN gives no figures, also before right entries', async () => {
  expect(await messagesOf((values) => (values[0] = NaN))).toContain('got NaN');
});

test('a result that changes by a bit between calls gives no figures', async () => {
  const drift = (values: Float32Array, call: number) => call > 2 && (values[7]! += 1e-7);
  expect(await messagesOf(drift)).toContain('expected the checksum of spoilt');
});

test('an engine that throws gives no figures', async () => {
  const fail = () => {
    throw new Error('broken');
  };
  expect(await messagesOf(fail)).toContain('broken');
});
