/** Two threads give the bits of one: both take part in every case, and the caller's results from before are the oracle. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { entmax, init, runtimeInfo, shutdown, tensor } from 'entmax';
import { expectSameBits } from '../oracle/layouts.ts';
import type { Floats } from '../oracle/layouts.ts';
import { batchOf, transposed } from './batches.ts';
import type { FloatType } from '../oracle/compare.ts';

const THREADS = 2;

interface Case {
  readonly name: string;
  readonly run: () => Promise<Floats> | Floats;
}

function casesOf(dtype: FloatType, n: number, repeat: number): Case[] {
  const { rows, scores, alpha } = batchOf(dtype, n, undefined, repeat);
  const strided = transposed(scores, 1, rows, n);
  const mask = Uint8Array.from(scores, (_, at) => (at % 7 === 3 ? 0 : 1));
  const shape = [rows, n];
  const name = (form: string): string => `${dtype}, ${rows} rows of ${n}, ${form}`;
  const thresholds = ({ thresholds: own }: { thresholds: Floats }): Floats => own;
  return [
    { name: name('dense'), run: () => entmax(scores, { shape, alpha }) },
    { name: name('masked'), run: () => entmax(scores, { shape, alpha, mask }) },
    { name: name('first axis'), run: () => entmax(strided, { shape: [n, rows], axis: 0, alpha }) },
    { name: name('support'), run: () => thresholds(entmax.support(scores, { shape, alpha })) },
    { name: name('async'), run: () => entmax.async(scores, { shape, alpha }) },
    {
      name: name('Tensor, out = x'),
      run: () => {
        using x = tensor(scores, shape);
        return entmax(x, { alpha, out: x }).toTypedArray();
      },
    },
  ];
}

const CASES = [...casesOf('float32', 17, 24), ...casesOf('float32', 1000, 1), ...casesOf('float64', 65, 8)];
const before: Floats[] = [];

beforeAll(async () => {
  for (const { run } of CASES) before.push(await run());
  expect((await init({ threads: THREADS })).threads).toBe(THREADS);
});
afterAll(shutdown);

/** Whether each thread that must take part has executed chunks since: of a promise the caller may leave all to the worker. */
function allTookPart(since: readonly number[], name: string): boolean {
  return runtimeInfo().chunks.every(
    (chunks, thread) => chunks > since[thread]! || (thread === 0 && name.endsWith('async')),
  );
}

describe('with two threads', () => {
  test.each(CASES.map(({ name, run }, at) => ({ name, run, at })))('$name', async ({ name, run, at }) => {
    const { chunks } = runtimeInfo();
    // A worker that sleeps may miss a short job: the same job again, until both have had a part.
    for (let attempt = 0; attempt < 50; attempt++) {
      expectSameBits(await run(), before[at]!, name);
      if (allTookPart(chunks, name)) return;
    }
    expect.fail(`only some threads took part: ${runtimeInfo().chunks.join()} chunks after ${chunks.join()}`);
  });
});
