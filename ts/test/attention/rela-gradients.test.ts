/** Gradients of relaAttention: central differences, the dense reference in both types, forms, threads, what a pullback owns. */

import { afterAll, describe, expect, test } from 'vitest';
import { init, runtimeInfo, shutdown, Tensor, tensor } from 'entmax';
import type { FloatType } from '../oracle/compare.ts';
import { expectSameBits } from '../oracle/layouts.ts';
import type { Floats } from '../oracle/layouts.ts';
import { relaGradients, relaReference } from '../oracle/rela.ts';
import { difference } from './differences.ts';
import type { Numbers } from './differences.ts';
import { callOf, CASES } from './gradient-cases.ts';
import type { Call, GradientCase, Nd } from './gradient-cases.ts';
import { attend, sizes } from './problems.ts';
import { normOf, NORMS, untypedRela, withoutMap } from './rela-problems.ts';
import type { DrawnNorm, NormName } from './rela-problems.ts';

/** Relative to the largest number of a gradient, or 1. */
const TOLERANCE = { float32: 2e-5, float64: 1e-12 };

const ONE_MAP = CASES.filter(({ name }) => !name.startsWith('alpha') && !name.startsWith('top-k'));

interface RelaCall extends Call {
  readonly norm: DrawnNorm;
}

function relaCallOf(each: GradientCase, name: NormName, dtype: FloatType, seed: number): RelaCall {
  const call = callOf(each, dtype, seed);
  return { ...call, options: withoutMap(call).options, norm: normOf(call, name, dtype) };
}

const namesOf = ({ norm, options }: RelaCall): string[] => [
  ...['q', 'k', 'v'],
  ...(norm.gain ? ['gain'] : []),
  ...(norm.gate ? ['gate'] : []),
  ...(options.bias ? ['bias'] : []),
];

function gradientsOf(call: RelaCall, wrt = namesOf(call)): Record<string, unknown> {
  return untypedRela.vjp(...call.blocks, { ...call.options, ...call.norm })[1](call.dout, wrt);
}

const dataOf = (value: unknown): Floats => {
  if (value instanceof Tensor) return value.toTypedArray() as Floats;
  if (ArrayBuffer.isView(value)) return value as Floats;
  return Array.isArray(value) ? Float64Array.from(value.flat(9) as number[]) : (value as Nd).data;
};

function expectSameGradients(got: Record<string, unknown>, expected: Record<string, unknown>, what: string): void {
  expect(Object.keys(got)).toEqual(Object.keys(expected));
  for (const name of Object.keys(got)) expectSameBits(dataOf(got[name]), dataOf(expected[name]), `${what}: ${name}`);
}

const count = { compared: 0, leftOut: 0 };

describe.each(NORMS)('the gradients are the derivatives: %s', (norm) => {
  test.each(ONE_MAP)('$name', (each) => {
    const call = relaCallOf(each, norm, 'float64', 11);
    const gradients = gradientsOf(call);
    const { q, k, v, options } = call;
    const { gain, gate } = call.norm;
    const inputs: Record<string, Numbers | undefined> = { q, k, v, gain, gate, bias: options.bias?.data };
    const value = (): number => {
      const { data } = untypedRela(...call.blocks, { ...options, ...call.norm }) as { data: Float64Array };
      return data.reduce((sum, out, at) => sum + out * call.dout.data[at]!, 0);
    };
    for (const [name, gradient] of Object.entries(gradients)) {
      const [values, got] = [inputs[name]!, dataOf(gradient)];
      expect(got).toHaveLength(values.length);
      for (let at = 0; at < values.length; at++) {
        const expected = difference(value, values, at);
        count[expected === undefined ? 'leftOut' : 'compared']++;
        if (expected === undefined) continue;
        const error = Math.abs(got[at]! - expected) / Math.max(1, Math.abs(expected));
        expect(error, `${name}[${at}]: ${got[at]} for ${expected}`).toBeLessThan(1e-6);
      }
    }
  });
});

afterAll(() => {
  console.log(`${count.compared} differences, ${count.leftOut} left out`);
  expect(count.compared).toBeGreaterThan(2000);
  expect(count.leftOut).toBeLessThan(0.02 * count.compared);
});

const EDGES = [1, 15, 16, 17, 33, 65, 129];
const edges = EDGES.map((keys, at) => ({
  name: `${EDGES[(at + 3) % EDGES.length]!} queries, ${keys} keys`,
  size: sizes(1, [3, 1], EDGES[(at + 3) % EDGES.length]!, keys, 4 * (1 + at), 20 - at),
  options: {},
}));

describe.each(['float32', 'float64'] as const)('%s', (dtype) => {
  describe.each(NORMS)('%s', (norm) => {
    test.each([...ONE_MAP, ...edges])('$name', (each) => {
      const call = relaCallOf(each, norm, dtype, 5);
      const [output] = untypedRela.vjp(...call.blocks, { ...call.options, ...call.norm });
      const near = (got: ArrayLike<number>, expected: ArrayLike<number>, what: string): void => {
        expect(got).toHaveLength(expected.length);
        const size = Array.from(expected).reduce((most, value) => Math.max(most, Math.abs(value)), 1);
        for (let at = 0; at < expected.length; at++) {
          const error = Math.abs(got[at]! - expected[at]!) / size;
          if (!(error <= TOLERANCE[dtype])) expect.fail(`${what}[${at}]: ${got[at]} for ${expected[at]}`);
        }
      };
      near((output as Nd).data, relaReference(call, call.norm).output, 'output');
      expectSameBits((output as Nd).data, attend(call, call.norm, untypedRela), 'output');
      const expected = relaGradients(call, call.norm, call.dout.data);
      for (const [name, got] of Object.entries(gradientsOf(call))) {
        near(dataOf(got), expected[name as keyof typeof expected], name);
      }
    });
  });
});

const SIZES = sizes(2, [4, 2], 9, 11, 8, 12);
const MIXED: GradientCase = { name: 'mixed', size: SIZES, options: { isCausal: 'lowerRight' } };
const { blocks, dout, norm, options, ...rest } = relaCallOf(MIXED, 'a norm and a gate', 'float32', 3);
const call: RelaCall = { ...rest, blocks, dout, norm, options };
const given = { ...options, ...norm };
const expected = gradientsOf(call);

describe('forms', () => {
  test('by default there are gradients of q, k and v, and of gain and gate where there are any', () => {
    const names = (own: object): string[] => Object.keys(untypedRela.vjp(...blocks, own)[1](dout));
    expect(names({})).toEqual(['q', 'k', 'v']);
    expect(names({ gain: norm.gain })).toEqual(['q', 'k', 'v', 'gain']);
    expect(names(given)).toEqual(['q', 'k', 'v', 'gain', 'gate']);
    const [, pullback] = untypedRela.vjp(...blocks, {});
    for (const name of ['alpha', 'gain', 'gate', 'bias']) {
      expect(() => pullback(dout, [name])).toThrow(
        expect.objectContaining({ code: 'ENTMAX_OPTION', op: 'relaAttention.pullback' }),
      );
    }
  });

  test.each(['q', 'k', 'v', 'gain', 'gate'])('%s alone is what it is among all', (name) => {
    expectSameGradients(gradientsOf(call, [name]), { [name]: expected[name] }, 'alone');
  });

  test('gradients of gain and gate have the form of these', () => {
    const [gain, gate] = [Array.from(norm.gain!), { data: norm.gate!, shape: [48] }];
    const got = untypedRela.vjp(...blocks, { ...given, gain, gate })[1](dout);
    expect(Array.isArray(got['gain'])).toBe(true);
    expect((got['gate'] as Nd).shape).toEqual([48]);
    expectSameBits(Float32Array.from(got['gain'] as number[]), dataOf(expected['gain']), 'gain');
    expectSameBits(dataOf(got['gate']), dataOf(expected['gate']), 'gate');
    const tensors = { gain: tensor(norm.gain!), gate: tensor(norm.gate!) };
    const ofTensors = untypedRela.vjp(...blocks, { ...given, ...tensors })[1](dout);
    for (const name of ['gain', 'gate']) {
      expect(ofTensors[name]).toBeInstanceOf(Tensor);
      expectSameBits(dataOf(ofTensors[name]), dataOf(expected[name]), name);
    }
    for (const each of [tensors.gain, tensors.gate, ofTensors['gain'], ofTensors['gate']]) (each as Tensor).dispose();
  });

  test('Tensors come back for Tensors, with the bits of blocks; none is left', () => {
    const before = [runtimeInfo().memory.used, runtimeInfo().liveTensors];
    const tensors = blocks.map(({ data, shape }) => tensor(data, shape));
    const [output, pullback] = untypedRela.vjp(...tensors, given);
    const cotangent = tensor(dout.data, dout.shape);
    const got = pullback(cotangent);
    expectSameGradients(got, expected, 'Tensors');
    for (const each of [...tensors, output, cotangent, got['q'], got['k'], got['v']]) (each as Tensor).dispose();
    expect([runtimeInfo().memory.used, runtimeInfo().liveTensors]).toEqual(before);
  });

  test('in the layout BNHD they are those of BHND, moved', () => {
    const moved = ({ data, shape }: Nd): Nd => {
      const [b, h, n, d] = shape as [number, number, number, number];
      const to = data.slice();
      for (let at = 0; at < data.length; at++) {
        const [c, i, head, batch] = [
          at % d,
          Math.floor(at / d) % n,
          Math.floor(at / d / n) % h,
          Math.floor(at / d / n / h),
        ];
        to[((batch * n + i) * h + head) * d + c] = data[at]!;
      }
      return { data: to, shape: [b, n, h, d] };
    };
    const got = untypedRela.vjp(...blocks.map(moved), { ...given, layout: 'BNHD' })[1](moved(dout));
    for (const name of ['q', 'k', 'v']) expectSameBits(dataOf(got[name]), moved(expected[name] as Nd).data, name);
    for (const name of ['gain', 'gate']) expectSameBits(dataOf(got[name]), dataOf(expected[name]), name);
  });

  test('asynchronous gradients have the same bits', async () => {
    const [output, pullback] = await untypedRela.async.vjp(...blocks, given);
    expectSameBits((output as Nd).data, attend(call, norm, untypedRela), 'output');
    const reports: [number, number][] = [];
    const onProgress = (...report: [number, number]): number => reports.push(report);
    const later = pullback(dout, undefined, { onProgress }) as unknown as Promise<Record<string, unknown>>;
    expectSameGradients(await later, expected, 'async');
    expect(reports.at(-1)).toEqual([72, 72]);
  });

  test('a pullback keeps copies of arrays, gain and gate too, and sees that a Tensor was overwritten', () => {
    const own = { gain: norm.gain!.slice(), gate: norm.gate!.slice() };
    const [, pullback] = untypedRela.vjp(...blocks, { ...given, ...own });
    own.gain.fill(7);
    own.gate.fill(7);
    expectSameGradients(pullback(dout), expected, 'copies');
    const gain = tensor(norm.gain!);
    const [, ofTensor] = untypedRela.vjp(...blocks, { ...given, gain });
    gain.set(own.gain);
    expect(() => ofTensor(dout)).toThrow(/an overwritten Tensor/);
    gain.dispose();
    expect(() => ofTensor(dout)).toThrow(expect.objectContaining({ code: 'ENTMAX_DISPOSED' }));
    pullback.dispose();
    expect(() => pullback(dout)).toThrow(/a live pullback/);
  });
});

describe('edges', () => {
  test('without a positive score all gradients are 0', () => {
    const bias = { data: Float32Array.of(-99), shape: [1] };
    for (const name of NORMS) {
      const silent = { ...call, norm: normOf(call, name, 'float32'), options: { bias } };
      for (const gradient of Object.values(gradientsOf(silent))) {
        expect(dataOf(gradient).every((value) => value === 0)).toBe(true);
      }
    }
  });

  test('all keys masked: gradients are 0', () => {
    for (const name of NORMS) {
      const masked = { ...call, norm: normOf(call, name, 'float32'), options: { keyMask: new Uint8Array(22) } };
      for (const gradient of Object.values(gradientsOf(masked))) {
        expect(dataOf(gradient).every((value) => value === 0)).toBe(true);
      }
    }
  });

  test('the cotangent of a query behind its length counts nothing', () => {
    const lengths = { ...call, options: { querySeqLengths: [9, 4] } };
    const clean = gradientsOf(lengths);
    const spoilt = dout.data.slice();
    // The second batch has [4, 9, 12].
    for (let h = 0; h < 4; h++) spoilt.fill(NaN, ((4 + h) * 9 + 4) * 12, (4 + h + 1) * 9 * 12);
    expectSameGradients(gradientsOf({ ...lengths, dout: { ...dout, data: spoilt } }), clean, 'NaN');
  });

  test('a NaN in a cotangent is that of its query, of its keys, and of gain and gate', () => {
    const data = dout.data.slice();
    data[(2 * 9 + 3) * 12 + 1] = NaN;
    const got = gradientsOf({ ...call, dout: { ...dout, data } });
    dataOf(got['q']).forEach((value, at) => {
      const [row, batch] = [Math.floor(at / 8) % 9, Math.floor(at / 8 / 36)];
      if (Number.isNaN(value)) expect([row, batch]).toEqual([3, 0]);
    });
    // Of the channel itself, and of no other: gain c is the factor of channel c.
    expect(Array.from(dataOf(got['gain'])).filter(Number.isNaN)).toHaveLength(1);
    expect(dataOf(got['gain'])[2 * 12 + 1]).toBeNaN();
  });

  test.each([{ b: 0 }, { h: 0, g: 0 }, { n: 0 }, { e: 0 }, { m: 0 }, { d: 0 }])('%j', (part) => {
    for (const name of NORMS) {
      const empty = relaCallOf({ name: '', size: { ...SIZES, ...part }, options: {} }, name, 'float32', 3);
      const got = gradientsOf(empty);
      for (const key of ['q', 'k', 'v'] as const) expect(dataOf(got[key])).toHaveLength(empty[key].length);
      for (const key of ['gain', 'gate'] as const) {
        if (empty.norm[key]) expect(dataOf(got[key])).toHaveLength(empty.norm[key].length);
      }
    }
  });
});

describe('threads', () => {
  afterAll(shutdown);
  const size = sizes(2, [4, 2], 150, 170, 32, 40);
  const large = relaCallOf({ name: '', size, options: { isCausal: 'lowerRight' } }, 'a norm and a gate', 'float32', 21);
  const run = (): Record<string, unknown> => ({
    output: { data: attend(large, large.norm, untypedRela) },
    ...gradientsOf(large),
  });
  const alone = run();

  test.each([2, 3])('%i threads give the bits of one', async (threads) => {
    expect((await init({ threads })).threads).toBe(threads);
    const tookPart = (): boolean => runtimeInfo().chunks.every((chunks) => chunks > 0);
    for (let attempt = 0; attempt < 20 && !(attempt > 1 && tookPart()); attempt++) {
      expectSameGradients(run(), alone, `${threads} threads`);
    }
    expect(tookPart()).toBe(true);
    await shutdown();
  });
});
