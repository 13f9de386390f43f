/**
 * Documents with several labels, made here: every label has a direction in feature space, popular labels come more
 * often (Zipf's law), and a document's features are the mean of its labels' directions plus noise. What is to be
 * learned is which labels a document has, all equally: its target is the uniform distribution over them, as in the
 * multi-label experiment of Martins & Astudillo (2016, section 4.2).
 *
 * Letters: N documents, D features, K labels.
 */

const MOST_LABELS = 5;

/**
 * @typedef {object} Documents
 * @property {number} size N
 * @property {number} features D
 * @property {number} labels K
 * @property {Float32Array} x features [N, D]
 * @property {Float32Array} targets distributions over the labels [N, K]
 */

/** A random number generator: the same seed gives the same documents everywhere (xorshift32). */
export function seededRandom(seed) {
  let state = seed | 0 || 1;
  const uniform = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  /** Nearly normal: the sum of twelve uniform numbers has variance 1. */
  const normal = () => {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += uniform();
    return sum;
  };
  return { uniform, normal };
}

/**
 * A world of labels, and documents from it.
 *
 * @param {{ features: number, labels: number, noise: number, seed: number }} settings
 * @returns {(size: number) => Documents}
 */
export function makeWorld({ features, labels, noise, seed }) {
  const random = seededRandom(seed);
  const directions = Float32Array.from({ length: labels * features }, () => random.normal());
  const popularity = Float64Array.from({ length: labels }, (_, rank) => 1 / (rank + 3));
  const total = popularity.reduce((sum, weight) => sum + weight, 0);

  const drawLabel = () => {
    let rest = random.uniform() * total;
    let label = 0;
    while (label < labels - 1 && (rest -= popularity[label]) > 0) label++;
    return label;
  };

  return (size) => {
    const x = new Float32Array(size * features);
    const targets = new Float32Array(size * labels);
    for (let document = 0; document < size; document++) {
      const chosen = new Set();
      const count = 1 + Math.floor(random.uniform() * MOST_LABELS);
      while (chosen.size < count) chosen.add(drawLabel());
      for (const label of chosen) targets[document * labels + label] = 1 / count;
      for (let d = 0; d < features; d++) {
        let value = noise * random.normal();
        for (const label of chosen) value += directions[label * features + d] / count;
        x[document * features + d] = value;
      }
    }
    return { size, features, labels, x, targets };
  };
}
