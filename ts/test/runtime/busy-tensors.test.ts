/** Tensors while an asynchronous call reads or writes them. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Tensor } from '../../src/index.ts';
import { entmax, init, runtimeInfo, scope, shutdown, sparsemax, tensor, zeros } from '../../src/index.ts';
import { errorOf, rejectionOf } from './errors.ts';
import { expectSameBits } from './same-bits.ts';
import { scores } from './scores.ts';

const shape = [600, 700];
const x = scores(600 * 700);
const options = { alpha: 1.3 };
let expected: Float32Array;

afterAll(shutdown);

describe.each([1, 3])('with %i thread(s)', (threads) => {
  let input: Tensor<'float32'>;

  beforeAll(async () => {
    await init({ threads });
    const { used } = runtimeInfo().memory;
    input = tensor(x, shape);
    using p = entmax(input, options);
    expected = p.toTypedArray();
    return () => {
      input.dispose();
      expect(runtimeInfo().liveTensors).toBe(0);
      expect(runtimeInfo().memory.used).toBe(used);
    };
  });

  /** Disposes a result after comparing it. */
  function check(p: Tensor<'float32'>): void {
    expectSameBits(p.toTypedArray(), expected);
    p.dispose();
  }

  test('an input cannot be set, under any of its shapes, until the call settles', async () => {
    using rows = input.reshape([-1]);
    const call = entmax.async(input, options);
    const error = errorOf('ENTMAX_BUSY', () => input.set(x));
    expect(error.message).toBe('Tensor.set: expected a tensor at rest, got one in use by an asynchronous call');
    errorOf('ENTMAX_BUSY', () => rows.set(x));
    check(await call);
    input.set(x);
    rows.set(x);
  });

  test('an input is at rest again after an abort and after an error', async () => {
    const signal = AbortSignal.abort('no');
    await expect(entmax.async(input, { ...options, signal })).rejects.toBe('no');
    input.set(x);
    using out = zeros([1]);
    await rejectionOf('ENTMAX_SHAPE', entmax.async(input, { ...options, out }));
    input.set(x);
  });

  test('an output cannot be read half-written, by a map, as a view or as a copy', async () => {
    using out = zeros(shape);
    const call = entmax.async(input, { ...options, out });
    const error = errorOf('ENTMAX_BUSY', () => sparsemax(out));
    expect(error.message).toBe('sparsemax: expected a finished tensor, got the out of an asynchronous call under way');
    errorOf('ENTMAX_BUSY', () => out.view());
    errorOf('ENTMAX_BUSY', () => out.toTypedArray());
    await rejectionOf('ENTMAX_BUSY', entmax.async(out, options));
    await call;
    expectSameBits(out.toTypedArray(), expected);
  });

  test('an input may be read by others meanwhile', async () => {
    const call = entmax.async(input, options);
    check(entmax(input, options));
    expectSameBits(input.toTypedArray(), x);
    const second = entmax.async(input, options);
    check(await call);
    errorOf('ENTMAX_BUSY', () => input.set(x));
    check(await second);
    input.set(x);
  });

  test('an input cannot be the output of another call', async () => {
    const call = entmax.async(input, options);
    errorOf('ENTMAX_BUSY', () => sparsemax(input, { out: input }));
    await rejectionOf('ENTMAX_BUSY', sparsemax.async(input, { out: input }));
    check(await call);
    expectSameBits(input.toTypedArray(), x);
  });

  test('an output cannot be written by another call, nor set', async () => {
    using out = zeros(shape);
    const call = entmax.async(input, { ...options, out });
    const error = errorOf('ENTMAX_BUSY', () => sparsemax(input, { out }));
    expect(error.message).toBe('sparsemax: expected out to be at rest, got a tensor in use by an asynchronous call');
    await rejectionOf('ENTMAX_BUSY', sparsemax.async(input, { out }));
    errorOf('ENTMAX_BUSY', () => out.set(x));
    expect(await call).toBe(out);
    expectSameBits(out.toTypedArray(), expected);
  });

  test('an input that is its own output is right', async () => {
    using both = tensor(x, shape);
    expect(await entmax.async(both, { ...options, out: both })).toBe(both);
    expectSameBits(both.toTypedArray(), expected);
  });

  test('an input may be disposed: its memory stays until the call settles', async () => {
    const before = runtimeInfo().memory.used;
    const passing = tensor(x, shape);
    const call = entmax.async(passing, options);
    passing.dispose();
    // Blocks of the same size would land on the input if its memory had gone back.
    const others = Array.from({ length: 3 }, () => zeros(shape));
    check(await call);
    for (const other of others) {
      expect(other.toTypedArray().every((value) => value === 0)).toBe(true);
      other.dispose();
    }
    expect(runtimeInfo().memory.used).toBe(before);
  });

  test('an output may be disposed: nothing else is written', async () => {
    const before = runtimeInfo().memory.used;
    const out = zeros(shape);
    const call = entmax.async(input, { ...options, out });
    out.dispose();
    const others = Array.from({ length: 3 }, () => zeros(shape));
    expect((await call).disposed).toBe(true);
    for (const other of others) {
      expect(other.toTypedArray().every((value) => value === 0)).toBe(true);
      other.dispose();
    }
    expect(runtimeInfo().memory.used).toBe(before);
  });

  test('a scope around a call does not free what the call writes', async () => {
    const before = runtimeInfo().memory.used;
    let call: Promise<Tensor<'float32'>> | undefined;
    scope(() => {
      const passing = tensor(x, shape);
      call = entmax.async(passing, options);
      return null;
    });
    const others = Array.from({ length: 3 }, () => zeros(shape));
    // As scope says: every tensor made inside is disposed, the result among them; its memory goes back at the end.
    expect((await call)?.disposed).toBe(true);
    for (const other of others) {
      expect(other.toTypedArray().every((value) => value === 0)).toBe(true);
      other.dispose();
    }
    expect(runtimeInfo().memory.used).toBe(before);
  });

  test('an array that is overwritten meanwhile harms nobody', async () => {
    const mine = Float32Array.from(x);
    const call = entmax.async(mine, { ...options, shape });
    mine.fill(NaN);
    await call;
    check(entmax(input, options));
  });
});
