/** The public types of factor graphs. */

import type { Run } from '../runtime/execute.ts';
import type { Block, F64 } from '../types.ts';
import type { Each, Factor, SolveStatus } from './types.ts';

/** Variables of a graph, or their negations: an array of them with a shape. */
export interface Vars {
  /** How many there are along each axis; [] for a single one. */
  readonly shape: readonly number[];
  /** The variable at these indices, or with fewer indices the variables there. Errors: ENTMAX_OPTION. */
  at(...indices: number[]): Vars;
  /** Those whose index along an axis is `index`. Errors: ENTMAX_OPTION. */
  slice(axis: number, index: number): Vars;
  /** Their negations: on where these are off. */
  not(): Vars;
}

/** Options of the solve of a graph. */
export interface GraphOptions<V extends string = string> {
  /** Both residuals at which a problem has converged, > 0. Default: 1e-8. */
  tol?: number | undefined;
  /** Turns that a problem may take. Default: 10 000. */
  maxIter?: number | undefined;
  /** The first step of the method, > 0, which then adapts. Default: 5. */
  step?: number | undefined;
  /** A solution of this graph to begin from, of as many problems. The result is the same. */
  warmStart?: GraphSolution<V, never> | undefined;
}

/** The marginals of B problems of a graph. */
export interface GraphSolution<V extends string, X> {
  /** Of every variable, in the form of the scores; of couplings: how likely it is that what they score happens. */
  readonly marginals: Each<V, X>;
  /**
   * For each problem: the root mean square by which factors still disagree about their variables, or that of their last change if
   * that is larger. Infinity where a factor alone is impossible.
   */
  readonly residual: F64;
  /** Turns of each problem. */
  readonly iterations: Int32Array;
  /** How each problem ended: contradictory factors give 'maxIter', or 'infeasible' where that is sure. */
  readonly status: SolveStatus[];
  /** Whether every problem converged. */
  readonly converged: boolean;
}

/**
 * A table of scores for each name of variables, with a leading axis more for a batch. -inf forbids a variable: its marginal and
 * its gradient are 0. NaN and +inf are errors.
 */
export type GraphScores<V extends string, X> = { [N in V]: X };

/** The gradients of the scores of a graph. */
export type GraphPullback<V extends string, X> = Disposable & {
  /**
   * Gradients of all scores from cotangents of the marginals, those of couplings included. Errors: ENTMAX_SHAPE, ENTMAX_DTYPE,
   * ENTMAX_DISPOSED after `dispose()`.
   */
  (cotangents: Partial<Each<V, X>>): Each<V, X>;
  /** Gives back what it holds; calls are errors afterwards. */
  dispose(): void;
};

/** The same with promises. */
export type AsyncGraphPullback<V extends string, X> = Disposable & {
  /** As the synchronous form; `run` may hold a signal and a callback for progress. */
  (cotangents: Partial<Each<V, X>>, run?: Run): Promise<Each<V, X>>;
  /** Gives back what it holds; calls are errors afterwards. */
  dispose(): void;
};

/** Solves a graph. */
export interface GraphSolve<V extends string> {
  /** Errors: ENTMAX_SHAPE, ENTMAX_DTYPE, ENTMAX_OPTION. */
  <X extends Block>(scores: GraphScores<V, X>, options?: GraphOptions<V>): GraphSolution<V, X>;
  /** The same with the event loop free and all threads; takes a `signal` and `onProgress`, which counts problems. */
  async<X extends Block>(scores: GraphScores<V, X>, options?: GraphOptions<V> & Run): Promise<GraphSolution<V, X>>;
}

/** Solves a graph for a solution and its pullback. */
export interface GraphVjp<V extends string> {
  /**
   * The derivative on the faces that the factors ended on, which is the gradient unless scores coincide, by conjugate gradients
   * (MATH.md section 11). Errors: as `solve`.
   */
  <X extends Block>(scores: GraphScores<V, X>, options?: GraphOptions<V>): [GraphSolution<V, X>, GraphPullback<V, X>];
  /** The same with the event loop free and all threads. */
  async<X extends Block>(
    scores: GraphScores<V, X>,
    options?: GraphOptions<V> & Run,
  ): Promise<[GraphSolution<V, X>, AsyncGraphPullback<V, X>]>;
}

/**
 * Variables between 0 and 1 that factors share, each of which allows some of their values: LP-SparseMAP (Niculae & Martins 2020).
 * The marginals maximise `<scores, mu> - 1/2 |mu|^2` over what all factors allow; where the factors form no loop they are those of
 * SparseMAP over the assignments that fulfil all, else a relaxation of it.
 *
 * Solved by alternating directions: in each turn every factor projects its own copy, and copies are averaged. A factor whose scores
 * have not changed is passed over. Cost: 30 to 600 turns, O(n) each for a factor of logic of n variables, and a call of the oracle
 * or two for a structured one.
 */
export interface FactorGraph<V extends string> {
  /** The variables by name. */
  readonly vars: { readonly [N in V]: Vars };
  /**
   * Adds a factor over variables, which are taken in order. Factors over tables (sequences, trees, matchings) take variables of the
   * table's shape. `coupling` names the variables whose scores are the factor's additional ones: one for `pair`, [T - 1, S, S]
   * for `sequence`; these are in no factor otherwise. Returns the graph. Errors: ENTMAX_SHAPE, ENTMAX_OPTION.
   */
  add(factor: Factor<string, unknown>, vars: Vars | readonly Vars[], coupling?: Vars): this;
  /** The marginals. */
  readonly solve: GraphSolve<V>;
  /** The marginals and their pullback. */
  readonly vjp: GraphVjp<V>;
}
