/** The loss of normmax beyond what all losses have in common (ts/test/losses): margin, convexity, stability, edges. */

import { afterAll, describe, expect, test } from 'vitest';
import { init, runtimeInfo, shutdown, tensor, zeros } from 'entmax';
import { normmax, normmaxLoss } from 'entmax/regularised';
import { bitsOf, errorOf } from '../oracle/compare.ts';
import { norm, normmaxLossReference } from '../oracle/normmax.ts';
import { randomFrom } from '../oracle/random.ts';

const ALPHAS = [1.05, 1.3, 1.5, 2, 4, 64, Infinity];

const rowOf = (n: number, seed: number, scale = 1): Float64Array => {
  const random = randomFrom(seed);
  return Float64Array.from({ length: n }, () => scale * random.normal());
};

afterAll(() => shutdown());

test('the value of MATH.md §21: 1 + tau - z_k', () => {
  const z = [0.5, 1.2, -0.3, 2, 1.9];
  expect(normmaxLoss(z, [1], { alpha: 2 })).toBeCloseTo(1 + 1.244663201 - 1.2, 8);
  expect(normmaxLoss(z, [1])).toBe(normmaxLoss(z, [1], { alpha: 2 }));
});

test('the margin: 0 exactly from a lead of 1 on, whatever alpha, and positive below', () => {
  for (const alpha of ALPHAS) {
    for (const temperature of [1, 0.5, 4]) {
      for (const others of [[0], [0, -1], [0, 0, 0, -0.5]]) {
        for (const lead of [1, 1.25, 3, 1e6]) {
          const z = Float64Array.of(0.125 + temperature * lead, ...others.map((each) => 0.125 + each));
          const [value, { x, alpha: slope }] = normmaxLoss.valueAndGrad(z, [0], { alpha, temperature });
          expect([value, ...x, slope].map(Math.abs), `alpha ${alpha}, lead ${lead}`).toEqual([0, ...z, 0].map(() => 0));
        }
        // Close to alpha = 1 the loss falls like the power 1 / (alpha - 1) of what the lead lacks.
        const z = Float64Array.of(temperature * 0.7, ...others);
        const [value, { x }] = normmaxLoss.valueAndGrad(z, [0], { alpha, temperature });
        expect(value, `alpha ${alpha}`).toBeGreaterThan(0);
        expect(x[0]).toBeLessThan(0);
      }
    }
  }
});

test('it is convex in z, and lies above its tangents', () => {
  for (const alpha of ALPHAS) {
    for (let seed = 1; seed <= 20; seed++) {
      const n = 1 + (seed % 9);
      const [a, b] = [rowOf(n, seed), rowOf(n, 100 + seed, 2)];
      const weights = rowOf(n, 200 + seed).map(Math.abs);
      const total = weights.reduce((sum, each) => sum + each, 0);
      for (const target of [Int32Array.of(seed % n), weights.map((each) => each / total)]) {
        const [at, { x }] = normmaxLoss.valueAndGrad(a, target, { alpha });
        const there = normmaxLoss(b, target, { alpha });
        for (const t of [0.1, 0.5, 0.9]) {
          const between = normmaxLoss(
            a.map((each, j) => (1 - t) * each + t * b[j]!),
            target,
            { alpha },
          );
          expect(between).toBeLessThanOrEqual((1 - t) * at + t * there + 1e-14);
        }
        const tangent = x.reduce((sum, slope, j) => sum + slope * (b[j]! - a[j]!), at);
        expect(there).toBeGreaterThanOrEqual(tangent - 1e-14);
      }
    }
  }
});

test('p itself as a target has the loss 0 and the gradient 0', () => {
  for (const alpha of ALPHAS) {
    for (const n of [1, 2, 17, 300]) {
      const z = rowOf(n, n, 0.4);
      const [value, { x }] = normmaxLoss.valueAndGrad(z, normmax(z, { alpha }), { alpha });
      expect(value).toBeLessThan(1e-14);
      expect(x).toEqual(new Float64Array(n));
    }
  }
});

test('label smoothing: L(z; (1 - e) k + e r) = L(z; k) + e (z_k - <r, z>) + ||q|| - 1', () => {
  const [n, k, smoothing] = [40, 7, 0.1];
  const z = rowOf(n, 3);
  const q = z.map((_, j) => smoothing / n + (j === k ? 1 - smoothing : 0));
  const mean = z.reduce((sum, each) => sum + each, 0) / n;
  for (const alpha of ALPHAS) {
    const wanted = normmaxLoss(z, [k], { alpha }) + smoothing * (z[k]! - mean) + norm(q, alpha) - 1;
    expect(normmaxLoss(z, q, { alpha })).toBeCloseTo(wanted, 13);
  }
});

describe.each([Float32Array, Float64Array])('%o', (Numbers) => {
  test('targets far outside of the support keep all digits, next to scores of any size', () => {
    for (const alpha of ALPHAS) {
      for (const scale of [1e-30, 1, 1e4, 1e30]) {
        const z = Numbers.from([3, -1, 2.75, 3, -40].map((each) => each * scale));
        for (const k of [0, 1, 2, 4]) {
          const wanted = normmaxLossReference(z, k, alpha).value;
          expect(Math.abs(normmaxLoss(z, [k], { alpha }) - wanted)).toBeLessThanOrEqual(2e-15 * Math.max(1, wanted));
        }
      }
    }
  });

  test('a shift of all scores that is exact changes nothing, bit for bit', () => {
    const z = new Numbers(rowOf(33, 5).map((each) => Math.round(each * 64) / 64));
    const target = Int32Array.of(4);
    for (const alpha of ALPHAS) {
      const moved = z.map((each) => each + 1024);
      expect(normmaxLoss.valueAndGrad(moved, target, { alpha })).toEqual(
        normmaxLoss.valueAndGrad(z, target, { alpha }),
      );
    }
  });

  test('-Infinity is not there; as a target it costs Infinity, with gradient 0', () => {
    const z = Numbers.of(0.5, -Infinity, 0.75, -Infinity, 0.25);
    const rest = Numbers.of(0.5, 0.75, 0.25);
    for (const alpha of ALPHAS) {
      const [value, { x }] = normmaxLoss.valueAndGrad(z, [2], { alpha });
      const [alone, { x: dx }] = normmaxLoss.valueAndGrad(rest, [1], { alpha });
      expect([value, x[1], x[3]]).toEqual([alone, 0, 0]);
      expect([x[0], x[2], x[4]]).toEqual([...dx]);
      const none = new Numbers(5);
      for (const target of [[1], Numbers.of(0.5, 0.25, 0.25, 0, 0)]) {
        const gone = normmaxLoss.valueAndGrad(z, target, { alpha });
        expect(gone).toEqual([Infinity, { x: none, alpha: 0 }]);
        expect([...normmaxLoss.valueAndCsr(z, target, { alpha })[1].x.indices]).toEqual([]);
      }
      expect(normmaxLoss.valueAndGrad(new Numbers(5).fill(-Infinity), [1], { alpha })[0]).toBe(Infinity);
    }
  });

  test('+Infinity: a target among these has the loss of equal scores, any other Infinity', () => {
    for (const alpha of ALPHAS) {
      const z = Numbers.of(1, Infinity, 2, Infinity, Infinity);
      const equal = normmaxLoss.valueAndGrad(new Numbers(3), [0], { alpha });
      const [value, { x, alpha: slope }] = normmaxLoss.valueAndGrad(z, [3], { alpha });
      expect(value).toBeCloseTo(equal[0], 14);
      expect(slope).toBeCloseTo(equal[1].alpha, 14);
      const third = Numbers.of(1 / 3)[0]!;
      expect(x).toEqual(Numbers.of(0, third, 0, third - 1, third));
      expect(normmaxLoss(z, Numbers.of(0, 0.5, 0, 0.25, 0.25), { alpha })).toBeGreaterThan(0);
      expect(normmaxLoss.valueAndGrad(z, [0], { alpha })).toEqual([Infinity, { x: new Numbers(5), alpha: 0 }]);
      expect(normmaxLoss(z, Numbers.of(0.5, 0.5, 0, 0, 0), { alpha })).toBe(Infinity);
    }
  });

  test('rows of one score cost nothing, rows of none are no rows', () => {
    expect(normmaxLoss.valueAndGrad(Numbers.of(3), [0])).toEqual([0, { x: Numbers.of(0), alpha: 0 }]);
    expect(normmaxLoss(new Numbers(0), [], { shape: [0, 4] })).toBe(0);
    expect(normmaxLoss.valueAndGrad(new Numbers(0), new Int32Array(0), { shape: [0, 4] })[1].x).toEqual(new Numbers(0));
  });
});

test('a large vocabulary: the CSR gradient lists support and target only, with the thresholds of the map', () => {
  const V = 50_257;
  const z = Float32Array.from({ length: 2 * V }, (_, i) => ((i * 7919) % 1013) / 400);
  [z[17], z[40_000], z[V + 50_000]] = [9, 8.75, 12];
  const options = { shape: [2, V], alpha: 1.5 };
  const [value, { x, alpha }] = normmaxLoss.valueAndCsr(z, [5, 50_000], options);
  expect([...x.row(0).indices]).toEqual([5, 17, 40_000]);
  const { x: wanted } = normmaxLossReference(z.subarray(0, V), 5, 1.5);
  expect(errorOf(x.row(0).values, [wanted[5]! / 2, wanted[17]! / 2, wanted[40_000]! / 2])).toBeLessThan(1e-7);
  // The second row is beyond its margin: its gradient is 0, at the target.
  expect([...x.row(1).indices, ...x.row(1).values]).toEqual([50_000, 0]);
  expect([value, alpha]).toEqual([
    normmaxLoss(z, [5, 50_000], options),
    normmaxLoss.valueAndGrad(z, [5, 50_000], options)[1].alpha,
  ]);
  expect([...x.thresholds]).toEqual([...normmax.support(z, options).thresholds]);
});

test('alpha for each row has a gradient for each row, and a block its own shape', () => {
  const [rows, n] = [5, 12];
  const z = rowOf(rows * n, 8, 0.5);
  const classes = Int32Array.of(3, 0, 11, 5, 7);
  const alpha = Float64Array.of(1.1, 1.5, 2, 3, Infinity);
  const options = { shape: [rows, n], reduction: 'sum' as const };
  const wanted = Array.from(
    alpha,
    (each, r) => normmaxLossReference(z.subarray(r * n, r * n + n), classes[r]!, each).alpha,
  );
  const [, bare] = normmaxLoss.valueAndGrad(z, classes, { ...options, alpha });
  expect(errorOf(bare.alpha, wanted)).toBeLessThan(1e-14);
  const [, shaped] = normmaxLoss.valueAndGrad({ data: z, shape: [rows, n] }, classes, {
    reduction: 'sum',
    alpha: { data: alpha, shape: [rows, 1] },
  });
  expect(shaped.alpha).toEqual({ data: bare.alpha, shape: [rows, 1] });
  expect(() => normmaxLoss(z, classes, { ...options, alpha: [2, 2, 1, 2, 2] })).toThrow(
    /^normmaxLoss: expected alpha > 1, got 1 in row 2$/,
  );
});

test('on threads, from tensors and in place the same bits, and no tensor is left behind', async () => {
  const [rows, n] = [700, 129];
  const z = Float32Array.from(rowOf(rows * n, 4));
  const classes = Int32Array.from({ length: rows }, (_, r) => (r * 37) % n);
  const options = { alpha: 1.7 };
  const digest = async (): Promise<string[]> => {
    const { used } = runtimeInfo().memory;
    const scores = tensor(z, [rows, n]);
    const out = zeros([rows, n]);
    const [value, gradients] = await normmaxLoss.async.valueAndGrad(scores, classes, { ...options, out });
    const [losses, pullback] = await normmaxLoss.async.vjp(scores, classes, options);
    const { x } = await pullback(losses);
    const [csrValue, csr] = await normmaxLoss.async.valueAndCsr(scores, classes, options);
    const product = await normmaxLoss.async.hvp(scores, classes, scores, options);
    const bits = [value, gradients.alpha, csrValue, csr.alpha].map(String);
    for (const each of [out, losses, x, product]) bits.push(bitsOf(each.toTypedArray()));
    bits.push(bitsOf(csr.x.values), csr.x.indices.join());
    for (const each of [scores, out, losses, x, product]) each.dispose();
    pullback.dispose();
    expect(runtimeInfo().memory.used).toBe(used);
    return bits;
  };
  await shutdown();
  await init({ threads: 1 });
  const alone = await digest();
  await shutdown();
  await init({ threads: 3 });
  expect(await digest()).toEqual(alone);
});
