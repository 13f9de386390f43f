/**
 * What each of the regularised maps is (MATH.md §6-8). All maximise <p, x / T> less a regulariser over the simplex; the
 * constrained ones have an upper bound for each entry instead.
 *
 * Letters: x is [O, N, I] with rows along N; S is the number of entries with p > 0. Arithmetic is float64 whatever the scores
 * are; of float32 scores the constrained maps are solved in blocks of float32 where that is exact enough. Excluded scores (masked,
 * or -Infinity) are not there: a row with padding has the bits of the row without (but for rounding, of the constrained maps in
 * float32), and those beside an excluded score are no neighbours. Edges otherwise are those of `RowOptions` and of each form.
 */

import { prepareCsr } from '../maps/csr.ts';
import { defineMap } from '../maps/define-map.ts';
import type { Forms } from '../maps/define-map.ts';
import { mapsFamily } from '../maps/family.ts';
import { prepareGroups } from '../maps/groups.ts';
import { alphaRule } from '../maps/parameter.ts';
import type { ParameterRule } from '../maps/parameter.ts';
import { BUDGET, CONSTRAINED, FUSEDMAX, NORMMAX, OSCARMAX, OSCARMAX_PUBLISHED, TVMAX } from '../maps/row-call.ts';
import { defineRowMap } from '../maps/row-map.ts';
import { prepareSupport } from '../maps/support.ts';
import type { RowMap } from '../maps/types.ts';
import { prepareVjp } from '../maps/vjp.ts';
import { regularisedFamily } from './family.ts';
import type { GroupedMap, OscarmaxOptions, TvmaxOptions } from './types.ts';

/** What neighbours, or pairs, are worth; must be given. */
const lambdaRule = (): ParameterRule => ({
  name: 'lambda',
  value: undefined,
  condition: 'lambda finite and >= 0',
  accepts: (lambda) => lambda >= 0 && lambda < Infinity,
  toKernel: (lambda) => lambda,
});

/** Of normmax and its loss. */
export const normRule = (): ParameterRule => ({
  ...alphaRule(2, 'alpha'),
  condition: 'alpha > 1',
  accepts: (alpha) => alpha > 1,
});

const finiteAlphaRule = (): ParameterRule => ({
  ...alphaRule(1.5, 'alpha'),
  condition: 'alpha finite and >= 1',
  accepts: (alpha) => alpha >= 1 && alpha < Infinity,
});

const FORMS_WITH_GROUPS: Forms = { csr: prepareCsr, support: prepareSupport, vjp: prepareVjp, groups: prepareGroups };

/**
 * fusedmax: sparsemax that draws neighbours together (Niculae & Blondel 2017, eq. 8), so that p is constant on segments:
 *
 *     argmin over p in the simplex of 1/2 ||p - x / T||^2 + lambda sum |p_(i+1) - p_i|
 *
 * `lambda` (required) is finite and >= 0: a number, an array with one value per row, or a block or Tensor of x's rank with 1
 * at `axis`. 0 is sparsemax, a large one makes each row uniform over what counts, between excluded scores. `groups` are the segments.
 * Cost: O(N), a taut string and a sparsemax. Errors: ENTMAX_OPTION for another lambda, with the row.
 */
export const fusedmax: GroupedMap<'lambda'> = /*#__PURE__*/ defineMap(
  {
    name: 'fusedmax',
    family: regularisedFamily,
    parameter: /*#__PURE__*/ lambdaRule(),
    map: FUSEDMAX,
    nanosecondsPerElement: 15,
    grouped: true,
  },
  FORMS_WITH_GROUPS,
) as GroupedMap<'lambda'>;

/**
 * TVmax (Martins et al. 2021): fusedmax on grids, whose neighbours are those beside, above and below:
 *
 *     argmin over p in the simplex of 1/2 ||p - x / T||^2 + lambda sum over neighbours |p_i - p_j|
 *
 * `axes` (default the last two) are any two axes of x, in either order: x is [O, H, M, W, I] with O * M * I grids of H * W, rows in this
 * order. `lambda` as for `fusedmax`; as a block it has 1 at both axes. `groups` are the regions, their names indices h * W + w in the grid.
 * Rows of `csr` have these indices too; its shape is [O, M, H * W, I]. Scores beside a masked one have a neighbour less. There is no
 * option `lengths`.
 * Cost: some passes of taut strings along both axes, until rounding; hundreds of times sparsemax. Arrays are copied where M > 1. Errors: as
 * `fusedmax`, and ENTMAX_SHAPE for what are no two axes.
 */
export const tvmax: GroupedMap<'lambda', TvmaxOptions> = /*#__PURE__*/ defineMap(
  {
    name: 'tvmax',
    family: regularisedFamily,
    parameter: /*#__PURE__*/ lambdaRule(),
    map: TVMAX,
    nanosecondsPerElement: 500,
    grid: true,
    grouped: true,
  },
  FORMS_WITH_GROUPS,
) as GroupedMap<'lambda', TvmaxOptions>;

/**
 * oscarmax: sparsemax that draws entries of similar size together, wherever they are, so that p has few levels:
 *
 *     argmin over p in the simplex of 1/2 ||p - x / T||^2 + lambda sum over pairs of max(p_i, p_j)
 *
 * `lambda` as for `fusedmax`; there are N (N - 1) / 2 pairs, so what does as much is smaller for long rows. `groups` are the levels.
 * `compat: 'torchsparseattn'` computes what Niculae & Blondel (2017) publish and torchsparseattn computes: another order of steps,
 * which is not this minimum, and changes when a constant is added to the scores.
 * Cost: O(N + K log K) for the K scores that can be in the support. Errors: as `fusedmax`.
 */
export const oscarmax: GroupedMap<'lambda', OscarmaxOptions> = /*#__PURE__*/ defineMap(
  {
    name: 'oscarmax',
    family: regularisedFamily,
    parameter: /*#__PURE__*/ lambdaRule(),
    map: OSCARMAX,
    nanosecondsPerElement: 10,
    compatible: OSCARMAX_PUBLISHED,
    grouped: true,
  },
  FORMS_WITH_GROUPS,
) as GroupedMap<'lambda', OscarmaxOptions>;

/**
 * normmax: argmax over p in the simplex of <p, x / T> - ||p||_alpha, for alpha > 1 (default 2): p ~ [x / T - tau]+^(1 / (alpha - 1)).
 *
 * Supports are those of scores within 1 of the maximum or fewer, whatever alpha; close scores give almost uniform p. `alpha` is a
 * number, one value per row, or a block, as for `fusedmax`; Infinity is uniform over the support of sparsemax.
 * Cost: O(N) and some passes over the scores within 1 of the maximum. Errors: ENTMAX_OPTION for alpha <= 1, with the row.
 */
export const normmax: RowMap<'alpha'> = /*#__PURE__*/ defineRowMap({
  name: 'normmax',
  family: regularisedFamily,
  parameter: /*#__PURE__*/ normRule(),
  map: NORMMAX,
  nanosecondsPerElement: 8,
}) as RowMap<'alpha'>;

/**
 * Softmax with an upper bound for each entry (Martins & Kreutzer 2017): p_i = min(u_i, exp(x_i / T - c)), so that sum p = 1.
 *
 * `upper` (default 1) are the bounds u: a number >= 0 or an array that broadcasts to x; Infinity for none. Entries at their bound
 * equal it, rounded to x's type. Has gradients by x and `upper`; that of an entry at its bound is 0 by x, that of another 0 by `upper`.
 * Cost: O(N) and a few softmaxes of what has not met its bound; never more than O(log N) of them.
 * Errors: ENTMAX_OPTION where the bounds of the scores that count sum to less than 1, with the row, and for bounds < 0. Rows in which
 * nothing is left are empty and no error.
 */
export const constrainedSoftmax: RowMap<'upper'> = /*#__PURE__*/ defineRowMap({
  name: 'constrainedSoftmax',
  family: regularisedFamily,
  parameter: /*#__PURE__*/ alphaRule(1),
  map: CONSTRAINED,
  nanosecondsPerElement: 60,
  bounded: true,
}) as RowMap<'upper'>;

/**
 * Sparsemax with an upper bound for each entry (Malaviya, Ferreira & Martins 2018): p_i = min(u_i, [x_i / T - tau]+), so that sum p = 1:
 * the values of `budget` for a budget of 1. `upper`, gradients, cost and errors as for `constrainedSoftmax`.
 */
export const constrainedSparsemax: RowMap<'upper'> = /*#__PURE__*/ defineRowMap({
  name: 'constrainedSparsemax',
  family: mapsFamily,
  // What the kernels are given, alpha - 1, is a budget of 1.
  parameter: /*#__PURE__*/ alphaRule(2),
  map: BUDGET,
  bounded: true,
}) as RowMap<'upper'>;

/**
 * alpha-entmax with an upper bound for each entry: the same with p_i = min(u_i, [(alpha - 1) x_i / T - tau]+^(1 / (alpha - 1))) (MATH.md §7.2).
 *
 * `alpha` (default 1.5) is finite and >= 1: a number, one value per row, or a block, as for `fusedmax`; at 1 it is
 * `constrainedSoftmax`, at 2, but for rounding, `constrainedSparsemax`. `upper`, cost and errors as there.
 */
export const constrainedEntmax: RowMap<'alpha' | 'upper'> = /*#__PURE__*/ defineRowMap({
  name: 'constrainedEntmax',
  family: regularisedFamily,
  parameter: /*#__PURE__*/ finiteAlphaRule(),
  map: CONSTRAINED,
  nanosecondsPerElement: 60,
  bounded: true,
}) as RowMap<'alpha' | 'upper'>;
