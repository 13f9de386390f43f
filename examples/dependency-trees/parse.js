/**
 * Which word depends on which? A parser gives every arc a score; the trees that sparsemap finds are few, have weights, and the
 * ambiguities of a sentence stand between them: who has the telescope?
 *
 *     npm run example:dependency-trees
 *     npm run example:dependency-trees -- --sentence 6 --temperature 4
 *
 * Prints the trees of each sentence, and draws all arcs of one of them in build/examples/dependency-trees.svg.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { program } from 'commander';
import { pageOf } from '../../scripts/pictures/drawing.js';
import { integer, positive } from '../options.js';
import { drawArcs } from './draw.js';
import { readSentences } from './sentences.js';
import { linesOf } from './text.js';
import { parse } from './trees.js';

/** Numbers of ambiguous ones, which are shown at a higher temperature too, and the one that is drawn. */
const [AMBIGUOUS, DRAWN] = [[1, 2, 5, 6, 13, 29], 6];

const sentences = await readSentences();

const { sentence, temperature } = program
  .name('npm run example:dependency-trees --')
  .description('Sparse sets of dependency trees for real sentences: all at temperature 1, then the ambiguous ones.')
  .option('--sentence <number>', `this one alone, from 1 to ${sentences.length}`, integer(1, sentences.length))
  .option('--temperature <t>', 'divides the scores of the ambiguous ones, or of --sentence', positive, 3)
  .parse()
  .opts();

/** Parses the sentences of these numbers and prints what comes out. */
function show(numbers, t) {
  const chosen = numbers.map((number) => sentences[number - 1]);
  const parsed = parse(chosen, t);
  console.log(`At temperature ${t}:\n`);
  parsed.forEach((each, at) => console.log(`${linesOf(each, numbers[at]).join('\n')}\n`));
  return parsed;
}

const all = sentences.map((_, at) => at + 1);
if (sentence === undefined) show(all, 1);
const numbers = sentence === undefined ? AMBIGUOUS : [sentence];
const drawn = show(numbers, temperature)[numbers.indexOf(sentence ?? DRAWN)];

const directory = new URL('../../build/examples/', import.meta.url);
await mkdir(directory, { recursive: true });
const title = `${drawn.trees.length} trees at temperature ${temperature}`;
await writeFile(new URL('dependency-trees.svg', directory), pageOf(drawArcs(drawn, title)));
console.log('all arcs of one sentence: build/examples/dependency-trees.svg');
