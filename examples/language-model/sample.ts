// Drawing from a sparse distribution. 1.5-entmax gives most characters probability 0, so the plain draw needs no top-k, no nucleus
// and no temperature to stay clear of the tail: there is no tail.

/**
 * The index i with cumulative(i - 1) <= uniform * total < cumulative(i), for uniform in [0, 1). The total stands in for 1, which
 * float32 probabilities miss by a rounding error; zeros are never drawn.
 */
export function drawIndex(probabilities: Float32Array, uniform: number): number {
  let total = 0;
  for (const p of probabilities) total += p;
  const target = uniform * total;
  let cumulative = 0;
  for (let i = 0; i < probabilities.length; i++) {
    cumulative += probabilities[i]!;
    if (target < cumulative) return i;
  }
  throw new RangeError(`drawIndex: expected probabilities with a positive sum, got a sum of ${total}`);
}
