/**
 * The pictures of the regularised maps in docs/maps.md: attention over the words of a sentence with softmax, sparsemax and fusedmax;
 * over the patches of an image with softmax, sparsemax and TVmax. The scores are made up here, as a model might have them.
 *
 *     npm run pictures
 */

import { writeFile } from 'node:fs/promises';
import { softmax, sparsemax } from 'entmax';
import { fusedmax, tvmax } from 'entmax/regularised';
import { seededRandom } from '../../examples/multi-label/data.js';
import { INK, pageOf, sideBySide, stacked } from './drawing.js';
import { drawGrid } from './regions.js';
import { drawSegments } from './segments.js';

const DIRECTORY = new URL('../../docs/pictures/', import.meta.url);
const write = async (name, drawing) => {
  await writeFile(new URL(`${name}.svg`, DIRECTORY), pageOf(drawing));
  console.log(`docs/pictures/${name}.svg`);
};

/** Two spans matter: who "it" is, and what is said of it. */
const WORDS = 'the animal did not cross the street because it was too tired'.split(' ');
const ATTENTION = Float64Array.of(0.8, 1.2, 0.2, 0.1, 0.3, -0.3, 0.15, -0.4, 0.1, 1, 0.7, 1.1);

const segmentsOf = (title, p, groups) => drawSegments({ title, words: WORDS, p, groups, top: 0.45 });
const fused = fusedmax.groups(ATTENTION, { lambda: 0.3 });
await write(
  'fusedmax-sentence',
  stacked([
    segmentsOf('softmax', softmax(ATTENTION)),
    segmentsOf('sparsemax', sparsemax(ATTENTION)),
    segmentsOf('fusedmax, lambda = 0.3', fused.p, fused.groups),
  ]),
);

/** Patches of an image, row by row: two things on a ground of nothing, and noise. */
const SIDE = 14;
const [NOISE, SEED] = [0.25, 22];
const isInEllipse = (x, y) => ((x - 4) / 3.2) ** 2 + ((y - 4.5) / 2.7) ** 2 <= 1;
const isInBox = (x, y) => x >= 8 && x <= 11 && y >= 8 && y <= 11;
const random = seededRandom(SEED);
const patches = Float64Array.from({ length: SIDE * SIDE }, (_, at) => {
  const [x, y] = [at % SIDE, Math.floor(at / SIDE)];
  return (isInEllipse(x, y) || isInBox(x, y) ? 1 : 0) + NOISE * random.normal();
});
const lowest = Math.min(...patches);

const gridOf = (title, values, groups) => {
  const count = values.filter((each) => each > 0).length;
  const regions = groups && new Set(groups.filter((group) => group >= 0)).size;
  const subtitle = groups ? `${count} patches in ${regions} regions` : count === 1 ? '1 patch' : `${count} patches`;
  return drawGrid({ title, subtitle, values, width: SIDE, groups });
};
const tv = tvmax.groups(patches, { shape: [SIDE, SIDE], lambda: 0.3 });
await write(
  'tvmax-image',
  sideBySide([
    drawGrid({
      title: 'the scores',
      subtitle: `from ${lowest.toFixed(1)} to ${Math.max(...patches).toFixed(1)}`,
      values: patches.map((score) => score - lowest),
      width: SIDE,
      colour: INK,
    }),
    gridOf('softmax', softmax(patches)),
    gridOf('sparsemax', sparsemax(patches)),
    gridOf('tvmax, lambda = 0.3', tv.p, tv.groups),
  ]),
);
