/**
 * A figure counts only for a right answer. Before timing, every engine's output is compared with the float64
 * reference; then it is overwritten with NaN, timed, and must hold the same bits again at the end.
 */

/** Largest error allowed, relative to the largest probability of the row: what float32 arithmetic can promise. */
export const TOLERANCE = 5e-6;

/** An engine that computes something else than it should. */
export class WrongResult extends Error {}

/**
 * The largest error of any probability, relative to the largest of its row.
 *
 * @param {ArrayLike<number>} actual
 * @param {ArrayLike<number>} expected
 * @param {number} n
 */
export function worstError(actual, expected, n) {
  let worst = 0;
  for (let start = 0; start < expected.length; start += n) {
    let largest = 0;
    let error = 0;
    for (let i = start; i < start + n; i++) {
      largest = Math.max(largest, expected[i]);
      const difference = Math.abs(actual[i] - expected[i]);
      error = difference <= error ? error : difference; // NaN lands here, and stays
    }
    const relative = error / largest;
    worst = relative <= worst ? worst : relative;
  }
  return worst;
}

/**
 * Checks one engine's output and returns its error and the checksum to find again after timing.
 *
 * @param {string} who named in the message
 * @param {Float32Array} output
 * @param {Float64Array | Float32Array} expected
 * @param {number} n
 */
export function verify(who, output, expected, n) {
  const error = worstError(output, expected, n);
  if (!(error <= TOLERANCE)) {
    throw new WrongResult(`${who}: expected an error of at most ${TOLERANCE} of the row's largest, got ${error}`);
  }
  return { error, checksum: checksum(output) };
}

/** FNV-1a over the 32-bit words, as eight hexadecimal digits. */
export function checksum(output) {
  const words = new Uint32Array(output.buffer, output.byteOffset, output.length);
  let hash = 0x811c9dc5;
  for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words[i], 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
