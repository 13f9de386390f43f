// The accepted forms of mask, lengths, alpha and shape: each says the same as the plainest one, bit for bit.

import { describe, expect, test } from 'vitest';
import { entmax, sparsemax, tensor } from 'entmax';
import { expectSameBits, nested } from '../oracle/layouts.ts';
import { MAPS } from '../oracle/maps.ts';
import { randomFrom } from '../oracle/random.ts';
import type { UntypedMap } from '../oracle/maps.ts';

const SHAPE = [2, 3, 4];
const random = randomFrom(3);
const scores = Float32Array.from({ length: 24 }, () => random.normal());
const untyped = entmax as unknown as UntypedMap;

const mapped = (options: object): Float32Array => untyped(scores, { shape: SHAPE, ...options }) as Float32Array;

describe('mask', () => {
  const bytes = Uint8Array.from({ length: 24 }, (_, i) => ((i * 5) % 7 < 3 ? 0 : 1));
  const expected = mapped({ mask: bytes });

  test('excludes something here', () => {
    expect([...expected].filter((_, i) => bytes[i] === 0).every((p) => p === 0)).toBe(true);
    expect(expected).not.toEqual(mapped({}));
  });

  test.each<[string, unknown]>([
    ['Int32Array', Int32Array.from(bytes)],
    ['BigInt64Array', BigInt64Array.from(bytes, (keep) => BigInt(keep))],
    ['numbers', [...bytes]],
    ['booleans', Array.from(bytes, (keep) => keep === 1)],
    ['{ data: Uint8Array, shape }', { data: bytes, shape: SHAPE }],
    ['{ data: BigInt64Array, dims }', { data: BigInt64Array.from(bytes, (keep) => BigInt(keep)), dims: SHAPE }],
    ['Tensor of uint8', tensor(bytes, SHAPE)],
    ['Tensor of int32', tensor(Int32Array.from(bytes), SHAPE)],
    ['any other number than 0 keeps', Int32Array.from(bytes, (keep) => keep * -7)],
  ])('%s', (_, mask) => {
    expectSameBits(mapped({ mask }), expected, 'mask');
  });

  test.each([
    [[4]],
    [[1]],
    [[1, 4]],
    [[3, 1]],
    [[3, 4]],
    [[2, 1, 1]],
    [[2, 1, 4]],
    [[1, 3, 1]],
    [[1, 1, 1]],
    [[2, 3, 1]],
    [[2, 3, 4]],
  ])('of shape %j broadcasts as in NumPy', (own) => {
    const size = own.reduce((product, length) => product * length, 1);
    const data = Uint8Array.from({ length: size }, (_, i) => (i % 3 === 1 ? 0 : 1));
    // The index of NumPy's rule: axes aligned at the end, a length of 1 repeats.
    const full = Uint8Array.from({ length: 24 }, (_, at) => {
      const index = [Math.floor(at / 12), Math.floor(at / 4) % 3, at % 4].slice(3 - own.length);
      return data[own.reduce((offset, length, axis) => offset * length + (length === 1 ? 0 : index[axis]!), 0)]!;
    });
    for (const axis of [0, 1, 2]) {
      const plain = mapped({ mask: full, axis });
      expectSameBits(mapped({ mask: { data, shape: own }, axis }), plain, `block, axis ${axis}`);
      expectSameBits(mapped({ mask: tensor(data, own), axis }), plain, `Tensor, axis ${axis}`);
    }
  });

  test('a bare array of the length of the last axis repeats for every row', () => {
    expectSameBits(
      mapped({ mask: [1, 0, 1, 0] }),
      mapped({ mask: Uint8Array.from({ length: 24 }, (_, i) => 1 - (i % 2)) }),
      'mask',
    );
  });

  test('is read and left alone', () => {
    const before = [...bytes];
    mapped({ mask: bytes });
    expect([...bytes]).toEqual(before);
  });
});

describe('lengths', () => {
  const lengths = [4, 0, 2, 1, 3, 4];
  const mask = Uint8Array.from({ length: 24 }, (_, i) => (i % 4 < lengths[Math.floor(i / 4)]! ? 1 : 0));
  const expected = mapped({ mask });

  test.each<[string, unknown]>([
    ['numbers', lengths],
    ['Int32Array', Int32Array.from(lengths)],
    ['Uint32Array', Uint32Array.from(lengths)],
    ['Uint8Array', Uint8Array.from(lengths)],
    ['BigInt64Array', BigInt64Array.from(lengths, (length) => BigInt(length))],
    ['{ data, shape }', { data: Int32Array.from(lengths), shape: [2, 3] }],
    ['{ data, dims }', { data: BigInt64Array.from(lengths, (length) => BigInt(length)), dims: [2, 3] }],
    ['Tensor of int32', tensor(Int32Array.from(lengths), [2, 3])],
  ])('%s', (_, form) => {
    expectSameBits(mapped({ lengths: form }), expected, 'lengths');
  });
});

describe('alpha', () => {
  const alpha = [1, 1.5, 2, 4, 1.25, Infinity];
  const expected = mapped({ alpha });

  test('each row has its own', () => {
    alpha.forEach((each, row) => {
      const p = entmax(scores.subarray(4 * row, 4 * row + 4), { alpha: each });
      expectSameBits(expected.subarray(4 * row, 4 * row + 4), p, `row ${row}`);
    });
  });

  test.each<[string, unknown]>([
    ['Float64Array', Float64Array.from(alpha)],
    ['Float32Array, of values that it holds exactly', Float32Array.from(alpha)],
    ['{ data, shape }', { data: Float64Array.from(alpha), shape: [2, 3, 1] }],
    ['{ data, dims }', { data: Float32Array.from(alpha), dims: [2, 3, 1] }],
    ['Tensor of float32', tensor(Float32Array.from(alpha), [2, 3, 1])],
    ['Tensor of float64', tensor(Float64Array.from(alpha), [2, 3, 1])],
    ['nested numbers', nested(alpha, [2, 3, 1])],
  ])('%s', (_, form) => {
    expectSameBits(mapped({ alpha: form }), expected, 'alpha');
  });

  test.each([[[1, 3, 1]], [[2, 1, 1]], [[1, 1, 1]]])('a block of shape %j repeats', (shape) => {
    const size = shape.reduce((product, length) => product * length, 1);
    const data = Float64Array.from(alpha.slice(0, size));
    const rows = Array.from(
      { length: 6 },
      (_, row) => data[size === 3 ? row % 3 : size === 2 ? Math.floor(row / 3) : 0]!,
    );
    expectSameBits(mapped({ alpha: { data, shape } }), mapped({ alpha: rows }), 'alpha');
  });

  test('a block has 1 at the axis, wherever that is', () => {
    const data = Float64Array.from({ length: 8 }, (_, i) => 1 + i / 8);
    expectSameBits(mapped({ axis: 1, alpha: { data, shape: [2, 1, 4] } }), mapped({ axis: 1, alpha: data }), 'axis 1');
    const twelve = Float64Array.from({ length: 12 }, (_, i) => 1 + i / 8);
    expectSameBits(
      mapped({ axis: 0, alpha: { data: twelve, shape: [1, 3, 4] } }),
      mapped({ axis: 0, alpha: twelve }),
      'axis 0',
    );
  });

  test('is float64 throughout: 1 + 1e-12 is not 1', () => {
    const z = Float64Array.of(0, 500);
    expect(entmax(z, { alpha: 1 + 1e-5 })[0]).not.toBe(entmax(z, { alpha: 1 })[0]);
    expect(entmax(z, { alpha: 1 + 1e-12 })[0]).not.toBe(entmax(z, { alpha: 1 })[0]);
  });

  test('is float64 in a block, too', () => {
    const data = Float64Array.from({ length: 6 }, (_, i) => 1 + (i + 1) / 7);
    const z = Float64Array.from(scores, (score) => score / 3);
    const [block, bare] = [{ data, shape: [2, 3, 1] }, data].map(
      (each) => untyped(z, { shape: SHAPE, alpha: each }) as Float64Array,
    );
    expectSameBits(block!, bare!, 'alpha');
    data.forEach((each, row) =>
      expectSameBits(
        bare!.slice(4 * row, 4 * row + 4),
        entmax(z.slice(4 * row, 4 * row + 4), { alpha: each }),
        `row ${row}`,
      ),
    );
  });

  test('is 1.5 by default', () => {
    expectSameBits(mapped({}), mapped({ alpha: 1.5 }), 'default');
  });
});

describe.each(MAPS)('$name', ({ map, options: own }) => {
  test('an undefined option is the default', () => {
    const nothing = {
      axis: undefined,
      mask: undefined,
      lengths: undefined,
      temperature: undefined,
      emptyRow: undefined,
    };
    const expected = map(scores, { ...own, shape: SHAPE }) as Float32Array;
    expectSameBits(
      map(scores, { ...own, shape: SHAPE, ...nothing, out: undefined }) as Float32Array,
      expected,
      'undefined',
    );
    expectSameBits(
      map(scores, {
        ...own,
        shape: SHAPE,
        axis: -1,
        mask: new Uint8Array(24).fill(1),
        temperature: 1,
        emptyRow: 'zero',
      }) as Float32Array,
      expected,
      'written out',
    );
    expectSameBits(
      map(scores, { ...own, shape: undefined }) as Float32Array,
      map(scores, { ...own }) as Float32Array,
      'shape',
    );
  });

  test("emptyRow 'throw' asks what mask and lengths leave, and a NaN is something", () => {
    const rows = { ...own, shape: [6, 4], emptyRow: 'throw' };
    const mask = Uint8Array.from(scores, (_, at) => (at >= 8 && at < 12 ? 0 : 1));
    const failure = (row: number): object => ({ code: 'ENTMAX_EMPTY_ROW', got: `none in row ${row}` });
    expect(() => map(scores, { ...rows, mask })).toThrow(expect.objectContaining(failure(2)));
    expect(() => map.support(scores, { ...rows, lengths: [4, 4, 4, 0, 4, 4] })).toThrow(
      expect.objectContaining(failure(3)),
    );
    const oneLeft = mask.map((keep, at) => (at === 11 ? 1 : keep));
    expectSameBits(
      map(scores, { ...rows, mask: oneLeft }) as Float32Array,
      map(scores, { ...rows, emptyRow: 'zero', mask: oneLeft }) as Float32Array,
      'one score is left',
    );
    expect([...(map([[NaN, -Infinity]], { ...own, emptyRow: 'throw' }) as number[][])[0]!]).toEqual([NaN, NaN]);
  });

  test('one length of the shape is inferred', () => {
    const expected = map(scores, { ...own, shape: SHAPE }) as Float32Array;
    for (const shape of [
      [-1, 3, 4],
      [2, -1, 4],
      [2, 3, -1],
      [-1, 4],
    ]) {
      expectSameBits(map(scores, { ...own, shape }) as Float32Array, expected, `shape ${shape.join()}`);
    }
  });

  test('a negative axis counts from the end', () => {
    for (const axis of [0, 1, 2]) {
      const [a, b] = [
        map(scores, { ...own, shape: SHAPE, axis }),
        map(scores, { ...own, shape: SHAPE, axis: axis - 3 }),
      ];
      expectSameBits(b as Float32Array, a as Float32Array, `axis ${axis}`);
    }
  });

  test('a bare array without a shape is one row', () => {
    expectSameBits(map(scores, own) as Float32Array, map(scores, { ...own, shape: [24] }) as Float32Array, 'one row');
  });

  test('numbers without nesting are one row, and may have a shape', () => {
    const flat = Array.from(scores, (score) => score / 3);
    const one = map(flat, own) as number[];
    expectSameBits(Float64Array.from(one), map(Float64Array.from(flat), own) as Float64Array, 'one row');
    const shaped = map(flat, { ...own, shape: [6, 4] }) as number[][];
    expect(shaped.map((row) => row.length)).toEqual([4, 4, 4, 4, 4, 4]);
    expectSameBits(
      Float64Array.from(shaped.flat()),
      map(Float64Array.from(flat), { ...own, shape: [6, 4] }) as Float64Array,
      'six rows',
    );
  });
});

test('a shared array is read and written like any other', () => {
  const shared = new Float32Array(new SharedArrayBuffer(4 * 24));
  shared.set(scores);
  const p = sparsemax(shared, { shape: SHAPE });
  expect(p.buffer).toBeInstanceOf(ArrayBuffer);
  expectSameBits(p, sparsemax(scores, { shape: SHAPE }), 'x');
  expect(sparsemax(shared, { shape: SHAPE, out: shared })).toBe(shared);
  expectSameBits(shared.slice(), p, 'out');
});
