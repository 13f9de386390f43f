/** Equality of typed arrays bit for bit; `toEqual` takes seconds for the sizes that threads need. */

import { expect } from 'vitest';

type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** Fails with the first index at which the arrays differ. */
export function expectSameBits(actual: TypedArray, expected: TypedArray): void {
  if (Buffer.compare(bytesOf(actual), bytesOf(expected)) === 0) return;
  expect(actual.constructor.name).toBe(expected.constructor.name);
  expect(actual.length).toBe(expected.length);
  const at = actual.findIndex((value, index) => !Object.is(value, expected[index]));
  throw new Error(`expected ${expected[at]} at ${at}, got ${actual[at]}`);
}

function bytesOf(array: TypedArray): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}
