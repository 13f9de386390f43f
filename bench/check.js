/**
 * A figure counts only for a right answer. Before timing, every engine's output is compared with the float64
 * reference; then it is cleared, timed, and must hold the same bits again at the end.
 */

/** Largest error allowed, relative to the largest entry of the row: what float32 arithmetic can promise. */
export const TOLERANCE = 5e-6;
/** Of attention: its scores are sums of D products in float32, and what they lose is lost to the weights as well. */
export const ATTENTION_TOLERANCE = 2e-5;
/** Of structured problems in float64: a gap of 1e-9 and what the proof itself rounds, as a share of the objective. */
export const STRUCTURED_TOLERANCE = 1e-8;
/** Of a graph's gradients, where a difference of solutions is what they are compared with. */
export const GRAPH_GRADIENT_TOLERANCE = 1e-4;
/** For the packages of others: rougher exponentials, sums of thousands one after the other, bisection to a fixed depth. */
export const PEER_TOLERANCE = 5e-5;

/** An engine that computes something else than it should. */
export class WrongResult extends Error {}

/**
 * The largest error of any entry, relative to the largest of its row.
 *
 * @param {ArrayLike<number>} actual
 * @param {ArrayLike<number>} expected
 * @param {number} n
 * @param {ArrayLike<number>} [scales] what to take instead where a row's entries are smaller, because they are
 *   differences of larger terms
 */
export function worstError(actual, expected, n, scales) {
  if (actual.length !== expected.length) return Infinity;
  let worst = 0;
  for (let start = 0; start < expected.length; start += n) {
    let largest = scales?.[start / n] ?? 0;
    let error = 0;
    for (let i = start; i < start + n; i++) {
      largest = Math.max(largest, Math.abs(expected[i]));
      error = Math.max(error, Math.abs(actual[i] - expected[i])); // NaN stays
    }
    worst = Math.max(worst, error === 0 ? 0 : error / largest);
  }
  return worst;
}

/**
 * Checks one engine's output and returns its error, the checksum to find again after timing, and what else the judge of the
 * problem found out.
 *
 * @param {string} who named in the message
 * @param {import('./run-suite.js').Output} output
 * @param {import('./reference/tasks.js').Expected} expected
 * @param {number} n
 * @param {number} [least] what the engine is allowed, where the problem does not ask for more
 */
export function verify(who, output, expected, n, least = TOLERANCE) {
  const { values, scalar } = output;
  const tolerance = Math.max(least, expected.tolerance ?? 0);
  const { error, facts } = expected.judge?.(output) ?? { error: errorOfRows(output, expected, n) };
  if (!(error <= tolerance)) {
    const of = expected.judge ? '' : " of the row's largest";
    throw new WrongResult(`${who}: expected an error of at most ${tolerance}${of}, got ${error}`);
  }
  if (expected.scalar !== undefined) {
    const relative = Math.abs(scalar - expected.scalar) / Math.abs(expected.scalar);
    if (!(relative <= tolerance)) throw new WrongResult(`${who}: expected ${expected.scalar}, got ${scalar}`);
  }
  return { error, checksum: checksum({ values, scalar }), ...(facts && { facts }) };
}

function errorOfRows({ values }, expected, n) {
  const { width = n } = expected;
  return worstError(rowsOf(values, expected, width), expected.values, width, expected.scales);
}

/** The rows that the reference has. In the others there must at least be numbers. */
function rowsOf(values, { rows, of }, width) {
  if (rows === undefined) return values;
  if (values.length !== of * width || !values.every(Number.isFinite)) return [];
  const chosen = new Float32Array(rows.length * width);
  rows.forEach((row, place) => chosen.set(values.subarray(row * width, (row + 1) * width), place * width));
  return chosen;
}

/** FNV-1a over the 32-bit words, as eight hexadecimal digits; a scalar counts as its float64. */
export function checksum({ values, scalar }) {
  let hash = 0x811c9dc5;
  const add = (words) => {
    for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words[i], 0x01000193);
  };
  add(new Uint32Array(values.buffer, values.byteOffset, values.byteLength / Uint32Array.BYTES_PER_ELEMENT));
  if (scalar !== undefined) add(new Uint32Array(Float64Array.of(scalar).buffer));
  return (hash >>> 0).toString(16).padStart(8, '0');
}
