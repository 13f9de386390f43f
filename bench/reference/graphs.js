/**
 * Graphs of factors and the checks of their solutions, in float64. No simple oracle proves a solution of LP-SparseMAP, so there are
 * three checks: the package's marginals must be feasible, no feasible structure among many may promise a gain from them (the
 * objective is concave: at its maximum <scores - mu, z - mu> <= 0 for every feasible z), and the peer's, run to 1e-13, must be the
 * same. Of a matching the first-order condition is exact, for the best structure is known.
 */

import { mulberry32 } from '../random.js';
import { makeCotangents } from '../structured/inputs.js';
import { isArc, makeGraphScores, MOST_DEPENDENTS, NEIGHBOURS, SIDE, TABLES } from '../structured/graphs.js';
import { quartiles } from '../statistics.js';
import { ORACLES } from './oracles.js';

/** Marginals are the answer when they are no farther from it. */
const SOLVED = 1e-8;
/** Structures that are tried at each solution. */
const TRIES = 200;
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
    return { judge };
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

  /** What a solution is infeasible by, or the largest gain that a structure promises. */
  #off(mu, b) {
    const { infeasibility, structures } = CHECKS[this.graph];
    const unary = this.part(this.unary, b);
    const couplings = this.couplings && this.part(this.couplings, b);
    const left = unary.map((score, at) => (this.isVariable(at) ? score - mu[at] : 0));
    const value = (z) => dot(left, z) + (couplings ? dot(couplings, couplingsOf(z, couplings)) : 0);
    const own = value(mu);
    const gains = structures(left, mulberry32(5 + b)).map((z) => value(z) - own);
    return Math.max(infeasibility(mu), ...mu.map((each) => Math.max(-each, each - 1)), ...gains);
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
const sumOf = (mu, places) => places.reduce((sum, at) => sum + mu[at], 0);
const line = (axis, i, [rows, columns]) =>
  Array.from({ length: axis === 0 ? columns : rows }, (_, j) => (axis === 0 ? i * columns + j : j * columns + i));

/** The best that couplings can be at these marginals: both at once as often as possible where that is liked, else as rarely. */
const couplingsOf = (z, couplings) =>
  NEIGHBOURS.map(([a, b], k) => (couplings[k] > 0 ? Math.min(z[a], z[b]) : Math.max(0, z[a] + z[b] - 1)));

/** @type {Record<string, { infeasibility: (mu: Float64Array) => number,
 *   structures: (left: Float64Array, uniform: () => number) => Float64Array[] }>} */
const CHECKS = {
  matching: {
    infeasibility: (mu) =>
      Math.max(...[0, 1].flatMap((axis) => everyLine((i) => Math.abs(sumOf(mu, line(axis, i, TABLES.matching)) - 1)))),
    structures(left) {
      const sizes = { factor: 'assignment', table: TABLES.matching };
      const best = ORACLES.assignment.best({ unary: left }, sizes);
      return [indicator(left.length, ORACLES.assignment.parts(best, sizes))];
    },
  },
  /** Anything between 0 and 1 is feasible. */
  grid: {
    infeasibility: () => 0,
    structures: (left, uniform) => tries(() => left.map(() => Number(uniform() < 0.5))),
  },
  tree: {
    infeasibility: (mu) =>
      Math.max(
        ...everyLine((word) => Math.abs(sumOf(mu, line(1, word + 1, TABLES.tree).filter(isArc)) - 1)),
        ...everyLine((word) => sumOf(mu, line(0, word + 1, TABLES.tree).filter(isArc)) - MOST_DEPENDENTS),
      ),
    // Words in a random order, each under one before it that has room, or under the root.
    structures: (left, uniform) =>
      tries(() => {
        const order = Array.from({ length: SIDE }, (_, i) => i + 1).sort(() => uniform() - 0.5);
        const dependents = Array(SIDE + 1).fill(0);
        return indicator(
          left.length,
          order.map((word, place) => {
            const heads = order.slice(0, place).filter((head) => dependents[head] < MOST_DEPENDENTS);
            const head = [0, ...heads].reduce((a, b) =>
              left[b * (SIDE + 1) + word] > left[a * (SIDE + 1) + word] ? b : a,
            );
            dependents[head]++;
            return head * (SIDE + 1) + word;
          }),
        );
      }),
  },
};

const everyLine = (make) => Array.from({ length: SIDE }, (_, i) => make(i));
const tries = (make) => Array.from({ length: TRIES }, make);

function indicator(length, places) {
  const z = new Float64Array(length);
  for (const at of places) z[at] = 1;
  return z;
}
