/**
 * Structured inference against ts/test/conformance/structured*.json: best structures found by scipy, networkx and plain dynamic
 * programmes, SparseMAP and LP-SparseMAP solved in rational arithmetic on the optimal face.
 */

import { describe, expect, test } from 'vitest';
import * as structured from 'entmax/structured';
import type { FloatType } from '../oracle/compare.ts';
import { STRUCTURED_FILES, structuredCases } from './golden.ts';
import type { Block, Blocks, Entries, GoldenFactor, GoldenQuantity, StructuredCase, StructuredFile } from './golden.ts';

type Tables = Record<string, Block>;
interface Best {
  structures: ArrayLike<number>[];
  scores: Float64Array;
}
interface Solved {
  marginals: Tables;
  structures: ArrayLike<number>[];
  weights: Float64Array;
  converged: boolean;
}
type Pullback = ((cotangents: object) => Tables) & Disposable;
interface Vars {
  readonly shape: readonly number[];
  slice(axis: number, index: number): Vars;
  not(): Vars;
}
interface Graph {
  readonly vars: Record<string, Vars>;
  add(factor: unknown, vars: Vars | readonly Vars[], coupling?: Vars): void;
  solve(scores: Blocks, options: object): Solved;
  vjp(scores: Blocks, options: object): [Solved, Pullback];
}

/** The functions without their types: factors and scores come from the file. */
const { map, kbest, sparsemap, sparsemapLoss, factorGraph, factors } = structured as unknown as {
  map: (scores: Blocks, factor: unknown) => Best;
  kbest: (scores: Blocks, factor: unknown, k: number) => Best;
  sparsemap: ((scores: Blocks, factor: unknown, options: object) => Solved) & {
    vjp(scores: Blocks, factor: unknown, options: object): [Solved, Pullback];
  };
  sparsemapLoss: (scores: Blocks, factor: unknown, target: readonly number[], options: object) => number;
  factorGraph: (shapes: Record<string, readonly number[]>) => Graph;
  factors: Record<string, (...parameters: unknown[]) => unknown>;
};

const EXACT = { tol: 1e-13 };
const LONG = { tol: 1e-10, maxIter: 100_000 };

function factorOf(name: string, parameters: Readonly<Record<string, unknown>> = {}): unknown {
  const { k, costs, budget, ...options } = parameters;
  if (name === 'budget') return factors['budget']!(k, options);
  if (name === 'knapsack') return factors['knapsack']!(costs, budget);
  return factors[name]!(budget === undefined ? options : { ...options, budget });
}

const inType = (tables: Blocks, dtype: FloatType): Blocks =>
  Object.fromEntries(
    Object.entries(tables).map(([name, { data, shape }]) => [
      name,
      { data: dtype === 'float32' ? Float32Array.from(data) : data, shape } as Block,
    ]),
  );

/** Holds answers against what a case expects. */
class Judge {
  readonly golden: StructuredCase;
  readonly dtype: FloatType;

  constructor(golden: StructuredCase, dtype: FloatType) {
    this.golden = golden;
    this.dtype = dtype;
  }

  number(quantity: GoldenQuantity, actual: number, expected: number, where = ''): void {
    const tolerance = this.golden.tolerance[this.dtype]![quantity]!;
    // NaN is in no tolerance.
    if (!(Math.abs(actual - expected) <= tolerance)) {
      const difference = `${actual} instead of ${expected}, ${Math.abs(actual - expected)} > ${tolerance}`;
      expect.fail(`${this.golden.name}, ${this.dtype}: ${quantity}${where}: ${difference}`);
    }
  }

  list(quantity: GoldenQuantity, actual: ArrayLike<number>, { values, at }: Entries, name = ''): void {
    if (!at) expect(actual.length, `${this.golden.name}: ${quantity} ${name}`).toBe(values.length);
    values.forEach((value, k) => this.number(quantity, actual[at?.[k] ?? k]!, value, ` ${name}[${at?.[k] ?? k}]`));
  }

  tables(quantity: 'marginals' | 'gradients' | 'weightGradients', actual: Tables): void {
    const expected = this.golden.expected[quantity]!;
    expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, entries] of Object.entries(expected)) this.list(quantity, actual[name]!.data, entries, name);
  }

  /** <scores, mu> - 1/2 |mu|^2 over the places that the case knows, couplings outside of the square. */
  objective(actual: Tables, squared: (name: string) => boolean): void {
    const { scores, expected } = this.golden;
    if (expected.objective === undefined) return;
    let sum = 0;
    for (const [name, { data }] of Object.entries(scores)) {
      for (const at of expected.marginals![name]!.at ?? data.keys()) {
        const mu = actual[name]!.data[at]!;
        if (mu !== 0) sum += mu * data[at]! - (squared(name) ? 0.5 * mu * mu : 0);
      }
    }
    this.number('objective', sum, expected.objective);
  }
}

function runBest(golden: StructuredCase, dtype: FloatType): void {
  const scores = inType(golden.scores, dtype);
  const factor = factorOf(golden.factor, golden.parameters);
  const found = golden.operation === 'map' ? map(scores, factor) : kbest(scores, factor, golden.k!);
  expect(
    found.structures.map((each) => Array.from(each)),
    golden.name,
  ).toEqual(golden.expected.structures);
  new Judge(golden, dtype).list('scores', found.scores, { values: golden.expected.scores! });
}

const lexicographic = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
};

/**
 * With ties fewer structures may have weight than span the face of the optimum, and then the derivative on them is a part of the
 * gradient: its projection on a subspace, as the gradient itself is one of the cotangent.
 */
function expectPart(judge: Judge, { unary }: Tables): void {
  const { cotangents, expected } = judge.golden;
  const whole = expected.gradients!['unary']!.values;
  const [square, ofCotangent, ofWhole] = [unary!.data, cotangents!['unary']!.data, whole].map((other) =>
    unary!.data.reduce((sum, slope, at) => sum + slope * other[at]!, 0),
  );
  judge.number('gradients', ofCotangent!, square!, ' times the cotangent');
  judge.number('gradients', ofWhole!, square!, ' times the gradient');
}

function runSparsemap(golden: StructuredCase, dtype: FloatType): void {
  const { cotangents, dweights, target, expected } = golden;
  const judge = new Judge(golden, dtype);
  const scores = inType(golden.scores, dtype);
  const factor = factorOf(golden.factor, golden.parameters);
  const [solution, pullback] = sparsemap.vjp(scores, factor, EXACT);
  expect(solution.converged, golden.name).toBe(true);
  judge.tables('marginals', solution.marginals);
  judge.objective(solution.marginals, (name) => name === 'unary');
  const order = [...solution.structures.keys()].sort((a, b) =>
    lexicographic(solution.structures[a]!, solution.structures[b]!),
  );
  if (expected.structures) {
    expect(
      order.map((j) => Array.from(solution.structures[j]!)),
      golden.name,
    ).toEqual(expected.structures);
    const weights = order.map((j) => solution.weights[j]!);
    judge.list('weights', weights, { values: expected.weights! });
  }
  if (expected.gradients) {
    const gradients = pullback(inType(cotangents!, dtype));
    if (golden.ties) expectPart(judge, gradients);
    else judge.tables('gradients', gradients);
  }
  if (expected.weightGradients) {
    const weights = new Float64Array(order.length);
    order.forEach((j, place) => (weights[j] = dweights![place]!));
    judge.tables('weightGradients', pullback({ weights }));
  }
  pullback[Symbol.dispose]();
  if (target) judge.number('loss', sparsemapLoss(scores, factor, target, EXACT), expected.loss!);
}

/** The variables of a reference: `x`, `x[1,2]`, `x[:,2]`, negated with `!`. */
function varsOf(graph: Graph, reference: string): Vars {
  const [, negated, name, indices] = /^(!?)(\w+)(?:\[([\d:,]*)\])?$/.exec(reference)!;
  let vars = graph.vars[name!]!;
  const each = indices?.split(',') ?? [];
  // From the last axis on, so that those before keep their places.
  for (let axis = each.length - 1; axis >= 0; axis--) {
    if (each[axis] !== ':') vars = vars.slice(axis, Number(each[axis]));
  }
  return negated ? vars.not() : vars;
}

function graphOf(golden: StructuredCase): Graph {
  const shapes = Object.fromEntries(Object.entries(golden.scores).map(([name, { shape }]) => [name, shape]));
  const graph = factorGraph(shapes);
  golden.factors.forEach(({ factor, parameters, over, coupling }: GoldenFactor) => {
    const vars = over.map((reference) => varsOf(graph, reference));
    const scores = coupling === undefined ? undefined : varsOf(graph, coupling);
    graph.add(factorOf(factor, parameters), vars.length === 1 ? vars[0]! : vars, scores);
  });
  return graph;
}

function runGraph(golden: StructuredCase, dtype: FloatType): void {
  const { scores, cotangents, expected } = golden;
  const graph = graphOf(golden);
  if (expected.converged === false) {
    expect(graph.solve(scores, LONG).converged, golden.name).toBe(false);
    return;
  }
  const judge = new Judge(golden, dtype);
  const [solution, pullback] = graph.vjp(scores, LONG);
  expect(solution.converged, golden.name).toBe(true);
  judge.tables('marginals', solution.marginals);
  // Names of couplings hold couplings alone.
  const couplings = new Set(golden.factors.map(({ coupling }) => coupling?.replace(/\[.*/, '')));
  judge.objective(solution.marginals, (name) => !couplings.has(name));
  if (expected.gradients) judge.tables('gradients', pullback(cotangents!));
  pullback[Symbol.dispose]();
}

/** The cases of a file, in every type that they have a tolerance for. */
const casesOf = (file: StructuredFile): [string, FloatType, StructuredCase][] =>
  structuredCases(file).flatMap((golden) =>
    (Object.keys(golden.tolerance) as FloatType[]).map((dtype): [string, FloatType, StructuredCase] => [
      golden.name,
      dtype,
      golden,
    ]),
  );

const RUN = { map: runBest, kbest: runBest, sparsemap: runSparsemap, lpSparsemap: runGraph };

describe.each(STRUCTURED_FILES)('%s.json', (file) => {
  test.each(casesOf(file))('%s, %s', (_, dtype, golden) => RUN[golden.operation](golden, dtype));
});
