/** KvCache: the keys and values of what a model has read, for `attention.decode`. */

import { EntmaxError, show } from '../errors.ts';
import { readIntegers } from '../maps/options.ts';
import { runPlan } from '../runtime/plan.ts';
import type { Block, Ids, Shape } from '../types.ts';
import { appendPlan, readNewKeys } from './append.ts';
import { Pages } from './pages.ts';
import type { CacheSizes } from './pages.ts';

/** What a cache is made for. */
export interface KvCacheOptions {
  /** Key heads G of the model: its query heads may be any multiple of them. */
  heads: number;
  /** Channels of a key, D. */
  headDim: number;
  /** Channels of a value, E. Default: `headDim`. */
  valueDim?: number | undefined;
  /** Sequences that grow side by side: a batch, or the hypotheses of a beam. Default: 1. */
  sequences?: number | undefined;
  /**
   * Keys of each sequence for which memory is set aside at once; a longer one takes more as it grows. Pages have an eighth
   * of it, from 128 keys to 4096, and long pages are read faster: a cache of thousands of keys should be told so.
   * Default: 0.
   */
  capacity?: number | undefined;
  /** Element type of keys and values. Default: 'float32'. */
  dtype?: 'float32' | 'float64' | undefined;
}

const OPTIONS = ['heads', 'headDim', 'valueDim', 'sequences', 'capacity', 'dtype'];

const finalizer = /*#__PURE__*/ new FinalizationRegistry<Pages>((pages) => pages.release());

/**
 * Keys and values of several sequences, in pages, beside the integers that screen them exactly. Nothing is ever evicted
 * or approximated: a sequence holds what was appended to it until it is truncated.
 *
 * Memory of one key and its value for float32: 4 D + 4 E' bytes for the numbers and, for screening, 4 ceil(D / 4) + 5 bytes,
 * for each of the G heads, where E' is E rounded up to 16; `bytesPerToken` tells. Sequences that `reorder` made from one share
 * their pages until they are written.
 *
 * Its memory is linear memory, which goes back with `dispose()` (or `using`); a finalizer is a net and not a plan.
 */
export class KvCache implements Disposable {
  private pages: Pages | undefined;

  /** An empty cache. Errors: ENTMAX_OPTION, ENTMAX_MEMORY. */
  constructor(options: KvCacheOptions) {
    const [sizes, capacity] = readCacheOptions(options);
    this.pages = new Pages(sizes, capacity, 'KvCache');
    finalizer.register(this, this.pages, this);
  }

  /** Keys in each sequence. */
  get lengths(): Shape {
    return Object.freeze(pagesOf(this, 'KvCache.lengths').lengths);
  }

  /** Bytes of linear memory that a key and its value take, with all heads. */
  get bytesPerToken(): number {
    const { pageBytes, pageKeys } = pagesOf(this, 'KvCache.bytesPerToken');
    return pageBytes / pageKeys;
  }

  /** True after `dispose()`. */
  get disposed(): boolean {
    return this.pages === undefined;
  }

  /**
   * Appends keys k [S, G, N, D] and values v [S, G, N, E] of the cache's element type (plain numbers become it) to the
   * `sequences`, S different ones, or to all. All or nothing. Errors: ENTMAX_SHAPE, ENTMAX_DTYPE, ENTMAX_OPTION,
   * ENTMAX_DISPOSED, ENTMAX_BUSY, ENTMAX_MEMORY.
   */
  append(k: Block, v: Block, sequences?: Ids): void {
    const op = 'KvCache.append';
    const pages = atRest(this, op);
    runPlan(appendPlan(readNewKeys(op, pages, k, v, readSequences(op, sequences, pages))));
  }

  /**
   * Cuts a sequence, or all, to its first `length` keys: for rejected drafts of speculative decoding. Memory that no
   * sequence holds any more goes back, but for that of `capacity`. Errors: ENTMAX_OPTION where a sequence is shorter.
   */
  truncate(length: number, sequence?: number): void {
    const op = 'KvCache.truncate';
    const pages = atRest(this, op);
    const { lengths } = pages;
    if (sequence !== undefined) checkSequence(op, sequence, lengths.length);
    const listed = sequence === undefined ? [...lengths.keys()] : [sequence];
    for (const each of listed) {
      const longest = lengths[each]!;
      if (Number.isInteger(length) && length >= 0 && length <= longest) continue;
      throw new EntmaxError('ENTMAX_OPTION', op, `length in [0, ${longest}] for sequence ${each}`, show(length));
    }
    for (const each of listed) if (lengths[each] !== length) pages.truncate(each, length);
  }

  /**
   * Makes sequence s what sequence `from[s]` was, for every s: the step of a beam search. No key is copied; what sequences
   * share is copied page by page when one of them writes to it.
   */
  reorder(from: Ids): void {
    const op = 'KvCache.reorder';
    const pages = atRest(this, op);
    const count = pages.lengths.length;
    const { values } = readIntegers(op, 'from', from);
    if (values.length !== count) {
      throw new EntmaxError(
        'ENTMAX_SHAPE',
        op,
        `from with one entry for each of ${count} sequences`,
        `${values.length}`,
      );
    }
    pages.reorder(Array.from(values, (value) => checkSequence(op, Number(value), count)));
  }

  /** Gives the memory back, once no running call holds it. May be called again. */
  dispose(): void {
    if (!this.pages) return;
    finalizer.unregister(this);
    this.pages.release();
    this.pages = undefined;
  }

  /** `dispose()`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The memory of a live cache. */
export function pagesOf(cache: KvCache, op: string): Pages {
  const pages = cache['pages'];
  if (pages) return pages;
  throw new EntmaxError('ENTMAX_DISPOSED', op, 'a live cache', 'a disposed one');
}

/** The memory of a live cache that no asynchronous call is using. */
export function atRest(cache: KvCache, op: string): Pages {
  const pages = pagesOf(cache, op);
  pages.refuseBusy(op);
  return pages;
}

/** Different sequences of the cache, all by default. */
export function readSequences(op: string, source: unknown, { lengths }: Pages): number[] {
  if (source === undefined) return [...lengths.keys()];
  const { values } = readIntegers(op, 'sequences', source);
  const listed = Array.from(values, (value) => checkSequence(op, Number(value), lengths.length));
  if (new Set(listed).size === listed.length) return listed;
  throw new EntmaxError('ENTMAX_OPTION', op, 'sequences to be different', `[${listed.join(', ')}]`);
}

function checkSequence(op: string, sequence: number, count: number): number {
  if (Number.isInteger(sequence) && sequence >= 0 && sequence < count) return sequence;
  throw new EntmaxError('ENTMAX_OPTION', op, `a sequence in [0, ${count - 1}]`, show(sequence));
}

function readCacheOptions(options: unknown): [CacheSizes, number] {
  const op = 'KvCache';
  if (typeof options !== 'object' || options === null) {
    throw new EntmaxError('ENTMAX_OPTION', op, 'options { heads, headDim }', show(options));
  }
  const given = options as Record<string, unknown>;
  const unknown = Object.keys(given).find((key) => !OPTIONS.includes(key));
  if (unknown !== undefined) {
    throw new EntmaxError('ENTMAX_OPTION', op, `options among ${OPTIONS.join(', ')}`, show(unknown));
  }
  const size = (name: string, least: number, otherwise?: number): number => {
    const value = given[name] ?? otherwise;
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= 0x7fffffff)
      return value as number;
    throw new EntmaxError('ENTMAX_OPTION', op, `${name} to be an integer of at least ${least}`, show(value));
  };
  const { dtype = 'float32' } = given;
  if (dtype !== 'float32' && dtype !== 'float64') {
    throw new EntmaxError('ENTMAX_OPTION', op, "dtype to be 'float32' or 'float64'", show(dtype));
  }
  const headDim = size('headDim', 1);
  const sizes: CacheSizes = {
    heads: size('heads', 1),
    headDim,
    valueDim: size('valueDim', 1, headDim),
    sequences: size('sequences', 1, 1),
    dtype,
  };
  return [sizes, size('capacity', 0, 0)];
}
