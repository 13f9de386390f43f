import { describe, expect, test } from 'vitest';
import { InputError } from '../../src/formats/input-error.ts';
import { parseSafetensors } from '../../src/formats/safetensors.ts';
import { readModelFile, safetensorsFile } from './fixtures.ts';

const pair = {
  a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
  b: { dtype: 'U8', shape: [3], data_offsets: [8, 11] },
};

function messageOf(file: Uint8Array): string {
  try {
    parseSafetensors(file);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as InputError).message;
  }
  throw new Error('the file was accepted');
}

describe('parseSafetensors', () => {
  test('reads every dtype with its shape and its little-endian values', () => {
    const data = new DataView(new ArrayBuffer(8 + 4 + 8 + 4 + 2 + 1));
    data.setFloat64(0, -1.5, true);
    data.setFloat32(8, 0.25, true);
    data.setBigInt64(12, -(2n ** 60n), true);
    data.setInt32(20, -7, true);
    data.setUint16(24, 65535, true);
    data.setUint8(26, 200);
    const tensors = parseSafetensors(
      safetensorsFile(
        {
          __metadata__: { format: 'pt' },
          d: { dtype: 'F64', shape: [1, 1], data_offsets: [0, 8] },
          f: { dtype: 'F32', shape: [1], data_offsets: [8, 12] },
          l: { dtype: 'I64', shape: [1], data_offsets: [12, 20] },
          i: { dtype: 'I32', shape: [1], data_offsets: [20, 24] },
          s: { dtype: 'U16', shape: [1], data_offsets: [24, 26] },
          u: { dtype: 'U8', shape: [], data_offsets: [26, 27] },
        },
        new Uint8Array(data.buffer),
      ),
    );
    expect(Object.fromEntries(tensors)).toEqual({
      d: { dtype: 'F64', shape: [1, 1], data: Float64Array.of(-1.5) },
      f: { dtype: 'F32', shape: [1], data: Float32Array.of(0.25) },
      l: { dtype: 'I64', shape: [1], data: BigInt64Array.of(-(2n ** 60n)) },
      i: { dtype: 'I32', shape: [1], data: Int32Array.of(-7) },
      s: { dtype: 'U16', shape: [1], data: Uint16Array.of(65535) },
      u: { dtype: 'U8', shape: [], data: Uint8Array.of(200) },
    });
  });

  test('accepts an empty file, an empty tensor, a padded header and a view into a larger buffer', () => {
    expect(parseSafetensors(safetensorsFile({})).size).toBe(0);
    const empty = safetensorsFile(`${JSON.stringify({ e: { dtype: 'F64', shape: [0, 4], data_offsets: [0, 0] } })}   `);
    const shifted = new Uint8Array(empty.length + 3);
    shifted.set(empty, 3);
    expect(parseSafetensors(shifted.subarray(3)).get('e')?.data).toEqual(new Float64Array(0));
  });

  test('gives arrays of its own, whatever the file bytes become', () => {
    const file = safetensorsFile(pair, 11);
    const { data } = parseSafetensors(file).get('b')!;
    file.fill(9);
    expect(data).toEqual(new Uint8Array(3));
  });

  test('takes names that look like JSON', () => {
    const name = 'x": {"y\\';
    const file = safetensorsFile({ [name]: { dtype: 'U8', shape: [0], data_offsets: [0, 0] } });
    expect([...parseSafetensors(file).keys()]).toEqual([name]);
  });

  const entry = (changes: object): Uint8Array => safetensorsFile({ a: { ...pair.a, ...changes } }, 8);
  const twice = `{"a":${JSON.stringify(pair.a)},"\\u0061":${JSON.stringify(pair.a)}}`;
  test.each([
    ['fewer than eight bytes', new Uint8Array(5), 'expected a safetensors file of at least 8 bytes, got 5 bytes'],
    ['a header that ends after the file', safetensorsFile(pair, 11).subarray(0, 40), 'header of at most 32 bytes, got'],
    [
      'a text file',
      new TextEncoder().encode('not a model, but some text'),
      'a safetensors header of at most 18 bytes, got',
    ],
    ['a header that is not JSON', safetensorsFile('{"a":'), 'header in JSON, got bytes that are not JSON'],
    ['a header that is not UTF-8', safetensorsFile({}).map((byte, i) => (i === 8 ? 0xff : byte)), 'header in JSON'],
    ['a header that is a list', safetensorsFile([]), 'header that is an object, got []'],
    ['an entry that is a number', safetensorsFile({ a: 1 }), "an object for tensor 'a', got 1"],
    ['a dtype that is not known', entry({ dtype: 'F4' }), "the dtype of tensor 'a' to be one of F64 F32"],
    ['a dtype from the prototype', entry({ dtype: 'toString' }), 'got "toString"'],
    ['a negative size', entry({ shape: [-2] }), "the shape of tensor 'a' as a list of sizes, got [-2]"],
    ['a fractional size', entry({ shape: [1.5] }), 'got [1.5]'],
    ['no shape', entry({ shape: undefined }), 'got nothing'],
    ['one offset', entry({ data_offsets: [0] }), "the data_offsets of tensor 'a' as [begin, end], got [0]"],
    [
      'an end before the begin',
      entry({ data_offsets: [8, 0] }),
      "8 bytes for tensor 'a' (F32 [2]), got data_offsets [8,0]",
    ],
    ['a range of another length', entry({ data_offsets: [0, 4] }), 'got data_offsets [0,4]'],
    ['a product of sizes beyond all integers', entry({ shape: [2 ** 40, 2 ** 40] }), 'got data_offsets [0,8]'],
    ['a truncated file', safetensorsFile(pair, 10), "11 bytes of data up to the end of tensor 'b', got 10 bytes"],
    ['bytes after the last tensor', safetensorsFile(pair, 12), '11 bytes of tensor data, got 12 bytes'],
    [
      'overlapping ranges',
      safetensorsFile({ ...pair, c: { dtype: 'U8', shape: [3], data_offsets: [6, 9] } }, 11),
      "tensor 'c' to begin at byte 8 of the data, got byte 6",
    ],
    [
      'two tensors on one range',
      safetensorsFile({ ...pair, c: pair.a }, 11),
      'to begin at byte 8 of the data, got byte 0',
    ],
    [
      'a hole between the ranges',
      safetensorsFile({ a: pair.a, b: { ...pair.b, data_offsets: [9, 12] } }, 12),
      "tensor 'b' to begin at byte 8 of the data, got byte 9",
    ],
    ['one name twice', safetensorsFile(twice, 8), "every tensor name once, got 'a' twice"],
  ])('refuses %s with one clear error', (_, file, message) => {
    expect(messageOf(file)).toContain(message);
  });

  test('refuses the model cut at any place', () => {
    const file = readModelFile('model.safetensors');
    for (const length of [0, 1, 7, 8, 9, 1000, 4087, 4088, 4089, file.length - 1]) {
      expect(messageOf(file.subarray(0, length))).toMatch(/^expected .+, got .+$/);
    }
  });
});
