/** Scores for the tests of this folder: no two alike, the same in every run. */

/** `count` numbers in [-4, 4), from a xorshift generator. */
export function scores(count: number, seed = 1): Float32Array<ArrayBuffer> {
  let state = Math.imul(seed, 2654435761) >>> 0 || 1;
  return Float32Array.from({ length: count }, () => {
    state = (state ^ (state << 13)) >>> 0;
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    return state / 2 ** 29 - 4;
  });
}
