// The steps before sparsemax, by definition and slowly, for rows of a few entries: y = argmin 1/2 |y - z|^2 + lambda R(y).

/** R: the sum of |y_i - y_j| over edges. The dual by coordinates: y = z - sum of g over edges, |g| <= lambda. */
export function joined(
  z: Float64Array,
  edges: readonly (readonly [i: number, j: number])[],
  lambda: number,
): Float64Array {
  const y = z.slice();
  const g = new Float64Array(edges.length);
  for (let sweep = 0; sweep < 4000; sweep++) {
    edges.forEach(([i, j], edge) => {
      const moved = Math.min(lambda, Math.max(-lambda, g[edge]! + (y[i]! - y[j]!) / 2));
      const by = moved - g[edge]!;
      g[edge] = moved;
      y[i]! -= by;
      y[j]! += by;
    });
  }
  return y;
}

/** The nonincreasing fit, by its formula: y_i = max over k >= i of min over j <= i of the mean of j..k. */
function nonincreasing(values: readonly number[]): number[] {
  const mean = (from: number, to: number): number =>
    values.slice(from, to + 1).reduce((sum, each) => sum + each, 0) / (to - from + 1);
  return values.map((_, i) => {
    let most = -Infinity;
    for (let k = i; k < values.length; k++) {
      let least = Infinity;
      for (let j = 0; j <= i; j++) least = Math.min(least, mean(j, k));
      most = Math.max(most, least);
    }
    return most;
  });
}

/** R: the sum of max(y_i, y_j) over pairs (MATH.md §8.3): what is at rank i of n from 0 loses lambda (n - 1 - i). */
export function joinedByMaxima(z: Float64Array, lambda: number): Float64Array {
  const n = z.length;
  const order = Array.from(z.keys()).sort((a, b) => z[b]! - z[a]!);
  const fit = nonincreasing(order.map((j, rank) => z[j]! - lambda * (n - 1 - rank)));
  const y = new Float64Array(n);
  order.forEach((j, rank) => (y[j] = fit[rank]!));
  return y;
}

/** What is published as it: the same of magnitudes, cut off at 0. */
export function joinedMagnitudes(z: Float64Array, lambda: number): Float64Array {
  return joinedByMaxima(z.map(Math.abs), lambda).map((each, j) => Math.sign(z[j]!) * Math.max(each, 0));
}
