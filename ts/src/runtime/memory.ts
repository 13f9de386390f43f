/**
 * The one linear memory in which all tensors, workspaces and kernel families live.
 *
 * It is shared between threads wherever the host allows that, from the first use on, so that `init()` only has to add
 * workers. It grows here and nowhere else. Growth makes new buffers: an old view of unshared memory has length 0 and
 * swallows writes, one of shared memory ends too early. So no view is kept: every access asks the accessors below,
 * which compare the buffer's identity (an ESLint rule, scripts/lint/no-cached-view.js, holds the callers to it).
 */

import { EntmaxError } from '../errors.ts';
import { Allocator } from './allocator.ts';
import { HEAP_BASE, MAXIMUM_BYTES, PAGE_BYTES } from './layout.ts';

const INITIAL_BYTES = 4 << 20;
const SMALLEST_MAXIMUM = 64 << 20;

export class LinearMemory {
  readonly wasm: WebAssembly.Memory;
  readonly shared: boolean;
  /** The most bytes that this memory may grow to. */
  readonly maximum: number;
  /** The maximum that was asked for, if one was. */
  readonly requestedMaximum: number | undefined;
  readonly #allocator: Allocator;
  #buffer: ArrayBufferLike;
  #f32!: Float32Array;
  #f64!: Float64Array;
  #i32!: Int32Array;
  #u8!: Uint8Array;

  /** `maximum` is a hard limit in bytes; without one, the largest is taken that the host is willing to reserve. */
  constructor(shared: boolean, maximum?: number) {
    const limit = Math.min(MAXIMUM_BYTES, Math.ceil((maximum ?? MAXIMUM_BYTES) / PAGE_BYTES) * PAGE_BYTES);
    [this.wasm, this.maximum] = reserve(shared, limit, maximum === undefined);
    this.shared = shared;
    this.requestedMaximum = maximum;
    this.#buffer = this.wasm.buffer;
    this.#renewViews();
    this.#allocator = new Allocator(HEAP_BASE, this.#buffer.byteLength);
  }

  /** Bytes handed out now, at most so far, and available without and with growth. */
  get statistics(): { used: number; peak: number; capacity: number; shared: boolean } {
    const { used, peak } = this.#allocator;
    return { used, peak, capacity: this.maximum - HEAP_BASE, shared: this.shared };
  }

  /** The address of `bytes` fresh bytes (64-byte aligned, contents undefined). Views taken before are void after. */
  allocate(bytes: number, op: string): number {
    const address = this.#allocator.allocate(bytes);
    if (address !== undefined) return address;
    this.#grow(this.#allocator.shortfall(bytes), bytes, op);
    const grown = this.#allocator.allocate(bytes);
    if (grown === undefined) throw new EntmaxError('ENTMAX_MEMORY', op, `${bytes} free bytes`, 'none after growth');
    return grown;
  }

  /** Gives a block back. */
  free(address: number): void {
    this.#allocator.free(address);
  }

  f32(address: number, length: number): Float32Array {
    this.#renewIfGrown();
    return this.#f32.subarray(address >>> 2, (address >>> 2) + length);
  }

  f64(address: number, length: number): Float64Array {
    this.#renewIfGrown();
    return this.#f64.subarray(address >>> 3, (address >>> 3) + length);
  }

  i32(address: number, length: number): Int32Array {
    this.#renewIfGrown();
    return this.#i32.subarray(address >>> 2, (address >>> 2) + length);
  }

  u8(address: number, length: number): Uint8Array {
    this.#renewIfGrown();
    return this.#u8.subarray(address, address + length);
  }

  #grow(missing: number, requested: number, op: string): void {
    const size = this.wasm.buffer.byteLength;
    const room = this.maximum - size;
    // Doubling keeps the number of growths logarithmic; the exact need is the second choice.
    for (const bytes of [Math.max(missing, Math.min(size, room)), missing]) {
      const pages = Math.ceil(bytes / PAGE_BYTES);
      if (pages * PAGE_BYTES > room) continue;
      try {
        this.wasm.grow(pages);
        this.#allocator.extend(this.wasm.buffer.byteLength);
        return;
      } catch {
        // The host refused although the maximum allows it: try the smaller step.
      }
    }
    const { used } = this.#allocator;
    const got = `${used} of ${this.maximum - HEAP_BASE} bytes in use`;
    throw new EntmaxError(
      'ENTMAX_MEMORY',
      op,
      `${requested} free bytes (dispose tensors, or init({ maxMemory }))`,
      got,
    );
  }

  #renewIfGrown(): void {
    if (this.wasm.buffer !== this.#buffer) {
      this.#buffer = this.wasm.buffer;
      this.#renewViews();
    }
  }

  #renewViews(): void {
    this.#f32 = new Float32Array(this.#buffer);
    this.#f64 = new Float64Array(this.#buffer);
    this.#i32 = new Int32Array(this.#buffer);
    this.#u8 = new Uint8Array(this.#buffer);
  }
}

/** Reserves memory, with smaller and smaller maxima while the host refuses and the caller did not fix one. */
function reserve(shared: boolean, maximum: number, mayShrink: boolean): [WebAssembly.Memory, number] {
  const initial = Math.min(INITIAL_BYTES, maximum) / PAGE_BYTES;
  for (;;) {
    try {
      return [new WebAssembly.Memory({ initial, maximum: maximum / PAGE_BYTES, shared }), maximum];
    } catch (error) {
      if (!mayShrink || maximum <= SMALLEST_MAXIMUM) {
        throw new EntmaxError('ENTMAX_MEMORY', 'init', `${maximum} bytes of address space`, String(error));
      }
      maximum /= 2;
    }
  }
}
