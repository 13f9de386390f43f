// Who disposes a tensor when: scopes, calls under way, the collector; and that calls on arrays leave nothing behind.

import { runInNewContext } from 'node:vm';
import { setFlagsFromString } from 'node:v8';
import { describe, expect, test } from 'vitest';
import { entmax, runtimeInfo, scope, softmax, sparsemax, Tensor, tensor, zeros } from 'entmax';

const live = (): number => runtimeInfo().liveTensors;
const used = (): number => runtimeInfo().memory.used;

describe('scope', () => {
  test('disposes what was made inside and hands out the result', () => {
    const before = live();
    const seen: Tensor[] = [];
    const result = scope(() => {
      const x = tensor([1, 2, 3]);
      const p = sparsemax(x);
      seen.push(x, p);
      return entmax(p);
    });
    expect([seen.map(({ disposed }) => disposed), result.disposed, live()]).toEqual([[true, true], false, before + 1]);
    result.dispose();
  });

  test('keeps the tensors in arrays and plain objects', () => {
    const before = live();
    const result = scope(() => {
      zeros([5]);
      return { list: [zeros([1]), zeros([2])], inner: { deep: zeros([3]) }, text: 'x', nothing: null };
    });
    const all = [...result.list, result.inner.deep];
    expect([all.map(({ disposed }) => disposed), live()]).toEqual([[false, false, false], before + 3]);
    for (const each of all) each.dispose();
  });

  test('leaves tensors from outside alone', () => {
    using outside = zeros([2]);
    expect(scope(() => outside)).toBe(outside);
    scope(() => softmax(outside).toTypedArray());
    expect(outside.disposed).toBe(false);
  });

  test('a result belongs to the scope around it', () => {
    const before = live();
    let inner: Tensor | undefined;
    const value = scope(() => {
      inner = scope(() => zeros([2]));
      expect(inner.disposed).toBe(false);
      return 3;
    });
    expect([value, inner?.disposed, live()]).toEqual([3, true, before]);
  });

  test('disposes everything when its function throws, and passes the error on', () => {
    const before = [live(), used()];
    const error = new Error('mine');
    expect(() =>
      scope(() => {
        zeros([2]);
        scope(() => zeros([3]));
        throw error;
      }),
    ).toThrow(error);
    expect([live(), used()]).toEqual(before);
    zeros([1]).dispose(); // no scope is left open
    expect(live()).toBe(before[0]);
  });

  test('refuses a promise, and disposes what it made', () => {
    const before = live();
    const asynchronous = scope as (fn: () => unknown) => unknown;
    expect(() => asynchronous(() => Promise.resolve(zeros([2])))).toThrow(
      expect.objectContaining({ code: 'ENTMAX_OPTION', op: 'scope', message: expect.stringContaining('synchronous') }),
    );
    expect(live()).toBe(before);
  });

  test('a reshaped result keeps its memory', () => {
    const r = scope(() => tensor([1, 2, 3, 4]).reshape([2, 2]));
    expect(r.toArray()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    r.dispose();
  });
});

describe('while an asynchronous call runs', () => {
  const scores = Float32Array.from({ length: 4000 }, (_, i) => Math.fround(((i * 37) % 101) / 16));
  const options = { shape: [40, 100] };

  test('its inputs may be read and not be written', async () => {
    using x = tensor(scores, [40, 100]);
    const expected = softmax(scores, options);
    const pending = softmax.async(x);
    await Promise.resolve();
    using reshaped = x.reshape([4000]);
    using other = zeros([40, 100]);
    for (const busy of [x, reshaped]) {
      expect(() => busy.set(scores)).toThrow(expect.objectContaining({ code: 'ENTMAX_BUSY', op: 'Tensor.set' }));
    }
    expect(() => softmax(x, { out: x })).toThrow(expect.objectContaining({ code: 'ENTMAX_BUSY', op: 'softmax' }));
    await expect(softmax.async(other, { out: x })).rejects.toThrow(
      expect.objectContaining({ code: 'ENTMAX_BUSY', op: 'softmax.async' }),
    );
    using beside = sparsemax(x);
    expect(beside.toTypedArray()).toEqual(sparsemax(scores, options));
    const p = await pending;
    expect(p.toTypedArray()).toEqual(expected);
    x.set(scores); // at rest again
    expect(softmax(x, { out: x })).toBe(x);
    p.dispose();
  });

  test('its out may not be taken by another call', async () => {
    using x = tensor(scores, [40, 100]);
    using out = zeros([40, 100]);
    const pending = softmax.async(x, { out });
    await Promise.resolve();
    expect(() => sparsemax(x, { out })).toThrow(expect.objectContaining({ code: 'ENTMAX_BUSY' }));
    expect(() => out.set(scores)).toThrow(expect.objectContaining({ code: 'ENTMAX_BUSY' }));
    expect(await pending).toBe(out);
    expect(out.toTypedArray()).toEqual(softmax(scores, options));
  });

  test('a disposed input stays until the call has ended', async () => {
    const before = used();
    const x = tensor(scores, [40, 100]);
    const pending = softmax.async(x);
    x.dispose();
    expect(used()).toBeGreaterThan(before);
    using other = zeros([40, 100]); // would lie where x was, had it been given back
    other.set(new Float32Array(4000).fill(-1e9));
    const p = await pending;
    expect(p.toTypedArray()).toEqual(softmax(scores, options));
    p.dispose();
    other.dispose();
    expect(used()).toBe(before);
  });

  test('an aborted call rejects with the reason and gives everything back', async () => {
    const before = [live(), used()];
    const reason = new Error('enough');
    await expect(softmax.async(scores, { ...options, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    for (const big of [new Float32Array(2e6), zeros([2000, 1000])]) {
      const controller = new AbortController();
      const pending = entmax.async(big, {
        shape: big instanceof Tensor ? undefined : [2000, 1000],
        alpha: 1.1,
        signal: controller.signal,
        onProgress: () => controller.abort(reason),
      });
      await expect(pending).rejects.toBe(reason);
      if (big instanceof Tensor) big.dispose();
    }
    expect([live(), used()]).toEqual(before);
  });

  test('progress counts rows up to all of them', async () => {
    const seen: [number, number][] = [];
    const big = new Float32Array(2e6);
    await softmax.async(big, { shape: [2000, 1000], onProgress: (done, total) => seen.push([done, total]) });
    expect(seen.at(-1)).toEqual([2000, 2000]);
    expect(seen.every(([done, total], k) => total === 2000 && done > (seen[k - 1]?.[0] ?? 0))).toBe(true);
  });

  test('many calls at once give what each alone gives', async () => {
    const alphas = [1, 1.25, 1.5, 1.7, 2, 4];
    const all = await Promise.all(alphas.map((alpha) => entmax.async(scores, { ...options, alpha })));
    all.forEach((p, k) => expect(p).toEqual(entmax(scores, { ...options, alpha: alphas[k]! })));
  });
});

test('calls on arrays give their memory back, also when they fail', async () => {
  const scores = new Float32Array(6000).fill(1);
  const before = [live(), used()];
  entmax(scores, {
    shape: [60, 100],
    axis: 0,
    mask: new Uint8Array(6000).fill(1),
    alpha: new Float64Array(100).fill(1.7),
  });
  entmax.support(scores, { shape: [60, 100] });
  await entmax.async(scores);
  await entmax.async.support(scores);
  expect(() => entmax(new Float32Array(4).fill(-Infinity), { emptyRow: 'throw' })).toThrow();
  expect(() => entmax(scores, { alpha: 0 })).toThrow();
  expect([live(), used()]).toEqual(before);
});

test('a failing call on a Tensor leaves no result behind', () => {
  using x = tensor(new Float32Array(4).fill(-Infinity));
  const before = [live(), used()];
  expect(() => softmax(x, { emptyRow: 'throw' })).toThrow();
  expect([live(), used()]).toEqual(before);
});

/** Lets the collector run, and the finalizers after it. */
async function collectGarbage(turns: number): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let turn = 0; turn < turns; turn++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test('a tensor that nobody disposed is collected in the end', async () => {
  await collectGarbage(20); // what earlier tests have left
  const before = [live(), used()];
  (() => {
    for (let k = 0; k < 20; k++) zeros([1000]).reshape([10, 100]);
  })();
  expect(live()).toBe(before[0]! + 40);
  for (let turn = 0; turn < 100 && live() > before[0]!; turn++) await collectGarbage(1);
  expect([live(), used()]).toEqual(before);
});

test('a disposed tensor is not collected a second time', async () => {
  await collectGarbage(20);
  const before = [live(), used()];
  (() => {
    for (let k = 0; k < 20; k++) zeros([1000]).dispose();
  })();
  await collectGarbage(5);
  expect([live(), used()]).toEqual(before);
});
