/**
 * Three graphs for LP-SparseMAP, in which factors share variables:
 *
 * `matching`: 10 x 10 variables, one of each row and one of each column: 20 factors of 10 variables.
 * `grid`: 10 x 10 variables, and a pair with a coupling for each of the 180 neighbours, across and down.
 * `tree`: an arborescence of 10 words, each of which has at most 2 dependents: 11 factors. Table [11, 11] as [head][word]; what is no
 *   arc (column 0 and the diagonal) has a score so low that no factor wants it.
 */

import { gaussian, mulberry32 } from '../random.js';
import { SCALES } from './inputs.js';

export const SIDE = 10;
export const MOST_DEPENDENTS = 2;
const NO_ARC = -10;

export const TABLES = { matching: [SIDE, SIDE], grid: [SIDE, SIDE], tree: [SIDE + 1, SIDE + 1] };

/** The pairs of a grid: places of both, across first. */
export const NEIGHBOURS = [
  ...cells(SIDE, SIDE - 1).map(([row, column]) => [SIDE * row + column, SIDE * row + column + 1]),
  ...cells(SIDE - 1, SIDE).map(([row, column]) => [SIDE * row + column, SIDE * (row + 1) + column]),
];

function cells(rows, columns) {
  return Array.from({ length: rows * columns }, (_, at) => [Math.floor(at / columns), at % columns]);
}

/** Whether a place in a tree's table is an arc. */
export const isArc = (at) => at % (SIDE + 1) !== 0 && Math.floor(at / (SIDE + 1)) !== at % (SIDE + 1);

/**
 * @param {keyof typeof TABLES} graph
 * @param {number} count
 * @param {keyof typeof SCALES} kind
 * @returns {{ unary: Float64Array, couplings?: Float64Array }} graph after graph
 */
export function makeGraphScores(graph, count, kind) {
  const normal = gaussian(mulberry32(60 + graph.length));
  const scaled = (length) => Float64Array.from({ length }, () => SCALES[kind] * normal());
  const [rows, columns] = TABLES[graph];
  const unary = scaled(count * rows * columns);
  if (graph === 'tree') unary.forEach((_, at) => isArc(at % (rows * columns)) || (unary[at] = NO_ARC));
  return graph === 'grid' ? { unary, couplings: scaled(count * NEIGHBOURS.length) } : { unary };
}
