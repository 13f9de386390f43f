// Bytes in files and from pipes.
//
// Readers of a format need positions: rows may run along an outer axis, a Fortran-ordered array is transposed, and a file that was cut
// short must be refused before anything is written. A pipe has none, so it is read to its end first: into memory up to a limit, beyond
// it into a temporary file that is unlinked while it is open, so that it goes away whatever ends the process.

import { closeSync, createReadStream, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ended, memoryBytes } from './bytes.ts';
import type { Bytes } from './bytes.ts';
import { InputError } from './input-error.ts';

/** The system takes at most so many bytes at once. */
const MOST_AT_ONCE = 1 << 30;

/** An open regular file of a known size; closes it in the end. */
export function fileBytes(file: number, size: number): Bytes {
  return {
    size,
    read(position, target) {
      for (let done = 0; done < target.length;) {
        const count = readSync(file, target, done, Math.min(target.length - done, MOST_AT_ONCE), position + done);
        if (count === 0) throw ended(position + target.length, position + done);
        done += count;
      }
    },
    close: () => closeSync(file),
  };
}

/** Writes everything at a position; a write may take less than it is given. */
export function writeFully(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(file, bytes, done, Math.min(bytes.length - done, MOST_AT_ONCE), position + done);
  }
}

/** Bytes that are collected before they are used: in memory up to a limit, then in a temporary file without a name. */
export class Spool {
  readonly #limit: number;
  #memory: Uint8Array;
  #file: number | undefined;
  #size = 0;

  /** `expected` is the size where it is known: a spool that will not fit begins in its file. */
  constructor(limit: number, expected = 0) {
    this.#limit = limit;
    this.#memory = new Uint8Array(expected <= limit ? expected : 0);
    if (expected > limit) this.#file = temporaryFile();
  }

  get size(): number {
    return this.#size;
  }

  append(bytes: Uint8Array): void {
    this.put(this.#size, bytes);
  }

  put(position: number, bytes: Uint8Array): void {
    const end = position + bytes.length;
    if (this.#file === undefined && end > this.#limit) {
      this.#file = temporaryFile();
      writeFully(this.#file, this.#memory.subarray(0, this.#size), 0);
      this.#memory = new Uint8Array(0);
    }
    if (this.#file === undefined) {
      this.#reserve(end);
      this.#memory.set(bytes, position);
    } else {
      writeFully(this.#file, bytes, position);
    }
    this.#size = Math.max(this.#size, end);
  }

  /** What was collected; the spool is not used any more. */
  bytes(): Bytes {
    return this.#file === undefined
      ? memoryBytes(this.#memory.subarray(0, this.#size))
      : fileBytes(this.#file, this.#size);
  }

  #reserve(size: number): void {
    if (size <= this.#memory.length) return;
    const larger = new Uint8Array(Math.min(this.#limit, Math.max(size, 2 * this.#memory.length)));
    larger.set(this.#memory.subarray(0, this.#size));
    this.#memory = larger;
  }
}

function temporaryFile(): number {
  const directory = mkdtempSync(join(tmpdir(), 'entmax-'));
  try {
    return openSync(join(directory, 'spool'), 'wx+');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The name that stands for standard input and standard output. */
export const PIPE = '-';

/** What is behind a path: a regular file's bytes, or a stream that has no positions. */
type Opened = { readonly file: number; readonly size: number } | { readonly stream: NodeJS.ReadableStream };

function open(path: string): Opened {
  if (path === PIPE) return { stream: process.stdin };
  const file = openToRead(path);
  const status = fstatSync(file);
  if (status.isFile()) return { file, size: status.size };
  if (!status.isDirectory()) return { stream: createReadStream('', { fd: file }) };
  closeSync(file);
  throw new InputError(`a readable file ${path}`, 'a directory');
}

/** Opens a file, or reads a pipe to its end with at most `limit` bytes of it in memory. */
export async function openBytes(path: string, limit: number): Promise<Bytes> {
  const opened = open(path);
  if ('file' in opened) return fileBytes(opened.file, opened.size);
  const spool = new Spool(limit);
  for await (const chunk of opened.stream) spool.append(chunk as Uint8Array);
  return spool.bytes();
}

/** Opens a file or a pipe to be read from its begin to its end; the size of a pipe is not known. */
export function openStream(path: string): { stream: NodeJS.ReadableStream; size: number | undefined } {
  const opened = open(path);
  if ('stream' in opened) return { stream: opened.stream, size: undefined };
  return { stream: createReadStream('', { fd: opened.file, highWaterMark: STREAM_CHUNK }), size: opened.size };
}

const STREAM_CHUNK = 1 << 18;

function openToRead(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new InputError(`a readable file ${path}`, code === 'ENOENT' ? 'no such file' : (code ?? message));
  }
}
