// Causal attention in which every head has its own alpha: 1 is softmax, 2 is sparsemax, and the trained heads lie anywhere between.
// All heads, rows and windows go through one entmax call with one alpha per row. What it excludes is exactly zero, so the weighted
// sum skips it: a head that attends to three characters reads three values, however long the text is.
//
// Letters: B windows, T characters being read, S characters seen so far (the read ones included), H heads, D channels of a head.

import { entmax, scope, tensor } from 'entmax';

export interface AttentionInput {
  /** [B, T, 3, H, D]: queries, keys and values of the characters being read. */
  readonly qkv: Float64Array;
  /** [B, context, H, D]: the first S positions are filled. */
  readonly keys: Float64Array;
  readonly values: Float64Array;
  /** One per head. */
  readonly alpha: Float64Array;
}

export interface AttentionShape {
  readonly windows: number;
  readonly read: number;
  readonly seen: number;
  readonly context: number;
  readonly heads: number;
  readonly width: number;
}

/** The head outputs [B, T, H, D]. `support` [B, H, T] receives the number of characters that each query attends to. */
export function attention(input: AttentionInput, shape: AttentionShape, support: Int32Array): Float64Array {
  const { windows, read, seen, heads } = shape;
  const scores = scaledScores(input, shape);
  const alpha = new Float64Array(windows * heads * read).map((_, row) => input.alpha[Math.floor(row / read) % heads]!);
  // As a Tensor, so that a large batch is shared out over the threads of the pool.
  const weights = scope(() => entmax(tensor(scores, [windows, heads, read, seen]), { alpha }).toTypedArray());
  return weightedSum(weights, input.values, shape, support);
}

/** q . k / sqrt(D) as [B, H, T, S]; characters that come after the query are -Infinity. */
function scaledScores({ qkv, keys }: AttentionInput, shape: AttentionShape): Float32Array {
  const { windows, read, seen, context, heads, width } = shape;
  const channels = heads * width;
  const scores = new Float32Array(windows * heads * read * seen).fill(-Infinity);
  const scale = Math.sqrt(width);
  let start = 0;
  for (let b = 0; b < windows; b++) {
    for (let h = 0; h < heads; h++) {
      for (let t = 0; t < read; t++, start += seen) {
        const query = (b * read + t) * 3 * channels + h * width;
        for (let s = 0; s <= seen - read + t; s++) {
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
  const { windows, read, seen, context, heads, width } = shape;
  const channels = heads * width;
  const output = new Float64Array(windows * read * channels);
  let row = 0;
  for (let b = 0; b < windows; b++) {
    for (let h = 0; h < heads; h++) {
      for (let t = 0; t < read; t++, row++) {
        const target = (b * read + t) * channels + h * width;
        let attended = 0;
        for (let s = 0; s <= seen - read + t; s++) {
          const weight = weights[row * seen + s]!;
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
