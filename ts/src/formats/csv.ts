// Numbers in CSV (RFC 4180): one line for each row, all lines of one length, perhaps a header.
//
// Reading is strict, because a table that is read wrongly gives probabilities that look right: a field is a decimal number, nan, inf or
// infinity in any case, and nothing else; every other field is an error with its line. A first line in which no field is a number is a
// header; one in which some are is an error, unless the caller says what it is. Numbers go to a spool as they come, so that a file may be
// larger than memory. The quoting is csv-parse's.

import { CsvError, parse } from 'csv-parse';
import { pipeline } from 'node:stream/promises';
import { bytesOf } from './bytes.ts';
import { Spool } from './files.ts';
import { newFloats } from './elements.ts';
import type { Floats, Results, StoredArray } from './elements.ts';
import { showFloat } from './float-text.ts';
import { InputError } from './input-error.ts';

export interface CsvOptions {
  /** Whether the first line is a header; auto: if none of its fields is a number. */
  readonly header: 'auto' | 'yes' | 'no';
  readonly delimiter: string;
  readonly type: 'F32' | 'F64';
  /** Bytes of numbers that may lie in memory. */
  readonly limit: number;
  /** Called with the number of bytes read so far. */
  readonly onBytes?: (bytes: number) => void;
}

export interface CsvTable {
  readonly array: StoredArray;
  readonly header: readonly string[] | undefined;
}

/** A line is a row of a table that somebody wants in memory; a longer one is no CSV. */
const MAX_LINE_BYTES = 1 << 28;
const NUMBER = /^[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf(?:inity)?|nan)$/i;

/** Reads the numbers of a CSV stream to its end. */
export async function readCsv(stream: NodeJS.ReadableStream, options: CsvOptions): Promise<CsvTable> {
  const { delimiter, type, limit } = options;
  const spool = new Spool(limit);
  let header: string[] | undefined;
  let lines = 0;
  let row: Floats | undefined;
  const take = (fields: string[], line: number): void => {
    if (lines === 0 && header === undefined && isHeader(fields, options.header)) {
      header = fields;
      row = newFloats(type, fields.length);
      return;
    }
    row ??= newFloats(type, fields.length);
    if (fields.length !== row.length) {
      throw new InputError(`${row.length} fields in line ${line} of the CSV file, as before`, String(fields.length));
    }
    for (let i = 0; i < row.length; i++) row[i] = parseNumber(fields[i]!, type, line, i);
    spool.append(bytesOf(row));
    lines++;
  };
  const parser = parse({
    bom: true,
    delimiter,
    max_record_size: MAX_LINE_BYTES,
    relax_column_count: true,
    on_record: (fields: string[], { lines: line }) => {
      take(fields, line);
      return null;
    },
  });
  parser.on('data', () => undefined);
  stream.on('data', () => options.onBytes?.(parser.info.bytes));
  try {
    await pipeline(stream, parser);
  } catch (error) {
    throw error instanceof CsvError ? new InputError('a CSV file of numbers', error.message) : error;
  }
  if (row === undefined) throw new InputError('a CSV file with at least one line', 'an empty one');
  const bytes = spool.bytes();
  return { array: { type, shape: [lines, row.length], bytes, offset: 0, bigEndian: false }, header };
}

function isHeader(fields: readonly string[], given: CsvOptions['header']): boolean {
  if (given !== 'auto') return given === 'yes';
  const numbers = fields.filter((field) => NUMBER.test(field.trim())).length;
  if (numbers === 0 && fields.some((field) => field.trim() !== '')) return true;
  if (numbers === fields.length) return false;
  const other = fields.find((field) => !NUMBER.test(field.trim()));
  throw new InputError(
    'the first line of the CSV file to be numbers or a header (--header yes says that it is one)',
    `${numbers} numbers and ${JSON.stringify(other)}`,
  );
}

function parseNumber(field: string, type: 'F32' | 'F64', line: number, column: number): number {
  const text = field.trim();
  const where = `in line ${line}, field ${column + 1} of the CSV file`;
  if (!NUMBER.test(text)) throw new InputError(`a number ${where}`, JSON.stringify(shorten(field)));
  const value = Number(text);
  if (Number.isNaN(value)) {
    if (/nan/i.test(text)) return NaN;
    return text.startsWith('-') ? -Infinity : Infinity;
  }
  if (!Number.isFinite(type === 'F32' ? Math.fround(value) : value) && !/inf/i.test(text)) {
    throw new InputError(
      `a number within ${type === 'F32' ? 'float32 (--dtype float64 holds more)' : 'float64'} ${where}`,
      text,
    );
  }
  return value;
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}

/** A header line, quoted where it must be. */
export function csvHeader(fields: readonly string[], delimiter: string): string {
  const quoted = (field: string): string =>
    /["\r\n]/.test(field) || field.includes(delimiter) ? `"${field.replaceAll('"', '""')}"` : field;
  return `${fields.map(quoted).join(delimiter)}\n`;
}

/** Rows of `columns` numbers as text, in pieces of moderate length; every number is read back bit for bit. */
export function* csvLines(values: Results, columns: number, delimiter: string): Generator<string> {
  const type = values instanceof Float32Array ? 'F32' : 'F64';
  let text = '';
  for (let start = 0; start < values.length; start += columns) {
    text += showFloat(values[start]!, type);
    for (let i = start + 1; i < start + columns; i++) text += delimiter + showFloat(values[i]!, type);
    text += '\n';
    if (text.length < PIECE) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}

const PIECE = 1 << 16;
