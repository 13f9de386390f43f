// Causal attention in which every head has its own alpha: 1 is softmax, 2 is sparsemax, and the trained heads lie anywhere between.
// The keys and values of what was read lie in a cache, one for each layer; a call adds those of the characters being read and
// attends to all of them. What a head excludes is exactly zero, and its value is never read.
//
// A query gives the same bits whether its character is read alone or within a window: the package promises it.
//
// Letters: B windows, T characters being read, S characters of the context, H heads, D channels of a head.

import type { KvCache } from 'entmax/attention';
import { attention } from 'entmax/attention';
import type { Csr, F32 } from 'entmax';

export interface AttentionShape {
  readonly windows: number;
  readonly read: number;
  readonly heads: number;
  readonly width: number;
}

export interface Attended {
  /** The head outputs, [B, T, H, D]. */
  readonly output: Float64Array;
  /** What each query attends to: sparse rows of [B, H, T, S]. */
  readonly weights: Csr<F32>;
}

/** Attends from qkv [B, T, 3, H, D], the queries, keys and values of the characters being read, with one alpha for each head. */
export function attend(qkv: Float64Array, cache: KvCache, alpha: Float64Array, shape: AttentionShape): Attended {
  const { windows, read, heads, width } = shape;
  const shaped = (part: number): { data: Float32Array; shape: number[] } => ({
    data: partOf(qkv, part, heads * width),
    shape: [windows, read, heads, width],
  });
  const { output, weights } = attention.decode.inspect(shaped(0), shaped(1), shaped(2), cache, {
    alpha,
    layout: 'BNHD',
  });
  return { output: Float64Array.from(output.data), weights };
}

/** The queries (0), keys (1) or values (2) of qkv, [B, T, H, D]. */
function partOf(qkv: Float64Array, part: number, channels: number): Float32Array {
  const result = new Float32Array(qkv.length / 3);
  for (let at = 0; at < result.length; at += channels) {
    result.set(qkv.subarray(3 * at + part * channels, 3 * at + (part + 1) * channels), at);
  }
  return result;
}
