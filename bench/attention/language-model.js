/**
 * What the layers of examples/language-model ask their attention: queries, keys and values of every layer, read from the
 * eight windows of Shakespeare that its reference has. More windows than eight begin elsewhere in the same text and so
 * overlap, but every character then stands at another position, with other characters before it, and has another key.
 *
 * The example's forward pass gives no queries away. Its layers are used here one after the other; their attention is the
 * package's own.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { importTypeScript } from '../../scripts/setup/import-typescript.js';
import { ROOT } from '../../scripts/setup/paths.js';

const EXAMPLE = 'examples/language-model';
const REFERENCE_WINDOWS = 8;

/**
 * @typedef {object} Layer
 * @property {Float32Array} q [B, H, T, D]
 * @property {Float32Array} k
 * @property {Float32Array} v
 * @property {Float64Array} alpha one for each head
 *
 * @typedef {object} Reading
 * @property {number} windows B
 * @property {number} context T
 * @property {number} heads H
 * @property {number} width D
 * @property {Layer[]} layers
 * @property {Float32Array} logits [B, T, V]
 * @property {Int32Array} targets the character that follows each one, [B, T]
 * @property {number} classes V
 */

/** @type {Promise<ReturnType<typeof load>> | undefined} */
let loaded;
/** @type {Map<number, Promise<Reading>>} */
const readings = new Map();

/**
 * Reads so many characters, a multiple of the model's context; once for each number of them.
 *
 * @param {number} characters
 * @returns {Promise<Reading>}
 */
export function readModel(characters) {
  if (!readings.has(characters))
    readings.set(
      characters,
      (loaded ??= load()).then((it) => read(it, characters)),
    );
  return readings.get(characters);
}

async function load() {
  const file = (name) => readFile(join(ROOT, EXAMPLE, 'model', name));
  const [{ loadModel }, layers, { parseSafetensors }] = await Promise.all(
    [`${EXAMPLE}/load-model.ts`, `${EXAMPLE}/layers.ts`, 'ts/src/formats/safetensors.ts'].map(importTypeScript),
  );
  const model = loadModel((await file('config.json')).toString('utf8'), await file('model.safetensors'));
  const reference = parseSafetensors(await file('reference.safetensors'));
  const ids = Array.from({ length: REFERENCE_WINDOWS }, (_, window) => reference.get(`window_ids.${window}`).data);
  // A window of the reference has one character more, which is the last target.
  const text = [...ids.flatMap((window) => [...window.subarray(0, model.context)]), ids.at(-1).at(-1)];
  const { attention } = await import('entmax/attention');
  return { model, layers, text, attention };
}

/** @returns {Reading} */
function read({ model, layers: { addInPlace, gelu, layerNorm, linear }, text, attention }, characters) {
  const { channels, heads, context, blocks, finalNorm, head } = model;
  const windows = characters / context;
  const sizes = { windows, context, heads, width: channels / heads };
  const last = text.length - 1 - context;
  const starts = Array.from({ length: windows }, (_, w) => Math.round((w * last) / Math.max(windows - 1, 1)));
  const idsFrom = (offset) =>
    Int32Array.from(starts.flatMap((start) => text.slice(start + offset, start + offset + context)));
  const x = embed(model, idsFrom(0));
  const layers = blocks.map((block) => {
    const qkv = linear(block.qkv, layerNorm(block.attentionNorm, x));
    const [q, k, v] = [0, 1, 2].map((part) => headsOf(qkv, part, sizes));
    const blockOf = (data) => ({ data, shape: [windows, heads, context, sizes.width] });
    const options = { alpha: block.alpha, isCausal: true };
    const { data } = attention(blockOf(q), blockOf(k), blockOf(v), options);
    addInPlace(x, linear(block.projection, charactersOf(data, sizes)));
    addInPlace(x, linear(block.down, gelu(linear(block.up, layerNorm(block.mlpNorm, x)))));
    return { q, k, v, alpha: block.alpha };
  });
  const logits = Float32Array.from(linear(head, layerNorm(finalNorm, x)));
  return { ...sizes, layers, logits, targets: idsFrom(1), classes: model.vocabulary.length };
}

/** x = characters[id] + positions[t], [B T, C]. */
function embed({ characters, positions, channels, context }, ids) {
  const x = new Float64Array(ids.length * channels);
  ids.forEach((id, row) => {
    const position = row % context;
    for (let c = 0; c < channels; c++) {
      x[row * channels + c] = characters[id * channels + c] + positions[position * channels + c];
    }
  });
  return x;
}

/** Queries (part 0), keys (1) or values (2) of [B, T, 3, H, D] as [B, H, T, D]. */
function headsOf(qkv, part, { windows, context, heads, width }) {
  const out = new Float32Array(windows * heads * context * width);
  for (let row = 0; row < windows * heads * context; row++) {
    const [t, head, window] = [row % context, Math.floor(row / context) % heads, Math.floor(row / context / heads)];
    const from = ((window * context + t) * 3 + part) * heads * width + head * width;
    out.set(qkv.subarray(from, from + width), row * width);
  }
  return out;
}

/** [B, H, T, D] as [B, T, H D]. */
function charactersOf(x, { windows, context, heads, width }) {
  const out = new Float64Array(x.length);
  for (let row = 0; row < windows * heads * context; row++) {
    const [t, head, window] = [row % context, Math.floor(row / context) % heads, Math.floor(row / context / heads)];
    out.set(x.subarray(row * width, (row + 1) * width), ((window * context + t) * heads + head) * width);
  }
  return out;
}
