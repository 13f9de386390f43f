/**
 * What a task on a matrix must give, in float64. A task names an operation and a map with its options:
 *
 *     { operation: 'forward', map: 'entmax', options: { alpha: 1.25 } }
 *
 * `alphas` instead of an option gives each block of rows an alpha of its own (one per head, rows in the heads' order).
 */

import { makeCotangents, makeScores, makeTargets } from '../scores.js';
import { MAPS, alphaOf } from './maps.js';

/**
 * @typedef {object} Task
 * @property {'copy' | 'read' | 'forward' | 'heads' | 'backward' | 'csr' | 'loss' | 'lossCsr' | AttentionOperation | StructuredOperation |
 *   RegularisedOperation} operation
 * @property {string} [map] `learned`: of attention, an alpha for each head that comes with the inputs
 * @property {Record<string, number>} [options]
 * @property {number[]} [alphas]
 * @property {number} [rows] of regularised maps: so many rows the scores are cut into; those of the suite where absent
 * @property {number} [problems] of structured inference so many, from the first on; all where absent
 *
 * @typedef {'attention' | 'attentionBackward' | 'decode' | 'trainingStep'} AttentionOperation reference/attention.js
 * @typedef {'sparsemap' | 'sparsemapBackward' | 'map' | 'marginals' | 'sort' | 'graphSolve' | 'graphBackward'}
 *   StructuredOperation reference/structured.js, reference/graphs.js
 * @typedef {'regularised' | 'prox' | 'pullback'} RegularisedOperation reference/regularised.js; `prox`: what comes before the simplex,
 *   alone; `pullback`: probabilities with a pullback, and the gradient by the scores that it makes
 *
 * @typedef {object} Expected
 * @property {(output: any) => { error: number, facts?: Record<string, number> }} [judge] where an output is more than rows of
 *   values that are known beforehand
 * @property {ArrayLike<number>} values row after row; none where there is a judge
 * @property {number} [scalar] of a loss
 * @property {ArrayLike<number>} [scales] see worstError
 * @property {number} [width] of a row; n of the suite where absent
 * @property {Int32Array} [rows] which rows these are, where not all
 * @property {number} [of] how many rows there are then
 * @property {number} [tolerance] where float32 cannot promise what check.js asks for
 */

/** The matrix of a suite, and what belongs to it; made when first asked for. */
export class Matrix {
  #made = new Map();

  /** @param {{ rows: number, n: number, scores: string }} suite */
  constructor({ rows, n, scores }) {
    this.rows = rows;
    this.n = n;
    this.scores = scores;
  }

  #once(key, make) {
    if (!this.#made.has(key)) this.#made.set(key, make());
    return this.#made.get(key);
  }

  get shape() {
    return [this.rows, this.n];
  }
  /** The scores. */
  get x() {
    return this.#once('x', () => makeScores(this.scores, this.rows, this.n));
  }
  /** A cotangent for every score. */
  get dp() {
    return this.#once('dp', () => makeCotangents(this.rows, this.n));
  }
  /** A class for every row. */
  get targets() {
    return this.#once('targets', () => makeTargets(this.rows, this.n));
  }
  /** alpha of every row. */
  alphas({ alphas }) {
    return Float64Array.from({ length: this.rows }, (_, row) => alphas[Math.floor((row * alphas.length) / this.rows)]);
  }
  /** @param {Task} task @returns {Float64Array} probabilities of the task's map */
  probabilities({ map, options = {}, alphas }) {
    return this.#once(`p ${map} ${JSON.stringify([options, alphas])}`, () => {
      const p = new Float64Array(this.x.length);
      const perRow = alphas && this.alphas({ alphas });
      this.eachRow((row, from, to) => {
        const z = Float64Array.from(this.x.subarray(from, to));
        p.set(MAPS[map](z, perRow ? { ...options, alpha: perRow[row] } : options), from);
      });
      return p;
    });
  }
  /** The same as the float32 that a backward pass is given. */
  p(task) {
    return this.#once(`f32 ${task.map} ${JSON.stringify(task.options)}`, () =>
      Float32Array.from(this.probabilities(task)),
    );
  }
  /** @param {(row: number, from: number, to: number) => void} visit */
  eachRow(visit) {
    for (let row = 0; row < this.rows; row++) visit(row, row * this.n, (row + 1) * this.n);
  }
  /** @param {Task} task @returns {Expected} */
  expected(task) {
    return OPERATIONS[task.operation](task, this);
  }
  /** @param {Task} task */
  meanSupport(task) {
    if (task.map === undefined) return undefined;
    return this.probabilities(task).reduce((count, value) => count + (value > 0 ? 1 : 0), 0) / this.rows;
  }
}

/** @type {Record<string, (task: Task, data: Matrix) => Expected>} */
const OPERATIONS = {
  copy: (_, data) => ({ values: data.x }),
  forward: (task, data) => ({ values: data.probabilities(task) }),
  backward,
  loss,
};
OPERATIONS.heads = OPERATIONS.forward;
OPERATIONS.csr = OPERATIONS.forward;
OPERATIONS.lossCsr = OPERATIONS.loss;

/**
 * dz = s (dp - <s, dp> / sum s) with s = p^(2 - alpha) on the support (MATH.md §4). Where one probability is nearly 1 the
 * difference cancels; what rounding can do is measured by its terms.
 */
function backward(task, data) {
  const exponent = 2 - alphaOf(task.map, task.options);
  const [p, dp] = [data.p(task), data.dp];
  const values = new Float64Array(p.length);
  const scales = new Float64Array(data.rows);
  data.eachRow((row, from, to) => {
    let weights = 0;
    let weighted = 0;
    for (let i = from; i < to; i++) {
      const s = p[i] > 0 ? p[i] ** exponent : 0;
      weights += s;
      weighted += s * dp[i];
      values[i] = s;
      scales[row] = Math.max(scales[row], Math.abs(s * dp[i]));
    }
    const mean = weighted / weights;
    for (let i = from; i < to; i++) values[i] *= dp[i] - mean;
  });
  return { values, scales };
}

/** The Fenchel-Young loss <p - e_y, z> + H(p), summed over the rows, and its gradient p - e_y (MATH.md §5). */
function loss(task, data) {
  const alpha = alphaOf(task.map, task.options);
  const p = data.probabilities(task);
  const values = Float64Array.from(p);
  let scalar = 0;
  data.eachRow((row, from, to) => {
    const target = from + data.targets[row];
    values[target] -= 1;
    for (let i = from; i < to; i++) scalar += values[i] * (data.x[i] - data.x[target]);
    scalar += entropy(p.subarray(from, to), alpha);
  });
  return { values, scalar };
}

/** Shannon's for alpha = 1, else Tsallis' (1 - sum p^alpha) / (alpha (alpha - 1)). */
function entropy(p, alpha) {
  if (alpha === 1) return p.reduce((sum, each) => (each > 0 ? sum - each * Math.log(each) : sum), 0);
  return p.reduce((sum, each) => (each > 0 ? sum + (each - each ** alpha) : sum), 0) / (alpha * (alpha - 1));
}
