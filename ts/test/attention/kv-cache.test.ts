/** What a cache holds and takes, what it refuses, and that a call that fails has not happened. */

import { describe, expect, test } from 'vitest';
import { runtimeInfo } from 'entmax';
import { attention, KvCache } from 'entmax/attention';
import { expectSameBits } from '../oracle/layouts.ts';
import { randomFrom } from '../oracle/random.ts';

const random = randomFrom(1);
const block = (...shape: number[]): { data: Float32Array; shape: number[] } => ({
  data: Float32Array.from({ length: shape.reduce((size, each) => size * each, 1) }, () => random.normal()),
  shape,
});
const used = (): number => runtimeInfo().memory.used;
const PAGE = 128;

describe('memory', () => {
  test('is what bytesPerToken says, for pages of 128 keys, and goes back', () => {
    const before = used();
    const cache = new KvCache({ heads: 2, headDim: 64 });
    // 4 bytes for each channel of key and value, one for screening, 5 for its steps: of each of two heads.
    expect(cache.bytesPerToken).toBe(2 * (4 * 64 + 4 * 64 + 64 + 5));
    expect(used()).toBe(before);
    cache.append(block(1, 2, 1, 64), block(1, 2, 1, 64));
    expect(used() - before).toBe(PAGE * cache.bytesPerToken);
    cache.append(block(1, 2, PAGE, 64), block(1, 2, PAGE, 64));
    expect(used() - before).toBe(2 * PAGE * cache.bytesPerToken);
    cache.truncate(PAGE);
    expect(used() - before).toBe(PAGE * cache.bytesPerToken);
    cache.dispose();
    cache.dispose();
    expect(cache.disposed).toBe(true);
    expect(used()).toBe(before);
  });

  test('of a capacity is taken at once and kept', () => {
    const before = used();
    using cache = new KvCache({ heads: 1, headDim: 16, valueDim: 3, sequences: 2, capacity: 129, dtype: 'float64' });
    const reserved = 4 * PAGE * cache.bytesPerToken;
    expect(cache.bytesPerToken).toBe(8 * (16 + 16));
    expect(used() - before).toBe(reserved);
    const doubles = ({ data, shape }: ReturnType<typeof block>): { data: Float64Array; shape: number[] } => ({
      data: Float64Array.from(data),
      shape,
    });
    const grow = (count: number): void => cache.append(doubles(block(2, 1, count, 16)), doubles(block(2, 1, count, 3)));
    grow(250);
    expect(used() - before).toBe(reserved);
    grow(7);
    expect(used() - before).toBe(6 * PAGE * cache.bytesPerToken);
    cache.truncate(0);
    expect(used() - before).toBe(reserved);
  });

  test('of sequences that are alike is shared until one is written', () => {
    const before = used();
    using cache = new KvCache({ heads: 1, headDim: 16, sequences: 3 });
    cache.append(block(1, 1, 300, 16), block(1, 1, 300, 16), [0]);
    cache.reorder([0, 0, 0]);
    expect(cache.lengths).toEqual([300, 300, 300]);
    const pages = (): number => (used() - before) / (PAGE * cache.bytesPerToken);
    expect(pages()).toBe(3);
    cache.append(block(1, 1, 1, 16), block(1, 1, 1, 16), [1]);
    expect(pages()).toBe(4);
    cache.append(block(3, 1, 1, 16), block(3, 1, 1, 16));
    expect(cache.lengths).toEqual([301, 302, 301]);
    expect(pages()).toBe(5);
    cache.truncate(0, 1);
    expect(pages()).toBe(4);
    cache.truncate(256, 0);
    cache.truncate(256, 2);
    expect(pages()).toBe(2);
  });

  test('does not grow with the calls', () => {
    using cache = new KvCache({ heads: 2, headDim: 16, sequences: 2 });
    const step = [block(2, 2, 1, 16), block(2, 2, 1, 16), block(2, 2, 1, 16)] as const;
    cache.append(block(2, 2, 600, 16), block(2, 2, 600, 16));
    attention.decode(...step, cache);
    const before = used();
    for (let i = 0; i < 2000; i++) {
      cache.reorder([i % 2, 0]);
      cache.truncate(570 + (i % 2), i % 2);
      cache.truncate(570, 1 - (i % 2));
      attention.decode(...step, cache, { alpha: i % 3 === 0 ? 1 : 1.5 });
    }
    cache.reorder([0, 1]);
    expect(used()).toBeLessThanOrEqual(before);
  }, 120_000);
});

describe('refusals', () => {
  const make = (): KvCache => {
    const cache = new KvCache({ heads: 2, headDim: 8, valueDim: 4, sequences: 2 });
    cache.append(block(2, 2, 5, 8), block(2, 2, 5, 4));
    return cache;
  };
  const [k, v] = [block(2, 2, 1, 8), block(2, 2, 1, 4)];
  const q = block(2, 4, 1, 8);
  const doubles = { data: Float64Array.from(k.data), shape: k.shape };
  const decode = attention.decode as unknown as (...args: unknown[]) => unknown;
  const append = (cache: KvCache, ...args: unknown[]): unknown =>
    (cache.append as unknown as (...args: unknown[]) => unknown).apply(cache, args);

  const cases: [string, (cache: KvCache) => unknown, RegExp][] = [
    ['k of other heads', (c) => append(c, block(2, 3, 1, 8), v), /^KvCache.append: expected k of shape \[2, 2, 1, 8\]/],
    ['k of another width', (c) => append(c, block(2, 2, 1, 9), v), /expected k of shape/],
    ['v of another width', (c) => append(c, k, block(2, 2, 1, 8)), /expected v of shape \[2, 2, 1, 4\]/],
    ['v of other keys', (c) => append(c, k, block(2, 2, 2, 4)), /expected v of shape \[2, 2, 1, 4\]/],
    ['k of another type', (c) => append(c, doubles, v), /expected k of float32, as the cache, got float64/],
    ['a batch too few', (c) => append(c, block(1, 2, 1, 8), block(1, 2, 1, 4)), /for 2 sequences of a cache/],
    ['a sequence that is not there', (c) => append(c, k, v, [0, 2]), /expected a sequence in \[0, 1\], got 2/],
    ['a sequence twice', (c) => append(c, k, v, [1, 1]), /expected sequences to be different/],
    ['a bare array', (c) => append(c, k.data, v), /expected k as \{ data, shape \}/],
    ['a length too long', (c) => c.truncate(6), /expected length in \[0, 5\] for sequence 0, got 6/],
    ['a negative length', (c) => c.truncate(-1, 1), /expected length in \[0, 5\] for sequence 1, got -1/],
    ['a length that is no integer', (c) => c.truncate(1.5), /expected length in/],
    ['truncating a sequence that is not there', (c) => c.truncate(1, 2), /expected a sequence in \[0, 1\]/],
    ['an order too short', (c) => c.reorder([0]), /expected from with one entry for each of 2 sequences/],
    ['an order from nowhere', (c) => c.reorder([0, 3]), /expected a sequence in \[0, 1\], got 3/],
    ['q of another model', (c) => decode(block(2, 3, 1, 8), k, v, c), /with a multiple of 2 heads/],
    ['q of another width', (c) => decode(block(2, 4, 1, 4), k, v, c), /expected q of 2 sequences/],
    ['more queries than keys', (c) => decode(block(2, 4, 2, 8), k, v, c), /1 queries each/],
    ['q of another type', (c) => decode({ data: Float64Array.from(q.data), shape: q.shape }, k, v, c), /q of float32/],
    ['no cache', () => decode(q, k, v, {}), /expected a KvCache after q, k and v/],
    ['an option of attention', (c) => decode(q, k, v, c, { isCausal: true }), /expected options among alpha/],
    ['alphas of another model', (c) => decode(q, k, v, c, { alpha: [1, 2] }), /alpha/],
    ['an out too short', (c) => decode(q, k, v, c, { out: new Float32Array(4) }), /out/],
  ];

  test.each(cases)('%s', (_, call, message) => {
    using cache = make();
    const before = used();
    expect(() => call(cache)).toThrow(message);
    expect(cache.lengths).toEqual([5, 5]);
    expect(used()).toBe(before);
  });

  test.each([
    [undefined, /options \{ heads, headDim \}/],
    [{}, /headDim to be an integer of at least 1/],
    [{ heads: 0, headDim: 4 }, /heads to be an integer of at least 1, got 0/],
    [{ heads: 1, headDim: 4, capacity: -1 }, /capacity to be an integer of at least 0/],
    [{ heads: 1, headDim: 4, dtype: 'float16' }, /dtype to be 'float32' or 'float64'/],
    [{ heads: 1, headDim: 4, pages: 3 }, /options among/],
  ])('options %j', (options, message) => {
    expect(() => new KvCache(options as never)).toThrow(message);
  });

  test('a cache that is gone', () => {
    const cache = make();
    cache.dispose();
    for (const call of [() => cache.lengths, () => cache.truncate(0), () => decode(q, k, v, cache)]) {
      expect(call).toThrow(/a live cache, got a disposed one/);
    }
  });

  test('memory that cannot be had: nothing was appended', () => {
    using cache = new KvCache({ heads: 64, headDim: 1024, sequences: 1 });
    cache.append(block(1, 64, 1, 1024), block(1, 64, 1, 1024));
    const before = used();
    expect(() => new KvCache({ heads: 64, headDim: 1024, capacity: 2 ** 20 })).toThrow(/ENTMAX_MEMORY|free bytes/);
    expect(used()).toBe(before);
    expect(cache.lengths).toEqual([1]);
  });

  test('change during an asynchronous call; an aborted one has not happened', async () => {
    using cache = make();
    const pending = attention.async.decode(q, k, v, cache);
    for (const call of [
      () => cache.append(k, v),
      () => cache.truncate(0),
      () => cache.reorder([0, 0]),
      () => decode(q, k, v, cache),
    ]) {
      expect(call).toThrow(/expected a cache at rest/);
    }
    await pending;
    expect(cache.lengths).toEqual([6, 6]);
    const before = used();
    const reason = new Error('enough');
    await expect(attention.async.decode(q, k, v, cache, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(cache.lengths).toEqual([6, 6]);
    expect(used()).toBe(before);
    const again = attention.decode(q, k, v, cache);
    cache.truncate(6);
    expectSameBits(attention.decode(q, k, v, cache).data, again.data, 'after an aborted call');
    const last = attention.async.decode(q, k, v, cache);
    cache.dispose();
    await last;
  });
});
