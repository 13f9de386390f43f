/**
 * What proves that p is the minimum of 1/2 ||p - z||^2 + lambda R(p) over the simplex. R is a sum over pairs of entries, and its
 * directional derivatives are Lovasz extensions: so it is enough that no set of entries gains by going up or down together, at the
 * multiplier tau of the simplex. Rows are short: all sets are tried.
 */

/** |p_i - p_j| or max(p_i, p_j). */
export type Pairing = 'difference' | 'maximum';

/** Derivative of R at p in the direction of the set, or against it. */
function derivative(p: ArrayLike<number>, pairs: readonly [number, number][], kind: Pairing, d: Float64Array): number {
  let sum = 0;
  for (const [i, j] of pairs) {
    const gap = p[i]! - p[j]!;
    const [a, b] = [d[i]!, d[j]!];
    if (kind === 'difference') sum += Math.abs(gap) < 1e-9 ? Math.abs(a - b) : Math.sign(gap) * (a - b);
    else sum += Math.abs(gap) < 1e-9 ? Math.max(a, b) : gap > 0 ? a : b;
  }
  return sum;
}

/** By how much the worst direction goes down, for each of its entries: 0 at the minimum, up to rounding. */
export function descent(
  p: ArrayLike<number>,
  z: ArrayLike<number>,
  lambda: number,
  pairs: readonly [number, number][],
  kind: Pairing,
): number {
  const n = p.length;
  const along = (set: (j: number) => boolean, sign: number): [slope: number, count: number] => {
    const d = Float64Array.from({ length: n }, (_, j) => (set(j) ? sign : 0));
    let slope = lambda * derivative(p, pairs, kind, d);
    for (let j = 0; j < n; j++) slope += d[j]! * (p[j]! - z[j]!);
    return [slope, d.reduce((sum, each) => sum + each, 0)];
  };
  const [slope, count] = along((j) => p[j]! > 0, 1);
  const tau = -slope / count;
  let worst = 0;
  for (let set = 1; set < 1 << n; set++) {
    const contains = (j: number): boolean => ((set >> j) & 1) === 1;
    for (const sign of [1, -1]) {
      // What is 0 cannot go down.
      if (sign === -1 && Array.from(p).some((each, j) => contains(j) && each === 0)) continue;
      const [gain, size] = along(contains, sign);
      worst = Math.min(worst, (gain + tau * size) / Math.abs(size));
    }
  }
  return -worst;
}

/** Neighbours in a row, both of which count. */
export const neighbours = (counts: readonly boolean[]): [number, number][] =>
  counts.flatMap((each, j) => (each && counts[j + 1] ? [[j, j + 1] as [number, number]] : []));

/** All pairs. */
export const allPairs = (n: number): [number, number][] =>
  Array.from({ length: n }, (_, i) => Array.from({ length: i }, (_, j) => [j, i] as [number, number])).flat();
