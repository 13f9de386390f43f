// Reading is tested in ../language-model/safetensors.test.ts too, where the model's weights are.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memoryBytes } from '../../src/formats/bytes.ts';
import { countOf, readNumbers } from '../../src/formats/elements.ts';
import type { ElementType } from '../../src/formats/elements.ts';
import { openSafetensors, parseSafetensors, safetensorsHeader } from '../../src/formats/safetensors.ts';
import { goldenSafetensors } from './golden.ts';

const { file, tensors } = goldenSafetensors;

describe('openSafetensors', () => {
  test('finds the tensors that the reference wrote, with all their numbers', () => {
    const entries = openSafetensors(memoryBytes(file));
    expect(entries.map(({ name }) => name).sort()).toEqual(tensors.map(({ name }) => name).sort());
    for (const { name, dtype, shape, begin } of entries) {
      const golden = tensors.find((each) => each.name === name)!;
      expect(shape).toEqual(golden.shape);
      const type = dtype as ElementType;
      const array = { type, shape, bytes: memoryBytes(file), offset: begin, bigEndian: false };
      expect(readNumbers(array, 0, countOf(shape))).toEqual(golden.values);
    }
  });

  test('refuses every file that was cut, without reading its tensors', () => {
    for (let length = 0; length < file.length; length += 11) {
      expect(() => openSafetensors(memoryBytes(file.subarray(0, length)))).toThrow(/^expected .+, got .+$/);
    }
  });
});

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);

describe('safetensorsHeader', () => {
  const name = fc
    .string({ minLength: 1, maxLength: 12 })
    .filter((each) => each !== '__metadata__' && each !== '__proto__');
  const part = fc.record({
    name,
    dtype: fc.constantFrom('F32', 'F64', 'I32', 'I64', 'U8'),
    shape: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
  });

  test('is read back with the tensors behind it, aligned', () => {
    fc.assert(
      fc.property(fc.uniqueArray(part, { maxLength: 5, selector: (each) => each.name }), (parts) => {
        const header = safetensorsHeader(parts, { map: 'sparsemax' });
        expect(header.length % 8).toBe(0);
        const bytes = { F32: 4, F64: 8, I32: 4, I64: 8, U8: 1 };
        const size = parts.reduce((sum, { dtype, shape }) => sum + countOf(shape) * bytes[dtype as 'F32'], 0);
        const written = new Uint8Array(header.length + size);
        written.set(header);
        const back = [...parseSafetensors(written)].map(([key, { dtype, shape }]) => ({ name: key, dtype, shape }));
        expect(back.sort(byName)).toEqual([...parts].sort(byName));
        // A tensor without bytes lies between two others, and which of several comes first no offset tells.
        const filled = parts.filter(({ shape }) => countOf(shape) > 0).map((each) => each.name);
        expect([...parseSafetensors(written)].filter(([, { data }]) => data.length > 0).map(([key]) => key)).toEqual(
          filled,
        );
      }),
    );
  });

  test('is what the format says, byte for byte', () => {
    const header = safetensorsHeader([{ name: 'p', dtype: 'F32', shape: [2, 3] }]);
    const text = '{"p":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}';
    expect(Buffer.from(header.subarray(8)).toString()).toBe(text.padEnd(64));
    expect([...header.subarray(0, 8)]).toEqual([64, 0, 0, 0, 0, 0, 0, 0]);
  });
});
