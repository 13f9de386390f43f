/**
 * normmax of one row and its Fenchel-Young loss in float64, by their definitions (MATH.md §5, §6), z = scores / temperature:
 *
 *     p = argmax over the simplex of <p, z> - ||p||_alpha,     p_i ~ [z_i - tau]+^(1/e),   sum [z_i - tau]+^(alpha/e) = 1
 *     L(z; q) = <p - q, z> - ||p||_alpha + ||q||_alpha,        dL/dalpha = d||q||/dalpha - d||p||/dalpha, p held fixed
 *
 * tau by bisection; the kernels go by Newton's method, and take the loss from tau and not from p.
 */

import { distribution, withoutGradient } from './losses.ts';
import type { LossReference, Target } from './losses.ts';
import { sum } from './reference.ts';
import type { ReferenceOptions } from './reference.ts';

/** The map of one row. */
export function normmaxReference(
  scores: ArrayLike<number>,
  alpha: number,
  { mask, temperature = 1 }: ReferenceOptions = {},
): Float64Array {
  const z = Float64Array.from(scores, (score, i) => (mask && !mask[i] ? -Infinity : score));
  const max = z.reduce((most, each) => Math.max(most, each), -Infinity);
  if (z.some(Number.isNaN)) return z.fill(NaN);
  if (max === -Infinity) return z.fill(0);
  const u = z.map((score) => (score === max ? 0 : (score - max) / temperature));
  const [power, exponent] = alpha === Infinity ? [0, 1] : [1 / (alpha - 1), alpha / (alpha - 1)];
  let [low, high] = [-1, 0];
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    if (sum(u, (each) => Math.max(each - middle, 0) ** exponent) > 1) low = middle;
    else high = middle;
  }
  // Relative to the largest, whose powers may underflow.
  const q = u.map((each) => (each > low ? ((each - low) / -low) ** power : 0));
  const total = sum(q);
  return q.map((each) => each / total);
}

/** ||p||_alpha. */
export function norm(p: ArrayLike<number>, alpha: number): number {
  const largest = Array.from(p).reduce((most, each) => Math.max(most, each), 0);
  if (alpha === Infinity || largest === 0) return largest;
  return largest * sum(p, (each) => (each / largest) ** alpha) ** (1 / alpha);
}

/** d||p||_alpha/dalpha = N (sum p^alpha ln p / (alpha S) - ln S / alpha^2), S = sum p^alpha, N = S^(1/alpha). */
export function normByAlpha(p: ArrayLike<number>, alpha: number): number {
  if (alpha === Infinity) return 0;
  const powers = sum(p, (each) => each ** alpha);
  const logs = sum(p, (each) => (each > 0 ? each ** alpha * Math.log(each) : 0));
  return powers ** (1 / alpha) * (logs / (alpha * powers) - Math.log(powers) / alpha ** 2);
}

/** The loss of one row. */
export function normmaxLossReference(
  scores: ArrayLike<number>,
  target: Target,
  alpha: number,
  options: ReferenceOptions = {},
): LossReference & { alpha: number } {
  const { mask, temperature = 1 } = options;
  const p = normmaxReference(scores, alpha, options);
  const q = distribution(target, p.length);
  const degenerate = withoutGradient(scores, p, q, options);
  if (degenerate) return { ...degenerate, alpha: degenerate.value === Infinity ? 0 : NaN };
  const max = Array.from(scores).reduce((most, each, i) => (mask && !mask[i] ? most : Math.max(most, each)), -Infinity);
  const linear = p.map((each, i) => (each === q[i] ? 0 : (each - q[i]!) * ((scores[i]! - max) / temperature)));
  return {
    value: sum(linear) - norm(p, alpha) + norm(q, alpha),
    x: p.map((each, i) => (each - q[i]!) / temperature),
    alpha: normByAlpha(q, alpha) - normByAlpha(p, alpha),
    p,
  };
}
