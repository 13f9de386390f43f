// Bytes that can be read at any position, wherever they are: in memory, or in a file (files.ts).

import { InputError } from './input-error.ts';

export interface Bytes {
  readonly size: number;
  /** Fills `target` with the bytes from `position`; an InputError when they end before. */
  read(position: number, target: Uint8Array): void;
  close(): void;
}

/** The bytes of a typed array, in place. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

export function memoryBytes(memory: Uint8Array): Bytes {
  return {
    size: memory.length,
    read(position, target) {
      if (position + target.length > memory.length) throw ended(position + target.length, memory.length);
      target.set(memory.subarray(position, position + target.length));
    },
    close: () => undefined,
  };
}

/** The error for data that end before they should. */
export function ended(needed: number, got: number): InputError {
  return new InputError(`${needed} bytes`, `the end of the data after ${got}`);
}
