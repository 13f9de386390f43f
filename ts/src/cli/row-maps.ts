// The maps that `entmax map` offers, and which options each takes besides those of all. A new map of the library is a line here.

import { budget, entmax, entmax15, softmax, sparsemax, topkEntmax, topkSparsemax } from 'entmax';
import type * as Regularised from 'entmax/regularised';
import type { SparseRows } from './csr-writer.ts';
import type { Floats } from '../formats/elements.ts';
import { InputError } from '../formats/input-error.ts';

/** A row map as the command calls it: the options have been read, their types are the library's business. */
export interface AnyRowMap {
  (x: Floats, options: Record<string, unknown>): unknown;
  csr(x: Floats, options: Record<string, unknown>): SparseRows;
  /** Of the maps that take --groups. */
  groups?(x: Floats, options: Record<string, unknown>): { p: Floats; groups: Int32Array<ArrayBuffer> };
}

/** The options that not every map takes, by their names on the command line. */
export const MAP_OPTIONS = {
  alpha: '--alpha',
  k: '--k',
  budget: '--budget',
  atMost: '--at-most',
  upper: '--upper',
  lambda: '--lambda',
  axes: '--axes',
  compat: '--compat',
  groups: '--groups',
} as const;
export type MapOption = keyof typeof MAP_OPTIONS;

/** What maps of grids take in place of options of rows. */
const IN_PLACE_OF = { axis: '--axes in place of --axis', lengths: '--mask in place of --lengths' };

interface MapEntry {
  readonly load: () => Promise<AnyRowMap>;
  /** Names of its own options. */
  readonly options: readonly MapOption[];
  /** The one of them that it cannot do without. */
  readonly required?: MapOption;
}

const entry = (map: unknown, options: readonly MapOption[] = [], required?: MapOption): MapEntry => ({
  load: () => Promise.resolve(map as AnyRowMap),
  options,
  ...(required && { required }),
});

/** A map of `entmax/regularised`, whose kernels are read when it is asked for. */
const regularised = (
  name: keyof typeof Regularised,
  options: readonly MapOption[],
  required?: MapOption,
): MapEntry => ({
  ...entry(undefined, options, required),
  load: async () => (await import('entmax/regularised'))[name] as unknown as AnyRowMap,
});

const MAPS: Readonly<Record<string, MapEntry>> = {
  softmax: entry(softmax),
  sparsemax: entry(sparsemax),
  entmax15: entry(entmax15),
  entmax: entry(entmax, ['alpha']),
  budget: entry(budget, ['budget', 'atMost', 'upper'], 'budget'),
  'topk-sparsemax': entry(topkSparsemax, ['k'], 'k'),
  'topk-entmax': entry(topkEntmax, ['alpha', 'k'], 'k'),
  fusedmax: regularised('fusedmax', ['lambda', 'groups'], 'lambda'),
  tvmax: regularised('tvmax', ['lambda', 'axes', 'groups'], 'lambda'),
  oscarmax: regularised('oscarmax', ['lambda', 'compat', 'groups'], 'lambda'),
  normmax: regularised('normmax', ['alpha']),
  'constrained-softmax': regularised('constrainedSoftmax', ['upper']),
  'constrained-sparsemax': regularised('constrainedSparsemax', ['upper']),
  'constrained-entmax': regularised('constrainedEntmax', ['alpha', 'upper']),
};

export const MAP_NAMES = Object.keys(MAPS);

/** True for the maps whose rows are grids, of two axes. */
export const isOfGrids = (name: string): boolean => MAPS[name]!.options.includes('axes');

/** The map of this name, after a look at the options that were given for it. */
export function mapNamed(name: string, given: Readonly<Record<string, unknown>>): Promise<AnyRowMap> {
  const { load, options, required } = MAPS[name]!;
  for (const [option, flag] of Object.entries(MAP_OPTIONS) as [MapOption, string][]) {
    if (option === required && given[option] === undefined) {
      throw new InputError(`${flag} with --map ${name}`, `no ${flag}`);
    }
    if (given[option] === undefined || options.includes(option)) continue;
    const takers = MAP_NAMES.filter((each) => MAPS[each]!.options.includes(option));
    throw new InputError(`${flag} with --map ${takers.join(' or ')}`, `--map ${name}`);
  }
  for (const [option, expected] of Object.entries(IN_PLACE_OF)) {
    if (!isOfGrids(name) || given[option] === undefined) continue;
    throw new InputError(`${expected} with --map ${name}`, `--${option}`);
  }
  return load();
}
