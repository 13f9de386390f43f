/**
 * Who owns which bytes of linear memory. The book-keeping lives in JavaScript: kernels never allocate, and other
 * threads never look at it.
 *
 *     0 ........ 64 KiB   the calling thread's stack (its overflow traps at address 0)
 *     128 KiB .. 1 MiB    read-only data of the kernel families, one slot each (crates/memory-layout.json)
 *     1 MiB ...           heap: tensors, staging, workspaces, the pool's control block, the workers' stacks
 *
 * Best fit over size classes: free blocks sit in bins by size (eight bins for each power of two), a request takes
 * the smallest block that holds it, the rest goes back, and neighbours that are free melt together. All blocks are
 * aligned to 64 bytes, a cache line, so that two threads never write one line.
 *
 * A call's scratch blocks come and go in the same few sizes. So a block that is given back first waits among the recent
 * ones of its size, where the next request finds it at once (0.2 us instead of 12); these return to the bins when
 * they become many, or when a request finds nothing else. The class knows addresses only; it is tested without any
 * memory behind it.
 */

export const ALIGNMENT = 64;

/** Rounds a byte count up to whole cache lines; an empty block still takes one, so that addresses stay distinct. */
export function blockBytes(bytes: number): number {
  return Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
}

export class Allocator {
  /** Bytes handed out now. */
  used = 0;
  /** The most bytes that were ever handed out at once. */
  peak = 0;

  readonly #live = new Map<number, number>();
  readonly #freeByStart = new Map<number, number>();
  readonly #freeByEnd = new Map<number, number>();
  readonly #bins = new Map<number, Set<number>>();
  readonly #recent = new Map<number, number[]>();
  #recentBytes = 0;
  #end: number;

  /** `base` is the first byte of the heap, `end` the first byte behind it. */
  constructor(base: number, end: number) {
    this.#end = base;
    this.extend(end);
  }

  /** The first byte behind the heap. */
  get end(): number {
    return this.#end;
  }

  /** Tells that memory has grown up to `end`. */
  extend(end: number): void {
    if (end <= this.#end) return;
    const start = this.#end;
    this.#end = end;
    this.#addFree(start, end - start);
  }

  /** The address of a block of at least `bytes` bytes, or undefined when no free block is large enough. */
  allocate(bytes: number): number | undefined {
    const size = blockBytes(bytes);
    const start = this.#takeRecent(size) ?? this.#cut(size) ?? (this.#returnRecent() ? this.#cut(size) : undefined);
    if (start === undefined) return undefined;
    this.#live.set(start, size);
    this.used += size;
    this.peak = Math.max(this.peak, this.used);
    return start;
  }

  /** Gives a block back. An address that is not live is a defect of the caller, and throws. */
  free(start: number): void {
    const size = this.#live.get(start);
    if (size === undefined) throw new RangeError(`entmax allocator: free(${start}) of a block that is not live`);
    this.#live.delete(start);
    this.used -= size;
    if (size > RECENT_BLOCK_BYTES) return this.#addFree(start, size);
    const waiting = this.#recent.get(size);
    if (waiting) waiting.push(start);
    else this.#recent.set(size, [start]);
    this.#recentBytes += size;
    if (this.#recentBytes > RECENT_BYTES) this.#returnRecent();
  }

  /** Bytes that must be appended at the end for a request of `bytes`, given the free block that ends there. */
  shortfall(bytes: number): number {
    const tail = this.#freeByEnd.get(this.#end);
    return blockBytes(bytes) - (tail === undefined ? 0 : this.#end - tail);
  }

  #takeRecent(size: number): number | undefined {
    const start = this.#recent.get(size)?.pop();
    if (start !== undefined) this.#recentBytes -= size;
    return start;
  }

  /** Sends the recent blocks to the bins, where they melt together; false when there are none. */
  #returnRecent(): boolean {
    if (this.#recentBytes === 0) return false;
    for (const [size, waiting] of this.#recent) for (const start of waiting) this.#addFree(start, size);
    this.#recent.clear();
    this.#recentBytes = 0;
    return true;
  }

  /** Cuts a block out of the smallest free one that holds it. */
  #cut(size: number): number | undefined {
    const start = this.#smallestBlock(size);
    if (start === undefined) return undefined;
    const available = this.#removeFree(start);
    if (available > size) this.#addFree(start + size, available - size);
    return start;
  }

  #smallestBlock(size: number): number | undefined {
    for (let bin = binOf(size); bin <= LAST_BIN; bin++) {
      let best: number | undefined;
      let bestSize = Infinity;
      for (const start of this.#bins.get(bin) ?? []) {
        const available = this.#freeByStart.get(start) ?? 0;
        if (available >= size && available < bestSize) {
          best = start;
          bestSize = available;
        }
      }
      if (best !== undefined) return best;
    }
    return undefined;
  }

  #addFree(start: number, size: number): void {
    const before = this.#freeByEnd.get(start);
    if (before !== undefined) {
      size += this.#removeFree(before);
      start = before;
    }
    if (this.#freeByStart.has(start + size)) size += this.#removeFree(start + size);
    this.#freeByStart.set(start, size);
    this.#freeByEnd.set(start + size, start);
    const bin = binOf(size);
    const members = this.#bins.get(bin);
    if (members) members.add(start);
    else this.#bins.set(bin, new Set([start]));
  }

  #removeFree(start: number): number {
    const size = this.#freeByStart.get(start) ?? 0;
    this.#freeByStart.delete(start);
    this.#freeByEnd.delete(start + size);
    this.#bins.get(binOf(size))?.delete(start);
    return size;
  }
}

const LAST_BIN = 8 * 32;
/** Larger blocks go back at once: they are worth melting together. */
const RECENT_BLOCK_BYTES = 1 << 20;
/** The most bytes that wait among the recent blocks. */
const RECENT_BYTES = 8 << 20;

/** Eight bins for each power of two: bin = 8 * exponent + the three bits below the leading one. */
function binOf(size: number): number {
  const exponent = 31 - Math.clz32(size >>> 0);
  return 8 * exponent + ((size >>> (exponent - 3)) & 7);
}
