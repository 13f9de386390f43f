/**
 * A linear classifier trained by hand: scores = x W^T + b, the gradient of the scores from the loss, the gradient of
 * W and b from that by the chain rule, Adam's step. Everything that a framework would hide is in this file.
 *
 * Letters: B documents of a batch, D features, K labels.
 */

/** @param {{ features: number, labels: number }} shape */
export function makeClassifier({ features, labels }) {
  return {
    features,
    labels,
    weights: parameter(labels * features),
    bias: parameter(labels),
    steps: 0,
  };
}

/** A parameter with its gradient and Adam's two moments. */
function parameter(size) {
  return {
    value: new Float32Array(size),
    gradient: new Float32Array(size),
    first: new Float32Array(size),
    second: new Float32Array(size),
  };
}

/** Scores [B, K] of the features [B, D]. */
export function scoresOf({ weights, bias, features, labels }, x) {
  const batch = x.length / features;
  const scores = new Float32Array(batch * labels);
  for (let b = 0; b < batch; b++) {
    for (let k = 0; k < labels; k++) {
      let sum = bias.value[k];
      for (let d = 0; d < features; d++) sum += x[b * features + d] * weights.value[k * features + d];
      scores[b * labels + k] = sum;
    }
  }
  return scores;
}

/** From the gradient of the scores to the gradients of the parameters: dW = dscores^T x, db = sum of dscores. */
export function backward({ weights, bias, features, labels }, x, dScores) {
  weights.gradient.fill(0);
  bias.gradient.fill(0);
  const batch = x.length / features;
  for (let b = 0; b < batch; b++) {
    for (let k = 0; k < labels; k++) {
      const slope = dScores[b * labels + k];
      // The gradient of a sparse loss is zero outside support and target: most labels cost nothing here.
      if (slope === 0) continue;
      bias.gradient[k] += slope;
      for (let d = 0; d < features; d++) weights.gradient[k * features + d] += slope * x[b * features + d];
    }
  }
}

/** One step of Adam (Kingma & Ba 2015, algorithm 1). */
export function step(classifier, rate) {
  const [beta1, beta2, tiny] = [0.9, 0.999, 1e-8];
  classifier.steps++;
  const first = 1 - beta1 ** classifier.steps;
  const second = 1 - beta2 ** classifier.steps;
  for (const each of [classifier.weights, classifier.bias]) {
    for (let i = 0; i < each.value.length; i++) {
      const slope = each.gradient[i];
      each.first[i] = beta1 * each.first[i] + (1 - beta1) * slope;
      each.second[i] = beta2 * each.second[i] + (1 - beta2) * slope * slope;
      each.value[i] -= (rate * (each.first[i] / first)) / (Math.sqrt(each.second[i] / second) + tiny);
    }
  }
}
