/**
 * Kernel modules as text inside JavaScript, decoded synchronously.
 *
 * A module is inlined so that the package needs no network and no configuration of a bundler; what counts is its size
 * after gzip. Base64 packs bits across byte boundaries, which hides every repetition from gzip (1.5 times the
 * compressed module). Here a byte stays whole: the most frequent ones are one character of the alphabet, the others a
 * prefix and a character (1.025 times; hexadecimal digits are at 1.13). The bytes in the order of their frequency
 * travel in front, as hexadecimal digits. `node bench/inline-size.js` measures it again.
 */

const FIRST_PRINTABLE = 0x20;
const LAST_PRINTABLE = 0x7e;
/** What some quotation of JavaScript or HTML would have to escape. */
const AVOIDED = '"$\'<\\`';
const RANKED_DIGITS = 512;

/** The characters in use, and how many of them stand for a byte of their own; those behind are the prefixes. */
export function inlineAlphabet(): { characters: string; single: number } {
  let characters = '';
  for (let code = FIRST_PRINTABLE; code <= LAST_PRINTABLE; code++) {
    const character = String.fromCharCode(code);
    if (!AVOIDED.includes(character)) characters += character;
  }
  return { characters, single: characters.length - 2 };
}

/** The bytes that `encodeInline` (scripts/kernels/inline-text.js) has written. */
export function decodeInline(text: string): Uint8Array<ArrayBuffer> {
  const { characters, single } = inlineAlphabet();
  const places = new Uint8Array(LAST_PRINTABLE + 1);
  for (let place = 0; place < characters.length; place++) places[characters.charCodeAt(place)] = place;
  const ranked = new Uint8Array(256);
  for (let rank = 0; rank < 256; rank++) ranked[rank] = parseInt(text.slice(2 * rank, 2 * rank + 2), 16);
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let at = RANKED_DIGITS; at < text.length; at++) {
    let rank = places[text.charCodeAt(at)]!;
    if (rank >= single) rank = single + (rank - single) * characters.length + places[text.charCodeAt(++at)]!;
    bytes[length++] = ranked[rank]!;
  }
  return bytes.slice(0, length);
}
