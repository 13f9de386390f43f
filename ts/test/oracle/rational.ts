/**
 * The exact supports of sparsemax and 1.5-entmax: scores are integers times a power of two, so the sorted prefix test
 * (MATH.md §1) needs no rounding at all. The k-th largest score is in the support
 *
 *     alpha = 2     <=>  sum over the larger ones of (z_j - z_k) < 1
 *     alpha = 1.5   <=>  sum over the larger ones of (z_j - z_k)^2 < 4
 *
 * Both sums grow with k. A score exactly on the threshold is out.
 */

/** Indices of the support, ascending. Scores are finite or -Infinity. */
export function exactSupport(scores: ArrayLike<number>, alpha: 1.5 | 2): number[] {
  const order = Array.from(scores, (_, i) => i)
    .filter((i) => scores[i]! > -Infinity)
    .sort((i, j) => scores[j]! - scores[i]!);
  // Nothing below the maximum by 2 or more can be in the support; leaving it out keeps the integers short.
  const near = order.filter((i) => scores[i]! - scores[order[0]!]! >= -2);
  const exponent = near.reduce((least, i) => Math.min(least, exponentOf(scores[i]!)), 0);
  const integers = near.map((i) => integerOf(scores[i]!, exponent));
  const one = 1n << BigInt(-exponent);
  const limit = alpha === 2 ? one : 4n * one * one;
  let [size, total, squares] = [0, 0n, 0n];
  for (const score of integers) {
    const count = BigInt(size);
    const excess = alpha === 2 ? total - count * score : squares - 2n * score * total + count * score * score;
    if (excess >= limit) break;
    size++;
    total += score;
    squares += score * score;
  }
  return near.slice(0, size).sort((i, j) => i - j);
}

const BITS = new DataView(new ArrayBuffer(8));

/** A lower bound of the exponent of the last bit: value = integer * 2^exponent. */
function exponentOf(value: number): number {
  BITS.setFloat64(0, value);
  const biased = (BITS.getUint32(0) >>> 20) & 0x7ff;
  return value === 0 ? 0 : Math.max(biased, 1) - 1075;
}

function integerOf(value: number, exponent: number): bigint {
  const own = exponentOf(value);
  // In two steps: 2^1074 is no float64.
  const half = Math.trunc(own / 2);
  return BigInt(value * 2 ** -half * 2 ** (half - own)) << BigInt(own - exponent);
}
