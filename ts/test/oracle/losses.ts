/**
 * Fenchel-Young losses of one row in float64, written plainly (MATH.md §5): with z = scores / temperature,
 *
 *     L(z; q) = max_p { <p, z> - Omega(p) } + Omega(q) - <z, q> = <p - q, z> - Omega(p) + Omega(q),   dL/dz = p - q
 *
 *     entmax   Omega = -H_alpha, the Tsallis entropy; dL/dalpha = dH/dalpha (p) - dH/dalpha (q), p held fixed
 *     budget   Omega(p) = 1/2 ||p||^2 on the capped simplex; dL/dB = tau, dL/du_i = z_i - tau - u_i where p_i = u_i
 *
 * A row with nothing left, or mass of q on an excluded class: L = +Infinity, gradients 0. A NaN row: all NaN.
 */

import { budgetReference } from './budget.ts';
import type { BudgetReferenceOptions } from './budget.ts';
import { scoreGradient } from './derivatives.ts';
import { entmaxReference, sum } from './reference.ts';
import type { ReferenceOptions } from './reference.ts';

/** A class, or a distribution over all. */
export type Target = number | ArrayLike<number>;

export interface LossReference {
  readonly value: number;
  /** dL/dscores. */
  readonly x: Float64Array;
  readonly p: Float64Array;
}

export interface EntmaxLossReference extends LossReference {
  readonly alpha: number;
}

export interface BudgetLossReference extends LossReference {
  readonly budget: number;
  readonly upper: Float64Array;
}

/** The loss of alpha-entmax: cross-entropy at 1 (for soft targets the Kullback-Leibler divergence), sparsemax loss at 2. */
export function entmaxLossReference(
  scores: ArrayLike<number>,
  target: Target,
  alpha: number,
  options: ReferenceOptions = {},
): EntmaxLossReference {
  const { temperature = 1 } = options;
  const { p } = entmaxReference(scores, alpha, { ...options, emptyRow: 'zero' });
  const q = distribution(target, p.length);
  const degenerate = withoutGradient(scores, p, q, options);
  if (degenerate !== undefined) return { ...degenerate, alpha: degenerate.value === Infinity ? 0 : NaN };
  const u = gaps(scores, options);
  return {
    value: alpha === 1 ? crossEntropy(u, q) : linearPart(u, p, q) + entropy(p, alpha) - entropy(q, alpha),
    x: p.map((each, i) => (each - q[i]!) / temperature),
    alpha: entropyByAlpha(p, alpha) - entropyByAlpha(q, alpha),
    p,
  };
}

/** The loss of the capped simplex. A class as target is the vertex e_k: it belongs to B = 1, or at most B. */
export function budgetLossReference(
  scores: ArrayLike<number>,
  target: Target,
  options: BudgetReferenceOptions,
): BudgetLossReference {
  const { temperature = 1, upper = 1 } = options;
  const { p, tau, binding } = budgetReference(scores, { ...options, emptyRow: 'zero' });
  const q = distribution(target, p.length);
  const degenerate = withoutGradient(scores, p, q, options);
  const none = new Float64Array(p.length);
  if (degenerate?.value === Infinity) return { ...degenerate, budget: 0, upper: none };
  if (degenerate) return { ...degenerate, budget: NaN, upper: none.fill(NaN) };
  const bound = (i: number): number => (typeof upper === 'number' ? upper : upper[i]!);
  return {
    // <p - q, z> - 1/2 ||p||^2 + 1/2 ||q||^2, each term a product of differences.
    value: sum(
      p.map((each, i) => (each === q[i] ? 0 : (each - q[i]!) * (scores[i]! / temperature - (each + q[i]!) / 2))),
    ),
    x: p.map((each, i) => (each - q[i]!) / temperature),
    budget: binding ? tau : 0,
    upper: p.map((each, i) => (each > 0 && each === bound(i) ? scores[i]! / temperature - tau - each : 0)),
    p,
  };
}

/** H v, the Hessian of an entmax loss times a vector: the Jacobian of the map, once more over the temperature. */
export function lossHvpReference(
  scores: ArrayLike<number>,
  alpha: number,
  v: ArrayLike<number>,
  options: ReferenceOptions = {},
): Float64Array {
  const { temperature = 1 } = options;
  return scoreGradient(entmaxReference(scores, alpha, options).p, alpha, v, temperature * temperature);
}

/** e_k as a vector, or the distribution itself. */
export function distribution(target: Target, n: number): Float64Array {
  if (typeof target !== 'number') return Float64Array.from(target);
  return Float64Array.from({ length: n }, (_, i) => (i === target ? 1 : 0));
}

/** The rows whose loss is not finite. */
export function withoutGradient(
  scores: ArrayLike<number>,
  p: Float64Array,
  q: Float64Array,
  { mask }: ReferenceOptions,
): LossReference | undefined {
  if (p.some(Number.isNaN)) return { value: NaN, x: new Float64Array(p.length).fill(NaN), p };
  const left = Array.from(scores, (score, i) => score > -Infinity && (!mask || Boolean(mask[i])));
  const lost = !left.includes(true) || q.some((each, i) => each > 0 && !left[i]);
  return lost ? { value: Infinity, x: new Float64Array(p.length), p } : undefined;
}

/** <p - q, z>, with the largest score as origin: p and q sum to the same. */
function linearPart(u: Float64Array, p: Float64Array, q: Float64Array): number {
  return sum(p.map((each, i) => (each === q[i] ? 0 : (each - q[i]!) * u[i]!)));
}

/** alpha = 1: log-sum-exp less <q, z> keeps the digits that p has lost by underflow. */
function crossEntropy(u: Float64Array, q: Float64Array): number {
  const top = u.indexOf(0);
  const others = sum(u.map((each, i) => (i === top ? 0 : Math.exp(each))));
  return Math.log1p(others) - sum(q.map((each, i) => (each > 0 ? each * u[i]! : 0))) - entropy(q, 1);
}

/** (z - max z) / T, -Infinity where a score is excluded. */
function gaps(scores: ArrayLike<number>, { mask, temperature = 1 }: ReferenceOptions): Float64Array {
  const z = Float64Array.from(scores, (score, i) => (mask && !mask[i] ? -Infinity : score));
  const top = z.reduce((most, each) => Math.max(most, each), -Infinity);
  return z.map((each) => (each === top ? 0 : (each - top) / temperature));
}

/** H_alpha(p) = sum p (1 - p^e) / (alpha e); Shannon's at alpha = 1; 0 at Infinity. */
export function entropy(p: ArrayLike<number>, alpha: number): number {
  const e = alpha - 1;
  if (alpha === Infinity) return 0;
  const term = (each: number, l: number): number =>
    each === 0 ? 0 : each * (e === 0 ? -l : -Math.expm1(e * l) / (alpha * e));
  return sum(logarithms(p).map((l, i) => term(p[i]!, l)));
}

/** dH_alpha(p)/dalpha = -H/alpha - (1/alpha) sum p l^2 K'(e l), K'(t) = (e^t (t - 1) + 1) / t^2. */
export function entropyByAlpha(p: ArrayLike<number>, alpha: number): number {
  if (alpha === Infinity) return 0;
  const e = alpha - 1;
  const curvature = sum(logarithms(p).map((l, i) => (p[i]! > 0 ? p[i]! * l * l * slopeOfK(e * l) : 0)));
  return -(entropy(p, alpha) + curvature) / alpha;
}

/** ln p; next to 1 from the sum of the others, which has the digits that p has not. */
function logarithms(p: ArrayLike<number>): Float64Array {
  return Float64Array.from(p, (each, i) =>
    each > 0.5 ? Math.log1p(-sum(Array.from(p, (other, j) => (j === i ? 0 : other)))) : Math.log(each),
  );
}

function slopeOfK(t: number): number {
  if (Math.abs(t) > 0.5) return (Math.exp(t) * (t - 1) + 1) / (t * t);
  // sum over k >= 0 of t^k / (k! (k + 2)).
  let [power, result] = [1, 0];
  for (let k = 0; Math.abs(power) > 1e-18; k++) {
    result += power / (k + 2);
    power *= t / (k + 1);
  }
  return result;
}
