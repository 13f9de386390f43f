// Reads and writes safetensors files: eight bytes with the length of a JSON header, the header with a name, dtype, shape and byte range per
// tensor, then the bytes (https://github.com/huggingface/safetensors, "Format").
//
// A weight file comes from somewhere else, so everything it claims is checked before anything is used: the ranges must tile the
// bytes without hole or overlap, and each must be as long as its dtype and shape say. A file that passes is read completely; a file
// that does not is refused with one sentence that names what was expected and what came.
//
// parseSafetensors copies all tensors out of a file in memory, because typed arrays demand aligned offsets and the format does not
// promise them. openSafetensors reads the header alone, for files that memory does not hold. The format is little-endian, as is every
// platform on which a JavaScript engine runs.

import { memoryBytes } from './bytes.ts';
import type { Bytes } from './bytes.ts';
import { InputError, showJson } from './input-error.ts';

const ARRAYS = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U64: BigUint64Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
  F8_E5M2: Uint8Array,
  F8_E4M3: Uint8Array,
  BOOL: Uint8Array,
};

export type SafetensorsDtype = keyof typeof ARRAYS;

/** One tensor of a file, row-major; `dtype` decides the type of `data`. */
export type SafetensorsTensor = {
  [D in SafetensorsDtype]: { dtype: D; shape: readonly number[]; data: InstanceType<(typeof ARRAYS)[D]> };
}[SafetensorsDtype];

/** A tensor in a file whose header has been checked: its bytes are those from `begin` to `end`, counted from the start of the file. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

const PREFIX_BYTES = 8;
/** The limit of the reference implementation: a larger length is taken for damage. */
const MAX_HEADER_BYTES = 100_000_000;

/** The tensors of a safetensors file by name, in the order of their bytes. Throws InputError; tensors of size 0 and rank 0 are legal. */
export function parseSafetensors(file: Uint8Array | ArrayBuffer): Map<string, SafetensorsTensor> {
  const bytes = file instanceof Uint8Array ? file : new Uint8Array(file);
  return new Map(openSafetensors(memoryBytes(bytes)).map((entry) => [entry.name, copyOut(entry, bytes)]));
}

/** Where the tensors of a safetensors file lie, in the order of their bytes. Reads and checks the header alone. */
export function openSafetensors(file: Bytes): SafetensorsEntry[] {
  const dataStart = headerEnd(file);
  const header = new Uint8Array(dataStart - PREFIX_BYTES);
  file.read(PREFIX_BYTES, header);
  const entries = parseHeader(header).sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkTiling(entries, file.size - dataStart);
  return entries.map((entry) => ({ ...entry, begin: dataStart + entry.begin, end: dataStart + entry.end }));
}

/** A tensor to be written. */
export interface SafetensorsPart {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
}

/** Prefix and header of a file whose tensors follow in this order, padded with spaces so that their bytes begin at a multiple of 8. */
export function safetensorsHeader(parts: readonly SafetensorsPart[], metadata?: Record<string, string>): Uint8Array {
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata };
  let end = 0;
  for (const { name, dtype, shape } of parts) {
    const begin = end;
    end += shape.reduce((product, size) => product * size, ARRAYS[dtype].BYTES_PER_ELEMENT);
    header[name] = { dtype, shape, data_offsets: [begin, end] };
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(text.length / PREFIX_BYTES) * PREFIX_BYTES;
  const bytes = new Uint8Array(PREFIX_BYTES + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, PREFIX_BYTES);
  return bytes;
}

function headerEnd(file: Bytes): number {
  if (file.size < PREFIX_BYTES) {
    throw new InputError(`a safetensors file of at least ${PREFIX_BYTES} bytes`, `${file.size} bytes`);
  }
  const prefix = new Uint8Array(PREFIX_BYTES);
  file.read(0, prefix);
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  const limit = Math.min(file.size - PREFIX_BYTES, MAX_HEADER_BYTES);
  if (length > limit) {
    throw new InputError(`a safetensors header of at most ${limit} bytes`, `a header length of ${length}`);
  }
  return PREFIX_BYTES + Number(length);
}

function parseHeader(bytes: Uint8Array): SafetensorsEntry[] {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    header = JSON.parse(text);
  } catch {
    throw new InputError('a safetensors header in JSON', 'bytes that are not JSON');
  }
  if (!isRecord(header)) throw new InputError('a safetensors header that is an object', showJson(header));
  checkUniqueNames(text);
  return Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => parseEntry(name, entry));
}

function parseEntry(name: string, entry: unknown): SafetensorsEntry {
  const of = `of tensor '${name}'`;
  if (!isRecord(entry)) throw new InputError(`an object for tensor '${name}'`, showJson(entry));
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string' || !Object.hasOwn(ARRAYS, dtype)) {
    throw new InputError(`the dtype ${of} to be one of ${Object.keys(ARRAYS).join(' ')}`, showJson(dtype));
  }
  if (!isSizes(shape)) throw new InputError(`the shape ${of} as a list of sizes`, showJson(shape));
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw new InputError(`the data_offsets ${of} as [begin, end]`, showJson(offsets));
  }
  const known = dtype as SafetensorsDtype;
  const [begin, end] = offsets as [number, number];
  const length = shape.reduce((product, size) => product * size, ARRAYS[known].BYTES_PER_ELEMENT);
  if (end - begin !== length) {
    throw new InputError(
      `${length} bytes for tensor '${name}' (${dtype} ${showJson(shape)})`,
      `data_offsets ${showJson(offsets)}`,
    );
  }
  return { name, dtype: known, shape, begin, end };
}

/** Every byte after the header belongs to exactly one tensor. Entries come sorted by their begin. */
function checkTiling(entries: readonly SafetensorsEntry[], dataLength: number): void {
  let covered = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== covered)
      throw new InputError(`tensor '${name}' to begin at byte ${covered} of the data`, `byte ${begin}`);
    if (end > dataLength) {
      throw new InputError(`${end} bytes of data up to the end of tensor '${name}'`, `${dataLength} bytes`);
    }
    covered = end;
  }
  if (covered !== dataLength) throw new InputError(`${covered} bytes of tensor data`, `${dataLength} bytes`);
}

function copyOut({ dtype, shape, begin, end }: SafetensorsEntry, bytes: Uint8Array): SafetensorsTensor {
  const { buffer } = new Uint8Array(bytes.subarray(begin, end));
  return { dtype, shape, data: new ARRAYS[dtype](buffer) } as SafetensorsTensor;
}

/** JSON.parse keeps the last of two equal names without a word, so the names are also read from the text, which is known to be JSON. */
function checkUniqueNames(text: string): void {
  const names = new Set<string>();
  let depth = 0;
  let latest = '';
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (token.startsWith('"')) latest = token;
    else if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (depth === 1) {
      const name = JSON.parse(latest) as string;
      if (names.has(name)) throw new InputError('every tensor name once', `'${name}' twice`);
      names.add(name);
    }
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
