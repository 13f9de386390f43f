// Elements of arrays in files: their types, and how they become numbers of ours. Names of types are those of safetensors.
//
// Float32 and float64 are read in place, without a copy, and swapped there when the file is big-endian (this side is little-endian, as
// is every platform on which a JavaScript engine runs). Half floats are widened to float32, which is exact.

import { bytesOf } from './bytes.ts';
import type { Bytes } from './bytes.ts';
import { InputError } from './input-error.ts';

export const ELEMENT_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

export type ElementType = keyof typeof ELEMENT_BYTES;
export type Floats = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;
/** What is written: probabilities, and names of groups. */
export type ResultType = 'F32' | 'F64' | 'I32';
export type Results = Floats | Int32Array<ArrayBuffer>;

/** An array in a file, row-major from `offset` on. */
export interface StoredArray {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly bytes: Bytes;
  readonly offset: number;
  readonly bigEndian: boolean;
}

export function countOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** The type in which scores of this type are computed. */
export function floatType(type: ElementType): 'F32' | 'F64' {
  if (type === 'F64') return 'F64';
  if (type === 'F32' || type === 'F16' || type === 'BF16') return 'F32';
  throw new InputError('scores of F64, F32, F16 or BF16', `an array of ${type}`);
}

export function newFloats(type: 'F32' | 'F64', length: number): Floats {
  return type === 'F32' ? new Float32Array(length) : new Float64Array(length);
}

const RESULT_ARRAYS = { F32: Float32Array, F64: Float64Array, I32: Int32Array };

/** Bytes of a buffer as the elements that they are. */
export function resultsOf({ buffer, byteOffset, byteLength }: Uint8Array, type: ResultType): Results {
  return new RESULT_ARRAYS[type](buffer as ArrayBuffer, byteOffset, byteLength / ELEMENT_BYTES[type]);
}

/** Fills `target`, of the array's floatType, with the elements from number `start` on. */
export function fillFloats(array: StoredArray, start: number, target: Floats): void {
  const { type, bytes, offset, bigEndian } = array;
  if (ELEMENT_BYTES[type] === target.BYTES_PER_ELEMENT) {
    const raw = bytesOf(target);
    bytes.read(offset + start * target.BYTES_PER_ELEMENT, raw);
    if (bigEndian) swap(raw, target.BYTES_PER_ELEMENT);
    return;
  }
  const halves = new Uint16Array(readRaw(array, start, target.length));
  const widen = type === 'F16' ? fromHalf : fromBfloat;
  for (let i = 0; i < halves.length; i++) target[i] = widen(halves[i]!);
}

/** The elements from number `start` on as float64, whatever their type. Integers beyond 2^53 are rounded. */
export function readNumbers(array: StoredArray, start: number, length: number): Float64Array<ArrayBuffer> {
  const raw = readRaw(array, start, length);
  switch (array.type) {
    case 'F64':
      return new Float64Array(raw);
    case 'F32':
      return Float64Array.from(new Float32Array(raw));
    case 'F16':
      return Float64Array.from(new Uint16Array(raw), fromHalf);
    case 'BF16':
      return Float64Array.from(new Uint16Array(raw), fromBfloat);
    case 'I64':
      return Float64Array.from(new BigInt64Array(raw), Number);
    case 'U64':
      return Float64Array.from(new BigUint64Array(raw), Number);
    case 'I32':
      return Float64Array.from(new Int32Array(raw));
    case 'U32':
      return Float64Array.from(new Uint32Array(raw));
    case 'I16':
      return Float64Array.from(new Int16Array(raw));
    case 'U16':
      return Float64Array.from(new Uint16Array(raw));
    case 'I8':
      return Float64Array.from(new Int8Array(raw));
    case 'U8':
    case 'BOOL':
      return Float64Array.from(new Uint8Array(raw));
  }
}

/** Little-endian bytes of their own. */
function readRaw({ type, bytes, offset, bigEndian }: StoredArray, start: number, length: number): ArrayBuffer {
  const size = ELEMENT_BYTES[type];
  const raw = new Uint8Array(length * size);
  bytes.read(offset + start * size, raw);
  if (bigEndian) swap(raw, size);
  return raw.buffer;
}

function swap(bytes: Uint8Array, size: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (size === 2) buffer.swap16();
  if (size === 4) buffer.swap32();
  if (size === 8) buffer.swap64();
}

const HALF_SUBNORMAL = 1 / 0x1000000;
const word = new Uint32Array(1);
const single = new Float32Array(word.buffer);

/** IEEE 754 binary16: one sign bit, 5 of exponent with bias 15, 10 of fraction. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * HALF_SUBNORMAL;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return fromBits(((bits & 0x8000) << 16) | ((exponent + 112) << 23) | (fraction << 13));
}

/** The upper half of a float32. */
function fromBfloat(bits: number): number {
  return fromBits(bits << 16);
}

function fromBits(bits: number): number {
  word[0] = bits;
  return single[0]!;
}
