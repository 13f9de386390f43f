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
import { decodeInline, encodeInline, inlineAlphabet } from '../scripts/kernels/inline-text.js';
import { BUILD } from '../scripts/setup/paths.js';
import { quartiles } from './statistics.js';
import { plainTable } from './table.js';

/** Printable ASCII that no quoting style, no bundler and no HTML parser touches: 89 characters. */
const ALPHABET = [...inlineAlphabet().characters];

/** The place of every character in the alphabet, by its code. */
const PLACES = new Uint8Array(128);
ALPHABET.forEach((c, place) => (PLACES[c.charCodeAt(0)] = place));

/**
 * Every way: `encode` makes the string, `decode` is what the package would have to do with it, `source` writes it as a
 * literal where that is not the string itself.
 */
const CODES = {
  base64: {
    encode: (bytes) => Buffer.from(bytes).toString('base64'),
    decode: (text) => codesOf(globalThis.atob(text)),
  },
  hex: {
    encode: (bytes) => Buffer.from(bytes).toString('hex'),
    decode: decodeHex,
  },
  base85: { encode: encodeBase85, decode: decodeBase85 },
  // The one in use.
  'ranked, ASCII': { encode: encodeInline, decode: decodeInline },
  // Not plain ASCII: some bundlers rewrite it as \x escapes, and the gain is lost.
  'Latin-1': {
    encode: (bytes) => Buffer.from(bytes).toString('latin1'),
    source: (text) => text.replace(/['\\\n\r\0]/g, (c) => ESCAPES[c]),
    decode: codesOf,
  },
  // For comparison: nothing inflates synchronously in every runtime.
  'deflate + base64': {
    encode: (bytes) => deflateRawSync(bytes, { level: 9 }).toString('base64'),
    decode: (text) => inflateRawSync(Buffer.from(text, 'base64')),
  },
};

/** What a single-quoted literal cannot hold as it is. */
const ESCAPES = { "'": "\\'", '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\0': '\\x00' };

/** The characters' codes as bytes. */
function codesOf(text) {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

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
      digits = ALPHABET[word % 85] + digits;
      word = Math.floor(word / 85);
    }
    text += digits;
  }
  return `${bytes.length}:${text}`;
}

function decodeBase85(text) {
  const colon = text.indexOf(':');
  const view = new DataView(new ArrayBuffer(((text.length - colon - 1) / 5) * 4));
  for (let at = 0; at < view.byteLength; at += 4) {
    let word = 0;
    for (let i = 0; i < 5; i++) word = word * 85 + PLACES[text.charCodeAt(colon + 1 + (at / 4) * 5 + i)];
    view.setUint32(at, word);
  }
  return new Uint8Array(view.buffer, 0, Number(text.slice(0, colon)));
}

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
    .filter((name) => /^[^.]+\.[^.]+\.wasm$/.test(name))
    .map((name) => join(folder, name));
}

const files = process.argv.length > 2 ? process.argv.slice(2) : kernels();
for (const file of files) {
  const bytes = new Uint8Array(readFileSync(file));
  const compressed = gzipBytes(bytes);
  console.log(`${basename(file)}: ${bytes.length} bytes, ${compressed} after gzip -9`);
  const table = plainTable(['', 'bytes', 'gzip -9', 'growth', 'decode ms'], 1);
  for (const [name, { encode, decode, source }] of Object.entries(CODES)) {
    const text = encode(bytes);
    if (Buffer.compare(decode(text), bytes) !== 0) throw new Error(`inline-size: ${name} does not give the bytes back`);
    const literal = source ? source(text) : text;
    const size = gzipBytes(literal);
    const growth = (size / compressed).toFixed(3);
    table.push([name, Buffer.byteLength(literal), size, growth, decodeMilliseconds(decode, text).toFixed(2)]);
  }
  console.log(`${table}\n`);
}
