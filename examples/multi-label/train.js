/**
 * Which labels does a document have, and in which proportions? A linear classifier learns it twice, with the sparsemax loss and
 * with the softmax loss (the divergence of softmax from the target), both from `valueAndGrad`. A label is predicted when its
 * probability is above a threshold that is chosen on validation documents, as Martins & Astudillo did (2016, section 4.2); what the
 * support of sparsemax alone would predict is printed too.
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
import { meanDistance, predictedAbove, score } from './score.js';

const [EPOCHS, BATCH, RATE] = [24, 50, 0.005];
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
      // The rate falls linearly to 0.
      step(classifier, RATE * (1 - (epoch - 1) / EPOCHS));
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
  /** The best of twenty-one thresholds on the validation documents. */
  const chooseThreshold = (classifier) => {
    const p = probabilities(map, classifier, validation);
    const candidates = Array.from({ length: 21 }, (_, i) => 0.01 * i);
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
  const support = score(predictedAbove(p, 0), test);
  const zeros = p.reduce((count, each) => count + (each === 0 ? 1 : 0), 0) / p.length;
  const distance = meanDistance(p, test);
  console.log(`  ${(100 * zeros).toFixed(1)} % of the probabilities are exactly 0`);
  console.log(`  distance from the true proportions ${distance.toFixed(4)} (mean of the sum of absolute differences)`);
  console.log(
    `  above threshold ${threshold.toFixed(2)}: ${quality.predicted.toFixed(2)} labels per document, F1 ${quality.f1.toFixed(4)}`,
  );
  console.log(
    `  above 0:              ${support.predicted.toFixed(2)} labels per document, F1 ${support.f1.toFixed(4)}\n`,
  );
}

const directory = new URL('../../build/examples/', import.meta.url);
await mkdir(directory, { recursive: true });
await writeFile(new URL('multi-label.svg', directory), await drawCurves(curves));
console.log('learning curves: build/examples/multi-label.svg');
