/**
 * How far a long row is from the conditions of its optimum, in float64 and about linear time (MATH.md §6-8): 0 up to rounding for
 * the optimum, and for nothing else, as all these problems are strictly convex. Scores are finite; what is excluded has been taken out.
 * Grids have a certificate of their own (grid-certificate.ts).
 */

import { randomFrom } from '../oracle/random.ts';

type Numbers = ArrayLike<number>;

/** Below this p has lost digits, or is 0 only because it is so small. */
const TINY = 2 ** -1000;

/** Entries that differ by less than this may be equal: their difference has no sign. */
const SAME = 1e-12;

const maximum = (values: Numbers): number => {
  let max = -Infinity;
  for (let j = 0; j < values.length; j++) max = Math.max(max, values[j]!);
  return max;
};

/** How far p is from a distribution. */
export function massError(p: Numbers): number {
  let [sum, lost, lowest] = [0, 0, 0];
  for (let j = 0; j < p.length; j++) {
    const next = sum + p[j]!;
    lost += Math.abs(sum) >= p[j]! ? sum - next + p[j]! : p[j]! - next + sum;
    sum = next;
    lowest = Math.min(lowest, p[j]!);
  }
  return Math.max(Math.abs(sum + lost - 1), -lowest);
}

/**
 * fusedmax: p_j - z_j + tau - nu_j + w_j - w_(j+1) = 0, where w_j belongs to the edge before j: lambda times the sign of
 * p_j - p_(j-1), anything between where these are equal, 0 at both ends; nu_j >= 0 where p_j = 0. Goes along the row with the interval
 * of what w can be, and returns by how much it misses what it must be, at worst.
 */
export function fusedResidual(p: Numbers, z: Numbers, lambda: number): number {
  const [n, max] = [p.length, maximum(z)];
  let [total, count] = [0, 0];
  for (let j = 0; j < n; j++) {
    if (p[j] === 0) continue;
    count++;
    total += z[j]! - max - p[j]!;
    if (j > 0 && p[j - 1] === 0) total -= lambda;
    if (j + 1 < n && p[j + 1] === 0) total -= lambda;
  }
  const tau = total / count;
  let [low, high, worst] = [0, 0, massError(p)];
  for (let j = 0; j < n; j++) {
    const step = p[j]! - (z[j]! - max) + tau;
    low = p[j] === 0 ? -Infinity : low + step;
    high += step;
    const jump = j + 1 < n ? p[j + 1]! - p[j]! : 0;
    const isSame = Math.abs(jump) < SAME;
    const least = j + 1 === n ? 0 : isSame ? -lambda : Math.sign(jump) * lambda;
    const most = j + 1 === n ? 0 : isSame ? lambda : least;
    worst = Math.max(worst, low - most, least - high);
    low = Math.min(Math.max(low, least), most);
    high = Math.max(Math.min(high, most), least);
  }
  return worst;
}

/**
 * oscarmax: within a group of equal entries at ranks a to b, z_j - p_j - tau is lambda times a mixture of the orders of
 * n - 1 - a, ..., n - 1 - b: the sums of its largest are at most those of these, and that of all is equal, or less where p = 0 (Hardy,
 * Littlewood and Polya). Returns by how much a sum exceeds its bound, over the number of its terms, at worst.
 */
export function oscarResidual(p: Numbers, z: Numbers, lambda: number): number {
  const [n, max] = [p.length, maximum(z)];
  const order = Array.from({ length: n }, (_, j) => j).sort((i, j) => p[j]! - p[i]! || z[j]! - z[i]! || i - j);
  const support = order.filter((j) => p[j]! > 0).length;
  // Ranks are counted from the last of the support, so that sums stay small.
  const penalty = (rank: number): number => lambda * (support - 1 - rank);
  let total = 0;
  for (let rank = 0; rank < support; rank++) total += z[order[rank]!]! - max - p[order[rank]!]! - penalty(rank);
  const tau = total / support;
  let worst = massError(p);
  for (let rank = 0; rank < n;) {
    let [end, sum] = [rank, 0];
    const first = p[order[rank]!]!;
    // A group's scores descend, as its order says; rounding may have separated what is equal.
    const members: number[] = [];
    do members.push(order[end++]!);
    while (end < n && first - p[order[end]!]! < SAME && (p[order[end]!] === 0) === (first === 0));
    members.sort((i, j) => z[j]! - p[j]! - (z[i]! - p[i]!));
    members.forEach((j, k) => {
      sum += z[j]! - max - p[j]! - tau - penalty(rank + k);
      worst = Math.max(worst, sum / (k + 1));
    });
    if (first > 0) worst = Math.max(worst, Math.abs(sum) / members.length);
    rank = end;
  }
  return worst;
}

/** normmax: z_j - (p_j / |p|)^(alpha - 1), |.| the alpha-norm, is the same wherever p_j > 0, and z_j no larger elsewhere. */
export function normResidual(p: Numbers, z: Numbers, alpha: number): number {
  const [max, largest] = [maximum(z), maximum(p)];
  let norm = 0;
  for (let j = 0; j < p.length; j++) norm += (p[j]! / largest) ** alpha;
  norm = largest * norm ** (1 / alpha);
  let [low, high, worst] = [Infinity, -Infinity, massError(p)];
  for (let j = 0; j < p.length; j++) {
    if (p[j]! < TINY) continue;
    const tau = z[j]! - max - (p[j]! / norm) ** (alpha - 1);
    low = Math.min(low, tau);
    high = Math.max(high, tau);
  }
  worst = Math.max(worst, high - low);
  const least = (TINY / norm) ** (alpha - 1);
  for (let j = 0; j < p.length; j++) if (p[j]! < TINY) worst = Math.max(worst, z[j]! - max - least - high);
  return worst;
}

/**
 * Constrained entmax: z_j - ln_e(p_j), with ln_e(p) = (p^e - 1) / e and e = alpha - 1, is the same where 0 < p_j < u_j; no less where
 * p_j = u_j, and z_j + 1 / e no more where p_j = 0 < u_j. Where all are at their bounds only the mass is left to check.
 */
export function constrainedResidual(p: Numbers, z: Numbers, alpha: number, upper: Numbers): number {
  const [e, max] = [alpha - 1, maximum(z)];
  const inverse = (value: number): number => (e === 0 ? Math.log(value) : (value ** e - 1) / e);
  let [low, high, worst] = [Infinity, -Infinity, massError(p)];
  let [least, most] = [Infinity, -Infinity];
  for (let j = 0; j < p.length; j++) {
    worst = Math.max(worst, p[j]! - upper[j]!);
    if (upper[j] === 0) continue;
    const c = z[j]! - max - inverse(e < 1 ? Math.max(p[j]!, TINY) : p[j]!);
    if (p[j]! < TINY) most = Math.max(most, c);
    else if (p[j] === upper[j]) least = Math.min(least, c);
    else [low, high] = [Math.min(low, c), Math.max(high, c)];
  }
  if (high > -Infinity) worst = Math.max(worst, high - low);
  return Math.max(worst, Math.max(most, high) - least, most - Math.min(low, least));
}

/** Rows on which algorithms of these kinds stumble (MATH.md §20). */
export const KINDS: Readonly<Record<string, (n: number) => Float64Array>> = {
  'normal scores': (n) => normal(n, 1),
  'narrow scores': (n) => normal(n, 1e-3),
  'wide scores': (n) => normal(n, 30),
  'a ramp up': (n) => Float64Array.from({ length: n }, (_, j) => j / n),
  'a ramp down': (n) => Float64Array.from({ length: n }, (_, j) => -j / n),
  'a steep ramp': (n) => Float64Array.from({ length: n }, (_, j) => j / 4),
  'a parabola': (n) => Float64Array.from({ length: n }, (_, j) => -((j / n - 0.5) ** 2)),
  alternating: (n) => Float64Array.from({ length: n }, (_, j) => (j % 2 ? 0.75 : -0.75)),
  geometric: (n) => Float64Array.from({ length: n }, (_, j) => 0.9 ** (j % 700)),
  constant: (n) => new Float64Array(n).fill(-3.25),
  'one place apart': (n) => normal(n, 1).map((each) => 1 + (each > 0 ? 2 ** -52 : 0)),
  levels: (n) => normal(n, 2).map((each) => Math.round(each) / 2),
  'a random walk': (n) => {
    let sum = 0;
    return normal(n, 0.05).map((each) => (sum += each));
  },
  'far from 0': (n) => normal(n, 1).map((each) => each + 2 ** 20),
  'of 1e30': (n) => normal(n, 1e30),
  denormal: (n) => normal(n, 2 ** -1060),
};

function normal(n: number, scale: number): Float64Array {
  const random = randomFrom(n + 17);
  return Float64Array.from({ length: n }, () => scale * random.normal());
}
