/**
 * MurmurHash3 (x86, 32 bits, by Austin Appleby, public domain) over the words of typed arrays: equal bits, equal hash,
 * in every runtime. The bits are taken as they are: -0 differs from 0, and a NaN that is not the canonical one from
 * the canonical one.
 */
export function hashOf(...arrays: readonly (Float32Array | Float64Array | Int32Array)[]): string {
  let hash = 0;
  let length = 0;
  for (const { buffer, byteOffset, byteLength } of arrays) {
    const words = new Int32Array(buffer, byteOffset, byteLength / 4);
    for (let i = 0; i < words.length; i++) {
      const word = Math.imul(rotateLeft(Math.imul(words[i]!, 0xcc9e2d51), 15), 0x1b873593);
      hash = (Math.imul(rotateLeft(hash ^ word, 13), 5) + 0xe6546b64) | 0;
    }
    length += byteLength;
  }
  hash ^= length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0).toString(16).padStart(8, '0');
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
