/**
 * The memory of a KvCache: pages of keys and values (crates/entmax-core/src/attention/pages.rs), and for each sequence the list of
 * its pages. Sequences that begin alike share pages; one that is about to be written and is shared is copied first.
 *
 * A call first makes room, which may fail and then changes nothing; then the kernels write behind what the sequences
 * hold; then it commits the new lengths. Until it has, nothing has happened.
 */

import { EntmaxError } from '../errors.ts';
import { memory } from '../runtime/runtime.ts';
import type { FloatType } from '../scores.ts';
import { attentionFamily } from './family.ts';

/** What the keys and values of a cache are. */
export interface CacheSizes {
  readonly heads: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly sequences: number;
  readonly dtype: FloatType;
}

/** Pages of a sequence that fills its capacity, and the longest page in multiples of the shortest. */
const PAGES = 8;
const LONGEST = 32;

/** Bytes of a page of the shortest kind, more than there are where kernels could not count them. */
function shortestBytes({ heads, headDim, valueDim, dtype }: CacheSizes, keys: number): number {
  if (headDim + valueDim > WIDEST) return Number.MAX_SAFE_INTEGER;
  const bytes = attentionFamily.kernel(memory(), `attention_page_bytes${dtype === 'float32' ? '_f32' : '_f64'}`);
  return heads * bytes(keys, 1, headDim, valueDim);
}

const WIDEST = 1 << 20;

/** Keys of a panel: those that are rounded together. */
const LANES = 16;

interface Sequence {
  /** Addresses of its pages. */
  pages: number[];
  length: number;
  /** Bounds of the last panel may be those of keys that were cut off. */
  isCut: boolean;
}

export class Pages {
  readonly sizes: CacheSizes;
  readonly pageBytes: number;
  readonly pageKeys: number;
  #sequences: Sequence[];
  /** How many sequences hold a page, by its address. */
  readonly #holders = new Map<number, number>();
  /** Pages that were set aside for `capacity`. */
  readonly #spare: number[] = [];
  readonly #reserved: number;
  #calls = 0;
  #released = false;
  /** How queries of each sequence and head are screened (call.rs, `path`): what the last call found. */
  #paths = new Uint8Array(0);

  constructor(sizes: CacheSizes, capacity: number, op: string) {
    const { sequences } = sizes;
    this.sizes = sizes;
    const shortest = attentionFamily.kernel(memory(), 'attention_page_multiple')();
    // Long pages are read faster, short ones waste less.
    const multiple = Math.min(LONGEST, Math.max(1, Math.ceil(capacity / PAGES / shortest)));
    this.pageKeys = multiple * shortest;
    this.pageBytes = multiple * shortestBytes(sizes, shortest);
    this.#sequences = Array.from({ length: sequences }, () => ({ pages: [], length: 0, isCut: false }));
    this.#reserved = sequences * Math.ceil(capacity / this.pageKeys);
    try {
      while (this.#spare.length < this.#reserved) this.#spare.push(this.#allocate(op));
    } catch (error) {
      for (const page of this.#spare) memory().free(page);
      throw error;
    }
  }

  get lengths(): number[] {
    return this.#sequences.map(({ length }) => length);
  }

  /** Makes the last pages of the sequences their own, and adds pages for `count` more keys of each. All or nothing. */
  makeRoom(sequences: readonly number[], count: number, op: string): void {
    const fresh: number[] = [];
    const missing = (each: Sequence): number => Math.ceil((each.length + count) / this.pageKeys) - each.pages.length;
    const listed = sequences.map((sequence) => this.#sequences[sequence]!);
    const shared = (each: Sequence): boolean => {
      const last = each.pages[Math.floor(each.length / this.pageKeys)];
      return count > 0 && last !== undefined && this.#holders.get(last)! > 1;
    };
    // Two sequences may share their last page with each other alone: then one copy is one too many, and kept as spare.
    const wanted = listed.reduce((sum, each) => sum + Math.max(0, missing(each)) + (shared(each) ? 1 : 0), 0);
    try {
      while (fresh.length < wanted) fresh.push(this.#spare.pop() ?? this.#allocate(op));
    } catch (error) {
      this.#giveBack(fresh);
      throw error;
    }
    for (const each of listed) {
      if (shared(each)) this.#copyLast(each, fresh.pop()!);
      for (let more = missing(each); more > 0; more--) {
        const page = fresh.pop()!;
        each.pages.push(page);
        this.#holders.set(page, 1);
      }
    }
    this.#giveBack(fresh);
  }

  /** The pages of the sequences as the kernels read them, `perSequence` addresses for each. */
  table(sequences: readonly number[]): { addresses: Int32Array; perSequence: number } {
    const lists = sequences.map((sequence) => this.#sequences[sequence]!.pages);
    const perSequence = lists.reduce((most, pages) => Math.max(most, pages.length), 0);
    const addresses = new Int32Array(lists.length * perSequence);
    lists.forEach((pages, at) => addresses.set(pages, at * perSequence));
    return { addresses, perSequence };
  }

  /** Which of the sequences have been cut within a panel since they were last appended to. */
  cut(sequences: readonly number[]): number[] {
    return sequences.filter((sequence) => {
      const { isCut, length } = this.#sequences[sequence]!;
      return isCut && length % LANES !== 0;
    });
  }

  /** `count` more keys of each sequence are there. */
  commit(sequences: readonly number[], count: number): void {
    for (const sequence of sequences) {
      const each = this.#sequences[sequence]!;
      each.length += count;
      each.isCut = false;
    }
  }

  /** Forgets what a call wrote that has failed, and gives back what it had made room for. */
  forget(sequences: readonly number[]): void {
    for (const sequence of sequences) this.truncate(sequence, this.#sequences[sequence]!.length);
  }

  truncate(sequence: number, length: number): void {
    const each = this.#sequences[sequence]!;
    const kept = Math.ceil(length / this.pageKeys);
    this.#release(each.pages.splice(kept));
    each.length = length;
    each.isCut = true;
  }

  /** Sequence s becomes what `from[s]` was. */
  reorder(from: readonly number[]): void {
    const before = this.#sequences;
    this.#sequences = from.map((sequence) => ({ ...before[sequence]!, pages: [...before[sequence]!.pages] }));
    for (const { pages } of this.#sequences) {
      for (const page of pages) this.#holders.set(page, this.#holders.get(page)! + 1);
    }
    for (const { pages } of before) this.#release(pages);
  }

  /** How the queries of `heads` heads of the sequences are screened, a byte for each. */
  paths(sequences: readonly number[], heads: number): Uint8Array {
    if (this.#paths.length !== this.sizes.sequences * heads) {
      this.#paths = new Uint8Array(this.sizes.sequences * heads);
    }
    const paths = new Uint8Array(sequences.length * heads);
    sequences.forEach((sequence, at) => {
      paths.set(this.#paths.subarray(sequence * heads, (sequence + 1) * heads), at * heads);
    });
    return paths;
  }

  /** Keeps what a call found. */
  keepPaths(sequences: readonly number[], heads: number, paths: Uint8Array): void {
    sequences.forEach((sequence, at) => {
      this.#paths.set(paths.subarray(at * heads, (at + 1) * heads), sequence * heads);
    });
  }

  /** A call begins: until the returned function is called the cache may not be changed, and stays when it is disposed. */
  hold(): () => void {
    this.#calls++;
    return () => {
      this.#calls--;
      if (this.#released) this.release();
    };
  }

  refuseBusy(op: string): void {
    if (this.#calls === 0) return;
    throw new EntmaxError('ENTMAX_BUSY', op, 'a cache at rest', 'one in use by an asynchronous call');
  }

  /** Gives all memory back, once no running call holds it. */
  release(): void {
    this.#released = true;
    if (this.#calls > 0) return;
    for (const page of [...this.#holders.keys(), ...this.#spare]) memory().free(page);
    this.#holders.clear();
    this.#spare.length = 0;
  }

  /** A lost worker may still write behind the sequences' ends: those pages are never handed out again. */
  setAside(sequences: readonly number[], op: string): void {
    for (const sequence of sequences) {
      const each = this.#sequences[sequence]!;
      const whole = Math.floor(each.length / this.pageKeys);
      const lost = each.pages.splice(whole);
      for (const page of lost) this.#holders.delete(page);
      if (each.length % this.pageKeys === 0) continue;
      const copy = this.#allocate(op);
      memory().u8(copy, this.pageBytes).set(memory().u8(lost[0]!, this.pageBytes));
      this.#holders.set(copy, 1);
      each.pages.push(copy);
    }
  }

  #allocate(op: string): number {
    return memory().allocate(this.pageBytes, op);
  }

  #copyLast(sequence: Sequence, copy: number): void {
    const at = Math.floor(sequence.length / this.pageKeys);
    const page = sequence.pages[at]!;
    memory().u8(copy, this.pageBytes).set(memory().u8(page, this.pageBytes));
    this.#holders.set(copy, 1);
    sequence.pages[at] = copy;
    this.#release([page]);
  }

  #release(pages: readonly number[]): void {
    const free = pages.filter((page) => {
      const holders = this.#holders.get(page)! - 1;
      if (holders > 0) this.#holders.set(page, holders);
      else this.#holders.delete(page);
      return holders === 0;
    });
    this.#giveBack(free);
  }

  #giveBack(pages: readonly number[]): void {
    for (const page of pages) {
      if (this.#holders.size + this.#spare.length < this.#reserved) this.#spare.push(page);
      else memory().free(page);
    }
  }
}
