/** The factors of the tests, small enough to be enumerated, and scores for them. */

import { factors, sparsemap } from 'entmax/structured';
import type { Solution } from 'entmax/structured';
import { randomFrom } from '../oracle/random.ts';
import { assignments, oneOf, sequences, subsets, trees } from './enumerate.ts';
import type { Listed } from './enumerate.ts';

export type Table = 'unary' | 'transitions' | 'start' | 'end';
export type Tables = Partial<Record<Table, Float64Array>> & { unary: Float64Array };
export type Shapes = Partial<Record<Table, readonly number[]>> & { unary: readonly number[] };
export type Untyped = (
  scores: unknown,
  factor: unknown,
  options?: unknown,
) => Solution<Table, ArrayLike<number>, never>;
export const solve = sparsemap as unknown as Untyped & {
  vjp: (scores: unknown, factor: unknown, options?: unknown) => [ReturnType<Untyped>, (dy: unknown) => Blocks];
  async: (scores: unknown, factor: unknown, options?: unknown) => Promise<ReturnType<Untyped>>;
};
export type Blocks = Partial<Record<Table, { data: Float64Array; shape: readonly number[] }>>;

export interface Case {
  readonly name: string;
  readonly factor: unknown;
  readonly shapes: Shapes;
  readonly structures: readonly Listed[];
}

const chain = (t: number, s: number): Shapes => ({ unary: [t, s], transitions: [t - 1, s, s], start: [s], end: [s] });

export const CASES: readonly Case[] = [
  { name: 'sequence 4 x 3', factor: factors.sequence(), shapes: chain(4, 3), structures: sequences(4, 3) },
  { name: 'sequence 1 x 3', factor: factors.sequence(), shapes: chain(1, 3), structures: sequences(1, 3) },
  {
    name: 'sequence 3 x 2, unary alone',
    factor: factors.sequence(),
    shapes: { unary: [3, 2] },
    structures: sequences(3, 2),
  },
  {
    name: 'binary sequence of 5 with two ones',
    factor: factors.sequence({ budget: 2 }),
    shapes: { unary: [5, 2], transitions: [4, 2, 2] },
    structures: sequences(5, 2, 2),
  },
  { name: 'arborescence of 4', factor: factors.arborescence(), shapes: { unary: [5, 5] }, structures: trees(4) },
  {
    name: 'arborescence of 3, one root',
    factor: factors.arborescence({ root: 'one' }),
    shapes: { unary: [4, 4] },
    structures: trees(3, { oneRoot: true }),
  },
  {
    name: 'projective tree of 4',
    factor: factors.projectiveTree(),
    shapes: { unary: [5, 5] },
    structures: trees(4, { projective: true }),
  },
  {
    name: 'projective tree of 4, one root',
    factor: factors.projectiveTree({ root: 'one' }),
    shapes: { unary: [5, 5] },
    structures: trees(4, { projective: true, oneRoot: true }),
  },
  { name: 'assignment 4 x 4', factor: factors.assignment(), shapes: { unary: [4, 4] }, structures: assignments(4, 4) },
  { name: 'assignment 2 x 4', factor: factors.assignment(), shapes: { unary: [2, 4] }, structures: assignments(2, 4) },
  { name: 'assignment 4 x 2', factor: factors.assignment(), shapes: { unary: [4, 2] }, structures: assignments(4, 2) },
  { name: 'assignment 1 x 5', factor: factors.assignment(), shapes: { unary: [1, 5] }, structures: assignments(1, 5) },
  {
    name: 'assignment 3 x 3, unmatched',
    factor: factors.assignment({ unmatched: true }),
    shapes: { unary: [3, 3] },
    structures: assignments(3, 3, true),
  },
  { name: '3 of 7', factor: factors.budget(3), shapes: { unary: [7] }, structures: subsets(7, (size) => size === 3) },
  {
    name: 'at most 2 of 6',
    factor: factors.budget(2, { atMost: true }),
    shapes: { unary: [6] },
    structures: subsets(6, (size) => size <= 2),
  },
  { name: 'bits of 7', factor: factors.bits(), shapes: { unary: [7] }, structures: subsets(7) },
  { name: 'one of 6', factor: factors.oneHot(), shapes: { unary: [6] }, structures: oneOf(6) },
];

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

export function tablesOf(shapes: Shapes, seed: number, scale: number, whole = false): Tables {
  const random = randomFrom(seed);
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const number = (): number => (whole ? Math.round(random.normal()) : random.normal()) * scale;
    return [name, Float64Array.from({ length: sizeOf(shape) }, number)];
  });
  return Object.fromEntries(entries) as Tables;
}

export const blocksOf = (tables: Tables, shapes: Shapes, batch: readonly number[] = []): Blocks =>
  Object.fromEntries(
    Object.entries(tables).map(([name, data]) => [name, { data, shape: [...batch, ...shapes[name as Table]!] }]),
  );

export const score = (listed: Listed, tables: Tables): number =>
  Object.entries(tables).reduce(
    (sum, [name, table]) => sum + (listed[name as Table] ?? []).reduce((part, at) => part + table[at]!, 0),
    0,
  );
