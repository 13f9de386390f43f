/**
 * When did something switch? A meter's noisy readings are to be divided into segments of constant power. fusedmax does it, and how
 * much neighbours are worth to each other, lambda, is learned by gradient from days whose power is known. Sparsemax, which has no
 * neighbours, learns its scale from the same days.
 *
 *     npm run example:segmentation
 *     npm run example:segmentation -- --noise 0.6
 *
 * Prints how well both find the switches of other days, and draws one of these days in build/examples/segmentation.svg.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { program } from 'commander';
import { positive } from '../options.js';
import { draw } from './draw.js';
import { learn, lossAndGradient, segment } from './model.js';
import { chooseThreshold, score, switchesOf } from './score.js';
import { makeDays } from './signals.js';

const { noise } = program
  .name('npm run example:segmentation --')
  .description("Segments of a meter's readings with fusedmax, whose lambda is learned.")
  .option('--noise <kW>', 'standard deviation of the noise of a reading', positive, 0.4)
  .parse()
  .opts();

const [SIZE, MINUTES] = [200, 240];
const [STEPS, RATE] = [80, 0.2];
const START = { scale: 1, lambda: 0.001 };
/** The day that is printed and drawn. */
const DAY = 3;

const training = makeDays({ size: SIZE, minutes: MINUTES, noise, seed: 1 });
const test = makeDays({ size: SIZE, minutes: MINUTES, noise, seed: 2 });

/** A threshold from the training days, and what comes of it on the test days. */
function judge(model) {
  const { shares, groups } = segment(model, test);
  const least = chooseThreshold(segment(model, training).shares, training);
  const told = switchesOf(shares, test, least);
  const { loss } = lossAndGradient(model, test);
  return { model, shares, groups, least, told, loss, ...score(told, test.switches) };
}

console.log(`${SIZE} days of ${MINUTES} minutes to learn from and as many others to test on, noise ${noise} kW\n`);
console.log('step     loss   scale    lambda');
const learned = learn(training, START, { steps: STEPS, rate: RATE }, (step, loss, { scale, lambda }) => {
  if (step % 16 !== 1) return;
  console.log(
    `${String(step).padStart(4)} ${loss.toExponential(2)} ${scale.toFixed(4)} ${lambda.toFixed(6).padStart(9)}`,
  );
});
const withoutNeighbours = learn(training, { ...START, lambda: 0 }, { steps: STEPS, rate: RATE });

/** Lambdas around the one that was learned, by powers of the square root of 2. */
const curve = Array.from({ length: 17 }, (_, i) => learned.lambda * 2 ** ((i - 8) / 2)).map((lambda) =>
  judge({ ...learned, lambda }),
);
const rows = {
  sparsemax: judge(withoutNeighbours),
  'fusedmax, learned': judge(learned),
  'fusedmax, best of 17': curve.reduce((best, each) => (each.f1 > best.f1 ? each : best)),
};

console.log('\nswitches of the test days      lambda  loss     least kW  precision  recall  F1');
for (const [name, { model, loss, least, precision, recall, f1 }] of Object.entries(rows)) {
  const shown = [model.lambda.toFixed(6), loss.toExponential(2), least.toFixed(2).padStart(8)];
  console.log(
    `${name.padEnd(28)} ${shown.join('  ')}  ${precision.toFixed(3).padStart(9)}  ${recall.toFixed(3).padStart(6)}  ${f1.toFixed(3)}`,
  );
}

const { sparsemax: sparse, 'fusedmax, learned': fused } = rows;
const ofDay = (values) => values.subarray(DAY * MINUTES, (DAY + 1) * MINUTES);
console.log(`\nOne of them: switches at ${test.switches[DAY].join(' ')}`);
console.log(`  sparsemax says ${sparse.told[DAY].join(' ')}`);
console.log(`  fusedmax says  ${fused.told[DAY].join(' ')}`);
const segments = new Set(ofDay(fused.groups).filter((group) => group >= 0)).size;
const idle = ofDay(fused.shares).filter((share) => share === 0).length;
console.log(`  in ${segments} segments with energy, and ${idle} minutes of exactly none\n`);

const panelOf = (title, { shares, told }) => ({
  title,
  readings: ofDay(test.readings),
  power: ofDay(test.power),
  estimate: ofDay(shares).map((share) => share * test.energy[DAY]),
  told: told[DAY],
});
const LEGEND = 'dots: readings, orange: truth, blue: the map, dashed: switches';
const directory = new URL('../../build/examples/', import.meta.url);
await mkdir(directory, { recursive: true });
const svg = await draw(
  [
    { ...panelOf('sparsemax', sparse), subtitle: LEGEND },
    panelOf(`fusedmax, lambda = ${learned.lambda.toPrecision(2)}, as learned`, fused),
  ],
  curve.map(({ model, f1 }) => ({ lambda: model.lambda, f1 })),
  learned.lambda,
);
await writeFile(new URL('segmentation.svg', directory), svg);
console.log('that day, and F1 against lambda: build/examples/segmentation.svg');
