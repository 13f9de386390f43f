/** CSR results: what they hold, in which order, and whose arrays they are. Bits against the dense form: semantics.test. */

import { describe, expect, test } from 'vitest';
import { entmax, entmax15, runtimeInfo, softmax, sparsemax, tensor, topkEntmax, topkSparsemax } from 'entmax';
import { expectSameBits } from '../oracle/layouts.ts';
import type { Floats } from '../oracle/layouts.ts';
import { topkReference } from '../oracle/topk.ts';
import { randomFrom } from '../oracle/random.ts';
import { batchOf, transposed } from './batches.ts';

test('rows, indices and values of a small example', () => {
  const csr = sparsemax.csr(Float32Array.of(1, 0, 0.5, -Infinity, -Infinity, -Infinity, 2, 2, 0), { shape: [3, 3] });
  expect([...csr.indptr]).toEqual([0, 2, 2, 4]);
  expect([...csr.indices]).toEqual([0, 2, 0, 1]);
  expect([...csr.values]).toEqual([0.75, 0.25, 0.5, 0.5]);
  expect([...csr.thresholds]).toEqual([0.25, Infinity, 1.5]);
  expect([csr.shape, csr.axis, csr.exact]).toEqual([[3, 3], 1, undefined]);
  expect(csr.row(0)).toEqual({ indices: Int32Array.of(0, 2), values: Float32Array.of(0.75, 0.25), threshold: 0.25 });
  expect(Array.from(csr, ({ indices }) => [...indices])).toEqual([[0, 2], [], [0, 1]]);
  expect([...csr.toDense()]).toEqual([0.75, 0, 0.25, 0, 0, 0, 0.5, 0.5, 0]);
});

test("order 'value' sorts each row by value, ties by index", () => {
  const z = Float32Array.of(0.5, 1, 0.5, 1, 0.75);
  const { indices, values } = softmax.csr(z, { order: 'value' });
  expect([...indices]).toEqual([1, 3, 4, 0, 2]);
  expect([...values]).toEqual([...softmax(z)].sort((a, b) => b - a));
});

describe.each(['float32', 'float64'] as const)('%s', (dtype) => {
  test.each([1, 5, 16, 33, 257, 511, 700])(
    'n = %d: the bits of the dense form, in any layout and from a Tensor',
    (n) => {
      const { rows, scores, alpha } = batchOf(dtype, n);
      const shape = [rows, n];
      const dense = entmax(scores, { shape, alpha }) as Floats;
      const support = entmax.support(scores, { shape, alpha });
      const csr = entmax.csr(scores, { shape, alpha });
      expectSameBits(csr.toDense(), dense, 'array');
      expectSameBits(csr.thresholds, support.thresholds, 'thresholds');
      expect(Array.from(csr, ({ indices }) => indices.length)).toEqual([...support.sizes]);
      using held = tensor(scores, shape);
      const ofTensor = entmax.csr(held, { alpha });
      expect(ofTensor).toEqual(csr);
      const strided = transposed(scores, 1, rows, n);
      const first = entmax.csr(strided, { shape: [n, rows], axis: 0, alpha });
      expect([first.indptr, first.indices, first.values, first.axis]).toEqual([csr.indptr, csr.indices, csr.values, 0]);
      expectSameBits(first.toDense(), transposed(dense, 1, rows, n), 'first axis, dense');
    },
  );

  test('rows of several chunks, of an array and of a Tensor', () => {
    const [rows, n] = [400, 1500];
    const random = randomFrom(5);
    const scores = new (dtype === 'float32' ? Float32Array : Float64Array)(rows * n).map(() => 8 * random.normal());
    const dense = entmax15(scores, { shape: [rows, n] });
    const csr = entmax15.csr(scores, { shape: [rows, n] });
    expectSameBits(csr.toDense(), dense, 'array');
    using held = tensor<Floats>(scores, [rows, n]);
    expect(entmax15.csr(held)).toEqual(csr);
    using across = tensor<Floats>(scores, [1, rows, n]);
    expectSameBits(
      entmax15.csr(across, { axis: 1 }).toDense(),
      entmax15(scores, { shape: [1, rows, n], axis: 1 }),
      'strided',
    );
  });
});

test('the arrays are JavaScript’s own: nothing stays in linear memory', () => {
  const x = tensor(
    new Float32Array(4096).map((_, i) => Math.sin(i)),
    [64, 64],
  );
  const before = runtimeInfo().memory.used;
  const csr = entmax15.csr(x);
  expect(runtimeInfo().memory.used).toBe(before);
  const kept = [...csr.values];
  x.set(new Float32Array(4096));
  x.dispose();
  expect([...csr.values]).toEqual(kept);
  for (const array of [csr.indptr, csr.indices, csr.values, csr.thresholds]) {
    expect(array.buffer).toBeInstanceOf(ArrayBuffer);
    expect(array.buffer.byteLength).toBe(array.byteLength);
  }
});

test('exact is 1 exactly where the unrestricted map has no other entry', () => {
  const [rows, n] = [200, 40];
  const random = randomFrom(11);
  const x = Float64Array.from({ length: rows * n }, () => 2 * random.normal());
  let [yes, no] = [0, 0];
  for (const k of [1, 3, 6, n, n + 5]) {
    for (const alpha of [1, 1.3, 2]) {
      const csr = topkEntmax.csr(x, { shape: [rows, n], k, alpha });
      const { exact } = topkEntmax.support(x, { shape: [rows, n], k, alpha });
      expect(csr.exact).toEqual(exact);
      for (let r = 0; r < rows; r++) {
        const row = x.subarray(r * n, (r + 1) * n);
        const expected = topkReference(row, k, alpha).exact;
        expect(exact![r], `k ${k}, alpha ${alpha}, row ${r}`).toBe(expected ? 1 : 0);
        if (expected) yes++;
        else no++;
        if (expected)
          expectSameBits(
            topkEntmax(row, { k, alpha }),
            entmax(row, { alpha }),
            'an exact row has the bits of the unrestricted map',
          );
      }
    }
  }
  expect(Math.min(yes, no)).toBeGreaterThan(100);
});

test('k above n is n, and ties at the k-th place go to the lowest index', () => {
  const z = Float32Array.of(1, 2, 2, 2, 0);
  expectSameBits(topkSparsemax(z, { k: 99 }), sparsemax(z), 'k > n');
  expect([...topkSparsemax(z, { k: 2 })]).toEqual([0, 0.5, 0.5, 0, 0]);
  expect(topkSparsemax.support(z, { k: 2 }).exact).toEqual(Uint8Array.of(0));
});
