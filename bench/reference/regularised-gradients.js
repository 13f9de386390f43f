/**
 * Gradients of <dp, p> by the scores, from the probabilities p of a row in float64 (MATH.md §6-8). With S the entries that are free, above 0 and
 * below their bounds, and a mean of dp over these, weighted by how they move:
 *
 *     fused maps      dp - mean on S, then its mean over each group of equal entries that the penalty holds together
 *     constrained     s (dp - mean), s = p^(2 - alpha)
 *     normmax         w - p sum w, w = s (dp - <p, dp>) |p| / (alpha - 1), s = (p / |p|)^(2 - alpha)
 */

/** Entries of a group are equal but for rounding. */
const SAME = 1e-10;

/**
 * @typedef {{ dx: Float64Array, scale: number }} Gradient `scale`: the largest of the terms whose differences these are
 *
 * @typedef {(p: Float64Array, dp: ArrayLike<number>, options: import('./regularised-maps.js').Options) => Gradient} Row
 */

/** @param {(p: Float64Array, options: import('./regularised-maps.js').Options) => Int32Array} groupsOf @returns {Row} */
const grouped = (groupsOf) => (p, dp, options) => {
  const inside = [...p.keys()].filter((i) => p[i] > 0);
  const mean = inside.reduce((sum, i) => sum + dp[i], 0) / inside.length;
  const groups = groupsOf(p, options);
  const [sums, counts] = [new Float64Array(p.length), new Float64Array(p.length)];
  for (const i of inside) {
    sums[groups[i]] += dp[i] - mean;
    counts[groups[i]]++;
  }
  const dx = new Float64Array(p.length);
  for (const i of inside) dx[i] = sums[groups[i]] / counts[groups[i]];
  return { dx, scale: largest(inside.map((i) => dp[i])) };
};

/** Each entry's group by its first pixel: pixels that lie side by side in rows of that width. */
function regions(p, width) {
  const groups = new Int32Array(p.length).fill(-1);
  for (let first = 0; first < p.length; first++) {
    if (groups[first] >= 0 || p[first] === 0) continue;
    groups[first] = first;
    const region = [first];
    for (const i of region) {
      const beside = [i % width > 0 ? i - 1 : -1, (i + 1) % width > 0 ? i + 1 : -1, i - width, i + width];
      for (const j of beside) {
        if (!(p[j] > 0) || groups[j] >= 0 || Math.abs(p[i] - p[j]) > SAME) continue;
        groups[j] = first;
        region.push(j);
      }
    }
  }
  return groups;
}

/** The same for entries that lie anywhere. */
function levels(p) {
  const order = [...p.keys()].sort((a, b) => p[b] - p[a]);
  const groups = new Int32Array(p.length);
  order.forEach((at, rank) => {
    const before = order[rank - 1];
    groups[at] = rank > 0 && p[before] - p[at] <= SAME ? groups[before] : at;
  });
  return groups;
}

/** @type {Row} */
function constrained(p, dp, { alpha, upper }) {
  const boundOf = typeof upper === 'number' ? () => upper : (i) => upper[i];
  const s = p.map((each, i) => (each > 0 && each < boundOf(i) ? each ** (2 - alpha) : 0));
  const terms = s.map((each, i) => each * dp[i]);
  const mean = sum(terms) / sum(s);
  return { dx: terms.map((each, i) => each - s[i] * mean), scale: largest(terms) };
}

/** @type {Row} */
function normmax(p, dp, { alpha }) {
  const norm = sum(p.map((each) => each ** alpha)) ** (1 / alpha);
  const mean = sum(p.map((each, i) => each * dp[i]));
  const s = p.map((each) => (each > 0 ? ((each / norm) ** (2 - alpha) * norm) / (alpha - 1) : 0));
  const w = s.map((each, i) => each * (dp[i] - mean));
  const total = sum(w);
  return { dx: w.map((each, i) => each - p[i] * total), scale: largest(s.map((each, i) => each * dp[i])) };
}

/** By the names of the package. @type {Record<string, Row>} */
export const GRADIENTS = {
  fusedmax: grouped((p) => regions(p, p.length)),
  tvmax: grouped((p, { width }) => regions(p, width)),
  oscarmax: grouped(levels),
  normmax,
  constrainedSoftmax: (p, dp, options) => constrained(p, dp, { ...options, alpha: 1 }),
  constrainedSparsemax: (p, dp, options) => constrained(p, dp, { ...options, alpha: 2 }),
  constrainedEntmax: constrained,
};

const sum = (values) => values.reduce((all, each) => all + each, 0);
const largest = (values) => values.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
