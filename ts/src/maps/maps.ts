/**
 * The row maps: what each of them is. Softmax, sparsemax, 1.5-entmax and alpha-entmax differ only in alpha; the top-k
 * maps restrict them to the k largest scores; a budget replaces the sum of 1 and lets every entry reach its bound.
 *
 *     entmax(z) = argmax over p in the simplex of <p, z> + H_alpha(p)                                     (MATH.md §1)
 *     budget(z) = argmin over 0 <= p <= u, sum p = B, of ||p - z||^2                                    (MATH.md §7.1)
 *
 * Letters: x is [O, N, I] with rows along N, R = O * I of them; C is the number of scores within 1 / (alpha - 1) of a
 * row's maximum. Every map has all forms of `RowMap`; edges are those of `RowOptions` and of each form.
 */

import { mapsFamily } from './family.ts';
import { alphaRule } from './parameter.ts';
import type { ParameterRule } from './parameter.ts';
import { defineRowMap } from './row-map.ts';
import type { BudgetOptions, RowMap, TopkOptions } from './types.ts';

/** The sum of a row, which must be given. */
export const budgetRule = (): ParameterRule => ({
  name: 'budget',
  value: undefined,
  condition: 'budget >= 0',
  accepts: (budget) => budget >= 0,
  toKernel: (budget) => budget,
});

/**
 * softmax(x)_i = exp(x_i - logsumexp(x)).
 *
 * Every unmasked finite score has p > 0 unless it underflows. Cost: three passes over N.
 * Edges: NaN in a row makes that row NaN, +Infinity shares the mass among the +Infinity entries.
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
 * `axis`. alpha = 1 is softmax, 2 sparsemax, Infinity the uniform distribution over the maxima (all gradients 0).
 * Its gradient is free of cancellation at every alpha (MATH.md §4), 1 included: within 1e-4 in float32, unless scores
 * differ by less than about 0.01, when p rounded to float32 has lost what alpha changes.
 * Errors: ENTMAX_OPTION for alpha < 1 or NaN, with the row. Cost: as sparsemax; for alpha > 2 O(C log C).
 */
export const entmax: RowMap<'alpha'> = /*#__PURE__*/ defineRowMap({
  name: 'entmax',
  family: mapsFamily,
  parameter: /*#__PURE__*/ alphaRule(1.5, 'alpha'),
}) as RowMap<'alpha'>;

/**
 * Rows that sum to a budget B with a bound for each entry: p_i = clip(x_i - tau, 0, u_i) (MATH.md §7.1). With u = 1 and
 * B = k it is the projection onto the k-subsets: a soft choice of k items.
 *
 * `budget` (required) is a number, one value per row, or a block as `alpha` is. `upper` (default 1) are the bounds u: a
 * number >= 0 or an array that broadcasts to x; Infinity for none. `atMost: true`: sum p <= B, so p = clip(x, 0, u) where
 * that sums to less. Entries at their bound equal it bit for bit. Gradients of `budget` and `upper` come with that of x.
 * Errors: ENTMAX_OPTION where B is not in [0, sum of the bounds of the scores that count], with the row; rows in which
 * nothing is left are empty and no error. Cost: as sparsemax.
 */
export const budget: RowMap<'budget' | 'upper', BudgetOptions> = /*#__PURE__*/ defineRowMap({
  name: 'budget',
  family: mapsFamily,
  parameter: /*#__PURE__*/ budgetRule(),
  capped: true,
  bounded: true,
}) as RowMap<'budget' | 'upper', BudgetOptions>;

/**
 * Sparsemax over the k largest scores of each row (Correia et al. 2020): the closest point of the simplex to x with at
 * most `k` entries. Ties at the k-th score: the lowest index wins.
 *
 * `k` is a positive integer, required; k >= N is no restriction. `exact` on `csr` and `support` is 1 for the rows whose
 * result equals `sparsemax`. Gradients are those of sparsemax on the support. Cost: as sparsemax.
 */
export const topkSparsemax: RowMap<never, TopkOptions> = /*#__PURE__*/ defineRowMap({
  name: 'topkSparsemax',
  family: mapsFamily,
  parameter: /*#__PURE__*/ alphaRule(2),
  topk: true,
}) as RowMap<never, TopkOptions>;

/** alpha-entmax over the k largest scores of each row: `alpha` as for `entmax`, `k` and `exact` as for `topkSparsemax`. */
export const topkEntmax: RowMap<'alpha', TopkOptions> = /*#__PURE__*/ defineRowMap({
  name: 'topkEntmax',
  family: mapsFamily,
  parameter: /*#__PURE__*/ alphaRule(1.5, 'alpha'),
  topk: true,
}) as RowMap<'alpha', TopkOptions>;
