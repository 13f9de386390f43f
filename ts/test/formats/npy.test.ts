import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memoryBytes } from '../../src/formats/bytes.ts';
import { countOf, fillFloats, floatType, newFloats, readNumbers } from '../../src/formats/elements.ts';
import type { StoredArray } from '../../src/formats/elements.ts';
import { InputError } from '../../src/formats/input-error.ts';
import { npyHeader, readNpy } from '../../src/formats/npy.ts';
import { toRowMajor } from '../../src/formats/row-major.ts';
import { goldenNpy, refusedNpy } from './golden.ts';

const MEBIBYTE = 1 << 20;

function read(file: Uint8Array, limit = MEBIBYTE): StoredArray {
  return toRowMajor(readNpy(memoryBytes(file)), limit);
}

function numbers(array: StoredArray): Float64Array {
  return readNumbers(array, 0, countOf(array.shape));
}

/** A .npy file written out by hand. */
function handmade(header: string, data = 0, version = 1): Uint8Array {
  const text = new TextEncoder().encode(header);
  const length = version === 1 ? [text.length & 255, text.length >> 8] : [text.length & 255, text.length >> 8, 0, 0];
  const prefix = [0x93, ...new TextEncoder().encode('NUMPY'), version, 0, ...length];
  return Uint8Array.from([...prefix, ...text, ...new Array<number>(data).fill(0)]);
}

function messageOf(file: Uint8Array): string {
  try {
    read(file);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as InputError).message;
  }
  throw new Error('the file was accepted');
}

describe('readNpy', () => {
  test.each(goldenNpy.map((golden) => [golden.name, golden] as const))('reads what NumPy wrote: %s', (_, golden) => {
    const array = read(golden.file);
    expect(array.shape).toEqual(golden.shape);
    expect(numbers(array)).toEqual(golden.values);
  });

  test.each(goldenNpy.filter(({ name }) => /^[<>]f/.test(name)).map((golden) => [golden.name, golden] as const))(
    'gives floats in place and from any element on: %s',
    (_, golden) => {
      const array = read(golden.file);
      for (const start of [0, 1, 5]) {
        const target = newFloats(floatType(array.type), golden.values.length - start);
        fillFloats(array, start, target);
        expect(Float64Array.from(target)).toEqual(golden.values.subarray(start));
      }
    },
  );

  test('refuses integers as scores', () => {
    const array = read(goldenNpy.find(({ name }) => name === '<i4')!.file);
    expect(() => floatType(array.type)).toThrow('expected scores of F64, F32, F16 or BF16, got an array of I32');
  });

  test('every half float is widened to the number that it is', () => {
    const bits = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
    const header = "{'descr': '<f2', 'fortran_order': False, 'shape': (65536,)}";
    const file = Buffer.concat([handmade(header), Buffer.from(bits.buffer)]);
    const values = numbers(read(file));
    for (let i = 0; i < bits.length; i++) {
      const [sign, exponent, fraction] = [i >> 15 ? -1 : 1, (i >> 10) & 31, i & 1023];
      const expected =
        exponent === 31
          ? fraction
            ? NaN
            : sign * Infinity
          : sign * (exponent ? 1 + fraction / 1024 : fraction / 1024) * 2 ** (Math.max(exponent, 1) - 15);
      expect(Object.is(values[i], expected) || `${i}: ${values[i]}`).toBe(true);
    }
  });

  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  test.each([
    ['keys in another order', "{'shape': (2, 3), 'descr': '<f4', 'fortran_order': False}\n"],
    ['double quotes', '{"descr": "<f4", "fortran_order": False, "shape": (2, 3), }'],
    ['the long integers of Python 2', "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }"],
  ])('takes %s', (_, text) => {
    expect(read(handmade(text, 24)).shape).toEqual([2, 3]);
  });

  test.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(0), 'a .npy file, which begins with \\x93NUMPY, got an empty file'],
    ['another file', new TextEncoder().encode('0.5,1.5,2.5\n'), 'got "0.5,1.5,2.5\\n"'],
    ['an unknown version', handmade(header, 24, 4), '.npy version 1, 2 or 3, got version 4.0'],
    ['a header beyond the file', handmade(header).subarray(0, 40), 'a .npy header of at most 30 bytes, got'],
    ['a huge header', handmade(' '.repeat(65000), 0, 2).fill(255, 8, 12), 'got a header length of 4294967295'],
    [
      'truncated elements',
      handmade(header, 23),
      "24 bytes after the header of the .npy file ('<f4', shape (2, 3)), got 23",
    ],
    ['elements too many', handmade(header, 28), 'got 28'],
    ['a shape beyond all memory', handmade(header.replace('2, 3', '1000000000, 3'), 24), '12000000000 bytes after'],
    ['no shape', handmade("{'descr': '<f4', 'fortran_order': False}", 24), '.npy header {'],
    ['an entry twice', handmade(header.replace('}', "'descr': 3}"), 24), '.npy header {'],
    ['a negative length', handmade(header.replace('2, 3', '-2, 3'), 24), '.npy header {'],
    ['a shape that is a number', handmade(header.replace('(2, 3)', '(6)'), 24), '.npy header {'],
    ['a hole in the shape', handmade(header.replace('(2, 3)', '(2,,3)'), 24), '.npy header {'],
    ['an entry more', handmade(header.replace('}', "'x': True}"), 24), '.npy header {'],
    ['a program', handmade('__import__("os").system("true")', 24), '.npy header {'],
    ['a type without byte order', handmade(header.replace('<f4', '|f4'), 24), "got '|f4'"],
    ['a byte with an order', handmade(header.replace('<f4', '<u1'), 6), "got '<u1'"],
    ['a type from the prototype', handmade(header.replace('<f4', '<constructor'), 24), "got '<constructor'"],
  ])('refuses %s with one clear error', (_, file, message) => {
    expect(messageOf(file)).toContain(message);
  });

  test.each(refusedNpy.map(({ name, file }) => [name, file] as const))('refuses NumPy arrays of type %s', (_, file) => {
    expect(messageOf(file)).toMatch(/^expected (a \.npy file of f8 f4 .*|\.npy header .* of a plain type), got /);
  });

  test('refuses every file that was cut', () => {
    for (const { file } of goldenNpy.slice(0, 12)) {
      for (let length = 0; length < file.length; length += length < 12 ? 1 : 7) {
        expect(messageOf(file.subarray(0, length))).toMatch(/^expected .+, got .+$/);
      }
    }
  });
});

describe('toRowMajor', () => {
  test('transposes arrays of any rank, in tiles of any size, through a file or memory', () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 3000 }), (shape, limit) => {
        const size = countOf(shape);
        const data = new Float64Array(size);
        // Element [i, j, k] is i + 10 j + 100 k.
        const expected = new Float64Array(size);
        for (let at = 0; at < size; at++) {
          let [left, fortran, value, stride, power] = [at, 0, 0, size, 1];
          const index = shape.map((length) => {
            stride /= length;
            const i = Math.floor(left / stride);
            left %= stride;
            return i;
          });
          let step = 1;
          index.forEach((i, axis) => {
            fortran += i * step;
            step *= shape[axis]!;
            value += i * power;
            power *= 10;
          });
          data[fortran] = value;
          expected[at] = value;
        }
        const header = `{'descr': '<f8', 'fortran_order': True, 'shape': (${shape.join(', ')})}`;
        const file = Buffer.concat([handmade(header), Buffer.from(data.buffer)]);
        expect(numbers(read(file, limit))).toEqual(expected);
      }),
    );
  });

  test('transposes a matrix whose columns are longer than a window', () => {
    const [rows, columns] = [40_000, 3];
    const data = Float32Array.from(
      { length: rows * columns },
      (_, at) => (at % rows) * columns + Math.floor(at / rows),
    );
    const header = `{'descr': '<f4', 'fortran_order': True, 'shape': (${rows}, ${columns})}`;
    const file = Buffer.concat([handmade(header), Buffer.from(data.buffer)]);
    for (const limit of [1000, 300_000, 1 << 20]) {
      expect(numbers(read(file, limit)).every((value, at) => value === at)).toBe(true);
    }
  });
});

describe('npyHeader', () => {
  test('is the header that NumPy writes', () => {
    for (const { name, file, shape } of goldenNpy) {
      if (!/^(<f[48] C|version 1)$/.test(name)) continue;
      const type = name === '<f8 C' ? 'F64' : 'F32';
      expect(Buffer.from(npyHeader(type, shape)).toString('latin1')).toBe(
        Buffer.from(file.subarray(0, file.length - countOf(shape) * (type === 'F32' ? 4 : 8))).toString('latin1'),
      );
    }
  });

  test('is read back, with the elements aligned', () => {
    const shapes = fc.array(fc.integer({ min: 0, max: 2 ** 40 }), { maxLength: 12 });
    fc.assert(
      fc.property(shapes, fc.constantFrom('F32' as const, 'F64' as const), (shape, type) => {
        const header = npyHeader(type, shape);
        expect(header.length % 64).toBe(0);
        const size = countOf(shape) * (type === 'F32' ? 4 : 8);
        fc.pre(Number.isSafeInteger(size));
        const array = readNpy({ ...memoryBytes(header), size: header.length + size });
        expect(array).toMatchObject({ type, shape, offset: header.length, bigEndian: false, fortranOrder: false });
      }),
    );
  });
});
