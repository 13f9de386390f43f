/**
 * entmax/regularised: sparse maps with another regulariser (fusedmax, TVmax, oscarmax, normmax and its loss) or with bounds (constrained
 * softmax, sparsemax and entmax).
 *
 * @packageDocumentation
 */

export type { Grouped } from '../maps/groups.ts';
export { normmaxLoss } from './losses.ts';
export {
  constrainedEntmax,
  constrainedSoftmax,
  constrainedSparsemax,
  fusedmax,
  normmax,
  oscarmax,
  tvmax,
} from './maps.ts';
export type { AsyncGroupedMap, GroupedMap, OscarmaxOptions, TvmaxOptions } from './types.ts';
