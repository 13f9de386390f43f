/**
 * Which word says what? Pairs of words have scores for looking alike, and a matching gives each word at most one partner.
 * sparsemap finds the few matchings that have weight; softmax, which treats every row by itself, gives every pair some
 * probability and some words more than one partner.
 *
 *     npm run example:alignment
 *     npm run example:alignment -- --temperature 0.5
 *
 * Prints both, and draws both in build/examples/alignment.svg.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { program } from 'commander';
import { pageOf, sideBySide } from '../../scripts/pictures/drawing.js';
import { positive } from '../options.js';
import { drawMatrix } from './draw.js';
import { align } from './matchings.js';
import { scoresOf, SENTENCES } from './sentences.js';
import { lineOf, tableOf } from './text.js';

const { temperature } = program
  .name('npm run example:alignment --')
  .description('A sparse set of matchings of the words of two sentences.')
  .option('--temperature <t>', 'what scores are divided by; more matchings have weight if it is higher', positive, 1)
  .parse()
  .opts();

const [a, b] = SENTENCES.map((sentence) => sentence.split(' '));
const scores = scoresOf(a, b).map((score) => score / temperature);
const { matchings, marginals, rowwise, gap, calls, status } = align(scores, [a.length, b.length]);

console.log(`${SENTENCES.join('\n')}\n\nMatchings at temperature ${temperature}:`);
for (const matching of matchings) console.log(lineOf(matching, a, b));
const count = matchings.length === 1 ? '1 matching' : `${matchings.length} matchings`;
console.log(`  ${count}, ${calls} calls of the oracle, gap ${gap.toExponential(1)}, ${status}`);
console.log(`\nTheir marginals:\n${tableOf(marginals, a, b).join('\n')}`);
console.log(`\nSoftmax of each row:\n${tableOf(rowwise, a, b).join('\n')}\n`);

const directory = new URL('../../build/examples/', import.meta.url);
await mkdir(directory, { recursive: true });
const matrices = [
  { title: 'SparseMAP', values: marginals },
  { title: 'softmax of each row', values: rowwise },
].map((each) => drawMatrix({ rows: a, columns: b, ...each }));
await writeFile(new URL('alignment.svg', directory), pageOf(sideBySide(matrices, 40)));
console.log('both matrices: build/examples/alignment.svg');
