// Tensors: what they are made of, what they share, and what they refuse.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runtimeInfo, Tensor, tensor, zeros } from 'entmax';
import type { DType, ErrorCode } from 'entmax';

/** Fails unless the call throws an error of this code and operation. */
function expectFailure(call: () => unknown, code: ErrorCode, op: string, message: RegExp = /./): void {
  expect(call).toThrow(expect.objectContaining({ code, op, message: expect.stringMatching(message) }));
}

let before: { used: number; live: number };
const now = (): { used: number; live: number } => {
  const { memory, liveTensors } = runtimeInfo();
  return { used: memory.used, live: liveTensors };
};

const made: Tensor[] = [];
/** A tensor that the end of the test disposes. */
function kept<T extends Tensor>(made_: T): T {
  made.push(made_);
  return made_;
}

beforeEach(() => {
  before = now();
});

afterEach(() => {
  for (const each of made.splice(0)) each.dispose();
  expect(now(), 'memory and tensors that the test has left behind').toEqual(before);
});

/** Untyped, for what the types forbid. */
const make = tensor as (data: unknown, shape?: unknown) => Tensor;

describe('tensor', () => {
  test.each<[string, unknown, DType, number[], number[]]>([
    ['Float32Array', Float32Array.of(1.5, -2), 'float32', [2], [1.5, -2]],
    ['Float64Array', Float64Array.of(0.1, 2), 'float64', [2], [0.1, 2]],
    ['Int32Array', Int32Array.of(-5, 7), 'int32', [2], [-5, 7]],
    ['Uint32Array', Uint32Array.of(5, 7), 'int32', [2], [5, 7]],
    ['BigInt64Array', BigInt64Array.of(-5n, 7n), 'int32', [2], [-5, 7]],
    ['Uint8Array', Uint8Array.of(0, 255), 'uint8', [2], [0, 255]],
    ['numbers', [1, 2.5], 'float32', [2], [1, 2.5]],
    ['nested numbers', [[1], [2.5]], 'float32', [2, 1], [1, 2.5]],
    ['{ data, shape }', { data: Float64Array.of(1, 2), shape: [1, 2] }, 'float64', [1, 2], [1, 2]],
    ['{ data, dims }', { data: BigInt64Array.of(1n, 2n), dims: [2, 1] }, 'int32', [2, 1], [1, 2]],
    ['nothing', new Float32Array(0), 'float32', [0], []],
  ])('copies %s', (_, data, dtype, shape, values) => {
    const t = kept(make(data));
    expect([t.dtype, t.shape, t.size, t.disposed]).toEqual([dtype, shape, shape.reduce((a, b) => a * b, 1), false]);
    expect([...t.toTypedArray()]).toEqual(values);
  });

  test('copies: later changes of the source do not show', () => {
    const source = Float32Array.of(1, 2);
    const t = kept(tensor(source));
    source[0] = 9;
    expect([...t.toTypedArray()]).toEqual([1, 2]);
  });

  test('copies a Tensor with its type and shape', () => {
    const source = kept(tensor(Int32Array.of(1, 2, 3, 4), [2, 2]));
    const copy = kept(tensor(source));
    source.set([0, 0, 0, 0]);
    expect([copy.dtype, copy.shape, [...copy.toTypedArray()]]).toEqual(['int32', [2, 2], [1, 2, 3, 4]]);
  });

  test('copies a shared array, and the part of a larger one', () => {
    const shared = new Float32Array(new SharedArrayBuffer(16));
    shared.set([1, 2, 3, 4]);
    expect([...kept(tensor(shared.subarray(1, 3))).toTypedArray()]).toEqual([2, 3]);
  });

  test('takes a shape, of which one length may be inferred', () => {
    expect(kept(tensor(new Float32Array(12), [3, 4])).shape).toEqual([3, 4]);
    expect(kept(tensor(new Float32Array(12), [2, -1, 3])).shape).toEqual([2, 2, 3]);
    expect(
      kept(
        tensor(
          [
            [1, 2],
            [3, 4],
          ],
          [4],
        ),
      ).toArray(),
    ).toEqual([1, 2, 3, 4]);
  });

  test('has a shape that nobody can change', () => {
    const shape = [2, 1];
    const t = kept(tensor([1, 2], shape));
    shape[0] = 7;
    expect(t.shape).toEqual([2, 1]);
    expect(() => ((t.shape as number[])[0] = 3)).toThrow(TypeError);
  });

  test.each<[string, unknown, unknown, ErrorCode]>([
    ['a shape of another size', [1, 2, 3], [2, 2], 'ENTMAX_SHAPE'],
    ['no axes', [1], [], 'ENTMAX_SHAPE'],
    ['a fractional shape', [1, 2, 3], [1.5, 2], 'ENTMAX_SHAPE'],
    ['a block whose shape has another size', { data: new Float32Array(3), shape: [4] }, undefined, 'ENTMAX_SHAPE'],
    ['a block without a real shape', { data: new Float32Array(3), shape: null }, undefined, 'ENTMAX_SHAPE'],
    ['ragged numbers', [[1, 2], [3]], undefined, 'ENTMAX_SHAPE'],
    ['text', 'scores', undefined, 'ENTMAX_DTYPE'],
    ['a number', 3, undefined, 'ENTMAX_DTYPE'],
    ['nothing', undefined, undefined, 'ENTMAX_DTYPE'],
    ['null', null, undefined, 'ENTMAX_DTYPE'],
    ['nested text', [['a']], undefined, 'ENTMAX_DTYPE'],
    ['Int8Array', new Int8Array(2), undefined, 'ENTMAX_DTYPE'],
    ['Uint16Array', new Uint16Array(2), undefined, 'ENTMAX_DTYPE'],
    ['a buffer', new ArrayBuffer(8), undefined, 'ENTMAX_DTYPE'],
    ['an unsigned integer above 2^31 - 1', Uint32Array.of(2 ** 31), undefined, 'ENTMAX_DTYPE'],
    ['a 64-bit integer below -2^31', BigInt64Array.of(-(2n ** 31n) - 1n), undefined, 'ENTMAX_DTYPE'],
  ])('refuses %s', (_, data, shape, code) => {
    expectFailure(() => make(data, shape), code, 'tensor');
  });

  test('refuses a detached array', () => {
    for (const array of [new Float32Array(4), new Int32Array(4), new Uint8Array(4)]) {
      structuredClone(array.buffer, { transfer: [array.buffer] });
      expectFailure(() => make(array), 'ENTMAX_DTYPE', 'tensor', /detached/);
    }
  });

  test('takes the largest and smallest int32', () => {
    const bounds = BigInt64Array.of(-(2n ** 31n), 2n ** 31n - 1n);
    expect([...kept(tensor(bounds)).toTypedArray()]).toEqual([-(2 ** 31), 2 ** 31 - 1]);
  });

  test('cannot be made with new', () => {
    expect(() => new (Tensor as unknown as new () => Tensor)()).toThrow();
    expect(now()).toEqual(before);
  });
});

describe('zeros', () => {
  test.each<DType>(['float32', 'float64', 'int32', 'uint8'])('of %s, also where something was before', (dtype) => {
    const dirty = tensor(Float64Array.from({ length: 8 }, () => 7));
    dirty.dispose();
    const t = kept(zeros([2, 3], dtype));
    expect([t.dtype, t.shape, [...t.toTypedArray()]]).toEqual([dtype, [2, 3], [0, 0, 0, 0, 0, 0]]);
  });

  test('are float32 by default, and may be empty', () => {
    expect(kept(zeros([3])).dtype).toBe('float32');
    expect(kept(zeros([2, 0])).size).toBe(0);
  });

  test('refuse other types and shapes', () => {
    const untyped = zeros as (shape: unknown, dtype?: unknown) => Tensor;
    expectFailure(() => untyped([2], 'float16'), 'ENTMAX_DTYPE', 'zeros');
    expectFailure(() => untyped([2], 'toString'), 'ENTMAX_DTYPE', 'zeros');
    for (const shape of [[-1], [1.5], [NaN], 3, 'x', undefined, null, []])
      expectFailure(() => untyped(shape), 'ENTMAX_SHAPE', 'zeros');
  });

  test('say when memory is not enough, and leave everything as it was', () => {
    expectFailure(() => zeros([2 ** 30]), 'ENTMAX_MEMORY', 'zeros');
    expectFailure(() => zeros([2 ** 40, 8]), 'ENTMAX_MEMORY', 'zeros');
  });
});

describe('set', () => {
  test('overwrites from any form, and returns the tensor', () => {
    const t = kept(zeros([2, 2]));
    for (const data of [
      Float32Array.of(1, 2, 3, 4),
      [1, 2, 3, 4],
      [
        [1, 2],
        [3, 4],
      ],
      Int32Array.of(1, 2, 3, 4),
      { data: Float64Array.of(1, 2, 3, 4), shape: [4] },
    ]) {
      t.view().fill(0);
      expect(t.set(data as Float32Array)).toBe(t);
      expect(t.toArray()).toEqual([
        [1, 2],
        [3, 4],
      ]);
    }
    t.set(kept(tensor(BigInt64Array.of(4n, 3n, 2n, 1n))));
    expect([...t.toTypedArray()]).toEqual([4, 3, 2, 1]);
  });

  test('refuses another size, and integers that do not fit', () => {
    const t = kept(zeros([2], 'int32'));
    expectFailure(() => t.set([1, 2, 3]), 'ENTMAX_SHAPE', 'Tensor.set');
    for (const wrong of [0.5, NaN, 2 ** 31, -Infinity])
      expectFailure(() => t.set([1, wrong]), 'ENTMAX_DTYPE', 'Tensor.set');
    const bytes = kept(zeros([1], 'uint8'));
    for (const wrong of [-1, 256, 0.5]) expectFailure(() => bytes.set([wrong]), 'ENTMAX_DTYPE', 'Tensor.set');
    expect([...t.toTypedArray(), ...bytes.toTypedArray()]).toEqual([0, 0, 0]);
  });
});

describe('reading', () => {
  test('toTypedArray is a copy on a buffer of its own', () => {
    const t = kept(tensor(Float32Array.of(1, 2)));
    const copy = t.toTypedArray();
    copy[0] = 5;
    expect([...t.toTypedArray()]).toEqual([1, 2]);
    expect(copy.buffer).toBeInstanceOf(ArrayBuffer);
    expect(copy.buffer.byteLength).toBe(8);
  });

  test('toArray nests to the shape', () => {
    const t = kept(tensor([1, 2, 3, 4, 5, 6], [3, 1, 2]));
    expect(t.toArray()).toEqual([[[1, 2]], [[3, 4]], [[5, 6]]]);
    expect(kept(zeros([2, 0])).toArray()).toEqual([[], []]);
  });

  test('view is the live memory', () => {
    const t = kept(tensor(Float32Array.of(1, 2)));
    t.view()[1] = 8;
    expect([...t.toTypedArray()]).toEqual([1, 8]);
    t.set([3, 4]);
    expect([...t.view()]).toEqual([3, 4]);
  });

  test.each<[DType, string]>([
    ['float32', 'Float32Array'],
    ['float64', 'Float64Array'],
    ['int32', 'Int32Array'],
    ['uint8', 'Uint8Array'],
  ])('%s is read as %s', (dtype, name) => {
    const t = kept(zeros([3], dtype));
    expect([t.view().constructor.name, t.toTypedArray().constructor.name]).toEqual([name, name]);
    expect(t.view().byteOffset % 64).toBe(0);
  });
});

describe('reshape', () => {
  test('shares the memory, in both directions', () => {
    const t = kept(tensor([1, 2, 3, 4, 5, 6]));
    const r = kept(t.reshape([2, -1]));
    expect([r.shape, r.dtype]).toEqual([[2, 3], 'float32']);
    r.view()[0] = 9;
    t.view()[5] = 8;
    expect([...t.toTypedArray()]).toEqual([...r.toTypedArray()]);
    expect(r.toArray()).toEqual([
      [9, 2, 3],
      [4, 5, 8],
    ]);
  });

  test('takes no memory, and keeps it while any of both lives', () => {
    const t = tensor(new Float32Array(1000));
    const { used } = now();
    const r = t.reshape([10, 100]);
    expect(now()).toEqual({ used, live: before.live + 2 });
    t.dispose();
    expect([t.disposed, r.disposed, now().used]).toEqual([true, false, used]);
    expect(r.toTypedArray()).toHaveLength(1000);
    r.dispose();
    expect(now()).toEqual(before);
  });

  test('refuses another size', () => {
    const t = kept(zeros([6]));
    for (const shape of [[4], [-1, 4], [], [-1, -1]])
      expectFailure(() => t.reshape(shape), 'ENTMAX_SHAPE', 'Tensor.reshape');
  });
});

describe('dispose', () => {
  test('may come twice, and says so', () => {
    const t = zeros([4]);
    t.dispose();
    t.dispose();
    expect([t.disposed, t.shape, t.size]).toEqual([true, [4], 4]);
  });

  test('every use afterwards is an error that names itself', () => {
    const t = zeros([2, 2]);
    t.dispose();
    const got = /got a disposed one of shape \[2, 2\]$/;
    expectFailure(() => t.view(), 'ENTMAX_DISPOSED', 'Tensor.view', got);
    expectFailure(() => t.toTypedArray(), 'ENTMAX_DISPOSED', 'Tensor.toTypedArray', got);
    expectFailure(() => t.toArray(), 'ENTMAX_DISPOSED', 'Tensor.toArray', got);
    expectFailure(() => t.set([1, 2, 3, 4]), 'ENTMAX_DISPOSED', 'Tensor.set', got);
    expectFailure(() => t.reshape([4]), 'ENTMAX_DISPOSED', 'Tensor.reshape', got);
    expectFailure(() => tensor(t), 'ENTMAX_DISPOSED', 'tensor', got);
    const other = kept(zeros([2, 2]));
    expectFailure(() => other.set(t), 'ENTMAX_DISPOSED', 'Tensor.set', got);
  });

  test('using disposes at the end of the block', () => {
    const seen: Tensor[] = [];
    {
      using t = zeros([8]);
      seen.push(t);
      expect(t.disposed).toBe(false);
    }
    expect(seen[0]!.disposed).toBe(true);
  });

  test('memory is used again', () => {
    const first = zeros([100_000]);
    const { peak } = runtimeInfo().memory;
    first.dispose();
    for (let k = 0; k < 50; k++) zeros([100_000]).dispose();
    expect(runtimeInfo().memory.peak).toBe(peak);
  });
});
