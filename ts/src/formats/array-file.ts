// One way to open an array, whatever format its file has, so that nothing behind knows formats.

import { PIPE, openBytes, openStream } from './files.ts';
import type { Bytes } from './bytes.ts';
import { readCsv } from './csv.ts';
import type { CsvOptions } from './csv.ts';
import { ELEMENT_BYTES } from './elements.ts';
import type { ElementType, StoredArray } from './elements.ts';
import type { Format } from './format.ts';
import { InputError } from './input-error.ts';
import { readNpy } from './npy.ts';
import { toRowMajor } from './row-major.ts';
import { openSafetensors } from './safetensors.ts';

export interface ArrayFileOptions extends Omit<CsvOptions, 'onBytes'> {
  readonly format: Format;
  /** Which tensor of a safetensors file; the only one when undefined. */
  readonly tensor?: string | undefined;
  /** Called while a CSV file of known size is read. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface ArrayFile {
  readonly array: StoredArray;
  /** The tensor's name in a safetensors file. */
  readonly name?: string;
  /** The header of a CSV file. */
  readonly header?: readonly string[] | undefined;
}

/** Opens an array; everything that can be wrong with its file is an InputError that names it. */
export async function openArrayFile(path: string, options: ArrayFileOptions): Promise<ArrayFile> {
  try {
    return await open(path, options);
  } catch (error) {
    if (!(error instanceof InputError) || error.expected.endsWith(path)) throw error;
    throw new InputError(error.expected, `${error.got} (${path === PIPE ? 'standard input' : path})`);
  }
}

async function open(path: string, options: ArrayFileOptions): Promise<ArrayFile> {
  if (options.format === 'csv') return openCsv(path, options);
  const bytes = await openBytes(path, options.limit);
  try {
    if (options.format === 'npy') return { array: toRowMajor(readNpy(bytes), options.limit) };
    return openTensor(bytes, options.tensor);
  } catch (error) {
    bytes.close();
    throw error;
  }
}

async function openCsv(path: string, options: ArrayFileOptions): Promise<ArrayFile> {
  const { stream, size } = openStream(path);
  const onBytes = (done: number): void => options.onProgress?.(done, size ?? done);
  return readCsv(stream, { ...options, ...(size === undefined ? {} : { onBytes }) });
}

function openTensor(bytes: Bytes, wanted: string | undefined): ArrayFile {
  const entries = openSafetensors(bytes);
  const names = entries.map(({ name }) => name);
  if (wanted === undefined && entries.length !== 1) {
    throw new InputError('--tensor with a name, or a safetensors file with one tensor', `one with ${listNames(names)}`);
  }
  const entry = wanted === undefined ? entries[0] : entries.find(({ name }) => name === wanted);
  if (entry === undefined)
    throw new InputError(`a safetensors file with tensor '${wanted}'`, `one with ${listNames(names)}`);
  const { name, dtype, shape, begin } = entry;
  if (!(dtype in ELEMENT_BYTES)) throw new InputError(`tensor '${name}' of a type that is read`, dtype);
  return { array: { type: dtype as ElementType, shape, bytes, offset: begin, bigEndian: false }, name };
}

function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 8).map((name) => `'${name}'`);
  const more = names.length - shown.length;
  if (names.length === 0) return 'no tensor';
  return shown.join(', ') + (more > 0 ? ` and ${more} more` : '');
}
