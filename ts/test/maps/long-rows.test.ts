/**
 * Rows so long that float32 kernels read them once with a rising bound, and rows around that length: all forms agree bit for
 * bit, and the float64 kernels, which do nothing of the kind, say what is right. crates/entmax-core/tests/long_rows.rs has
 * the adversaries; here the WebAssembly blocks are tested.
 */

import { describe, expect, test } from 'vitest';
import { entmax, tensor } from 'entmax';
import { expectSameBits } from '../oracle/layouts.ts';
import { randomFrom } from '../oracle/random.ts';

const SIZES = [16383, 16384, 16385, 16448, 32768 + 17];
const ALPHAS = [2, 1.5, 1.25, 1.7];

/** Rows by what a bound meets: nothing to hold on to, a short head, a record in every word, the maximum in the last lane, ties. */
const KINDS: Readonly<Record<string, (n: number) => Float32Array>> = {
  normal: (n) => rowBy(n, (normal) => normal),
  head: (n) => {
    const row = rowBy(n, (normal) => 2 * normal);
    for (let rank = 1; rank <= 32; rank++) row[(rank * 7919) % n] = 14 - 2 * Math.log2(rank);
    return row;
  },
  records: (n) => rowBy(n, (normal, j) => (j % 64 === 17 ? 9 + 0.02 * j : normal)),
  'maximum last': (n) => rowBy(n, (normal, j) => (j === n - 1 ? 12 : 2 * normal)),
  ties: (n) => rowBy(n, (normal) => Math.floor(normal)),
};

function rowBy(n: number, score: (normal: number, j: number) => number): Float32Array {
  const random = randomFrom(n);
  return Float32Array.from({ length: n }, (_, j) => score(random.normal(), j));
}

describe.each(Object.keys(KINDS))('%s', (kind) => {
  test.each(SIZES)('n = %d is right and has one result', (n) => {
    const row = KINDS[kind]!(n);
    for (const alpha of ALPHAS) {
      const p = entmax(row, { alpha }) as Float32Array;
      const right = entmax(Float64Array.from(row), { alpha }) as Float64Array;
      const largest = right.reduce((a, b) => Math.max(a, b));
      const worst = p.reduce((most, value, j) => Math.max(most, Math.abs(value - right[j]!)), 0);
      expect(worst / largest, `alpha ${alpha}`).toBeLessThan(5e-6);

      const { indices, values, indptr, thresholds } = entmax.csr(row, { alpha });
      const spread = new Float32Array(n);
      indices.forEach((index, at) => (spread[index] = values[at]!));
      expectSameBits(spread, p, `CSR, alpha ${alpha}`);
      const support = entmax.support(row, { alpha });
      expect([...support.sizes]).toEqual([indptr[1]]);
      expectSameBits(support.thresholds, thresholds, `thresholds, alpha ${alpha}`);

      using three = tensor(Float32Array.of(...KINDS['ties']!(n), ...row, ...KINDS['normal']!(n)), [3, n]);
      entmax(three, { alpha, out: three });
      expectSameBits(three.toTypedArray().slice(n, 2 * n), p, `in a batch, in place, alpha ${alpha}`);
    }
  });
});

test('a NaN is found wherever it is in a long row', () => {
  for (const at of [0, 255, 1024, 5000, 16383, 16400]) {
    const row = KINDS['head']!(16401);
    row[at] = NaN;
    expect((entmax(row, { alpha: 2 }) as Float32Array).every(Number.isNaN), `at ${at}`).toBe(true);
  }
});
