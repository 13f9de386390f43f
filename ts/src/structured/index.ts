/**
 * entmax/structured: sparse distributions over structures (sequences, trees, matchings, sets, your own) by SparseMAP, and marginals
 * that many factors agree on by LP-SparseMAP.
 *
 * @packageDocumentation
 */

export { kbest, map } from './best.ts';
export { expectation } from './expectation.ts';
export { factors } from './factors.ts';
export type { TreeOptions } from './factors.ts';
export { factorGraph } from './graph.ts';
export type {
  AsyncGraphPullback,
  FactorGraph,
  GraphOptions,
  GraphPullback,
  GraphScores,
  GraphSolution,
  GraphSolve,
  GraphVjp,
  Vars,
} from './graph-types.ts';
export { sparsemapLoss } from './loss.ts';
export { sparsemap } from './sparsemap.ts';
export type {
  AsyncSolvePullback,
  AsyncSparseMapLoss,
  AsyncSparseMapLossPullback,
  Best,
  CustomOracle,
  Each,
  Expectation,
  Expected,
  Factor,
  In,
  KBest,
  MapOracle,
  NamedStructure,
  Solution,
  SolveOptions,
  SolvePullback,
  SolveStatus,
  SparseMap,
  SparseMapLoss,
  SparseMapLossOptions,
  SparseMapLossPullback,
  Target,
  Targets,
} from './types.ts';
