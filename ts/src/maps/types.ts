/** The types of the row maps: what they take and what they give. */

import type { Csr } from '../csr.ts';
import type { Run } from '../runtime/execute.ts';
import type { AsyncPullback, Float, Like, Pullback, RowOptions, Scores, Values } from '../types.ts';
import type { Support } from './support.ts';

/**
 * The parameters P of a map. A is the form of its parameter (a number, a bare array with one value for each row, or a
 * shaped block of x's rank with 1 at `axis`); U is the form of `upper`, a number or an array that broadcasts to x.
 */
export type MapParameters<P extends string, A, U> = { [K in P]?: (K extends 'upper' ? U : A) | undefined };

/** Options of a row map with parameters P and further options E; A and U are the forms of the parameters. */
export type RowMapOptions<P extends string, E, A, U = number> = RowOptions & E & MapParameters<P, A, U>;

/**
 * Gradients by name, each in the form of what it belongs to: a number for a number (the sum over all rows), one value
 * for each row for a bare array, a block of the parameter's shape for a block, with sums over the axes that it repeats
 * along. A parameter that was not given counts as a number.
 */
export type Grads<X, P extends string, A, U = number> = {
  /** The gradient of the scores. */
  x: Like<X>;
} & {
  [K in P]: K extends 'upper' ? Like<U> : Like<A>;
};

/** Options of `budget` and of its loss. */
export interface BudgetOptions {
  /** Whether rows may sum to less than their budget. Default: false, exactly the budget. */
  atMost?: boolean | undefined;
}

/** Options of the top-k maps. */
export interface TopkOptions {
  /** How many scores of each row count, the largest: a positive integer; more than there are means all. */
  k: number;
}

/** The forms that every map has. P are its differentiable parameters, E its further options. */
export interface MapForms<P extends string = never, E = {}> {
  /**
   * Probabilities of each row, in the form of the scores, or in `out`: an array or tensor of x's dtype and size, which
   * may be x itself and may not overlap it otherwise.
   */
  <X extends Scores, A = number, U = number, Y extends Like<X> | Float = Like<X>>(
    x: X,
    options?: RowMapOptions<P, E, A, U> & { out?: Y | undefined },
  ): NoInfer<Y>;
  /**
   * The support of each row with its values: the entries with p > 0, bit for bit those of the dense form, ascending by
   * index or, with `order: 'value'`, descending by value (ties by index). Costs less than the dense form where supports
   * are small, O(S) memory for S entries. Errors: ENTMAX_MEMORY from 2^31 entries on.
   */
  csr<X extends Scores, A = number, U = number>(
    x: X,
    options?: RowMapOptions<P, E, A, U> & { order?: 'index' | 'value' | undefined },
  ): Csr<Values<X>>;
  /** Support size and threshold of each row, without the probabilities. */
  support<X extends Scores, A = number, U = number>(x: X, options?: RowMapOptions<P, E, A, U>): Support<Values<X>>;
  /**
   * The value and its pullback: `const [p, pullback] = map.vjp(x)`, then `pullback(dp).x`. The pullback keeps the
   * support only, of the maps with groups for each entry its group and its rate. It knows what the output does not show: rows with
   * +Infinity are constant (gradient 0), as are empty ones, and a budget that was not used up has no gradient. Rows with NaN have the
   * gradient NaN. The Jacobian by x is symmetric, but for `compat` of `oscarmax`: `pullback(dx).x` is the Jacobian-vector product, too.
   */
  vjp<X extends Scores, A = number, U = number>(
    x: X,
    options?: RowMapOptions<P, E, A, U>,
  ): [Like<X>, Pullback<Like<X>, Grads<X, P, A, U>>];
  /** Names of the gradients, in the order in which they are given. */
  readonly wrt: readonly ('x' | P)[];
}

/** A row map and its forms. P are its differentiable parameters, E its further options. */
export interface RowMap<P extends string = never, E = {}> extends MapForms<P, E> {
  /**
   * Gradients from the output `p` alone, for the cotangent `dp` of p's element type and shape. `options` are those
   * that made p (`k`, and `budget` unless `atMost`, may be missing); `wrt` picks gradients, all by default. Entries
   * with p = 0 have gradient 0. What p does not show cannot be known: see `vjp`. Costs one pass over N, O(support)
   * arithmetic for the sparse maps.
   */
  backward<X extends Scores, A = number, U = number, K extends 'x' | P = 'x' | P>(
    p: X,
    dp: X,
    options?: RowMapOptions<P, E, A, U> & { wrt?: readonly K[] | undefined },
  ): Pick<Grads<X, P, A, U>, K>;
  /**
   * The same as promises, with the event loop free: large calls run on the workers, without them in slices of about
   * 8 ms. Never throws synchronously; rejects with `signal.reason` when aborted, and then an `out` is unspecified.
   * Inputs may not be written until the promise settles.
   */
  readonly async: AsyncRowMap<P, E>;
}

/** The asynchronous forms that every map has. */
export interface AsyncMapForms<P extends string = never, E = {}> {
  <X extends Scores, A = number, U = number, Y extends Like<X> | Float = Like<X>>(
    x: X,
    options?: RowMapOptions<P, E, A, U> & Run & { out?: Y | undefined },
  ): Promise<NoInfer<Y>>;
  /** As `csr` of the map. */
  csr<X extends Scores, A = number, U = number>(
    x: X,
    options?: RowMapOptions<P, E, A, U> & Run & { order?: 'index' | 'value' | undefined },
  ): Promise<Csr<Values<X>>>;
  /** As `support` of the map. */
  support<X extends Scores, A = number, U = number>(
    x: X,
    options?: RowMapOptions<P, E, A, U> & Run,
  ): Promise<Support<Values<X>>>;
  /** As `vjp` of the map; the pullback returns promises, too. */
  vjp<X extends Scores, A = number, U = number>(
    x: X,
    options?: RowMapOptions<P, E, A, U> & Run,
  ): Promise<[Like<X>, AsyncPullback<Like<X>, Grads<X, P, A, U>>]>;
}

/** The asynchronous forms of a row map. */
export interface AsyncRowMap<P extends string = never, E = {}> extends AsyncMapForms<P, E> {
  /** As `backward` of the map. */
  backward<X extends Scores, A = number, U = number, K extends 'x' | P = 'x' | P>(
    p: X,
    dp: X,
    options?: RowMapOptions<P, E, A, U> & Run & { wrt?: readonly K[] | undefined },
  ): Promise<Pick<Grads<X, P, A, U>, K>>;
}
