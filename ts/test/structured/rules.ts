/**
 * Graphs of the tests, written down twice: as a graph of the package, and as lists of what each factor allows, for oracles that know
 * nothing of the package.
 */

import { factorGraph, factors } from 'entmax/structured';
import type { Vars } from 'entmax/structured';
import { randomFrom } from '../oracle/random.ts';
import type { Blocks } from './cases.ts';
import type { Listed } from './enumerate.ts';
import { dot, nearest } from './nearest.ts';

/** What a factor allows: what each place counts, and which couplings count. */
export interface Corner {
  readonly places: readonly number[];
  readonly couplings: readonly number[];
}

/** A factor of a graph. */
export interface Rule {
  readonly factor: unknown;
  /** Numbers of variables; ~v is the negation of v. */
  readonly variables: readonly number[];
  readonly corners: readonly Corner[];
  /** The name of the variables, where it takes them as a table. */
  readonly table?: string;
  /** The name of its couplings. */
  readonly coupling?: string;
}

export type GraphShapes = Readonly<Record<string, readonly number[]>>;

export interface Described {
  readonly shapes: GraphShapes;
  readonly rules: readonly Rule[];
}

type Tables = Record<string, { data: Float64Array | Float32Array; shape: readonly number[] }>;
export interface AnySolution {
  marginals: Tables;
  residual: Float64Array;
  iterations: Int32Array;
  status: string[];
  converged: boolean;
}
export type AnyPullback = ((cotangents: object) => Tables) & { dispose(): void };
/** A graph whose types ask less. */
export interface AnyGraph {
  readonly vars: Readonly<Record<string, Vars>>;
  add(factor: unknown, vars: unknown, coupling?: unknown): AnyGraph;
  readonly solve: {
    (scores: unknown, options?: object): AnySolution;
    async(scores: unknown, options?: object): Promise<AnySolution>;
  };
  readonly vjp: {
    (scores: unknown, options?: object): [AnySolution, AnyPullback];
    async(
      scores: unknown,
      options?: object,
    ): Promise<[AnySolution, ((cotangents: object, run?: object) => Promise<Tables>) & { dispose(): void }]>;
  };
}
export const anyGraph = factorGraph as unknown as (shapes: unknown) => AnyGraph;

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const numberOf = (place: number): number => (place < 0 ? ~place : place);
export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Where the variables of each name begin. */
export function firstOf(shapes: GraphShapes): Record<string, number> {
  let sum = 0;
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, (sum += sizeOf(shape)) - sizeOf(shape)]),
  );
}

export const variablesOf = (shapes: GraphShapes): number =>
  Object.values(shapes).reduce((sum, shape) => sum + sizeOf(shape), 0);

/** The graph as the package has it. */
export function build({ shapes, rules }: Described): AnyGraph {
  const graph = anyGraph(shapes);
  const firsts = firstOf(shapes);
  const single = (place: number): Vars => {
    const number = numberOf(place);
    const [name, shape] = Object.entries(shapes).find(
      ([each, own]) => number >= firsts[each]! && number < firsts[each]! + sizeOf(own),
    )!;
    let left = number - firsts[name]!;
    const indices = [...shape].reverse().map((size) => {
      const index = left % size;
      left = Math.floor(left / size);
      return index;
    });
    const found = graph.vars[name]!.at(...indices.reverse());
    return place < 0 ? found.not() : found;
  };
  for (const { factor, variables, table, coupling } of rules) {
    const whole = table === undefined ? undefined : graph.vars[table]!;
    const vars = whole ? (variables[0]! < 0 ? whole.not() : whole) : variables.map(single);
    graph.add(factor, vars, coupling === undefined ? undefined : graph.vars[coupling]);
  }
  return graph;
}

/** All words of n bits. */
export function words(n: number): number[][] {
  return Array.from({ length: 2 ** n }, (_, word) => Array.from({ length: n }, (_, bit) => (word >> bit) & 1));
}

const cornersOf = (n: number, isAllowed: (bits: number[]) => boolean): Corner[] =>
  words(n)
    .filter(isAllowed)
    .map((places) => ({ places, couplings: [] }));

const on = (bits: readonly number[]): number => bits.reduce((a, b) => a + b, 0);
const others = (bits: readonly number[]): number => on(bits.slice(0, -1));

/** What the factors of logic mean: the definition in bits. */
export const MEANINGS: Readonly<Record<string, readonly [factor: unknown, isAllowed: (bits: number[]) => boolean]>> = {
  xor: [factors.xor(), (bits) => on(bits) === 1],
  oneHot: [factors.oneHot(), (bits) => on(bits) === 1],
  atMostOne: [factors.atMostOne(), (bits) => on(bits) <= 1],
  or: [factors.or(), (bits) => on(bits) >= 1],
  bits: [factors.bits(), () => true],
  orOut: [factors.orOut(), (bits) => (bits.at(-1) === 1) === others(bits) > 0],
  andOut: [factors.andOut(), (bits) => (bits.at(-1) === 1) === (others(bits) === bits.length - 1)],
  xorOut: [factors.xorOut(), (bits) => others(bits) === bits.at(-1)],
  imply: [factors.imply(), (bits) => others(bits) < bits.length - 1 || bits.at(-1) === 1],
  'budget 2': [factors.budget(2), (bits) => on(bits) === 2],
  'budget at most 2': [factors.budget(2, { atMost: true }), (bits) => on(bits) <= 2],
};

/** A factor of logic by its name. */
export function logic(name: string, variables: readonly number[]): Rule {
  const [factor, isAllowed] = MEANINGS[name]!;
  return { factor, variables, corners: cornersOf(variables.length, isAllowed) };
}

/** The corners of a box that a plane cuts: one place of a corner may be a fraction. */
export function knapsack(costs: readonly number[], budget: number, variables: readonly number[]): Rule {
  const cost = (bits: readonly number[]): number => dot(costs, bits);
  const whole = words(costs.length).filter((bits) => cost(bits) <= budget);
  const cut = whole.flatMap((bits) =>
    bits.flatMap((bit, at) => {
      const fraction = (budget - cost(bits)) / costs[at]!;
      return bit === 0 && fraction > 0 && fraction < 1 ? [bits.map((each, i) => (i === at ? fraction : each))] : [];
    }),
  );
  const corners = [...whole, ...cut].map((places) => ({ places, couplings: [] }));
  return { factor: factors.knapsack(costs, budget), variables, corners };
}

export function pair(variables: readonly number[], coupling: string): Rule {
  const corners = words(2).map((places) => ({ places, couplings: on(places) === 2 ? [0] : [] }));
  return { factor: factors.pair(), variables, corners, coupling };
}

/** A factor over a table, from the list of its structures. */
export function structured(
  factor: unknown,
  table: string,
  variables: readonly number[],
  structures: readonly Listed[],
  coupling?: string,
): Rule {
  const corners = structures.map(({ unary, transitions = [] }) => ({
    places: variables.map((_, place) => (unary.includes(place) ? 1 : 0)),
    couplings: coupling === undefined ? [] : transitions,
  }));
  return { factor, variables, corners, table, ...(coupling === undefined ? {} : { coupling }) };
}

/** The couplings of a rule by their numbers among all variables. */
const numberCoupling = (shapes: GraphShapes, { coupling }: Rule, at: number): number =>
  firstOf(shapes)[coupling!]! + at;

/** Joint SparseMAP: over all assignments of bits that every rule allows. Couplings are no bits. */
export function joint({ shapes, rules }: Described, scores: readonly number[]): number[] {
  const size = variablesOf(shapes);
  const isCoupling = new Set(
    rules.flatMap((rule) =>
      rule.coupling === undefined
        ? []
        : upTo(sizeOf(shapes[rule.coupling]!)).map((at) => numberCoupling(shapes, rule, at)),
    ),
  );
  const bits = upTo(size).filter((number) => !isCoupling.has(number) && scores[number]! > -Infinity);
  const points: number[][] = [];
  const extra: number[] = [];
  const counted: number[][] = [];
  // What a variable of no rule does, it does by itself.
  const used = bits.filter((number) => rules.some(({ variables }) => variables.map(numberOf).includes(number)));
  for (const word of words(used.length)) {
    const point = upTo(size).map(() => 0);
    used.forEach((number, at) => (point[number] = word[at]!));
    const found = rules.map(({ variables, corners }) => {
      const wanted = variables.map((place) => (place < 0 ? 1 - point[~place]! : point[place]!));
      return corners.find(({ places }) => places.every((each, at) => each === wanted[at]));
    });
    if (!found.every((corner) => corner !== undefined)) continue;
    const couplings = found.flatMap(({ couplings }, f) => couplings.map((at) => numberCoupling(shapes, rules[f]!, at)));
    points.push(point);
    counted.push(couplings);
    extra.push(couplings.reduce((sum, number) => sum + scores[number]!, 0));
  }
  const finite = scores.map((score) => (score === -Infinity ? 0 : score));
  const { mu, active, weights } = nearest(points, finite, extra);
  active.forEach((at, j) => {
    for (const number of counted[at]!) mu[number]! += weights[j]!;
  });
  for (const number of bits) if (!used.includes(number)) mu[number] = Math.min(1, Math.max(0, scores[number]!));
  return mu;
}

/**
 * LP-SparseMAP by the plain alternating directions method, its projections over listed corners; another splitting than the
 * package's: variables keep their scores to themselves.
 */
export function relaxation({ shapes, rules }: Described, scores: readonly number[], rho = 1, most = 20_000): number[] {
  const size = variablesOf(shapes);
  const numbers = rules.map(({ variables }) => variables.map(numberOf));
  // Corners in the values of the variables.
  const points = rules.map(({ variables, corners }) =>
    corners.map(({ places }) => places.map((each, at) => (variables[at]! < 0 ? 1 - each : each))),
  );
  const extras = rules.map((rule) =>
    rule.corners.map(({ couplings }) =>
      couplings.reduce((sum, at) => sum + scores[numberCoupling(shapes, rule, at)]! / rho, 0),
    ),
  );
  const clip = (score: number): number => Math.min(1, Math.max(0, score));
  const z = scores.map(clip);
  const multipliers = numbers.map((each) => each.map(() => 0));
  for (let turn = 0; turn < most; turn++) {
    const found = rules.map((_, f) => {
      const wanted = numbers[f]!.map((number, at) => z[number]! - multipliers[f]![at]!);
      return nearest(points[f]!, wanted, extras[f]);
    });
    const sums = scores.map((score) => score);
    const degrees = scores.map(() => 0);
    found.forEach(({ mu }, f) =>
      mu.forEach((each, at) => {
        sums[numbers[f]![at]!]! += rho * (each + multipliers[f]![at]!);
        degrees[numbers[f]![at]!]!++;
      }),
    );
    let change = 0;
    sums.forEach((sum, number) => {
      if (degrees[number] === 0) return;
      const next = sum === -Infinity ? 0 : sum / (1 + rho * degrees[number]!);
      change = Math.max(change, Math.abs(next - z[number]!));
      z[number] = next;
    });
    found.forEach(({ mu }, f) =>
      mu.forEach((each, at) => {
        const apart = each - z[numbers[f]![at]!]!;
        multipliers[f]![at]! += apart;
        change = Math.max(change, Math.abs(apart));
      }),
    );
    if (change > 1e-12) continue;
    rules.forEach((rule, f) => {
      if (rule.coupling === undefined) return;
      for (const at of upTo(sizeOf(shapes[rule.coupling]!))) z[numberCoupling(shapes, rule, at)] = 0;
      found[f]!.active.forEach((corner, j) => {
        for (const at of rule.corners[corner]!.couplings) {
          z[numberCoupling(shapes, rule, at)]! += found[f]!.weights[j]!;
        }
      });
    });
    if (z.length !== size) throw new Error('relaxation: one score for each variable');
    return z;
  }
  throw new Error('relaxation: no end');
}

/** Scores as the graph takes them. */
export function tablesOf(shapes: GraphShapes, scores: readonly number[]): Tables {
  const firsts = firstOf(shapes);
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [
      name,
      { data: Float64Array.from(scores.slice(firsts[name], firsts[name]! + sizeOf(shape))), shape },
    ]),
  );
}

/** Numbers of tables, one name behind the other. */
export const flat = (tables: Tables | Blocks): number[] => Object.values(tables).flatMap(({ data }) => [...data]);

export function normals(length: number, seed: number, scale = 1): number[] {
  const random = randomFrom(seed);
  return Array.from({ length }, () => scale * random.normal());
}
