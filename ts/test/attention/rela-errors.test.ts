/** Bad input of relaAttention: what it does not share with attention, refused by every form before anything is written. */

import { describe, expect, test } from 'vitest';
import { EntmaxError, zeros } from 'entmax';
import { untypedRela } from './rela-problems.ts';

const block = (...shape: number[]): { data: Float32Array; shape: number[] } => ({
  data: new Float32Array(shape.reduce((size, length) => size * length, 1)),
  shape,
});
/** B 2, H 4, G 2, N 3, M 5, D 4, E 6. */
const INPUTS = [block(2, 4, 3, 4), block(2, 2, 5, 4), block(2, 2, 5, 6)] as const;
const ONES = new Float32Array(24).fill(1);

type Case = readonly [name: string, options: () => unknown, code: string, expected: RegExp, got: RegExp];

const CASES: readonly Case[] = [
  [
    'alpha',
    () => ({ alpha: 2 }),
    'ENTMAX_OPTION',
    /\(alpha is an option of attention: here weights are the/,
    /^"alpha"$/,
  ],
  ['topk', () => ({ topk: 3 }), 'ENTMAX_OPTION', /\(topk is an option of attention/, /^"topk"$/],
  ['gamma', () => ({ gamma: ONES }), 'ENTMAX_OPTION', /\(gamma is gain\)$/, /^"gamma"$/],
  ['epsilon', () => ({ epsilon: 1e-8 }), 'ENTMAX_OPTION', /\(epsilon is eps\)$/, /^"epsilon"$/],
  ['is_causal', () => ({ is_causal: true }), 'ENTMAX_OPTION', /\(is_causal is isCausal\)$/, /^"is_causal"$/],
  [
    'a misspelt name',
    () => ({ gian: ONES }),
    'ENTMAX_OPTION',
    /^options among gain, gate, eps, scale, [^(]*$/,
    /^"gian"$/,
  ],
  ['gate without gain', () => ({ gate: ONES }), 'ENTMAX_OPTION', /^gain beside gate \(ones/, /^no gain$/],
  ['eps without gain', () => ({ eps: 1e-6 }), 'ENTMAX_OPTION', /^gain beside eps \(ones/, /^no gain$/],
  ['a gain too short', () => ({ gain: ONES.slice(1) }), 'ENTMAX_SHAPE', /^gain of shape \[24\]$/, /^\[23\]$/],
  ['a gain of one head', () => ({ gain: [1, 1, 1, 1, 1, 1] }), 'ENTMAX_SHAPE', /^gain of shape \[24\]$/, /^\[6\]$/],
  ['a gain of two axes', () => ({ gain: block(4, 6) }), 'ENTMAX_SHAPE', /^gain of shape \[24\]$/, /^\[4, 6\]$/],
  ['a gain that is a number', () => ({ gain: 1 }), 'ENTMAX_SHAPE', /^gain as Float32Array/, /^1$/],
  ['a gain of float64', () => ({ gain: new Float64Array(24) }), 'ENTMAX_DTYPE', /^gain of float32$/, /^float64$/],
  [
    'a gate too long',
    () => ({ gain: ONES, gate: new Float32Array(25) }),
    'ENTMAX_SHAPE',
    /^gate of shape \[24\]$/,
    /^\[25\]$/,
  ],
  [
    'a disposed gate',
    () => {
      const gate = zeros([24]);
      gate.dispose();
      return { gain: ONES, gate };
    },
    'ENTMAX_DISPOSED',
    /^a live tensor$/,
    /^a disposed one/,
  ],
  ['eps 0', () => ({ gain: ONES, eps: 0 }), 'ENTMAX_OPTION', /^eps to be finite and > 0$/, /^0$/],
  ['eps NaN', () => ({ gain: ONES, eps: NaN }), 'ENTMAX_OPTION', /^eps to be finite and > 0$/, /^NaN$/],
  ['eps as text', () => ({ gain: ONES, eps: '1' }), 'ENTMAX_OPTION', /^eps to be finite and > 0$/, /^"1"$/],
  ['another layout', () => ({ layout: 'NHD' }), 'ENTMAX_OPTION', /^layout to be/, /^"NHD"$/],
  ['options that are an array', () => [ONES], 'ENTMAX_OPTION', /^an object of options such as \{ eps/, /^\[/],
];

const FORMS: Readonly<Record<string, (...args: [unknown, unknown, unknown, unknown]) => unknown>> = {
  relaAttention: untypedRela,
  'relaAttention.inspect': (...args) => untypedRela.inspect(...args),
  'relaAttention.vjp': (...args) => untypedRela.vjp(...args),
  'relaAttention.async': untypedRela.async,
  'relaAttention.async.inspect': (...args) => untypedRela.async.inspect(...args),
  'relaAttention.async.vjp': (...args) => untypedRela.async.vjp(...args),
};

describe.each(Object.entries(FORMS))('%s', (op, run) => {
  test.each(CASES)('%s', async (_, options, code, expected, got) => {
    const given = options();
    const out = new Float32Array(144).fill(7);
    const hasOut = !Array.isArray(given) && !/inspect|vjp/.test(op);
    let error: unknown;
    try {
      await run(...INPUTS, hasOut ? { ...(given as object), out } : given);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(EntmaxError);
    const { expected: wanted, got: had } = error as EntmaxError;
    expect(error).toMatchObject({ code, op });
    expect(wanted).toMatch(expected);
    expect(had).toMatch(got);
    expect(out.every((each) => each === 7)).toBe(true);
  });
});

test('a decoding form is not among its forms', () => {
  expect(untypedRela).not.toHaveProperty('decode');
});
