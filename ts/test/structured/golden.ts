/**
 * The golden values of structured inference, ts/test/conformance/structured*.json, made by scripts/golden with other people's
 * solvers and rational arithmetic. docs/conformance.md describes the files; this loader turns tables into typed arrays.
 */

import { readFileSync } from 'node:fs';
import { randomFrom } from '../oracle/random.ts';
import type { FloatType } from '../oracle/compare.ts';

/** Scores or cotangents with their shape. */
export interface Block {
  readonly data: Float64Array;
  readonly shape: readonly number[];
}
export type Blocks = Readonly<Record<string, Block>>;

/** Expected values of a table: all, or those at some flat places. */
export interface Entries {
  readonly values: readonly number[];
  readonly at?: readonly number[];
}

export interface GoldenExpected {
  readonly structures?: readonly (readonly number[])[];
  readonly scores?: readonly number[];
  readonly weights?: readonly number[];
  readonly marginals?: Readonly<Record<string, Entries>>;
  readonly objective?: number;
  readonly gradients?: Readonly<Record<string, Entries>>;
  readonly weightGradients?: Readonly<Record<string, Entries>>;
  readonly loss?: number;
  readonly converged?: false;
}

export type GoldenQuantity = Exclude<keyof GoldenExpected, 'structures' | 'converged'>;

export interface GoldenFactor {
  readonly factor: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** References to variables: `x`, `x[1,2]`, `x[:,2]`, negated with `!`. */
  readonly over: readonly string[];
  readonly coupling?: string;
}

export interface StructuredCase {
  readonly name: string;
  readonly group?: string;
  readonly erratum?: number;
  readonly operation: 'map' | 'kbest' | 'sparsemap' | 'lpSparsemap';
  /** Of all operations but `lpSparsemap`. */
  readonly factor: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Of `lpSparsemap`. */
  readonly factors: readonly GoldenFactor[];
  readonly scores: Blocks;
  readonly k?: number;
  readonly cotangents?: Blocks;
  readonly dweights?: readonly number[];
  readonly target?: readonly number[];
  /** The marginals are the mean of fewer structures too than their derivative needs. */
  readonly ties?: true;
  readonly expected: GoldenExpected;
  readonly tolerance: Readonly<Partial<Record<FloatType, Partial<Record<GoldenQuantity, number>>>>>;
}

type RawTable = { shape: number[] } & (
  { values: (number | string)[] } | { generator: 'normal'; seed: number; scale: number; forbidden?: number[] }
);
type RawEntries = Record<string, number[] | Entries>;
type RawCase = Omit<StructuredCase, 'scores' | 'cotangents' | 'expected'> & {
  scores: Record<string, RawTable>;
  cotangents?: Record<string, RawTable>;
  expected: Omit<GoldenExpected, 'marginals' | 'gradients' | 'weightGradients'> & {
    marginals?: RawEntries;
    gradients?: RawEntries;
    weightGradients?: RawEntries;
  };
};

export const STRUCTURED_FILES = ['structured', 'structured-graphs', 'structured-errata'] as const;
export type StructuredFile = (typeof STRUCTURED_FILES)[number];

/** The cases of a file. */
export function structuredCases(file: StructuredFile): StructuredCase[] {
  const text = readFileSync(new URL(`../conformance/${file}.json`, import.meta.url), 'utf8');
  const { cases } = JSON.parse(text) as { cases: RawCase[] };
  return cases.map(({ scores, cotangents, expected, ...rest }) => {
    const { marginals, gradients, weightGradients, ...others } = expected;
    return {
      ...rest,
      scores: mapped(scores, blockOf),
      ...(cotangents && { cotangents: mapped(cotangents, blockOf) }),
      expected: {
        ...others,
        ...(marginals && { marginals: mapped(marginals, entriesOf) }),
        ...(gradients && { gradients: mapped(gradients, entriesOf) }),
        ...(weightGradients && { weightGradients: mapped(weightGradients, entriesOf) }),
      },
    };
  });
}

const mapped = <A, B>(record: Record<string, A>, f: (each: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([name, each]) => [name, f(each)]));

const entriesOf = (raw: number[] | Entries): Entries => (Array.isArray(raw) ? { values: raw } : raw);

function blockOf(table: RawTable): Block {
  const { shape } = table;
  if ('values' in table) return { data: Float64Array.from(table.values, Number), shape };
  const random = randomFrom(table.seed);
  const length = shape.reduce((product, size) => product * size, 1);
  const data = Float64Array.from({ length }, () => random.normal() * table.scale);
  for (const at of table.forbidden ?? []) data[at] = -Infinity;
  return { data, shape };
}
