// Causal attention in which every head has its own alpha: 1 is softmax, 2 is sparsemax, and the trained heads lie anywhere between.
// All heads, rows and windows go through one entmax call with one alpha per row. What it excludes is exactly zero, so the weighted
// sum skips it: a head that attends to three characters reads three values, however long the text is.
//
// A row of scores always has room for the whole context, S of them, and what the query cannot see is -Infinity. So a query has the
// same row, and gives the same bits, whether its character is read alone or within a window; the excluded scores cost nothing that
// the characters per second would show.
//
// Letters: B windows, T characters being read, S characters of the context, H heads, D channels of a head.

import { entmax, scope, tensor } from 'entmax';

export interface AttentionInput {
  /** [B, T, 3, H, D]: queries, keys and values of the characters being read. */
  readonly qkv: Float64Array;
  /** [B, S, H, D], filled up to the last character read. */
  readonly keys: Float64Array;
  readonly values: Float64Array;
  /** One per head. */
  readonly alpha: Float64Array;
}

export interface AttentionShape {
  readonly windows: number;
  /** Characters read before these ones. */
  readonly past: number;
  readonly read: number;
  readonly context: number;
  readonly heads: number;
  readonly width: number;
}

/** The head outputs [B, T, H, D]. `support` [B, H, T] receives the number of characters that each query attends to. */
export function attention(input: AttentionInput, shape: AttentionShape, support: Int32Array): Float64Array {
  const { windows, read, context, heads } = shape;
  const scores = scaledScores(input, shape);
  const alpha = new Float64Array(windows * heads * read).map((_, row) => input.alpha[Math.floor(row / read) % heads]!);
  // As a Tensor, so that a large batch is shared out over the threads of the pool.
  const weights = scope(() => entmax(tensor(scores, [windows, heads, read, context]), { alpha }).toTypedArray());
  return weightedSum(weights, input.values, shape, support);
}

/** q . k / sqrt(D) as [B, H, T, S]. Places after the query are -Infinity, taken or not. */
function scaledScores({ qkv, keys }: AttentionInput, shape: AttentionShape): Float32Array {
  const { windows, past, read, context, heads, width } = shape;
  const channels = heads * width;
  const scores = new Float32Array(windows * heads * read * context).fill(-Infinity);
  const scale = Math.sqrt(width);
  let start = 0;
  for (let b = 0; b < windows; b++) {
    for (let h = 0; h < heads; h++) {
      for (let t = 0; t < read; t++, start += context) {
        const query = (b * read + t) * 3 * channels + h * width;
        for (let s = 0; s <= past + t; s++) {
          const key = (b * context + s) * channels + h * width;
          let dot = 0;
          for (let d = 0; d < width; d++) dot += qkv[query + d]! * keys[key + d]!;
          scores[start + s] = dot / scale;
        }
      }
    }
  }
  return scores;
}

function weightedSum(
  weights: Float32Array,
  values: Float64Array,
  shape: AttentionShape,
  support: Int32Array,
): Float64Array {
  const { windows, past, read, context, heads, width } = shape;
  const channels = heads * width;
  const output = new Float64Array(windows * read * channels);
  let row = 0;
  for (let b = 0; b < windows; b++) {
    for (let h = 0; h < heads; h++) {
      for (let t = 0; t < read; t++, row++) {
        const target = (b * read + t) * channels + h * width;
        let attended = 0;
        for (let s = 0; s <= past + t; s++) {
          const weight = weights[row * context + s]!;
          if (weight === 0) continue;
          attended++;
          const value = (b * context + s) * channels + h * width;
          for (let d = 0; d < width; d++) output[target + d] = output[target + d]! + weight * values[value + d]!;
        }
        support[row] = attended;
      }
    }
  }
  return output;
}
