/**
 * Attention whose weights are the positive scores, its norm and its gradients in float64, written plainly (MATH.md §14):
 * loops over dense arrays. Of the reference of attention it takes the scores only.
 */

import { attentionReference } from './attention.ts';
import type { Problem } from './attention.ts';
import { biasGradient } from './attention-gradients.ts';
import { sum } from './reference.ts';

/** What makes the output of the sums; no gain: they are the output. */
export interface NormOptions {
  readonly gain?: ArrayLike<number>;
  readonly gate?: ArrayLike<number>;
  readonly eps?: number;
}

export interface RelaReference {
  /** [B, H, N, E]. */
  readonly output: Float64Array;
  readonly sums: Float64Array;
  /** [B, H, N, M]. */
  readonly scores: Float64Array;
  readonly weights: Float64Array;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Calls `visit` for each number of the output, with its channel of all H E and the places of all that it is normed with. */
function forEachNumber(
  { b: B, h: H, n: N, e: E }: Problem,
  visit: (at: number, c: number, all: number[]) => void,
): void {
  const place = (b: number, h: number, i: number, e: number): number => ((b * H + h) * N + i) * E + e;
  for (let b = 0; b < B; b++) {
    for (let i = 0; i < N; i++) {
      const all = Array.from({ length: H * E }, (_, c) => place(b, Math.floor(c / E), i, c % E));
      all.forEach((at, c) => visit(at, c, all));
    }
  }
}

export function relaReference(problem: Problem, { gain, gate, eps = 1e-6 }: NormOptions = {}): RelaReference {
  const { h: H, g: G, n: N, m: M, e: E, v, options } = problem;
  // Of no consequence: any alpha has the same scores.
  const { scores } = attentionReference({ ...problem, options: { ...options, alpha: Infinity } });
  const weights = new Float64Array(scores.length);
  const rows = M === 0 ? problem.b * H * N : scores.length / M;
  const sums = new Float64Array(rows * E);
  for (let row = 0; row < rows; row++) {
    const [b, h, i] = [Math.floor(row / (H * N)), Math.floor(row / N) % H, row % N];
    const z = scores.subarray(row * M, (row + 1) * M);
    const isEmpty = z.every((score) => score === -Infinity);
    const counts = i < (options.querySeqLengths?.[b] ?? N);
    const isNaN = z.some((score) => Number.isNaN(score));
    z.forEach((score, j) => {
      weights[row * M + j] = isNaN && score !== -Infinity ? NaN : Math.max(score, 0);
    });
    if (isEmpty && counts && options.emptyRow === 'nan') {
      weights.fill(NaN, row * M, (row + 1) * M);
      sums.fill(NaN, row * E, (row + 1) * E);
      continue;
    }
    const key = (j: number): number => (b * G + Math.floor((h * G) / H)) * M + j;
    for (let e = 0; e < E; e++) {
      const terms: number[] = [];
      z.forEach((_, j) => {
        const weight = weights[row * M + j]!;
        if (weight !== 0) terms.push(weight * v[key(j) * E + e]!);
      });
      sums[row * E + e] = terms.every(Number.isFinite) ? sum(terms) : terms.reduce((s, t) => s + t, 0);
    }
  }
  if (!gain) return { output: sums, sums, scores, weights };
  const output = new Float64Array(sums.length);
  forEachNumber(problem, (at, c, all) => {
    const u = sums[at]!;
    const root = Math.sqrt(all.reduce((s, each) => s + sums[each]! ** 2, 0) / all.length + eps);
    output[at] = ((gain[c]! * u) / root) * (gate ? sigmoid(gate[c]! * u) : 1);
  });
  return { output, sums, scores, weights };
}

export interface RelaGradients {
  readonly q: Float64Array;
  readonly k: Float64Array;
  readonly v: Float64Array;
  readonly gain: Float64Array;
  readonly gate: Float64Array;
  readonly bias: Float64Array;
}

function add(to: Float64Array, at: number, value: number): void {
  to[at] = to[at]! + value;
}

/** The cotangent of the sums, and the gradients of gain and gate. */
function throughNorm(
  problem: Problem,
  sums: Float64Array,
  dout: ArrayLike<number>,
  { gain, gate, eps = 1e-6 }: NormOptions,
): { dsums: Float64Array; gain: Float64Array; gate: Float64Array } {
  const channels = problem.h * problem.e;
  const result = { dsums: Float64Array.from(dout), gain: new Float64Array(channels), gate: new Float64Array(channels) };
  if (!gain) return result;
  result.dsums.fill(0);
  forEachNumber(problem, (at, c, all) => {
    const r = 1 / Math.sqrt(all.reduce((s, each) => s + sums[each]! ** 2, 0) / all.length + eps);
    const u = sums[at]!;
    const s = gate ? sigmoid(gate[c]! * u) : 1;
    const dy = dout[at]!;
    add(result.gain, c, dy * u * r * s);
    const slope = gate ? s * (1 - s) : 0;
    const bySigmoid = dy * gain[c]! * u * r * slope;
    add(result.gate, c, bySigmoid * u);
    add(result.dsums, at, bySigmoid * (gate?.[c] ?? 0) + dy * gain[c]! * s * r);
    // d r / d u_other = -r^3 u_other / n.
    for (const other of all) add(result.dsums, other, (-dy * gain[c]! * s * u * r ** 3 * sums[other]!) / all.length);
  });
  return result;
}

/** Of <dout, relaAttention>. */
export function relaGradients(problem: Problem, norm: NormOptions, dout: ArrayLike<number>): RelaGradients {
  const { h: H, g: G, n: N, m: M, d: D, e: E, q, k, v, options } = problem;
  const { sums, scores, weights } = relaReference(problem, norm);
  const { dsums, gain, gate } = throughNorm(problem, sums, dout, norm);
  const scale = options.scale ?? 1 / Math.sqrt(Math.max(D, 1));
  const [dq, dk, dv] = [q, k, v].map(({ length }) => new Float64Array(length)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const dscores = new Float64Array(scores.length);
  scores.forEach((score, at) => {
    if (!(score > 0)) return;
    const [row, j] = [Math.floor(at / M), at % M];
    const [b, h] = [Math.floor(row / (H * N)), Math.floor(row / N) % H];
    const key = (b * G + Math.floor((h * G) / H)) * M + j;
    for (let e = 0; e < E; e++) {
      add(dscores, at, dsums[row * E + e]! * v[key * E + e]!);
      add(dv, key * E + e, weights[at]! * dsums[row * E + e]!);
    }
    for (let c = 0; c < D; c++) {
      add(dq, row * D + c, scale * dscores[at]! * k[key * D + c]!);
      add(dk, key * D + c, scale * dscores[at]! * q[row * D + c]!);
    }
  });
  return { q: dq, k: dk, v: dv, gain, gate, bias: biasGradient(problem, dscores) };
}
