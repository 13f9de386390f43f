/** Expectations over a support: values against sums over everything, gradients against differences, calls counted. */

import { expect, test } from 'vitest';
import { entmax, sparsemax, softmax, tensor, topkSparsemax } from 'entmax';
import { expectation, factors, sparsemap } from 'entmax/structured';
import { randomFrom } from '../oracle/random.ts';

const random = randomFrom(77);
const normals = (length: number): Float64Array => Float64Array.from({ length }, () => 1.5 * random.normal());
const f = (index: number, row: number): number => Math.cos(index + 3 * row);

function differences(x: Float64Array, value: () => number): number[] {
  return Array.from(x, (before, at) => {
    x[at] = before + 1e-6;
    const above = value();
    x[at] = before - 1e-6;
    const slope = (above - value()) / 2e-6;
    x[at] = before;
    return slope;
  });
}

test.each([
  ['sparsemax', sparsemax, {}],
  ['entmax', entmax, { alpha: 1.3 }],
  ['softmax', softmax, {}],
  ['topkSparsemax', topkSparsemax, { k: 3 }],
])('%s', (_, map, options) => {
  const x = normals(24);
  const scores = { data: x, shape: [3, 8] };
  type Run = (
    x: object,
    map: unknown,
    f: unknown,
    options: object,
  ) => { value: Float64Array; gradient: { data: Float64Array }; calls: number };
  const run = expectation as unknown as Run;
  const { value, gradient, calls } = run(scores, map, f, options);
  const p = (map as typeof sparsemax)(scores, options).data;
  expect(calls).toBe(p.filter((each) => each > 0).length);
  for (let row = 0; row < 3; row++) {
    const sum = p.subarray(8 * row, 8 * row + 8).reduce((s, each, index) => s + each * f(index, row), 0);
    expect(value[row]).toBeCloseTo(sum, 12);
  }
  const slopes = differences(x, () => run(scores, map, f, options).value.reduce((a, b) => a + b, 0));
  slopes.forEach((slope, at) => expect(gradient.data[at]).toBeCloseTo(slope, 6));
});

test('structures of SparseMAP', () => {
  const x = normals(9);
  const scores = { unary: { data: x, shape: [3, 3] } };
  const worth = (columns: Int32Array): number =>
    columns.reduce((sum, column, row) => sum + (row + 1) * Math.sin(column + row), 0);
  const { value, gradient, calls } = expectation(scores, factors.assignment(), worth, { tol: 1e-12 });
  const { structures, weights } = sparsemap(scores, factors.assignment(), { tol: 1e-12 });
  expect(calls).toBe(structures.length);
  expect(value[0]).toBeCloseTo(
    structures.reduce((sum, each, j) => sum + weights[j]! * worth(each), 0),
    12,
  );
  // Six matchings of 3 x 3 span four dimensions, so the weights are determined where at most five have some.
  const slopes = differences(x, () => expectation(scores, factors.assignment(), worth, { tol: 1e-12 }).value[0]!);
  slopes.forEach((slope, at) => expect(gradient.unary.data[at]).toBeCloseTo(slope, 5));
});

test('a Tensor keeps its form, and nothing is left behind', async () => {
  const { runtimeInfo } = await import('entmax');
  using x = tensor(Float32Array.from(normals(8)), [2, 4]);
  const before = runtimeInfo().liveTensors;
  const { gradient } = expectation(x, sparsemax, f);
  expect([gradient.shape, gradient.dtype]).toEqual([[2, 4], 'float32']);
  gradient.dispose();
  expect(runtimeInfo().liveTensors).toBe(before);
});

test('refusals', () => {
  expect(() => expectation([1, 2], sparsemax, (() => 'x') as never)).toThrow(
    'expectation: expected f to return a number, got "x"',
  );
  expect(() => expectation([1, 2], sparsemax, 1 as never)).toThrow('expectation: expected f to be a function, got 1');
  expect(() => expectation([1, 2], {} as never, f)).toThrow('expectation: expected a map of entmax or a factor');
});
