/**
 * Top-k sparsemax and top-k entmax of one row: the map of the k largest scores, all others excluded (MATH.md §7, NM20's
 * and CNAM20's use). Of equal scores the one of lowest index comes first. `exact` is the certificate: the unrestricted
 * map has no entry outside the k, so both are equal.
 */

import { entmaxBackwardReference } from './derivatives.ts';
import type { EntmaxGradients } from './derivatives.ts';
import { entmaxReference } from './reference.ts';
import type { Reference, ReferenceOptions } from './reference.ts';

export interface TopkReference extends Reference {
  readonly exact: boolean;
}

/** 1 for the scores that are kept. */
export function topkMask(scores: ArrayLike<number>, k: number, mask?: ArrayLike<number>): Uint8Array {
  const kept = new Uint8Array(scores.length);
  Array.from(scores, (_, i) => i)
    .filter((i) => !mask || mask[i])
    .sort((i, j) => (scores[i] === scores[j] ? i - j : scores[j]! > scores[i]! ? 1 : -1))
    .slice(0, k)
    .forEach((i) => (kept[i] = 1));
  return kept;
}

/** The map of one row. k > n means n; a NaN among the unmasked scores makes the row NaN. */
export function topkReference(
  scores: ArrayLike<number>,
  k: number,
  alpha: number,
  options: ReferenceOptions = {},
): TopkReference {
  const whole = entmaxReference(scores, alpha, options);
  if (whole.p.some(Number.isNaN)) return { ...whole, exact: false };
  const mask = topkMask(scores, k, options.mask);
  const restricted = entmaxReference(scores, alpha, { ...options, mask });
  return { ...restricted, exact: whole.p.every((value, i) => !(value > 0) || mask[i] === 1) };
}

/** Gradients of <dp, p> with the choice of the k held fixed. */
export function topkVjpReference(
  scores: ArrayLike<number>,
  k: number,
  alpha: number,
  dp: ArrayLike<number>,
  options: ReferenceOptions = {},
): EntmaxGradients {
  const { p } = topkReference(scores, k, alpha, options);
  return entmaxBackwardReference(p, alpha, dp, options.temperature);
}
