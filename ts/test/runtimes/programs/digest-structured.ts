/** What the digest computes of structured inference: solutions, gradients and best structures of every factor. */

import { tensor } from 'entmax';
import { factors, map, sparsemap } from 'entmax/structured';
import type { Solution } from 'entmax/structured';
import type { AttentionForm } from './digest-attention.ts';
import { hashOf } from './hash.ts';
import { mulberry32 } from './scores.ts';

type Floats = Float32Array | Float64Array;
type Block = { data: Floats; shape: number[] };

export interface StructuredCase {
  readonly name: string;
  readonly rows: number;
  readonly n: number;
  readonly forms: readonly AttentionForm[];
  readonly threads: 'all' | 'any';
  readonly run: (form: string) => Promise<string>;
  readonly dispose: () => void;
}

type Pullback = (dy: object) => Record<string, Block> | Promise<Record<string, Block>>;
interface AnySparseMap {
  (...args: unknown[]): Solution<string, ArrayLike<number>, never>;
  vjp(...args: unknown[]): [Solution<string, ArrayLike<number>, never>, Pullback];
  async: {
    (...args: unknown[]): Promise<Solution<string, ArrayLike<number>, never>>;
    vjp(...args: unknown[]): Promise<[Solution<string, ArrayLike<number>, never>, Pullback]>;
  };
}
const solve = sparsemap as unknown as AnySparseMap;
const best = map as unknown as (...args: unknown[]) => { scores: Float64Array };

const FORMS: readonly AttentionForm[] = ['tensor', 'array', 'vjp', 'tensor async', 'array async', 'vjp async'];

/** The unary table of one problem, and whether there are transitions. */
const FACTORS: readonly [name: string, factor: unknown, table: number[], transitions?: number[]][] = [
  ['sequence', factors.sequence(), [9, 6], [8, 6, 6]],
  ['sequence within a budget', factors.sequence({ budget: 3 }), [8, 2], [7, 2, 2]],
  ['arborescence', factors.arborescence(), [9, 9]],
  ['arborescence with one root', factors.arborescence({ root: 'one' }), [9, 9]],
  ['projective tree', factors.projectiveTree({ root: 'one' }), [9, 9]],
  ['assignment', factors.assignment(), [6, 8]],
  ['assignment with unmatched', factors.assignment({ unmatched: true }), [7, 7]],
  ['budget', factors.budget(5), [40]],
  ['bits', factors.bits(), [35]],
  ['one-hot', factors.oneHot(), [33]],
  ['custom', factors.custom({ size: 12, map: bestRun }), [12]],
];

/** An oracle of the program's own: the best run of neighbours, whose first counts twice. */
function bestRun(scores: Float64Array): { key: string; value: number[]; vertex: number[] } {
  let [best, from, to] = [-Infinity, 0, 0];
  for (let i = 0; i < scores.length; i++) {
    let sum = scores[i]!;
    for (let j = i; j < scores.length; j++) {
      sum += scores[j]!;
      if (sum > best) [best, from, to] = [sum, i, j];
    }
  }
  const entry = (part: number): number => (part < from || part > to ? 0 : part === from ? 2 : 1);
  return { key: `${from}-${to}`, value: [from, to], vertex: Array.from(scores, (_, part) => entry(part)) };
}

export function* structuredCases(): Generator<StructuredCase> {
  for (const dtype of ['float32', 'float64'] as const) {
    for (const each of FACTORS) yield structuredCase(dtype, each, 5, 'any');
    yield structuredCase(dtype, ['large sequences', factors.sequence(), [30, 12], [29, 12, 12]], 48, 'all');
    yield structuredCase(dtype, ['large trees', factors.arborescence(), [21, 21]], 48, 'all');
  }
}

function structuredCase(
  dtype: 'float32' | 'float64',
  [name, factor, table, transitions]: (typeof FACTORS)[number],
  problems: number,
  threads: 'all' | 'any',
): StructuredCase {
  const random = mulberry32(table[0]! * 100 + problems);
  // Multiples of 1/64 in (-2, 2): sums of a structure are exact, ties are many.
  const block = (shape: number[]): Block => {
    const data = new { float32: Float32Array, float64: Float64Array }[dtype](shape.reduce((a, b) => a * b, problems));
    for (let i = 0; i < data.length; i++) data[i] = ((random() >>> 8) % 255) / 64 - 2;
    return { data, shape: [problems, ...shape] };
  };
  const blocks = { unary: block(table), ...(transitions && { transitions: block(transitions) }) };
  const tensors = Object.fromEntries(
    Object.entries(blocks).map(([table, { data, shape }]) => [table, tensor<Floats>(data, shape)]),
  );
  const run = async (form: string): Promise<string> => {
    const call = form.endsWith('async') ? solve.async : solve;
    if (form.startsWith('tensor')) {
      const solution = await call(tensors, factor);
      const marginals = solution.marginals as unknown as typeof tensors;
      const hash = hashOf(...numbersOf(solution), ...Object.values(marginals).map((each) => each.toTypedArray()));
      for (const each of Object.values(marginals)) each.dispose();
      return hash;
    }
    if (form.startsWith('vjp')) {
      const [solution, pullback] = await call.vjp(blocks, factor);
      const gradients = await pullback(blocks);
      const { scores } = best(blocks, factor);
      return hashOf(scores, ...tablesOf(solution.marginals), ...tablesOf(gradients));
    }
    const solution = await call(blocks, factor);
    return hashOf(...numbersOf(solution), ...tablesOf(solution.marginals));
  };
  return {
    name: `${name}, ${dtype}`,
    rows: problems,
    n: table[0]!,
    forms: FORMS,
    threads,
    run,
    dispose: () => {
      for (const each of Object.values(tensors)) each.dispose();
    },
  };
}

const tablesOf = (tables: object): Floats[] => (Object.values(tables) as Block[]).map(({ data }) => data);

function numbersOf(solution: Solution<string, ArrayLike<number>, never>): (Int32Array | Float64Array)[] {
  const { indptr, structures, weights, gap, iterations } = solution;
  return [indptr, ...structures.map((each) => Int32Array.from(each)), weights, gap, iterations];
}
