/** The loss of normmax; what all losses have in common is in ts/src/losses. */

import { defineLoss } from '../losses/define-loss.ts';
import type { Loss } from '../losses/types.ts';
import { NORMMAX } from '../maps/row-call.ts';
import { regularisedFamily } from './family.ts';
import { normRule } from './maps.ts';

/**
 * The Fenchel-Young loss of `normmax` (MATH.md §5, §6), with Omega = ||p||_alpha:
 *
 *     L(z; q) = max over the simplex of { <p, z / T> - ||p||_alpha } + ||q||_alpha - <q, z / T>,     dL/dz = (p - q) / T
 *
 * z is [O, N, I] with rows along N, as for all losses; `target` is a class for each row or a distribution of z's shape. With a class k
 * it is 0 exactly where z_k / T exceeds all others by 1, whatever alpha. `alpha` > 1 (default 2) is a number, one value for each row,
 * or a block, as for `normmax`; its gradient is that of the two norms with p held fixed, 0 for alpha = Infinity. Arithmetic is
 * float64 whatever z is. Errors: ENTMAX_OPTION for alpha <= 1 or a class outside [0, N), with the row. Cost: as `normmax`;
 * a logarithm and a power more for each entry of a distribution, and for the gradient of alpha of the support.
 */
export const normmaxLoss: Loss<'alpha'> = /*#__PURE__*/ defineLoss({
  name: 'normmaxLoss',
  family: regularisedFamily,
  parameter: /*#__PURE__*/ normRule(),
  map: NORMMAX,
  nanosecondsPerElement: 8,
}) as Loss<'alpha'>;
