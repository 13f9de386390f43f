/**
 * The goals of structured inference (PERFORMANCE.md §7), as goals.js has them. In `shape` stands the size: T x S, words, n, or
 * n x k. Those about lp-sparsemap's C++ are judged by what can be measured here: by its time from Python, as its users have it,
 * and by our own calls of the oracle, which need no peer.
 */

const group = 'structured';
const GRAPHS = ['matching', 'grid', 'tree'];
const TREES = ['arborescence', 'projective'];
const ALL_BUT_LONGEST = ['20x5', '50x20', '10', '20', '40'];
const LONGEST = ['100x50'];

const fromPython = { group, slow: 'lp-sparsemap', says: 'lp-sparsemap from Python, converged / ours' };
const byDefault = {
  group,
  slow: 'lp-sparsemap, default',
  says: 'lp-sparsemap from Python, its unconverged default / ours',
};

/** A solve beside one call of the oracle for each of its calls. */
const overCalls = (map, size, atMost, more = {}) => ({
  ...{ group, map: [map], shape: [size], slow: 'ours', fast: 'map', times: 'calls', atMost },
  says: 'ours / (calls x map)',
  ...more,
});

const backwardOverMap = { group, slow: 'backward', fast: 'map', says: 'pullback / map' };
const certified = { group, map: ['sequence'], shape: LONGEST, slow: 'ours' };

export const STRUCTURED_GOALS = [
  { ...fromPython, map: ['sequence', ...TREES], shape: ALL_BUT_LONGEST, fast: 'ours', atLeast: 12 },
  { ...fromPython, map: ['sequence'], shape: LONGEST, fast: 'ours, 2 problems', atLeast: 12 },
  { ...byDefault, map: ['sequence', ...TREES], shape: ALL_BUT_LONGEST, fast: 'ours', atLeast: 1 },
  { ...byDefault, map: ['sequence'], shape: LONGEST, fast: 'ours, 2 problems' },

  overCalls('sequence', '20x5', 1.8),
  overCalls('sequence', '50x20', 1.4),
  overCalls('sequence', '100x50', 1.3),
  overCalls('arborescence', '10', 1.6),
  overCalls('arborescence', '20', 1.7),
  overCalls('arborescence', '40', 2.2),
  ...['10', '20', '40'].map((words) => overCalls('projective', words, 1.3)),
  ...['5', '10', '20'].map((n) => overCalls('assignment', n, 1.3, { scores: ['flat'] })),
  ...['5', '10', '20'].map((n) => overCalls('assignment', n, 1, { scores: ['peaked'] })),
  { ...certified, fact: 'gap', atMost: 1e-8, says: 'the largest gap' },
  { ...certified, fact: 'calls / structures', atMost: 1.5, says: 'calls / structures' },

  {
    group,
    map: ['assignment'],
    shape: ['10'],
    slow: 'jaxopt',
    fast: 'ours',
    atLeast: 20,
    says: 'JAXopt, inexact / ours',
  },
  ...[
    ['flat', 3],
    ['peaked', 25],
  ].map(([scores, atLeast]) => ({
    group,
    map: ['assignment'],
    shape: ['20'],
    scores: [scores],
    slow: 'jaxopt',
    fast: 'ours',
    atLeast,
    says: 'JAXopt, inexact / ours',
  })),

  {
    group,
    map: ['sequence', ...TREES],
    slow: 'lp-sparsemap map',
    fast: 'map',
    says: 'lp-sparsemap from Python / ours, map',
  },
  { group, map: ['assignment'], slow: 'scipy', fast: 'map', says: 'scipy linear_sum_assignment / ours, map' },

  { ...backwardOverMap, map: ['sequence', 'projective', 'assignment'], atMost: 1 },
  { ...backwardOverMap, map: ['arborescence'], shape: ['10', '20'], atMost: 1 },
  { ...backwardOverMap, map: ['arborescence'], shape: ['40'], scores: ['flat'], atMost: 2 },
  { ...backwardOverMap, map: ['arborescence'], shape: ['40'], scores: ['peaked'], atMost: 1 },
  {
    group,
    map: ['sequence', ...TREES],
    slow: 'lp-sparsemap backward',
    fast: 'backward',
    says: 'lp-sparsemap from Python / ours, pullback',
  },

  ...[
    ['64x8', 4],
    ['512x32', 30],
  ].map(([size, atLeast]) => ({
    group,
    map: ['budget'],
    shape: [size],
    slow: 'budget_bisect',
    fast: 'budget',
    atLeast,
    says: 'budget_bisect / our budget',
  })),
  {
    group,
    map: ['budget'],
    shape: ['512x32'],
    slow: 'lp-sparsemap',
    fast: 'budget',
    atLeast: 40,
    says: 'lp-sparsemap BUDGET from Python / our budget',
  },
  { group, map: ['budget'], slow: 'budget', fast: 'sparsemax', atMost: 3, says: 'our budget / our sparsemax' },
  { group, map: ['bits'], slow: 'ours', fast: 'sort', atMost: 3, says: 'sets with weights / a sort of the scores' },

  ...[
    ['lp-sparsemap, default', 'ours', 2, 'its default / ours, to 1e-8'],
    ['lp-sparsemap backward', 'backward', 3, 'its default / ours, pullback'],
  ].map(([slow, fast, atLeast, says]) => ({
    group,
    map: GRAPHS,
    slow,
    fast,
    atLeast,
    says: `lp-sparsemap from Python, ${says}`,
  })),

  {
    group,
    map: ['sequence', ...TREES, 'assignment', 'budget', 'bits'],
    slow: 'ours',
    fast: 'ours, 2 threads',
    atLeast: 1.85,
    says: '1 thread / 2 threads',
  },
];
