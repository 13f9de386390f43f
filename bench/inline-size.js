/**
 * How should a WebAssembly module lie in a JavaScript file? As text that is decoded synchronously, and what counts is
 * its size after gzip -9, as packages and servers send it. Base64 looks compact, but it spreads a byte over two
 * characters in four different ways, so gzip no longer sees what repeats; codes that give every byte its own characters
 * look large and compress well.
 *
 *     node bench/inline-size.js [module.wasm ...]       without arguments: build/kernels/*.wasm
 */

import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { deflateRawSync, gzipSync, inflateRawSync } from 'node:zlib';
import { BUILD } from '../scripts/setup/paths.js';
import { quartiles } from './statistics.js';
import { plainTable } from './table.js';

/** Characters that stand for themselves in a single-quoted string: ASCII without quote and backslash. */
const PRINTABLE = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).filter(
  (c) => c !== "'" && c !== '\\',
);

/** Every way: `encode` gives the source text of the literal, `decode` is what the package would have to do. */
const CODES = {
  base64: {
    encode: (bytes) => Buffer.from(bytes).toString('base64'),
    decode: (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)),
  },
  hex: {
    encode: (bytes) => Buffer.from(bytes).toString('hex'),
    decode: decodeHex,
  },
  base85: { encode: encodeBase85, decode: decodeBase85 },
  'ranked, ASCII': { encode: encodeRanked, decode: decodeRanked },
  // Not plain ASCII: some bundlers rewrite it as \x escapes, and the gain is lost.
  'Latin-1 escapes': {
    encode: (bytes) => Array.from(bytes, escaped).join(''),
    decode: (text) => Uint8Array.from(unescape(text), (c) => c.charCodeAt(0)),
  },
  // For comparison: nothing inflates synchronously in every runtime.
  'deflate + base64': {
    encode: (bytes) => deflateRawSync(bytes, { level: 9 }).toString('base64'),
    decode: (text) => inflateRawSync(Buffer.from(text, 'base64')),
  },
};

function decodeHex(text) {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = digit(text.charCodeAt(2 * i)) * 16 + digit(text.charCodeAt(2 * i + 1));
  return bytes;
}

/** The value of a lower-case hexadecimal digit. */
const digit = (code) => (code < 58 ? code - 48 : code - 87);

/** Four bytes as five digits of base 85; the length comes first. */
function encodeBase85(bytes) {
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  let text = '';
  for (let at = 0; at < padded.length; at += 4) {
    let word = view.getUint32(at);
    let digits = '';
    for (let i = 0; i < 5; i++) {
      digits = PRINTABLE[word % 85] + digits;
      word = Math.floor(word / 85);
    }
    text += digits;
  }
  return `${bytes.length}:${text}`;
}

function decodeBase85(text) {
  const value = Object.fromEntries(PRINTABLE.map((c, i) => [c, i]));
  const colon = text.indexOf(':');
  const view = new DataView(new ArrayBuffer(((text.length - colon - 1) / 5) * 4));
  for (let at = 0; at < view.byteLength; at += 4) {
    let word = 0;
    for (let i = 0; i < 5; i++) word = word * 85 + value[text[colon + 1 + (at / 4) * 5 + i]];
    view.setUint32(at, word);
  }
  return new Uint8Array(view.buffer, 0, Number(text.slice(0, colon)));
}

/** The 90 most frequent bytes take one character, the others a prefix and a character. The table travels in front. */
function encodeRanked(bytes) {
  const counts = new Array(256).fill(0);
  for (const byte of bytes) counts[byte]++;
  const ranked = counts.map((_, byte) => byte).sort((a, b) => counts[b] - counts[a]);
  const words = ranked.map((_, rank) =>
    rank < 90 ? PRINTABLE[rank] : PRINTABLE[90 + Math.floor((rank - 90) / 90)] + PRINTABLE[(rank - 90) % 90],
  );
  const wordOf = new Map(ranked.map((byte, rank) => [byte, words[rank]]));
  return Buffer.from(ranked).toString('hex') + Array.from(bytes, (byte) => wordOf.get(byte)).join('');
}

function decodeRanked(text) {
  const ranked = decodeHex(text.slice(0, 512));
  const value = Object.fromEntries(PRINTABLE.map((c, i) => [c, i]));
  const bytes = [];
  for (let i = 512; i < text.length; i++) {
    const rank = value[text[i]];
    bytes.push(ranked[rank < 90 ? rank : 90 + (rank - 90) * 90 + value[text[++i]]]);
  }
  return Uint8Array.from(bytes);
}

/** A byte as a character of a string literal; what a literal cannot hold is escaped. */
function escaped(byte) {
  const c = String.fromCharCode(byte);
  if (c === "'" || c === '\\') return `\\${c}`;
  if (c === '\n' || c === '\r' || byte === 0) return { '\n': '\\n', '\r': '\\r', '\0': '\\x00' }[c];
  return c;
}

/** What the JavaScript parser does with the escapes above. */
const unescape = (text) => text.replace(/\\(x00|.)/g, (_, c) => ({ n: '\n', r: '\r', x00: '\0' })[c] ?? c);

const gzipBytes = (data) => gzipSync(data, { level: 9 }).length;

/** Median time of a decoding, after the engine has seen it a few times; the first one in a program takes longer. */
function decodeMilliseconds(decode, text) {
  const times = Array.from({ length: 30 }, () => {
    const start = performance.now();
    decode(text);
    return performance.now() - start;
  });
  return quartiles(times.slice(5)).median;
}

function kernels() {
  const folder = join(BUILD, 'kernels');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.wasm'))
    .map((name) => join(folder, name));
}

const files = process.argv.length > 2 ? process.argv.slice(2) : kernels();
for (const file of files) {
  const bytes = new Uint8Array(readFileSync(file));
  const compressed = gzipBytes(bytes);
  console.log(`${basename(file)}: ${bytes.length} bytes, ${compressed} after gzip -9`);
  const table = plainTable(['', 'characters', 'gzip -9', 'growth', 'decode ms'], 1);
  for (const [name, { encode, decode }] of Object.entries(CODES)) {
    const text = encode(bytes);
    if (Buffer.compare(decode(text), bytes) !== 0) throw new Error(`inline-size: ${name} does not give the bytes back`);
    const size = gzipBytes(text);
    const growth = (size / compressed).toFixed(3);
    table.push([name, text.length, size, growth, decodeMilliseconds(decode, text).toFixed(2)]);
  }
  console.log(`${table}\n`);
}
