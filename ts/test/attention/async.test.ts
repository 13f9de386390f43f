/** The asynchronous forms on one, two and three threads: the same bits, progress to the end, an end when aborted, BUSY. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { init, runtimeInfo, scope, shutdown, tensor, zeros } from 'entmax';
import type { Tensor } from 'entmax';
import { bitsOf } from '../oracle/compare.ts';
import type { Floats } from '../oracle/layouts.ts';
import { bitsOfWeights, blockForm, inputsOf, problemOf, sizes, untyped } from './problems.ts';
import type { UntypedInspection } from './problems.ts';

const SIZE = sizes(2, [4, 2], 300, 500, 32, 24);
const problem = problemOf(
  SIZE,
  'float32',
  {
    alpha: [1.5, 2, 1, 1.3],
    isCausal: 'lowerRight',
    keyValueSeqLengths: [500, 410],
    mask: { data: Uint8Array.from({ length: 300 * 500 }, (_, at) => Number(at % 7 > 0)), shape: [1, 1, 300, 500] },
  },
  'normal',
);
const { inputs, shape } = inputsOf(problem, blockForm('float32'));
const { options } = problem;
const SINGLE = untyped(...inputs, options) as { data: Floats };
const SEEN = untyped.inspect(...inputs, options);

const textOf = ({ output, weights, skipped }: UntypedInspection): string =>
  [bitsOf((output as { data: Floats }).data), bitsOfWeights(weights), skipped].join();

const FORMS: Readonly<Record<string, { run: (more?: object) => Promise<string>; expected: string }>> = {
  attention: {
    run: async (more) => bitsOf(((await untyped.async(...inputs, { ...options, ...more })) as { data: Floats }).data),
    expected: bitsOf(SINGLE.data),
  },
  inspect: {
    run: async (more) => textOf(await untyped.async.inspect(...inputs, { ...options, ...more })),
    expected: textOf(SEEN),
  },
};

afterAll(shutdown);

describe.each([1, 2, 3])('on %i thread(s)', (threads) => {
  let before: [number, number];
  beforeAll(async () => {
    expect((await init({ threads })).threads).toBe(threads);
  });
  beforeEach(() => {
    const state = (): [number, number] => [runtimeInfo().memory.used, runtimeInfo().liveTensors];
    before = state();
    return () => expect(state()).toEqual(before);
  });

  test('the synchronous forms have the bits of one thread, and all threads take part', () => {
    const { chunks } = runtimeInfo();
    // A worker that sleeps may miss a short job: again, until each has had a part.
    for (let attempt = 0; attempt < 50; attempt++) {
      expect(bitsOf((untyped(...inputs, options) as { data: Floats }).data)).toBe(bitsOf(SINGLE.data));
      expect(textOf(untyped.inspect(...inputs, options))).toBe(textOf(SEEN));
      if (threads === 1 || runtimeInfo().chunks.every((count, thread) => count > chunks[thread]!)) return;
    }
    expect.fail(`only some threads took part: ${runtimeInfo().chunks.join()} after ${chunks.join()}`);
  });

  describe.each(Object.entries(FORMS))('%s', (_, { run, expected }) => {
    test('has the bits of the synchronous form, and reports its progress to the end', async () => {
      const reports: [number, number][] = [];
      expect(await run({ onProgress: (...report: [number, number]) => reports.push(report) })).toBe(expected);
      const rows = SIZE.b * SIZE.h * SIZE.n;
      expect(reports.every(([done, total]) => done <= total && total === rows)).toBe(true);
      expect(reports.map(([done]) => done)).toEqual(reports.map(([done]) => done).sort((a, b) => a - b));
      expect(reports.at(-1)).toEqual([rows, rows]);
    });

    test('rejects with the reason of its signal, before and during the work', async () => {
      const reason = new Error('enough');
      await expect(run({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      const controller = new AbortController();
      const call = run({ signal: controller.signal });
      controller.abort(reason);
      await expect(call).rejects.toBe(reason);
      const wrong = run({ signal: 3 });
      await expect(wrong).rejects.toMatchObject({ code: 'ENTMAX_OPTION' });
    });

    test('waits for others', async () => {
      expect(await Promise.all([run(), run(), run()])).toEqual([expected, expected, expected]);
    });
  });

  test('of Tensors: inputs may be read and not written, out not read, until it settles', async () => {
    const tensors = inputs.map((each) => {
      const { data, shape: own } = each as { data: Floats; shape: number[] };
      return tensor(data, own);
    }) as [Tensor, Tensor, Tensor];
    const bias = tensor(new Float32Array(500), [500]);
    const mask = tensor(options.mask!.data, options.mask!.shape);
    const out = zeros(shape);
    const busy = expect.objectContaining({ code: 'ENTMAX_BUSY' }) as object;
    const call = untyped.async(...tensors, { ...options, bias, mask, out });
    for (const each of [...tensors, bias, mask, out]) {
      expect(() => each.set(new Float32Array(each.size))).toThrow(busy);
    }
    expect(() => out.toTypedArray()).toThrow(busy);
    expect(() => untyped(...tensors, { ...options, out })).toThrow(busy);
    expect(() => untyped(out, out, out)).toThrow(busy);
    // Disposed at once: the call keeps what it needs.
    for (const each of [...tensors, bias, mask]) each.dispose();
    expect(await call).toBe(out);
    expect(bitsOf(out.toTypedArray() as Floats)).toBe(bitsOf(SINGLE.data));
    out.dispose();
  });

  test('in place, out = q', async () => {
    const square = problemOf(sizes(2, [4, 2], 300, 200, 32), 'float32', { isCausal: 'upperLeft' }, 'normal');
    const made = inputsOf(square, blockForm('float32')).inputs;
    const expected = untyped(...made, square.options) as { data: Floats };
    const tensors = made.map((each) => {
      const { data, shape: own } = each as { data: Floats; shape: number[] };
      return tensor(data, own);
    }) as [Tensor, Tensor, Tensor];
    await untyped.async(...tensors, { ...square.options, out: tensors[0] });
    expect(bitsOf(tensors[0].toTypedArray() as Floats)).toBe(bitsOf(expected.data));
    for (const each of tensors) each.dispose();
  });

  test('a scope keeps the output of an inspection', () => {
    const kept = scope(() => {
      const [q, k, v] = [zeros([1, 1, 2, 4]), zeros([1, 1, 3, 4]), zeros([1, 1, 3, 4])];
      return untyped.inspect(q, k, v) as unknown as { output: Tensor };
    });
    expect(kept.output.disposed).toBe(false);
    kept.output.dispose();
  });
});
