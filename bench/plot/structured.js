/**
 * SparseMAP against the size of a problem: its time, calls of the oracle and structures, and the time of these calls alone. Time
 * should grow no faster than the last; what is between them is the solver's own.
 */

import { solveAndMap } from '../suites/structured.js';
import { fastest } from './fastest.js';

const PROBLEMS = 16;
const effort = { rounds: 3, time: 5, calls: 1, warmup: 0 };

/** What each panel varies. */
const PANELS = {
  'sequence, T': [8, 12, 16, 24, 32, 48, 64, 96, 128].map((length) => ({ factor: 'sequence', table: [length, 10] })),
  'sequence, S': [2, 3, 4, 6, 8, 12, 16, 24, 32, 48].map((states) => ({ factor: 'sequence', table: [20, states] })),
  ...Object.fromEntries(
    ['arborescence', 'projective'].map((factor) => [
      factor,
      [4, 6, 8, 12, 16, 24, 32, 48].map((words) => ({ factor, table: [words + 1, words + 1] })),
    ]),
  ),
  assignment: [4, 6, 8, 12, 16, 24, 32, 48].map((n) => ({ factor: 'assignment', table: [n, n] })),
};

/** The size that a panel's suites differ in. */
const varied = {
  'sequence, T': ([length]) => length,
  'sequence, S': ([, states]) => states,
  arborescence: ([side]) => side - 1,
  projective: ([side]) => side - 1,
  assignment: ([n]) => n,
};

const microseconds = (result, id) => fastest(result, id) / 1000;

/** @type {Record<string, (result: import('../run-suite.js').SuiteResult) => number>} */
const CURVES = {
  'time of a problem, us': (result) => microseconds(result, 'ours'),
  'time of its calls alone, us': (result) => microseconds(result, 'map') * result.entries.ours.facts.calls,
  'calls of the oracle': ({ entries }) => entries.ours.facts.calls,
  structures: ({ entries }) => entries.ours.facts.structures,
};

/** @type {Record<string, import('./points.js').Form>} */
export const STRUCTURED_FORMS = {
  structured: {
    title: 'SparseMAP, scores N(0,1): time, calls and structures against the size',
    x: { title: 'T, S or n', name: 'size' },
    y: 'us, or how many',
    panels: {
      'sequence, T': 'sequences, T positions, 10 states',
      'sequence, S': 'sequences, 20 positions, S states',
      arborescence: 'trees, n words, any number of roots',
      projective: 'projective trees, n words, one root',
      assignment: 'assignments, n x n',
    },
    suites: Object.entries(PANELS).flatMap(([panel, sizes]) =>
      sizes.map((size) => ({ ...solveAndMap({ ...size, scores: 'flat', problems: PROBLEMS, effort }), panel })),
    ),
    panel: ({ panel }) => panel,
    curves: Object.keys(CURVES),
    point: (result, curve) => ({
      x: varied[result.suite.panel](result.suite.table),
      cost: Number(CURVES[curve](result).toPrecision(4)),
    }),
  },
};
