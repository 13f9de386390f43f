/** The rows and grids of a suite of regularised maps, and what must come out. */

import { boundsOf, makeScores, TYPES } from '../regularised/inputs.js';
import { makeCotangents } from '../scores.js';
import { GRADIENTS } from './regularised-gradients.js';
import { PROX, REGULARISED } from './regularised-maps.js';

/** Of float64: what a threshold or a long sum may lose. Float32 is held to what check.js asks for. */
const TOLERANCES = { float32: 5e-6, float64: 1e-9 };

export class Regularised {
  #made = new Map();

  /** @param {Pick<import('../suites.js').Suite, 'rows' | 'n' | 'scores' | 'dtype' | 'grid'>} suite */
  static of({ rows, n, scores, dtype, grid }) {
    return new Regularised(makeScores(scores, rows, n, dtype), { rows, n, grid, upper: boundsOf(scores, n) });
  }

  /**
   * @param {Float32Array | Float64Array} x
   * @param {{ rows: number, n: number, grid?: [number, number], upper?: number | Float64Array }} facts `grid`: height and width of
   *   what is a grid of n entries
   */
  constructor(x, { rows, n, grid, upper }) {
    this.x = x;
    this.rows = rows;
    this.n = n;
    this.grid = grid;
    this.upper = upper;
  }

  get dtype() {
    return this.x instanceof Float64Array ? 'float64' : 'float32';
  }
  get tolerance() {
    return TOLERANCES[this.dtype];
  }

  /** The scores' shape; a task may cut them into more rows. @param {import('./tasks.js').Task} [task] */
  shapeOf({ rows = this.rows } = {}) {
    return [rows, ...(this.grid ?? [this.x.length / rows])];
  }
  get shape() {
    return [this.rows, this.n];
  }

  /** A cotangent for every score, of the scores' type. */
  get dp() {
    return TYPES[this.dtype].from(makeCotangents(this.rows, this.n));
  }

  /** @param {import('./tasks.js').Task} task @returns {import('./tasks.js').Expected} */
  expected(task) {
    const width = this.x.length / (task.rows ?? this.rows);
    return task.operation === 'pullback' ? { ...this.#gradients(task), width } : { values: this.#values(task), width };
  }

  #gradients({ map, options, rows = this.rows }) {
    const [p, dp] = [this.#values({ operation: 'regularised', map, options, rows }), this.dp];
    const [values, scales, n] = [new Float64Array(p.length), new Float64Array(rows), p.length / rows];
    for (let row = 0; row < rows; row++) {
      const of = (block) => block.subarray(row * n, (row + 1) * n);
      const { dx, scale } = GRADIENTS[map](of(p), of(dp), { ...options, upper: this.upper, width: this.grid?.[1] });
      of(values).set(dx);
      scales[row] = scale;
    }
    return { values, scales };
  }

  /** @param {import('./tasks.js').Task} task */
  meanSupport(task) {
    if (task.operation !== 'regularised') return undefined;
    return this.#values(task).reduce((count, value) => count + (value > 0 ? 1 : 0), 0) / (task.rows ?? this.rows);
  }

  #values({ operation, map, options, rows = this.rows }) {
    const key = JSON.stringify([operation, map, options, rows]);
    if (!this.#made.has(key)) {
      const row = (operation === 'prox' ? PROX : REGULARISED)[map];
      const values = new Float64Array(this.x.length);
      const n = this.x.length / rows;
      for (let at = 0; at < values.length; at += n) {
        const z = Float64Array.from(this.x.subarray(at, at + n));
        values.set(row(z, { ...options, upper: this.upper, width: this.grid?.[1] }), at);
      }
      this.#made.set(key, values);
    }
    return this.#made.get(key);
  }
}
