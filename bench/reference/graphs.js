/**
 * Graphs of factors and the checks of their solutions, in float64. The package's marginals must be feasible, and their distance from
 * the answer is bounded (graph-optimality.js). Others are compared with them: lp-sparsemap's matchings and pairs stop some 1e-6 from
 * the answer whatever is asked for, and its tree under budgets is another, feasible and worse.
 */

import { makeCotangents } from '../structured/inputs.js';
import { isArc, makeGraphScores, MOST_DEPENDENTS, SIDE, TABLES } from '../structured/graphs.js';
import { quartiles } from '../statistics.js';
import { distanceOfPairs, distanceUnder, violation } from './graph-optimality.js';

/** Marginals are the answer when they are no farther from it. */
const SOLVED = 1e-8;
/** Scores are moved so far for a difference. */
const STEP = 1e-4;

export class Graphs {
  /** @type {Float64Array | undefined} the package's marginals, once they have passed */
  #passed;

  /** @param {import('../suites.js').Suite} suite */
  static of({ map, rows, scores }) {
    return new Graphs(map, rows, makeGraphScores(map, rows, scores));
  }

  /**
   * @param {keyof typeof TABLES} graph
   * @param {number} count
   * @param {{ unary: Float64Array, couplings?: Float64Array }} scores
   */
  constructor(graph, count, { unary, couplings }) {
    this.graph = graph;
    this.count = count;
    this.unary = unary;
    this.couplings = couplings;
    this.table = TABLES[graph];
    this.size = unary.length / count;
    this.shape = [count, this.size];
    this.cotangents = makeCotangents(unary.length).map((each, at) => (this.isVariable(at % this.size) ? each : 0));
  }

  isVariable(at) {
    return this.graph !== 'tree' || isArc(at);
  }
  /** Of graph b. */
  part(values, b) {
    return values.subarray((values.length / this.count) * b, (values.length / this.count) * (b + 1));
  }

  /** @param {import('./tasks.js').Task} task @returns {import('./tasks.js').Expected} */
  expected({ operation }) {
    const judge = (output) => (operation === 'graphSolve' ? this.#judgeSolution(output) : this.#judgeGradient(output));
    return { values: [], judge };
  }
  meanSupport() {
    return undefined;
  }

  #judgeSolution({ values, residual, iterations, status }) {
    if (residual === undefined) {
      if (!this.#passed) throw new Error('there is no solution to compare with');
      const errors = this.#each((b) => difference(this.part(values, b), this.part(this.#passed, b)));
      return { error: Math.max(...errors), facts: { solved: errors.filter((error) => error <= SOLVED).length } };
    }
    const errors = this.#each((b) => this.#off(this.part(values, b), b));
    const solved = status.filter((each) => each === 'converged').length;
    const error = solved === this.count ? Math.max(...errors) : Infinity;
    if (error <= SOLVED) this.#passed = Float64Array.from(values);
    const calls = iterations.reduce((a, b) => a + b, 0) / this.count;
    return { error, facts: { calls, solved, gap: Math.max(...residual) } };
  }

  #each(make) {
    return Array.from({ length: this.count }, (_, b) => make(b));
  }

  /** What a solution violates, or how far it may be from the answer. */
  #off(mu, b) {
    const constraints = CONSTRAINTS[this.graph];
    const eta = this.part(this.unary, b);
    const distance = this.couplings
      ? distanceOfPairs(mu, eta, this.part(this.couplings, b))
      : distanceUnder(mu, eta, constraints);
    return Math.max(violation(mu, constraints), distance);
  }

  /**
   * The package's against differences of its solutions in one direction for each graph, as a median, for a kink may lie in between.
   * Then others' against the package's.
   */
  #gradients;
  #judgeGradient({ values, solveAt }) {
    if (!solveAt) {
      const errors = this.#each((b) => {
        const truth = this.part(this.#gradients, b);
        return difference(this.part(values, b), truth) / Math.max(...truth.map(Math.abs));
      });
      return { error: quartiles(errors).median };
    }
    this.#gradients = Float64Array.from(values);
    const moved = (by) => solveAt(this.unary.map((score, at) => score + by * this.#direction[at]));
    const [above, below] = [moved(STEP), moved(-STEP)];
    const slopes = above.map((each, at) => (each - below[at]) / (2 * STEP));
    const errors = this.#each((b) => {
      const expected = dot(this.part(this.cotangents, b), this.part(slopes, b));
      const got = dot(this.part(this.#direction, b), this.part(values, b));
      return Math.abs(got - expected) / Math.max(1, Math.abs(expected));
    });
    return { error: quartiles(errors).median };
  }
  get #direction() {
    return this.cotangents.map((each, at) => (this.isVariable(at % this.size) ? Math.sin(at) + each / 2 : 0));
  }
}

const dot = (a, b) => a.reduce((sum, each, at) => sum + each * b[at], 0);
const difference = (a, b) => a.reduce((worst, each, at) => Math.max(worst, Math.abs(each - b[at])), 0);

const everyLine = (make) => Array.from({ length: SIDE }, (_, i) => make(i));
const [MATCHING, TREE] = [TABLES.matching[1], TABLES.tree[1]];

/** Words that do not all hang from one another: of each set at least one has its head elsewhere. */
function noCycles() {
  const words = everyLine((i) => i + 1);
  const sets = Array.from({ length: 2 ** SIDE }, (_, bits) => words.filter((word) => (bits >> (word - 1)) & 1));
  return sets
    .filter((set) => set.length > 1)
    .map((set) => ({
      places: set.flatMap((head) => set.filter((word) => word !== head).map((word) => head * TREE + word)),
      bound: set.length - 1,
      atMost: true,
    }));
}

/** What the marginals of each graph must fulfil, and no more: between these and 0 and 1 all is feasible. */
const CONSTRAINTS = {
  matching: [
    ...everyLine((i) => ({ places: everyLine((j) => i * MATCHING + j), bound: 1 })),
    ...everyLine((j) => ({ places: everyLine((i) => i * MATCHING + j), bound: 1 })),
  ],
  grid: [],
  tree: [
    ...everyLine((i) => ({ places: headsOf(i + 1), bound: 1 })),
    ...everyLine((i) => ({ places: dependentsOf(i + 1), bound: MOST_DEPENDENTS, atMost: true })),
    ...noCycles(),
  ],
};

function headsOf(word) {
  return Array.from({ length: TREE }, (_, head) => head * TREE + word).filter(isArc);
}
function dependentsOf(head) {
  return Array.from({ length: TREE }, (_, word) => head * TREE + word).filter(isArc);
}
