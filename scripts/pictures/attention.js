/**
 * The pictures of docs/attention.md: which keys have weight for heads of the language model, and which multiplications of
 * a dense attention are done.
 *
 *     npm run pictures
 */

import { writeFile } from 'node:fs/promises';
import { attention } from 'entmax/attention';
import { makeInputs } from '../../bench/attention/inputs.js';
import { readModel } from '../../bench/attention/language-model.js';
import { matricesOf } from './matrices.js';
import { sharesOf } from './plots.js';

const DIRECTORY = new URL('../../docs/pictures/', import.meta.url);
const write = async (name, svg) => {
  await writeFile(new URL(`${name}.svg`, DIRECTORY), svg);
  console.log(`docs/pictures/${name}.svg`);
};

const MAPS = { softmax: 1, '1.5-entmax': 1.5, sparsemax: 2 };
/** Characters of the picture: the first of the first window of the model's reference. */
const CHARACTERS = 128;
/** What the model reads at once. */
const WINDOW = 256;

const { layers, context, width } = await readModel(WINDOW);

/** What a head attends to, and which share of the pairs of a character and one not after it has weight. */
function headPicture(layer, head, title, alpha) {
  const { q, k, v } = layers[layer];
  const first = head * context * width;
  const block = (data) => ({
    data: data.subarray(first, first + CHARACTERS * width),
    shape: [1, 1, CHARACTERS, width],
  });
  const { weights } = attention.inspect(block(q), block(k), block(v), { alpha, isCausal: true });
  const pairs = (CHARACTERS * (CHARACTERS + 1)) / 2;
  const share = (100 * weights.values.length) / pairs;
  return { title, weights, subtitle: `${share.toPrecision(share === 100 ? 3 : 2)} % of the keys have weight` };
}

/** Layer and head. */
const ONE = [2, 2];
const TRAINED = [
  [0, 0],
  [2, 2],
  [1, 0],
];
const ofAllMaps = Object.entries(MAPS).map(([name, alpha]) => headPicture(...ONE, name, alpha));
const asTrained = TRAINED.map(([layer, head]) => {
  const alpha = layers[layer].alpha[head];
  return headPicture(layer, head, `layer ${layer}, head ${head}: alpha ${alpha.toFixed(2)}`, alpha);
});
await write('attention-heads', matricesOf([ofAllMaps, asTrained]));

const KEYS = 2048;
const WIDTH = 64;
const { q, k, v, scale } = await makeInputs('normal', {
  batches: 1,
  heads: 1,
  queries: KEYS,
  keys: KEYS,
  width: WIDTH,
});
const block = (data) => ({ data, shape: [1, 1, KEYS, WIDTH] });

/** Keys are as wide as values, so that scores are half of a dense attention's multiplications. */
const shares = [1, 1.25, 1.5, 2].flatMap((alpha) => {
  const { skipped, weights } = attention.inspect(block(q), block(k), block(v), { alpha, scale });
  const support = Math.round(weights.values.length / KEYS);
  const bar = `alpha = ${alpha}, ${support} keys`;
  return [
    { bar, stage: 'scores', share: 0.5 },
    { bar, stage: 'sum of values', share: 0.5 - skipped },
    { bar, stage: 'not done', share: skipped },
  ];
});
await write('attention-work', await sharesOf(shares, "share of a dense attention's multiplications"));
