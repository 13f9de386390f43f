/**
 * The scores that are mapped: float32, seeded, so that every run and every machine maps the same numbers.
 *
 * `normal`: N(0,1), what attention scores look like at initialisation.
 * `llm`: rows of a trained language model's output. Most of the vocabulary lies far below a short, Zipf-like head:
 * N(0,1) with deviation 2 everywhere, and in 32 random columns the score 14 - 2 ln(rank) + N(0,1) instead.
 * `uniform`: so close together that every score of a row is in the support of every map with alpha <= 2.
 * `ties`: whole numbers from 0 to 3, so that a quarter of the row shares the maximum.
 * `equal`: all the same.
 */

import { gaussian, mulberry32 } from './random.js';

const HEAD = 32;

const KINDS = {
  normal: (row, normal) => {
    for (let i = 0; i < row.length; i++) row[i] = normal();
  },
  llm: (row, normal, uniform) => {
    for (let i = 0; i < row.length; i++) row[i] = 2 * normal();
    for (let rank = 1; rank <= HEAD; rank++) {
      row[Math.floor(uniform() * row.length)] = 14 - 2 * Math.log(rank) + normal();
    }
  },
  // For sparsemax the sum of (max - z) must stay below 1 to keep everybody in.
  uniform: (row, normal) => {
    for (let i = 0; i < row.length; i++) row[i] = normal() / (8 * row.length);
  },
  ties: (row, _, uniform) => {
    for (let i = 0; i < row.length; i++) row[i] = Math.floor(4 * uniform());
  },
  equal: (row) => row.fill(0.75),
};

export const SCORES = {
  normal: 'scores N(0,1)',
  llm: 'scores as of a language model',
  uniform: 'near-uniform rows',
  ties: 'scores 0, 1, 2, 3',
  equal: 'all scores equal',
};

/**
 * @param {keyof typeof SCORES} kind
 * @param {number} rows
 * @param {number} n
 * @returns {Float32Array} rows x n, row after row
 */
export function makeScores(kind, rows, n) {
  const uniform = mulberry32(20240 + n);
  const normal = gaussian(uniform);
  const x = new Float32Array(rows * n);
  for (let row = 0; row < rows; row++) KINDS[kind](x.subarray(row * n, (row + 1) * n), normal, uniform);
  return x;
}

/** A cotangent for each of them: N(0,1), from another seed. */
export function makeCotangents(rows, n) {
  const normal = gaussian(mulberry32(7 + n));
  return Float32Array.from({ length: rows * n }, normal);
}

/** A class for each row, as likely as any other. */
export function makeTargets(rows, n) {
  const uniform = mulberry32(11 + n);
  return Int32Array.from({ length: rows }, () => Math.floor(uniform() * n));
}
