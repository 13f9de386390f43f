/**
 * What is measured, as data. A suite is one matrix of scores, or one problem of attention, and the entries that work on it: who (an engine of
 * bench/peers) does what (a task of reference/tasks.js). Entries of one suite take turns, so their ratios can be quoted.
 * Every group of suites has its file.
 */

import { ATTENTION } from './suites/attention.js';
import { BACKWARD } from './suites/backward.js';
import { CAPPED } from './suites/capped.js';
import { CSR } from './suites/csr.js';
import { HEADS } from './suites/heads.js';
import { LOSSES } from './suites/losses.js';
import { MAPS } from './suites/maps.js';
import { REGULARISED } from './suites/regularised.js';
import { STRUCTURED } from './suites/structured.js';
import { SWEEP } from './suites/sweep.js';
import { THREADS } from './suites/threads.js';
import { TYPED_ARRAYS } from './suites/typed-arrays.js';

/**
 * @typedef {object} Suite
 * @property {string} name group/map/size/scores
 * @property {string} group
 * @property {string} map as suites/suite.js names it
 * @property {number} rows
 * @property {number} n
 * @property {string} [size] as it stands in the name; rows x n where absent
 * @property {keyof typeof import('./scores.js').SCORES | keyof typeof import('./attention/inputs.js').INPUTS |
 *   keyof typeof import('./structured/inputs.js').SCALES | keyof typeof import('./regularised/inputs.js').KINDS} scores
 * @property {'scores' | 'heads' | 'training' | 'structured' | 'graph' | 'regularised'} [data] what the entries work on (reference/data.js); scores where absent
 * @property {'float32' | 'float64'} [dtype] of the scores of regularised maps
 * @property {[height: number, width: number]} [grid] of regularised maps, where a row is a grid of n scores
 * @property {number} [elements] what the time of a call is divided by; rows x n where absent
 * @property {Entry[]} entries the first is what the others are compared with
 * @property {Partial<Effort>} [effort] where it differs from the run's
 * @property {string} [needs] an export of entmax/structured without which there is nothing to measure
 * @property {boolean} [compact] one line in the report
 *
 * @typedef {object} Entry
 * @property {string} id
 * @property {string} engine
 * @property {import('./reference/tasks.js').Task} task
 * @property {string} [label] the engine's where absent
 * @property {number} [pause] milliseconds of sleep before every call
 * @property {string} [sameBits] id of the entry whose output this one promises to repeat bit for bit
 *
 * @typedef {object} Effort how long to look
 * @property {number} rounds what the spread is taken over
 * @property {number} time milliseconds that an engine runs for in a round, at least
 * @property {number} calls how many calls it makes in a round, at least
 * @property {number} warmup milliseconds before the first round
 */

/** @type {Suite[]} */
export const SUITES = [
  ...MAPS,
  ...SWEEP,
  ...BACKWARD,
  ...CSR,
  ...HEADS,
  ...LOSSES,
  ...CAPPED,
  ...TYPED_ARRAYS,
  ...THREADS,
  ...ATTENTION,
  ...STRUCTURED,
  ...REGULARISED,
];

/** @type {Record<'full' | 'quick' | 'none', Effort>} */
export const EFFORT = {
  full: { rounds: 16, time: 15, calls: 3, warmup: 60 },
  quick: { rounds: 5, time: 4, calls: 2, warmup: 10 },
  none: { rounds: 0, time: 0, calls: 0, warmup: 0 },
};

/**
 * The suite's own effort; in a short run no more than that run's.
 *
 * @param {Suite} suite
 * @param {Effort} effort of the run
 */
export function effortOf(suite, effort) {
  const own = { ...effort, ...suite.effort };
  if (effort === EFFORT.full) return own;
  return Object.fromEntries(Object.keys(own).map((key) => [key, Math.min(own[key], effort[key])]));
}
