/** Blocks of linear memory that one call needs besides its tensors, given back together when it ends. */

import { isEntmaxError } from '../errors.ts';
import { memory } from './runtime.ts';

export class Scratch {
  readonly #op: string;
  readonly #blocks: number[] = [];

  constructor(op: string) {
    this.#op = op;
  }

  /** Address of fresh bytes with undefined contents. */
  allocate(bytes: number): number {
    const address = memory().allocate(bytes, this.#op);
    this.#blocks.push(address);
    return address;
  }

  /** Address of a copy of the bytes. */
  copyOf(bytes: Uint8Array): number {
    const address = this.allocate(bytes.byteLength);
    memory().u8(address, bytes.byteLength).set(bytes);
    return address;
  }

  /** Address of a copy of the numbers. */
  copyOfNumbers(values: Float64Array): number {
    const address = this.allocate(values.byteLength);
    memory().f64(address, values.length).set(values);
    return address;
  }

  /** Gives all blocks back, unless `error` says that a lost worker may still write to them. */
  release(error?: unknown): void {
    if (!(isEntmaxError(error) && error.code === 'ENTMAX_WORKER_LOST')) {
      for (const address of this.#blocks) memory().free(address);
    }
    this.#blocks.length = 0;
  }
}
