import { describe, expect, test } from 'vitest';
import { addInPlace, gelu, layerNorm, linear, packLinear } from '../../../examples/language-model/layers.ts';
import { seededRandom } from '../../../examples/language-model/random.ts';

const { nextDouble } = seededRandom(5);
const floats = (length: number): Float32Array => Float32Array.from({ length }, () => 2 * nextDouble() - 1);
const doubles = (length: number): Float64Array => Float64Array.from({ length }, () => 2 * nextDouble() - 1);

describe('linear', () => {
  test.each([1, 2, 3, 4, 5, 8, 65])('is x W^T + b with %d outputs', (outputs) => {
    const [rows, inputs] = [3, 7];
    const weight = floats(outputs * inputs);
    const bias = floats(outputs);
    const x = doubles(rows * inputs);
    const y = linear(packLinear(weight, [outputs, inputs], bias), x);
    expect(y).toHaveLength(rows * outputs);
    y.forEach((value, i) => {
      const row = x.subarray(Math.floor(i / outputs) * inputs).subarray(0, inputs);
      const products = Array.from(row, (xi, j) => xi * weight[(i % outputs) * inputs + j]!);
      expect(value).toBeCloseTo(products.reduce((sum, product) => sum + product) + bias[i % outputs]!, 12);
    });
  });

  test('gives a row the same bits alone and in a batch', () => {
    const layer = packLinear(floats(65 * 128), [65, 128], floats(65));
    const x = doubles(5 * 128);
    const batch = linear(layer, x);
    for (let row = 0; row < 5; row++) {
      expect(linear(layer, x.slice(row * 128, (row + 1) * 128))).toEqual(batch.slice(row * 65, (row + 1) * 65));
    }
  });

  test('has no bias where none is given', () => {
    expect(linear(packLinear(Float32Array.of(2, 3), [1, 2]), Float64Array.of(5, 7))).toEqual(Float64Array.of(31));
  });
});

describe('layerNorm', () => {
  test('gives rows of mean 0 and variance 1 / (1 + epsilon / variance)', () => {
    const norm = { weight: new Float32Array(64).fill(1), bias: new Float32Array(64), epsilon: 0.5 };
    const x = doubles(128).map((value, i) => (i < 64 ? 100 + value : 10 * value));
    const y = layerNorm(norm, x);
    for (const start of [0, 64]) {
      const [before, after] = [x, y].map((values) => moments(values.subarray(start, start + 64)));
      expect(after!.mean).toBeCloseTo(0, 12);
      expect(after!.variance).toBeCloseTo(1 / (1 + 0.5 / before!.variance), 10);
    }
  });

  test('scales and shifts each channel', () => {
    const norm = { weight: Float32Array.of(2, 0.5), bias: Float32Array.of(10, -1), epsilon: 1e-12 };
    const y = layerNorm(norm, Float64Array.of(4, 6));
    expect(y[0]).toBeCloseTo(8, 9);
    expect(y[1]).toBeCloseTo(-0.5, 9);
  });

  test('of a constant row is its bias', () => {
    const norm = { weight: floats(3), bias: Float32Array.of(1, 2, 3), epsilon: 1e-5 };
    expect(layerNorm(norm, Float64Array.of(7, 7, 7))).toEqual(Float64Array.of(1, 2, 3));
  });
});

test('gelu has the values of its tanh form', () => {
  // torch.nn.functional.gelu(x, approximate='tanh'), by 60 digits of Python's decimal module.
  const values = gelu(Float64Array.of(-3, -1, 0, 0.5, 1, 3, 40));
  const expected = [
    -0.003637392081773019, -0.1588080093917233, 0, 0.34571400982514394, 0.8411919906082767, 2.996362607918227, 40.0,
  ];
  expected.forEach((value, i) => expect(values[i]).toBeCloseTo(value, 14));
});

test('addInPlace adds', () => {
  const x = Float64Array.of(1, 2);
  addInPlace(x, Float64Array.of(10, 20));
  expect(x).toEqual(Float64Array.of(11, 22));
});

function moments(values: Float64Array): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value) / values.length;
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length };
}
