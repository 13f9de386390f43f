// Where results go. A file appears under its name only when it is whole: it is written beside its place under another name and renamed
// at the end; an error, a signal or the end of the process takes the unfinished file away. A pipe takes bytes as they come, and what must
// be written out of order waits in a spool.

import { closeSync, createWriteStream, fsyncSync, openSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PIPE, Spool, writeFully } from '../formats/files.ts';
import type { Bytes } from '../formats/bytes.ts';
import { InputError } from '../formats/input-error.ts';
import { write } from './output.ts';

export interface Destination {
  /** Writes behind everything that was appended before. */
  append(bytes: Uint8Array): Promise<void>;
  /** Writes at a position; a destination is used by `append` or by `put`, not by both. */
  put(position: number, bytes: Uint8Array): void;
  /** Everything has been written. */
  commit(): Promise<void>;
  /** Something went wrong: nothing stays behind. Harmless after `commit`. */
  abandon(): void;
}

/** Opens a path for a result, of which at most `limit` bytes may wait in memory. */
export function openDestination(path: string, limit: number): Destination {
  if (path === PIPE) return new StreamDestination(process.stdout, limit);
  const target = realPath(path);
  const status = statSync(target, { throwIfNoEntry: false });
  if (status?.isDirectory()) throw new InputError(`a writable file ${path}`, 'a directory');
  if (status === undefined || status.isFile()) return new FileDestination(target, path);
  return new StreamDestination(createWriteStream(target), limit);
}

/** Where a symbolic link leads, so that the link itself stays. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

const COPY_BYTES = 1 << 22;

/** Appends a range of other bytes, piece by piece. */
export async function appendAll(destination: Destination, bytes: Bytes): Promise<void> {
  for (let position = 0; position < bytes.size; position += COPY_BYTES) {
    const piece = new Uint8Array(Math.min(COPY_BYTES, bytes.size - position));
    bytes.read(position, piece);
    await destination.append(piece);
  }
}

class FileDestination implements Destination {
  readonly #path: string;
  readonly #unfinished: string;
  readonly #file: number;
  #end = 0;
  #open = true;

  constructor(path: string, name: string) {
    this.#path = path;
    this.#unfinished = join(dirname(path), `.${basename(path)}.${process.pid}.unfinished`);
    // Before there is a file: a signal may come at any moment.
    watchSignals();
    try {
      this.#file = openSync(this.#unfinished, 'wx');
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new InputError(`a writable file ${name}`, code === 'ENOENT' ? 'no such directory' : (code ?? message));
    }
    unfinished.add(this);
  }

  append(bytes: Uint8Array): Promise<void> {
    writeFully(this.#file, bytes, this.#end);
    this.#end += bytes.length;
    return Promise.resolve();
  }

  put(position: number, bytes: Uint8Array): void {
    writeFully(this.#file, bytes, position);
  }

  commit(): Promise<void> {
    fsyncSync(this.#file);
    closeSync(this.#file);
    renameSync(this.#unfinished, this.#path);
    this.#open = false;
    unfinished.delete(this);
    return Promise.resolve();
  }

  abandon(): void {
    if (!this.#open) return;
    this.#open = false;
    unfinished.delete(this);
    closeSync(this.#file);
    rmSync(this.#unfinished, { force: true });
  }
}

const unfinished = new Set<FileDestination>();
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
let watching = false;

/** A signal ends the process as it would have done, after unfinished files are gone. */
function watchSignals(): void {
  if (watching) return;
  watching = true;
  const abandonAll = (): void => unfinished.forEach((file) => file.abandon());
  process.once('exit', abandonAll);
  for (const signal of SIGNALS) {
    process.once(signal, () => {
      abandonAll();
      process.kill(process.pid, signal);
    });
  }
}

class StreamDestination implements Destination {
  readonly #stream: NodeJS.WritableStream;
  readonly #limit: number;
  #spool: Spool | undefined;

  constructor(stream: NodeJS.WritableStream, limit: number) {
    this.#stream = stream;
    this.#limit = limit;
    if (stream !== process.stdout) stream.on('error', () => undefined);
  }

  append(bytes: Uint8Array): Promise<void> {
    return write(this.#stream, bytes);
  }

  put(position: number, bytes: Uint8Array): void {
    this.#spool ??= new Spool(this.#limit);
    this.#spool.put(position, bytes);
  }

  async commit(): Promise<void> {
    if (this.#spool) await appendAll(this, this.#spool.bytes());
    if (this.#stream !== process.stdout) await new Promise<void>((resolve) => this.#stream.end(resolve));
  }

  abandon(): void {
    if (this.#stream !== process.stdout) this.#stream.end();
  }
}
