/** What is plotted: forms, maps, kinds of rows and lengths. */

import { MAP, ours } from '../suites/suite.js';

/** Elements of a matrix, where a row is not longer: they stay in the second-level cache, so that work is what shows. */
const ELEMENTS = 2 ** 16;

/** Two lengths for each doubling, and those at which a kernel's blocks and regimes change, with their neighbours. */
export const LENGTHS = [
  ...new Set([
    ...Array.from({ length: 20 }, (_, k) => [2 ** k, 3 * 2 ** (k - 1)]).flat(),
    ...[15, 17, 63, 65, 127, 129, 255, 257, 32767, 32769, 2 ** 20],
  ]),
]
  .filter(Number.isInteger)
  .sort((a, b) => a - b);

export const SCORES = ['normal', 'llm', 'uniform'];

const MAPS = ['softmax', 'sparsemax', 'entmax15', 'entmax1.25', 'entmax1.7', 'entmax3', 'entmax10'];

export const FORMS = {
  maps: { operation: 'forward', title: 'Dense maps' },
  backward: { operation: 'backward', title: 'Backward passes' },
  csr: { operation: 'csr', title: 'CSR results' },
};

/** @returns {import('../suites.js').Suite} all maps on rows of one length */
export function pointSuite(form, scores, n) {
  const { operation } = FORMS[form];
  const rows = Math.max(1, Math.floor(ELEMENTS / n));
  const entries = MAPS.map((map) => ({ id: map, ...ours({ operation, ...MAP[map] }) }));
  return { name: `plot/${form}/${rows}x${n}/${scores}`, group: 'plot', map: 'all', rows, n, scores, entries };
}
