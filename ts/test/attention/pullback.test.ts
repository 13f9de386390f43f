/** What a pullback of attention owns, gives and refuses; what it costs in memory. */

import { describe, expect, test } from 'vitest';
import { runtimeInfo, Tensor, tensor, zeros } from 'entmax';
import { attention } from 'entmax/attention';
import { expectSameBits } from '../oracle/layouts.ts';
import type { Floats } from '../oracle/layouts.ts';
import { callOf, CASES } from './gradient-cases.ts';
import type { Call, GradientCase, Nd, UntypedPullback, UntypedVjp } from './gradient-cases.ts';
import { attend, sizes } from './problems.ts';

const { vjp } = attention as unknown as UntypedVjp;

const SIZES = sizes(2, [4, 2], 9, 9, 8, 12);
const ALPHA = [1, 1.5, 2, 1.3];
const MIXED: GradientCase = { name: 'mixed', size: SIZES, options: { alpha: ALPHA, isCausal: 'upperLeft' } };
const NAMES = ['q', 'k', 'v'];

const dataOf = (value: unknown): Floats => {
  if (value instanceof Tensor) return value.toTypedArray() as Floats;
  return Array.isArray(value) ? Float64Array.from(value.flat(9) as number[]) : (value as Nd).data;
};

function expectSameGradients(got: Record<string, unknown>, expected: Record<string, unknown>, what: string): void {
  expect(Object.keys(got)).toEqual(Object.keys(expected));
  for (const name of Object.keys(got)) expectSameBits(dataOf(got[name]), dataOf(expected[name]), `${what}: ${name}`);
}

function gradientsOf(call: Call, wrt?: string[]): Record<string, unknown> {
  return vjp(...call.blocks, call.options)[1](call.dout, wrt);
}

describe('forms', () => {
  const call = callOf(MIXED, 'float32', 3);
  const expected = gradientsOf(call);

  test('the output is that of attention, bit for bit', () => {
    for (const each of CASES) {
      const call = callOf(each, 'float32', 4);
      const [output] = vjp(...call.blocks, call.options);
      expectSameBits(dataOf(output), attend(call), each.name);
    }
  });

  test('Tensors come back for Tensors, with the bits of blocks', () => {
    const tensors = call.blocks.map(({ data, shape }) => tensor(data, shape));
    const [output, pullback] = vjp(...tensors, call.options);
    const got = pullback(tensor(call.dout.data, call.dout.shape));
    for (const name of NAMES) expect(got[name]).toBeInstanceOf(Tensor);
    expectSameGradients(got, expected, 'Tensors');
    (output as Tensor).dispose();
  });

  test('nested numbers come back for nested numbers', () => {
    const nested = (block: Nd): unknown => tensor(block.data, block.shape).toArray();
    const wide = callOf(MIXED, 'float64', 3);
    const [, pullback] = vjp(...wide.blocks.map(nested), call.options);
    const got = pullback(nested(wide.dout));
    expect(got['q']).toHaveLength(2);
    // Tensors of plain numbers are float32: so are these.
    const rounded = callOf(MIXED, 'float32', 3);
    const again = { ...rounded, blocks: rounded.blocks.map(widened), dout: widened(rounded.dout) } as Call;
    expectSameGradients(got, gradientsOf(again), 'nested');
  });

  test('in the layout BNHD they are those of BHND, moved', () => {
    const moved = ({ data, shape: [b, h, n, d] }: Nd): Nd => {
      const to = data.slice();
      for (let at = 0; at < data.length; at++) {
        const [c, i, head, batch] = digits(at, [d!, n!, h!, b!]);
        to[((batch! * n! + i!) * h! + head!) * d! + c!] = data[at]!;
      }
      return { data: to, shape: [b!, n!, h!, d!] };
    };
    const [, pullback] = vjp(...call.blocks.map(moved), { ...call.options, layout: 'BNHD' });
    const got = pullback(moved(call.dout));
    for (const name of NAMES) expectSameBits(dataOf(got[name]), moved(expected[name] as Nd).data, name);
    expect(got['alpha']).toEqual(expected['alpha']);
  });

  test.each(['q', 'k', 'v', 'alpha'])('%s alone is what it is among all', (name) => {
    const got = gradientsOf(call, [name]);
    expectSameGradients(got, { [name]: expected[name] }, 'alone');
  });

  test('the gradient of alpha has the form of alpha', () => {
    const perHead = expected['alpha'] as number[];
    expect(perHead).toHaveLength(4);
    const of = (alpha: unknown): unknown => vjp(...call.blocks, { alpha, isCausal: true })[1](call.dout)['alpha'];
    expect(of(Float64Array.from(ALPHA))).toEqual(Float64Array.from(perHead));
    expect(of(Float32Array.from([1, 1.5, 2, 1.25]))).toBeInstanceOf(Float32Array);
    const [one, each] = [of(1.5), of([1.5, 1.5, 1.5, 1.5])];
    expect(one).toBeCloseTo(
      (each as number[]).reduce((sum, value) => sum + value, 0),
      5,
    );
    expect(of(undefined)).toBe(one);
  });

  test('a pullback may be called many times and is linear', () => {
    const [, pullback] = vjp(...call.blocks, call.options);
    expectSameGradients(pullback(call.dout), expected, 'first');
    const twice = { data: call.dout.data.map((value) => 2 * value), shape: call.dout.shape };
    const doubled = pullback(twice);
    for (const name of NAMES) {
      expectSameBits(
        dataOf(doubled[name]),
        dataOf(expected[name]).map((value) => 2 * value),
        name,
      );
    }
    expectSameGradients(pullback(call.dout), expected, 'again');
  });

  test('asynchronous gradients have the same bits', async () => {
    const [output, pullback] = await attention.async.vjp(...call.blocks, call.options as object);
    expectSameBits(dataOf(output), attend(call), 'output');
    expectSameGradients(await pullback(call.dout as never), expected, 'asynchronous');
    pullback.dispose();
    await expect(pullback(call.dout as never)).rejects.toMatchObject({ code: 'ENTMAX_DISPOSED' });
  });

  test('progress is counted in queries, up to all of them', async () => {
    const [, typed] = await attention.async.vjp(...call.blocks, call.options as object);
    const pullback = typed as unknown as (...args: unknown[]) => Promise<unknown>;
    const seen: [number, number][] = [];
    const run = { onProgress: (done: number, total: number) => seen.push([done, total]) };
    await pullback(call.dout, undefined, run);
    for (const [done, total] of seen) {
      expect(total).toBe(2 * 4 * 9);
      expect(done).toBeLessThanOrEqual(total);
    }
    const controller = new AbortController();
    controller.abort(new Error('enough'));
    const aborted = pullback(call.dout, undefined, { signal: controller.signal });
    await expect(aborted).rejects.toThrow('enough');
  });

  test('a batch alone has the bits that it has beside others', () => {
    const half = ({ data, shape }: Nd): Nd => ({ data: data.slice(data.length / 2), shape: [1, ...shape.slice(1)] });
    const got = vjp(...call.blocks.map(half), call.options)[1](half(call.dout));
    for (const name of NAMES) expectSameBits(dataOf(got[name]), half(expected[name] as Nd).data, name);
  });
});

const widened = ({ data, shape }: Nd): Nd => ({ data: Float64Array.from(data), shape });

function digits(at: number, lengths: number[]): number[] {
  return lengths.map((length) => {
    const digit = at % length;
    at = Math.floor(at / length);
    return digit;
  });
}

describe('edges', () => {
  const sized = (change: Partial<typeof SIZES>): GradientCase => ({
    name: 'sized',
    size: { ...SIZES, ...change },
    options: { alpha: ALPHA, isCausal: 'lowerRight' },
  });

  test.each([
    ['no batch', { b: 0 }],
    ['no queries', { n: 0 }],
    ['no keys', { m: 0 }],
    ['no channels of queries and keys', { d: 0 }],
    ['no channels of values', { e: 0 }],
  ])('%s: gradients of the shapes of the inputs', (_, change) => {
    const call = callOf(sized(change), 'float32', 6);
    const got = gradientsOf(call);
    call.blocks.forEach(({ shape, data }, at) => {
      expect((got[NAMES[at]!] as Nd).shape).toEqual(shape);
      const isValue = 'd' in change && at === 2;
      if (!isValue)
        expectSameBits(
          dataOf(got[NAMES[at]!]),
          data.map(() => 0),
          NAMES[at]!,
        );
    });
    // Without channels of queries all weights are equal, and alpha changes nothing.
    for (const each of got['alpha'] as number[]) expect(each).toBeCloseTo(0, 5);
  });

  test('alpha = Infinity: uniform over the maxima, which moves by jumps', () => {
    const call = callOf({ ...MIXED, options: { alpha: [Infinity, Infinity, Infinity, Infinity] } }, 'float32', 7);
    const got = gradientsOf(call);
    for (const name of ['q', 'k']) expect(dataOf(got[name]).every((value) => value === 0)).toBe(true);
    expect(dataOf(got['v']).some((value) => value !== 0)).toBe(true);
    expect(got['alpha']).toEqual([0, 0, 0, 0]);
  });

  test('a query that sees no key has gradients 0, whatever its output is', () => {
    const [zero, nan] = (['zero', 'nan'] as const).map((emptyRow) => {
      const keyMask = Uint8Array.from({ length: 18 }, (_, at) => Number(at >= 9));
      const call = callOf({ ...MIXED, options: { alpha: ALPHA, keyMask, emptyRow } }, 'float32', 9);
      if (emptyRow === 'nan') expect(attend(call).slice(0, 12).every(Number.isNaN)).toBe(true);
      return gradientsOf(call);
    });
    expectSameGradients(nan!, zero!, 'emptyRow');
    expect(
      dataOf(nan!['v'])
        .slice(0, 2 * 9 * 12)
        .every((value) => value === 0),
    ).toBe(true);
  });

  test('NaN in a row does not touch what is masked', () => {
    const mask = { data: Uint8Array.from({ length: 9 }, (_, j) => Number(j !== 4)), shape: [1, 1, 1, 9] };
    const call = callOf({ ...MIXED, options: { alpha: ALPHA, mask } }, 'float32', 10);
    call.k[0] = NaN; // key 0 of the first key head, which the queries of heads 0 and 1 see
    const got = gradientsOf(call);
    for (const [name, width] of [
      ['k', SIZES.d],
      ['v', SIZES.e],
    ] as const) {
      const keys = dataOf(got[name]);
      for (let j = 0; j < 9; j++) {
        const row = keys.slice(j * width, (j + 1) * width);
        expect(row.every(j === 4 ? (value) => value === 0 : Number.isNaN), `${name}: key ${j}`).toBe(true);
      }
      expect(keys.slice(9 * width).some(Number.isNaN)).toBe(false);
    }
  });

  test('NaN in a cotangent reaches what its row touches', () => {
    const call = callOf(MIXED, 'float32', 8);
    const clean = gradientsOf(call);
    call.dout.data[3 * SIZES.e] = NaN; // of query 3, which sees the keys 0 to 3
    const got = gradientsOf(call);
    const [q, k] = [dataOf(got['q']), dataOf(got['k'])];
    const [row, end] = [3 * SIZES.d, 4 * SIZES.d];
    expect(q.slice(row, end).every(Number.isNaN)).toBe(true);
    expectSameBits(q.slice(end), dataOf(clean['q']).slice(end), 'other queries');
    // The first head is softmax: all of the four keys.
    expect(k.slice(0, end).every(Number.isNaN)).toBe(true);
    expectSameBits(k.slice(end), dataOf(clean['k']).slice(end), 'other keys');
    expect(got['alpha']).toEqual([NaN, ...(clean['alpha'] as number[]).slice(1)]);
  });
});

describe('what it depends on', () => {
  const call = callOf(MIXED, 'float32', 3);
  const inTensors = (): { tensors: Tensor<'float32'>[]; pullback: UntypedPullback; dout: Tensor<'float32'> } => {
    const tensors = call.blocks.map(({ data, shape }) => tensor(data as Float32Array, shape));
    const [output, pullback] = vjp(...tensors, call.options);
    return { tensors, pullback, dout: output as Tensor<'float32'> };
  };
  const codeOf = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      return (error as { code: string }).code;
    }
    return 'nothing thrown';
  };

  test.each([0, 1, 2])('input %i overwritten: an error', (which) => {
    const { tensors, pullback, dout } = inTensors();
    tensors[which]!.set(call.blocks[which]!.data);
    expect(() => pullback(dout)).toThrow(/attention.pullback: expected inputs as they were .* overwritten Tensor/);
  });

  test('an input that another call was given as its out: an error', () => {
    const { tensors, pullback, dout } = inTensors();
    attention(...(tensors as [Tensor<'float32'>, Tensor<'float32'>, Tensor<'float32'>]), {
      out: dout,
      isCausal: true,
    });
    pullback(dout);
    using q = zeros(tensors[0]!.shape);
    using k = zeros(tensors[1]!.shape);
    attention(q, k, k, { out: tensors[0]! });
    expect(codeOf(() => pullback(dout))).toBe('ENTMAX_OPTION');
  });

  test('an input disposed: an error', () => {
    const { tensors, pullback, dout } = inTensors();
    tensors[1]!.dispose();
    expect(codeOf(() => pullback(dout))).toBe('ENTMAX_DISPOSED');
  });

  test('disposed itself: an error', () => {
    const { pullback, dout } = inTensors();
    pullback.dispose();
    pullback.dispose();
    expect(codeOf(() => pullback(dout))).toBe('ENTMAX_DISPOSED');
  });

  test('the bias overwritten: an error where weights of softmax are formed again, else no matter', () => {
    using bias = tensor(new Float32Array(81), [9, 9]);
    const of = (alpha: number | number[]): UntypedPullback => vjp(...call.blocks, { alpha, bias })[1];
    const [softmax, sparse] = [of(ALPHA), of(1.5)];
    bias.set(new Float32Array(81));
    expect(codeOf(() => softmax(call.dout))).toBe('ENTMAX_OPTION');
    const { bias: gradient } = sparse(call.dout, ['bias']);
    expect((gradient as Tensor).shape).toEqual([9, 9]);
  });

  test('arrays may be overwritten afterwards', () => {
    const { blocks, options, dout } = callOf(MIXED, 'float32', 3);
    const [, pullback] = vjp(...blocks, options);
    const expected = pullback(dout);
    for (const { data } of blocks) data.fill(7);
    expectSameGradients(pullback(dout), expected, 'overwritten arrays');
  });

  test('errors: another shape, another type, unknown names', () => {
    const { pullback } = inTensors();
    expect(codeOf(() => pullback({ data: new Float32Array(12), shape: [1, 1, 1, 12] }))).toBe('ENTMAX_SHAPE');
    expect(codeOf(() => pullback(widened(call.dout)))).toBe('ENTMAX_DTYPE');
    expect(() => pullback(call.dout, ['x'])).toThrow(/wrt to be an array of names among q, k, v, alpha/);
    expect(codeOf(() => pullback(call.dout, ['bias']))).toBe('ENTMAX_OPTION');
    const bias = { data: new Float32Array(9), shape: [9] };
    const [, biased] = vjp(...call.blocks, { ...call.options, bias });
    expect(Object.keys(biased(call.dout))).toEqual(['q', 'k', 'v', 'alpha']);
    expect(Object.keys(biased(call.dout, ['bias', 'q']))).toEqual(['bias', 'q']);
  });
});

describe('memory', () => {
  test('a pullback gives back what it took, and holds no tensor', () => {
    const call = callOf(MIXED, 'float32', 3);
    gradientsOf(call);
    const before = runtimeInfo();
    gradientsOf(call);
    expect(runtimeInfo().memory.used).toBe(before.memory.used);
    expect(runtimeInfo().liveTensors).toBe(before.liveTensors);
  });

  test('it grows with N, not with its square', () => {
    const peaks = [1024, 2048, 4096].map((n) => {
      const options = { alpha: [1, 1.5], isCausal: 'upperLeft' as const };
      const call = callOf({ name: '', size: sizes(1, [2, 1], n, n, 16), options }, 'float32', n);
      const { used } = runtimeInfo().memory;
      gradientsOf(call);
      const { peak } = runtimeInfo().memory;
      const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
      console.log(`n = ${n}: peak ${mebibytes(peak - used)} MiB; N x M weights of two heads: ${mebibytes(8 * n * n)}`);
      return peak - used;
    });
    // Slots and dense rows take their 16 MiB at any length; the rest is linear.
    expect(peaks[2]! / peaks[0]!).toBeLessThan(2);
    expect(peaks[2]!).toBeLessThan(64 << 20);
  });
});
