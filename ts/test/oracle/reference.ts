/**
 * alpha-entmax of one row, written plainly (MATH.md §1, §2.5, §3): the oracle of the tests. It shares nothing with the
 * kernels but the definition. Where they iterate by Newton's method it sorts and bisects.
 *
 *     1 < alpha <= 2   p_i = (1 + e (u_i - c))^(1/e),  e = alpha - 1,  c by bisection in [max, max + (1 - n^-e) / e]
 *     alpha > 2        p_i = (e (z_i - z_min) + t^e)^(1/e) over the support found by the sorted prefix test,
 *                      ln t by bisection: there the threshold itself is too sensitive an unknown
 */

export interface ReferenceOptions {
  readonly mask?: ArrayLike<number> | undefined;
  readonly temperature?: number | undefined;
  readonly emptyRow?: 'zero' | 'nan' | undefined;
}

export interface Reference {
  readonly p: Float64Array;
  /** Scores above it are in the support: in units of the scores. NaN for NaN rows, Infinity for empty ones. */
  readonly threshold: number;
}

/** The map of one row in float64. */
export function entmaxReference(scores: ArrayLike<number>, alpha: number, options: ReferenceOptions = {}): Reference {
  const { mask, temperature = 1, emptyRow = 'zero' } = options;
  const z = Float64Array.from(scores, (score, i) => (mask && !mask[i] ? -Infinity : score));
  const filled = (value: number, threshold: number): Reference => ({
    p: new Float64Array(z.length).fill(value),
    threshold,
  });
  if (z.some(Number.isNaN)) return filled(NaN, NaN);
  const max = largest(z);
  if (max === -Infinity) return filled(emptyRow === 'nan' ? NaN : 0, Infinity);
  if (max === Infinity || alpha === Infinity) return { p: uniformOver(z, max), threshold: largestBelow(z, max) };

  const e = alpha - 1;
  if (e === 0) return { p: softmax(z.map((score) => gap(score, max, temperature))), threshold: -Infinity };
  if (e <= 1) {
    const u = z.map((score) => gap(score, max, temperature));
    const c = normaliser(u, e);
    return { p: u.map((each) => power(each - c, e)), threshold: max + temperature * (c - 1 / e) };
  }
  const [smallest, logT] = smallestProbability(z, e, temperature);
  const p = z.map((score) => (score < smallest ? 0 : steepPower(gap(score, smallest, temperature), logT, e)));
  return { p, threshold: smallest - (temperature * Math.exp(e * logT)) / e };
}

function largest(values: Float64Array): number {
  return values.reduce((max, value) => Math.max(max, value), -Infinity);
}

function largestBelow(z: Float64Array, bound: number): number {
  return z.reduce((max, score) => (score < bound ? Math.max(max, score) : max), -Infinity);
}

function uniformOver(z: Float64Array, max: number): Float64Array {
  const count = z.reduce((sum, score) => sum + (score === max ? 1 : 0), 0);
  return z.map((score) => (score === max ? 1 / count : 0));
}

/** (score - from) / temperature, also where the difference of two huge scores overflows. */
function gap(score: number, from: number, temperature: number): number {
  const difference = score - from;
  if (score === -Infinity || Number.isFinite(difference)) return difference / temperature;
  return ((score / 2 - from / 2) / temperature) * 2;
}

function softmax(u: Float64Array): Float64Array {
  const q = u.map((each) => Math.exp(each));
  const total = sum(q);
  return q.map((each) => each / total);
}

/** [1 + e x]+^(1/e). */
function power(x: number, e: number): number {
  return e * x <= -1 ? 0 : Math.exp(Math.log1p(e * x) / e);
}

/** c above the maximum, at which the powers of u - c sum to 1. */
function normaliser(u: Float64Array, e: number): number {
  const candidates = u.filter((each) => e * each > -1);
  let [low, high] = [0, -Math.expm1(-e * Math.log(candidates.length)) / e];
  for (;;) {
    const middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return high;
    if (sum(candidates, (each) => power(each - middle, e)) > 1) low = middle;
    else high = middle;
  }
}

/** (e d + t^e)^(1/e) from ln t, in logarithms: t^e underflows early. */
function steepPower(d: number, logT: number, e: number): number {
  const [a, b] = [Math.log(e * d), e * logT];
  const [more, less] = a > b ? [a, b] : [b, a];
  return Math.exp((more + Math.log1p(Math.exp(less - more))) / e);
}

/** The smallest score of the support and the logarithm of its probability, for alpha > 2. */
function smallestProbability(z: Float64Array, e: number, temperature: number): [number, number] {
  const sorted = z.filter((score) => score > -Infinity).sort((a, b) => b - a);
  // The k-th score is in the support <=> sum over the larger ones of (e (z_j - z_k) / T)^(1/e) < 1; the sum grows with k.
  const admits = (k: number): boolean =>
    sum(sorted.subarray(0, k), (score) => (e * gap(score, sorted[k]!, temperature)) ** (1 / e)) < 1;
  let [inside, outside] = [0, sorted.length];
  while (outside - inside > 1) {
    const middle = (inside + outside) >> 1;
    if (admits(middle)) inside = middle;
    else outside = middle;
  }
  const smallest = sorted[inside]!;
  const gaps = sorted.subarray(0, inside + 1).map((score) => gap(score, smallest, temperature));
  let [low, high] = [-2000, -Math.log(gaps.length)];
  for (;;) {
    const middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) return [smallest, high];
    if (sum(gaps, (d) => steepPower(d, middle, e)) < 1) low = middle;
    else high = middle;
  }
}

/** Neumaier's compensated sum of the values, or of a term for each. */
export function sum(values: ArrayLike<number>, term?: (value: number) => number): number {
  let [total, lost] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = term ? term(values[i]!) : values[i]!;
    const next = total + value;
    lost += Math.abs(total) >= Math.abs(value) ? total - next + value : value - next + total;
    total = next;
  }
  return total + lost;
}
