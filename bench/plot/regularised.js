/**
 * The regularised maps against the length of a row: the cost of an element on N(0,1), beside sparsemax, on straight rows, with bounds, and
 * of TVmax against the side of a grid.
 */

import {
  ALPHAS,
  CONSTRAINED,
  LAMBDA,
  LARGE_LAMBDA,
  lambdaOf,
  ours,
  regularised,
  taskOf,
} from '../suites/regularised.js';
import { fastest } from './fastest.js';

/** Elements of a matrix where a row is not longer. */
const ELEMENTS = 2 ** 15;
const LENGTHS = Array.from({ length: 17 }, (_, k) => [2 ** k, 3 * 2 ** (k - 1)])
  .flat()
  .filter((n) => Number.isInteger(n) && n >= 4);

const SIDES = [2, 4, 8, 14, 16, 24, 32, 48, 64];
const PIXELS = 4096;

const effort = { rounds: 5, time: 1, calls: 2, warmup: 1 };

const sparsemax = taskOf('sparsemax');

/** The maps of each panel at rows of n. */
const PANELS = {
  normal: (n) => ({
    fusedmax: taskOf('fusedmax', { lambda: LAMBDA }),
    oscarmax: taskOf('oscarmax', { lambda: lambdaOf(n) }),
    ...Object.fromEntries(ALPHAS.map((alpha) => [`normmax${alpha}`, taskOf('normmax', { alpha })])),
    sparsemax,
  }),
  ramp: () => ({ fusedmax: taskOf('fusedmax', { lambda: LARGE_LAMBDA }), sparsemax }),
  capped: () => ({ ...CONSTRAINED, sparsemax }),
  'half-capped': () => ({ ...CONSTRAINED, sparsemax }),
};

const suiteOf = (facts, tasks) =>
  regularised(
    { map: 'all', dtype: 'float64', effort, ...facts },
    Object.fromEntries(Object.entries(tasks).map(([name, task]) => [name, ours(task)])),
  );

const rows = Object.entries(PANELS).flatMap(([scores, tasks]) =>
  LENGTHS.map((n) => ({ ...suiteOf({ rows: Math.ceil(ELEMENTS / n), n, scores }, tasks(n)), panel: scores, x: n })),
);

const grids = SIDES.map((side) => {
  const facts = { rows: Math.ceil(PIXELS / side ** 2), n: side ** 2, grid: [side, side], scores: 'normal' };
  return { ...suiteOf(facts, { tvmax: taskOf('tvmax', { lambda: LAMBDA }) }), panel: 'grid', x: side };
});

/** @type {Record<string, import('./points.js').Form>} */
export const REGULARISED_FORMS = {
  regularised: {
    title: 'Regularised maps, float64: cost of an element against the length of a row',
    x: { title: 'n, length of a row or side of a grid', name: 'n' },
    y: 'ns per element',
    panels: {
      normal: 'scores N(0,1), lambda 0.1, of oscarmax 0.1/n',
      ramp: 'straight rows, lambda 1',
      capped: 'N(0,1), bounds 4/n',
      'half-capped': 'N(0,1), every other bound 4/n',
      grid: 'grids of N(0,1), lambda 0.1',
    },
    suites: [...rows, ...grids],
    panel: ({ panel }) => panel,
    point: (result, map) => ({ x: result.suite.x, cost: fastest(result, map) }),
    steps: true,
  },
};
