// The forward pass of a pre-norm transformer that reads characters. One function serves a batch of whole windows, a prompt and a
// single next character: it reads T new characters after those that its cache already holds. An empty cache and T = 256 is a
// window; T = 1 is a step of decoding.
//
// Letters: B windows, T characters being read, L layers, H heads, C channels, V characters of the vocabulary.

import type { Csr, F32 } from 'entmax';
import { KvCache } from 'entmax/attention';
import { attend } from './attention.ts';
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

/** Keys and values of the characters read so far, one cache for each layer with a sequence for each window. */
export class Cache implements Disposable {
  readonly windows: number;
  readonly layers: readonly KvCache[];

  constructor({ blocks, context, heads, channels }: Model, windows = 1) {
    const size = { heads, headDim: channels / heads, sequences: windows, capacity: context };
    this.windows = windows;
    this.layers = blocks.map(() => new KvCache(size));
  }

  /** Characters in each window. */
  get length(): number {
    return this.layers[0]!.lengths[0]!;
  }

  /** Forgets what was read. */
  clear(): void {
    for (const layer of this.layers) layer.truncate(0);
  }

  dispose(): void {
    for (const layer of this.layers) layer.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

export interface Reading {
  /** [B, T, V]: scores of the character that follows each one read. */
  readonly logits: Float32Array;
  /** Of each layer, what each query attends to: sparse rows of [B, H, T, S]. */
  readonly attention: readonly Csr<F32>[];
}

/** Reads ids [B, T] after what the cache holds, and adds them to it. */
export function forward(model: Model, ids: Int32Array, cache: Cache): Reading {
  const { blocks, channels, heads, context } = model;
  const { windows, length: past } = cache;
  const read = ids.length / windows;
  if (!Number.isInteger(read) || read < 1 || past + read > context) {
    throw new RangeError(`forward: expected ${windows} x 1 to ${context - past} ids, got ${ids.length}`);
  }
  const shape = { windows, read, heads, width: channels / heads };
  const x = embed(model, ids, past, read);
  const attention = blocks.map((block, layer) => {
    const qkv = linear(block.qkv, layerNorm(block.attentionNorm, x));
    const { output, weights } = attend(qkv, cache.layers[layer]!, block.alpha, shape);
    addInPlace(x, linear(block.projection, output));
    addInPlace(x, linear(block.down, gelu(linear(block.up, layerNorm(block.mlpNorm, x)))));
    return weights;
  });
  return { logits: Float32Array.from(linear(model.head, layerNorm(model.finalNorm, x))), attention };
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
