/** From arc scores to few trees: one call of `sparsemap` for all sentences. */

import { factors, sparsemap } from 'entmax/structured';

/**
 * What SparseMAP says of a sentence.
 *
 * @typedef {object} Parsed
 * @property {string[]} words
 * @property {{ weight: number, heads: Int32Array }[]} trees the heaviest first; head 0 is the root, 1 the first word
 * @property {Float64Array} marginals [n + 1, n + 1], as [head][modifier]
 * @property {number} gap
 * @property {number} calls of the oracle
 * @property {import('entmax/structured').SolveStatus} status
 */

/**
 * Trees with one root, as Universal Dependencies has them. Scores are divided by the temperature: above 1, differences count
 * less and more trees have weight.
 *
 * @param {import('./sentences.js').Sentence[]} sentences
 * @returns {Parsed[]}
 */
export function parse(sentences, temperature = 1) {
  const lengths = sentences.map(({ words }) => words.length);
  const side = Math.max(...lengths) + 1;
  // One table for each sentence, as large as the longest needs; `lengths` says which rows and columns count.
  const data = new Float64Array(sentences.length * side * side);
  sentences.forEach(({ scores }, s) => {
    const own = lengths[s] + 1;
    scores.forEach((score, at) => {
      data[(s * side + Math.floor(at / own)) * side + (at % own)] = score / temperature;
    });
  });
  const unary = { data, shape: [sentences.length, side, side] };
  const solution = sparsemap({ unary }, factors.arborescence({ root: 'one' }), { lengths });

  return sentences.map(({ words }, s) => {
    const [from, to] = [solution.indptr[s], solution.indptr[s + 1]];
    const trees = Array.from(solution.weights.subarray(from, to), (weight, j) => ({
      weight,
      heads: solution.structures[from + j],
    }));
    const own = words.length + 1;
    const marginals = Float64Array.from(
      { length: own * own },
      (_, at) => solution.marginals.unary.data[(s * side + Math.floor(at / own)) * side + (at % own)],
    );
    return {
      words,
      trees: trees.sort((a, b) => b.weight - a.weight),
      marginals,
      gap: solution.gap[s],
      calls: solution.iterations[s],
      status: solution.status[s],
    };
  });
}
