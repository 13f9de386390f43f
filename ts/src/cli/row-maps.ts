// The maps that `entmax map` offers, and which options each takes besides those of all. A new map of the library is a line here.

import { entmax, entmax15, softmax, sparsemax } from 'entmax';
import type { SparseRows } from './csr-writer.ts';
import { InputError } from '../formats/input-error.ts';

/** A row map as the command calls it: the options have been read, their types are the library's business. */
export interface AnyRowMap {
  (x: Float32Array | Float64Array, options: Record<string, unknown>): unknown;
  csr(x: Float32Array | Float64Array, options: Record<string, unknown>): SparseRows;
}

interface MapEntry {
  readonly map: AnyRowMap;
  /** Names of its own options. */
  readonly options: readonly MapOption[];
}

export const MAP_OPTIONS = ['alpha', 'k', 'budget', 'atMost', 'upper'] as const;
export type MapOption = (typeof MAP_OPTIONS)[number];

const MAPS: Readonly<Record<string, MapEntry>> = {
  softmax: { map: softmax as unknown as AnyRowMap, options: [] },
  sparsemax: { map: sparsemax as unknown as AnyRowMap, options: [] },
  entmax15: { map: entmax15 as unknown as AnyRowMap, options: [] },
  entmax: { map: entmax as unknown as AnyRowMap, options: ['alpha'] },
};

export const MAP_NAMES = Object.keys(MAPS);

/** The map of this name, after a look at the options that were given for it. */
export function mapNamed(name: string, given: readonly MapOption[]): AnyRowMap {
  const { map, options } = MAPS[name]!;
  for (const option of given) {
    if (options.includes(option)) continue;
    const takers = MAP_NAMES.filter((each) => MAPS[each]!.options.includes(option));
    throw new InputError(`--${flag(option)} with --map ${takers.join(' or ')}`, `--map ${name}`);
  }
  return map;
}

function flag(option: MapOption): string {
  return option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
