/**
 * Attention in float64, one query after the other: scores, the map of reference/maps.js, the sum of the values; and its
 * gradients (MATH.md §4, §13). Of a large problem some queries are computed, spread over all heads and over all places
 * within a kernel's blocks.
 *
 * Outputs and gradients are sums of terms that may cancel: their error is measured by the size of these terms, of the
 * row's largest element. What a key gets comes from weights whose error is a share of their own row's largest, and some
 * keys get only small ones: gradients of keys and values are measured by the largest of all keys.
 */

import { makeInputs, makeOutputCotangents } from '../attention/inputs.js';
import { alphaOf, MAPS } from './maps.js';

/** Queries that are checked where there are more of them. An odd stride visits every place of a block of 16. */
const CHECKED = 128;

/** The problem of a suite: inputs, and what must come out. */
export class Heads {
  #supports = new Map();
  #expected = new Map();

  /** @param {import('../suites.js').Suite & import('../attention/inputs.js').Sizes} suite */
  static async of({ scores, isCausal = false, temper, ...suite }) {
    const { batches, heads, queries, keys, width } = suite;
    const sizes = { batches, heads, queries, keys, width };
    return new Heads(sizes, isCausal, await makeInputs(scores, sizes, temper));
  }

  /**
   * @param {import('../attention/inputs.js').Sizes} sizes
   * @param {boolean} isCausal
   * @param {import('../attention/inputs.js').Inputs} inputs
   */
  constructor(sizes, isCausal, { q, k, v, scale, alphas }) {
    this.batches = sizes.batches;
    this.heads = sizes.heads;
    this.queries = sizes.queries;
    this.keys = sizes.keys;
    this.width = sizes.width;
    this.isCausal = isCausal;
    this.q = q;
    this.k = k;
    this.v = v;
    this.scale = scale;
    this.learned = alphas;
  }

  /** [B H, M]: what peers in other processes are told as the size. */
  get shape() {
    return [this.batches * this.heads, this.keys];
  }
  get queryShape() {
    return [this.batches, this.heads, this.queries, this.width];
  }
  get keyShape() {
    return [this.batches, this.heads, this.keys, this.width];
  }
  get rows() {
    return this.batches * this.heads * this.queries;
  }
  /** A cotangent for every element of the output. */
  get dout() {
    return (this.cotangents ??= makeOutputCotangents(this.q.length));
  }
  /** alpha of the task: a number, or the learned one of each head. */
  alpha(task) {
    return task.map === 'learned' ? this.learned : alphaOf(task.map, task.options);
  }

  /** @param {import('./tasks.js').Task} task @returns {import('./tasks.js').Expected} */
  expected(task) {
    const key = nameOf(task);
    if (!this.#expected.has(key)) {
      const make = task.operation === 'attentionBackward' ? this.#backward(task) : this.#forward(task);
      this.#expected.set(key, make);
    }
    return this.#expected.get(key);
  }

  /** Over the queries that were checked. */
  meanSupport(task) {
    this.expected(task);
    return this.#supports.get(nameOf(task));
  }

  #forward(task) {
    const { width, v } = this;
    const rows = checkedRows(this.rows);
    const values = new Float64Array(rows.length * width);
    const scales = new Float64Array(rows.length);
    let support = 0;
    rows.forEach((row, place) => {
      const p = this.#weights(task, row);
      const sizes = new Float64Array(width);
      this.#eachKey(row, p, (weight, at) => {
        support++;
        for (let d = 0; d < width; d++) {
          const term = weight * v[at + d];
          values[place * width + d] += term;
          sizes[d] += Math.abs(term);
        }
      });
      scales[place] = Math.max(...sizes);
    });
    this.#supports.set(nameOf(task), support / rows.length);
    return { values, scales, width, rows, of: this.rows };
  }

  /** The weights of one query, numbered through batches and heads. */
  #weights({ map, options = {} }, row) {
    const { queries, keys, width, q, k, scale, isCausal, heads } = this;
    const head = Math.floor(row / queries);
    const z = new Float64Array(isCausal ? (row % queries) + 1 : keys);
    for (let j = 0; j < z.length; j++) {
      const key = (head * keys + j) * width;
      let dot = 0;
      for (let d = 0; d < width; d++) dot += q[row * width + d] * k[key + d];
      z[j] = scale * dot;
    }
    return map === 'learned' ? MAPS.entmax(z, { alpha: this.learned[head % heads] }) : MAPS[map](z, options);
  }

  /** Visits the support: its weights, and where key and value of each lie. */
  #eachKey(row, p, visit) {
    const first = Math.floor(row / this.queries) * this.keys;
    p.forEach((weight, j) => {
      if (weight > 0) visit(weight, (first + j) * this.width, j);
    });
  }

  /**
   * The output and the gradients of q, k and v, one after the other. With s = p^(2 - alpha) on the support and dp = dout . v,
   * dz = s (dp - <s, dp> / sum s), dq = scale dz k, dk = scale dz q, dv = p dout; and that of alpha, where each head has its
   * own: <dp, (p - s / sum s) / (alpha - 1)^2 - (p ln p - s / sum s <p, ln p>) / (alpha - 1)>.
   */
  #backward(task) {
    const { width, rows, heads, queries, q, k, v, dout, scale } = this;
    const [out, dq] = [termSums(this.q.length, width), termSums(this.q.length, width)];
    const [dk, dv] = [termSums(this.k.length), termSums(this.k.length)];
    const dalpha = termSums(heads, 1);
    let support = 0;
    for (let row = 0; row < rows; row++) {
      const p = this.#weights(task, row);
      const own = row * width;
      const head = Math.floor(row / queries) % heads;
      const e = (task.map === 'learned' ? this.learned[head] : this.alpha(task)) - 1;
      const s = p.map((weight) => (weight > 0 ? weight ** (1 - e) : 0));
      const dp = new Float64Array(p.length);
      let [weights, weighted, entropy] = [0, 0, 0];
      this.#eachKey(row, p, (weight, at, j) => {
        for (let d = 0; d < width; d++) dp[j] += dout[own + d] * v[at + d];
        weights += s[j];
        weighted += s[j] * dp[j];
        entropy += weight * Math.log(weight);
      });
      const mean = weighted / weights;
      this.#eachKey(row, p, (weight, at, j) => {
        support++;
        const dz = scale * s[j] * (dp[j] - mean);
        const size = scale * s[j] * (Math.abs(dp[j]) + Math.abs(mean));
        for (let d = 0; d < width; d++) {
          out.add(own + d, weight * v[at + d]);
          dq.add(own + d, dz * k[at + d], size * k[at + d]);
          dk.add(at + d, dz * q[own + d], size * q[own + d]);
          dv.add(at + d, weight * dout[own + d]);
        }
        const share = s[j] / weights;
        const log = weight * Math.log(weight);
        const slope = (weight - share) / (e * e) - (log - share * entropy) / e;
        const sizes = (weight + share) / (e * e) + (Math.abs(log) + share * Math.abs(entropy)) / Math.abs(e);
        dalpha.add(head, dp[j] * slope, dp[j] * sizes);
      });
    }
    this.#supports.set(nameOf(task), support / rows);
    const parts = [out, dq, dk, dv, ...(task.map === 'learned' ? [dalpha] : [])];
    return {
      values: Float64Array.from(parts.flatMap(({ values }) => [...values])),
      scales: Float64Array.from(parts.flatMap((part) => [...part.scales()])),
      width: 1,
    };
  }
}

const nameOf = ({ operation, map, options }) => `${operation} ${map} ${JSON.stringify(options)}`;

/** All rows, or a part of them with the first and the last. */
function checkedRows(rows) {
  if (rows <= CHECKED) return Int32Array.from({ length: rows }, (_, row) => row);
  const stride = Math.floor(rows / CHECKED) | 1;
  const spread = Array.from({ length: Math.ceil(rows / stride) }, (_, place) => place * stride);
  return Int32Array.from(new Set([...spread, rows - 1]));
}

/** Sums, and beside each the sum of its terms' sizes; `width` elements that are judged by the largest of them. */
function termSums(length, width = length) {
  const values = new Float64Array(length);
  const sizes = new Float64Array(length);
  return {
    values,
    add(at, term, size = term) {
      values[at] += term;
      sizes[at] += Math.abs(size);
    },
    scales() {
      for (let start = 0; start < length; start += width) {
        const largest = sizes.subarray(start, start + width).reduce((a, b) => Math.max(a, b));
        sizes.fill(largest, start, start + width);
      }
      return sizes;
    },
  };
}
