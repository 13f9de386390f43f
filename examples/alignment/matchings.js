/** The sparse set of matchings, and softmax of each row beside it. */

import { softmax } from 'entmax';
import { factors, sparsemap } from 'entmax/structured';

/**
 * @typedef {object} Aligned
 * @property {{ weight: number, columns: Int32Array }[]} matchings the heaviest first; column -1 is none
 * @property {Float64Array} marginals [n, m]
 * @property {Float64Array} rowwise softmax of each row of scores [n, m], which knows nothing of the other rows
 * @property {number} gap
 * @property {number} calls of the oracle
 * @property {import('entmax/structured').SolveStatus} status
 */

/**
 * @param {Float64Array} scores
 * @param {[number, number]} shape
 * @returns {Aligned}
 */
export function align(scores, shape) {
  const solution = sparsemap({ unary: { data: scores, shape } }, factors.assignment({ unmatched: true }));
  const matchings = solution.structures.map((columns, j) => ({ weight: solution.weights[j], columns }));
  return {
    matchings: matchings.sort((a, b) => b.weight - a.weight),
    marginals: solution.marginals.unary.data,
    rowwise: softmax(scores, { shape }),
    gap: solution.gap[0],
    calls: solution.iterations[0],
    status: solution.status[0],
  };
}
