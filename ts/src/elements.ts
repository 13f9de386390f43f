/** Elements of linear memory by their type: how long they are, and views of them. */

import { memory } from './runtime/runtime.ts';

export type ElementType = 'float32' | 'float64' | 'int32' | 'uint8';

const BYTES: Readonly<Record<ElementType, number>> = { float32: 4, float64: 8, int32: 4, uint8: 1 };

/** Bytes of one element. */
export function elementBytes(dtype: ElementType): number {
  return BYTES[dtype];
}

/** A view of elements in linear memory, for immediate use. */
export function viewOf<D extends ElementType>(dtype: D, address: number, length: number): ViewOf<D>;
export function viewOf(dtype: ElementType, address: number, length: number): ViewOf<ElementType> {
  if (dtype === 'float32') return memory().f32(address, length);
  if (dtype === 'float64') return memory().f64(address, length);
  return dtype === 'int32' ? memory().i32(address, length) : memory().u8(address, length);
}

type ViewOf<D extends ElementType> = {
  float32: Float32Array;
  float64: Float64Array;
  int32: Int32Array;
  uint8: Uint8Array;
}[D];
