// The forward pass of a pre-norm transformer that reads characters. One function serves a batch of whole windows, a prompt and a
// single next character: it reads T new characters after those that its cache already holds. An empty cache and T = 256 is a
// window; T = 1 is a step of decoding.
//
// Letters: B windows, T characters being read, L layers, H heads, C channels, V characters of the vocabulary.

import { attention } from './attention.ts';
import { addInPlace, gelu, layerNorm, linear } from './layers.ts';
import type { LayerNorm, Linear } from './layers.ts';

export interface Model {
  /** The character of every id. */
  readonly vocabulary: readonly string[];
  readonly channels: number;
  readonly heads: number;
  readonly context: number;
  /** [V, C] */
  readonly characters: Float32Array;
  /** [context, C] */
  readonly positions: Float32Array;
  readonly blocks: readonly Block[];
  readonly finalNorm: LayerNorm;
  readonly head: Linear;
}

export interface Block {
  readonly attentionNorm: LayerNorm;
  readonly qkv: Linear;
  /** The learned alpha of every head, in [1, 2]. */
  readonly alpha: Float64Array;
  readonly projection: Linear;
  readonly mlpNorm: LayerNorm;
  readonly up: Linear;
  readonly down: Linear;
}

/** Keys and values, [B, context, C] per layer, of the `length` characters read so far. Setting `length` to 0 forgets them. */
export interface Cache {
  readonly windows: number;
  length: number;
  readonly keys: readonly Float64Array[];
  readonly values: readonly Float64Array[];
}

export interface Reading {
  /** [B, T, V]: scores of the character that follows each one read. */
  readonly logits: Float32Array;
  /** [L, B, H, T]: how many characters each query attends to. */
  readonly attentionSupport: Int32Array;
}

export function emptyCache({ blocks, context, channels }: Model, windows = 1): Cache {
  const perLayer = (): Float64Array[] => blocks.map(() => new Float64Array(windows * context * channels));
  return { windows, length: 0, keys: perLayer(), values: perLayer() };
}

/** Reads ids [B, T] after what the cache holds, and adds them to it. */
export function forward(model: Model, ids: Int32Array, cache: Cache): Reading {
  const { blocks, channels, heads, context } = model;
  const { windows, length: past } = cache;
  const read = ids.length / windows;
  if (!Number.isInteger(read) || read < 1 || past + read > context) {
    throw new RangeError(`forward: expected ${windows} x 1 to ${context - past} ids, got ${ids.length}`);
  }
  const shape = { windows, past, read, context, heads, width: channels / heads };
  const attentionSupport = new Int32Array(blocks.length * windows * heads * read);
  const x = embed(model, ids, past, read);
  blocks.forEach((block, layer) => {
    const qkv = linear(block.qkv, layerNorm(block.attentionNorm, x));
    const keys = cache.keys[layer]!;
    const values = cache.values[layer]!;
    remember(qkv, keys, values, { windows, read, past, context, channels });
    const rows = windows * heads * read;
    const support = attentionSupport.subarray(layer * rows, (layer + 1) * rows);
    addInPlace(x, linear(block.projection, attention({ qkv, keys, values, alpha: block.alpha }, shape, support)));
    addInPlace(x, linear(block.down, gelu(linear(block.up, layerNorm(block.mlpNorm, x)))));
  });
  cache.length = past + read;
  return { logits: Float32Array.from(linear(model.head, layerNorm(model.finalNorm, x))), attentionSupport };
}

/** x = characters[id] + positions[t], as [B, T, C]. */
function embed({ characters, positions, channels }: Model, ids: Int32Array, past: number, read: number): Float64Array {
  const x = new Float64Array(ids.length * channels);
  ids.forEach((id, row) => {
    const position = past + (row % read);
    for (let c = 0; c < channels; c++) {
      x[row * channels + c] = characters[id * channels + c]! + positions[position * channels + c]!;
    }
  });
  return x;
}

interface Memory {
  windows: number;
  read: number;
  past: number;
  context: number;
  channels: number;
}

/** Copies the keys and values out of qkv [B, T, 3, C] to their places in the cache. */
function remember(qkv: Float64Array, keys: Float64Array, values: Float64Array, memory: Memory): void {
  const { windows, read, past, context, channels } = memory;
  for (let b = 0; b < windows; b++) {
    for (let t = 0; t < read; t++) {
      const from = (b * read + t) * 3 * channels;
      const to = (b * context + past + t) * channels;
      keys.set(qkv.subarray(from + channels, from + 2 * channels), to);
      values.set(qkv.subarray(from + 2 * channels, from + 3 * channels), to);
    }
  }
}
