/**
 * entmax/structured: sparse distributions over structures (sequences, trees, matchings, sets) by SparseMAP.
 *
 * @packageDocumentation
 */

export { factors } from './factors.ts';
export type { TreeOptions } from './factors.ts';
export { sparsemap } from './sparsemap.ts';
export type {
  AsyncSolvePullback,
  Each,
  Factor,
  In,
  Solution,
  SolveOptions,
  SolvePullback,
  SolveStatus,
  SparseMap,
} from './types.ts';
