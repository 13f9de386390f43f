/** The types of the regularised maps with groups. The others are row maps, and all take the options of row maps. */

import type { Grouped } from '../maps/groups.ts';
import type { AsyncMapForms, MapForms, RowMapOptions } from '../maps/types.ts';
import type { Run } from '../runtime/execute.ts';
import type { Like, Scores } from '../types.ts';

/** Options of `tvmax`. */
export interface TvmaxOptions {
  /** The two axes of each grid, in either order. Default: the last two. */
  axes?: readonly [number, number] | undefined;
  /** A grid has two axes. */
  axis?: undefined;
  /** A grid has no length; a mask says what counts. */
  lengths?: undefined;
}

/** Options of `oscarmax`. */
export interface OscarmaxOptions {
  /** `'torchsparseattn'`: compute what Niculae & Blondel (2017) publish, which is not the minimum. Default: the minimum. */
  compat?: 'torchsparseattn' | undefined;
}

/**
 * A regularised map whose entries come in groups of equal ones.
 *
 * Its thresholds (of `csr` and `support`) are those of the sparsemax in which it ends: t where p = [(y - t) / T]+, y being the scores as the
 * step before has joined them. No threshold of the scores themselves tells the support.
 *
 * There is no `backward`: p does not tell its groups, since entries may also be equal by chance, nor how they move with
 * lambda. `vjp` keeps both.
 */
export interface GroupedMap<P extends string, E = {}> extends MapForms<P, E> {
  /** Probabilities, and the group of each entry. */
  groups<X extends Scores, A = number, U = number>(x: X, options?: RowMapOptions<P, E, A, U>): Grouped<Like<X>>;
  /**
   * The same as promises, with the event loop free: large calls run on the workers, without them in slices of about
   * 8 ms. Never throws synchronously; rejects with `signal.reason` when aborted, and then an `out` is unspecified.
   * Inputs may not be written until the promise settles.
   */
  readonly async: AsyncGroupedMap<P, E>;
}

/** The asynchronous forms of a map with groups. */
export interface AsyncGroupedMap<P extends string, E = {}> extends AsyncMapForms<P, E> {
  /** As `groups` of the map. */
  groups<X extends Scores, A = number, U = number>(
    x: X,
    options?: RowMapOptions<P, E, A, U> & Run,
  ): Promise<Grouped<Like<X>>>;
}
