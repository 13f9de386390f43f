/**
 * The pictures of docs/maps.md: every map on the same scores, the two-class curves of the maps and of their losses.
 *
 *     npm run pictures
 *
 * Writes SVG files into docs/pictures; they are kept in the repository, because the documentation shows them.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { budget, entmax, entmax15, entmaxLoss, softmax, sparsemax, topkEntmax, topkSparsemax } from 'entmax';
import { constrainedSoftmax, constrainedSparsemax, fusedmax, normmax, oscarmax } from 'entmax/regularised';
import { barsOf, curvesOf } from './plots.js';

const DIRECTORY = new URL('../../docs/pictures/', import.meta.url);

/** Ten scores, the best three close together, with a tie. */
const SCORES = Float64Array.of(0.3, 1.9, -0.6, 2.2, 1.1, -1.5, 2.0, 1.1, 0.7, -0.2);

/** Every map that has a picture, by the name of its file. */
const MAPS = {
  softmax: { title: 'softmax', apply: (x) => softmax(x) },
  entmax125: { title: 'entmax, alpha = 1.25', apply: (x) => entmax(x, { alpha: 1.25 }) },
  entmax15: { title: '1.5-entmax', apply: (x) => entmax15(x) },
  sparsemax: { title: 'sparsemax', apply: (x) => sparsemax(x) },
  entmax4: { title: 'entmax, alpha = 4', apply: (x) => entmax(x, { alpha: 4 }) },
  'topk-sparsemax': { title: 'top-2 sparsemax', apply: (x) => topkSparsemax(x, { k: 2 }) },
  'topk-entmax': { title: 'top-4 softmax (entmax, alpha = 1)', apply: (x) => topkEntmax(x, { alpha: 1, k: 4 }) },
  budget: { title: 'budget, B = 3', apply: (x) => budget(x, { budget: 3 }) },
  fusedmax: { title: 'fusedmax, lambda = 0.7', apply: (x) => fusedmax(x, { lambda: 0.7 }) },
  oscarmax: { title: 'oscarmax, lambda = 0.3', apply: (x) => oscarmax(x, { lambda: 0.3 }) },
  normmax: { title: 'normmax', apply: (x) => normmax(x) },
  'constrained-softmax': {
    title: 'softmax, at most 0.2 each',
    apply: (x) => constrainedSoftmax(x, { upper: 0.2 }),
  },
  'constrained-sparsemax': {
    title: 'sparsemax, at most 0.3 each',
    apply: (x) => constrainedSparsemax(x, { upper: 0.3 }),
  },
};

const ALPHAS = [1, 1.25, 1.5, 2, 4];
const GRID = Float64Array.from({ length: 201 }, (_, i) => (3 * (i - 100)) / 100);

/** Scores (t, 0) for every t of the grid. */
const twoClasses = Float64Array.from({ length: 2 * GRID.length }, (_, i) => (i % 2 === 0 ? GRID[i / 2] : 0));
const shape = [GRID.length, 2];

/** [{ x, y, line }] of values that come in pairs, of which the first counts, or one by one. */
const lines = (valuesOf) =>
  ALPHAS.flatMap((alpha) => {
    const values = valuesOf(alpha);
    const step = values.length / GRID.length;
    return Array.from(GRID, (x, i) => ({ x, y: values[i * step], line: `alpha = ${alpha}` }));
  });

await mkdir(DIRECTORY, { recursive: true });
const write = async (name, svg) => {
  await writeFile(new URL(`${name}.svg`, DIRECTORY), svg);
  console.log(`docs/pictures/${name}.svg`);
};

await write('scores', await barsOf('the scores', SCORES, true));
for (const [name, { title, apply }] of Object.entries(MAPS)) await write(name, await barsOf(title, apply(SCORES)));
await write(
  'two-classes',
  await curvesOf(
    lines((alpha) => entmax(twoClasses, { alpha, shape })),
    { x: 't, the scores are (t, 0)', y: 'probability of the first class' },
  ),
);
const firstClass = new Int32Array(GRID.length);
await write(
  'losses',
  await curvesOf(
    lines((alpha) => entmaxLoss(twoClasses, firstClass, { alpha, shape, reduction: 'none' })),
    { x: 't, the scores are (t, 0)', y: 'loss when the first class is right' },
  ),
);
