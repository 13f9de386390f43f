/** Where a loss writes the gradient of its scores: to an array or tensor of the caller's, the scores or distributions themselves among them. */

import { describe, expect, test } from 'vitest';
import { scope, tensor } from 'entmax';
import { floats } from '../oracle/layouts.ts';
import type { Floats } from '../oracle/layouts.ts';
import { LOSSES, sixClasses, sixDistributions, sixRows } from './cases.ts';

describe.each(LOSSES)('$name', ({ loss, options }) => {
  test.each(['float32', 'float64'] as const)('%s: the same bits wherever the gradient lies', (dtype) => {
    // Rows that are solved together, by themselves, and (along the first axis) in tiles.
    for (const n of [7, 40, 600]) {
      for (const [shape, axis] of [
        [[6, n], 1],
        [[n, 6], 0],
      ] as const) {
        const z = floats(dtype, sixRows(n, 3).flat());
        const q = floats(dtype, sixDistributions(n, 2).flat());
        const given = { ...options, axis, temperature: 0.7 };
        for (const target of [Int32Array.from(sixClasses(n, 1)), q]) {
          const [value, { x }] = loss.valueAndGrad(z, target, { ...given, shape });
          const check = (
            [own, gradients]: [number, Record<string, unknown>],
            out: unknown,
            read: () => Floats,
          ): void => {
            expect(own).toBe(value);
            expect(gradients['x']).toBe(out);
            expect(read()).toEqual(x);
          };
          const place = z.slice();
          check(loss.valueAndGrad(place, target, { ...given, shape, out: place }), place, () => place);
          scope(() => {
            const distributions = target === q ? tensor<Floats>(q, shape) : undefined;
            for (const isTarget of distributions ? [false, true] : [false]) {
              const scores = tensor<Floats>(z, shape);
              const out = isTarget ? distributions! : scores;
              const result = loss.valueAndGrad(scores, distributions ?? target, { ...given, out });
              check(result, out, () => out.toTypedArray());
            }
          });
        }
      }
    }
  });
});
