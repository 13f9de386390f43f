/**
 * Fenchel-Young losses of the maps (Blondel, Martins & Niculae 2020; MATH.md section 5):
 *
 *     L(z; q) = max over p of { <p, z> - Omega(p) } + Omega(q) - <z, q>,     dL/dz = p - q,  p = the map of z
 *
 * with Omega = -H_alpha on the simplex for the entmax family (alpha = 1: cross-entropy), and half the squared norm on
 * the capped simplex for budget. L >= 0, convex in z, and 0 exactly where p = q: with a class k as target where
 * z_k >= max of the others + 1 / (alpha - 1), the margin.
 *
 * Letters: z is [O, N, I] with rows along N (the classes), R = O * I rows, C the entries of support and target.
 */

import { mapsFamily } from '../maps/family.ts';
import { budgetRule } from '../maps/maps.ts';
import { alphaRule } from '../maps/parameter.ts';
import type { BudgetOptions } from '../maps/types.ts';
import { defineLoss } from './define-loss.ts';
import type { Loss } from './types.ts';

/**
 * Cross-entropy, L(z; k) = logsumexp(z) - z_k: the loss of softmax. Never 0: softmax has no margin.
 *
 * Cost: three passes over N; `valueAndCsr` lists every class, the sparse losses are made for it.
 */
export const softmaxLoss: Loss = /*#__PURE__*/ defineLoss({
  name: 'softmaxLoss',
  family: mapsFamily,
  parameter: /*#__PURE__*/ alphaRule(1),
}) as Loss;

/**
 * The sparsemax loss (Martins & Astudillo 2016, eq. 15 and 23), L(z; k) = -z_k + (sum over the support of z_j^2 - tau^2) / 2
 * + 1/2. Zero from a margin of 1 on. With a distribution as target it learns label proportions: what the map predicts
 * is a set of labels.
 *
 * Cost: two passes over N and a few over the support.
 */
export const sparsemaxLoss: Loss = /*#__PURE__*/ defineLoss({
  name: 'sparsemaxLoss',
  family: mapsFamily,
  parameter: /*#__PURE__*/ alphaRule(2),
}) as Loss;

/** The loss of 1.5-entmax (Peters, Niculae & Martins 2019). Zero from a margin of 2 on. Cost: as `sparsemaxLoss`. */
export const entmax15Loss: Loss = /*#__PURE__*/ defineLoss({
  name: 'entmax15Loss',
  family: mapsFamily,
  parameter: /*#__PURE__*/ alphaRule(1.5),
}) as Loss;

/**
 * The loss of alpha-entmax (Peters, Niculae & Martins 2019, eq. 10), for alpha >= 1 as `entmax` takes it: a number
 * (default 1.5), one value for each row, or a block. Zero from a margin of 1 / (alpha - 1) on. Its gradient has
 * `alpha` too (by the envelope theorem, MATH.md section 5), 0 for alpha = Infinity.
 */
export const entmaxLoss: Loss<'alpha'> = /*#__PURE__*/ defineLoss({
  name: 'entmaxLoss',
  family: mapsFamily,
  parameter: /*#__PURE__*/ alphaRule(1.5, 'alpha'),
}) as Loss<'alpha'>;

/**
 * The loss of `budget` with bounds 1: L(z; q) = max { <p, z> - ||p||^2 / 2 } + ||q||^2 / 2 - <z, q> over 0 <= p <= 1 with
 * sum p = `budget` (`atMost: true`: at most). A target is a distribution over k-subsets: floats in [0, 1] that sum to the
 * budget, such as the indicator of a set; a class stands for its indicator. The gradient of `budget` is the threshold.
 */
export const budgetLoss: Loss<'budget', BudgetOptions> = /*#__PURE__*/ defineLoss({
  name: 'budgetLoss',
  family: mapsFamily,
  parameter: /*#__PURE__*/ budgetRule(),
  capped: true,
}) as Loss<'budget', BudgetOptions>;
