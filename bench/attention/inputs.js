/**
 * Queries, keys and values: float32, seeded, [B, H, N, D] each.
 *
 * `normal`: N(0,1), what attention sees at initialisation; `warm` is the same at a quarter of the scale, so that a row's
 * support is a good part of its keys.
 * `clusters-32`, `clusters-256`: so many centres of norm 8, each with a run of neighbouring keys around it, deviation 0.25;
 * every query lies as close to one of them. Text and images look like this: what stands together is alike.
 * `language-model`: of the last layer of the model in examples/language-model, reading Shakespeare; its heads have 32
 * channels and an alpha of their own. Where more keys are asked for than its context of 256, windows are put together.
 */

import { gaussian, mulberry32 } from '../random.js';
import { readModel } from './language-model.js';

export const INPUTS = {
  normal: 'q, k, v ~ N(0,1)',
  warm: 'q, k, v ~ N(0,1), a quarter of the scale',
  'clusters-32': 'keys in 32 clusters',
  'clusters-256': 'keys in 256 clusters',
  'language-model': "the language model's q, k, v",
};

const WARM = 1 / 4;

const CLUSTERS = { 'clusters-32': 32, 'clusters-256': 256 };
const NORM = 8;
const DEVIATION = 0.25;

/**
 * @typedef {object} Sizes
 * @property {number} batches
 * @property {number} heads
 * @property {number} queries
 * @property {number} keys
 * @property {number} width channels of queries, keys and values
 *
 * @typedef {object} Inputs
 * @property {Float32Array} q
 * @property {Float32Array} k
 * @property {Float32Array} v
 * @property {number} scale
 * @property {Float64Array} [alphas] learned, one for each head
 */

/**
 * @param {keyof typeof INPUTS} kind
 * @param {Sizes} sizes
 * @param {number} [temper] what the scale 1 / sqrt(D) is multiplied by
 * @returns {Promise<Inputs>}
 */
export async function makeInputs(kind, sizes, temper = kind === 'warm' ? WARM : 1) {
  const scale = temper / Math.sqrt(sizes.width);
  if (kind === 'language-model') return { ...(await fromModel(sizes)), scale };
  return { ...(kind in CLUSTERS ? clustered(sizes, CLUSTERS[kind]) : independent(sizes)), scale };
}

/** A cotangent for every element of an output: N(0,1), from another seed. */
export function makeOutputCotangents(size) {
  return Float32Array.from({ length: size }, gaussian(mulberry32(7 + size)));
}

/** Arrays are filled with deviates in the order in which they are named here. */
function independent({ batches, heads, queries, keys, width }) {
  const normal = gaussian(mulberry32(31 + keys));
  const make = (rows) => Float32Array.from({ length: batches * heads * rows * width }, normal);
  return { q: make(queries), k: make(keys), v: make(keys) };
}

function clustered(sizes, count) {
  const { batches, heads, queries, keys, width } = sizes;
  const uniform = mulberry32(37 + keys);
  const normal = gaussian(uniform);
  const centres = Array.from({ length: count }, () => {
    const direction = Float64Array.from({ length: width }, normal);
    const norm = Math.hypot(...direction);
    return direction.map((x) => (NORM * x) / norm);
  });
  const around = (rows, centreOf) => {
    const out = new Float32Array(batches * heads * rows * width);
    for (let row = 0; row < batches * heads * rows; row++) {
      const centre = centres[centreOf(row % rows)];
      for (let d = 0; d < width; d++) out[row * width + d] = centre[d] + DEVIATION * normal();
    }
    return out;
  };
  const q = around(queries, () => Math.floor(uniform() * count));
  const k = around(keys, (key) => Math.floor((key * count) / keys));
  return { q, k, v: independent(sizes).v };
}

/** The windows of the model as they are, or one after the other as one text for each head. */
async function fromModel({ batches, heads, keys }) {
  const { layers, windows, context } = await readModel(batches * keys);
  const { q, k, v, alpha } = layers.at(-1);
  if (keys === context) return { q, k, v, alphas: alpha };
  const joined = (x) => joinWindows(x, windows, heads);
  return { q: joined(q), k: joined(k), v: joined(v), alphas: alpha };
}

/** [B, H, T, D] as [1, H, B T, D]. */
function joinWindows(x, windows, heads) {
  const out = new Float32Array(x.length);
  const size = x.length / (windows * heads);
  for (let window = 0; window < windows; window++) {
    for (let head = 0; head < heads; head++) {
      const from = (window * heads + head) * size;
      out.set(x.subarray(from, from + size), (head * windows + window) * size);
    }
  }
  return out;
}
