// The maps that `entmax map` offers, and which options each takes besides those of all. A new map of the library is a line here.

import { budget, entmax, entmax15, softmax, sparsemax, topkEntmax, topkSparsemax } from 'entmax';
import type { SparseRows } from './csr-writer.ts';
import { InputError } from '../formats/input-error.ts';

/** A row map as the command calls it: the options have been read, their types are the library's business. */
export interface AnyRowMap {
  (x: Float32Array | Float64Array, options: Record<string, unknown>): unknown;
  csr(x: Float32Array | Float64Array, options: Record<string, unknown>): SparseRows;
}

/** The options that not every map takes, by their names on the command line. */
export const MAP_OPTIONS = {
  alpha: '--alpha',
  k: '--k',
  budget: '--budget',
  atMost: '--at-most',
  upper: '--upper',
} as const;
export type MapOption = keyof typeof MAP_OPTIONS;

interface MapEntry {
  readonly map: AnyRowMap;
  /** Names of its own options. */
  readonly options: readonly MapOption[];
  /** The one of them that it cannot do without. */
  readonly required?: MapOption;
}

const entry = (map: unknown, options: readonly MapOption[] = [], required?: MapOption): MapEntry => ({
  map: map as AnyRowMap,
  options,
  ...(required && { required }),
});

const MAPS: Readonly<Record<string, MapEntry>> = {
  softmax: entry(softmax),
  sparsemax: entry(sparsemax),
  entmax15: entry(entmax15),
  entmax: entry(entmax, ['alpha']),
  budget: entry(budget, ['budget', 'atMost', 'upper'], 'budget'),
  'topk-sparsemax': entry(topkSparsemax, ['k'], 'k'),
  'topk-entmax': entry(topkEntmax, ['alpha', 'k'], 'k'),
};

export const MAP_NAMES = Object.keys(MAPS);

/** The map of this name, after a look at the options that were given for it. */
export function mapNamed(name: string, given: Readonly<Record<string, unknown>>): AnyRowMap {
  const { map, options, required } = MAPS[name]!;
  for (const [option, flag] of Object.entries(MAP_OPTIONS) as [MapOption, string][]) {
    if (option === required && given[option] === undefined) {
      throw new InputError(`${flag} with --map ${name}`, `no ${flag}`);
    }
    if (given[option] === undefined || options.includes(option)) continue;
    const takers = MAP_NAMES.filter((each) => MAPS[each]!.options.includes(option));
    throw new InputError(`${flag} with --map ${takers.join(' or ')}`, `--map ${name}`);
  }
  return map;
}
