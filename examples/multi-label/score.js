/** How good predictions are: of label sets by F1 over all labels of all documents (micro-averaged), and of proportions. */

/** 1 for the labels whose probability is above the threshold. */
export function predictedAbove(probabilities, threshold) {
  return Uint8Array.from(probabilities, (p) => (p > threshold ? 1 : 0));
}

/**
 * F1 = 2 TP / (2 TP + FP + FN), and the mean number of labels predicted.
 *
 * @param {Uint8Array} predicted [N, K]
 * @param {import('./data.js').Documents} documents
 */
export function score(predicted, { targets, size }) {
  let [hits, named, real] = [0, 0, 0];
  for (let i = 0; i < predicted.length; i++) {
    const present = targets[i] > 0;
    if (predicted[i] && present) hits++;
    if (predicted[i]) named++;
    if (present) real++;
  }
  return { f1: (2 * hits) / (named + real), predicted: named / size };
}

/**
 * How far predicted proportions are from the true ones: the sum of absolute differences, averaged over the documents.
 *
 * @param {Float32Array} probabilities [N, K]
 * @param {import('./data.js').Documents} documents
 */
export function meanDistance(probabilities, { targets, size }) {
  return probabilities.reduce((sum, p, i) => sum + Math.abs(p - targets[i]), 0) / size;
}
