// The forms of a result, behind one face: a block of scores goes in, its results are written and counted.

import type { ArrayFile } from '../formats/array-file.ts';
import type { Format } from '../formats/format.ts';
import { floatType, newFloats } from '../formats/elements.ts';
import type { Floats } from '../formats/elements.ts';
import { rowsInOneAxis } from './blocks.ts';
import type { Block, Layout } from './blocks.ts';
import { CsrWriter } from './csr-writer.ts';
import { denseWriter } from './dense-writer.ts';
import type { DenseOptions } from './dense-writer.ts';
import type { Destination } from './destination.ts';
import type { AnyRowMap } from './row-maps.ts';
import type { SupportStatistics } from './support-statistics.ts';

export interface ResultWriter {
  /** Calls the map on a block of scores, whose options are given, and writes what it returns. */
  map(block: Block, x: Floats, options: Record<string, unknown>): Promise<void>;
  finish(): Promise<void>;
}

export interface ResultOptions {
  readonly map: AnyRowMap;
  readonly file: ArrayFile;
  readonly layout: Layout;
  /** The layout that blocks have, when the axes of rows were moved behind the others. */
  readonly moved: Layout | undefined;
  readonly statistics: SupportStatistics;
  readonly format: Format;
  readonly delimiter: string;
  /** Whether blocks follow each other without a gap. */
  readonly sequential: boolean;
  /** Bytes that may wait in memory. */
  readonly limit: number;
}

/** Where groups go. */
export interface GroupsFile {
  readonly destination: Destination;
  readonly format: Format;
}

/** Probabilities as an array of the scores' shape. */
export async function denseResults(destination: Destination, options: ResultOptions): Promise<ResultWriter> {
  const { map, statistics } = options;
  const dense = denseOptions(options);
  const { type } = dense;
  const writer = await denseWriter(destination, dense);
  let results = newFloats(type, 0);
  return {
    async map(block, x, given) {
      if (results.length < x.length) results = newFloats(type, x.length);
      const out = results.subarray(0, x.length);
      map(x, { ...given, out });
      statistics.addDense(out, block.outer, block.n, block.inner);
      await writer.write(block, out);
    },
    finish: () => writer.finish(),
  };
}

/** The same, and in a file of its own the group of each entry. */
export async function groupedResults(
  destination: Destination,
  groups: GroupsFile,
  options: ResultOptions,
): Promise<ResultWriter> {
  const { map, statistics } = options;
  const dense = denseOptions(options);
  const values = await denseWriter(destination, dense);
  const names = await denseWriter(groups.destination, { ...dense, format: groups.format, type: 'I32', name: 'groups' });
  return {
    async map(block, x, given) {
      const result = map.groups!(x, given);
      statistics.addDense(result.p, block.outer, block.n, block.inner);
      statistics.addGroups(result.groups, block.outer, block.n, block.inner);
      await values.write(block, result.p);
      await names.write(block, result.groups);
    },
    async finish() {
      await values.finish();
      await names.finish();
    },
  };
}

function denseOptions(options: ResultOptions): DenseOptions & { readonly type: 'F32' | 'F64' } {
  const { file } = options;
  return {
    ...options,
    type: floatType(file.array.type),
    shape: file.array.shape,
    name: file.name ?? 'probabilities',
    header: file.header,
  };
}

/** The supports alone. */
export function sparseResults(
  destination: Destination,
  { map, file, layout, statistics, limit }: ResultOptions,
  order: 'index' | 'value' | undefined,
): ResultWriter {
  const { array } = file;
  const shape = rowsInOneAxis(layout);
  const writer = new CsrWriter(destination, floatType(array.type), shape, layout.axis, limit);
  return {
    map(block, x, given) {
      const rows = map.csr(x, { ...given, order });
      statistics.addSparse(rows, block.n);
      writer.write(rows);
      return Promise.resolve();
    },
    finish: () => writer.finish(),
  };
}
