/** The public types of structured inference. */

import type { Run } from '../runtime/execute.ts';
import type { RowMap } from '../maps/types.ts';
import type { Block, F64, Ids, Like, Scores } from '../types.ts';

/**
 * A set of structures, made by one of `factors`. S names the additional scores that it takes, K is one of its structures.
 */
export interface Factor<S extends string = never, K = Int32Array> {
  /** The name in `factors`. */
  readonly kind: string;
  /** Additional scores that it takes. */
  readonly extra: readonly S[];
  /** Never there: what a structure is. */
  readonly structure?: K;
}

/** A structure that a caller's oracle names. */
export interface NamedStructure<K> {
  /** Tells structures apart: equal keys, equal vertices. */
  key: string | number;
  /** What results hold for it. */
  value: K;
  /** What each part counts: 1 and 0 for parts that it has and has not, or any finite numbers. As long as there are parts. */
  vertex: ArrayLike<number>;
}

/** A MAP oracle of the caller's, for `factors.custom`. */
export interface CustomOracle<K> {
  /** Parts, which is how many scores there are. */
  size: number;
  /** The structure of the highest `sum_i vertex[i] scores[i]`; undefined where every one has a part of -Infinity. */
  map(scores: F64): NamedStructure<K> | undefined;
}

/** Unary scores, and the additional ones by name; all in one form, of one element type, with the same leading axis. */
export type In<S extends string, X> = {
  /** The table that the factor says, one for each problem. */
  unary: X;
} & { [N in S]?: NoInfer<X> };

/** A table for each kind of scores. */
export type Each<S extends string, X> = { [N in S]: Like<X> };

/** How a solve ended. */
export type SolveStatus = 'converged' | 'maxIter' | 'infeasible';

/** A sparse distribution over structures for each of B problems. */
export interface Solution<S extends string, K, X> {
  /** The probability of every part, in the form of the scores; 0 for forbidden ones and where nothing is possible. */
  readonly marginals: Each<S, X>;
  /** The structures of problem b are those from `indptr[b]` up to `indptr[b + 1]`, as in a CSR matrix. */
  readonly indptr: Int32Array;
  /** Every structure with a probability above 0. */
  readonly structures: K[];
  /** Their probabilities, which sum to 1 for each problem. */
  readonly weights: F64;
  /** The duality gap of each problem: the objective is at most so far from its maximum. NaN where nothing is possible. */
  readonly gap: F64;
  /** Calls of the MAP oracle for each problem. */
  readonly iterations: Int32Array;
  /** How each problem ended. */
  readonly status: SolveStatus[];
  /** Whether every problem converged. */
  readonly converged: boolean;
}

/** Options of a solve. */
export interface SolveOptions {
  /** The duality gap at which a problem has converged, > 0. Default: 1e-9 for float64 scores, 1e-5 for float32. */
  tol?: number | undefined;
  /** Calls of the MAP oracle that a problem may take. Default: 10 000. */
  maxIter?: number | undefined;
  /**
   * How long each problem is, one for each: positions of a sequence, words of a sentence, items of a set. Leading rows (and
   * columns) of the tables count. Assignments take none.
   */
  lengths?: Ids | undefined;
  /** A solution of a like batch to begin from. The result is the same but for the choice of structures where that is free. */
  warmStart?: Pick<Solution<string, unknown, unknown>, 'indptr' | 'structures' | 'weights'> | undefined;
}

/** What there are gradients for: the scores that were given. */
export type SolvePullback<S extends string, X> = Disposable & {
  /**
   * Gradients of the scores from cotangents of the marginals and of the weights, each where given. Errors: ENTMAX_SHAPE,
   * ENTMAX_DTYPE, ENTMAX_DISPOSED after `dispose()`.
   */
  (cotangents: Partial<Each<S | 'unary', X>> & { weights?: Float64Array | undefined }): Each<S | 'unary', X>;
  /** Gives back what it holds; calls are errors afterwards. */
  dispose(): void;
};

/** The same with promises. */
export type AsyncSolvePullback<S extends string, X> = Disposable & {
  /** As the synchronous form; `run` may hold a signal and a callback for progress. */
  (
    cotangents: Partial<Each<S | 'unary', X>> & { weights?: Float64Array | undefined },
    run?: Run,
  ): Promise<Each<S | 'unary', X>>;
  /** Gives back what it holds; calls are errors afterwards. */
  dispose(): void;
};

/**
 * SparseMAP (Niculae, Martins, Blondel, Cardie 2018): the distribution over structures whose marginals mu maximise
 * `<mu, unary> + <nu, additional> - 1/2 |mu|^2`, with few structures and a certificate.
 *
 * Scores of -inf forbid a part: no structure that has it is used. NaN and +inf are errors. The additional scores are linear:
 * they are not in the square. Computed in float64 whatever the scores are.
 *
 * Cost: calls of the factor's oracle, 1.1 to 1.4 for each structure of the result, and O(A^2) for each with A structures.
 *
 * Errors: ENTMAX_SHAPE, ENTMAX_DTYPE, ENTMAX_OPTION.
 */
export interface SparseMap {
  <S extends string, K, X extends Block>(
    scores: In<S, X>,
    factor: Factor<S, K>,
    options?: SolveOptions,
  ): Solution<S | 'unary', K, X>;
  /**
   * The solution with its pullback: the derivative on the support that was returned, which is the gradient wherever there is
   * one (MATH.md section 9: M Q M^T). Makes it by two substitutions with a factor of A (A + 1) / 2 numbers a problem.
   */
  vjp<S extends string, K, X extends Block>(
    scores: In<S, X>,
    factor: Factor<S, K>,
    options?: SolveOptions,
  ): [Solution<S | 'unary', K, X>, SolvePullback<S, X>];
  /** The same with the event loop free and all threads; takes a `signal` and `onProgress`, which counts problems. */
  async: {
    <S extends string, K, X extends Block>(
      scores: In<S, X>,
      factor: Factor<S, K>,
      options?: SolveOptions & Run,
    ): Promise<Solution<S | 'unary', K, X>>;
    /** As `sparsemap.vjp`, with a pullback of promises. */
    vjp<S extends string, K, X extends Block>(
      scores: In<S, X>,
      factor: Factor<S, K>,
      options?: SolveOptions & Run,
    ): Promise<[Solution<S | 'unary', K, X>, AsyncSolvePullback<S, X>]>;
  };
}

/** The best structures of each of B problems. */
export interface Best<K> {
  /** The structures of problem b are those from `indptr[b]` up to `indptr[b + 1]`; none where every one is forbidden. */
  readonly indptr: Int32Array;
  /** From the best on. */
  readonly structures: K[];
  /** Their scores, additional ones included. */
  readonly scores: F64;
}

/**
 * The MAP oracle: the structure of the highest score, ties as the factor says. Computed in float64.
 *
 * Errors: ENTMAX_SHAPE, ENTMAX_DTYPE, ENTMAX_OPTION.
 */
export interface MapOracle {
  <S extends string, K, X extends Block>(
    scores: In<S, X>,
    factor: Factor<S, K>,
    options?: Pick<SolveOptions, 'lengths'>,
  ): Best<K>;
  /** The same with the event loop free and all threads. */
  async<S extends string, K, X extends Block>(
    scores: In<S, X>,
    factor: Factor<S, K>,
    options?: Pick<SolveOptions, 'lengths'> & Run,
  ): Promise<Best<K>>;
}

/**
 * The k structures of the highest scores, fewer where there are no more: of sequences in O(T S^2 k), of bit vectors in
 * O(n log n + k log k). Other factors know their best one alone, k = 1.
 *
 * Errors: ENTMAX_SHAPE, ENTMAX_DTYPE, ENTMAX_OPTION.
 */
export interface KBest {
  <S extends string, K, X extends Block>(
    scores: In<S, X>,
    factor: Factor<S, K>,
    k: number,
    options?: Pick<SolveOptions, 'lengths'>,
  ): Best<K>;
  /** The same with the event loop free and all threads. */
  async<S extends string, K, X extends Block>(
    scores: In<S, X>,
    factor: Factor<S, K>,
    k: number,
    options?: Pick<SolveOptions, 'lengths'> & Run,
  ): Promise<Best<K>>;
}

/** A target: a structure, for which plain numbers will do; of a custom factor `{ vertex }`, as its oracle returns it. */
export type Target<K> = K | readonly number[] | Pick<NamedStructure<K>, 'vertex'>;

/** Targets: one structure, or for a batch an array of them. */
export type Targets<K> = Target<K> | readonly Target<K>[];

/** Options of the loss of SparseMAP. */
export interface SparseMapLossOptions<R extends string> extends SolveOptions {
  /** How the losses of the problems become one number. Default: 'mean'. */
  reduction?: R | undefined;
}

/** The gradients of the scores from a cotangent for the loss of each problem. */
export type SparseMapLossPullback<S extends string, X> = Disposable & {
  /** Errors: ENTMAX_SHAPE, ENTMAX_DISPOSED after `dispose()`. */
  (dloss: number | ArrayLike<number>): Each<S | 'unary', X>;
  /** Gives back what it holds; calls are errors afterwards. */
  dispose(): void;
};

/** The same with promises. */
export type AsyncSparseMapLossPullback<S extends string, X> = Disposable & {
  /** As the synchronous form; `run` may hold a signal and a callback for progress. */
  (dloss: number | ArrayLike<number>, run?: Run): Promise<Each<S | 'unary', X>>;
  /** Gives back what it holds; calls are errors afterwards. */
  dispose(): void;
};

/**
 * The loss of SparseMAP: how much the objective's maximum exceeds what the target has, at least 0, and 0 iff the target has all
 * the weight. Its gradient is the marginals less the target's parts. A target with a forbidden part has the loss Infinity and
 * the gradient 0.
 *
 * Errors: ENTMAX_SHAPE, ENTMAX_DTYPE, ENTMAX_OPTION for a target that is none of the factor's structures (crossing arcs aside).
 *
 * Source: Niculae et al. 2018, section 4; MATH.md section 9.
 */
export interface SparseMapLoss {
  <S extends string, K, X extends Block>(
    scores: In<S, X>,
    factor: Factor<S, K>,
    targets: Targets<K>,
    options?: SparseMapLossOptions<'mean' | 'sum'>,
  ): number;
  /** The loss of each problem. */
  <S extends string, K, X extends Block>(
    scores: In<S, X>,
    factor: Factor<S, K>,
    targets: Targets<K>,
    options: SparseMapLossOptions<'none'> & { reduction: 'none' },
  ): F64;
  /** The loss, and the gradients of the scores that were given. */
  valueAndGrad<S extends string, K, X extends Block>(
    scores: In<S, X>,
    factor: Factor<S, K>,
    targets: Targets<K>,
    options?: SparseMapLossOptions<'mean' | 'sum'>,
  ): [number, Each<S | 'unary', X>];
  /** The loss of each problem, and the pullback of a cotangent for each. */
  vjp<S extends string, K, X extends Block>(
    scores: In<S, X>,
    factor: Factor<S, K>,
    targets: Targets<K>,
    options?: SolveOptions,
  ): [F64, SparseMapLossPullback<S, X>];
  /** The same with the event loop free and all threads. */
  readonly async: AsyncSparseMapLoss;
}

/** The asynchronous forms of the loss. */
export interface AsyncSparseMapLoss {
  <S extends string, K, X extends Block>(
    scores: In<S, X>,
    factor: Factor<S, K>,
    targets: Targets<K>,
    options?: SparseMapLossOptions<'mean' | 'sum'> & Run,
  ): Promise<number>;
  /** The loss of each problem. */
  <S extends string, K, X extends Block>(
    scores: In<S, X>,
    factor: Factor<S, K>,
    targets: Targets<K>,
    options: SparseMapLossOptions<'none'> & { reduction: 'none' } & Run,
  ): Promise<F64>;
  /** As `valueAndGrad` of the loss. */
  valueAndGrad<S extends string, K, X extends Block>(
    scores: In<S, X>,
    factor: Factor<S, K>,
    targets: Targets<K>,
    options?: SparseMapLossOptions<'mean' | 'sum'> & Run,
  ): Promise<[number, Each<S | 'unary', X>]>;
  /** As `vjp` of the loss. */
  vjp<S extends string, K, X extends Block>(
    scores: In<S, X>,
    factor: Factor<S, K>,
    targets: Targets<K>,
    options?: SolveOptions & Run,
  ): Promise<[F64, AsyncSparseMapLossPullback<S, X>]>;
}

/** An expectation and its gradient, for each row or problem. */
export interface Expected<G> {
  /** The expectation of each row, or of each problem. */
  readonly value: F64;
  /** The gradient of the sum of these with respect to the scores, in their form. */
  readonly gradient: G;
  /** How often the function was called: once for each entry or structure of all supports. */
  readonly calls: number;
}

/**
 * The expectation of a function of a discrete latent variable, without sampling and without a call for what has no
 * probability (Correia, Niculae, Aziz, Martins 2020). With a row map, such as `sparsemax` or `topkSparsemax`, `f(index, row)` is
 * called for the support of every row along the last axis; with a factor, `f(structure, problem)` for the structures that
 * SparseMAP returns. Gradients of what is inside of `f` are the caller's: weigh them with the probabilities.
 *
 * Errors: ENTMAX_OPTION where f returns no number; those of the map.
 */
export interface Expectation {
  <X extends Scores, P extends string, E>(
    scores: X,
    map: RowMap<P, E>,
    f: (index: number, row: number) => number,
    options?: object,
  ): Expected<Like<X>>;
  <S extends string, K, X extends Block>(
    scores: In<S, X>,
    factor: Factor<S, K>,
    f: (structure: K, problem: number) => number,
    options?: SolveOptions,
  ): Expected<Each<S | 'unary', X>>;
}

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
   * The derivative on the faces that the factors ended on, which is the gradient wherever there is one, by conjugate gradients
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
 * have not changed is passed over. Cost: 30 to 300 turns, O(n) each for a factor of logic of n variables, and about one call of
 * the oracle for a structured one.
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
