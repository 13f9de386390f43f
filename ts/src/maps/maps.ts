/**
 * Softmax, sparsemax, 1.5-entmax and alpha-entmax: the maps that differ only in alpha, and share one kernel.
 *
 *     entmax(z) = argmax over p in the simplex of <p, z> + H_alpha(p)        (MATH.md §1)
 *
 * alpha = 1 is softmax, 2 is sparsemax (Martins & Astudillo 2016), 1.5 lies between (Peters, Niculae & Martins 2019).
 * Letters: x is [O, N, I] with rows along N; C is the number of scores within 1 / (alpha - 1) of a row's maximum.
 */

import type { Run } from '../runtime/execute.ts';
import type { Float, Like, RowOptions, Scores, Values } from '../types.ts';
import { mapsFamily } from './family.ts';
import type { ParameterRule } from './parameter.ts';
import { defineRowMap } from './row-map.ts';
import type { Support } from './support.ts';

/** Options of a row map with parameters P and further options E; A is the form of the parameters. */
export type RowMapOptions<P extends string, E, A> = RowOptions & E & { [K in P]?: A | undefined };

/** A row map and its forms. P are its differentiable parameters, E its further options. */
export interface RowMap<P extends string = never, E = {}> {
  /**
   * Probabilities of each row, in the form of the scores, or in `out`: an array or tensor of x's dtype and size, which
   * may be x itself and may not overlap it otherwise.
   */
  <X extends Scores, A = number, Y extends Like<X> | Float = Like<X>>(
    x: X,
    options?: RowMapOptions<P, E, A> & { out?: Y | undefined },
  ): NoInfer<Y>;
  /** Support size and threshold of each row, without the probabilities. */
  support<X extends Scores, A = number>(x: X, options?: RowMapOptions<P, E, A>): Support<Values<X>>;
  /**
   * The same as promises, with the event loop free: large calls run on the workers, without them in slices of about
   * 8 ms. Never throws synchronously; rejects with `signal.reason` when aborted, and then an `out` is unspecified.
   */
  readonly async: {
    <X extends Scores, A = number, Y extends Like<X> | Float = Like<X>>(
      x: X,
      options?: RowMapOptions<P, E, A> & Run & { out?: Y | undefined },
    ): Promise<NoInfer<Y>>;
    support<X extends Scores, A = number>(x: X, options?: RowMapOptions<P, E, A> & Run): Promise<Support<Values<X>>>;
  };
}

/** Kernels are given alpha - 1, formed in float64, so that alpha = 1 + 1e-7 keeps its digits. */
const alphaRule = (value: number, name?: string): ParameterRule => ({
  name,
  value,
  condition: 'alpha >= 1',
  accepts: (alpha) => alpha >= 1,
  toKernel: (alpha) => alpha - 1,
});

/**
 * softmax(x)_i = exp(x_i - logsumexp(x)).
 *
 * Every unmasked finite score has p > 0 unless it underflows. Cost: three passes over N.
 * Edges: see `RowOptions`; NaN in a row makes that row NaN, +Infinity shares the mass among the +Infinity entries.
 */
export const softmax: RowMap = /*#__PURE__*/ defineRowMap({
  name: 'softmax',
  family: mapsFamily,
  parameter: /*#__PURE__*/ alphaRule(1),
}) as RowMap;

/**
 * sparsemax(x) = the Euclidean projection of x onto the simplex (Martins & Astudillo 2016, eq. 2): p_i = max(x_i - tau, 0).
 *
 * Scores at or below tau get exactly 0. Cost: two passes over N and a few over C.
 */
export const sparsemax: RowMap = /*#__PURE__*/ defineRowMap({
  name: 'sparsemax',
  family: mapsFamily,
  parameter: /*#__PURE__*/ alphaRule(2),
}) as RowMap;

/**
 * 1.5-entmax: p_i = max(x_i / 2 - tau, 0)^2 (Peters, Niculae & Martins 2019). The same bits as `entmax(x, { alpha: 1.5 })`.
 */
export const entmax15: RowMap = /*#__PURE__*/ defineRowMap({
  name: 'entmax15',
  family: mapsFamily,
  parameter: /*#__PURE__*/ alphaRule(1.5),
}) as RowMap;

/**
 * alpha-entmax: p_i = max((alpha - 1) x_i - tau, 0)^(1 / (alpha - 1)), for alpha >= 1.
 *
 * `alpha` (default 1.5) is a number, an array with one value per row, or a block or Tensor of x's rank with 1 at
 * `axis`. alpha = 1 is softmax, 2 sparsemax, Infinity the uniform distribution over the maxima.
 * Errors: ENTMAX_OPTION for alpha < 1 or NaN, with the row. Cost: as sparsemax; for alpha > 2 O(C log C).
 */
export const entmax: RowMap<'alpha'> = /*#__PURE__*/ defineRowMap({
  name: 'entmax',
  family: mapsFamily,
  parameter: /*#__PURE__*/ alphaRule(1.5, 'alpha'),
}) as RowMap<'alpha'>;
