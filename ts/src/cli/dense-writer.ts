// Writes probabilities, or the names of their groups, in each format. Binary formats have a header of known size and the elements at
// their places. CSV has no places: what does not come in order waits in a spool until all is there.

import { bytesOf } from '../formats/bytes.ts';
import { Spool } from '../formats/files.ts';
import { csvHeader, csvLines } from '../formats/csv.ts';
import { ELEMENT_BYTES, countOf, resultsOf } from '../formats/elements.ts';
import type { Results, ResultType } from '../formats/elements.ts';
import type { Format } from '../formats/format.ts';
import { InputError } from '../formats/input-error.ts';
import { npyHeader } from '../formats/npy.ts';
import { safetensorsHeader } from '../formats/safetensors.ts';
import { swapAxes } from '../formats/swap-axes.ts';
import { axesApart, forEachRun } from './blocks.ts';
import type { Block, Layout } from './blocks.ts';
import type { Destination } from './destination.ts';

export interface DenseWriter {
  write(block: Block, values: Results): Promise<void>;
  /** All blocks have been written. */
  finish(): Promise<void>;
}

export interface DenseOptions {
  readonly format: Format;
  readonly type: ResultType;
  /** Shape of the result. */
  readonly shape: readonly number[];
  /** Whether blocks follow each other without a gap. */
  readonly sequential: boolean;
  /** How rows lie in the result, when the axes of grids are side by side. */
  readonly layout: Layout;
  /** The layout that blocks have, when the axes of rows were moved behind the others. */
  readonly moved: Layout | undefined;
  /** The tensor's name in a safetensors file. */
  readonly name: string;
  /** A CSV file's first line. */
  readonly header: readonly string[] | undefined;
  readonly delimiter: string;
  /** Bytes that may wait in memory. */
  readonly limit: number;
}

/** CSV holds no more than two axes. */
export function checkCsvShape(shape: readonly number[]): void {
  if (shape.length <= 2) return;
  throw new InputError('scores with one or two axes, to be written as CSV', `shape [${shape.join(', ')}]`);
}

/** Elements that leave a spool at once. */
const ELEMENTS_AT_ONCE = 1 << 16;

/** The elements of the result, row-major; `start` is the number of the first. */
interface Elements {
  /** Behind everything that was appended before. */
  append(values: Results): Promise<void>;
  /** In any order; not mixed with `append`. */
  put(start: number, values: Results): void;
  finish(): Promise<void>;
}

export async function denseWriter(destination: Destination, options: DenseOptions): Promise<DenseWriter> {
  const { type, layout, sequential, moved, limit } = options;
  const inOrder = sequential && moved === undefined;
  const direct = await (options.format === 'csv' ? csvElements : binaryElements)(
    destination,
    options,
    inOrder || layout.apart !== undefined,
  );
  const elements = layout.apart ? togetherElements(direct, layout, type, limit) : direct;
  if (moved) return movedWriter(elements, layout, type, limit);
  if (inOrder) return { write: (_, values) => elements.append(values), finish: () => elements.finish() };
  return {
    write(block, values) {
      forEachRun(block, values, (start, part) => elements.put(start, part));
      return Promise.resolve();
    },
    finish: () => elements.finish(),
  };
}

/** Collects rows, and exchanges the axes in the end. */
function movedWriter(elements: Elements, { outer, n, inner }: Layout, type: ResultType, limit: number): DenseWriter {
  const size = ELEMENT_BYTES[type] as 4 | 8;
  const spool = new Spool(limit, outer * n * inner * size);
  return {
    write(_, values) {
      spool.append(bytesOf(values));
      return Promise.resolve();
    },
    async finish() {
      const bytes = spool.bytes();
      swapAxes(
        { outer, rows: inner, columns: n, size },
        limit,
        (position, target) => bytes.read(position, target),
        (position, piece) => elements.put(position / size, resultsOf(piece, type)),
      );
      bytes.close();
      await elements.finish();
    },
  };
}

/** Elements of grids whose axes are side by side, until all are there. */
function togetherElements(elements: Elements, layout: Layout, type: ResultType, limit: number): Elements {
  const size = ELEMENT_BYTES[type];
  const total = countOf(layout.shape);
  const spool = new Spool(limit, total * size);
  return {
    append(values) {
      spool.append(bytesOf(values));
      return Promise.resolve();
    },
    put: (start, values) => spool.put(start * size, bytesOf(values)),
    async finish() {
      const together = { type, shape: layout.shape, bytes: spool.bytes(), offset: 0, bigEndian: false };
      const { bytes } = axesApart(together, layout, limit);
      for (let start = 0; start < total; start += ELEMENTS_AT_ONCE) {
        const piece = new Uint8Array(Math.min(ELEMENTS_AT_ONCE, total - start) * size);
        bytes.read(start * size, piece);
        await elements.append(resultsOf(piece, type));
      }
      bytes.close();
      await elements.finish();
    },
  };
}

async function binaryElements(destination: Destination, options: DenseOptions, inOrder: boolean): Promise<Elements> {
  const { format, type, shape, name } = options;
  const header = format === 'npy' ? npyHeader(type, shape) : safetensorsHeader([{ name, dtype: type, shape }]);
  if (inOrder) await destination.append(header);
  else destination.put(0, header);
  return {
    append: (values) => destination.append(bytesOf(values)),
    put: (start, values) => destination.put(header.length + start * ELEMENT_BYTES[type], bytesOf(values)),
    finish: () => Promise.resolve(),
  };
}

async function csvElements(destination: Destination, options: DenseOptions): Promise<Elements> {
  const { type, shape, header, delimiter, limit } = options;
  const columns = shape.at(-1)!;
  const encoder = new TextEncoder();
  const append = async (values: Results): Promise<void> => {
    for (const text of csvLines(values, columns, delimiter)) await destination.append(encoder.encode(text));
  };
  if (header) await destination.append(encoder.encode(csvHeader(header, delimiter)));
  let spool: Spool | undefined;
  return {
    append,
    put(start, values) {
      spool ??= new Spool(limit);
      spool.put(start * ELEMENT_BYTES[type], bytesOf(values));
    },
    async finish() {
      if (spool === undefined) return;
      const bytes = spool.bytes();
      const size = ELEMENT_BYTES[type];
      const step = Math.max(1, Math.floor(ELEMENTS_AT_ONCE / columns)) * columns;
      const total = countOf(shape);
      for (let start = 0; start < total; start += step) {
        const piece = new Uint8Array(Math.min(step, total - start) * size);
        bytes.read(start * size, piece);
        await append(resultsOf(piece, type));
      }
      bytes.close();
    },
  };
}
