/**
 * The truth that every engine is checked against: float64, written for plainness. The sparse maps sort the row and
 * read the threshold off the cumulative sums, the textbook way and not the way of any kernel here (MATH.md §2.1).
 */

/** softmax: exp(z - max) over its sum. */
function softmaxRow(z) {
  const largest = z.reduce((a, b) => Math.max(a, b), -Infinity);
  const e = z.map((value) => Math.exp(value - largest));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((value) => value / sum);
}

/** sparsemax: p = [z - tau]+ with tau from the longest prefix of the sorted scores whose last member stays above it. */
function sparsemaxRow(z) {
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

/** 1.5-entmax: p = [z/2 - tau]+^2; a prefix of k scores with mean M and sum of squared deviations S has
 * tau = M - sqrt((1 - S) / k). Scores are taken relative to the maximum, so that nothing cancels. */
function entmax15Row(z) {
  const largest = z.reduce((a, b) => Math.max(a, b), -Infinity);
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

const ROWS = { softmax: softmaxRow, sparsemax: sparsemaxRow, entmax15: entmax15Row };

/**
 * @param {string} map
 * @param {Float32Array} x rows x n
 * @param {number} n
 * @returns {{ p: Float64Array, meanSupport: number }}
 */
export function reference(map, x, n) {
  const p = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += n) {
    p.set(ROWS[map](Float64Array.from(x.subarray(start, start + n))), start);
  }
  const support = p.reduce((count, value) => count + (value > 0 ? 1 : 0), 0);
  return { p, meanSupport: support / (x.length / n) };
}
