/**
 * Gradients of attention in float64, composed plainly over dense arrays: from the reference's scores and weights, the
 * derivatives of one row, and sums.
 */

import { attentionReference } from './attention.ts';
import type { Problem } from './attention.ts';
import { alphaGradient, scoreGradient } from './derivatives.ts';

export interface AttentionGradients {
  readonly q: Float64Array;
  readonly k: Float64Array;
  readonly v: Float64Array;
  /** Of each head. */
  readonly alpha: Float64Array;
  /** Of the scores, [B, H, N, M]: the gradient of a bias of that shape. */
  readonly scores: Float64Array;
  /** In the bias's own shape; empty without one. */
  readonly bias: Float64Array;
}

function add(to: Float64Array, at: number, value: number): void {
  to[at] = to[at]! + value;
}

/** Of <dout, attention>. */
export function attentionGradients(problem: Problem, dout: ArrayLike<number>): AttentionGradients {
  const { b: B, h: H, g: G, n: N, m: M, d: D, e: E, q, k, v, options } = problem;
  const { scores: z, weights } = attentionReference(problem);
  const scale = options.scale ?? 1 / Math.sqrt(Math.max(D, 1));
  const gradients = {
    q: new Float64Array(q.length),
    k: new Float64Array(k.length),
    v: new Float64Array(v.length),
    alpha: new Float64Array(H),
    scores: new Float64Array(B * H * N * M),
  };
  for (let row = 0; row < B * H * N; row++) {
    const [b, h] = [Math.floor(row / (H * N)), Math.floor(row / N) % H];
    const key = (j: number): number => (b * G + Math.floor((h * G) / H)) * M + j;
    const scores = z.subarray(row * M, (row + 1) * M);
    const p = weights.subarray(row * M, (row + 1) * M);
    if (scores.every((score) => score === -Infinity)) continue;
    const products = new Float64Array(M);
    for (let j = 0; j < M; j++) {
      if (p[j] === 0) continue;
      for (let e = 0; e < E; e++) {
        add(products, j, dout[row * E + e]! * v[key(j) * E + e]!);
        add(gradients.v, key(j) * E + e, p[j]! * dout[row * E + e]!);
      }
    }
    // No small change of the scores changes a row that is uniform over some of +Infinity.
    if (scores.includes(Infinity)) continue;
    const alpha = typeof options.alpha === 'object' ? options.alpha[h]! : (options.alpha ?? 1.5);
    const ds = scoreGradient(p, alpha, products);
    add(gradients.alpha, h, alphaGradient(p, alpha, products));
    for (let j = 0; j < M; j++) {
      if (ds[j] === 0) continue;
      gradients.scores[row * M + j] = ds[j]!;
      for (let c = 0; c < D; c++) {
        add(gradients.q, row * D + c, scale * ds[j]! * k[key(j) * D + c]!);
        add(gradients.k, key(j) * D + c, scale * ds[j]! * q[row * D + c]!);
      }
    }
  }
  return { ...gradients, bias: biasGradient(problem, gradients.scores) };
}

/** The gradients of the scores, summed over the axes that the bias repeats along. */
export function biasGradient({ h: H, n: N, m: M, options }: Problem, scores: Float64Array): Float64Array {
  const shape = options.bias?.shape;
  if (!shape) return new Float64Array(0);
  const sums = new Float64Array(shape.reduce((size, length) => size * length, 1));
  scores.forEach((value, at) => {
    const index = [Math.floor(at / (H * N * M)), Math.floor(at / (N * M)) % H, Math.floor(at / M) % N, at % M];
    let own = 0;
    shape.forEach((length, axis) => {
      own = own * length + (length === 1 ? 0 : index[axis + 4 - shape.length]!);
    });
    add(sums, own, value);
  });
  return sums;
}
