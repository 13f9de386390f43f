/** Writes a kernel module as text for inlining; ts/src/runtime/inline-text.ts describes the code and reads it. */

import { importTypeScript } from '../setup/import-typescript.js';

export const { inlineAlphabet, decodeInline } = await importTypeScript('ts/src/runtime/inline-text.ts');

/** @param {Uint8Array} bytes */
export function encodeInline(bytes) {
  const { characters, single } = inlineAlphabet();
  const counts = new Array(256).fill(0);
  for (const byte of bytes) counts[byte]++;
  const ranked = counts.map((_, byte) => byte).sort((a, b) => counts[b] - counts[a]);
  const word = (/** @type {number} */ rank) => {
    if (rank < single) return characters[rank];
    const rest = rank - single;
    return characters[single + Math.floor(rest / characters.length)] + characters[rest % characters.length];
  };
  const words = new Map(ranked.map((byte, rank) => [byte, word(rank)]));
  return Buffer.from(ranked).toString('hex') + Array.from(bytes, (byte) => words.get(byte)).join('');
}
