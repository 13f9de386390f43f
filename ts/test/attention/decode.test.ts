/**
 * Decoding with a cache against attention on the same keys, bit for bit: attention is tested against the float64 reference, and
 * the cache lays its keys out otherwise (in pages), screens them with other integers, and is filled in other steps.
 */

import { afterEach, describe, expect, test } from 'vitest';
import { init, runtimeInfo, scope, tensor, zeros } from 'entmax';
import { attention, KvCache } from 'entmax/attention';
import { bitsOf } from '../oracle/compare.ts';
import type { FloatType } from '../oracle/compare.ts';
import { expectSameBits, floats } from '../oracle/layouts.ts';
import type { Floats } from '../oracle/layouts.ts';
import { randomFrom } from '../oracle/random.ts';

const DTYPES: readonly FloatType[] = ['float32', 'float64'];
const ALPHAS = [1, 1.5, 2, 1.25];

interface Block {
  data: Floats;
  shape: number[];
}

/** Keys, values and queries of sequences that grow, drawn once: what is decoded in parts must be what is attended whole. */
class Story {
  readonly dtype: FloatType;
  readonly g: number;
  readonly h: number;
  readonly d: number;
  readonly e: number;
  readonly #random;

  constructor(dtype: FloatType, [h, g]: readonly [number, number], d: number, e: number, seed = 1) {
    [this.dtype, this.h, this.g, this.d, this.e] = [dtype, h, g, d, e];
    this.#random = randomFrom(seed);
  }

  draw(...shape: number[]): Block {
    const length = shape.reduce((size, each) => size * each, 1);
    return {
      data: floats(
        this.dtype,
        Array.from({ length }, () => this.#random.normal()),
      ),
      shape,
    };
  }

  /** New queries, keys and values of `count` positions of `sequences`. */
  step(sequences: number, count: number): [q: Block, k: Block, v: Block] {
    const { h, g, d, e } = this;
    return [this.draw(sequences, h, count, d), this.draw(sequences, g, count, d), this.draw(sequences, g, count, e)];
  }
}

/** One sequence of a block [S, G, N, D]. */
function sequenceOf({ data, shape }: Block, sequence: number): Block {
  const size = data.length / shape[0]!;
  return { data: data.slice(sequence * size, (sequence + 1) * size), shape: [1, ...shape.slice(1)] };
}

/** [1, G, N, D] and [1, G, M, D] as [1, G, N + M, D]. */
function joined(a: Block, b: Block): Block {
  const [, g, n, d] = a.shape as [number, number, number, number];
  const m = b.shape[2]!;
  const parts = Array.from({ length: g }, (_, head) => [
    ...a.data.slice(head * n * d, (head + 1) * n * d),
    ...b.data.slice(head * m * d, (head + 1) * m * d),
  ]);
  const dtype = a.data instanceof Float32Array ? 'float32' : 'float64';
  return { data: floats(dtype, parts.flat()), shape: [1, g, n + m, d] };
}

/** The first `length` keys of [1, G, N, D]. */
function cutTo({ data, shape }: Block, length: number): Block {
  const [, g, n, d] = shape as [number, number, number, number];
  const heads = Array.from({ length: g }, (_, head) => [...data.slice(head * n * d, (head * n + length) * d)]);
  return { data: floats(data instanceof Float32Array ? 'float32' : 'float64', heads.flat()), shape: [1, g, length, d] };
}

/** What a cache should hold: plain copies of the keys and values of each sequence. */
class Copies {
  #sequences: { k: Block; v: Block }[];

  constructor({ dtype, g, d, e }: Story, sequences: number) {
    const empty = (width: number): Block => ({ data: floats(dtype, []), shape: [1, g, 0, width] });
    this.#sequences = Array.from({ length: sequences }, () => ({ k: empty(d), v: empty(e) }));
  }

  append(k: Block, v: Block, sequences: readonly number[]): void {
    sequences.forEach((sequence, at) => {
      const old = this.#sequences[sequence]!;
      this.#sequences[sequence] = { k: joined(old.k, sequenceOf(k, at)), v: joined(old.v, sequenceOf(v, at)) };
    });
  }

  truncate(length: number, sequence: number): void {
    const { k, v } = this.#sequences[sequence]!;
    this.#sequences[sequence] = { k: cutTo(k, length), v: cutTo(v, length) };
  }

  reorder(from: readonly number[]): void {
    this.#sequences = from.map((sequence) => this.#sequences[sequence]!);
  }

  get lengths(): number[] {
    return this.#sequences.map(({ k }) => k.shape[2]!);
  }

  /** The outputs of queries at the ends of the sequences. */
  attend(q: Block, sequences: readonly number[], options: object): Floats {
    const outputs = sequences.map((sequence, at) => {
      const { k, v } = this.#sequences[sequence]!;
      return [...attention(sequenceOf(q, at), k, v, { ...options, isCausal: 'lowerRight' }).data];
    });
    return floats(q.data instanceof Float32Array ? 'float32' : 'float64', outputs.flat());
  }
}

const cacheFor = ({ dtype, g, d, e }: Story, sequences = 1, capacity = 0): KvCache =>
  new KvCache({ heads: g, headDim: d, valueDim: e, sequences, capacity, dtype });

let used = 0;
afterEach(() => {
  used = runtimeInfo().memory.used;
});

describe.each(DTYPES)('%s', (dtype) => {
  test.each([
    [[4, 2], 16, 16, ALPHAS],
    [[3, 1], 20, 24, [1.5]],
    [[2, 2], 64, 64, [1.5, 2]],
    [[1, 1], 5, 3, [1.3]],
  ] as const)('steps of any length end as attention to all keys: heads %j, D %i, E %i', (heads, d, e, alphas) => {
    const story = new Story(dtype, heads, d, e);
    using cache = cacheFor(story);
    const copies = new Copies(story, 1);
    const alpha = Array.from({ length: heads[0] }, (_, head) => alphas[head % alphas.length]!);
    // Around panels of 16, pages of 128, the 256 of canonical rows, the 512 from which keys are screened.
    for (const count of [1, 1, 14, 1, 15, 96, 1, 120, 7, 1, 250, 3, 1, 1, 130, 1, 500, 1]) {
      const [q, k, v] = story.step(1, count);
      const output = attention.decode(q, k, v, cache, { alpha, scale: 0.5 });
      copies.append(k, v, [0]);
      expect(cache.lengths).toEqual(copies.lengths);
      expectSameBits(output.data, copies.attend(q, [0], { alpha, scale: 0.5 }), `${count} to ${cache.lengths[0]}`);
    }
  });

  test('sequences of different lengths, cut, branched and listed in any order', () => {
    const story = new Story(dtype, [4, 2], 24, 16, 3);
    using cache = cacheFor(story, 4, 100);
    const copies = new Copies(story, 4);
    const random = randomFrom(17);
    const options = { alpha: ALPHAS, scale: 0.4 };
    let calls = 0;
    for (let turn = 0; turn < 120; turn++) {
      const kind = random.below(8);
      if (kind === 0) {
        const sequence = random.below(4);
        const length = random.below(cache.lengths[sequence]! + 1);
        // Mostly a short cut, so that sequences grow.
        const kept = random.below(4) === 0 ? length : Math.max(0, cache.lengths[sequence]! - random.below(20));
        cache.truncate(kept, sequence);
        copies.truncate(kept, sequence);
      } else if (kind === 1) {
        const from = Array.from({ length: 4 }, () => random.below(4));
        cache.reorder(from);
        copies.reorder(from);
      } else {
        const sequences = [0, 1, 2, 3].sort(() => random.below(3) - 1).slice(0, 1 + random.below(4));
        const count = [1, 1, 1, 2, 17, 60, 140][random.below(7)]!;
        const [q, k, v] = story.step(sequences.length, count);
        if (kind === 2) {
          cache.append(k, v, sequences);
          copies.append(k, v, sequences);
        } else {
          const output = attention.decode(q, k, v, cache, { ...options, sequences });
          copies.append(k, v, sequences);
          expectSameBits(output.data, copies.attend(q, sequences, options), `turn ${turn}`);
          calls++;
        }
      }
      expect(cache.lengths).toEqual(copies.lengths);
    }
    expect(calls).toBeGreaterThan(50);
    expect(Math.max(...cache.lengths)).toBeGreaterThan(600);
  });

  test('a prompt read at once, in parts, and as single characters leaves the same bits', () => {
    const [n, parts] = [300, [1, 127, 128, 44]];
    const story = new Story(dtype, [2, 1], 16, 16, 5);
    const [q, k, v] = story.step(1, n);
    const rows = ({ data, shape }: Block, first: number, count: number): Block => {
      const [, g, all, d] = shape as [number, number, number, number];
      const heads = Array.from({ length: g }, (_, head) => [
        ...data.slice((head * all + first) * d, (head * all + first + count) * d),
      ]);
      return { data: floats(dtype, heads.flat()), shape: [1, g, count, d] };
    };
    const read = (counts: readonly number[]): string[] => {
      using cache = cacheFor(story);
      let first = 0;
      return counts.flatMap((count) => {
        const at = first;
        first += count;
        const output = attention.decode(rows(q, at, count), rows(k, at, count), rows(v, at, count), cache);
        return Array.from({ length: count }, (_, i) => bitsOf(floats(dtype, [...rows(output as Block, i, 1).data])));
      });
    };
    const whole = read([n]);
    expect(read(parts)).toEqual(whole);
    expect(read(Array.from({ length: n }, () => 1))).toEqual(whole);
  });

  test('keys that are NaN or infinite spoil what sees them, and nothing once they are cut off', () => {
    const story = new Story(dtype, [2, 2], 16, 16, 7);
    using cache = cacheFor(story);
    const copies = new Copies(story, 1);
    const grow = (count: number, spoil?: number): void => {
      const [q, k, v] = story.step(1, count);
      if (spoil !== undefined) k.data[0] = spoil;
      const output = attention.decode(q, k, v, cache);
      copies.append(k, v, [0]);
      expectSameBits(output.data, copies.attend(q, [0], {}), `${cache.lengths[0]}`);
    };
    grow(600);
    for (const spoil of [NaN, Infinity, -Infinity, 1e30]) {
      grow(1, spoil);
      grow(1);
      cache.truncate(600);
      copies.truncate(600, 0);
      grow(1);
      cache.truncate(600);
      copies.truncate(600, 0);
    }
  });

  test('options: topk, alphas above 2, ALiBi, the layout, Tensors and out', () => {
    const story = new Story(dtype, [2, 1], 16, 16, 9);
    const [first, second] = [story.step(1, 700), story.step(1, 2)];
    const decoded = (options: object): Floats => {
      using cache = cacheFor(story);
      cache.append(first[1], first[2]);
      return attention.decode(...second, cache, options).data;
    };
    const copies = new Copies(story, 1);
    copies.append(first[1], first[2], [0]);
    copies.append(second[1], second[2], [0]);
    for (const options of [
      { topk: 5 },
      { alpha: 3 },
      { alpha: Infinity },
      { alpha: 1 },
      { alibiSlopes: [0.5, 0.01] },
      { scale: -1 },
      { scale: 0 },
    ]) {
      expectSameBits(decoded(options), copies.attend(second[0], [0], options), JSON.stringify(options));
    }
    using cache = cacheFor(story);
    const expected = decoded({});
    cache.append(first[1], first[2]);
    const outputs = scope(() => {
      const [q, k, v] = second.map(({ data, shape }) => tensor(data, shape)) as never as [
        ReturnType<typeof zeros<'float32'>>,
        ReturnType<typeof zeros<'float32'>>,
        ReturnType<typeof zeros<'float32'>>,
      ];
      const out = zeros([1, 2, 2, 16], dtype as 'float32');
      const results = [attention.decode(q, k, v, cache).toTypedArray()];
      cache.truncate(700);
      attention.decode(q, k, v, cache, { out });
      cache.truncate(700);
      results.push(out.toTypedArray(), attention.decode(q, k, v, cache, { out: q }).toTypedArray());
      cache.truncate(700);
      return results;
    });
    for (const output of outputs) expectSameBits(output, expected, 'as a Tensor');
    const swap = ({ data, shape }: Block): Block => {
      const [, h, n, d] = shape as [number, number, number, number];
      const rows = Array.from({ length: n * h }, (_, at) => [
        ...data.slice(((at % h) * n + Math.floor(at / h)) * d, ((at % h) * n + Math.floor(at / h) + 1) * d),
      ]);
      return { data: floats(dtype, rows.flat()), shape: [1, n, h, d] };
    };
    const other = attention.decode(...(second.map(swap) as [Block, Block, Block]), cache, { layout: 'BNHD' });
    expect(other.shape).toEqual([1, 2, 2, 16]);
    expectSameBits(other.data, swap({ data: expected, shape: [1, 2, 2, 16] }).data, 'as [B, N, H, D]');
  });

  test('inspect gives the output and the weights that sum to it', () => {
    const story = new Story(dtype, [4, 2], 16, 12, 11);
    using cache = cacheFor(story, 2);
    const [, k, v] = story.step(2, 600);
    cache.append(k, v);
    const last = story.step(2, 1);
    const { output, weights, skipped } = attention.decode.inspect(...last, cache, { alpha: ALPHAS });
    expect(weights.shape).toEqual([2, 4, 1, 601]);
    // Of f64 rows the values are summed whole.
    expect(skipped > 0).toBe(dtype === 'float32');
    const [keys, values] = [0, 1].map((s) => joined(sequenceOf(v, s), sequenceOf(last[2], s))) as [Block, Block];
    const all = [keys, values];
    const dense = weights.toDense();
    let sums = 0;
    output.data.forEach((actual, at) => {
      const [row, c] = [Math.floor(at / 12), at % 12];
      const [s, g] = [Math.floor(row / 4), Math.floor((row % 4) / 2)];
      const of = all[s]!.data;
      let sum = 0;
      for (let j = 0; j < 601; j++) sum += dense[row * 601 + j]! * of[(g * 601 + j) * 12 + c]!;
      expect(Math.abs(actual - sum)).toBeLessThan(dtype === 'float32' ? 1e-5 : 1e-13);
      sums++;
    });
    expect(sums).toBe(2 * 4 * 12);
    cache.truncate(600);
    expectSameBits(attention.decode(...last, cache, { alpha: ALPHAS }).data, output.data, 'decode and inspect');
  });

  test('threads and the asynchronous form give the same bits', async () => {
    const story = new Story(dtype, [8, 4], 32, 32, 13);
    const prompt = story.step(3, 900);
    const steps = Array.from({ length: 4 }, () => story.step(3, 3));
    const run = async (isAsync: boolean): Promise<string[]> => {
      using cache = cacheFor(story, 3);
      cache.append(prompt[1], prompt[2]);
      const outputs: string[] = [];
      for (const step of steps) {
        const output = isAsync ? await attention.async.decode(...step, cache) : attention.decode(...step, cache);
        outputs.push(bitsOf(output.data));
      }
      return outputs;
    };
    const alone = await run(false);
    await init({ threads: 2 });
    try {
      const before = runtimeInfo().chunks[1]!;
      expect(await run(false)).toEqual(alone);
      expect(await run(true)).toEqual(alone);
      expect(runtimeInfo().chunks[1]!).toBeGreaterThan(before);
    } finally {
      await init({ threads: 1 });
    }
  });
});

test('progress ends at its total, also behind a cut', async () => {
  const story = new Story('float32', [8, 4], 32, 32, 17);
  using cache = cacheFor(story);
  const [q, k, v] = story.step(1, 3000);
  cache.append(k, v);
  cache.truncate(5);
  const seen: [number, number][] = [];
  const onProgress = (done: number, total: number): void => void seen.push([done, total]);
  await attention.async.decode(q, k, v, cache, { onProgress });
  expect(seen.length).toBeGreaterThan(0);
  for (const [done, total] of seen) {
    expect(total).toBe(8 * 3000);
    expect(done).toBeLessThanOrEqual(total);
  }
});

test('no call leaves memory behind', () => {
  expect(used).toBe(0);
});
