/** Every asynchronous form, of arrays and of Tensors: the same result, progress to the end, and an end when aborted. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { entmax, init, runtimeInfo, shutdown, tensor, Tensor } from 'entmax';
import { bitsOf } from '../oracle/compare.ts';
import { untyped } from '../oracle/maps.ts';
import { randomFrom } from '../oracle/random.ts';

const [ROWS, N] = [600, 600];
const random = randomFrom(31);
const x = Float64Array.from({ length: ROWS * N }, () => random.normal());
const dp = Float64Array.from({ length: ROWS * N }, () => random.normal());
const shape = [ROWS, N];
const p = entmax(x, { shape, alpha: 1.3 });
const map = untyped(entmax);

interface AsyncForm {
  readonly name: string;
  readonly sync: (scores: unknown, output: unknown, cotangent: unknown, options: object) => unknown;
  readonly run: (
    scores: unknown,
    output: unknown,
    cotangent: unknown,
    options: object,
    run: object,
  ) => Promise<unknown>;
}

const FORMS: readonly AsyncForm[] = [
  { name: 'map', sync: (z, _, __, o) => map(z, o), run: (z, _, __, o, run) => map.async(z, { ...o, ...run }) },
  { name: 'csr', sync: (z, _, __, o) => map.csr(z, o), run: (z, _, __, o, run) => map.async.csr(z, { ...o, ...run }) },
  {
    name: 'support',
    sync: (z, _, __, o) => map.support(z, o),
    run: (z, _, __, o, run) => map.async.support(z, { ...o, ...run }),
  },
  {
    name: 'vjp',
    sync: (z, _, __, o) => map.vjp(z, o)[0],
    run: async (z, _, __, o, run) => {
      const [value, pullback] = await map.async.vjp(z, { ...o, ...run });
      pullback.dispose();
      return value;
    },
  },
  {
    name: 'backward',
    sync: (_, q, dy, o) => map.backward(q, dy, o),
    run: (_, q, dy, o, run) => map.async.backward(q, dy, { ...o, ...run }),
  },
  {
    name: 'pullback',
    sync: (z, _, dy, o) => {
      const [value, pullback] = map.vjp(z, o);
      plain(value);
      return pullback(dy);
    },
    run: async (z, _, dy, o, run) => {
      const [value, pullback] = await map.async.vjp(z, o);
      if (value instanceof Tensor) value.dispose();
      try {
        return await pullback(dy, undefined, run);
      } finally {
        pullback.dispose();
      }
    },
  },
];

/** Bits of a result, and its Tensors disposed: comparing a million numbers one by one would take minutes. */
function plain(result: unknown): unknown {
  if (result instanceof Tensor) {
    const values = result.toTypedArray();
    result.dispose();
    return plain(values);
  }
  if (ArrayBuffer.isView(result)) return bitsOf(new Float32Array(result.buffer));
  if (typeof result !== 'object' || result === null) return result;
  return Object.fromEntries(Object.entries(result).map(([name, each]) => [name, plain(each)]));
}

afterAll(shutdown);

describe.each([1, 2])('on %i thread(s)', (threads) => {
  let before: [number, number];
  beforeAll(() => init({ threads }));
  beforeEach(() => {
    const state = (): [number, number] => [runtimeInfo().memory.used, runtimeInfo().liveTensors];
    before = state();
    return () => expect(state()).toEqual(before);
  });

  describe.each(FORMS)('$name', ({ sync, run }) => {
    test.each(['arrays', 'Tensors'])('of %s', async (kind) => {
      const isTensor = kind === 'Tensors';
      const inputs = [x, p, dp].map((each) => (isTensor ? tensor(each, shape) : each)) as [unknown, unknown, unknown];
      const options = { alpha: 1.3, ...(isTensor ? {} : { shape }) };
      const expected = plain(sync(...inputs, options));

      const reports: [number, number][] = [];
      const onProgress = (done: number, total: number): unknown => reports.push([done, total]);
      expect(plain(await run(...inputs, options, { onProgress }))).toEqual(expected);
      const done = reports.map(([rows]) => rows);
      expect(done).toEqual([...done].sort((a, b) => a - b));
      expect(reports.at(-1)).toEqual([ROWS, ROWS]);
      expect(new Set(reports.map(([, total]) => total))).toEqual(new Set([ROWS]));

      const controller = new AbortController();
      const aborted = run(...inputs, options, {
        signal: controller.signal,
        onProgress: () => controller.abort('enough'),
      });
      await expect(aborted).rejects.toBe('enough');
      await expect(run(...inputs, options, { signal: AbortSignal.abort('before') })).rejects.toBe('before');
      expect(plain(await run(...inputs, options, {}))).toEqual(expected);
      for (const each of inputs) if (each instanceof Tensor) each.dispose();
    });
  });
});
