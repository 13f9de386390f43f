/**
 * Which labels does a document have? The sparsemax loss answers without a threshold: what the trained classifier
 * predicts is the support of sparsemax, because its probabilities are exactly zero elsewhere. The softmax loss
 * (cross-entropy) on the same data gives every label something, so a threshold has to be tuned on held-out documents.
 *
 *     npm run example:multi-label
 *
 * Prints the two learning curves and draws them in build/examples/multi-label.svg.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { softmax, softmaxLoss, sparsemax, sparsemaxLoss } from 'entmax';
import { backward, makeClassifier, scoresOf, step } from './classifier.js';
import { drawCurves } from './curves.js';
import { makeWorld } from './data.js';
import { predictedAbove, score } from './score.js';

const [EPOCHS, BATCH, RATE] = [24, 50, 0.02];
const makeDocuments = makeWorld({ features: 48, labels: 60, noise: 0.25, seed: 7 });
const training = makeDocuments(4000);
const validation = makeDocuments(1000);
const test = makeDocuments(1000);

/** Trains with one of the losses; `report(epoch, loss, classifier)` after each epoch. */
function train(loss, report) {
  const classifier = makeClassifier(training);
  for (let epoch = 1; epoch <= EPOCHS; epoch++) {
    let total = 0;
    for (let first = 0; first < training.size; first += BATCH) {
      const x = training.x.subarray(first * training.features, (first + BATCH) * training.features);
      const target = training.targets.subarray(first * training.labels, (first + BATCH) * training.labels);
      const scores = scoresOf(classifier, x);
      // The loss and its gradient with respect to the scores in one pass: p - target, divided by the batch size.
      const [value, gradient] = loss.valueAndGrad(scores, target, { shape: [BATCH, training.labels] });
      backward(classifier, x, gradient.x);
      step(classifier, RATE);
      total += value * BATCH;
    }
    report(epoch, total / training.size, classifier);
  }
  return classifier;
}

/** Probabilities of all labels of all documents. */
const probabilities = (map, classifier, documents) =>
  map(scoresOf(classifier, documents.x), { shape: [documents.size, documents.labels] });

const curves = [];
console.log(
  `${training.size} documents, ${training.features} features, ${training.labels} labels, 1 to 5 per document\n`,
);
console.log('loss      epoch   training loss   F1 on held-out documents');
for (const { name, loss, map } of [
  { name: 'sparsemax', loss: sparsemaxLoss, map: sparsemax },
  { name: 'softmax', loss: softmaxLoss, map: softmax },
]) {
  /** The threshold: zero for sparsemax, the best of twenty on the validation documents for softmax. */
  const chooseThreshold = (classifier) => {
    if (map === sparsemax) return 0;
    const p = probabilities(map, classifier, validation);
    const candidates = Array.from({ length: 20 }, (_, i) => 0.01 + 0.01 * i);
    const quality = candidates.map((threshold) => score(predictedAbove(p, threshold), validation).f1);
    return candidates[quality.indexOf(Math.max(...quality))];
  };
  let threshold = 0;
  let quality = { f1: 0, predicted: 0 };
  const classifier = train(loss, (epoch, value, current) => {
    threshold = chooseThreshold(current);
    quality = score(predictedAbove(probabilities(map, current, test), threshold), test);
    curves.push({ loss: name, epoch, value, f1: quality.f1 });
    if (epoch % 4 === 0)
      console.log(
        `${name.padEnd(9)} ${String(epoch).padStart(5)} ${value.toFixed(4).padStart(15)} ${quality.f1.toFixed(4).padStart(12)}`,
      );
  });
  const p = probabilities(map, classifier, test);
  const zeros = p.reduce((count, each) => count + (each === 0 ? 1 : 0), 0) / p.length;
  console.log(
    `  ${name}: ${quality.predicted.toFixed(2)} labels predicted per document, threshold ${threshold.toFixed(2)}, ` +
      `${(100 * zeros).toFixed(1)} % of the probabilities are exactly 0\n`,
  );
}

const directory = new URL('../../build/examples/', import.meta.url);
await mkdir(directory, { recursive: true });
await writeFile(new URL('multi-label.svg', directory), await drawCurves(curves));
console.log('learning curves: build/examples/multi-label.svg');
