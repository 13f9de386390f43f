/**
 * Scores of structured problems: float64, seeded, independent N(0,1), unary and transitions alike, times a scale. The flat
 * ones leave many structures with weight; random scores are the hardest there are, for a trained model's are peaked.
 */

import { gaussian, mulberry32 } from '../random.js';

export const SCALES = { flat: 1, peaked: 3 };

export const KINDS = { flat: 'scores N(0,1)', peaked: 'scores 3 N(0,1)' };

/**
 * @typedef {object} Sizes the table of one problem
 * @property {'sequence' | 'arborescence' | 'projective' | 'assignment' | 'budget' | 'bits'} factor `arborescence` with any
 *   number of arcs from the root, `projective` with one
 * @property {number[]} table the unary scores' shape
 * @property {number} [k] of a budget: at most so many items
 */

const sizeOf = (shape) => shape.reduce((product, each) => product * each, 1);

/** T positions with S states have a table of S x S for each pair of neighbours. */
export const transitionsShape = ([length, states]) => [length - 1, states, states];

/**
 * @param {Sizes} sizes
 * @param {number} count of problems
 * @param {keyof typeof SCALES} kind
 * @returns {{ unary: Float64Array, transitions?: Float64Array }} problem after problem
 */
export function makeScores({ factor, table }, count, kind) {
  const normal = gaussian(mulberry32(90 + sizeOf(table)));
  const scaled = (length) => Float64Array.from({ length }, () => SCALES[kind] * normal());
  const unary = scaled(count * sizeOf(table));
  if (factor !== 'sequence') return { unary };
  return { unary, transitions: scaled(count * sizeOf(transitionsShape(table))) };
}

/** A cotangent for every marginal: N(0,1), from another seed. */
export function makeCotangents(length) {
  return Float64Array.from({ length }, gaussian(mulberry32(17 + length)));
}
