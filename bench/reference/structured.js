/**
 * Structured problems and the proof of their solutions, in float64. A solution is its structures and weights; from these
 * alone follow the marginals mu and the duality gap
 *
 *     max_y score(y; unary - mu, transitions) - sum_j weight_j score(y_j; unary - mu, transitions)
 *
 * with the oracles of oracles.js. The objective is concave, so that a gap of 0 proves the answer, whoever found it (MATH.md
 * §9). The first solution that is proved is what marginals, gradients and the objectives of others are compared with.
 */

import { makeCotangents, makeScores, transitionsShape } from '../structured/inputs.js';
import { quartiles } from '../statistics.js';
import { MAPS } from './maps.js';
import { ORACLES } from './oracles.js';
import { solveLinear } from './linear.js';

/** A solution with a gap below this share of the objective is the answer; others may have stopped before. */
export const SOLVED = 1e-7;
/** So close are gradients of the same. */
const SAME = 1e-6;
/** A weight below it is none. */
const NOTHING = 1e-9;

/**
 * @typedef {object} Solution of some problems
 * @property {ArrayLike<number>} indptr the structures of problem b are those from indptr[b] up to indptr[b + 1]
 * @property {ArrayLike<number>[]} structures
 * @property {ArrayLike<number>} weights
 *
 * @typedef {object} Proof of the solution of one problem
 * @property {Float64Array} marginals
 * @property {number} objective
 * @property {number} gap
 * @property {number} error the largest of the gap and of what the weights are off a distribution, as a share of the
 *   objective where that is above 1; Infinity where something is no structure
 * @property {{ structure: ArrayLike<number>, weight: number, parts: number[], transitions: number[] }[]} support
 */

/** The problems of a suite. */
export class Problems {
  #made = new Map();
  /** @type {Proof[] | undefined} */
  #proved;
  /** @type {Problems | undefined} all, of which these are the leading ones */
  #all;

  /** @param {import('../suites.js').Suite & import('../structured/inputs.js').Sizes} suite */
  static of({ factor, table, k, rows, scores }) {
    const sizes = { factor, table, k };
    return new Problems(sizes, rows, makeScores(sizes, rows, scores));
  }

  /**
   * @param {import('../structured/inputs.js').Sizes} sizes
   * @param {number} count
   * @param {{ unary: Float64Array, transitions?: Float64Array }} scores
   */
  constructor(sizes, count, { unary, transitions }) {
    this.sizes = sizes;
    this.factor = sizes.factor;
    this.count = count;
    this.unary = unary;
    this.transitions = transitions;
    this.size = unary.length / count;
  }

  #once(key, make) {
    if (!this.#made.has(key)) this.#made.set(key, make());
    return this.#made.get(key);
  }

  /** The first `count` of them; all where nothing is said. */
  leading(count = this.count) {
    if (count === this.count) return this;
    return this.#once(`leading ${count}`, () => {
      const part = (x) => x?.subarray(0, (x.length / this.count) * count);
      const some = new Problems(this.sizes, count, {
        unary: part(this.unary),
        transitions: part(this.transitions),
      });
      some.#all = this;
      return some;
    });
  }

  /** Of the batch. */
  get shapes() {
    const { table } = this.sizes;
    const unary = [this.count, ...table];
    return this.transitions ? { unary, transitions: [this.count, ...transitionsShape(table)] } : { unary };
  }
  /** A cotangent for every unary marginal. */
  get cotangents() {
    return this.#once('cotangents', () =>
      (this.#all?.cotangents ?? makeCotangents(this.unary.length)).subarray(0, this.unary.length),
    );
  }
  /** For maps of rows: the sets' scores as a matrix. */
  get x() {
    return this.unary;
  }
  get shape() {
    return [this.count, this.size];
  }

  /** @returns {import('./oracles.js').Tables} of problem b */
  tables(b) {
    const part = (x) => x?.subarray((x.length / this.count) * b, (x.length / this.count) * (b + 1));
    return { unary: part(this.unary), transitions: part(this.transitions) };
  }

  score(structure, { unary, transitions }) {
    const oracle = ORACLES[this.factor];
    const sum = (table, places) => places.reduce((total, at) => total + table[at], 0);
    const linear = transitions ? sum(transitions, oracle.transitions(structure, this.sizes)) : 0;
    return sum(unary, oracle.parts(structure, this.sizes)) + linear;
  }

  best(tables) {
    return this.score(ORACLES[this.factor].best(tables, this.sizes), tables);
  }

  /** @param {Solution} solution @returns {Proof[]} of every problem */
  prove(solution) {
    return Array.from({ length: this.count }, (_, b) => this.#proveOne(solution, b));
  }

  #proveOne({ indptr, structures, weights }, b) {
    const oracle = ORACLES[this.factor];
    const tables = this.tables(b);
    const marginals = new Float64Array(this.size);
    const support = [];
    let isValid = indptr[b + 1] > indptr[b];
    for (let j = indptr[b]; j < indptr[b + 1]; j++) {
      const [structure, weight] = [structures[j], weights[j]];
      if (!oracle.isOne(structure, this.sizes))
        return { marginals, objective: NaN, gap: NaN, error: Infinity, support };
      isValid &&= weight >= 0;
      const parts = oracle.parts(structure, this.sizes);
      const transitions = oracle.transitions?.(structure, this.sizes) ?? [];
      for (const at of parts) marginals[at] += weight;
      support.push({ structure, weight, parts, transitions });
    }
    const left = { ...tables, unary: tables.unary.map((score, at) => score - marginals[at]) };
    const expectation = (from) => support.reduce((sum, y) => sum + y.weight * this.score(y.structure, from), 0);
    const objective = expectation(tables) - marginals.reduce((sum, mu) => sum + mu * mu, 0) / 2;
    const gap = this.best(left) - expectation(left);
    const total = support.reduce((sum, { weight }) => sum + weight, 0);
    const off = Math.max(Math.abs(gap) / Math.max(1, Math.abs(objective)), Math.abs(total - 1));
    return { marginals, objective, gap, error: isValid ? off : Infinity, support };
  }

  /** The proved solutions of these problems. */
  get proved() {
    const proved = this.#all ? this.#all.#proved : this.#proved;
    if (!proved) throw new Error('there is no proved solution to compare with');
    return proved.slice(0, this.count);
  }
  set proved(proofs) {
    if (this.#all === undefined) this.#proved ??= proofs;
  }

  /** @param {import('./tasks.js').Task} task @returns {import('./tasks.js').Expected} */
  expected(task) {
    const problems = this.leading(task.problems);
    return { values: [], judge: (output) => JUDGES[task.operation](output, problems, task) };
  }

  /** Supports are told by the solutions themselves. */
  meanSupport() {
    return undefined;
  }
}

const largest = (values) => values.reduce((a, b) => (b > a || Number.isNaN(b) ? b : a), 0);
const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const difference = (a, b) => (a.length === b.length ? largest(Array.from(a, (x, i) => Math.abs(x - b[i]))) : Infinity);

/**
 * How far an output is off, and what is worth knowing about it.
 *
 * @type {Record<string, (output: any, problems: Problems, task: import('./tasks.js').Task) =>
 *   { error: number, facts?: Record<string, number> }>}
 */
const JUDGES = {
  sparsemap: judgeSolution,
  sparsemapBackward: judgeGradient,
  map: judgeBest,
  marginals: judgeMarginals,
  forward: judgeMarginals,
  sort({ values }, problems) {
    const truth = Array.from({ length: problems.count }, (_, b) => [...problems.tables(b).unary.slice().sort()]);
    return { error: difference(values, truth.flat()) };
  },
};

/**
 * The first one that gives marginals too (`marginals.unary`, `marginals.transitions`) must have those of its weights. Others'
 * objectives must be those of the proved solution where both are the answer.
 */
function judgeSolution({ solution, marginals, iterations, allConverged = true }, problems) {
  const proofs = problems.prove(solution);
  if (largest(proofs.map(({ error }) => error)) <= SOLVED) problems.proved = proofs;
  const scale = (objective) => Math.max(1, Math.abs(objective));
  const errors = proofs.map(({ error, objective }, b) => {
    const truth = problems.proved[b];
    const isOther = error <= SOLVED && !(Math.abs(objective - truth.objective) <= SOLVED * scale(truth.objective));
    return isOther ? Infinity : error;
  });
  if (marginals) errors.push(marginalsOff(marginals, proofs, problems));
  if (!allConverged) errors.push(Infinity);
  const structures = mean(proofs.map(({ support }) => support.filter(({ weight }) => weight > NOTHING).length));
  const facts = {
    structures,
    gap: largest(proofs.map(({ gap }) => gap)),
    solved: proofs.filter(({ error }) => error <= SOLVED).length,
  };
  const calls = iterations && mean(Array.from(iterations));
  return {
    error: largest(errors),
    facts: calls ? { calls, ...facts, 'calls / structures': calls / structures } : facts,
  };
}

function marginalsOff({ unary, transitions }, proofs, problems) {
  const errors = proofs.map(({ marginals }, b) =>
    difference(unary.subarray(b * problems.size, (b + 1) * problems.size), marginals),
  );
  if (!transitions) return largest(errors);
  const size = transitions.length / problems.count;
  proofs.forEach(({ support }, b) => {
    const expected = new Float64Array(size);
    for (const { weight, transitions } of support) for (const at of transitions) expected[at] += weight;
    errors.push(difference(transitions.subarray(b * size, (b + 1) * size), expected));
  });
  return largest(errors);
}

/**
 * M Q M^T v for the unary scores and N Q M^T v for transitions (MATH.md §9), Q M^T v = z from [0 1^T; 1 G] [t; z] = [0; M^T v] by
 * elimination. It is a derivative on a support: who comes with a solution of his own is compared where that is the answer and
 * has the same one; of these at least one
 * must be right and the median is told, for lp-sparsemap's inverse drifts before its solution does.
 */
function judgeGradient({ unary, transitions, solution }, problems) {
  const own = solution && problems.prove(solution);
  const errors = [];
  for (let b = 0; b < problems.count; b++) {
    const { support } = problems.proved[b];
    if (own && (own[b].error > SOLVED || namesOf(own[b].support) !== namesOf(support))) continue;
    const v = problems.cotangents.subarray(b * problems.size, (b + 1) * problems.size);
    const z = movesOf(support, v);
    for (const [got, places] of [
      [unary, 'parts'],
      [transitions, 'transitions'],
    ]) {
      if (!got) continue;
      const size = got.length / problems.count;
      const expected = new Float64Array(size);
      support.forEach((y, j) => {
        for (const at of y[places]) expected[at] += z[j];
      });
      errors.push(
        difference(got.subarray(b * size, (b + 1) * size), expected) / Math.max(1, largest(expected.map(Math.abs))),
      );
    }
  }
  if (errors.length === 0) throw new Error('no problem has the support of the proved solution');
  if (!own) return { error: largest(errors) };
  const { min, median } = quartiles(errors);
  return { error: min <= SAME ? median : Infinity };
}

const namesOf = (support) =>
  support
    .filter(({ weight }) => weight > NOTHING)
    .map(({ structure }) => Array.from(structure).join())
    .sort()
    .join(' ');

/** How the weights of a support move with scores that move by v. */
function movesOf(support, v) {
  const common = (a, b) => b.parts.reduce((count, at) => count + Number(a.parts.has(at)), 0);
  const sets = support.map(({ parts }) => ({ parts: new Set(parts) }));
  const matrix = [
    [0, ...support.map(() => 1), 0],
    ...support.map((y, i) => [
      1,
      ...support.map((other) => common(sets[i], other)),
      y.parts.reduce((sum, at) => sum + v[at], 0),
    ]),
  ];
  return solveLinear(matrix).slice(1);
}

/** Marginals alone, by whatever means: a projection, a map of rows; sparsemax is there as a measure of time. */
function judgeMarginals({ values }, problems, { map }) {
  const sparsemax = () =>
    Array.from({ length: problems.count }, (_, b) => MAPS.sparsemax(problems.tables(b).unary.slice()));
  const truth = map === 'sparsemax' ? sparsemax() : problems.proved.map(({ marginals }) => marginals);
  return {
    error: difference(
      values,
      truth.flatMap((each) => [...each]),
    ),
  };
}

/** The best structures' scores; where structures are given, these must have them. */
function judgeBest({ structures, scores }, problems) {
  const oracle = ORACLES[problems.factor];
  const errors = Array.from({ length: problems.count }, (_, b) => {
    const tables = problems.tables(b);
    if (!oracle.isOne(structures[b], problems.sizes)) return Infinity;
    const own = problems.score(structures[b], tables);
    const best = problems.best(tables);
    const off = Math.max(Math.abs(own - best), Math.abs(own - (scores?.[b] ?? own)));
    return off / Math.max(1, Math.abs(best));
  });
  return { error: structures.length === problems.count ? largest(errors) : Infinity };
}
