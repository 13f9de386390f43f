/** The types of the losses: what they take and what they give. */

import type { Csr } from '../csr.ts';
import type { Grads } from '../maps/types.ts';
import type { Run } from '../runtime/execute.ts';
import type { AsyncPullback, Block, Float, Ids, Like, Pullback, RowOptions, Scores, Values } from '../types.ts';

/**
 * What scores are compared with: a class for each row (integers in any form, or a flat array of numbers), or a
 * distribution for each row (floats of the scores' shape and element type).
 */
export type Target<X extends Scores> = Ids | NoInfer<X> | Float | Block;

/** Options that every loss takes besides those of the rows. */
export interface LossOptions {
  /** Rows whose class is this number count for nothing: loss 0, gradient 0, not in the mean. Default: -100. */
  ignoreIndex?: number | undefined;
  /**
   * A weight >= 0 for each of the N classes: a row's loss and gradient are multiplied by the weight of its class (with
   * distributions: by the mean weight under the row's), and 'mean' divides by the sum of these weights, as PyTorch does.
   */
  classWeights?: Float | undefined;
}

/** Options of a loss with parameters P and further options E; A is the form of the parameters. */
export type LossCallOptions<P extends string, E, A> = RowOptions & LossOptions & E & { [K in P]?: A | undefined };

/** How the losses of the rows become one number. */
export interface Reduced {
  /** The mean over the rows that count (0 if none does), or the sum. Default: 'mean'. */
  reduction?: 'mean' | 'sum' | undefined;
}

/** The gradient of the scores as CSR, and those of the parameters. */
export type CsrGrads<X extends Scores, P extends string, A> = {
  /** The gradient of the scores. */
  x: Csr<Values<X>>;
} & { [K in P]: Like<A> };

/** A Fenchel-Young loss. P are its differentiable parameters, E its further options. */
export interface Loss<P extends string = never, E = {}> {
  /**
   * The loss as a number. Rows with NaN give NaN; a row in which nothing is left, or with target mass on an excluded
   * class, gives Infinity, with gradient 0. Scores of +Infinity: a target among them has the loss of equal scores, any
   * other Infinity. Errors: ENTMAX_OPTION for a class outside [0, N), with the row.
   */
  <X extends Scores, A = number>(z: X, target: Target<X>, options?: LossCallOptions<P, E, A> & Reduced): number;
  /** The loss of each row, in z's form and of z's shape without the axis ([1] for a single row). */
  <X extends Scores, A = number>(
    z: X,
    target: Target<X>,
    options: LossCallOptions<P, E, A> & { reduction: 'none' },
  ): Like<X>;
  /**
   * The loss and its gradients in one pass: `[value, { x, ... }]`, x in the form of z or in `out` (which may be z), each
   * parameter's in its own form. Costs little more than the map alone.
   */
  valueAndGrad<X extends Scores, A = number, Y extends Like<X> | Float = Like<X>>(
    z: X,
    target: Target<X>,
    options?: LossCallOptions<P, E, A> & Reduced & { out?: Y | undefined },
  ): [number, Grads<X, P, A>];
  /**
   * The same with the gradient of z as CSR: support and target of each row, O(C) numbers instead of N. For large
   * vocabularies.
   */
  valueAndCsr<X extends Scores, A = number>(
    z: X,
    target: Target<X>,
    options?: LossCallOptions<P, E, A> & Reduced,
  ): [number, CsrGrads<X, P, A>];
  /** The loss of each row as `reduction: 'none'` gives it, and the pullback of a cotangent for each row. */
  vjp<X extends Scores, A = number>(
    z: X,
    target: Target<X>,
    options?: LossCallOptions<P, E, A>,
  ): [Like<X>, Pullback<Like<X>, Grads<X, P, A>>];
  /**
   * The product of the Hessian with respect to z and a tangent `v` of z's shape, in the form of z: the map's Jacobian
   * times v (MATH.md section 4), weighted by row as `reduction` says. The Hessian is positive semidefinite.
   */
  hvp<X extends Scores, A = number>(
    z: X,
    target: Target<X>,
    v: NoInfer<X> | Float | Block,
    options?: LossCallOptions<P, E, A> & Reduced,
  ): Like<X>;
  /**
   * The same as promises, with the event loop free: see the forms of the maps. Never throws synchronously; rejects with
   * `signal.reason` when aborted.
   */
  readonly async: AsyncLoss<P, E>;
}

/** The asynchronous forms of a loss. */
export interface AsyncLoss<P extends string, E> {
  <X extends Scores, A = number>(
    z: X,
    target: Target<X>,
    options?: LossCallOptions<P, E, A> & Reduced & Run,
  ): Promise<number>;
  <X extends Scores, A = number>(
    z: X,
    target: Target<X>,
    options: LossCallOptions<P, E, A> & { reduction: 'none' } & Run,
  ): Promise<Like<X>>;
  /** As `valueAndGrad` of the loss. */
  valueAndGrad<X extends Scores, A = number, Y extends Like<X> | Float = Like<X>>(
    z: X,
    target: Target<X>,
    options?: LossCallOptions<P, E, A> & Reduced & Run & { out?: Y | undefined },
  ): Promise<[number, Grads<X, P, A>]>;
  /** As `valueAndCsr` of the loss. */
  valueAndCsr<X extends Scores, A = number>(
    z: X,
    target: Target<X>,
    options?: LossCallOptions<P, E, A> & Reduced & Run,
  ): Promise<[number, CsrGrads<X, P, A>]>;
  /** As `vjp` of the loss; the pullback returns promises, too. */
  vjp<X extends Scores, A = number>(
    z: X,
    target: Target<X>,
    options?: LossCallOptions<P, E, A> & Run,
  ): Promise<[Like<X>, AsyncPullback<Like<X>, Grads<X, P, A>>]>;
  /** As `hvp` of the loss. */
  hvp<X extends Scores, A = number>(
    z: X,
    target: Target<X>,
    v: NoInfer<X> | Float | Block,
    options?: LossCallOptions<P, E, A> & Reduced & Run,
  ): Promise<Like<X>>;
}
