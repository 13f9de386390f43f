/**
 * The regularised and the constrained maps of a row in float64, by plain means (MATH.md §6-8): sums and sorts as in textbooks, bisection
 * to the last bit for thresholds, and a proof that the probabilities sum to 1 where these were searched.
 */

import { sparsemax } from './maps.js';
import { proxOfGrid, proxOfRow } from './total-variation.js';

/** How far from 1 a sum may be for a root to count as found. */
const PROOF = 1e-10;

/**
 * @typedef {object} Options of a map
 * @property {number} [lambda]
 * @property {number} [alpha]
 * @property {'torchsparseattn'} [compat]
 * @property {number | ArrayLike<number>} [upper] of all entries, or of each
 * @property {number} [width] of a grid
 *
 * @typedef {(z: Float64Array, options: Options) => Float64Array} Row
 */

/** [z - tau]+^(1 / (alpha - 1)) over its sum; tau is where the alpha-th powers of these sum to 1, between max - 1 and max. @type {Row} */
export function normmax(z, { alpha }) {
  const top = maximum(z);
  const powers = (below, exponent) => total(z.map((each) => Math.max(each - top + below, 0) ** exponent));
  const below = bisected((below) => powers(below, alpha / (alpha - 1)) >= 1, 0, 1);
  if (!(Math.abs(powers(below, alpha / (alpha - 1)) - 1) < PROOF)) throw new Error('reference: no root of normmax');
  const q = z.map((each) => Math.max(each - top + below, 0) ** (1 / (alpha - 1)));
  const sum = total(q);
  return q.map((each) => each / sum);
}

/** min(u, [(alpha - 1) z - tau]+^(1 / (alpha - 1))), and min(u, exp(z - tau)) for alpha = 1. @type {Row} */
export function constrainedEntmax(z, { alpha, upper }) {
  const boundOf = typeof upper === 'number' ? () => upper : (i) => upper[i];
  const top = maximum(z);
  const power = { 1: (x) => Math.exp(x), 1.5: (x) => Math.max(x, 0) ** 2, 2: (x) => Math.max(x, 0) }[alpha];
  const stretch = alpha === 1 ? 1 : alpha - 1;
  const at = (up) => z.map((each, i) => Math.min(boundOf(i), power(stretch * (each - top) + up)));
  // Everything is at least 1 at the one end, and all together no more than 1 at the other.
  const [least, most] = [-Math.log(z.length), stretch * (top - minimum(z)) + 1];
  const p = at(bisected((up) => total(at(up)) >= 1, alpha === 1 ? least : 0, most));
  if (!(Math.abs(total(p) - 1) < PROOF)) throw new Error(`reference: probabilities that sum to ${total(p)}`);
  return p;
}

/** Least squares among rows that do not rise: blocks are merged while the one before is not above the one after. */
function notRising(y) {
  const [sums, counts] = [[], []];
  for (const each of y) {
    let [sum, count] = [each, 1];
    while (sums.length > 0 && sums.at(-1) * count <= sum * counts.at(-1)) {
      sum += sums.pop();
      count += counts.pop();
    }
    sums.push(sum);
    counts.push(count);
  }
  return sums.flatMap((sum, block) => Array(counts[block]).fill(sum / counts[block]));
}

/** Of the scores in falling order, what is left of the i-th of n less lambda (n - i), in order again. */
function ordered(z, lambda) {
  const order = Array.from(z.keys()).sort((a, b) => z[b] - z[a]);
  const levels = notRising(order.map((at, i) => z[at] - lambda * (z.length - 1 - i)));
  const y = new Float64Array(z.length);
  order.forEach((at, i) => (y[at] = levels[i]));
  return y;
}

/** As MATH.md §8.3 corrects it; with `compat` as published: by absolute values, none below 0. @type {Row} */
function oscarProx(z, { lambda, compat }) {
  if (compat === undefined) return ordered(z, lambda);
  const levels = ordered(z.map(Math.abs), lambda);
  return levels.map((level, i) => Math.sign(z[i]) * Math.max(level, 0));
}

/** What comes before the simplex. @type {Record<string, Row>} */
export const PROX = {
  fusedmax: (z, { lambda }) => proxOfRow(z, lambda),
  tvmax: (z, { lambda, width }) => proxOfGrid(z, lambda, width),
  oscarmax: oscarProx,
};

const afterwards = (map) => (z, options) => sparsemax(PROX[map](z, options));

/** By the names of the package. @type {Record<string, Row>} */
export const REGULARISED = {
  fusedmax: afterwards('fusedmax'),
  tvmax: afterwards('tvmax'),
  oscarmax: afterwards('oscarmax'),
  normmax,
  constrainedSoftmax: (z, options) => constrainedEntmax(z, { ...options, alpha: 1 }),
  constrainedSparsemax: (z, options) => constrainedEntmax(z, { ...options, alpha: 2 }),
  constrainedEntmax,
  sparsemax,
};

/** The least number for which a condition holds that holds from there on. */
function bisected(holds, low, high) {
  for (;;) {
    const middle = (low + high) / 2;
    if (!(middle > low && middle < high)) return high;
    if (holds(middle)) high = middle;
    else low = middle;
  }
}

const maximum = (z) => z.reduce((a, b) => Math.max(a, b), -Infinity);
const minimum = (z) => z.reduce((a, b) => Math.min(a, b), Infinity);
/** With what each addition has rounded off (Neumaier): one free entry takes all that a sum of bounds is off by. */
function total(values) {
  let [sum, rest] = [0, 0];
  for (const value of values) {
    const next = sum + value;
    rest += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    sum = next;
  }
  return sum + rest;
}
