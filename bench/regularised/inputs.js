/**
 * Scores of the regularised maps, in float32 or float64, seeded. Rows differ from each other: a row that is repeated teaches the branch
 * predictor, and is up to three times faster.
 *
 * `normal`: N(0,1).
 * `ramp`: straight lines over a height from 1/2 to 2, every other one falling. Nearly every score stays apart from its neighbours, which
 * is what algorithms of quadratic time do not bear.
 * `capped`, `half-capped`: N(0,1) with bounds: 4/n for every entry, or for every other one.
 */

import { makeScores as makeNormal } from '../scores.js';

const BOUND = 4;

export const KINDS = {
  normal: 'scores N(0,1)',
  ramp: 'straight rows',
  capped: 'scores N(0,1), bounds 4/n',
  'half-capped': 'scores N(0,1), every other bound 4/n',
};

export const TYPES = { float32: Float32Array, float64: Float64Array };

/**
 * @param {keyof typeof KINDS} kind
 * @param {number} rows
 * @param {number} n
 * @param {keyof typeof TYPES} dtype float64 holds the same numbers as float32, but for ramps, which are rounded
 * @returns {Float32Array | Float64Array} rows x n, row after row
 */
export function makeScores(kind, rows, n, dtype) {
  if (kind !== 'ramp') return TYPES[dtype].from(makeNormal('normal', rows, n));
  return TYPES[dtype].from({ length: rows * n }, (_, at) => {
    const row = Math.floor(at / n);
    const height = 2 ** ((2 * row) / rows - 1);
    return ((row % 2 === 0 ? 1 : -1) * height * (at % n)) / n;
  });
}

/**
 * @param {keyof typeof KINDS} kind
 * @param {number} n
 * @returns {number | Float64Array | undefined} a number for all entries, one for each of a row, or none
 */
export function boundsOf(kind, n) {
  if (kind === 'capped') return BOUND / n;
  if (kind === 'half-capped') return Float64Array.from({ length: n }, (_, i) => (i % 2 === 0 ? BOUND / n : Infinity));
  return undefined;
}
