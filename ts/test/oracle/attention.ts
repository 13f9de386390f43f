/**
 * Attention in float64, written plainly (MATH.md §13): loops over batches, heads and queries; the scores of one query, the
 * map of one row, the weighted sum over what has weight. It shares nothing with the kernels but the definition.
 */

import type { Floats } from './layouts.ts';
import { entmaxReference, sum } from './reference.ts';
import { topkReference } from './topk.ts';

/** B, H, G, N, M, D, E. */
export interface Sizes {
  readonly b: number;
  readonly h: number;
  readonly g: number;
  readonly n: number;
  readonly m: number;
  readonly d: number;
  readonly e: number;
}

/** An array that broadcasts to [B, H, N, M]. */
export interface Pairs<A> {
  readonly data: A;
  readonly shape: readonly number[];
}

/** The options of a call, in the forms that the reference understands. */
export interface Options {
  readonly alpha?: number | readonly number[];
  readonly topk?: number;
  readonly scale?: number;
  readonly isCausal?: boolean | 'upperLeft' | 'lowerRight';
  readonly mask?: Pairs<Uint8Array>;
  readonly keyMask?: Uint8Array;
  readonly bias?: Pairs<Floats>;
  readonly alibiSlopes?: readonly number[];
  readonly querySeqLengths?: readonly number[];
  readonly keyValueSeqLengths?: readonly number[];
  readonly emptyRow?: 'zero' | 'nan';
}

export interface Problem extends Sizes {
  /** [B, H, N, D], [B, G, M, D], [B, G, M, E]. */
  readonly q: Floats;
  readonly k: Floats;
  readonly v: Floats;
  readonly options: Options;
}

export interface AttentionReference {
  /** [B, H, N, E]. */
  readonly output: Float64Array;
  /** [B, H, N, M]: scores, -Infinity for what a query does not see. */
  readonly scores: Float64Array;
  readonly weights: Float64Array;
  /** [B, H, N]. */
  readonly thresholds: Float64Array;
  /** Pairs of a query and a key within the lengths and the causal limit. */
  readonly pairs: number;
}

/** Entry (b, h, i, j) of an array that broadcasts to [B, H, N, M], aligned at the last axis. */
function entryOf({ data, shape }: Pairs<ArrayLike<number>>, index: readonly number[]): number {
  let at = 0;
  shape.forEach((length, axis) => {
    at = at * length + (length === 1 ? 0 : index[axis + 4 - shape.length]!);
  });
  return data[at]!;
}

export function attentionReference({
  b: B,
  h: H,
  g: G,
  n: N,
  m: M,
  d: D,
  e: E,
  ...given
}: Problem): AttentionReference {
  const { q, k, v, options } = given;
  const output = new Float64Array(B * H * N * E);
  const [scores, weights] = [new Float64Array(B * H * N * M).fill(-Infinity), new Float64Array(B * H * N * M)];
  const thresholds = new Float64Array(B * H * N).fill(Infinity);
  const scale = options.scale ?? 1 / Math.sqrt(Math.max(D, 1));
  let pairs = 0;
  for (let b = 0; b < B; b++) {
    const queries = options.querySeqLengths?.[b] ?? N;
    const keys = options.keyValueSeqLengths?.[b] ?? M;
    for (let h = 0; h < H; h++) {
      const g = Math.floor((h * G) / H);
      const alpha = typeof options.alpha === 'object' ? options.alpha[h]! : (options.alpha ?? 1.5);
      for (let i = 0; i < queries; i++) {
        const row = (b * H + h) * N + i;
        const z: number[] = [];
        const seen: number[] = [];
        for (let j = 0; j < keys; j++) {
          if (options.isCausal === 'lowerRight' ? j > i + keys - queries : options.isCausal && j > i) continue;
          pairs++;
          if (options.mask && entryOf(options.mask, [b, h, i, j]) === 0) continue;
          if (options.keyMask && options.keyMask[b * M + j] === 0) continue;
          let product = 0;
          for (let c = 0; c < D; c++) product += q[row * D + c]! * k[((b * G + g) * M + j) * D + c]!;
          let score = product * scale;
          if (options.bias) score += entryOf(options.bias, [b, h, i, j]);
          if (options.alibiSlopes) {
            const place = options.isCausal === 'upperLeft' ? i : i + keys - queries;
            score -= options.alibiSlopes[h]! * Math.abs(place - j);
          }
          z.push(score);
          seen.push(j);
        }
        const { p, threshold } =
          options.topk === undefined ? entmaxReference(z, alpha) : topkReference(z, options.topk, alpha);
        thresholds[row] = threshold;
        const isEmpty = z.every((score) => score === -Infinity);
        seen.forEach((j, at) => {
          scores[row * M + j] = z[at]!;
          // A NaN row is NaN where it sees a key.
          weights[row * M + j] = z[at] === -Infinity ? 0 : p[at]!;
        });
        if (isEmpty && options.emptyRow === 'nan') weights.fill(NaN, row * M, (row + 1) * M);
        for (let e = 0; e < E; e++) {
          const terms: number[] = [];
          seen.forEach((j) => {
            const weight = weights[row * M + j]!;
            if (weight !== 0) terms.push(weight * v[((b * G + g) * M + j) * E + e]!);
          });
          output[row * E + e] =
            isEmpty && options.emptyRow === 'nan'
              ? NaN
              : terms.some((t) => !Number.isFinite(t))
                ? terms.reduce((s, t) => s + t, 0)
                : sum(terms);
        }
      }
    }
  }
  return { output, scores, weights, thresholds, pairs };
}
