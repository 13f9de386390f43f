/** What the digest computes of factor graphs: marginals, residuals and gradients, with every kind of factor and an oracle of its own. */

import { tensor } from 'entmax';
import { factorGraph, factors } from 'entmax/structured';
import type { FactorGraph } from 'entmax/structured';
import type { StructuredCase } from './digest-structured.ts';
import { hashOf } from './hash.ts';
import { mulberry32 } from './scores.ts';

type Floats = Float32Array | Float64Array;
type Tables = Record<string, { data: Floats; shape: readonly number[] }>;
type Shapes = Readonly<Record<string, readonly number[]>>;
interface Solution {
  readonly marginals: Tables;
  readonly residual: Float64Array;
  readonly iterations: Int32Array;
}
type Pullback = (dy: object) => Tables | Promise<Tables>;
/** A graph of any names. */
interface AnyGraph {
  readonly solve: ((scores: object) => Solution) & { async(scores: object): Promise<Solution> };
  readonly vjp: ((scores: object) => [Solution, Pullback]) & { async(scores: object): Promise<[Solution, Pullback]> };
}
type Case = readonly [name: string, shapes: Shapes, build: () => unknown];

function grid(size: number): FactorGraph<'x' | 'c'> {
  const graph = factorGraph({ x: [size, size], c: [2, size, size - 1] });
  const { x, c } = graph.vars;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j + 1 < size; j++) {
      graph.add(factors.pair(), [x.at(i, j), x.at(i, j + 1).not()], c.at(0, i, j));
      graph.add(factors.pair(), [x.at(j, i), x.at(j + 1, i)], c.at(1, i, j));
    }
  }
  return graph;
}

function logic(): FactorGraph<'x'> {
  const graph = factorGraph({ x: [5, 6] });
  const { x } = graph.vars;
  graph.add(factors.xor(), x.at(0)).add(factors.atMostOne(), x.slice(1, 1)).add(factors.or(), x.at(1).not());
  graph.add(factors.orOut(), x.at(2)).add(factors.andOut(), x.slice(1, 2)).add(factors.xorOut(), x.slice(1, 3));
  graph.add(factors.imply(), x.at(3)).add(factors.budget(2), x.at(4)).add(factors.oneHot(), x.slice(1, 4));
  graph.add(factors.knapsack([1, 2, 0.5, 1.5, 3], 3.25), x.slice(1, 5)).add(factors.bits(), x.slice(1, 0));
  return graph;
}

function structures(): FactorGraph<'s' | 't' | 'a' | 'm'> {
  const graph = factorGraph({ s: [5, 3], t: [4, 3, 3], a: [5, 5], m: [4, 4] });
  const { s, t, a, m } = graph.vars;
  graph.add(factors.sequence(), s, t).add(factors.budget(2, { atMost: true }), s.slice(1, 1));
  graph.add(factors.arborescence(), a).add(factors.projectiveTree({ root: 'one' }), a);
  graph.add(factors.assignment({ unmatched: true }), m).add(factors.atMostOne(), [m.at(0, 0), a.at(0, 1), s.at(0, 0)]);
  graph.add(factors.or(), [m.slice(0, 2), s.at(4, 2).not()]);
  return graph;
}

/** Pairs of neighbours on a ring of 6, some of them by half. */
function oracle(): FactorGraph<'x'> {
  const graph = factorGraph({ x: [6] });
  const map = (scores: Float64Array): { key: number; value: number; vertex: number[] } => {
    const worth = (i: number): number => scores[i]! + 0.5 * scores[(i + 1) % 6]!;
    let best = 0;
    for (let i = 1; i < 6; i++) if (worth(i) > worth(best)) best = i;
    return {
      key: best,
      value: best,
      vertex: Array.from(scores, (_, i) => (i === best ? 1 : i === (best + 1) % 6 ? 0.5 : 0)),
    };
  };
  graph.add(factors.custom({ size: 6, map }), graph.vars.x);
  graph.add(factors.or(), [graph.vars.x.at(0), graph.vars.x.at(3), graph.vars.x.at(4).not()]);
  return graph;
}

const CASES: readonly Case[] = [
  ['grid', { x: [4, 4], c: [2, 4, 3] }, () => grid(4)],
  ['logic', { x: [5, 6] }, logic],
  ['structures', { s: [5, 3], t: [4, 3, 3], a: [5, 5], m: [4, 4] }, structures],
  ['oracle', { x: [6] }, oracle],
];

export function* graphCases(): Generator<StructuredCase> {
  for (const dtype of ['float32', 'float64'] as const) {
    for (const each of CASES) yield graphCase(dtype, each, 4, 'any');
    yield graphCase(dtype, ['large grid', { x: [9, 9], c: [2, 9, 8] }, () => grid(9)], 48, 'all');
  }
}

function graphCase(
  dtype: 'float32' | 'float64',
  [name, shapes, build]: Case,
  problems: number,
  threads: 'all' | 'any',
): StructuredCase {
  const random = mulberry32(problems);
  const block = (shape: readonly number[]): Tables[string] => {
    const data = new { float32: Float32Array, float64: Float64Array }[dtype](shape.reduce((a, b) => a * b, problems));
    for (let i = 0; i < data.length; i++) data[i] = ((random() >>> 8) % 255) / 64 - 2;
    return { data, shape: [problems, ...shape] };
  };
  const blocks: Tables = Object.fromEntries(Object.entries(shapes).map(([key, shape]) => [key, block(shape)]));
  const tensors = Object.fromEntries(
    Object.entries(blocks).map(([key, { data, shape }]) => [key, tensor<Floats>(data, [...shape])]),
  );
  const { solve, vjp } = build() as AnyGraph;
  const run = async (form: string): Promise<string> => {
    const isAsync = form.endsWith('async');
    if (form.startsWith('vjp')) {
      const [{ marginals }, pullback] = isAsync ? await vjp.async(blocks) : vjp(blocks);
      return hashOf(...numbersOf(marginals), ...numbersOf(await pullback(blocks)));
    }
    const scores = form.startsWith('tensor') ? tensors : blocks;
    const { marginals, residual, iterations } = isAsync ? await solve.async(scores) : solve(scores);
    return hashOf(residual, iterations, ...numbersOf(marginals));
  };
  return {
    name: `graph, ${name}, ${dtype}`,
    rows: problems,
    n: Object.values(blocks)[0]!.data.length / problems,
    forms: ['tensor', 'array', 'vjp', 'tensor async', 'array async', 'vjp async'],
    threads,
    run,
    dispose: () => {
      for (const each of Object.values(tensors)) each.dispose();
    },
  };
}

/** The numbers of tables, whose Tensors are disposed of. */
function numbersOf(tables: object): Floats[] {
  return (Object.values(tables) as (Tables[string] | ReturnType<typeof tensor<Floats>>)[]).map((each) => {
    if ('data' in each) return each.data;
    const numbers = each.toTypedArray();
    each.dispose();
    return numbers;
  });
}
