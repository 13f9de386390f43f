/**
 * The capped simplex in float64, written plainly (MATH.md §7.1): argmin 1/2 ||p - z/T||^2 with 0 <= p <= u and sum p = B
 * (or at most B). p = clip(z/T - tau, 0, u); tau by bisection on the sum, then from the sets that it divides:
 * A = {0 < p < u} and U = {p = u}, so that tau = (sum of z/T over A + sum of u over U - B) / |A|.
 *
 *     dz_A = v - mean, mean = average of v over A;   du_U = v - mean;   dB = mean
 *     A empty, or "at most" with room to spare: mean = 0
 */

import { sum } from './reference.ts';
import type { ReferenceOptions } from './reference.ts';

export interface BudgetReferenceOptions extends ReferenceOptions {
  readonly budget: number;
  /** Upper bounds, 1 if not given: one for all entries or one each. */
  readonly upper?: number | ArrayLike<number> | undefined;
  readonly atMost?: boolean | undefined;
}

export interface BudgetReference {
  readonly p: Float64Array;
  /** In units of z/T; 0 where "at most B" does not bind. Any value of an interval where A is empty. NaN for NaN rows, Infinity for empty ones. */
  readonly tau: number;
  /** tau in units of the scores. */
  readonly threshold: number;
  /** Whether the sum is held at B. */
  readonly binding: boolean;
}

export interface BudgetGradients {
  readonly x: Float64Array;
  readonly budget: number;
  readonly upper: Float64Array;
}

/** The map of one row. Throws where no p exists: B < 0, or more than all bounds together hold and B is exact. */
export function budgetReference(scores: ArrayLike<number>, options: BudgetReferenceOptions): BudgetReference {
  const { mask, temperature = 1, emptyRow = 'zero', budget, upper = 1, atMost = false } = options;
  const z = Float64Array.from(scores, (score, i) => (mask && !mask[i] ? -Infinity : score / temperature));
  const u = Float64Array.from(z, (_, i) => (typeof upper === 'number' ? upper : upper[i]!));
  const all = (value: number, tau: number): BudgetReference => ({
    p: new Float64Array(z.length).fill(value),
    tau,
    threshold: tau,
    binding: false,
  });
  if (z.some(Number.isNaN)) return all(NaN, NaN);
  if (z.every((each) => each === -Infinity)) return all(emptyRow === 'nan' ? NaN : 0, Infinity);
  const result = (tau: number, p: Float64Array, binding: boolean): BudgetReference => ({
    p,
    tau,
    threshold: tau * temperature,
    binding,
  });

  const free = z.map((each, i) => clip(each, u[i]!));
  if (atMost && sum(free) <= budget) return result(0, free, false);
  const room = sum(u.filter((_, i) => z[i]! > -Infinity));
  if (!(budget >= 0 && budget <= room)) throw new RangeError(`budget ${budget} outside [0, ${room}]`);

  const infinite = z.map((each, i) => (each === Infinity ? u[i]! : 0));
  if (z.includes(Infinity)) return result(Infinity, withInfinite(z, u, infinite, budget), true);
  // Every entry at its bound: huge scores would lose it in z - tau.
  if (budget === room)
    return result(
      -Infinity,
      z.map((each, i) => (each > -Infinity ? u[i]! : 0)),
      true,
    );
  const tau = solve(z, u, budget);
  return result(
    tau,
    z.map((each, i) => clip(each - tau, u[i]!)),
    true,
  );
}

const clip = (value: number, upper: number): number => Math.max(0, Math.min(value, upper));

/** Entries of +Infinity share as equal scores do, before any other. */
function withInfinite(z: Float64Array, u: Float64Array, infinite: Float64Array, budget: number): Float64Array {
  const held = sum(infinite);
  const first = held > budget ? infinite : undefined;
  const rest = z.map((each) => (first ? (each === Infinity ? 0 : -Infinity) : each === Infinity ? -Infinity : each));
  const left = first ? budget : budget - held;
  const tau = solve(rest, u, left);
  return rest.map((each, i) => (first ? 0 : infinite[i]!) + clip(each - tau, u[i]!));
}

/** tau such that the sum of clip(z - tau, 0, u) is the budget. */
function solve(z: Float64Array, u: Float64Array, budget: number): number {
  const finite = z.filter((each) => each > -Infinity);
  if (finite.length === 0) return Infinity;
  const total = (tau: number): number => sum(z.map((each, i) => clip(each - tau, u[i]!)));
  let high = finite.reduce((most, each) => Math.max(most, each), -Infinity);
  let low = finite.reduce((least, each) => Math.min(least, each), Infinity) - u.reduce((a, b) => Math.max(a, b), 0);
  for (;;) {
    const middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    if (total(middle) > budget) low = middle;
    else high = middle;
  }
  // The sets between the last two values; entries that change sides there lie on a breakpoint and move tau by rounding only.
  const tau = total(low) === budget ? low : high;
  const inside = Array.from(z, (_, i) => i).filter((i) => z[i]! > tau && z[i]! - tau < u[i]!);
  if (inside.length === 0) return tau;
  const saturated = Array.from(u).filter((bound, i) => z[i]! - tau >= bound);
  return sum([...inside.map((i) => z[i]!), ...saturated, -budget]) / inside.length;
}

/** Gradients of <dp, p>. Entries on a breakpoint (p = 0 or p = u) count as fixed; a bound of 0 has no gradient. */
export function budgetVjpReference(
  scores: ArrayLike<number>,
  dp: ArrayLike<number>,
  options: BudgetReferenceOptions,
): BudgetGradients {
  const { upper = 1, temperature = 1 } = options;
  const { p, tau, binding } = budgetReference(scores, options);
  const gradients = { x: new Float64Array(p.length), budget: 0, upper: new Float64Array(p.length) };
  if (p.some(Number.isNaN)) return { x: gradients.x.fill(NaN), budget: NaN, upper: gradients.upper.fill(NaN) };
  if (tau === Infinity) return gradients;
  const u = Float64Array.from(p, (_, i) => (typeof upper === 'number' ? upper : upper[i]!));
  const inside = Array.from(p, (_, i) => i).filter((i) => p[i]! > 0 && p[i]! < u[i]!);
  const mean = binding && inside.length > 0 ? sum(inside.map((i) => dp[i]!)) / inside.length : 0;
  for (const i of inside) gradients.x[i] = (dp[i]! - mean) / temperature;
  p.forEach((value, i) => {
    if (value > 0 && value === u[i]) gradients.upper[i] = dp[i]! - mean;
  });
  return { ...gradients, budget: mean };
}
