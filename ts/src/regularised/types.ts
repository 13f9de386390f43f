/** The types of the regularised maps. Their options are those of the row maps. */

import type { Grouped } from '../maps/groups.ts';
import type { Grads, RowMapOptions } from '../maps/types.ts';
import type { Run } from '../runtime/execute.ts';
import type { AsyncPullback, Float, Like, Pullback, Scores } from '../types.ts';

/** Options of `tvmax`. */
export interface TvmaxOptions {
  /** The two axes of each grid, neighbours in either order. Default: the last two. */
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

/** A regularised map and its forms. P are its differentiable parameters, E its further options. */
export interface RegularisedMap<P extends string, E = {}> {
  /**
   * Probabilities of each row, in the form of the scores, or in `out`: an array or tensor of x's dtype and size, which
   * may be x itself and may not overlap it otherwise.
   */
  <X extends Scores, A = number, U = number, Y extends Like<X> | Float = Like<X>>(
    x: X,
    options?: RowMapOptions<P, E, A, U> & { out?: Y | undefined },
  ): NoInfer<Y>;
  /**
   * The value and its pullback: `const [p, pullback] = map.vjp(x, options)`, then `pullback(dp).x`. The pullback keeps the
   * output, and of the maps with groups for each entry its group and its rate. Rows with +Infinity are constant (gradient 0), as
   * are empty ones. Rows with NaN have the gradient NaN.
   */
  vjp<X extends Scores, A = number, U = number>(
    x: X,
    options?: RowMapOptions<P, E, A, U>,
  ): [Like<X>, Pullback<Like<X>, Grads<X, P, A, U>>];
  /** Names of the gradients, in the order in which they are given. */
  readonly wrt: readonly ('x' | P)[];
  /**
   * The same as promises, with the event loop free: large calls run on the workers, without them in slices of about
   * 8 ms. Never throws synchronously; rejects with `signal.reason` when aborted, and then an `out` is unspecified.
   * Inputs may not be written until the promise settles.
   */
  readonly async: AsyncRegularisedMap<P, E>;
}

/** The asynchronous forms of a regularised map. */
export interface AsyncRegularisedMap<P extends string, E = {}> {
  <X extends Scores, A = number, U = number, Y extends Like<X> | Float = Like<X>>(
    x: X,
    options?: RowMapOptions<P, E, A, U> & Run & { out?: Y | undefined },
  ): Promise<NoInfer<Y>>;
  /** As `vjp` of the map; the pullback returns promises, too. */
  vjp<X extends Scores, A = number, U = number>(
    x: X,
    options?: RowMapOptions<P, E, A, U> & Run,
  ): Promise<[Like<X>, AsyncPullback<Like<X>, Grads<X, P, A, U>>]>;
}

/** A regularised map whose entries come in groups of equal ones. */
export interface GroupedMap<P extends string, E = {}> extends RegularisedMap<P, E> {
  /** Probabilities, and the group of each entry. */
  groups<X extends Scores, A = number, U = number>(x: X, options?: RowMapOptions<P, E, A, U>): Grouped<Like<X>>;
  /** The same as promises, as `async` of `RegularisedMap`. */
  readonly async: AsyncGroupedMap<P, E>;
}

/** The asynchronous forms of a map with groups. */
export interface AsyncGroupedMap<P extends string, E = {}> extends AsyncRegularisedMap<P, E> {
  /** As `groups` of the map. */
  groups<X extends Scores, A = number, U = number>(
    x: X,
    options?: RowMapOptions<P, E, A, U> & Run,
  ): Promise<Grouped<Like<X>>>;
}
