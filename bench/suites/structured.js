/**
 * Structured inference: SparseMAP of 64 problems in one call, in float64, beside one call of the oracle for each of them, the
 * pullback, and lp-sparsemap. `rows` are problems, and times are of one.
 */

import { each, suite } from './suite.js';

const PROBLEMS = 64;

/** Of these a call takes a second, and lp-sparsemap takes several for one problem. */
const LONG = { problems: 32, ofPeer: 2, effort: { rounds: 8 } };

const label = { sparsemap: 'sparsemap', map: 'map', sparsemapBackward: 'pullback' };
const ours = (operation, more = {}) => ({ engine: 'tensor-1', task: { operation }, label: label[operation], ...more });
const peer = (engine, task, label) => ({ engine, task, label });

/** As its users call it: from Python, one problem at a time, the factor and its graph built for each. */
const lpSparsemap = (problems) => ({
  'lp-sparsemap': peer('lp-sparsemap', { operation: 'sparsemap', problems }, 'lp-sparsemap, converged'),
  'lp-sparsemap, default': peer(
    'lp-sparsemap',
    { operation: 'sparsemap', options: { steps: 10 }, problems },
    'lp-sparsemap, its default: 10 steps',
  ),
  'lp-sparsemap map': peer('lp-sparsemap', { operation: 'map', problems }, 'lp-sparsemap, map'),
  'lp-sparsemap backward': peer('lp-sparsemap', { operation: 'sparsemapBackward', problems }, 'lp-sparsemap, backward'),
});

const solve = {
  ours: ours('sparsemap'),
  'ours, 2 threads': ours('sparsemap', { engine: 'tensor-2', sameBits: 'ours' }),
  map: ours('map'),
  'map, one problem': ours('map', { task: { operation: 'map', problems: 1 }, label: 'map, one problem' }),
};
const backward = { backward: ours('sparsemapBackward') };

/** A solve and the calls of its oracle alone. */
export const solveAndMap = (facts) => structured(facts, { ours: solve.ours, map: solve.map });

/** @param {import('../structured/inputs.js').Sizes & { scores: string, problems?: number, effort?: object }} facts */
function structured({ factor, table, k, scores, problems = PROBLEMS, effort = {}, ...more }, entries) {
  const size = [...table.slice(0, table.length === 1 || factor === 'sequence' ? 2 : 1), ...(k ? [k] : [])];
  const n = table.reduce((a, b) => a * b, 1);
  const facts = { map: factor, rows: problems, n, scores, data: 'structured', elements: problems, effort };
  return suite('structured', { ...facts, size: nameOf(factor, size), factor, table, k, ...more }, entries);
}

/** Trees are named by their words, whose table has one row and column more. */
const nameOf = (factor, size) => (isTree(factor) ? `${size[0] - 1}` : size.join('x'));
const isTree = (factor) => factor === 'arborescence' || factor === 'projective';

const square = (side) => [side, side];
const scales = ['flat', 'peaked'];

const sequences = each(
  {
    table: [
      [20, 5],
      [50, 20],
      [100, 50],
    ],
    scores: scales,
  },
  ({ table, scores }) => {
    const { problems, ofPeer, effort } = table[0] === 100 ? LONG : {};
    // Problems differ: a peer that gets only some is compared with ourselves on these.
    const task = { operation: 'sparsemap', problems: ofPeer };
    const same = ofPeer
      ? { [`ours, ${ofPeer} problems`]: ours('sparsemap', { task, label: `sparsemap of ${ofPeer}` }) }
      : {};
    const peers = lpSparsemap(ofPeer);
    // It does not come to an answer there, of which this would be the gradient.
    if (ofPeer && scores === 'flat') delete peers['lp-sparsemap backward'];
    return structured(
      { factor: 'sequence', table, scores, problems, effort },
      { ...solve, ...backward, ...same, ...peers },
    );
  },
);

const trees = each({ factor: ['arborescence', 'projective'], words: [10, 20, 40], scores: scales }, (facts) =>
  structured({ ...facts, table: square(facts.words + 1) }, { ...solve, ...backward, ...lpSparsemap() }),
);

const assignments = each({ n: [5, 10, 20], scores: scales }, ({ n, scores }) =>
  structured(
    { factor: 'assignment', table: square(n), scores },
    {
      ...solve,
      ...backward,
      jaxopt: peer('jaxopt', { operation: 'marginals', map: 'birkhoff' }, 'JAXopt, inexact'),
      scipy: peer('jaxopt', { operation: 'map', map: 'assignment' }, 'scipy linear_sum_assignment'),
    },
  ),
);

/** Who only wants marginals takes the map `budget`; SparseMAP gives sets, too. */
const budgets = each(
  {
    sizes: [
      [64, 8],
      [512, 32],
    ],
    scores: scales,
  },
  ({ sizes: [n, k], scores }) => {
    const options = { budget: k };
    const rowMap = (map, more) => ({ engine: 'tensor-1', task: { operation: 'marginals', map, ...more }, label: map });
    return structured(
      { factor: 'budget', table: [n], k, scores },
      {
        ...solve,
        budget: rowMap('budget', { options }),
        sparsemax: { ...rowMap('sparsemax'), label: 'our sparsemax' },
        budget_bisect: peer('python', { operation: 'forward', map: 'budget', options }, 'PyTorch budget_bisect'),
        'lp-sparsemap': peer('lp-sparsemap', { operation: 'marginals', map: 'budget' }, 'lp-sparsemap, BUDGET'),
      },
    );
  },
);

const bits = each({ scores: scales }, ({ scores }) =>
  structured(
    { factor: 'bits', table: [128], scores },
    { ...solve, sort: peer('plain', { operation: 'sort' }, 'a sort') },
  ),
);

/**
 * LP-SparseMAP: factors that share variables. The goal is marginals within 1e-8 of the answer, for which residuals must be smaller: a
 * row of ten sums up ten of them. The peer's default is what its users get, who are not told how far off it is.
 */
const GRAPHS = 16;
const TOL = { tol: 1e-10, maxIter: 10_000 };
const LONGER = { tol: 1e-9, steps: 10_000, inner: 200 };

const graphs = each({ graph: ['matching', 'grid', 'tree'], scores: scales }, ({ graph, scores }) => {
  const task = (operation, options = {}) => ({ operation, map: graph, options });
  const ofPeer = (operation, label, options) =>
    peer('lp-sparsemap', task(operation, options), `lp-sparsemap, ${label}`);
  const own = (operation, label, more = {}) => ({ engine: 'tensor-1', task: task(operation, TOL), label, ...more });
  const facts = { map: graph, rows: GRAPHS, n: 10, size: '10', scores, data: 'graph', elements: GRAPHS };
  return suite(
    'structured',
    { ...facts, needs: 'factorGraph' },
    {
      ours: own('graphSolve', 'graph.solve'),
      'ours, 2 threads': own('graphSolve', 'graph.solve', { engine: 'tensor-2', sameBits: 'ours' }),
      backward: own('graphBackward', 'pullback'),
      'lp-sparsemap, default': ofPeer('graphSolve', 'its default'),
      'lp-sparsemap, longer': ofPeer('graphSolve', '10 000 turns, 1e-9', LONGER),
      'lp-sparsemap backward': ofPeer('graphBackward', 'its default, backward'),
    },
  );
});

export const STRUCTURED = [...sequences, ...trees, ...assignments, ...budgets, ...bits, ...graphs];
