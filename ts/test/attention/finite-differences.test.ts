/** Every gradient of attention against central differences in float64. The output is smooth except where a support changes. */

import { afterAll, describe, expect, test } from 'vitest';
import { attention } from 'entmax/attention';
import type { Floats } from '../oracle/layouts.ts';
import { difference } from './differences.ts';
import type { Numbers } from './differences.ts';
import { callOf, CASES } from './gradient-cases.ts';
import type { Call, GradientCase, UntypedVjp } from './gradient-cases.ts';

const count = { compared: 0, leftOut: 0 };

function value({ blocks, options, dout }: Call): number {
  const { data } = attention(...blocks, options as object) as { data: Float64Array };
  return data.reduce((sum, each, at) => sum + each * dout.data[at]!, 0);
}

function differentiates(each: GradientCase): void {
  const call = callOf(each, 'float64', 11);
  const { bias, alpha } = call.options;
  const [, pullback] = (attention as unknown as UntypedVjp).vjp(...call.blocks, call.options);
  const gradients = pullback(call.dout, ['q', 'k', 'v', 'alpha', ...(bias ? ['bias'] : [])]);
  const inputs: Record<string, Numbers> = { q: call.q, k: call.k, v: call.v, alpha: alpha as number[] };
  if (bias) inputs['bias'] = bias.data;
  for (const [name, values] of Object.entries(inputs)) {
    const gradient = gradients[name] as number[] | { data: Floats };
    const got = Array.isArray(gradient) ? gradient : gradient.data;
    expect(got).toHaveLength(values.length);
    for (let at = 0; at < values.length; at++) {
      // alpha = 1 has one side.
      const expected = difference(() => value(call), values, at, values === alpha && values[at] === 1);
      if (expected === undefined) {
        count.leftOut++;
        continue;
      }
      count.compared++;
      const error = Math.abs(got[at]! - expected) / Math.max(1, Math.abs(expected));
      expect(error, `${name}[${at}]: ${got[at]} for ${expected}`).toBeLessThan(2e-6);
    }
  }
}

describe('the gradients are the derivatives', () => {
  test.each(CASES)('$name', differentiates);
});

afterAll(() => {
  console.log(`${count.compared} differences, ${count.leftOut} left out`);
  expect(count.compared).toBeGreaterThan(2000);
  expect(count.leftOut).toBeLessThan(0.02 * count.compared);
});
