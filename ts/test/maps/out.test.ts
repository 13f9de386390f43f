// `out`: which destinations a map accepts, and that a refused one keeps what it held.

import { describe, expect, test } from 'vitest';
import { EntmaxError, softmax, tensor, zeros } from 'entmax';
import type { ErrorCode } from 'entmax';
import { MAPS } from '../oracle/maps.ts';
import type { UntypedMap } from '../oracle/maps.ts';

const scores = (): Float32Array => Float32Array.of(1, 2, 0.5, 0, 3, 2.75);
const [SHAPE, OTHER] = [
  [2, 3],
  [3, 2],
];
const sevens = (length: number): Float32Array => new Float32Array(length).fill(7);

/** A view of the scores' buffer that begins one element later. */
const shifted = (): { x: Float32Array; out: Float32Array } => {
  const buffer = new Float32Array(7).fill(1);
  return { x: buffer.subarray(0, 6), out: buffer.subarray(1) };
};

interface Refused {
  name: string;
  make: () => { x: unknown; out: unknown };
  code: ErrorCode;
}
const block = (data: Float32Array | Float64Array, shape: number[]): object => ({ data, shape });
const disposed = (): unknown => {
  const made = zeros(SHAPE);
  made.dispose();
  return made;
};

const REFUSED: readonly Refused[] = [
  { name: 'another element type', make: () => ({ x: scores(), out: new Float64Array(6) }), code: 'ENTMAX_DTYPE' },
  { name: 'integers', make: () => ({ x: scores(), out: new Int32Array(6) }), code: 'ENTMAX_DTYPE' },
  { name: 'a shorter array', make: () => ({ x: scores(), out: sevens(5) }), code: 'ENTMAX_SHAPE' },
  { name: 'a longer array', make: () => ({ x: scores(), out: sevens(7) }), code: 'ENTMAX_SHAPE' },
  { name: 'nested numbers', make: () => ({ x: scores(), out: [7, 7, 7, 7, 7, 7] }), code: 'ENTMAX_OPTION' },
  { name: 'a partial overlap', make: shifted, code: 'ENTMAX_OPTION' },
  {
    name: 'a block of another shape',
    make: () => ({ x: block(scores(), SHAPE), out: block(sevens(6), OTHER) }),
    code: 'ENTMAX_SHAPE',
  },
  {
    name: 'a Tensor of another shape',
    make: () => ({ x: tensor(scores(), SHAPE), out: zeros(OTHER) }),
    code: 'ENTMAX_SHAPE',
  },
  {
    name: 'a Tensor of another type',
    make: () => ({ x: tensor(scores(), SHAPE), out: zeros(SHAPE, 'float64') }),
    code: 'ENTMAX_DTYPE',
  },
  {
    name: 'a Tensor of integers',
    make: () => ({ x: tensor(scores(), SHAPE), out: zeros(SHAPE, 'int32') }),
    code: 'ENTMAX_DTYPE',
  },
  { name: 'a disposed Tensor', make: () => ({ x: tensor(scores(), SHAPE), out: disposed() }), code: 'ENTMAX_DISPOSED' },
  { name: 'a Tensor for an array', make: () => ({ x: scores(), out: zeros([6]) }), code: 'ENTMAX_OPTION' },
  {
    name: 'a shorter array for a Tensor',
    make: () => ({ x: tensor(scores(), SHAPE), out: sevens(5) }),
    code: 'ENTMAX_SHAPE',
  },
  { name: 'text', make: () => ({ x: scores(), out: 'here' }), code: 'ENTMAX_OPTION' },
  { name: 'null', make: () => ({ x: scores(), out: null }), code: 'ENTMAX_OPTION' },
];

describe.each(MAPS)('$name', ({ name, map, options: own }) => {
  const op = name.split(',')[0]!;
  test.each(REFUSED)('refuses $name', async ({ make, code }) => {
    for (const [form, run] of [
      [op, (x: unknown, options: unknown): Promise<unknown> => new Promise((resolve) => resolve(map(x, options)))],
      [`${op}.async`, (x: unknown, options: unknown): Promise<unknown> => map.async(x, options)],
    ] as const) {
      const { x, out } = make();
      const before = structuredClone(out instanceof Float32Array ? out : []);
      await expect(run(x, { ...own, out })).rejects.toThrow(expect.objectContaining({ code, op: form }));
      if (out instanceof Float32Array) expect(out).toEqual(before);
    }
  });

  test('support has no out', () => {
    expect(() => map.support(scores(), { ...own, out: sevens(6) })).toThrow(
      expect.objectContaining({ code: 'ENTMAX_OPTION', op: `${op}.support`, got: '"out"' }),
    );
  });

  test('a typed array takes the result of a block, and of a Tensor', () => {
    const expected = map(scores(), { ...own, shape: SHAPE }) as Float32Array;
    for (const x of [block(scores(), SHAPE), tensor(scores(), SHAPE)]) {
      const out = sevens(6);
      expect(map(x, { ...own, out })).toBe(out);
      expect(out).toEqual(expected);
    }
  });

  test('a part of a larger array is written, and nothing beside it', () => {
    const buffer = sevens(10);
    map(scores(), { ...own, out: buffer.subarray(2, 8) });
    expect(buffer.subarray(2, 8)).toEqual(map(scores(), own));
    expect([buffer[0], buffer[1], buffer[8], buffer[9]]).toEqual([7, 7, 7, 7]);
  });
});

test('two Tensors on one storage overlap in full: out may be a reshaped x of the same shape only', () => {
  const x = tensor(scores(), SHAPE);
  const same = x.reshape(SHAPE);
  const expected = softmax(scores(), { shape: SHAPE });
  expect(softmax(x, { out: same })).toBe(same);
  expect(x.toTypedArray()).toEqual(expected);
  expect(() => softmax(x, { out: x.reshape(OTHER) })).toThrow(EntmaxError);
});

test('a signal belongs to the asynchronous forms', () => {
  const untyped = softmax as unknown as UntypedMap;
  const { signal } = new AbortController();
  expect(() => untyped(scores(), { signal })).toThrow(
    expect.objectContaining({ code: 'ENTMAX_OPTION', op: 'softmax' }),
  );
  expect(() => untyped.support(scores(), { onProgress: () => undefined })).toThrow(
    expect.objectContaining({ code: 'ENTMAX_OPTION' }),
  );
});
