/** Order statistics: a shared machine has outliers, and medians and quartiles do not care how large they are. */

/**
 * @param {number[]} values
 * @returns {{ median: number, q1: number, q3: number, min: number, max: number }}
 */
export function quartiles(values) {
  const sorted = Float64Array.from(values).sort();
  return { median: at(sorted, 0.5), q1: at(sorted, 0.25), q3: at(sorted, 0.75), min: sorted[0], max: sorted.at(-1) };
}

/** The quantile between the two nearest members, by their distance. */
function at(sorted, fraction) {
  const position = (sorted.length - 1) * fraction;
  const below = Math.floor(position);
  const above = Math.ceil(position);
  return sorted[below] + (sorted[above] - sorted[below]) * (position - below);
}
