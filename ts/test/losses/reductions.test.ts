/** What counts and how much: reductions, ignored rows, class weights, and rows that have no finite loss. */

import { describe, expect, test } from 'vitest';
import { entmaxLoss, runtimeInfo, softmaxLoss, sparsemaxLoss, tensor, Tensor } from 'entmax';
import { errorOf } from '../oracle/compare.ts';
import { LOSSES, sixRows } from './cases.ts';

const N = 11;
const ROWS = sixRows(N, 4);
const Z = Float64Array.from(ROWS.flat());
const SHAPE = { shape: [6, N] };
const CLASSES = Int32Array.of(3, 0, 10, 5, 7, 2);

describe.each(LOSSES)('$name', ({ loss, options, reference }) => {
  const all = { ...options, ...SHAPE };
  const each = ROWS.map((row, r) => reference(row, CLASSES[r]!));

  test('reduces by mean, by sum, or not', () => {
    const sum = each.reduce((total, { value }) => total + value, 0);
    expect(loss(Z, CLASSES, { ...all, reduction: 'sum' })).toBeCloseTo(sum, 9);
    expect(loss(Z, CLASSES, all)).toBeCloseTo(sum / 6, 9);
    expect(loss(Z, CLASSES, { ...all, reduction: 'mean' })).toBe(loss(Z, CLASSES, all));
    const none = loss(Z, CLASSES, { ...all, reduction: 'none' }) as Float64Array;
    expect(
      errorOf(
        none,
        each.map(({ value }) => value),
      ),
    ).toBeLessThan(1e-12);
  });

  test('leaves rows of ignoreIndex out of value, gradient and mean', () => {
    for (const ignoreIndex of [undefined, 7]) {
      const ignored = ignoreIndex ?? -100;
      const classes = CLASSES.map((k, r) => (r === 1 || r === 4 ? ignored : k));
      const [value, { x }] = loss.valueAndGrad(Z, classes, { ...all, ignoreIndex });
      const counted = [0, 2, 3, 5];
      expect(value).toBeCloseTo(counted.reduce((sum, r) => sum + each[r]!.value, 0) / 4, 9);
      const gradient = x as Float64Array;
      for (const r of [1, 4]) expect(gradient.slice(r * N, r * N + N)).toEqual(new Float64Array(N));
      for (const r of counted) {
        const wanted = each[r]!.x.map((slope) => slope / 4);
        expect(errorOf(gradient.slice(r * N, r * N + N), wanted)).toBeLessThan(1e-12);
      }
      const [, { x: csr }] = loss.valueAndCsr(Z, classes, { ...all, ignoreIndex });
      expect((csr as { indptr: Int32Array }).indptr[2]).toBe((csr as { indptr: Int32Array }).indptr[1]);
    }
  });

  test('is 0 with gradient 0 when no row counts', () => {
    const [value, { x }] = loss.valueAndGrad(Z, new Int32Array(6).fill(-100), all);
    expect(value).toBe(0);
    expect(x).toEqual(new Float64Array(6 * N));
  });

  test('weights rows by their class, and divides the mean by the sum of the weights', () => {
    const classWeights = Float64Array.from({ length: N }, (_, k) => (k === 5 ? 0 : 1 + k / 4));
    const weights = Array.from(CLASSES, (k) => classWeights[k]!);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const [value, { x }] = loss.valueAndGrad(Z, CLASSES, { ...all, classWeights });
    expect(value).toBeCloseTo(
      each.reduce((sum, row, r) => sum + (weights[r]! * row.value) / total, 0),
      9,
    );
    const wanted = each.flatMap((row, r) => Array.from(row.x, (slope) => (slope * weights[r]!) / total));
    expect(errorOf(x as Float64Array, wanted)).toBeLessThan(1e-12);
  });

  test('a target on an excluded class, or nothing left: Infinity with gradient 0, and never NaN', () => {
    const rows = ROWS.map((row) => Float64Array.from(row));
    rows[0]![3] = -Infinity;
    rows[2]!.fill(-Infinity);
    const z = Float64Array.from(rows.flatMap((row) => Array.from(row)));
    const mask = new Uint8Array(6 * N).fill(1);
    mask[3 * N + 5] = 0;
    const none = loss(z, CLASSES, { ...all, mask, reduction: 'none' }) as Float64Array;
    expect([none[0], none[2], none[3]]).toEqual([Infinity, Infinity, Infinity]);
    expect([none[1], none[4], none[5]].every(Number.isFinite)).toBe(true);
    const [value, { x }] = loss.valueAndGrad(z, CLASSES, { ...all, mask });
    expect(value).toBe(Infinity);
    for (const r of [0, 2, 3]) expect((x as Float64Array).slice(r * N, r * N + N)).toEqual(new Float64Array(N));
    // Elsewhere -Infinity is nothing special.
    const other = loss(z, Int32Array.of(4, 0, -100, 6, 7, 2), { ...all, mask }) as number;
    expect(Number.isFinite(other)).toBe(true);
  });

  test('a NaN row is NaN, and only it', () => {
    const z = Z.slice();
    z[N + 4] = NaN;
    const none = loss(z, CLASSES, { ...all, reduction: 'none' }) as Float64Array;
    expect(Array.from(none, Number.isNaN)).toEqual([false, true, false, false, false, false]);
    const [value, { x }] = loss.valueAndGrad(z, CLASSES, { ...all, reduction: 'sum' });
    expect(value).toBeNaN();
    const nan = Array.from(x as Float64Array, Number.isNaN);
    expect(nan).toEqual(nan.map((_, i) => Math.floor(i / N) === 1));
  });
});

test('the margin: 0 exactly from 1 / (alpha - 1) on, positive below', () => {
  for (const alpha of [1.25, 1.5, 2, 3]) {
    const margin = 1 / (alpha - 1);
    for (const [gap, zero] of [
      [margin, true],
      [margin + 1, true],
      [margin * 0.999, false],
    ] as const) {
      const [value, { x }] = entmaxLoss.valueAndGrad(Float64Array.of(1 + gap, 1, -3), [0], { alpha });
      if (zero) expect([value, ...x], `alpha ${alpha}, gap ${gap}`).toEqual([0, 0, 0, 0]);
      else expect(value).toBeGreaterThan(0);
    }
  }
});

test('label smoothing: L(z; (1 - e) k + e r) = L(z; k) + e (z_k - <r, z>) - H(q)', () => {
  const z = Float64Array.from(ROWS[0]!);
  const [smoothing, k] = [0.1, 3];
  const q = Float64Array.from(z, (_, j) => smoothing / N + (j === k ? 1 - smoothing : 0));
  for (const alpha of [1, 1.5, 2]) {
    const uniform = z.reduce((sum, score) => sum + score, 0) / N;
    const e = alpha - 1;
    const entropy = q.reduce((sum, p) => sum + (e === 0 ? -p * Math.log(p) : (p - p ** alpha) / (alpha * e)), 0);
    const wanted = entmaxLoss(z, [k], { alpha }) + smoothing * (z[k]! - uniform) - entropy;
    expect(entmaxLoss(z, q, { alpha })).toBeCloseTo(wanted, 12);
  }
});

test('a large vocabulary: the CSR gradient lists support and target only', () => {
  const V = 50_257;
  const z = new Float32Array(2 * V);
  for (let i = 0; i < z.length; i++) z[i] = ((i * 7919) % 1013) / 400;
  z[17] = 9;
  z[40_000] = 8.75;
  z[V + 50_000] = 12;
  const [value, { x }] = sparsemaxLoss.valueAndCsr(z, [5, 50_000], { shape: [2, V] });
  expect(Array.from(x.row(0).indices)).toEqual([5, 17, 40_000]);
  expect(Array.from(x.row(0).values)).toEqual([-0.5, 0.3125, 0.1875]);
  expect(value).toBeGreaterThan(3);
  // The second row is beyond its margin: its gradient is 0, at the target.
  expect(Array.from(x.row(1).values)).toEqual([0]);
});

test('alpha for each row has a gradient for each row, and a block its own shape', () => {
  const alpha = Float64Array.of(1, 1.2, 1.5, 2, 2.5, 1.7);
  const wanted = Array.from(alpha, (each, r) => {
    const row = Float64Array.from(ROWS[r]!);
    const step = 1e-6;
    const above = entmaxLoss(row, [CLASSES[r]!], { alpha: each + step });
    return (
      (above - entmaxLoss(row, [CLASSES[r]!], { alpha: Math.max(1, each - step) })) / (each === 1 ? step : 2 * step)
    );
  });
  const [, bare] = entmaxLoss.valueAndGrad(Z, CLASSES, { ...SHAPE, alpha, reduction: 'sum' });
  expect(bare.alpha).toBeInstanceOf(Float64Array);
  expect(errorOf(bare.alpha, wanted)).toBeLessThan(1e-5);
  const block = { data: alpha, shape: [6, 1] };
  const [, shaped] = entmaxLoss.valueAndGrad({ data: Z, shape: [6, N] }, CLASSES, { alpha: block, reduction: 'sum' });
  expect(shaped.alpha).toEqual({ data: bare.alpha, shape: [6, 1] });
});

test('forms go out as they came in, Tensors without a trace', () => {
  const nested = softmaxLoss.valueAndGrad(
    [
      [1, 2],
      [3, 0],
    ],
    [0, 1],
  )[1].x;
  expect(nested).toHaveLength(2);
  expect(nested[0]![0]).toBeCloseTo(-0.3655292893, 9);
  const { used } = runtimeInfo().memory;
  const scores = tensor(Float32Array.from(Z), [6, N]);
  const [losses, pullback] = sparsemaxLoss.vjp(scores, CLASSES);
  expect(losses).toBeInstanceOf(Tensor);
  expect(losses.shape).toEqual([6]);
  const { x } = pullback(losses);
  expect(x.shape).toEqual([6, N]);
  for (const each of [scores, losses, x]) each.dispose();
  pullback.dispose();
  expect(runtimeInfo().memory.used).toBe(used);
});
