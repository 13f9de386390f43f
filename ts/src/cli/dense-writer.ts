// Writes probabilities block by block in each format. Binary formats have a header of known size and the elements at their places. CSV
// has no places: when blocks do not follow each other, they wait in a spool until all are there.

import { Spool, bytesOf } from '../formats/bytes.ts';
import { csvHeader, csvLines } from '../formats/csv.ts';
import type { Format } from '../formats/format.ts';
import { countOf, newFloats, fillFloats } from '../formats/elements.ts';
import type { Floats } from '../formats/elements.ts';
import { InputError } from '../formats/input-error.ts';
import { npyHeader } from '../formats/npy.ts';
import { safetensorsHeader } from '../formats/safetensors.ts';
import { forEachRun } from './blocks.ts';
import type { Block } from './blocks.ts';
import type { Destination } from './destination.ts';

export interface DenseWriter {
  write(block: Block, values: Floats): Promise<void>;
  /** All blocks have been written. */
  finish(): Promise<void>;
}

export interface DenseOptions {
  readonly format: Format;
  readonly type: 'F32' | 'F64';
  readonly shape: readonly number[];
  /** Whether blocks follow each other without a gap. */
  readonly sequential: boolean;
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

export async function denseWriter(destination: Destination, options: DenseOptions): Promise<DenseWriter> {
  const { format, type, shape, sequential, name } = options;
  if (format === 'csv') return csvWriter(destination, options);
  const header = format === 'npy' ? npyHeader(type, shape) : safetensorsHeader([{ name, dtype: type, shape }]);
  if (sequential) {
    await destination.append(header);
    return { write: (_, values) => destination.append(bytesOf(values)), finish: () => Promise.resolve() };
  }
  destination.put(0, header);
  return {
    write(block, values) {
      forEachRun(block, values, (start, part) => {
        destination.put(header.length + start * values.BYTES_PER_ELEMENT, bytesOf(part));
      });
      return Promise.resolve();
    },
    finish: () => Promise.resolve(),
  };
}

/** Elements of a spooled table that become text at once. */
const CSV_ELEMENTS = 1 << 16;

async function csvWriter(destination: Destination, options: DenseOptions): Promise<DenseWriter> {
  const { type, shape, sequential, header, delimiter, limit } = options;
  const columns = shape.at(-1)!;
  const encoder = new TextEncoder();
  const writeLines = async (values: Floats): Promise<void> => {
    for (const text of csvLines(values, columns, delimiter)) await destination.append(encoder.encode(text));
  };
  if (header) await destination.append(encoder.encode(csvHeader(header, delimiter)));
  if (sequential) return { write: (_, values) => writeLines(values), finish: () => Promise.resolve() };
  const spool = new Spool(limit);
  return {
    write(block, values) {
      forEachRun(block, values, (start, part) => spool.put(start * values.BYTES_PER_ELEMENT, bytesOf(part)));
      return Promise.resolve();
    },
    async finish() {
      const bytes = spool.bytes();
      const step = Math.max(1, Math.floor(CSV_ELEMENTS / columns)) * columns;
      const total = countOf(shape);
      for (let start = 0; start < total; start += step) {
        const values = newFloats(type, Math.min(step, total - start));
        fillFloats({ type, shape, bytes, offset: 0, bigEndian: false }, start, values);
        await writeLines(values);
      }
      bytes.close();
    },
  };
}
