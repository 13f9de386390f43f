// The dense layers, in double precision: float32 weights, float64 activations. They are here to feed the sparse ones, so each is the
// plainest loop that is fast enough. Every output is summed over its inputs in one fixed order, whatever the number of rows, so a
// character read alone gives the same bits as the same character read in a batch.
//
// Letters: R rows (characters), I inputs, O outputs, C channels. All arrays are row-major.

import { tanh } from './numbers.ts';

/** y = x W^T + b, with W stored in the order in which `linear` reads it. */
export interface Linear {
  readonly inputs: number;
  readonly outputs: number;
  /** [O / 4, I, 4]: four outputs side by side, O rounded up and filled with zeros. */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

export interface LayerNorm {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly epsilon: number;
}

/** A layer from PyTorch's weight [O, I] and bias [O], none being zeros. */
export function packLinear(
  weight: Float32Array,
  [outputs, inputs]: readonly [number, number],
  bias?: Float32Array,
): Linear {
  const packed = new Float32Array(Math.ceil(outputs / 4) * 4 * inputs);
  for (let o = 0; o < outputs; o++) {
    const column = (o - (o % 4)) * inputs + (o % 4);
    for (let i = 0; i < inputs; i++) packed[column + 4 * i] = weight[o * inputs + i]!;
  }
  return { inputs, outputs, weight: packed, bias: bias ?? new Float32Array(outputs) };
}

/**
 * [R, I] -> [R, O]. Four sums run side by side, because a single one would wait for each of its additions to finish: 1.9 times the
 * speed of the plain dot product (Node 20; see it in the characters per second of `entmax generate`), and the same bits.
 */
export function linear(layer: Linear, x: Float64Array): Float64Array {
  const { inputs, outputs, weight, bias } = layer;
  const rows = x.length / inputs;
  const y = new Float64Array(rows * outputs);
  for (let o = 0; o < outputs; o += 4) {
    for (let row = 0; row < rows; row++) {
      let sum0 = 0;
      let sum1 = 0;
      let sum2 = 0;
      let sum3 = 0;
      let w = o * inputs;
      const end = (row + 1) * inputs;
      for (let i = row * inputs; i < end; i++, w += 4) {
        const xi = x[i]!;
        sum0 += xi * weight[w]!;
        sum1 += xi * weight[w + 1]!;
        sum2 += xi * weight[w + 2]!;
        sum3 += xi * weight[w + 3]!;
      }
      const sums = [sum0, sum1, sum2, sum3];
      const width = Math.min(4, outputs - o);
      for (let j = 0; j < width; j++) y[row * outputs + o + j] = sums[j]! + bias[o + j]!;
    }
  }
  return y;
}

/** [R, C] -> [R, C]: every row to mean 0 and variance 1, then scaled and shifted. */
export function layerNorm({ weight, bias, epsilon }: LayerNorm, x: Float64Array): Float64Array {
  const channels = weight.length;
  const y = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += channels) {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += x[start + c]!;
    const mean = sum / channels;
    let squares = 0;
    for (let c = 0; c < channels; c++) squares += (x[start + c]! - mean) * (x[start + c]! - mean);
    const scale = 1 / Math.sqrt(squares / channels + epsilon);
    for (let c = 0; c < channels; c++) y[start + c] = (x[start + c]! - mean) * scale * weight[c]! + bias[c]!;
  }
  return y;
}

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);

/** The tanh form of GELU, in place. */
export function gelu(x: Float64Array): Float64Array {
  for (let i = 0; i < x.length; i++) {
    const xi = x[i]!;
    x[i] = 0.5 * xi * (1 + tanh(SQRT_2_OVER_PI * (xi + 0.044715 * xi * xi * xi)));
  }
  return x;
}

/** x += y: the residual connection. */
export function addInPlace(x: Float64Array, y: Float64Array): void {
  for (let i = 0; i < x.length; i++) x[i] = x[i]! + y[i]!;
}
