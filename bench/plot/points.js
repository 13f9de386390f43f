/**
 * What is plotted: the forms, and of each the suites that give its points. A point has `scores` (the panel), `map` (the
 * curve), `x` and `cost`; a suite gives a point for every map.
 */

import { SCORES } from '../scores.js';
import { each, MAP, ours } from '../suites/suite.js';
import { ATTENTION_FORMS } from './attention.js';
import { fastest } from './fastest.js';
import { REGULARISED_FORMS } from './regularised.js';
import { STRUCTURED_FORMS } from './structured.js';

/** Elements of a matrix, where a row is not longer: it and its result stay in 512 KB of second-level cache, so that work is what shows. */
const ELEMENTS = 2 ** 15;

/** Two lengths for each doubling, and those at which a kernel's blocks and regimes change, with their neighbours. */
const LENGTHS = [
  ...new Set([
    ...Array.from({ length: 20 }, (_, k) => [2 ** k, 3 * 2 ** (k - 1)]).flat(),
    ...[15, 17, 63, 65, 127, 129, 255, 257, 511, 513, 1023, 1025, 16383, 16385, 32767, 32769, 2 ** 20],
  ]),
]
  .filter(Number.isInteger)
  .sort((a, b) => a - b);

const KINDS = ['normal', 'llm', 'uniform'];

const MAPS = ['softmax', 'sparsemax', 'entmax15', 'entmax1.25', 'entmax1.7', 'entmax3', 'entmax10'];

/** A call takes some tens of microseconds. */
const effort = { rounds: 7, time: 1, calls: 3, warmup: 2 };

/** All maps on rows of one length. */
function suiteOf(operation, scores, n) {
  const rows = Math.ceil(ELEMENTS / n);
  const entries = MAPS.map((map) => ({ id: map, ...ours({ operation, ...MAP[map] }) }));
  const name = `plot/${operation}/${rows}x${n}/${scores}`;
  return { name, group: 'plot', map: 'all', rows, n, scores, effort, entries };
}

/**
 * @typedef {object} Form
 * @property {string} title
 * @property {{ title: string, name: string }} x what a point's x is
 * @property {string} y
 * @property {Record<string, string>} panels titles
 * @property {import('../suites.js').Suite[]} suites panel after panel, in order of x
 * @property {string[]} [curves] what `point` is asked for; the suites' entries where absent
 * @property {(result: import('../run-suite.js').SuiteResult, map: string) => { x: number, cost: number }} point
 * @property {(suite: import('../suites.js').Suite) => string} [panel] of a suite; its scores where absent
 * @property {boolean} [steps] whether a step up is worth a line
 */

const rowForm = (title, operation) => ({
  title: `${title}: cost of an element against the length of a row`,
  x: { title: 'n, length of a row', name: 'n' },
  y: 'ns per element',
  panels: SCORES,
  suites: each({ scores: KINDS, n: LENGTHS }, ({ scores, n }) => suiteOf(operation, scores, n)),
  point: (result, map) => ({ x: result.suite.n, cost: fastest(result, map) }),
  steps: true,
});

/** @type {Record<string, Form>} */
export const FORMS = {
  maps: rowForm('Dense maps', 'forward'),
  backward: rowForm('Backward passes', 'backward'),
  csr: rowForm('CSR results', 'csr'),
  ...ATTENTION_FORMS,
  ...STRUCTURED_FORMS,
  ...REGULARISED_FORMS,
};
