/** Gradients of attention in float32 and float64 against the dense reference, at sizes around every block and panel. */

import { describe, expect, test } from 'vitest';
import { attention } from 'entmax/attention';
import { attentionReference } from '../oracle/attention.ts';
import { attentionGradients } from '../oracle/attention-gradients.ts';
import type { FloatType } from '../oracle/compare.ts';
import { callOf, CASES } from './gradient-cases.ts';
import type { GradientCase, Nd, UntypedVjp } from './gradient-cases.ts';
import { sizes } from './problems.ts';

const TOLERANCE = { float32: 2e-5, float64: 1e-11 };

/** Relative to the largest entry, or 1. */
function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what: string): void {
  expect(got).toHaveLength(expected.length);
  const size = Array.from(expected).reduce((most, each) => Math.max(most, Math.abs(each)), 1);
  for (let at = 0; at < expected.length; at++) {
    const error = Math.abs(got[at]! - expected[at]!) / size;
    if (!(error <= tolerance)) expect.fail(`${what}[${at}]: ${got[at]} for ${expected[at]}`);
  }
}

function agrees(each: GradientCase, dtype: FloatType, spread = 1): void {
  const call = callOf(each, dtype, 5, spread);
  const [output, pullback] = (attention as unknown as UntypedVjp).vjp(...call.blocks, call.options);
  const { bias } = call.options;
  expectClose((output as Nd).data, attentionReference(call).output, TOLERANCE[dtype], 'output');
  const got = pullback(call.dout, ['q', 'k', 'v', 'alpha', ...(bias ? ['bias'] : [])]);
  const expected = attentionGradients(call, call.dout.data);
  for (const name of ['q', 'k', 'v'] as const) {
    expectClose((got[name] as Nd).data, expected[name], TOLERANCE[dtype], name);
  }
  if (bias) {
    expect((got['bias'] as Nd).shape).toEqual(bias.shape);
    expectClose((got['bias'] as Nd).data, expected.bias, TOLERANCE[dtype], 'bias');
  }
  // A sum over all queries whose parts may cancel.
  expectClose(got['alpha'] as number[], expected.alpha, 10 * TOLERANCE[dtype], 'alpha');
}

const EDGES = [1, 2, 15, 16, 17, 31, 33, 64, 65, 127, 128, 129];
const edges = EDGES.map((keys, at) => {
  const queries = EDGES[(at + 5) % EDGES.length]!;
  return {
    name: `${queries} queries, ${keys} keys`,
    size: sizes(1, [3, 1], queries, keys, 4 * (1 + (at % 8)), 4 * (1 + ((3 * at) % 8))),
    options: { alpha: [1, 1.5, 2] },
  };
});

describe.each(['float32', 'float64'] as const)('%s', (dtype) => {
  test.each(CASES)('$name', (each) => agrees(each, dtype));
  test.each(edges)('$name', (each) => agrees(each, dtype));

  test('supports of hundreds of entries', () => {
    const options = { alpha: [1, 1.1, 1.5, 2] };
    agrees({ name: '', size: sizes(1, [4, 2], 40, 700, 16), options }, dtype, 0.2);
  });

  test('more queries of softmax than a block of dense rows holds', () => {
    // Rows of 20 000 keys: 64 queries at a time.
    agrees({ name: '', size: sizes(1, [2, 1], 70, 20_000, 4), options: { alpha: [1, 1.5] } }, dtype);
  });
});
