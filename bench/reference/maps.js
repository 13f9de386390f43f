/**
 * The truth that every engine is checked against: float64, written for plainness, and not the way of any kernel here.
 * softmax, sparsemax and 1.5-entmax are textbook formulas over the sorted row (MATH.md §2.1); for other powers the root
 * is searched, and the answer carries its own proof: probabilities of the right form that sum to 1 are the right ones.
 */

/** @typedef {(z: Float64Array, options: Record<string, number>) => Float64Array} Row */

/** exp(z - max) over its sum. @type {Row} */
export function softmax(z) {
  const largest = maximum(z);
  const e = z.map((value) => Math.exp(value - largest));
  const sum = total(e);
  return e.map((value) => value / sum);
}

/**
 * p = [z - tau]+ with tau from the longest prefix of the sorted scores whose last member stays above it.
 *
 * @type {Row}
 */
export function sparsemax(z) {
  const sorted = z.toSorted().reverse();
  let sum = 0;
  let tau = -Infinity;
  for (let k = 1; k <= sorted.length; k++) {
    sum += sorted[k - 1];
    const candidate = (sum - 1) / k;
    if (sorted[k - 1] <= candidate) break;
    tau = candidate;
  }
  return z.map((value) => Math.max(value - tau, 0));
}

/**
 * p = [z/2 - tau]+^2; a prefix of k scores with mean M and sum of squared deviations S has tau = M - sqrt((1 - S) / k).
 * Scores are taken relative to the maximum, so that nothing cancels.
 *
 * @type {Row}
 */
export function entmax15(z) {
  const largest = maximum(z);
  const half = z.map((value) => (value - largest) / 2);
  const sorted = half.toSorted().reverse();
  let mean = 0;
  let deviations = 0;
  let tau = -Infinity;
  for (let k = 1; k <= sorted.length; k++) {
    const step = sorted[k - 1] - mean;
    mean += step / k;
    deviations += step * (sorted[k - 1] - mean);
    const candidate = mean - Math.sqrt((1 - deviations) / k);
    if (!(candidate < sorted[k - 1])) break;
    tau = candidate;
  }
  return half.map((value) => Math.max(value - tau, 0) ** 2);
}

/** How far from 1 the sum of probabilities may be for the root to count as found. */
const PROOF = 1e-10;

/**
 * With e = alpha - 1 and the scores in falling order, p_i = (e (z_i - z_k) + s)^(1/e) for the first k of them: s is
 * (smallest probability)^e, which keeps its digits where a threshold would lose them (MATH.md §2.5). k is the last for
 * which the sum stays below 1 at s = 0; then the smallest probability is found by regula falsi (Illinois).
 *
 * @type {Row}
 */
export function entmax(z, { alpha }) {
  if (alpha === 1) return softmax(z);
  const e = alpha - 1;
  const power = powerOf(1 / e);
  const sorted = z.toSorted().reverse();
  const excess = (k, smallest) => {
    const s = smallest ** e;
    let sum = -1;
    for (let i = 0; i < k; i++) sum += power(e * (sorted[i] - sorted[k - 1]) + s);
    return sum;
  };
  const k = lastWhere(z.length, (k) => e * (sorted[0] - sorted[k - 1]) < 1 && excess(k, 0) < 0);
  const s = root((smallest) => excess(k, smallest), 0, 1) ** e;
  const p = z.map((value) => (value >= sorted[k - 1] ? power(e * (value - sorted[k - 1]) + s) : 0));
  const sum = total(p);
  if (!(Math.abs(sum - 1) < PROOF)) throw new Error(`reference: alpha ${alpha} gives a sum of ${sum}`);
  return p;
}

/** x^q for x >= 0; with products where q is whole, because millions of them are needed. */
function powerOf(q) {
  if (q === 1) return (x) => x;
  if (q === 2) return (x) => x * x;
  if (q === 4) return (x) => x * x * (x * x);
  return q === 0.5 ? Math.sqrt : (x) => x ** q;
}

/** The last k in 1..n that satisfies what holds for 1 and, once it fails, fails for all that follow. */
function lastWhere(n, holds) {
  let [good, bad] = [1, n + 1];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (holds(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

/** The root of an increasing function in [low, high]. */
function root(f, low, high) {
  let [below, above] = [f(low), f(high)];
  if (below >= 0) return low;
  if (above <= 0) return high;
  for (let step = 0; high - low > 1e-16 * high && step < 200; step++) {
    const secant = (low * above - high * below) / (above - below);
    // The middle now and then, for functions that are far from straight.
    const middle = step % 3 === 2 || !(secant > low && secant < high) ? (low + high) / 2 : secant;
    const value = f(middle);
    if (Math.abs(value) < 1e-14) return middle;
    if (value < 0) {
      [low, below] = [middle, value];
      above /= 2;
    } else {
      [high, above] = [middle, value];
      below /= 2;
    }
  }
  return (low + high) / 2;
}

/**
 * min(max(z - tau, 0), 1) with sum B, for B <= n: tau from all n breakpoints of either kind, in order, the sum being
 * linear in between (MATH.md §7.1).
 *
 * @type {Row}
 */
export function budget(z, { budget: total_ }) {
  const sumAt = (tau) => z.reduce((sum, value) => sum + Math.min(Math.max(value - tau, 0), 1), 0);
  const breakpoints = Float64Array.from([...z, ...z.map((value) => value - 1)]).sort();
  // The sum falls with tau: the last breakpoint at which it is still at least B begins the segment.
  let [first, last] = [0, breakpoints.length - 1];
  while (last - first > 1) {
    const middle = (first + last) >> 1;
    if (sumAt(breakpoints[middle]) >= total_) first = middle;
    else last = middle;
  }
  const [left, right] = [sumAt(breakpoints[first]), sumAt(breakpoints[last])];
  const share = left === right ? 0 : (left - total_) / (left - right);
  const tau = breakpoints[first] + share * (breakpoints[last] - breakpoints[first]);
  return z.map((value) => Math.min(Math.max(value - tau, 0), 1));
}

/** A map of the k largest scores alone. @type {(map: Row) => Row} */
const ofLargest =
  (map) =>
  (z, { k, ...options }) => {
    const columns = Array.from(z.keys(), (_, i) => i)
      .sort((a, b) => z[b] - z[a])
      .slice(0, k);
    const kept = map(
      Float64Array.from(columns, (i) => z[i]),
      options,
    );
    const p = new Float64Array(z.length);
    columns.forEach((column, place) => (p[column] = kept[place]));
    return p;
  };

/** By the names of the package. @type {Record<string, Row>} */
export const MAPS = {
  softmax,
  sparsemax,
  entmax15,
  entmax,
  budget,
  topkSparsemax: ofLargest(sparsemax),
  topkEntmax: ofLargest(entmax),
};

/** alpha of the maps that have one, for gradients and losses. */
export const alphaOf = (map, { alpha = 1.5 } = {}) => ({ softmax: 1, sparsemax: 2, topkSparsemax: 2 })[map] ?? alpha;

const maximum = (z) => z.reduce((a, b) => Math.max(a, b), -Infinity);
const total = (values) => values.reduce((a, b) => a + b, 0);
