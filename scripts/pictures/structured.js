/**
 * The pictures of docs/structured.md: taggings of a chain with their weights, beside those of the best one and of a CRF; the
 * arcs of a sentence at three temperatures; a matching beside softmax of each row; a graph, with and without a factor more.
 *
 *     npm run pictures
 */

import { writeFile } from 'node:fs/promises';
import { softmax } from 'entmax';
import { factorGraph, factors, kbest, sparsemap } from 'entmax/structured';
import { drawMatrix } from '../../examples/alignment/draw.js';
import { align } from '../../examples/alignment/matchings.js';
import { scoresOf, SENTENCES } from '../../examples/alignment/sentences.js';
import { drawArcs } from '../../examples/dependency-trees/draw.js';
import { readSentences } from '../../examples/dependency-trees/sentences.js';
import { parse } from '../../examples/dependency-trees/trees.js';
import { pageOf, sideBySide, stacked } from './drawing.js';
import { drawLattice, drawVariables } from './lattice.js';

const DIRECTORY = new URL('../../docs/pictures/', import.meta.url);
const write = async (name, drawing) => {
  await writeFile(new URL(`${name}.svg`, DIRECTORY), pageOf(drawing));
  console.log(`docs/pictures/${name}.svg`);
};

/** A sentence that may be read in several ways, with scores of tags and of pairs of tags, as docs/structured.md has them. */
const WORDS = ['time', 'flies', 'like', 'an', 'arrow'];
const LABELS = ['noun', 'verb', 'prep.', 'article'];
const UNARY = [
  [1, 0.4, -1, -1],
  [0.6, 0.8, -1.5, -1.5],
  [-1.5, 0.6, 0.8, -1.5],
  [-2, -2, -1, 1.5],
  [1.5, -0.5, -1.5, -1.5],
];
const FOLLOWS = [
  [0.4, 0.7, 0.3, -1],
  [0.3, -0.6, 0.5, 0.5],
  [0.3, -1, -1, 0.6],
  [0.9, -1.5, -1.5, -1.5],
];
const PAIRS = WORDS.length - 1;

/** Probabilities of labels and of pairs of neighbours from taggings with weights. */
function marginalsOf(taggings) {
  const unary = WORDS.map(() => LABELS.map(() => 0));
  const transitions = Array.from({ length: PAIRS }, () => LABELS.map(() => LABELS.map(() => 0)));
  for (const { tags, weight } of taggings) {
    tags.forEach((tag, t) => {
      unary[t][tag] += weight;
      if (t > 0) transitions[t - 1][tags[t - 1]][tag] += weight;
    });
  }
  return { unary, transitions };
}

const scores = { unary: UNARY, transitions: Array(PAIRS).fill(FOLLOWS) };
const solution = sparsemap(scores, factors.sequence());
const sparse = solution.structures
  .map((tags, j) => ({ tags, weight: solution.weights[j] }))
  .sort((a, b) => b.weight - a.weight);
/** All taggings from the best on: few enough here to sum over them, where a CRF goes forward and backward. */
const every = kbest(scores, factors.sequence(), LABELS.length ** WORDS.length);
const probabilities = softmax(every.scores);
const crf = every.structures.map((tags, j) => ({ tags, weight: probabilities[j] }));

const lattice = (title, taggings) => drawLattice({ title, words: WORDS, labels: LABELS, ...marginalsOf(taggings) });
await write(
  'structured-chain',
  stacked([
    sideBySide(sparse.map(({ tags, weight }) => lattice(`${weight.toFixed(2)} of`, [{ tags, weight: 1 }]))),
    sideBySide([
      lattice('the best tagging alone', [{ ...crf[0], weight: 1 }]),
      lattice('SparseMAP: the sum of the three', sparse),
      lattice(`CRF: all ${crf.length} taggings`, crf),
    ]),
  ]),
);

/** "They discussed the plan for the bridge in the park on Monday ." */
const TEMPERATURES = [1, 3, 10];
const sentence = (await readSentences())[5];
const asTrees = (temperature) => {
  const [parsed] = parse([sentence], temperature);
  const { length } = parsed.trees;
  return drawArcs(parsed, `temperature ${temperature}: ${length === 1 ? '1 tree' : `${length} trees`}`);
};
await write('structured-trees', stacked(TEMPERATURES.map(asTrees), 28));

const [rows, columns] = SENTENCES.map((text) => text.split(' '));
const { marginals, rowwise } = align(scoresOf(rows, columns), [rows.length, columns.length]);
await write(
  'structured-matching',
  sideBySide(
    [
      drawMatrix({ rows, columns, values: marginals, title: 'SparseMAP over matchings' }),
      drawMatrix({ rows, columns, values: rowwise, title: 'softmax of each row' }),
    ],
    40,
  ),
);

/** The chain as a graph, alone and where exactly one word is a verb. */
const VERB = LABELS.indexOf('verb');
const names = { words: WORDS, labels: LABELS };
const graph = factorGraph({ tags: [WORDS.length, LABELS.length], follows: [PAIRS, LABELS.length, LABELS.length] });
graph.add(factors.sequence(), graph.vars.tags, graph.vars.follows);
/** Marginals of a graph are known up to its residual: what is below that counts as 0. */
const visible = (table) => table.map((row) => row.map((p) => (p < 1e-6 ? 0 : p)));
const solve = (title) => {
  const { tags, follows } = graph.solve({ tags: UNARY, follows: scores.transitions }).marginals;
  const verbs = tags.reduce((sum, row) => sum + row[VERB], 0).toFixed(2);
  const marginals = { unary: visible(tags), transitions: follows.map(visible) };
  return drawLattice({ ...names, ...marginals, title: `${title}: ${verbs} verbs` });
};
const alone = solve('sequence alone');
graph.add(factors.xor(), graph.vars.tags.slice(1, VERB));
const frames = [
  { name: 'sequence', from: 0, to: LABELS.length - 1 },
  { name: 'xor: exactly one', from: VERB, to: VERB },
];
await write(
  'structured-graph',
  sideBySide([drawVariables({ ...names, title: 'two factors', frames }), alone, solve('both')]),
);
