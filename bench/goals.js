/**
 * The goals, one row each: in which suites (`group`, and where given `map`, `scores` and `shape`), which two entries
 * (`slow` and `fast`; the figure is the median over the rounds of slow's time divided by fast's) and the bound. `worst`
 * judges the worst of the suites only. PERFORMANCE.md §6 is where they come from, unless a row says otherwise. A goal
 * that is missed is reported, it is not an error. A row without a bound is only reported: a peer's figure to know.
 */

import { ATTENTION_GOALS } from './attention/goals.js';
import { REGULARISED_GOALS } from './regularised/goals.js';
import { nanosecondsPerElement, ratio } from './run-suite.js';
import { STRUCTURED_GOALS } from './structured/goals.js';
import { sizeOf } from './suites/suite.js';

const LARGE = ['512x4096'];
const POWERS = ['entmax1.25', 'entmax1.7'];
const SPARSE = ['sparsemax', 'entmax15', ...POWERS];

/**
 * @typedef {object} Goal
 * @property {string} group
 * @property {string[]} [map]
 * @property {string[]} [scores]
 * @property {string[]} [shape]
 * @property {string} slow
 * @property {string} [fast] absent where `fact` or `cost` is
 * @property {string} [times] a fact of `slow`, so many times of `fast`'s time it is compared with
 * @property {string} [fact] of `slow`: that is judged, and no time
 * @property {boolean} [cost] the nanoseconds of an element are judged, and no ratio
 * @property {number} [atLeast]
 * @property {number} [atMost]
 * @property {boolean} [worst]
 * @property {string} [simd] the level that it is meant for; every one where absent
 * @property {string} says
 */

/** @type {Goal[]} */
export const GOALS = [
  ...['sparsemax', 'entmax15'].flatMap((map) => [
    { ...peaked(map), slow: 'python', fast: 'ours', atLeast: 100, says: 'PyTorch package / ours' },
    { ...peaked(map), slow: 'ours', fast: 'native', atMost: 1.2, says: 'ours / our native build' },
    { ...peaked(map), slow: 'native', fast: 'native-copy', atMost: 1.3, says: 'native build / native read + write' },
    { ...peaked(map), scores: ['llm'], slow: 'ours', fast: 'memcpy', atMost: 1.25, says: 'ours / memcpy' },
  ]),
  {
    group: 'maps',
    map: POWERS,
    shape: LARGE,
    slow: 'python',
    fast: 'ours',
    atLeast: 100,
    says: 'PyTorch bisection / ours',
  },
  { ...nearUniform(POWERS), slow: 'ours', fast: 'softmax', atMost: 1.2, says: 'ours / our softmax' },
  { ...aboveTwo('normal'), slow: 'ours', fast: 'softmax', atMost: 2, says: 'ours / our softmax' },
  { ...aboveTwo('uniform', 'ties'), slow: 'ours', fast: 'softmax', atMost: 4, says: 'ours / our softmax' },

  { group: 'maps', map: ['softmax'], slow: 'tfjs', fast: 'ours', atLeast: 1.3, says: 'TensorFlow.js / ours' },
  { group: 'maps', map: ['softmax'], slow: 'onnxruntime', fast: 'ours', says: 'ONNX Runtime Web / ours' },
  { group: 'maps', map: ['sparsemax'], slow: 'tfjs', fast: 'ours', says: 'TensorFlow.js, composed / ours' },
  { group: 'maps', map: ['sparsemax'], slow: 'onnxruntime', fast: 'ours', says: 'ONNX Runtime Web, composed / ours' },
  { group: 'maps', map: ['softmax'], slow: 'python', fast: 'ours', says: 'torch / ours' },
  { ...first('softmax', 'sparsemax'), slow: 'assemblyscript', fast: 'ours', says: 'AssemblyScript / ours' },
  // The goals of the first version.
  { ...first('softmax'), slow: 'plain', fast: 'ours', atLeast: 8, says: 'plain JavaScript / ours' },
  { ...first('sparsemax'), slow: 'plain', fast: 'ours', atLeast: 4, says: 'plain JavaScript / ours' },
  { ...first('sparsemax'), slow: 'ours', fast: 'memcpy', atMost: 4, says: 'ours / memcpy' },
  { ...first('softmax', 'sparsemax', 'entmax15'), ...twoThreads('ours'), says: '1 thread / 2 threads' },

  ...SPARSE.flatMap((map) => [
    { ...swept('normal', 'llm'), slow: map, fast: 'softmax', atMost: 1, says: `${map} / our softmax, n >= 64` },
    {
      ...swept('uniform', 'ties', 'equal'),
      slow: map,
      fast: 'softmax',
      atMost: 1.5,
      says: `${map} / our softmax, n >= 64`,
    },
  ]),

  { group: 'backward', map: SPARSE, slow: 'python', fast: 'ours', atLeast: 10, says: 'PyTorch package / ours' },
  { group: 'backward', map: SPARSE, slow: 'ours', fast: 'softmax', atMost: 1, says: "ours / our softmax's" },

  { group: 'csr', slow: 'ours', fast: 'memcpy', atMost: 0.6, says: 'CSR / memcpy' },

  { group: 'heads', slow: 'ours', fast: 'one alpha', atMost: 1.3, says: 'alpha per row / one alpha' },

  { group: 'losses', slow: 'ours', fast: 'forward', atMost: 1.3, says: 'value and gradient / forward map' },
  { group: 'losses', map: SPARSE, slow: 'python', fast: 'ours', atLeast: 50, says: 'PyTorch package / ours' },

  { group: 'capped', slow: 'ours', fast: 'sparsemax', atMost: 2, says: 'ours / our sparsemax' },
  // PERFORMANCE.md §7.
  {
    group: 'capped',
    map: ['budget'],
    shape: ['4096x64'],
    slow: 'python',
    fast: 'ours',
    atLeast: 4,
    says: 'budget_bisect / ours',
  },
  {
    group: 'capped',
    map: ['budget'],
    shape: ['2048x512', '512x4096'],
    slow: 'python',
    fast: 'ours',
    atLeast: 30,
    says: 'budget_bisect / ours',
  },

  { group: 'typed-arrays', slow: 'arrays', fast: 'ours', atMost: 1.6, says: 'typed arrays / Tensors' },

  { group: 'threads', ...twoThreads('ours'), says: '1 thread / 2 threads, 0.2 ms' },
  { group: 'threads', slow: 'paused, 2 threads', fast: 'paused', atMost: 1.1, says: '2 threads / 1, after 5 ms' },

  ...ATTENTION_GOALS,
  ...STRUCTURED_GOALS,
  ...REGULARISED_GOALS,
];

function peaked(map) {
  return { group: 'maps', map: [map], shape: LARGE, scores: ['normal', 'llm'] };
}
function nearUniform(map) {
  return { group: 'maps', map, shape: LARGE, scores: ['uniform'] };
}
function aboveTwo(...scores) {
  return { group: 'maps', map: ['entmax3', 'entmax10'], scores };
}
function first(...map) {
  return { group: 'maps', map, shape: LARGE, scores: ['normal', 'llm'] };
}
function swept(...scores) {
  return { group: 'sweep', scores, worst: true };
}
function twoThreads(one) {
  return { slow: one, fast: `${one}, 2 threads`, atLeast: 1.8 };
}

/**
 * @typedef {object} Verdict
 * @property {string} suite
 * @property {string} says
 * @property {string} goal
 * @property {ReturnType<typeof ratio>} [figure] absent where nothing was measured
 * @property {boolean} [met] absent too where there is no bound
 */

/**
 * Every goal against every suite that it speaks about.
 *
 * @param {import('./run-suite.js').SuiteResult[]} results
 * @param {import('./suites.js').Suite[]} suites that the run was to measure
 * @param {string} [simd] the level of the package in this run
 * @returns {Verdict[]}
 */
export function judge(results, suites, simd) {
  return GOALS.filter((goal) => goal.simd === undefined || goal.simd === simd).flatMap((goal) => {
    const asked = suites.filter((suite) => concerns(goal, suite));
    if (asked.length === 0) return [];
    const verdicts = results
      .filter(({ suite }) => concerns(goal, suite))
      .filter(({ entries }) => entries[goal.slow] && (goal.fact || goal.cost || entries[goal.fast]))
      .map((result) => verdict(goal, result.suite.name, figureOf(goal, result)));
    if (verdicts.length === 0) return [verdict(goal, asked.length === 1 ? asked[0].name : `${goal.group}/...`)];
    return goal.worst ? worst(verdicts, goal) : verdicts;
  });
}

function figureOf({ slow, fast, times, fact, cost }, result) {
  if (cost) return nanosecondsPerElement(result, slow);
  const { facts } = result.entries[slow];
  if (fact) return { median: facts[fact], q1: facts[fact], q3: facts[fact] };
  const { median, q1, q3 } = ratio(result, slow, fast);
  const by = times ? facts[times] : 1;
  return { median: median / by, q1: q1 / by, q3: q3 / by };
}

/** Whether a goal speaks about a suite. */
export function concerns({ group, map, scores, shape }, suite) {
  const among = (list, value) => list === undefined || list.includes(value);
  return group === suite.group && among(map, suite.map) && among(scores, suite.scores) && among(shape, sizeOf(suite));
}

function verdict({ says, atLeast, atMost }, suite, figure) {
  if (atLeast === undefined && atMost === undefined) return { suite, says, goal: '', figure };
  const goal = atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`;
  if (!figure) return { suite, says, goal };
  const met = atLeast === undefined ? figure.median <= atMost : figure.median >= atLeast;
  return { suite, says, goal, figure, met };
}

/** Of several suites the one that is furthest from the goal, with the count of the others. */
function worst(verdicts, { atLeast }) {
  const order = (v) => (atLeast === undefined ? -v.figure.median : v.figure.median);
  const [first] = verdicts.toSorted((a, b) => order(a) - order(b));
  if (!first) return [];
  const met = verdicts.filter((v) => v.met).length;
  return [{ ...first, says: `${first.says} (worst of ${verdicts.length}, ${met} met)` }];
}
