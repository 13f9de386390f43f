/** What a suite works on, with the truth about it. */

import { Heads } from './attention.js';
import { Graphs } from './graphs.js';
import { Regularised } from './regularised.js';
import { Problems } from './structured.js';
import { Matrix } from './tasks.js';
import { Training } from './training.js';

/**
 * @typedef {object} Data
 * @property {(task: import('./tasks.js').Task) => import('./tasks.js').Expected} expected
 * @property {(task: import('./tasks.js').Task) => number | undefined} meanSupport mean number of entries with p > 0 in a
 *   row, where the task has probabilities
 */

const KINDS = {
  scores: (suite) => new Matrix(suite),
  heads: Heads.of,
  training: Training.of,
  structured: Problems.of,
  graph: Graphs.of,
  regularised: Regularised.of,
};

/**
 * @param {import('../suites.js').Suite} suite
 * @returns {Promise<Data>}
 */
export const dataOf = async (suite) => KINDS[suite.data ?? 'scores'](suite);
