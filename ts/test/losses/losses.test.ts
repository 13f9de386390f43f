/** Every loss and its gradients against the float64 references: sizes, axes, element types, masks, targets of both kinds. */

import { describe, expect, test } from 'vitest';
import { AXES, floats, laidOut, ROWS, rowsOf } from '../oracle/layouts.ts';
import type { Axis, Floats } from '../oracle/layouts.ts';
import type { FloatType } from '../oracle/compare.ts';
import type { Csr } from 'entmax';
import { LOSSES, sixClasses, sixDistributions, sixRows } from './cases.ts';
import type { LossCase } from './cases.ts';

const SIZES = [1, 2, 5, 16, 17, 33, 129, 300, 1031];
/** Relative to max(1, loss); of gradients, whose entries are differences of probabilities, absolute. */
const TOLERANCE: Readonly<Record<FloatType, number>> = { float32: 2e-6, float64: 2e-13 };

interface Batch {
  readonly rows: readonly number[][];
  readonly masks: readonly number[][];
  readonly classes: readonly number[];
  readonly distributions: readonly number[][];
}

/** Rows of n of which some scores do not count, but the targets' do. */
function batchOf(n: number): Batch {
  const classes = sixClasses(n, 3 * n + 1);
  const distributions = sixDistributions(n, 5 * n + 2);
  const masks = distributions.map((q, row) =>
    q.map((each, j) => (each > 0 || j === classes[row] || (j * 7 + row) % 5 > 0 ? 1 : 0)),
  );
  return { rows: sixRows(n, n + 11), masks, classes, distributions };
}

/** Losses and gradients of all rows, from the reference, with weights. */
function expected(loss: LossCase, batch: Batch, target: 'class' | 'distribution', weights: readonly number[]) {
  const total = weights.reduce((sum, each) => sum + each, 0);
  const results = batch.rows.map((row, r) =>
    loss.reference(row, target === 'class' ? batch.classes[r]! : batch.distributions[r]!, {
      mask: batch.masks[r],
      temperature: 0.7,
    }),
  );
  const scale = (r: number): number => weights[r]! / total;
  return {
    value: results.reduce((sum, { value }, r) => sum + (weights[r] === 0 ? 0 : scale(r) * value), 0),
    x: results.map(({ x }, r) => Array.from(x, (each) => (weights[r] === 0 ? 0 : each * scale(r)))),
    parameter: [0, 1].map((side) => results.reduce((sum, { parameter }, r) => sum + scale(r) * parameter[side]!, 0)),
    losses: results.map(({ value }) => value),
  };
}

const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a, (each, i) => Math.abs(each - b[i]!)).reduce((most, each) => Math.max(most, each), 0);

const dense = (gradient: unknown): Floats => gradient as Floats;

function setting(batch: Batch, n: number, dtype: FloatType, axis: Axis, target: 'class' | 'distribution') {
  const options = {
    shape: axis.shape(n),
    axis: axis.axis,
    mask: Uint8Array.from(laidOut(batch.masks, axis)),
    temperature: 0.7,
  };
  return {
    z: floats(dtype, laidOut(batch.rows, axis)),
    targets: target === 'class' ? Int32Array.from(batch.classes) : floats(dtype, laidOut(batch.distributions, axis)),
    options,
  };
}

describe.each(LOSSES)('$name', (loss) => {
  describe.each(['float32', 'float64'] as const)('%s', (dtype) => {
    const tolerance = TOLERANCE[dtype];

    test.each(['class', 'distribution'] as const)('value and gradients for a %s, every size and axis', (target) => {
      for (const n of SIZES) {
        const batch = batchOf(n);
        const wanted = expected(loss, batch, target, new Array<number>(ROWS).fill(1));
        for (const axis of AXES) {
          const { z, targets, options } = setting(batch, n, dtype, axis, target);
          const [value, gradient] = loss.loss.valueAndGrad(z, targets, { ...loss.options, ...options });
          // The budget's loss is not shift invariant: scores around 1400 cost the reference three digits.
          const shifted = loss.parameter === 'budget' && dtype === 'float64' ? 1000 : 1;
          const error = Math.abs(value - wanted.value) / Math.max(1, wanted.value);
          expect(error, `n = ${n}, ${axis.name}`).toBeLessThan(shifted * tolerance);
          rowsOf(dense(gradient['x']), axis, n).forEach((row, r) =>
            expect(distance(row, wanted.x[r]!), `n = ${n}, ${axis.name}, row ${r}`).toBeLessThan(tolerance),
          );
          if (loss.parameter) {
            const slope = gradient[loss.parameter] as number;
            const [low, high] = wanted.parameter as [number, number];
            const room = 10 * tolerance * Math.max(1, Math.abs(slope));
            expect(slope, `n = ${n}`).toBeGreaterThan(low - room);
            expect(slope, `n = ${n}`).toBeLessThan(high + room);
          }
        }
      }
    });

    test('all forms agree: the value bit for bit, the gradient as CSR and from the pullback', () => {
      for (const n of SIZES) {
        for (const target of ['class', 'distribution'] as const) {
          const axis = AXES[n % AXES.length]!;
          const { z, targets, options } = setting(batchOf(n), n, dtype, axis, target);
          const all = { ...loss.options, ...options, reduction: 'sum' };
          const [value, { x }] = loss.loss.valueAndGrad(z, targets, all);
          expect(loss.loss(z, targets, all)).toBe(value);
          const [csrValue, { x: csr }] = loss.loss.valueAndCsr(z, targets, all);
          expect(csrValue).toBe(value);
          expect(dense((csr as Csr).toDense())).toEqual(dense(x).map((each) => each + 0));
          const rows = loss.loss(z, targets, { ...loss.options, ...options, reduction: 'none' }) as Floats;
          const [losses, pullback] = loss.loss.vjp(z, targets, { ...loss.options, ...options });
          expect(losses).toEqual(rows);
          const ones = floats(dtype, new Array<number>(ROWS).fill(1));
          expect(dense(pullback(ones)['x'])).toEqual(dense(x).map((each) => each + 0));
          const some = floats(dtype, [2, 0, -1, 0.5, 1, 4]);
          const scaled = rowsOf(dense(pullback(some)['x']), axis, n);
          rowsOf(dense(x), axis, n).forEach((row, r) =>
            expect(
              distance(
                scaled[r]!,
                row.map((each) => each * some[r]!),
              ),
            ).toBeLessThan(1e-6),
          );
        }
      }
    });
  });

  test('a Hessian-vector product is the difference of gradients', () => {
    const n = 9;
    const batch = batchOf(n);
    const axis = AXES[1]!;
    const { z, targets, options } = setting(batch, n, 'float64', axis, 'class');
    const all = { ...loss.options, ...options };
    const v = Float64Array.from(z, (_, i) => ((i * 13) % 7) / 7 - 0.4);
    const at = (step: number): Floats =>
      dense(
        loss.loss.valueAndGrad(
          z.map((each, i) => each + step * v[i]!),
          targets,
          all,
        )[1]['x'],
      );
    const product = dense(loss.loss.hvp(z, targets, v, all));
    const step = 1e-6;
    const [above, below] = [at(step), at(-step)];
    const difference = product.map((_, i) => (above[i]! - below[i]!) / (2 * step));
    // Uniform over the maxima: piecewise constant, so its derivative is 0 and tied rows jump.
    if (loss.name.endsWith('Infinity')) {
      expect(product).toEqual(new Float64Array(product.length));
      return;
    }
    expect(product.some((each) => Math.abs(each) > 0.01)).toBe(true);
    // Above 2 the map is steep next to zero, and differences of rows with small probabilities say little.
    if (!loss.name.endsWith('3.5')) expect(distance(product, difference)).toBeLessThan(1e-5);
  });
});
