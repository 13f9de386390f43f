/**
 * First derivatives of alpha-entmax in float64, written plainly (MATH.md §4): the oracle of `.vjp` and `.backward`.
 *
 *     dz_i = s_i (v_i - mean) / T,  s_i = p_i^(2 - alpha) on the support,  mean = sum s v / sum s
 *     dp_i/dalpha = [ (p_i - e p_i l_i) Phi - (1 + e H) w_i ] / D,   l = ln p,  w = p l^2 psi(e l),  psi(t) = (exp(-t) - 1 + t) / t^2,
 *                   H = -sum p l,  Phi = sum w,  D = sum s = 1 + e H + e^2 Phi
 *
 * The second form has no difference of nearly equal terms, so it holds from alpha = 1 on. For large alpha s overflows
 * long before its ratios do: all sums are kept relative to the largest s. The Hessian of the Fenchel-Young loss is
 * the Jacobian of the map, so its product with a vector is the VJP.
 */

import { entmaxReference, sum } from './reference.ts';
import type { ReferenceOptions } from './reference.ts';

export interface EntmaxGradients {
  readonly x: Float64Array;
  readonly alpha: number;
}

/** Gradients of <dp, entmax(scores)>: 0 where a score is excluded, where nothing is left and for +Infinity; NaN rows are NaN. */
export function entmaxVjpReference(
  scores: ArrayLike<number>,
  alpha: number,
  dp: ArrayLike<number>,
  options: ReferenceOptions = {},
): EntmaxGradients {
  const { mask, temperature = 1 } = options;
  const { p } = entmaxReference(scores, alpha, options);
  const infinite = Array.from(scores).some((score, i) => score === Infinity && (!mask || mask[i]));
  if (infinite && !p.some(Number.isNaN)) return { x: new Float64Array(p.length), alpha: 0 };
  return entmaxBackwardReference(p, alpha, dp, temperature);
}

/** The same from the output alone, which cannot tell +Infinity from equal scores. */
export function entmaxBackwardReference(
  p: ArrayLike<number>,
  alpha: number,
  dp: ArrayLike<number>,
  temperature = 1,
): EntmaxGradients {
  return { x: scoreGradient(p, alpha, dp, temperature), alpha: alphaGradient(p, alpha, dp) };
}

/** J v / T with J = diag(s) - s s' / sum(s). */
export function scoreGradient(
  p: ArrayLike<number>,
  alpha: number,
  v: ArrayLike<number>,
  temperature = 1,
): Float64Array {
  const dz = new Float64Array(p.length);
  if (hasNaN(p)) return dz.fill(NaN);
  const support = supportOf(p);
  if (alpha === Infinity || support.length === 0) return dz;
  const { ratios, scale, top } = skew(p, alpha, support);
  const total = sum(ratios);
  const mean = sum(support.map((i, k) => ratios[k]! * v[i]!)) / total;
  support.forEach((i, k) => {
    dz[i] = (Math.exp(scale) * ratios[k]! * (v[i]! - mean)) / temperature;
  });
  // v - mean cancels where one entry outweighs the rest; there the differences are summed, and s cancels with 1/s.
  const s = support.map((i) => Math.exp((2 - alpha) * Math.log(p[i]!)));
  dz[top] = sum(support.map((i, k) => (i === top ? 0 : s[k]! * (v[top]! - v[i]!)))) / total / temperature;
  return dz;
}

/** <v, dp/dalpha>, by the form without cancellation. */
export function alphaGradient(p: ArrayLike<number>, alpha: number, v: ArrayLike<number>): number {
  if (hasNaN(p)) return NaN;
  const dp = alphaDerivative(p, alpha);
  return sum(Array.from(dp, (each, i) => (each === 0 ? 0 : each * v[i]!)));
}

/** dp/dalpha, entry by entry: sums to 0, and is 0 outside the support. */
export function alphaDerivative(p: ArrayLike<number>, alpha: number): Float64Array {
  const result = new Float64Array(p.length);
  const support = supportOf(p);
  if (alpha === Infinity || support.length < 2) return result;
  const e = alpha - 1;
  const { ratios, scale } = skew(p, alpha, support);
  const l = support.map((i) => Math.log(p[i]!));
  const unit = Math.exp(-scale);
  const w = support.map((i, k) => weight(p[i]!, l[k]!, e, ratios[k]!, unit));
  const entropy = -sum(support.map((i, k) => p[i]! * l[k]!));
  const phi = sum(w);
  const d = unit * (1 + e * entropy) + e * e * phi;
  support.forEach((i, k) => {
    result[i] = (p[i]! * (1 - e * l[k]!) * phi - (1 + e * entropy) * w[k]!) / d;
  });
  return result;
}

/** w = p l^2 psi(e l), relative to the largest s: `ratio` is s over it, `unit` is 1 over it. */
function weight(p: number, l: number, e: number, ratio: number, unit: number): number {
  const t = e * l;
  if (t < -0.5) return (ratio - unit * p * (1 - t)) / (e * e);
  let [term, psi] = [0.5, 0];
  for (let k = 3; Math.abs(term) > 1e-18; k++) {
    psi += term;
    term *= -t / k;
  }
  return unit * p * l * l * psi;
}

/** s_i over the largest s, the logarithm of the largest, and its index. */
function skew(p: ArrayLike<number>, alpha: number, support: number[]) {
  const logs = support.map((i) => (2 - alpha) * Math.log(p[i]!));
  const scale = logs.reduce((most, each) => Math.max(most, each), -Infinity);
  return { ratios: logs.map((each) => Math.exp(each - scale)), scale, top: support[logs.indexOf(scale)]! };
}

function supportOf(p: ArrayLike<number>): number[] {
  return Array.from(p, (_, i) => i).filter((i) => p[i]! > 0);
}

const hasNaN = (values: ArrayLike<number>): boolean => Array.from(values).some(Number.isNaN);
