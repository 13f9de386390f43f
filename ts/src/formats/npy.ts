// NumPy's .npy files: a magic string, a version, the length of a header, the header as a Python dictionary with the element type, the
// order and the shape, then the elements (numpy/lib/format.py, "Format Version 1.0" to "3.0").
//
// npyjs, the library for this, holds the whole file in memory, ignores the byte order and does not look whether the file is complete;
// the header is three fields, so it is read here, strictly: anything but these three fields in their spelling is refused.

import { ELEMENT_BYTES, countOf } from './elements.ts';
import type { ElementType, ResultType, StoredArray } from './elements.ts';
import type { Bytes } from './bytes.ts';
import { InputError } from './input-error.ts';

/** An array as the file has it: Fortran order means that its first axis is the fastest. */
export interface NpyArray extends StoredArray {
  readonly fortranOrder: boolean;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** NumPy refuses headers beyond 10 000 bytes; a longer one is damage. */
const MAX_HEADER_BYTES = 100_000;
const ALIGNMENT = 64;

const TYPES: Readonly<Record<string, ElementType>> = {
  f8: 'F64',
  f4: 'F32',
  f2: 'F16',
  i8: 'I64',
  i4: 'I32',
  i2: 'I16',
  i1: 'I8',
  u8: 'U64',
  u4: 'U32',
  u2: 'U16',
  u1: 'U8',
  b1: 'BOOL',
};

/** Reads the header and checks that the elements are all there, and nothing else. */
export function readNpy(bytes: Bytes): NpyArray {
  const { text, end } = readHeader(bytes);
  const { descr, fortranOrder, shape } = parseHeader(text);
  const [, order, name] = /^([<>|=])([a-z][0-9]+)$/.exec(descr) ?? [];
  const type = TYPES[name ?? ''];
  if (type === undefined || (order === '|') !== (ELEMENT_BYTES[type] === 1)) {
    throw new InputError(`a .npy file of ${Object.keys(TYPES).join(' ')}, '<' or '>'`, `'${descr}'`);
  }
  const needed = countOf(shape) * ELEMENT_BYTES[type];
  if (bytes.size - end !== needed) {
    throw new InputError(
      `${needed} bytes after the header of the .npy file ('${descr}', shape ${showTuple(shape)})`,
      `${bytes.size - end}`,
    );
  }
  return { type, shape, bytes, offset: end, bigEndian: order === '>', fortranOrder: fortranOrder && shape.length > 1 };
}

function readHeader(bytes: Bytes): { text: string; end: number } {
  const prefix = new Uint8Array(Math.min(12, bytes.size));
  bytes.read(0, prefix);
  if (prefix.length < 12 || MAGIC.some((byte, i) => prefix[i] !== byte)) {
    throw new InputError('a .npy file, which begins with \\x93NUMPY', describe(prefix));
  }
  const major = prefix[6]!;
  if (major < 1 || major > 3) throw new InputError('.npy version 1, 2 or 3', `version ${major}.${prefix[7]}`);
  const view = new DataView(prefix.buffer);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = major === 1 ? 10 : 12;
  const limit = Math.min(MAX_HEADER_BYTES, bytes.size - start);
  if (length > limit) throw new InputError(`a .npy header of at most ${limit} bytes`, `a header length of ${length}`);
  const header = new Uint8Array(length);
  bytes.read(start, header);
  return { text: new TextDecoder(major === 3 ? 'utf-8' : 'latin1').decode(header), end: start + length };
}

/** The dictionary's entries in any order, each once, and nothing besides. */
function parseHeader(text: string): { descr: string; fortranOrder: boolean; shape: number[] } {
  const entries = new Map<string, string>();
  const entry = /^\s*(['"])(descr|fortran_order|shape)\1\s*:\s*('[^']*'|"[^"]*"|True|False|\([0-9L,\s]*\))\s*(,|$)/;
  let rest = /^\s*\{(.*)\}\s*$/s.exec(text)?.[1] ?? '?';
  for (let match = entry.exec(rest); match; match = entry.exec(rest)) {
    entries.set(match[2]!, match[3]!);
    rest = rest.slice(match[0].length);
  }
  const descr = /^['"](.*)['"]$/.exec(entries.get('descr') ?? '')?.[1];
  const order = /^(True|False)$/.exec(entries.get('fortran_order') ?? '')?.[1];
  const shape = /^\((.*)\)$/s.exec(entries.get('shape') ?? '')?.[1];
  const lengths = shape === undefined ? undefined : parseTuple(shape);
  if (rest.trim() !== '' || descr === undefined || order === undefined || lengths === undefined) {
    throw new InputError(
      ".npy header {'descr': '<f4', 'fortran_order': ..., 'shape': (...)} of a plain type",
      JSON.stringify(text.trim().slice(0, 80)),
    );
  }
  return { descr, fortranOrder: order === 'True', shape: lengths };
}

/** `2, 3`, `2,` and nothing; Python 2 wrote `2L`. */
function parseTuple(text: string): number[] | undefined {
  const items = text.split(',').map((item) => item.trim());
  if (items.at(-1) === '') items.pop();
  else if (items.length === 1) return undefined;
  const lengths = items.map((item) => (/^[0-9]+L?$/.test(item) ? Number.parseInt(item, 10) : NaN));
  return lengths.every(Number.isSafeInteger) ? lengths : undefined;
}

/** The header of a row-major, little-endian file, as NumPy writes it: version 1.0, padded so that the elements are aligned. */
export function npyHeader(type: ResultType, shape: readonly number[]): Uint8Array {
  const [name] = Object.entries(TYPES).find(([, each]) => each === type)!;
  const text = `{'descr': '<${name}', 'fortran_order': False, 'shape': ${showTuple(shape)}, }`;
  const length = Math.ceil((10 + text.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = new Uint8Array(length).fill(0x20);
  header.set(MAGIC);
  header.set([1, 0], 6);
  new DataView(header.buffer).setUint16(8, length - 10, true);
  header.set(new TextEncoder().encode(text), 10);
  header[length - 1] = 0x0a;
  return header;
}

function showTuple(shape: readonly number[]): string {
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
}

function describe(prefix: Uint8Array): string {
  if (prefix.length === 0) return 'an empty file';
  return JSON.stringify(new TextDecoder('latin1').decode(prefix));
}
