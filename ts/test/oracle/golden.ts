/**
 * The golden values of ts/test/conformance: made by scripts/golden with mpmath and rational arithmetic, never by our
 * kernels. docs/conformance.md describes the files field by field; this loader turns them into typed arrays.
 */

import { readFileSync } from 'node:fs';
import { randomFrom } from './random.ts';
import type { FloatType } from './compare.ts';

type Text = number | 'Infinity' | '-Infinity' | 'NaN';

export interface GoldenRow {
  readonly name: string;
  readonly x: Float64Array;
  readonly alpha: number;
  readonly threshold: number;
  readonly p: Float64Array;
}

export interface GoldenSample {
  readonly name: string;
  readonly x: Float64Array;
  readonly alpha: number;
  /** Entries with p > 0. */
  readonly size: number;
  readonly threshold: number;
  readonly largest: number;
  /** Some entries: index and p. */
  readonly entries: readonly (readonly [number, number])[];
}

function read<C>(name: string): { versions: Record<string, string | number>; cases: C[] } {
  return JSON.parse(readFileSync(new URL(`../conformance/${name}`, import.meta.url), 'utf8')) as never;
}

/** Short rows, all entries. */
export function goldenRows(): GoldenRow[] {
  const { cases } = read<{ name: string; x: Text[]; results: { alpha: Text; threshold: Text; p: number[] }[] }>(
    'entmax-rows.json',
  );
  return cases.flatMap(({ name, x, results }) =>
    results.map(({ alpha, threshold, p }) => ({
      name,
      x: Float64Array.from(x, Number),
      alpha: Number(alpha),
      threshold: Number(threshold),
      p: Float64Array.from(p),
    })),
  );
}

/** Long rows, some entries. */
export function goldenSamples(): GoldenSample[] {
  type Case = Omit<GoldenSample, 'name' | 'x' | 'threshold'> & Generator & { threshold: Text };
  return read<Case>('entmax-large.json').cases.map(({ seed, n, scale, threshold, ...rest }) => {
    const x = generated({ seed, n, scale });
    return { ...rest, name: `n = ${n}, scale ${scale}`, x, threshold: Number(threshold) };
  });
}

/** A row that a seed describes: scale times randomFrom(seed).normal(). */
interface Generator {
  readonly seed: number;
  readonly n: number;
  readonly scale: number;
}

function generated({ seed, n, scale }: Generator): Float64Array {
  const random = randomFrom(seed);
  return Float64Array.from({ length: n }, () => random.normal() * scale);
}

/** The files with cases of the one format. */
export const CONFORMANCE_FILES = [
  'alpha-gradient',
  'vjp',
  'support',
  'losses',
  'budget',
  'topk',
  'errata',
  'handbook',
  'packages',
] as const;
/** Those of the regularised maps: certificates of optimality judge them, not the references (ts/test/regularised/golden.test.ts). */
export const REGULARISED_FILES = ['regularised', 'regularised-errata'] as const;
export type ConformanceFile = (typeof CONFORMANCE_FILES | typeof REGULARISED_FILES)[number];

export type RegularisedName =
  'fusedmax' | 'tvmax' | 'oscarmax' | 'normmax' | 'constrainedSoftmax' | 'constrainedSparsemax' | 'constrainedEntmax';
export type MapName =
  'softmax' | 'sparsemax' | 'entmax15' | 'entmax' | 'budget' | 'topkSparsemax' | 'topkEntmax' | RegularisedName;
export type LossName = 'softmaxLoss' | 'sparsemaxLoss' | 'entmax15Loss' | 'entmaxLoss' | 'budgetLoss';
export type Operation = MapName | LossName;

/** Expected values: all, or of long results those at some flat indices. */
export interface Values {
  readonly values: Float64Array;
  readonly at?: Int32Array;
}

/** A parameter: a number for all rows, or one per row (`upper`: one per entry). */
export type Parameter = number | Float64Array;

export interface Parameters {
  readonly alpha?: Parameter;
  readonly lambda?: Parameter;
  readonly budget?: Parameter;
  readonly upper?: Parameter;
  readonly atMost?: boolean;
  readonly k?: number;
  /** `oscarmax` only: what a package publishes. */
  readonly compat?: string;
  readonly temperature?: number;
  readonly ignoreIndex?: number;
  readonly classWeights?: Float64Array;
}

/** What a case expects. Lists "per row" run over the rows in row-major order of the other axes. */
export interface Expected {
  /** The output of a map, in the layout of x. */
  readonly p?: Values;
  /** Indices with p > 0, per row, ascending. */
  readonly support?: readonly (readonly number[])[];
  /** Indices with p equal to their upper bound to the last bit, per row, ascending. */
  readonly saturated?: readonly (readonly number[])[];
  /** In the layout of x: the lowest index in its row of the group that an entry is in; -1 where p = 0. */
  readonly groups?: readonly number[];
  /** The size of the support, per row. */
  readonly sizes?: readonly number[];
  /** Per row: in units of the scores. */
  readonly thresholds?: Float64Array;
  /** Top-k, per row: 1 where the result is that of the unrestricted map. */
  readonly exact?: readonly number[];
  /** Gradients of <dp, p> of a map, or of the sum of a loss over its rows. */
  readonly dx?: Values;
  /** Per row. */
  readonly dalpha?: Float64Array;
  /** Per row. */
  readonly dlambda?: Float64Array;
  /** Per row. */
  readonly dbudget?: Float64Array;
  /** In the layout of x. */
  readonly dupper?: Values;
  /** Losses, per row. */
  readonly loss?: Float64Array;
  readonly sum?: number;
  readonly mean?: number;
  /** The call is refused with an error. */
  readonly error?: true;
}

export type Quantity = Exclude<keyof Expected, 'error'>;

export interface ConformanceCase {
  readonly name: string;
  /** Cases of an erratum of MATH.md §18 belong to a group, and say which number it has. */
  readonly group?: string;
  readonly erratum?: number;
  readonly operation: Operation;
  readonly x: Float64Array;
  readonly shape: readonly number[];
  readonly axis: number;
  /** `tvmax`: the two axes of a grid, which is its row. */
  readonly axes?: readonly [number, number];
  readonly mask?: Uint8Array;
  readonly parameters: Parameters;
  /** The cotangent of p. */
  readonly dp?: Float64Array;
  /** Targets of a loss: a class per row, or distributions in the layout of x. */
  readonly classes?: Int32Array;
  readonly distribution?: Float64Array;
  readonly expected: Expected;
  /** The types in which the inputs are exact and the case is meant; for each quantity the largest absolute error. */
  readonly tolerance: Readonly<Partial<Record<FloatType, Partial<Record<Quantity, number>>>>>;
  /** What other implementations answer, as recorded when the case was made. */
  readonly others?: readonly { package: string; version: string; call: string; gives: unknown }[];
}

type RawValues = Text[] | { at: number[]; values: Text[] };
type Raw = Record<string, never> & {
  name: string;
  operation: Operation;
  x: Text[] | { generator: 'normal'; seed: number; n: number; scale: number };
  shape?: number[];
  axis?: number;
  mask?: number[];
  parameters?: Record<string, Text | Text[] | boolean>;
  dp?: Text[];
  classes?: number[];
  distribution?: Text[];
  expected: Record<string, unknown>;
};

const floats = (values: Text[]): Float64Array => Float64Array.from(values, Number);
const present = <O extends object>(fields: O): { [K in keyof O]: Exclude<O[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;

/** The cases of a file. */
export function conformanceCases(file: ConformanceFile): ConformanceCase[] {
  return read<Raw>(`${file}.json`).cases.map((raw) => {
    const x = Array.isArray(raw.x) ? floats(raw.x) : generated(raw.x);
    return present({
      ...raw,
      x,
      shape: raw.shape ?? [x.length],
      axis: raw.axis ?? -1,
      mask: raw.mask && Uint8Array.from(raw.mask),
      parameters: parametersOf(raw.parameters ?? {}),
      dp: raw.dp && floats(raw.dp),
      classes: raw.classes && Int32Array.from(raw.classes),
      distribution: raw.distribution && floats(raw.distribution),
      expected: expectedOf(raw.expected),
    }) as unknown as ConformanceCase;
  });
}

function parametersOf(raw: Record<string, Text | Text[] | boolean>): Parameters {
  const value = (each: Text | Text[] | boolean): unknown =>
    Array.isArray(each) ? floats(each) : typeof each === 'boolean' ? each : Number(each);
  return Object.fromEntries(Object.entries(raw).map(([name, each]) => [name, name === 'compat' ? each : value(each)]));
}

function expectedOf(raw: Record<string, unknown>): Expected {
  const readers: Record<string, (value: never) => unknown> = {
    p: valuesOf,
    dx: valuesOf,
    dupper: valuesOf,
    thresholds: floats,
    dalpha: floats,
    dlambda: floats,
    dbudget: floats,
    loss: floats,
    sum: Number,
    mean: Number,
  };
  const sizes = (raw['support'] as number[][] | undefined)?.map(({ length }) => length);
  return Object.fromEntries(
    Object.entries({ ...(sizes && { sizes }), ...raw }).map(([name, value]) => [
      name,
      readers[name] ? readers[name](value as never) : value,
    ]),
  );
}

function valuesOf(raw: RawValues): Values {
  return Array.isArray(raw) ? { values: floats(raw) } : { values: floats(raw.values), at: Int32Array.from(raw.at) };
}
