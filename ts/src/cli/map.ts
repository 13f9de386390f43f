// `entmax map`: probabilities of the rows of an array in a file. The work goes block by block: read scores, map them with the library,
// write probabilities, and their groups where asked for, count supports. Memory holds a few blocks, whatever the file's size; a row is
// never divided.

import { EntmaxError, init } from 'entmax';
import { resolve } from 'node:path';
import { openArrayFile } from '../formats/array-file.ts';
import type { ArrayFile } from '../formats/array-file.ts';
import { PIPE } from '../formats/files.ts';
import { ELEMENT_BYTES, floatType, newFloats, fillFloats } from '../formats/elements.ts';
import { formatOfName } from '../formats/format.ts';
import type { Format } from '../formats/format.ts';
import { InputError } from '../formats/input-error.ts';
import { moveAxesLast } from '../formats/row-major.ts';
import { blockOptions } from './block-options.ts';
import type { BlockOptions } from './block-options.ts';
import {
  areSequential,
  axesTogether,
  blocksOf,
  forEachRun,
  gridLayoutOf,
  hasShortRuns,
  layoutOf,
  movedLayout,
} from './blocks.ts';
import type { Block, Layout } from './blocks.ts';
import { checkCsvShape } from './dense-writer.ts';
import { openDestination } from './destination.ts';
import type { Destination } from './destination.ts';
import type { MapOptions } from './map-options.ts';
import { plainTable, write } from './output.ts';
import { Progress } from './progress.ts';
import { isOfGrids, mapNamed } from './row-maps.ts';
import type { AnyRowMap } from './row-maps.ts';
import { denseResults, groupedResults, sparseResults } from './result-writer.ts';
import type { GroupsFile } from './result-writer.ts';
import { SupportStatistics } from './support-statistics.ts';

/** Scores, results, what a map is given beside them, and what waits to be written share the memory. */
const SHARES = 4;
/** Groups, and what of them waits. */
const SHARES_OF_GROUPS = 2;

export async function mapFile(input: string, output: string, options: MapOptions): Promise<void> {
  const started = performance.now();
  const map = await mapNamed(options.map, { ...options });
  const inputFormat = formatOf(input, options.format);
  const outputFormat = formatOfOutput(output, inputFormat, options);
  const groupsFormat = formatOfGroups(output, options);
  const shares = SHARES + (groupsFormat ? SHARES_OF_GROUPS : 0);
  const limit = Math.floor((options.memory * 0x100000) / shares);
  const reading = {
    header: options.header,
    delimiter: options.delimiter,
    type: options.dtype === 'float32' ? ('F32' as const) : ('F64' as const),
    limit,
  };
  const progress = new Progress(process.stderr);
  let destination: Destination | undefined;
  let groups: GroupsFile | undefined;
  try {
    await init({ threads: options.threads });
    const onProgress = (done: number, total: number): void => progress.update('reading', done, total);
    const file = await openArrayFile(input, { ...reading, format: inputFormat, tensor: options.tensor, onProgress });
    const { shape } = file.array;
    const layout = isOfGrids(options.map)
      ? gridLayoutOf(shape, options.axes ?? [-2, -1])
      : layoutOf(shape, options.axis ?? -1);
    if (outputFormat === 'csv' || groupsFormat === 'csv') checkCsvShape(shape);
    const type = floatType(file.array.type);
    const elements = Math.floor(limit / ELEMENT_BYTES[type]);
    const moved = hasShortRuns(layout, elements, ELEMENT_BYTES[type]) ? movedLayout(layout) : undefined;
    const optionsOf = await blockOptions(options, { shape, layout, moved, reading, limit });
    destination = openDestination(output, limit);
    groups = groupsFormat && { destination: openDestination(options.groups!, limit), format: groupsFormat };
    const work = { map, file, layout, moved, type, elements, optionsOf, format: outputFormat, options, limit };
    const statistics = await mapBlocks(work, destination, groups, progress);
    await groups?.destination.commit();
    await destination.commit();
    progress.stop();
    if (!options.quiet) await write(process.stderr, `${summary(statistics, layout, performance.now() - started)}\n`);
  } finally {
    progress.stop();
    destination?.abandon();
    groups?.destination.abandon();
  }
}

function formatOf(path: string, given: Format | undefined): Format {
  const format = formatOfName(path) ?? given;
  if (format !== undefined) return format;
  throw new InputError(
    '--format npy, safetensors or csv, or a name that ends so',
    path === PIPE ? 'standard input without it' : path,
  );
}

function formatOfOutput(path: string, input: Format, options: MapOptions): Format {
  const { csr, order, outputFormat, format: given } = options;
  if (order !== undefined && !csr) throw new InputError('--order with --csr', 'no --csr');
  const named = formatOfName(path);
  if (named !== undefined && outputFormat !== undefined && named !== outputFormat) {
    throw new InputError(`--output-format ${named} for ${path}`, outputFormat);
  }
  const format = named ?? outputFormat ?? (csr ? 'safetensors' : (given ?? input));
  if (csr && format !== 'safetensors') throw new InputError('--csr into .safetensors', format);
  if (path === PIPE && format !== 'csv' && process.stdout.isTTY) {
    throw new InputError('a file or a pipe for binary output', 'a terminal');
  }
  return format;
}

/** The format of the groups, if there is a file for them. */
function formatOfGroups(output: string, { csr, groups: path }: MapOptions): Format | undefined {
  if (path === undefined) return undefined;
  if (csr) throw new InputError('--groups without --csr', 'both');
  if (resolve(path) === resolve(output)) throw new InputError('--groups into another file than probabilities', path);
  const format = formatOfName(path);
  if (format !== undefined) return format;
  throw new InputError('--groups with a name ending in .npy, .safetensors or .csv', JSON.stringify(path));
}

interface Work {
  readonly map: AnyRowMap;
  readonly file: ArrayFile;
  readonly layout: Layout;
  readonly moved: Layout | undefined;
  readonly type: 'F32' | 'F64';
  /** How many scores a block may have. */
  readonly elements: number;
  readonly optionsOf: BlockOptions;
  readonly format: Format;
  readonly options: MapOptions;
  readonly limit: number;
}

async function mapBlocks(
  work: Work,
  destination: Destination,
  groups: GroupsFile | undefined,
  progress: Progress,
): Promise<SupportStatistics> {
  const { file, layout, moved, type, elements, optionsOf, options, limit } = work;
  const statistics = new SupportStatistics();
  const { delimiter } = options;
  const results = { ...work, statistics, delimiter, sequential: areSequential(layout, elements) };
  const writer = options.csr
    ? sparseResults(destination, results, options.order)
    : groups
      ? await groupedResults(destination, groups, results)
      : await denseResults(destination, results);
  const together = axesTogether(file.array, layout, limit);
  const array = moved ? moveAxesLast(together, layout.axis, layout.rowShape.length, limit) : together;
  let scores = newFloats(type, 0);
  for (const block of blocksOf(moved ?? layout, elements)) {
    if (scores.length < block.size) scores = newFloats(type, block.size);
    const x = scores.subarray(0, block.size);
    forEachRun(block, x, (start, part) => fillFloats(array, start, part));
    await writer.map(block, x, optionsOf(block)).catch((error: unknown) => {
      throw inWholeArray(error, block);
    });
    progress.update('mapping', block.firstRow + block.rows, layout.rows);
    await turn();
  }
  await writer.finish();
  array.bytes.close();
  return statistics;
}

/** What the library refuses is the user's to mend; rows are counted in the whole array, not in the block. */
function inWholeArray(error: unknown, { firstRow }: Block): unknown {
  if (!(error instanceof EntmaxError) || !USER_ERRORS.has(error.code)) return error;
  const got = error.got.replace(/\brow ([0-9]+)/, (_, row: string) => `row ${firstRow + Number(row)}`);
  return new InputError(error.expected, got);
}

const USER_ERRORS: ReadonlySet<string> = new Set(['ENTMAX_OPTION', 'ENTMAX_SHAPE', 'ENTMAX_DTYPE', 'ENTMAX_EMPTY_ROW']);

/** Lets signals in between two blocks. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function summary(statistics: SupportStatistics, { n, rowShape }: Layout, milliseconds: number): string {
  const { groups, rows, nanRows, emptyRows, mean, smallest, largest, zeroShare } = statistics;
  const table = plainTable();
  const counted = rows > nanRows;
  table.push(
    [rowShape.length > 1 ? 'grids of scores' : 'rows of scores', `${rows} of ${rowShape.join(' x ')}`],
    ['mean support', counted ? `${mean.toFixed(1)}, from ${smallest} to ${largest}` : 'none'],
    ...(groups.rows > 0
      ? [['mean groups', `${(groups.total / groups.rows).toFixed(1)}, from ${groups.fewest} to ${groups.most}`]]
      : []),
    ['exact zeros', rows * n > 0 ? `${(100 * zeroShare).toFixed(2)} %` : 'none'],
    ['empty rows', String(emptyRows)],
    ['NaN rows', String(nanRows)],
    ['time', `${(milliseconds / 1000).toFixed(2)} s`],
  );
  return table.toString();
}
